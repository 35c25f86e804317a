using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Endpoint;
using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Messages.Multipart;
using OvsBridge.OpenFlow.Wire;
using OvsBridge.Testing;
using OvsBridge.Translator.Switch;
using OvsBridge.Translator.Tables;

namespace OvsBridge.Translator.Tests.Switch;

/// <summary>Bundles (ONF EXT-230).</summary>
[TestFixture]
public sealed class BundleTests : SwitchFixture
{
    private const BundleFlags Both = BundleFlags.Atomic | BundleFlags.Ordered;

    private static BundleControl Control(BundleControlType type, uint id = 1, BundleFlags flags = Both) => new(id, type, flags);

    private void Do(BundleControlType request, uint id = 1, BundleFlags flags = Both)
    {
        BundleControl reply = Controller.Ask<BundleControl>(Control(request, id, flags));
        Assert.That(reply with { Xid = 0 }, Is.EqualTo(Control(request + 1, id, flags)));
    }

    private void Add(params OfMessage[] messages)
    {
        foreach (OfMessage message in messages)
            Controller.Send(new BundleAdd(1, Both, message));
        Controller.Barrier();
    }

    private void Add(params string[] commands) => Add([.. commands.Select(Flows.Command)]);

    /// <summary>Commits, which must fail: first the message's own error, which is returned, then the commit's.</summary>
    private ErrorMessage CommitFails(OfError error)
    {
        uint xid = Controller.Send(Control(BundleControlType.CommitRequest));
        ErrorMessage why = Controller.ExpectError(error);
        Assert.That(Controller.ExpectError(OfError.BundleFailedMsgFailed).Xid, Is.EqualTo(xid));
        Controller.ExpectNothing();
        Controller.Fails(Control(BundleControlType.DiscardRequest), OfError.BundleFailedBadId);
        return why;
    }

    private uint ConfigOfTable(byte table) =>
        Controller.Query<TableFeaturesAnswer>(new TableFeaturesQuery(default)).SelectMany(part => part.Tables).Single(entry => entry.TableId == table).Config;

    [TestCase(BundleFlags.None)]
    [TestCase(BundleFlags.Atomic)]
    [TestCase(BundleFlags.Ordered)]
    [TestCase(Both)]
    public void Nothing_happens_until_the_commit_and_then_everything_at_once(BundleFlags flags)
    {
        PipelineSnapshot before = Switch.Snapshot;
        Do(BundleControlType.OpenRequest, 1, flags);
        foreach (string command in (string[])["add-flow in_port=1,actions=output:2", "add-flow in_port=2,actions=output:1", "add-group group_id=1,type=all"])
            Controller.Send(new BundleAdd(1, flags, Flows.Command(command)));
        Controller.Barrier();
        Assert.That(Switch.Snapshot, Is.SameAs(before));

        Do(BundleControlType.CloseRequest, 1, flags);
        Assert.That(Switch.Snapshot, Is.SameAs(before));
        Forwarding.Calls.Clear();
        Do(BundleControlType.CommitRequest, 1, flags);

        Assert.That((FlowCount, Switch.Snapshot.Groups.Count), Is.EqualTo((2, 1)));
        Assert.That(Switch.Snapshot.Version, Is.EqualTo(before.Version + 1), "the datapath sees one change");
        Assert.That(Forwarding.Calls, Is.EqualTo(new[] { "published", "catch up" }), "and the reply says that it is in force");
        Controller.Fails(Control(BundleControlType.CommitRequest, 1, flags), OfError.BundleFailedBadId);
    }

    [Test]
    public void Every_kind_of_modification_can_be_in_a_bundle()
    {
        Controller.Succeeds("add-flow table=1,in_port=3,actions=output:1");
        Do(BundleControlType.OpenRequest);
        Add(
            Flows.Command("add-group group_id=1,type=all,bucket=actions=output:2"),
            Flows.Command("add-meter meter=5,pktps,bands=type=drop,rate=10"),
            Flows.Command("add-flow in_port=1,actions=meter:5,group:1"),
            Flows.Command("mod-flows table=1,in_port=3,actions=output:2"),
            new PortMod(2, 0x020000000002, PortConfig.NoFwd, PortConfig.NoFwd, 0),
            new TableMod(3, 1),
            new PacketOut(FlowMod.NoBuffer, 1, [new GroupAction(1)], Packets.Frame("arp")));
        Assert.That((Switch.Snapshot.Groups.Count, Meters.Slots.Count, Ports.Flags.Count, Forwarding.PacketOuts.Count), Is.EqualTo((0, 0, 0, 0)));

        Do(BundleControlType.CommitRequest);

        Assert.That((Switch.Snapshot.Groups.Count, Meters.Slots.Count, FlowCount), Is.EqualTo((1, 1, 2)));
        Assert.That(TheRule("table=1,in_port=3,actions=drop").Instructions, Is.EqualTo(Flows.Rule("actions=output:2").Instructions));
        Assert.That(Ports.Flags[2], Is.EqualTo(Datapath.DpPortFlags.NoFwd));
        Assert.That(Switch.Snapshot.Ports[2].Description.Config, Is.EqualTo(PortConfig.NoFwd));
        Assert.That(Forwarding.PacketOuts.Single().InPort, Is.EqualTo(1), "a packet is sent when what it needs is there");
        Assert.That(ConfigOfTable(3), Is.EqualTo(1));
        Controller.ExpectNothing();
    }

