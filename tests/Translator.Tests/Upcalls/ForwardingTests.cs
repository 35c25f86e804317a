using OvsBridge.Datapath;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.Testing;
using OvsBridge.Translator.Switch;
using OvsBridge.Translator.Upcalls;

namespace OvsBridge.Translator.Tests.Upcalls;

[TestFixture]
public sealed class ForwardingTests
{
    private const string Tcp = "tcp,eth_src=02:00:00:00:00:01,eth_dst=02:00:00:00:00:02,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_ttl=64,tp_src=1000,tp_dst=80";
    private const string Udp = "udp,eth_src=02:00:00:00:00:01,eth_dst=02:00:00:00:00:02,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_ttl=64,tp_src=1000,tp_dst=53";

    private Bench _bench = null!;

    [SetUp]
    public void Make() => _bench = new Bench();

    [TearDown]
    public void Dispose() => _bench.Dispose();

    [Test]
    public void First_packet_is_sent_by_user_space_and_the_next_by_the_datapath()
    {
        _bench.Do("add-flow in_port=1,actions=output:2,output:3");

        Assert.That(_bench.Inject(1, Tcp).Out, Is.EqualTo([2u, 3u]));
        Assert.That(_bench.Memory.ReadDatapathStats(), Has.Property("Hit").EqualTo(0).And.Property("Miss").EqualTo(1));

        Assert.That(_bench.Inject(1, Udp).Out, Is.EqualTo([2u, 3u]), "one megaflow serves all packets of port 1");
        Assert.That(_bench.Memory.ReadDatapathStats(), Has.Property("Hit").EqualTo(1).And.Property("Miss").EqualTo(1));
        Assert.That(_bench.Forwarding.MegaflowCount, Is.EqualTo(1));
    }

    [Test]
    public void Waiting_packets_are_sent_before_their_megaflow_is_installed()
    {
        _bench.Do("add-flow in_port=1,actions=output:2");
        _bench.Memory.Receive(1, Packets.Frame(Tcp + ",nw_tos=4"));
        _bench.Memory.Receive(1, Packets.Frame(Tcp + ",nw_tos=8"));
        Assert.That(_bench.Sent, Is.Empty);

        _bench.Memory.DeliverUpcalls();

        Assert.That(_bench.Sent.Select(s => s.Packet.Contains("nw_tos=4", StringComparison.Ordinal)), Is.EqualTo([true, false]));
        Assert.That(_bench.Forwarding.MegaflowCount, Is.EqualTo(1));
    }

    [Test]
    public void Flow_counters_have_what_user_space_and_datapath_counted()
    {
        _bench.Do("add-flow priority=5,tcp,actions=output:2", "add-flow priority=1,actions=output:3");
        for (int i = 0; i < 10; i++)
        {
            _bench.Inject(1, Tcp);
        }

        _bench.Inject(1, Udp);

        int length = Packets.Frame(Tcp).Length;
        Assert.That(_bench.Flow("priority=5,tcp,actions=drop"), Has.Property("PacketCount").EqualTo(10).And.Property("ByteCount").EqualTo(10 * length));
        Assert.That(_bench.Flow("priority=1,actions=drop").PacketCount, Is.EqualTo(1));
    }

    [Test]
    public void Deleted_flow_forwards_nothing_after_the_barrier()
    {
        _bench.Do("add-flow in_port=1,actions=output:2");
        _bench.Inject(1, Tcp).Inject(1, Tcp);

        _bench.Do("del-flows in_port=1");

        Assert.That(_bench.Inject(1, Tcp).Out, Is.Empty);
    }

    [Test]
    public void Modified_actions_are_in_force_after_the_barrier()
    {
        _bench.Do("add-flow in_port=1,actions=output:2");
        _bench.Inject(1, Tcp);

        _bench.Do("mod-flows in_port=1,actions=output:3");

        Assert.That(_bench.Inject(1, Tcp).Out, Is.EqualTo([3u]));
        Assert.That(_bench.Memory.ReadDatapathStats().Hit, Is.EqualTo(1), "the megaflow was corrected in place");
    }

    [Test]
    public void Flow_that_looks_at_more_removes_the_megaflow_that_is_too_wide()
    {
        _bench.Do("add-flow priority=1,in_port=1,actions=output:2");
        _bench.Inject(1, Tcp);

        _bench.Do("add-flow priority=2,udp,actions=output:3");

        Assert.That(_bench.Forwarding.MegaflowCount, Is.Zero);
        Assert.That(_bench.Inject(1, Udp).Out, Is.EqualTo([3u]));
        Assert.That(_bench.Inject(1, Tcp).Out, Is.EqualTo([2u]));
        Assert.That(_bench.Inject(1, Tcp).Out, Is.EqualTo([2u]));
    }

