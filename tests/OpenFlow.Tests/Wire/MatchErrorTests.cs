using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Wire;
using OvsBridge.Testing;
using static OvsBridge.OpenFlow.Tests.Wire.FlowModBytes;

namespace OvsBridge.OpenFlow.Tests.Wire;

/// <summary>BAD_MATCH, code by code, and the prerequisites of every field (specification 7.2.3, table 12).</summary>
[TestFixture]
internal sealed class MatchErrorTests
{
    [TestCase("80000004 00000001 ", TestName = "Match_type_other_than_OXM_is_BAD_TYPE")]
    public void Bad_type(string oxm)
    {
        foreach (byte type in new byte[] { 0, 2, 0xff })
        {
            byte[] message = Make(oxm);
            message[49] = type;
            Refused(message, OfError.BadMatchBadType);
        }
    }

    [Test]
    public void Match_length_that_its_fields_or_the_message_contradict_is_BAD_LEN()
    {
        byte[] message = Make("80000004 00000001"); // length 12, padded to 16
        foreach (byte length in new byte[] { 0, 3, 11, 13, 17, 0xff })
        {
            message[51] = length;
            Refused(message, OfError.BadMatchBadLen);
        }
    }

    [TestCase("80005804 00000000", TestName = "packet_type Ethernet is every packet's")]
    [TestCase("80005908 00000000 ffffffff", TestName = "packet_type with a whole mask")]
    [TestCase("80005908 00000000 00000000", TestName = "packet_type with an empty mask")]
    public void Packet_type_of_Ethernet_matches_every_packet_and_is_kept(string oxm)
    {
        var mod = (FlowMod)OfCodec.Decode(Make(oxm + Ipv4));
        Assert.That(mod.Match, Is.EqualTo(((FlowMod)OfCodec.Decode(Make(Ipv4))).Match));
        Assert.That(Convert.ToHexStringLower(mod.Match.Oxm.Span), Is.EqualTo((oxm + Ipv4).Replace(" ", "", StringComparison.Ordinal)), "statistics echo it");
    }

    [Test]
    public void Packet_type_that_is_not_Ethernets_matches_nothing_here()
    {
        Refused(Make("80005804 00010800"), OfError.BadMatchBadValue);
        Refused(Make("80005908 00000000 ffff0000"), OfError.BadMatchBadMask);
        Refused(Make("80005803 000000"), OfError.BadMatchBadLen);
        Refused(Make("80005804 00000000 80005804 00000000"), OfError.BadMatchDupField);
        Refused(Apply("", "0019 0010 80005804 00000000 00000000"), OfError.BadActionBadSetType);
    }

    [TestCase("80000003 000001", TestName = "in_port of 3 bytes")]
    [TestCase("80000005 0000000100", TestName = "in_port of 5 bytes")]
    [TestCase("80000000", TestName = "in_port of 0 bytes")]
    [TestCase("80000706 010000000000", TestName = "eth_dst with a mask bit and no mask")]
    [TestCase("8000060c 010000000000 ffffffffffff", TestName = "eth_dst with a mask and no mask bit")]
    [TestCase("80000004 0000", TestName = "in_port cut short")]
    [TestCase("800000", TestName = "header cut short")]
    [TestCase("ffff0002 0000", TestName = "experimenter class without its experimenter")]
    public void Field_length_is_BAD_LEN(string oxm) => Refused(Make(oxm), OfError.BadMatchBadLen);

    [TestCase("80005004 00000001", TestName = "field 40 of OpenFlow's class")]
    [TestCase("8000fe04 00000001", TestName = "field 127 of OpenFlow's class")]
    [TestCase("00010004 00000001", TestName = "unknown Nicira field")]
    [TestCase("80010004 00000001", TestName = "OXM class 0x8001")]
    [TestCase("ffff0004 12345678", TestName = "experimenter 0x12345678")]
    [TestCase("ffff5406 4f4e4600 0000", TestName = "experimenter ONF, field 42")]
    public void Field_that_nobody_knows_is_BAD_FIELD(string oxm) => Refused(Make(oxm), OfError.BadMatchBadField);

    [TestCase("80000004 00000001 80000004 00000001", TestName = "in_port twice", ExpectedResult = "BMC_DUP_FIELD")]
    [TestCase("80000004 00000001 80000004 00000002", TestName = "in_port twice, different", ExpectedResult = "BMC_DUP_FIELD")]
    [TestCase("80000606 010203040506 8000070c 000000000000 000000000000", TestName = "eth_dst whole and masked", ExpectedResult = "BMC_DUP_FIELD")]
    public string Duplicates_are_DUP_FIELD(string oxm) => Assert.Throws<OfErrorException>(() => OfCodec.Decode(Make(oxm)))!.Error.Name;

