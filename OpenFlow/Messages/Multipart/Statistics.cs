using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Wire;

namespace OvsBridge.OpenFlow.Messages.Multipart;

/// <summary>OFPMP_DESC request.</summary>
public sealed record DescQuery : MultipartQuery
{
    /// <inheritdoc/>
    public override MultipartType Kind => MultipartType.Desc;

    internal static DescQuery Read(ref WireReader reader) => new();

    internal override void Write(ref WireWriter writer)
    {
    }
}

/// <summary>OFPMP_DESC reply.</summary>
/// <param name="Manufacturer">mfr_desc.</param>
/// <param name="Hardware">hw_desc.</param>
/// <param name="Software">sw_desc.</param>
/// <param name="SerialNumber">serial_num.</param>
/// <param name="Datapath">dp_desc.</param>
public sealed record DescAnswer(string Manufacturer, string Hardware, string Software, string SerialNumber, string Datapath) : MultipartAnswer
{
    /// <inheritdoc/>
    public override MultipartType Kind => MultipartType.Desc;

    internal override int SizeHint => 1056;

    private const int StringSize = 256; // DESC_STR_LEN
    private const int SerialSize = 32; // SERIAL_NUM_LEN

    // struct ofp_desc: mfr_desc, hw_desc, sw_desc, serial_num, dp_desc
    internal static DescAnswer Read(ref WireReader reader) => new(
        reader.Text(StringSize), reader.Text(StringSize), reader.Text(StringSize), reader.Text(SerialSize), reader.Text(StringSize));

    internal override void Write(ref WireWriter writer)
    {
        writer.Text(Manufacturer, StringSize);
        writer.Text(Hardware, StringSize);
        writer.Text(Software, StringSize);
        writer.Text(SerialNumber, SerialSize);
        writer.Text(Datapath, StringSize);
    }
}

/// <summary>Which flows a flow or aggregate request means.</summary>
/// <param name="TableId">Table, 0xff: all.</param>
/// <param name="OutPort">Only flows that output there; 0xffffffff: any.</param>
/// <param name="OutGroup">Only flows that use this group; 0xffffffff: any.</param>
/// <param name="Cookie">Bits that the cookie must have.</param>
/// <param name="CookieMask">Which bits.</param>
/// <param name="Match">Non-strict match.</param>
public sealed record FlowFilter(byte TableId, uint OutPort, uint OutGroup, ulong Cookie, ulong CookieMask, Match Match)
{
    /// <summary>All flows of all tables.</summary>
    public static readonly FlowFilter All = new(0xff, OfPorts.Any, GroupMod.AnyGroup, 0, 0, Match.Any);

    // struct ofp_flow_stats_request, ofp_aggregate_stats_request: table_id, pad[3], out_port, out_group, pad[4], cookie, cookie_mask, match
    internal static FlowFilter Read(ref WireReader reader)
    {
        byte table = reader.U8();
        reader.Skip(3);
        uint port = reader.U32();
        uint group = reader.U32();
        reader.Skip(4);
        return new FlowFilter(table, port, group, reader.U64(), reader.U64(), MatchCodec.Read(ref reader));
    }

    internal void Write(ref WireWriter writer)
    {
        writer.U8(TableId);
        writer.Zero(3);
        writer.U32(OutPort);
        writer.U32(OutGroup);
        writer.Zero(4);
        writer.U64(Cookie);
        writer.U64(CookieMask);
        MatchCodec.Write(ref writer, Match);
    }
}

/// <summary>OFPMP_FLOW request.</summary>
/// <param name="Filter">Which flows.</param>
public sealed record FlowQuery(FlowFilter Filter) : MultipartQuery
{
    /// <inheritdoc/>
    public override MultipartType Kind => MultipartType.Flow;

    internal static FlowQuery Read(ref WireReader reader) => new(FlowFilter.Read(ref reader));

    internal override void Write(ref WireWriter writer) => Filter.Write(ref writer);
}

/// <summary>struct ofp_flow_stats.</summary>
public sealed record FlowStatsEntry
{
    /// <summary>Its table.</summary>
    public byte TableId { get; init; }

    /// <summary>Age in nanoseconds.</summary>
    public ulong DurationNs { get; init; }

    /// <summary>Its priority.</summary>
    public ushort Priority { get; init; }

    /// <summary>Its idle time-out.</summary>
    public ushort IdleTimeoutSeconds { get; init; }

    /// <summary>Its hard time-out.</summary>
    public ushort HardTimeoutSeconds { get; init; }

