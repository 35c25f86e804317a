using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Wire;

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

    internal override int SizeHint => 128 + Data.Length;

    // struct ofp_packet_in: buffer_id, total_len, reason, table_id, cookie, match, pad[2], data
    internal static PacketIn Read(ref WireReader reader, MessageHeader header)
    {
        uint buffer = reader.U32();
        ushort totalLength = reader.U16();
        var reason = (PacketInReason)reader.U8();
        byte table = reader.U8();
        ulong cookie = reader.U64();
        Match match = MatchCodec.Read(ref reader);
        reader.Skip(2);
        return new PacketIn(buffer, totalLength, reason, table, cookie, match, reader.Rest().ToArray()) { Xid = header.Xid };
    }

    internal override void WriteBody(ref WireWriter writer)
    {
        writer.U32(BufferId);
        writer.U16(TotalLength);
        writer.U8((byte)Reason);
        writer.U8(TableId);
        writer.U64(Cookie);
        MatchCodec.Write(ref writer, Match);
        writer.Zero(2);
        writer.Bytes(Data.Span);
    }
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

    /// <summary>OpenFlow 1.0: an action on a header that the packet lacks does nothing. Else it is an error.</summary>
    public bool SkipsImpossible { get; init; }

    internal override int SizeHint => 256 + Data.Length;

    // struct ofp_packet_out: buffer_id, in_port, actions_len, pad[6], actions, data
    internal static PacketOut Read(ref WireReader reader, MessageHeader header)
    {
        uint buffer = reader.U32();
        uint inPort = reader.U32();
        ushort actionsLength = reader.U16();
        reader.Skip(6);

        // OFPP_ANY is what some controllers send for "none"; Open vSwitch takes it too.
        if (inPort > OfPorts.Max && inPort is not (OfPorts.Controller or OfPorts.Local or OfPorts.Any))
            WireReader.Fail(OfError.BadRequestBadPort, $"in_port 0x{inPort:x}");
        WireReader list = reader.Sub(actionsLength, OfError.BadRequestBadLen, "action list");
        ValueList<OfAction> actions = ActionTable.ReadList(ref list, ActionUse.PacketOut);
        return new PacketOut(buffer, inPort, actions, reader.Rest().ToArray()) { Xid = header.Xid };
    }

    internal override void WriteBody(ref WireWriter writer)
    {
        writer.U32(BufferId);
        writer.U32(InPort);
        int length = writer.ReserveLength();
        writer.Zero(6);
        int start = writer.Position;
        ActionTable.WriteList(ref writer, Actions);
        writer.Length(length, start);
        writer.Bytes(Data.Span);
    }
}
