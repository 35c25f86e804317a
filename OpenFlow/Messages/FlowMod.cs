using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Wire;

namespace OvsBridge.OpenFlow.Messages;

/// <summary>enum ofp_flow_mod_command.</summary>
public enum FlowModCommand : byte
{
#pragma warning disable CS1591 // the names are the specification's
    Add = 0,
    Modify = 1,
    ModifyStrict = 2,
    Delete = 3,
    DeleteStrict = 4,
#pragma warning restore CS1591
}

/// <summary>enum ofp_flow_mod_flags.</summary>
[Flags]
public enum FlowModFlags : ushort
{
#pragma warning disable CS1591 // the names are the specification's
    None = 0,
    SendFlowRemoved = 1 << 0,
    CheckOverlap = 1 << 1,
    ResetCounts = 1 << 2,
    NoPacketCounts = 1 << 3,
    NoByteCounts = 1 << 4,
#pragma warning restore CS1591
}

/// <summary>OFPT_FLOW_MOD.</summary>
public sealed record FlowMod : OfMessage
{
    /// <summary>OFPTT_ALL: every table (delete only).</summary>
    public const byte AllTables = 0xff;

    /// <summary>OFP_NO_BUFFER.</summary>
    public const uint NoBuffer = 0xffffffff;

    /// <summary>Opaque to the switch.</summary>
    public ulong Cookie { get; init; }

    /// <summary>Restricts modify and delete to flows whose cookie has these bits of <see cref="Cookie"/>; 0: no restriction.</summary>
    public ulong CookieMask { get; init; }

    /// <summary>
    /// OpenFlow 1.0: a modify gives this cookie to what it modifies, and adds the flow when there is nothing to modify and no
    /// <see cref="CookieMask"/>. Null, always in OpenFlow 1.3: it does neither.
    /// </summary>
    public ulong? NewCookie { get; init; }

    /// <summary>Table; <see cref="AllTables"/> for deletes, and for modifies of OpenFlow 1.0.</summary>
    public byte TableId { get; init; }

    /// <summary>What to do.</summary>
    public FlowModCommand Command { get; init; }

    /// <summary>Seconds without a packet until the flow is removed; 0: never.</summary>
    public ushort IdleTimeoutSeconds { get; init; }

    /// <summary>Seconds until the flow is removed; 0: never.</summary>
    public ushort HardTimeoutSeconds { get; init; }

    /// <summary>Higher wins.</summary>
    public ushort Priority { get; init; }

    /// <summary>Buffered packet to apply to.</summary>
    public uint BufferId { get; init; } = NoBuffer;

    /// <summary>Deletes only flows that output to this port; <see cref="OfPorts.Any"/>: no restriction.</summary>
    public uint OutPort { get; init; } = OfPorts.Any;

    /// <summary>Deletes only flows that use this group; 0xffffffff: no restriction.</summary>
    public uint OutGroup { get; init; } = 0xffffffff;

    /// <summary>Flags.</summary>
    public FlowModFlags Flags { get; init; }

    /// <summary>The match.</summary>
    public Match Match { get; init; } = Match.Any;

    /// <summary>The instructions, in the order sent.</summary>
    public ValueList<OfInstruction> Instructions { get; init; }

    /// <inheritdoc/>
    public override OfType Type => OfType.FlowMod;

    internal override int SizeHint => 512;

    // struct ofp_flow_mod: cookie, cookie_mask, table_id, command, idle_timeout, hard_timeout, priority, buffer_id, out_port,
    // out_group, flags, pad[2], match, instructions
    internal static FlowMod Read(ref WireReader reader, MessageHeader header)
    {
        if (header.Length > MaxSize)
            WireReader.Fail(OfError.BadRequestBadLen, $"a flow of {header.Length} bytes would not fit a statistics reply");
        ulong cookie = reader.U64();
        ulong cookieMask = reader.U64();
        byte table = reader.U8();
        var command = (FlowModCommand)reader.U8();
        ushort idle = reader.U16();
        ushort hard = reader.U16();
        ushort priority = reader.U16();
        uint buffer = reader.U32();
        uint outPort = reader.U32();
        uint outGroup = reader.U32();
        var flags = (FlowModFlags)reader.U16();
        reader.Skip(2);
        if (command > FlowModCommand.DeleteStrict)
            WireReader.Fail(OfError.FlowModFailedBadCommand, $"command {(byte)command}");
        if ((flags & ~AllFlags) != 0)
            WireReader.Fail(OfError.FlowModFailedBadFlags, $"flags 0x{(ushort)flags:x4}");

        Match match = MatchCodec.Read(ref reader);
        ValueList<OfInstruction> instructions = InstructionTable.ReadList(ref reader);
        if (command < FlowModCommand.Delete)
            Check(table, match, instructions);
        return new FlowMod
        {
            Xid = header.Xid,
            Cookie = cookie,
            CookieMask = cookieMask,
            TableId = table,
            Command = command,
            IdleTimeoutSeconds = idle,
            HardTimeoutSeconds = hard,
            Priority = priority,
            BufferId = buffer,
            OutPort = outPort,
            OutGroup = outGroup,
            Flags = flags,
            Match = match,
            Instructions = instructions,
        };
    }

