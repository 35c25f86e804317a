using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.Datapath;

/// <summary>
/// Makes a frame that has a given key: headers with right lengths and checksums. The reverse of <see cref="PacketParser"/>:
/// parsing the frame gives the key back, provided that some frame has it.
/// </summary>
/// <remarks>
/// What the key does not say is chosen: tags have no DEI, a first fragment has "more fragments", a later one offset 185,
/// TCP has neither sequence numbers nor options, an ICMP error or echo is empty. A field whose header the rest of the key
/// excludes (tcp_flags of a UDP packet) has no place in a frame and is left out, and so are tun_*, recirc_id and dp_hash.
/// Thread safe.
/// </remarks>
public static class PacketBuilder
{
    private const ushort LaterOffset = 185; // 1,480 bytes in units of eight: what follows a full first fragment

    /// <summary>The frame: Ethernet, VLAN tags, and <see cref="Network"/>.</summary>
    /// <param name="key">Its fields; eth_type below 0x0600 makes an 802.3 frame.</param>
    /// <param name="payload">What follows the last header that the key describes.</param>
    public static byte[] Frame(in FlowKey key, ReadOnlySpan<byte> payload = default)
    {
        ArrayBufferWriter<byte> frame = new(256);
        Put(frame, key.EthDst);
        Put(frame, key.EthSrc);
        PutTag(frame, key.VlanTpid, key.VlanTci);
        PutTag(frame, key.InnerTpid, key.InnerTci);
        byte[] network = Network(key, payload);
        ushort type = key.EthType;
        Put(frame, (Be16)(type >= EtherTypes.Minimum ? type : (ushort)network.Length));
        frame.Write(network);
        return frame.WrittenSpan.ToArray();
    }

    /// <summary>What follows the Ethernet header and tags: label stack, I-TAG, ARP, or IP packet, by eth_type.</summary>
    /// <param name="key">Its fields.</param>
    /// <param name="payload">What follows the last header that the key describes; behind MPLS and PBB the encapsulated packet or frame.</param>
    public static byte[] Network(in FlowKey key, ReadOnlySpan<byte> payload = default)
    {
        ArrayBufferWriter<byte> packet = new(256);
        switch (key.EthType.Value)
        {
            case < EtherTypes.Minimum:
                Append(packet, 0x42, 0x42, 0x03); // LLC of a bridge protocol: anything but SNAP
                packet.Write(payload);
                break;
            case EtherTypes.MplsUnicast or EtherTypes.MplsMulticast:
                PutLabels(packet, key);
                packet.Write(payload);
                break;
            case EtherTypes.Pbb:
                Put(packet, key.PbbItag);
                packet.Write(payload);
                break;
            case EtherTypes.Arp or EtherTypes.Rarp:
                PutArp(packet, key);
                packet.Write(payload);
                break;
            case EtherTypes.Ipv4:
                PutIpv4(packet, key, payload);
                break;
            case EtherTypes.Ipv6:
                PutIpv6(packet, key, payload);
                break;
            default:
                packet.Write(payload);
                break;
        }

        return packet.WrittenSpan.ToArray();
    }

    private static void PutTag(ArrayBufferWriter<byte> frame, Be16 tpid, Be16 tci)
    {
        if ((tci & FlowKey.VlanPresent) != 0)
        {
            Put(frame, tpid.Raw == 0 ? (Be16)EtherTypes.Vlan : tpid);
            Put(frame, (Be16)(ushort)(tci & ~FlowKey.VlanPresent));
        }
    }

    private static void PutLabels(ArrayBufferWriter<byte> packet, in FlowKey key)
    {
        foreach (Be32 entry in (ReadOnlySpan<Be32>)[key.MplsLse0, key.MplsLse1, key.MplsLse2])
        {
            Put(packet, entry);
            if ((entry & MplsEntry.BottomOfStack) != 0)
            {
                break;
            }
        }
    }

    private static void PutArp(ArrayBufferWriter<byte> packet, in FlowKey key)
    {
        Append(packet, 0, 1, 8, 0, 6, 4);
        Put(packet, key.ArpOp);
        Put(packet, key.ArpSha);
        Put(packet, key.Ipv4Src);
        Put(packet, key.ArpTha);
        Put(packet, key.Ipv4Dst);
    }

