using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.OpenFlow.Text;

/// <summary>Prerequisites in words.</summary>
internal static class PrerequisiteText
{
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
