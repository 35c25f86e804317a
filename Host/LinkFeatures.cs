using OvsBridge.Datapath.Links;
using OvsBridge.OpenFlow.Messages;

namespace OvsBridge.Host;

/// <summary>Ethtool's link modes in OpenFlow's words.</summary>
internal static class LinkFeatures
{
    // SUPPORTED_* of linux/ethtool.h, bit numbers; ADVERTISED_* are the same.
    private static readonly (int Bit, PortFeatures Feature)[] _modes =
    [
        (0, PortFeatures.TenMbHalf), (1, PortFeatures.TenMbFull),
        (2, PortFeatures.HundredMbHalf), (3, PortFeatures.HundredMbFull),
        (4, PortFeatures.OneGbHalf), (5, PortFeatures.OneGbFull),
        (6, PortFeatures.AutoNegotiation), (7, PortFeatures.Copper), (10, PortFeatures.Fiber),
        (12, PortFeatures.TenGbFull), (13, PortFeatures.Pause), (14, PortFeatures.PauseAsymmetric),
        (18, PortFeatures.TenGbFull), (19, PortFeatures.TenGbFull), (20, PortFeatures.TenGbFull),
        (23, PortFeatures.FortyGbFull), (24, PortFeatures.FortyGbFull), (25, PortFeatures.FortyGbFull), (26, PortFeatures.FortyGbFull),
    ];

    private static readonly (PortFeatures Feature, uint Kbps)[] _speeds =
    [
        (PortFeatures.OneTbFull, 1_000_000_000), (PortFeatures.HundredGbFull, 100_000_000), (PortFeatures.FortyGbFull, 40_000_000),
        (PortFeatures.TenGbFull, 10_000_000), (PortFeatures.OneGbFull | PortFeatures.OneGbHalf, 1_000_000),
        (PortFeatures.HundredMbFull | PortFeatures.HundredMbHalf, 100_000), (PortFeatures.TenMbFull | PortFeatures.TenMbHalf, 10_000),
    ];

    /// <summary>Features of a mask of modes.</summary>
    public static PortFeatures Of(uint modes)
    {
        PortFeatures features = PortFeatures.None;
        foreach ((int bit, PortFeatures feature) in _modes)
        {
            if ((modes >> bit & 1) != 0)
                features |= feature;
        }

        return features;
    }

    /// <summary>What the link runs at now.</summary>
    public static PortFeatures Current(EthernetSettings settings)
    {
        PortFeatures speed = (settings.SpeedMbps, settings.FullDuplex) switch
        {
            (10, false) => PortFeatures.TenMbHalf,
            (10, true) => PortFeatures.TenMbFull,
            (100, false) => PortFeatures.HundredMbHalf,
            (100, true) => PortFeatures.HundredMbFull,
            (1000, false) => PortFeatures.OneGbHalf,
            (1000, true) => PortFeatures.OneGbFull,
            (10_000, _) => PortFeatures.TenGbFull,
            (40_000, _) => PortFeatures.FortyGbFull,
            (100_000, _) => PortFeatures.HundredGbFull,
            (1_000_000, _) => PortFeatures.OneTbFull,
            (0, _) => PortFeatures.None,
            _ => PortFeatures.Other,
        };
        if (speed == PortFeatures.None)
            return speed;
        return speed | settings.Port switch
        {
            0 => PortFeatures.Copper, // PORT_TP
            3 => PortFeatures.Fiber, // PORT_FIBRE
            _ => PortFeatures.None,
        };
    }

    /// <summary>The highest speed of a mask of modes; 0: unknown.</summary>
    public static uint MaxSpeedKbps(uint modes)
    {
        PortFeatures features = Of(modes);
        return _speeds.FirstOrDefault(row => (row.Feature & features) != 0).Kbps;
    }
}
