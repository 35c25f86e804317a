using OvsBridge.Datapath.Tests.Packets;
using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.Datapath.Tests;

/// <summary>The rules of docs/packet-parsing.md on frames made by hand. Expected are whole keys: a field not named must be zero.</summary>
[TestFixture]
public sealed class PacketParserTests
{
    private const ushort Ip4 = 0x0800, Ip6 = 0x86dd;

    [Test]
    public void Frame_shorter_than_an_Ethernet_header_has_no_key([Range(0, 13)] int length)
    {
        Assert.That(PacketParser.TryParse(FrameSamples.Tcp4.AsSpan(0, length), 7, out FlowKey key), Is.False);
        Assert.That(key, Is.EqualTo(new FlowKey { InPort = 7 }));
    }

    [Test]
    public void Ethernet_header_alone_has_a_key([Values((ushort)0x0800, (ushort)0x86dd, (ushort)0x0806, (ushort)0x8847, (ushort)0x88e7, (ushort)0x8100, (ushort)0x1234)] ushort type) =>
        Expect(FrameBuilder.Ethernet(type), Ethernet(type));

    [Test]
    public void Tcp_over_Ipv4() => Expect(
        FrameBuilder.Ethernet(Ip4).Ipv4(6, "192.168.1.1", "192.168.2.2", tos: 0xb9, ttl: 33).Tcp(1234, 80, 0xfff),
        Ethernet(Ip4) with
        {
            IpProto = 6,
            IpTos = 0xb9,
            IpTtl = 33,
            Ipv4Src = 0xc0a80101,
            Ipv4Dst = 0xc0a80202,
            TpSrc = 1234,
            TpDst = 80,
            TcpFlags = 0xfff,
        });

    [Test]
    public void Udp_over_Ipv4() => Expect(FrameBuilder.Ethernet(Ip4).Ipv4(17).Udp(53, 5353), Ipv4(17) with { TpSrc = 53, TpDst = 5353 });

    [Test]
    public void Sctp_over_Ipv4() => Expect(FrameBuilder.Ethernet(Ip4).Ipv4(132).Sctp(3000, 4000), Ipv4(132) with { TpSrc = 3000, TpDst = 4000 });

    [Test]
    public void Icmp_over_Ipv4() => Expect(FrameBuilder.Ethernet(Ip4).Ipv4(1).Icmp(3, 13), Ipv4(1) with { TpSrc = 3, TpDst = 13 });

    [Test]
    public void Icmpv6_over_Ipv4_is_just_a_protocol() => Expect(FrameBuilder.Ethernet(Ip4).Ipv4(58).Raw(128, 0, 0, 0, 0, 0, 0, 0), Ipv4(58));

    [Test]
    public void Icmpv4_over_Ipv6_is_just_a_protocol() => Expect(FrameBuilder.Ethernet(Ip6).Ipv6(1).Raw(8, 0, 0, 0, 0, 0, 0, 0), Ipv6(1));

    [TestCase(2)]
    [TestCase(47)]
    [TestCase(89)]
    [TestCase(136)]
    public void Other_protocols_have_no_ports(int protocol)
    {
        Expect(FrameBuilder.Ethernet(Ip4).Ipv4(protocol).Counting(40), Ipv4((byte)protocol));
        Expect(FrameBuilder.Ethernet(Ip6).Ipv6(protocol).Counting(40), Ipv6((byte)protocol));
    }

    [Test]
    public void Options_are_skipped() => Expect(
        FrameBuilder.Ethernet(Ip4).Ipv4(6, options: [.. Enumerable.Repeat((byte)1, 40)]).Tcp(1, 2, 0x002),
        Ipv4(6) with { TpSrc = 1, TpDst = 2, TcpFlags = 0x002 });

    [TestCase(0x2000, FlowKey.FragAny, true)]
    [TestCase(0x0001, FlowKey.FragAny | FlowKey.FragLater, false)]
    [TestCase(0x3fff, FlowKey.FragAny | FlowKey.FragLater, false)]
    [TestCase(0x4000, 0, true)]
    [TestCase(0x8000, 0, true)]
    public void Fragments_of_Ipv4(int field, int frag, bool ports) => Expect(
        FrameBuilder.Ethernet(Ip4).Ipv4(17, fragment: field).Udp(5, 6),
        Ipv4(17) with { IpFrag = (byte)frag, TpSrc = (ushort)(ports ? 5 : 0), TpDst = (ushort)(ports ? 6 : 0) });

