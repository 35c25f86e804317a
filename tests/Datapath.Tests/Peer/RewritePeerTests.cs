using OvsBridge.Datapath.Interop;
using OvsBridge.Datapath.Tests.Contract;
using OvsBridge.Datapath.Tests.Packets;

namespace OvsBridge.Datapath.Tests.Peer;

/// <summary>Rewritten frames as scapy builds them and as tshark checks them.</summary>
[TestFixture]
[Category("Peer")]
public sealed class RewritePeerTests
{
    private const ulong AllMac = 0xffffffffffff, A = 0x020000000001, B = 0x020000000002, C = 0x020000000003, D = 0x020000000004;

    /// <summary>The program that makes scapy's second frame of the first, by the first word of the case's name.</summary>
    private static readonly Dictionary<string, DpActions> _programs = new()
    {
        ["set_eth"] = Programs.Of(w => w.Then(DpActionType.SetEth, new DpSetEth { Src = C, Dst = D }, new DpSetEth { Src = AllMac, Dst = AllMac })),
        ["push_vlan"] = Programs.Of(w => w.Then(DpActionType.PushVlan, 0x8100a064)),
        ["push_svlan"] = Programs.Of(w => w.Then(DpActionType.PushVlan, 0x88a820c8)),
        ["pop_vlan"] = Programs.Of(w => w.Then(DpActionType.PopVlan)),
        ["set_vlan_vid"] = Programs.Of(w => w.Then(DpActionType.SetVlan, (0x0fffu << 16) | 4000)),
        ["set_vlan_pcp"] = Programs.Of(w => w.Then(DpActionType.SetVlan, (0xe000u << 16) | (6 << 13))),
        ["set_ipv4_src"] = Ipv4(new DpSetIpv4 { Src = 0xc0000263 }, new DpSetIpv4 { Src = uint.MaxValue }),
        ["set_ipv4_options"] = Ipv4(new DpSetIpv4 { Src = 0xc0000263 }, new DpSetIpv4 { Src = uint.MaxValue }),
        ["set_ipv4_dst"] = Ipv4(new DpSetIpv4 { Dst = 0xc0000262 }, new DpSetIpv4 { Dst = uint.MaxValue }),
        ["set_tos_ttl"] = Ipv4(new DpSetIpv4 { Tos = 0xbb, Ttl = 3 }, new DpSetIpv4 { Tos = 0xff, Ttl = 0xff }),
        ["set_ipv6_src"] = Ipv6(new DpSetIpv6 { Src = new UInt128(0xfd00000000000000, 0x99) }, new DpSetIpv6 { Src = UInt128.MaxValue }),
        ["set_ipv6_dst"] = Ipv6(new DpSetIpv6 { Dst = new UInt128(0xfd00000000000000, 0x98) }, new DpSetIpv6 { Dst = UInt128.MaxValue }),
        ["set_ipv6_tos_ttl_label"] = Ipv6(new DpSetIpv6 { Tos = 0xbb, Hlimit = 3, Label = 0xfedcb }, new DpSetIpv6 { Tos = 0xff, Hlimit = 0xff, Label = 0xfffff }),
        ["dec_ttl"] = Programs.Of(w => w.Then(DpActionType.DecTtl, 0, new DpUserspace())),
        ["set_tp"] = Ports(9, 65535),
        ["set_icmp"] = Ports(0, 1),
        ["set_icmpv6"] = Ports(129, 1),
        ["set_arp"] = Programs.Of(w => w.Then(
            DpActionType.SetArp,
            new DpSetArp { Op = 2, Sha = C, Spa = 0x0a000009, Tha = D, Tpa = 0x0a000008 },
            new DpSetArp { Op = 0xffff, Sha = AllMac, Spa = uint.MaxValue, Tha = AllMac, Tpa = uint.MaxValue })),
        ["set_nd_ns"] = Nd,
        ["set_nd_na"] = Nd,
        ["push_mpls"] = null!, // by the frame: the bottom of the stack
        ["push_mpls_front"] = Programs.Of(w => w.Then(DpActionType.PushMplsFront, 0x8847, new DpPushMpls { Lse = (77u << 12) | (3 << 9) | 0x100 | 64 })),
        ["pop_mpls_tag"] = Programs.Of(w => w.Then(DpActionType.PopMpls, 0x8100)),
        ["pop_mpls"] = Programs.Of(w => w.Then(DpActionType.PopMpls, 0x0800)),
        ["set_mpls"] = Programs.Of(w => w.Then(DpActionType.SetMpls, 0, new DpSetMpls { Lse = (0xffffeu << 12) | (7 << 9), Mask = 0xfffffe00 })),
        ["dec_mpls_ttl"] = Programs.Of(w => w.Then(DpActionType.DecMplsTtl, 0, new DpUserspace())),
        ["copy_ttl_out"] = Programs.Of(w => w.Then(DpActionType.CopyTtlOut)),
        ["copy_ttl_in"] = Programs.Of(w => w.Then(DpActionType.CopyTtlIn)),
        ["push_pbb"] = Programs.Of(w => w.Then(DpActionType.PushPbb, 0x88e7, new DpPushPbb { Itag = 0x40abcdef })),
        ["pop_pbb"] = Programs.Of(w => w.Then(DpActionType.PopPbb)),
        ["set_pbb_isid"] = Programs.Of(w => w.Then(DpActionType.SetPbb, 0, new DpSetMpls { Lse = 0x123456, Mask = 0xffffff })),
        ["nat"] = Programs.Of(w => w
            .Then(DpActionType.SetEth, new DpSetEth { Src = C, Dst = D }, new DpSetEth { Src = AllMac, Dst = AllMac })
            .Then(DpActionType.SetIpv4, new DpSetIpv4 { Src = 0xc0000201, Dst = 0xc0000202 }, new DpSetIpv4 { Src = uint.MaxValue, Dst = uint.MaxValue })
            .Then(DpActionType.SetTp, new DpSetTp { Src = 40000, Dst = 80 }, new DpSetTp { Src = 0xffff, Dst = 0xffff })
            .Then(DpActionType.DecTtl, 0, new DpUserspace())
            .Then(DpActionType.PopVlan)),
    };

