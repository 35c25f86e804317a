namespace OvsBridge.Datapath;

/// <summary>Ethertypes that parser and actions know, host order.</summary>
internal static class EtherTypes
{
    /// <summary>From here on the type field is a type, below it is an 802.3 length.</summary>
    public const ushort Minimum = 0x0600;
    public const ushort Ipv4 = 0x0800;
    public const ushort Arp = 0x0806;
    public const ushort Rarp = 0x8035;
    public const ushort Vlan = 0x8100;
    public const ushort Ipv6 = 0x86dd;
    public const ushort MplsUnicast = 0x8847;
    public const ushort MplsMulticast = 0x8848;
    public const ushort ServiceVlan = 0x88a8;
    public const ushort Pbb = 0x88e7;

    /// <summary>Whether it is a TPID.</summary>
    public static bool IsVlan(ushort type) => type is Vlan or ServiceVlan;

    /// <summary>Whether a label stack follows.</summary>
    public static bool IsMpls(ushort type) => type is MplsUnicast or MplsMulticast;
}

/// <summary>IP protocol numbers, IPv6 extension headers included.</summary>
internal static class IpProtocols
{
    public const byte HopByHop = 0;
    public const byte Icmp = 1;
    public const byte Tcp = 6;
    public const byte Udp = 17;
    public const byte Routing = 43;
    public const byte Fragment = 44;
    public const byte Esp = 50;
    public const byte Authentication = 51;
    public const byte Icmpv6 = 58;
    public const byte NoNextHeader = 59;
    public const byte DestinationOptions = 60;
    public const byte Sctp = 132;
}

/// <summary>Parts of an MPLS label stack entry, host order (RFC 3032, 2.1).</summary>
internal static class MplsEntry
{
    public const uint BottomOfStack = 0x100;
    public const uint TtlMask = 0xff;
}