    [Test]
    public void Change_in_a_table_that_was_not_visited_leaves_a_megaflow_alone()
    {
        _bench.Do("add-flow in_port=1,actions=output:2");
        _bench.Inject(1, Tcp);
        MegaflowInfo before = _bench.Forwarding.Megaflows().Single();

        _bench.Do("add-flow table=7,udp,actions=output:3");

        Assert.That(_bench.Forwarding.Megaflows().Single(), Is.EqualTo(before));
    }

    [Test]
    public void Counters_survive_a_corrected_megaflow_and_go_to_the_right_flow()
    {
        _bench.Do("add-flow in_port=1,actions=output:2");
        _bench.Inject(1, Tcp).Inject(1, Tcp).Inject(1, Tcp);

        _bench.Do("add-flow priority=40000,in_port=1,actions=output:3");
        _bench.Inject(1, Tcp).Inject(1, Tcp);

        Assert.That(_bench.Flow("in_port=1,actions=drop").PacketCount, Is.EqualTo(3));
        Assert.That(_bench.Flow("priority=40000,in_port=1,actions=drop").PacketCount, Is.EqualTo(2));
    }

    [Test]
    public void Idle_megaflow_goes_and_a_used_one_stays()
    {
        _bench.Do("add-flow in_port=1,actions=output:2", "add-flow in_port=2,actions=output:1");
        _bench.Inject(1, Tcp).Inject(2, Tcp);
        _bench.Time.Advance(TimeSpan.FromSeconds(6));
        _bench.Inject(2, Tcp);
        _bench.Time.Advance(TimeSpan.FromSeconds(6));

        _bench.Forwarding.RevalidateNow();

        Assert.That(_bench.Forwarding.Megaflows().Select(m => m.Key.InPort), Is.EqualTo([2u]));
    }

    [Test]
    public void Flow_removed_by_idle_timeout_has_the_packets_of_the_datapath()
    {
        _bench.Do("add-flow in_port=1,idle_timeout=5,send_flow_rem,actions=output:2");
        _bench.Inject(1, Tcp).Inject(1, Tcp).Inject(1, Tcp);
        _bench.Time.Advance(TimeSpan.FromSeconds(4));
        _bench.Inject(1, Tcp);
        Pass(TimeSpan.FromSeconds(4.5));
        Assert.That(_bench.Controller.Waiting, Is.Zero, "used four and a half seconds ago");

        Pass(TimeSpan.FromSeconds(1));
        _bench.Controller.Send(new BarrierRequest()); // flow_removed is sent by a thread of its own, before this is answered

        FlowRemoved removed = _bench.Controller.Expect<FlowRemoved>();
        _bench.Controller.Expect<BarrierReply>();
        Assert.That(removed, Has.Property("Reason").EqualTo(FlowRemovedReason.IdleTimeout).And.Property("PacketCount").EqualTo(4));
        Assert.That(removed.DurationNs, Is.EqualTo(9e9).Within(0.2e9));
    }

    [Test]
    public void Packet_for_the_controller_has_its_flow_and_the_rest_of_the_packet()
    {
        _bench.Do("add-flow cookie=0x77,table=0,in_port=1,actions=write_metadata:0x5,goto_table:3", "add-flow table=3,cookie=0x78,tcp,actions=mod_nw_ttl:9,controller:20,output:2");

        for (int i = 0; i < 3; i++) // by user space, then by the datapath
        {
            Assert.That(_bench.Inject(1, Tcp).Out, Is.EqualTo([2u]));
            PacketIn packetIn = _bench.Controller.Expect<PacketIn>();
            Assert.That(packetIn, Has.Property("Reason").EqualTo(PacketInReason.Action)
                .And.Property("TableId").EqualTo(3).And.Property("Cookie").EqualTo(0x78)
                .And.Property("TotalLength").EqualTo(Packets.Frame(Tcp).Length));
            Assert.That(packetIn.Match.Value.InPort, Is.EqualTo(1));
            Assert.That(packetIn.Match.Value.Metadata, Is.EqualTo(5));
            Assert.That(packetIn.Data.Length, Is.EqualTo(20));
        }

        Assert.That(_bench.Memory.ReadDatapathStats().Hit, Is.EqualTo(2));
    }

