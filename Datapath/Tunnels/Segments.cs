using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace OvsBridge.Datapath.Tunnels;

/// <summary>
/// Cuts a packet that a sender left to its device for segmentation (GSO) into the packets of the wire, with complete checksums: where no
/// device and no part of the kernel comes that would do it.
/// </summary>
internal static class Segments
{
    private const byte TcpFin = 0x01, TcpPsh = 0x08, TcpCwr = 0x80;

    /// <summary>Cuts.</summary>
    /// <param name="packet">TCP or UDP over IP, tags in line; other packets are one segment.</param>
    /// <param name="take">Gets each segment; the memory is reused.</param>
    public static void Cut(DpPacket packet, Action<ReadOnlyMemory<byte>> take)
    {
        Span<byte> frame = packet.Data;
        int size = packet.GsoSize;
        if (size == 0 || !PacketParser.TryParse(frame, frame.Length, true, 0, out _, out PacketLayout layout) || layout.TransportAt == 0 || layout.Fragment
            || layout.Protocol is not (IpProtocols.Tcp or IpProtocols.Udp) || layout.PayloadEnd > frame.Length)
        {
            ChecksumFixer.Complete(frame);
            take(frame.ToArray());
            return;
        }

        int head = layout.TransportAt + (layout.Protocol == IpProtocols.Tcp ? (frame[layout.TransportAt + 12] >> 4) * 4 : 8);
        byte[] segment = new byte[head + size];
        int end = layout.PayloadEnd;
        for (int at = head, number = 0; at < end; at += size, number++)
        {
            int length = Math.Min(size, end - at);
            Span<byte> part = segment.AsSpan(0, head + length);
            frame[..head].CopyTo(part);
            frame.Slice(at, length).CopyTo(part[head..]);
            FixNetwork(part, layout, number);
            FixTransport(part, layout, (uint)(at - head), first: number == 0, last: at + length == end);
            take(segment.AsMemory(0, head + length));
        }
    }

    private static void FixNetwork(Span<byte> segment, in PacketLayout layout, int number)
    {
        Span<byte> header = segment[layout.NetworkAt..];
        if (layout.Network == NetworkHeader.Ipv6)
        {
            BinaryPrimitives.WriteUInt16BigEndian(header[4..], (ushort)(header.Length - 40));
            return;
        }

        BinaryPrimitives.WriteUInt16BigEndian(header[2..], (ushort)header.Length);
        BinaryPrimitives.WriteUInt16BigEndian(header[4..], (ushort)(BinaryPrimitives.ReadUInt16BigEndian(header[4..]) + number));
        header[10] = header[11] = 0;
        MemoryMarshal.Write(header[10..], (ushort)~Checksum.Fold(Checksum.Sum(header[..((header[0] & 15) * 4)])));
    }

    private static void FixTransport(Span<byte> segment, in PacketLayout layout, uint offset, bool first, bool last)
    {
        Span<byte> message = segment[layout.TransportAt..];
        int field = 6;
        if (layout.Protocol == IpProtocols.Tcp)
        {
            field = 16;
            BinaryPrimitives.WriteUInt32BigEndian(message[4..], BinaryPrimitives.ReadUInt32BigEndian(message[4..]) + offset);
            if (!first)
                message[13] &= unchecked((byte)~TcpCwr); // RFC 3168, 6.1.2
            if (!last)
                message[13] &= unchecked((byte)~(TcpFin | TcpPsh));
        }
        else
        {
            BinaryPrimitives.WriteUInt16BigEndian(message[4..], (ushort)message.Length);
        }

        message[field] = message[field + 1] = 0;
        PacketLayout own = layout;
        own.PayloadEnd = segment.Length;
        if (ChecksumFixer.PseudoHeaderSum(segment, own, message.Length) is not { } pseudo)
            return;
        ushort sum = (ushort)~Checksum.Fold(pseudo + Checksum.Sum(message));
        MemoryMarshal.Write(message[field..], sum == 0 && layout.Protocol == IpProtocols.Udp ? (ushort)0xffff : sum);
    }
}
