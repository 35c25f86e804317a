using System.Globalization;
using System.Text;
using OvsBridge.Datapath;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Messages.Multipart;
using OvsBridge.Translator.Switch;
using OvsBridge.Translator.Tables;

namespace OvsBridge.Host.Unixctl;

/// <summary>Commands about the datapath and the bridge's ports, in Open vSwitch's forms.</summary>
internal sealed class DatapathCommands
{
    private readonly string _bridge;
    private readonly IDatapath _datapath;
    private readonly OfSwitch _switch;
    private readonly IPortStatsSource _counters;

    private DatapathCommands(string bridge, IDatapath datapath, OfSwitch @switch, IPortStatsSource counters)
    {
        _bridge = bridge;
        _datapath = datapath;
        _switch = @switch;
        _counters = counters;
    }

    /// <summary>What a datapath is called: "TYPE@NAME".</summary>
    public string Name => $"{(_datapath.Kind == "memory" ? "memory" : "bpf")}@{_bridge}";

    /// <summary>Adds the commands.</summary>
    public static DatapathCommands Register(UnixctlCommands commands, string bridge, IDatapath datapath, OfSwitch @switch, IPortStatsSource counters)
    {
        DatapathCommands own = new(bridge, datapath, @switch, counters);
        commands.Add("dpctl/dump-dps", "", 0, 0, _ => own.Name);
        commands.Add("dpif/dump-dps", "", 0, 0, _ => own.Name);
        commands.Add("dpctl/show", "[-s] [dp...]", 0, int.MaxValue, own.Show);
        commands.Add("dpif/show", "", 0, 0, _ => own.ShowBridges());
        commands.Add("ofproto/list", "", 0, 0, _ => bridge);
        commands.Add("drops/show", "", 0, 0, _ => own.ShowDrops());
        return own;
    }

    /// <summary>Checks the name of a bridge.</summary>
    /// <exception cref="UnixctlException">It is another.</exception>
    public void RequireBridge(string name)
    {
        if (name != _bridge)
            throw new UnixctlException("no such bridge");
    }

    /// <summary>Checks the name of a datapath, with or without its type.</summary>
    /// <exception cref="UnixctlException">It is another.</exception>
    public void RequireDatapath(string name)
    {
        if (name != Name && name != _bridge)
            throw new UnixctlException($"ovs-vswitchd: opening datapath {name} failed (No such device)");
    }

    private string Show(IReadOnlyList<string> arguments)
    {
        bool statistics = false;
        foreach (string argument in arguments)
        {
            if (argument is "-s" or "--statistics")
                statistics = true;
            else
                RequireDatapath(argument);
        }

        DatapathStats stats = _datapath.ReadDatapathStats();
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{Name}:\n");
        text.Append(CultureInfo.InvariantCulture, $"  lookups: hit:{stats.Hit} missed:{stats.Miss} lost:{stats.Lost}\n");
        text.Append(CultureInfo.InvariantCulture, $"  flows: {stats.Flows}\n");
        double lookups = stats.Hit + stats.Miss;
        double perPacket = lookups == 0 ? 0 : stats.MasksTried / lookups;
        text.Append(CultureInfo.InvariantCulture, $"  masks: hit:{stats.MasksTried} total:{stats.Masks} hit/pkt:{perPacket:0.00}\n");
        IReadOnlyList<DpPort> ports = _datapath.Ports;
        Dictionary<uint, PortStatsEntry> counters = statistics ? Counters() : [];
        foreach (DpPort port in ports)
        {
            text.Append(CultureInfo.InvariantCulture, $"  port {port.Number}: {port.Name}\n");
            if (statistics && counters.TryGetValue(port.Number, out PortStatsEntry? entry))
            {
                text.Append(CultureInfo.InvariantCulture, $"    RX packets:{entry.RxPackets} errors:{entry.RxErrors} dropped:{entry.RxDropped} overruns:{entry.RxOverErrors} frame:{entry.RxFrameErrors}\n");
                text.Append(CultureInfo.InvariantCulture, $"    TX packets:{entry.TxPackets} errors:{entry.TxErrors} dropped:{entry.TxDropped} aborted:0 carrier:0\n");
                text.Append(CultureInfo.InvariantCulture, $"    collisions:{entry.Collisions}\n");
                text.Append(CultureInfo.InvariantCulture, $"    RX bytes:{Bytes(entry.RxBytes)}  TX bytes:{Bytes(entry.TxBytes)}\n");
            }
        }

        return text.ToString();
    }

    private Dictionary<uint, PortStatsEntry> Counters()
    {
        SwitchPort[] ports = [.. _switch.Snapshot.Ports.Values];
        return ports.Zip(_counters.Read(ports)).Where(pair => pair.Second is not null).ToDictionary(pair => pair.First.DatapathPort, pair => pair.Second!);
    }

    /// <summary>As Open vSwitch: from a kilobyte on with the size in larger units behind.</summary>
    private static string Bytes(ulong count)
    {
        ReadOnlySpan<string> units = ["KiB", "MiB", "GiB", "TiB"];
        for (int i = units.Length; i > 0; i--)
        {
            double unit = Math.Pow(1024, i);
            if (count >= unit)
                return string.Create(CultureInfo.InvariantCulture, $"{count} ({count / unit:0.0} {units[i - 1]})");
        }

        return count.ToString(CultureInfo.InvariantCulture);
    }

    private string ShowBridges()
    {
        DatapathStats stats = _datapath.ReadDatapathStats();
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{Name}: hit:{stats.Hit} missed:{stats.Miss}\n  {_bridge}:\n");
        foreach (SwitchPort port in _switch.Snapshot.Ports.Values.OrderBy(port => port.Description.Name, StringComparer.Ordinal))
        {
            uint number = port.Description.PortNo == OfPorts.Local ? OfPorts.DatapathLocal : port.Description.PortNo;
            text.Append(CultureInfo.InvariantCulture, $"    {port.Description.Name} {number}/{port.DatapathPort}: (system)\n");
        }

        return text.ToString();
    }

    private string ShowDrops()
    {
        IReadOnlyList<ulong> drops = _datapath.ReadDatapathStats().Drops;
        var text = new StringBuilder();
        for (int i = 1; i < drops.Count; i++)
        {
            if (drops[i] > 0)
                text.Append(CultureInfo.InvariantCulture, $"{(DropReason)i,-20} {drops[i]}\n");
        }

        return text.Length > 0 ? text.ToString() : "no packet was dropped\n";
    }
}
