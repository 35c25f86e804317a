namespace OvsBridge.Datapath;

/// <summary>Which header stands behind the Ethernet header and its tags, if it is one that the parser understands and found complete.</summary>
internal enum NetworkHeader : byte
{
    /// <summary>None: another ethertype, or a broken or truncated header.</summary>
    None,

    /// <summary>IPv4.</summary>
    Ipv4,

    /// <summary>IPv6.</summary>
    Ipv6,

    /// <summary>ARP or RARP for IPv4 on Ethernet.</summary>
    Arp,

    /// <summary>At least one MPLS label stack entry.</summary>
    Mpls,

    /// <summary>A PBB I-TAG.</summary>
    Pbb,
}

/// <summary>
/// Where the headers of a frame are; made by <see cref="PacketParser"/> together with the key, so that a rewrite touches
/// exactly the bytes that the key's fields came from. Offsets are bytes from the destination MAC; 0: not there.
/// </summary>
internal struct PacketLayout
{
    /// <summary>Offset of the field that <c>eth_type</c> came from.</summary>
    public int TypeAt;

    /// <summary>VLAN tags that were taken, 0 to 2; the outer one is at offset 12.</summary>
    public int VlanTags;

    /// <summary>Whether the type is that of Ethernet II (behind any VLAN tags), not of an 802.3 frame with or without SNAP.</summary>
    public bool EthernetII;

    /// <summary>What is at <see cref="NetworkAt"/>.</summary>
    public NetworkHeader Network;

    /// <summary>Offset of the network header.</summary>
    public int NetworkAt;

    /// <summary>Label stack entries that were taken, 0 to 3.</summary>
    public int MplsEntries;

    /// <summary>Offset of the IPv6 byte that <c>ip_proto</c> came from: next header of the fixed or an extension header.</summary>
    public int Ipv6ProtoAt;

    /// <summary>Offset of the last IPv6 routing header with segments left: the destination address is not the final one, and not in L4 checksums.</summary>
    public int RoutingAt;

    /// <summary>Whether the packet is a fragment, the first one included.</summary>
    public bool Fragment;

    /// <summary>
    /// Offset of the transport header, 0 when the parser used none: TCP, UDP, SCTP, ICMP with IPv4, ICMPv6 with IPv6, found complete
    /// (<see cref="Protocol"/>).
    /// </summary>
    public int TransportAt;

    /// <summary>IP protocol of the header at <see cref="TransportAt"/>.</summary>
    public byte Protocol;

    /// <summary>Offset behind the IP payload; padding follows. Beyond the bytes at hand when the frame was cut.</summary>
    public int PayloadEnd;

    /// <summary>Offset of the neighbour discovery target address.</summary>
    public int NdTargetAt;

    /// <summary>Offset of the address in the first source link-layer address option.</summary>
    public int NdSourceAt;

    /// <summary>Offset of the address in the first target link-layer address option.</summary>
    public int NdDestinationAt;
}
