using System.Globalization;
using OvsBridge.Datapath.Tests.Packets;
using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.Datapath.Tests.Peer;

/// <summary>The parser against tshark: two readings of the same frames.</summary>
[TestFixture]
[Category("Peer")]
public sealed class PacketParserPeerTests
{
    private static readonly string[] _fields =
    [
        "eth.dst", "eth.src", "vlan.id", "vlan.priority", "ieee8021ad.id", "ieee8021ad.svid", "ieee8021ad.cvid", "ieee8021ad.priority",
        "ip.src", "ip.dst", "ip.proto", "ip.dsfield", "ip.ttl", "ip.flags.mf", "ip.frag_offset",
        "ipv6.src", "ipv6.dst", "ipv6.tclass", "ipv6.flow", "ipv6.hlim", "ipv6.fraghdr.offset", "ipv6.fraghdr.more",
        "tcp.srcport", "tcp.dstport", "tcp.flags", "udp.srcport", "udp.dstport", "sctp.srcport", "sctp.dstport",
        "icmp.type", "icmp.code", "icmpv6.type", "icmpv6.code",
        "icmpv6.nd.ns.target_address", "icmpv6.nd.na.target_address", "icmpv6.opt.src_linkaddr", "icmpv6.opt.target_linkaddr",
        "arp.opcode", "arp.src.hw_mac", "arp.dst.hw_mac", "arp.src.proto_ipv4", "arp.dst.proto_ipv4",
        "mpls.label", "mpls.exp", "mpls.bottom", "mpls.ttl", "ieee8021ah.isid", "ieee8021ah.priority",
        "frame.protocols",
    ];

    private static readonly string[] _combined = ["frame.protocols", "ip.flags.mf", "ip.frag_offset", "ipv6.fraghdr.offset", "ipv6.fraghdr.more"];

    [Test]
    public void Tshark_sees_the_same_in_a_thousand_frames()
    {
        RandomFrames source = new(4711);
        byte[][] frames = [.. FrameSamples.OneOfEachKind, .. Enumerable.Range(0, 1000).Select(_ => source.Next())];
        IReadOnlyList<Dictionary<string, string>> seen = PeerTools.Tshark(frames, _fields);
        HashSet<string> compared = [];
        for (int i = 0; i < frames.Length; i++)
        {
            Assert.That(PacketParser.TryParse(frames[i], 1, out FlowKey key, out PacketLayout layout), Is.True);
            // tshark takes what follows an 802.1ad tag for a type even where it is a length
            bool tagOnly = !layout.EthernetII && (key.VlanTpid == 0x88a8 || key.InnerTpid == 0x88a8);
            foreach ((string field, string expected) in Expected(key, tagOnly))
            {
                compared.Add(field);
                Assert.That(First(seen[i][field], expected), Is.EqualTo(expected), () =>
                    $"{field}\n{Convert.ToHexStringLower(frames[i])}\n{KeyText.Of(key)}\n{string.Join('\n', seen[i].Where(p => p.Value.Length > 0))}");
            }

            if (layout.Network is NetworkHeader.Ipv4 or NetworkHeader.Ipv6 && !tagOnly)
            {
                (int frag, int headers) = FragmentAndHeaders(seen[i]);
                Assert.That(key.IpFrag, Is.EqualTo(frag), () => Convert.ToHexStringLower(frames[i]));
                Assert.That(key.Ipv6ExtHdr.Value & 0x7c, Is.EqualTo(headers), () => $"{Convert.ToHexStringLower(frames[i])} {seen[i]["frame.protocols"]}");
                compared.Add($"frag {frag}");
                compared.UnionWith(new[] { 4, 8, 16, 32, 64 }.Where(bit => (headers & bit) != 0).Select(bit => $"header {bit}"));
            }
        }

        Assert.That(compared, Is.SupersetOf(_fields.Except(_combined)), "every field occurred");
        Assert.That(compared, Is.SupersetOf(new[] { "frag 0", "frag 1", "frag 3", "header 4", "header 8", "header 16", "header 32", "header 64" }));
    }

    /// <summary>ip_frag, and the bits of extension headers that do not depend on their order.</summary>
    private static (int Fragment, int Headers) FragmentAndHeaders(Dictionary<string, string> seen)
    {
        bool Any(string field) => seen[field].Split(',').Any(v => v is not ("" or "0"));
        bool Has(string protocol) => seen["frame.protocols"].Split(':').Contains(protocol);
        int fragment = Any("ip.frag_offset") || Any("ipv6.fraghdr.offset") ? 3 : Any("ip.flags.mf") || Any("ipv6.fraghdr.more") ? 1 : 0;
        int headers = (Has("ah") ? 0x004 : 0) | (Has("ipv6.dstopts") ? 0x008 : 0) | (Has("ipv6.fraghdr") ? 0x010 : 0)
            | (Has("ipv6.routing") ? 0x020 : 0) | (Has("ipv6.hopopts") ? 0x040 : 0);
        return (fragment, headers);
    }

    /// <summary>As many of tshark's occurrences as we take: inner headers come later in the list.</summary>
    private static string First(string all, string expected) => string.Join(',', all.Split(',').Take(expected.Split(',').Length));

