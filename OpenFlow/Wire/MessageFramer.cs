using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Messages;

namespace OvsBridge.OpenFlow.Wire;

/// <summary>
/// Cuts the bytes of a stream into whole messages. Receive into <see cref="GetBuffer"/>, report with
/// <see cref="Advance"/>, then take messages with <see cref="TryRead"/> until it says no.
/// </summary>
/// <remarks>
/// One thread at a time. Holds at most the unread rest of what was received and room for the longest message (65,535
/// bytes), whatever the peer sends.
/// </remarks>
public sealed class MessageFramer
{
    private const int FirstSize = 4096;
    private const byte NewestVersion = 6; // OpenFlow 1.5

    private byte[] _buffer = new byte[FirstSize];
    private int _start;
    private int _end;

    /// <summary>Bytes received but not yet taken as messages.</summary>
    public int Buffered => _end - _start;

    /// <summary>Room to receive into, never empty; ends the life of every message that <see cref="TryRead"/> gave.</summary>
    public Memory<byte> GetBuffer()
    {
        if (_start == _end)
            _start = _end = 0;

        // Keep half of it free, so that a stream of small messages doesn't come in in crumbs.
        if (_buffer.Length - _end < _buffer.Length / 2)
        {
            int size = Buffered > _buffer.Length / 2 ? _buffer.Length * 2 : _buffer.Length;
            byte[] target = size == _buffer.Length ? _buffer : new byte[size];
            _buffer.AsSpan(_start, Buffered).CopyTo(target);
            _end -= _start;
            _start = 0;
            _buffer = target;
        }

        return _buffer.AsMemory(_end);
    }

    /// <summary>Says that <paramref name="count"/> bytes were received into <see cref="GetBuffer"/>.</summary>
    public void Advance(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, _buffer.Length - _end);
        _end += count;
    }

    /// <summary>Takes the next whole message, header included.</summary>
    /// <param name="message">The message, in the framer's memory: valid until the next <see cref="GetBuffer"/>.</param>
    /// <returns>False when more bytes are needed.</returns>
    /// <exception cref="OfProtocolException">The stream is not OpenFlow (any more): nothing behind this point can be framed.</exception>
    public bool TryRead(out ReadOnlyMemory<byte> message)
    {
        message = default;
        if (Buffered < MessageHeader.Size)
            return false;

        MessageHeader header = MessageHeader.Read(_buffer.AsSpan(_start, MessageHeader.Size));
        if (header.Length < MessageHeader.Size)
            throw new OfProtocolException($"a message claims a length of {header.Length} bytes; its header alone has {MessageHeader.Size}");

        // A peer may offer any version in HELLO; behind it, a number that no OpenFlow has is something else talking.
        if (header.Version is 0 or > NewestVersion && header.Type != (byte)OfType.Hello)
            throw new OfProtocolException($"a message claims protocol version 0x{header.Version:x2}: this is not OpenFlow");

        if (Buffered < header.Length)
            return false;
        message = _buffer.AsMemory(_start, header.Length);
        _start += header.Length;
        return true;
    }
}
