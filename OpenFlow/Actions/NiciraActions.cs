using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.V10;
using OvsBridge.OpenFlow.Wire;

namespace OvsBridge.OpenFlow.Actions;

/// <summary>
/// Actions of Open vSwitch's experimenter number (NXAST_*): what OpenFlow 1.3 can't say, and in OpenFlow 1.0 everything that is newer.
/// They are laid out alike in both: type, length, vendor, subtype, body, padding to 8.
/// </summary>
internal static class NiciraActions
{
    /// <summary>NX_VENDOR_ID.</summary>
    public const uint Experimenter = NiciraMessage.Vendor;

    private const ushort Vendor = 0xffff; // OFPAT_VENDOR, OFPAT_EXPERIMENTER

    private enum Number : ushort
    {
        Resubmit = 1,
        SetTunnel = 2,
        SetQueue = 4,
        PopQueue = 5,
        RegLoad = 7,
        Note = 8,
        SetTunnel64 = 9,
        ResubmitTable = 14,
        DecTtl = 18,
        Controller = 20,
        DecTtlIds = 21,
        WriteMetadata = 22,
        PushMpls = 23,
        PopMpls = 24,
        SetMplsTtl = 25,
        DecMplsTtl = 26,
        SetMplsLabel = 30,
        SetMplsTc = 31,
        RegLoad2 = 33,
        Group = 40,
    }

    /// <summary>Reads what follows the experimenter number in OpenFlow 1.3.</summary>
    /// <returns>Null when the subtype is not one of ours; nothing was read then.</returns>
    public static OfAction? TryRead(ref WireReader reader)
    {
        WireReader body = reader;
        if (body.Remaining < 2)
            return null;
        var number = (Number)body.U16();
        if (number is not (Number.RegLoad or Number.RegLoad2 or Number.PopQueue or Number.Note or Number.SetTunnel or Number.SetTunnel64 or Number.Controller))
            return null;
        List<OfAction> actions = [];
        if (!TryRead(ref body, (ushort)number, ActionUse.Flow, actions) || actions is not [var only])
            return null;
        reader = body;
        return only;
    }

    /// <summary>Reads what follows the subtype.</summary>
    /// <param name="reader">At the body.</param>
    /// <param name="subtype">NXAST_* number.</param>
    /// <param name="use">Where the action stands.</param>
    /// <param name="actions">Gets what the action becomes.</param>
    /// <returns>False when it is not one of ours.</returns>
    public static bool TryRead(ref WireReader reader, ushort subtype, ActionUse use, List<OfAction> actions)
    {
        switch ((Number)subtype)
        {
            case Number.Resubmit or Number.ResubmitTable: // in_port, table, pad[3]
                uint inPort = PortCodec.ReadNumber(ref reader);
                byte table = reader.U8();
                reader.Skip(3);
                actions.Add(new ResubmitAction(inPort, subtype == (ushort)Number.ResubmitTable ? table : ResubmitAction.Current));
                break;
            case Number.SetTunnel: // pad[2], tun_id
                reader.Skip(2);
                actions.Add(new SetFieldAction(FieldTable.TunnelId, reader.U32()));
                break;
            case Number.SetTunnel64: // pad[6], tun_id
                reader.Skip(6);
                actions.Add(new SetFieldAction(FieldTable.TunnelId, reader.U64()));
                break;
            case Number.SetQueue: // pad[2], queue_id
                reader.Skip(2);
                actions.Add(new SetQueueAction(reader.U32()));
                break;
            case Number.PopQueue:
                reader.Skip(6);
                actions.Add(new PopQueueAction());
                break;
            case Number.RegLoad:
                ReadLoad(ref reader, actions);
                break;
            case Number.Note:
                actions.Add(new NoteAction(ValueList.Create(reader.Rest())));
                break;
            case Number.DecTtl:
                reader.Skip(6);
                actions.Add(new DecNwTtlAction());
                break;
            case Number.DecTtlIds: // n_controllers, zeros[4], ids
                ReadDecTtlIds(ref reader);
                actions.Add(new DecNwTtlAction());
                break;
            case Number.Controller: // max_len, controller_id, reason, zero
                actions.Add(ReadController(ref reader));
                break;
            case Number.WriteMetadata: // zeros[6], metadata, mask
                reader.Skip(6);
                actions.Add(new WriteMetadataAction(reader.U64(), reader.U64()));
                break;
            case Number.PushMpls: // ethertype, pad[4]
                ushort pushed = ReadShort(ref reader);
                if (pushed is not (0x8847 or 0x8848))
                    WireReader.Fail(OfError.BadActionBadArgument, $"push_mpls with ethertype 0x{pushed:x4}");
                actions.Add(new PushMplsAction(pushed));
                break;
            case Number.PopMpls:
                actions.Add(new PopMplsAction(ReadShort(ref reader)));
                break;
            case Number.SetMplsTtl: // ttl, pad[5]
                byte ttl = reader.U8();
                reader.Skip(5);
                actions.Add(new SetMplsTtlAction(ttl));
                break;
            case Number.DecMplsTtl:
                reader.Skip(6);
                actions.Add(new DecMplsTtlAction());
                break;
            case Number.SetMplsLabel: // zeros[2], label
                reader.Skip(2);
                actions.Add(Whole(FieldTable.MplsLabel, reader.U32()));
                break;
            case Number.SetMplsTc: // tc, pad[5]
                byte tc = reader.U8();
                reader.Skip(5);
                actions.Add(Whole(FieldTable.MplsTc, tc));
                break;
            case Number.RegLoad2: // one OXM or NXM field, padding to 8
                ReadLoad2(ref reader, actions);
                break;
            case Number.Group: // pad[2], group_id
                reader.Skip(2);
                uint group = reader.U32();
                if (group > GroupMod.MaxGroup)
                    WireReader.Fail(OfError.BadActionBadOutGroup, $"group 0x{group:x} can't be used by an action");
                actions.Add(new GroupAction(group));
                break;
            default:
                return false;
        }

        return true;
    }

