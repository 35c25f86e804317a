using System.Collections.Immutable;
using OvsBridge.OpenFlow;
using OvsBridge.OpenFlow.Messages;

namespace OvsBridge.Translator.Tables;

/// <summary>
/// Everything that translation depends on, at one moment: tables, groups, meters, ports, configuration. Immutable; the
/// switch publishes a new one with one volatile write after each request that changed something, and a reader takes the
/// reference once.
/// </summary>
public sealed record PipelineSnapshot
{
    /// <summary>Tables that the switch has.</summary>
    public const int TableCount = 254;

    /// <summary>Counts up with each published change.</summary>
    public long Version { get; init; }

    /// <summary>The tables; index is the table id, length <see cref="TableCount"/>.</summary>
    public required ImmutableArray<FlowTable> Tables { get; init; }

    /// <summary>Groups by id.</summary>
    public ImmutableDictionary<uint, Group> Groups { get; init; } = ImmutableDictionary<uint, Group>.Empty;

    /// <summary>Meters by id.</summary>
    public ImmutableDictionary<uint, Meter> Meters { get; init; } = ImmutableDictionary<uint, Meter>.Empty;

    /// <summary>Ports by OpenFlow number.</summary>
    public ImmutableSortedDictionary<uint, SwitchPort> Ports { get; init; } = ImmutableSortedDictionary<uint, SwitchPort>.Empty;

    /// <summary>What happens to IP fragments.</summary>
    public FragmentHandling Fragments { get; init; }

    /// <summary>Whether and when the switch acts on its own as a MAC-learning switch.</summary>
    public StandaloneMode Standalone { get; init; }
}

/// <summary>When a switch forwards by itself (NORMAL), in fail-mode standalone.</summary>
public enum StandaloneMode
{
    /// <summary>Never: only flows forward.</summary>
    Off,

    /// <summary>Packets that miss in table 0 (no controller is configured; flows come first).</summary>
    OnMiss,

    /// <summary>All packets (controllers are configured and none is connected).</summary>
    Always,
}

/// <summary>A port as the pipeline sees it.</summary>
/// <param name="Description">As port_desc gives it; its number is the OpenFlow number.</param>
/// <param name="DatapathPort">Its number in the datapath.</param>
/// <param name="IfIndex">Interface index.</param>
/// <param name="CreatedNs">CLOCK_MONOTONIC nanoseconds of its appearance.</param>
public sealed record SwitchPort(PortDescription Description, uint DatapathPort, int IfIndex, long CreatedNs)
{
    /// <summary>Whether it is a tunnel, which has no interface.</summary>
    public bool IsTunnel { get; init; }
}

/// <summary>A group. Immutable but for its counters.</summary>
/// <param name="GroupId">Number.</param>
/// <param name="GroupType">Kind.</param>
/// <param name="Buckets">Buckets as sent.</param>
/// <param name="Stats">Counters of the group.</param>
/// <param name="BucketStats">Counters of each bucket.</param>
public sealed record Group(uint GroupId, GroupType GroupType, ValueList<Bucket> Buckets, RuleStats Stats, ImmutableArray<RuleStats> BucketStats);

/// <summary>A meter.</summary>
/// <param name="MeterId">Number.</param>
/// <param name="Flags">Units and options.</param>
/// <param name="Bands">Bands as sent.</param>
/// <param name="Slot">Its index in the datapath.</param>
/// <param name="CreatedNs">CLOCK_MONOTONIC nanoseconds.</param>
public sealed record Meter(uint MeterId, MeterFlags Flags, ValueList<MeterBand> Bands, uint Slot, long CreatedNs)
{
    /// <summary>Whether packets may leave it with another DSCP.</summary>
    public bool Remarks => Bands.Any(band => band.Type == MeterBandType.DscpRemark);
}