    [Test]
    public void Padding_behind_Ipv4_is_not_looked_at()
    {
        byte[] frame = [.. FrameBuilder.Ethernet(Ip4).Ipv4(17).Raw(0, 1, 0, 2).ToArray(), .. new byte[] { 0, 8, 0, 0, 9, 9 }];

        Expect(frame, Ipv4(17));
    }

    [Test]
    public void Padding_behind_Ipv6_is_not_looked_at()
    {
        byte[] frame = [.. FrameBuilder.Ethernet(Ip6).Ipv6(58).Raw(135, 0, 0, 0, 0, 0, 0, 0).ToArray(), .. new byte[24]];

        Expect(frame, Ipv6(58) with { TpSrc = 135 });
    }

    [TestCase(0, 0x35, TestName = "version 3")]
    [TestCase(0, 0x65, TestName = "version 6")]
    [TestCase(0, 0x44, TestName = "header of 16 bytes")]
    [TestCase(0, 0x4f, TestName = "header longer than the packet")]
    [TestCase(3, 19, TestName = "total length less than the header")]
    [TestCase(3, 200, TestName = "total length more than the frame")]
    [TestCase(3, 0, TestName = "total length 0")]
    public void Broken_Ipv4_header_is_absent(int offset, int value)
    {
        byte[] frame = FrameBuilder.Ethernet(Ip4).Ipv4(17).Udp(1, 2).ToArray();
        frame[14 + offset] = (byte)value;

        Expect(frame, Ethernet(Ip4));
    }

    [TestCase(0, 0x45, TestName = "version 4 under the type of 6")]
    [TestCase(5, 200, TestName = "payload length more than the frame")]
    public void Broken_Ipv6_header_is_absent(int offset, int value)
    {
        byte[] frame = FrameBuilder.Ethernet(Ip6).Ipv6(17).Udp(1, 2).ToArray();
        frame[14 + offset] = (byte)value;

        Expect(frame, Ethernet(Ip6));
    }

    [Test]
    public void Length_zero_counts_as_the_rest_of_a_gso_packet_only()
    {
        byte[] four = FrameBuilder.Ethernet(Ip4).Ipv4(6).Tcp(1, 2).ToArray(), six = FrameBuilder.Ethernet(Ip6).Ipv6(6).Tcp(1, 2).ToArray();
        four.AsSpan(16, 2).Clear();
        six.AsSpan(18, 2).Clear();

        Expect(four, Ethernet(Ip4));
        Expect(six, Ipv6(6));
        Assert.That(PacketParser.TryParse(four, four.Length, true, 7, out FlowKey key), Is.True);
        Assert.That(key, Is.EqualTo(Ipv4(6) with { TpSrc = 1, TpDst = 2, TcpFlags = 0x10 }));
        Assert.That(PacketParser.TryParse(six, six.Length, true, 7, out key), Is.True);
        Assert.That(key, Is.EqualTo(Ipv6(6) with { TpSrc = 1, TpDst = 2, TcpFlags = 0x10 }));
    }

    [Test]
    public void Jumbogram_reaches_to_the_end_of_the_frame()
    {
        byte[] frame = FrameBuilder.Ethernet(Ip6).Ipv6(0).Extension(17).Udp(1, 2).ToArray();
        frame.AsSpan(18, 2).Clear();

        Expect(frame, Ipv6(17) with { Ipv6ExtHdr = 0x040, TpSrc = 1, TpDst = 2 });
    }

    [Test]
    public void Cut_frame_is_judged_by_its_true_length()
    {
        byte[] whole = FrameBuilder.Ethernet(Ip4).Ipv4(17).Udp(1, 2).Counting(200).ToArray();

        Assert.That(PacketParser.TryParse(whole.AsSpan(0, 60), whole.Length, false, 7, out FlowKey key), Is.True);
        Assert.That(key, Is.EqualTo(Ipv4(17) with { TpSrc = 1, TpDst = 2 }));
        Assert.That(PacketParser.TryParse(whole.AsSpan(0, 40), whole.Length, false, 7, out key), Is.True);
        Assert.That(key, Is.EqualTo(Ipv4(17)), "the ports are not at hand");
    }

