using System.Globalization;
using System.Text;
using System.Text.Json;
using OvsBridge.Datapath;
using OvsBridge.Datapath.Ebpf;
using OvsBridge.Datapath.Tunnels;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Messages.Multipart;
using OvsBridge.Translator.Tables;

namespace OvsBridge.Host.Unixctl;

/// <summary>Commands about the datapath and the bridge's ports, in Open vSwitch's forms.</summary>
internal sealed class DatapathCommands
{
    private readonly BridgeView _view;

    private DatapathCommands(BridgeView view) => _view = view;

    /// <summary>Adds the commands.</summary>
    public static void Register(UnixctlCommands commands, BridgeView view)
    {
        DatapathCommands own = new(view);
        commands.Add("dpctl/dump-dps", "", 0, 0, _ => view.DatapathName);
        commands.Add("dpif/dump-dps", "", 0, 0, _ => view.DatapathName);
        commands.Add("dpctl/show", "[-s] [dp...]", 0, int.MaxValue, own.Show, own.Show);
        commands.Add("dpif/show", "", 0, 0, _ => own.ShowBridges(), (_, json) => own.ShowBridges(json));
        commands.Add("ofproto/list", "", 0, 0, _ => view.Bridge, (_, json) =>
        {
            json.WriteStartArray();
            json.WriteStringValue(view.Bridge);
            json.WriteEndArray();
        });
        commands.Add("drops/show", "", 0, 0, _ => own.ShowDrops(), (_, json) => own.ShowDrops(json));
    }

    /// <summary>Reads the arguments of dpctl/show: whether statistics of ports are wanted.</summary>
    private bool WithStatistics(IReadOnlyList<string> arguments)
    {
        bool statistics = false;
        foreach (string argument in arguments)
        {
            if (argument is "-s" or "--statistics")
                statistics = true;
            else
                _view.RequireDatapath(argument);
        }

        return statistics;
    }

