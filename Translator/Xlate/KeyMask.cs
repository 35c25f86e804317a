using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.Translator.Xlate;

/// <summary>A mask over the packet part of a key, as an object: many megaflows have the same one.</summary>
internal sealed class KeyMask
{
    private readonly FlowKey _bits;

    internal KeyMask(in FlowKey bits)
    {
        _bits = bits;
        Hash = bits.GetHashCode();
    }

    /// <summary>Its bits.</summary>
    internal ref readonly FlowKey Bits => ref _bits;

    /// <summary>Hash of its bits.</summary>
    internal int Hash { get; }

    /// <summary>Whether two masks have the same bits in the packet part.</summary>
    internal bool SameAs(KeyMask other) =>
        ReferenceEquals(this, other) || (Hash == other.Hash && _bits.PacketPart().SequenceEqual(other._bits.PacketPart()));
}

/// <summary>Finds the object of a mask that was seen before; forgets what it has no room for. One thread.</summary>
internal sealed class KeyMasks
{
    private readonly KeyMask?[] _seen = new KeyMask?[512];

    /// <summary>The mask with these bits.</summary>
    internal KeyMask Of(in FlowKey bits)
    {
        ReadOnlySpan<ulong> words = bits.PacketPart();
        ulong place = 0;
        foreach (ulong word in words)
        {
            place = (place ^ word) * 0x9e3779b97f4a7c15;
        }

        ref KeyMask? seen = ref _seen[place >> 55];
        if (seen is null || !seen.Bits.PacketPart().SequenceEqual(words))
        {
            seen = new KeyMask(bits);
        }

        return seen;
    }
}
