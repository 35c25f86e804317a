using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.Translator.Xlate;

/// <summary>Where in a key's words the fields are that translation treats by itself, and which bits belong to which header.</summary>
internal static class KeyBits
{
    internal const int PortWord = 0;
    internal const int EthTypeWord = 1;
    internal const int VlanWord = 2;
    internal const int TpidWord = 3;
    internal const int IpWord = 4;
    internal const int MplsWord = 11;
    internal const int PbbWord = 12;

    /// <summary>eth_type in word 1.</summary>
    internal static readonly ulong EthType = Word(EthTypeWord, new FlowKey { EthType = 0xffff });

    /// <summary>vlan_tci in word 2.</summary>
    internal static readonly ulong VlanTci = Word(VlanWord, new FlowKey { VlanTci = 0xffff });

    /// <summary>The bit that says that there is a tag, in word 2.</summary>
    internal static readonly ulong VlanPresent = Word(VlanWord, new FlowKey { VlanTci = FlowKey.VlanPresent });

    /// <summary>The VLAN id in word 2.</summary>
    internal static readonly ulong VlanVid = Word(VlanWord, new FlowKey { VlanTci = 0x0fff });

    /// <summary>vlan_tpid in word 3.</summary>
    internal static readonly ulong VlanTpid = Word(TpidWord, new FlowKey { VlanTpid = 0xffff });

    /// <summary>inner_tpid in word 3.</summary>
    internal static readonly ulong InnerTpid = Word(TpidWord, new FlowKey { InnerTpid = 0xffff });

    /// <summary>The inner tag's presence in word 3.</summary>
    internal static readonly ulong InnerPresent = Word(TpidWord, new FlowKey { InnerTci = FlowKey.VlanPresent });

    /// <summary>ip_proto in word 4.</summary>
    internal static readonly ulong IpProto = Word(IpWord, new FlowKey { IpProto = 0xff });

    /// <summary>The DSCP.</summary>
    internal static readonly FlowKey Dscp = new() { IpTos = DscpMask };

    /// <summary>The DSCP's bits of ip_tos.</summary>
    internal const byte DscpMask = 0xfc;

    /// <summary>ip_ttl in word 4.</summary>
    internal static readonly ulong IpTtl = Word(IpWord, new FlowKey { IpTtl = 0xff });

    /// <summary>ip_frag in word 4.</summary>
    internal static readonly ulong IpFrag = Word(IpWord, new FlowKey { IpFrag = 0xff });

    /// <summary>"Not the first fragment" in word 4.</summary>
    internal static readonly ulong FragLater = Word(IpWord, new FlowKey { IpFrag = FlowKey.FragLater });

    /// <summary>Both ports (ICMP: type and code) in word 4.</summary>
    internal static readonly ulong Ports = Word(IpWord, new FlowKey { TpSrc = 0xffff, TpDst = 0xffff });

    /// <summary>The top label stack entry in word 11.</summary>
    internal static readonly ulong Lse = Word(MplsWord, new FlowKey { MplsLse0 = uint.MaxValue });

    /// <summary>Its bottom-of-stack bit.</summary>
    internal static readonly ulong LseBottom = Word(MplsWord, new FlowKey { MplsLse0 = 0x100 });

    /// <summary>Its TTL.</summary>
    internal static readonly ulong LseTtl = Word(MplsWord, new FlowKey { MplsLse0 = 0xff });

    /// <summary>pbb_itag in word 12.</summary>
    internal static readonly ulong Itag = Word(PbbWord, new FlowKey { PbbItag = uint.MaxValue });

    /// <summary>ipv6_label in word 10.</summary>
    internal static readonly ulong FlowLabel = Word(10, new FlowKey { Ipv6Label = uint.MaxValue });

    /// <summary>arp_op in word 10.</summary>
    internal static readonly ulong ArpOp = Word(10, new FlowKey { ArpOp = 0xffff });

    /// <summary>The bits of words 24 and on, which packets don't have.</summary>
    internal static readonly FlowKey Pipeline = Of(static (ref FlowKey k) => k.AsMutableWords()[FlowKey.PacketWords..].Fill(ulong.MaxValue));

    /// <summary>The bits of words below 24, which the datapath knows.</summary>
    internal static readonly FlowKey Packet = Of(static (ref FlowKey k) => k.AsMutableWords()[..FlowKey.PacketWords].Fill(ulong.MaxValue));

    /// <summary>All that is behind a label stack: network, transport and ARP header.</summary>
    internal static readonly FlowKey BehindMpls = Of(static (ref FlowKey k) =>
    {
        k.AsMutableWords()[4..11].Fill(ulong.MaxValue);
        k.AsMutableWords()[13..17].Fill(ulong.MaxValue);
        k.TcpFlags = 0xffff;
    });

