using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Wire;
using static OvsBridge.OpenFlow.Tests.Wire.FlowModBytes;

namespace OvsBridge.OpenFlow.Tests.Wire;

/// <summary>BAD_ACTION, BAD_INSTRUCTION and FLOW_MOD_FAILED, code by code, as far as a message alone can earn them.</summary>
[TestFixture]
internal sealed class ActionErrorTests
{
    private const string PushVlan = "0011 0008 8100 0000 ";
    private const string PopVlan = "0012 0008 00000000 ";
    private const string PushMpls = "0013 0008 8847 0000 ";
    private const string DecTtl = "0018 0008 00000000 ";
    private const string SetVlan = "0019 0010 80000c02 1005 000000000000 ";
    private const string SetIpv4 = "0019 0010 80001804 0a000001 00000000 ";
    private const string SetTcp = "0019 0010 80001c02 0050 000000000000 ";
    private const string SetUdp = "0019 0010 80002002 0050 000000000000 ";
    private const string Output = "0000 0010 00000001 ffff 000000000000 ";

    [TestCase("0001 0008 00000000", "1: OpenFlow 1.0's SET_VLAN_VID")]
    [TestCase("001c 0008 00000000", "28")]
    [TestCase("fffe 0008 00000000", "0xfffe")]
    public void Unknown_action_is_BAD_TYPE(string action, string why) => Refused(Apply("", action), OfError.BadActionBadType, why);

    [TestCase("0000 0008 00000001", "output of 8 bytes")]
    [TestCase("0000 0018 00000001 ffff 000000000000 0000000000000000", "output of 24 bytes")]
    [TestCase("0012 0010 00000000 0000000000000000", "pop_vlan of 16 bytes")]
    [TestCase("0012 0000 00000000", "length 0")]
    [TestCase("0012 0004 00000000", "length 4")]
    [TestCase("0012 000c 00000000 00000000 00000000", "length 12")]
    [TestCase("0012 0010 00000000", "longer than the list")]
    [TestCase("0012 ff08 00000000", "much longer than the list")]
    public void Action_length_is_BAD_LEN(string action, string why) => Refused(Apply(Vlan, action), OfError.BadActionBadLen, why);

    [TestCase("ffff 0008 12345678", "0x12345678")]
    [TestCase("ffff 0010 00000000 0000000000000000", "0")]
    public void Action_of_an_unknown_experimenter_is_BAD_EXPERIMENTER(string action, string why) =>
        Refused(Apply("", action), OfError.BadActionBadExperimenter, why);

    [TestCase("ffff 0010 00002320 ffff 000000000000", "subtype 0xffff")]
    [TestCase("ffff 0008 00002320", "no subtype")]
    public void Unknown_action_of_a_known_experimenter_is_BAD_EXP_TYPE(string action, string why) =>
        Refused(Apply("", action), OfError.BadActionBadExpType, why);

    [TestCase("00000000", "0")]
    [TestCase("ffffffff", "OFPP_ANY")]
    [TestCase("ffffff01", "above OFPP_MAX")]
    [TestCase("fffffff7", "below OFPP_IN_PORT")]
    [TestCase("fffffff9", "OFPP_TABLE, which is for packet_out")]
    public void Output_to_what_can_never_be_a_port_is_BAD_OUT_PORT(string port, string why) =>
        Refused(Apply("", $"0000 0010 {port} ffff 000000000000"), OfError.BadActionBadOutPort, why);

    [TestCase("00000001")]
    [TestCase("ffffff00")]
    [TestCase("fffffff8")]
    [TestCase("fffffffa")]
    [TestCase("fffffffb")]
    [TestCase("fffffffc")]
    [TestCase("fffffffd")]
    [TestCase("fffffffe")]
    public void Output_to_ordinary_and_reserved_ports_is_accepted(string port) =>
        Accepted(Apply("", $"0000 0010 {port} ffff 000000000000"));

