using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.Datapath;

/// <summary>A packet that the datapath hands to user space; <c>struct upcall</c>. Valid during the call only.</summary>
public readonly ref struct Upcall
{
    /// <summary>Why.</summary>
    public UpcallReason Reason { get; }

    /// <summary>The key that was looked up (fields behind the packet part are zero).</summary>
    public ref readonly FlowKey Key => ref _key;

    private readonly ref readonly FlowKey _key;

    /// <summary>Makes an upcall that refers to <paramref name="key"/>.</summary>
    public Upcall(UpcallReason reason, ref readonly FlowKey key, ReadOnlySpan<byte> packet)
    {
        Reason = reason;
        _key = ref key;
        Packet = packet;
        Length = packet.Length;
    }

    /// <summary>The frame with all VLAN tags in it, maybe cut.</summary>
    public ReadOnlySpan<byte> Packet { get; init; }

    /// <summary>True length of the frame.</summary>
    public int Length { get; init; }

    /// <summary>Segment size of a GSO packet, 0 when it is none.</summary>
    public int GsoSize { get; init; }

    /// <summary>Cookie of the Userspace action; 0 for a miss.</summary>
    public ulong Cookie { get; init; }
}

/// <summary>A frame in user space's hands, to be run through a program. Reusable buffer with headroom; not thread safe.</summary>
public sealed class DpPacket
{
    /// <summary>Bytes kept free in front for pushed headers.</summary>
    public const int Headroom = 128;

    private byte[] _buffer = new byte[Headroom + 2048];
    private int _start = Headroom;

    /// <summary>The frame.</summary>
    public Span<byte> Data => _buffer.AsSpan(_start, Length);

    /// <summary>Its bytes.</summary>
    public int Length { get; private set; }

    /// <summary>True length before the upcall cut it; equal to <see cref="Length"/> otherwise.</summary>
    public int TotalLength { get; set; }

    /// <summary>Segment size of a GSO packet, 0 when it is none.</summary>
    public int GsoSize { get; set; }

    /// <summary>Datapath port it counts as received from; 0: none (controller).</summary>
    public uint InPort { get; set; }

    /// <summary>Replaces the frame by a copy of <paramref name="frame"/>.</summary>
    public void Load(ReadOnlySpan<byte> frame, uint inPort, int gsoSize = 0)
    {
        if (_buffer.Length < Headroom + frame.Length)
        {
            _buffer = new byte[Headroom + frame.Length];
        }

        _start = Headroom;
        Length = frame.Length;
        TotalLength = frame.Length;
        GsoSize = gsoSize;
        InPort = inPort;
        frame.CopyTo(_buffer.AsSpan(_start));
    }

    /// <summary>Opens <paramref name="count"/> zero bytes at <paramref name="offset"/>.</summary>
    public void Insert(int offset, int count)
    {
        if (_start < count)
        {
            byte[] larger = new byte[_buffer.Length + Headroom + count];
            _buffer.AsSpan(_start, Length).CopyTo(larger.AsSpan(_start + Headroom + count));
            _start += Headroom + count;
            _buffer = larger;
        }

        _buffer.AsSpan(_start, offset).CopyTo(_buffer.AsSpan(_start - count));
        _start -= count;
        Length += count;
        TotalLength += count;
        Data.Slice(offset, count).Clear();
    }

    /// <summary>Closes <paramref name="count"/> bytes at <paramref name="offset"/>.</summary>
    public void Remove(int offset, int count)
    {
        _buffer.AsSpan(_start, offset).CopyTo(_buffer.AsSpan(_start + count));
        _start += count;
        Length -= count;
        TotalLength -= count;
    }
}
