using System.Globalization;
using System.Security.Cryptography;
using System.Text;
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
        commands.Add("dpctl/dump-flows", "[-m] [--names] [dp] [filter=..] [type=..]", 0, 6, own.DumpFlows);
        commands.Add("dpif/dump-flows", "[-m] [--names | --no-names] bridge", 1, 3, own.DumpFlowsOfBridge);
        commands.Add("dpctl/del-flows", "[dp]", 0, 1, own.DeleteFlows);
        commands.Add("upcall/show", "", 0, 0, _ => own.ShowUpcalls());
        commands.Add("revalidator/wait", "", 0, 0, _ => own.Revalidate());
        commands.Add("revalidator/purge", "", 0, 0, _ => own.Purge());
        commands.Add("fdb/show", "bridge", 1, 1, arguments => own.ShowMacs(arguments[0]));
        commands.Add("fdb/flush", "[bridge]", 0, 1, arguments => own.FlushMacs(arguments.Count > 0 ? arguments[0] : null));
        commands.Add("fdb/stats-show", "bridge", 1, 1, arguments => own.ShowMacStatistics(arguments[0]));
        commands.Add("coverage/show", "", 0, 0, _ => own.ShowCoverage());
        commands.Add("coverage/read-counter", "COUNTER", 1, 1, arguments => own.ReadCounter(arguments[0]));
        commands.Add("memory/show", "", 0, 0, _ => own.ShowMemory());
    }

    private string DumpFlows(IReadOnlyList<string> arguments)
    {
        bool verbose = false, names = false;
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
                RequireOurType(argument["type=".Length..]);
            else
                _view.RequireDatapath(argument);
        }

        return Flows(verbose, names || verbose, filter, verbose ? "ovs" : null);
    }

    private string DumpFlowsOfBridge(IReadOnlyList<string> arguments)
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
        return Flows(verbose, names ?? verbose, Match.Any, null);
    }

    private string Flows(bool verbose, bool names, Match filter, string? datapath)
    {
        PortNames ports = new(_view.PortName, name => _view.Datapath.Ports.FirstOrDefault(port => port.Name == name)?.Number);
        var text = new StringBuilder();
        ulong nowNs = (ulong)_view.Time.GetTimestamp();
        foreach (MegaflowInfo flow in _view.Forwarding.Megaflows())
        {
            if (!filter.Matches(flow.Key))
                continue;
            MegaflowLineOptions options = new()
            {
                Ports = names ? ports : null,
                Verbose = verbose,
                Ufid = verbose ? Ufid(flow) : null,
                DatapathName = datapath,
            };
            text.Append(MegaflowText.Line(flow.Key, flow.Mask, flow.Stats, nowNs, flow.Actions, options));
            if (verbose && flow.SlowPath is { } reason)
                text.Append(CultureInfo.InvariantCulture, $", slow_path({reason.ToLowerInvariant()})");
            text.Append('\n');
        }

        return text.ToString();
    }

    /// <summary>A megaflow is its key and mask: so is its unique id.</summary>
    private static string Ufid(MegaflowInfo flow)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        using IncrementalHash both = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        both.AppendData(System.Runtime.InteropServices.MemoryMarshal.AsBytes(flow.Key.AsWords()));
        both.AppendData(System.Runtime.InteropServices.MemoryMarshal.AsBytes(flow.Mask.AsWords()));
        both.GetHashAndReset(hash);
        return new Guid(hash[..16]).ToString();
    }

    private static Match Filter(string text)
    {
        try
        {
            return FlowSyntax.ParseFlow(text + (text.Length > 0 ? "," : "") + "actions=drop").Match;
        }
        catch (FlowSyntaxException exception)
        {
            throw new UnixctlException($"Failed to parse filter ({exception.Message})");
        }
    }

    private static void RequireOurType(string type)
    {
        if (!type.Split(',').Any(word => word is "ovs" or "all"))
            throw new UnixctlException($"there are no flows of type '{type}': all are 'ovs'");
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
        return string.Create(
            CultureInfo.InvariantCulture,
            $"""
            {_view.DatapathName}:
              flows         : (current {now}) (avg {_watch.AverageMegaflows:0}) (max {Math.Max(now, _watch.MostMegaflows)}) (limit {forwarding.MegaflowLimit})
              dump duration : {forwarding.LastRound.TotalMilliseconds:0}ms
              ufid enabled : true
              slow path    : (limit {(forwarding.SlowPathRate == 0 ? "none" : $"{forwarding.SlowPathRate}/s")}) (dropped {forwarding.SlowPathDropped})

              0: (keys {now})

            """);
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
