using OvsBridge.OpenFlow;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Endpoint;
using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Messages.Multipart;
using OvsBridge.Testing;
using OvsBridge.Translator.Switch;
using OvsBridge.Translator.Tables;

namespace OvsBridge.Translator.Tests.Switch;

/// <summary>Roles, asynchronous messages, configuration, packet_in, packet_out, fail mode.</summary>
[TestFixture]
public sealed class ControllerTests : SwitchFixture
{
    private static readonly byte[] _frame = [.. Enumerable.Range(0, 200).Select(i => (byte)i)];

    private static RoleRequest Role(ControllerRole role, ulong generation = 0) => new(role, generation);

    private static PacketInEvent Packet(PacketInReason reason = PacketInReason.Action, ushort? maxLength = 0xffff, byte[]? frame = null) => new()
    {
        Reason = reason,
        TableId = 3,
        Cookie = 0xc0de,
        MaxLength = maxLength,
        PipelineFields = default,
        InPort = 1,
        Frame = frame ?? _frame,
        TotalLength = (frame ?? _frame).Length,
    };

    private void LinkDown(uint number)
    {
        SwitchPort port = Switch.Snapshot.Ports[number];
        Switch.PortChanged(port with { Description = port.Description with { State = PortState.LinkDown } });
    }

    // roles

    [Test]
    public void Role_is_equal_until_asked_for_and_the_generation_unknown()
    {
        // OpenDaylight starts with NOCHANGE
        RoleReply reply = Controller.Ask<RoleReply>(Role(ControllerRole.NoChange, 17));

        Assert.That((reply.Role, reply.GenerationId), Is.EqualTo((ControllerRole.Equal, ulong.MaxValue)));
    }

    [Test]
    public void New_master_makes_the_old_one_a_slave()
    {
        using FakeController other = Another();
        Controller.Ask<RoleReply>(Role(ControllerRole.Master, 1));

        RoleReply reply = other.Ask<RoleReply>(Role(ControllerRole.Master, 2));

        Assert.That((reply.Role, reply.GenerationId), Is.EqualTo((ControllerRole.Master, 2ul)));
        Assert.That(Controller.Ask<RoleReply>(Role(ControllerRole.NoChange)).Role, Is.EqualTo(ControllerRole.Slave));
    }

    [Test]
    public void Equals_stay_equal_beside_a_master()
    {
        using FakeController other = Another();
        other.Ask<RoleReply>(Role(ControllerRole.Master, 2));

        Controller.Succeeds("add-flow in_port=1,actions=drop");
    }

    [TestCase(5ul, 4ul)]
    [TestCase(0ul, ulong.MaxValue)]
    [TestCase(0x8000000000000000ul, 1ul)]
    public void Older_generation_is_STALE(ulong newest, ulong older)
    {
        Controller.Ask<RoleReply>(Role(ControllerRole.Master, newest));

        Controller.Fails(Role(ControllerRole.Master, older), OfError.RoleRequestFailedStale);
        Controller.Fails(Role(ControllerRole.Slave, older), OfError.RoleRequestFailedStale);

        RoleReply reply = Controller.Ask<RoleReply>(Role(ControllerRole.NoChange, older));
        Assert.That((reply.Role, reply.GenerationId), Is.EqualTo((ControllerRole.Master, newest)));
    }

    [TestCase(0ul, 0ul, Description = "ONOS always sends 0")]
    [TestCase(4ul, 5ul)]
    [TestCase(ulong.MaxValue, 0ul, Description = "generations go round")]
    [TestCase(0ul, 0x7ffffffffffffffful)]
    public void Same_or_newer_generation_is_taken(ulong first, ulong second)
    {
        Controller.Ask<RoleReply>(Role(ControllerRole.Master, first));

        Assert.That(Controller.Ask<RoleReply>(Role(ControllerRole.Master, second)).GenerationId, Is.EqualTo(second));
    }

    [Test]
    public void Equal_does_not_look_at_the_generation()
    {
        Controller.Ask<RoleReply>(Role(ControllerRole.Master, 5));

        RoleReply reply = Controller.Ask<RoleReply>(Role(ControllerRole.Equal, 1));

        Assert.That((reply.Role, reply.GenerationId), Is.EqualTo((ControllerRole.Equal, 5ul)));
    }

    [Test]
    public void Unknown_role_is_BAD_ROLE() => Controller.Fails(Role((ControllerRole)4), OfError.RoleRequestFailedBadRole);

