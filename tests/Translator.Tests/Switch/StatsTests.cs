using OvsBridge.OpenFlow;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Messages.Multipart;
using OvsBridge.Testing;
using OvsBridge.Translator.Tables;
using OvsBridge.Translator.Switch;

namespace OvsBridge.Translator.Tests.Switch;

/// <summary>Multipart requests that read, and the other requests that only ask.</summary>
[TestFixture]
public sealed class StatsTests : SwitchFixture
{
    private IReadOnlyList<FlowStatsEntry> DumpFlows(FlowFilter filter) =>
        [.. Controller.Query<FlowAnswer>(new FlowQuery(filter)).SelectMany(part => part.Flows)];

    [Test]
    public void Features_have_no_buffers_254_tables_and_true_capabilities()
    {
        FeaturesReply reply = Controller.Ask<FeaturesReply>(new FeaturesRequest());

        Assert.That((reply.DatapathId, reply.BufferCount, reply.TableCount, reply.AuxiliaryId), Is.EqualTo((0xda7aul, 0u, (byte)254, (byte)0)));
        Assert.That(
            reply.Capabilities,
            Is.EqualTo(Capabilities.FlowStats | Capabilities.TableStats | Capabilities.PortStats | Capabilities.GroupStats | Capabilities.QueueStats));
    }

    [Test]
    public void Description_is_what_the_options_say()
    {
        StopSwitch();
        Start(new OfSwitchOptions { DatapathId = 1, Description = OfSwitchOptions.OpenVSwitchDescription });

        DescAnswer answer = Controller.QueryOne<DescAnswer>(new DescQuery());

        Assert.That(answer, Is.EqualTo(new DescAnswer("Nicira, Inc.", "Open vSwitch", "2.17.9", "None", "None")));
    }

    [Test]
    public void Flow_statistics_echo_the_flow_exactly_as_sent()
    {
        // OXM fields out of order, one with an all-ones mask: the bytes come back, not what they mean (FACTS 4.7)
        byte[] oxm = Convert.FromHexString("80000a02080080001708" + "0a000001ffffffff" + "80000004" + "00000001");
        FlowMod mod = new()
        {
            TableId = 7,
            Priority = 0xfffe,
            Cookie = 0xfeedfacecafebeef,
            IdleTimeoutSeconds = 65535,
            HardTimeoutSeconds = 65534,
            Flags = FlowModFlags.SendFlowRemoved | FlowModFlags.ResetCounts | FlowModFlags.CheckOverlap,
            Match = new Match(Flows.Match("in_port=1,ip,nw_src=10.0.0.1").Value, Flows.Match("in_port=1,ip,nw_src=10.0.0.1").Mask, oxm),
            Instructions =
            [
                new GotoTableInstruction(9),
                new ApplyActionsInstruction([new OutputAction(1, 65509), new OutputAction(OfPorts.Controller, 128), new DecNwTtlAction()]),
                new WriteMetadataInstruction(0x12, 0xff),
                new WriteActionsInstruction([new SetQueueAction(5), new OutputAction(2, 0)]),
                new ClearActionsInstruction(),
            ],
        };
        Controller.Succeeds(mod);
        Forwarding.Hit(TheRule("table=7,priority=65534,in_port=1,ip,nw_src=10.0.0.1,actions=drop").Stats, 12, 1234, NowNs);
        Time.Advance(TimeSpan.FromMilliseconds(2500));

        FlowStatsEntry flow = DumpFlows(FlowFilter.All).Single();

        Assert.That(flow, Is.EqualTo(new FlowStatsEntry
        {
            TableId = mod.TableId,
            Priority = mod.Priority,
            Cookie = mod.Cookie,
            IdleTimeoutSeconds = mod.IdleTimeoutSeconds,
            HardTimeoutSeconds = mod.HardTimeoutSeconds,
            Flags = mod.Flags,
            Match = mod.Match,
            Instructions = mod.Instructions,
            PacketCount = 12,
            ByteCount = 1234,
            DurationNs = 2_500_000_000,
        }));
        Assert.That(flow.Match.Oxm.ToArray(), Is.EqualTo(oxm));
    }