    /// <summary>The fields that tshark should show for a key, in tshark's words.</summary>
    private static IEnumerable<(string Field, string Value)> Expected(FlowKey key, bool tagOnly)
    {
        yield return ("eth.dst", key.EthDst.ToString());
        yield return ("eth.src", key.EthSrc.ToString());
        (ushort Tpid, ushort Tci)[] tags = [(key.VlanTpid, key.VlanTci), (key.InnerTpid, key.InnerTci)];
        foreach ((ushort tpid, string name) in new[] { ((ushort)0x8100, "vlan"), ((ushort)0x88a8, "ieee8021ad") })
        {
            ushort[] tcis = [.. tags.Where(t => t.Tpid == tpid).Select(t => t.Tci)];
            if (tpid == 0x88a8 && tcis.Length == 2)
            {
                yield return ("ieee8021ad.svid", Text(tcis[0] & 0xfff));
                yield return ("ieee8021ad.cvid", Text(tcis[1] & 0xfff));
                yield return ("ieee8021ad.priority", Join(tcis.Select(t => t >> 13)));
            }
            else if (tcis.Length > 0)
            {
                yield return ($"{name}.id", Join(tcis.Select(t => t & 0xfff)));
                yield return ($"{name}.priority", Join(tcis.Select(t => t >> 13)));
            }
        }

        if (tagOnly)
        {
            yield break;
        }

        switch (key.EthType.Value)
        {
            case 0x0800:
                yield return ("ip.src", Ipv4(key.Ipv4Src));
                yield return ("ip.dst", Ipv4(key.Ipv4Dst));
                yield return ("ip.proto", Text(key.IpProto));
                yield return ("ip.dsfield", $"0x{key.IpTos:x2}");
                yield return ("ip.ttl", Text(key.IpTtl));
                break;
            case 0x86dd:
                yield return ("ipv6.src", Ipv6(key.Ipv6Src));
                yield return ("ipv6.dst", Ipv6(key.Ipv6Dst));
                yield return ("ipv6.tclass", $"0x{(uint)key.IpTos:x8}");
                yield return ("ipv6.flow", $"0x{key.Ipv6Label.Value:x6}");
                yield return ("ipv6.hlim", Text(key.IpTtl));
                break;
            case 0x0806 or 0x8035:
                yield return ("arp.opcode", Text(key.ArpOp));
                yield return ("arp.src.hw_mac", key.ArpSha.ToString());
                yield return ("arp.dst.hw_mac", key.ArpTha.ToString());
                yield return ("arp.src.proto_ipv4", Ipv4(key.Ipv4Src));
                yield return ("arp.dst.proto_ipv4", Ipv4(key.Ipv4Dst));
                yield break;
            case 0x8847 or 0x8848:
                uint[] entries = [.. new uint[] { key.MplsLse0, key.MplsLse1, key.MplsLse2 }.Where(e => e != 0)];
                yield return ("mpls.label", Join(entries.Select(e => (int)(e >> 12))));
                yield return ("mpls.exp", Join(entries.Select(e => (int)(e >> 9) & 7)));
                yield return ("mpls.bottom", Join(entries.Select(e => (int)(e >> 8) & 1)));
                yield return ("mpls.ttl", Join(entries.Select(e => (int)(e & 0xff))));
                yield break;
            case 0x88e7:
                yield return ("ieee8021ah.isid", Text((int)(key.PbbItag.Value & 0xffffff)));
                yield return ("ieee8021ah.priority", Text((int)(key.PbbItag.Value >> 29)));
                yield break;
        }

        if ((key.IpFrag & FlowKey.FragLater) != 0)
        {
            yield break;
        }

        switch (key.IpProto)
        {
            case 6:
                yield return ("tcp.srcport", Text(key.TpSrc));
                yield return ("tcp.dstport", Text(key.TpDst));
                yield return ("tcp.flags", $"0x{key.TcpFlags.Value:x4}");
                break;
            case 17:
                yield return ("udp.srcport", Text(key.TpSrc));
                yield return ("udp.dstport", Text(key.TpDst));
                break;
            case 132:
                yield return ("sctp.srcport", Text(key.TpSrc));
                yield return ("sctp.dstport", Text(key.TpDst));
                break;
            case 1:
                yield return ("icmp.type", Text(key.TpSrc));
                yield return ("icmp.code", Text(key.TpDst));
                break;
            case 58:
                yield return ("icmpv6.type", Text(key.TpSrc));
                yield return ("icmpv6.code", Text(key.TpDst));
                if (key.NdTarget.Value != 0)
                {
                    yield return (key.TpSrc == 135 ? "icmpv6.nd.ns.target_address" : "icmpv6.nd.na.target_address", Ipv6(key.NdTarget));
                }

                if (key.ArpSha.Value != 0)
                {
                    yield return ("icmpv6.opt.src_linkaddr", key.ArpSha.ToString());
                }

                if (key.ArpTha.Value != 0)
                {
                    yield return ("icmpv6.opt.target_linkaddr", key.ArpTha.ToString());
                }

                break;
        }
    }

    private static string Text(int value) => value.ToString(CultureInfo.InvariantCulture);

    private static string Join(IEnumerable<int> values) => string.Join(',', values.Select(Text));

    private static string Ipv4(uint address) => $"{address >> 24}.{(address >> 16) & 0xff}.{(address >> 8) & 0xff}.{address & 0xff}";

    private static string Ipv6(Be128 address)
    {
        byte[] bytes = new byte[16];
        System.Buffers.Binary.BinaryPrimitives.WriteUInt128BigEndian(bytes, address);
        return new System.Net.IPAddress(bytes).ToString();
    }
}
