using System.Text;

namespace OvsBridge.OpenFlow.Text;

/// <summary>
/// Lists of match fields in dump-table-features: Open vSwitch's names in its order, those that begin alike put together
/// (<c>tun_{id,src,dst}</c>, <c>reg0...reg15</c>). Fields that it does not know are left out, as there.
/// </summary>
internal static class FieldList
{
    private const uint Standard = 0x8000, Nicira = 1, Experimenter = 0xffff;
    private const uint NiciraNumber = 0x2320, Nsh = 0x005ad650, Onf = Messages.ExperimenterMessage.Onf;

    private static readonly Dictionary<(uint Class, uint Field, uint Experimenter), int> _order = [];
    private static readonly List<string> _names = [];

    static FieldList()
    {
        Add(Nicira, 0, (35, "dp_hash"), (36, "recirc_id"));
        Add(Standard, 0, (44, "packet_type"));
        Add(Nicira, 0, (37, "conj_id"));
        Add(Standard, 0, (38, "tun_id"));
        Add(Nicira, 0, (31, "tun_src"), (32, "tun_dst"), (109, "tun_ipv6_src"), (110, "tun_ipv6_dst"), (104, "tun_flags"), (38, "tun_gbp_id"), (39, "tun_gbp_flags"));
        Add(Experimenter, NiciraNumber, (11, "tun_erspan_idx"), (12, "tun_erspan_ver"), (13, "tun_erspan_dir"), (14, "tun_erspan_hwid"), (15, "tun_gtpu_flags"), (16, "tun_gtpu_msgtype"));
        AddRun(Nicira, 40, "tun_metadata", 64);
        Add(Standard, 0, (2, "metadata"));
        Add(0, 0, (0, "in_port"));
        Add(Standard, 0, (0, "in_port_oxm"));
        Add(Experimenter, Onf, (43, "actset_output"));
        Add(Nicira, 0, (33, "pkt_mark"), (105, "ct_state"), (106, "ct_zone"), (107, "ct_mark"), (108, "ct_label"), (119, "ct_nw_proto"), (120, "ct_nw_src"), (121, "ct_nw_dst"), (122, "ct_ipv6_src"), (123, "ct_ipv6_dst"), (124, "ct_tp_src"), (125, "ct_tp_dst"));
        AddRun(Nicira, 0, "reg", 16);
        AddRun(0x8001, 0, "xreg", 8);
        AddRun(Nicira, 111, "xxreg", 4);
        Add(Standard, 0, (4, "eth_src"), (3, "eth_dst"), (5, "eth_type"));
        Add(0, 0, (4, "vlan_tci"));
        Add(Standard, 0, (6, "vlan_vid"), (7, "vlan_pcp"), (34, "mpls_label"), (35, "mpls_tc"), (36, "mpls_bos"));
        Add(Nicira, 0, (30, "mpls_ttl"));
        Add(Standard, 0, (11, "ip_src"), (12, "ip_dst"), (26, "ipv6_src"), (27, "ipv6_dst"), (28, "ipv6_label"), (10, "nw_proto"));
        Add(0, 0, (5, "nw_tos"));
        Add(Standard, 0, (8, "ip_dscp"), (9, "nw_ecn"));
        Add(Nicira, 0, (29, "nw_ttl"), (26, "ip_frag"));
        Add(Standard, 0, (21, "arp_op"), (22, "arp_spa"), (23, "arp_tpa"), (24, "arp_sha"), (25, "arp_tha"), (13, "tcp_src"), (14, "tcp_dst"));
        Add(Experimenter, Onf, (42, "tcp_flags"));
        Add(Standard, 0, (15, "udp_src"), (16, "udp_dst"), (17, "sctp_src"), (18, "sctp_dst"), (19, "icmp_type"), (20, "icmp_code"), (29, "icmpv6_type"), (30, "icmpv6_code"), (31, "nd_target"), (32, "nd_sll"), (33, "nd_tll"));
        Add(0x1000, 0, (1, "nd_reserved"), (2, "nd_options_type"));
        Add(Experimenter, Nsh, (1, "nsh_flags"), (2, "nsh_mdtype"), (3, "nsh_np"), (4, "nsh_spi"), (5, "nsh_si"), (6, "nsh_c1"), (7, "nsh_c2"), (8, "nsh_c3"), (9, "nsh_c4"), (10, "nsh_ttl"));
    }

    /// <summary>The place of a field in the order, or a negative number: it is not known.</summary>
    /// <param name="header">Its OXM header.</param>
    /// <param name="experimenter">The experimenter number behind a header of class 0xffff.</param>
    public static int PlaceOf(uint header, uint experimenter) =>
        _order.TryGetValue((header >> 16, header >> 9 & 0x7f, header >> 16 == Experimenter ? experimenter : 0), out int place) ? place : -1;

    /// <summary>Appends the names of fields, given by their places.</summary>
    public static void Append(StringBuilder text, IEnumerable<int> places) =>
        Append(text, [.. places.Order().Select(place => _names[place])], ' ');

    private static void Append(StringBuilder text, List<string> names, char separator)
    {
        for (int i = 0; i < names.Count;)
        {
            if (i > 0)
                text.Append(separator);
            int run = RunLength(names, i);
            if (run > 1)
            {
                text.Append(names[i]).Append("...").Append(names[i + run - 1]);
                i += run;
                continue;
            }

            int underscore = names[i].IndexOf('_', StringComparison.Ordinal) + 1;
            string prefix = names[i][..underscore];
            int end = i + 1;
            while (prefix.Length > 0 && end < names.Count && names[end].StartsWith(prefix, StringComparison.Ordinal))
                end++;
            if (end - i == 1)
            {
                text.Append(names[i]);
            }
            else
            {
                text.Append(prefix).Append('{');
                Append(text, [.. names.Skip(i).Take(end - i).Select(name => name[prefix.Length..])], ',');
                text.Append('}');
            }

            i = end;
        }
    }

    // How many names from here on differ by a number that goes up: reg0, reg1, ...
    private static int RunLength(List<string> names, int from)
    {
        string stem = names[from].TrimEnd('0', '1', '2', '3', '4', '5', '6', '7', '8', '9');
        if (stem.Length == names[from].Length || !int.TryParse(names[from].AsSpan(stem.Length), out int number))
            return 1;
        int length = 1;
        while (from + length < names.Count && names[from + length] == $"{stem}{number + length}")
            length++;
        return length;
    }

    private static void Add(uint oxmClass, uint experimenter, params (int Field, string Name)[] fields)
    {
        foreach ((int field, string name) in fields)
        {
            _order.Add((oxmClass, (uint)field, experimenter), _names.Count);
            _names.Add(name);
        }
    }

    private static void AddRun(uint oxmClass, int first, string stem, int count)
    {
        for (int i = 0; i < count; i++)
            Add(oxmClass, 0, (first + i, $"{stem}{i}"));
    }
}
