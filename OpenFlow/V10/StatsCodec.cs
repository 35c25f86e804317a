using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Messages.Multipart;
using OvsBridge.OpenFlow.Wire;

namespace OvsBridge.OpenFlow.V10;

/// <summary>
/// Statistics of OpenFlow 1.0: the standard ones, PORT_DESC, which Open vSwitch has added, and Nicira's (NXST_*): flows with extended matches,
/// groups.
/// </summary>
internal static class StatsCodec
{
    private const ushort Vendor = 0xffff;
    private const ushort MoreFlag = 1; // OFPSF_REPLY_MORE
    private const uint AnyQueue = 0xffffffff;
    private const int TableNameSize = 32; // OFP_MAX_TABLE_NAME_LEN
    private const uint AllWildcards = (1 << 22) - 1; // OFPFW_ALL

    private const uint NiciraFlow = 0;
    private const uint NiciraAggregate = 1;
    private const uint NiciraFlowMonitor = 2;
    private const uint NiciraGroup = 7;
    private const uint NiciraGroupDesc = 8;
    private const uint NiciraGroupFeatures = 9;
    private const uint NiciraIpfixBridge = 3;
    private const uint NiciraIpfixFlow = 4;

    // struct ofp_stats_request: type, flags, body
    public static MultipartRequest Read(ref WireReader reader, uint xid)
    {
        ushort type = reader.U16();
        reader.Skip(2);
        return type == Vendor
            ? new MultipartRequest(ReadVendor(ref reader)) { Xid = xid, IsNicira = true }
            : new MultipartRequest(ReadStandard(ref reader, type)) { Xid = xid };
    }

    // struct ofp_stats_reply: type, flags, body; Nicira's: vendor, subtype, pad[4] in front of the body
    public static void Write(ref WireWriter writer, MultipartReply reply)
    {
        MultipartAnswer answer = reply.Answer;
        writer.U16(reply.IsNicira ? Vendor : (ushort)answer.Kind);
        writer.U16(reply.More ? MoreFlag : (ushort)0);
        if (reply.IsNicira)
        {
            writer.U32(NiciraMessage.Vendor);
            writer.U32(Subtype(answer));
            writer.Zero(4);
        }

        WriteBody(ref writer, answer, reply.IsNicira);
    }

    /// <summary>Writes one entry of an answer that is a list of them.</summary>
    public static EntryWriter<FlowStatsEntry> FlowWriter(bool nicira) => nicira
        ? static (ref WireWriter w, FlowStatsEntry e) => FlowCodec.WriteNicira(ref w, e)
        : static (ref WireWriter w, FlowStatsEntry e) => FlowCodec.Write(ref w, e);

    // struct ofp_table_stats: table_id, pad[3], name, wildcards, max_entries, active_count, lookup_count, matched_count
    public static void Write(ref WireWriter writer, TableStatsEntry table)
    {
        writer.U8(table.TableId);
        writer.Zero(3);
        writer.Text(table.Name, TableNameSize);
        writer.U32(AllWildcards);
        writer.U32(table.MaxEntries);
        writer.U32(table.ActiveCount);
        writer.U64(table.LookupCount);
        writer.U64(table.MatchedCount);
    }

    // struct ofp_port_stats: port_no, pad[6], the counters of OpenFlow 1.3
    public static void Write(ref WireWriter writer, PortStatsEntry port)
    {
        writer.U16(PortCodec.ToWire(port.PortNo));
        writer.Zero(6);
        port.WriteCounters(ref writer);
    }

    // struct ofp_queue_stats: port_no, pad[2], queue_id, tx_bytes, tx_packets, tx_errors
    public static void Write(ref WireWriter writer, QueueStatsEntry queue)
    {
        writer.U16(PortCodec.ToWire(queue.Port));
        writer.Zero(2);
        writer.U32(queue.QueueId);
        writer.U64(queue.TxBytes);
        writer.U64(queue.TxPackets);
        writer.U64(queue.TxErrors);
    }

