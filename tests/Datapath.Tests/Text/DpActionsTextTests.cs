using FsCheck;
using OvsBridge.Datapath.Interop;
using OvsBridge.Datapath.Text;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Text;
using OvsBridge.Testing;

namespace OvsBridge.Datapath.Tests.Text;

[TestFixture]
public sealed class DpActionsTextTests
{
    // Open vSwitch 3.1 prints these exactly so.
    [TestCase("1,2,3")]
    [TestCase("drop")]
    [TestCase("push_vlan(vid=100,pcp=0),1,pop_vlan,2")]
    [TestCase("push_vlan(tpid=0x88a8,vid=100,pcp=3),1")]
    [TestCase("set(eth(src=02:00:00:00:00:01,dst=02:00:00:00:00:02)),1")]
    [TestCase("set(eth(dst=02:00:00:00:00:00/ff:ff:00:00:00:00)),1")]
    [TestCase("set(ipv4(src=1.2.3.0/255.255.255.0)),1")]
    [TestCase("set(ipv4(src=1.2.3.4,dst=5.6.7.8,tos=0x10/0xfc,ttl=5)),1")]
    [TestCase("set(ipv6(src=fe80::1,label=0x5,tclass=0x4,hlimit=3)),1")]
    [TestCase("set(arp(sip=1.2.3.4,tip=1.2.3.5,op=1,sha=00:11:22:33:44:55,tha=00:11:22:33:44:55)),1")]
    [TestCase("set(nd(target=fe80::1,sll=00:11:22:33:44:55,tll=00:11:22:33:44:55)),1")]
    [TestCase("set(mpls(label=5,tc=3,ttl=6,bos=1)),1")]
    [TestCase("set(mpls(label=5/0xfffff,tc=0/0,ttl=0/0x0,bos=0/0)),1")]
    [TestCase("push_mpls(label=77,tc=0,ttl=64,bos=1,eth_type=0x8847),1")]
    [TestCase("pop_mpls(eth_type=0x800),1")]
    [TestCase("meter(3),1")]
    [TestCase("hash(hash_l4(0)),recirc(0x1)")]
    [TestCase("set(skb_priority(0x5)),1")]
    [TestCase("trunc(100),1")]
    [TestCase("clone(push_vlan(vid=1,pcp=0),2),1")]
    [TestCase("clone(clone(1),2),3")]
    [TestCase("set(tunnel(tun_id=0x5,src=1.2.3.4,dst=1.2.3.5,tos=0x1,ttl=64)),1")]
    // our own
    [TestCase("set(vlan(vid=5,pcp=1/0x1)),1")]
    [TestCase("push_vlan(vid=5,pcp=0,dei=1),1")]
    [TestCase("push_mpls_front(label=77,tc=0,ttl=64,bos=1,eth_type=0x8848),1")]
    [TestCase("push_pbb(isid=7,flags=0x20,eth_type=0x88e7),pop_pbb,copy_ttl_out,copy_ttl_in")]
    [TestCase("set(pbb(isid=7/0xff)),1")]
    [TestCase("set(eth(type=0x0800)),set(ipv4(proto=17)),set(ipv6(proto=6))")]
    [TestCase("userspace(pid=0,controller(cookie=0x5,max_len=128))")]
    [TestCase("userspace(pid=0,slow_path(cookie=0x7))")]
    [TestCase("userspace(pid=0,controller(cookie=0x5,max_len=128),meter(0))")]
    [TestCase("sample(sample=50.0%,actions(userspace(pid=0,cookie=0x2,meter(7)))),1")]
    [TestCase("dec_ttl,dec_mpls_ttl,1")]
    [TestCase("dec_ttl(le_1(userspace(pid=0,invalid_ttl(cookie=0x3)))),1")]
    [TestCase("sample(sample=50.0%,actions(userspace(pid=0,cookie=0x2))),1")]
    [TestCase("drop(action_error)")]
    [TestCase("set(tp(src=5,dst=6/0xff)),1")]
    public void Prints_what_it_reads(string text) => Assert.That(DpActionsText.Print(DpActionsText.Parse(text)), Is.EqualTo(text));

    [TestCase("tcp", "set(tcp(dst=6))")]
    [TestCase("udp6", "set(udp(dst=6))")]
    [TestCase("icmp", "set(icmp(code=6))")]
    [TestCase("icmp6", "set(icmpv6(code=6))")]
    [TestCase("arp", "set(tp(dst=6))")]
    public void The_megaflow_tells_whose_ports_are_set(string flow, string expected) =>
        Assert.That(DpActionsText.Print(DpActionsText.Parse("set(tp(dst=6))"), null, FlowKeyText.Parse(flow)), Is.EqualTo(expected));