    [Test]
    public void Packet_out_goes_out_or_through_the_tables()
    {
        _bench.Do("add-flow in_port=2,actions=output:4");
        byte[] frame = Packets.Frame(Tcp);

        _bench.Controller.Send(new PacketOut(FlowMod.NoBuffer, OpenFlow.Actions.OfPorts.Controller, Flows.Actions("mod_nw_ttl:7,output:1,output:3"), frame));
        Assert.That(_bench.Out, Is.EqualTo([1u, 3u]));
        Assert.That(_bench.Sent[0].Packet, Does.Contain("nw_ttl=7"));

        _bench.Sent.Clear();
        _bench.Controller.Send(new PacketOut(FlowMod.NoBuffer, 2, Flows.Actions("table"), frame));
        Assert.That(_bench.Out, Is.EqualTo([4u]));
        Assert.That(_bench.Flow("in_port=2,actions=drop").PacketCount, Is.EqualTo(1));
    }

    [Test]
    public void Translation_that_is_older_than_the_pipeline_is_not_installed()
    {
        _bench.Do("add-flow in_port=1,actions=output:2");
        _bench.Memory.Receive(1, Packets.Frame(Tcp));
        UpcallHandlerThatChanges handler = new(_bench);
        _bench.Memory.DeliverUpcalls();
        Assert.That(_bench.Forwarding.MegaflowCount, Is.EqualTo(1), "nothing changed: installed");

        _bench.Forwarding.PurgeMegaflows();
        _bench.Memory.Receive(1, Packets.Frame(Tcp));
        handler.ChangeWhilePacketsAreSent();
        _bench.Memory.DeliverUpcalls();

        Assert.That(_bench.Forwarding.MegaflowCount, Is.Zero);
        Assert.That(_bench.Inject(1, Tcp).Out, Is.EqualTo([3u]));
    }

    [Test]
    public void What_the_datapath_cannot_do_is_done_in_user_space_for_each_packet()
    {
        using Bench bench = new(capabilities: new DatapathCapabilities(
            new HashSet<DpActionType> { DpActionType.Output, DpActionType.Userspace, DpActionType.Drop }, 1000, 16, 64));
        bench.Do("add-flow in_port=1,actions=mod_dl_dst:02:00:00:00:00:99,output:2");

        for (int i = 0; i < 3; i++)
        {
            Assert.That(bench.Inject(1, Tcp).Out, Is.EqualTo([2u]));
            Assert.That(bench.Sent[0].Packet, Does.Contain("dl_dst=02:00:00:00:00:99"));
        }

        Assert.That(bench.Forwarding.Megaflows().Single().SlowPath.Single().Name, Is.EqualTo("action"));
        Assert.That(bench.Flow("in_port=1,actions=drop").PacketCount, Is.EqualTo(3), "each packet counts once");
        Assert.That(bench.Forwarding.Counters[ForwardingCounter.SlowPath], Is.EqualTo(2));
    }

    [Test]
    public void Full_table_refuses_and_packets_still_flow()
    {
        using Bench bench = new(maxFlows: 2);
        bench.Do("add-flow tcp,tp_src=1,actions=output:2", "add-flow tcp,tp_src=2,actions=output:2", "add-flow tcp,tp_src=3,actions=output:2");
        for (int i = 1; i <= 3; i++)
        {
            Assert.That(bench.Inject(1, $"tcp,nw_src=10.0.0.1,nw_dst=10.0.0.2,tp_src={i},tp_dst=5").Out, Is.EqualTo([2u]));
        }

        Assert.That(bench.Forwarding.MegaflowCount, Is.EqualTo(2));
        Assert.That(bench.Forwarding.MegaflowsRefused, Is.EqualTo(1));
    }

