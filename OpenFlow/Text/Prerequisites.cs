using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.OpenFlow.Text;

/// <summary>Whether what is matched exactly implies a field's <see cref="Prerequisite"/> (OpenFlow 1.3.5, table 12).</summary>
internal static class Prerequisites
{
    public static bool Hold(Prerequisite needs, in FlowKey value, in FlowKey mask)
    {
        ushort ethType = mask.EthType.Value == 0xffff ? value.EthType.Value : (ushort)0;
        bool ip = ethType is 0x0800 or 0x86dd;
        int proto = ip && mask.IpProto == 0xff ? value.IpProto : -1;
        int icmpType = proto == 58 && (mask.TpSrc.Value & 0xff) == 0xff ? value.TpSrc.Value : -1;
        return needs switch
        {
            Prerequisite.None => true,
            Prerequisite.Vlan => (value.VlanTci.Value & mask.VlanTci.Value & FlowKey.VlanPresent) != 0,
            Prerequisite.Ipv4 => ethType == 0x0800,
            Prerequisite.Ipv6 => ethType == 0x86dd,
            Prerequisite.Ip => ip,
            Prerequisite.Arp => ethType is 0x0806 or 0x8035,
            Prerequisite.Mpls => ethType is 0x8847 or 0x8848,
            Prerequisite.Pbb => ethType == 0x88e7,
            Prerequisite.Tcp => proto == 6,
            Prerequisite.Udp => proto == 17,
            Prerequisite.Sctp => proto == 132,
            Prerequisite.Icmpv4 => ethType == 0x0800 && proto == 1,
            Prerequisite.Icmpv6 => ethType == 0x86dd && proto == 58,
            Prerequisite.Nd => ethType == 0x86dd && icmpType is 135 or 136,
            Prerequisite.NdSolicit => ethType == 0x86dd && icmpType == 135,
            Prerequisite.NdAdvert => ethType == 0x86dd && icmpType == 136,
            Prerequisite.InPort => mask.InPort != 0,
            _ => false,
        };
    }

    /// <summary>What a person must add to the match.</summary>
    public static string Describe(Prerequisite needs) => needs switch
    {
        Prerequisite.Vlan => "dl_vlan",
        Prerequisite.Ipv4 => "ip",
        Prerequisite.Ipv6 => "ipv6",
        Prerequisite.Ip => "ip or ipv6",
        Prerequisite.Arp => "arp",
        Prerequisite.Mpls => "mpls",
        Prerequisite.Pbb => "pbb",
        Prerequisite.Tcp => "tcp or tcp6",
        Prerequisite.Udp => "udp or udp6",
        Prerequisite.Sctp => "sctp or sctp6",
        Prerequisite.Icmpv4 => "icmp",
        Prerequisite.Icmpv6 => "icmp6",
        Prerequisite.Nd => "icmp6,icmp_type=135 or 136",
        Prerequisite.NdSolicit => "icmp6,icmp_type=135",
        Prerequisite.NdAdvert => "icmp6,icmp_type=136",
        Prerequisite.InPort => "in_port",
        _ => needs.ToString(),
    };
}