    [TestCase("ffffff01")]
    [TestCase("fffffffc")]
    [TestCase("ffffffff")]
    public void Group_above_OFPG_MAX_is_BAD_OUT_GROUP(string group) => Refused(Apply("", $"0016 0008 {group}"), OfError.BadActionBadOutGroup);

    [TestCase("0011 0008 9100 0000", "push_vlan 0x9100")]
    [TestCase("0011 0008 0800 0000", "push_vlan 0x0800")]
    [TestCase("0013 0008 8100 0000", "push_mpls 0x8100")]
    [TestCase("001a 0008 88a8 0000", "push_pbb 0x88a8")]
    public void Push_of_another_ethertype_is_BAD_ARGUMENT(string action, string why) => Refused(Apply("", action), OfError.BadActionBadArgument, why);

    [TestCase("", PushVlan + PushVlan + PushVlan)]
    [TestCase(Vlan, PushVlan + PushVlan)]
    public void Third_VLAN_tag_is_BAD_TAG(string match, string actions) => Refused(Apply(match, actions), OfError.BadActionBadTag);

    [TestCase("80000004 00000001", "in_port")]
    [TestCase("80000204 00000001", "in_phy_port")]
    [TestCase("80005004 00000001", "field 40")]
    [TestCase("00010004 00000001", "unknown Nicira field")]
    [TestCase("ffff0004 12345678", "experimenter 0x12345678")]
    [TestCase("80004e02 0001 0000", "ipv6_exthdr")]
    public void Set_field_of_what_can_not_be_set_is_BAD_SET_TYPE(string field, string why) =>
        Refused(Apply(Ipv6, $"0019 0010 {field} 00000000"), OfError.BadActionBadSetType, why);

    [Test]
    public void Set_field_with_a_mask_is_BAD_SET_TYPE() =>
        Refused(Apply("", "0019 0018 8000070c 010000000000 010000000000 00000000"), OfError.BadActionBadSetType);

    [TestCase("0019 0010 80000605 0102030405 000000", "eth_dst of 5 bytes")]
    [TestCase("0019 0010 80000607 01020304050607 00", "eth_dst of 7 bytes")]
    [TestCase("0019 0010 800006ff 0102030405060708", "longer than the action")]
    [TestCase("0019 0018 80000606 010203040506 0000 0000000000000000", "eight bytes of padding too many")]
    [TestCase("0019 0010 ffff0002 0000 000000000000", "experimenter class without its experimenter")]
    public void Set_field_length_is_BAD_SET_LEN(string action, string why) => Refused(Apply("", action), OfError.BadActionBadSetLen, why);

    [TestCase(Ipv4, "80001001 40 000000 00000000", "ip_dscp of 7 bits")]
    [TestCase(Vlan, "80000c02 2005 0000 00000000", "vlan_vid of 14 bits")]
    [TestCase(Vlan, "80000c02 0005 0000 00000000", "vlan_vid without OFPVID_PRESENT")]
    [TestCase(Mpls, "80004404 00100000 00000000", "mpls_label of 21 bits")]
    public void Set_field_value_out_of_range_is_BAD_SET_ARGUMENT(string match, string field, string why) =>
        Refused(Apply(match, $"0019 0010 {field}"), OfError.BadActionBadSetArgument, why);

    [Test]
    public void Masked_set_field_value_outside_its_mask_is_BAD_SET_ARGUMENT() =>
        Refused(
            Apply("", "ffff 0020 00002320 0021 80000510 0000000000000003 0000000000000001 0000"),
            OfError.BadActionBadSetArgument);

