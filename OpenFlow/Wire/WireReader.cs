using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using OvsBridge.OpenFlow.Errors;

namespace OvsBridge.OpenFlow.Wire;

/// <summary>
/// A bounds-checked cursor over received bytes, most significant byte first. Nothing else indexes received bytes, so
/// nothing else can read past their end.
/// </summary>
/// <remarks>
/// Each structure that carries its own length is read through a <see cref="Sub"/> reader, limited to that length and
/// carrying the error that the specification gives for a bad length there; so a reader body needs no checks of its own.
/// Padding is skipped unread: like Open vSwitch we accept any bytes in it.
/// </remarks>
internal ref struct WireReader
{
    private readonly ReadOnlySpan<byte> _bytes;
    private int _at;

    /// <summary>Reads <paramref name="bytes"/>; running out of them, or leaving some, is <paramref name="badLength"/>.</summary>
    public WireReader(ReadOnlySpan<byte> bytes, OfError badLength, string what, byte version = OfCodec.Version)
    {
        _bytes = bytes;
        BadLength = badLength;
        What = what;
        Version = version;
    }

    /// <summary>Reported when the structure is too short or too long.</summary>
    public OfError BadLength { get; }

    /// <summary>Name of the structure for messages.</summary>
    public string What { get; }

    /// <summary>OpenFlow version of the message.</summary>
    public byte Version { get; }

    /// <summary>
    /// The message is one that a switch sends to a controller: what we don't know in it is kept or skipped, because
    /// refusing it helps nobody. What a controller asks of a switch must be understood to the last field instead.
    /// </summary>
    public bool FromSwitch { get; set; }

    /// <summary>Bytes left.</summary>
    public readonly int Remaining => _bytes.Length - _at;

    /// <summary>Bytes read.</summary>
    public readonly int Position => _at;

    public byte U8() => Take(1)[0];

    public ushort U16() => BinaryPrimitives.ReadUInt16BigEndian(Take(2));

    public uint U32() => BinaryPrimitives.ReadUInt32BigEndian(Take(4));

    public ulong U64() => BinaryPrimitives.ReadUInt64BigEndian(Take(8));

    /// <summary>Six bytes.</summary>
    public ulong U48()
    {
        ReadOnlySpan<byte> six = Take(6);
        return ((ulong)BinaryPrimitives.ReadUInt16BigEndian(six) << 32) | BinaryPrimitives.ReadUInt32BigEndian(six[2..]);
    }

    /// <summary>A number of <paramref name="size"/> bytes, at most 16.</summary>
    public UInt128 Number(int size)
    {
        ReadOnlySpan<byte> bytes = Take(size);
        switch (size)
        {
            case 1:
                return bytes[0];
            case 2:
                return BinaryPrimitives.ReadUInt16BigEndian(bytes);
            case 4:
                return BinaryPrimitives.ReadUInt32BigEndian(bytes);
            case 8:
                return BinaryPrimitives.ReadUInt64BigEndian(bytes);
            case 16:
                return BinaryPrimitives.ReadUInt128BigEndian(bytes);
            default:
                UInt128 number = 0;
                foreach (byte b in bytes)
                {
                    number = (number << 8) | b;
                }

                return number;
        }
    }

    /// <summary>Skips padding, whatever it holds.</summary>
    public void Skip(int count) => Take(count);

    /// <summary>Skips the padding behind a structure of <paramref name="length"/> bytes that is padded to a multiple of 8.</summary>
    public void SkipPadding(int length) => Take(-length & 7);

    /// <summary>The next bytes, in the receive buffer.</summary>
    public ReadOnlySpan<byte> Bytes(int count) => Take(count);

    /// <summary>All bytes left, in the receive buffer.</summary>
    public ReadOnlySpan<byte> Rest() => Take(Remaining);

    /// <summary>A text field of <paramref name="size"/> bytes, filled up with NULs; UTF-8.</summary>
    public string Text(int size)
    {
        ReadOnlySpan<byte> bytes = Take(size);
        int end = bytes.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? bytes : bytes[..end]);
    }

    /// <summary>A length of time as seconds (4 bytes) and nanoseconds (4 bytes), in nanoseconds; all ones stay all ones.</summary>
    public ulong Duration()
    {
        ulong bits = U64();
        return bits == ulong.MaxValue ? bits : ((bits >> 32) * 1_000_000_000) + (uint)bits;
    }

    /// <summary>Reads the next <paramref name="length"/> bytes as a structure of their own.</summary>
    public WireReader Sub(int length, OfError badLength, string what)
    {
        if (length > Remaining || length < 0)
            Fail(badLength, $"{what} claims {length} bytes, {Remaining} are left");
        return new WireReader(Take(length), badLength, what, Version) { FromSwitch = FromSwitch };
    }

    /// <summary>Checks that everything was read.</summary>
    public readonly void End()
    {
        if (Remaining != 0)
            Fail(BadLength, $"{Remaining} bytes too many in {What}");
    }

    /// <summary>Refuses the message.</summary>
    /// <exception cref="OfErrorException">Always.</exception>
    [DoesNotReturn]
    public static void Fail(OfError error, string detail) => throw new OfErrorException(error, detail);

    private ReadOnlySpan<byte> Take(int count)
    {
        if ((uint)count > (uint)Remaining)
            Fail(BadLength, $"{What} ends {count - Remaining} bytes too early");
        ReadOnlySpan<byte> taken = _bytes.Slice(_at, count);
        _at += count;
        return taken;
    }
}