    [Test]
    public void Others_hear_of_a_port_that_a_bundle_changed()
    {
        using FakeController other = Another();
        Do(BundleControlType.OpenRequest);
        Add(new PortMod(2, 0x020000000002, PortConfig.NoFwd, PortConfig.NoFwd, 0));
        other.ExpectNothing();

        Do(BundleControlType.CommitRequest);

        Assert.That(other.Expect<PortStatus>().Port.Config, Is.EqualTo(PortConfig.NoFwd));
        Controller.ExpectNothing();
    }

    [Test]
    public void Messages_take_effect_in_their_order()
    {
        Controller.Succeeds("add-flow in_port=3,actions=output:1");
        Add("del-flows", "add-flow in_port=1,actions=output:2", "mod-flows in_port=1,actions=output:3", "add-flow in_port=2,actions=output:2", "del-flows in_port=2");
        Do(BundleControlType.CommitRequest);

        Assert.That(FlowCount, Is.EqualTo(1));
        Assert.That(TheRule("in_port=1,actions=drop").Instructions, Is.EqualTo(Flows.Rule("actions=output:3").Instructions));
    }

    [Test]
    public void A_message_that_fails_undoes_those_before_it_and_is_named()
    {
        Controller.Succeeds("add-flow in_port=1,actions=output:2", "add-meter meter=1,pktps,bands=type=drop,rate=10");
        PipelineSnapshot before = Switch.Snapshot;
        Do(BundleControlType.OpenRequest);
        byte[] wrong = OfCodec.Encode(Flows.Command("add-flow in_port=3,actions=group:9") with { Xid = 0x77 });
        Add("del-flows", "add-group group_id=1,type=all", "del-meter meter=1", "add-meter meter=2,pktps,bands=type=drop,rate=10");
        Add(new PortMod(2, 0x020000000002, PortConfig.NoFwd, PortConfig.NoFwd, 0), new TableMod(3, 1));
        Add(new PacketOut(FlowMod.NoBuffer, 1, [new OutputAction(2, 0)], Packets.Frame("arp")));
        Controller.Send(new BundleAdd(1, Both, OfCodec.Decode(wrong)) { Xid = 0x77 });
        Add("add-flow in_port=2,actions=output:2");
        Forwarding.Calls.Clear();

        ErrorMessage why = CommitFails(OfError.BadActionBadOutGroup);

        Assert.That(why.Xid, Is.EqualTo(0x77));
        Assert.That(why.Data.ToArray(), Is.EqualTo(wrong), "the error quotes the message and not what is around it");
        Assert.That(Switch.Snapshot, Is.SameAs(before));
        Assert.That(Meters.Slots.Values.Select(meter => meter.MeterId), Is.EqualTo(new[] { 1u }));
        Assert.That(Ports.Flags, Is.Empty);
        Assert.That(Forwarding.Calls, Is.Empty, "nothing was published, no packet sent");
        Assert.That(ConfigOfTable(3), Is.Zero);
    }

    [Test]
    public void A_port_that_the_kernel_refuses_undoes_the_whole()
    {
        PipelineSnapshot before = Switch.Snapshot;
        Do(BundleControlType.OpenRequest);
        Add("add-flow in_port=1,actions=output:2");
        Add(
            new PortMod(1, 0x020000000001, PortConfig.NoFwd, PortConfig.NoFwd, 0),
            new PortMod(2, 0x020000000002, PortConfig.PortDown, PortConfig.PortDown, 0));
        Ports.Refuses = true;

        Assert.That(((PortMod)OfCodec.Decode(CommitFails(OfError.PortModFailedEperm).Data.Span)).PortNo, Is.EqualTo(2));

        Assert.That(Switch.Snapshot, Is.SameAs(before));
        Assert.That(Ports.Flags[1], Is.EqualTo(Datapath.DpPortFlags.None), "the port before it is as it was");
    }

