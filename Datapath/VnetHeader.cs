using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace OvsBridge.Datapath;

/// <summary>
/// <c>struct virtio_net_hdr</c> (linux/virtio_net.h), which a raw socket with PACKET_VNET_HDR takes in front of a frame: lets the kernel cut a GSO packet
/// into segments and compute their checksums. Host byte order.
/// </summary>
/// <param name="Flags">VIRTIO_NET_HDR_F_*.</param>
/// <param name="GsoType">VIRTIO_NET_HDR_GSO_*.</param>
/// <param name="HeaderLength">Bytes of all headers, the transport header included.</param>
/// <param name="GsoSize">Payload bytes of a segment.</param>
/// <param name="ChecksumStart">Offset in the frame where the checksum starts.</param>
/// <param name="ChecksumOffset">Offset of the checksum field from there.</param>
[StructLayout(LayoutKind.Sequential, Pack = 2)]
public readonly record struct VnetHeader(byte Flags, byte GsoType, ushort HeaderLength, ushort GsoSize, ushort ChecksumStart, ushort ChecksumOffset)
{
    /// <summary>Size of the header on the socket.</summary>
    public const int Size = 10;

    internal const byte NeedsChecksum = 1; // VIRTIO_NET_HDR_F_NEEDS_CSUM
    internal const byte GsoTcp4 = 1, GsoTcp6 = 4, GsoUdp = 5, GsoEcn = 0x80; // VIRTIO_NET_HDR_GSO_TCPV4, TCPV6, UDP_L4, ECN

    /// <summary>Of a frame that goes out as it is.</summary>
    public static VnetHeader Plain => default;

    /// <summary>
    /// The header for a GSO packet; makes the packet's checksum partial, whatever it was, since rewritten addresses do not change the
    /// checksum of a packet that has none yet.
    /// </summary>
    /// <param name="frame">The whole packet, all VLAN tags in line.</param>
    /// <param name="gsoSize">Payload bytes of a segment, not 0.</param>
    /// <param name="header">The header.</param>
    /// <returns>False when the kernel can't segment this by such a header: neither TCP nor UDP over IP, SCTP, tunnels, MPLS, PBB, a cut packet.</returns>
    public static bool TryForGso(Span<byte> frame, int gsoSize, out VnetHeader header)
    {
        header = default;
        if (!PacketParser.TryParse(frame, frame.Length, true, 0, out _, out PacketLayout layout)
            || layout.TransportAt == 0 || layout.Fragment || gsoSize is <= 0 or > ushort.MaxValue)
        {
            return false;
        }

        Span<byte> message = frame[layout.TransportAt..layout.PayloadEnd];
        (byte type, int size, int field) = layout.Protocol switch
        {
            IpProtocols.Tcp => (layout.Network == NetworkHeader.Ipv4 ? GsoTcp4 : GsoTcp6, (message[12] >> 4) * 4, 16),
            IpProtocols.Udp => (GsoUdp, 8, 6),
            _ => ((byte)0, 0, 0),
        };
        if (type == 0 || size > message.Length || ChecksumFixer.PseudoHeaderSum(frame, layout, message.Length) is not { } pseudo)
        {
            return false;
        }

        if (layout.Protocol == IpProtocols.Tcp && (BinaryPrimitives.ReadUInt16BigEndian(message[12..]) & 0x80) != 0)
        {
            type |= GsoEcn; // CWR is for the first segment only (RFC 3168 6.1.2)
        }

        MemoryMarshal.Write(message[field..], pseudo);
        header = new VnetHeader(
            NeedsChecksum, type, (ushort)(layout.TransportAt + size), (ushort)gsoSize, (ushort)layout.TransportAt, (ushort)field);
        return true;
    }
}
