using System.Collections.Frozen;

namespace OvsBridge.OpenFlow.Fields;

/// <summary>
/// The match fields, one row each: the 40 OXM fields of OpenFlow 1.3.5 (table 11) and, behind them, extensions that tools
/// and controllers use. A new field is a row here, a line in both parsers, and a test.
/// </summary>
public static class FieldTable
{
    private const ushort Basic = 0x8000;

    private static readonly List<Field> _rows = [];

#pragma warning disable CS1591 // the names are the specification's
    // name, OXM field, bits, mask, prerequisite, key offset, container bytes, shift, text, rewrite
    public static readonly Field InPort = Row("in_port", 0, 32, MaskRule.None, Prerequisite.None, 0, 4, 0, FieldText.Port, Rewrite.ReadOnly, true);
    public static readonly Field InPhyPort = Row("in_phy_port", 1, 32, MaskRule.None, Prerequisite.InPort, 0, 4, 0, FieldText.Port, Rewrite.ReadOnly, true);
    public static readonly Field Metadata = Row("metadata", 2, 64, MaskRule.Any, Prerequisite.None, 192, 8, 0, FieldText.Hex, Rewrite.Pipeline, true);
    public static readonly Field EthDst = Row("eth_dst", 3, 48, MaskRule.Any, Prerequisite.None, 8, 6, 0, FieldText.Mac, Rewrite.Eth, false, "dl_dst");
    public static readonly Field EthSrc = Row("eth_src", 4, 48, MaskRule.Any, Prerequisite.None, 16, 6, 0, FieldText.Mac, Rewrite.Eth, false, "dl_src");
    public static readonly Field EthType = Row("eth_type", 5, 16, MaskRule.None, Prerequisite.None, 14, 2, 0, FieldText.Hex, Rewrite.Eth, false, "dl_type");
    public static readonly Field VlanVid = Row("vlan_vid", 6, 13, MaskRule.Any, Prerequisite.None, 22, 2, 0, FieldText.Decimal, Rewrite.Vlan, false);
    public static readonly Field VlanPcp = Row("vlan_pcp", 7, 3, MaskRule.None, Prerequisite.Vlan, 22, 2, 13, FieldText.Decimal, Rewrite.Vlan, false, "dl_vlan_pcp");
    public static readonly Field IpDscp = Row("ip_dscp", 8, 6, MaskRule.None, Prerequisite.Ip, 33, 1, 2, FieldText.Decimal, Rewrite.Ip, false);
    public static readonly Field IpEcn = Row("ip_ecn", 9, 2, MaskRule.None, Prerequisite.Ip, 33, 1, 0, FieldText.Decimal, Rewrite.Ip, false, "nw_ecn");
    public static readonly Field IpProto = Row("ip_proto", 10, 8, MaskRule.None, Prerequisite.Ip, 32, 1, 0, FieldText.Decimal, Rewrite.Ip, false, "nw_proto");
    public static readonly Field Ipv4Src = Row("ipv4_src", 11, 32, MaskRule.Any, Prerequisite.Ipv4, 40, 4, 0, FieldText.Ipv4, Rewrite.Ipv4, false, "nw_src", "ip_src");
    public static readonly Field Ipv4Dst = Row("ipv4_dst", 12, 32, MaskRule.Any, Prerequisite.Ipv4, 44, 4, 0, FieldText.Ipv4, Rewrite.Ipv4, false, "nw_dst", "ip_dst");
    public static readonly Field TcpSrc = Row("tcp_src", 13, 16, MaskRule.None, Prerequisite.Tcp, 36, 2, 0, FieldText.Decimal, Rewrite.Tp, false, "tp_src");
    public static readonly Field TcpDst = Row("tcp_dst", 14, 16, MaskRule.None, Prerequisite.Tcp, 38, 2, 0, FieldText.Decimal, Rewrite.Tp, false, "tp_dst");
    public static readonly Field UdpSrc = Row("udp_src", 15, 16, MaskRule.None, Prerequisite.Udp, 36, 2, 0, FieldText.Decimal, Rewrite.Tp, false);
    public static readonly Field UdpDst = Row("udp_dst", 16, 16, MaskRule.None, Prerequisite.Udp, 38, 2, 0, FieldText.Decimal, Rewrite.Tp, false);
    public static readonly Field SctpSrc = Row("sctp_src", 17, 16, MaskRule.None, Prerequisite.Sctp, 36, 2, 0, FieldText.Decimal, Rewrite.Tp, false);
    public static readonly Field SctpDst = Row("sctp_dst", 18, 16, MaskRule.None, Prerequisite.Sctp, 38, 2, 0, FieldText.Decimal, Rewrite.Tp, false);
    public static readonly Field Icmpv4Type = Row("icmpv4_type", 19, 8, MaskRule.None, Prerequisite.Icmpv4, 36, 2, 0, FieldText.Decimal, Rewrite.Tp, false, "icmp_type");
    public static readonly Field Icmpv4Code = Row("icmpv4_code", 20, 8, MaskRule.None, Prerequisite.Icmpv4, 38, 2, 0, FieldText.Decimal, Rewrite.Tp, false, "icmp_code");
    public static readonly Field ArpOp = Row("arp_op", 21, 16, MaskRule.None, Prerequisite.Arp, 86, 2, 0, FieldText.Decimal, Rewrite.Arp, false);
    public static readonly Field ArpSpa = Row("arp_spa", 22, 32, MaskRule.Any, Prerequisite.Arp, 40, 4, 0, FieldText.Ipv4, Rewrite.Arp, false);
    public static readonly Field ArpTpa = Row("arp_tpa", 23, 32, MaskRule.Any, Prerequisite.Arp, 44, 4, 0, FieldText.Ipv4, Rewrite.Arp, false);
    public static readonly Field ArpSha = Row("arp_sha", 24, 48, MaskRule.Any, Prerequisite.Arp, 120, 6, 0, FieldText.Mac, Rewrite.Arp, false);
    public static readonly Field ArpTha = Row("arp_tha", 25, 48, MaskRule.Any, Prerequisite.Arp, 128, 6, 0, FieldText.Mac, Rewrite.Arp, false);
    public static readonly Field Ipv6Src = Row("ipv6_src", 26, 128, MaskRule.Any, Prerequisite.Ipv6, 48, 16, 0, FieldText.Ipv6, Rewrite.Ipv6, false);
    public static readonly Field Ipv6Dst = Row("ipv6_dst", 27, 128, MaskRule.Any, Prerequisite.Ipv6, 64, 16, 0, FieldText.Ipv6, Rewrite.Ipv6, false);
    public static readonly Field Ipv6Flabel = Row("ipv6_flabel", 28, 20, MaskRule.Any, Prerequisite.Ipv6, 80, 4, 0, FieldText.Hex, Rewrite.Ipv6, false, "ipv6_label");
    public static readonly Field Icmpv6Type = Row("icmpv6_type", 29, 8, MaskRule.None, Prerequisite.Icmpv6, 36, 2, 0, FieldText.Decimal, Rewrite.Tp, false);
    public static readonly Field Icmpv6Code = Row("icmpv6_code", 30, 8, MaskRule.None, Prerequisite.Icmpv6, 38, 2, 0, FieldText.Decimal, Rewrite.Tp, false);
    public static readonly Field NdTarget = Row("ipv6_nd_target", 31, 128, MaskRule.None, Prerequisite.Nd, 104, 16, 0, FieldText.Ipv6, Rewrite.Nd, false, "nd_target");
    public static readonly Field NdSll = Row("ipv6_nd_sll", 32, 48, MaskRule.None, Prerequisite.NdSolicit, 120, 6, 0, FieldText.Mac, Rewrite.Nd, false, "nd_sll");
    public static readonly Field NdTll = Row("ipv6_nd_tll", 33, 48, MaskRule.None, Prerequisite.NdAdvert, 128, 6, 0, FieldText.Mac, Rewrite.Nd, false, "nd_tll");
    public static readonly Field MplsLabel = Row("mpls_label", 34, 20, MaskRule.None, Prerequisite.Mpls, 88, 4, 12, FieldText.Decimal, Rewrite.Mpls, false);
    public static readonly Field MplsTc = Row("mpls_tc", 35, 3, MaskRule.None, Prerequisite.Mpls, 88, 4, 9, FieldText.Decimal, Rewrite.Mpls, false);
    public static readonly Field MplsBos = Row("mpls_bos", 36, 1, MaskRule.None, Prerequisite.Mpls, 88, 4, 8, FieldText.Decimal, Rewrite.Mpls, false);
    public static readonly Field PbbIsid = Row("pbb_isid", 37, 24, MaskRule.Any, Prerequisite.Pbb, 100, 4, 0, FieldText.Decimal, Rewrite.Pbb, false);
    public static readonly Field TunnelId = Row("tunnel_id", 38, 64, MaskRule.Any, Prerequisite.None, 136, 8, 0, FieldText.Hex, Rewrite.Tunnel, false, "tun_id");
    public static readonly Field Ipv6ExtHdr = Row("ipv6_exthdr", 39, 9, MaskRule.Any, Prerequisite.Ipv6, 84, 2, 0, FieldText.Hex, Rewrite.ReadOnly, false);
#pragma warning restore CS1591

