using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.Datapath;

/// <summary>
/// Fills the packet part of a <see cref="FlowKey"/> from a frame, by the rules of docs/packet-parsing.md, which
/// bpf/parse.bpf.h follows too: a megaflow made from this key is looked up with the kernel's.
/// </summary>
/// <remarks>Takes any bytes, never throws, does not allocate; thread safe. Every read is checked against the bytes at hand.</remarks>
public static class PacketParser
{
    /// <summary>The shortest frame that has a key: an Ethernet header.</summary>
    public const int MinimumLength = 14;

    internal const int MaxVlanTags = 2;
    internal const int MaxMplsEntries = 3;
    internal const int MaxExtensionHeaders = 8;
    internal const int MaxNdOptions = 8;

    /// <summary>Parses a complete frame.</summary>
    /// <param name="frame">The frame with all VLAN tags, without FCS.</param>
    /// <param name="inPort">Datapath port that it came from.</param>
    /// <param name="key">The key; all other fields, <see cref="FlowKey.RecircId"/> and the tunnel's included, are zero.</param>
    /// <returns>False when the frame is too short to have a key.</returns>
    public static bool TryParse(ReadOnlySpan<byte> frame, uint inPort, out FlowKey key) =>
        TryParse(frame, frame.Length, false, inPort, out key, out _);

    /// <summary>Parses a frame of which maybe only the first bytes are at hand.</summary>
    /// <param name="frame">The frame's bytes.</param>
    /// <param name="length">Its true length; less than that of <paramref name="frame"/> counts as that.</param>
    /// <param name="gso">Whether it is a GSO packet, whose IP length field may be zero (BIG TCP).</param>
    /// <param name="inPort">Datapath port that it came from.</param>
    /// <param name="key">The key.</param>
    /// <returns>False when the frame is too short to have a key.</returns>
    public static bool TryParse(ReadOnlySpan<byte> frame, int length, bool gso, uint inPort, out FlowKey key) =>
        TryParse(frame, length, gso, inPort, out key, out _);

    /// <summary>Parses a complete frame, and tells where in it the header of its transport starts.</summary>
    /// <param name="frame">The frame with all VLAN tags, without FCS.</param>
    /// <param name="key">The key.</param>
    /// <param name="transportAt">Offset of the TCP, UDP, SCTP or ICMP header; 0: there is none that is known.</param>
    /// <returns>False when the frame is too short to have a key.</returns>
    public static bool TryParse(ReadOnlySpan<byte> frame, out FlowKey key, out int transportAt)
    {
        bool parsed = TryParse(frame, frame.Length, false, 0, out key, out PacketLayout layout);
        transportAt = layout.TransportAt;
        return parsed;
    }

    internal static bool TryParse(ReadOnlySpan<byte> frame, uint inPort, out FlowKey key, out PacketLayout layout) =>
        TryParse(frame, frame.Length, false, inPort, out key, out layout);

    /// <summary>The key of a packet that user space holds.</summary>
    internal static bool TryParse(DpPacket packet, out FlowKey key, out PacketLayout layout) =>
        TryParse(packet.Data, packet.TotalLength, packet.GsoSize != 0, packet.InPort, out key, out layout);

    internal static bool TryParse(ReadOnlySpan<byte> frame, int length, bool gso, uint inPort, out FlowKey key, out PacketLayout layout)
    {
        key = default;
        layout = default;
        key.InPort = inPort;
        if (frame.Length < MinimumLength)
        {
            return false;
        }

        Cursor cursor = new(frame, Math.Max(length, frame.Length), gso);
        cursor.Ethernet(ref key, ref layout);
        return true;
    }