    /// <summary>All that is behind the ethertype: label stack, I-TAG, and what is behind these.</summary>
    internal static readonly FlowKey BehindEthType = Of(static (ref FlowKey k) =>
    {
        k = BehindMpls;
        k.MplsLse0 = uint.MaxValue;
        k.MplsLse1 = uint.MaxValue;
        k.MplsLse2 = uint.MaxValue;
        k.PbbItag = uint.MaxValue;
    });

    /// <summary>The transport header: ports, TCP flags, neighbour discovery.</summary>
    internal static readonly FlowKey Transport = Of(static (ref FlowKey k) =>
    {
        k.TpSrc = 0xffff;
        k.TpDst = 0xffff;
        k.TcpFlags = 0xffff;
        k.AsMutableWords()[13..17].Fill(ulong.MaxValue);
    });

    /// <summary>The frame from the ethertype on.</summary>
    internal static readonly FlowKey FromEthType = Of(static (ref FlowKey k) =>
    {
        k = BehindEthType;
        k.EthType = 0xffff;
    });

    /// <summary>The whole frame.</summary>
    internal static readonly FlowKey Frame = Of(static (ref FlowKey k) =>
    {
        k = FromEthType;
        k.AsMutableWords()[1..4].Fill(ulong.MaxValue);
    });

    /// <summary>The frame from the first VLAN tag on.</summary>
    internal static readonly FlowKey BehindAddresses = Of(static (ref FlowKey k) =>
    {
        k = Frame;
        k.EthDst = 0;
        k.EthSrc = 0;
    });

    /// <summary>What neighbour discovery messages have behind their type.</summary>
    internal static readonly FlowKey NeighbourDiscovery = Of(static (ref FlowKey k) => k.AsMutableWords()[13..17].Fill(ulong.MaxValue));

    /// <summary>The tunnel that the packet came from.</summary>
    internal static readonly FlowKey Tunnel = Of(static (ref FlowKey k) =>
    {
        k.AsMutableWords()[17..24].Fill(ulong.MaxValue);
        k.DpHash = 0;
    });

    /// <summary>The outer VLAN tag.</summary>
    internal static readonly FlowKey OuterTag = new() { VlanTci = 0xffff, VlanTpid = 0xffff };

    /// <summary>The outer VLAN tag and the ethertype.</summary>
    internal static readonly FlowKey TagsAndEthType = new() { VlanTci = 0xffff, VlanTpid = 0xffff, EthType = 0xffff };

    /// <summary>The top label.</summary>
    internal static readonly FlowKey Label = new() { MplsLse0 = uint.MaxValue };

    /// <summary>The top label's TTL.</summary>
    internal static readonly FlowKey LabelTtl = new() { MplsLse0 = 0xff };

    /// <summary>The top label's TTL, and that of IP.</summary>
    internal static readonly FlowKey LabelAndIpTtl = new() { MplsLse0 = 0xff, IpTtl = 0xff };

    /// <summary>The top label and the ethertype.</summary>
    internal static readonly FlowKey LabelAndEthType = new() { MplsLse0 = uint.MaxValue, EthType = 0xffff };

    // The parts of each word that a rewrite treats as one.
    private static readonly ulong[][] _fields = [.. Enumerable.Range(0, FlowKey.Words).Select(FieldsIn)];

    /// <summary>The fields of a word that can be rewritten, as bits.</summary>
    internal static ulong[] FieldsOf(int word) => _fields[word];

    private static ulong[] FieldsIn(int word)
    {
        FlowKey[] fields =
        [
            new() { EthDst = 0xffffffffffff }, new() { EthType = 0xffff }, new() { EthSrc = 0xffffffffffff },
            new() { IpProto = 0xff }, new() { IpTos = 0xff }, new() { IpTtl = 0xff }, new() { TpSrc = 0xffff }, new() { TpDst = 0xffff },
            new() { Ipv4Src = uint.MaxValue }, new() { Ipv4Dst = uint.MaxValue }, new() { Ipv6Src = UInt128.MaxValue }, new() { Ipv6Dst = UInt128.MaxValue },
            new() { Ipv6Label = uint.MaxValue }, new() { ArpOp = 0xffff }, new() { ArpSha = 0xffffffffffff }, new() { ArpTha = 0xffffffffffff },
            new() { NdTarget = UInt128.MaxValue }, new() { MplsLse0 = uint.MaxValue }, new() { PbbItag = uint.MaxValue },
        ];
        return [.. fields.Select(f => f.AsWords()[word]).Where(bits => bits != 0)];
    }

    private delegate void Fill(ref FlowKey key);

    private static FlowKey Of(Fill fill)
    {
        FlowKey key = default;
        fill(ref key);
        return key;
    }

    private static ulong Word(int word, in FlowKey mask) => mask.AsWords()[word];
}