    [Test]
    public void Records_of_megaflows_that_went_serve_new_ones_and_bring_nothing_along()
    {
        const int Number = 20;
        _bench.Do("add-group group_id=1,type=indirect,bucket=output:3", "add-flow table=1,priority=2,tcp,actions=output:2", "add-flow table=1,priority=1,udp,actions=group:1");
        for (int i = 0; i < Number; i++)
        {
            // Each port is a megaflow of its own.
            _bench.Do($"add-flow tcp,tp_src={100 + i},actions=goto_table:1", $"add-flow udp,tp_src={100 + i},actions=goto_table:1");
        }

        InjectAll(Tcp);
        HashSet<Ukey> before = new(_bench.Forwarding.Ukeys, ReferenceEqualityComparer.Instance);
        _bench.Forwarding.PurgeMegaflows();

        InjectAll(Udp);
        InjectAll(Udp);

        Assert.That(_bench.Forwarding.Ukeys.Count(before.Contains), Is.EqualTo(Number - 1), "the first found none that was free");
        Assert.That(_bench.Flow("table=1,priority=2,tcp,actions=drop").PacketCount, Is.EqualTo(Number));
        Assert.That(_bench.Flow("table=1,priority=1,udp,actions=drop").PacketCount, Is.EqualTo(2 * Number));
        _bench.Do("mod-group group_id=1,type=indirect,bucket=output:4");
        Assert.That(_bench.Inject(1, Udp.Replace("tp_src=1000", "tp_src=100", StringComparison.Ordinal)).Out, Is.EqualTo([4u]), "what the new megaflows depend on is looked at");

        void InjectAll(string packet)
        {
            for (int i = 0; i < Number; i++)
            {
                _bench.Inject(1, packet.Replace("tp_src=1000", $"tp_src={100 + i}", StringComparison.Ordinal));
            }
        }
    }

    [Test]
    public void Free_records_go_when_nobody_needs_them()
    {
        _bench.Do("add-flow priority=1,ip,nw_tos=4,actions=output:2", "add-flow priority=2,ip,nw_tos=8,actions=output:3");
        _bench.Inject(1, Tcp + ",nw_tos=4").Inject(1, Tcp + ",nw_tos=8");
        HashSet<Ukey> before = new(_bench.Forwarding.Ukeys, ReferenceEqualityComparer.Instance);
        _bench.Forwarding.PurgeMegaflows();
        for (int i = 0; i < before.Count; i++)
        {
            _bench.Forwarding.RevalidateNow();
        }

        _bench.Inject(1, Tcp + ",nw_tos=4").Inject(1, Tcp + ",nw_tos=8");

        Assert.That(_bench.Forwarding.Ukeys, Has.Count.EqualTo(before.Count).And.None.Matches<Ukey>(before.Contains));
    }

    [Test]
    public void Standalone_switch_learns_and_floods()
    {
        using Bench bench = new(failMode: FailMode.Standalone, controllersConfigured: false);
        const string there = "udp,eth_src=02:00:00:00:00:01,eth_dst=02:00:00:00:00:02,nw_src=10.0.0.1,nw_dst=10.0.0.2";
        const string back = "udp,eth_src=02:00:00:00:00:02,eth_dst=02:00:00:00:00:01,nw_src=10.0.0.2,nw_dst=10.0.0.1";

        Assert.That(bench.Inject(1, there).Out, Is.EqualTo([2u, 3u, 4u]), "not known yet: flooded");
        Assert.That(bench.Inject(2, back).Out, Is.EqualTo([1u]));
        bench.Forwarding.RevalidateNow();
        Assert.That(bench.Inject(1, there).Out, Is.EqualTo([2u]), "the megaflow that flooded was corrected");
    }

    [Test]
    public void Faulty_sink_loses_one_packet_and_stops_nothing()
    {
        _bench.Do("add-flow in_port=1,actions=controller", "add-flow in_port=2,actions=output:1");
        _bench.Forwarding.PacketIns = new Throws();

        _bench.Inject(1, Tcp);

        Assert.That(_bench.Inject(2, Tcp).Out, Is.EqualTo([1u]));
        Assert.That(_bench.Forwarding.Counters[ForwardingCounter.Fault], Is.EqualTo(1));
        Assert.That(_bench.Forwarding.Counters.LastFault, Is.TypeOf<NotSupportedException>());
    }

    private void Pass(TimeSpan time)
    {
        for (TimeSpan gone = TimeSpan.Zero; gone < time; gone += TimeSpan.FromMilliseconds(50))
        {
            _bench.Time.Advance(TimeSpan.FromMilliseconds(50));
        }
    }

    /// <summary>Changes the pipeline while the first packet is being sent: after its translation, before the installation.</summary>
    private sealed class UpcallHandlerThatChanges(Bench bench)
    {
        private bool _armed;

        public void ChangeWhilePacketsAreSent()
        {
            _armed = true;
            bench.Memory.Transmitted += (_, _) =>
            {
                if (_armed)
                {
                    _armed = false;
                    bench.Do("mod-flows in_port=1,actions=output:3");
                }
            };
        }
    }

    private sealed class Throws : IPacketInSink
    {
        public void OnPacketIn(PacketInEvent packet) => throw new NotSupportedException("a fault of the test's");
    }
}
