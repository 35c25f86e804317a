using OvsBridge.Datapath;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Messages.Multipart;
using OvsBridge.Testing;
using OvsBridge.Translator.Switch;

namespace OvsBridge.Translator.Tests.Upcalls;

/// <summary>Meters from METER_MOD to the packet, on the in-memory datapath, whose clock stands still.</summary>
[TestFixture]
public sealed class MeterForwardingTests
{
    private const string Udp = "udp,eth_src=02:00:00:00:00:01,eth_dst=02:00:00:00:00:02,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_ttl=64,nw_tos=40,tp_src=1000,tp_dst=53";

    private Bench _bench = null!;

    [SetUp]
    public void Make() => _bench = new Bench();

    [TearDown]
    public void Dispose() => _bench.Dispose();

    private int Passing(int packets, string packet = Udp)
    {
        int passed = 0;
        for (int i = 0; i < packets; i++)
        {
            passed += _bench.Inject(1, packet).Out.Count();
        }

        return passed;
    }

    private MeterStatsEntry Stats(uint meter)
    {
        _bench.Controller.Send(new MultipartRequest(new MeterQuery(meter)));
        return ((MeterAnswer)_bench.Controller.Expect<MultipartReply>().Answer).Meters.Single();
    }

    [Test]
    public void First_packet_is_metered_as_the_later_ones_and_all_are_counted()
    {
        _bench.Do("add-meter meter=1,pktps,burst,bands=type=drop,rate=10,burst_size=4", "add-flow in_port=1,actions=meter:1,output:2");

        Assert.That(Passing(10), Is.EqualTo(4));
        Assert.That(_bench.Memory.ReadDatapathStats().Miss, Is.EqualTo(1));
        _bench.Time.Advance(TimeSpan.FromSeconds(0.3));
        Assert.That(Passing(10), Is.EqualTo(3));

        ulong length = (ulong)Packets.Frame(Udp).Length;
        MeterStatsEntry stats = Stats(1);
        Assert.That((stats.PacketInCount, stats.ByteInCount, stats.FlowCount), Is.EqualTo((20ul, 20 * length, 1u)));
        Assert.That(stats.Bands.Single(), Is.EqualTo(new BucketCounter(13, 13 * length)));
        Assert.That(_bench.Flow("in_port=1,actions=drop").PacketCount, Is.EqualTo(20), "the flow counts what its meter drops");
        Assert.That(_bench.Memory.ReadDatapathStats().Drops[(int)DropReason.Meter], Is.EqualTo(13));
    }

    [Test]
    public void Changed_meter_is_in_force_after_the_barrier_and_a_deleted_one_takes_its_flows()
    {
        _bench.Do("add-meter meter=1,pktps,burst,bands=type=drop,rate=1,burst_size=2", "add-flow in_port=1,actions=meter:1,output:2");
        Assert.That(Passing(5), Is.EqualTo(2));

        _bench.Do("mod-meter meter=1,pktps,burst,bands=type=drop,rate=1,burst_size=3");
        Assert.That(Passing(5), Is.EqualTo(3));
        Assert.That(Stats(1).PacketInCount, Is.EqualTo(10));

        _bench.Do("del-meter meter=1");
        Assert.That(Passing(5), Is.Zero);
        Assert.That(_bench.Switch.Snapshot.Tables.Sum(t => t.Count), Is.Zero);
    }

    [Test]
    public void Table_behind_a_remark_sees_each_packets_own_DSCP()
    {
        _bench.Do(
            "add-meter meter=1,pktps,burst,bands=type=dscp_remark,rate=1,burst_size=3,prec_level=1",
            "add-flow in_port=1,actions=meter:1,goto_table:1",
            "add-flow table=1,ip,ip_dscp=10,actions=output:2",
            "add-flow table=1,ip,ip_dscp=12,actions=output:3");
        List<uint> ports = [];
        for (int i = 0; i < 6; i++)
        {
            ports.AddRange(_bench.Inject(1, Udp).Out);
        }

        Assert.That(ports, Is.EqualTo([2u, 2u, 2u, 3u, 3u, 3u]));
        Assert.That(_bench.Sent.Single().Packet, Does.Contain("nw_tos=48"));
        Assert.That(_bench.Flow("table=1,ip,ip_dscp=12,actions=drop").PacketCount, Is.EqualTo(3));
    }