    /// <summary>Flags of the flow_mod.</summary>
    public FlowModFlags Flags { get; init; }

    /// <summary>Its cookie.</summary>
    public ulong Cookie { get; init; }

    /// <summary>Packets; all ones when not counted.</summary>
    public ulong PacketCount { get; init; }

    /// <summary>Bytes; all ones when not counted.</summary>
    public ulong ByteCount { get; init; }

    /// <summary>Seconds without a packet; only Nicira's statistics tell.</summary>
    public uint? IdleAgeSeconds { get; init; }

    /// <summary>Seconds since it was added or modified; only Nicira's statistics tell.</summary>
    public uint? HardAgeSeconds { get; init; }

    /// <summary>Match as sent.</summary>
    public Match Match { get; init; } = Match.Any;

    /// <summary>Instructions as sent.</summary>
    public ValueList<OfInstruction> Instructions { get; init; }

    // struct ofp_flow_stats: length, table_id, pad, duration_sec, duration_nsec, priority, idle_timeout, hard_timeout, flags, pad[4],
    // cookie, packet_count, byte_count, match, instructions
    internal static FlowStatsEntry Read(ref WireReader reader)
    {
        ushort length = reader.U16();
        WireReader entry = reader.Sub(length - 2, OfError.BadRequestBadLen, "ofp_flow_stats");
        byte table = entry.U8();
        entry.Skip(1);
        ulong duration = entry.Duration();
        ushort priority = entry.U16();
        ushort idle = entry.U16();
        ushort hard = entry.U16();
        var flags = (FlowModFlags)entry.U16();
        entry.Skip(4);
        return new FlowStatsEntry
        {
            TableId = table,
            DurationNs = duration,
            Priority = priority,
            IdleTimeoutSeconds = idle,
            HardTimeoutSeconds = hard,
            Flags = flags,
            Cookie = entry.U64(),
            PacketCount = entry.U64(),
            ByteCount = entry.U64(),
            Match = MatchCodec.Read(ref entry),
            Instructions = InstructionTable.ReadList(ref entry),
        };
    }

    internal void Write(ref WireWriter writer)
    {
        int start = writer.Position;
        int length = writer.ReserveLength();
        writer.U8(TableId);
        writer.Zero(1);
        writer.Duration(DurationNs);
        writer.U16(Priority);
        writer.U16(IdleTimeoutSeconds);
        writer.U16(HardTimeoutSeconds);
        writer.U16((ushort)Flags);
        writer.Zero(4);
        writer.U64(Cookie);
        writer.U64(PacketCount);
        writer.U64(ByteCount);
        MatchCodec.Write(ref writer, Match);
        InstructionTable.WriteList(ref writer, Instructions);
        writer.Length(length, start);
    }
}

/// <summary>OFPMP_FLOW reply part.</summary>
/// <param name="Flows">Entries.</param>
public sealed record FlowAnswer(ValueList<FlowStatsEntry> Flows) : MultipartAnswer
{
    /// <inheritdoc/>
    public override MultipartType Kind => MultipartType.Flow;

    internal override int SizeHint => Flows.Count * 128;

    internal static FlowAnswer Read(ref WireReader reader)
    {
        var list = new List<FlowStatsEntry>();
        while (reader.Remaining > 0)
            list.Add(FlowStatsEntry.Read(ref reader));
        return new FlowAnswer(list.ToValueList());
    }

    internal override void Write(ref WireWriter writer)
    {
        foreach (FlowStatsEntry entry in Flows)
            entry.Write(ref writer);
    }
}

/// <summary>OFPMP_AGGREGATE request.</summary>
/// <param name="Filter">Which flows.</param>
public sealed record AggregateQuery(FlowFilter Filter) : MultipartQuery
{
    /// <inheritdoc/>
    public override MultipartType Kind => MultipartType.Aggregate;

    internal static AggregateQuery Read(ref WireReader reader) => new(FlowFilter.Read(ref reader));

    internal override void Write(ref WireWriter writer) => Filter.Write(ref writer);
}

/// <summary>OFPMP_AGGREGATE reply.</summary>
/// <param name="PacketCount">Packets.</param>
/// <param name="ByteCount">Bytes.</param>
/// <param name="FlowCount">Flows.</param>
public sealed record AggregateAnswer(ulong PacketCount, ulong ByteCount, uint FlowCount) : MultipartAnswer
{
    /// <inheritdoc/>
    public override MultipartType Kind => MultipartType.Aggregate;

