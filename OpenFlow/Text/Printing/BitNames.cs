using System.Globalization;
using System.Text;

namespace OvsBridge.OpenFlow.Text;

/// <summary>Flag words as a list of the names that Open vSwitch's tools have for their bits.</summary>
internal static class BitNames
{
    /// <summary>ofp_port_config.</summary>
    public static readonly string?[] PortConfig = ["PORT_DOWN", null, "NO_RECV", null, null, "NO_FWD", "NO_PACKET_IN"];

    /// <summary>ofp_port_state.</summary>
    public static readonly string?[] PortState = ["LINK_DOWN", "BLOCKED", "LIVE"];

    /// <summary>ofp_port_features.</summary>
    public static readonly string?[] PortFeatures =
    [
        "10MB-HD", "10MB-FD", "100MB-HD", "100MB-FD", "1GB-HD", "1GB-FD", "10GB-FD", "40GB-FD", "100GB-FD", "1TB-FD", "OTHER", "COPPER",
        "FIBER", "AUTO_NEG", "AUTO_PAUSE", "AUTO_PAUSE_ASYM",
    ];

    /// <summary>ofp_capabilities.</summary>
    public static readonly string?[] Capabilities =
        ["FLOW_STATS", "TABLE_STATS", "PORT_STATS", "GROUP_STATS", null, "IP_REASM", "QUEUE_STATS", null, "PORT_BLOCKED"];

    /// <summary>Bit n: ofp_meter_band_type n.</summary>
    public static readonly string?[] MeterBands = [null, "drop", "dscp_remark"];

    /// <summary>ofp_meter_flags.</summary>
    public static readonly string?[] MeterFlags = ["kbps", "pktps", "burst", "stats"];

    /// <summary>onf_bundle_flags.</summary>
    public static readonly string?[] Bundle = ["atomic", "ordered"];

    /// <summary>Appends the names of the bits that are set, with blanks between them; bits without a name as a number; 0 for none.</summary>
    public static void Append(StringBuilder text, uint bits, ReadOnlySpan<string?> names)
    {
        if (bits == 0)
        {
            text.Append('0');
            return;
        }

        int start = text.Length;
        uint unknown = 0;
        for (int bit = 0; bit < 32; bit++)
        {
            if ((bits >> bit & 1) == 0)
                continue;
            if (bit < names.Length && names[bit] is { } name)
                text.Append(text.Length > start ? " " : "").Append(name);
            else
                unknown |= 1u << bit;
        }

        if (unknown != 0)
            text.Append(text.Length > start ? " " : "").Append(CultureInfo.InvariantCulture, $"0x{unknown:x}");
    }
}
