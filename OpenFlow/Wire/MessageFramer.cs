using System.Buffers;
using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Messages;

namespace OvsBridge.OpenFlow.Wire;

/// <summary>
/// Cuts the bytes of a stream into whole messages. It keeps nothing: whoever receives (a <c>PipeReader</c>, in our endpoint) keeps the
/// bytes until a whole message is there. As a message has at most 65,535 bytes, that is all that a peer can make us keep.
/// </summary>
public static class MessageFramer
{
    private const byte NewestVersion = 6; // OpenFlow 1.5

    /// <summary>Takes the next whole message, header included, off the front of <paramref name="received"/>.</summary>
    /// <param name="received">Bytes received and not yet taken; moved on behind the message.</param>
    /// <param name="message">The message, in the memory of <paramref name="received"/>; it may lie in several pieces.</param>
    /// <returns>False when more bytes are needed.</returns>
    /// <exception cref="OfProtocolException">The stream is not OpenFlow (any more): nothing behind this point can be framed.</exception>
    public static bool TryRead(ref ReadOnlySequence<byte> received, out ReadOnlySequence<byte> message)
    {
        message = default;
        if (received.Length < MessageHeader.Size)
            return false;

        MessageHeader header = MessageHeader.Read(received);
        if (header.Length < MessageHeader.Size)
            throw new OfProtocolException($"a message claims a length of {header.Length} bytes; its header alone has {MessageHeader.Size}");

        // A peer may offer any version in HELLO; behind it, a number that no OpenFlow has is something else talking.
        if (header.Version is 0 or > NewestVersion && header.Type != (byte)OfType.Hello)
            throw new OfProtocolException($"a message claims protocol version 0x{header.Version:x2}: this is not OpenFlow");

        if (received.Length < header.Length)
            return false;
        message = received.Slice(0, header.Length);
        received = received.Slice(header.Length);
        return true;
    }
}
