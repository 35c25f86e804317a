using System.Collections.Immutable;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.Translator.Tables;
using OvsBridge.Translator.Xlate;

namespace OvsBridge.Translator.Classifier;

/// <summary>The rules of one masked value: usually one; more when they differ in priority only.</summary>
internal sealed class RuleLeaf : HashLeaf
{
    private readonly ImmutableList<Rule>? _byPriority; // the highest first; null when there is one

    private RuleLeaf(ulong hash, Rule top, ImmutableList<Rule>? byPriority, RuleLeaf? next)
        : base(hash)
    {
        Top = top;
        _byPriority = byPriority;
        Next = next;
    }

    /// <summary>The one of highest priority.</summary>
    internal Rule Top { get; }

    /// <summary>Rules of another value that has the same hash (one in 2^64).</summary>
    internal RuleLeaf? Next { get; }

    /// <summary>All, values with the same hash included.</summary>
    internal IEnumerable<Rule> Rules => (_byPriority ?? [Top]).Concat(Next?.Rules ?? []);

    /// <summary>Reports the rules that differ between two leaves of one hash; false when stopped.</summary>
    internal static bool Compare(RuleLeaf? before, RuleLeaf? after, Func<Rule?, Rule?, bool> changed)
    {
        for (RuleLeaf? old = before; old is not null; old = old.Next)
        {
            foreach (Rule rule in old._byPriority ?? [old.Top])
            {
                Rule? now = Find(after, rule.Match, rule.Priority);
                if (now != rule && !changed(rule, now))
                {
                    return false;
                }
            }
        }

        for (RuleLeaf? now = after; now is not null; now = now.Next)
        {
            foreach (Rule rule in now._byPriority ?? [now.Top])
            {
                if (Find(before, rule.Match, rule.Priority) is null && !changed(null, rule))
                {
                    return false;
                }
            }
        }

        return true;
    }

    /// <summary>The rule with this value and priority, or null.</summary>
    internal static Rule? Find(RuleLeaf? leaf, Match match, ushort priority)
    {
        for (; leaf is not null; leaf = leaf.Next)
        {
            if (leaf.Top.Match.Value == match.Value)
            {
                if (leaf._byPriority is not { } rules)
                {
                    return leaf.Top.Priority == priority ? leaf.Top : null;
                }

                int index = Position(rules, priority);
                return index < rules.Count && rules[index].Priority == priority ? rules[index] : null;
            }
        }

        return null;
    }

    /// <summary>With <paramref name="rule"/>, in place of one with its value and priority.</summary>
    internal static RuleLeaf With(RuleLeaf? leaf, ulong hash, Rule rule, out Rule? replaced)
    {
        replaced = null;
        if (leaf is null)
        {
            return new RuleLeaf(hash, rule, null, null);
        }

        if (leaf.Top.Match.Value != rule.Match.Value)
        {
            return new RuleLeaf(hash, leaf.Top, leaf._byPriority, With(leaf.Next, hash, rule, out replaced));
        }

        if (leaf._byPriority is null && leaf.Top.Priority == rule.Priority)
        {
            replaced = leaf.Top;
            return new RuleLeaf(hash, rule, null, leaf.Next);
        }

        ImmutableList<Rule> rules = leaf._byPriority ?? [leaf.Top];
        int index = Position(rules, rule.Priority);
        if (index < rules.Count && rules[index].Priority == rule.Priority)
        {
            replaced = rules[index];
            rules = rules.SetItem(index, rule);
        }
        else
        {
            rules = rules.Insert(index, rule);
        }

        return new RuleLeaf(hash, rules[0], rules, leaf.Next);
    }

    /// <summary>Without the rule of this value and priority; null when none is left.</summary>
    internal static RuleLeaf? Without(RuleLeaf? leaf, Match match, ushort priority, out Rule? removed)
    {
        removed = null;
        if (leaf is null)
        {
            return null;
        }

        if (leaf.Top.Match.Value != match.Value)
        {
            RuleLeaf? rest = Without(leaf.Next, match, priority, out removed);
            return removed is null ? leaf : new RuleLeaf(leaf.Hash, leaf.Top, leaf._byPriority, rest);
        }

        if (leaf._byPriority is not { } rules)
        {
            if (leaf.Top.Priority != priority)
            {
                return leaf;
            }

            removed = leaf.Top;
            return leaf.Next;
        }

        int index = Position(rules, priority);
        if (index == rules.Count || rules[index].Priority != priority)
        {
            return leaf;
        }

        removed = rules[index];
        rules = rules.RemoveAt(index);
        return new RuleLeaf(leaf.Hash, rules[0], rules.Count == 1 ? null : rules, leaf.Next);
    }

