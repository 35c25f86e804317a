using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.OpenFlow.Messages;

/// <summary>enum ofp_packet_in_reason.</summary>
public enum PacketInReason : byte
{
#pragma warning disable CS1591 // the names are the specification's
    NoMatch = 0,
    Action = 1,
    InvalidTtl = 2,
#pragma warning restore CS1591
}

/// <summary>OFPT_PACKET_IN.</summary>
/// <param name="BufferId">Always <see cref="FlowMod.NoBuffer"/> here.</param>
/// <param name="TotalLength">True length of the frame.</param>
/// <param name="Reason">Why.</param>
/// <param name="TableId">Table of the flow.</param>
/// <param name="Cookie">Cookie of the flow; all ones when none.</param>
/// <param name="Match">in_port and the other pipeline fields.</param>
/// <param name="Data">The frame, maybe cut.</param>
public sealed record PacketIn(
    uint BufferId, ushort TotalLength, PacketInReason Reason, byte TableId, ulong Cookie, Match Match, ReadOnlyMemory<byte> Data) : OfMessage
{
    /// <inheritdoc/>
    public override OfType Type => OfType.PacketIn;
}

/// <summary>OFPT_PACKET_OUT.</summary>
/// <param name="BufferId">Buffered packet, or <see cref="FlowMod.NoBuffer"/>.</param>
/// <param name="InPort">Port the packet counts as received from, or <see cref="OfPorts.Controller"/>.</param>
/// <param name="Actions">What to do with it.</param>
/// <param name="Data">The frame.</param>
public sealed record PacketOut(uint BufferId, uint InPort, ValueList<OfAction> Actions, ReadOnlyMemory<byte> Data) : OfMessage
{
    /// <inheritdoc/>
    public override OfType Type => OfType.PacketOut;
}
