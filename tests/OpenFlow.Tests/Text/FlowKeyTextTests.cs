using FsCheck;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Text;
using OvsBridge.Testing;

namespace OvsBridge.OpenFlow.Tests.Text;

[TestFixture]
public sealed class FlowKeyTextTests
{
    // What ovs-appctl ofproto/trace of Open vSwitch 3.1 prints for these flows.
    [TestCase(
        "in_port=1,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:aa,tcp,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_ttl=64,tcp_src=1000,tcp_dst=80",
        "tcp,in_port=1,vlan_tci=0x0000,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:aa,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_tos=0,nw_ecn=0,nw_ttl=64,nw_frag=no,tp_src=1000,tp_dst=80,tcp_flags=0")]
    [TestCase(
        "in_port=1,dl_src=02:00:00:00:00:01,dl_dst=ff:ff:ff:ff:ff:ff,arp,arp_op=1,arp_spa=10.0.0.1,arp_tpa=10.0.0.2",
        "arp,in_port=1,vlan_tci=0x0000,dl_src=02:00:00:00:00:01,dl_dst=ff:ff:ff:ff:ff:ff,arp_spa=10.0.0.1,arp_tpa=10.0.0.2,arp_op=1,arp_sha=00:00:00:00:00:00,arp_tha=00:00:00:00:00:00")]
    [TestCase(
        "in_port=2,dl_vlan=100,dl_vlan_pcp=2,dl_src=02:00:00:00:00:02,dl_dst=02:00:00:00:00:aa,icmp,nw_src=1.1.1.1,nw_dst=2.2.2.2,nw_ttl=5,icmp_type=8,icmp_code=0",
        "icmp,in_port=2,dl_vlan=100,dl_vlan_pcp=2,vlan_tci1=0x0000,dl_src=02:00:00:00:00:02,dl_dst=02:00:00:00:00:aa,nw_src=1.1.1.1,nw_dst=2.2.2.2,nw_tos=0,nw_ecn=0,nw_ttl=5,nw_frag=no,icmp_type=8,icmp_code=0")]
    [TestCase(
        "in_port=1,ip,nw_dst=10.0.0.2",
        "ip,in_port=1,vlan_tci=0x0000,dl_src=00:00:00:00:00:00,dl_dst=00:00:00:00:00:00,nw_src=0.0.0.0,nw_dst=10.0.0.2,nw_proto=0,nw_tos=0,nw_ecn=0,nw_ttl=0,nw_frag=no")]
    [TestCase(
        "in_port=99",
        "in_port=99,vlan_tci=0x0000,dl_src=00:00:00:00:00:00,dl_dst=00:00:00:00:00:00,dl_type=0x0000")]
    [TestCase(
        "mpls,in_port=1,mpls_label=77,mpls_ttl=64,mpls_bos=1",
        "mpls,in_port=1,vlan_tci=0x0000,dl_src=00:00:00:00:00:00,dl_dst=00:00:00:00:00:00,mpls_label=77,mpls_tc=0,mpls_ttl=64,mpls_bos=1")]
    [TestCase(
        "tcp,in_port=LOCAL,tcp_flags=syn|ack,metadata=7,skb_priority=1",
        "skb_priority=0x1,tcp,metadata=0x7,in_port=LOCAL,vlan_tci=0x0000,dl_src=00:00:00:00:00:00,dl_dst=00:00:00:00:00:00,nw_src=0.0.0.0,nw_dst=0.0.0.0,nw_tos=0,nw_ecn=0,nw_ttl=0,nw_frag=no,tp_src=0,tp_dst=0,tcp_flags=syn|ack")]
    public void Prints_a_packet_as_ofproto_trace(string flow, string expected) =>
        Assert.That(FlowKeyText.Print(FlowKeyText.Parse(flow)), Is.EqualTo(expected));

    [Test]
    public void Prints_a_megaflow_as_ofproto_trace()
    {
        FlowKey mask = default;
        foreach (Field field in (Field[])[FieldTable.InPort, FieldTable.EthType, FieldTable.EthDst, FieldTable.IpProto, FieldTable.Ipv4Dst, FieldTable.TcpDst])
        {
            field.Set(ref mask, field.AllOnes);
        }

        mask.IpTtl = 0xff;
        mask.IpFrag = FlowKey.FragAny | FlowKey.FragLater;
        FieldTable.Ipv4Dst.Set(ref mask, 0xfffff800);
        FlowKey key = Packets.Key("in_port=1,dl_dst=02:00:00:00:00:aa,tcp,nw_src=10.0.0.1,nw_dst=10.0.9.9,nw_ttl=64,tp_src=1,tp_dst=80");

        Assert.That(
            FlowKeyText.PrintMegaflow(key, mask),
            Is.EqualTo("recirc_id=0,eth,tcp,in_port=1,dl_dst=02:00:00:00:00:aa,nw_dst=10.0.8.0/21,nw_ttl=64,nw_frag=no,tp_dst=80"));
    }

    [TestCase("tcp,tp_dst=80/0xf0", "tp_dst=80/0xf0")]
    [TestCase("in_port=1,tp_dst=80", "tp_dst=80")]
    [TestCase("nw_ttl=3", "nw_ttl=3")]
    [TestCase("in_port=1,bogus=1", "bogus=1")]
    [TestCase("ip,nw_frag=yes", "nw_frag=yes")]
    public void Refuses_what_no_packet_has(string flow, string word) =>
        Assert.That(Assert.Throws<FlowSyntaxException>(() => FlowKeyText.Parse(flow))!.Word, Is.EqualTo(word));

    [Test]
    public void A_packet_has_datapath_port_numbers()
    {
        Assert.That(FlowKeyText.Parse("in_port=LOCAL").InPort, Is.EqualTo(OfPorts.DatapathLocal));
        Assert.That(FlowKeyText.Parse("in_port=controller").InPort, Is.Zero);
    }

    [FsCheck.NUnit.Property(MaxTest = 2000)]
    public void Parsing_what_was_printed_gives_the_key_back(DoNotSize<int> seed)
    {
        FlowKey key = RandomKeys.Next(new Random(seed.Item));
        string text = FlowKeyText.Print(key);
        FlowKey back = FlowKeyText.Parse(text);
        Assert.That(back == key, Is.True, $"{text}\n{FlowKeyText.Print(back)}");
    }
}