    [TestCase("del-flows", 4)]
    [TestCase("del-flows ip", 2)]
    [TestCase("del-flows table=5", 1)]
    [TestCase("del-flows table=6", 0)]
    [TestCase("del-flows cookie=1/1", 1)]
    [TestCase("del-flows out_port=2", 2)]
    [TestCase("del-flows out_group=7", 1)]
    [TestCase("del-flows out_group=8", 0)]
    public void Flow_and_aggregate_requests_filter_as_delete_does(string like, int count)
    {
        Controller.Succeeds("add-group group_id=7,type=all,bucket=output:1");
        Controller.Succeeds(
            "add-flow cookie=0,priority=3,ip,actions=output:2",
            "add-flow cookie=1,priority=2,tcp,actions=write_actions(output:2)",
            "add-flow cookie=2,priority=1,arp,actions=group:7",
            "add-flow table=5,cookie=4,priority=0,actions=CONTROLLER");
        foreach (var rule in Switch.Snapshot.Tables.SelectMany(table => table.Rules))
            Forwarding.Hit(rule.Stats, 10, 100, NowNs);
        var mod = (FlowMod)Flows.Command(like);
        FlowFilter filter = new(mod.TableId, mod.OutPort, mod.OutGroup, mod.Cookie, mod.CookieMask, mod.Match);

        Assert.That(DumpFlows(filter), Has.Count.EqualTo(count));
        Assert.That(
            Controller.QueryOne<AggregateAnswer>(new AggregateQuery(filter)),
            Is.EqualTo(new AggregateAnswer((ulong)(10 * count), (ulong)(100 * count), (uint)count)));
    }

    [TestCase(254)]
    public void Statistics_of_a_table_that_does_not_exist_are_BAD_TABLE_ID(byte table)
    {
        Controller.Fails(new MultipartRequest(new FlowQuery(FlowFilter.All with { TableId = table })), OfError.BadRequestBadTableId);
        Controller.Fails(new MultipartRequest(new AggregateQuery(FlowFilter.All with { TableId = table })), OfError.BadRequestBadTableId);
    }

    [Test]
    public void What_a_flow_does_not_count_is_all_ones()
    {
        Controller.Succeeds("add-flow no_packet_counts,in_port=1,actions=drop", "add-flow no_byte_counts,in_port=2,actions=drop");

        Assert.That(
            DumpFlows(FlowFilter.All).Select(flow => (flow.PacketCount, flow.ByteCount)),
            Is.EquivalentTo(new[] { (ulong.MaxValue, ulong.MinValue), (ulong.MinValue, ulong.MaxValue) }));
        Assert.That(
            Controller.QueryOne<AggregateAnswer>(new AggregateQuery(FlowFilter.All)), Is.EqualTo(new AggregateAnswer(ulong.MaxValue, ulong.MaxValue, 2)));
    }

    [Test]
    public void Counters_are_pushed_before_they_are_read()
    {
        Controller.Succeeds("add-group group_id=1,type=all,bucket=output:1");
        MultipartQuery[] counting =
            [new FlowQuery(FlowFilter.All), new AggregateQuery(FlowFilter.All), new TableQuery(), new GroupQuery(GroupMod.AllGroups)];
        foreach (MultipartQuery query in counting)
        {
            Forwarding.Calls.Clear();
            Controller.Query<MultipartAnswer>(query);
            Assert.That(Forwarding.Calls, Is.EqualTo(new[] { "push" }), query.ToString());
        }
    }

    [Test]
    public void Large_dumps_come_in_parts_that_lack_nothing()
    {
        for (uint i = 0; i < 3000; i++)
            Controller.Send(new FlowMod { Cookie = i, Match = Flows.Match($"metadata=0x{i:x}") });
        Controller.Barrier();

        var parts = Controller.Query<FlowAnswer>(new FlowQuery(FlowFilter.All));

        Assert.That(parts, Has.Count.GreaterThan(1));
        Assert.That(parts.SelectMany(part => part.Flows).Select(flow => flow.Cookie).Order(), Is.EqualTo(Enumerable.Range(0, 3000)));
    }

    [Test]
    public void Table_statistics_list_every_table_with_its_counters()
    {
        Controller.Succeeds("add-flow table=1,in_port=1,actions=drop", "add-flow table=1,in_port=2,actions=drop");
        Switch.Snapshot.Tables[0].Stats.Add(7, matched: false);
        Switch.Snapshot.Tables[1].Stats.Add(5, matched: true);

        TableAnswer answer = Controller.QueryOne<TableAnswer>(new TableQuery());

        Assert.That(answer.Tables, Has.Count.EqualTo(254));
        Assert.That(answer.Tables.Take(3), Is.EqualTo(new[]
        {
            new TableStatsEntry(0, 0, 7, 0), new TableStatsEntry(1, 2, 5, 5), new TableStatsEntry(2, 0, 0, 0),
        }));
    }

