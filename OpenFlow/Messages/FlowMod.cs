using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.OpenFlow.Messages;

/// <summary>enum ofp_flow_mod_command.</summary>
public enum FlowModCommand : byte
{
#pragma warning disable CS1591 // the names are the specification's
    Add = 0,
    Modify = 1,
    ModifyStrict = 2,
    Delete = 3,
    DeleteStrict = 4,
#pragma warning restore CS1591
}

/// <summary>enum ofp_flow_mod_flags.</summary>
[Flags]
public enum FlowModFlags : ushort
{
#pragma warning disable CS1591 // the names are the specification's
    None = 0,
    SendFlowRemoved = 1 << 0,
    CheckOverlap = 1 << 1,
    ResetCounts = 1 << 2,
    NoPacketCounts = 1 << 3,
    NoByteCounts = 1 << 4,
#pragma warning restore CS1591
}

/// <summary>OFPT_FLOW_MOD.</summary>
public sealed record FlowMod : OfMessage
{
    /// <summary>OFPTT_ALL: every table (delete only).</summary>
    public const byte AllTables = 0xff;

    /// <summary>OFP_NO_BUFFER.</summary>
    public const uint NoBuffer = 0xffffffff;

    /// <summary>Opaque to the switch.</summary>
    public ulong Cookie { get; init; }

    /// <summary>Restricts modify and delete to flows whose cookie has these bits of <see cref="Cookie"/>; 0: no restriction.</summary>
    public ulong CookieMask { get; init; }

    /// <summary>Table; <see cref="AllTables"/> for deletes.</summary>
    public byte TableId { get; init; }

    /// <summary>What to do.</summary>
    public FlowModCommand Command { get; init; }

    /// <summary>Seconds without a packet until the flow is removed; 0: never.</summary>
    public ushort IdleTimeoutSeconds { get; init; }

    /// <summary>Seconds until the flow is removed; 0: never.</summary>
    public ushort HardTimeoutSeconds { get; init; }

    /// <summary>Higher wins.</summary>
    public ushort Priority { get; init; }

    /// <summary>Buffered packet to apply to.</summary>
    public uint BufferId { get; init; } = NoBuffer;

    /// <summary>Deletes only flows that output to this port; <see cref="OfPorts.Any"/>: no restriction.</summary>
    public uint OutPort { get; init; } = OfPorts.Any;

    /// <summary>Deletes only flows that use this group; 0xffffffff: no restriction.</summary>
    public uint OutGroup { get; init; } = 0xffffffff;

    /// <summary>Flags.</summary>
    public FlowModFlags Flags { get; init; }

    /// <summary>The match.</summary>
    public Match Match { get; init; } = Match.Any;

    /// <summary>The instructions, in the order sent.</summary>
    public ValueList<OfInstruction> Instructions { get; init; }

    /// <inheritdoc/>
    public override OfType Type => OfType.FlowMod;
}

/// <summary>enum ofp_flow_removed_reason.</summary>
public enum FlowRemovedReason : byte
{
#pragma warning disable CS1591 // the names are the specification's
    IdleTimeout = 0,
    HardTimeout = 1,
    Delete = 2,
    GroupDelete = 3,
#pragma warning restore CS1591
}

/// <summary>OFPT_FLOW_REMOVED.</summary>
public sealed record FlowRemoved : OfMessage
{
    /// <summary>The flow's cookie.</summary>
    public ulong Cookie { get; init; }

    /// <summary>The flow's priority.</summary>
    public ushort Priority { get; init; }

    /// <summary>Why it went.</summary>
    public FlowRemovedReason Reason { get; init; }

    /// <summary>Its table.</summary>
    public byte TableId { get; init; }

    /// <summary>How long it existed, in nanoseconds.</summary>
    public ulong DurationNs { get; init; }

    /// <summary>Its idle time-out.</summary>
    public ushort IdleTimeoutSeconds { get; init; }

    /// <summary>Its hard time-out.</summary>
    public ushort HardTimeoutSeconds { get; init; }

    /// <summary>Packets; all ones when not counted.</summary>
    public ulong PacketCount { get; init; }

    /// <summary>Bytes; all ones when not counted.</summary>
    public ulong ByteCount { get; init; }

    /// <summary>Its match.</summary>
    public Match Match { get; init; } = Match.Any;

    /// <inheritdoc/>
    public override OfType Type => OfType.FlowRemoved;
}
