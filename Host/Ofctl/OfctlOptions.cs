using OvsBridge.OpenFlow.Messages;

namespace OvsBridge.Host.Ofctl;

/// <summary>What the options of <c>ofctl</c> say.</summary>
internal sealed record OfctlOptions
{
    /// <summary>Gives up after this; infinite: never.</summary>
    public TimeSpan Timeout { get; init; } = System.Threading.Timeout.InfiniteTimeSpan;

    /// <summary>mod-flows and del-flows change exactly the flow that is described.</summary>
    public bool Strict { get; init; }

    /// <summary>replace-flows puts in what has not changed, too.</summary>
    public bool Readd { get; init; }

    /// <summary>All changes at once, or none.</summary>
    public bool Bundle { get; init; }

    /// <summary>Commands that change a switch are refused.</summary>
    public bool ReadOnly { get; init; }

    /// <summary>mod-group makes the group if it is not there.</summary>
    public bool MayCreate { get; init; }

    /// <summary>Whether names of ports are shown; null: on a terminal.</summary>
    public bool? Names { get; init; }

    /// <summary>Whether flows are shown with counters and age.</summary>
    public bool Statistics { get; init; } = true;

    /// <summary>Whether monitor and snoop print the time.</summary>
    public bool Timestamp { get; init; }

    /// <summary>How often -m was given.</summary>
    public int Verbosity { get; init; }

    /// <summary>How to sort flows, first criterion first.</summary>
    public IReadOnlyList<SortCriterion> Sort { get; init; } = [];

    /// <summary>What -P asks for, or null.</summary>
    public string? PacketInFormat { get; init; }

    /// <summary>Files for ssl targets, or null.</summary>
    public string? PrivateKey { get; init; }

    /// <summary>Our certificate.</summary>
    public string? Certificate { get; init; }

    /// <summary>Certificates of the authority.</summary>
    public string? Authority { get; init; }

    /// <summary>Directory of the bridges' sockets.</summary>
    public required string RunDirectory { get; init; }

    /// <summary>What is sent as a flow_mod's command.</summary>
    public FlowModCommand Modify => Strict ? FlowModCommand.ModifyStrict : FlowModCommand.Modify;

    /// <summary>What is sent as a flow_mod's command.</summary>
    public FlowModCommand Delete => Strict ? FlowModCommand.DeleteStrict : FlowModCommand.Delete;
}

/// <summary>A field by which flows are sorted.</summary>
/// <param name="Field">Name of a match field; null: the priority.</param>
/// <param name="Descending">Highest first.</param>
internal sealed record SortCriterion(string? Field, bool Descending);
