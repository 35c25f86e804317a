using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Messages.Multipart;

namespace OvsBridge.OpenFlow.Text;

/// <summary>
/// Flows, groups and meters in ovs-ofctl's syntax, both ways. Reading refuses what the switch does not have, with the word
/// and its position; nothing is left out silently.
/// </summary>
public static partial class FlowSyntax
{
    /// <summary>Priority of a flow that does not name one.</summary>
    public const ushort DefaultPriority = 0x8000;

    /// <summary>
    /// Reads a command with its argument, as one would type it behind <c>ovs-ofctl</c> but without the bridge:
    /// <c>add-flow in_port=1,actions=output:2</c>, <c>del-flows --strict priority=5,ip</c>,
    /// <c>add-group group_id=1,type=all,bucket=output:1</c>, <c>add-meter meter=1,kbps,band=type=drop,rate=1000</c>.
    /// </summary>
    /// <param name="command">The command.</param>
    /// <param name="ports">Looks up names of ports, or null.</param>
    /// <param name="notes">See <see cref="MatchText.Parse"/>.</param>
    /// <exception cref="FlowSyntaxException">The text is wrong; positions count from the start of <paramref name="command"/>.</exception>
    public static OfMessage ParseCommand(string command, PortNames? ports = null, ICollection<string>? notes = null)
    {
        int start = command.AsSpan().IndexOfAnyExcept(' ');
        start = start < 0 ? 0 : start;
        int end = command.IndexOf(' ', start);
        end = end < 0 ? command.Length : end;
        string verb = command[start..end];
        int argumentStart = end;
        bool strict = false;
        while (argumentStart < command.Length && command[argumentStart] == ' ')
        {
            argumentStart++;
        }

        if (command.AsSpan(argumentStart).StartsWith("--strict"))
        {
            if (verb is not ("mod-flows" or "del-flows"))
            {
                throw new FlowSyntaxException("--strict", argumentStart, $"{verb} has no --strict");
            }

            strict = true;
            argumentStart += "--strict".Length;
        }

        string argument = command[argumentStart..];
        try
        {
            return verb switch
            {
                "add-flow" => ParseFlow(argument, FlowModCommand.Add, ports, notes),
                "mod-flows" => ParseFlow(argument, strict ? FlowModCommand.ModifyStrict : FlowModCommand.Modify, ports, notes),
                "del-flows" => ParseFlow(argument, strict ? FlowModCommand.DeleteStrict : FlowModCommand.Delete, ports, notes),
                "add-group" => ParseGroup(argument, GroupModCommand.Add, ports),
                "mod-group" => ParseGroup(argument, GroupModCommand.Modify, ports),
                "del-groups" => ParseGroup(argument, GroupModCommand.Delete, ports),
                "add-meter" => ParseMeter(argument, MeterModCommand.Add),
                "mod-meter" => ParseMeter(argument, MeterModCommand.Modify),
                "del-meter" or "del-meters" => ParseMeter(argument, MeterModCommand.Delete),
                _ => throw new FlowSyntaxException(verb, start - argumentStart, "unknown command"),
            };
        }
        catch (FlowSyntaxException inner)
        {
            throw inner.At(argumentStart);
        }
    }

    /// <summary>The match field that a word of a flow stands for, by any of its names, or null: <c>nw_src</c>, <c>dl_vlan</c>, <c>nw_tos</c>.</summary>
    public static Field? FindField(string name) => name switch
    {
        "dl_vlan" => FieldTable.VlanVid,
        "vlan_tci" => KeyFields.VlanTci,
        "nw_tos" => FieldTable.IpDscp,
        _ => FieldNames.Find(name),
    };

    /// <summary>Reads a flow as add-flow, mod-flows or del-flows take it.</summary>
    /// <param name="line">
    /// Words separated by commas or blanks: a match, table, priority, cookie[/mask], time-outs, flags, out_port and out_group
    /// (to delete), and last <c>actions=</c>. Counters and durations of a dumped flow are accepted and left out.
    /// </param>
    /// <param name="command">What the flow_mod is to do.</param>
    /// <param name="ports">Looks up names of ports, or null.</param>
    /// <param name="notes">See <see cref="MatchText.Parse"/>.</param>
    /// <exception cref="FlowSyntaxException">The text is wrong.</exception>
    public static FlowMod ParseFlow(
        string line, FlowModCommand command = FlowModCommand.Add, PortNames? ports = null, ICollection<string>? notes = null)
    {
        bool delete = command is FlowModCommand.Delete or FlowModCommand.DeleteStrict;
        FlowMod flow = new()
        {
            Command = command,
            Priority = DefaultPriority,
            TableId = delete ? FlowMod.AllTables : (byte)0,
        };
        KeyBuilder match = new(ports, wholeKey: false);
        Word? actions = null;
        WordReader words = new(line);
        while (words.Read(out Word word))
        {
            if (word.Key is "actions" or "action" && word.Delimiter == '=')
            {
                actions = word;
                break;
            }

            if (!match.TryAdd(word))
            {
                flow = ReadFlowWord(flow, word, command, ports);
            }
        }

        flow = flow with { Match = match.ToMatch(notes) };
        if (actions is not { } list)
        {
            return delete ? flow : throw Whole(line, "needs actions=");
        }

        if (delete)
        {
            throw list.Error("a deletion has no actions");
        }

        try
        {
            return flow with { Instructions = InstructionText.Parse(line[list.ValuePosition..], ports, flow.Match, flow.TableId) };
        }
        catch (FlowSyntaxException inner)
        {
            throw inner.At(list.ValuePosition);
        }
    }

