using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Wire;

namespace OvsBridge.OpenFlow.V10;

/// <summary>packet_out of OpenFlow 1.0.</summary>
internal static class PacketOuts
{
    // struct ofp_packet_out: buffer_id, in_port, actions_len, actions, data
    public static PacketOut Read(ref WireReader reader, uint xid)
    {
        uint buffer = reader.U32();
        uint inPort = PortCodec.ReadNumber(ref reader);
        ushort actionsLength = reader.U16();
        if (inPort > OfPorts.Max && inPort is not (OfPorts.Controller or OfPorts.Local or OfPorts.Any))
            WireReader.Fail(OfError.BadRequestBadPort, $"in_port 0x{inPort:x}");
        WireReader list = reader.Sub(actionsLength, OfError.BadRequestBadLen, "action list");
        ValueList<OfAction> actions = ActionCodec.ReadActions(ref list, ActionUse.PacketOut);
        return new PacketOut(buffer, inPort, actions, reader.Rest().ToArray()) { Xid = xid, SkipsImpossible = true };
    }
}

/// <summary>packet_in: OpenFlow 1.0's, and Nicira's two, which OpenFlow 1.3 may have as well.</summary>
internal static class PacketIns
{
    private const uint Nicira = 17; // NXT_PACKET_IN
    private const uint Nicira2 = 30; // NXT_PACKET_IN2

    // enum nx_packet_in2_prop_type
    private const ushort PacketProperty = 0;
    private const ushort FullLengthProperty = 1;
    private const ushort TableProperty = 3;
    private const ushort CookieProperty = 4;
    private const ushort ReasonProperty = 5;
    private const ushort MetadataProperty = 6;

    // struct ofp_packet_in: buffer_id, total_len, in_port, reason, pad, data
    public static void Write(ref WireWriter writer, PacketIn packet)
    {
        writer.U32(packet.BufferId);
        writer.U16(packet.TotalLength);
        writer.U16(PortCodec.ToWire(packet.Match.Value.InPort));
        writer.U8((byte)packet.Reason);
        writer.Zero(1);
        writer.Bytes(packet.Data.Span);
    }

    /// <summary>Writes what follows the header, in the format that the peer has asked for.</summary>
    public static void WriteNicira(ref WireWriter writer, PacketIn packet, WireFormat format)
    {
        writer.U32(NiciraMessage.Vendor);
        if (format.PacketIns == PacketInFormat.Nicira)
            WriteFirst(ref writer, packet, format);
        else
            WriteSecond(ref writer, packet, format);
    }

    // struct nx_packet_in: buffer_id, total_len, reason, table_id, cookie, match_len, pad[6], match, pad[2], data
    private static void WriteFirst(ref WireWriter writer, PacketIn packet, WireFormat format)
    {
        writer.U32(Nicira);
        writer.U32(packet.BufferId);
        writer.U16(packet.TotalLength);
        writer.U8((byte)packet.Reason);
        writer.U8(packet.TableId);
        writer.U64(packet.Cookie);
        int length = writer.ReserveLength();
        writer.Zero(6);
        int start = writer.Position;
        WriteMetadata(ref writer, packet.Match, format);
        writer.Short(length, writer.Position - start);
        writer.Pad(start);
        writer.Zero(2);
        writer.Bytes(packet.Data.Span);
    }

    // properties: type, length without padding, value, padding to 8
    private static void WriteSecond(ref WireWriter writer, PacketIn packet, WireFormat format)
    {
        writer.U32(Nicira2);
        int start = Begin(ref writer, PacketProperty);
        writer.Bytes(packet.Data.Span);
        End(ref writer, start);
        if (packet.Data.Length != packet.TotalLength)
        {
            start = Begin(ref writer, FullLengthProperty);
            writer.U32(packet.TotalLength);
            End(ref writer, start);
        }

        start = Begin(ref writer, TableProperty);
        writer.U8(packet.TableId);
        End(ref writer, start);
        if (packet.Cookie != ulong.MaxValue)
        {
            start = Begin(ref writer, CookieProperty);
            writer.Zero(4);
            writer.U64(packet.Cookie);
            End(ref writer, start);
        }

        start = Begin(ref writer, ReasonProperty);
        writer.U8((byte)packet.Reason);
        End(ref writer, start);
        start = Begin(ref writer, MetadataProperty);
        WriteMetadata(ref writer, packet.Match, format);
        End(ref writer, start);
    }

    // NXM in OpenFlow 1.0, OXM in 1.3
    private static void WriteMetadata(ref WireWriter writer, Match match, WireFormat format)
    {
        if (format.Version == OfCodec.Version10)
            NxmCodec.WriteFields(ref writer, match);
        else
            MatchCodec.WriteFields(ref writer, match.Value, match.Mask);
    }

    private static int Begin(ref WireWriter writer, ushort type)
    {
        int start = writer.Position;
        writer.U16(type);
        writer.Zero(2);
        return start;
    }

    private static void End(ref WireWriter writer, int start)
    {
        writer.Length(start + 2, start);
        writer.Pad(start);
    }
}
