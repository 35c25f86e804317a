using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace OvsBridge.Datapath;

/// <summary>
/// Completes the transport checksum of frames that the kernel left to a device which never came (CHECKSUM_PARTIAL): then the checksum
/// field of TCP and UDP holds the folded sum of the pseudo header, not complemented, and that of SCTP zero. An upcall does not
/// tell that, but the bytes do: the checksum does not verify, and is just this value.
/// </summary>
/// <remarks>
/// A damaged packet looks like that once in 65,535 times; anything else is left alone: what verifies, UDP without
/// checksum, fragments (the kernel completes before it cuts), frames of which a part is missing, and GSO packets, whose segments
/// get their checksums when <see cref="VnetHeader"/> sends them.
/// Thread safe; does not allocate.
/// </remarks>
public static class ChecksumFixer
{
    /// <summary>Completes the checksum of <paramref name="packet"/> if it is partial.</summary>
    /// <returns>Whether it was.</returns>
    public static bool Complete(DpPacket packet) =>
        PacketParser.TryParse(packet, out _, out PacketLayout layout) && Complete(packet, layout);

    /// <summary>Completes the checksum of <paramref name="packet"/>, which was parsed, if it is partial.</summary>
    /// <returns>Whether it was.</returns>
    internal static bool Complete(DpPacket packet, in PacketLayout layout) => packet.GsoSize == 0 && Complete(packet.Data, layout);

    /// <summary>Completes the checksum of a whole frame, all VLAN tags in line, if it is partial.</summary>
    /// <returns>Whether it was.</returns>
    public static bool Complete(Span<byte> frame) =>
        PacketParser.TryParse(frame, frame.Length, false, 0, out _, out PacketLayout layout) && Complete(frame, layout);

    /// <summary>
    /// The transport header's place and the sum of its pseudo header.
    /// </summary>
    /// <param name="frame">The frame; may lack the end of the payload.</param>
    /// <param name="layout">Its layout, with TCP or UDP.</param>
    /// <param name="length">Bytes that the checksum covers, beside the pseudo header.</param>
    /// <returns>Folded sum; null when the final destination can't be told (a routing header of a kind that hides it).</returns>
    internal static ushort? PseudoHeaderSum(ReadOnlySpan<byte> frame, in PacketLayout layout, int length)
    {
        if (layout.Network == NetworkHeader.Ipv4)
        {
            ReadOnlySpan<byte> addresses = frame.Slice(layout.NetworkAt + 12, 8);
            return Checksum.Fold(Checksum.PseudoHeader(addresses[..4], addresses[4..], layout.Protocol, length));
        }

        int destination = FinalDestinationAt(frame, layout);
        return destination == 0
            ? null
            : Checksum.Fold(Checksum.PseudoHeader(frame.Slice(layout.NetworkAt + 8, 16), frame.Slice(destination, 16), layout.Protocol, length));
    }

    private static bool Complete(Span<byte> frame, in PacketLayout layout)
    {
        if (layout.TransportAt == 0 || layout.Fragment || layout.PayloadEnd > frame.Length)
        {
            return false;
        }

        Span<byte> message = frame[layout.TransportAt..layout.PayloadEnd];
        switch (layout.Protocol)
        {
            case IpProtocols.Tcp:
                return CompleteSum(frame, message, 16, layout);
            case IpProtocols.Udp:
                int length = BinaryPrimitives.ReadUInt16BigEndian(message[4..]);
                return length >= 8 && length <= message.Length
                    && MemoryMarshal.Read<ushort>(message[6..]) != 0
                    && CompleteSum(frame, message[..length], 6, layout);
            case IpProtocols.Sctp when MemoryMarshal.Read<uint>(message[8..]) == 0:
                BinaryPrimitives.WriteUInt32LittleEndian(message[8..], Checksum.Crc32c(message, 8));
                return true;
            default:
                return false;
        }
    }

    private static bool CompleteSum(ReadOnlySpan<byte> frame, Span<byte> message, int field, in PacketLayout layout)
    {
        ushort stored = MemoryMarshal.Read<ushort>(message[field..]);
        if (PseudoHeaderSum(frame, layout, message.Length) is not { } pseudo || stored != pseudo)
        {
            return false;
        }

        // The field holds the pseudo header's sum: the sum over all bytes includes it, and is the sum that the checksum complements.
        ulong sum = Checksum.Sum(message);
        if (Checksum.Fold(sum + pseudo) == 0xffff)
        {
            return false; // verifies as it is
        }

        ushort checksum = (ushort)~Checksum.Fold(sum);
        MemoryMarshal.Write(message[field..], checksum == 0 && layout.Protocol == IpProtocols.Udp ? (ushort)0xffff : checksum);
        return true;
    }

    /// <summary>Offset of the IPv6 address that the pseudo header has: of the header, or the last one of a route; 0: unknown.</summary>
    private static int FinalDestinationAt(ReadOnlySpan<byte> frame, in PacketLayout layout)
    {
        int at = layout.RoutingAt;
        if (at == 0)
        {
            return layout.NetworkAt + 24;
        }

        int size = (frame[at + 1] + 1) * 8;
        return frame[at + 2] switch
        {
            0 or 2 when size >= 24 => at + size - 16, // RFC 2460 4.4, RFC 6275 6.4
            4 when size >= 24 => at + 8, // RFC 8754 2: the segment list is in reverse
            _ => 0,
        };
    }
}