    [Test]
    public void Ports_and_cookies_are_named_if_known()
    {
        DpActions actions = DpActionsText.Parse("1,2,userspace(pid=0,controller(cookie=0x5))");
        Assert.That(
            DpActionsText.Print(actions, new PortNames(p => p == 1 ? "veth-a" : null, _ => null), default, (_, request) => request.Cookie == 5 ? "controller(reason=1,max_len=128)" : null),
            Is.EqualTo("veth-a,2,userspace(pid=0,controller(reason=1,max_len=128))"));
        Assert.That(DpActionsText.Parse("veth-a", new PortNames(_ => null, name => name == "veth-a" ? 7 : null)), Is.EqualTo(DpActionsText.Parse("7")));
    }

    [TestCase("1,bogus(3)", "bogus(3)", 2)]
    [TestCase("1,drop", "drop", 2)]
    [TestCase("set(ipv4(src=1.2.3))", "src=1.2.3", 9)]
    [TestCase("set(gre(x=1))", "gre(x=1)", 4)]
    [TestCase("clone(1,push_vlan(vid=4096))", "vid=4096", 18)]
    [TestCase("userspace(pid=0,frob())", "frob()", 16)]
    [TestCase("set(eth(src=00:11:22:33:44:55", "set(eth(src=00:11:22:33:44:55", 0)]
    public void Names_the_wrong_word(string text, string word, int position)
    {
        FlowSyntaxException error = Assert.Throws<FlowSyntaxException>(() => DpActionsText.Parse(text))!;
        Assert.That((error.Word, error.Position), Is.EqualTo((word, position)), error.Message);
    }

    [Test]
    public void Payloads_are_where_the_abi_has_them()
    {
        DpActionWriter expected = new();
        expected.Add(DpActionType.SetIpv4, 0, new DpSetIpv4 { Dst = 0x01020304, Ttl = 9 }, new DpSetIpv4 { Dst = 0xffffffff, Ttl = 0xff });
        expected.Add(DpActionType.SetIpv6, 0, new DpSetIpv6 { Label = 5, Tos = 3, Hlimit = 7 }, new DpSetIpv6 { Label = 0xfffff, Tos = 0xff, Hlimit = 0xff });
        expected.Add(DpActionType.SetArp, 0, new DpSetArp { Spa = 1, Op = 2, Tha = 3 }, new DpSetArp { Spa = uint.MaxValue, Op = ushort.MaxValue, Tha = 0xffffffffffff });
        expected.Add(DpActionType.SetNd, 0, new DpSetNd { Sll = 1, Tll = 2 }, new DpSetNd { Sll = 0xffffffffffff, Tll = 0xffffffffffff });
        expected.Add(DpActionType.SetTunnel, 0, new DpSetTunnel { Id = 5, Dst = 6, Ipv6Dst = (UInt128)7, Flags = (ushort)8, Tos = 9, Ttl = 10 });
        expected.Add(DpActionType.SetVlan, 0x0fff_0005);
        expected.Add(DpActionType.SetPbb, 0, new DpSetMpls { Lse = 0x01000007, Mask = uint.MaxValue });

        Assert.That(
            DpActionsText.Print(expected.ToActions()),
            Is.EqualTo(
                "set(ipv4(dst=1.2.3.4,ttl=9)),set(ipv6(label=0x5,tclass=0x3,hlimit=7)),"
                + "set(arp(sip=0.0.0.1,op=2,tha=00:00:00:00:00:03)),set(nd(sll=00:00:00:00:00:01,tll=00:00:00:00:00:02)),"
                + "set(tunnel(tun_id=0x5,dst=0.0.0.6,ipv6_dst=::7,tos=0x9,ttl=10,flags=0x8)),set(vlan(vid=5)),set(pbb(isid=7,flags=0x1))"));
        Assert.That(DpActionsText.Parse(DpActionsText.Print(expected.ToActions())), Is.EqualTo(expected.ToActions()));
    }

    [FsCheck.NUnit.Property(MaxTest = 2000)]
    public void Parsing_what_was_printed_gives_the_program_back(DoNotSize<int> seed)
    {
        DpActions actions = RandomProgram(new Random(seed.Item));
        string text = DpActionsText.Print(actions);
        Assert.That(DpActionsText.Parse(text), Is.EqualTo(actions), text);
    }