    internal override void WriteBody(ref WireWriter writer)
    {
        writer.U64(Cookie);
        writer.U64(CookieMask);
        writer.U8(TableId);
        writer.U8((byte)Command);
        writer.U16(IdleTimeoutSeconds);
        writer.U16(HardTimeoutSeconds);
        writer.U16(Priority);
        writer.U32(BufferId);
        writer.U32(OutPort);
        writer.U32(OutGroup);
        writer.U16((ushort)Flags);
        writer.Zero(2);
        MatchCodec.Write(ref writer, Match);
        InstructionTable.WriteList(ref writer, Instructions);
    }

    private const FlowModFlags AllFlags = FlowModFlags.SendFlowRemoved | FlowModFlags.CheckOverlap | FlowModFlags.ResetCounts
        | FlowModFlags.NoPacketCounts | FlowModFlags.NoByteCounts;

    // A flow must fit one statistics reply (which has 16 bytes more around it), or it could never be shown.
    private const int MaxSize = OfCodec.MaxMessageSize - 16;

    // What the specification says of a flow itself, whatever switch it is for. Deletes ignore instructions.
    private static void Check(byte table, Match match, ValueList<OfInstruction> instructions)
    {
        if (table == AllTables)
            WireReader.Fail(OfError.FlowModFailedBadTableId, "OFPTT_ALL is for deletes");
        foreach (OfInstruction instruction in instructions)
        {
            switch (instruction)
            {
                case GotoTableInstruction go when go.TableId <= table || go.TableId == AllTables:
                    WireReader.Fail(OfError.BadInstructionBadTableId, $"goto_table {go.TableId} in table {table}");
                    break;
                case ApplyActionsInstruction apply:
                    ActionConsistency.ListAgainstMatch(match, apply.Actions);
                    break;
                case WriteActionsInstruction write:
                    ActionConsistency.SetAgainstMatch(match, write.Actions);
                    break;
            }
        }
    }
}

/// <summary>enum ofp_flow_removed_reason.</summary>
public enum FlowRemovedReason : byte
{
#pragma warning disable CS1591 // the names are the specification's
    IdleTimeout = 0,
    HardTimeout = 1,
    Delete = 2,
    GroupDelete = 3,
#pragma warning restore CS1591
}

/// <summary>OFPT_FLOW_REMOVED.</summary>
public sealed record FlowRemoved : OfMessage
{
    /// <summary>The flow's cookie.</summary>
    public ulong Cookie { get; init; }

    /// <summary>The flow's priority.</summary>
    public ushort Priority { get; init; }

    /// <summary>Why it went.</summary>
    public FlowRemovedReason Reason { get; init; }

    /// <summary>Its table.</summary>
    public byte TableId { get; init; }

    /// <summary>How long it existed, in nanoseconds.</summary>
    public ulong DurationNs { get; init; }

    /// <summary>Its idle time-out.</summary>
    public ushort IdleTimeoutSeconds { get; init; }

    /// <summary>Its hard time-out.</summary>
    public ushort HardTimeoutSeconds { get; init; }

    /// <summary>Packets; all ones when not counted.</summary>
    public ulong PacketCount { get; init; }

    /// <summary>Bytes; all ones when not counted.</summary>
    public ulong ByteCount { get; init; }

    /// <summary>Its match.</summary>
    public Match Match { get; init; } = Match.Any;

    /// <inheritdoc/>
    public override OfType Type => OfType.FlowRemoved;

    // struct ofp_flow_removed: cookie, priority, reason, table_id, duration_sec, duration_nsec, idle_timeout, hard_timeout,
    // packet_count, byte_count, match
    internal static FlowRemoved Read(ref WireReader reader, MessageHeader header) => new()
    {
        Xid = header.Xid,
        Cookie = reader.U64(),
        Priority = reader.U16(),
        Reason = (FlowRemovedReason)reader.U8(),
        TableId = reader.U8(),
        DurationNs = reader.Duration(),
        IdleTimeoutSeconds = reader.U16(),
        HardTimeoutSeconds = reader.U16(),
        PacketCount = reader.U64(),
        ByteCount = reader.U64(),
        Match = MatchCodec.Read(ref reader),
    };

    internal override void WriteBody(ref WireWriter writer)
    {
        writer.U64(Cookie);
        writer.U16(Priority);
        writer.U8((byte)Reason);
        writer.U8(TableId);
        writer.Duration(DurationNs);
        writer.U16(IdleTimeoutSeconds);
        writer.U16(HardTimeoutSeconds);
        writer.U64(PacketCount);
        writer.U64(ByteCount);
        MatchCodec.Write(ref writer, Match);
    }
}
