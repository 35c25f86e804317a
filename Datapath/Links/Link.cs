using OvsBridge.Datapath.Interop;

namespace OvsBridge.Datapath.Links;

/// <summary>A network interface of the kernel at one moment. Two are equal when nothing but counters differs.</summary>
public sealed record Link
{
    /// <summary>Its index in its network namespace.</summary>
    public required int IfIndex { get; init; }

    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>MAC address, low 48 bits, first byte most significant; 0: none.</summary>
    public ulong Mac { get; init; }

    /// <summary>IFF_* flags.</summary>
    public uint Flags { get; init; }

    /// <summary>Operational state (RFC 2863): 6 is up, 0 unknown.</summary>
    public byte OperState { get; init; }

    /// <summary>Largest payload of a frame in bytes.</summary>
    public uint Mtu { get; init; }

    /// <summary>Kind of virtual device ("veth"); empty for others.</summary>
    public string Kind { get; init; } = "";

    /// <summary>What somebody wrote on it (<c>ip link set alias</c>); empty: nothing.</summary>
    public string Alias { get; init; } = "";

    /// <summary>The interface that it is tied to, such as a veth's other end; 0: none, or in another network namespace.</summary>
    public int PeerIfIndex { get; init; }

    /// <summary>Our name for the network namespace that the tied interface is in; null: ours, or it is tied to none.</summary>
    public int? PeerNamespace { get; init; }

    /// <summary>Index of the tied interface there; 0 when <see cref="PeerNamespace"/> is null.</summary>
    public int PeerIfIndexThere { get; init; }

    /// <summary>ARPHRD_*: 1 is Ethernet.</summary>
    public ushort HardwareType { get; init; }

    /// <summary>Whether it is set up by the administrator (IFF_UP).</summary>
    public bool IsUp => (Flags & Rtnetlink.IffUp) != 0;

    /// <summary>Whether it has a carrier: set up, and so is what is at the other end.</summary>
    public bool HasCarrier => (Flags & Rtnetlink.IffLowerUp) != 0;

    /// <summary>Whether it carries Ethernet frames from somewhere else.</summary>
    public bool IsEthernet => HardwareType == Rtnetlink.HardwareEthernet && (Flags & Rtnetlink.IffLoopback) == 0;
}

/// <summary>Counters of an interface since it was made.</summary>
public readonly record struct LinkCounters
{
    /// <summary>Packets received.</summary>
    public ulong RxPackets { get; init; }

    /// <summary>Packets sent.</summary>
    public ulong TxPackets { get; init; }

    /// <summary>Bytes received.</summary>
    public ulong RxBytes { get; init; }

    /// <summary>Bytes sent.</summary>
    public ulong TxBytes { get; init; }

    /// <summary>Bad packets received.</summary>
    public ulong RxErrors { get; init; }

    /// <summary>Packets that could not be sent.</summary>
    public ulong TxErrors { get; init; }

    /// <summary>Good packets received and dropped for want of room or of a user.</summary>
    public ulong RxDropped { get; init; }

    /// <summary>Packets dropped on their way out.</summary>
    public ulong TxDropped { get; init; }

    /// <summary>Packets received with bad alignment.</summary>
    public ulong RxFrameErrors { get; init; }

    /// <summary>Packets lost to a full receiver.</summary>
    public ulong RxOverErrors { get; init; }

    /// <summary>Packets received with a bad CRC.</summary>
    public ulong RxCrcErrors { get; init; }

    /// <summary>Collisions while sending.</summary>
    public ulong Collisions { get; init; }
}

/// <summary>
/// Speed and abilities of an Ethernet link, as ETHTOOL_GLINKSETTINGS tells. Bits of masks are ETHTOOL_LINK_MODE_*_BIT of linux/ethtool.h, those that there
/// are up to Linux 6.18.
/// </summary>
/// <param name="SpeedMbps">Megabits a second; 0: unknown.</param>
/// <param name="FullDuplex">Full duplex.</param>
/// <param name="Port">PORT_*: 0 twisted pair, 3 fibre.</param>
/// <param name="Supported">Modes it could use.</param>
/// <param name="Advertised">Modes it offers.</param>
/// <param name="PeerAdvertised">Modes that the other end offers.</param>
public readonly record struct EthernetSettings(uint SpeedMbps, bool FullDuplex, byte Port, UInt128 Supported, UInt128 Advertised, UInt128 PeerAdvertised);
