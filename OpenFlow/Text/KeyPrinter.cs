using System.Globalization;
using System.Text;
using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.OpenFlow.Text;

/// <summary>Prints value and mask over a <see cref="FlowKey"/> in Open vSwitch's words and order.</summary>
internal static class KeyPrinter
{
    private static readonly Field[] _context =
    [
        KeyFields.RecircId, KeyFields.DpHash, KeyFields.SkbPriority, KeyFields.ActsetOutput,
    ];

    private static readonly Field[] _tunnel =
    [
        KeyFields.TunSrc, KeyFields.TunDst, KeyFields.TunIpv6Src, KeyFields.TunIpv6Dst, KeyFields.TunTos, KeyFields.TunTtl, KeyFields.TunFlags,
    ];

    /// <summary>Appends the words, separated by commas.</summary>
    /// <param name="text">Where to.</param>
    /// <param name="value">Values.</param>
    /// <param name="mask">Which bits to tell about.</param>
    /// <param name="ports">Names for ports, or null.</param>
    /// <param name="eth">Whether to say <c>eth</c> in front of the protocol, as megaflows do.</param>
    /// <param name="bare">Each field by itself, no words for protocols; they are known from <paramref name="value"/>, not only from what the mask has.</param>
    public static void Append(StringBuilder text, in FlowKey value, in FlowKey mask, PortNames? ports, bool eth = false, bool bare = false)
    {
        Printer print = new(text, in value, in mask, ports);
        foreach (Field field in _context)
        {
            print.Field(field.Name, field);
        }

        if (eth)
        {
            print.Word("eth");
        }

        ProtocolWords.Row? protocol = bare ? null : ProtocolWords.Describing(value, mask);
        if (protocol is { } row)
        {
            print.Word(row.Name);
        }

        foreach (Field register in KeyFields.Registers)
        {
            print.Field(register.Name, register);
        }

        print.Field("tun_id", FieldTable.TunnelId);
        foreach (Field field in _tunnel)
        {
            print.Field(field.Name, field);
        }

        print.Field("metadata", FieldTable.Metadata);
        print.Field("in_port", FieldTable.InPort);
        print.Vlan("", KeyFields.VlanTci, KeyFields.VlanTpid);
        print.Vlan("1", KeyFields.InnerTci, KeyFields.InnerTpid);
        print.Field("dl_src", FieldTable.EthSrc);
        print.Field("dl_dst", FieldTable.EthDst);
        if (protocol is null)
        {
            print.EthType();
        }

        // A field's words can depend on the protocol: the same key bits are ARP's addresses or IPv4's.
        bool known = bare || mask.EthType.Value == 0xffff;
        ushort ethType = known ? value.EthType.Value : (ushort)0;
        bool arp = ethType is 0x0806 or 0x8035;
        bool icmp = (bare || mask.IpProto == 0xff) && ((ethType == 0x0800 && value.IpProto == 1) || (ethType == 0x86dd && value.IpProto == 58));
        bool nd = icmp && ethType == 0x86dd;
        print.Field("ipv6_src", FieldTable.Ipv6Src);
        print.Field("ipv6_dst", FieldTable.Ipv6Dst);
        print.FlowLabel();
        print.Field("ipv6_exthdr", FieldTable.Ipv6ExtHdr);
        print.Field(arp ? "arp_spa" : "nw_src", FieldTable.Ipv4Src);
        print.Field(arp ? "arp_tpa" : "nw_dst", FieldTable.Ipv4Dst);
        print.Field("arp_op", FieldTable.ArpOp);
        if (protocol?.IpProto is null)
        {
            print.Field("nw_proto", FieldTable.IpProto);
        }

        if (!nd)
        {
            print.Field("arp_sha", FieldTable.ArpSha);
            print.Field("arp_tha", FieldTable.ArpTha);
        }

        print.Dscp();
        print.Field("nw_ecn", FieldTable.IpEcn);
        print.Field("nw_ttl", KeyFields.NwTtl);
        print.Field("mpls_label", FieldTable.MplsLabel);
        print.Field("mpls_tc", FieldTable.MplsTc);
        print.Field("mpls_ttl", KeyFields.MplsTtl);
        print.Field("mpls_bos", FieldTable.MplsBos);
        print.Field("mpls_lse1", KeyFields.MplsLse1);
        print.Field("mpls_lse2", KeyFields.MplsLse2);
        print.Field("pbb_isid", FieldTable.PbbIsid);
        print.Field("pbb_itag_flags", KeyFields.PbbItagTop);
        print.Fragment();
        print.Field(icmp ? "icmp_type" : "tp_src", icmp ? FieldTable.Icmpv4Type : KeyFields.TpSrc);
        print.Field(icmp ? "icmp_code" : "tp_dst", icmp ? FieldTable.Icmpv4Code : KeyFields.TpDst);
        print.Field("nd_target", FieldTable.NdTarget);
        if (nd)
        {
            print.Field("nd_sll", FieldTable.NdSll);
            print.Field("nd_tll", FieldTable.NdTll);
        }

        print.Field("tcp_flags", KeyFields.TcpFlags);
    }

