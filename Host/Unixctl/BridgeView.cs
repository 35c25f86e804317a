using OvsBridge.Datapath;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Text;
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

    /// <summary>Names of datapath ports, both ways.</summary>
    public PortNames PortNames => new(PortName, name => Datapath.Ports.FirstOrDefault(port => port.Name == name)?.Number);

    /// <summary>Reads a match in ovs-ofctl's words, for keys of the datapath, whose port numbers differ for LOCAL.</summary>
    /// <exception cref="FlowSyntaxException">It is wrong.</exception>
    public Match Filter(string text)
    {
        Match match = FlowSyntax.ParseFlow(text + (text.Length > 0 ? "," : "") + "actions=drop", ports: PortNames).Match;
        if (match.Mask.InPort == 0 || match.Value.InPort != OfPorts.Local)
            return match;
        FlowKey value = match.Value;
        value.InPort = OfPorts.DatapathLocal;
        return new Match(value, match.Mask);
    }

    /// <summary>An OpenFlow port number as Open vSwitch shows it outside of flows.</summary>
    public static uint ShownNumber(uint port) => port == OfPorts.Local ? OfPorts.DatapathLocal : port;
}