    [Test]
    public void Slave_changes_nothing_and_sends_nothing()
    {
        Controller.Succeeds("add-flow in_port=1,actions=drop");
        Controller.Ask<RoleReply>(Role(ControllerRole.Slave));
        OfMessage[] forbidden =
        [
            Flows.Command("add-flow in_port=2,actions=drop"),
            Flows.Command("del-flows"),
            new GroupMod(GroupModCommand.Delete, GroupType.All, GroupMod.AllGroups, []),
            new MeterMod(MeterModCommand.Delete, MeterFlags.None, MeterMod.AllMeters, []),
            new TableMod(0, 0),
            new PortMod(1, 0x020000000001, PortConfig.NoFwd, PortConfig.NoFwd, 0),
            new PacketOut(FlowMod.NoBuffer, OfPorts.Controller, Flows.Actions("output:1"), _frame),
            new SetConfig(FragmentHandling.Drop, 128),
        ];

        foreach (OfMessage message in forbidden)
            Controller.Fails(message, OfError.BadRequestIsSlave);

        Assert.That(FlowCount, Is.EqualTo(1));
        Assert.That(Forwarding.PacketOuts, Is.Empty);
    }

    [Test]
    public void Slave_reads_and_sets_what_is_its_own()
    {
        Controller.Ask<RoleReply>(Role(ControllerRole.Slave));

        Controller.Query<FlowAnswer>(new FlowQuery(FlowFilter.All));
        Controller.Succeeds(new SetConfig(FragmentHandling.Normal, 99));
        Controller.Succeeds(new SetAsync(new AsyncConfig(0, 1, 0, 0, 0, 0)));
        Assert.That(Controller.Ask<GetConfigReply>(new GetConfigRequest()).MissSendLength, Is.EqualTo(99));
        Controller.Ask<RoleReply>(Role(ControllerRole.Equal));
        Controller.Succeeds("add-flow in_port=2,actions=drop");
    }

    // asynchronous messages

    [Test]
    public void Defaults_are_those_of_the_specification()
    {
        AsyncConfig config = Controller.Ask<GetAsyncReply>(new GetAsyncRequest()).Config;

        Assert.That(config, Is.EqualTo(new AsyncConfig(
            PacketInMaster: 0b011, PacketInSlave: 0, PortStatusMaster: 0b111, PortStatusSlave: 0b111, FlowRemovedMaster: 0b1111, FlowRemovedSlave: 0)));
    }

    [Test]
    public void Slave_hears_of_ports_only()
    {
        Controller.Succeeds("add-flow send_flow_rem,in_port=1,actions=drop");
        using FakeController slave = Another();
        slave.Ask<RoleReply>(Role(ControllerRole.Slave));

        Controller.Send("del-flows");
        Switch.OnPacketIn(Packet());
        LinkDown(1);
        Controller.Send(new BarrierRequest());

        slave.Expect<PortStatus>();
        slave.ExpectNothing();
        Assert.That(
            Controller.TakeAll().Select(message => message.Type),
            Is.EquivalentTo(new[] { OfType.PacketIn, OfType.PortStatus, OfType.FlowRemoved, OfType.BarrierReply }));
    }

    [Test]
    public void Masks_choose_by_role_and_reason()
    {
        Controller.Succeeds("add-flow send_flow_rem,in_port=1,actions=drop");
        using FakeController slave = Another();
        slave.Ask<RoleReply>(Role(ControllerRole.Slave));
        AsyncConfig config = new(
            PacketInMaster: 1 << (int)PacketInReason.InvalidTtl,
            PacketInSlave: 1 << (int)PacketInReason.Action,
            PortStatusMaster: 1 << (int)PortReason.Add,
            PortStatusSlave: 1 << (int)PortReason.Delete,
            FlowRemovedMaster: 1 << (int)FlowRemovedReason.IdleTimeout,
            FlowRemovedSlave: 1 << (int)FlowRemovedReason.Delete);
        foreach (FakeController each in new[] { Controller, slave })
        {
            each.Succeeds(new SetAsync(config));
            Assert.That(each.Ask<GetAsyncReply>(new GetAsyncRequest()).Config, Is.EqualTo(config));
        }

        Switch.OnPacketIn(Packet(PacketInReason.Action));
        Switch.OnPacketIn(Packet(PacketInReason.InvalidTtl));
        Switch.OnPacketIn(Packet(PacketInReason.NoMatch));
        Switch.PortAdded(Port(9));
        LinkDown(9);
        Switch.PortRemoved(9);
        Controller.Send("del-flows");
        Controller.Send(new BarrierRequest());

        Assert.That(Controller.Expect<PacketIn>().Reason, Is.EqualTo(PacketInReason.InvalidTtl));
        Assert.That(Controller.Expect<PortStatus>().Reason, Is.EqualTo(PortReason.Add));
        Controller.Expect<BarrierReply>();
        Assert.That(slave.Expect<PacketIn>().Reason, Is.EqualTo(PacketInReason.Action));
        Assert.That(slave.Expect<PortStatus>().Reason, Is.EqualTo(PortReason.Delete));
        Assert.That(slave.Expect<FlowRemoved>().Reason, Is.EqualTo(FlowRemovedReason.Delete));
        slave.ExpectNothing();
    }

