using System.Runtime.InteropServices;
using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.Datapath.Interop;

// Payloads of datapath actions; bpf/abi.h describes them and says which action carries which. Where an action takes value
// and mask, both are such a struct. Padding is named so that two equal payloads are equal bytes: leave it zero.
#pragma warning disable CS1591, CA1051 // mirrors: the members are described in bpf/abi.h

/// <summary><c>struct dp_userspace</c>: payload of <see cref="DpActionType.Userspace"/>, <see cref="DpActionType.Sample"/>, <see cref="DpActionType.DecTtl"/> and <see cref="DpActionType.DecMplsTtl"/>.</summary>
[BpfStruct("dp_userspace")]
[StructLayout(LayoutKind.Sequential, Size = 16)]
public struct DpUserspace
{
    /// <summary><see cref="MaxLen"/>: the whole packet.</summary>
    public const uint WholePacket = 0xffffffff;

    public ulong Cookie;
    public uint MaxLen;
    public uint Meter;
}

/// <summary><c>struct dp_set_eth</c>.</summary>
[BpfStruct("dp_set_eth")]
[StructLayout(LayoutKind.Sequential, Size = 16)]
public struct DpSetEth
{
    public MacBytes Dst;
    public MacBytes Src;
    public Be16 Type;
    public Be16 Pad;
}

/// <summary><c>struct dp_set_ipv4</c>.</summary>
[BpfStruct("dp_set_ipv4")]
[StructLayout(LayoutKind.Sequential, Size = 16)]
public struct DpSetIpv4
{
    public Be32 Src;
    public Be32 Dst;
    public byte Tos;
    public byte Ttl;
    public byte Proto;
    public byte Pad;
    public Be32 Pad2;
}

/// <summary><c>struct dp_set_ipv6</c>.</summary>
[BpfStruct("dp_set_ipv6")]
[StructLayout(LayoutKind.Sequential, Size = 40)]
public struct DpSetIpv6
{
    public Be128 Src;
    public Be128 Dst;
    public Be32 Label;
    public byte Tos;
    public byte Hlimit;
    public byte Proto;
    public byte Pad;
}

/// <summary><c>struct dp_set_arp</c>.</summary>
[BpfStruct("dp_set_arp")]
[StructLayout(LayoutKind.Sequential, Size = 24)]
public struct DpSetArp
{
    public Be32 Spa;
    public Be32 Tpa;
    public MacBytes Sha;
    public MacBytes Tha;
    public Be16 Op;
    public Be16 Pad;
}

/// <summary><c>struct dp_set_tp</c>.</summary>
[BpfStruct("dp_set_tp")]
[StructLayout(LayoutKind.Sequential, Size = 8)]
public struct DpSetTp
{
    public Be16 Src;
    public Be16 Dst;
    public uint Pad;
}

/// <summary><c>struct dp_set_nd</c>.</summary>
[BpfStruct("dp_set_nd")]
[StructLayout(LayoutKind.Sequential, Size = 32)]
public struct DpSetNd
{
    public Be128 Target;
    public MacBytes Sll;
    public MacBytes Tll;
    public uint Pad;
}

/// <summary><c>struct dp_set_mpls</c>: also the I-TAG of <see cref="DpActionType.SetPbb"/>.</summary>
[BpfStruct("dp_set_mpls")]
[StructLayout(LayoutKind.Sequential, Size = 8)]
public struct DpSetMpls
{
    public Be32 Lse;
    public Be32 Mask;
}

/// <summary><c>struct dp_push_mpls</c>.</summary>
[BpfStruct("dp_push_mpls")]
[StructLayout(LayoutKind.Sequential, Size = 8)]
public struct DpPushMpls
{
    public Be32 Lse;
    public uint Pad;
}

/// <summary><c>struct dp_push_pbb</c>.</summary>
[BpfStruct("dp_push_pbb")]
[StructLayout(LayoutKind.Sequential, Size = 8)]
public struct DpPushPbb
{
    public Be32 Itag;
    public uint Pad;
}

/// <summary><c>struct dp_set_tunnel</c>.</summary>
[BpfStruct("dp_set_tunnel")]
[StructLayout(LayoutKind.Sequential, Size = 56)]
public struct DpSetTunnel
{
    public Be64 Id;
    public Be32 Src;
    public Be32 Dst;
    public Be128 Ipv6Src;
    public Be128 Ipv6Dst;
    public Be16 Flags;
    public byte Tos;
    public byte Ttl;
    public uint Pad;
}