    [TestCase(Ipv4 + "80001001 40", TestName = "ip_dscp of 7 bits", ExpectedResult = "BMC_BAD_VALUE")]
    [TestCase(Ipv4 + "80001201 04", TestName = "ip_ecn of 3 bits", ExpectedResult = "BMC_BAD_VALUE")]
    [TestCase("80000c02 2001", TestName = "vlan_vid of 14 bits", ExpectedResult = "BMC_BAD_VALUE")]
    [TestCase("80000c02 0005", TestName = "vlan_vid without OFPVID_PRESENT", ExpectedResult = "BMC_BAD_VALUE")]
    [TestCase("80000d04 0005 1fff", TestName = "vlan_vid/0x1fff without OFPVID_PRESENT", ExpectedResult = "BMC_BAD_VALUE")]
    [TestCase(Vlan + "80000e01 08", TestName = "vlan_pcp of 4 bits", ExpectedResult = "BMC_BAD_VALUE")]
    [TestCase(Ipv6 + "80003804 00100000", TestName = "ipv6_flabel of 21 bits", ExpectedResult = "BMC_BAD_VALUE")]
    [TestCase(Mpls + "80004404 00100000", TestName = "mpls_label of 21 bits", ExpectedResult = "BMC_BAD_VALUE")]
    [TestCase(Mpls + "80004601 08", TestName = "mpls_tc of 4 bits", ExpectedResult = "BMC_BAD_VALUE")]
    [TestCase(Mpls + "80004801 02", TestName = "mpls_bos of 2 bits", ExpectedResult = "BMC_BAD_VALUE")]
    [TestCase(Ipv6 + "80004e02 0200", TestName = "ipv6_exthdr of 10 bits", ExpectedResult = "BMC_BAD_VALUE")]
    [TestCase("80000004 00000001 80000204 00000002", TestName = "in_phy_port that is not in_port", ExpectedResult = "BMC_BAD_VALUE")]
    public string Values_out_of_range_are_BAD_VALUE(string oxm) => Assert.Throws<OfErrorException>(() => OfCodec.Decode(Make(oxm)))!.Error.Name;

    [TestCase("80000108 00000001 0000ffff", TestName = "in_port")]
    [TestCase("80000b04 0800 ff00", TestName = "eth_type")]
    [TestCase(Ipv4 + "80001502 06 0f", TestName = "ip_proto")]
    [TestCase(Ipv4 + "80001102 08 08", TestName = "ip_dscp")]
    [TestCase(Ipv4 + Tcp + "80001b04 1000 f000", TestName = "tcp_src")]
    [TestCase(Vlan + "80000f02 04 04", TestName = "vlan_pcp")]
    [TestCase(Mpls + "80004508 00000010 00000010", TestName = "mpls_label")]
    public void Mask_on_a_field_without_masks_is_BAD_MASK(string oxm) => Refused(Make(oxm), OfError.BadMatchBadMask);

    [TestCase("8000070c 010203040506 ff0000000000", TestName = "eth_dst")]
    [TestCase(Ipv4 + "80001708 0a000001 ffffff00", TestName = "ipv4_src")]
    [TestCase("80000510 0000000000000001 0000000000000000", TestName = "metadata, mask 0")]
    [TestCase("80000d04 1005 1000", TestName = "vlan_vid")]
    [TestCase("80000108 00000001 00000000", TestName = "in_port, mask 0")]
    public void Value_outside_its_mask_is_BAD_WILDCARDS(string oxm) => Refused(Make(oxm), OfError.BadMatchBadWildcards);

