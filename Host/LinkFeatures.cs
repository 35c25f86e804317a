using OvsBridge.Datapath.Links;
using OvsBridge.OpenFlow.Messages;

namespace OvsBridge.Host;

/// <summary>Ethtool's link modes in OpenFlow's words. Speeds that OpenFlow 1.3 has no bit for are OFPPF_OTHER; the speed in kilobits tells them.</summary>
internal static class LinkFeatures
{
    // ETHTOOL_LINK_MODE_*_BIT of linux/ethtool.h: first and last of a run, megabits a second.
    private static readonly (int First, int Last, uint Mbps, bool Full)[] _modes =
    [
        (0, 0, 10, false), (1, 1, 10, true), (2, 2, 100, false), (3, 3, 100, true), (4, 4, 1000, false), (5, 5, 1000, true),
        (12, 12, 10_000, true), (15, 15, 2500, true), (17, 17, 1000, true), (18, 20, 10_000, true), (21, 22, 20_000, true),
        (23, 26, 40_000, true), (27, 30, 56_000, true), (31, 33, 25_000, true), (34, 35, 50_000, true), (36, 39, 100_000, true),
        (40, 40, 50_000, true), (41, 41, 1000, true), (42, 46, 10_000, true), (47, 47, 2500, true), (48, 48, 5000, true),
        (52, 56, 50_000, true), (57, 61, 100_000, true), (62, 66, 200_000, true), (67, 67, 100, true), (68, 68, 1000, true),
        (69, 73, 400_000, true), (75, 79, 100_000, true), (80, 84, 200_000, true), (85, 89, 400_000, true), (90, 90, 100, false),
        (91, 91, 100, true), (92, 92, 10, true),
    ];

    private static readonly (int Bit, PortFeatures Feature)[] _others =
    [
        (6, PortFeatures.AutoNegotiation), (7, PortFeatures.Copper), (10, PortFeatures.Fiber),
        (13, PortFeatures.Pause), (14, PortFeatures.PauseAsymmetric),
    ];

    /// <summary>Features of a mask of modes.</summary>
    public static PortFeatures Of(UInt128 modes)
    {
        PortFeatures features = PortFeatures.None;
        foreach ((_, _, uint mbps, bool full) in In(modes))
            features |= Speed(mbps, full);
        foreach ((int bit, PortFeatures feature) in _others)
        {
            if ((modes >> bit & 1) != 0)
                features |= feature;
        }

        return features;
    }

    /// <summary>What the link runs at now.</summary>
    public static PortFeatures Current(EthernetSettings settings)
    {
        PortFeatures speed = Speed(settings.SpeedMbps, settings.FullDuplex);
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
    public static uint MaxSpeedKbps(UInt128 modes) => In(modes).Select(mode => mode.Mbps).DefaultIfEmpty().Max() * 1000;

    private static IEnumerable<(int First, int Last, uint Mbps, bool Full)> In(UInt128 modes) =>
        _modes.Where(mode => (modes >> mode.First & ((UInt128.One << (mode.Last - mode.First + 1)) - 1)) != 0);

    /// <summary>From 10 Gbit/s on OpenFlow has full duplex only.</summary>
    private static PortFeatures Speed(uint mbps, bool full) => (mbps, full) switch
    {
        (0, _) => PortFeatures.None,
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
        _ => PortFeatures.Other,
    };
}