    /// <summary>Writes an action that is the same in both versions, or OpenFlow 1.0's for one of 1.3; nothing when there is none.</summary>
    public static void Write(ref WireWriter writer, OfAction action)
    {
        switch (action)
        {
            case SetFieldAction a:
                WriteField(ref writer, a);
                break;
            case PopQueueAction:
                WriteBare(ref writer, Number.PopQueue);
                break;
            case NoteAction a:
                int note = Begin(ref writer, Number.Note);
                writer.Bytes(a.Data.AsSpan());
                End(ref writer, note);
                break;
            case ControllerAction a:
                int controller = Begin(ref writer, Number.Controller);
                writer.U16(a.MaxLen);
                writer.U16(a.ControllerId);
                writer.U8((byte)a.Reason);
                writer.Zero(1);
                End(ref writer, controller);
                break;
            case SetQueueAction a:
                WriteWord(ref writer, Number.SetQueue, a.QueueId);
                break;
            case GroupAction a:
                WriteWord(ref writer, Number.Group, a.GroupId);
                break;
            case PushMplsAction a:
                WriteShort(ref writer, Number.PushMpls, a.EtherType);
                break;
            case PopMplsAction a:
                WriteShort(ref writer, Number.PopMpls, a.EtherType);
                break;
            case SetMplsTtlAction a:
                WriteShort(ref writer, Number.SetMplsTtl, (ushort)(a.Ttl << 8));
                break;
            case DecMplsTtlAction:
                WriteBare(ref writer, Number.DecMplsTtl);
                break;
            case DecNwTtlAction:
                WriteBare(ref writer, Number.DecTtl);
                break;
            case SetNwTtlAction a:
                WriteLoad(ref writer, NxmTable.IpTtl, 0, 8, a.Ttl);
                break;
        }
    }

    /// <summary>Writes write_metadata as an action.</summary>
    public static void WriteMetadata(ref WireWriter writer, WriteMetadataInstruction metadata)
    {
        int start = Begin(ref writer, Number.WriteMetadata);
        writer.Zero(6);
        writer.U64(metadata.Value);
        writer.U64(metadata.Mask);
        End(ref writer, start);
    }

    /// <summary>Writes goto_table as an action: a resubmit that ends the list.</summary>
    public static void WriteResubmit(ref WireWriter writer, byte table)
    {
        int start = Begin(ref writer, Number.ResubmitTable);
        writer.U16(PortCodec.ToWire(OfPorts.InPort));
        writer.U8(table);
        writer.Zero(3);
        End(ref writer, start);
    }

    /// <summary>Writes a masked set_field of OpenFlow 1.3: experimenter number and what follows.</summary>
    public static void WriteRegLoad2(ref WireWriter writer, SetFieldAction action)
    {
        writer.U32(Experimenter);
        writer.U16((ushort)Number.RegLoad2);
        MatchCodec.WriteField(ref writer, action.Field, action.Value, action.Mask);
    }

