using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using OvsBridge.Datapath;
using OvsBridge.Datapath.Text;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Text;
using OvsBridge.Translator.Tables;
using OvsBridge.Translator.Upcalls;
using OvsBridge.Translator.Xlate;

namespace OvsBridge.Host.Unixctl;

/// <summary>Commands about megaflows, learned addresses and the forwarding side's work, in Open vSwitch's forms.</summary>
internal sealed class ForwardingCommands
{
    private readonly BridgeView _view;
    private readonly ForwardingWatch _watch;

    private ForwardingCommands(BridgeView view, ForwardingWatch watch)
    {
        _view = view;
        _watch = watch;
    }

    /// <summary>Adds the commands.</summary>
    public static void Register(UnixctlCommands commands, BridgeView view, ForwardingWatch watch)
    {
        ForwardingCommands own = new(view, watch);
        commands.Add("dpctl/dump-flows", "[-m] [--names] [dp] [filter=..] [type=..]", 0, 6, own.DumpFlows, own.DumpFlows);
        commands.Add("dpif/dump-flows", "[-m] [--names | --no-names] bridge", 1, 3, own.DumpFlowsOfBridge, own.DumpFlowsOfBridge);
        commands.Add("dpctl/del-flows", "[dp]", 0, 1, own.DeleteFlows);
        commands.Add("upcall/show", "", 0, 0, _ => own.ShowUpcalls(), (_, json) => own.ShowUpcalls(json));
        commands.Add("revalidator/wait", "", 0, 0, _ => own.Revalidate());
        commands.Add("revalidator/purge", "", 0, 0, _ => own.Purge());
        commands.Add("fdb/show", "bridge", 1, 1, arguments => own.ShowMacs(arguments[0]), (arguments, json) => own.ShowMacs(arguments[0], json));
        commands.Add("fdb/flush", "[bridge]", 0, 1, arguments => own.FlushMacs(arguments.Count > 0 ? arguments[0] : null));
        commands.Add("fdb/stats-show", "bridge", 1, 1, arguments => own.ShowMacStatistics(arguments[0]));
        commands.Add("coverage/show", "", 0, 0, _ => own.ShowCoverage(), (_, json) => own.ShowCoverage(json));
        commands.Add("coverage/read-counter", "COUNTER", 1, 1, arguments => own.ReadCounter(arguments[0]));
        commands.Add("memory/show", "", 0, 0, _ => own.ShowMemory(), (_, json) => own.ShowMemory(json));
    }

    private string DumpFlows(IReadOnlyList<string> arguments)
    {
        (bool verbose, bool names, Match? filter) = ReadDumpArguments(arguments);
        return filter is null ? "" : Flows(verbose, names || verbose, filter, verbose ? "ovs" : null);
    }

    private void DumpFlows(IReadOnlyList<string> arguments, Utf8JsonWriter json)
    {
        (_, bool names, Match? filter) = ReadDumpArguments(arguments);
        Flows(json, names, filter);
    }

    /// <summary>The filter is null when flows of a type are wanted that there are none of.</summary>
    private (bool Verbose, bool Names, Match? Filter) ReadDumpArguments(IReadOnlyList<string> arguments)
    {
        bool verbose = false, names = false, shown = true;
        Match filter = Match.Any;
        foreach (string argument in arguments)
        {
            if (argument is "-m" or "--more")
                verbose = true;
            else if (argument is "--names")
                names = true;
            else if (argument is "--no-names")
                names = false;
            else if (argument.StartsWith("filter=", StringComparison.Ordinal))
                filter = Filter(argument["filter=".Length..]);
            else if (argument.StartsWith("type=", StringComparison.Ordinal))
                shown = IsOurType(argument["type=".Length..]);
            else
                _view.RequireDatapath(argument);
        }

        return (verbose, names, shown ? filter : null);
    }

    private string DumpFlowsOfBridge(IReadOnlyList<string> arguments)
    {
        (bool verbose, bool? names) = ReadBridgeArguments(arguments);
        return Flows(verbose, names ?? verbose, Match.Any, null);
    }

    private void DumpFlowsOfBridge(IReadOnlyList<string> arguments, Utf8JsonWriter json) =>
        Flows(json, ReadBridgeArguments(arguments).Names ?? false, Match.Any);

