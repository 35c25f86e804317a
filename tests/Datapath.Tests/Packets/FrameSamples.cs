namespace OvsBridge.Datapath.Tests.Packets;

/// <summary>Frames of every kind that the parser knows, all at least 60 bytes and with right checksums.</summary>
internal static class FrameSamples
{
    public const string Sll = "0a:00:00:00:00:01", Tll = "0a:00:00:00:00:02";

    public static byte[] Tcp4 { get; } = FrameBuilder.Ethernet(0x0800).Ipv4(6, "192.168.1.1", "192.168.2.2", tos: 0xb9, ttl: 33).Tcp(1234, 80, 0x018).Counting(25).ToArray();

    public static byte[] Udp4 { get; } = FrameBuilder.Ethernet(0x0800).Ipv4(17).Udp(1000, 2000).Counting(31).ToArray();

    public static byte[] Udp4WithoutChecksum { get; } = FrameBuilder.Ethernet(0x0800).Ipv4(17).Udp(1000, 2000, checksum: false).Counting(31).ToArray();

    public static byte[] Sctp4 { get; } = FrameBuilder.Ethernet(0x0800).Ipv4(132).Sctp(3000, 4000).Raw(0, 3, 0, 20).Counting(17).ToArray();

    public static byte[] Icmp4 { get; } = FrameBuilder.Ethernet(0x0800).Ipv4(1).Icmp(8, 0).Counting(40).ToArray();

    public static byte[] Options4 { get; } = FrameBuilder.Ethernet(0x0800).Ipv4(6, options: [1, 1, 1, 1, 7, 3, 4, 0]).Tcp(5, 6).Counting(9).ToArray();

    public static byte[] FirstFragment4 { get; } = FrameBuilder.Ethernet(0x0800).Ipv4(17, fragment: 0x2000).Udp(1000, 2000).Counting(32).ToArray();

    public static byte[] LaterFragment4 { get; } = FrameBuilder.Ethernet(0x0800).Ipv4(17, fragment: 0x0005).Counting(40).ToArray();

    public static byte[] VlanTcp4 { get; } = FrameBuilder.Ethernet(0x8100).Vlan(0xa064, 0x0800).Ipv4(6).Tcp(1234, 80, 0x002).Counting(20).ToArray();

    public static byte[] QinqUdp6 { get; } = FrameBuilder.Ethernet(0x88a8).Vlan(0x6005, 0x8100).Vlan(0x0006, 0x86dd).Ipv6(17).Udp(53, 54).Counting(12).ToArray();

    public static byte[] Tcp6 { get; } = FrameBuilder.Ethernet(0x86dd).Ipv6(6, tos: 0xb9, label: 0xabcde, hopLimit: 9).Tcp(1234, 443, 0x010).Counting(15).ToArray();

    public static byte[] Sctp6 { get; } = FrameBuilder.Ethernet(0x86dd).Ipv6(132).Sctp(3000, 4000).Raw(0, 3, 0, 20).Counting(16).ToArray();

    public static byte[] Echo6 { get; } = FrameBuilder.Ethernet(0x86dd).Ipv6(58).Icmpv6(128, 0).Counting(10).ToArray();

    public static byte[] Extensions6 { get; } = FrameBuilder.Ethernet(0x86dd).Ipv6(0)
        .Extension(60).Extension(44, 1).FragmentHeader(51, 0, false).Authentication(17).Udp(7, 8).Counting(5).ToArray();

    public static byte[] LaterFragment6 { get; } = FrameBuilder.Ethernet(0x86dd).Ipv6(44).FragmentHeader(17, 100, true).Counting(24).ToArray();

    public static byte[] NeighbourSolicitation { get; } = FrameBuilder.Ethernet(0x86dd).Ipv6(58, "fe80::1", "ff02::1:ff00:2", hopLimit: 255)
        .Icmpv6(135, 0).Ip("fe80::2").Raw(1, 1).Mac(Sll).ToArray();

    public static byte[] NeighbourAdvertisement { get; } = FrameBuilder.Ethernet(0x86dd).Ipv6(58, "fe80::2", "fe80::1", hopLimit: 255)
        .Icmpv6(136, 0).Ip("fe80::2").Raw(2, 1).Mac(Tll).ToArray();

    public static byte[] DuplicateDetection { get; } = FrameBuilder.Ethernet(0x86dd).Ipv6(58, "::", "ff02::1:ff00:2", hopLimit: 255)
        .Icmpv6(135, 0).Ip("fe80::2").ToArray();

