namespace OvsBridge.Datapath;

/// <summary>Datapath actions; the mirror of <c>enum dp_action_type</c> in bpf/abi.h, which describes arguments and payloads.</summary>
public enum DpActionType : ushort
{
#pragma warning disable CS1591 // bpf/abi.h describes each
    Unspec = 0,
    Output = 1,
    Userspace = 2,
    PushVlan = 3,
    PopVlan = 4,
    SetEth = 5,
    SetVlan = 6,
    SetIpv4 = 7,
    SetIpv6 = 8,
    SetArp = 9,
    SetTp = 10,
    SetNd = 11,
    SetMpls = 12,
    PushMpls = 13,
    PopMpls = 14,
    PushPbb = 15,
    PopPbb = 16,
    DecTtl = 17,
    DecMplsTtl = 18,
    CopyTtlOut = 19,
    CopyTtlIn = 20,
    Meter = 21,
    Hash = 22,
    Recirc = 23,
    SetTunnel = 24,
    SetPriority = 25,
    Trunc = 26,
    Sample = 27,
    Drop = 28,
    SetPbb = 29,
    Save = 30,
    Restore = 31,
    PushMplsFront = 32,
#pragma warning restore CS1591
}

/// <summary>Why a packet came to user space; the mirror of <c>enum upcall_reason</c>.</summary>
public enum UpcallReason : uint
{
#pragma warning disable CS1591 // bpf/abi.h describes each
    Unspec = 0,
    Miss = 1,
    Controller = 2,
    SlowPath = 3,
    InvalidTtl = 4,
    Sample = 5,
    Tunnel = 6,
#pragma warning restore CS1591
}

/// <summary>Why the datapath dropped a packet; the mirror of <c>enum drop_reason</c>.</summary>
public enum DropReason : uint
{
#pragma warning disable CS1591 // bpf/abi.h describes each
    Unspec = 0,
    BadPort = 1,
    PortNoRecv = 2,
    TooShort = 3,
    Action = 4,
    UpcallLost = 5,
    UpcallLimit = 6,
    NoOutPort = 7,
    ActionError = 8,
    BadProgram = 9,
    Meter = 10,
    RecircLimit = 11,
    TableBroken = 12,
    Explicit = 13,
    Ttl = 14,
    NoMemory = 15,
    Nested = 16,
    TunnelNoRoute = 17,
    TunnelNoRemote = 18,
    TunnelMtu = 19,
    TunnelEncap = 20,
    TunnelHeader = 21,
    TunnelCsum = 22,
    TunnelEcn = 23,
#pragma warning restore CS1591
}

/// <summary>How many drop reasons there can be (<c>__DROP_MAX</c>).</summary>
public static class DropReasons
{
    /// <summary>Length of an array of counters by reason; more than are in use.</summary>
    public const int Count = 32;
}
