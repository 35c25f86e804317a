using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.Datapath.Interop;

// Mirrors of bpf/abi.h, which describes them; payloads of actions are in AbiActions.cs. AbiTests compares them with the BTF of
// the built object.
#pragma warning disable CS0649 // fields that only the kernel writes

/// <summary>Limits of bpf/abi.h.</summary>
internal static class Abi
{
    public const uint Version = 4; // OVSB_ABI_VERSION
    public const int KeyWords = 24; // OVSB_KEY_WORDS
    public const int MaxMasks = 256; // OVSB_MAX_MASKS
    public const int MaskLists = 4; // OVSB_MASK_LISTS
    public const int MaxPorts = 65536; // OVSB_MAX_PORTS
    public const int InPortSlots = 4096; // OVSB_IN_PORT_SLOTS
    public const int InPortProbes = 16; // OVSB_IN_PORT_PROBES
    public const int PortSlots = 4096; // OVSB_PORT_SLOTS
    public const int BucketSlots = 7; // OVSB_BUCKET_SLOTS
    public const int CacheSlots = 8192; // OVSB_CACHE_SLOTS
    public const ushort FlowLive = 0x0001; // OVSB_FLOW_LIVE
    public const ulong HashMultiplier = 0xc4ceb9fe1a85ec53; // OVSB_HASH_MULT
    public const int ActionData = 112; // OVSB_ACTION_DATA
    public const int MaxActions = 64; // OVSB_MAX_ACTIONS
    public const int MaxRecirculations = 8; // OVSB_MAX_RECIRC
    public const int MaxMeters = 65536; // OVSB_MAX_METERS
    public const int MeterBands = 131072; // OVSB_METER_BANDS
    public const int MaxBands = 8; // OVSB_MAX_BANDS
    public const int MeterActive = 0x01; // OVSB_METER_ACTIVE
    public const int MeterPackets = 0x02; // OVSB_METER_PACKETS
    public const int MeterTimeShift = 6; // OVSB_METER_TIME_SHIFT
    public const int MeterCostShift = 20; // OVSB_METER_COST_SHIFT
    public const uint PortUp = 0x01; // OVSB_PORT_UP
    public const uint PortPeer = 0x08; // OVSB_PORT_PEER
    public const uint PortTunnel = 0x10; // OVSB_PORT_TUNNEL
    public const int MaxTunnels = 1024; // OVSB_MAX_TUNNELS
    public const int TunnelSlots = 8192; // OVSB_TUNNEL_SLOTS
    public const int TunnelProbes = 16; // OVSB_TUNNEL_PROBES
    public const int MaxRoutes = 4096; // OVSB_MAX_ROUTES
    public const int MaxUdpPorts = 8; // OVSB_MAX_UDP_PORTS
    public const int Patterns = 4; // OVSB_PATTERNS
    public const byte PatternRemote = 0x01; // OVSB_PATTERN_REMOTE
    public const byte PatternKey = 0x02; // OVSB_PATTERN_KEY
    public const ushort RouteNeighbour = 0x01; // OVSB_ROUTE_NEIGHBOUR
    public const ushort RouteUnreachable = 0x02; // OVSB_ROUTE_UNREACHABLE
    public const uint OtherMultiplier = 0x9e3779b1; // OVSB_OTHER_MULT
    public const uint UpcallVlan = 0x01; // OVSB_UPCALL_VLAN
    public const uint UpcallRun = 0x02; // OVSB_UPCALL_RUN
}

/// <summary><c>struct in_port</c>.</summary>
[BpfStruct("in_port")]
internal struct InPort
{
    public int IfIndex;
    public uint Port;
    public uint Flags;
    public uint Slot;
}

/// <summary><c>struct out_port</c>.</summary>
[BpfStruct("out_port")]
internal unsafe struct OutPort
{
    public int IfIndex;
    public uint Flags;
    public uint Slot;
    public fixed byte PeerMac[6];
    public ushort Pad0;
    public fixed uint Pad[3];
}

/// <summary><c>struct upcall_budget</c>.</summary>
[BpfStruct("upcall_budget")]
internal struct UpcallBudgetEntry
{
    public ulong FullAt;
    public ulong Cost;
    public ulong Burst;
    public ulong Pad;
}

/// <summary><c>struct port_stats</c>.</summary>
[BpfStruct("port_stats")]
internal unsafe struct PortStatsRecord
{
    public ulong Upcalls;
    public fixed ulong Drops[DropReasons.Count];
    public ulong PeerTx;
    public ulong PeerTxBytes;
    public fixed ulong Pad[5];
}

/// <summary><c>struct mask_entry</c>.</summary>
[BpfStruct("mask_entry")]
internal unsafe struct MaskEntry
{
    public uint NWords;
    public uint Seed;
    public fixed byte Word[Abi.KeyWords];
    public fixed ulong Mask[Abi.KeyWords];
    public fixed ulong Pad[4];
}

