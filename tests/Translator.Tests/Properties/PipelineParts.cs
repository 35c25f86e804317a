using System.Collections.Immutable;
using OvsBridge.OpenFlow;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Text;
using OvsBridge.Testing;
using OvsBridge.Translator.Tables;
using OvsBridge.Translator.Tests.Xlate;

namespace OvsBridge.Translator.Tests.Properties;

/// <summary>A pipeline in parts that can be left out one by one. What <see cref="Build"/> makes has counters of its own, all 0.</summary>
internal sealed record PipelineParts(
    ImmutableArray<Rule> Rules,
    ImmutableArray<Group> Groups,
    ImmutableArray<Meter> Meters,
    ImmutableArray<SwitchPort> Ports,
    FragmentHandling Fragments,
    StandaloneMode Standalone)
{
    internal static PipelineParts Of(PipelineSnapshot snapshot) => new(
        snapshot.Rules(), [.. snapshot.Groups.Values], [.. snapshot.Meters.Values], [.. snapshot.Ports.Values], snapshot.Fragments, snapshot.Standalone);

    internal PipelineSnapshot Build()
    {
        PipelineSnapshot snapshot = Pipelines.Empty() with { Fragments = Fragments, Standalone = Standalone };
        snapshot = Ports.Aggregate(snapshot, (s, port) => s.WithPort(port.Description.PortNo, port.Description.Config, port.Description.State));
        snapshot = Groups.Aggregate(snapshot, (s, group) => s.With(group with { Stats = new RuleStats(0), BucketStats = [.. group.Buckets.Select(_ => new RuleStats(0))] }));
        snapshot = Meters.Aggregate(snapshot, (s, meter) => s.With(meter));
        return Rules.Aggregate(snapshot, (s, rule) => s.With(Copy(rule, rule.Match, rule.Instructions)));
    }

    /// <summary>This with something less: flow entries, groups, meters, what is special about ports; then what is in them.</summary>
    internal IEnumerable<PipelineParts> Smaller()
    {
        foreach (ImmutableArray<Rule> rules in Rules.Shorter())
        {
            yield return this with { Rules = rules };
        }

        foreach (ImmutableArray<Group> groups in Groups.Shorter())
        {
            yield return this with { Groups = groups };
        }

        foreach (ImmutableArray<Meter> meters in Meters.Shorter())
        {
            yield return this with { Meters = meters };
        }

        if (SpecialPorts.Any())
        {
            yield return this with { Ports = [] }; // Build has the ordinary ones
        }

        if (Fragments != FragmentHandling.Normal)
        {
            yield return this with { Fragments = FragmentHandling.Normal };
        }

        if (Standalone != StandaloneMode.Off)
        {
            yield return this with { Standalone = StandaloneMode.Off };
        }

        for (int i = 0; i < Rules.Length; i++)
        {
            Rule rule = Rules[i];
            foreach (ImmutableArray<OfInstruction> less in Simpler([.. rule.Instructions]))
            {
                yield return this with { Rules = Rules.SetItem(i, Copy(rule, rule.Match, less.ToValueList())) };
            }

            foreach (Match wider in Wider(rule.Match))
            {
                yield return this with { Rules = Rules.SetItem(i, Copy(rule, wider, rule.Instructions)) };
            }
        }

        for (int i = 0; i < Groups.Length; i++)
        {
            Group group = Groups[i];
            foreach (ImmutableArray<Bucket> buckets in Simpler([.. group.Buckets]))
            {
                yield return this with { Groups = Groups.SetItem(i, group with { Buckets = buckets.ToValueList() }) };
            }
        }

        for (int i = 0; i < Meters.Length; i++)
        {
            foreach (ImmutableArray<MeterBand> bands in ImmutableArray.CreateRange(Meters[i].Bands).Shorter())
            {
                yield return this with { Meters = Meters.SetItem(i, Meters[i] with { Bands = bands.ToValueList() }) };
            }
        }
    }

    public override string ToString() => string.Join('\n',
    [
        .. Rules.Select(Print),
        .. Groups.Select(group => FlowSyntax.PrintGroup(group.GroupId, group.GroupType, group.Buckets)),
        .. Meters.Select(meter => FlowSyntax.PrintMeter(meter.MeterId, meter.Flags, meter.Bands)),
        .. SpecialPorts.Select(port => $"port {port.Description.PortNo}: {port.Description.Config}, {port.Description.State}"),
        $"fragments {Fragments}, standalone {Standalone}",
    ]);

    internal static string Print(Rule rule) =>
        $"table={rule.TableId},priority={rule.Priority},{MatchText.Print(rule.Match)} {InstructionText.Print(rule.Instructions)}";

    private IEnumerable<SwitchPort> SpecialPorts => Ports.Where(port => port.Description is not { Config: PortConfig.None, State: PortState.Live });

    private static Rule Copy(Rule rule, Match match, ValueList<OfInstruction> instructions) => new()
    {
        TableId = rule.TableId,
        Priority = rule.Priority,
        Match = match,
        Instructions = instructions,
        Cookie = rule.Cookie,
        Stats = new RuleStats(0),
    };

    private static IEnumerable<ImmutableArray<OfInstruction>> Simpler(ImmutableArray<OfInstruction> instructions)
    {
        foreach (ImmutableArray<OfInstruction> fewer in instructions.Shorter())
        {
            yield return fewer;
        }

        for (int i = 0; i < instructions.Length; i++)
        {
            ImmutableArray<OfAction> actions = instructions[i] switch
            {
                ApplyActionsInstruction apply => [.. apply.Actions],
                WriteActionsInstruction write => [.. write.Actions],
                _ => [],
            };
            foreach (ImmutableArray<OfAction> fewer in actions.Shorter())
            {
                ValueList<OfAction> list = fewer.ToValueList();
                yield return instructions.SetItem(i, instructions[i] is ApplyActionsInstruction ? new ApplyActionsInstruction(list) : new WriteActionsInstruction(list));
            }
        }
    }

    private static IEnumerable<ImmutableArray<Bucket>> Simpler(ImmutableArray<Bucket> buckets)
    {
        foreach (ImmutableArray<Bucket> fewer in buckets.Shorter())
        {
            yield return fewer;
        }

        for (int i = 0; i < buckets.Length; i++)
        {
            foreach (ImmutableArray<OfAction> fewer in ImmutableArray.CreateRange(buckets[i].Actions).Shorter())
            {
                yield return buckets.SetItem(i, buckets[i] with { Actions = fewer.ToValueList() });
            }
        }
    }

    private static IEnumerable<Match> Wider(Match match)
    {
        foreach (Field field in FieldTable.All)
        {
            if (field.Get(match.Mask) == 0)
            {
                continue;
            }

            FlowKey value = match.Value, mask = match.Mask;
            field.SetMasked(ref value, 0, field.AllOnes);
            field.SetMasked(ref mask, 0, field.AllOnes);
            yield return new Match(value, mask);
        }
    }
}
