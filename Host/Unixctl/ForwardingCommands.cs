using System.Globalization;
using System.Text;
using OvsBridge.Datapath;
using OvsBridge.Datapath.Text;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Text;
using OvsBridge.Translator.Switch;
using OvsBridge.Translator.Tables;
using OvsBridge.Translator.Upcalls;
using OvsBridge.Translator.Xlate;

namespace OvsBridge.Host.Unixctl;

/// <summary>Commands about megaflows, upcalls and learned addresses, in Open vSwitch's forms.</summary>
internal sealed class ForwardingCommands
{
    private readonly DatapathCommands _datapath;
    private readonly Forwarding _forwarding;
    private readonly OfSwitch _switch;
    private readonly TimeProvider _time;

    private ForwardingCommands(DatapathCommands datapath, Forwarding forwarding, OfSwitch @switch, TimeProvider time)
    {
        _datapath = datapath;
        _forwarding = forwarding;
        _switch = @switch;
        _time = time;
    }

    /// <summary>Adds the commands.</summary>
    public static void Register(UnixctlCommands commands, DatapathCommands datapath, Forwarding forwarding, OfSwitch @switch, TimeProvider time)
    {
        ForwardingCommands own = new(datapath, forwarding, @switch, time);
        commands.Add("dpctl/dump-flows", "[-m] [--names] [dp]", 0, int.MaxValue, arguments => own.DumpFlows(arguments, own._datapath.RequireDatapath));
        commands.Add("dpif/dump-flows", "[-m] [--names] bridge", 1, int.MaxValue, arguments => own.DumpFlows(arguments, own._datapath.RequireBridge));
        commands.Add("upcall/show", "", 0, 0, _ => own.ShowUpcalls());
        commands.Add("coverage/show", "", 0, 0, _ => own.ShowCoverage());
        commands.Add("fdb/show", "bridge", 1, 1, arguments => own.ShowAddresses(arguments[0]));
        commands.Add("fdb/flush", "[bridge]", 0, 1, own.FlushAddresses);
        commands.Add("revalidator/wait", "", 0, 0, _ => own.Revalidate());
        commands.Add("revalidator/purge", "", 0, 0, _ => own.Purge());
    }

    private string DumpFlows(IReadOnlyList<string> arguments, Action<string> requireName)
    {
        bool verbose = false, names = false;
        foreach (string argument in arguments)
        {
            switch (argument)
            {
                case "-m" or "--more":
                    verbose = names = true; // as Open vSwitch
                    break;
                case "--names":
                    names = true;
                    break;
                case "--no-names":
                    names = false;
                    break;
                case ['-', ..]:
                    throw new UnixctlException($"unknown option \"{argument}\"");
                default:
                    requireName(argument);
                    break;
            }
        }

        MegaflowLineOptions options = new()
        {
            Verbose = verbose,
            Ports = names ? Names() : null,
            DatapathName = verbose ? "bpf" : null,
        };
        ulong nowNs = (ulong)_time.GetTimestamp() * (ulong)(1_000_000_000 / _time.TimestampFrequency);
        StringBuilder text = new();
        foreach (MegaflowInfo flow in _forwarding.Megaflows())
        {
            text.Append(MegaflowText.Line(flow.Key, flow.Mask, flow.Stats, nowNs, flow.Actions, options));
            if (verbose && flow.SlowPath is { } reason)
            {
                text.Append(CultureInfo.InvariantCulture, $", slow_path({reason.ToLowerInvariant()})");
            }

            text.Append('\n');
        }

        return text.ToString();
    }

    private PortNames Names()
    {
        SwitchPort[] ports = [.. _switch.Snapshot.Ports.Values];
        return new PortNames(
            number => Array.Find(ports, port => port.DatapathPort == number)?.Description.Name,
            name => Array.Find(ports, port => port.Description.Name == name)?.DatapathPort);
    }

    private string ShowUpcalls()
    {
        StringBuilder text = new();
        text.Append(CultureInfo.InvariantCulture, $"{_datapath.Name}:\n");
        text.Append(CultureInfo.InvariantCulture, $"  flows         : (current {_forwarding.MegaflowCount}) (limit {_forwarding.MegaflowLimit}) (refused {_forwarding.MegaflowsRefused})\n");
        text.Append(CultureInfo.InvariantCulture, $"  dump duration : {_forwarding.LastRound.TotalMilliseconds:0}ms\n");
        text.Append("  ufid enabled : true\n");
        return text.ToString();
    }

    private string ShowCoverage()
    {
        StringBuilder text = new();
        ForwardingCounters counters = _forwarding.Counters;
        int never = 0;
        for (ForwardingCounter counter = 0; counter < ForwardingCounter.Number; counter++)
        {
            if (counters[counter] == 0)
            {
                never++;
                continue;
            }

            text.Append(CultureInfo.InvariantCulture, $"{Name(counter),-24} total: {counters[counter]}\n");
        }

        text.Append(CultureInfo.InvariantCulture, $"{never} events never hit\n");
        if (counters.LastError is { } error)
        {
            text.Append(CultureInfo.InvariantCulture, $"last translation that was given up: {error}\n");
        }

        return text.ToString();
    }

    /// <summary>RevalidatorRound: revalidator_round.</summary>
    private static string Name(ForwardingCounter counter) => string.Concat(
        counter.ToString().Select((c, i) => char.IsUpper(c) ? (i == 0 ? "" : "_") + char.ToLowerInvariant(c) : c.ToString()));

    private string ShowAddresses(string bridge)
    {
        _datapath.RequireBridge(bridge);
        _forwarding.PushStats();
        StringBuilder text = new(" port  VLAN  MAC                Age\n");
        foreach (MacEntry entry in _forwarding.Macs.Entries(_time.GetTimestamp() * (1_000_000_000 / _time.TimestampFrequency)))
        {
            string port = entry.Port == OfPorts.Local ? "LOCAL" : entry.Port.ToString(CultureInfo.InvariantCulture);
            text.Append(CultureInfo.InvariantCulture, $"{port,5}  {entry.Vlan,4}  {new OpenFlow.Fields.MacBytes(entry.Mac)}  {entry.AgeSeconds,3}\n");
        }

        return text.ToString();
    }

    private string FlushAddresses(IReadOnlyList<string> arguments)
    {
        if (arguments.Count > 0)
        {
            _datapath.RequireBridge(arguments[0]);
        }

        _forwarding.FlushMacs();
        return "table successfully flushed";
    }

    private string Revalidate()
    {
        _forwarding.RevalidateNow();
        return "";
    }

    private string Purge()
    {
        _forwarding.PurgeMegaflows();
        return "";
    }
}