    [Test]
    public void Service_connection_hears_nothing_until_it_sets_a_miss_send_len()
    {
        using FakeController tool = Another(OfConnectionKind.Service);
        Switch.OnPacketIn(Packet());
        LinkDown(1);
        tool.ExpectNothing();
        Assert.That(tool.Ask<GetConfigReply>(new GetConfigRequest()).MissSendLength, Is.Zero);

        tool.Succeeds(new SetConfig(FragmentHandling.Normal, 65535));
        Switch.OnPacketIn(Packet());
        LinkDown(2);

        tool.Expect<PacketIn>();
        tool.Expect<PortStatus>();
        tool.Succeeds(new SetConfig(FragmentHandling.Normal, 0));
        Switch.OnPacketIn(Packet());
        tool.ExpectNothing();
    }

    [Test]
    public void Service_connection_that_sets_async_masks_hears_too()
    {
        using FakeController tool = Another(OfConnectionKind.Service);
        tool.Succeeds(new SetAsync(new AsyncConfig(0b111, 0, 0, 0, 0, 0)));

        Switch.OnPacketIn(Packet());

        tool.Expect<PacketIn>();
    }

    [Test]
    public void Service_connection_may_change_flows()
    {
        using FakeController tool = Another(OfConnectionKind.Service);
        tool.Succeeds("add-flow in_port=1,actions=drop");

        Assert.That(FlowCount, Is.EqualTo(1));
    }

    [Test]
    public void Controller_that_has_gone_gets_nothing_and_disturbs_nobody()
    {
        FakeController other = Another();
        other.Dispose();

        Switch.OnPacketIn(Packet());

        Controller.Expect<PacketIn>();
        other.ExpectNothing();
        Assert.That(Switch.Connections, Has.Count.EqualTo(1));
    }

    // packet_in

    [Test]
    public void Packet_in_tells_port_table_cookie_and_true_length()
    {
        FlowKey fields = default;
        FieldTable.Metadata.Set(ref fields, 0x1234);
        FieldTable.TunnelId.Set(ref fields, 5);
        Switch.OnPacketIn(Packet() with { PipelineFields = fields, InPort = OfPorts.Local, TotalLength = 1500 });

        PacketIn packet = Controller.Expect<PacketIn>();

        Assert.That((packet.BufferId, packet.TotalLength, packet.Reason, packet.TableId, packet.Cookie),
            Is.EqualTo((FlowMod.NoBuffer, (ushort)1500, PacketInReason.Action, (byte)3, 0xc0deul)));
        Assert.That(FieldTable.InPort.Get(packet.Match.Value), Is.EqualTo((UInt128)OfPorts.Local));
        Assert.That(FieldTable.Metadata.Get(packet.Match.Value), Is.EqualTo((UInt128)0x1234));
        Assert.That(FieldTable.TunnelId.Get(packet.Match.Value), Is.EqualTo((UInt128)5));
        Assert.That(packet.Match.Oxm.Length, Is.EqualTo(8 + 12 + 12));
        Assert.That(packet.Data.ToArray(), Is.EqualTo(_frame));
    }

    [TestCase(0, 0)]
    [TestCase(64, 64)]
    [TestCase(200, 200)]
    [TestCase(1000, 200)]
    [TestCase(0xffe5, 200)]
    [TestCase(0xffff, 200, Description = "OFPCML_NO_BUFFER")]
    public void Output_to_the_controller_is_cut_to_its_max_len(int maxLength, int length)
    {
        Switch.OnPacketIn(Packet(maxLength: (ushort)maxLength));

        PacketIn packet = Controller.Expect<PacketIn>();
        Assert.That(packet.Data.ToArray(), Is.EqualTo(_frame[..length]));
        Assert.That(packet.TotalLength, Is.EqualTo(200));
    }

