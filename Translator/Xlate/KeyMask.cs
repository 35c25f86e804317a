using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.Translator.Xlate;

/// <summary>A mask over the packet part of a key, as an object: many megaflows have the same one.</summary>
internal sealed class KeyMask
{
    private readonly FlowKey _bits;

    internal KeyMask(in FlowKey bits)
        : this(bits.PacketPart())
    {
    }

    internal KeyMask(ReadOnlySpan<ulong> packetPart)
    {
        packetPart.CopyTo(_bits.AsMutableWords());
        Hash = _bits.GetHashCode();
    }

    /// <summary>Its bits.</summary>
    internal ref readonly FlowKey Bits => ref _bits;

    /// <summary>Hash of its bits.</summary>
    internal int Hash { get; }

    /// <summary>Whether two masks have the same bits in the packet part.</summary>
    internal bool SameAs(KeyMask other) =>
        ReferenceEquals(this, other) || (Hash == other.Hash && _bits.PacketPart().SequenceEqual(other._bits.PacketPart()));
}
