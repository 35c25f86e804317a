using OvsBridge.OpenFlow.Fields;
using OvsBridge.Translator.Tables;
using OvsBridge.Translator.Xlate;

namespace OvsBridge.Translator.Classifier;

/// <summary>
/// The rules of one table, to be searched by packet: tuple-space search. Rules with the same mask are one
/// <see cref="Subtable"/>, a hash table of masked values; subtables stand in order of their highest priority, so that a
/// search ends as soon as no later one can win. Within a subtable the lookup goes in stages, and tries of address prefixes and
/// ports cut it short, so that it looks at as few bits as it can: each becomes part of a megaflow.
/// </summary>
/// <remarks>Immutable: a change gives a new classifier that shares nearly everything with the old one. Any thread may search.</remarks>
internal sealed class RuleClassifier
{
    private readonly Subtable[] _subtables;
    private readonly PrefixTrie?[] _tries; // by TrieField.Addresses

    private RuleClassifier(Subtable[] subtables, PrefixTrie?[] tries, int count)
    {
        _subtables = subtables;
        _tries = tries;
        Count = count;
    }

    /// <summary>No rules.</summary>
    internal static RuleClassifier Empty { get; } = new([], new PrefixTrie?[TrieField.Addresses.Length], 0);

    /// <summary>Number of rules.</summary>
    internal int Count { get; }

    /// <summary>All rules.</summary>
    internal IEnumerable<Rule> Rules => _subtables.SelectMany(s => s.Rules);

    /// <summary>Whether some packet is matched by <paramref name="match"/> and by a rule of this priority (OFPFF_CHECK_OVERLAP).</summary>
    /// <remarks>
    /// One lookup a subtable whose mask <paramref name="match"/> contains, as that of flows of one kind does; else it takes a
    /// look at each rule.
    /// </remarks>
    internal bool Overlaps(Match match, ushort priority)
    {
        foreach (Subtable subtable in _subtables)
        {
            if (subtable.MaxPriority < priority)
            {
                return false; // nor any later one
            }

            ref readonly FlowKey mask = ref subtable.Shape.Mask;
            bool overlaps = mask.Masked(match.Mask) == mask
                ? subtable.Find(new Match(match.Value, mask), priority) is not null
                : subtable.Rules.Any(rule => rule.Priority == priority && rule.Match.Overlaps(match));
            if (overlaps)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>
    /// The rules whose match <paramref name="match"/> covers. Where a mask lacks one of its bits none does; where the mask is its own, one
    /// lookup finds them; other subtables are looked through.
    /// </summary>
    internal IEnumerable<Rule> CoveredBy(Match match)
    {
        foreach (Subtable subtable in _subtables)
        {
            FlowKey mask = subtable.Shape.Mask;
            if (mask.Masked(match.Mask) != match.Mask)
            {
                continue;
            }

            foreach (Rule rule in mask == match.Mask ? subtable.SameHash(match) : subtable.Rules)
            {
                if (match.Covers(rule.Match))
                {
                    yield return rule;
                }
            }
        }
    }

    /// <summary>The rule with exactly this match and priority, or null.</summary>
    internal Rule? Find(Match match, ushort priority)
    {
        int index = IndexOf(match.Mask);
        return index < 0 ? null : _subtables[index].Find(match, priority);
    }

    /// <summary>
    /// The rule of highest priority that matches the packet, or null. Un-wildcards what it took to know. When
    /// <see cref="TrackedFlow.NeedsReparse"/> is set afterwards, the answer is meaningless.
    /// </summary>
    internal Rule? Lookup(TrackedFlow flow)
    {
        PrefixResults prefixes = default;
        Rule? best = null;
        int bestPriority = -1;
        foreach (Subtable subtable in _subtables)
        {
            if (subtable.MaxPriority <= bestPriority)
            {
                break; // nor any later one
            }

            Rule? rule = subtable.Lookup(flow, _tries, ref prefixes);
            if (rule is not null && rule.Priority > bestPriority)
            {
                best = rule;
                bestPriority = rule.Priority;
            }
        }

        return best;
    }

    /// <summary>
    /// Reports the rules that differ between two classifiers of which one came from the other; what they share costs nothing.
    /// </summary>
    /// <param name="before">One.</param>
    /// <param name="after">The other.</param>
    /// <param name="changed">Called with both rules of a match and priority, null where there is none; false stops.</param>
    /// <returns>False when stopped.</returns>
    internal static bool Compare(RuleClassifier before, RuleClassifier after, Func<Rule?, Rule?, bool> changed)
    {
        HashSet<Subtable> old = [.. before._subtables];
        List<Subtable> fresh = [];
        foreach (Subtable subtable in after._subtables)
        {
            if (!old.Remove(subtable))
            {
                fresh.Add(subtable);
            }
        }

        foreach (Subtable was in old)
        {
            Subtable? now = fresh.Find(s => s.Shape.MaskHash == was.Shape.MaskHash && s.Shape.Mask == was.Shape.Mask);
            if (!Subtable.Compare(was, now, changed))
            {
                return false;
            }

            if (now is not null)
            {
                fresh.Remove(now);
            }
        }

        return fresh.TrueForAll(subtable => Subtable.Compare(null, subtable, changed));
    }

    /// <summary>With <paramref name="rule"/>, in place of one with the same match and priority.</summary>
    internal RuleClassifier With(Rule rule)
    {
        int index = IndexOf(rule.Match.Mask);
        Subtable before = index < 0 ? new Subtable(new SubtableShape(rule.Match.Mask)) : _subtables[index];
        Subtable after = before.With(rule, out Rule? replaced);
        Subtable[] subtables = Place(index, after);
        return replaced is null
            ? new RuleClassifier(subtables, ChangeTries(after.Shape, rule.Match, true), Count + 1)
            : new RuleClassifier(subtables, _tries, Count);
    }

    /// <summary>Without the rule of this match and priority; this classifier when there is none.</summary>
    internal RuleClassifier Without(Match match, ushort priority)
    {
        int index = IndexOf(match.Mask);
        if (index < 0)
        {
            return this;
        }

        SubtableShape shape = _subtables[index].Shape;
        Subtable? after = _subtables[index].Without(match, priority, out Rule? removed);
        return removed is null ? this : new RuleClassifier(Place(index, after), ChangeTries(shape, match, false), Count - 1);
    }

    private PrefixTrie?[] ChangeTries(SubtableShape shape, Match match, bool add)
    {
        if (shape.Prefixes.Length == 0)
        {
            return _tries;
        }

        PrefixTrie?[] tries = [.. _tries];
        foreach ((int trie, int length) in shape.Prefixes)
        {
            UInt128 value = TrieField.Addresses[trie].Value(match.Value);
            tries[trie] = add ? PrefixTrie.Add(tries[trie], value, length) : PrefixTrie.Remove(tries[trie], value, length);
        }

        return tries;
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