    /// <summary>The bytes of a frame and how far it goes; the methods are the sections of docs/packet-parsing.md.</summary>
    private readonly ref struct Cursor(ReadOnlySpan<byte> frame, int length, bool gso)
    {
        private readonly ReadOnlySpan<byte> _frame = frame;

        public void Ethernet(ref FlowKey key, ref PacketLayout layout)
        {
            key.EthDst = Read<MacBytes>(0);
            key.EthSrc = Read<MacBytes>(6);

            int at = 12;
            ushort type = Read16(at);
            while (layout.VlanTags < MaxVlanTags && EtherTypes.IsVlan(type) && Has(at + 2, 4))
            {
                Be16 tci = (ushort)(Read16(at + 2) | FlowKey.VlanPresent);
                if (layout.VlanTags++ == 0)
                {
                    key.VlanTpid = type;
                    key.VlanTci = tci;
                }
                else
                {
                    key.InnerTpid = type;
                    key.InnerTci = tci;
                }

                at += 4;
                type = Read16(at);
            }

            layout.EthernetII = type >= EtherTypes.Minimum;
            if (!layout.EthernetII)
            {
                if (!Has(at + 2, 8) || Read<Be64>(at + 2).Value >> 16 != 0xaaaa_0300_0000 || Read16(at + 8) < EtherTypes.Minimum)
                {
                    layout.TypeAt = at;
                    key.EthType = FlowKey.EthTypeNone;
                    return;
                }

                at += 8;
                type = Read16(at);
            }

            layout.TypeAt = at;
            key.EthType = type;
            at += 2;
            switch (type)
            {
                case EtherTypes.Ipv4:
                    Ipv4(at, ref key, ref layout);
                    break;
                case EtherTypes.Ipv6:
                    Ipv6(at, ref key, ref layout);
                    break;
                case EtherTypes.Arp or EtherTypes.Rarp:
                    Arp(at, ref key, ref layout);
                    break;
                case EtherTypes.MplsUnicast or EtherTypes.MplsMulticast:
                    Mpls(at, ref key, ref layout);
                    break;
                case EtherTypes.Pbb when Has(at, 4):
                    Found(NetworkHeader.Pbb, at, ref layout);
                    key.PbbItag = Read<Be32>(at);
                    break;
            }
        }

        private void Mpls(int at, ref FlowKey key, ref PacketLayout layout)
        {
            for (int start = at; layout.MplsEntries < MaxMplsEntries && Has(at, 4); at += 4)
            {
                Found(NetworkHeader.Mpls, start, ref layout);
                Be32 entry = Read<Be32>(at);
                switch (layout.MplsEntries++)
                {
                    case 0:
                        key.MplsLse0 = entry;
                        break;
                    case 1:
                        key.MplsLse1 = entry;
                        break;
                    default:
                        key.MplsLse2 = entry;
                        break;
                }

                if ((entry & MplsEntry.BottomOfStack) != 0)
                {
                    break;
                }
            }
        }

        private void Arp(int at, ref FlowKey key, ref PacketLayout layout)
        {
            if (!Has(at, 28) || Read<Be64>(at).Value >> 16 != 0x0001_0800_0604)
            {
                return;
            }

            Found(NetworkHeader.Arp, at, ref layout);
            key.ArpOp = Read<Be16>(at + 6);
            key.ArpSha = Read<MacBytes>(at + 8);
            key.Ipv4Src = Read<Be32>(at + 14);
            key.ArpTha = Read<MacBytes>(at + 18);
            key.Ipv4Dst = Read<Be32>(at + 24);
        }

        private void Ipv4(int at, ref FlowKey key, ref PacketLayout layout)
        {
            if (!Has(at, 20))
            {
                return;
            }

            int room = length - at;
            int header = (_frame[at] & 0xf) * 4;
            int total = Read16(at + 2);
            if (total == 0 && gso)
            {
                total = room;
            }

            if (_frame[at] >> 4 != 4 || header < 20 || header > total || total > room)
            {
                return;
            }

            Found(NetworkHeader.Ipv4, at, ref layout);
            layout.PayloadEnd = at + total;
            key.IpTos = _frame[at + 1];
            key.IpTtl = _frame[at + 8];
            key.IpProto = _frame[at + 9];
            key.Ipv4Src = Read<Be32>(at + 12);
            key.Ipv4Dst = Read<Be32>(at + 16);
            key.IpFrag = Fragment(Read16(at + 6) & 0x1fff, (Read16(at + 6) & 0x2000) != 0);
            layout.Fragment = key.IpFrag != 0;
            Transport(at + header, IpProtocols.Icmp, ref key, ref layout);
        }

        private void Ipv6(int at, ref FlowKey key, ref PacketLayout layout)
        {
            if (!Has(at, 40))
            {
                return;
            }

            int room = length - at - 40;
            int payload = Read16(at + 4);
            byte next = _frame[at + 6];
            if (payload == 0 && (gso || next == IpProtocols.HopByHop))
            {
                payload = room;
            }

            if (_frame[at] >> 4 != 6 || payload > room)
            {
                return;
            }

            Found(NetworkHeader.Ipv6, at, ref layout);
            layout.PayloadEnd = at + 40 + payload;
            layout.Ipv6ProtoAt = at + 6;
            uint first = Read<Be32>(at);
            key.IpTos = (byte)(first >> 20);
            key.Ipv6Label = first & 0xfffff;
            key.IpTtl = _frame[at + 7];
            key.Ipv6Src = Read<Be128>(at + 8);
            key.Ipv6Dst = Read<Be128>(at + 24);
            at = ExtensionHeaders(at + 40, next, ref key, ref layout);
            Transport(at, IpProtocols.Icmpv6, ref key, ref layout);
        }

        /// <summary>Walks the extension headers from <paramref name="at"/> on; returns where the upper layer starts.</summary>
        private int ExtensionHeaders(int at, byte next, ref FlowKey key, ref PacketLayout layout)
        {
            Ipv6HeaderOrder order = default;
            for (int i = 0; i < MaxExtensionHeaders && (key.IpFrag & FlowKey.FragLater) == 0; i++)
            {
                if (next is IpProtocols.Esp or IpProtocols.NoNextHeader)
                {
                    order.Add(next);
                    break;
                }

                if (next is not (IpProtocols.HopByHop or IpProtocols.Routing or IpProtocols.DestinationOptions
                        or IpProtocols.Fragment or IpProtocols.Authentication)
                    || !InPayload(at, 8, layout))
                {
                    break;
                }

                int size = next switch
                {
                    IpProtocols.Fragment => 8,
                    IpProtocols.Authentication => (_frame[at + 1] + 2) * 4,
                    _ => (_frame[at + 1] + 1) * 8,
                };
                if (size > layout.PayloadEnd - at)
                {
                    break;
                }

                order.Add(next);
                if (next == IpProtocols.Fragment)
                {
                    ushort field = Read16(at + 2);
                    key.IpFrag |= Fragment(field >> 3, (field & 1) != 0);
                    layout.Fragment = key.IpFrag != 0;
                }
                else if (next == IpProtocols.Routing && _frame[at + 3] != 0)
                {
                    layout.RoutingAt = at;
                }

                layout.Ipv6ProtoAt = at;
                next = _frame[at];
                at += size;
            }

            key.IpProto = next;
            key.Ipv6ExtHdr = order.Bits;
            return at;
        }

        private void Transport(int at, byte icmp, ref FlowKey key, ref PacketLayout layout)
        {
            int needs = key.IpProto switch
            {
                IpProtocols.Tcp => 20,
                IpProtocols.Udp => 8,
                IpProtocols.Sctp => 12,
                _ when key.IpProto == icmp => 8,
                _ => 0,
            };
            if (needs == 0 || (key.IpFrag & FlowKey.FragLater) != 0 || !InPayload(at, needs, layout))
            {
                return;
            }

            layout.TransportAt = at;
            layout.Protocol = key.IpProto;
            if (key.IpProto != icmp)
            {
                key.TpSrc = Read<Be16>(at);
                key.TpDst = Read<Be16>(at + 2);
                if (key.IpProto == IpProtocols.Tcp)
                {
                    key.TcpFlags = (ushort)(Read16(at + 12) & 0x0fff);
                }

                return;
            }

            key.TpSrc = _frame[at];
            key.TpDst = _frame[at + 1];
            if (icmp == IpProtocols.Icmpv6 && _frame[at] is 135 or 136 && _frame[at + 1] == 0 && InPayload(at, 24, layout))
            {
                NeighbourDiscovery(at, ref key, ref layout);
            }
        }

        private void NeighbourDiscovery(int at, ref FlowKey key, ref PacketLayout layout)
        {
            layout.NdTargetAt = at + 8;
            key.NdTarget = Read<Be128>(at + 8);
            at += 24;
            for (int i = 0; i < MaxNdOptions && InPayload(at, 8, layout); i++)
            {
                int size = _frame[at + 1] * 8;
                if (size == 0 || size > layout.PayloadEnd - at)
                {
                    break;
                }

                if (size == 8 && _frame[at] == 1 && layout.NdSourceAt == 0)
                {
                    layout.NdSourceAt = at + 2;
                    key.ArpSha = Read<MacBytes>(at + 2);
                }
                else if (size == 8 && _frame[at] == 2 && layout.NdDestinationAt == 0)
                {
                    layout.NdDestinationAt = at + 2;
                    key.ArpTha = Read<MacBytes>(at + 2);
                }

                at += size;
            }
        }

        private static void Found(NetworkHeader header, int at, ref PacketLayout layout)
        {
            layout.Network = header;
            layout.NetworkAt = at;
        }

        private static byte Fragment(int offset, bool more) =>
            (byte)(offset != 0 ? FlowKey.FragAny | FlowKey.FragLater : more ? FlowKey.FragAny : 0);

        /// <summary>Whether <paramref name="count"/> bytes are at hand at <paramref name="at"/>, which is at most 70,000 beyond the frame.</summary>
        private bool Has(int at, int count) => at + count <= _frame.Length;

        private bool InPayload(int at, int count, in PacketLayout layout) => at + count <= layout.PayloadEnd && Has(at, count);

        private ushort Read16(int at) => BinaryPrimitives.ReadUInt16BigEndian(_frame[at..]);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private T Read<T>(int at)
            where T : unmanaged => MemoryMarshal.Read<T>(_frame[at..]);
    }

