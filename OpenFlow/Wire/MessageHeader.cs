using System.Buffers;
using OvsBridge.OpenFlow.Errors;

namespace OvsBridge.OpenFlow.Wire;

/// <summary>struct ofp_header: what every message of every version starts with.</summary>
/// <param name="Version">OpenFlow version: 1 is 1.0, 4 is 1.3.</param>
/// <param name="Type">Number of the message, as <see cref="Messages.OfType"/> in version 4.</param>
/// <param name="Length">Bytes of the message, header included.</param>
/// <param name="Xid">Transaction id.</param>
public readonly record struct MessageHeader(byte Version, byte Type, ushort Length, uint Xid)
{
    /// <summary>Bytes of the header on the wire.</summary>
    public const int Size = 8;

    /// <summary>Reads the header of a message.</summary>
    /// <exception cref="OfErrorException">There are fewer than <see cref="Size"/> bytes.</exception>
    public static MessageHeader Read(ReadOnlySpan<byte> message)
    {
        var reader = new WireReader(message, OfError.BadRequestBadLen, "ofp_header");
        return Read(ref reader);
    }

    /// <summary>Reads the header of a message that may lie in several pieces.</summary>
    /// <exception cref="OfErrorException">There are fewer than <see cref="Size"/> bytes.</exception>
    public static MessageHeader Read(in ReadOnlySequence<byte> message)
    {
        if (message.FirstSpan.Length >= Size || message.IsSingleSegment)
            return Read(message.FirstSpan);
        Span<byte> bytes = stackalloc byte[Size];
        int length = (int)long.Min(message.Length, Size);
        message.Slice(0, length).CopyTo(bytes);
        return Read(bytes[..length]);
    }

    internal static MessageHeader Read(ref WireReader reader) => new(reader.U8(), reader.U8(), reader.U16(), reader.U32());
}