    private (bool Verbose, bool? Names) ReadBridgeArguments(IReadOnlyList<string> arguments)
    {
        bool verbose = false;
        bool? names = null;
        foreach (string argument in arguments.SkipLast(1))
        {
            switch (argument)
            {
                case "-m":
                    verbose = true;
                    break;
                case "--names":
                    names = true;
                    break;
                case "--no-names":
                    names = false;
                    break;
                default:
                    throw new UnixctlException($"unknown option '{argument}'");
            }
        }

        _view.RequireBridge(arguments[^1]);
        return (verbose, names);
    }

    private void Flows(Utf8JsonWriter json, bool names, Match? filter)
    {
        PortNames? ports = names ? _view.PortNames : null;
        ulong nowNs = (ulong)_view.Time.GetTimestamp();
        json.WriteStartArray();
        foreach (MegaflowInfo flow in _view.Forwarding.Megaflows().Where(flow => filter?.Matches(flow.Key) == true))
        {
            json.WriteStartObject();
            json.WriteString("ufid", Ufid(flow.Key, flow.Mask));
            json.WriteString("match", MegaflowText.Print(flow.Key, flow.Mask, ports));
            Forwarding.WriteFields(json, "fields", flow.Key, flow.Mask, ports);
            json.WriteNumber("packets", flow.Stats.Packets);
            json.WriteNumber("bytes", flow.Stats.Bytes);
            if (flow.Stats.UsedNs == 0)
                json.WriteNull("used_ms");
            else
                json.WriteNumber("used_ms", nowNs > flow.Stats.UsedNs ? (nowNs - flow.Stats.UsedNs) / 1_000_000 : 0);
            json.WriteNumber("tcp_flags", flow.Stats.TcpFlags);
            json.WriteString("actions", DpActionsText.Print(flow.Actions, ports, flow.Key, Userspace(flow)));
            json.WriteStartArray("slow_path");
            foreach (SlowPathReason reason in flow.SlowPath)
                json.WriteStringValue(reason.Name);
            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    /// <summary>What becomes of packets that a megaflow sends up, in the words of ofproto/trace.</summary>
    private Func<UpcallReason, Datapath.Interop.DpUserspace, string?> Userspace(MegaflowInfo flow) => (reason, request) =>
        _view.Forwarding.DescribeUserspace(request.Cookie)
        ?? (reason == UpcallReason.SlowPath ? $"slow_path({string.Join(',', flow.SlowPath.Select(why => why.Name))})" : null);

    private string Flows(bool verbose, bool names, Match filter, string? datapath)
    {
        var text = new StringBuilder();
        ulong nowNs = (ulong)_view.Time.GetTimestamp();
        foreach (MegaflowInfo flow in _view.Forwarding.Megaflows())
        {
            if (!filter.Matches(flow.Key))
                continue;
            MegaflowLineOptions options = new()
            {
                Ports = names ? _view.PortNames : null,
                Verbose = verbose,
                Ufid = verbose ? Ufid(flow.Key, flow.Mask) : null,
                DatapathName = datapath,
                Userspace = verbose ? Userspace(flow) : null,
            };
            text.Append(MegaflowText.Line(flow.Key, flow.Mask, flow.Stats, nowNs, flow.Actions, options));
            if (verbose && flow.SlowPath.Count > 0)
                text.Append(CultureInfo.InvariantCulture, $", slow_path({string.Join(',', flow.SlowPath.Select(why => why.Name))})");
            text.Append('\n');
        }

        return text.ToString();
    }

    /// <summary>A megaflow is its key and mask: so is its unique id.</summary>
    internal static string Ufid(in FlowKey key, in FlowKey mask)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        using IncrementalHash both = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        both.AppendData(System.Runtime.InteropServices.MemoryMarshal.AsBytes(key.AsWords()));
        both.AppendData(System.Runtime.InteropServices.MemoryMarshal.AsBytes(mask.AsWords()));
        both.GetHashAndReset(hash);
        return new Guid(hash[..16]).ToString();
    }

    private Match Filter(string text)
    {
        try
        {
            return _view.Filter(text);
        }
        catch (FlowSyntaxException exception)
        {
            throw new UnixctlException($"Failed to parse filter ({exception.Message})");
        }
    }

    /// <summary>Whether Open vSwitch would show flows like ours for a list of types: none is offloaded.</summary>
    private static bool IsOurType(string types)
    {
        bool ours = false;
        foreach (string type in types.Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            if (type is not ("ovs" or "all" or "non-offloaded" or "tc" or "dpdk" or "offloaded" or "partially-offloaded"))
                throw new UnixctlException($"Failed to parse type ({type})");
            ours |= type is "ovs" or "all" or "non-offloaded";
        }

        return ours;
    }

    private string DeleteFlows(IReadOnlyList<string> arguments)
    {
        foreach (string argument in arguments)
            _view.RequireDatapath(argument);
        return Purge();
    }

    private string Purge()
    {
        _view.Forwarding.PurgeMegaflows();
        return "";
    }

    private string Revalidate()
    {
        _view.Forwarding.RevalidateNow();
        return "";
    }

    private string ShowUpcalls()
    {
        Forwarding forwarding = _view.Forwarding;
        int now = forwarding.MegaflowCount;
        StringBuilder ports = new();
        foreach ((DpPort port, DpPortStats stats) in PortStats())
        {
            string limit = port.UpcallRate == 0 ? "none" : string.Create(CultureInfo.InvariantCulture, $"{port.UpcallRate}/s");
            ports.Append(CultureInfo.InvariantCulture, $"\n  {"port " + port.Name,-13}: (limit {limit}) (upcalls {stats.Upcalls}) (dropped {stats.Drops[(int)DropReason.UpcallLimit]})");
        }

        return string.Create(
            CultureInfo.InvariantCulture,
            $"""
            {_view.DatapathName}:
              flows         : (current {now}) (avg {_watch.AverageMegaflows:0}) (max {Math.Max(now, _watch.MostMegaflows)}) (limit {forwarding.MegaflowLimit})
              dump duration : {forwarding.LastRound.TotalMilliseconds:0}ms
              ufid enabled : true
              slow path    : (limit {(forwarding.SlowPathRate == 0 ? "none" : $"{forwarding.SlowPathRate}/s")}) (dropped {forwarding.SlowPathDropped}){ports}

              0: (keys {now})

            """);
    }

    private IEnumerable<(DpPort Port, DpPortStats Stats)> PortStats()
    {
        foreach (DpPort port in _view.Datapath.Ports)
        {
            if (_view.Datapath.ReadPortStats(port.Number) is { } stats)
                yield return (port, stats);
        }
    }

    private void ShowUpcalls(Utf8JsonWriter json)
    {
        Forwarding forwarding = _view.Forwarding;
        int now = forwarding.MegaflowCount;
        json.WriteStartArray();
        json.WriteStartObject();
        json.WriteString("name", _view.DatapathName);
        json.WriteStartObject("flows");
        json.WriteNumber("current", now);
        json.WriteNumber("avg", Math.Round(_watch.AverageMegaflows));
        json.WriteNumber("max", Math.Max(now, _watch.MostMegaflows));
        json.WriteNumber("limit", forwarding.MegaflowLimit);
        json.WriteEndObject();
        json.WriteNumber("dump_duration_ms", Math.Round(forwarding.LastRound.TotalMilliseconds, 3));
        json.WriteBoolean("ufid", true);
        json.WriteStartObject("slow_path");
        json.WriteNumber("limit", forwarding.SlowPathRate);
        json.WriteNumber("dropped", forwarding.SlowPathDropped);
        json.WriteEndObject();
        json.WriteStartArray("ports");
        foreach ((DpPort port, DpPortStats stats) in PortStats())
        {
            json.WriteStartObject();
            json.WriteNumber("number", port.Number);
            json.WriteString("name", port.Name);
            json.WriteNumber("limit", port.UpcallRate);
            json.WriteNumber("upcalls", stats.Upcalls);
            json.WriteNumber("dropped", stats.Drops[(int)DropReason.UpcallLimit]);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndArray();
    }

    private void ShowMacs(string bridge, Utf8JsonWriter json)
    {
        _view.RequireBridge(bridge);
        _view.Forwarding.PushStats();
        json.WriteStartArray();
        foreach (MacEntry entry in _view.Forwarding.Macs.Entries(_view.Time.GetTimestamp()))
        {
            json.WriteStartObject();
            json.WriteNumber("port", BridgeView.ShownNumber(entry.Port));
            json.WriteNumber("vlan", entry.Vlan);
            json.WriteString("mac", MacText(entry.Mac));
            json.WriteNumber("age", entry.AgeSeconds);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private void ShowCoverage(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        foreach ((string name, long total, double recent, double minute, double hour) in _watch.Coverage())
        {
            json.WriteStartObject(name);
            json.WriteNumber("total", total);
            json.WriteNumber("rate_5s", recent);
            json.WriteNumber("rate_1m", minute);
            json.WriteNumber("rate_1h", hour);
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    private void ShowMemory(Utf8JsonWriter json)
    {
        PipelineSnapshot snapshot = _view.Switch.Snapshot;
        json.WriteStartObject();
        json.WriteNumber("handlers", 1);
        json.WriteNumber("ports", snapshot.Ports.Count);
        json.WriteNumber("revalidators", 1);
        json.WriteNumber("rules", snapshot.Tables.Sum(table => table.Count));
        json.WriteNumber("udpif keys", _view.Forwarding.MegaflowCount);
        json.WriteEndObject();
    }

    private string ShowMacs(string bridge)
    {
        _view.RequireBridge(bridge);
        _view.Forwarding.PushStats(); // addresses of packets that only the kernel has seen are as old as these
        var text = new StringBuilder(" port  VLAN  MAC                Age\n");
        foreach (MacEntry entry in _view.Forwarding.Macs.Entries(_view.Time.GetTimestamp()))
        {
            string port = entry.Port is OfPorts.Local or OfPorts.DatapathLocal ? "LOCAL" : entry.Port.ToString(CultureInfo.InvariantCulture);
            text.Append(CultureInfo.InvariantCulture, $"{port,5}  {entry.Vlan,4}  {MacText(entry.Mac)}  {entry.AgeSeconds,3}\n");
        }

        return text.ToString();
    }

    private static string MacText(ulong mac) => string.Join(':', Enumerable.Range(0, 6).Select(i => ((byte)(mac >> (40 - 8 * i))).ToString("x2", CultureInfo.InvariantCulture)));

    private string FlushMacs(string? bridge)
    {
        if (bridge is not null)
            _view.RequireBridge(bridge);
        _view.Forwarding.FlushMacs();
        return "table successfully flushed";
    }

    private string ShowMacStatistics(string bridge)
    {
        _view.RequireBridge(bridge);
        return string.Create(
            CultureInfo.InvariantCulture,
            $"Statistics for bridge \"{_view.Bridge}\":\n  Current/maximum MAC entries in the table: {_view.Forwarding.Macs.Count}/{MacTable.DefaultCapacity}\n");
    }

    private string ShowCoverage()
    {
        var text = new StringBuilder("Event coverage, avg rate over last: 5 seconds, last minute, last hour:\n");
        int never = 0;
        foreach ((string name, long total, double recent, double minute, double hour) in _watch.Coverage())
        {
            if (total == 0)
                never++;
            else
                text.Append(CultureInfo.InvariantCulture, $"{name,-24} {recent,5:0.0}/sec {minute,9:0.000}/sec {hour,13:0.0000}/sec   total: {total}\n");
        }

        text.Append(CultureInfo.InvariantCulture, $"{never} events never hit\n");
        if (_view.Forwarding.Counters.LastError is { } error)
            text.Append(CultureInfo.InvariantCulture, $"last translation that was given up: {error}\n");
        return text.ToString();
    }

    private string ReadCounter(string name)
    {
        foreach (var counter in _watch.Coverage())
        {
            if (counter.Name == name)
                return counter.Total.ToString(CultureInfo.InvariantCulture);
        }

        throw new UnixctlException("No such counter");
    }

    private string ShowMemory()
    {
        PipelineSnapshot snapshot = _view.Switch.Snapshot;
        return string.Create(
            CultureInfo.InvariantCulture,
            $"handlers:1 ports:{snapshot.Ports.Count} revalidators:1 rules:{snapshot.Tables.Sum(table => table.Count)} udpif keys:{_view.Forwarding.MegaflowCount}");
    }
}
