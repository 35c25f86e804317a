using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Messages.Multipart;

namespace OvsBridge.Translator.Switch;

/// <summary>What the switch says that it can do.</summary>
internal static class SwitchFeatures
{
    /// <summary>OFPTC_DEPRECATED_MASK.</summary>
    public const uint DeprecatedTableConfig = 3;

    /// <summary>OFPGFC_SELECT_WEIGHT, SELECT_LIVENESS, CHAINING, CHAINING_CHECKS.</summary>
    private const uint GroupCapabilities = 0xf;

    /// <summary>OFPMF_KBPS, PKTPS, BURST, STATS.</summary>
    private const uint MeterCapabilities = 0xf;

    /// <summary>OFPAT_*: all of OpenFlow 1.3 but experimenter.</summary>
    public static readonly uint[] ActionNumbers = [0, 11, 12, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27];

    /// <summary>Statistics that are really kept.</summary>
    public const Capabilities SwitchCapabilities =
        Capabilities.FlowStats | Capabilities.TableStats | Capabilities.PortStats | Capabilities.GroupStats | Capabilities.QueueStats;

    /// <summary>OFPMP_GROUP_FEATURES.</summary>
    public static GroupFeaturesAnswer Groups(OfSwitchOptions options)
    {
        uint actions = ActionNumbers.Aggregate(0u, (bits, number) => bits | (1u << (int)number));
        return new GroupFeaturesAnswer(
            Types: 0xf,
            GroupCapabilities,
            [options.MaxGroups, options.MaxGroups, options.MaxGroups, options.MaxGroups],
            [actions, actions, actions, actions]);
    }

    /// <summary>OFPMP_METER_FEATURES.</summary>
    public static MeterFeaturesAnswer Meters(IMeterControl? control) => control is null
        ? new MeterFeaturesAnswer(0, 0, 0, 0, 0)
        : new MeterFeaturesAnswer(
            control.MaxMeters,
            (1u << (int)MeterBandType.Drop) | (1u << (int)MeterBandType.DscpRemark),
            MeterCapabilities,
            control.MaxBands,
            MaxColor: 0);
}