    [Test]
    public void Ipv6_header() => Expect(
        FrameBuilder.Ethernet(Ip6).Ipv6(6, "2001:db8::1", "2001:db8::2", tos: 0xb9, label: 0xfedcb, hopLimit: 5).Tcp(1, 2, 0x812),
        Ethernet(Ip6) with
        {
            IpProto = 6,
            IpTos = 0xb9,
            IpTtl = 5,
            Ipv6Label = 0xfedcb,
            Ipv6Src = new UInt128(0x20010db800000000, 1),
            Ipv6Dst = new UInt128(0x20010db800000000, 2),
            TpSrc = 1,
            TpDst = 2,
            TcpFlags = 0x812,
        });

    /// <summary>Chains: h hop-by-hop, d destination options, r routing, f atomic fragment, a authentication, e ESP, n none, t TCP.</summary>
    [TestCase("t", 0x000)]
    [TestCase("n", 0x001)]
    [TestCase("e", 0x002)]
    [TestCase("at", 0x004)]
    [TestCase("dt", 0x008)]
    [TestCase("ft", 0x010)]
    [TestCase("rt", 0x020)]
    [TestCase("ht", 0x040)]
    [TestCase("hdrfadt", 0x07c)]
    [TestCase("hdrfae", 0x07e)]
    [TestCase("hn", 0x041)]
    [TestCase("ddt", 0x008, Description = "two destination options are expected")]
    [TestCase("drdt", 0x028)]
    [TestCase("dddt", 0x088, Description = "three are not")]
    [TestCase("rrt", 0x0a0)]
    [TestCase("fft", 0x090)]
    [TestCase("hht", 0x0c0)]
    [TestCase("rht", 0x120, Description = "hop-by-hop that is not first: out of order, and no HOP")]
    [TestCase("hrht", 0x1e0)]
    [TestCase("frt", 0x130)]
    [TestCase("aft", 0x114)]
    [TestCase("rdat", 0x12c, Description = "destination options behind routing come last")]
    [TestCase("ddrt", 0x128)]
    [TestCase("dft", 0x018)]
    [TestCase("hfae", 0x056)]
    public void Extension_headers_set_their_bits(string chain, int bits)
    {
        FlowKey expected = Ipv6(Number(chain[^1])) with { Ipv6ExtHdr = (ushort)bits };
        if (chain[^1] == 't')
        {
            expected = expected with { TpSrc = 1, TpDst = 2, TcpFlags = 0x10 };
        }

        Expect(Chain(chain), expected);
    }

    [Test]
    public void Eight_extension_headers_are_passed_and_not_nine()
    {
        Expect(Chain("hdrfadddt"), Ipv6(6) with { Ipv6ExtHdr = 0x07c | 0x080, TpSrc = 1, TpDst = 2, TcpFlags = 0x10 });
        Expect(Chain("hdrfaddddt"), Ipv6(60) with { Ipv6ExtHdr = 0x07c | 0x080 });
        Expect(Chain("hdrfadddn"), Ipv6(59) with { Ipv6ExtHdr = 0x07c | 0x080 }, "the ninth is not looked at");
    }

    [Test]
    public void Extension_header_that_does_not_fit_ends_the_walk_before_it()
    {
        byte[] frame = Chain("hdt").ToArray();
        frame[14 + 40 + 8 + 1] = 200; // length of the destination options

        Expect(frame, Ipv6(60) with { Ipv6ExtHdr = 0x040 });
    }

