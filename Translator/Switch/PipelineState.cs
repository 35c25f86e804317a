using System.Collections.Immutable;
using OvsBridge.Translator.Tables;

namespace OvsBridge.Translator.Switch;

/// <summary>
/// The published snapshot with what only the switch itself needs of the same moment. Immutable: statistics read one
/// reference, a request (or a bundle) that fails leaves nothing behind.
/// </summary>
internal sealed record PipelineState
{
    /// <summary>What translation sees.</summary>
    public required PipelineSnapshot Snapshot { get; init; }

    /// <summary>Settings by table id.</summary>
    public required ImmutableArray<TableSettings> Tables { get; init; }

    /// <summary>Flows whose actions name the group: its reference count, and what goes when it is deleted.</summary>
    public ImmutableDictionary<uint, ImmutableHashSet<Rule>> RulesByGroup { get; init; } =
        ImmutableDictionary<uint, ImmutableHashSet<Rule>>.Empty;

    /// <summary>Flows whose instructions name the meter.</summary>
    public ImmutableDictionary<uint, ImmutableHashSet<Rule>> RulesByMeter { get; init; } =
        ImmutableDictionary<uint, ImmutableHashSet<Rule>>.Empty;

    /// <summary>Datapath slots that meters hold.</summary>
    public ImmutableHashSet<uint> MeterSlots { get; init; } = [];

    /// <summary>Where the search for a free slot starts: a slot rests as long as possible before it is used again.</summary>
    public uint NextMeterSlot { get; init; }
}
