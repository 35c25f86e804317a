using OvsBridge.Datapath;
using OvsBridge.OpenFlow;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Endpoint;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Messages.Multipart;
using OvsBridge.Testing;
using OvsBridge.Translator.Switch;
using OvsBridge.Translator.Tables;

namespace OvsBridge.Translator.Tests.Switch;

/// <summary>A switch with three ports (1 to 3), a recording forwarding side, a clock to turn, and one controller.</summary>
public abstract class SwitchFixture
{
    private protected ManualTime Time { get; private set; } = null!;

    private protected RecordingForwarding Forwarding { get; private set; } = null!;

    private protected FakePorts Ports { get; private set; } = null!;

    private protected FakeMeters Meters { get; private set; } = null!;

    private protected OfSwitch Switch { get; private set; } = null!;

    private protected FakeController Controller { get; private set; } = null!;

    [SetUp]
    public void StartSwitch() => Start(new OfSwitchOptions { DatapathId = 0xda7a, ControllersConfigured = true });

    [TearDown]
    public void StopSwitch()
    {
        Controller.Dispose();
        Switch.Dispose();
    }

    private protected void Start(OfSwitchOptions options, bool meters = true)
    {
        Time = new ManualTime();
        Forwarding = new RecordingForwarding();
        Ports = new FakePorts();
        Meters = new FakeMeters();
        Switch = new OfSwitch(options, Forwarding, Ports, Ports, meters ? Meters : null, Time);
        for (uint number = 1; number <= 3; number++)
            Switch.PortAdded(Port(number));
        Controller = new FakeController(Switch);
        Forwarding.Calls.Clear();
    }

    private protected long NowNs => Time.GetTimestamp();

    private protected SwitchPort Port(uint number) => new(
        new PortDescription { PortNo = number, Name = $"p{number}", HwAddr = 0x020000000000ul + number, CurrentSpeedKbps = 10_000_000 },
        number == OfPorts.Local ? OfPorts.DatapathLocal : number,
        IfIndex: (int)(100 + (number & 0xffff)),
        CreatedNs: NowNs);

    private protected static Rule? FindRule(PipelineSnapshot snapshot, string flow)
    {
        FlowMod mod = Flows.Rule(flow);
        return snapshot.Tables[mod.TableId].Find(mod.Match, mod.Priority);
    }

    private protected Rule TheRule(string flow) => FindRule(Switch.Snapshot, flow) ?? throw new AssertionException($"there is no flow {flow}");

    private protected int FlowCount => Switch.Snapshot.Tables.Sum(table => table.Count);

    private protected FakeController Another(OfConnectionKind kind = OfConnectionKind.Primary) => new(Switch, kind);

    /// <summary>Lets the clock go on in small steps, as a running timer would see it.</summary>
    private protected void Pass(TimeSpan time)
    {
        TimeSpan step = TimeSpan.FromMilliseconds(10);
        for (TimeSpan gone = TimeSpan.Zero; gone < time; gone += step)
            Time.Advance(step);
    }
}

/// <summary>What the switch asked of the forwarding side, in order; counters arrive with PushStats as the datapath's do.</summary>
internal sealed class RecordingForwarding : IForwarding
{
    private readonly List<(RuleStats Stats, ulong Packets, ulong Bytes, long UsedNs)> _inDatapath = [];
    private readonly Lock _lock = new();

    public List<string> Calls { get; } = [];

    public List<(uint InPort, ValueList<OfAction> Actions, byte[] Frame)> PacketOuts { get; } = [];

    public PipelineSnapshot? Newest { get; private set; }

    /// <summary>Counts packets in the datapath, unseen until the next push.</summary>
    public void Hit(RuleStats stats, ulong packets, ulong bytes, long usedNs)
    {
        lock (_lock)
            _inDatapath.Add((stats, packets, bytes, usedNs));
    }

    public void SnapshotPublished(PipelineSnapshot snapshot)
    {
        lock (_lock)
        {
            if (Newest is not null && snapshot.Version <= Newest.Version)
                throw new InvalidOperationException($"version {snapshot.Version} after {Newest.Version}");
            Newest = snapshot;
            Calls.Add("published");
        }
    }

    public void CatchUp()
    {
        lock (_lock)
            Calls.Add("catch up");
    }

    public void PushStats()
    {
        lock (_lock)
        {
            Calls.Add("push");
            foreach ((RuleStats stats, ulong packets, ulong bytes, long usedNs) in _inDatapath)
                stats.Add(packets, bytes, usedNs);
            _inDatapath.Clear();
        }
    }

    public void PacketOut(uint inPort, ValueList<OfAction> actions, ReadOnlyMemory<byte> frame)
    {
        lock (_lock)
        {
            Calls.Add("packet out");
            PacketOuts.Add((inPort, actions, frame.ToArray()));
        }
    }
}

/// <summary>Ports of a host: records what is set, gives counters.</summary>
internal sealed class FakePorts : IPortControl, IPortStatsSource
{
    public Dictionary<uint, bool> Up { get; } = [];

    public Dictionary<uint, DpPortFlags> Flags { get; } = [];

    public Dictionary<uint, PortStatsEntry?> Counters { get; } = [];

    /// <summary>The kernel says no.</summary>
    public bool Refuses { get; set; }

    public void SetUp(SwitchPort port, bool up)
    {
        if (Refuses)
            throw new DatapathException("RTM_SETLINK: EPERM", 1);
        Up[port.Description.PortNo] = up;
    }

    public void SetFlags(SwitchPort port, DpPortFlags flags) => Flags[port.DatapathPort] = flags;

    public IReadOnlyList<PortStatsEntry?> Read(IReadOnlyList<SwitchPort> ports) =>
        [.. ports.Select(port => Counters.GetValueOrDefault(port.Description.PortNo, new PortStatsEntry()))];

    public Dictionary<uint, PortQueue[]> Queues { get; } = [];

    public IReadOnlyList<PortQueue> ReadQueues(SwitchPort port) => Queues.GetValueOrDefault(port.Description.PortNo, []);
}

/// <summary>Token buckets that only remember.</summary>
internal sealed class FakeMeters : IMeterControl
{
    public Dictionary<uint, Meter> Slots { get; } = [];

    public bool Refuses { get; set; }

    /// <summary>A meter that it does not take.</summary>
    public uint? RefusedId { get; set; }

    public uint MaxMeters { get; set; } = 8;

    public byte MaxBands => 4;

    /// <summary>There is no room for bands.</summary>
    public bool Full { get; set; }

    public bool Set(Meter meter)
    {
        if (Refuses || meter.MeterId == RefusedId)
            throw new DatapathException("map update: ENOMEM", 12);
        if (Full)
            return false;
        Slots[meter.Slot] = meter;
        return true;
    }

    public void Remove(Meter meter)
    {
        if (!Slots.Remove(meter.Slot))
            throw new InvalidOperationException($"slot {meter.Slot} is free");
    }

    public MeterCounters Read(Meter meter) =>
        new(10 * meter.MeterId, 1000 * meter.MeterId, meter.Bands.Select(band => new BucketCounter(band.Rate, 2 * band.Rate)).ToValueList());
}