    [TestCase(0, true, FlowKey.FragAny, true)]
    [TestCase(0, false, 0, true)]
    [TestCase(1, true, FlowKey.FragAny | FlowKey.FragLater, false)]
    [TestCase(8191, false, FlowKey.FragAny | FlowKey.FragLater, false)]
    public void Fragments_of_Ipv6(int offset, bool more, int frag, bool ports) => Expect(
        FrameBuilder.Ethernet(Ip6).Ipv6(44).FragmentHeader(17, offset, more).Udp(5, 6),
        Ipv6(17) with { Ipv6ExtHdr = 0x010, IpFrag = (byte)frag, TpSrc = (ushort)(ports ? 5 : 0), TpDst = (ushort)(ports ? 6 : 0) });

    [Test]
    public void Later_fragment_names_what_its_fragment_header_names() => Expect(
        FrameBuilder.Ethernet(Ip6).Ipv6(0).Extension(44).FragmentHeader(60, 100, true).Extension(17).Udp(5, 6),
        Ipv6(60) with { Ipv6ExtHdr = 0x050, IpFrag = FlowKey.FragAny | FlowKey.FragLater });

    [Test]
    public void Neighbour_solicitation_with_source_address() => Expect(
        FrameSamples.NeighbourSolicitation,
        Ethernet(Ip6) with
        {
            IpProto = 58,
            IpTtl = 255,
            Ipv6Src = new UInt128(0xfe80000000000000, 1),
            Ipv6Dst = new UInt128(0xff02000000000000, 0x00000001ff000002),
            TpSrc = 135,
            NdTarget = new UInt128(0xfe80000000000000, 2),
            ArpSha = 0x0a0000000001,
        });

    [Test]
    public void Neighbour_advertisement_with_target_address() => Expect(
        FrameSamples.NeighbourAdvertisement,
        Ethernet(Ip6) with
        {
            IpProto = 58,
            IpTtl = 255,
            Ipv6Src = new UInt128(0xfe80000000000000, 2),
            Ipv6Dst = new UInt128(0xfe80000000000000, 1),
            TpSrc = 136,
            NdTarget = new UInt128(0xfe80000000000000, 2),
            ArpTha = 0x0a0000000002,
        });

    [Test]
    public void First_options_of_neighbour_discovery_count() => Expect(
        Nd(135, 0)
            .Raw(14, 1).Zeros(6) // nonce
            .Raw(1, 2).Zeros(14) // a source address of another length
            .Raw(2, 1).Mac("0a:00:00:00:00:22")
            .Raw(1, 1).Mac("0a:00:00:00:00:11")
            .Raw(1, 1).Mac("0b:00:00:00:00:11")
            .Raw(2, 1).Mac("0b:00:00:00:00:22"),
        NdKey(135, 0) with { ArpSha = 0x0a0000000011, ArpTha = 0x0a0000000022 });

    [Test]
    public void Option_of_length_zero_ends_the_walk() => Expect(
        Nd(135, 0).Raw(1, 0).Zeros(6).Raw(1, 1).Mac("0a:00:00:00:00:11"),
        NdKey(135, 0));

    [Test]
    public void Option_that_does_not_fit_ends_the_walk()
    {
        Expect(Nd(135, 0).Raw(1, 1, 9, 9), NdKey(135, 0));
        Expect(Nd(135, 0).Raw(5, 9).Zeros(6).Raw(1, 1).Mac("0a:00:00:00:00:11"), NdKey(135, 0));
    }

    [Test]
    public void Eight_options_are_looked_at_and_not_nine()
    {
        static FrameBuilder Nonces(int count) => Enumerable.Range(0, count).Aggregate(Nd(136, 0), (b, _) => b.Raw(14, 1).Zeros(6));

        Expect(Nonces(7).Raw(2, 1).Mac("0a:00:00:00:00:22"), NdKey(136, 0) with { ArpTha = 0x0a0000000022 });
        Expect(Nonces(8).Raw(2, 1).Mac("0a:00:00:00:00:22"), NdKey(136, 0));
    }

    [TestCase(133, 0)]
    [TestCase(137, 0)]
    [TestCase(135, 1)]
    public void Other_types_and_codes_are_no_neighbour_discovery(int type, int code) => Expect(
        Nd(type, code).Raw(1, 1).Mac("0a:00:00:00:00:11"),
        Ipv6(58) with { TpSrc = (ushort)type, TpDst = (ushort)code });