    public static byte[] Arp { get; } = FrameBuilder.Ethernet(0x0806, "ff:ff:ff:ff:ff:ff")
        .Arp(1, "02:00:00:00:00:01", "10.0.0.1", "00:00:00:00:00:00", "10.0.0.2").Zeros(18).ToArray();

    public static byte[] Rarp { get; } = FrameBuilder.Ethernet(0x8035).Arp(3, Sll, "0.0.0.0", Sll, "0.0.0.0").Zeros(18).ToArray();

    public static byte[] Mpls1 { get; } = FrameBuilder.Ethernet(0x8847).Mpls(100, 3, true, 64).Ipv4(6, ttl: 32).Tcp(1, 2).Counting(10).ToArray();

    public static byte[] Mpls2 { get; } = FrameBuilder.Ethernet(0x8848).Mpls(100, 3, false, 64).Mpls(200, 0, true, 16).Ipv6(6, hopLimit: 32).Tcp(1, 2).Counting(10).ToArray();

    public static byte[] Mpls6 { get; } = FrameBuilder.Ethernet(0x8847).Mpls(100, 3, true, 64).Ipv6(6, hopLimit: 32).Tcp(1, 2).Counting(10).ToArray();

    public static byte[] Mpls4Entries { get; } = FrameBuilder.Ethernet(0x8847)
        .Mpls(1, 1, false, 1).Mpls(2, 2, false, 2).Mpls(3, 3, false, 3).Mpls(4, 4, true, 4).Counting(40).ToArray();

    public static byte[] VlanMpls { get; } = FrameBuilder.Ethernet(0x8100).Vlan(0x2007, 0x8847).Mpls(0xfffff, 7, true, 255).Counting(50).ToArray();

    public static byte[] Pbb { get; } = FrameBuilder.Ethernet(0x88e7, "0e:00:00:00:00:02", "0e:00:00:00:00:01")
        .U32(0x40112233).Mac("02:00:00:00:00:02").Mac("02:00:00:00:00:01").U16(0x0800).Ipv4(17).Udp(1, 2).Counting(20).ToArray();

    public static byte[] PbbBehindVlan { get; } = FrameBuilder.Ethernet(0x88a8, "0e:00:00:00:00:02", "0e:00:00:00:00:01").Vlan(0x0009, 0x88e7)
        .U32(0x40112233).Mac("02:00:00:00:00:02").Mac("02:00:00:00:00:01").U16(0x8100).Vlan(0x000a, 0x0800).Ipv4(17).Udp(1, 2).Counting(20).ToArray();

    public static byte[] Llc { get; } = FrameBuilder.Ethernet(0x0026).Raw(0x42, 0x42, 0x03).Zeros(43).ToArray();

    public static byte[] Snap { get; } = FrameBuilder.Ethernet(0x0032).Raw(0xaa, 0xaa, 0x03, 0, 0, 0).U16(0x0800).Ipv4(17).Udp(67, 68).Counting(14).ToArray();

    public static byte[] ThreeTags { get; } = FrameBuilder.Ethernet(0x88a8).Vlan(0x6005, 0x8100).Vlan(0x0006, 0x8100).Vlan(0xf007, 0x0800).Ipv4(17).Udp(53, 54).Counting(12).ToArray();

    public static byte[] VlanLlc { get; } = FrameBuilder.Ethernet(0x8100).Vlan(0x2007, 0x0026).Raw(0x42, 0x42, 0x03).Zeros(43).ToArray();

    public static byte[] UnknownType { get; } = FrameBuilder.Ethernet(0x88cc).Counting(50).ToArray();

    /// <summary>One of each, in a fixed order.</summary>
    public static IReadOnlyList<byte[]> OneOfEachKind { get; } =
    [
        Tcp4, Udp4, Udp4WithoutChecksum, Sctp4, Icmp4, Options4, FirstFragment4, LaterFragment4, VlanTcp4, QinqUdp6, Tcp6, Sctp6, Echo6, Extensions6,
        LaterFragment6, NeighbourSolicitation, NeighbourAdvertisement, DuplicateDetection, Arp, Rarp, Mpls1, Mpls2, Mpls6, Mpls4Entries, VlanMpls,
        Pbb, PbbBehindVlan, Llc, Snap, UnknownType,
    ];
}