    [Test]
    public void Packet_without_an_output_action_is_cut_to_each_controllers_miss_send_len()
    {
        using FakeController all = Another(), some = Another();
        AsyncConfig everything = new(0b111, 0, 0, 0, 0, 0);
        foreach (FakeController each in new[] { Controller, all, some })
            each.Succeeds(new SetAsync(everything));
        all.Succeeds(new SetConfig(FragmentHandling.Normal, 0xffff));
        some.Succeeds(new SetConfig(FragmentHandling.Normal, 10));

        Switch.OnPacketIn(Packet(PacketInReason.InvalidTtl, maxLength: null));

        Assert.That(Controller.Expect<PacketIn>().Data.Length, Is.EqualTo(128), "OFP_DEFAULT_MISS_SEND_LEN");
        Assert.That(all.Expect<PacketIn>().Data.ToArray(), Is.EqualTo(_frame));
        Assert.That(some.Expect<PacketIn>().Data.ToArray(), Is.EqualTo(_frame[..10]));
    }

    [Test]
    public void Packet_in_is_never_longer_than_a_message_can_be()
    {
        byte[] large = new byte[65550];
        FlowKey fields = default;
        fields.AsMutableWords().Fill(ulong.MaxValue);

        Switch.OnPacketIn(Packet(frame: large) with { PipelineFields = fields });

        PacketIn packet = Controller.Expect<PacketIn>(); // went through the encoder, which refuses more
        Assert.That(packet.TotalLength, Is.EqualTo(65535));
        Assert.That(packet.Data.Length, Is.GreaterThan(65000));
    }

    [Test]
    public void Frame_is_copied_before_the_call_returns()
    {
        byte[] frame = [.. _frame];
        Switch.OnPacketIn(Packet(frame: frame));
        Array.Clear(frame);

        Assert.That(Controller.Expect<PacketIn>().Data.ToArray(), Is.EqualTo(_frame));
    }

    // limit of packet_ins

    [Test]
    public void Packet_ins_beyond_the_rate_are_held_back_and_counted()
    {
        StopSwitch();
        Start(new OfSwitchOptions { DatapathId = 1, PacketInRate = 100, PacketInBurst = 10 });
        using FakeController other = Another();

        Assert.That(Storm(50), Is.EqualTo(10), "the burst");
        Time.Advance(TimeSpan.FromMilliseconds(55));
        Assert.That(Storm(50), Is.EqualTo(5), "100 a second");
        Time.Advance(TimeSpan.FromHours(100));
        Assert.That(Storm(50), Is.EqualTo(10), "credit ends with the burst");
        Assert.Multiple(() =>
        {
            Assert.That(Switch.Connections.Select(info => (info.PacketIns, info.PacketInsLimited)), Is.All.EqualTo((25L, 125L)));
            Assert.That(other.TakeAll(), Has.Count.EqualTo(25), "each controller has its own credit");
        });
        Assert.That(Controller.Ask<EchoReply>(new EchoRequest(default)).Data.Length, Is.Zero);

        int Storm(int packets)
        {
            for (int i = 0; i < packets; i++)
                Switch.OnPacketIn(Packet());
            return Controller.TakeAll().Count;
        }
    }

    [Test]
    public void Misses_do_not_starve_what_flows_send()
    {
        StopSwitch();
        Start(new OfSwitchOptions { DatapathId = 1, PacketInRate = 4 });
        for (int i = 0; i < 10; i++)
            Switch.OnPacketIn(Packet(PacketInReason.NoMatch));

        Switch.OnPacketIn(Packet(PacketInReason.Action));

        Assert.That(
            Controller.TakeAll().Cast<PacketIn>().Select(packet => packet.Reason),
            Is.EqualTo(new[] { PacketInReason.NoMatch, PacketInReason.Action }), "a burst of a quarter of the rate for each kind");
    }

    [Test]
    public void Rate_of_average_is_kept_over_uneven_time([Values(1u, 7u, 1000u, 1_000_000u)] uint rate)
    {
        var time = new ManualTime();
        var limiter = new PacketInLimiter(rate, burst: 1, time);
        var random = new Random(4);
        Assert.That(limiter.Admit(PacketInReason.Action), Is.True);
        TimeSpan interval = TimeSpan.FromSeconds(1) / rate, all = TimeSpan.Zero;
        long admitted = 0;
        for (int i = 0; i < 5000; i++)
        {
            TimeSpan step = interval * random.NextDouble();
            all += step;
            time.Advance(step);
            if (limiter.Admit(PacketInReason.Action))
                admitted++;
        }

        Assert.That(admitted, Is.InRange((all.TotalSeconds * rate * 0.66) - 1, all.TotalSeconds * rate), "a credit is lost only when it is not used");
        Assert.That(limiter.Refused, Is.EqualTo(5000 - admitted));
    }

    // auxiliary connections