    private static DpActions Nd => Programs.Of(w => w.Then(
        DpActionType.SetNd,
        new DpSetNd { Target = new UInt128(0xfe80000000000000, 0x99), Sll = C, Tll = D },
        new DpSetNd { Target = UInt128.MaxValue, Sll = AllMac, Tll = AllMac }));

    [Test]
    public void Scapy_builds_the_same_frames()
    {
        HashSet<string> used = [];
        string[] lines = PeerTools.Scapy("rewrites.py");
        Assert.Multiple(() =>
        {
            foreach (string[] words in lines.Select(line => line.Split(' ')))
            {
                string name = string.Join(' ', words[..^2]);
                used.Add(words[0]);
                byte[] before = Convert.FromHexString(words[^2]);
                byte[] after = RewriteCases.Rewritten(before, ProgramFor(words[0], name));
                Assert.That(Convert.ToHexStringLower(after), Is.EqualTo(words[^1]), name);
            }
        });
        Assert.That(used, Is.EquivalentTo(_programs.Keys), "every program has a case");
    }

    /// <summary>tshark finds no wrong checksum in rewritten frames; before that, that it finds those that are.</summary>
    [Test]
    public void Tshark_finds_the_checksums_right()
    {
        string[] fields = ["ip.checksum.status", "tcp.checksum.status", "udp.checksum.status", "sctp.checksum.status", "icmp.checksum.status", "icmpv6.checksum.status", "frame.protocols"];
        byte[] broken = [.. FrameSamples.Tcp4];
        broken[^1] ^= 1;
        Assert.That(PeerTools.Tshark([broken], fields)[0]["tcp.checksum.status"], Is.EqualTo("0"));

        (string Name, byte[] Frame, DpActions Program)[] cases = [.. RewriteCases.Cases().Where(c => !c.Name.StartsWith("set ip_proto", StringComparison.Ordinal))];
        IReadOnlyList<Dictionary<string, string>> seen = PeerTools.Tshark([.. cases.Select(c => RewriteCases.Rewritten(c.Frame, c.Program))], fields);
        Dictionary<string, int> good = [];
        Assert.Multiple(() =>
        {
            for (int i = 0; i < cases.Length; i++)
            {
                foreach ((string field, string value) in seen[i].Where(p => p.Key != "frame.protocols"))
                {
                    // 0 bad, 1 good, 2 unverified (fragments), 3 not present (UDP without)
                    Assert.That(value.Split(','), Has.None.EqualTo("0"), $"{field} of {cases[i].Name}: {Convert.ToHexStringLower(RewriteCases.Rewritten(cases[i].Frame, cases[i].Program))}");
                    good[field] = good.GetValueOrDefault(field) + value.Count(c => c == '1');
                }
            }
        });
        Assert.That(good.Values, Is.All.GreaterThan(0), string.Join(' ', good));
    }

    private static DpActions ProgramFor(string word, string name) => word == "push_mpls"
        ? Programs.Of(w => w.Then(DpActionType.PushMpls, 0x8847, new DpPushMpls { Lse = (77u << 12) | (3 << 9) | (name.EndsWith("again", StringComparison.Ordinal) ? 0 : 0x100u) | 64 }))
        : _programs[word];

    private static DpActions Ipv4(DpSetIpv4 value, DpSetIpv4 mask) => Programs.Of(w => w.Then(DpActionType.SetIpv4, value, mask));

    private static DpActions Ipv6(DpSetIpv6 value, DpSetIpv6 mask) => Programs.Of(w => w.Then(DpActionType.SetIpv6, value, mask));

    private static DpActions Ports(ushort source, ushort destination) => Programs.Of(w =>
        w.Then(DpActionType.SetTp, new DpSetTp { Src = source, Dst = destination }, new DpSetTp { Src = 0xffff, Dst = 0xffff }));
}