    [TestCase((ushort)0x0806)]
    [TestCase((ushort)0x8035)]
    public void Arp_and_rarp(ushort type) => Expect(
        FrameBuilder.Ethernet(type).Arp(0x0102, "02:00:00:00:00:11", "10.0.0.1", "02:00:00:00:00:22", "10.0.0.2"),
        Ethernet(type) with
        {
            ArpOp = 0x0102,
            ArpSha = 0x020000000011,
            ArpTha = 0x020000000022,
            Ipv4Src = 0x0a000001,
            Ipv4Dst = 0x0a000002,
        });

    [TestCase(0, TestName = "hardware type 0x0101")]
    [TestCase(1, TestName = "hardware type 0")]
    [TestCase(2, TestName = "protocol type 0x0900")]
    [TestCase(3, TestName = "protocol type 0x0801")]
    [TestCase(4, TestName = "hardware size 7")]
    [TestCase(5, TestName = "protocol size 5")]
    public void Arp_for_other_networks_is_absent(int offset)
    {
        byte[] frame = [.. FrameSamples.Arp];
        frame[14 + offset] ^= 1;

        Expect(frame, Ethernet(0x0806) with { EthDst = 0xffffffffffff });
    }

    [TestCase((ushort)0x8100)]
    [TestCase((ushort)0x88a8)]
    public void Vlan_tag(ushort tpid) => Expect(
        FrameBuilder.Ethernet(tpid).Vlan(0xefff, Ip4).Ipv4(17).Udp(1, 2),
        Ipv4(17) with { VlanTpid = tpid, VlanTci = 0xffff, TpSrc = 1, TpDst = 2 });

    [Test]
    public void Drop_eligible_bit_is_not_in_the_key() => Expect(
        FrameBuilder.Ethernet(0x8100).Vlan(0xf005, 0x1234),
        Ethernet(0x1234) with { VlanTpid = 0x8100, VlanTci = 0xf005 });

    [Test]
    public void Tag_of_vlan_zero_is_present() => Expect(
        FrameBuilder.Ethernet(0x8100).Vlan(0, 0x1234),
        Ethernet(0x1234) with { VlanTpid = 0x8100, VlanTci = 0x1000 });

    [Test]
    public void Two_vlan_tags() => Expect(
        FrameBuilder.Ethernet(0x88a8).Vlan(0x2005, 0x8100).Vlan(0x4006, Ip6).Ipv6(59),
        Ipv6(59) with { VlanTpid = 0x88a8, VlanTci = 0x3005, InnerTpid = 0x8100, InnerTci = 0x5006, Ipv6ExtHdr = 1 });

    [Test]
    public void Third_tag_is_the_ethertype() => Expect(
        FrameBuilder.Ethernet(0x8100).Vlan(1, 0x8100).Vlan(2, 0x88a8).Vlan(3, Ip4).Ipv4(17).Udp(1, 2),
        Ethernet(0x88a8) with { VlanTpid = 0x8100, VlanTci = 0x1001, InnerTpid = 0x8100, InnerTci = 0x1002 });

    [TestCase(0)]
    [TestCase(1)]
    [TestCase(2)]
    [TestCase(3)]
    public void Tag_that_is_cut_off_is_the_ethertype(int bytes)
    {
        Expect(FrameBuilder.Ethernet(0x8100).Zeros(bytes), Ethernet(0x8100));
        Expect(FrameBuilder.Ethernet(0x8100).Vlan(5, 0x88a8).Zeros(bytes), Ethernet(0x88a8) with { VlanTpid = 0x8100, VlanTci = 0x1005 });
    }

    [TestCase((ushort)0x9100)]
    [TestCase((ushort)0x9200)]
    public void Other_tag_types_are_ethertypes(ushort type) => Expect(FrameBuilder.Ethernet(type).Vlan(5, Ip4).Ipv4(17).Udp(1, 2), Ethernet(type));

    [TestCase((ushort)0)]
    [TestCase((ushort)0x05ff)]
    public void Length_without_snap_has_no_ethertype(ushort length)
    {
        Expect(FrameBuilder.Ethernet(length).Raw(0x42, 0x42, 3).Zeros(40), Ethernet(FlowKey.EthTypeNone));
        Expect(FrameBuilder.Ethernet(length), Ethernet(FlowKey.EthTypeNone));
    }

