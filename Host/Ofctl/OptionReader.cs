using System.Globalization;
using OvsBridge.Host.Options;

namespace OvsBridge.Host.Ofctl;

/// <summary>
/// Reads options as getopt_long does it for ovs-ofctl: they may stand among the arguments, long ones may be shortened, and
/// <c>--</c> ends them.
/// </summary>
internal static class OptionReader
{
    /// <summary>Whether an option has a value.</summary>
    internal enum Value
    {
        /// <summary>None.</summary>
        No,

        /// <summary>Behind '=' or as the next word.</summary>
        Needed,

        /// <summary>Only behind '='.</summary>
        Optional,
    }

    /// <summary>The long options, with the letter that stands for them, or a zero.</summary>
    internal static readonly (string Name, char Letter, Value Value)[] Rows =
    [
        ("timeout", 't', Value.Needed), ("strict", '\0', Value.No), ("readd", '\0', Value.No), ("flow-format", 'F', Value.Needed),
        ("packet-in-format", 'P', Value.Needed), ("more", 'm', Value.No), ("timestamp", '\0', Value.No), ("sort", '\0', Value.Optional),
        ("rsort", '\0', Value.Optional), ("names", '\0', Value.No), ("no-names", '\0', Value.No), ("stats", '\0', Value.No),
        ("no-stats", '\0', Value.No), ("unixctl", '\0', Value.Needed), ("help", 'h', Value.No), ("option", '\0', Value.No),
        ("color", '\0', Value.Optional), ("may-create", '\0', Value.No), ("read-only", '\0', Value.No), ("bundle", '\0', Value.No),
        ("detach", '\0', Value.No), ("monitor", '\0', Value.No), ("no-chdir", '\0', Value.No), ("pidfile", '\0', Value.Optional),
        ("overwrite-pidfile", '\0', Value.No), ("version", 'V', Value.No), ("protocols", 'O', Value.Needed),
        ("verbose", 'v', Value.Optional), ("log-file", '\0', Value.Optional), ("syslog-method", '\0', Value.Needed),
        ("syslog-target", '\0', Value.Needed), ("private-key", 'p', Value.Needed), ("certificate", 'c', Value.Needed),
        ("ca-cert", 'C', Value.Needed), ("rundir", '\0', Value.Needed),
    ];

    /// <summary>Reads a command line.</summary>
    /// <param name="arguments">The words behind the program's name.</param>
    /// <returns>The options, the other words in their order, and "help", "version" or "option" if one of these is asked for.</returns>
    /// <exception cref="OfctlException">An option is unknown or wrong.</exception>
    public static (OfctlOptions Options, List<string> Words, string? Asked) Read(ReadOnlySpan<string> arguments)
    {
        List<string> words = [];
        State state = new();
        for (int i = 0; i < arguments.Length; i++)
        {
            string argument = arguments[i];
            if (argument == "--")
            {
                words.AddRange(arguments[(i + 1)..]);
                break;
            }

            if (argument is not ['-', _, ..])
                words.Add(argument);
            else if (argument.StartsWith("--", StringComparison.Ordinal))
                ReadLong(argument, arguments, ref i, state);
            else
                ReadLetters(argument, arguments, ref i, state);
        }

        OfctlOptions options = state.Options with { Sort = state.Sort, RunDirectory = SwitchOptions.RunDirectoryFrom(state.RunDirectory) };
        return (options, words, state.Asked);
    }

    private static void ReadLong(string argument, ReadOnlySpan<string> all, ref int i, State state)
    {
        int equals = argument.IndexOf('=', StringComparison.Ordinal);
        string name = equals < 0 ? argument[2..] : argument[2..equals];
        string? value = equals < 0 ? null : argument[(equals + 1)..];
        int row = Array.FindIndex(Rows, r => r.Name == name);
        if (row < 0)
        {
            int[] fitting = [.. Enumerable.Range(0, Rows.Length).Where(r => Rows[r].Name.StartsWith(name, StringComparison.Ordinal))];
            if (fitting.Length != 1)
                throw new OfctlException(fitting.Length == 0 ? $"unrecognized option '{argument}'" : $"option '--{name}' is ambiguous; possibilities:{string.Concat(fitting.Select(r => $" '--{Rows[r].Name}'"))}");
            row = fitting[0];
        }

        if (Rows[row].Value == Value.No && value is not null)
            throw new OfctlException($"option '--{Rows[row].Name}' doesn't allow an argument");
        if (Rows[row].Value == Value.Needed && value is null)
            value = ++i < all.Length ? all[i] : throw new OfctlException($"option '--{Rows[row].Name}' requires an argument");
        state.Take(Rows[row].Name, value);
    }

