using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace OvsBridge.OpenFlow.Wire;

/// <summary>Writes one message, most significant byte first; lengths are patched in behind what they count.</summary>
/// <remarks>
/// Writes straight into the output's memory when the size estimate holds, and moves to a rented array when it does not.
/// <see cref="Finish"/> hands the bytes over; <see cref="Dispose"/> returns the array in any case.
/// </remarks>
internal ref struct WireWriter
{
    private readonly IBufferWriter<byte> _output;
    private Span<byte> _buffer;
    private int _at;
    private byte[]? _rented;

    /// <summary>Writes to <paramref name="output"/>, about <paramref name="sizeHint"/> bytes.</summary>
    public WireWriter(IBufferWriter<byte> output, int sizeHint, byte version = OfCodec.Version)
    {
        _output = output;
        _buffer = output.GetSpan(sizeHint);
        Version = version;
    }

    /// <summary>OpenFlow version of the message.</summary>
    public byte Version { get; }

    /// <summary>Bytes written.</summary>
    public readonly int Position => _at;

    public void U8(byte value) => Take(1)[0] = value;

    public void U16(ushort value) => BinaryPrimitives.WriteUInt16BigEndian(Take(2), value);

    public void U32(uint value) => BinaryPrimitives.WriteUInt32BigEndian(Take(4), value);

    public void U64(ulong value) => BinaryPrimitives.WriteUInt64BigEndian(Take(8), value);

    /// <summary>The low 48 bits.</summary>
    public void U48(ulong value)
    {
        Span<byte> six = Take(6);
        BinaryPrimitives.WriteUInt16BigEndian(six, (ushort)(value >> 32));
        BinaryPrimitives.WriteUInt32BigEndian(six[2..], (uint)value);
    }

    /// <summary>The low <paramref name="size"/> bytes, at most 16.</summary>
    public void Number(UInt128 value, int size)
    {
        Span<byte> bytes = Take(size);
        for (int i = size - 1; i >= 0; i--)
        {
            bytes[i] = (byte)value;
            value >>= 8;
        }
    }

    /// <summary>Padding.</summary>
    public void Zero(int count) => Take(count).Clear();

    public void Bytes(scoped ReadOnlySpan<byte> bytes) => bytes.CopyTo(Take(bytes.Length));

    /// <summary>
    /// A text field of <paramref name="size"/> bytes: UTF-8, cut at a character so that a NUL fits behind, filled up with NULs.
    /// </summary>
    public void Text(string text, int size)
    {
        Span<byte> field = Take(size);
        Encoding.UTF8.GetEncoder().Convert(text, field[..^1], true, out _, out int used, out _);
        field[used..].Clear();
    }

    /// <summary>Nanoseconds as seconds (4 bytes) and nanoseconds (4 bytes); all ones stay all ones.</summary>
    public void Duration(ulong ns)
    {
        if (ns == ulong.MaxValue)
        {
            U64(ns);
            return;
        }

        U32((uint)ulong.Min(ns / 1_000_000_000, uint.MaxValue));
        U32((uint)(ns % 1_000_000_000));
    }

    /// <summary>Leaves room for a two-byte length, to be filled by <see cref="Length"/>.</summary>
    /// <returns>Where it is.</returns>
    public int ReserveLength()
    {
        int at = _at;
        Zero(2);
        return at;
    }

    /// <summary>Fills the length at <paramref name="at"/> with the bytes written since <paramref name="start"/>.</summary>
    public void Length(int at, int start)
    {
        int length = _at - start;
        if (length > ushort.MaxValue)
            throw new ArgumentException($"the message is too long for OpenFlow: a length of {length} does not fit 16 bits");
        BinaryPrimitives.WriteUInt16BigEndian(_buffer[at..], (ushort)length);
    }

    /// <summary>Fills two bytes at <paramref name="at"/> with <paramref name="value"/>, a length that counts something else.</summary>
    public void Short(int at, int value) => BinaryPrimitives.WriteUInt16BigEndian(_buffer[at..], checked((ushort)value));

    /// <summary>Pads what was written since <paramref name="start"/> to a multiple of 8.</summary>
    public void Pad(int start) => Zero(-(_at - start) & 7);

    /// <summary>Hands the message to the output.</summary>
    /// <returns>Its size in bytes.</returns>
    public readonly int Finish()
    {
        if (_rented is not null)
            _buffer[.._at].CopyTo(_output.GetSpan(_at));
        _output.Advance(_at);
        return _at;
    }

    public void Dispose()
    {
        if (_rented is { } rented)
            ArrayPool<byte>.Shared.Return(rented);
        _rented = null;
        _buffer = default;
    }

    private Span<byte> Take(int count)
    {
        if (count > _buffer.Length - _at)
            Grow(count);
        Span<byte> taken = _buffer.Slice(_at, count);
        _at += count;
        return taken;
    }

    private void Grow(int count)
    {
        byte[] larger = ArrayPool<byte>.Shared.Rent(int.Max(_at + count, _buffer.Length * 2));
        _buffer[.._at].CopyTo(larger);
        Dispose();
        _rented = larger;
        _buffer = larger;
    }
}
