using FsCheck;
using OvsBridge.Datapath.Text;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Text;
using OvsBridge.Testing;

namespace OvsBridge.Datapath.Tests.Text;

[TestFixture]
public sealed class MegaflowTextTests
{
    // Open vSwitch 3.1's own lines, less what only its datapaths have (packet_type).
    [TestCase("recirc_id(0),in_port(3),eth(src=02:00:00:00:00:01,dst=33:33:00:00:00:16),eth_type(0x86dd),ipv6(tclass=0/0x3,frag=no)")]
    [TestCase("recirc_id(0),in_port(1),eth(src=02:00:00:00:00:02,dst=02:00:00:00:00:01),eth_type(0x0806),arp(sip=10.1.1.2,tip=10.1.1.1)")]
    [TestCase("recirc_id(0),in_port(3),eth(src=02:00:00:00:00:01,dst=ff:ff:ff:ff:ff:ff),eth_type(0x0806),arp(sip=10.1.1.1,tip=10.1.1.2,op=1)")]
    [TestCase("recirc_id(0),in_port(3),eth(dst=02:00:00:00:00:02),eth_type(0x0800),ipv4(proto=1,ttl=64,frag=no)")]
    [TestCase("recirc_id(0x5),dp_hash(0xd/0xf),in_port(1),eth(dst=02:00:00:00:00:01),eth_type(0x0800),ipv4(frag=no)")]
    [TestCase("recirc_id(0),in_port(1),eth(dst=02:00:00:00:00:00/ff:ff:00:00:00:00),eth_type(0x0800),ipv4(src=10.0.0.0/255.0.0.0,dst=1.2.3.4,proto=6,tos=0x10/0xfc,ttl=64,frag=no),tcp(src=1,dst=80/0xff),tcp_flags(+syn-ack)")]
    [TestCase("tunnel(tun_id=0x5,src=1.2.3.4,dst=1.2.3.5,tos=0x1,ttl=64),recirc_id(0),in_port(3),eth_type(0x0800),ipv4(frag=no)")]
    [TestCase("recirc_id(0),in_port(2),eth_type(0x8100),vlan(vid=100,pcp=3),encap(eth_type(0x0800),ipv4(frag=no))")]
    [TestCase("recirc_id(0),in_port(2),eth_type(0x88a8),vlan(vid=100),encap(eth_type(0x8100),vlan(pcp=5),encap(eth_type(0x86dd),ipv6(src=fe80::/ffff:ffff:ffff:ffff::,proto=58,frag=first),icmpv6(type=135,code=0),nd(target=fe80::1)))")]
    [TestCase("recirc_id(0),in_port(2),eth_type(0x8847),mpls(label=5,tc=3,ttl=6,bos=1)")]
    [TestCase("recirc_id(0),in_port(2),eth_type(0x8847),mpls(label=5/0xfffff,tc=0/0,ttl=0/0x0,bos=0/1,label=7/0xfffff,tc=0/0,ttl=0/0x0,bos=0/0)")]
    [TestCase("recirc_id(0),in_port(2),vlan(none),eth_type(0x0800),ipv4(proto=1,frag=later)")]
    [TestCase("recirc_id(0),in_port(2),eth_type(0x88e7),pbb(isid=7)")]
    [TestCase("recirc_id(0),in_port(2),eth_type(0x88cc)")]
    [TestCase("recirc_id(0),in_port(2)")]
    [TestCase("recirc_id(0),in_port(2),eth_type(0x0800),ipv4(proto=6,frag=no),tcp_flags(syn|ack)")]
    public void Prints_what_it_reads(string text)
    {
        (FlowKey key, FlowKey mask) = MegaflowText.Parse(text);
        Assert.That(MegaflowText.Print(key, mask), Is.EqualTo(text));
    }

    [Test]
    public void Verbose_form_has_every_field_of_the_protocol()
    {
        FlowKey key = FlowKeyText.Parse("in_port=3,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:02,icmp,nw_src=10.1.1.1,nw_dst=10.1.1.2,nw_ttl=64,icmp_type=8");
        (_, FlowKey mask) = MegaflowText.Parse("recirc_id(0),in_port(3),eth(src=02:00:00:00:00:01,dst=02:00:00:00:00:02),vlan(none),eth_type(0x0800),ipv4(frag=no)");

        Assert.That(
            MegaflowText.Print(key, mask, new PortNames(port => $"v{port}", _ => null), verbose: true),
            Is.EqualTo("recirc_id(0),dp_hash(0/0),in_port(v3),eth(src=02:00:00:00:00:01,dst=02:00:00:00:00:02),vlan(none),eth_type(0x0800),ipv4(src=10.1.1.1/0.0.0.0,dst=10.1.1.2/0.0.0.0,proto=1/0,tos=0/0,ttl=64/0,frag=no),icmp(type=8/0,code=0/0)"));
    }