    // field, without what it needs, with something else of its kind, in the wrong order
    [TestCase("80000204 00000001", "", "in_phy_port without in_port")]
    [TestCase("80000204 00000001", "80000108 00000000 00000000", "in_phy_port with in_port wildcarded")]
    [TestCase("80000e01 01", "", "vlan_pcp without vlan_vid")]
    [TestCase("80000e01 01", "80000c02 0000", "vlan_pcp with OFPVID_NONE")]
    [TestCase("80000e01 01", "80000d04 0005 0fff", "vlan_pcp with a vlan_vid that leaves the tag open")]
    [TestCase("80001001 01", "", "ip_dscp without eth_type")]
    [TestCase("80001001 01", Arp, "ip_dscp in ARP")]
    [TestCase("80001201 01", Mpls, "ip_ecn in MPLS")]
    [TestCase("80001401 06", "", "ip_proto without eth_type")]
    [TestCase("80001604 0a000001", "", "ipv4_src without eth_type")]
    [TestCase("80001604 0a000001", Ipv6, "ipv4_src in IPv6")]
    [TestCase("80001804 0a000001", Arp, "ipv4_dst in ARP")]
    [TestCase("80001a02 0050", Ipv4, "tcp_src without ip_proto")]
    [TestCase("80001a02 0050", Ipv4 + Udp, "tcp_src in UDP")]
    [TestCase("80001a02 0050", Ipv4 + "80001502 00 00", "tcp_src with ip_proto wildcarded")]
    [TestCase("80001c02 0050", Ipv6 + Sctp, "tcp_dst in SCTP")]
    [TestCase("80001e02 0050", Ipv4 + Tcp, "udp_src in TCP")]
    [TestCase("80002002 0050", Ipv6, "udp_dst without ip_proto")]
    [TestCase("80002202 0050", Ipv4 + Udp, "sctp_src in UDP")]
    [TestCase("80002402 0050", Ipv4 + Tcp, "sctp_dst in TCP")]
    [TestCase("80002601 08", Ipv4, "icmpv4_type without ip_proto")]
    [TestCase("80002601 08", Ipv6 + Icmp, "icmpv4_type in IPv6")]
    [TestCase("80002801 00", Ipv4 + Icmpv6, "icmpv4_code in ICMPv6 over IPv4")]
    [TestCase("80002a02 0001", "", "arp_op without eth_type")]
    [TestCase("80002c04 0a000001", Ipv4, "arp_spa in IPv4")]
    [TestCase("80002e04 0a000001", Ipv4, "arp_tpa in IPv4")]
    [TestCase("80003006 020000000001", Ipv4, "arp_sha in IPv4")]
    [TestCase("80003206 020000000001", Ipv4, "arp_tha in IPv4")]
    [TestCase("80003410 20010db8000000000000000000000001", Ipv4, "ipv6_src in IPv4")]
    [TestCase("80003610 20010db8000000000000000000000001", "", "ipv6_dst without eth_type")]
    [TestCase("80003804 00000001", Ipv4, "ipv6_flabel in IPv4")]
    [TestCase("80003a01 80", Ipv6, "icmpv6_type without ip_proto")]
    [TestCase("80003a01 80", Ipv4 + Icmpv6, "icmpv6_type over IPv4")]
    [TestCase("80003c01 00", Ipv6 + Icmp, "icmpv6_code in ICMPv4 over IPv6")]
    [TestCase("80003e10 fe800000000000000000000000000001", Ipv6 + Icmpv6, "nd_target without icmpv6_type")]
    [TestCase("80003e10 fe800000000000000000000000000001", Ipv6 + Icmpv6 + "80003a01 80", "nd_target in an echo request")]
    [TestCase("80003e10 fe800000000000000000000000000001", Ipv6 + Icmpv6 + "80003a01 87 80003c01 01", "nd_target with code 1")]
    [TestCase("80004006 020000000001", Ipv6 + Icmpv6 + "80003a01 88", "nd_sll in an advertisement")]
    [TestCase("80004206 020000000001", Ipv6 + Icmpv6 + "80003a01 87", "nd_tll in a solicitation")]
    [TestCase("80004404 00000010", Ipv4, "mpls_label in IPv4")]
    [TestCase("80004601 01", "", "mpls_tc without eth_type")]
    [TestCase("80004801 01", Ipv6, "mpls_bos in IPv6")]
    [TestCase("80004a03 000001", Mpls, "pbb_isid in MPLS")]
    [TestCase("80004e02 0001", Ipv4, "ipv6_exthdr in IPv4")]
    public void Field_without_what_it_needs_is_BAD_PREREQ(string field, string before, string why) =>
        Refused(Make(before + field), OfError.BadMatchBadPrereq, why);

    [TestCase("80001401 06 " + Ipv4, "ip_proto before eth_type")]
    [TestCase(Ipv4 + "80001a02 0050 " + Tcp, "tcp_src before ip_proto")]
    [TestCase("80000e01 01 " + Vlan, "vlan_pcp before vlan_vid")]
    public void What_a_field_needs_must_stand_before_it_or_it_is_BAD_PREREQ(string oxm, string why) =>
        Refused(Make(oxm), OfError.BadMatchBadPrereq, why);

