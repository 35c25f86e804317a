using OvsBridge.Translator.Classifier;
using OvsBridge.Translator.Xlate;

namespace OvsBridge.Translator.Tables;

/// <summary>A flow entry that came, went, or does something else.</summary>
/// <param name="TableId">Its table.</param>
/// <param name="Before">As it was, null when it is new.</param>
/// <param name="After">As it is, null when it is gone; same match and priority.</param>
internal readonly record struct RuleChange(byte TableId, Rule? Before, Rule? After)
{
    /// <summary>The one that there is.</summary>
    internal Rule Rule => After ?? Before!;
}

/// <summary>What differs between two snapshots; found by what they don't share, so it costs what changed and not what there is.</summary>
internal sealed class SnapshotDiff
{
    private readonly List<RuleChange> _rules = [];
    private readonly List<StatePart> _parts = [];

    private SnapshotDiff()
    {
    }

    /// <summary>Something that every translation depends on.</summary>
    internal bool Everything { get; private set; }

    /// <summary>More flow entries than were asked for: <see cref="Rules"/> is not complete.</summary>
    internal bool ManyRules { get; private set; }

    /// <summary>Flow entries.</summary>
    internal IReadOnlyList<RuleChange> Rules => _rules;

    /// <summary>Ports, groups, meters.</summary>
    internal IReadOnlyList<StatePart> Parts => _parts;

    /// <summary>Tables with a change in them; complete in any case.</summary>
    internal TableSet Tables { get; private set; }

    /// <summary>Compares two snapshots of one switch.</summary>
    /// <param name="before">The older one.</param>
    /// <param name="after">The newer one.</param>
    /// <param name="mostRules">Gives up beyond so many flow entries.</param>
    internal static SnapshotDiff Between(PipelineSnapshot before, PipelineSnapshot after, int mostRules)
    {
        SnapshotDiff diff = new();
        if (before.Fragments != after.Fragments || before.Standalone != after.Standalone)
        {
            diff.Everything = true;
        }

        diff.Compare(before.Ports, after.Ports, StatePart.Port);
        diff.Compare(before.Groups, after.Groups, StatePart.Group);
        diff.Compare(before.Meters, after.Meters, StatePart.Meter);
        TableSet tables = default;
        for (int id = 0; id < after.Tables.Length; id++)
        {
            if (before.Tables[id] != after.Tables[id])
            {
                tables.Add((byte)id);
                diff.CompareTable(before.Tables[id], after.Tables[id], mostRules);
            }
        }

        diff.Tables = tables;
        return diff;
    }

    private void CompareTable(FlowTable before, FlowTable after, int mostRules)
    {
        if (ManyRules)
        {
            return;
        }

        if (before.Stats != after.Stats)
        {
            Everything = true; // another table of this number: its counters are part of translations
            return;
        }

        ManyRules = !RuleClassifier.Compare(before.Classifier, after.Classifier, (old, now) =>
        {
            _rules.Add(new RuleChange(after.TableId, old, now));
            return _rules.Count <= mostRules;
        });
    }

    private void Compare<T>(IReadOnlyDictionary<uint, T> before, IReadOnlyDictionary<uint, T> after, Func<uint, StatePart> part)
        where T : class
    {
        if (ReferenceEquals(before, after))
        {
            return;
        }

        foreach ((uint key, T old) in before)
        {
            if (!after.TryGetValue(key, out T? now) || !ReferenceEquals(old, now))
            {
                _parts.Add(part(key));
            }
        }

        foreach (uint key in after.Keys)
        {
            if (!before.ContainsKey(key))
            {
                _parts.Add(part(key));
            }
        }
    }
}