    private static void PutIpv4(ArrayBufferWriter<byte> packet, in FlowKey key, ReadOnlySpan<byte> payload)
    {
        Span<byte> addresses = stackalloc byte[8];
        MemoryMarshal.Write(addresses, key.Ipv4Src);
        MemoryMarshal.Write(addresses[4..], key.Ipv4Dst);
        byte[] transport = Transport(key, IpProtocols.Icmp, payload);
        FillChecksum(transport, key, addresses[..4], addresses[4..]);

        Span<byte> header = stackalloc byte[20];
        header.Clear();
        header[0] = 0x45;
        header[1] = key.IpTos;
        BinaryPrimitives.WriteUInt16BigEndian(header[2..], checked((ushort)(20 + transport.Length)));
        BinaryPrimitives.WriteUInt16BigEndian(header[6..], FragmentField(key, more: 0x2000, offset: LaterOffset));
        header[8] = key.IpTtl;
        header[9] = key.IpProto;
        addresses.CopyTo(header[12..]);
        MemoryMarshal.Write(header[10..], (ushort)~Checksum.Fold(Checksum.Sum(header)));
        packet.Write(header);
        packet.Write(transport);
    }

    private static void PutIpv6(ArrayBufferWriter<byte> packet, in FlowKey key, ReadOnlySpan<byte> payload)
    {
        Span<byte> addresses = stackalloc byte[32];
        MemoryMarshal.Write(addresses, key.Ipv6Src);
        MemoryMarshal.Write(addresses[16..], key.Ipv6Dst);
        byte[] transport = Transport(key, IpProtocols.Icmpv6, payload);
        FillChecksum(transport, key, addresses[..16], addresses[16..]);
        (byte next, byte[] headers) = ExtensionHeaders(key);

        Put(packet, (Be32)((6u << 28) | ((uint)key.IpTos << 20) | (key.Ipv6Label & 0xfffffu)));
        Put(packet, (Be16)checked((ushort)(headers.Length + transport.Length)));
        Append(packet, next, key.IpTtl);
        packet.Write(addresses);
        packet.Write(headers);
        packet.Write(transport);
    }

    /// <summary>The layer 4 header with a checksum of 0, and the payload.</summary>
    private static byte[] Transport(in FlowKey key, byte icmp, ReadOnlySpan<byte> payload)
    {
        ArrayBufferWriter<byte> packet = new(64 + payload.Length);
        if ((key.IpFrag & FlowKey.FragLater) == 0)
        {
            switch (key.IpProto)
            {
                case IpProtocols.Tcp:
                    Put(packet, key.TpSrc);
                    Put(packet, key.TpDst);
                    Put(packet, default(Be64));
                    Put(packet, (Be16)(ushort)(0x5000 | (key.TcpFlags & 0xfff)));
                    Append(packet, 0xff, 0xff, 0, 0, 0, 0); // window, checksum, urgent pointer
                    break;
                case IpProtocols.Udp:
                    Put(packet, key.TpSrc);
                    Put(packet, key.TpDst);
                    Put(packet, (Be16)checked((ushort)(8 + payload.Length)));
                    Put(packet, default(Be16));
                    break;
                case IpProtocols.Sctp:
                    Put(packet, key.TpSrc);
                    Put(packet, key.TpDst);
                    Put(packet, default(Be64));
                    break;
                case var protocol when protocol == icmp:
                    Append(packet, (byte)key.TpSrc, (byte)key.TpDst, 0, 0, 0, 0, 0, 0);
                    if (icmp == IpProtocols.Icmpv6)
                    {
                        PutNeighbourDiscovery(packet, key);
                    }

                    break;
            }
        }

        packet.Write(payload);
        return packet.WrittenSpan.ToArray();
    }

    private static void PutNeighbourDiscovery(ArrayBufferWriter<byte> packet, in FlowKey key)
    {
        if (key.TpSrc.Value is not (135 or 136) || key.TpDst.Raw != 0)
        {
            return;
        }

        Put(packet, key.NdTarget);
        PutOption(packet, 1, key.ArpSha);
        PutOption(packet, 2, key.ArpTha);

        static void PutOption(ArrayBufferWriter<byte> packet, byte type, MacBytes address)
        {
            if (address.Value != 0)
            {
                Append(packet, type, 1);
                Put(packet, address);
            }
        }
    }

