using System.Numerics;

namespace OvsBridge.Translator.Classifier;

/// <summary>What a <see cref="HashTrie"/> holds: a thing with a 64-bit hash.</summary>
internal abstract class HashLeaf(ulong hash)
{
    /// <summary>Where the leaf is found.</summary>
    internal readonly ulong Hash = hash;
}

/// <summary>
/// A persistent hash map: a trie over the bits of a 64-bit hash, 32 ways a level, nodes without empty slots. A change
/// copies the nodes on one path (two to four for 100,000 leaves) and shares the rest.
/// </summary>
/// <remarks>
/// One leaf a hash value: what to do when two things have the same hash is the owner's business (a chain inside the leaf).
/// Immutable, so any number of threads may search; the null reference is the empty trie.
/// </remarks>
internal sealed class HashTrie
{
    private const int BitsALevel = 5;

    private readonly uint _bitmap;
    private readonly object[] _slots;

    private HashTrie(uint bitmap, object[] slots)
    {
        _bitmap = bitmap;
        _slots = slots;
    }

    /// <summary>The leaf with this hash, or null.</summary>
    internal static HashLeaf? Find(HashTrie? trie, ulong hash)
    {
        ulong rest = hash;
        while (trie is not null)
        {
            uint bit = 1u << (int)(rest & 31);
            if ((trie._bitmap & bit) == 0)
            {
                return null;
            }

            object slot = trie._slots[BitOperations.PopCount(trie._bitmap & (bit - 1))];
            if (slot is HashTrie below)
            {
                trie = below;
                rest >>= BitsALevel;
                continue;
            }

            HashLeaf leaf = (HashLeaf)slot;
            return leaf.Hash == hash ? leaf : null;
        }

        return null;
    }

    /// <summary>The trie with <paramref name="leaf"/>, in place of a leaf with the same hash.</summary>
    internal static HashTrie Set(HashTrie? trie, HashLeaf leaf) => Set(trie, leaf, 0);

    /// <summary>The trie without the leaf of this hash; the same one when there is none.</summary>
    internal static HashTrie? Remove(HashTrie? trie, ulong hash) => Remove(trie, hash, 0);

    /// <summary>All leaves.</summary>
    internal static IEnumerable<HashLeaf> Leaves(HashTrie? trie)
    {
        if (trie is null)
        {
            yield break;
        }

        Stack<(HashTrie Node, int Next)> path = new();
        path.Push((trie, 0));
        while (path.TryPop(out (HashTrie Node, int Next) at))
        {
            if (at.Next == at.Node._slots.Length)
            {
                continue;
            }

            path.Push((at.Node, at.Next + 1));
            if (at.Node._slots[at.Next] is HashTrie below)
            {
                path.Push((below, 0));
            }
            else
            {
                yield return (HashLeaf)at.Node._slots[at.Next];
            }
        }
    }

    /// <summary>
    /// What differs between two tries of which one came from the other: parts that they share are not looked at, so the cost is that of
    /// the changes in between.
    /// </summary>
    /// <param name="before">One trie.</param>
    /// <param name="after">The other.</param>
    /// <param name="changed">Called with both leaves of a hash, null where there is none; false stops.</param>
    /// <returns>False when stopped.</returns>
    internal static bool Compare(HashTrie? before, HashTrie? after, Func<HashLeaf?, HashLeaf?, bool> changed) =>
        CompareSlots(before, after, changed);

