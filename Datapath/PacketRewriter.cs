using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using OvsBridge.Datapath.Interop;
using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.Datapath;

/// <summary>
/// Changes the bytes of a packet as the datapath actions say (bpf/abi.h, docs/packet-parsing.md), with the checksums that
/// cover them. Checksums are updated, not made anew: one that was wrong stays wrong, so that damage done elsewhere is not hidden.
/// </summary>
/// <remarks>
/// Every method returns false, and has changed nothing, when the packet lacks the header. Each takes the layout of the packet as it is;
/// the caller parses again when a method may have moved or renamed headers. The caller completes partial checksums first (<see cref="ChecksumFixer"/>).
/// </remarks>
internal static class PacketRewriter
{
    private const int MacAddresses = 12;
    private const int VlanTag = 4;
    private const int LabelSize = 4;
    private const int LabelTtl = 3;
    private const int Ipv4Ttl = 8;
    private const int Ipv6HopLimit = 7;
    private const int PbbHeader = 2 + 4 + MacAddresses;

    public static bool SetEth(DpPacket packet, in PacketLayout layout, in DpSetEth value, in DpSetEth mask)
    {
        if (mask.Type.Raw != 0 && !(layout.EthernetII || layout.TypeAt > MacAddresses + (layout.VlanTags * VlanTag)))
        {
            return false;
        }

        Merge(packet.Data, value.Dst, mask.Dst);
        Merge(packet.Data[6..], value.Src, mask.Src);
        Merge(packet.Data[layout.TypeAt..], value.Type, mask.Type);
        return true;
    }

    public static void PushVlan(DpPacket packet, ushort tpid, ushort tci)
    {
        packet.Insert(MacAddresses, VlanTag);
        BinaryPrimitives.WriteUInt16BigEndian(packet.Data[MacAddresses..], tpid);
        BinaryPrimitives.WriteUInt16BigEndian(packet.Data[(MacAddresses + 2)..], tci);
    }

    public static bool PopVlan(DpPacket packet, in PacketLayout layout)
    {
        if (layout.VlanTags == 0)
        {
            return false;
        }

        packet.Remove(MacAddresses, VlanTag);
        return true;
    }

    public static bool SetVlan(DpPacket packet, in PacketLayout layout, ushort tci, ushort mask)
    {
        if (layout.VlanTags == 0)
        {
            return false;
        }

        Merge<Be16>(packet.Data[(MacAddresses + 2)..], tci, mask);
        return true;
    }

    public static bool SetIpv4(DpPacket packet, in PacketLayout layout, in DpSetIpv4 value, in DpSetIpv4 mask)
    {
        if (layout.Network != NetworkHeader.Ipv4)
        {
            return false;
        }

        Span<byte> header = packet.Data.Slice(layout.NetworkAt, 20);
        ulong before = Checksum.Sum(header);
        ulong pseudoBefore = Checksum.Sum(header[12..]) + Checksum.Word(header[9]);
        Merge(header[12..], value.Src, mask.Src);
        Merge(header[16..], value.Dst, mask.Dst);
        Merge(header[1..], value.Tos, mask.Tos);
        Merge(header[8..], value.Ttl, mask.Ttl);
        Merge(header[9..], value.Proto, mask.Proto);
        Update(header[10..], before, Checksum.Sum(header));
        UpdateTransport(packet.Data, layout, pseudoBefore, Checksum.Sum(header[12..]) + Checksum.Word(header[9]), true);
        return true;
    }