    [Test]
    public void Auxiliary_connection_has_its_number_and_the_roles_and_masks_of_its_main_one()
    {
        using FakeController auxiliary = Auxiliary(Controller, 3);
        using FakeController other = Another();
        FeaturesReply main = Controller.Ask<FeaturesReply>(new FeaturesRequest()), own = auxiliary.Ask<FeaturesReply>(new FeaturesRequest());

        Assert.Multiple(() =>
        {
            Assert.That((main.AuxiliaryId, own.AuxiliaryId), Is.EqualTo((0, 3)));
            Assert.That(own.DatapathId, Is.EqualTo(main.DatapathId));
        });

        auxiliary.Ask<RoleReply>(Role(ControllerRole.Master, 1));
        Assert.That(Controller.Ask<RoleReply>(Role(ControllerRole.NoChange)).Role, Is.EqualTo(ControllerRole.Master));
        other.Ask<RoleReply>(Role(ControllerRole.Master, 2));
        Assert.That(auxiliary.Ask<RoleReply>(Role(ControllerRole.NoChange)).Role, Is.EqualTo(ControllerRole.Slave));
        auxiliary.Fails(Flows.Command("add-flow in_port=2,actions=drop"), OfError.BadRequestIsSlave);

        AsyncConfig config = new(1, 2, 3, 4, 5, 6);
        auxiliary.Succeeds(new SetAsync(config));
        Assert.That(Controller.Ask<GetAsyncReply>(new GetAsyncRequest()).Config, Is.EqualTo(config));
        auxiliary.Succeeds(new SetConfig(FragmentHandling.Normal, 77));
        Assert.That(Controller.Ask<GetConfigReply>(new GetConfigRequest()).MissSendLength, Is.EqualTo(77));
    }

    [Test]
    public void Requests_on_an_auxiliary_connection_work_and_are_answered_there()
    {
        using FakeController auxiliary = Auxiliary(Controller, 1);

        auxiliary.Succeeds("add-flow in_port=1,actions=drop");
        Assert.That(auxiliary.QueryOne<FlowAnswer>(new FlowQuery(FlowFilter.All)).Flows, Has.Count.EqualTo(1));
        Assert.That(FlowCount, Is.EqualTo(1));
        Controller.ExpectNothing();
    }

    [Test]
    public void Packet_ins_are_spread_over_auxiliary_connections_and_a_flow_stays_on_one()
    {
        FakeController[] auxiliaries = [.. Enumerable.Range(1, 4).Select(id => Auxiliary(Controller, (byte)id))];
        foreach (FakeController each in auxiliaries)
            each.Ask<FeaturesReply>(new FeaturesRequest());
        for (int round = 0; round < 3; round++)
        {
            for (int flow = 0; flow < 100; flow++)
                Switch.OnPacketIn(Packet(frame: Udp(flow, round)));
        }

        Controller.ExpectNothing();
        var perFlow = new Dictionary<int, HashSet<int>>();
        for (int i = 0; i < auxiliaries.Length; i++)
        {
            IReadOnlyList<OfMessage> got = auxiliaries[i].TakeAll();
            Assert.That(got, Has.Count.GreaterThan(15), "its share of 300");
            var rounds = new Dictionary<int, List<int>>();
            foreach (PacketIn packet in got.Cast<PacketIn>())
            {
                (int flow, int round) = (packet.Data.Span[35], packet.Data.Span[42]);
                (perFlow.TryGetValue(flow, out HashSet<int>? ways) ? ways : perFlow[flow] = []).Add(i);
                (rounds.TryGetValue(flow, out List<int>? list) ? list : rounds[flow] = []).Add(round);
            }

            Assert.That(rounds.Values, Is.All.EqualTo(new[] { 0, 1, 2 }), "in order");
        }

        Assert.That(perFlow.Values.Select(ways => ways.Count), Is.All.EqualTo(1));

        // One goes: its flows move, the others stay.
        auxiliaries[0].Dispose();
        for (int flow = 0; flow < 100; flow++)
            Switch.OnPacketIn(Packet(frame: Udp(flow, 9)));
        for (int i = 1; i < auxiliaries.Length; i++)
        {
            var flows = auxiliaries[i].TakeAll().Cast<PacketIn>().Select(packet => (int)packet.Data.Span[35]).ToHashSet();
            Assert.That(flows, Is.SupersetOf(perFlow.Where(entry => entry.Value.Contains(i)).Select(entry => entry.Key)));
        }

        foreach (FakeController each in auxiliaries)
            each.Dispose();
        Switch.OnPacketIn(Packet());
        Controller.Expect<PacketIn>();
    }