    // ofs_nbits, dst, value
    private static void ReadLoad(ref WireReader reader, List<OfAction> actions)
    {
        ushort where = reader.U16();
        int offset = where >> 6, bits = (where & 0x3f) + 1;
        uint header = reader.U32();
        UInt128 value = reader.U64();
        if (value >> bits != 0)
            WireReader.Fail(OfError.BadActionBadArgument, $"load of 0x{value:x} into {bits} bits");
        if (header == NxmTable.VlanTci)
        {
            ReadTciLoad(offset, bits, (ushort)value, actions);
            return;
        }

        if (header == NxmTable.IpTtl)
        {
            if (offset != 0 || bits != 8)
                WireReader.Fail(OfError.BadActionBadSetArgument, "part of nw_ttl can't be loaded");
            actions.Add(new SetNwTtlAction((byte)value));
            return;
        }

        NxmRow? row = NxmTable.IsNxm(header) ? NxmTable.Find(header) : null;
        Field? field = row?.Field ?? (NxmTable.IsNxm(header) ? null : FieldTable.ByOxm(header));
        if (field is null || (header & 0xff) != (row?.Bytes ?? field.Bytes))
            WireReader.Fail(OfError.BadActionBadSetType, $"load into NXM header 0x{header:x8}");
        if (!field.Settable)
            WireReader.Fail(OfError.BadActionBadSetArgument, $"{field} can't be set");
        int shift = row?.Shift ?? 0;
        if (offset < shift || offset + bits > field.Bits + shift)
            WireReader.Fail(OfError.BadActionBadSetLen, $"bits {offset} to {offset + bits - 1} of {field}");
        UInt128 mask = ((bits == 64 ? ulong.MaxValue : (UInt128.One << bits) - 1) << offset) >> shift;
        value = (value << offset) >> shift;
        actions.Add(new SetFieldAction(field, MatchCodec.CheckSet(field, value, mask), mask));
    }

    private static void ReadLoad2(ref WireReader reader, List<OfAction> actions)
    {
        WireReader ahead = reader;
        uint header = ahead.U32();
        if (NxmTable.IsNxm(header) && NxmTable.Find(header) is { Shift: 0 } row && row.Bytes == row.Field.Bytes && row.Field.Settable)
        {
            // As the OXM field of the same layout.
            bool masked = (header & NxmTable.MaskBit) != 0;
            reader.Skip(4);
            WireReader payload = reader.Sub((int)(header & 0xff), OfError.BadActionBadSetLen, "field of a load");
            if (payload.Remaining != (masked ? 2 * row.Bytes : row.Bytes))
                WireReader.Fail(OfError.BadActionBadSetLen, $"{row.Field} with a payload of {payload.Remaining} bytes");
            UInt128 value = payload.Number(row.Bytes), mask = masked ? payload.Number(row.Bytes) & row.Field.AllOnes : row.Field.AllOnes;
            actions.Add(new SetFieldAction(row.Field, MatchCodec.CheckSet(row.Field, value, mask), mask));
        }
        else
        {
            (Field field, UInt128 value, UInt128 mask) = MatchCodec.ReadSetField(ref reader, maskAllowed: true);
            actions.Add(new SetFieldAction(field, value, mask));
        }

        ActionTable.SkipPadding(ref reader, OfError.BadActionBadSetLen);
    }

    // The whole TCI: a tag with it, or with "present" clear no tag. Else id or priority, or bits of one of them.
    private static void ReadTciLoad(int offset, int bits, ushort value, List<OfAction> actions)
    {
        const int PcpShift = 13;
        if (offset == 0 && bits == 16)
        {
            if ((value & FlowKey.VlanPresent) == 0)
                actions.Add(new PopVlanAction());
            else
                actions.AddRange([new SetVlanVidAction((ushort)(value & 0xfff)), new SetVlanPcpAction((byte)(value >> PcpShift))]);
        }
        else if (offset + bits <= 12)
        {
            actions.Add(new SetFieldAction(FieldTable.VlanVid, (UInt128)value << offset, ((UInt128.One << bits) - 1) << offset));
        }
        else if (offset >= PcpShift && offset + bits <= 16)
        {
            int low = offset - PcpShift;
            actions.Add(new SetFieldAction(FieldTable.VlanPcp, (UInt128)value << low, ((UInt128.One << bits) - 1) << low));
        }
        else
        {
            WireReader.Fail(OfError.BadActionBadSetArgument, $"load into bits {offset} to {offset + bits - 1} of vlan_tci");
        }
    }

    // As Open vSwitch for controller 0: what is sent when the TTL is invalid goes to those that ask for it by their async masks.
    private static void ReadDecTtlIds(ref WireReader reader)
    {
        int count = reader.U16();
        reader.Skip(4);
        for (int i = 0; i < count; i++)
        {
            ushort id = reader.U16();
            if (id != 0)
                WireReader.Fail(OfError.BadActionBadArgument, $"dec_ttl that tells controller {id}");
        }

        reader.Rest();
    }

