using OvsBridge.Datapath.Interop;
using OvsBridge.Datapath.Tunnels;
using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.Datapath.Ebpf;

/// <content>Tunnels for packets that user space holds, and for those that the program hands up since it can't wrap them itself.</content>
internal sealed partial class TunnelTable
{
    private const int UdpSourceMin = 49152, UdpSources = 0x3fff; // UDP_SOURCE_MIN, UDP_SOURCES
    private int _identification = Random.Shared.Next();
    private long _sent;

    /// <summary>Packets, whole as they were given to <see cref="Send(uint, DpPacket, in FlowKey, DpSetTunnel?)"/>, that the kernel took.</summary>
    public long Sent => Interlocked.Read(ref _sent);

    /// <summary>Sends a packet into a tunnel.</summary>
    /// <param name="number">A tunnel port.</param>
    /// <param name="packet">The packet; consumed.</param>
    /// <param name="key">Its key as it came in.</param>
    /// <param name="tunnel">What the program set; null: nothing, the key's own tun_id counts.</param>
    /// <returns>Why it was dropped, or <see cref="DropReason.Unspec"/>.</returns>
    public DropReason Send(uint number, DpPacket packet, in FlowKey key, DpSetTunnel? tunnel)
    {
        if (!_byNumber.TryGetValue(number, out TunnelPort? port))
            return DropReason.NoOutPort;
        int length = packet.TotalLength;
        DropReason reason = packet.Length < packet.TotalLength ? DropReason.ActionError : Send(port, packet, key, tunnel);
        if (reason == DropReason.Unspec)
        {
            Interlocked.Increment(ref _sent);
            Interlocked.Increment(ref port.TxPackets);
            Interlocked.Add(ref port.TxBytes, length);
        }
        else
        {
            Interlocked.Increment(ref port.TxDropped);
        }

        return reason;
    }

    private DropReason Send(TunnelPort port, DpPacket packet, in FlowKey key, DpSetTunnel? set)
    {
        TunnelConfig config = port.Config;
        UInt128 remote = config.Remote ?? (set is { } to ? Address(to.Dst, to.Ipv6Dst) : 0);
        if (remote == 0)
            return DropReason.TunnelNoRemote;
        UInt128 local = config.LocalFlow && set is { } from ? Address(from.Src, from.Ipv6Src) : config.Local ?? 0;
        Way way = config.Remote is not null && local == (config.Local ?? 0)
            ? port.Way
            : FindWay(remote, local, System.Collections.Immutable.ImmutableDictionary<(int, UInt128), Links.Neighbour>.Empty);
        if (way.IfIndex == 0 || MappedAddress.IsIpv4(way.Local) != MappedAddress.IsIpv4(remote))
            return DropReason.TunnelNoRoute;

        (byte tos, byte ttl) = Inherit(config, packet, out PacketLayout layout);
        ulong? outKey = config.OutKeyFlow ? set?.Id ?? key.TunId : config.OutKey;
        ushort source = config.Type == TunnelType.Gre ? (ushort)0 : (ushort)(UdpSourceMin + (FlowHash.Compute(0, key) & UdpSources));
        TunnelHeader header = new(
            config.Type, way.Local, remote, outKey, tos, ttl, config.DontFragment, config.Checksum, source, config.DestinationPort);
        FitSegments(packet, layout, header, (int)way.Mtu);
        DropReason result = DropReason.Unspec;
        Segments.Cut(packet, frame => result = Wrap(header, frame.Span, remote, (int)way.Mtu) is var reason && reason != DropReason.Unspec ? reason : result);
        return result;
    }

    private DropReason Wrap(in TunnelHeader header, ReadOnlySpan<byte> frame, UInt128 remote, int mtu)
    {
        byte[] packet = new byte[header.Size + frame.Length];
        if (packet.Length > ushort.MaxValue || (packet.Length > mtu && (header.DontFragment || header.NetworkSize != 20)))
            return DropReason.TunnelMtu;
        // RFC 6864: what is never fragmented needs no number; of 0 the kernel makes one.
        ushort id = header.DontFragment ? (ushort)0 : (ushort)Math.Max(1, Interlocked.Increment(ref _identification) & 0xffff);
        frame.CopyTo(packet.AsSpan(header.Size));
        header.Write(packet, id);
        int errno = 0;
        if (packet.Length <= mtu)
            errno = _sender!.Send(remote, packet);
        else
            header.Fragment(packet, id, mtu, part => errno = _sender!.Send(remote, part.Span) is > 0 and var failed ? failed : errno);
        return errno switch
        {
            0 => DropReason.Unspec,
            Errno.EMSGSIZE => DropReason.TunnelMtu,
            Errno.ENETUNREACH or Errno.EHOSTUNREACH or Errno.EINVAL => DropReason.TunnelNoRoute,
            _ => DropReason.ActionError,
        };
    }

    /// <summary>TOS and TTL of the outer header; ECN is the packet's own, "experienced" becomes "capable" (RFC 3168, 9.1.1).</summary>
    private static (byte Tos, byte Ttl) Inherit(TunnelConfig config, DpPacket packet, out PacketLayout layout)
    {
        const int EcnMask = 3, Capable = 2, Experienced = 3;
        if (!PacketParser.TryParse(packet, out FlowKey now, out layout) || layout.Network is not (NetworkHeader.Ipv4 or NetworkHeader.Ipv6))
            return (config.Tos, config.Ttl);
        int ecn = now.IpTos & EcnMask;
        int tos = (config.TosInherit ? now.IpTos : config.Tos) & ~EcnMask;
        return ((byte)(tos | (ecn == Experienced ? Capable : ecn)), config.TtlInherit ? now.IpTtl : config.Ttl);
    }

    /// <summary>TCP's segments get smaller by the new headers if they would not fit otherwise.</summary>
    private static void FitSegments(DpPacket packet, in PacketLayout layout, in TunnelHeader header, int mtu)
    {
        if (packet.GsoSize == 0 || layout.TransportAt == 0 || layout.Protocol != IpProtocols.Tcp)
            return;
        int head = layout.TransportAt + ((packet.Data[layout.TransportAt + 12] >> 4) * 4);
        int grows = header.Size + layout.NetworkAt;
        if (header.Size + head + packet.GsoSize > mtu && packet.GsoSize > grows)
            packet.GsoSize -= grows;
    }

    private static UInt128 Address(uint ipv4, UInt128 ipv6) => ipv4 != 0 ? MappedAddress.FromIpv4(ipv4) : ipv6;
}
