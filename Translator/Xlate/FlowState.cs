using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.Translator.Xlate;

/// <summary>
/// What the packet is at one point of a translation. A plain value, so that a group bucket can work on a copy.
/// </summary>
/// <remarks>
/// Each bit of the packet part is one of: known (written by an action, or looked at before: the same for all packets of
/// the megaflow); opaque (behind a header that was taken off: only a parser could tell); or neither, and then it is the
/// bit of the original packet, at its old place or where <see cref="VlanPopped"/> and <see cref="MplsPopped"/> say.
/// </remarks>
internal struct FlowState
{
    /// <summary>The bits' values.</summary>
    public FlowKey Value;

    /// <summary>Bits that are known.</summary>
    public FlowKey Known;

    /// <summary>Bits that need a parser.</summary>
    public FlowKey Opaque;

    /// <summary>Bit n: word n has opaque bits, or bits that come from another place of the original.</summary>
    public ulong Special;

    /// <summary>Tags of the original packet that were popped.</summary>
    public int VlanPopped;

    /// <summary>What pushed tags hide; null when there is no pushed tag.</summary>
    public HiddenTag? Tags;

    /// <summary>Label stack entries of the original packet that were popped.</summary>
    public int MplsPopped;

    /// <summary>By how much ip_ttl is lower than in the original packet, as long as it is not known.</summary>
    public int TtlDecrements;

    /// <summary>What pushed labels and I-TAGs hide; null when there is none.</summary>
    public HiddenHeaders? Encapsulation;

    /// <summary>Names the arrangement of labels and I-TAGs; 0 is the original one.</summary>
    public int Structure;

    /// <summary>A label was pushed in the state, but not yet by the datapath.</summary>
    public bool PushPending;

    /// <summary>The TTL of the header below the top label was overwritten (copy_ttl_in).</summary>
    public bool InnerTtlChanged;
}

/// <summary>What the datapath has made of the packet so far; <see cref="FlowState"/> runs ahead of it between commits.</summary>
internal struct SentState
{
    /// <summary>Values that the datapath has written. The VLAN tag here is the outermost original one, below all pushed ones.</summary>
    public FlowKey Value;

    /// <summary>Which bits it has written.</summary>
    public FlowKey Known;

    /// <summary>See <see cref="FlowState.VlanPopped"/>.</summary>
    public int VlanPopped;

    /// <summary>Tags that it has pushed, the outermost first.</summary>
    public SentTag? Tags;

    /// <summary>See <see cref="FlowState.TtlDecrements"/>.</summary>
    public int TtlDecrements;

    /// <summary>See <see cref="FlowState.Structure"/>.</summary>
    public int Structure;
}

/// <summary>Where a copy of the packet began to be treated.</summary>
/// <param name="State">The packet then.</param>
/// <param name="Sent">The datapath's packet then.</param>
/// <param name="Position">Length of the program then.</param>
internal sealed record CloneStart(FlowState State, SentState Sent, int Position);

/// <summary>The VLAN tag that became the second one by a push.</summary>
internal sealed class HiddenTag
{
    public required Be16 Tci { get; init; }

    public required Be16 TciKnown { get; init; }

    public required Be16 Tpid { get; init; }

    public required Be16 TpidKnown { get; init; }

    /// <summary>Next pushed tag's.</summary>
    public required HiddenTag? Below { get; init; }

    /// <summary>What is hidden besides: with a third tag, a parser does not come to the ethertype any more.</summary>
    public HiddenRegion? Rest { get; set; }

    /// <summary>The arrangement of labels and I-TAGs before the push.</summary>
    public required int Structure { get; init; }

    /// <summary>And behind it, if there is a <see cref="Rest"/>.</summary>
    public int HidingStructure { get; set; }
}

/// <summary>A tag that the datapath has pushed.</summary>
internal sealed record SentTag(ushort Tpid, ushort Tci, SentTag? Below);

/// <summary>The bits of some fields, in state and datapath, put aside while another header covers them.</summary>
internal sealed class HiddenRegion
{
    public required FlowKey Bits;
    public required FlowKey Value;
    public required FlowKey Known;
    public required FlowKey Opaque;
    public required FlowKey SentValue;
    public required FlowKey SentKnown;

    public required int TtlDecrements { get; init; }

    public required int SentTtlDecrements { get; init; }
}

/// <summary>What a pushed label or I-TAG covers.</summary>
internal sealed class HiddenHeaders
{
    /// <summary>Whether it is an I-TAG, else a label.</summary>
    public required bool Pbb { get; init; }

    public required HiddenRegion Region { get; init; }

    public required HiddenHeaders? Below { get; init; }

    public required int Structure { get; init; }

    /// <summary>See <see cref="FlowState.InnerTtlChanged"/>.</summary>
    public bool InnerTtlChanged { get; init; }

    /// <summary>The tags below, if the region has them: below an I-TAG, or a label that was pushed in front of tags; else null.</summary>
    public CoveredTags? CoveredTags { get; init; }
}

/// <summary>VLAN tags below an I-TAG or label, in state and datapath.</summary>
/// <param name="VlanPopped">See <see cref="FlowState.VlanPopped"/>; the same in both, since they are committed before the push.</param>
/// <param name="Tags">See <see cref="FlowState.Tags"/>.</param>
/// <param name="Sent">See <see cref="SentState.Tags"/>.</param>
internal sealed record CoveredTags(int VlanPopped, HiddenTag? Tags, SentTag? Sent);