    [Test]
    public void Table_counters_outlive_changes_of_the_table()
    {
        Controller.Succeeds("add-flow in_port=1,actions=drop");
        Switch.Snapshot.Tables[0].Stats.Add(5, matched: true);

        Controller.Succeeds("add-flow in_port=2,actions=drop", "del-flows in_port=1", "del-flows");

        Assert.That(Controller.QueryOne<TableAnswer>(new TableQuery()).Tables[0], Is.EqualTo(new TableStatsEntry(0, 0, 5, 5)));
    }

    [Test]
    public void Port_statistics_come_from_the_host_with_number_and_age()
    {
        Ports.Counters[2] = new PortStatsEntry { RxPackets = 5, TxBytes = 99, Collisions = ulong.MaxValue };
        Time.Advance(TimeSpan.FromSeconds(2));

        PortStatsAnswer one = Controller.QueryOne<PortStatsAnswer>(new PortStatsQuery(2));
        PortStatsAnswer all = Controller.QueryOne<PortStatsAnswer>(new PortStatsQuery(OfPorts.Any));

        Assert.That(one.Ports, Is.EqualTo(new[]
        {
            new PortStatsEntry { PortNo = 2, RxPackets = 5, TxBytes = 99, Collisions = ulong.MaxValue, DurationNs = 2_000_000_000 },
        }));
        Assert.That(all.Ports.Select(port => port.PortNo), Is.EqualTo(new[] { 1, 2, 3 }));
    }

    [Test]
    public void Port_that_vanishes_while_it_is_read_is_left_out()
    {
        Ports.Counters[2] = null;

        Assert.That(
            Controller.QueryOne<PortStatsAnswer>(new PortStatsQuery(OfPorts.Any)).Ports.Select(port => port.PortNo), Is.EqualTo(new[] { 1, 3 }));
    }

    [TestCase(9u)]
    [TestCase(0u)]
    [TestCase(OfPorts.All)]
    public void Statistics_of_a_port_that_does_not_exist_are_BAD_PORT(uint port) =>
        Controller.Fails(new MultipartRequest(new PortStatsQuery(port)), OfError.BadRequestBadPort);

    [Test]
    public void Port_descriptions_are_one_message_in_order()
    {
        Switch.PortAdded(Port(OfPorts.Local));
        Switch.PortAdded(Port(12));
        Controller.TakeAll();

        PortDescAnswer answer = Controller.QueryOne<PortDescAnswer>(new PortDescQuery());

        Assert.That(answer.Ports.Select(port => port.PortNo), Is.EqualTo(new[] { 1u, 2u, 3u, 12u, OfPorts.Local }));
        Assert.That(answer.Ports[0], Is.EqualTo(Port(1).Description with { State = PortState.Live }));
    }

    [Test]
    public void There_are_no_queues_but_an_answer()
    {
        Assert.That(Controller.QueryOne<QueueAnswer>(new QueueQuery(OfPorts.Any, 0xffffffff)).Queues, Is.Empty);
        Assert.That(Controller.QueryOne<QueueAnswer>(new QueueQuery(1, 0xffffffff)).Queues, Is.Empty);
        Assert.That(Controller.Ask<QueueGetConfigReply>(new QueueGetConfigRequest(1)), Is.EqualTo(new QueueGetConfigReply(1, []) { Xid = 3 }));
        Assert.That(Controller.Ask<QueueGetConfigReply>(new QueueGetConfigRequest(OfPorts.Any)).Queues, Is.Empty);
    }

    [Test]
    public void Queues_are_those_of_the_interfaces()
    {
        const ulong Unknown = QueueStatsEntry.UnknownDuration;
        Ports.Queues[1] = [new PortQueue(0, 1_000_000, 0, 10, 11, 12), new PortQueue(4, 1, 12_000_000, 20, 21, 22)];
        Ports.Queues[3] = [new PortQueue(4, 0, 0, 30, 31, 32)];
        QueueStatsEntry first = new(1, 0, 10, 11, 12, Unknown), second = new(1, 4, 20, 21, 22, Unknown), third = new(3, 4, 30, 31, 32, Unknown);

        Assert.Multiple(() =>
        {
            Assert.That(Statistics(OfPorts.Any, 0xffffffff), Is.EqualTo(new[] { first, second, third }));
            Assert.That(Statistics(OfPorts.Any, 4), Is.EqualTo(new[] { second, third }));
            Assert.That(Statistics(1, 4), Is.EqualTo(new[] { second }));
            Assert.That(Statistics(2, 0xffffffff), Is.Empty);
            // In tenths of a per cent of the port's 10 Gbit/s; at most all of it, and no rate is rounded to none.
            Assert.That(Controller.Ask<QueueGetConfigReply>(new QueueGetConfigRequest(1)).Queues, Is.EqualTo(
                new[] { new PacketQueue(0, 1, 100, null), new PacketQueue(4, 1, 1, 1000) }));
            Assert.That(Controller.Ask<QueueGetConfigReply>(new QueueGetConfigRequest(OfPorts.Any)).Queues.Select(queue => (queue.Port, queue.QueueId)),
                Is.EqualTo(new[] { (1u, 0u), (1u, 4u), (3u, 4u) }));
        });
        Controller.Fails(new MultipartRequest(new QueueQuery(3, 0)), OfError.QueueOpFailedBadQueue);
        Controller.Fails(new MultipartRequest(new QueueQuery(OfPorts.Any, 9)), OfError.QueueOpFailedBadQueue);

        IEnumerable<QueueStatsEntry> Statistics(uint port, uint queue) => Controller.QueryOne<QueueAnswer>(new QueueQuery(port, queue)).Queues;
    }