    [Test]
    public void Smallest_ethertype() => Expect(FrameBuilder.Ethernet(0x0600), Ethernet(0x0600));

    [Test]
    public void Snap_gives_the_ethertype()
    {
        Expect(FrameSamples.Snap, Ipv4(17) with { TpSrc = 67, TpDst = 68 });
        Expect(
            FrameBuilder.Ethernet(0x8100).Vlan(5, 0x0100).Raw(0xaa, 0xaa, 3, 0, 0, 0).U16(0x0806).Arp(1, "02:00:00:00:00:11", "1.2.3.4", "00:00:00:00:00:00", "5.6.7.8"),
            Ethernet(0x0806) with { VlanTpid = 0x8100, VlanTci = 0x1005, ArpOp = 1, ArpSha = 0x020000000011, Ipv4Src = 0x01020304, Ipv4Dst = 0x05060708 });
    }

    [TestCase("aaaa0300000c2000", TestName = "another organisation")]
    [TestCase("aaaa030000000500", TestName = "a type that is a length")]
    [TestCase("aaab030000000800", TestName = "another SSAP")]
    [TestCase("aaaa130000000800", TestName = "another control field")]
    [TestCase("aaaa0300000008", TestName = "cut off")]
    public void Other_snap_headers_have_no_ethertype(string header) =>
        Expect(FrameBuilder.Ethernet(0x0010).Raw(Convert.FromHexString(header)), Ethernet(FlowKey.EthTypeNone));

    [TestCase((ushort)0x8847)]
    [TestCase((ushort)0x8848)]
    public void Label_stack_is_parsed_to_its_bottom(ushort type)
    {
        Expect(FrameBuilder.Ethernet(type).Mpls(16, 5, true, 64).Mpls(17, 0, true, 1), Ethernet(type) with { MplsLse0 = 0x00010b40 });
        Expect(
            FrameBuilder.Ethernet(type).Mpls(16, 5, false, 64).Mpls(17, 0, true, 1).Mpls(18, 0, true, 1),
            Ethernet(type) with { MplsLse0 = 0x00010a40, MplsLse1 = 0x00011101 });
    }

    [Test]
    public void Three_labels_are_taken_and_not_four() => Expect(
        FrameSamples.Mpls4Entries,
        Ethernet(0x8847) with { MplsLse0 = 0x00001201, MplsLse1 = 0x00002402, MplsLse2 = 0x00003603 });

    [Test]
    public void Label_stack_may_be_cut_off()
    {
        Expect(FrameBuilder.Ethernet(0x8847).Mpls(16, 0, false, 64).Raw(1, 2, 3), Ethernet(0x8847) with { MplsLse0 = 0x00010040 });
        Expect(FrameBuilder.Ethernet(0x8847).Raw(1, 2, 3), Ethernet(0x8847));
    }

    [Test]
    public void Behind_the_label_stack_nothing_is_parsed() =>
        Expect(FrameBuilder.Ethernet(0x8847).Mpls(16, 0, true, 64).Ipv4(6).Tcp(1, 2), Ethernet(0x8847) with { MplsLse0 = 0x00010140 });

    [Test]
    public void Pbb_gives_its_tag_only()
    {
        Expect(FrameBuilder.Ethernet(0x88e7).U32(0x9812abcd).Mac("02:00:00:00:00:02").Mac("02:00:00:00:00:01").U16(Ip4).Ipv4(6).Tcp(1, 2), Ethernet(0x88e7) with { PbbItag = 0x9812abcd });
        Expect(FrameBuilder.Ethernet(0x88e7).Raw(1, 2, 3), Ethernet(0x88e7));
    }