    [Test]
    public void Controller_meter_spares_the_controller_and_not_the_other_ports()
    {
        _bench.Do("add-flow in_port=1,actions=controller,output:2");
        Assert.That(Passing(2), Is.EqualTo(2));
        Assert.That(PacketIns(), Is.EqualTo(2), "no meter yet");

        _bench.Do("add-meter meter=controller,pktps,burst,bands=type=drop,rate=1,burst_size=3");
        Assert.That(Passing(10), Is.EqualTo(10));
        Assert.That(PacketIns(), Is.EqualTo(3));
        Assert.That(Stats(MeterMod.ControllerMeter).Bands.Single().PacketCount, Is.EqualTo(7));

        // user space asks the same bucket
        _bench.Forwarding.PurgeMegaflows();
        Assert.That(Passing(1), Is.EqualTo(1));
        Assert.That(PacketIns(), Is.Zero);

        _bench.Do("del-meter meter=controller");
        Passing(2);
        Assert.That(PacketIns(), Is.EqualTo(2));
    }

    [Test]
    public void Slow_path_meter_bounds_what_user_space_executes()
    {
        using Bench bench = new(capabilities: _bench.Memory.Capabilities with { Actions = _bench.Memory.Capabilities.Actions.Except([Datapath.DpActionType.PushVlan]).ToHashSet() });
        bench.Do("add-meter meter=slowpath,pktps,burst,bands=type=drop,rate=1,burst_size=2", "add-flow in_port=1,actions=push_vlan:0x8100,output:2");
        int passed = 0;
        for (int i = 0; i < 8; i++)
        {
            passed += bench.Inject(1, Udp).Out.Count();
        }

        Assert.That(passed, Is.EqualTo(3), "the first packet, which missed, and two of the slow path");
        Assert.That(bench.Memory.ReadDatapathStats().Drops[(int)DropReason.Meter], Is.EqualTo(5));
    }

    [Test]
    public void Meter_that_is_not_there_fails_the_flow() =>
        _bench.Controller.Fails(Flows.Command("add-flow in_port=1,actions=meter:9,output:2"), OpenFlow.Errors.OfError.MeterModFailedUnknownMeter);

    private int PacketIns()
    {
        int count = 0;
        while (_bench.Controller.Waiting > 0)
        {
            _bench.Controller.Expect<PacketIn>();
            count++;
        }

        return count;
    }

    /// <summary>Without a slowpath meter the forwarding side's own limit holds; with one, that does.</summary>
    [Test]
    public void Slow_path_has_a_limit_of_its_own()
    {
        DatapathCapabilities all = _bench.Memory.Capabilities;
        using Bench bench = new(capabilities: all with { Actions = all.Actions.Except([DpActionType.PushVlan]).ToHashSet() }, slowPathRate: 10);
        bench.Do("add-flow in_port=1,actions=push_vlan:0x8100,output:2");
        bench.Inject(1, Udp); // the first one misses, and is no slow-path packet yet

        Assert.That(Enumerable.Range(0, 30).Sum(_ => bench.Inject(1, Udp).Out.Count()), Is.EqualTo(10));
        Assert.That((bench.Forwarding.SlowPathRate, bench.Forwarding.SlowPathDropped), Is.EqualTo((10u, 20ul)));
        bench.Time.Advance(TimeSpan.FromSeconds(0.5));
        Assert.That(Enumerable.Range(0, 30).Sum(_ => bench.Inject(1, Udp).Out.Count()), Is.EqualTo(5));

        bench.Do("add-meter meter=slowpath,pktps,burst,bands=type=drop,rate=10,burst_size=3");
        Assert.That(Enumerable.Range(0, 30).Sum(_ => bench.Inject(1, Udp).Out.Count()), Is.EqualTo(3));
        bench.Do("del-meter meter=slowpath");
        bench.Time.Advance(TimeSpan.FromSeconds(10));
        Assert.That(Enumerable.Range(0, 30).Sum(_ => bench.Inject(1, Udp).Out.Count()), Is.EqualTo(10));
    }
}