    /// <summary>How many rows are OpenFlow 1.3's own; their <see cref="Field.Index"/> is the OXM field number.</summary>
    public const int StandardCount = 40;

    private static readonly Field[] _all = [.. _rows];

    private static readonly FrozenDictionary<uint, Field> _byHeader = _rows.ToFrozenDictionary(f => f.OxmHeader & 0xfffffe00);

    private static readonly FrozenDictionary<string, Field> _byName = _rows
        .SelectMany(f => f.Aliases.Prepend(f.Name).Select(n => (n, f)))
        .ToFrozenDictionary(p => p.n, p => p.f, StringComparer.Ordinal);

    /// <summary>All fields by <see cref="Field.Index"/>.</summary>
    public static IReadOnlyList<Field> All => _all;

    /// <summary><see cref="All"/> for loops that must be fast.</summary>
    internal static ReadOnlySpan<Field> Rows => _all;

    /// <summary>The field with this OXM header's class and field number (mask bit and length are ignored), or null.</summary>
    public static Field? ByOxm(uint header)
    {
        uint field = (header >> 9) & 0x7f;
        if (header >> 16 == Basic && field < StandardCount)
            return _all[field];
        return _byHeader.GetValueOrDefault(header & 0xfffffe00);
    }

    /// <summary>The field with this specification or Open vSwitch name, or null.</summary>
    public static Field? ByName(string name) => _byName.GetValueOrDefault(name);

    private static Field Row(
        string name, int oxm, int bits, MaskRule mask, Prerequisite needs, int offset, int size, int shift, FieldText text, Rewrite rewrite, bool host, params string[] aliases)
    {
        uint bytes = bits == 20 ? 4u : (uint)((bits + 7) / 8); // MPLS and IPv6 labels travel in four bytes
        uint header = ((uint)Basic << 16) | ((uint)oxm << 9) | bytes;
        Field field = new(_rows.Count, name, header, bits, mask, needs, offset, size, shift, text, rewrite, host, aliases);
        _rows.Add(field);
        return field;
    }
}
