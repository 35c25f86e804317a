using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Wire;

namespace OvsBridge.OpenFlow.V10;

/// <summary>Ports in OpenFlow 1.0: numbers of 16 bits, struct ofp_phy_port, port_mod, and the features reply, which lists them.</summary>
internal static class PortCodec
{
    /// <summary>Bytes of struct ofp_phy_port.</summary>
    public const int Size = 48;

    /// <summary>OFPAT_OUTPUT to OFPAT_ENQUEUE, a bit each.</summary>
    public const uint AllActions = 0xfff;

    private const int NameSize = 16; // OFP_MAX_PORT_NAME_LEN
    private const ushort FirstReserved = 0xff00; // OFPP_MAX
    private const uint ReservedHigh = 0xffff0000;

    private const PortConfig Settable =
        PortConfig.PortDown | PortConfig.NoStp | PortConfig.NoRecv | PortConfig.NoRecvStp | PortConfig.NoFlood | PortConfig.NoFwd | PortConfig.NoPacketIn;

    private const Capabilities Shared = Capabilities.FlowStats | Capabilities.TableStats | Capabilities.PortStats | Capabilities.IpReasm | Capabilities.QueueStats;
    private const uint ArpMatchIp = 1 << 7; // OFPC_ARP_MATCH_IP

    /// <summary>The port with this number on the wire: OFPP_* are the same names, in 32 bits.</summary>
    public static uint FromWire(ushort port) => port < FirstReserved ? port : ReservedHigh | port;

    /// <summary>The number on the wire. Ordinary ports of this switch fit; another is OFPP_NONE.</summary>
    public static ushort ToWire(uint port) => port is < FirstReserved or >= (ReservedHigh | FirstReserved) ? (ushort)port : (ushort)0xffff;

    /// <summary>Reads a port number.</summary>
    public static uint ReadNumber(ref WireReader reader) => FromWire(reader.U16());

    // struct ofp_phy_port: port_no, hw_addr, name, config, state, curr, advertised, supported, peer
    public static void Write(ref WireWriter writer, PortDescription port)
    {
        writer.U16(ToWire(port.PortNo));
        writer.U48(port.HwAddr);
        writer.Text(port.Name, NameSize);
        writer.U32((uint)port.Config);
        writer.U32((uint)(port.State & PortState.LinkDown));
        writer.U32(FromFeatures(port.Current));
        writer.U32(FromFeatures(port.Advertised));
        writer.U32(FromFeatures(port.Supported));
        writer.U32(FromFeatures(port.Peer));
    }

    // struct ofp_switch_features: datapath_id, n_buffers, n_tables, pad[3], capabilities, actions, ports
    public static void Write(ref WireWriter writer, FeaturesReply reply)
    {
        writer.U64(reply.DatapathId);
        writer.U32(reply.BufferCount);
        writer.U8(reply.TableCount);
        writer.Zero(3);
        writer.U32((uint)(reply.Capabilities & Shared) | ArpMatchIp);
        writer.U32(AllActions);
        foreach (PortDescription port in reply.Ports)
            Write(ref writer, port);
    }

    // struct ofp_port_status: reason, pad[7], desc
    public static void Write(ref WireWriter writer, PortStatus status)
    {
        writer.U8((byte)status.Reason);
        writer.Zero(7);
        Write(ref writer, status.Port);
    }

    // struct ofp_port_mod: port_no, hw_addr, config, mask, advertise, pad[4]
    public static PortMod ReadMod(ref WireReader reader, uint xid)
    {
        uint number = ReadNumber(ref reader);
        ulong address = reader.U48();
        var config = (PortConfig)reader.U32();
        var mask = (PortConfig)reader.U32();
        uint advertise = reader.U32();
        reader.Skip(4);
        if ((mask & ~Settable) != 0)
            WireReader.Fail(OfError.PortModFailedBadConfig, $"mask 0x{(uint)mask:x8}");
        return new PortMod(number, address, config & Settable, mask, ToFeatures(advertise)) { Xid = xid };
    }

    // struct ofp_queue_get_config_request: port, pad[2]
    public static QueueGetConfigRequest ReadQueueRequest(ref WireReader reader, uint xid)
    {
        uint port = ReadNumber(ref reader);
        reader.Skip(2);
        return new QueueGetConfigRequest(port) { Xid = xid };
    }

    // struct ofp_queue_get_config_reply: port, pad[6], queues
    // struct ofp_packet_queue: queue_id, len, pad[2], properties (as in OpenFlow 1.3)
    public static void Write(ref WireWriter writer, QueueGetConfigReply reply)
    {
        writer.U16(ToWire(reply.Port));
        writer.Zero(6);
        foreach (PacketQueue queue in reply.Queues)
        {
            int start = writer.Position;
            writer.U32(queue.QueueId);
            int length = writer.ReserveLength();
            writer.Zero(2);
            queue.WriteProperties(ref writer);
            writer.Length(length, start);
        }
    }

    // OFPPF_10MB_HD to OFPPF_10GB_FD are bits 0 to 6 in both; the five above stand four bits lower, where 1.3 has higher speeds.
    private static uint FromFeatures(PortFeatures features) => ((uint)features & 0x7f) | (((uint)features >> 4) & 0xf80);

    private static PortFeatures ToFeatures(uint bits) => (PortFeatures)((bits & 0x7f) | ((bits & 0xf80) << 4));
}
