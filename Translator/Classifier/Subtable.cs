using OvsBridge.OpenFlow.Fields;
using OvsBridge.Translator.Tables;

namespace OvsBridge.Translator.Classifier;

/// <summary>A word of the key and the bits of it that a subtable looks at.</summary>
internal readonly record struct MaskedWord(int Word, ulong Mask);

/// <summary>The rules of one hash value: usually one; more when they differ in priority only (or collide).</summary>
internal sealed class RuleLeaf(ulong hash, Rule rule, RuleLeaf? next) : HashLeaf(hash)
{
    internal readonly Rule Rule = rule;

    /// <summary>Same or lower priority.</summary>
    internal readonly RuleLeaf? Next = next;
}

/// <summary>What is fixed about a subtable: its mask, prepared for lookups. Shared by all its versions.</summary>
internal sealed class SubtableShape
{
    private readonly FlowKey _mask;

    internal SubtableShape(in FlowKey mask)
    {
        _mask = mask;
        MaskHash = HashMask(mask);
        Words = [.. Enumerable.Range(0, FlowKey.Words).Where(w => _mask.AsWords()[w] != 0).Select(w => new MaskedWord(w, _mask.AsWords()[w]))];
    }

    internal ref readonly FlowKey Mask => ref _mask;

    internal int MaskHash { get; }

    internal MaskedWord[] Words { get; }

    internal static int HashMask(in FlowKey mask) => mask.GetHashCode();

    internal ulong HashValue(in FlowKey value)
    {
        ReadOnlySpan<ulong> words = value.AsWords();
        ulong hash = 0;
        foreach (MaskedWord w in Words)
        {
            hash = KeyHash.Add(hash, words[w.Word] & w.Mask);
        }

        return KeyHash.Finish(hash);
    }
}

/// <summary>The hash of masked words.</summary>
internal static class KeyHash
{
    internal static ulong Add(ulong hash, ulong word) =>
        System.Numerics.BitOperations.RotateLeft(hash ^ (word * 0x9e3779b97f4a7c15), 31) * 0xbf58476d1ce4e5b9;

    internal static ulong Finish(ulong hash) => hash ^ (hash >> 32);
}

/// <summary>All rules with one mask; immutable.</summary>
internal sealed class Subtable
{
    private readonly HashTrie? _rules;
    private readonly PriorityCounts _priorities;

    internal Subtable(SubtableShape shape)
        : this(shape, null, PriorityCounts.None, 0)
    {
    }

    private Subtable(SubtableShape shape, HashTrie? rules, PriorityCounts priorities, int count)
    {
        Shape = shape;
        _rules = rules;
        _priorities = priorities;
        Count = count;
    }

    internal SubtableShape Shape { get; }

    internal int Count { get; }

    internal int MaxPriority => _priorities.Max;

    internal IEnumerable<Rule> Rules
    {
        get
        {
            foreach (HashLeaf leaf in HashTrie.Leaves(_rules))
            {
                for (RuleLeaf? at = (RuleLeaf)leaf; at is not null; at = at.Next)
                {
                    yield return at.Rule;
                }
            }
        }
    }

    internal Rule? Find(Match match, ushort priority)
    {
        for (RuleLeaf? at = (RuleLeaf?)HashTrie.Find(_rules, Shape.HashValue(match.Value)); at is not null; at = at.Next)
        {
            if (at.Rule.Priority == priority && at.Rule.Match.Value == match.Value)
            {
                return at.Rule;
            }
        }

        return null;
    }

    /// <summary>With <paramref name="rule"/>, which has this subtable's mask; <paramref name="replaced"/> had its match and priority.</summary>
    internal Subtable With(Rule rule, out Rule? replaced)
    {
        ulong hash = Shape.HashValue(rule.Match.Value);
        RuleLeaf? chain = (RuleLeaf?)HashTrie.Find(_rules, hash);
        replaced = null;
        chain = Insert(Remove(chain, rule.Match, rule.Priority, ref replaced), rule, hash);
        HashTrie rules = HashTrie.Set(_rules, chain);
        return replaced is not null
            ? new Subtable(Shape, rules, _priorities, Count)
            : new Subtable(Shape, rules, _priorities.Add(rule.Priority, 1), Count + 1);
    }

    /// <summary>Without the rule of this match and priority; this subtable when there is none, null when it was the last one.</summary>
    internal Subtable? Without(Match match, ushort priority, out Rule? removed)
    {
        ulong hash = Shape.HashValue(match.Value);
        removed = null;
        RuleLeaf? chain = Remove((RuleLeaf?)HashTrie.Find(_rules, hash), match, priority, ref removed);
        if (removed is null)
        {
            return this;
        }

        HashTrie? rules = chain is null ? HashTrie.Remove(_rules, hash) : HashTrie.Set(_rules, chain);
        return rules is null ? null : new Subtable(Shape, rules, _priorities.Add(priority, -1), Count - 1);
    }

    private static RuleLeaf Insert(RuleLeaf? chain, Rule rule, ulong hash) =>
        chain is null || chain.Rule.Priority < rule.Priority
            ? new RuleLeaf(hash, rule, chain)
            : new RuleLeaf(hash, chain.Rule, Insert(chain.Next, rule, hash));

    private static RuleLeaf? Remove(RuleLeaf? chain, Match match, ushort priority, ref Rule? removed)
    {
        if (chain is null)
        {
            return null;
        }

        if (chain.Rule.Priority == priority && chain.Rule.Match.Value == match.Value)
        {
            removed = chain.Rule;
            return chain.Next;
        }

        RuleLeaf? rest = Remove(chain.Next, match, priority, ref removed);
        return rest == chain.Next ? chain : new RuleLeaf(chain.Hash, chain.Rule, rest);
    }
}