    public static bool SetIpv6(DpPacket packet, in PacketLayout layout, in DpSetIpv6 value, in DpSetIpv6 mask)
    {
        if (layout.Network != NetworkHeader.Ipv6)
        {
            return false;
        }

        Span<byte> header = packet.Data.Slice(layout.NetworkAt, 40);
        ref byte protocol = ref packet.Data[layout.Ipv6ProtoAt];

        // RFC 8200 8.1: with segments left, the pseudo header has the last address of the route in place of this destination.
        Span<byte> covered = layout.RoutingAt != 0 ? header[8..24] : header[8..40];
        ulong pseudoBefore = Checksum.Sum(covered) + Checksum.Word(protocol);
        Merge(header[8..], value.Src, mask.Src);
        Merge(header[24..], value.Dst, mask.Dst);
        Merge<Be32>(header, (value.Label & 0xfffff) | ((uint)value.Tos << 20), (mask.Label & 0xfffff) | ((uint)mask.Tos << 20));
        Merge(header[7..], value.Hlimit, mask.Hlimit);
        protocol = (byte)((protocol & ~mask.Proto) | (value.Proto & mask.Proto));
        UpdateTransport(packet.Data, layout, pseudoBefore, Checksum.Sum(covered) + Checksum.Word(protocol), true);
        return true;
    }

    /// <summary>What a dscp_remark band does; a packet that is not IP stays as it is.</summary>
    public static void RaiseDropPrecedence(DpPacket packet, in PacketLayout layout, int levels)
    {
        if (layout.Network == NetworkHeader.Ipv4)
        {
            byte tos = packet.Data[layout.NetworkAt + 1];
            SetIpv4(packet, layout, new DpSetIpv4 { Tos = RaiseDropPrecedence(tos, levels) }, new DpSetIpv4 { Tos = 0xff });
        }
        else if (layout.Network == NetworkHeader.Ipv6)
        {
            byte tos = (byte)(BinaryPrimitives.ReadUInt16BigEndian(packet.Data[layout.NetworkAt..]) >> 4);
            SetIpv6(packet, layout, new DpSetIpv6 { Tos = RaiseDropPrecedence(tos, levels) }, new DpSetIpv6 { Tos = 0xff });
        }
    }

    /// <summary>
    /// A TOS byte with the drop precedence of its DSCP raised (RFC 2597: AFxy is 8x + 2y, x 1 to 4, y 1 to 3); 3 stays the highest. A code
    /// point outside the assured forwarding group has no drop precedence and stays as it is.
    /// </summary>
    public static byte RaiseDropPrecedence(byte tos, int levels)
    {
        int forwardingClass = tos >> 5, precedence = (tos >> 3) & 3;
        return forwardingClass is < 1 or > 4 || precedence == 0 || (tos & 4) != 0
            ? tos
            : (byte)((tos & ~0x18) | (Math.Min(3, precedence + levels) << 3));
    }

    public static bool SetArp(DpPacket packet, in PacketLayout layout, in DpSetArp value, in DpSetArp mask)
    {
        if (layout.Network != NetworkHeader.Arp)
        {
            return false;
        }

        Span<byte> header = packet.Data.Slice(layout.NetworkAt, 28);
        Merge(header[6..], value.Op, mask.Op);
        Merge(header[8..], value.Sha, mask.Sha);
        Merge(header[14..], value.Spa, mask.Spa);
        Merge(header[18..], value.Tha, mask.Tha);
        Merge(header[24..], value.Tpa, mask.Tpa);
        return true;
    }

    public static bool SetTp(DpPacket packet, in PacketLayout layout, in DpSetTp value, in DpSetTp mask)
    {
        if (layout.TransportAt == 0)
        {
            return false;
        }

        Span<byte> header = packet.Data[layout.TransportAt..];
        if (layout.Protocol == IpProtocols.Sctp)
        {
            SetSctp(packet.Data, layout, value, mask);
            return true;
        }

        bool ports = layout.Protocol is IpProtocols.Tcp or IpProtocols.Udp;
        Span<byte> changed = header[..(ports ? 4 : 2)];
        ulong before = Checksum.Sum(changed);
        if (ports)
        {
            Merge(changed, value.Src, mask.Src);
            Merge(changed[2..], value.Dst, mask.Dst);
        }
        else
        {
            Merge(changed, (byte)value.Src, (byte)mask.Src);
            Merge(changed[1..], (byte)value.Dst, (byte)mask.Dst);
        }

        UpdateTransport(packet.Data, layout, before, Checksum.Sum(changed), false);
        return true;
    }