    [Test]
    public void Auxiliary_connection_gets_nothing_unasked_until_it_knows_the_switch_and_then_only_packet_ins()
    {
        using FakeController auxiliary = Auxiliary(Controller, 1);
        Switch.OnPacketIn(Packet());
        Controller.Expect<PacketIn>();
        auxiliary.Ask<FeaturesReply>(new FeaturesRequest());

        Controller.Succeeds("add-flow send_flow_rem,in_port=1,actions=drop");
        Switch.OnPacketIn(Packet());
        LinkDown(2);
        Controller.Send("del-flows");
        Controller.Send(new BarrierRequest());

        auxiliary.Expect<PacketIn>();
        auxiliary.ExpectNothing();
        Assert.That(
            Controller.TakeAll().Select(message => message.Type),
            Is.EquivalentTo(new[] { OfType.PortStatus, OfType.FlowRemoved, OfType.BarrierReply }));
    }

    [Test]
    public void Port_mod_on_an_auxiliary_connection_is_not_told_to_its_controller()
    {
        using FakeController auxiliary = Auxiliary(Controller, 1);
        using FakeController other = Another();

        auxiliary.Succeeds(new PortMod(1, 0x020000000001, PortConfig.NoFwd, PortConfig.NoFwd, 0));

        other.Expect<PortStatus>();
        Controller.ExpectNothing();
    }

    [Test]
    public void Auxiliary_connections_are_no_controllers_of_their_own()
    {
        using FakeController auxiliary = Auxiliary(Controller, 1);
        Controller.Dispose();
        Time.Advance(TimeSpan.FromSeconds(15));

        Assert.That(Switch.Snapshot.Standalone, Is.EqualTo(StandaloneMode.Always));
        using FakeController late = Auxiliary(Controller, 2);
        Assert.That(late.IsGone, Is.True, "its main connection has gone before");
    }

    private FakeController Auxiliary(FakeController main, byte id) => new(Switch, main: main, auxiliaryId: id);

    private static byte[] Udp(int flow, int round) =>
        Packets.Frame($"udp,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:02,nw_src=10.0.0.1,nw_dst=10.0.0.2,tp_src={flow},tp_dst=53", [(byte)round]);

    // configuration

    [Test]
    public void Configuration_reads_back()
    {
        Assert.That(Controller.Ask<GetConfigReply>(new GetConfigRequest()), Is.EqualTo(new GetConfigReply(FragmentHandling.Normal, 128) { Xid = 1 }));

        Controller.Succeeds(new SetConfig(FragmentHandling.Drop, 1000));

        Assert.That(Controller.Ask<GetConfigReply>(new GetConfigRequest()), Is.EqualTo(new GetConfigReply(FragmentHandling.Drop, 1000) { Xid = 4 }));
        Assert.That(Switch.Snapshot.Fragments, Is.EqualTo(FragmentHandling.Drop));
    }

    [Test]
    public void Fragments_are_of_the_switch_and_miss_send_len_of_the_connection()
    {
        using FakeController other = Another();
        Controller.Succeeds(new SetConfig(FragmentHandling.Drop, 1000));

        GetConfigReply reply = other.Ask<GetConfigReply>(new GetConfigRequest());

        Assert.That((reply.Fragments, reply.MissSendLength), Is.EqualTo((FragmentHandling.Drop, 128)));
    }

    [TestCase(FragmentHandling.Reassemble)]
    [TestCase((FragmentHandling)4)]
    public void Reassembly_is_not_offered(FragmentHandling fragments)
    {
        Controller.Fails(new SetConfig(fragments, 1), OfError.SwitchConfigFailedBadFlags);
        Assert.That(Controller.Ask<GetConfigReply>(new GetConfigRequest()).MissSendLength, Is.EqualTo(128));
    }

    // packet_out

    private static PacketOut Out(uint inPort, string actions, uint buffer = FlowMod.NoBuffer, byte[]? frame = null) =>
        new(buffer, inPort, Flows.Actions(actions), frame ?? _frame);

    [TestCase("output:1")]
    [TestCase("TABLE")]
    [TestCase("ALL")]
    [TestCase("FLOOD")]
    [TestCase("IN_PORT")]
    [TestCase("NORMAL")]
    [TestCase("CONTROLLER")]
    public void Packet_out_goes_to_the_forwarding_side(string actions)
    {
        Controller.Succeeds(Out(OfPorts.Controller, actions));

        var sent = Forwarding.PacketOuts.Single();
        Assert.That(sent.InPort, Is.EqualTo(OfPorts.Controller));
        Assert.That(sent.Actions, Is.EqualTo(Flows.Actions(actions)));
        Assert.That(sent.Frame, Is.EqualTo(_frame));
    }

