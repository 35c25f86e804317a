using System.Runtime.CompilerServices;
using OvsBridge.Datapath.Interop;

namespace OvsBridge.Datapath.Text;

/// <summary>One <c>name=value</c> of a set action: where it is in the payload struct.</summary>
/// <param name="Name">Its word.</param>
/// <param name="Offset">Byte offset in the struct; network order.</param>
/// <param name="Size">Bytes.</param>
/// <param name="Format">How it is written.</param>
/// <param name="Bits">Significant bits; 0: all.</param>
internal sealed record OdpSetPart(string Name, int Offset, int Size, OdpFormat Format, int Bits = 0)
{
    public UInt128 AllOnes => UInt128.MaxValue >> (128 - (Bits == 0 ? Size * 8 : Bits));

    public UInt128 Read(ReadOnlySpan<byte> payload)
    {
        UInt128 value = 0;
        foreach (byte b in payload.Slice(Offset, Size))
        {
            value = (value << 8) | b;
        }

        return value;
    }

    public void Write(Span<byte> payload, UInt128 value)
    {
        for (int i = Size - 1; i >= 0; i--, value >>= 8)
        {
            payload[Offset + i] = (byte)value;
        }
    }
}

/// <summary>A set action with value and mask.</summary>
/// <param name="Name">Its word inside <c>set(...)</c>.</param>
/// <param name="Type">The action.</param>
/// <param name="Size">Bytes of its struct.</param>
/// <param name="Parts">What it sets.</param>
internal sealed record OdpSet(string Name, DpActionType Type, int Size, OdpSetPart[] Parts)
{
    private static readonly OdpSetPart[] _ports = [new("src", 0, 2, OdpFormat.Decimal), new("dst", 2, 2, OdpFormat.Decimal)];

    private static readonly OdpSetPart[] _icmp = [new("type", 0, 2, OdpFormat.Decimal, 8), new("code", 2, 2, OdpFormat.Decimal, 8)];

    /// <summary>The rows. Those of <see cref="DpActionType.SetTp"/> differ in their word only: the packet decides.</summary>
    public static readonly OdpSet[] All =
    [
        new("eth", DpActionType.SetEth, Unsafe.SizeOf<DpSetEth>(),
            [new("src", 6, 6, OdpFormat.Mac), new("dst", 0, 6, OdpFormat.Mac), new("type", 12, 2, OdpFormat.EtherType)]),
        new("ipv4", DpActionType.SetIpv4, Unsafe.SizeOf<DpSetIpv4>(),
        [
            new("src", 0, 4, OdpFormat.Ipv4), new("dst", 4, 4, OdpFormat.Ipv4), new("proto", 10, 1, OdpFormat.Decimal),
            new("tos", 8, 1, OdpFormat.Hex), new("ttl", 9, 1, OdpFormat.Decimal),
        ]),
        new("ipv6", DpActionType.SetIpv6, Unsafe.SizeOf<DpSetIpv6>(),
        [
            new("src", 0, 16, OdpFormat.Ipv6), new("dst", 16, 16, OdpFormat.Ipv6), new("label", 32, 4, OdpFormat.Hex, 20),
            new("proto", 38, 1, OdpFormat.Decimal), new("tclass", 36, 1, OdpFormat.Hex), new("hlimit", 37, 1, OdpFormat.Decimal),
        ]),
        new("arp", DpActionType.SetArp, Unsafe.SizeOf<DpSetArp>(),
        [
            new("sip", 0, 4, OdpFormat.Ipv4), new("tip", 4, 4, OdpFormat.Ipv4), new("op", 20, 2, OdpFormat.Decimal),
            new("sha", 8, 6, OdpFormat.Mac), new("tha", 14, 6, OdpFormat.Mac),
        ]),
        new("nd", DpActionType.SetNd, Unsafe.SizeOf<DpSetNd>(),
            [new("target", 0, 16, OdpFormat.Ipv6), new("sll", 16, 6, OdpFormat.Mac), new("tll", 22, 6, OdpFormat.Mac)]),
        new("tp", DpActionType.SetTp, Unsafe.SizeOf<DpSetTp>(), _ports),
        new("tcp", DpActionType.SetTp, Unsafe.SizeOf<DpSetTp>(), _ports),
        new("udp", DpActionType.SetTp, Unsafe.SizeOf<DpSetTp>(), _ports),
        new("sctp", DpActionType.SetTp, Unsafe.SizeOf<DpSetTp>(), _ports),
        new("icmp", DpActionType.SetTp, Unsafe.SizeOf<DpSetTp>(), _icmp),
        new("icmpv6", DpActionType.SetTp, Unsafe.SizeOf<DpSetTp>(), _icmp),
    ];

    /// <summary>The tunnel that a packet is sent into; without masks.</summary>
    public static readonly OdpSet Tunnel = new("tunnel", DpActionType.SetTunnel, Unsafe.SizeOf<DpSetTunnel>(),
    [
        new("tun_id", 0, 8, OdpFormat.Hex), new("src", 8, 4, OdpFormat.Ipv4), new("dst", 12, 4, OdpFormat.Ipv4),
        new("ipv6_src", 16, 16, OdpFormat.Ipv6), new("ipv6_dst", 32, 16, OdpFormat.Ipv6), new("tos", 50, 1, OdpFormat.Hex),
        new("ttl", 51, 1, OdpFormat.Decimal), new("flags", 48, 2, OdpFormat.Hex),
    ]);

    /// <summary>The I-TAG.</summary>
    public static readonly OdpSetPart[] Itag = [new("isid", 1, 3, OdpFormat.Decimal), new("flags", 0, 1, OdpFormat.Hex)];

    public static OdpSet? ByName(string name) => Array.Find(All, s => s.Name == name);
}