    private static OfAction ReadController(ref WireReader reader)
    {
        ushort maxLen = reader.U16(), id = reader.U16();
        var reason = (PacketInReason)reader.U8();
        reader.Skip(1);
        if (reason > PacketInReason.InvalidTtl)
            WireReader.Fail(OfError.BadActionBadArgument, $"packet_in reason {(byte)reason}");
        return id == 0 && reason == PacketInReason.Action ? new OutputAction(OfPorts.Controller, maxLen) : new ControllerAction(maxLen, id, reason);
    }

    private static SetFieldAction Whole(Field field, uint value)
    {
        if (value > field.AllOnes)
            WireReader.Fail(OfError.BadActionBadArgument, $"{field} 0x{value:x}");
        return new SetFieldAction(field, value);
    }

    private static ushort ReadShort(ref WireReader reader)
    {
        ushort value = reader.U16();
        reader.Skip(4);
        return value;
    }

    // A tunnel id has actions of its own. Otherwise: a load for each run of bits, or, when that is a long list, one action with a mask.
    private static void WriteField(ref WireWriter writer, SetFieldAction action)
    {
        if (action.Field == FieldTable.TunnelId && !action.IsMasked)
        {
            WriteTunnel(ref writer, (ulong)action.Value);
            return;
        }

        (uint header, int shift) = action.Field == FieldTable.VlanVid ? (NxmTable.VlanTci, 0)
            : action.Field == FieldTable.VlanPcp ? (NxmTable.VlanTci, 13)
            : NxmTable.Find(action.Field) is { } row ? (row.Header, row.Shift)
            : (action.Field.OxmHeader, 0);
        List<(int Offset, int Bits)> runs = Runs(action.Mask);
        if (runs.Count > MostLoads || action.Field.Experimenter != 0)
        {
            int start = Begin(ref writer, Number.RegLoad2);
            MatchCodec.WriteField(ref writer, action.Field, action.Value, action.Mask);
            End(ref writer, start);
            return;
        }

        foreach ((int offset, int bits) in runs)
            WriteLoad(ref writer, header, offset + shift, bits, (ulong)(action.Value >> offset) & (ulong.MaxValue >> (64 - bits)));
    }

    private const int MostLoads = 2;

    /// <summary>The runs of ones in a mask, from the lowest, none longer than 64.</summary>
    private static List<(int Offset, int Bits)> Runs(UInt128 mask)
    {
        List<(int Offset, int Bits)> runs = [];
        while (mask != 0)
        {
            int offset = (int)UInt128.TrailingZeroCount(mask);
            int bits = int.Min(64, (int)UInt128.TrailingZeroCount(~(mask >> offset)));
            runs.Add((offset, bits));
            mask &= ~((UInt128)(ulong.MaxValue >> (64 - bits)) << offset);
        }

        return runs;
    }

    private static void WriteTunnel(ref WireWriter writer, ulong id)
    {
        if (id <= uint.MaxValue)
        {
            WriteWord(ref writer, Number.SetTunnel, (uint)id);
            return;
        }

        int start = Begin(ref writer, Number.SetTunnel64);
        writer.Zero(6);
        writer.U64(id);
        End(ref writer, start);
    }

    private static void WriteLoad(ref WireWriter writer, uint header, int offset, int bits, ulong value)
    {
        int start = Begin(ref writer, Number.RegLoad);
        writer.U16((ushort)((offset << 6) | (bits - 1)));
        writer.U32(header);
        writer.U64(value);
        End(ref writer, start);
    }

    private static void WriteBare(ref WireWriter writer, Number number) => End(ref writer, Begin(ref writer, number));

    private static void WriteShort(ref WireWriter writer, Number number, ushort value)
    {
        int start = Begin(ref writer, number);
        writer.U16(value);
        End(ref writer, start);
    }

    private static void WriteWord(ref WireWriter writer, Number number, uint value)
    {
        int start = Begin(ref writer, number);
        writer.Zero(2);
        writer.U32(value);
        End(ref writer, start);
    }

    private static int Begin(ref WireWriter writer, Number number)
    {
        int start = writer.Position;
        writer.U16(Vendor);
        writer.Zero(2);
        writer.U32(Experimenter);
        writer.U16((ushort)number);
        return start;
    }

    private static void End(ref WireWriter writer, int start)
    {
        writer.Pad(start);
        writer.Length(start + 2, start);
    }
}