    /// <summary>Where a rule of this priority is, or would be put.</summary>
    private static int Position(ImmutableList<Rule> rules, ushort priority)
    {
        int low = 0, high = rules.Count;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (rules[middle].Priority > priority)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low;
    }
}

/// <summary>A part of a subtable's mask that is looked up by itself, in the order metadata, L2, L3, L4.</summary>
/// <param name="Words">The bits.</param>
/// <param name="Prefixes">Index in <see cref="TrieField.Addresses"/> and length of the prefixes among them.</param>
/// <param name="PortsLength">Length of the prefix of both ports, up to the last bit that the mask has; 0: no ports.</param>
internal sealed record Stage(MaskedWord[] Words, (int Trie, int Length)[] Prefixes, int PortsLength);

/// <summary>What is fixed about a subtable: its mask, prepared for lookups. Shared by all its versions.</summary>
internal sealed class SubtableShape
{
    private readonly FlowKey _mask;

    internal SubtableShape(in FlowKey mask)
    {
        _mask = mask;
        MaskHash = HashMask(mask);
        List<Stage> stages = [];
        foreach (FlowKey layer in KeyLayers.All)
        {
            FlowKey bits = mask.Masked(layer);
            if (bits == default)
            {
                continue;
            }

            (int, int)[] prefixes = [.. TrieField.Addresses
                .Select((field, i) => (i, field.PrefixLength(bits)))
                .Where(p => p.Item2 > 0)];
            UInt128 ports = TrieField.Ports.Value(bits);
            int portsLength = ports == 0 ? 0 : 128 - (int)UInt128.TrailingZeroCount(ports);
            stages.Add(new Stage(MaskedWord.Of(bits), prefixes, portsLength));
            if (portsLength > 0)
            {
                PortsMask = ports;
                PortsBits = bits.AsWords()[TrieField.PortsWord];
            }
        }

        Stages = [.. stages];
        WordCount = Stages.Sum(s => s.Words.Length);
        Prefixes = [.. Stages.SelectMany(s => s.Prefixes)];
    }

    internal ref readonly FlowKey Mask => ref _mask;

    internal int MaskHash { get; }

    internal Stage[] Stages { get; }

    /// <summary>Words of all stages; one that is in two stages counts twice.</summary>
    internal int WordCount { get; }

    internal (int Trie, int Length)[] Prefixes { get; }

    /// <summary>The mask's ports, left-aligned, and as bits of their word.</summary>
    internal UInt128 PortsMask { get; }

    internal ulong PortsBits { get; }

    internal static int HashMask(in FlowKey mask) => mask.GetHashCode();

    /// <summary>The hash of the value's masked words; behind each stage but the last, its hash so far.</summary>
    internal ulong HashValue(in FlowKey value, Span<ulong> stageHashes)
    {
        ReadOnlySpan<ulong> words = value.AsWords();
        ulong hash = 0;
        for (int i = 0; i < Stages.Length; i++)
        {
            foreach (MaskedWord w in Stages[i].Words)
            {
                hash = KeyHash.Add(hash, words[w.Word] & w.Mask);
            }

            stageHashes[i] = KeyHash.Finish(hash);
        }

        return KeyHash.Finish(hash);
    }
}

/// <summary>Which bits of a key belong to which stage of a lookup.</summary>
internal static class KeyLayers
{
    /// <summary>Most stages.</summary>
    internal const int Count = 4;

    /// <summary>What is known without a packet, L2, L3, L4: the likelier a field differs from packet to packet, the later.</summary>
    internal static FlowKey[] All { get; } = Make();