    // struct ofp_aggregate_stats_reply: packet_count, byte_count, flow_count, pad[4]
    internal static AggregateAnswer Read(ref WireReader reader)
    {
        var answer = new AggregateAnswer(reader.U64(), reader.U64(), reader.U32());
        reader.Skip(4);
        return answer;
    }

    internal override void Write(ref WireWriter writer)
    {
        writer.U64(PacketCount);
        writer.U64(ByteCount);
        writer.U32(FlowCount);
        writer.Zero(4);
    }
}

/// <summary>OFPMP_TABLE request.</summary>
public sealed record TableQuery : MultipartQuery
{
    /// <inheritdoc/>
    public override MultipartType Kind => MultipartType.Table;

    internal static TableQuery Read(ref WireReader reader) => new();

    internal override void Write(ref WireWriter writer)
    {
    }
}

/// <summary>struct ofp_table_stats.</summary>
/// <param name="TableId">Table.</param>
/// <param name="ActiveCount">Flows.</param>
/// <param name="LookupCount">Packets looked up.</param>
/// <param name="MatchedCount">Packets that hit a flow.</param>
public sealed record TableStatsEntry(byte TableId, uint ActiveCount, ulong LookupCount, ulong MatchedCount)
{
    internal const int Size = 24;

    /// <summary>Its name, which OpenFlow 1.0 has here.</summary>
    public string Name { get; init; } = "";

    /// <summary>Most flows, which OpenFlow 1.0 has here.</summary>
    public uint MaxEntries { get; init; }

    // struct ofp_table_stats: table_id, pad[3], active_count, lookup_count, matched_count
    internal static TableStatsEntry Read(ref WireReader reader)
    {
        byte table = reader.U8();
        reader.Skip(3);
        return new TableStatsEntry(table, reader.U32(), reader.U64(), reader.U64());
    }

    internal void Write(ref WireWriter writer)
    {
        writer.U8(TableId);
        writer.Zero(3);
        writer.U32(ActiveCount);
        writer.U64(LookupCount);
        writer.U64(MatchedCount);
    }
}

/// <summary>OFPMP_TABLE reply part.</summary>
/// <param name="Tables">Entries.</param>
public sealed record TableAnswer(ValueList<TableStatsEntry> Tables) : MultipartAnswer
{
    /// <inheritdoc/>
    public override MultipartType Kind => MultipartType.Table;

    internal override int SizeHint => Tables.Count * 128;

    internal static TableAnswer Read(ref WireReader reader)
    {
        var list = new TableStatsEntry[reader.Remaining / TableStatsEntry.Size];
        for (int i = 0; i < list.Length; i++)
            list[i] = TableStatsEntry.Read(ref reader);
        return new TableAnswer(new ValueList<TableStatsEntry>(list));
    }

    internal override void Write(ref WireWriter writer)
    {
        foreach (TableStatsEntry entry in Tables)
            entry.Write(ref writer);
    }
}

/// <summary>OFPMP_PORT_STATS request.</summary>
/// <param name="Port">Port, 0xffffffff: all.</param>
public sealed record PortStatsQuery(uint Port) : MultipartQuery
{
    /// <inheritdoc/>
    public override MultipartType Kind => MultipartType.PortStats;

    // struct ofp_port_stats_request: port_no, pad[4]
    internal static PortStatsQuery Read(ref WireReader reader)
    {
        uint port = reader.U32();
        reader.Skip(4);
        return new PortStatsQuery(port);
    }

    internal override void Write(ref WireWriter writer)
    {
        writer.U32(Port);
        writer.Zero(4);
    }
}

/// <summary>struct ofp_port_stats; all ones: not known.</summary>
public sealed record PortStatsEntry
{
#pragma warning disable CS1591 // the names are the specification's
    public uint PortNo { get; init; }

    public ulong RxPackets { get; init; }

    public ulong TxPackets { get; init; }

    public ulong RxBytes { get; init; }

    public ulong TxBytes { get; init; }

    public ulong RxDropped { get; init; }

    public ulong TxDropped { get; init; }

    public ulong RxErrors { get; init; }

    public ulong TxErrors { get; init; }

    public ulong RxFrameErrors { get; init; }

    public ulong RxOverErrors { get; init; }

    public ulong RxCrcErrors { get; init; }

    public ulong Collisions { get; init; }
#pragma warning restore CS1591

    /// <summary>How long the port has existed, in nanoseconds.</summary>
    public ulong DurationNs { get; init; }

    internal const int Size = 112;

