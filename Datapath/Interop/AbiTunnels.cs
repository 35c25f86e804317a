using System.Runtime.CompilerServices;
using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.Datapath.Interop;

// Mirrors of what bpf/abi.h says of tunnels.
#pragma warning disable CS0649 // fields that only the kernel writes

/// <summary><c>struct tunnel</c> flags.</summary>
[Flags]
internal enum TunnelFlags : ushort
{
    None = 0,
    OutKey = 0x0001, // OVSB_TUNNEL_OUT_KEY
    OutKeyFlow = 0x0002, // OVSB_TUNNEL_OUT_KEY_FLOW
    RemoteFlow = 0x0004, // OVSB_TUNNEL_REMOTE_FLOW
    LocalFlow = 0x0008, // OVSB_TUNNEL_LOCAL_FLOW
    TosInherit = 0x0010, // OVSB_TUNNEL_TOS_INHERIT
    TtlInherit = 0x0020, // OVSB_TUNNEL_TTL_INHERIT
    DontFragment = 0x0040, // OVSB_TUNNEL_DF
    Checksum = 0x0080, // OVSB_TUNNEL_CSUM
}

/// <summary><c>struct tunnel</c>.</summary>
[BpfStruct("tunnel")]
internal struct TunnelEntry
{
    public uint Port;
    public uint Route;
    public ushort Flags;
    public byte Type;
    public byte Tos;
    public byte Ttl;
    public byte Pad0;
    public Be16 DstPort;
    public Be64 OutKey;
    public Be128 Local;
    public Be128 Remote;
    public ulong Pad1;
}

/// <summary><c>struct tunnel_route</c>.</summary>
[BpfStruct("tunnel_route")]
internal struct TunnelRouteEntry
{
    public int IfIndex;
    public ushort Flags;
    public ushort Mtu;
    public MacBytes Dmac;
    public MacBytes Smac;
    public uint Family;
    public Be128 NextHop;
    public Be128 Local;
    public ulong Pad;
}

/// <summary><c>struct tunnel_in</c>; the word with the tunnel is written last.</summary>
[BpfStruct("tunnel_in")]
internal unsafe struct TunnelInEntry
{
    public Be128 Local;
    public Be128 Remote;
    public Be64 Key;
    public Be16 DstPort;
    public byte Type;
    public byte Pattern;
    public uint Tunnel;
    public fixed ulong Pad[2];
}

/// <summary><c>struct tunnel_listen</c>.</summary>
[BpfStruct("tunnel_listen")]
internal struct TunnelListen
{
    public Be16 Port;
    public byte Type;
    public byte Pad;
}

/// <summary><c>struct tunnel_head</c>.</summary>
[BpfStruct("tunnel_head")]
internal unsafe struct TunnelHead
{
    public uint Patterns;
    public fixed byte Pattern[Abi.Patterns];
    public uint Gre;
    public uint Pad0;
    public TunnelListens Udp;
    public fixed ulong Pad1[2];
}

/// <summary>The UDP ports of <see cref="TunnelHead"/>.</summary>
[InlineArray(Abi.MaxUdpPorts)]
internal struct TunnelListens
{
    private TunnelListen _first;
}

/// <summary><c>struct tunnel_stats</c>.</summary>
[BpfStruct("tunnel_stats")]
internal unsafe struct TunnelStatsEntry
{
    public ulong RxPackets;
    public ulong RxBytes;
    public ulong TxPackets;
    public ulong TxBytes;
    public ulong RxDropped;
    public ulong TxDropped;
    public fixed ulong Pad[2];
}