    private static FlowKey[] Make()
    {
        FlowKey metadata = default, l2 = default, l3 = default, l4 = default;
        metadata.AsMutableWords()[0] = ulong.MaxValue;
        metadata.AsMutableWords()[17..].Fill(ulong.MaxValue);
        l2.AsMutableWords()[1..4].Fill(ulong.MaxValue);
        l2.TcpFlags = 0;
        l4.TcpFlags = 0xffff;
        l4.TpSrc = 0xffff;
        l4.TpDst = 0xffff;
        l4.AsMutableWords()[13..15].Fill(ulong.MaxValue);
        l3.AsMutableWords()[4..17].Fill(ulong.MaxValue);
        for (int i = 0; i < FlowKey.Words; i++)
        {
            l3.AsMutableWords()[i] &= ~l4.AsWords()[i];
        }

        return [metadata, l2, l3, l4];
    }
}

/// <summary>The hash of masked words.</summary>
internal static class KeyHash
{
    internal static ulong Add(ulong hash, ulong word) =>
        System.Numerics.BitOperations.RotateLeft(hash ^ (word * 0x9e3779b97f4a7c15), 31) * 0xbf58476d1ce4e5b9;

    internal static ulong Finish(ulong hash) => hash ^ (hash >> 32);
}

/// <summary>How many rules have one hash value in the first stages.</summary>
internal sealed class CountLeaf(ulong hash, int count) : HashLeaf(hash)
{
    internal readonly int Count = count;
}

/// <summary>What the tries said about the packet of one lookup, as far as they were asked.</summary>
[System.Runtime.CompilerServices.InlineArray(4)]
internal struct PrefixResults
{
    private PrefixResult? _first;
}

/// <summary>All rules with one mask; immutable.</summary>
internal sealed class Subtable
{
    private readonly HashTrie? _rules;
    private readonly HashTrie?[] _stages; // stages but the last: hash -> CountLeaf
    private readonly PrefixTrie? _ports;
    private readonly PriorityCounts _priorities;

    internal Subtable(SubtableShape shape)
        : this(shape, null, new HashTrie?[Math.Max(0, shape.Stages.Length - 1)], null, PriorityCounts.None, 0)
    {
    }

    private Subtable(SubtableShape shape, HashTrie? rules, HashTrie?[] stages, PrefixTrie? ports, PriorityCounts priorities, int count)
    {
        Shape = shape;
        _rules = rules;
        _stages = stages;
        _ports = ports;
        _priorities = priorities;
        Count = count;
    }

    internal SubtableShape Shape { get; }

    internal int Count { get; }

    internal int MaxPriority => _priorities.Max;

    internal IEnumerable<Rule> Rules => HashTrie.Leaves(_rules).SelectMany(leaf => ((RuleLeaf)leaf).Rules);

    /// <summary>Reports the rules that differ between two subtables of one mask; false when stopped.</summary>
    internal static bool Compare(Subtable? before, Subtable? after, Func<Rule?, Rule?, bool> changed) =>
        HashTrie.Compare(before?._rules, after?._rules, (old, now) => RuleLeaf.Compare((RuleLeaf?)old, (RuleLeaf?)now, changed));

    /// <summary>The rule of highest priority here that matches; un-wildcards what it took to know.</summary>
    /// <remarks>
    /// Stage by stage: when no rule has the packet's values in the first stages, the fields of the later ones stay
    /// wildcarded. Before a stage, the tries may prove by a few leading bits that it will fail.
    /// </remarks>
    internal Rule? Lookup(TrackedFlow flow, PrefixTrie?[] tries, ref PrefixResults prefixes)
    {
        Span<ulong> words = stackalloc ulong[FlowKey.Words + KeyLayers.Count];
        int count = 0;
        ulong hash = 0;
        Stage[] stages = Shape.Stages;
        for (int i = 0; i < stages.Length; i++)
        {
            Stage stage = stages[i];
            foreach ((int trie, int length) in stage.Prefixes)
            {
                if (flow.ExcludesPrefix(TrieField.Addresses[trie], tries[trie], ref prefixes[trie], length))
                {
                    return null;
                }
            }

            if (stage.PortsLength > 0 && flow.ExcludesPorts(_ports, Shape.PortsMask, Shape.PortsBits, stage.PortsLength))
            {
                return null;
            }

            foreach (MaskedWord word in stage.Words)
            {
                ulong value = flow.Read(word.Word, word.Mask);
                words[count++] = value;
                hash = KeyHash.Add(hash, value);
            }

            if (i < _stages.Length && HashTrie.Find(_stages[i], KeyHash.Finish(hash)) is null)
            {
                return null;
            }
        }

        for (RuleLeaf? at = (RuleLeaf?)HashTrie.Find(_rules, KeyHash.Finish(hash)); at is not null; at = at.Next)
        {
            if (Has(at.Top, words))
            {
                return at.Top;
            }
        }

        return null;
    }

