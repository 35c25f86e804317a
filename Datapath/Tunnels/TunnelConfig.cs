using System.Globalization;

namespace OvsBridge.Datapath.Tunnels;

/// <summary>How packets are wrapped; <c>enum tunnel_type</c>.</summary>
public enum TunnelType : byte
{
    /// <summary>Not at all.</summary>
    None = 0,

    /// <summary>RFC 7348.</summary>
    Vxlan = 1,

    /// <summary>RFC 2784 and RFC 2890, with Ethernet in it.</summary>
    Gre = 2,

    /// <summary>RFC 8926.</summary>
    Geneve = 3,
}

/// <summary>
/// What a tunnel port does: the options of Open vSwitch's tunnel interfaces, with their meanings (docs/tunnels.md). Addresses are 128 bits, IPv4 as
/// ::ffff:a.b.c.d.
/// </summary>
public sealed record TunnelConfig
{
    /// <summary>The kind.</summary>
    public required TunnelType Type { get; init; }

    /// <summary>The other end; null: the flow says it (<c>remote_ip=flow</c>), and packets may come from anywhere.</summary>
    public required UInt128? Remote { get; init; }

    /// <summary>Our end; null: whatever address the route has, and packets may be to any of ours.</summary>
    public UInt128? Local { get; init; }

    /// <summary>The flow says our end (<c>local_ip=flow</c>).</summary>
    public bool LocalFlow { get; init; }

    /// <summary>Key of packets that come in; null: any, the flow sees it (<c>in_key=flow</c>).</summary>
    public ulong? InKey { get; init; } = 0;

    /// <summary>Key of packets that go out; null: none, or the flow's.</summary>
    public ulong? OutKey { get; init; }

    /// <summary>The flow says the key of packets that go out (<c>out_key=flow</c>).</summary>
    public bool OutKeyFlow { get; init; }

    /// <summary>TOS or traffic class of the outer header; its ECN bits are always the packet's.</summary>
    public byte Tos { get; init; }

    /// <summary>That of an IP packet is its own.</summary>
    public bool TosInherit { get; init; }

    /// <summary>TTL or hop limit of the outer header.</summary>
    public byte Ttl { get; init; } = 64;

    /// <summary>That of an IP packet is its own.</summary>
    public bool TtlInherit { get; init; }

    /// <summary>Whether routers may not fragment the outer packet (IPv4).</summary>
    public bool DontFragment { get; init; } = true;

    /// <summary>Whether the UDP or GRE header has a checksum.</summary>
    public bool Checksum { get; init; }

    /// <summary>UDP port that packets go to and come in by; 0 with GRE.</summary>
    public ushort DestinationPort { get; init; }

    /// <summary>The name that Open vSwitch has for the kind.</summary>
    public string TypeName => Type switch
    {
        TunnelType.Vxlan => "vxlan",
        TunnelType.Gre => "gre",
        TunnelType.Geneve => "geneve",
        _ => "none",
    };

    /// <summary>As Open vSwitch shows it: <c>gre: key=flow, remote_ip=192.0.2.1</c>, without what is as it would be anyway.</summary>
    public override string ToString()
    {
        string? inKey = InKey is { } key ? key == 0 ? null : Text(key) : "flow";
        string? outKey = OutKeyFlow ? "flow" : OutKey is { } number ? Text(number) : null;
        ushort usualPort = Type switch { TunnelType.Vxlan => 4789, TunnelType.Geneve => 6081, _ => 0 };
        (string Name, string? Value)[] options =
        [
            ("csum", Checksum ? "true" : null),
            ("df_default", DontFragment ? null : "false"),
            ("dst_port", DestinationPort == usualPort ? null : Text(DestinationPort)),
            ("in_key", inKey == outKey ? null : inKey ?? "0"),
            ("key", inKey == outKey ? inKey : null),
            ("local_ip", LocalFlow ? "flow" : Local is { } local ? MappedAddress.Text(local) : null),
            ("out_key", inKey == outKey ? null : outKey),
            ("remote_ip", Remote is { } remote ? MappedAddress.Text(remote) : "flow"),
            ("tos", TosInherit ? "inherit" : Tos == 0 ? null : $"0x{Tos:x}"),
            ("ttl", TtlInherit ? "inherit" : Ttl == 64 ? null : Text(Ttl)),
        ];
        return $"{TypeName}: {string.Join(", ", options.Where(option => option.Value is not null).Select(option => $"{option.Name}={option.Value}"))}";

        static string Text(ulong value) => value.ToString(CultureInfo.InvariantCulture);
    }
}
