using OvsBridge.OpenFlow.Messages.Multipart;

namespace OvsBridge.Translator.Switch;

/// <summary>What a switch does while no controller is there.</summary>
public enum FailMode
{
    /// <summary>Acts as a MAC-learning switch.</summary>
    Standalone,

    /// <summary>Forwards by its flows only.</summary>
    Secure,
}

/// <summary>How a switch presents itself, and its limits. Checked by the host at start.</summary>
public sealed record OfSwitchOptions
{
    /// <summary>What Open vSwitch answers to OFPMP_DESC: ONOS picks its driver by these strings.</summary>
    public static readonly DescAnswer OpenVSwitchDescription = new("Nicira, Inc.", "Open vSwitch", "2.17.9", "None", "None");

    /// <summary>Datapath id.</summary>
    public required ulong DatapathId { get; init; }

    /// <summary>The answer to OFPMP_DESC.</summary>
    public DescAnswer Description { get; init; } = new("OvsBridge", "Linux eBPF datapath", OwnVersion(), "None", "None");

    /// <summary>What to do while no controller is there.</summary>
    public FailMode FailMode { get; init; } = FailMode.Standalone;

    /// <summary>Whether the switch is told to connect to controllers.</summary>
    public bool ControllersConfigured { get; init; }

    /// <summary>
    /// How long no controller may have been heard of until a standalone switch acts by itself. Open vSwitch: three probe intervals, for
    /// silence, for the probe's answer, and for connecting again.
    /// </summary>
    public TimeSpan TakeoverDelay { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>Most packet_ins of a kind (misses, others) that a controller gets in a second; 0: no limit.</summary>
    public uint PacketInRate { get; init; }

    /// <summary>Most packet_ins of a kind that a controller gets at once after a pause; 0: a quarter of the rate.</summary>
    public uint PacketInBurst { get; init; }

    /// <summary>Most flows of a table; OFPMP_TABLE_FEATURES can lower it for a table.</summary>
    public int MaxFlowsPerTable { get; init; } = 1_000_000;

    /// <summary>Most groups of each type.</summary>
    public uint MaxGroups { get; init; } = 65_536;

    /// <summary>Most buckets of a group.</summary>
    public int MaxBuckets { get; init; } = 1_024;

    /// <summary>Most bytes that unfinished multipart requests (OFPMPF_REQ_MORE) of a connection may occupy.</summary>
    public int MaxMultipartBytes { get; init; } = 4 << 20;

    /// <summary>Most bundles of a connection that are not committed.</summary>
    public int MaxBundles { get; init; } = 64;

    /// <summary>Most bytes that the messages in them may occupy: about a million flows.</summary>
    public long MaxBundleBytes { get; init; } = 256 << 20;

    /// <summary>How long a bundle is kept that nobody goes on with; Open vSwitch's default.</summary>
    public TimeSpan BundleIdleTimeout { get; init; } = TimeSpan.FromSeconds(10);

    private static string OwnVersion() => typeof(OfSwitchOptions).Assembly.GetName().Version?.ToString(3) ?? "unknown";
}