    /// <summary>An address whose option is not in the packet is left alone: a solicitation for duplicate detection has none, and its key says 0.</summary>
    public static bool SetNd(DpPacket packet, in PacketLayout layout, in DpSetNd value, in DpSetNd mask)
    {
        if (layout.NdTargetAt == 0)
        {
            return false;
        }

        // All that changes is at even offsets of the ICMPv6 message: options are multiples of 8 bytes.
        Span<byte> target = packet.Data.Slice(layout.NdTargetAt, 16);
        Span<byte> source = layout.NdSourceAt == 0 ? default : packet.Data.Slice(layout.NdSourceAt, 6);
        Span<byte> destination = layout.NdDestinationAt == 0 ? default : packet.Data.Slice(layout.NdDestinationAt, 6);
        ulong before = Checksum.Sum(target) + Checksum.Sum(source) + Checksum.Sum(destination);
        Merge(target, value.Target, mask.Target);
        if (!source.IsEmpty)
        {
            Merge(source, value.Sll, mask.Sll);
        }

        if (!destination.IsEmpty)
        {
            Merge(destination, value.Tll, mask.Tll);
        }

        UpdateTransport(packet.Data, layout, before, Checksum.Sum(target) + Checksum.Sum(source) + Checksum.Sum(destination), false);
        return true;
    }

    /// <summary>The top label stack entry, or the I-TAG.</summary>
    public static bool SetTag(DpPacket packet, in PacketLayout layout, NetworkHeader header, in DpSetMpls change)
    {
        if (layout.Network != header)
        {
            return false;
        }

        Merge(packet.Data[layout.NetworkAt..], change.Lse, change.Mask);
        return true;
    }

    public static bool PushMpls(DpPacket packet, in PacketLayout layout, ushort etherType, Be32 entry)
    {
        if (!layout.EthernetII)
        {
            return false;
        }

        packet.Insert(layout.TypeAt + 2, 4);
        BinaryPrimitives.WriteUInt16BigEndian(packet.Data[layout.TypeAt..], etherType);
        MemoryMarshal.Write(packet.Data[(layout.TypeAt + 2)..], entry);
        return true;
    }

    /// <summary>In front of VLAN tags: <paramref name="etherType"/> takes the first TPID's place, which <see cref="PopMpls"/> gives back.</summary>
    public static bool PushMplsFront(DpPacket packet, in PacketLayout layout, ushort etherType, Be32 entry)
    {
        if (layout.VlanTags == 0)
        {
            return PushMpls(packet, layout, etherType, entry);
        }

        packet.Insert(MacAddresses, 4);
        BinaryPrimitives.WriteUInt16BigEndian(packet.Data[MacAddresses..], etherType);
        MemoryMarshal.Write(packet.Data[(MacAddresses + 2)..], entry);
        return true;
    }

    public static bool PopMpls(DpPacket packet, in PacketLayout layout, ushort etherType)
    {
        // What a TPID says to be a tag has to be one: its last two bytes are the type behind it.
        int needed = layout.NetworkAt + (EtherTypes.IsVlan(etherType) ? 4 + VlanTag : 4);
        if (layout.Network != NetworkHeader.Mpls || !layout.EthernetII || packet.Length < needed)
        {
            return false;
        }

        packet.Remove(layout.NetworkAt, 4);
        BinaryPrimitives.WriteUInt16BigEndian(packet.Data[layout.TypeAt..], etherType);
        return true;
    }

    public static void PushPbb(DpPacket packet, ushort etherType, Be32 tag)
    {
        packet.Insert(MacAddresses, PbbHeader);
        Span<byte> data = packet.Data;
        BinaryPrimitives.WriteUInt16BigEndian(data[MacAddresses..], etherType);
        MemoryMarshal.Write(data[(MacAddresses + 2)..], tag);
        data[..MacAddresses].CopyTo(data[(MacAddresses + 6)..]);
    }

