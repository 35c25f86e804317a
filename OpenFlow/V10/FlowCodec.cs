using System.Buffers;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Messages.Multipart;
using OvsBridge.OpenFlow.Wire;

namespace OvsBridge.OpenFlow.V10;

/// <summary>Flows: flow_mod, flow_removed and flow statistics, in OpenFlow 1.0's own format and in Nicira's.</summary>
internal static class FlowCodec
{
    private const ushort Emergency = 1 << 2; // OFPFF_EMERG
    private const FlowModFlags KnownFlags = FlowModFlags.SendFlowRemoved | FlowModFlags.CheckOverlap;
    private const ulong NoNewCookie = ulong.MaxValue;

    /// <summary>A flow of so many bytes here has less than a statistics reply's in OpenFlow 1.3, whatever its actions.</summary>
    private const int SurelyShort = OfCodec.MaxMessageSize / 4;

    // struct ofp_flow_mod: match, cookie, command, idle_timeout, hard_timeout, priority, buffer_id, out_port, flags, actions
    public static FlowMod Read(ref WireReader reader, MessageHeader header, WireFormat format)
    {
        Match match = MatchCodec10.Read(ref reader);
        ulong cookie = reader.U64();
        ushort command = reader.U16();
        ushort idle = reader.U16(), hard = reader.U16(), priority = reader.U16();
        uint buffer = reader.U32();
        uint outPort = PortCodec.ReadNumber(ref reader);
        ushort flags = reader.U16();
        FlowMod mod = new()
        {
            Xid = header.Xid,
            IdleTimeoutSeconds = idle,
            HardTimeoutSeconds = hard,

            // 3.4 of the specification: what has no wildcard comes first.
            Priority = priority,
            BufferId = buffer,
            OutPort = outPort,
            Match = match,
        };
        return Finish(ref reader, header, mod, command, cookie, 0, 0, flags, format);
    }

    // struct nx_flow_mod: cookie, command, idle_timeout, hard_timeout, priority, buffer_id, out_port, flags, match_len, pad[6], match, actions
    public static FlowMod ReadNicira(ref WireReader reader, MessageHeader header, WireFormat format)
    {
        ulong cookie = reader.U64();
        ushort command = reader.U16();
        ushort idle = reader.U16(), hard = reader.U16(), priority = reader.U16();
        uint buffer = reader.U32();
        uint outPort = PortCodec.ReadNumber(ref reader);
        ushort flags = reader.U16();
        ushort matchLength = reader.U16();
        reader.Skip(6);
        CookieMatch filter = new();
        FlowMod mod = new()
        {
            Xid = header.Xid,
            IdleTimeoutSeconds = idle,
            HardTimeoutSeconds = hard,
            Priority = priority,
            BufferId = buffer,
            OutPort = outPort,
            Match = NxmCodec.Read(ref reader, matchLength, filter),
        };
        if ((byte)command == (byte)FlowModCommand.Add && filter.Mask != 0)
            WireReader.Fail(OfError.NiciraNxmInvalid, "a flow that is added has no cookie to match");
        return Finish(ref reader, header, mod, command, cookie, filter.Value, filter.Mask, flags, format);
    }

    // struct ofp_flow_removed: match, cookie, priority, reason, pad, duration_sec, duration_nsec, idle_timeout, pad[2], packet_count, byte_count
    public static void Write(ref WireWriter writer, FlowRemoved removed)
    {
        MatchCodec10.Write(ref writer, removed.Match);
        writer.U64(removed.Cookie);
        writer.U16(removed.Priority);
        writer.U8((byte)removed.Reason);
        writer.Zero(1);
        writer.Duration(removed.DurationNs);
        writer.U16(removed.IdleTimeoutSeconds);
        writer.Zero(2);
        writer.U64(Known(removed.PacketCount));
        writer.U64(Known(removed.ByteCount));
    }

    // struct nx_flow_removed: cookie, priority, reason, table_id, duration_sec, duration_nsec, idle_timeout, match_len, packet_count, byte_count, match
    public static void WriteNicira(ref WireWriter writer, FlowRemoved removed)
    {
        writer.U64(removed.Cookie);
        writer.U16(removed.Priority);
        writer.U8((byte)removed.Reason);
        writer.U8((byte)(removed.TableId + 1));
        writer.Duration(removed.DurationNs);
        writer.U16(removed.IdleTimeoutSeconds);
        int length = writer.ReserveLength();
        writer.U64(removed.PacketCount);
        writer.U64(removed.ByteCount);
        writer.Short(length, NxmCodec.Write(ref writer, removed.Match));
    }

    // struct ofp_flow_stats_request: match, table_id, pad, out_port
    public static FlowFilter ReadFilter(ref WireReader reader)
    {
        Match match = MatchCodec10.Read(ref reader);
        byte table = reader.U8();
        reader.Skip(1);
        return new FlowFilter(table, PortCodec.ReadNumber(ref reader), GroupMod.AnyGroup, 0, 0, match);
    }

    // struct nx_flow_stats_request: out_port, match_len, table_id, pad[3], match
    public static FlowFilter ReadNiciraFilter(ref WireReader reader)
    {
        uint outPort = PortCodec.ReadNumber(ref reader);
        ushort matchLength = reader.U16();
        byte table = reader.U8();
        reader.Skip(3);
        CookieMatch cookie = new();
        Match match = NxmCodec.Read(ref reader, matchLength, cookie);
        return new FlowFilter(table, outPort, GroupMod.AnyGroup, cookie.Value, cookie.Mask, match);
    }