    private static void ReadLetters(string argument, ReadOnlySpan<string> all, ref int i, State state)
    {
        for (int at = 1; at < argument.Length; at++)
        {
            char letter = argument[at];
            int row = Array.FindIndex(Rows, r => r.Letter == letter);
            if (row < 0)
                throw new OfctlException($"invalid option -- '{letter}'");
            string rest = argument[(at + 1)..];
            switch (Rows[row].Value)
            {
                case Value.No:
                    state.Take(Rows[row].Name, null);
                    continue;
                case Value.Optional:
                    state.Take(Rows[row].Name, rest.Length > 0 ? rest : null);
                    return;
                default:
                    if (rest.Length == 0)
                        rest = ++i < all.Length ? all[i] : throw new OfctlException($"option requires an argument -- '{letter}'");
                    state.Take(Rows[row].Name, rest);
                    return;
            }
        }
    }

    private sealed class State
    {

        public OfctlOptions Options { get; private set; } = new() { RunDirectory = "" };

        public List<SortCriterion> Sort { get; } = [];

        public string? RunDirectory { get; private set; }

        public string? Asked { get; private set; }

        public void Take(string name, string? value)
        {
            OfctlOptions o = Options;
            switch (name)
            {
                case "timeout":
                    Options = uint.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out uint seconds) && seconds is > 0 and < 4_000_000
                        ? o with { Timeout = TimeSpan.FromSeconds(seconds) }
                        : throw new OfctlException($"value {value} on -t or --timeout is invalid");
                    break;
                case "protocols":
                    Protocols.Check(value!);
                    break;
                case "flow-format":
                    Protocols.CheckFlowFormat(value!);
                    break;
                case "packet-in-format":
                    Options = value is "standard" or "openflow10" or "nxt_packet_in" or "nxt_packet_in2" or "any"
                        ? o with { PacketInFormat = value }
                        : throw new OfctlException($"unknown packet-in format `{value}'");
                    break;
                case "color" when value is "auto" or "never":
                    break; // there are none
                case "color":
                    throw new OfctlException($"--color={value ?? "always"}: there are no colors here, only auto and never");
                case "detach" or "pidfile" or "unixctl" or "monitor" or "no-chdir" or "overwrite-pidfile":
                    throw new OfctlException($"--{name}: this command runs in the foreground only");
                case "sort" or "rsort":
                    Sort.Add(new SortCriterion(value is "priority" ? null : value, name == "rsort"));
                    break;
                case "verbose" or "log-file" or "syslog-method" or "syslog-target":
                    break; // there is no log to write
                case "rundir":
                    RunDirectory = value;
                    break;
                case "help" or "version" or "option":
                    Asked ??= name;
                    break;
                default:
                    Options = Flag(o, name, value);
                    break;
            }
        }

        private static OfctlOptions Flag(OfctlOptions o, string name, string? value) => name switch
        {
            "strict" => o with { Strict = true },
            "readd" => o with { Readd = true },
            "bundle" => o with { Bundle = true },
            "read-only" => o with { ReadOnly = true },
            "may-create" => o with { MayCreate = true },
            "more" => o with { Verbosity = o.Verbosity + 1 },
            "timestamp" => o with { Timestamp = true },
            "names" => o with { Names = true },
            "no-names" => o with { Names = false },
            "stats" => o with { Statistics = true },
            "no-stats" => o with { Statistics = false },
            "private-key" => o with { PrivateKey = value },
            "certificate" => o with { Certificate = value },
            "ca-cert" => o with { Authority = value },
            _ => throw new OfctlException($"unrecognized option '--{name}'"),
        };
    }
}