    /// <summary>Something is missing in the text as a whole.</summary>
    private static FlowSyntaxException Whole(string line, string problem) =>
        new(line.Trim(), line.Length - line.TrimStart().Length, problem);

    private static FlowMod ReadFlowWord(FlowMod flow, in Word word, FlowModCommand command, PortNames? ports)
    {
        bool delete = command is FlowModCommand.Delete or FlowModCommand.DeleteStrict;
        if (delete && (FlagOf(word.Key) is not null || word.Key is "idle_timeout" or "hard_timeout"))
        {
            throw word.Error($"a deletion has no {word.Key}");
        }

        switch (word.Key)
        {
            case "priority" when command == FlowModCommand.Delete:
                throw word.Error("a priority is for deletions with --strict only");
            case "table":
                return flow with { TableId = PortNames.ParseTable(word, ports, delete ? FlowMod.AllTables : 254ul) };
            case "priority":
                return flow with { Priority = (ushort)Numbers.Parse(word, "a priority", ushort.MaxValue) };
            case "idle_timeout":
                return flow with { IdleTimeoutSeconds = (ushort)Numbers.Parse(word, "seconds", ushort.MaxValue) };
            case "hard_timeout":
                return flow with { HardTimeoutSeconds = (ushort)Numbers.Parse(word, "seconds", ushort.MaxValue) };
            case "cookie":
                return ReadCookie(flow, word, command);
            case "out_port" when delete:
                return PortNames.TryParse(word.Need("out_port=PORT"), ports, out uint port)
                    ? flow with { OutPort = port }
                    : throw word.Error($"{word.Value} is not a port");
            case "out_group" when delete:
                return flow with { OutGroup = word.Value is "any" or "ANY" ? GroupMod.AnyGroup : (uint)Numbers.Parse(word, "a group id", GroupMod.MaxGroup) };
            case "out_port" or "out_group":
                throw word.Error($"only deletions and dumps are restricted by {word.Key}");
            case "importance":
                throw word.Error("importance needs OpenFlow 1.4");
            case "duration" or "n_packets" or "n_bytes" or "idle_age" or "hard_age":
                word.Need("as dump-flows prints it");
                return flow;
        }

        if (FlagOf(word.Key) is { } flag)
        {
            word.NeedNoValue();
            return flow with { Flags = flow.Flags | flag };
        }

        throw word.Error(word.HasValue ? $"unknown field {word.Key}" : $"unknown keyword {word.Key}");
    }

    private static FlowMod ReadCookie(FlowMod flow, in Word word, FlowModCommand command)
    {
        string text = word.Need("cookie=VALUE[/MASK]");
        int slash = text.IndexOf('/', StringComparison.Ordinal);
        if (slash >= 0)
        {
            return command == FlowModCommand.Add
                ? throw word.Error("an added flow has a cookie without mask")
                : flow with { Cookie = CookiePart(word, text[..slash]), CookieMask = CookiePart(word, text[(slash + 1)..]) };
        }

        return command == FlowModCommand.Add
            ? flow with { Cookie = CookiePart(word, text) }
            : throw word.Error("OpenFlow 1.3 does not change cookies; to select by cookie give a mask: cookie=VALUE/-1");
    }

    private static ulong CookiePart(in Word word, string text) =>
        text == "-1" ? ulong.MaxValue : Numbers.Parse(word, text, "a cookie", ulong.MaxValue);

    /// <summary>Reads what restricts a dump or an aggregate: a match, table, cookie/mask, out_port, out_group.</summary>
    /// <exception cref="FlowSyntaxException">The text is wrong.</exception>
    public static FlowFilter ParseFilter(string text, PortNames? ports = null, ICollection<string>? notes = null)
    {
        FlowMod flow = ParseFlow(text, FlowModCommand.Delete, ports, notes);
        return new FlowFilter(flow.TableId, flow.OutPort, flow.OutGroup, flow.Cookie, flow.CookieMask, flow.Match);
    }

    private static readonly (string Word, FlowModFlags Flag)[] _flags =
    [
        ("send_flow_rem", FlowModFlags.SendFlowRemoved),
        ("check_overlap", FlowModFlags.CheckOverlap),
        ("reset_counts", FlowModFlags.ResetCounts),
        ("no_packet_counts", FlowModFlags.NoPacketCounts),
        ("no_byte_counts", FlowModFlags.NoByteCounts),
    ];

    private static FlowModFlags? FlagOf(string word)
    {
        foreach ((string name, FlowModFlags flag) in _flags)
        {
            if (name == word)
            {
                return flag;
            }
        }

        return null;
    }
}