    [Test]
    public void A_meter_that_the_datapath_refuses_undoes_the_whole()
    {
        Controller.Succeeds("add-meter meter=1,pktps,bands=type=drop,rate=10");
        PipelineSnapshot before = Switch.Snapshot;
        Do(BundleControlType.OpenRequest);
        Add("add-flow in_port=1,actions=output:2", "mod-meter meter=1,pktps,bands=type=drop,rate=20", "add-meter meter=2,pktps,bands=type=drop,rate=10");
        Meters.RefusedId = 2;

        Assert.That(((MeterMod)OfCodec.Decode(CommitFails(OfError.MeterModFailedUnknown).Data.Span)).MeterId, Is.EqualTo(2));

        Assert.That(Switch.Snapshot, Is.SameAs(before));
        Assert.That(Meters.Slots.Values.Single().Bands[0].Rate, Is.EqualTo(10));
    }

    [Test]
    public void A_meter_that_is_removed_and_made_anew_ends_in_one_slot()
    {
        Controller.Succeeds("add-meter meter=1,pktps,bands=type=drop,rate=10");
        Add("del-meter meter=1", "add-meter meter=1,pktps,bands=type=drop,rate=20", "add-meter meter=2,pktps,bands=type=drop,rate=20", "del-meter meter=2");
        Do(BundleControlType.CommitRequest);

        Assert.That(Meters.Slots.Values.Select(meter => (meter.MeterId, meter.Bands[0].Rate)), Is.EqualTo(new[] { (1u, 20u) }));
        Assert.That(Meters.Slots.Keys.Single(), Is.EqualTo(Switch.Snapshot.Meters[1].Slot));
    }

    [Test]
    public void Slots_of_meters_that_a_bundle_removes_are_free_behind_it()
    {
        for (uint id = 1; id <= Meters.MaxMeters; id++)
            Controller.Succeeds($"add-meter meter={id},pktps,bands=type=drop,rate=10");
        Add("del-meters", "add-meter meter=1,pktps,bands=type=drop,rate=20");
        CommitFails(OfError.MeterModFailedOutOfMeters);

        Assert.That(Meters.Slots, Has.Count.EqualTo(Meters.MaxMeters));
        Controller.Succeeds("del-meters", "add-meter meter=1,pktps,bands=type=drop,rate=20");
    }

    [Test]
    public void A_message_that_would_be_refused_alone_is_not_added_and_the_bundle_goes_on()
    {
        Do(BundleControlType.OpenRequest);
        Controller.Fails(new BundleAdd(1, Both, new FlowMod { TableId = FlowMod.AllTables }), OfError.FlowModFailedBadTableId);
        Add("add-flow in_port=1,actions=output:2");
        Do(BundleControlType.CommitRequest);

        Assert.That(FlowCount, Is.EqualTo(1));
    }

    [Test]
    public void Flows_that_a_bundle_removes_are_reported_before_its_reply()
    {
        Controller.Succeeds("add-flow send_flow_rem,cookie=7,in_port=1,actions=output:2");
        Add("del-flows");
        uint xid = Controller.Send(Control(BundleControlType.CommitRequest));

        Assert.That(Controller.Expect<FlowRemoved>().Cookie, Is.EqualTo(7));
        Assert.That(Controller.Expect<BundleControl>().Xid, Is.EqualTo(xid));
    }

    [Test]
    public void Timeouts_of_flows_in_a_bundle_run()
    {
        Add("add-flow hard_timeout=5,in_port=1,actions=output:2");
        Do(BundleControlType.CommitRequest);
        Assert.That(FlowCount, Is.EqualTo(1));
        Pass(TimeSpan.FromSeconds(5.2));
        Assert.That(FlowCount, Is.Zero);
    }

    [Test]
    public void Opening_a_bundle_twice_is_BAD_ID_and_discards_it()
    {
        Do(BundleControlType.OpenRequest);
        Controller.Fails(Control(BundleControlType.OpenRequest), OfError.BundleFailedBadId);
        Controller.Fails(Control(BundleControlType.CommitRequest), OfError.BundleFailedBadId);
    }

    [TestCase(BundleControlType.CloseRequest)]
    [TestCase(BundleControlType.CommitRequest)]
    [TestCase(BundleControlType.DiscardRequest)]
    public void A_bundle_that_is_not_there_is_BAD_ID(BundleControlType request) =>
        Controller.Fails(Control(request, 9), OfError.BundleFailedBadId);