    /// <summary>Cut at every byte, a frame keeps the fields of the headers that are whole, and none is made up.</summary>
    [Test]
    public void Cut_anywhere_a_frame_gives_a_part_of_its_key()
    {
        Field[] fields = [.. FieldTable.All.Where(f => f.InPacket && f != FieldTable.EthType && f != FieldTable.IpProto && f != FieldTable.Ipv6ExtHdr)];
        foreach (byte[] frame in FrameSamples.OneOfEachKind)
        {
            Assert.That(PacketParser.TryParse(frame, 7, out FlowKey whole), Is.True);
            for (int length = 14; length < frame.Length; length++)
            {
                Assert.That(PacketParser.TryParse(frame.AsSpan(0, length), frame.Length, false, 7, out FlowKey part), Is.True);
                foreach (Field field in fields)
                {
                    if (field.Get(part) != 0 && field.Get(part) != field.Get(whole))
                    {
                        Assert.Fail($"{field} is {field.Get(part)} when cut to {length} bytes:\n{KeyText.Of(whole)}");
                    }
                }
            }
        }
    }

    /// <summary>For each transport the bytes that its rule names are needed, not one less.</summary>
    [TestCase(6, 20)]
    [TestCase(17, 8)]
    [TestCase(132, 12)]
    [TestCase(1, 8)]
    public void Transport_header_must_be_whole_within_the_packet(int protocol, int needs)
    {
        FlowKey with = Ipv4((byte)protocol) with { TpSrc = (ushort)(protocol == 1 ? 1 : 0x0102), TpDst = (ushort)(protocol == 1 ? 2 : 0x0304), TcpFlags = (ushort)(protocol == 6 ? 0xd0e : 0) };

        Expect(FrameBuilder.Ethernet(Ip4).Ipv4(protocol).Counting(needs), with);
        Expect([.. FrameBuilder.Ethernet(Ip4).Ipv4(protocol).Counting(needs - 1).ToArray(), 77], Ipv4((byte)protocol));
    }

    private static FrameBuilder Nd(int type, int code) => FrameBuilder.Ethernet(Ip6).Ipv6(58).Icmpv6(type, code).Ip("fe80::2");

    private static FlowKey NdKey(ushort type, ushort code) =>
        Ipv6(58) with { TpSrc = type, TpDst = code, NdTarget = new UInt128(0xfe80000000000000, 2) };

    private static byte Number(char header) => header switch
    {
        'h' => 0,
        'd' => 60,
        'r' => 43,
        'f' => 44,
        'a' => 51,
        'e' => 50,
        'n' => 59,
        _ => 6,
    };

    private static FrameBuilder Chain(string chain)
    {
        FrameBuilder builder = FrameBuilder.Ethernet(Ip6).Ipv6(Number(chain[0]));
        for (int i = 0; i < chain.Length; i++)
        {
            byte next = i + 1 < chain.Length ? Number(chain[i + 1]) : (byte)0;
            builder = chain[i] switch
            {
                'h' or 'd' or 'r' => builder.Extension(next, i % 3),
                'f' => builder.FragmentHeader(next, 0, false),
                'a' => builder.Authentication(next, 1 + (i % 3)),
                'e' => builder.Counting(16),
                't' => builder.Tcp(1, 2),
                _ => builder,
            };
        }

        return builder;
    }

    private static FlowKey Ethernet(ushort type) => new()
    {
        InPort = 7,
        EthDst = 0x020000000002,
        EthSrc = 0x020000000001,
        EthType = type,
    };

    private static FlowKey Ipv4(byte protocol) =>
        Ethernet(Ip4) with { IpProto = protocol, IpTtl = 64, Ipv4Src = 0x0a000001, Ipv4Dst = 0x0a000002 };

    private static FlowKey Ipv6(byte protocol) => Ethernet(Ip6) with
    {
        IpProto = protocol,
        IpTtl = 64,
        Ipv6Src = new UInt128(0xfd00000000000000, 1),
        Ipv6Dst = new UInt128(0xfd00000000000000, 2),
    };

    private static void Expect(FrameBuilder frame, FlowKey expected, string? because = null) => Expect(frame.ToArray(), expected, because);

    private static void Expect(byte[] frame, FlowKey expected, string? because = null)
    {
        Assert.That(PacketParser.TryParse(frame, 7, out FlowKey key), Is.True);
        Assert.That(KeyText.Of(key), Is.EqualTo(KeyText.Of(expected)), because);
        Assert.That(key, Is.EqualTo(expected), "padding is zero");
    }
}