    // struct ofp_port_stats: port_no, pad[4], rx_packets, tx_packets, rx_bytes, tx_bytes, rx_dropped, tx_dropped, rx_errors, tx_errors,
    // rx_frame_err, rx_over_err, rx_crc_err, collisions, duration_sec, duration_nsec
    internal static PortStatsEntry Read(ref WireReader reader)
    {
        uint port = reader.U32();
        reader.Skip(4);
        return new PortStatsEntry
        {
            PortNo = port,
            RxPackets = reader.U64(),
            TxPackets = reader.U64(),
            RxBytes = reader.U64(),
            TxBytes = reader.U64(),
            RxDropped = reader.U64(),
            TxDropped = reader.U64(),
            RxErrors = reader.U64(),
            TxErrors = reader.U64(),
            RxFrameErrors = reader.U64(),
            RxOverErrors = reader.U64(),
            RxCrcErrors = reader.U64(),
            Collisions = reader.U64(),
            DurationNs = reader.Duration(),
        };
    }

    internal void Write(ref WireWriter writer)
    {
        writer.U32(PortNo);
        writer.Zero(4);
        WriteCounters(ref writer);
        writer.Duration(DurationNs);
    }

    internal void WriteCounters(ref WireWriter writer)
    {
        writer.U64(RxPackets);
        writer.U64(TxPackets);
        writer.U64(RxBytes);
        writer.U64(TxBytes);
        writer.U64(RxDropped);
        writer.U64(TxDropped);
        writer.U64(RxErrors);
        writer.U64(TxErrors);
        writer.U64(RxFrameErrors);
        writer.U64(RxOverErrors);
        writer.U64(RxCrcErrors);
        writer.U64(Collisions);
    }
}

/// <summary>OFPMP_PORT_STATS reply part.</summary>
/// <param name="Ports">Entries.</param>
public sealed record PortStatsAnswer(ValueList<PortStatsEntry> Ports) : MultipartAnswer
{
    /// <inheritdoc/>
    public override MultipartType Kind => MultipartType.PortStats;

    internal override int SizeHint => Ports.Count * 128;

    internal static PortStatsAnswer Read(ref WireReader reader)
    {
        var list = new PortStatsEntry[reader.Remaining / PortStatsEntry.Size];
        for (int i = 0; i < list.Length; i++)
            list[i] = PortStatsEntry.Read(ref reader);
        return new PortStatsAnswer(new ValueList<PortStatsEntry>(list));
    }

    internal override void Write(ref WireWriter writer)
    {
        foreach (PortStatsEntry entry in Ports)
            entry.Write(ref writer);
    }
}

/// <summary>OFPMP_QUEUE request.</summary>
/// <param name="Port">Port, 0xffffffff: all.</param>
/// <param name="QueueId">Queue, 0xffffffff: all.</param>
public sealed record QueueQuery(uint Port, uint QueueId) : MultipartQuery
{
    /// <inheritdoc/>
    public override MultipartType Kind => MultipartType.Queue;

    // struct ofp_queue_stats_request: port_no, queue_id
    internal static QueueQuery Read(ref WireReader reader) => new(reader.U32(), reader.U32());

    internal override void Write(ref WireWriter writer)
    {
        writer.U32(Port);
        writer.U32(QueueId);
    }
}

/// <summary>struct ofp_queue_stats.</summary>
/// <param name="Port">Port.</param>
/// <param name="QueueId">Queue.</param>
/// <param name="TxBytes">Bytes sent.</param>
/// <param name="TxPackets">Packets sent.</param>
/// <param name="TxErrors">Packets dropped by overrun.</param>
/// <param name="DurationNs">Age in nanoseconds, or <see cref="UnknownDuration"/>.</param>
public sealed record QueueStatsEntry(uint Port, uint QueueId, ulong TxBytes, ulong TxPackets, ulong TxErrors, ulong DurationNs)
{
    /// <summary>Age that nobody knows: all ones, as for every counter that is not kept.</summary>
    public const ulong UnknownDuration = ulong.MaxValue;

    internal const int Size = 40;

    // struct ofp_queue_stats: port_no, queue_id, tx_bytes, tx_packets, tx_errors, duration_sec, duration_nsec
    internal static QueueStatsEntry Read(ref WireReader reader) =>
        new(reader.U32(), reader.U32(), reader.U64(), reader.U64(), reader.U64(), reader.Duration());

    internal void Write(ref WireWriter writer)
    {
        writer.U32(Port);
        writer.U32(QueueId);
        writer.U64(TxBytes);
        writer.U64(TxPackets);
        writer.U64(TxErrors);
        writer.Duration(DurationNs);
    }
}