    [Test]
    public void Closing_or_filling_a_closed_bundle_is_BUNDLE_CLOSED_and_discards_it()
    {
        foreach (OfMessage late in (OfMessage[])[Control(BundleControlType.CloseRequest), new BundleAdd(1, Both, new FlowMod())])
        {
            Do(BundleControlType.OpenRequest);
            Do(BundleControlType.CloseRequest);
            Controller.Fails(late, OfError.BundleFailedBundleClosed);
            Controller.Fails(Control(BundleControlType.CommitRequest), OfError.BundleFailedBadId);
        }
    }

    [TestCase(4)]
    [TestCase(0x8003)]
    public void Unknown_flags_are_BAD_FLAGS(int flags)
    {
        Controller.Fails(Control(BundleControlType.OpenRequest, 1, (BundleFlags)flags), OfError.BundleFailedBadFlags);
        Controller.Fails(new BundleAdd(1, (BundleFlags)flags, new FlowMod()), OfError.BundleFailedBadFlags);
    }

    [Test]
    public void Other_flags_than_those_it_was_opened_with_are_BAD_FLAGS_and_discard_it()
    {
        OfMessage[] others =
        [
            new BundleAdd(1, BundleFlags.Atomic, new FlowMod()), Control(BundleControlType.CloseRequest, 1, BundleFlags.None),
            Control(BundleControlType.CommitRequest, 1, BundleFlags.Ordered),
        ];
        foreach (OfMessage other in others)
        {
            Do(BundleControlType.OpenRequest);
            Controller.Fails(other, OfError.BundleFailedBadFlags);
            Controller.Fails(Control(BundleControlType.CommitRequest), OfError.BundleFailedBadId);
        }

        Assert.That(FlowCount, Is.Zero);
    }

    [TestCase(BundleControlType.OpenReply)]
    [TestCase(BundleControlType.CommitReply)]
    [TestCase((BundleControlType)8)]
    public void What_is_no_request_is_BAD_TYPE(BundleControlType type) => Controller.Fails(Control(type), OfError.BundleFailedBadType);

    [Test]
    public void Messages_that_are_broken_or_not_for_bundles_are_refused_with_their_own_code()
    {
        Do(BundleControlType.OpenRequest);
        byte[] add = OfCodec.Encode(new BundleAdd(1, Both, new FlowMod()) { Xid = 5 });
        const int Inner = 24;
        Refused(OfError.BundleFailedMsgBadLen, bytes => bytes[Inner + 3] = 255);
        Refused(OfError.BundleFailedMsgBadXid, bytes => bytes[Inner + 7] = 6);
        Refused(OfError.BundleFailedMsgUnsup, bytes => bytes[Inner + 1] = (byte)OfType.RoleRequest);
        Do(BundleControlType.CommitRequest);
        Assert.That(FlowCount, Is.Zero);

        void Refused(OfError error, Action<byte[]> change)
        {
            byte[] bytes = [.. add];
            change(bytes);
            Controller.SendRaw(bytes);
            Assert.That(Controller.ExpectError(error).Xid, Is.EqualTo(5));
        }
    }

    [Test]
    public void Properties_that_nobody_here_knows_are_refused()
    {
        Controller.Fails(Control(BundleControlType.OpenRequest) with { Properties = [new BundleProperty(7, [])] }, OfError.BundleFailedUnknown);
        Controller.Fails(
            new BundleAdd(1, Both, new FlowMod()) { Properties = [new BundleProperty(BundleProperty.Experimenter, [0, 0, 0, 1, 0, 0, 0, 1])] },
            OfError.BadRequestBadExperimenter);
        Controller.Fails(Control(BundleControlType.CommitRequest), OfError.BundleFailedBadId);
    }

    [Test]
    public void Too_many_bundles_are_OUT_OF_BUNDLES()
    {
        StopSwitch();
        Start(new OfSwitchOptions { DatapathId = 1, MaxBundles = 2 });
        Do(BundleControlType.OpenRequest, 1);
        Do(BundleControlType.OpenRequest, 2);
        Controller.Fails(Control(BundleControlType.OpenRequest, 3), OfError.BundleFailedOutOfBundles);
        Controller.Fails(new BundleAdd(4, Both, new FlowMod()), OfError.BundleFailedOutOfBundles);

        using FakeController other = Another();
        other.Ask<BundleControl>(Control(BundleControlType.OpenRequest, 1)); // a number is a connection's own
        Do(BundleControlType.DiscardRequest, 1);
        Do(BundleControlType.OpenRequest, 3);
    }

