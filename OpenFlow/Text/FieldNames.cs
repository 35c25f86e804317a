using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.OpenFlow.Text;

/// <summary>The names that set_field and load use, where Open vSwitch's differs from the specification's.</summary>
internal static class FieldNames
{
    private static readonly Dictionary<Field, string> _ovs = new()
    {
        [FieldTable.IpEcn] = "nw_ecn",
        [FieldTable.IpProto] = "nw_proto",
        [FieldTable.Ipv4Src] = "ip_src",
        [FieldTable.Ipv4Dst] = "ip_dst",
        [FieldTable.Icmpv4Type] = "icmp_type",
        [FieldTable.Icmpv4Code] = "icmp_code",
        [FieldTable.Ipv6Flabel] = "ipv6_label",
        [FieldTable.NdTarget] = "nd_target",
        [FieldTable.NdSll] = "nd_sll",
        [FieldTable.NdTll] = "nd_tll",
        [FieldTable.TunnelId] = "tun_id",
    };

    // What load and move call a field: Nicira's names and OXM's. Only names whose bits are exactly the field's.
    private static readonly Dictionary<string, Field> _nxm = new()
    {
        ["NXM_OF_ETH_DST"] = FieldTable.EthDst,
        ["NXM_OF_ETH_SRC"] = FieldTable.EthSrc,
        ["NXM_OF_IP_SRC"] = FieldTable.Ipv4Src,
        ["NXM_OF_IP_DST"] = FieldTable.Ipv4Dst,
        ["NXM_OF_TCP_SRC"] = FieldTable.TcpSrc,
        ["NXM_OF_TCP_DST"] = FieldTable.TcpDst,
        ["NXM_OF_UDP_SRC"] = FieldTable.UdpSrc,
        ["NXM_OF_UDP_DST"] = FieldTable.UdpDst,
        ["NXM_OF_ARP_OP"] = FieldTable.ArpOp,
        ["NXM_OF_ARP_SPA"] = FieldTable.ArpSpa,
        ["NXM_OF_ARP_TPA"] = FieldTable.ArpTpa,
        ["NXM_NX_ARP_SHA"] = FieldTable.ArpSha,
        ["NXM_NX_ARP_THA"] = FieldTable.ArpTha,
        ["NXM_NX_IPV6_SRC"] = FieldTable.Ipv6Src,
        ["NXM_NX_IPV6_DST"] = FieldTable.Ipv6Dst,
        ["NXM_NX_IPV6_LABEL"] = FieldTable.Ipv6Flabel,
        ["NXM_NX_IP_ECN"] = FieldTable.IpEcn,
        ["NXM_NX_TUN_ID"] = FieldTable.TunnelId,
        ["NXM_NX_ND_TARGET"] = FieldTable.NdTarget,
        ["NXM_NX_ND_SLL"] = FieldTable.NdSll,
        ["NXM_NX_ND_TLL"] = FieldTable.NdTll,
    };

    public static string Print(Field field) => _ovs.GetValueOrDefault(field, field.Name);

    /// <summary>By specification, Open vSwitch, OpenFlow 1.0, Nicira or OXM name.</summary>
    public static Field? Find(string name) =>
        FieldTable.ByName(name)
        ?? _nxm.GetValueOrDefault(name)
        ?? (name.StartsWith("OXM_OF_", StringComparison.Ordinal) ? FieldTable.ByName(name[7..].ToLowerInvariant()) : null);
}
