using OvsBridge.OpenFlow;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.Translator.Tables;

namespace OvsBridge.Translator.Xlate;

/// <summary>
/// What is still to be done with a packet that has to be parsed anew in the middle of a translation. A recirculated packet's recirc_id names
/// it, and so does the cookie of one that goes on in user space.
/// </summary>
internal sealed record Continuation
{
    /// <summary>Metadata and the like.</summary>
    public required FlowKey Pipeline { get; init; }

    /// <summary>The action set, in order of execution.</summary>
    public required ValueList<OfAction> ActionSet { get; init; }

    /// <summary>The flow entry whose actions these are; null for a packet_out's.</summary>
    public required Rule? Rule { get; init; }

    /// <summary>Actions that are left of the list.</summary>
    public required ValueList<OfAction> Actions { get; init; }

    /// <summary>Where the list came from, which says what follows it.</summary>
    public required ActionSource Source { get; init; }

    /// <summary>The select group, first of <see cref="Actions"/>, that the packet's dp_hash was computed for.</summary>
    public uint? HashedGroup { get; init; }

    /// <summary>The table to be searched, for <see cref="ActionSource.Table"/>.</summary>
    public byte Table { get; init; }
}

/// <summary>Where an action list comes from.</summary>
internal enum ActionSource
{
    /// <summary>No list: a table is to be searched.</summary>
    Table,

    /// <summary>An apply-actions instruction; the flow entry's other instructions follow.</summary>
    Apply,

    /// <summary>An action set; nothing follows.</summary>
    ActionSet,

    /// <summary>A group bucket; nothing follows.</summary>
    Bucket,

    /// <summary>A packet_out; nothing follows.</summary>
    PacketOut,
}

/// <summary>What is to be said of a packet that an action sends to the controllers; the cookie of the datapath action names it.</summary>
/// <param name="Reason">Why.</param>
/// <param name="TableId">Table of the flow.</param>
/// <param name="Cookie">Cookie of the flow; all ones without.</param>
/// <param name="MaxLength">max_len; null: each connection's miss_send_len.</param>
/// <param name="Pipeline">in_port, metadata and the like.</param>
/// <param name="Tunnel">Tunnel fields that actions wrote.</param>
/// <param name="TunnelMask">Their bits; the others are the packet's own.</param>
/// <param name="ControllerId">Number of the controllers that it is for (NXAST_CONTROLLER).</param>
internal sealed record PacketInRecord(
    PacketInReason Reason, byte TableId, ulong Cookie, ushort? MaxLength, FlowKey Pipeline, FlowKey Tunnel, FlowKey TunnelMask, ushort ControllerId);