    [Test]
    public void Too_many_bytes_are_MSG_TOO_MANY_and_are_free_again_behind_commit_and_discard()
    {
        StopSwitch();
        Start(new OfSwitchOptions { DatapathId = 1, MaxBundleBytes = 5000 });
        for (int round = 0; round < 3; round++)
        {
            int added = 0;
            while (true)
            {
                Controller.Send(new BundleAdd(1, Both, Flows.Command($"add-flow priority={added},actions=output:2")));
                if (Controller.Waiting > 0)
                    break;
                added++;
            }

            Controller.ExpectError(OfError.BundleFailedMsgTooMany);
            Assert.That(added, Is.InRange(20, 60));
            Do(round == 0 ? BundleControlType.DiscardRequest : BundleControlType.CommitRequest);
            Assert.That(FlowCount, Is.EqualTo(round == 0 ? 0 : added));
        }
    }

    [Test]
    public void A_bundle_that_nobody_goes_on_with_ends_in_TIMEOUT()
    {
        Controller.Send(Control(BundleControlType.OpenRequest) with { Xid = 0x99 });
        Controller.Expect<BundleControl>();
        Pass(TimeSpan.FromSeconds(9));
        Add("add-flow in_port=1,actions=output:2");
        Pass(TimeSpan.FromSeconds(9));
        Controller.ExpectNothing();
        Pass(TimeSpan.FromSeconds(1.1));

        ErrorMessage error = Controller.ExpectError(OfError.BundleFailedTimeout);
        Assert.That(error.Xid, Is.EqualTo(0x99), "the message that opened it");
        Assert.That(((BundleControl)OfCodec.Decode(error.Data.Span)).ControlType, Is.EqualTo(BundleControlType.OpenRequest));
        Controller.Fails(Control(BundleControlType.CommitRequest), OfError.BundleFailedBadId);
        Pass(TimeSpan.FromSeconds(20));
        Controller.ExpectNothing();
    }

    [Test]
    public void Bundles_die_with_their_connection()
    {
        Do(BundleControlType.OpenRequest);
        Add("add-flow in_port=1,actions=output:2");
        Controller.Dispose();
        using FakeController next = Another();

        next.Fails(Control(BundleControlType.CommitRequest), OfError.BundleFailedBadId);
        Pass(TimeSpan.FromSeconds(11));
        next.ExpectNothing();
        Assert.That(FlowCount, Is.Zero);
    }

    [Test]
    public void A_slave_has_no_bundles_and_one_that_becomes_slave_cannot_commit()
    {
        Do(BundleControlType.OpenRequest);
        Add("add-flow in_port=1,actions=output:2");
        Controller.Ask<RoleReply>(new RoleRequest(ControllerRole.Slave, 1));

        Controller.Fails(Control(BundleControlType.CommitRequest), OfError.BadRequestIsSlave);
        Controller.Fails(Control(BundleControlType.OpenRequest, 2), OfError.BadRequestIsSlave);
        Controller.Fails(new BundleAdd(1, Both, new FlowMod()), OfError.BadRequestIsSlave);
        Assert.That(FlowCount, Is.Zero);
    }

    [Test]
    public void A_service_connection_can_use_bundles()
    {
        using FakeController tool = Another(OfConnectionKind.Service);
        tool.Send(new BundleAdd(1, Both, Flows.Command("add-flow in_port=1,actions=output:2")));
        tool.Ask<BundleControl>(Control(BundleControlType.CommitRequest));
        Assert.That(FlowCount, Is.EqualTo(1));
    }

    [Test]
    public void A_large_bundle_is_worked_out_beside_the_lock_and_loses_nothing_to_those_who_change_meanwhile()
    {
        const int Flows = 20_000;
        for (int i = 0; i < Flows; i++)
            Controller.Send(new BundleAdd(1, Both, Testing.Flows.Command($"add-flow table=1,ip,nw_dst=10.{i >> 16}.{i >> 8 & 255}.{i & 255},actions=output:2")));

        using FakeController other = Another();
        bool done = false;
        int changes = 0;
        Thread rival = new(() =>
        {
            while (!Volatile.Read(ref done) || changes < 10)
                other.Succeeds($"add-flow table=2,priority={++changes % 60_000},actions=output:1");
        });
        rival.Start();
        try
        {
            Do(BundleControlType.CommitRequest);
        }
        finally
        {
            Volatile.Write(ref done, true);
            rival.Join();
        }

        Assert.That(Switch.Snapshot.Tables[1].Count, Is.EqualTo(Flows));
        Assert.That(Switch.Snapshot.Tables[2].Count, Is.EqualTo(Math.Min(changes, 60_000)));
        TestContext.Out.WriteLine($"{changes} other changes meanwhile");
    }
}