    public static bool PopPbb(DpPacket packet, in PacketLayout layout)
    {
        // The inner addresses and the inner type must be there: what remains has to be a frame.
        if (layout.Network != NetworkHeader.Pbb || !layout.EthernetII || layout.TypeAt + PbbHeader + 2 > packet.Length)
        {
            return false;
        }

        packet.Data.Slice(layout.NetworkAt + 4, MacAddresses).CopyTo(packet.Data);
        packet.Remove(layout.TypeAt, PbbHeader);
        return true;
    }

    /// <summary>The TTL or hop limit of the packet's IP header, or null.</summary>
    public static byte? Ttl(DpPacket packet, in PacketLayout layout) => layout.Network switch
    {
        NetworkHeader.Ipv4 => packet.Data[layout.NetworkAt + 8],
        NetworkHeader.Ipv6 => packet.Data[layout.NetworkAt + 7],
        _ => null,
    };

    /// <summary>The TTL of the top label, or null.</summary>
    public static byte? MplsTtl(DpPacket packet, in PacketLayout layout) =>
        layout.Network == NetworkHeader.Mpls ? packet.Data[layout.NetworkAt + 3] : null;

    public static void SetTtl(DpPacket packet, in PacketLayout layout, byte ttl)
    {
        if (layout.Network == NetworkHeader.Ipv4)
        {
            SetIpv4Ttl(packet.Data[layout.NetworkAt..], ttl);
        }
        else
        {
            packet.Data[layout.NetworkAt + 7] = ttl;
        }
    }

    public static void SetMplsTtl(DpPacket packet, in PacketLayout layout, byte ttl) => packet.Data[layout.NetworkAt + 3] = ttl;

    public static bool CopyTtlOut(DpPacket packet, in PacketLayout layout)
    {
        int inner = InnerTtlAt(packet, layout, out _);
        if (inner == 0)
        {
            return false;
        }

        packet.Data[layout.NetworkAt + 3] = packet.Data[inner];
        return true;
    }

    public static bool CopyTtlIn(DpPacket packet, in PacketLayout layout)
    {
        int inner = InnerTtlAt(packet, layout, out bool ipv4);
        if (inner == 0)
        {
            return false;
        }

        byte ttl = packet.Data[layout.NetworkAt + 3];
        if (ipv4)
        {
            SetIpv4Ttl(packet.Data[(inner - Ipv4Ttl)..], ttl);
        }
        else
        {
            packet.Data[inner] = ttl;
        }

        return true;
    }

    /// <summary>
    /// Where the TTL below the top label is, 0: nowhere. Below the bottom of the stack nothing says what follows. There are VLAN tags when they name an IP
    /// header which really is behind them, or a label where no IP header could start at once; else it is an IP header, told by its first four bits.
    /// </summary>
    private static int InnerTtlAt(DpPacket packet, in PacketLayout layout, out bool ipv4)
    {
        ipv4 = false;
        if (layout.Network != NetworkHeader.Mpls)
        {
            return 0;
        }

        ReadOnlySpan<byte> data = packet.Data;
        int at = layout.NetworkAt + LabelSize;
        if ((data[at - 2] & 1) == 0)
        {
            return layout.MplsEntries > 1 ? at + LabelTtl : 0;
        }

        int direct = IpTtlAt(data, at, out bool directIpv4);
        for (int tags = 1; tags <= PacketParser.MaxVlanTags && data.Length - at > VlanTag; tags++)
        {
            ushort type = BinaryPrimitives.ReadUInt16BigEndian(data[(at + 2)..]);
            at += VlanTag;
            if (type is EtherTypes.Ipv4 or EtherTypes.Ipv6 && IsWholeIp(data[at..], type == EtherTypes.Ipv4))
            {
                return IpTtlAt(data, at, out ipv4);
            }

            if (EtherTypes.IsMpls(type) && direct == 0 && data.Length - at >= LabelSize)
            {
                return at + LabelTtl;
            }

            if (!EtherTypes.IsVlan(type))
            {
                break;
            }
        }

        ipv4 = directIpv4;
        return direct;
    }

    private static int IpTtlAt(ReadOnlySpan<byte> data, int at, out bool ipv4)
    {
        int room = data.Length - at;
        ipv4 = room >= 20 && data[at] >> 4 == 4;
        return ipv4 ? at + Ipv4Ttl : room >= 40 && data[at] >> 4 == 6 ? at + Ipv6HopLimit : 0;
    }

