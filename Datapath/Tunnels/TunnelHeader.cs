using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace OvsBridge.Datapath.Tunnels;

/// <summary>
/// The outer headers of one packet, from IP on; the same bytes as bpf/tunnel_out.bpf.h writes.
/// </summary>
/// <param name="Type">The kind of tunnel.</param>
/// <param name="Local">Source address.</param>
/// <param name="Remote">Destination address, of the same family.</param>
/// <param name="Key">Key, of which 24 bits (GRE: 32) are used; null: none (others than GRE: 0).</param>
/// <param name="Tos">TOS or traffic class.</param>
/// <param name="Ttl">TTL or hop limit.</param>
/// <param name="DontFragment">IPv4's flag.</param>
/// <param name="Checksum">Whether the UDP or GRE header has a checksum.</param>
/// <param name="SourcePort">UDP.</param>
/// <param name="DestinationPort">UDP.</param>
internal readonly record struct TunnelHeader(
    TunnelType Type, UInt128 Local, UInt128 Remote, ulong? Key, byte Tos, byte Ttl, bool DontFragment, bool Checksum, ushort SourcePort, ushort DestinationPort)
{
    private const ushort EthernetInTunnel = 0x6558; // ETH_P_TEB
    private const ushort GreChecksum = 0x8000, GreKey = 0x2000;
    private const ushort DontFragmentFlag = 0x4000;

    /// <summary>Bytes of the outer IP header.</summary>
    public int NetworkSize => MappedAddress.IsIpv4(Remote) ? 20 : 40;

    /// <summary>Bytes of all headers.</summary>
    public int Size => NetworkSize + (Type == TunnelType.Gre ? 4 + (Checksum ? 4 : 0) + (Key is null ? 0 : 4) : 16);

    private byte Protocol => Type == TunnelType.Gre ? (byte)47 : IpProtocols.Udp;

    /// <summary>Writes the headers in front of a frame.</summary>
    /// <param name="packet">The outer packet from IP on: <see cref="Size"/> bytes to be written, then the frame with complete checksums.</param>
    /// <param name="id">IPv4's identification.</param>
    public void Write(Span<byte> packet, ushort id)
    {
        packet[..Size].Clear();
        Span<byte> tunnel = packet[NetworkSize..];
        if (Type == TunnelType.Gre)
            WriteGre(tunnel);
        else
            WriteUdp(tunnel);
        if (NetworkSize == 20)
            WriteIpv4(packet, id, 0, more: false);
        else
            WriteIpv6(packet);
    }

    /// <summary>
    /// Cuts an IPv4 packet that <see cref="Write"/> has made into fragments (RFC 791, 3.2).
    /// </summary>
    /// <param name="packet">The packet.</param>
    /// <param name="id">Its identification, not 0.</param>
    /// <param name="mtu">Most bytes of a fragment.</param>
    /// <param name="send">Gets each; the memory is reused.</param>
    public void Fragment(ReadOnlySpan<byte> packet, ushort id, int mtu, Action<ReadOnlyMemory<byte>> send)
    {
        int most = (mtu - 20) & ~7;
        byte[] fragment = new byte[20 + most];
        for (int offset = 0; 20 + offset < packet.Length; offset += most)
        {
            ReadOnlySpan<byte> part = packet[(20 + offset)..Math.Min(packet.Length, 20 + offset + most)];
            part.CopyTo(fragment.AsSpan(20));
            WriteIpv4(fragment.AsSpan(0, 20 + part.Length), id, offset, more: 20 + offset + part.Length < packet.Length);
            send(fragment.AsMemory(0, 20 + part.Length));
        }
    }

    private void WriteIpv4(Span<byte> packet, ushort id, int offset, bool more)
    {
        packet[..20].Clear();
        packet[0] = 0x45;
        packet[1] = Tos;
        BinaryPrimitives.WriteUInt16BigEndian(packet[2..], (ushort)packet.Length);
        BinaryPrimitives.WriteUInt16BigEndian(packet[4..], id);
        BinaryPrimitives.WriteUInt16BigEndian(packet[6..], (ushort)((DontFragment ? DontFragmentFlag : 0) | (more ? 0x2000 : 0) | (offset >> 3)));
        packet[8] = Ttl;
        packet[9] = Protocol;
        BinaryPrimitives.WriteUInt32BigEndian(packet[12..], (uint)Local);
        BinaryPrimitives.WriteUInt32BigEndian(packet[16..], (uint)Remote);
        MemoryMarshal.Write(packet[10..], (ushort)~Datapath.Checksum.Fold(Datapath.Checksum.Sum(packet[..20])));
    }

    private void WriteIpv6(Span<byte> packet)
    {
        BinaryPrimitives.WriteUInt32BigEndian(packet, 0x60000000 | (uint)Tos << 20);
        BinaryPrimitives.WriteUInt16BigEndian(packet[4..], (ushort)(packet.Length - 40));
        packet[6] = Protocol;
        packet[7] = Ttl;
        MappedAddress.Write(packet[8..], Local);
        MappedAddress.Write(packet[24..], Remote);
    }

    private void WriteGre(Span<byte> packet)
    {
        BinaryPrimitives.WriteUInt16BigEndian(packet, (ushort)((Checksum ? GreChecksum : 0) | (Key is null ? 0 : GreKey)));
        BinaryPrimitives.WriteUInt16BigEndian(packet[2..], EthernetInTunnel);
        if (Key is { } key)
            BinaryPrimitives.WriteUInt32BigEndian(packet[(Checksum ? 8 : 4)..], (uint)key);
        if (Checksum)
            MemoryMarshal.Write(packet[4..], (ushort)~Datapath.Checksum.Fold(Datapath.Checksum.Sum(packet)));
    }

    private void WriteUdp(Span<byte> packet)
    {
        BinaryPrimitives.WriteUInt16BigEndian(packet, SourcePort);
        BinaryPrimitives.WriteUInt16BigEndian(packet[2..], DestinationPort);
        BinaryPrimitives.WriteUInt16BigEndian(packet[4..], (ushort)packet.Length);
        if (Type == TunnelType.Vxlan)
            packet[8] = 0x08; // there is a VNI
        else
            BinaryPrimitives.WriteUInt16BigEndian(packet[10..], EthernetInTunnel);
        BinaryPrimitives.WriteUInt32BigEndian(packet[12..], (uint)((Key ?? 0) & 0xffffff) << 8);
        if (!Checksum)
            return;
        Span<byte> addresses = stackalloc byte[32];
        MappedAddress.Write(addresses, Local);
        MappedAddress.Write(addresses[16..], Remote);
        int skip = NetworkSize == 20 ? 12 : 0;
        ulong pseudo = Datapath.Checksum.PseudoHeader(addresses[skip..16], addresses[(16 + skip)..], IpProtocols.Udp, packet.Length);
        ushort sum = (ushort)~Datapath.Checksum.Fold(pseudo + Datapath.Checksum.Sum(packet));
        MemoryMarshal.Write(packet[6..], sum == 0 ? (ushort)0xffff : sum);
    }
}