    [Test]
    public void Without_a_speed_of_the_port_queues_have_no_rates()
    {
        SwitchPort port = Switch.Snapshot.Ports[2];
        Switch.PortChanged(port with { Description = port.Description with { CurrentSpeedKbps = 0 } });
        Ports.Queues[2] = [new PortQueue(0, 1, 2, 0, 0, 0)];

        Controller.TakeAll();
        Assert.That(Controller.Ask<QueueGetConfigReply>(new QueueGetConfigRequest(2)).Queues, Is.EqualTo(new[] { new PacketQueue(0, 2, null, null) }));
    }

    [Test]
    public void Queues_of_a_port_that_does_not_exist_and_a_queue_that_does_not_exist_are_errors()
    {
        Controller.Fails(new MultipartRequest(new QueueQuery(9, 0xffffffff)), OfError.QueueOpFailedBadPort);
        Controller.Fails(new MultipartRequest(new QueueQuery(1, 4)), OfError.QueueOpFailedBadQueue);
        Controller.Fails(new QueueGetConfigRequest(9), OfError.QueueOpFailedBadPort);
    }

    [Test]
    public void What_is_not_there_gets_an_error_never_silence()
    {
        Controller.Fails(new MultipartRequest(new ExperimenterQuery(0x1234, 1, default)), OfError.BadRequestBadExperimenter);
        Controller.Fails(new ExperimenterMessage(0x1234, 1, default), OfError.BadRequestBadExperimenter);
        byte[] request = OpenFlow.Wire.OfCodec.Encode(new MultipartRequest(new DescQuery()) { Xid = 5 });
        request[9] = 14; // OFPMP of 1.4
        Controller.SendRaw(request);
        Controller.ExpectError(OfError.BadRequestBadMultipart);
    }

    [Test]
    public void Messages_that_only_switches_send_are_BAD_TYPE()
    {
        OfMessage[] messages =
        [
            new FeaturesReply(1, 0, 1, 0, 0),
            new GetConfigReply(FragmentHandling.Normal, 0),
            new PacketIn(FlowMod.NoBuffer, 0, PacketInReason.Action, 0, 0, Match.Any, default),
            new FlowRemoved(),
            new PortStatus(PortReason.Add, new PortDescription()),
            new MultipartReply(new FlowAnswer([])),
            new BarrierReply(),
            new QueueGetConfigReply(1, []),
            new RoleReply(ControllerRole.Equal, 0),
            new GetAsyncReply(new AsyncConfig(0, 0, 0, 0, 0, 0)),
        ];
        foreach (OfMessage message in messages)
            Controller.Fails(message, OfError.BadRequestBadType);
    }

    [Test]
    public void Error_from_a_controller_is_reported_and_not_answered()
    {
        ErrorMessage? seen = null;
        Switch.ErrorReceived += (_, error) => seen = error;

        Controller.Send(new ErrorMessage(1, 1, new byte[] { 1, 2, 3 }));

        Controller.ExpectNothing();
        Assert.That(seen?.Code, Is.EqualTo(1));
    }

    [Test]
    public void Barrier_reply_comes_when_the_datapath_has_caught_up_with_what_was_sent_before()
    {
        Controller.Send("add-flow in_port=1,actions=output:2");
        Controller.Send(new BarrierRequest());

        Assert.That(Forwarding.Calls, Is.EqualTo(new[] { "published", "catch up" }));
        Controller.Expect<BarrierReply>();
    }

    [Test]
    public void Errors_come_before_the_barrier_reply_and_later_requests_after_it()
    {
        Controller.Send("add-flow in_port=1,actions=group:5");
        Controller.Send(new BarrierRequest());
        Controller.Send(new GetConfigRequest());

        Controller.ExpectError(OfError.BadActionBadOutGroup);
        Controller.Expect<BarrierReply>();
        Controller.Expect<GetConfigReply>();
    }
}