    // struct ofp_flow_stats: length, table_id, pad, match, duration_sec, duration_nsec, priority, idle_timeout, hard_timeout, pad[6], cookie,
    // packet_count, byte_count, actions
    public static void Write(ref WireWriter writer, FlowStatsEntry flow)
    {
        int start = writer.Position;
        int length = writer.ReserveLength();
        writer.U8(flow.TableId);
        writer.Zero(1);
        MatchCodec10.Write(ref writer, flow.Match);
        writer.Duration(flow.DurationNs);
        writer.U16(flow.Priority);
        writer.U16(flow.IdleTimeoutSeconds);
        writer.U16(flow.HardTimeoutSeconds);
        writer.Zero(6);
        writer.U64(flow.Cookie);
        writer.U64(Known(flow.PacketCount));
        writer.U64(Known(flow.ByteCount));
        ActionCodec.Write(ref writer, flow.Instructions);
        writer.Length(length, start);
    }

    // struct nx_flow_stats: length, table_id, pad, duration_sec, duration_nsec, priority, idle_timeout, hard_timeout, match_len, idle_age,
    // hard_age, cookie, packet_count, byte_count, match, actions
    public static void WriteNicira(ref WireWriter writer, FlowStatsEntry flow)
    {
        int start = writer.Position;
        int length = writer.ReserveLength();
        writer.U8(flow.TableId);
        writer.Zero(1);
        writer.Duration(flow.DurationNs);
        writer.U16(flow.Priority);
        writer.U16(flow.IdleTimeoutSeconds);
        writer.U16(flow.HardTimeoutSeconds);
        int matchLength = writer.ReserveLength();
        writer.U16(AgeOnWire(flow.IdleAgeSeconds));
        writer.U16(AgeOnWire(flow.HardAgeSeconds));
        writer.U64(flow.Cookie);
        writer.U64(flow.PacketCount);
        writer.U64(flow.ByteCount);
        writer.Short(matchLength, NxmCodec.Write(ref writer, flow.Match));
        ActionCodec.Write(ref writer, flow.Instructions);
        writer.Length(length, start);
    }

    private static FlowMod Finish(
        ref WireReader reader, MessageHeader header, FlowMod mod, ushort command, ulong cookie, ulong cookieValue, ulong cookieMask, ushort flags, WireFormat format)
    {
        var what = (FlowModCommand)(byte)command;
        byte table = format.FlowModTableId ? (byte)(command >> 8) : FlowMod.AllTables;
        if (!format.FlowModTableId && command > byte.MaxValue || what > FlowModCommand.DeleteStrict)
            WireReader.Fail(OfError.FlowModFailedBadCommand, $"command 0x{command:x4}");

        // As Open vSwitch, for want of a better code: there is no emergency flow cache, so it is full.
        if ((flags & Emergency) != 0)
            WireReader.Fail(OfError.FlowModFailedTableFull, "an emergency flow");
        if ((flags & ~(ushort)KnownFlags) != 0)
            WireReader.Fail(OfError.FlowModFailedBadFlags, $"flags 0x{flags:x4}");

        bool add = what == FlowModCommand.Add;
        if (add && table == FlowMod.AllTables)
            table = 0; // "the switch chooses"
        ValueList<OfInstruction> instructions = ActionCodec.ReadInstructions(ref reader, mod.Match, table == FlowMod.AllTables ? (byte)0 : table);
        if (header.Length > SurelyShort)
            CheckLength(instructions);
        return mod with
        {
            Command = what,
            TableId = table,
            Cookie = add ? cookie : cookieValue,
            CookieMask = cookieMask,
            NewCookie = add || cookie == NoNewCookie ? null : cookie,

            // OpenFlow 1.0: an added flow counts from zero, always.
            Flags = (FlowModFlags)flags | (add ? FlowModFlags.ResetCounts : FlowModFlags.None),
            Instructions = instructions,
        };
    }

    /// <summary>A flow must fit a statistics reply of OpenFlow 1.3 as well, where some actions take more bytes.</summary>
    private static void CheckLength(ValueList<OfInstruction> instructions)
    {
        const int Overhead = 512; // the fixed part, and the longest match
        var scratch = new ArrayBufferWriter<byte>(OfCodec.MaxMessageSize);
        var writer = new WireWriter(scratch, OfCodec.MaxMessageSize);
        try
        {
            InstructionTable.WriteList(ref writer, instructions);
            if (writer.Position + Overhead > OfCodec.MaxMessageSize)
                WireReader.Fail(OfError.BadRequestBadLen, $"a flow with {writer.Position} bytes of actions would not fit a statistics reply");
        }
        catch (ArgumentException)
        {
            WireReader.Fail(OfError.BadRequestBadLen, "the flow's actions would not fit a statistics reply");
        }
        finally
        {
            writer.Dispose();
        }
    }

    /// <summary>OpenFlow 1.0 has no "not counted".</summary>
    private static ulong Known(ulong count) => count == ulong.MaxValue ? 0 : count;

    /// <summary>Seconds plus one; 0 is "not known".</summary>
    private static ushort AgeOnWire(uint? seconds) => seconds is { } age ? (ushort)uint.Min(age + 1, ushort.MaxValue) : (ushort)0;
}
