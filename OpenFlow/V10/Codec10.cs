using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Messages.Multipart;
using OvsBridge.OpenFlow.Wire;

namespace OvsBridge.OpenFlow.V10;

/// <summary>
/// OpenFlow 1.0 on the side of a switch: a layer of bytes around the records of OpenFlow 1.3. What differs in meaning is a property of these
/// records (an action that pushes a tag if need be, a modify that may add), so that there is one pipeline for both.
/// </summary>
/// <remarks>Pure; any thread.</remarks>
internal static class Codec10
{
    /// <summary>enum ofp_type of OpenFlow 1.0.</summary>
    private enum Number : byte
    {
        Error = 1,
        EchoRequest = 2,
        EchoReply = 3,
        Vendor = 4,
        FeaturesRequest = 5,
        FeaturesReply = 6,
        GetConfigRequest = 7,
        GetConfigReply = 8,
        SetConfig = 9,
        PacketIn = 10,
        FlowRemoved = 11,
        PortStatus = 12,
        PacketOut = 13,
        FlowMod = 14,
        PortMod = 15,
        StatsRequest = 16,
        StatsReply = 17,
        BarrierRequest = 18,
        BarrierReply = 19,
        QueueGetConfigRequest = 20,
        QueueGetConfigReply = 21,
    }

    private const uint NiciraFlowMod = 13; // NXT_FLOW_MOD
    private const uint NiciraRoleReply = 11; // NXT_ROLE_REPLY
    private const uint NiciraFlowRemoved = 14; // NXT_FLOW_REMOVED
    private const uint NiciraGroupMod = 31; // NXT_GROUP_MOD

    // struct ofp_config_flags of OpenFlow 1.0, with Open vSwitch's OFPC_FRAG_NX_MATCH
    private const ushort FragmentBits = 3;
    private const ushort InvalidTtl = 1 << 2; // OFPC_INVALID_TTL_TO_CONTROLLER

    /// <summary>The specification's name of a message type, for the log.</summary>
    public static string NameOf(byte type) => Enum.IsDefined((Number)type) ? ((Number)type).ToString() : $"type {type}";

    /// <summary>Reads a message that a controller sends, behind its header.</summary>
    /// <exception cref="OfErrorException">It is malformed, or one of switches.</exception>
    public static OfMessage Read(ref WireReader reader, MessageHeader header, WireFormat format)
    {
        switch ((Number)header.Type)
        {
            case Number.EchoRequest:
                return EchoRequest.Read(ref reader, header);
            case Number.EchoReply:
                return EchoReply.Read(ref reader, header);
            case Number.Vendor:
                return ReadVendor(ref reader, header, format);
            case Number.FeaturesRequest:
                return FeaturesRequest.Read(ref reader, header);
            case Number.GetConfigRequest:
                return GetConfigRequest.Read(ref reader, header);
            case Number.SetConfig:
                return ReadConfig(ref reader, header.Xid);
            case Number.PacketOut:
                return PacketOuts.Read(ref reader, header.Xid);
            case Number.FlowMod:
                return FlowCodec.Read(ref reader, header, format);
            case Number.PortMod:
                return PortCodec.ReadMod(ref reader, header.Xid);
            case Number.StatsRequest:
                return StatsCodec.Read(ref reader, header.Xid);
            case Number.BarrierRequest:
                return BarrierRequest.Read(ref reader, header);
            case Number.QueueGetConfigRequest:
                return PortCodec.ReadQueueRequest(ref reader, header.Xid);
            default:
                WireReader.Fail(OfError.BadRequestBadType, $"message type {header.Type}");
                return null;
        }
    }