    private static bool CompareSlots(object? before, object? after, Func<HashLeaf?, HashLeaf?, bool> changed)
    {
        if (ReferenceEquals(before, after))
        {
            return true;
        }

        if (before is HashTrie first && after is HashTrie second)
        {
            for (uint rest = first._bitmap | second._bitmap; rest != 0; rest &= rest - 1)
            {
                uint bit = rest & ~(rest - 1);
                if (!CompareSlots(first.Slot(bit), second.Slot(bit), changed))
                {
                    return false;
                }
            }

            return true;
        }

        // A leaf or nothing on one side at least: where a node is on the other one, one of its leaves may be that leaf.
        HashLeaf? old = before as HashLeaf, now = after as HashLeaf;
        bool met = false;
        foreach (HashLeaf leaf in Leaves((before ?? after) as HashTrie ?? after as HashTrie))
        {
            HashLeaf? other = before is HashTrie ? now : old;
            bool same = other is not null && other.Hash == leaf.Hash;
            met |= same;
            if (same && ReferenceEquals(other, leaf))
            {
                continue;
            }

            HashLeaf? pair = same ? other : null;
            if (!(before is HashTrie ? changed(leaf, pair) : changed(pair, leaf)))
            {
                return false;
            }
        }

        if (old is not null && now is not null && old.Hash == now.Hash)
        {
            return changed(old, now);
        }

        return (old is null || met || changed(old, null)) && (now is null || met || changed(null, now));
    }

    private object? Slot(uint bit) => (_bitmap & bit) == 0 ? null : _slots[BitOperations.PopCount(_bitmap & (bit - 1))];

    private static HashTrie Set(HashTrie? trie, HashLeaf leaf, int shift)
    {
        uint bit = 1u << (int)((leaf.Hash >> shift) & 31);
        if (trie is null)
        {
            return new HashTrie(bit, [leaf]);
        }

        int index = BitOperations.PopCount(trie._bitmap & (bit - 1));
        if ((trie._bitmap & bit) == 0)
        {
            object[] wider = new object[trie._slots.Length + 1];
            trie._slots.AsSpan(0, index).CopyTo(wider);
            wider[index] = leaf;
            trie._slots.AsSpan(index).CopyTo(wider.AsSpan(index + 1));
            return new HashTrie(trie._bitmap | bit, wider);
        }

        object replacement = trie._slots[index] switch
        {
            HashTrie below => Set(below, leaf, shift + BitsALevel),
            HashLeaf other when other.Hash != leaf.Hash => Pair(other, leaf, shift + BitsALevel),
            _ => leaf,
        };
        object[] slots = (object[])trie._slots.Clone();
        slots[index] = replacement;
        return new HashTrie(trie._bitmap, slots);
    }

    // The hashes differ, so that they part before the shift has used up their bits.
    private static HashTrie Pair(HashLeaf first, HashLeaf second, int shift)
    {
        int a = (int)((first.Hash >> shift) & 31), b = (int)((second.Hash >> shift) & 31);
        return a == b
            ? new HashTrie(1u << a, [Pair(first, second, shift + BitsALevel)])
            : new HashTrie((1u << a) | (1u << b), a < b ? [first, second] : [second, first]);
    }

    private static HashTrie? Remove(HashTrie? trie, ulong hash, int shift)
    {
        uint bit = 1u << (int)((hash >> shift) & 31);
        if (trie is null || (trie._bitmap & bit) == 0)
        {
            return trie;
        }

        int index = BitOperations.PopCount(trie._bitmap & (bit - 1));
        object? replacement = null;
        if (trie._slots[index] is HashTrie below)
        {
            HashTrie? smaller = Remove(below, hash, shift + BitsALevel);
            if (smaller == below)
            {
                return trie;
            }

            // A node with one leaf is folded into its parent, so that the trie's shape depends on its content only.
            replacement = smaller is { _slots: [HashLeaf only] } ? only : smaller;
        }
        else if (((HashLeaf)trie._slots[index]).Hash != hash)
        {
            return trie;
        }

        if (replacement is null && trie._slots.Length == 1)
        {
            return null;
        }

        object[] slots;
        if (replacement is null)
        {
            slots = new object[trie._slots.Length - 1];
            trie._slots.AsSpan(0, index).CopyTo(slots);
            trie._slots.AsSpan(index + 1).CopyTo(slots.AsSpan(index));
            return new HashTrie(trie._bitmap & ~bit, slots);
        }

        slots = (object[])trie._slots.Clone();
        slots[index] = replacement;
        return new HashTrie(trie._bitmap, slots);
    }
}