    [TestCase("80000004 00000001 80000204 00000001", ExpectedResult = "{in_port=0x1}", TestName = "in_phy_port equal to in_port")]
    [TestCase("80000c02 0000", ExpectedResult = "{vlan_vid=0x0}", TestName = "OFPVID_NONE: no tag")]
    [TestCase("80000d04 1000 1000", ExpectedResult = "{vlan_vid=0x1000/0x1000}", TestName = "OFPVID_PRESENT, masked: any tag")]
    [TestCase("80000c02 1000", ExpectedResult = "{vlan_vid=0x1000}", TestName = "OFPVID_PRESENT: priority tag, id 0")]
    [TestCase(Vlan + "80000e01 07", ExpectedResult = "{vlan_vid=0x1005,vlan_pcp=0x7}", TestName = "a VLAN id and priority")]
    [TestCase("80000d04 1005 1fff", ExpectedResult = "{vlan_vid=0x1005}", TestName = "an exact mask is no mask")]
    [TestCase("80000d04 1005 ffff", ExpectedResult = "{vlan_vid=0x1005}", TestName = "mask bits that the field does not have")]
    [TestCase("80000d04 0005 0fff", ExpectedResult = "{vlan_vid=0x5/0xfff}", TestName = "VLAN id bits, tag left open")]
    [TestCase("80000108 00000001 ffffffff", ExpectedResult = "{in_port=0x1}", TestName = "in_port with a mask of ones")]
    [TestCase("80000108 00000000 00000000", ExpectedResult = "{}", TestName = "in_port with a mask of zeros")]
    [TestCase("80000a02 88a8", ExpectedResult = "{eth_type=0x88a8}", TestName = "eth_type behind the tags that the switch strips")]
    [TestCase(Vlan + Ipv4 + Tcp + "80001a02 0050", ExpectedResult = "{eth_type=0x800,vlan_vid=0x1005,ip_proto=0x6,tcp_src=0x50}", TestName = "tags don't hide what is behind them")]
    [TestCase("80000a02 8035 80002c04 0a000001", ExpectedResult = "{eth_type=0x8035,arp_spa=0xa000001}", TestName = "RARP has ARP's fields")]
    [TestCase("80000a02 8848 80004404 00000010", ExpectedResult = "{eth_type=0x8848,mpls_label=0x10}", TestName = "MPLS multicast")]
    [TestCase("80000a02 88e7 80004a03 000001", ExpectedResult = "{eth_type=0x88e7,pbb_isid=0x1}", TestName = "PBB")]
    [TestCase(Ipv6 + Icmpv6 + "80003a01 88 80003c01 00 80004206 020000000001", ExpectedResult = "{eth_type=0x86dd,ip_proto=0x3a,icmpv6_type=0x88,icmpv6_code=0x0,ipv6_nd_tll=0x20000000001}", TestName = "the ND chain with its code")]
    [TestCase(Ipv6 + Sctp + "80002402 0050", ExpectedResult = "{eth_type=0x86dd,ip_proto=0x84,sctp_dst=0x50}", TestName = "SCTP over IPv6")]
    [TestCase(Ipv4 + Icmp + "80002601 08 80002801 00", ExpectedResult = "{eth_type=0x800,ip_proto=0x1,icmpv4_type=0x8,icmpv4_code=0x0}", TestName = "ICMP echo request")]
    [TestCase(Ipv6 + "80004f04 0001 0001", ExpectedResult = "{eth_type=0x86dd,ipv6_exthdr=0x1/0x1}", TestName = "IPv6 extension header bits")]
    public string Match_is_accepted(string oxm)
    {
        byte[] bytes = Make(oxm);
        var flow = (FlowMod)OfCodec.Decode(bytes);
        Assert.That(Convert.ToHexStringLower(flow.Match.Oxm.Span), Is.EqualTo(Convert.ToHexStringLower(Hex(oxm))), "kept as sent");
        Assert.That(OfCodec.Encode(flow), Is.EqualTo(bytes), "echoed as sent");
        return MessageText.Of(flow.Match);
    }

    [TestCase("80000a02 0800 80000004 00000001", "80000004 00000001 80000a02 0800")]
    [TestCase("80000d04 1005 1fff", "80000c02 1005")]
    public void Order_and_exact_masks_make_no_difference_to_equality(string one, string other) =>
        Assert.That(((FlowMod)OfCodec.Decode(Make(one))).Match, Is.EqualTo(((FlowMod)OfCodec.Decode(Make(other))).Match));

    private static void Refused(byte[] message, OfError expected, string why = "")
    {
        OfErrorException? error = Assert.Throws<OfErrorException>(() => OfCodec.Decode(message), why);
        Assert.That(error!.Error, Is.EqualTo(expected), $"{why}: {error.Message}");
    }
}
