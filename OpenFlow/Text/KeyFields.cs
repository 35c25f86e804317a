using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.OpenFlow.Text;

/// <summary>
/// Parts of <see cref="FlowKey"/> that have a name in text but are no match field of OpenFlow 1.3: they appear in the flows
/// and megaflows of ofproto/trace, never in a flow_mod.
/// </summary>
internal static class KeyFields
{
    public static readonly Field RecircId = Row("recirc_id", 32, 4, 4, 0, FieldText.Hex, host: true);
    public static readonly Field DpHash = Row("dp_hash", 32, 188, 4, 0, FieldText.Hex, host: true);
    public static readonly Field SkbPriority = Row("skb_priority", 32, 268, 4, 0, FieldText.Hex, host: true);
    public static readonly Field ActsetOutput = Row("actset_output", 32, 264, 4, 0, FieldText.Port, host: true);
    public static readonly Field TunSrc = Row("tun_src", 32, 144, 4, 0, FieldText.Ipv4);
    public static readonly Field TunDst = Row("tun_dst", 32, 148, 4, 0, FieldText.Ipv4);
    public static readonly Field TunIpv6Src = Row("tun_ipv6_src", 128, 152, 16, 0, FieldText.Ipv6);
    public static readonly Field TunIpv6Dst = Row("tun_ipv6_dst", 128, 168, 16, 0, FieldText.Ipv6);
    public static readonly Field TunFlags = Row("tun_flags", 16, 184, 2, 0, FieldText.Hex);
    public static readonly Field TunTos = Row("tun_tos", 8, 186, 1, 0, FieldText.Hex);
    public static readonly Field TunTtl = Row("tun_ttl", 8, 187, 1, 0, FieldText.Decimal);
    public static readonly Field VlanTci = Row("vlan_tci", 16, 22, 2, 0, FieldText.Hex);
    public static readonly Field VlanTpid = Row("vlan_tpid", 16, 24, 2, 0, FieldText.Hex);
    public static readonly Field InnerTpid = Row("vlan_tpid1", 16, 26, 2, 0, FieldText.Hex);
    public static readonly Field InnerTci = Row("vlan_tci1", 16, 28, 2, 0, FieldText.Hex);
    public static readonly Field InnerVid = Row("dl_vlan1", 13, 28, 2, 0, FieldText.Decimal);
    public static readonly Field IpTos = Row("ip_tos", 8, 33, 1, 0, FieldText.Hex, Prerequisite.Ip);
    public static readonly Field NwTtl = Row("nw_ttl", 8, 34, 1, 0, FieldText.Decimal, Prerequisite.Ip);
    public static readonly Field NwFrag = Row("nw_frag", 2, 35, 1, 0, FieldText.Decimal, Prerequisite.Ip);
    public static readonly Field TpSrc = Row("tp_src", 16, 36, 2, 0, FieldText.Decimal);
    public static readonly Field TpDst = Row("tp_dst", 16, 38, 2, 0, FieldText.Decimal);
    public static readonly Field TcpFlags = Row("tcp_flags", 12, 30, 2, 0, FieldText.TcpFlags, Prerequisite.Tcp);
    public static readonly Field MplsTtl = Row("mpls_ttl", 8, 88, 4, 0, FieldText.Decimal, Prerequisite.Mpls);
    public static readonly Field MplsLse1 = Row("mpls_lse1", 32, 92, 4, 0, FieldText.Hex, Prerequisite.Mpls);
    public static readonly Field MplsLse2 = Row("mpls_lse2", 32, 96, 4, 0, FieldText.Hex, Prerequisite.Mpls);
    public static readonly Field PbbItagTop = Row("pbb_itag_flags", 8, 100, 4, 24, FieldText.Hex, Prerequisite.Pbb);

    /// <summary>reg0 to reg15; reg0 is the high half of xreg0.</summary>
    public static readonly Field[] Registers = [.. Enumerable.Range(0, 16).Select(Register)];

    /// <summary>By name: what ofproto/trace accepts besides the match fields.</summary>
    public static readonly IReadOnlyDictionary<string, Field> ByName = new[]
    {
        RecircId, DpHash, SkbPriority, ActsetOutput, TunSrc, TunDst, TunIpv6Src, TunIpv6Dst, TunFlags, TunTos, TunTtl, VlanTpid, InnerTpid,
        InnerTci, NwTtl, NwFrag, TcpFlags, MplsTtl, MplsLse1, MplsLse2, PbbItagTop,
    }.Concat(Registers).ToDictionary(f => f.Name);

    private static Field Row(
        string name, int bits, int offset, int size, int shift, FieldText text, Prerequisite needs = Prerequisite.None, bool host = false) =>
        new(-1, name, 0, bits, MaskRule.Any, needs, offset, size, shift, text, Rewrite.ReadOnly, host);

    // Two registers share a host-order word of the key: the even one is the more significant half, as in xregN.
    private static Field Register(int n)
    {
        int xreg = 200 + (8 * (n / 2));
        return new(-1, $"reg{n}", 0, 32, MaskRule.Any, Prerequisite.None, xreg, 8, n % 2 == 0 ? 32 : 0, FieldText.Hex, Rewrite.Pipeline, hostOrder: true);
    }
}
