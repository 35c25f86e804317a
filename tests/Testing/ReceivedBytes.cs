using System.Buffers;
using OvsBridge.OpenFlow.Wire;

namespace OvsBridge.Testing;

/// <summary>
/// Bytes as they came from a stream, each piece in memory of its own as a <c>PipeReader</c> may hold them, and the messages in them.
/// Not thread safe.
/// </summary>
public sealed class ReceivedBytes
{
    private readonly List<ReadOnlyMemory<byte>> _pieces = [];

    /// <summary>Bytes received but not yet taken as messages.</summary>
    public int Buffered => _pieces.Sum(piece => piece.Length);

    /// <summary>Adds a copy of what came.</summary>
    public void Add(ReadOnlySpan<byte> bytes)
    {
        if (!bytes.IsEmpty)
            _pieces.Add(bytes.ToArray());
    }

    /// <summary>Takes the next whole message.</summary>
    /// <returns>Null when more bytes are needed.</returns>
    public byte[]? Take()
    {
        ReadOnlySequence<byte> received = Piece.Join(_pieces), before = received;
        if (!MessageFramer.TryRead(ref received, out ReadOnlySequence<byte> message))
            return null;
        if (message.Length + received.Length != before.Length)
            throw new InvalidOperationException($"{before.Length} bytes became a message of {message.Length} and a rest of {received.Length}");
        byte[] bytes = message.ToArray();
        _pieces.Clear();
        foreach (ReadOnlyMemory<byte> rest in received)
        {
            if (!rest.IsEmpty)
                _pieces.Add(rest);
        }

        return bytes;
    }

    private sealed class Piece : ReadOnlySequenceSegment<byte>
    {
        private Piece(ReadOnlyMemory<byte> memory, long index)
        {
            Memory = memory;
            RunningIndex = index;
        }

        public static ReadOnlySequence<byte> Join(List<ReadOnlyMemory<byte>> pieces)
        {
            if (pieces.Count == 0)
                return ReadOnlySequence<byte>.Empty;
            Piece first = new(pieces[0], 0), last = first;
            foreach (ReadOnlyMemory<byte> memory in pieces.Skip(1))
            {
                Piece next = new(memory, last.RunningIndex + last.Memory.Length);
                last.Next = next;
                last = next;
            }

            return new ReadOnlySequence<byte>(first, 0, last, last.Memory.Length);
        }
    }
}
