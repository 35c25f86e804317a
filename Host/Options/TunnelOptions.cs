using System.Globalization;
using System.Net;
using OvsBridge.Datapath.Tunnels;
using OvsBridge.OpenFlow.Actions;

namespace OvsBridge.Host.Options;

/// <summary>Reads the options of a tunnel port, as in <c>--port gre0=10,type=gre,remote_ip=192.0.2.1,key=flow</c>; names and meanings are Open vSwitch's.</summary>
internal static class TunnelOptions
{
    private const string Flow = "flow", Inherit = "inherit";

    /// <summary>Open vSwitch's options that there is nothing here for, with the reason.</summary>
    private static readonly Dictionary<string, string> _refused = new()
    {
        ["exts"] = "VXLAN extensions are not there",
        ["seq"] = "sequence numbers are taken and not sent",
        ["egress_pkt_mark"] = "packets are not marked",
        ["packet_type"] = "tunnels carry Ethernet",
        ["psk"] = "there is no IPsec here: let the machine's encrypt what goes to the remote end",
        ["in_key_flow"] = "say in_key=flow",
        ["out_key_flow"] = "say out_key=flow",
    };

    private static readonly HashSet<string> _known =
        ["type", "remote_ip", "local_ip", "key", "in_key", "out_key", "tos", "ttl", "df_default", "csum", "dst_port", .. _refused.Keys];

    /// <summary>Whether an option of a port is one of tunnels.</summary>
    public static bool IsOne(string key) => _known.Contains(key);

    /// <summary>Reads them.</summary>
    /// <param name="options">Names and values, at least one; consumed.</param>
    /// <param name="tunnel">The port, as far as it is read.</param>
    /// <param name="origin">Where it was given, for messages.</param>
    /// <exception cref="UsageException">Says what is wrong.</exception>
    public static TunnelConfig Read(Dictionary<string, string?> options, PortOption tunnel, string origin)
    {
        if (tunnel.Number == OfPorts.Local)
            throw Bad("a tunnel can't be the LOCAL port");
        foreach ((string option, string? value) in options)
        {
            if (_refused.TryGetValue(option, out string? why))
                throw Bad($"{option} is not supported: {why}");
            if (string.IsNullOrEmpty(value))
                throw Bad($"{option} needs a value");
        }

        TunnelType type = Take("type") switch
        {
            "vxlan" => TunnelType.Vxlan,
            "gre" => TunnelType.Gre,
            "geneve" => TunnelType.Geneve,
            null => throw Bad("it has options of a tunnel, but no type: type=vxlan, gre or geneve"),
            var other => throw Bad($"type '{other}' is not vxlan, gre or geneve"),
        };
        UInt128? remote = Take("remote_ip") switch
        {
            null => throw Bad("it needs a remote_ip: an address, or flow"),
            Flow => null,
            var text => Address("remote_ip", text),
        };
        string? local = Take("local_ip");
        UInt128? localAddress = local is null or Flow ? null : Address("local_ip", local);
        if (remote is { } far && localAddress is { } near && MappedAddress.IsIpv4(far) != MappedAddress.IsIpv4(near))
            throw Bad("local_ip and remote_ip are of different versions of IP");

        string? key = Take("key"), inKey = Take("in_key") ?? key, outKey = Take("out_key") ?? key;
        string? tos = Take("tos"), ttl = Take("ttl"), port = Take("dst_port");
        if (type == TunnelType.Gre && port is not null)
            throw Bad("gre has no dst_port");
        TunnelConfig config = new()
        {
            Type = type,
            Remote = remote,
            Local = localAddress,
            LocalFlow = local == Flow,
            InKey = inKey switch { null => 0, Flow => null, _ => Key(inKey) },
            OutKey = outKey is null or Flow ? null : Key(outKey),
            OutKeyFlow = outKey == Flow,
            TosInherit = tos == Inherit,
            Tos = tos is null or Inherit ? (byte)0 : (byte)Number("tos", tos, 0, 255, "or inherit"),
            TtlInherit = ttl == Inherit,
            Ttl = ttl is null or Inherit ? (byte)64 : (byte)Number("ttl", ttl, 1, 255, "or inherit"),
            DontFragment = Truth("df_default", true),
            Checksum = Truth("csum", false),
            DestinationPort = type == TunnelType.Gre ? (ushort)0
                : port is null ? (ushort)(type == TunnelType.Vxlan ? 4789 : 6081) : (ushort)Number("dst_port", port, 1, 65535),
        };
        return config;

        UsageException Bad(string what) => new($"{origin}: {tunnel.Interface}: {what}");

        string? Take(string option) => options.Remove(option, out string? value) ? value : null;

        UInt128 Address(string option, string text) =>
            IPAddress.TryParse(text, out IPAddress? address) && !text.Contains('%', StringComparison.Ordinal) && !IsMulticast(address)
                && MappedAddress.From(address) is var value && value != 0
                ? value
                : throw Bad($"{option} '{text}' is not an IP address of one machine, nor flow");

        ulong Key(string text)
        {
            ulong highest = type == TunnelType.Gre ? uint.MaxValue : 0xffffff;
            bool hex = text.StartsWith("0x", StringComparison.OrdinalIgnoreCase);
            return ulong.TryParse(hex ? text[2..] : text, hex ? NumberStyles.AllowHexSpecifier : NumberStyles.None, CultureInfo.InvariantCulture, out ulong value) && value <= highest
                ? value
                : throw Bad($"key '{text}' is not a number from 0 to {highest}, nor flow");
        }

        int Number(string option, string text, int lowest, int highest, string or = "")
        {
            bool hex = text.StartsWith("0x", StringComparison.OrdinalIgnoreCase);
            return int.TryParse(hex ? text[2..] : text, hex ? NumberStyles.AllowHexSpecifier : NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value >= lowest && value <= highest
                ? value
                : throw Bad($"{option} '{text}' is not a number from {lowest} to {highest}{(or.Length > 0 ? ", " + or : "")}");
        }

        bool Truth(string option, bool standard) => Take(option) switch
        {
            null => standard,
            "true" => true,
            "false" => false,
            var text => throw Bad($"{option} '{text}' is not true or false"),
        };
    }

    private static bool IsMulticast(IPAddress address) =>
        address.IsIPv6Multicast || (address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetwork && address.GetAddressBytes()[0] >= 224);
}