    private static MultipartQuery ReadStandard(ref WireReader reader, ushort type)
    {
        switch ((MultipartType)type)
        {
            case MultipartType.Desc:
                return new DescQuery();
            case MultipartType.Flow:
                return new FlowQuery(FlowCodec.ReadFilter(ref reader));
            case MultipartType.Aggregate:
                return new AggregateQuery(FlowCodec.ReadFilter(ref reader));
            case MultipartType.Table:
                return new TableQuery();
            case MultipartType.PortStats: // port_no (OFPP_NONE: all), pad[6]
                uint port = PortCodec.ReadNumber(ref reader);
                reader.Skip(6);
                return new PortStatsQuery(port);
            case MultipartType.Queue: // port_no (OFPP_ALL: all), pad[2], queue_id
                uint queuePort = PortCodec.ReadNumber(ref reader);
                reader.Skip(2);
                return new QueueQuery(queuePort == Actions.OfPorts.All ? Actions.OfPorts.Any : queuePort, reader.U32());
            case MultipartType.PortDesc:
                return new PortDescQuery();
            default:
                WireReader.Fail(OfError.BadRequestBadMultipart, $"statistics type {type}");
                return null;
        }
    }

    // struct nicira_stats_msg: vendor, subtype, pad[4], body
    private static MultipartQuery ReadVendor(ref WireReader reader)
    {
        uint vendor = reader.U32();
        if (vendor != NiciraMessage.Vendor)
            WireReader.Fail(OfError.BadRequestBadExperimenter, $"statistics of vendor 0x{vendor:x8}");
        uint subtype = reader.U32();
        reader.Skip(4);
        switch (subtype)
        {
            case NiciraFlow:
                return new FlowQuery(FlowCodec.ReadNiciraFilter(ref reader));
            case NiciraAggregate:
                return new AggregateQuery(FlowCodec.ReadNiciraFilter(ref reader));
            case NiciraFlowMonitor:
                return FlowMonitorCodec.Read(ref reader);
            case NiciraGroup:
                return GroupQuery.Read(ref reader);
            case NiciraGroupDesc: // group_id, pad[4]
                uint group = reader.U32();
                reader.Skip(4);
                return new GroupDescQuery { GroupId = group == GroupMod.AllGroups ? null : group };
            case NiciraGroupFeatures:
                return new GroupFeaturesQuery();
            case NiciraIpfixBridge or NiciraIpfixFlow:
                WireReader.Fail(OfError.NiciraNotConfigured, "IPFIX");
                return null;
            default:
                WireReader.Fail(OfError.BadRequestBadExpType, $"Nicira statistics {subtype}");
                return null;
        }
    }

    private static uint Subtype(MultipartAnswer answer) => answer switch
    {
        FlowAnswer => NiciraFlow,
        AggregateAnswer => NiciraAggregate,
        FlowUpdateAnswer => NiciraFlowMonitor,
        GroupAnswer => NiciraGroup,
        GroupDescAnswer => NiciraGroupDesc,
        GroupFeaturesAnswer => NiciraGroupFeatures,
        _ => throw new ArgumentException($"there are no Nicira statistics {answer.Kind}", nameof(answer)),
    };

    private static void WriteBody(ref WireWriter writer, MultipartAnswer answer, bool nicira)
    {
        switch (answer)
        {
            case FlowAnswer a:
                WriteAll(ref writer, a.Flows, FlowWriter(nicira));
                break;
            case FlowUpdateAnswer a:
                WriteAll(ref writer, a.Updates, FlowMonitorCodec.Write);
                break;
            case TableAnswer a:
                WriteAll(ref writer, a.Tables, Write);
                break;
            case PortStatsAnswer a:
                WriteAll(ref writer, a.Ports, Write);
                break;
            case QueueAnswer a:
                WriteAll(ref writer, a.Queues, Write);
                break;
            case PortDescAnswer a:
                WriteAll(ref writer, a.Ports, PortCodec.Write);
                break;
            case GroupDescAnswer a:
                WriteAll(ref writer, a.Groups, GroupCodec.Write);
                break;
            case GroupFeaturesAnswer a:
                (a with { Actions = [.. a.Actions.Select(_ => PortCodec.AllActions)] }).Write(ref writer);
                break;
            default:
                answer.Write(ref writer); // the same in both versions: desc, aggregate, groups
                break;
        }
    }

    private static void WriteAll<T>(ref WireWriter writer, ValueList<T> entries, EntryWriter<T> write)
    {
        foreach (T entry in entries)
            write(ref writer, entry);
    }
}