    private static DpActions RandomProgram(Random random)
    {
        DpActionWriter writer = new();
        int saved = 0;
        for (int i = random.Next(8); i > 0; i--)
        {
            uint arg = (uint)random.NextInt64(1L << 32);
            DpUserspace user = new() { Cookie = (ulong)random.NextInt64(), MaxLen = random.Next(2) == 0 ? DpUserspace.WholePacket : arg };
            FlowKey value = RandomKeys.Next(random), mask = RandomKeys.Next(random);
            switch (random.Next(20))
            {
                case 0:
                    writer.Add(DpActionType.Output, arg % 65535);
                    break;
                case 1:
                    writer.Add(DpActionType.Userspace, (uint)random.Next(1, 6), user);
                    break;
                case 2:
                    writer.Add(DpActionType.PushVlan, arg);
                    break;
                case 3:
                    writer.Add((DpActionType[])[DpActionType.PopVlan, DpActionType.PopPbb, DpActionType.CopyTtlIn, DpActionType.CopyTtlOut, DpActionType.DecTtl, DpActionType.DecMplsTtl], random);
                    break;
                case 4:
                    writer.Add(DpActionType.SetEth, 0, new DpSetEth { Src = value.EthSrc & mask.EthSrc, Dst = value.EthDst & mask.EthDst }, new DpSetEth { Src = mask.EthSrc, Dst = mask.EthDst });
                    break;
                case 5:
                    writer.Add(DpActionType.SetIpv4, 0, new DpSetIpv4 { Src = value.Ipv4Src & mask.Ipv4Src, Ttl = 3 }, new DpSetIpv4 { Src = mask.Ipv4Src, Ttl = 0xff });
                    break;
                case 6:
                    writer.Add(DpActionType.SetIpv6, 0, new DpSetIpv6 { Dst = value.Ipv6Dst, Proto = 6 }, new DpSetIpv6 { Dst = UInt128.MaxValue, Proto = 0xff });
                    break;
                case 7:
                    writer.Add(DpActionType.SetMpls, 0, new DpSetMpls { Lse = value.MplsLse0 & mask.MplsLse0, Mask = mask.MplsLse0 });
                    break;
                case 8:
                    writer.Add(DpActionType.SetVlan, (arg & 0xefff0000) | (arg & (arg >> 16) & 0xefff));
                    break;
                case 9:
                    writer.Add(random.Next(2) == 0 ? DpActionType.PushMpls : DpActionType.PushMplsFront, arg & 0xffff, new DpPushMpls { Lse = arg });
                    break;
                case 10:
                    writer.Add(DpActionType.PopMpls, arg & 0xffff);
                    break;
                case 11:
                    writer.Add(DpActionType.PushPbb, 0x88e7, new DpPushPbb { Itag = arg });
                    break;
                case 12:
                    writer.Add((DpActionType[])[DpActionType.Meter, DpActionType.Hash, DpActionType.Recirc, DpActionType.SetPriority, DpActionType.Trunc], random, arg);
                    break;
                case 13:
                    writer.Add(DpActionType.SetTunnel, 0, new DpSetTunnel { Id = arg, Dst = arg, Ttl = 64 });
                    break;
                case 14:
                    writer.Add(DpActionType.Drop, (uint)random.Next(0, 20));
                    break;
                case 15:
                    writer.Add(DpActionType.DecTtl, 0, user);
                    break;
                case 16:
                    writer.Add(DpActionType.Sample, arg, user);
                    break;
                case 17:
                    writer.Add(DpActionType.SetTp, 0, new DpSetTp { Src = (ushort)(value.TpSrc & mask.TpSrc) }, new DpSetTp { Src = mask.TpSrc });
                    break;
                case 18:
                    writer.Add(DpActionType.Save);
                    saved++;
                    break;
                case 19 when saved > 0:
                    writer.Add(DpActionType.Restore);
                    saved--;
                    break;
            }
        }

        for (; saved > 0; saved--)
        {
            writer.Add(DpActionType.Restore);
        }

        return writer.ToActions();
    }
}

file static class Writing
{
    public static void Add(this DpActionWriter writer, DpActionType[] types, Random random, uint arg = 0) =>
        writer.Add(types[random.Next(types.Length)], arg);
}