    private void Show(IReadOnlyList<string> arguments, Utf8JsonWriter json)
    {
        bool statistics = WithStatistics(arguments);
        Dictionary<uint, PortStatsEntry> counters = statistics ? Counters() : [];
        DatapathStats stats = _view.Datapath.ReadDatapathStats();
        json.WriteStartArray();
        json.WriteStartObject();
        json.WriteString("name", _view.DatapathName);
        json.WriteStartObject("lookups");
        json.WriteNumber("hit", stats.Hit);
        json.WriteNumber("missed", stats.Miss);
        json.WriteNumber("lost", stats.Lost);
        json.WriteEndObject();
        json.WriteNumber("flows", stats.Flows);
        if (Hook is { } hook)
            json.WriteString("attached", hook);
        json.WriteStartObject("masks");
        json.WriteNumber("hit", stats.MasksTried);
        json.WriteNumber("total", stats.Masks);
        json.WriteEndObject();
        if (statistics)
        {
            json.WriteStartObject("packets");
            foreach ((string name, ulong count) in Packets(stats).Concat(Ends(stats)))
                json.WriteNumber(name, count);
            json.WriteEndObject();
            WriteDrops(json, "drops", stats.Drops);
        }

        json.WriteStartArray("ports");
        foreach (DpPort port in _view.Datapath.Ports)
        {
            json.WriteStartObject();
            json.WriteNumber("number", port.Number);
            json.WriteString("name", port.Name);
            json.WriteString("type", TypeOf(port.Number, port.Name));
            if (counters.TryGetValue(port.Number, out PortStatsEntry? entry))
            {
                json.WriteStartObject("statistics");
                json.WriteNumber("rx_packets", entry.RxPackets);
                json.WriteNumber("rx_errors", entry.RxErrors);
                json.WriteNumber("rx_dropped", entry.RxDropped);
                json.WriteNumber("rx_overruns", entry.RxOverErrors);
                json.WriteNumber("rx_frame_errors", entry.RxFrameErrors);
                json.WriteNumber("rx_bytes", entry.RxBytes);
                json.WriteNumber("tx_packets", entry.TxPackets);
                json.WriteNumber("tx_errors", entry.TxErrors);
                json.WriteNumber("tx_dropped", entry.TxDropped);
                json.WriteNumber("tx_bytes", entry.TxBytes);
                json.WriteNumber("collisions", entry.Collisions);
                json.WriteEndObject();
            }

            if (statistics && _view.Datapath.ReadPortStats(port.Number) is { } own)
            {
                json.WriteNumber("upcalls", own.Upcalls);
                json.WriteNumber("straight", own.PeerTx);
                WriteDrops(json, "drops", own.Drops);
            }

            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndArray();
    }

    private string Show(IReadOnlyList<string> arguments)
    {
        bool statistics = WithStatistics(arguments);
        DatapathStats stats = _view.Datapath.ReadDatapathStats();
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{_view.DatapathName}:\n");
        text.Append(CultureInfo.InvariantCulture, $"  lookups: hit:{stats.Hit} missed:{stats.Miss} lost:{stats.Lost}\n");
        text.Append(CultureInfo.InvariantCulture, $"  flows: {stats.Flows}\n");
        double lookups = stats.Hit + stats.Miss;
        double perPacket = lookups == 0 ? 0 : stats.MasksTried / lookups;
        text.Append(CultureInfo.InvariantCulture, $"  masks: hit:{stats.MasksTried} total:{stats.Masks} hit/pkt:{perPacket:0.00}\n");
        text.Append(CultureInfo.InvariantCulture, $"  cache: hit:{stats.CacheHit}\n");
        if (Hook is { } hook)
            text.Append(CultureInfo.InvariantCulture, $"  attached: {hook}\n");
        if (statistics)
        {
            text.Append(CultureInfo.InvariantCulture, $"  packets: {Words(Packets(stats))}\n  ends: {Words(Ends(stats))}\n");
            text.Append(CultureInfo.InvariantCulture, $"  drops: {Words(Drops(stats.Drops))}\n");
        }

        IReadOnlyList<DpPort> ports = _view.Datapath.Ports;
        Dictionary<uint, PortStatsEntry> counters = statistics ? Counters() : [];
        foreach (DpPort port in ports)
        {
            text.Append(CultureInfo.InvariantCulture, $"  port {port.Number}: {port.Name}{Kind(port)}\n");
            if (statistics && counters.TryGetValue(port.Number, out PortStatsEntry? entry))
            {
                text.Append(CultureInfo.InvariantCulture, $"    RX packets:{entry.RxPackets} errors:{entry.RxErrors} dropped:{entry.RxDropped} overruns:{entry.RxOverErrors} frame:{entry.RxFrameErrors}\n");
                text.Append(CultureInfo.InvariantCulture, $"    TX packets:{entry.TxPackets} errors:{entry.TxErrors} dropped:{entry.TxDropped} aborted:0 carrier:0\n");
                text.Append(CultureInfo.InvariantCulture, $"    collisions:{entry.Collisions}\n");
                text.Append(CultureInfo.InvariantCulture, $"    RX bytes:{Bytes(entry.RxBytes)}  TX bytes:{Bytes(entry.TxBytes)}\n");
            }

            if (statistics && _view.Datapath.ReadPortStats(port.Number) is { } own)
                text.Append(CultureInfo.InvariantCulture, $"    upcalls:{own.Upcalls} straight:{own.PeerTx} drops: {Words(Drops(own.Drops))}\n");
        }

        return text.ToString();
    }

    /// <summary>What came in, with the copies made of it: the first three are in sum what <see cref="Ends"/> is.</summary>
    private static IEnumerable<(string Name, ulong Count)> Packets(DatapathStats stats) =>
        [("rx", stats.Rx), ("executed", stats.Executed), ("copies", stats.Copies), ("recirculated", stats.Recirculated), ("unparsed", stats.Unparsed)];

    private static IEnumerable<(string Name, ulong Count)> Ends(DatapathStats stats)
    {
        ulong dropped = 0;
        foreach (ulong count in stats.Drops)
            dropped += count;
        return [("tx", stats.Tx), ("sent", stats.Sent), ("upcalls", stats.Upcalls), ("raised", stats.Raised), ("consumed", stats.Consumed), ("dropped", dropped)];
    }

    /// <summary>Those that happened.</summary>
    private static IEnumerable<(string Name, ulong Count)> Drops(IReadOnlyList<ulong> drops) =>
        drops.Select((count, reason) => (ReasonName((DropReason)reason), count)).Where(drop => drop.count > 0);

    private static string Words(IEnumerable<(string Name, ulong Count)> counters)
    {
        string words = string.Join(' ', counters.Select(counter => string.Create(CultureInfo.InvariantCulture, $"{counter.Name}:{counter.Count}")));
        return words.Length > 0 ? words : "none";
    }

    private static void WriteDrops(Utf8JsonWriter json, string name, IReadOnlyList<ulong> drops)
    {
        json.WriteStartObject(name);
        foreach ((string reason, ulong count) in Drops(drops))
            json.WriteNumber(reason, count);
        json.WriteEndObject();
    }

    /// <summary>Where the program is attached; null: there is none.</summary>
    private string? Hook => _view.Datapath is EbpfDatapath kernel ? ReasonName(kernel.AttachedTo) : null;

    private Dictionary<uint, PortStatsEntry> Counters()
    {
        SwitchPort[] ports = [.. _view.Switch.Snapshot.Ports.Values];
        return ports.Zip(_view.Counters.Read(ports)).Where(pair => pair.Second is not null).ToDictionary(pair => pair.First.DatapathPort, pair => pair.Second!);
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

    /// <summary>What Open vSwitch calls an internal port: the bridge's own device, not an interface made the local port.</summary>
    private bool IsOwnDevice(uint datapathPort, string name) => datapathPort == OfPorts.DatapathLocal && name == _view.Bridge;

    private TunnelConfig? TunnelOf(uint datapathPort) => _view.Datapath.Ports.FirstOrDefault(port => port.Number == datapathPort)?.Tunnel;

    private string TypeOf(uint datapathPort, string name) =>
        IsOwnDevice(datapathPort, name) ? "internal" : TunnelOf(datapathPort)?.TypeName ?? "system";

    private string Kind(DpPort port) => port.Tunnel is { } tunnel ? $" ({tunnel})" : IsOwnDevice(port.Number, port.Name) ? " (internal)" : "";

    private string ShowBridges()
    {
        DatapathStats stats = _view.Datapath.ReadDatapathStats();
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{_view.DatapathName}: hit:{stats.Hit} missed:{stats.Miss}\n  {_view.Bridge}:\n");
        foreach (SwitchPort port in _view.Switch.Snapshot.Ports.Values.OrderBy(port => port.Description.Name, StringComparer.Ordinal))
        {
            text.Append(CultureInfo.InvariantCulture, $"    {port.Description.Name} {BridgeView.ShownNumber(port.Description.PortNo)}/{port.DatapathPort}: ({TunnelOf(port.DatapathPort)?.ToString() ?? TypeOf(port.DatapathPort, port.Description.Name)})\n");
        }

        return text.ToString();
    }

    private void ShowBridges(Utf8JsonWriter json)
    {
        DatapathStats stats = _view.Datapath.ReadDatapathStats();
        json.WriteStartArray();
        json.WriteStartObject();
        json.WriteString("name", _view.DatapathName);
        json.WriteNumber("hit", stats.Hit);
        json.WriteNumber("missed", stats.Miss);
        json.WriteStartArray("bridges");
        json.WriteStartObject();
        json.WriteString("name", _view.Bridge);
        json.WriteStartArray("ports");
        foreach (SwitchPort port in _view.Switch.Snapshot.Ports.Values.OrderBy(port => port.Description.Name, StringComparer.Ordinal))
        {
            json.WriteStartObject();
            json.WriteString("name", port.Description.Name);
            json.WriteNumber("ofport", BridgeView.ShownNumber(port.Description.PortNo));
            json.WriteNumber("odp_port", port.DatapathPort);
            json.WriteString("type", TypeOf(port.DatapathPort, port.Description.Name));
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndArray();
    }

    /// <summary>Every reason, those that never happened too.</summary>
    private void ShowDrops(Utf8JsonWriter json)
    {
        IReadOnlyList<ulong> drops = _view.Datapath.ReadDatapathStats().Drops;
        json.WriteStartObject();
        foreach (DropReason reason in Enum.GetValues<DropReason>().Where(reason => reason != DropReason.Unspec))
            json.WriteNumber(ReasonName(reason), drops[(int)reason]);
        json.WriteEndObject();
    }

    /// <summary>A reason's name in JSON, in coverage/show behind <c>drop_</c>, and in monitor/packets.</summary>
    internal static string ReasonName<T>(T reason)
        where T : struct, Enum => Logging.LogControl.ModuleName(reason.ToString());

    private string ShowDrops()
    {
        IReadOnlyList<ulong> drops = _view.Datapath.ReadDatapathStats().Drops;
        var text = new StringBuilder();
        for (int i = 1; i < drops.Count; i++)
        {
            if (drops[i] > 0)
                text.Append(CultureInfo.InvariantCulture, $"{(DropReason)i,-20} {drops[i]}\n");
        }

        return text.Length > 0 ? text.ToString() : "no packet was dropped\n";
    }
}
