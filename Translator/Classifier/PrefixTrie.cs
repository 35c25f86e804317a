namespace OvsBridge.Translator.Classifier;

/// <summary>What a <see cref="PrefixTrie"/> says about a value.</summary>
/// <param name="Lengths">Bit n - 1: a prefix of length n is in the trie and matches the value.</param>
/// <param name="Looked">How many bits of the value, from the first on, decided that.</param>
internal readonly record struct PrefixResult(UInt128 Lengths, int Looked)
{
    /// <summary>Whether a prefix of this length matches.</summary>
    internal bool Has(int length) => (Lengths & (UInt128.One << (length - 1))) != 0;
}

/// <summary>
/// A persistent binary trie of the prefixes that rules have in one field. It tells how few leading bits of a packet's field
/// prove that no rule with a prefix of some length can match, which keeps addresses out of megaflows.
/// </summary>
/// <remarks>
/// A node stands for a prefix; runs without branches are skipped. Values are left-aligned in 128 bits. Immutable; the null
/// reference is the empty trie.
/// </remarks>
internal sealed class PrefixTrie
{
    private readonly UInt128 _bits;
    private readonly int _length;
    private readonly int _rules;
    private readonly PrefixTrie? _zero;
    private readonly PrefixTrie? _one;

    private PrefixTrie(UInt128 bits, int length, int rules, PrefixTrie? zero, PrefixTrie? one)
    {
        _bits = bits;
        _length = length;
        _rules = rules;
        _zero = zero;
        _one = one;
    }

    /// <summary>The prefixes that match <paramref name="value"/> and how many bits it took to know.</summary>
    internal static PrefixResult Lookup(PrefixTrie? trie, UInt128 value)
    {
        UInt128 lengths = 0;
        int looked = 0;
        while (trie is not null)
        {
            int equal = (int)UInt128.LeadingZeroCount(value ^ trie._bits);
            if (equal < trie._length)
            {
                return new PrefixResult(lengths, equal + 1);
            }

            looked = trie._length;
            if (trie._rules > 0)
            {
                lengths |= UInt128.One << (trie._length - 1);
            }

            if (trie._zero is null && trie._one is null)
            {
                break;
            }

            looked++;
            trie = Bit(value, trie._length) ? trie._one : trie._zero;
        }

        return new PrefixResult(lengths, looked);
    }

    /// <summary>With one rule more that has this prefix. <paramref name="length"/> is at least 1.</summary>
    internal static PrefixTrie Add(PrefixTrie? trie, UInt128 bits, int length)
    {
        bits = Cut(bits, length);
        if (trie is null)
        {
            return new PrefixTrie(bits, length, 1, null, null);
        }

        int equal = Math.Min(Math.Min((int)UInt128.LeadingZeroCount(bits ^ trie._bits), length), trie._length);
        if (equal < trie._length)
        {
            if (equal == length)
            {
                return Bit(trie._bits, length)
                    ? new PrefixTrie(bits, length, 1, null, trie)
                    : new PrefixTrie(bits, length, 1, trie, null);
            }

            PrefixTrie added = new(bits, length, 1, null, null);
            return Bit(bits, equal)
                ? new PrefixTrie(Cut(bits, equal), equal, 0, trie, added)
                : new PrefixTrie(Cut(bits, equal), equal, 0, added, trie);
        }

        if (equal == length)
        {
            return new PrefixTrie(bits, length, trie._rules + 1, trie._zero, trie._one);
        }

        return Bit(bits, equal)
            ? new PrefixTrie(trie._bits, trie._length, trie._rules, trie._zero, Add(trie._one, bits, length))
            : new PrefixTrie(trie._bits, trie._length, trie._rules, Add(trie._zero, bits, length), trie._one);
    }

    /// <summary>With one rule less that has this prefix, which is there.</summary>
    internal static PrefixTrie? Remove(PrefixTrie? trie, UInt128 bits, int length)
    {
        if (trie is null)
        {
            throw new InvalidOperationException("a prefix to be removed is not in the trie");
        }

        (int rules, PrefixTrie? zero, PrefixTrie? one) = (trie._rules, trie._zero, trie._one);
        if (trie._length == length)
        {
            rules--;
        }
        else if (Bit(bits, trie._length))
        {
            one = Remove(one, bits, length);
        }
        else
        {
            zero = Remove(zero, bits, length);
        }

        return (rules, zero, one) switch
        {
            (0, null, _) => one,
            (0, _, null) => zero,
            _ => new PrefixTrie(trie._bits, trie._length, rules, zero, one),
        };
    }

    private static UInt128 Cut(UInt128 bits, int length) => length == 0 ? 0 : bits & (UInt128.MaxValue << (128 - length));

    private static bool Bit(UInt128 bits, int index) => (bits >> (127 - index) & 1) != 0;
}
