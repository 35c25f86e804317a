using OvsBridge.Datapath;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.Translator.Switch;
using OvsBridge.Translator.Upcalls;

namespace OvsBridge.Host.Unixctl;

/// <summary>What the commands look at.</summary>
/// <param name="Bridge">Name of the bridge.</param>
/// <param name="Datapath">The datapath.</param>
/// <param name="Switch">The agent.</param>
/// <param name="Forwarding">The forwarding side.</param>
/// <param name="Counters">Where port counters come from.</param>
/// <param name="Time">Clock; its timestamps are those of the datapath.</param>
internal sealed record BridgeView(
    string Bridge, IDatapath Datapath, OfSwitch Switch, Forwarding Forwarding, IPortStatsSource Counters, TimeProvider Time)
{
    /// <summary>What the datapath is called: "TYPE@NAME".</summary>
    public string DatapathName => $"{(Datapath.Kind == "memory" ? "memory" : "bpf")}@{Bridge}";

    /// <summary>Checks the name of a bridge.</summary>
    /// <exception cref="UnixctlException">It is another.</exception>
    public void RequireBridge(string name)
    {
        if (name != Bridge)
            throw new UnixctlException("no such bridge");
    }

    /// <summary>Checks the name of a datapath, with or without its type.</summary>
    /// <exception cref="UnixctlException">It is another.</exception>
    public void RequireDatapath(string name)
    {
        if (name != DatapathName && name != Bridge)
            throw new UnixctlException($"ovs-vswitchd: opening datapath {name} failed (No such device)");
    }

    /// <summary>The name of a datapath port; null when there is none of this number.</summary>
    public string? PortName(uint datapathPort) => Datapath.Ports.FirstOrDefault(port => port.Number == datapathPort)?.Name;

    /// <summary>An OpenFlow port number as Open vSwitch shows it outside of flows.</summary>
    public static uint ShownNumber(uint port) => port == OfPorts.Local ? OfPorts.DatapathLocal : port;
}
