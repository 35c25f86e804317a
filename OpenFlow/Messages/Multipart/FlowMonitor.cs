using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Wire;

namespace OvsBridge.OpenFlow.Messages.Multipart;

/// <summary>When a monitor tells of flows, and what (enum nx_flow_monitor_flags).</summary>
[Flags]
public enum FlowMonitorFlags : ushort
{
#pragma warning disable CS1591 // the names are Nicira's
    None = 0,
    Initial = 1 << 0,
    Add = 1 << 1,
    Delete = 1 << 2,
    Modify = 1 << 3,
    Actions = 1 << 4,
    Own = 1 << 5,
#pragma warning restore CS1591
}

/// <summary>A monitor: whoever asks for it is told when flows that it describes come, change and go.</summary>
/// <param name="Id">Its number in the connection.</param>
/// <param name="Flags">What is told, and how.</param>
/// <param name="OutPort">Only flows that output there, or did; <see cref="OfPorts.Any"/>: any.</param>
/// <param name="TableId">Table, 0xff: all.</param>
/// <param name="Match">Non-strict match.</param>
public sealed record FlowMonitorRequest(uint Id, FlowMonitorFlags Flags, uint OutPort, byte TableId, Match Match)
{
    private const FlowMonitorFlags Events = FlowMonitorFlags.Add | FlowMonitorFlags.Delete | FlowMonitorFlags.Modify;
    private const FlowMonitorFlags All = Events | FlowMonitorFlags.Initial | FlowMonitorFlags.Actions | FlowMonitorFlags.Own;

    // ONF's form of OpenFlow 1.3: id, flags, match_len, out_port, table_id, zeros[3], match
    internal static FlowMonitorRequest Read(ref WireReader reader)
    {
        uint id = reader.U32();
        FlowMonitorFlags flags = ReadFlags(ref reader);
        reader.Skip(2); // the match has its own length
        uint outPort = reader.U32();
        byte table = reader.U8();
        reader.Skip(3);
        return new FlowMonitorRequest(id, flags, outPort, table, MatchCodec.Read(ref reader));
    }

    internal static FlowMonitorFlags ReadFlags(ref WireReader reader)
    {
        var flags = (FlowMonitorFlags)reader.U16();
        if ((flags & Events) == 0 || (flags & ~All) != 0)
            WireReader.Fail(OfError.FlowMonitorFailedBadFlags, $"flags 0x{(ushort)flags:x4}");
        return flags;
    }

    internal void Write(ref WireWriter writer)
    {
        writer.U32(Id);
        writer.U16((ushort)Flags);
        int length = writer.ReserveLength();
        writer.U32(OutPort);
        writer.U8(TableId);
        writer.Zero(3);
        writer.Short(length, MatchCodec.Write(ref writer, Match));
    }
}

/// <summary>A request for monitors: NXST_FLOW_MONITOR in OpenFlow 1.0, the ONF's experimenter multipart 1870 in 1.3.</summary>
/// <param name="Monitors">The monitors.</param>
public sealed record FlowMonitorQuery(ValueList<FlowMonitorRequest> Monitors) : MultipartQuery
{
    internal const uint ExperimenterType = 1870;

    /// <inheritdoc/>
    public override MultipartType Kind => MultipartType.Experimenter;

    internal static FlowMonitorQuery ReadBody(ref WireReader reader)
    {
        List<FlowMonitorRequest> monitors = [];
        while (reader.Remaining > 0)
            monitors.Add(FlowMonitorRequest.Read(ref reader));
        return new FlowMonitorQuery(monitors.ToValueList());
    }

    internal override void Write(ref WireWriter writer)
    {
        writer.U32(ExperimenterMessage.Onf);
        writer.U32(ExperimenterType);
        foreach (FlowMonitorRequest monitor in Monitors)
            monitor.Write(ref writer);
    }
}

/// <summary>What has happened to a flow (enum nx_flow_update_event).</summary>
public enum FlowUpdateEvent : ushort
{
#pragma warning disable CS1591 // the names are Nicira's
    Added = 0,
    Deleted = 1,
    Modified = 2,
    Abbreviated = 3,
#pragma warning restore CS1591
}

