namespace OvsBridge.OpenFlow.Fields;

/// <summary>
/// A match: values and mask over <see cref="FlowKey"/>, with the OXM bytes that a controller sent, since statistics must
/// echo these exactly (order of fields and masks included).
/// </summary>
/// <remarks>
/// Immutable. Two matches are equal when they match the same packets by the same bits (<see cref="Value"/> and
/// <see cref="Mask"/>), whatever their OXM order. Bits of <see cref="Value"/> outside <see cref="Mask"/> are zero.
/// </remarks>
public sealed class Match : IEquatable<Match>
{
    private readonly FlowKey _value;
    private readonly SharedMask _shared;

    /// <summary>Matches every packet.</summary>
    public static readonly Match Any = new(default, default, default);

    /// <summary>Makes a match; <paramref name="value"/> is cut to <paramref name="mask"/>.</summary>
    /// <param name="value">Wanted values.</param>
    /// <param name="mask">Bits that matter.</param>
    /// <param name="oxm">OXM TLVs without ofp_match header and padding as received; empty: made when needed.</param>
    public Match(in FlowKey value, in FlowKey mask, ReadOnlyMemory<byte> oxm = default)
    {
        _value = value.Masked(mask);
        _shared = SharedMask.Of(mask);
        Oxm = oxm;
    }

    /// <summary>Wanted values; zero outside <see cref="Mask"/>.</summary>
    public ref readonly FlowKey Value => ref _value;

    /// <summary>Bits that matter.</summary>
    public ref readonly FlowKey Mask => ref _shared.Bits;

    /// <summary>The OXM TLVs as received (no header, no padding); empty when the match was not received.</summary>
    public ReadOnlyMemory<byte> Oxm { get; }

    /// <summary>Whether <paramref name="key"/> is matched.</summary>
    public bool Matches(in FlowKey key) => key.MatchedBy(_value, Mask);

    /// <summary>Whether any bit of this field matters, and its prerequisites are matched (key bits can be several fields': tcp_src, udp_src).</summary>
    public bool Has(Field field) => field.Get(Mask) != 0 && new ProtocolState(_value, Mask).Meets(field.Needs);

    /// <summary>
    /// Whether every packet that <paramref name="other"/> matches is matched by this too (OpenFlow's non-strict
    /// comparison: this is the description in the request, other the flow entry).
    /// </summary>
    public bool Covers(Match other)
    {
        ReadOnlySpan<ulong> v = _value.AsWords(), m = Mask.AsWords(), ov = other._value.AsWords(), om = other.Mask.AsWords();
        for (int i = 0; i < FlowKey.Words; i++)
        {
            if ((m[i] & ~om[i]) != 0 || ((v[i] ^ ov[i]) & m[i]) != 0)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Whether some packet is matched by both (OFPFF_CHECK_OVERLAP).</summary>
    public bool Overlaps(Match other)
    {
        ReadOnlySpan<ulong> v = _value.AsWords(), m = Mask.AsWords(), ov = other._value.AsWords(), om = other.Mask.AsWords();
        for (int i = 0; i < FlowKey.Words; i++)
        {
            if (((v[i] ^ ov[i]) & m[i] & om[i]) != 0)
            {
                return false;
            }
        }

        return true;
    }

    /// <inheritdoc/>
    public bool Equals(Match? other) => other is not null && (_shared == other._shared || Mask.Equals(other.Mask)) && _value.Equals(other._value);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as Match);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(_value.GetHashCode(), _shared.Hash);

    /// <summary>
    /// A mask, 272 bytes, as one object for the many matches that have it. Those seen lately are found again; others are made anew, so
    /// equal masks are not always the same object.
    /// </summary>
    private sealed class SharedMask(FlowKey bits, int hash)
    {
        private static readonly SharedMask?[] _recent = new SharedMask?[1024];
        private readonly FlowKey _bits = bits;

        internal ref readonly FlowKey Bits => ref _bits;

        internal int Hash { get; } = hash;

        // Any thread: a slot is read and written as a whole, and who comes second makes one more.
        internal static SharedMask Of(in FlowKey bits)
        {
            int hash = bits.GetHashCode();
            ref SharedMask? slot = ref _recent[(uint)hash % (uint)_recent.Length];
            SharedMask? seen = Volatile.Read(ref slot);
            if (seen is null || seen.Hash != hash || !seen._bits.Equals(bits))
            {
                seen = new SharedMask(bits, hash);
                Volatile.Write(ref slot, seen);
            }

            return seen;
        }
    }
}