    /// <summary>Whether an IP header is there whose lengths the packet has room for.</summary>
    private static bool IsWholeIp(ReadOnlySpan<byte> header, bool ipv4)
    {
        if (!ipv4)
        {
            return header.Length >= 40 && header[0] >> 4 == 6 && BinaryPrimitives.ReadUInt16BigEndian(header[4..]) <= header.Length - 40;
        }

        if (header.Length < 20 || header[0] is < 0x45 or > 0x4f)
        {
            return false;
        }

        int total = BinaryPrimitives.ReadUInt16BigEndian(header[2..]);
        return total >= (header[0] & 15) * 4 && total <= header.Length;
    }

    private static void SetIpv4Ttl(Span<byte> header, byte ttl)
    {
        ulong before = Checksum.Sum(header[8..10]);
        header[8] = ttl;
        Update(header[10..], before, Checksum.Sum(header[8..10]));
    }

    /// <summary>
    /// RFC 9260 6.8. The CRC is over the whole packet: it cannot be updated when only a fragment, or a cut packet, is here, and is left as it is. So is 0,
    /// which in a GSO packet means that a device fills it in.
    /// </summary>
    private static void SetSctp(Span<byte> data, in PacketLayout layout, in DpSetTp value, in DpSetTp mask)
    {
        bool whole = !layout.Fragment && layout.PayloadEnd <= data.Length && MemoryMarshal.Read<uint>(data[(layout.TransportAt + 8)..]) != 0;
        Span<byte> message = whole ? data[layout.TransportAt..layout.PayloadEnd] : data[layout.TransportAt..];
        uint before = whole ? Checksum.Crc32c(message, 8) : 0;
        Merge(message, value.Src, mask.Src);
        Merge(message[2..], value.Dst, mask.Dst);
        uint after = whole ? Checksum.Crc32c(message, 8) : 0;
        uint stored = BinaryPrimitives.ReadUInt32LittleEndian(message[8..]);
        BinaryPrimitives.WriteUInt32LittleEndian(message[8..], stored ^ before ^ after);
    }

    /// <summary>
    /// Updates the transport checksum for a change of bytes that it covers. A change of the IP protocol counts as one of the pseudo
    /// header: the sum keeps verifying for the header that is there.
    /// </summary>
    private static void UpdateTransport(Span<byte> data, in PacketLayout layout, ulong before, ulong after, bool pseudoHeader)
    {
        if (layout.TransportAt == 0)
        {
            return;
        }

        Span<byte> header = data[layout.TransportAt..];
        switch (layout.Protocol)
        {
            case IpProtocols.Tcp:
                Update(header[16..], before, after);
                break;
            case IpProtocols.Udp when MemoryMarshal.Read<ushort>(header[6..]) != 0: // 0: sent without (RFC 768)
                Update(header[6..], before, after);
                if (MemoryMarshal.Read<ushort>(header[6..]) == 0)
                {
                    MemoryMarshal.Write(header[6..], (ushort)0xffff);
                }

                break;
            case IpProtocols.Icmpv6:
            case IpProtocols.Icmp when !pseudoHeader:
                Update(header[2..], before, after);
                break;
        }
    }

    private static void Update(Span<byte> checksum, ulong before, ulong after)
    {
        if (before != after)
        {
            Checksum.Update(checksum, before, after);
        }
    }

    /// <summary>Replaces the bits of the field at the start of <paramref name="at"/> that <paramref name="mask"/> has.</summary>
    private static void Merge<T>(Span<byte> at, in T value, in T mask)
        where T : unmanaged
    {
        ReadOnlySpan<byte> values = MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in value));
        ReadOnlySpan<byte> masks = MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in mask));
        at = at[..Unsafe.SizeOf<T>()];
        for (int i = 0; i < at.Length; i++)
        {
            at[i] = (byte)((at[i] & ~masks[i]) | (values[i] & masks[i]));
        }
    }
}