    private static void FillChecksum(Span<byte> transport, in FlowKey key, ReadOnlySpan<byte> source, ReadOnlySpan<byte> destination)
    {
        bool ipv6 = source.Length == 16;
        int at = key.IpProto switch
        {
            IpProtocols.Tcp => 16,
            IpProtocols.Udp => 6,
            IpProtocols.Icmp when !ipv6 => 2,
            IpProtocols.Icmpv6 when ipv6 => 2,
            IpProtocols.Sctp => 8,
            _ => 0,
        };
        if (at == 0 || (key.IpFrag & FlowKey.FragLater) != 0)
        {
            return;
        }

        if (key.IpProto == IpProtocols.Sctp)
        {
            // RFC 9260, appendix A: the CRC goes out least significant byte first
            BinaryPrimitives.WriteUInt32LittleEndian(transport[at..], Checksum.Crc32c(transport, at));
            return;
        }

        ulong sum = Checksum.Sum(transport);
        if (key.IpProto != IpProtocols.Icmp)
        {
            sum += Checksum.PseudoHeader(source, destination, key.IpProto, transport.Length);
        }

        // Fold takes zero for its other form 0xffff, but an ICMP message of zeros really sums up to zero. UDP sends 0 as 0xffff.
        ushort checksum = sum == 0 ? ushort.MaxValue : (ushort)~Checksum.Fold(sum);
        MemoryMarshal.Write(transport[at..], checksum == 0 && key.IpProto == IpProtocols.Udp ? ushort.MaxValue : checksum);
    }

    private static ushort FragmentField(in FlowKey key, ushort more, ushort offset) =>
        (key.IpFrag & FlowKey.FragLater) != 0 ? offset : (key.IpFrag & FlowKey.FragAny) != 0 ? more : (ushort)0;

    /// <summary>A chain of extension headers with the OFPIEH_* bits of the key, and the first header's number.</summary>
    private static (byte Next, byte[] Headers) ExtensionHeaders(in FlowKey key)
    {
        ReadOnlySpan<byte> chain = Ipv6HeaderChain.For(key.Ipv6ExtHdr, needsFragment: key.IpFrag != 0);
        ArrayBufferWriter<byte> headers = new(8 * (chain.Length + 1));
        for (int i = 0; i < chain.Length; i++)
        {
            byte next = i + 1 < chain.Length ? chain[i + 1] : key.IpProto;
            switch (chain[i])
            {
                case IpProtocols.Fragment:
                    // Only the last fragment header may have an offset: the walk ends there.
                    bool last = chain[(i + 1)..].IndexOf(IpProtocols.Fragment) < 0;
                    PutFragment(headers, next, last ? FragmentField(key, more: 1, offset: LaterOffset << 3) : (ushort)0);
                    break;
                case IpProtocols.Authentication:
                    Append(headers, next, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0); // 24 bytes: 12 of ICV
                    break;
                case IpProtocols.Routing:
                    Append(headers, next, 0, 4, 0, 0, 0, 0, 0); // segment routing without segments left
                    break;
                default:
                    Append(headers, next, 0, 1, 4, 0, 0, 0, 0); // a PadN option
                    break;
            }
        }

        return (chain.Length > 0 ? chain[0] : key.IpProto, headers.WrittenSpan.ToArray());

        static void PutFragment(ArrayBufferWriter<byte> headers, byte next, ushort field)
        {
            Append(headers, next, 0);
            Put(headers, (Be16)field);
            Append(headers, 0, 0, 0, 1); // identification
        }
    }

    private static void Append(ArrayBufferWriter<byte> to, params ReadOnlySpan<byte> bytes) => to.Write(bytes);

    private static void Put<T>(ArrayBufferWriter<byte> to, in T value)
        where T : unmanaged
    {
        int size = Unsafe.SizeOf<T>();
        MemoryMarshal.Write(to.GetSpan(size), value);
        to.Advance(size);
    }
}
