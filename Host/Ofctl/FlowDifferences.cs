using System.Globalization;
using System.Text;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Messages.Multipart;
using OvsBridge.OpenFlow.Text;

namespace OvsBridge.Host.Ofctl;

/// <summary>Commands that compare flows: of files, and of switches.</summary>
internal static class FlowDifferences
{
    private const int Different = 2;

    /// <summary>diff-flows SOURCE1 SOURCE2; the exit status is 2 when there are differences.</summary>
    public static void Print(OfctlSession session, string[] arguments)
    {
        Dictionary<Key, FlowMod> first = Read(session, arguments[0]), second = Read(session, arguments[1]);
        PortNames? ports = Array.Find(arguments, source => !IsFile(source)) is { } name ? session.ShownPorts(name) : null;
        foreach (Key key in first.Keys.Union(second.Keys).OrderBy(k => k.TableId).ThenByDescending(k => k.Priority))
        {
            string? before = first.TryGetValue(key, out FlowMod? old) ? Text(old, ports) : null;
            string? after = second.TryGetValue(key, out FlowMod? now) ? Text(now, ports) : null;
            if (before == after)
                continue;
            if (before is not null)
                session.Out.WriteLine("-" + before);
            if (after is not null)
                session.Out.WriteLine("+" + after);
            session.Status = Different;
        }
    }

    /// <summary>replace-flows SWITCH FILE: removes what is not in the file, adds what is not in the switch.</summary>
    public static void Replace(OfctlSession session, string[] arguments)
    {
        string name = arguments[0];
        Dictionary<Key, FlowMod> wanted = ReadFile(session, arguments[1], session.AcceptedPorts(name)), there = ReadSwitch(session, name);
        MessageBatch batch = new(session, session.Options.Bundle);
        foreach ((Key key, FlowMod flow) in there)
        {
            if (!wanted.ContainsKey(key))
                batch.Add(flow with { Command = FlowModCommand.DeleteStrict, Instructions = default, Flags = FlowModFlags.None });
        }

        foreach ((Key key, FlowMod flow) in wanted)
        {
            if (session.Options.Readd || !there.TryGetValue(key, out FlowMod? old) || Text(old, null) != Text(flow, null))
                batch.Add(flow);
        }

        if (batch.Count > 0)
            batch.Send(name);
    }

    private static Dictionary<Key, FlowMod> Read(OfctlSession session, string source) =>
        IsFile(source) ? ReadFile(session, source, null) : ReadSwitch(session, source);

    // As ovs-ofctl: a path, or whatever is a file and no target.
    private static bool IsFile(string source) =>
        source is ['/' or '.', ..] || (!source.Contains(':', StringComparison.Ordinal) && File.Exists(source));

    private static Dictionary<Key, FlowMod> ReadFile(OfctlSession session, string file, PortNames? ports)
    {
        Dictionary<Key, FlowMod> flows = [];
        LineReader.ForEach(file, (line, _) =>
        {
            FlowMod flow = FlowCommands.Parse(session, line, FlowModCommand.Add, ports);
            flows[Key.Of(flow)] = flow;
        });
        return flows;
    }

    private static Dictionary<Key, FlowMod> ReadSwitch(OfctlSession session, string name)
    {
        using SwitchConnection connection = session.Connect(name);
        Dictionary<Key, FlowMod> flows = [];
        FlowFilter all = new(FlowMod.AllTables, OpenFlow.Actions.OfPorts.Any, GroupMod.AnyGroup, 0, 0, Match.Any);
        FlowDump.ForEach(session, connection, new FlowQuery(all), entry =>
        {
            FlowMod flow = new()
            {
                TableId = entry.TableId,
                Priority = entry.Priority,
                Cookie = entry.Cookie,
                IdleTimeoutSeconds = entry.IdleTimeoutSeconds,
                HardTimeoutSeconds = entry.HardTimeoutSeconds,
                Flags = entry.Flags,
                Match = entry.Match,
                Instructions = entry.Instructions,
            };
            flows[Key.Of(flow)] = flow;
        });
        return flows;
    }

    private static string Text(FlowMod flow, PortNames? ports)
    {
        StringBuilder text = new();
        if (flow.TableId != 0)
            text.Append(CultureInfo.InvariantCulture, $"table={flow.TableId} ");
        string match = MatchText.Print(flow.Match, ports);
        if (flow.Priority != FlowSyntax.DefaultPriority)
            text.Append(CultureInfo.InvariantCulture, $"priority={flow.Priority}{(match.Length > 0 ? "," : "")}");
        text.Append(match);
        if (flow.Cookie != 0)
            text.Append(CultureInfo.InvariantCulture, $" cookie=0x{flow.Cookie:x}");
        if (flow.IdleTimeoutSeconds != 0)
            text.Append(CultureInfo.InvariantCulture, $" idle_timeout={flow.IdleTimeoutSeconds}");
        if (flow.HardTimeoutSeconds != 0)
            text.Append(CultureInfo.InvariantCulture, $" hard_timeout={flow.HardTimeoutSeconds}");
        return text.Append(" actions=").Append(InstructionText.Print(flow.Instructions, ports)).ToString();
    }

    /// <summary>What makes a flow one flow.</summary>
    private readonly record struct Key(byte TableId, ushort Priority, Match Match)
    {
        public static Key Of(FlowMod flow) => new(flow.TableId, flow.Priority, flow.Match);
    }
}
