using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.OpenFlow.Messages.Multipart;

/// <summary>OFPMP_DESC request.</summary>
public sealed record DescQuery : MultipartQuery
{
    /// <inheritdoc/>
    public override MultipartType Kind => MultipartType.Desc;
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
}

/// <summary>OFPMP_FLOW request.</summary>
/// <param name="Filter">Which flows.</param>
public sealed record FlowQuery(FlowFilter Filter) : MultipartQuery
{
    /// <inheritdoc/>
    public override MultipartType Kind => MultipartType.Flow;
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

    /// <summary>Match as sent.</summary>
    public Match Match { get; init; } = Match.Any;

    /// <summary>Instructions as sent.</summary>
    public ValueList<OfInstruction> Instructions { get; init; }
}

/// <summary>OFPMP_FLOW reply part.</summary>
/// <param name="Flows">Entries.</param>
public sealed record FlowAnswer(ValueList<FlowStatsEntry> Flows) : MultipartAnswer
{
    /// <inheritdoc/>
    public override MultipartType Kind => MultipartType.Flow;
}

/// <summary>OFPMP_AGGREGATE request.</summary>
/// <param name="Filter">Which flows.</param>
public sealed record AggregateQuery(FlowFilter Filter) : MultipartQuery
{
    /// <inheritdoc/>
    public override MultipartType Kind => MultipartType.Aggregate;
}

/// <summary>OFPMP_AGGREGATE reply.</summary>
/// <param name="PacketCount">Packets.</param>
/// <param name="ByteCount">Bytes.</param>
/// <param name="FlowCount">Flows.</param>
public sealed record AggregateAnswer(ulong PacketCount, ulong ByteCount, uint FlowCount) : MultipartAnswer
{
    /// <inheritdoc/>
    public override MultipartType Kind => MultipartType.Aggregate;
}

/// <summary>OFPMP_TABLE request.</summary>
public sealed record TableQuery : MultipartQuery
{
    /// <inheritdoc/>
    public override MultipartType Kind => MultipartType.Table;
}

/// <summary>struct ofp_table_stats.</summary>
/// <param name="TableId">Table.</param>
/// <param name="ActiveCount">Flows.</param>
/// <param name="LookupCount">Packets looked up.</param>
/// <param name="MatchedCount">Packets that hit a flow.</param>
public sealed record TableStatsEntry(byte TableId, uint ActiveCount, ulong LookupCount, ulong MatchedCount);

/// <summary>OFPMP_TABLE reply part.</summary>
/// <param name="Tables">Entries.</param>
public sealed record TableAnswer(ValueList<TableStatsEntry> Tables) : MultipartAnswer
{
    /// <inheritdoc/>
    public override MultipartType Kind => MultipartType.Table;
}

/// <summary>OFPMP_PORT_STATS request.</summary>
/// <param name="Port">Port, 0xffffffff: all.</param>
public sealed record PortStatsQuery(uint Port) : MultipartQuery
{
    /// <inheritdoc/>
    public override MultipartType Kind => MultipartType.PortStats;
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
}

/// <summary>OFPMP_PORT_STATS reply part.</summary>
/// <param name="Ports">Entries.</param>
public sealed record PortStatsAnswer(ValueList<PortStatsEntry> Ports) : MultipartAnswer
{
    /// <inheritdoc/>
    public override MultipartType Kind => MultipartType.PortStats;
}

/// <summary>OFPMP_QUEUE request.</summary>
/// <param name="Port">Port, 0xffffffff: all.</param>
/// <param name="QueueId">Queue, 0xffffffff: all.</param>
public sealed record QueueQuery(uint Port, uint QueueId) : MultipartQuery
{
    /// <inheritdoc/>
    public override MultipartType Kind => MultipartType.Queue;
}

/// <summary>struct ofp_queue_stats.</summary>
/// <param name="Port">Port.</param>
/// <param name="QueueId">Queue.</param>
/// <param name="TxBytes">Bytes sent.</param>
/// <param name="TxPackets">Packets sent.</param>
/// <param name="TxErrors">Packets dropped by overrun.</param>
/// <param name="DurationNs">Age in nanoseconds.</param>
public sealed record QueueStatsEntry(uint Port, uint QueueId, ulong TxBytes, ulong TxPackets, ulong TxErrors, ulong DurationNs);

/// <summary>OFPMP_QUEUE reply part.</summary>
/// <param name="Queues">Entries.</param>
public sealed record QueueAnswer(ValueList<QueueStatsEntry> Queues) : MultipartAnswer
{
    /// <inheritdoc/>
    public override MultipartType Kind => MultipartType.Queue;
}

/// <summary>OFPMP_PORT_DESC request.</summary>
public sealed record PortDescQuery : MultipartQuery
{
    /// <inheritdoc/>
    public override MultipartType Kind => MultipartType.PortDesc;
}

/// <summary>OFPMP_PORT_DESC reply part.</summary>
/// <param name="Ports">Entries.</param>
public sealed record PortDescAnswer(ValueList<PortDescription> Ports) : MultipartAnswer
{
    /// <inheritdoc/>
    public override MultipartType Kind => MultipartType.PortDesc;
}

/// <summary>OFPMP_EXPERIMENTER request.</summary>
/// <param name="Experimenter">Experimenter number.</param>
/// <param name="ExperimenterType">Its own type.</param>
/// <param name="Body">What follows.</param>
public sealed record ExperimenterQuery(uint Experimenter, uint ExperimenterType, ReadOnlyMemory<byte> Body) : MultipartQuery
{
    /// <inheritdoc/>
    public override MultipartType Kind => MultipartType.Experimenter;
}

/// <summary>OFPMP_EXPERIMENTER reply part.</summary>
/// <param name="Experimenter">Experimenter number.</param>
/// <param name="ExperimenterType">Its own type.</param>
/// <param name="Body">What follows.</param>
public sealed record ExperimenterAnswer(uint Experimenter, uint ExperimenterType, ReadOnlyMemory<byte> Body) : MultipartAnswer
{
    /// <inheritdoc/>
    public override MultipartType Kind => MultipartType.Experimenter;
}