    [TestCase("", SetIpv4, "ipv4_dst without eth_type")]
    [TestCase(Ipv6, SetIpv4, "ipv4_dst in IPv6")]
    [TestCase(Arp, SetIpv4, "ipv4_dst in ARP")]
    [TestCase(Ipv4, SetTcp, "tcp_dst without ip_proto")]
    [TestCase(Ipv4 + Udp, SetTcp, "tcp_dst in UDP")]
    [TestCase("", SetVlan, "vlan_vid without a tag")]
    [TestCase("80000c02 0000", SetVlan, "vlan_vid with OFPVID_NONE")]
    [TestCase(Vlan, PopVlan + SetVlan, "vlan_vid behind pop_vlan")]
    [TestCase("", PopVlan, "pop_vlan without a tag")]
    [TestCase(Vlan, PopVlan + PopVlan, "pop_vlan twice of one tag")]
    [TestCase("", DecTtl, "dec_nw_ttl without eth_type")]
    [TestCase(Arp, DecTtl, "dec_nw_ttl in ARP")]
    [TestCase("", "0017 0008 40000000", "set_nw_ttl without eth_type")]
    [TestCase(Ipv4, PushMpls + SetIpv4, "ipv4_dst behind push_mpls")]
    [TestCase(Ipv4, PushMpls + DecTtl, "dec_nw_ttl behind push_mpls")]
    [TestCase(Vlan, PushMpls + PopVlan, "pop_vlan behind push_mpls: the tag is behind the label")]
    [TestCase(Vlan, PushMpls + SetVlan, "vlan_vid behind push_mpls")]
    [TestCase(Vlan, PushMpls + "0014 0008 0800 0000" + PopVlan, "pop_vlan behind push_mpls and a pop that makes no tag of it")]
    [TestCase(Vlan, "001a 0008 88e7 0000" + PopVlan, "pop_vlan behind push_pbb")]
    [TestCase(Ipv4, "0014 0008 0800 0000", "pop_mpls of IPv4")]
    [TestCase(Ipv4, "0010 0008 00000000", "dec_mpls_ttl in IPv4")]
    [TestCase(Ipv4, "000f 0008 40000000", "set_mpls_ttl in IPv4")]
    [TestCase(Mpls, "0014 0008 0800 0000" + SetTcp, "tcp_dst behind pop_mpls: the protocol is not known")]
    [TestCase("", "001b 0008 00000000", "pop_pbb without PBB")]
    [TestCase(Ipv4, "001a 0008 88e7 0000" + SetIpv4, "ipv4_dst behind push_pbb")]
    [TestCase(Ipv4 + Tcp, "0019 0010 80001401 11 00000000000000" + SetTcp, "tcp_dst behind set_field ip_proto 17")]
    [TestCase(Ipv4, "0019 0010 80000a02 86dd 000000000000" + SetIpv4, "ipv4_dst behind set_field eth_type IPv6")]
    public void Action_that_the_packets_can_not_take_is_MATCH_INCONSISTENT(string match, string actions, string why) =>
        Refused(Apply(match, actions + Output), OfError.BadActionMatchInconsistent, why);

    [TestCase(Ipv4, SetIpv4, "ipv4_dst in IPv4")]
    [TestCase(Ipv4 + Tcp, SetTcp, "tcp_dst in TCP")]
    [TestCase("", PushVlan + SetVlan, "vlan_vid behind push_vlan")]
    [TestCase("80000c02 0000", PushVlan + SetVlan + PopVlan, "push and pop")]
    [TestCase(Vlan, PushVlan + PopVlan + PopVlan, "as many pops as tags")]
    [TestCase("80000d04 1000 1000", PopVlan, "pop_vlan of any tag")]
    [TestCase(Ipv4, PushVlan + SetIpv4, "a tag does not hide IPv4")]
    [TestCase(Ipv4, PushMpls + "0019 0010 80004404 00000010 00000000", "mpls_label behind push_mpls")]
    [TestCase(Ipv4, PushMpls + "0014 0008 0800 0000" + SetIpv4, "ipv4_dst behind push and pop of MPLS")]
    [TestCase(Vlan, PushMpls + PushVlan + PushVlan + SetVlan, "two tags in front of a label that is in front of a tag")]
    [TestCase(Vlan + Ipv4, PushMpls + "0014 0008 8100 0000" + SetIpv4 + PopVlan, "the tag and IPv4 behind push and pop of MPLS")]
    [TestCase(Vlan + Ipv4, "001a 0008 88e7 0000 001b 0008 00000000" + SetIpv4 + PopVlan, "the tag and IPv4 behind push and pop of PBB")]
    [TestCase(Mpls, "0014 0008 8100 0000" + PopVlan, "pop_vlan behind pop_mpls to a tag")]
    [TestCase(Mpls, "0014 0008 0800 0000" + DecTtl, "dec_nw_ttl behind pop_mpls to IPv4")]
    [TestCase(Mpls, "0014 0008 8847 0000 0014 0008 0800 0000", "pop_mpls of two labels")]
    [TestCase(Ipv4 + Tcp, "0019 0010 80001401 11 00000000000000" + SetUdp, "udp_dst behind set_field ip_proto 17")]
    [TestCase(Ipv6, DecTtl, "dec_nw_ttl is the hop limit too")]
    [TestCase("", "000b 0008 00000000 000c 0008 00000000", "copy_ttl is harmless")]
    [TestCase("", "0019 0010 80000606 020000000001 0000", "eth_dst needs nothing")]
    [TestCase("", "001a 0008 88e7 0000 0019 0010 80004a03 000001 0000000000 001b 0008 00000000", "push_pbb, pbb_isid, pop_pbb")]
    public void Action_that_the_packets_can_take_is_accepted(string match, string actions, string why) =>
        Accepted(Apply(match, actions + Output), why);