    /// <summary>Collects the OFPIEH_* bits from the extension headers in their order (OpenFlow 1.3.5, 7.2.3.8; RFC 8200, 4.1).</summary>
    internal struct Ipv6HeaderOrder
    {
        private const ushort NoNext = 0x001, Esp = 0x002, Auth = 0x004, Dest = 0x008, Frag = 0x010, Router = 0x020, Hop = 0x040, Unrep = 0x080, Unseq = 0x100;

        private ushort _seen;
        private byte _highest;
        private byte _destinationOptions;

        /// <summary>The bits.</summary>
        public ushort Bits { get; private set; }

        public void Add(byte header)
        {
            (ushort bit, byte rank) = header switch
            {
                IpProtocols.HopByHop => (Hop, (byte)1),
                IpProtocols.DestinationOptions => (Dest, _highest < 2 ? (byte)2 : (byte)7),
                IpProtocols.Routing => (Router, (byte)3),
                IpProtocols.Fragment => (Frag, (byte)4),
                IpProtocols.Authentication => (Auth, (byte)5),
                IpProtocols.Esp => (Esp, (byte)6),
                _ => (NoNext, byte.MaxValue),
            };
            if (bit == Dest ? _destinationOptions++ >= 2 : (_seen & bit) != 0)
            {
                Bits |= Unrep;
            }

            if (rank < _highest)
            {
                Bits |= Unseq;
            }

            if (bit != Hop || _seen == 0)
            {
                Bits |= bit;
            }

            _seen |= bit;
            _highest = Math.Max(_highest, rank);
        }
    }
}