/// <summary>What a monitor tells of a flow (struct nx_flow_update_full, nx_flow_update_abbrev).</summary>
/// <param name="Event">What has happened.</param>
public sealed record FlowUpdate(FlowUpdateEvent Event)
{
    /// <summary>xid of the peer's own request that did it (Abbreviated; nothing else is said then).</summary>
    public uint Xid { get; init; }

    /// <summary>Why it went (Deleted).</summary>
    public FlowRemovedReason Reason { get; init; }

    /// <summary>Its table.</summary>
    public byte TableId { get; init; }

    /// <summary>Its priority.</summary>
    public ushort Priority { get; init; }

    /// <summary>Its idle time-out.</summary>
    public ushort IdleTimeoutSeconds { get; init; }

    /// <summary>Its hard time-out.</summary>
    public ushort HardTimeoutSeconds { get; init; }

    /// <summary>Its cookie.</summary>
    public ulong Cookie { get; init; }

    /// <summary>Its match.</summary>
    public Match Match { get; init; } = Match.Any;

    /// <summary>Its instructions, if asked for.</summary>
    public ValueList<OfInstruction> Instructions { get; init; }

    // length, event, reason, priority, idle_timeout, hard_timeout, match_len, table_id, pad, cookie, match, instructions
    // abbreviated: length, event, xid
    internal static FlowUpdate Read(ref WireReader reader)
    {
        ushort length = reader.U16();
        WireReader entry = reader.Sub(length - 2, OfError.BadRequestBadLen, "nx_flow_update");
        var what = (FlowUpdateEvent)entry.U16();
        if (what == FlowUpdateEvent.Abbreviated)
            return new FlowUpdate(what) { Xid = entry.U32() };
        var reason = (FlowRemovedReason)entry.U16();
        ushort priority = entry.U16(), idle = entry.U16(), hard = entry.U16();
        entry.Skip(2);
        byte table = entry.U8();
        entry.Skip(1);
        return new FlowUpdate(what)
        {
            Reason = reason,
            Priority = priority,
            IdleTimeoutSeconds = idle,
            HardTimeoutSeconds = hard,
            TableId = table,
            Cookie = entry.U64(),
            Match = MatchCodec.Read(ref entry),
            Instructions = InstructionTable.ReadList(ref entry),
        };
    }

    internal void Write(ref WireWriter writer)
    {
        int start = writer.Position;
        int length = writer.ReserveLength();
        if (WriteHead(ref writer) is { } matchLength)
        {
            writer.Short(matchLength, MatchCodec.Write(ref writer, Match));
            InstructionTable.WriteList(ref writer, Instructions);
        }

        writer.Length(length, start);
    }

    /// <summary>Writes what stands between length and match.</summary>
    /// <returns>Where the match's length is to be filled in; null: there is no match.</returns>
    internal int? WriteHead(ref WireWriter writer)
    {
        writer.U16((ushort)Event);
        if (Event == FlowUpdateEvent.Abbreviated)
        {
            writer.U32(Xid);
            return null;
        }

        writer.U16((ushort)Reason);
        writer.U16(Priority);
        writer.U16(IdleTimeoutSeconds);
        writer.U16(HardTimeoutSeconds);
        int matchLength = writer.ReserveLength();
        writer.U8(TableId);
        writer.Zero(1);
        writer.U64(Cookie);
        return matchLength;
    }
}

/// <summary>What monitors tell: the flows that there are, in the reply; what happens to them, in further ones with xid 0.</summary>
/// <param name="Updates">Entries.</param>
public sealed record FlowUpdateAnswer(ValueList<FlowUpdate> Updates) : MultipartAnswer
{
    /// <inheritdoc/>
    public override MultipartType Kind => MultipartType.Experimenter;

    internal override int SizeHint => 16 + (Updates.Count * 128);

    internal static FlowUpdateAnswer ReadBody(ref WireReader reader)
    {
        List<FlowUpdate> updates = [];
        while (reader.Remaining > 0)
            updates.Add(FlowUpdate.Read(ref reader));
        return new FlowUpdateAnswer(updates.ToValueList());
    }

    internal override void Write(ref WireWriter writer)
    {
        writer.U32(ExperimenterMessage.Onf);
        writer.U32(FlowMonitorQuery.ExperimenterType);
        foreach (FlowUpdate update in Updates)
            update.Write(ref writer);
    }
}