/// <summary><c>struct mask_list</c>.</summary>
[BpfStruct("mask_list")]
internal unsafe struct MaskList
{
    public uint Count;
    public uint Pad;
    public fixed ushort Mask[Abi.MaxMasks];
}

/// <summary><c>struct table_head</c>.</summary>
[BpfStruct("table_head")]
internal unsafe struct TableHead
{
    public uint ActiveList;
    public uint BucketMask;
    public ulong HashSeed;
    public uint MaxFlows;
    public uint NCpus;
    public uint StatsCpus;
    public uint SampleRate;
    public ulong Owner;
    public uint AbiVersion;
    public uint Pad0;
    public fixed ulong Pad[2];
}

/// <summary><c>struct hash_key</c>.</summary>
[BpfStruct("hash_key")]
internal unsafe struct HashKey
{
    public fixed ulong Word[Abi.KeyWords];
}

/// <summary><c>struct flow_ref</c>; read and written as one word.</summary>
[BpfStruct("flow_ref")]
internal struct FlowRef
{
    public uint Tag;
    public uint Flow;
}

/// <summary><c>struct flow_bucket</c>.</summary>
[BpfStruct("flow_bucket")]
internal struct FlowBucket
{
    public uint Overflow;
    public uint Pad;
    public FlowRefs Slot;
}

/// <summary>The references of a bucket.</summary>
[InlineArray(Abi.BucketSlots)]
internal struct FlowRefs
{
    private FlowRef _first;
}

/// <summary><c>struct flow_entry</c>; its first three fields are read and written as one word.</summary>
[BpfStruct("flow_entry")]
internal unsafe struct FlowEntry
{
    public ushort Mask;
    public ushort Flags;
    public uint Actions;
    public ulong Ufid;
    public fixed ulong Word[Abi.KeyWords];
    public fixed ulong Pad[6];
}

/// <summary><c>struct flow_stats</c>.</summary>
[BpfStruct("flow_stats")]
internal struct FlowStats
{
    public ulong Packets;
    public ulong Bytes;
    public ulong UsedNs;
    public uint TcpFlags;
    public uint Pad;
}

/// <summary><c>struct action_block</c>.</summary>
[BpfStruct("action_block")]
internal unsafe struct ActionBlock
{
    public uint Next;
    public ushort Len;
    public ushort Pad0;
    public ulong Pad1;
    public fixed byte Data[Abi.ActionData];
}

/// <summary><c>struct dp_action</c>.</summary>
[BpfStruct("dp_action")]
internal struct DpActionHeader
{
    public ushort Type;
    public ushort Len;
    public uint Arg;
}

/// <summary><c>struct meter</c>; its first word is read and written as one.</summary>
[BpfStruct("meter")]
internal struct MeterEntry
{
    public uint Bands;
    public ushort NBands;
    public ushort Flags;
    public ulong Packets;
    public ulong Bytes;
    public ulong Pad;
}

/// <summary><c>struct meter_band</c>.</summary>
[BpfStruct("meter_band")]
internal unsafe struct MeterBandEntry
{
    public ulong FullAt;
    public ulong Cost;
    public ulong Burst;
    public ulong Packets;
    public ulong Bytes;
    public uint Type;
    public uint PrecLevel;
    public fixed ulong Pad[2];
}

/// <summary><c>struct upcall</c> without the key.</summary>
[BpfStruct("upcall")]
internal struct UpcallRecord
{
    public uint Reason;
    public uint Flags;
    public uint Len;
    public uint CapLen;
    public int IfIndex;
    public uint GsoSize;
    public Be16 VlanTpid;
    public Be16 VlanTci;
    public uint GsoSegs;
    public ulong Cookie;
    public PackedKey Key;
}

/// <summary><c>struct packet_sample</c>, in the place of an <see cref="UpcallRecord"/>.</summary>
[BpfStruct("packet_sample")]
internal struct PacketSampleRecord
{
    public uint Reason;
    public uint Flags;
    public uint Len;
    public uint CapLen;
    public int IfIndex;
    public uint Upcall;
    public uint Drop;
    public uint Missed;
    public ulong Ufid;
    public PackedKey Key;
}

/// <summary><c>struct flow_key</c> as plain words; its fields are those of <see cref="FlowKey"/>.</summary>
[InlineArray(Abi.KeyWords)]
internal struct PackedKey
{
    private ulong _first;
}

/// <summary><c>struct upcall_reader</c>.</summary>
[BpfStruct("upcall_reader")]
internal struct UpcallReaderState
{
    public uint Asleep;
    public uint Pad;
}

/// <summary><c>struct dp_stats</c>.</summary>
[BpfStruct("dp_stats")]
internal unsafe struct DpStats
{
    public ulong Running;
    public ulong Rx;
    public ulong RxBytes;
    public ulong Hit;
    public ulong CacheHit;
    public ulong MasksTried;
    public ulong Tx;
    public ulong Recirc;
    public ulong Miss;
    public ulong Upcalls;
    public ulong Lost;
    public ulong Copies;
    public ulong Consumed;
    public ulong Unparsed;
    public fixed ulong Pad[2];
}
