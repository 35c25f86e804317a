using OvsBridge.Datapath;
using OvsBridge.Host.Options;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Messages.Multipart;
using OvsBridge.Translator.Switch;
using OvsBridge.Translator.Tables;

namespace OvsBridge.Host;

/// <summary>Ports without interfaces, for <c>--datapath memory</c>: always there, up as long as OpenFlow does not say otherwise.</summary>
internal sealed class MemoryPorts(SwitchOptions options, IDatapath datapath, TimeProvider time) : IPorts
{
    private OfSwitch? _switch;

    /// <inheritdoc/>
    public void Start(OfSwitch @switch)
    {
        if (options.Ports.FirstOrDefault(port => port.FastPeer) is { } fast)
            throw new UsageException($"--port: fast-peer can't be had for '{fast.Interface}': with --datapath memory there are no interfaces");
        _switch = @switch;
        int ifIndex = 1;
        foreach (PortOption option in options.Ports)
        {
            uint number = option.Number == OfPorts.Local ? OfPorts.DatapathLocal : option.Number;
            datapath.AddPort(option.ToDatapath(number, ifIndex, options));
            PortDescription description = new() { PortNo = option.Number, Name = option.Interface, HwAddr = 0x0200_0000_0000UL | number };
            @switch.PortAdded(new SwitchPort(description, number, ifIndex++, time.GetTimestamp()));
        }
    }

    /// <inheritdoc/>
    public bool LeaveBehind { get; set; }

    /// <inheritdoc/>
    public void SetUp(SwitchPort port, bool up)
    {
        PortDescription description = port.Description with
        {
            Config = up ? port.Description.Config & ~PortConfig.PortDown : port.Description.Config | PortConfig.PortDown,
            State = up ? PortState.None : PortState.LinkDown,
        };
        // As with real interfaces, the change comes back as an event, not before the call returns.
        ThreadPool.QueueUserWorkItem(_ => _switch!.PortChanged(port with { Description = description }));
    }

    /// <inheritdoc/>
    public void SetFlags(SwitchPort port, DpPortFlags flags) => datapath.SetPortFlags(port.DatapathPort, flags);

    /// <inheritdoc/>
    public IReadOnlyList<PortStatsEntry?> Read(IReadOnlyList<SwitchPort> ports) => [.. ports.Select(_ => new PortStatsEntry())];

    /// <inheritdoc/>
    public IReadOnlyList<PortQueue> ReadQueues(SwitchPort port) => [];

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
