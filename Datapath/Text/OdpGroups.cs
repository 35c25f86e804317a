using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Text;

namespace OvsBridge.Datapath.Text;

/// <summary>One <c>name=value</c> of a group.</summary>
/// <param name="Name">Its word.</param>
/// <param name="Field">Where it is in the key.</param>
/// <param name="Format">How it is written.</param>
internal sealed record OdpPart(string Name, Field Field, OdpFormat Format);

/// <summary>The groups of a flow in datapath notation: <c>ipv4(src=..,dst=..)</c>; read and printed by the same rows.</summary>
internal static class OdpGroups
{
    /// <summary>The word whose value is no, first or later.</summary>
    public const string Frag = "frag";

    public static readonly OdpPart[] Eth =
    [
        new("src", FieldTable.EthSrc, OdpFormat.Mac), new("dst", FieldTable.EthDst, OdpFormat.Mac),
    ];

    public static readonly OdpPart[] Ipv4 =
    [
        new("src", FieldTable.Ipv4Src, OdpFormat.Ipv4), new("dst", FieldTable.Ipv4Dst, OdpFormat.Ipv4),
        new("proto", FieldTable.IpProto, OdpFormat.Decimal), new("tos", KeyFields.IpTos, OdpFormat.Hex),
        new("ttl", KeyFields.NwTtl, OdpFormat.Decimal), new(Frag, KeyFields.NwFrag, OdpFormat.Decimal),
    ];

    public static readonly OdpPart[] Ipv6 =
    [
        new("src", FieldTable.Ipv6Src, OdpFormat.Ipv6), new("dst", FieldTable.Ipv6Dst, OdpFormat.Ipv6),
        new("label", FieldTable.Ipv6Flabel, OdpFormat.Hex), new("proto", FieldTable.IpProto, OdpFormat.Decimal),
        new("tclass", KeyFields.IpTos, OdpFormat.Hex), new("hlimit", KeyFields.NwTtl, OdpFormat.Decimal),
        new("exthdr", FieldTable.Ipv6ExtHdr, OdpFormat.Hex), new(Frag, KeyFields.NwFrag, OdpFormat.Decimal),
    ];

    public static readonly OdpPart[] Arp =
    [
        new("sip", FieldTable.Ipv4Src, OdpFormat.Ipv4), new("tip", FieldTable.Ipv4Dst, OdpFormat.Ipv4),
        new("op", FieldTable.ArpOp, OdpFormat.Decimal),
        new("sha", FieldTable.ArpSha, OdpFormat.Mac), new("tha", FieldTable.ArpTha, OdpFormat.Mac),
    ];

    public static readonly OdpPart[] Transport =
    [
        new("src", KeyFields.TpSrc, OdpFormat.Decimal), new("dst", KeyFields.TpDst, OdpFormat.Decimal),
    ];

    public static readonly OdpPart[] Icmp =
    [
        new("type", FieldTable.Icmpv4Type, OdpFormat.Decimal), new("code", FieldTable.Icmpv4Code, OdpFormat.Decimal),
    ];

    public static readonly OdpPart[] Nd =
    [
        new("target", FieldTable.NdTarget, OdpFormat.Ipv6),
        new("sll", FieldTable.NdSll, OdpFormat.Mac), new("tll", FieldTable.NdTll, OdpFormat.Mac),
    ];

    public static readonly OdpPart[] Pbb =
    [
        new("isid", FieldTable.PbbIsid, OdpFormat.Decimal), new("flags", KeyFields.PbbItagTop, OdpFormat.Hex),
    ];

    public static readonly OdpPart[] Tunnel =
    [
        new("tun_id", FieldTable.TunnelId, OdpFormat.Hex),
        new("src", KeyFields.TunSrc, OdpFormat.Ipv4), new("dst", KeyFields.TunDst, OdpFormat.Ipv4),
        new("ipv6_src", KeyFields.TunIpv6Src, OdpFormat.Ipv6), new("ipv6_dst", KeyFields.TunIpv6Dst, OdpFormat.Ipv6),
        new("tos", KeyFields.TunTos, OdpFormat.Hex), new("ttl", KeyFields.TunTtl, OdpFormat.Decimal),
        new("flags", KeyFields.TunFlags, OdpFormat.Hex),
    ];

    /// <summary>One label stack entry; <see cref="Field"/> is of the top one.</summary>
    public static readonly OdpPart[] Mpls =
    [
        new("label", FieldTable.MplsLabel, OdpFormat.Decimal), new("tc", FieldTable.MplsTc, OdpFormat.Decimal),
        new("ttl", KeyFields.MplsTtl, OdpFormat.Decimal), new("bos", FieldTable.MplsBos, OdpFormat.Decimal),
    ];

    /// <summary>VID and priority of a tag; bits 12 to 0 of <see cref="Field"/> 0 and 15 to 13.</summary>
    public static readonly (string Name, int Shift, int Bits)[] Vlan = [("vid", 0, 12), ("pcp", 13, 3)];

    /// <summary>The layer 4 group's word by IP protocol; null: it has none.</summary>
    public static (string Name, OdpPart[] Parts)? Layer4(ushort ethType, byte ipProto) => (ethType, ipProto) switch
    {
        (0x0800 or 0x86dd, 6) => ("tcp", Transport),
        (0x0800 or 0x86dd, 17) => ("udp", Transport),
        (0x0800 or 0x86dd, 132) => ("sctp", Transport),
        (0x0800, 1) => ("icmp", Icmp),
        (0x86dd, 58) => ("icmpv6", Icmp),
        _ => null,
    };
}