    /// <summary>The number in the header of a message that a switch sends.</summary>
    public static byte TypeOf(OfMessage message, WireFormat format) => (byte)(message switch
    {
        ErrorMessage => Number.Error,
        EchoRequest => Number.EchoRequest,
        EchoReply => Number.EchoReply,
        FeaturesReply => Number.FeaturesReply,
        GetConfigReply => Number.GetConfigReply,
        PacketIn => Number.PacketIn,
        FlowRemoved => format.NiciraFlows ? Number.Vendor : Number.FlowRemoved,
        PortStatus => Number.PortStatus,
        MultipartReply => Number.StatsReply,
        BarrierReply => Number.BarrierReply,
        QueueGetConfigReply => Number.QueueGetConfigReply,
        RoleReply or NiciraMessage or FlowMonitorMessage or ExperimenterMessage => Number.Vendor,
        _ => throw new ArgumentException($"OpenFlow 1.0 has no {message.Type} from a switch", nameof(message)),
    });

    /// <summary>Writes what follows the header.</summary>
    public static void WriteBody(ref WireWriter writer, OfMessage message, WireFormat format)
    {
        switch (message)
        {
            case ErrorMessage error:
                ErrorCodec.Write(ref writer, error);
                break;
            case FeaturesReply features:
                PortCodec.Write(ref writer, features);
                break;
            case GetConfigReply config:
                writer.U16((ushort)((ushort)config.Fragments | (config.SendsInvalidTtl ? InvalidTtl : 0)));
                writer.U16(config.MissSendLength);
                break;
            case PacketIn packet:
                PacketIns.Write(ref writer, packet);
                break;
            case FlowRemoved removed when format.NiciraFlows:
                writer.U32(NiciraMessage.Vendor);
                writer.U32(NiciraFlowRemoved);
                FlowCodec.WriteNicira(ref writer, removed);
                break;
            case FlowRemoved removed:
                FlowCodec.Write(ref writer, removed);
                break;
            case PortStatus status:
                PortCodec.Write(ref writer, status);
                break;
            case MultipartReply reply:
                StatsCodec.Write(ref writer, reply);
                break;
            case QueueGetConfigReply queues:
                PortCodec.Write(ref writer, queues);
                break;
            case RoleReply role:
                writer.U32(NiciraMessage.Vendor);
                writer.U32(NiciraRoleReply);
                writer.U32(role.Role - ControllerRole.Equal);
                break;
            default:
                message.WriteBody(ref writer); // the same in both versions
                break;
        }
    }

    // struct ofp_vendor_header: vendor, then what the vendor wants; Nicira's: subtype
    private static OfMessage ReadVendor(ref WireReader reader, MessageHeader header, WireFormat format)
    {
        uint vendor = reader.U32();
        if (vendor != NiciraMessage.Vendor)
            WireReader.Fail(OfError.BadRequestBadExperimenter, $"vendor 0x{vendor:x8}");
        uint subtype = reader.U32();
        switch (subtype)
        {
            case SetFlowFormat.Number:
                return new SetFlowFormat(reader.U32()) { Xid = header.Xid };
            case NiciraFlowMod:
                return FlowCodec.ReadNicira(ref reader, header, format);
            case FlowMonitorMessage.CancelNicira:
                return FlowMonitorCancel.Read(ref reader, header.Xid);
            case NiciraGroupMod:
                return GroupCodec.Read(ref reader, header.Xid);
        }

        OfMessage? message = NiciraMessage.TryRead(ref reader, subtype, header.Xid);
        if (message is null)
            WireReader.Fail(OfError.BadRequestBadExpType, $"Nicira message {subtype}");
        return message;
    }

    // struct ofp_switch_config: flags, miss_send_len
    private static SetConfig ReadConfig(ref WireReader reader, uint xid)
    {
        ushort flags = reader.U16();
        if ((flags & ~(FragmentBits | InvalidTtl)) != 0)
            WireReader.Fail(OfError.SwitchConfigFailedBadFlags, $"flags 0x{flags:x4}");
        return new SetConfig((FragmentHandling)(flags & FragmentBits), reader.U16()) { Xid = xid, SendsInvalidTtl = (flags & InvalidTtl) != 0 };
    }
}
