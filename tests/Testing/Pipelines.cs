using System.Collections.Immutable;
using OvsBridge.OpenFlow;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.Translator.Tables;

namespace OvsBridge.Testing;

/// <summary>Pipelines as values.</summary>
internal static class Pipelines
{
    /// <summary>A pipeline with ports 1 to <paramref name="ports"/> and LOCAL.</summary>
    internal static PipelineSnapshot Empty(int ports = 6)
    {
        PipelineSnapshot snapshot = new()
        {
            Version = 1,
            Tables = [.. Enumerable.Range(0, PipelineSnapshot.TableCount).Select(id => FlowTable.Empty((byte)id))],
        };
        for (uint port = 1; port <= ports; port++)
        {
            snapshot = snapshot.WithPort(port);
        }

        return snapshot.WithPort(OfPorts.Local);
    }

    /// <summary>A pipeline made by commands: a flow in add-flow's syntax, or <c>add-group ...</c>, <c>add-meter ...</c>.</summary>
    internal static PipelineSnapshot Of(params string[] commands) => commands.Aggregate(Empty(), With);

    internal static PipelineSnapshot With(this PipelineSnapshot snapshot, string command)
    {
        OfMessage message = Flows.Command(command.StartsWith("add-", StringComparison.Ordinal) ? command : "add-flow " + command);
        return message switch
        {
            FlowMod mod => snapshot.With(Rule(mod)),
            GroupMod group => snapshot.With(new Group(
                group.GroupId, group.GroupType, group.Buckets, new RuleStats(0), [.. group.Buckets.Select(_ => new RuleStats(0))])),
            MeterMod meter => snapshot.With(new Meter(meter.MeterId, meter.Flags, meter.Bands, meter.MeterId, 0)),
            _ => throw new ArgumentException($"{message.Type} makes no pipeline", nameof(command)),
        };
    }

    internal static Rule Rule(FlowMod mod) => new()
    {
        TableId = mod.TableId,
        Priority = mod.Priority,
        Match = mod.Match,
        Instructions = mod.Instructions,
        Cookie = mod.Cookie,
        Flags = mod.Flags,
        IdleTimeoutSeconds = mod.IdleTimeoutSeconds,
        HardTimeoutSeconds = mod.HardTimeoutSeconds,
        Stats = new RuleStats(0),
    };

    internal static PipelineSnapshot With(this PipelineSnapshot snapshot, Rule rule) => snapshot with
    {
        Version = snapshot.Version + 1,
        Tables = snapshot.Tables.SetItem(rule.TableId, snapshot.Tables[rule.TableId].With(rule)),
    };

    internal static PipelineSnapshot Without(this PipelineSnapshot snapshot, Rule rule) => snapshot with
    {
        Version = snapshot.Version + 1,
        Tables = snapshot.Tables.SetItem(rule.TableId, snapshot.Tables[rule.TableId].Without([rule])),
    };

    internal static PipelineSnapshot With(this PipelineSnapshot snapshot, Group group) => snapshot with
    {
        Version = snapshot.Version + 1,
        Groups = snapshot.Groups.SetItem(group.GroupId, group),
    };

    internal static PipelineSnapshot With(this PipelineSnapshot snapshot, Meter meter) => snapshot with
    {
        Version = snapshot.Version + 1,
        Meters = snapshot.Meters.SetItem(meter.MeterId, meter),
    };

    internal static PipelineSnapshot WithPort(
        this PipelineSnapshot snapshot, uint port, PortConfig config = PortConfig.None, PortState state = PortState.Live) => snapshot with
        {
            Version = snapshot.Version + 1,
            Ports = snapshot.Ports.SetItem(port, new SwitchPort(
                new PortDescription { PortNo = port, Name = port == OfPorts.Local ? "br0" : $"p{port}", Config = config, State = state },
                port == OfPorts.Local ? OfPorts.DatapathLocal : port,
                (int)(100 + (port & 0xffff)),
                0)),
        };

    /// <summary>All flow entries.</summary>
    internal static ImmutableArray<Rule> Rules(this PipelineSnapshot snapshot) => [.. snapshot.Tables.SelectMany(t => t.Rules)];
}