    [TestCase("", SetIpv4, "ipv4_dst without eth_type")]
    [TestCase("", SetVlan, "vlan_vid without a tag")]
    [TestCase(Ipv4, PushMpls + SetIpv4, "ipv4_dst, and push_mpls before it in either order")]
    public void Set_field_of_an_action_set_is_MATCH_INCONSISTENT_too(string match, string actions, string why) =>
        Refused(Make(match, Instruction(3, actions)), OfError.BadActionMatchInconsistent, why);

    [TestCase("", PopVlan, "another table may have matched the tag")]
    [TestCase("", DecTtl + "0014 0008 0800 0000", "the same for the TTL and for MPLS")]
    [TestCase("", SetVlan + PushVlan, "a set pushes before it sets")]
    [TestCase(Mpls, SetIpv4 + "0014 0008 0800 0000", "a set pops before it sets")]
    [TestCase(Ipv4, SetIpv4 + PushMpls, "possible in the order sent")]
    public void Action_set_is_accepted(string match, string actions, string why) => Accepted(Make(match, Instruction(3, actions)), why);

    [Test]
    public void Deletes_are_not_checked_against_the_match() => Accepted(Make("", Instruction(4, SetIpv4 + PopVlan), command: 3));

    [Test]
    public void Packet_is_checked_like_a_match()
    {
        FlowKey packet = default;
        packet.EthType = 0x0800;
        packet.IpProto = 6;
        ValueList<OfAction> set = [new SetFieldAction(FieldTable.TcpDst, 80)];
        Assert.DoesNotThrow(() => ActionConsistency.ListAgainstPacket(packet, set));
        packet.IpProto = 17;
        Assert.That(
            Assert.Throws<OfErrorException>(() => ActionConsistency.ListAgainstPacket(packet, set))!.Error, Is.EqualTo(OfError.BadActionMatchInconsistent));
    }

    [TestCase("0000 0008 00000000", "0")]
    [TestCase("0007 0008 00000000", "7")]
    [TestCase("fffe 0008 00000000", "0xfffe")]
    public void Unknown_instruction_is_UNKNOWN_INST(string instruction, string why) =>
        Refused(Make("", instruction), OfError.BadInstructionUnknownInst, why);

    [TestCase("0001 0010 02000000 0000000000000000", "goto_table of 16 bytes")]
    [TestCase("0002 0010 00000000 0000000000000001", "write_metadata of 16 bytes")]
    [TestCase("0005 0010 00000000 0000000000000000", "clear_actions of 16 bytes")]
    [TestCase("0004 0000 00000000", "length 0")]
    [TestCase("0004 0004", "length 4")]
    [TestCase("0004 000c 00000000 00000000", "length 12")]
    [TestCase("0004 0010 00000000", "longer than the message")]
    [TestCase("0004", "half a header")]
    public void Instruction_length_is_BAD_LEN(string instruction, string why) => Refused(Make("", instruction), OfError.BadInstructionBadLen, why);