    [TestCase(1u, 1u)]
    [TestCase(OfPorts.Local, OfPorts.Local)]
    [TestCase(OfPorts.Any, OfPorts.Controller, Description = "as Open vSwitch: no port")]
    public void Packet_out_counts_as_received_from_its_in_port(uint inPort, uint given)
    {
        Controller.Succeeds(Out(inPort, "output:2"));

        Assert.That(Forwarding.PacketOuts.Single().InPort, Is.EqualTo(given));
    }

    [TestCase(0u)]
    [TestCase(9u)]
    [TestCase(OfPorts.Flood)]
    public void Packet_out_from_a_port_that_does_not_exist_is_BAD_PORT(uint inPort) =>
        Controller.Fails(Out(inPort, "output:2"), OfError.BadRequestBadPort);

    [Test]
    public void Packet_out_of_a_buffer_is_BUFFER_UNKNOWN() =>
        Controller.Fails(Out(1, "output:2", buffer: 5), OfError.BadRequestBufferUnknown);

    [TestCase(0)]
    [TestCase(13)]
    public void Packet_out_of_less_than_an_Ethernet_header_is_BAD_PACKET(int length) =>
        Controller.Fails(Out(1, "output:2", frame: _frame[..length]), OfError.BadRequestBadPacket);

    [Test]
    public void Packet_out_to_what_does_not_exist_is_refused_whole()
    {
        Controller.Fails(Out(1, "output:2,output:9"), OfError.BadActionBadOutPort);
        Controller.Fails(Out(1, "output:2,group:9"), OfError.BadActionBadOutGroup);
        Controller.Fails(Out(1, "LOCAL"), OfError.BadActionBadOutPort);

        Assert.That(Forwarding.PacketOuts, Is.Empty);
    }

    [TestCase("arp", "dec_ttl,output:2")]
    [TestCase("arp", "set_field:10.0.0.1->ip_src,output:2")]
    [TestCase("tcp", "set_field:53->udp_dst,output:2")]
    [TestCase("tcp", "pop_vlan,output:2")]
    [TestCase("tcp", "set_field:4096->vlan_vid,output:2")]
    [TestCase("tcp", "pop_mpls:0x0800,output:2")]
    [TestCase("tcp", "push_mpls:0x8847,dec_ttl,output:2")]
    public void Packet_out_whose_packet_lacks_what_an_action_needs_is_MATCH_INCONSISTENT(string packet, string actions)
    {
        Controller.Fails(Out(1, actions, frame: Packets.Frame(packet)), OfError.BadActionMatchInconsistent);
        Assert.That(Forwarding.PacketOuts, Is.Empty);
    }

    [TestCase("tcp", "dec_ttl,set_field:10.0.0.1->ip_src,set_field:80->tcp_dst,output:2")]
    [TestCase("arp", "set_field:10.0.0.1->arp_spa,push_vlan:0x8100,set_field:4097->vlan_vid,pop_vlan,output:2")]
    [TestCase("tcp", "push_mpls:0x8847,set_field:5->mpls_label,pop_mpls:0x0800,dec_ttl,output:2")]
    public void Packet_out_whose_packet_has_what_the_actions_need_is_sent(string packet, string actions)
    {
        Controller.Succeeds(Out(1, actions, frame: Packets.Frame(packet)));
        Assert.That(Forwarding.PacketOuts, Has.Count.EqualTo(1));
    }

    [Test]
    public void Packet_out_without_actions_is_dropped()
    {
        Controller.Succeeds(Out(1, "drop"));

        Assert.That(Forwarding.PacketOuts, Is.Empty);
    }

    [Test]
    public void Packet_out_sees_the_flows_that_were_sent_before_it()
    {
        Controller.Send("add-flow in_port=1,actions=output:2");
        Controller.Send(Out(1, "TABLE"));

        Assert.That(Forwarding.Calls, Is.EqualTo(new[] { "published", "packet out" }));
    }

    // fail mode

    [Test]
    public void Standalone_switch_without_controllers_forwards_what_no_flow_takes()
    {
        StopSwitch();
        Start(new OfSwitchOptions { DatapathId = 1, FailMode = FailMode.Standalone, ControllersConfigured = false });
        Controller.Dispose();

        Assert.That(Switch.Snapshot.Standalone, Is.EqualTo(StandaloneMode.OnMiss));
    }

