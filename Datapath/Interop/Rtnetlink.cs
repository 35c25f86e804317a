using System.Runtime.InteropServices;

namespace OvsBridge.Datapath.Interop;

/// <summary>linux/netlink.h, linux/rtnetlink.h, linux/if_link.h, linux/ethtool.h, linux/if_packet.h: what Links/ uses of them.</summary>
internal static unsafe partial class Rtnetlink
{
    internal const ushort NlmError = 2, NlmDone = 3, NewLink = 16, DelLink = 17, GetLink = 18, SetLink = 19; // NLMSG_*, RTM_*
    internal const ushort FlagRequest = 1, FlagAck = 4, FlagDump = 0x300, FlagExclusive = 0x200, FlagCreate = 0x400; // NLM_F_*
    internal const ushort GetTclass = 42; // RTM_*
    internal const ushort TcKind = 1, TcOptions = 2, TcStats2 = 7, StatsBasic = 1, StatsQueue = 3, StatsPackets64 = 8; // TCA_*, TCA_STATS_*
    internal const ushort HtbParameters = 1, HtbRate64 = 6, HtbCeil64 = 7, HfscRealTime = 1, HfscFair = 2, HfscUpperLimit = 3; // TCA_HTB_*, TCA_HFSC_*
    internal const uint GroupLink = 1; // RTMGRP_LINK
    internal const ushort Address = 1, IfName = 3, Mtu = 4, PeerLink = 5, Master = 10, OperState = 16, LinkInfo = 18, IfAlias = 20, Stats64 = 23, PeerNamespace = 37, TargetNamespace = 46; // IFLA_*
    internal const ushort InfoKind = 1, InfoData = 2, VethPeer = 1; // IFLA_INFO_KIND, IFLA_INFO_DATA, VETH_INFO_PEER
    internal const ushort GetAddress = 22, GetRoute = 26, NewNeighbour = 28, DelNeighbour = 29, GetNeighbour = 30; // RTM_*
    internal const ushort RouteDestination = 1, RouteSource = 2, RouteOutput = 4, RouteGateway = 5, RoutePreferredSource = 7, RouteMetrics = 8, RouteVia = 18; // RTA_*
    internal const ushort MetricMtu = 2; // RTAX_MTU
    internal const ushort AddressPrefix = 1, AddressLocal = 2; // IFA_ADDRESS, IFA_LOCAL
    internal const ushort NeighbourDestination = 1, NeighbourLinkAddress = 2; // NDA_DST, NDA_LLADDR
    internal const uint GroupNeighbour = 4, GroupIpv4Address = 0x10, GroupIpv4Route = 0x40, GroupIpv6Address = 0x100, GroupIpv6Route = 0x400; // RTMGRP_*
    internal const byte FamilyInet = 2, FamilyInet6 = 10; // AF_INET, AF_INET6
    internal const ushort Nested = 1 << 15; // NLA_F_NESTED
    internal const ushort TypeMask = 0x3fff; // NLA_TYPE_MASK
    internal const uint IffUp = 1, IffLoopback = 8, IffLowerUp = 1 << 16;
    internal const ushort HardwareEthernet = 1; // ARPHRD_ETHER
    internal const int SoReceiveBufferForce = 33; // SO_RCVBUFFORCE
    internal const nuint IoctlEthtool = 0x8946; // SIOCETHTOOL
    internal const uint EthtoolGetLinkSettings = 0x4c; // ETHTOOL_GLINKSETTINGS
    internal const int PacketAddMembership = 1, PacketDropMembership = 2; // PACKET_ADD_MEMBERSHIP, PACKET_DROP_MEMBERSHIP
    internal const ushort PacketPromiscuous = 1; // PACKET_MR_PROMISC

    /// <summary>struct nlmsghdr.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct MessageHeader
    {
        public uint Length;
        public ushort Type;
        public ushort Flags;
        public uint Sequence;
        public uint PortId;
    }

    /// <summary>struct ifinfomsg.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct InterfaceInfo
    {
        public byte Family;
        public byte Padding;
        public ushort HardwareType;
        public int Index;
        public uint Flags;
        public uint Change;
    }

    /// <summary>struct rtattr.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct Attribute
    {
        public ushort Length;
        public ushort Type;
    }

    /// <summary>struct sockaddr_nl.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct SocketAddress
    {
        public ushort Family;
        public ushort Padding;
        public uint PortId;
        public uint Groups;
    }

    /// <summary>struct rtnl_link_stats64, as far as it is used; the kernel appends counters now and then.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct LinkStats64
    {
        public ulong RxPackets, TxPackets, RxBytes, TxBytes, RxErrors, TxErrors, RxDropped, TxDropped, Multicast, Collisions;
        public ulong RxLengthErrors, RxOverErrors, RxCrcErrors, RxFrameErrors, RxFifoErrors, RxMissedErrors;
    }

    /// <summary>struct ethtool_link_settings; three masks of <see cref="MaskWords"/> words follow: supported, advertised, advertised by the peer.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct EthtoolLinkSettings
    {
        public uint Command, SpeedMbps;
        public byte Duplex, Port, PhyAddress, AutoNegotiation, MdioSupport, MdiX, MdiXControl;
        public sbyte MaskWords;
        public byte Transceiver, MasterSlaveConfig, MasterSlaveState, RateMatching;
        public fixed uint Reserved[7];
    }

    /// <summary>struct ifreq with the pointer of its union.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct InterfaceRequest
    {
        public fixed byte Name[16];
        public void* Data;
        private readonly ulong _rest0;
        private readonly ulong _rest1;
    }

    /// <summary>struct packet_mreq.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct PacketMembership
    {
        public int IfIndex;
        public ushort Type;
        public ushort AddressLength;
        public ulong Address;
    }

    [LibraryImport("libc", EntryPoint = "setsockopt", SetLastError = true)]
    internal static partial int SetSocketOption(int fd, int level, int name, in PacketMembership value, uint length);

    [LibraryImport("libc", EntryPoint = "bind", SetLastError = true)]
    internal static partial int Bind(int fd, in SocketAddress address, uint length);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    internal static partial int Ioctl(int fd, nuint request, ref InterfaceRequest argument);
}