    [Test]
    public void Line_has_counters_age_flags_and_actions()
    {
        (FlowKey key, FlowKey mask) = MegaflowText.Parse("recirc_id(0),in_port(1),eth_type(0x0800),ipv4(proto=6,frag=no)");
        MegaflowStats stats = new(4, 267, 1_000_000_000, 0x19);

        Assert.That(
            MegaflowText.Line(key, mask, stats, 1_019_900_000, DpActionsText.Parse("set(tcp(dst=81)),1")),
            Is.EqualTo("recirc_id(0),in_port(1),eth_type(0x0800),ipv4(proto=6,frag=no), packets:4, bytes:267, used:0.019s, flags:FP., actions:set(tcp(dst=81)),1"));
        Assert.That(MegaflowText.Line(key, mask, default, 5, DpActions.Drop), Does.EndWith(", packets:0, bytes:0, used:never, actions:drop"));
    }

    [TestCase("recirc_id(0),in_port(1),ipv4(bogus=3)", "bogus=3", 29)]
    [TestCase("recirc_id(0),bogus(3)", "bogus(3)", 13)]
    [TestCase("in_port(1),eth_type(0x8100),vlan(vid=1),encap(eth_type(0x0800),ipv4(ttl=256))", "ttl=256", 68)]
    [TestCase("in_port(70000)", "in_port(70000)", 0)]
    public void Names_the_wrong_word(string text, string word, int position)
    {
        FlowSyntaxException error = Assert.Throws<FlowSyntaxException>(() => MegaflowText.Parse(text))!;
        Assert.That((error.Word, error.Position), Is.EqualTo((word, position)), error.Message);
    }

    [FsCheck.NUnit.Property(MaxTest = 3000)]
    public void Parsing_what_was_printed_gives_key_and_mask_back(DoNotSize<int> seed)
    {
        Random random = new(seed.Item);
        FlowKey key = RandomKeys.Next(random);
        FlowKey all = default;
        all.AsMutableWords().Fill(ulong.MaxValue);
        (_, FlowKey printable) = MegaflowText.Parse(MegaflowText.Print(key, all));
        FlowKey mask = RandomBits(random).Masked(printable);
        KeepStructure(ref mask, printable);

        string text = MegaflowText.Print(key, mask);
        (FlowKey backKey, FlowKey backMask) = MegaflowText.Parse(text);

        Assert.That(MegaflowText.Print(backKey, backMask), Is.EqualTo(text));
        Assert.That(backMask == mask && backKey == key.Masked(mask), Is.True, text);
    }

    /// <summary>A person who reads a dump must be able to trust it: no matched bit may be missing from the text.</summary>
    [FsCheck.NUnit.Property(MaxTest = 3000)]
    public void Every_bit_of_the_mask_shows(DoNotSize<int> seed)
    {
        Random random = new(seed.Item);
        FlowKey key = RandomKeys.Next(random);
        FlowKey mask = RandomBits(random);
        KeepStructure(ref mask, mask);
        int word = random.Next(FlowKey.PacketWords);
        ulong bit = 1ul << random.Next(64);
        if ((mask.AsWords()[word] & bit) == 0 || Implied(key, word, bit))
        {
            return;
        }

        FlowKey without = mask;
        without.AsMutableWords()[word] &= ~bit;
        Assert.That(MegaflowText.Print(key, without), Is.Not.EqualTo(MegaflowText.Print(key, mask)));
    }

    private static FlowKey RandomBits(Random random)
    {
        FlowKey mask = default;
        foreach (ref ulong word in mask.AsMutableWords()[..FlowKey.PacketWords])
        {
            word = random.Next(3) switch { 0 => 0, 1 => ulong.MaxValue, _ => (ulong)random.NextInt64() };
        }

        return mask;
    }

    // What every megaflow matches, and what decides how the rest is read.
    private static void KeepStructure(ref FlowKey mask, in FlowKey printable)
    {
        mask.InPort = uint.MaxValue;
        mask.RecircId = uint.MaxValue;
        mask.EthType = ushort.MaxValue;
        mask.IpProto = printable.IpProto;
        mask.IpFrag = printable.IpFrag;
        mask.VlanTci = printable.VlanTci;
        mask.VlanTpid = printable.VlanTpid;
        mask.InnerTci = printable.InnerTci;
        mask.InnerTpid = printable.InnerTpid;
        mask.TpSrc = printable.TpSrc;
        mask.TpDst = printable.TpDst;
    }

    // in_port and recirc_id are always printed whole; an absent tag's other bits follow from the present bit, and so do the
    // high bytes of ICMP's type and code.
    private static bool Implied(in FlowKey key, int word, ulong bit)
    {
        FlowKey bits = default;
        bits.AsMutableWords()[word] = bit;
        bool icmp = key.IpProto is 1 or 58;
        return word == 0
            || bits.VlanTci.Raw != 0 || bits.VlanTpid.Raw != 0 || bits.InnerTci.Raw != 0 || bits.InnerTpid.Raw != 0
            || (icmp && (bits.TpSrc.Raw != 0 || bits.TpDst.Raw != 0));
    }
}
