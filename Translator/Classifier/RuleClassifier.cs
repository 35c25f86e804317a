using OvsBridge.OpenFlow.Fields;
using OvsBridge.Translator.Tables;

namespace OvsBridge.Translator.Classifier;

/// <summary>
/// The rules of one table, to be searched by packet: tuple-space search. Rules with the same mask are one
/// <see cref="Subtable"/>, a hash table of masked values; subtables stand in order of their highest priority, so that a
/// search ends as soon as no later one can win.
/// </summary>
/// <remarks>Immutable: a change gives a new classifier that shares nearly everything with the old one. Any thread may search.</remarks>
internal sealed class RuleClassifier
{
    private readonly Subtable[] _subtables;

    private RuleClassifier(Subtable[] subtables, int count)
    {
        _subtables = subtables;
        Count = count;
    }

    /// <summary>No rules.</summary>
    internal static RuleClassifier Empty { get; } = new([], 0);

    /// <summary>Number of rules.</summary>
    internal int Count { get; }

    /// <summary>All rules.</summary>
    internal IEnumerable<Rule> Rules => _subtables.SelectMany(s => s.Rules);

    /// <summary>The rule with exactly this match and priority, or null.</summary>
    internal Rule? Find(Match match, ushort priority)
    {
        int index = IndexOf(match.Mask);
        return index < 0 ? null : _subtables[index].Find(match, priority);
    }

    /// <summary>With <paramref name="rule"/>, in place of one with the same match and priority.</summary>
    internal RuleClassifier With(Rule rule)
    {
        int index = IndexOf(rule.Match.Mask);
        Subtable before = index < 0 ? new Subtable(new SubtableShape(rule.Match.Mask)) : _subtables[index];
        Subtable after = before.With(rule, out Rule? replaced);
        return new RuleClassifier(Place(index, after), replaced is null ? Count + 1 : Count);
    }

    /// <summary>Without the rule of this match and priority; this classifier when there is none.</summary>
    internal RuleClassifier Without(Match match, ushort priority)
    {
        int index = IndexOf(match.Mask);
        if (index < 0)
        {
            return this;
        }

        Subtable? after = _subtables[index].Without(match, priority, out Rule? removed);
        return removed is null ? this : new RuleClassifier(Place(index, after), Count - 1);
    }

    private int IndexOf(in FlowKey mask)
    {
        int hash = SubtableShape.HashMask(mask);
        for (int i = 0; i < _subtables.Length; i++)
        {
            if (_subtables[i].Shape.MaskHash == hash && _subtables[i].Shape.Mask == mask)
            {
                return i;
            }
        }

        return -1;
    }

    /// <summary>The subtables with <paramref name="after"/> instead of the one at <paramref name="index"/>, in order of highest priority.</summary>
    private Subtable[] Place(int index, Subtable? after)
    {
        Subtable[] result = new Subtable[_subtables.Length + (index < 0 ? 1 : 0) - (after is null ? 1 : 0)];
        int to = 0;
        bool placed = after is null;
        for (int from = 0; from < _subtables.Length; from++)
        {
            if (from == index)
            {
                continue;
            }

            if (!placed && _subtables[from].MaxPriority < after!.MaxPriority)
            {
                result[to++] = after;
                placed = true;
            }

            result[to++] = _subtables[from];
        }

        if (!placed)
        {
            result[to] = after!;
        }

        return result;
    }
}
