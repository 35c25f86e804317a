using OvsBridge.Datapath.Interop;
using OvsBridge.Datapath.Tests.Contract;

namespace OvsBridge.Datapath.Tests.Packets;

/// <summary>Programs that rewrite, each with a frame that it fits.</summary>
internal static class RewriteCases
{
    private const ulong Mac = 0x0a1b2c3d4e5f, AllMac = 0xffffffffffff;

    private static readonly UInt128 _address6 = new(0x20010db800000000, 0x00000000deadbeef);

    /// <summary>Name, frame, program.</summary>
    public static IEnumerable<TestCaseData> All() => Cases().Select(c => new TestCaseData(c.Name, c.Frame, c.Program) { TestName = $"{{m}}({c.Name})" });

    public static IEnumerable<(string Name, byte[] Frame, DpActions Program)> Cases()
    {
        byte[][] any = [FrameSamples.Tcp4, FrameSamples.VlanTcp4, FrameSamples.QinqUdp6, FrameSamples.Arp, FrameSamples.Mpls1, FrameSamples.Pbb, FrameSamples.Llc, FrameSamples.UnknownType];
        foreach (byte[] frame in any)
        {
            string kind = Kind(frame);
            yield return ($"push_vlan {kind}", frame, Of(w => w.Then(DpActionType.PushVlan, 0x8100b064)));
            yield return ($"push 802.1ad {kind}", frame, Of(w => w.Then(DpActionType.PushVlan, 0x88a80fff)));
            yield return ($"push two tags {kind}", frame, Of(w => w.Then(DpActionType.PushVlan, 0x81000001).Then(DpActionType.PushVlan, 0x88a80002)));
            yield return ($"push, set, pop {kind}", frame, Of(w => w.Then(DpActionType.PushVlan, 0x81000001).Then(DpActionType.SetVlan, 0x0fff0123).Then(DpActionType.PopVlan)));
            yield return ($"set_eth {kind}", frame, Of(w => w.Then(DpActionType.SetEth, new DpSetEth { Dst = Mac, Src = 0x020304050607 }, new DpSetEth { Dst = AllMac, Src = 0x0000ffff00f0 })));
            yield return ($"push_pbb {kind}", frame, Of(w => w.Then(DpActionType.PushPbb, 0x88e7, new DpPushPbb { Itag = 0x60abcdef })));
            yield return ($"push_pbb twice {kind}", frame, Of(w => w.Then(DpActionType.PushPbb, 0x88e7, new DpPushPbb { Itag = 1 }).Then(DpActionType.PushPbb, 0x88e7, new DpPushPbb { Itag = 2 })));
            if (frame != FrameSamples.Llc)
            {
                yield return ($"push_mpls {kind}", frame, Of(w => w.Then(DpActionType.PushMpls, 0x8847, new DpPushMpls { Lse = 0x00064140 })));
                yield return ($"push_mpls twice, pop {kind}", frame, Of(w => w
                    .Then(DpActionType.PushMpls, 0x8848, new DpPushMpls { Lse = 0x00064140 }).Then(DpActionType.PushMpls, 0x8847, new DpPushMpls { Lse = 0x12345020 })
                    .Then(DpActionType.PopMpls, 0x8848)));
                yield return ($"set eth_type {kind}", frame, Of(w => w.Then(DpActionType.SetEth, new DpSetEth { Type = 0x1234 }, new DpSetEth { Type = 0xffff })));
            }
        }

        foreach (byte[] frame in any.Where(f => f != FrameSamples.Llc).Append(FrameSamples.ThreeTags).Append(FrameSamples.VlanLlc))
        {
            string kind = Kind(frame);
            uint type = (uint)((frame[12] << 8) | frame[13]);
            yield return ($"push_mpls in front {kind}", frame, Of(w => w.Then(DpActionType.PushMplsFront, 0x8847, new DpPushMpls { Lse = 0x00064140 })));
            yield return ($"push_mpls in front twice {kind}", frame, Of(w => w
                .Then(DpActionType.PushMplsFront, 0x8848, new DpPushMpls { Lse = 0x00064140 }).Then(DpActionType.PushMplsFront, 0x8847, new DpPushMpls { Lse = 0x12345020 })));
            yield return ($"push_mpls in front, pop {kind}", frame, Of(w => w
                .Then(DpActionType.PushMplsFront, 0x8847, new DpPushMpls { Lse = 0x00064140 }).Then(DpActionType.PopMpls, type)));
            yield return ($"push_mpls in front, push tag, push_mpls in front {kind}", frame, Of(w => w
                .Then(DpActionType.PushMplsFront, 0x8847, new DpPushMpls { Lse = 0x00064140 }).Then(DpActionType.PushVlan, 0x88a83064)
                .Then(DpActionType.PushMplsFront, 0x8847, new DpPushMpls { Lse = 0x12345120 })));
            yield return ($"push tag, push_mpls in front, pop both {kind}", frame, Of(w => w
                .Then(DpActionType.PushVlan, 0x88a83064).Then(DpActionType.PushMplsFront, 0x8847, new DpPushMpls { Lse = 0x12345120 })
                .Then(DpActionType.PopMpls, 0x88a8).Then(DpActionType.PopVlan)));
        }

        foreach (byte[] frame in new[] { FrameSamples.VlanTcp4, FrameSamples.QinqUdp6, FrameSamples.VlanMpls })
        {
            foreach (DpActionType copy in new[] { DpActionType.CopyTtlOut, DpActionType.CopyTtlIn })
            {
                yield return ($"push_mpls in front, {copy} {Kind(frame)}", frame, Of(w => w.Then(DpActionType.PushMplsFront, 0x8847, new DpPushMpls { Lse = 0x00064107 }).Then(copy)));
            }
        }

        yield return ("set eth_type snap", FrameSamples.Snap, Of(w => w.Then(DpActionType.SetEth, new DpSetEth { Type = 0x1234 }, new DpSetEth { Type = 0xffff })));
        foreach (byte[] frame in new[] { FrameSamples.VlanTcp4, FrameSamples.QinqUdp6, FrameSamples.VlanMpls, FrameSamples.PbbBehindVlan })
        {
            yield return ($"pop_vlan {Kind(frame)}", frame, Of(w => w.Then(DpActionType.PopVlan)));
            yield return ($"set vid {Kind(frame)}", frame, Of(w => w.Then(DpActionType.SetVlan, 0x0fff0abc)));
            yield return ($"set pcp {Kind(frame)}", frame, Of(w => w.Then(DpActionType.SetVlan, 0xe0004000)));
            yield return ($"pop, push {Kind(frame)}", frame, Of(w => w.Then(DpActionType.PopVlan).Then(DpActionType.PushVlan, 0x81000111)));
        }

        yield return ("pop both tags", FrameSamples.QinqUdp6, Of(w => w.Then(DpActionType.PopVlan).Then(DpActionType.PopVlan)));
        yield return ("pop tag, rewrite behind", FrameSamples.VlanTcp4, Of(w => w.Then(DpActionType.PopVlan)
            .Then(DpActionType.SetIpv4, new DpSetIpv4 { Dst = 0x0a090807 }, new DpSetIpv4 { Dst = uint.MaxValue })));

        foreach (byte[] frame in new[]
                 {
                     FrameSamples.Tcp4, FrameSamples.Udp4, FrameSamples.Udp4WithoutChecksum, FrameSamples.Sctp4, FrameSamples.Icmp4, FrameSamples.Options4,
                     FrameSamples.FirstFragment4, FrameSamples.LaterFragment4, FrameSamples.VlanTcp4, FrameSamples.Snap,
                 })
        {
            string kind = Kind(frame);
            yield return ($"set ipv4_src {kind}", frame, Of(w => w.Then(DpActionType.SetIpv4, new DpSetIpv4 { Src = 0xc0a80909 }, new DpSetIpv4 { Src = uint.MaxValue })));
            yield return ($"set ipv4_dst by mask {kind}", frame, Of(w => w.Then(DpActionType.SetIpv4, new DpSetIpv4 { Dst = 0x01020304 }, new DpSetIpv4 { Dst = 0x00ff00f0 })));
            yield return ($"set tos, ttl {kind}", frame, Of(w => w.Then(DpActionType.SetIpv4, new DpSetIpv4 { Tos = 0x28, Ttl = 200 }, new DpSetIpv4 { Tos = 0xfc, Ttl = 0xff })));
            yield return ($"set ip_proto {kind}", frame, Of(w => w.Then(DpActionType.SetIpv4, new DpSetIpv4 { Proto = 99 }, new DpSetIpv4 { Proto = 0xff })));
            yield return ($"dec_ttl {kind}", frame, Of(w => w.Then(DpActionType.DecTtl, 0, new DpUserspace())));
            yield return ($"set nothing {kind}", frame, Of(w => w.Then(DpActionType.SetIpv4, new DpSetIpv4 { Src = 1, Dst = 2, Tos = 3, Ttl = 4, Proto = 5 }, default)));
        }

        foreach (byte[] frame in new[]
                 {
                     FrameSamples.Tcp6, FrameSamples.QinqUdp6, FrameSamples.Sctp6, FrameSamples.Echo6, FrameSamples.Extensions6, FrameSamples.LaterFragment6,
                     FrameSamples.NeighbourSolicitation,
                 })
        {
            string kind = Kind(frame);
            yield return ($"set ipv6_src {kind}", frame, Of(w => w.Then(DpActionType.SetIpv6, new DpSetIpv6 { Src = _address6 }, new DpSetIpv6 { Src = UInt128.MaxValue })));
            yield return ($"set ipv6_dst by mask {kind}", frame, Of(w => w.Then(DpActionType.SetIpv6, new DpSetIpv6 { Dst = _address6 }, new DpSetIpv6 { Dst = new UInt128(0xff00ff00, 0x0f0f0f0f0f0f0f0f) })));
            yield return ($"set label, tos, hop limit {kind}", frame, Of(w => w.Then(
                DpActionType.SetIpv6,
                new DpSetIpv6 { Label = 0x54321, Tos = 0x28, Hlimit = 200 },
                new DpSetIpv6 { Label = 0xfffff, Tos = 0xfc, Hlimit = 0xff })));
            yield return ($"set ip_proto {kind}", frame, Of(w => w.Then(DpActionType.SetIpv6, new DpSetIpv6 { Proto = 99 }, new DpSetIpv6 { Proto = 0xff })));
            yield return ($"dec_ttl {kind}", frame, Of(w => w.Then(DpActionType.DecTtl, 0, new DpUserspace())));
        }

        foreach (byte[] frame in new[]
                 {
                     FrameSamples.Tcp4, FrameSamples.Udp4, FrameSamples.Udp4WithoutChecksum, FrameSamples.Sctp4, FrameSamples.Options4, FrameSamples.FirstFragment4,
                     FrameSamples.VlanTcp4, FrameSamples.Tcp6, FrameSamples.QinqUdp6, FrameSamples.Sctp6, FrameSamples.Extensions6,
                 })
        {
            yield return ($"set tp_src {Kind(frame)}", frame, Of(w => w.Then(DpActionType.SetTp, new DpSetTp { Src = 4321 }, new DpSetTp { Src = 0xffff })));
            yield return ($"set tp_dst by mask {Kind(frame)}", frame, Of(w => w.Then(DpActionType.SetTp, new DpSetTp { Dst = 0x1234 }, new DpSetTp { Dst = 0x0ff0 })));
        }

        foreach (byte[] frame in new[] { FrameSamples.Icmp4, FrameSamples.Echo6 })
        {
            yield return ($"set icmp type, code {Kind(frame)}", frame, Of(w => w.Then(DpActionType.SetTp, new DpSetTp { Src = 13, Dst = 7 }, new DpSetTp { Src = 0xff, Dst = 0xff })));
        }

        foreach (byte[] frame in new[] { FrameSamples.NeighbourSolicitation, FrameSamples.NeighbourAdvertisement, FrameSamples.DuplicateDetection })
        {
            yield return ($"set nd {Kind(frame)}", frame, Of(w => w.Then(
                DpActionType.SetNd,
                new DpSetNd { Target = _address6, Sll = Mac, Tll = 0x060504030201 },
                new DpSetNd { Target = UInt128.MaxValue, Sll = AllMac, Tll = 0xffffff000000 })));
        }

        foreach (byte[] frame in new[] { FrameSamples.Arp, FrameSamples.Rarp })
        {
            yield return ($"set arp {Kind(frame)}", frame, Of(w => w.Then(
                DpActionType.SetArp,
                new DpSetArp { Op = 2, Sha = Mac, Spa = 0x01020304, Tha = 0x060504030201, Tpa = 0x05060708 },
                new DpSetArp { Op = 0xffff, Sha = AllMac, Spa = uint.MaxValue, Tha = 0xffffff, Tpa = 0xffffff00 })));
        }

        foreach (byte[] frame in new[] { FrameSamples.Mpls1, FrameSamples.Mpls2, FrameSamples.Mpls6, FrameSamples.Mpls4Entries, FrameSamples.VlanMpls })
        {
            string kind = Kind(frame);
            yield return ($"set mpls label {kind}", frame, Of(w => w.Then(DpActionType.SetMpls, 0, new DpSetMpls { Lse = 0xabcde000, Mask = 0xfffff000 })));
            yield return ($"set mpls tc, bos, ttl {kind}", frame, Of(w => w.Then(DpActionType.SetMpls, 0, new DpSetMpls { Lse = 0x00000a11, Mask = 0x00000fff })));
            yield return ($"push_mpls {kind}", frame, Of(w => w.Then(DpActionType.PushMpls, 0x8847, new DpPushMpls { Lse = 0x00064140 })));
            yield return ($"pop_mpls {kind}", frame, Of(w => w.Then(DpActionType.PopMpls, 0x8847)));
            if (frame != FrameSamples.Mpls4Entries)
            {
                yield return ($"dec_mpls_ttl {kind}", frame, Of(w => w.Then(DpActionType.DecMplsTtl, 0, new DpUserspace())));
            }

            if (frame != FrameSamples.VlanMpls)
            {
                yield return ($"copy_ttl_out {kind}", frame, Of(w => w.Then(DpActionType.CopyTtlOut)));
                yield return ($"copy_ttl_in {kind}", frame, Of(w => w.Then(DpActionType.CopyTtlIn)));
            }
        }

        yield return ("pop_mpls, dec_ttl", FrameSamples.Mpls1, Of(w => w.Then(DpActionType.PopMpls, 0x0800).Then(DpActionType.DecTtl, 0, new DpUserspace())));
        yield return ("set pbb isid", FrameSamples.Pbb, Of(w => w.Then(DpActionType.SetPbb, 0, new DpSetMpls { Lse = 0x00abcdef, Mask = 0x00ffffff })));
        yield return ("pop_pbb", FrameSamples.Pbb, Of(w => w.Then(DpActionType.PopPbb)));
        yield return ("pop_pbb behind vlan", FrameSamples.PbbBehindVlan, Of(w => w.Then(DpActionType.PopPbb)));
        yield return ("pop_pbb, rewrite inner", FrameSamples.Pbb, Of(w => w.Then(DpActionType.PopPbb).Then(DpActionType.SetTp, new DpSetTp { Dst = 99 }, new DpSetTp { Dst = 0xffff })));
        yield return ("nat and vlan", FrameSamples.Tcp4, Of(w => w
            .Then(DpActionType.SetEth, new DpSetEth { Dst = Mac, Src = 0x020304050607 }, new DpSetEth { Dst = AllMac, Src = AllMac })
            .Then(DpActionType.SetIpv4, new DpSetIpv4 { Src = 0x01010101, Dst = 0x02020202, Ttl = 7 }, new DpSetIpv4 { Src = uint.MaxValue, Dst = uint.MaxValue, Ttl = 0xff })
            .Then(DpActionType.SetTp, new DpSetTp { Src = 11, Dst = 22 }, new DpSetTp { Src = 0xffff, Dst = 0xffff })
            .Then(DpActionType.PushVlan, 0x81000fff)));
    }

    /// <summary>The frame that a program without output makes; it must run to its end.</summary>
    public static byte[] Rewritten(byte[] frame, DpActions program)
    {
        DpPacket packet = new();
        packet.Load(frame, 1);
        RecordingOwner owner = new();
        new DpActionExecutor().Run(packet, program, owner);
        Assert.That(owner.Events, Is.EqualTo(new[] { "drop Action" }), "it runs to its end, and hands the packet to nobody");
        return packet.Data.ToArray();
    }

    private static DpActions Of(Action<DpActionWriter> write) => Programs.Of(write);

    private static string Kind(byte[] frame) =>
        typeof(FrameSamples).GetProperties().First(p => p.PropertyType == typeof(byte[]) && ReferenceEquals(p.GetValue(null), frame)).Name;
}