    [Test]
    public void Standalone_switch_takes_over_three_probe_intervals_after_its_last_controller_was_heard_of()
    {
        Assert.That(Switch.Snapshot.Standalone, Is.EqualTo(StandaloneMode.Off));
        FakeController second = Another();
        Controller.Dispose();
        Time.Advance(TimeSpan.FromMinutes(1));
        Assert.That(Switch.Snapshot.Standalone, Is.EqualTo(StandaloneMode.Off), "one is left");

        second.Dispose();
        Time.Advance(TimeSpan.FromSeconds(14.9));
        Assert.That(Switch.Snapshot.Standalone, Is.EqualTo(StandaloneMode.Off), "it may come back");
        Time.Advance(TimeSpan.FromSeconds(0.1));
        Assert.That(Switch.Snapshot.Standalone, Is.EqualTo(StandaloneMode.Always));

        using FakeController third = Another();
        Assert.That(Switch.Snapshot.Standalone, Is.EqualTo(StandaloneMode.Off), "at once");
        Time.Advance(TimeSpan.FromMinutes(1));
        Assert.That(Switch.Snapshot.Standalone, Is.EqualTo(StandaloneMode.Off));
    }

    [Test]
    public void Silence_before_the_loss_counts()
    {
        Controller.Silence = TimeSpan.FromSeconds(10); // two intervals without an answer to the probe
        Controller.Dispose();

        Time.Advance(TimeSpan.FromSeconds(4.9));
        Assert.That(Switch.Snapshot.Standalone, Is.EqualTo(StandaloneMode.Off));
        Time.Advance(TimeSpan.FromSeconds(0.1));
        Assert.That(Switch.Snapshot.Standalone, Is.EqualTo(StandaloneMode.Always));
    }

    [Test]
    public void Controller_that_comes_back_in_time_stops_the_takeover()
    {
        Controller.Dispose();
        Time.Advance(TimeSpan.FromSeconds(14));
        FakeController again = Another();
        Time.Advance(TimeSpan.FromSeconds(14));
        again.Dispose();

        Time.Advance(TimeSpan.FromSeconds(14.9));
        Assert.That(Switch.Snapshot.Standalone, Is.EqualTo(StandaloneMode.Off), "the time counts anew");
        Time.Advance(TimeSpan.FromSeconds(0.1));
        Assert.That(Switch.Snapshot.Standalone, Is.EqualTo(StandaloneMode.Always));
    }

    [Test]
    public void Controllers_that_never_come_are_waited_for_as_long()
    {
        StopSwitch();
        Start(new OfSwitchOptions { DatapathId = 1, ControllersConfigured = true, TakeoverDelay = TimeSpan.FromSeconds(3) });
        Controller.Dispose(); // the fixture's; it had come at once

        Time.Advance(TimeSpan.FromSeconds(2.9));
        Assert.That(Switch.Snapshot.Standalone, Is.EqualTo(StandaloneMode.Off));
        Time.Advance(TimeSpan.FromSeconds(0.1));
        Assert.That(Switch.Snapshot.Standalone, Is.EqualTo(StandaloneMode.Always));
    }

    [Test]
    public void Tools_are_no_controllers()
    {
        Controller.Dispose();

        using FakeController tool = Another(OfConnectionKind.Service);
        Time.Advance(TimeSpan.FromSeconds(15));

        Assert.That(Switch.Snapshot.Standalone, Is.EqualTo(StandaloneMode.Always));
    }

    [Test]
    public void Secure_switch_never_forwards_by_itself()
    {
        StopSwitch();
        Start(new OfSwitchOptions { DatapathId = 1, FailMode = FailMode.Secure, ControllersConfigured = true });
        Controller.Dispose();
        Time.Advance(TimeSpan.FromMinutes(1));
        Assert.That(Switch.Snapshot.Standalone, Is.EqualTo(StandaloneMode.Off));

        Switch.SetFailMode(FailMode.Secure, controllersConfigured: false);
        Assert.That(Switch.Snapshot.Standalone, Is.EqualTo(StandaloneMode.Off));
    }

    [Test]
    public void Fail_mode_and_controllers_change_while_running()
    {
        Controller.Dispose();
        Time.Advance(TimeSpan.FromMinutes(1));
        Switch.SetFailMode(FailMode.Secure, controllersConfigured: true);
        Assert.That(Switch.Snapshot.Standalone, Is.EqualTo(StandaloneMode.Off));

        Switch.SetFailMode(FailMode.Standalone, controllersConfigured: true);
        Assert.That(Switch.Snapshot.Standalone, Is.EqualTo(StandaloneMode.Always));

        Switch.SetFailMode(FailMode.Standalone, controllersConfigured: false);
        Assert.That(Switch.Snapshot.Standalone, Is.EqualTo(StandaloneMode.OnMiss));
    }

    [Test]
    public void Flows_survive_the_controllers_absence()
    {
        Controller.Succeeds("add-flow in_port=1,actions=output:2");
        Controller.Dispose();

        using FakeController again = Another();

        Assert.That(FlowCount, Is.EqualTo(1));
    }
}