    /// <summary>The rules of this match, whatever their priority, and maybe (one in 2^64) others.</summary>
    internal IEnumerable<Rule> SameHash(Match match)
    {
        Span<ulong> stageHashes = stackalloc ulong[KeyLayers.Count];
        return ((RuleLeaf?)HashTrie.Find(_rules, Shape.HashValue(match.Value, stageHashes)))?.Rules ?? [];
    }

    internal Rule? Find(Match match, ushort priority)
    {
        Span<ulong> stageHashes = stackalloc ulong[KeyLayers.Count];
        ulong hash = Shape.HashValue(match.Value, stageHashes);
        return RuleLeaf.Find((RuleLeaf?)HashTrie.Find(_rules, hash), match, priority);
    }

    /// <summary>With <paramref name="rule"/>, which has this subtable's mask; <paramref name="replaced"/> had its match and priority.</summary>
    internal Subtable With(Rule rule, out Rule? replaced)
    {
        Span<ulong> stageHashes = stackalloc ulong[KeyLayers.Count];
        ulong hash = Shape.HashValue(rule.Match.Value, stageHashes);
        HashTrie rules = HashTrie.Set(_rules, RuleLeaf.With((RuleLeaf?)HashTrie.Find(_rules, hash), hash, rule, out replaced));
        if (replaced is not null)
        {
            return new Subtable(Shape, rules, _stages, _ports, _priorities, Count);
        }

        PrefixTrie? ports = _ports;
        if (Shape.PortsBits != 0)
        {
            ports = PrefixTrie.Add(ports, TrieField.Ports.Value(rule.Match.Value), PortsLength);
        }

        return new Subtable(Shape, rules, CountStages(stageHashes, 1), ports, _priorities.Add(rule.Priority, 1), Count + 1);
    }

    /// <summary>Without the rule of this match and priority; this subtable when there is none, null when it was the last one.</summary>
    internal Subtable? Without(Match match, ushort priority, out Rule? removed)
    {
        Span<ulong> stageHashes = stackalloc ulong[KeyLayers.Count];
        ulong hash = Shape.HashValue(match.Value, stageHashes);
        RuleLeaf? leaf = RuleLeaf.Without((RuleLeaf?)HashTrie.Find(_rules, hash), match, priority, out removed);
        if (removed is null)
        {
            return this;
        }

        HashTrie? rules = leaf is null ? HashTrie.Remove(_rules, hash) : HashTrie.Set(_rules, leaf);
        if (rules is null)
        {
            return null;
        }

        PrefixTrie? ports = _ports;
        if (Shape.PortsBits != 0)
        {
            ports = PrefixTrie.Remove(ports, TrieField.Ports.Value(match.Value), PortsLength);
        }

        return new Subtable(Shape, rules, CountStages(stageHashes, -1), ports, _priorities.Add(priority, -1), Count - 1);
    }

    private int PortsLength => Shape.Stages[^1].PortsLength;

    private HashTrie?[] CountStages(ReadOnlySpan<ulong> hashes, int difference)
    {
        if (_stages.Length == 0)
        {
            return _stages;
        }

        HashTrie?[] stages = new HashTrie?[_stages.Length];
        for (int i = 0; i < stages.Length; i++)
        {
            int count = (((CountLeaf?)HashTrie.Find(_stages[i], hashes[i]))?.Count ?? 0) + difference;
            stages[i] = count == 0
                ? HashTrie.Remove(_stages[i], hashes[i])
                : HashTrie.Set(_stages[i], new CountLeaf(hashes[i], count));
        }

        return stages;
    }

    private bool Has(Rule rule, ReadOnlySpan<ulong> words)
    {
        ReadOnlySpan<ulong> value = rule.Match.Value.AsWords();
        int count = 0;
        foreach (Stage stage in Shape.Stages)
        {
            foreach (MaskedWord word in stage.Words)
            {
                if ((value[word.Word] & word.Mask) != words[count++])
                {
                    return false;
                }
            }
        }

        return true;
    }
}
