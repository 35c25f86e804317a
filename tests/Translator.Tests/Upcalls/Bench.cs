using OvsBridge.Datapath;
using OvsBridge.Datapath.Memory;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Endpoint;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Messages.Multipart;
using OvsBridge.Testing;
using OvsBridge.Translator.Switch;
using OvsBridge.Translator.Tables;
using OvsBridge.Translator.Tests.Switch;
using OvsBridge.Translator.Upcalls;
using OvsBridge.Translator.Xlate;

namespace OvsBridge.Translator.Tests.Upcalls;

/// <summary>
/// A whole switch without a kernel: agent, forwarding side, in-memory datapath with ports 1 to 4, one controller. No
/// threads run: upcalls are delivered and megaflows revalidated when the test says so.
/// </summary>
internal sealed class Bench : IDisposable
{
    private readonly IUpcallSink _handler;

    public Bench(int maxFlows = 200_000, FailMode failMode = FailMode.Secure, bool controllersConfigured = true, DatapathCapabilities? capabilities = null, uint slowPathRate = 0)
    {
        Time.Advance(TimeSpan.FromHours(1));
        Memory = new InMemoryDatapath(new InMemoryDatapathOptions { Delivery = UpcallDelivery.Manual, Time = Time, MaxFlows = maxFlows });
        Datapath = capabilities is null ? Memory : new LimitedDatapath(Memory, capabilities);
        Memory.Transmitted += (port, frame) => Sent.Add((port, Packets.Text(frame.Span)));
        Forwarding = new Forwarding(Datapath, new MacTable(), Time, maxFlows, slowPathRate);
        FakePorts ports = new();
        Switch = new OfSwitch(
            new OfSwitchOptions { DatapathId = 1, FailMode = failMode, ControllersConfigured = controllersConfigured }, Forwarding, ports, ports, new DatapathMeters(Datapath), Time);
        Forwarding.PacketIns = Switch;
        _handler = Forwarding.Handler();
        Memory.StartUpcalls(new Interrupted(this));
        for (uint number = 1; number <= 4; number++)
        {
            Memory.AddPort(new DpPort(number, $"p{number}", (int)(100 + number)));
            Switch.PortAdded(new SwitchPort(
                new PortDescription { PortNo = number, Name = $"p{number}", HwAddr = 0x020000000000ul + number, State = PortState.Live },
                number,
                (int)(100 + number),
                Time.NowNs()));
        }

        Controller = new FakeController(Switch, controllersConfigured ? OfConnectionKind.Primary : OfConnectionKind.Service);
        while (Controller.Waiting > 0)
        {
            Controller.Expect<PortStatus>();
        }
    }

    public ManualTime Time { get; } = new();

    public InMemoryDatapath Memory { get; }

    public IDatapath Datapath { get; }

    public Forwarding Forwarding { get; }

    public OfSwitch Switch { get; }

    public FakeController Controller { get; }

    /// <summary>What left the ports since the last <see cref="Inject"/>.</summary>
    public List<(uint Port, string Packet)> Sent { get; } = [];

    /// <summary>Done when packets are translated and their megaflows not installed yet.</summary>
    public Action? BeforeBatchEnd { get; set; }

    /// <summary>Ports that the last packets left by.</summary>
    public IEnumerable<uint> Out => Sent.Select(s => s.Port);

    /// <summary>A packet comes in and is treated completely.</summary>
    public Bench Inject(uint port, string packet)
    {
        Sent.Clear();
        Memory.Receive(port, Packets.Frame(packet));
        Memory.DeliverUpcalls();
        return this;
    }

    /// <summary>Sends commands in ovs-ofctl's notation, then a barrier.</summary>
    public void Do(params string[] commands)
    {
        Controller.Send(commands);
        Barrier();
    }

    public void Barrier()
    {
        Controller.Send(new BarrierRequest());
        Controller.Expect<BarrierReply>();
    }

    /// <summary>Packets and bytes of the flow, by OpenFlow statistics.</summary>
    public FlowStatsEntry Flow(string flow)
    {
        FlowMod mod = Flows.Rule(flow);
        Controller.Send(new MultipartRequest(new FlowQuery(FlowFilter.All)));
        return ((FlowAnswer)Controller.Expect<MultipartReply>().Answer).Flows
            .Single(f => f.TableId == mod.TableId && f.Priority == mod.Priority && f.Match.Equals(mod.Match));
    }

    public void Dispose()
    {
        Controller.Dispose();
        Switch.Dispose();
        Forwarding.Dispose();
        Memory.Dispose();
    }

    private sealed class Interrupted(Bench bench) : IUpcallSink
    {
        public void OnUpcall(in Upcall upcall) => bench._handler.OnUpcall(upcall);

        public void OnBatchEnd()
        {
            bench.BeforeBatchEnd?.Invoke();
            bench._handler.OnBatchEnd();
        }
    }

    /// <summary>A datapath that says it can do less than it can.</summary>
    private sealed class LimitedDatapath(IDatapath inner, DatapathCapabilities capabilities) : IDatapath
    {
        public string Kind => inner.Kind;

        public DatapathCapabilities Capabilities => capabilities;

        public IReadOnlyList<DpPort> Ports => inner.Ports;

        public int FlowCount => inner.FlowCount;

        public void StartUpcalls(IUpcallSink sink) => inner.StartUpcalls(sink);

        public void AddPort(DpPort port) => inner.AddPort(port);

        public bool RemovePort(uint number) => inner.RemovePort(number);

        public void SetPortPeer(uint number, ulong? mac) => inner.SetPortPeer(number, mac);

        public void SetPortFlags(uint number, DpPortFlags flags) => inner.SetPortFlags(number, flags);

        public PutOutcome PutFlow(in FlowKey key, in FlowKey mask, DpActions actions, MegaflowHandle? spent, out MegaflowHandle? flow) =>
            inner.PutFlow(key, mask, actions, spent, out flow);

        public bool ReplaceActions(MegaflowHandle flow, DpActions actions) => inner.ReplaceActions(flow, actions);

        public void RemoveFlows(ReadOnlySpan<MegaflowHandle> flows, Span<MegaflowStats> final) => inner.RemoveFlows(flows, final);

        public MegaflowStats ReadStats(MegaflowHandle flow) => inner.ReadStats(flow);

        public void Execute(DpPacket packet, DpActions actions, IUpcallSink? sink, bool mayWait) => inner.Execute(packet, actions, sink, mayWait);

        public void SendWaiting() => inner.SendWaiting();

        public bool SetMeter(uint slot, DpMeter meter) => inner.SetMeter(slot, meter);

        public bool RemoveMeter(uint slot) => inner.RemoveMeter(slot);

        public DpMeterStats? ReadMeter(uint slot) => inner.ReadMeter(slot);

        public void SamplePackets(uint oneIn, Action<PacketSample>? receiver) => inner.SamplePackets(oneIn, receiver);

        public void Synchronize() => inner.Synchronize();

        public DatapathStats ReadDatapathStats() => inner.ReadDatapathStats();

        public DpPortStats? ReadPortStats(uint number) => inner.ReadPortStats(number);

        public void Dispose() => inner.Dispose();
    }
}