    private readonly ref struct Printer(StringBuilder text, in FlowKey value, in FlowKey mask, PortNames? ports)
    {
        private readonly ref readonly FlowKey _value = ref value;
        private readonly ref readonly FlowKey _mask = ref mask;

        public void Word(string word)
        {
            if (text.Length > 0 && text[^1] is not (',' or ' '))
            {
                text.Append(',');
            }

            text.Append(word);
        }

        public void Field(string name, Field field)
        {
            UInt128 bits = field.Get(_mask);
            if (bits != 0)
            {
                Word($"{name}={FieldValueText.Print(field, field.Get(_value), bits, ports)}");
            }
        }

        public void EthType()
        {
            if (_mask.EthType.Value == 0xffff)
            {
                Word($"dl_type=0x{_value.EthType.Value:x4}");
            }
            else if (_mask.EthType.Value != 0)
            {
                Word($"dl_type=0x{_value.EthType.Value:x4}/0x{_mask.EthType.Value:x4}");
            }
        }

        public void Vlan(string suffix, Field tci, Field tpid)
        {
            int value = (int)tci.Get(_value), bits = (int)tci.Get(_mask);
            int vidBits = bits & 0xfff, pcpBits = bits & 0xe000;
            if ((bits & value & FlowKey.VlanPresent) != 0 && vidBits is 0 or 0xfff && pcpBits is 0 or 0xe000 && (vidBits | pcpBits) != 0)
            {
                if (vidBits != 0)
                {
                    Word(string.Create(CultureInfo.InvariantCulture, $"dl_vlan{suffix}={value & 0xfff}"));
                }

                if (pcpBits != 0)
                {
                    Word(string.Create(CultureInfo.InvariantCulture, $"dl_vlan_pcp{suffix}={value >> 13}"));
                }
            }
            else if (bits == 0xffff)
            {
                Word($"vlan_tci{suffix}=0x{value:x4}");
            }
            else if (bits != 0)
            {
                Word($"vlan_tci{suffix}=0x{value:x4}/0x{bits:x4}");
            }

            // Open vSwitch says nothing about the tag's ethertype; here it is named where it is not the usual one.
            if ((int)tpid.Get(_value) is not (0 or 0x8100))
            {
                Field(tpid.Name, tpid);
            }
        }

        public void FlowLabel()
        {
            UInt128 bits = FieldTable.Ipv6Flabel.Get(_mask);
            if (bits == FieldTable.Ipv6Flabel.AllOnes)
            {
                Word($"ipv6_label=0x{(uint)FieldTable.Ipv6Flabel.Get(_value):x5}");
            }
            else if (bits != 0)
            {
                Word($"ipv6_label=0x{(uint)FieldTable.Ipv6Flabel.Get(_value):x5}/0x{(uint)bits:x5}");
            }
        }

        public void Dscp()
        {
            UInt128 bits = FieldTable.IpDscp.Get(_mask);
            if (bits == FieldTable.IpDscp.AllOnes)
            {
                Word(string.Create(CultureInfo.InvariantCulture, $"nw_tos={(int)FieldTable.IpDscp.Get(_value) << 2}"));
            }
            else if (bits != 0)
            {
                Word($"nw_tos=0x{(int)FieldTable.IpDscp.Get(_value) << 2:x}/0x{(int)bits << 2:x}");
            }
        }

        public void Fragment()
        {
            int value = (int)KeyFields.NwFrag.Get(_value), bits = (int)KeyFields.NwFrag.Get(_mask);
            string? word = (bits, value) switch
            {
                (0, _) => null,
                (FlowKey.FragAny | FlowKey.FragLater, 0) => "no",
                (FlowKey.FragAny | FlowKey.FragLater, FlowKey.FragAny) => "first",
                (FlowKey.FragAny | FlowKey.FragLater, _) => "later",
                (FlowKey.FragAny, 0) => "no",
                (FlowKey.FragAny, _) => "yes",
                (_, 0) => "not_later",
                _ => "later",
            };
            if (word is not null)
            {
                Word($"nw_frag={word}");
            }
        }
    }
}