/// <summary>OFPMP_QUEUE reply part.</summary>
/// <param name="Queues">Entries.</param>
public sealed record QueueAnswer(ValueList<QueueStatsEntry> Queues) : MultipartAnswer
{
    /// <inheritdoc/>
    public override MultipartType Kind => MultipartType.Queue;

    internal override int SizeHint => Queues.Count * 128;

    internal static QueueAnswer Read(ref WireReader reader)
    {
        var list = new QueueStatsEntry[reader.Remaining / QueueStatsEntry.Size];
        for (int i = 0; i < list.Length; i++)
            list[i] = QueueStatsEntry.Read(ref reader);
        return new QueueAnswer(new ValueList<QueueStatsEntry>(list));
    }

    internal override void Write(ref WireWriter writer)
    {
        foreach (QueueStatsEntry entry in Queues)
            entry.Write(ref writer);
    }
}

/// <summary>OFPMP_PORT_DESC request.</summary>
public sealed record PortDescQuery : MultipartQuery
{
    /// <inheritdoc/>
    public override MultipartType Kind => MultipartType.PortDesc;

    internal static PortDescQuery Read(ref WireReader reader) => new();

    internal override void Write(ref WireWriter writer)
    {
    }
}

/// <summary>OFPMP_PORT_DESC reply part.</summary>
/// <param name="Ports">Entries.</param>
public sealed record PortDescAnswer(ValueList<PortDescription> Ports) : MultipartAnswer
{
    /// <inheritdoc/>
    public override MultipartType Kind => MultipartType.PortDesc;

    internal override int SizeHint => Ports.Count * 128;

    internal static PortDescAnswer Read(ref WireReader reader)
    {
        var list = new PortDescription[reader.Remaining / PortDescription.Size];
        for (int i = 0; i < list.Length; i++)
            list[i] = PortDescription.Read(ref reader);
        return new PortDescAnswer(new ValueList<PortDescription>(list));
    }

    internal override void Write(ref WireWriter writer)
    {
        foreach (PortDescription entry in Ports)
            entry.Write(ref writer);
    }
}

/// <summary>OFPMP_EXPERIMENTER request.</summary>
/// <param name="Experimenter">Experimenter number.</param>
/// <param name="ExperimenterType">Its own type.</param>
/// <param name="Body">What follows.</param>
public sealed record ExperimenterQuery(uint Experimenter, uint ExperimenterType, ReadOnlyMemory<byte> Body) : MultipartQuery
{
    /// <inheritdoc/>
    public override MultipartType Kind => MultipartType.Experimenter;

    // struct ofp_experimenter_multipart_header: experimenter, exp_type, then what the experimenter wants
    // Those that we know have records of their own.
    internal static MultipartQuery Read(ref WireReader reader)
    {
        (uint experimenter, uint type) = (reader.U32(), reader.U32());
        return (experimenter, type) == (ExperimenterMessage.Onf, FlowMonitorQuery.ExperimenterType)
            ? FlowMonitorQuery.ReadBody(ref reader)
            : new ExperimenterQuery(experimenter, type, reader.Rest().ToArray());
    }

    internal override void Write(ref WireWriter writer)
    {
        writer.U32(Experimenter);
        writer.U32(ExperimenterType);
        writer.Bytes(Body.Span);
    }
}

/// <summary>OFPMP_EXPERIMENTER reply part.</summary>
/// <param name="Experimenter">Experimenter number.</param>
/// <param name="ExperimenterType">Its own type.</param>
/// <param name="Body">What follows.</param>
public sealed record ExperimenterAnswer(uint Experimenter, uint ExperimenterType, ReadOnlyMemory<byte> Body) : MultipartAnswer
{
    /// <inheritdoc/>
    public override MultipartType Kind => MultipartType.Experimenter;

    // struct ofp_experimenter_multipart_header: experimenter, exp_type, then what the experimenter wants
    internal static MultipartAnswer Read(ref WireReader reader)
    {
        (uint experimenter, uint type) = (reader.U32(), reader.U32());
        return (experimenter, type) == (ExperimenterMessage.Onf, FlowMonitorQuery.ExperimenterType)
            ? FlowUpdateAnswer.ReadBody(ref reader)
            : new ExperimenterAnswer(experimenter, type, reader.Rest().ToArray());
    }

    internal override void Write(ref WireWriter writer)
    {
        writer.U32(Experimenter);
        writer.U32(ExperimenterType);
        writer.Bytes(Body.Span);
    }
}