    [TestCase("0001 0008 02000000 0001 0008 03000000")]
    [TestCase("0004 0008 00000000 0006 0008 00000001 0004 0008 00000000")]
    public void Instruction_twice_is_DUP_INST(string instructions) => Refused(Make("", instructions), OfError.BadInstructionDupInst);

    [TestCase("ffff 0008 12345678")]
    [TestCase("ffff 0010 00002320 0000000000000000")]
    public void Instruction_of_an_experimenter_is_BAD_EXPERIMENTER(string instruction) =>
        Refused(Make("", instruction), OfError.BadInstructionBadExperimenter);

    [TestCase("00", "back")]
    [TestCase("01", "to itself")]
    [TestCase("ff", "to OFPTT_ALL")]
    public void Goto_that_does_not_lead_forward_is_BAD_TABLE_ID(string table, string why) =>
        Refused(Make("", $"0001 0008 {table}000000"), OfError.BadInstructionBadTableId, why);

    [Test]
    public void Unknown_command_is_BAD_COMMAND() => Refused(Make("", command: 5), OfError.FlowModFailedBadCommand);

    [Test]
    public void Unknown_flag_is_BAD_FLAGS() => Refused(Make("", flags: 0x20), OfError.FlowModFailedBadFlags);

    [TestCase(0)]
    [TestCase(1)]
    [TestCase(2)]
    public void Add_or_modify_in_all_tables_is_BAD_TABLE_ID(byte command) =>
        Refused(Make("", command: command, table: 0xff), OfError.FlowModFailedBadTableId);

    [Test]
    public void Flow_too_long_for_a_statistics_reply_is_BAD_LEN()
    {
        string actions = string.Concat(Enumerable.Repeat(Output, 4092)); // 65,472 bytes
        byte[] longest = Apply("", actions[..^Output.Length]);
        Assert.That(longest, Has.Length.EqualTo(65520));
        Refused(longest, OfError.BadRequestBadLen);
        Accepted(Apply("", actions[..^(2 * Output.Length)] + "0015 0008 00000001"));
    }

    [Test]
    public void Group_or_meter_too_long_for_a_description_is_refused()
    {
        var empty = new Bucket(0, OfPorts.Any, GroupMod.AnyGroup, default);
        ValueList<Bucket> buckets = Enumerable.Repeat(empty, 4094).ToValueList(); // 16 bytes each
        var full = new Bucket(0, OfPorts.Any, GroupMod.AnyGroup, [new PopVlanAction()]);
        Accepted(OfCodec.Encode(new GroupMod(GroupModCommand.Add, GroupType.All, 1, buckets)));
        Refused(OfCodec.Encode(new GroupMod(GroupModCommand.Add, GroupType.All, 1, [.. buckets.Skip(1), full])), OfError.GroupModFailedOutOfBuckets);

        ValueList<MeterBand> bands = Enumerable.Repeat(new MeterBand(MeterBandType.Drop, 1, 1), 4094).ToValueList(); // 16 bytes each
        Accepted(OfCodec.Encode(new MeterMod(MeterModCommand.Add, MeterFlags.Kbps, 1, bands.Take(4092).ToValueList())));
        Refused(OfCodec.Encode(new MeterMod(MeterModCommand.Add, MeterFlags.Kbps, 1, bands)), OfError.MeterModFailedOutOfBands);
    }

    private static void Accepted(byte[] message, string why = "")
    {
        OfMessage decoded = OfCodec.Decode(message);
        Assert.That(OfCodec.Encode(decoded), Is.EqualTo(message), why);
    }

    private static void Refused(byte[] message, OfError expected, string why = "")
    {
        OfErrorException? error = Assert.Throws<OfErrorException>(() => OfCodec.Decode(message), why);
        Assert.That(error!.Error, Is.EqualTo(expected), $"{why}: {error.Message}");
    }
}
