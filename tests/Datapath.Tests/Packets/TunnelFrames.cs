using System.Buffers.Binary;
using OvsBridge.Datapath.Tunnels;

namespace OvsBridge.Datapath.Tests.Packets;

/// <summary>Outer frames of tunnels, written by the RFCs and not by the code under test; and a network to have them on.</summary>
internal static class TunnelFrames
{
    public const string OurMac = "02:00:00:00:00:c1", PeerMac = "02:00:00:00:00:c2";

    public static string Ours(bool ipv6) => ipv6 ? "fd99::1" : "192.0.2.1";

    public static string Peers(bool ipv6) => ipv6 ? "fd99::2" : "192.0.2.2";

    /// <summary>A frame in a tunnel, from <paramref name="source"/> to <paramref name="destination"/>.</summary>
    public static byte[] Outer(
        TunnelType type, string source, string destination, byte[] inner, uint? key, int tos = 0, int ttl = 64, int fragment = 0x4000, ushort sourcePort = 50000,
        bool outward = true, byte[]? header = null, bool checksum = false, int padding = 0)
    {
        byte[] tunnel = header ?? Header(type, key);
        bool ipv6 = source.Contains(':', StringComparison.Ordinal);
        bool udp = type != TunnelType.Gre;
        int payload = (udp ? 8 : 0) + tunnel.Length + inner.Length;
        FrameBuilder frame = FrameBuilder.Ethernet(ipv6 ? (ushort)0x86dd : (ushort)0x0800, outward ? PeerMac : OurMac, outward ? OurMac : PeerMac);
        int protocol = udp ? 17 : 47;
        if (ipv6)
            frame.U32(0x60000000u | (uint)tos << 20).U16(payload).U8(protocol).U8(ttl).Ip(source).Ip(destination);
        else
            frame.U8(0x45).U8(tos).U16(20 + payload).U16(0).U16(fragment).U8(ttl).U8(protocol).U16(0).Ip(source).Ip(destination);
        int at = frame.Length;
        if (udp)
            frame.U16(sourcePort).U16(type == TunnelType.Vxlan ? 4789 : 6081).U16(payload).U16(0);
        byte[] bytes = frame.Raw(tunnel).Raw(inner).ToArray();
        if (!ipv6)
            BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(24), Checksums.Internet(bytes.AsSpan(14, 20)));
        if (checksum && udp)
            Checksums.Fill(bytes, 14, at, bytes.Length, 17, 6);
        else if (checksum)
            BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(at + 4), Checksums.Internet(bytes.AsSpan(at)));
        return [.. bytes, .. new byte[padding]];
    }

    /// <summary>The tunnel's own header (behind UDP).</summary>
    public static byte[] Header(TunnelType type, uint? key)
    {
        byte[] number = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(number, key ?? 0);
        return type switch
        {
            TunnelType.Vxlan => [0x08, 0, 0, 0, number[1], number[2], number[3], 0],
            TunnelType.Geneve => [0, 0, 0x65, 0x58, number[1], number[2], number[3], 0],
            _ => key is null ? [0, 0, 0x65, 0x58] : [0x20, 0, 0x65, 0x58, .. number],
        };
    }

    /// <summary>What a tunnel may carry, by name.</summary>
    public static byte[] Inner(string name) => name switch
    {
        "ipv4" => FrameBuilder.Ethernet(0x0800).Ipv4(17).Udp(1000, 2000).Counting(40).ToArray(),
        "ipv6" => FrameBuilder.Ethernet(0x86dd).Ipv6(6).Tcp(1000, 2000).Counting(33).ToArray(),
        "arp" => FrameBuilder.Ethernet(0x0806).Arp(1, "02:00:00:00:00:01", "10.0.0.1", "00:00:00:00:00:00", "10.0.0.2").ToArray(),
        "vlan" => FrameBuilder.Ethernet(0x8100).Vlan(0x2064, 0x0800).Ipv4(17).Udp(1000, 2000).Counting(40).ToArray(),
        "qinq" => FrameBuilder.Ethernet(0x88a8).Vlan(0x0065, 0x8100).Vlan(0x2064, 0x86dd).Ipv6(17).Udp(1000, 2000).Counting(40).ToArray(),
        "vlan arp" => FrameBuilder.Ethernet(0x8100).Vlan(0x2064, 0x0806).Arp(1, "02:00:00:00:00:01", "10.0.0.1", "00:00:00:00:00:00", "10.0.0.2").ToArray(),
        "mpls" => FrameBuilder.Ethernet(0x8847).Mpls(100, 0, true, 64).Ipv4(17).Udp(1000, 2000).Counting(40).ToArray(),
        "llc" => FrameBuilder.Ethernet(0x0026).Raw(0x42, 0x42, 0x03).Counting(50).ToArray(),
        "other" => FrameBuilder.Ethernet(0x88b5).Counting(100).ToArray(),
        _ => throw new ArgumentException(name, nameof(name)),
    };
}
