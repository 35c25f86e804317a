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

    internal KeyMask(ReadOnlySpan<ulong> packetPart) => packetPart.CopyTo(_bits.AsMutableWords());

    /// <summary>Its bits.</summary>
    internal ref readonly FlowKey Bits => ref _bits;
}
