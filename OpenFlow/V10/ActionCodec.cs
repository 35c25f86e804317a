using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Wire;

namespace OvsBridge.OpenFlow.V10;

/// <summary>OpenFlow 1.0's action lists, Nicira's actions among them, both ways.</summary>
/// <remarks>
/// <para>
/// <b>Reading.</b> An action becomes the one of OpenFlow 1.3 that does the same to every packet that it can meet; where that depends on the packet, it
/// becomes one of <see cref="ExtensionActions"/>'. An action on a header that is not there does nothing in OpenFlow 1.0, so that the list is not
/// checked against the match; but Nicira's loads are, as in Open vSwitch.
/// </para>
/// <para>
/// <b>Lists and instructions.</b> A list is one apply_actions. write_metadata and a resubmit to a later table at its end are the instructions
/// of that meaning; elsewhere a resubmit is refused.
/// </para>
/// <para><b>Writing.</b> As Open vSwitch: meter, clear_actions and write_actions, and the actions that have no form here, are left out.</para>
/// </remarks>
internal static class ActionCodec
{
    private const int HeaderSize = 4;
    private const ushort Vendor = 0xffff;

    private enum Number : ushort
    {
        Output = 0,
        SetVlanVid = 1,
        SetVlanPcp = 2,
        StripVlan = 3,
        SetDlSrc = 4,
        SetDlDst = 5,
        SetNwSrc = 6,
        SetNwDst = 7,
        SetNwTos = 8,
        SetTpSrc = 9,
        SetTpDst = 10,
        Enqueue = 11,
    }

    /// <summary>Reads the actions of a flow, up to the end of <paramref name="reader"/>.</summary>
    /// <param name="reader">At the actions.</param>
    /// <param name="match">The flow's match.</param>
    /// <param name="table">The flow's table.</param>
    public static ValueList<OfInstruction> ReadInstructions(ref WireReader reader, Match match, byte table)
    {
        List<OfAction> actions = ReadList(ref reader, match, ActionUse.Flow);
        List<OfInstruction> instructions = [];
        GotoTableInstruction? next = null;
        if (actions is [.., ResubmitAction last])
        {
            next = last.After(table);
            actions.RemoveAt(actions.Count - 1);
        }

        WriteMetadataInstruction? metadata = null;
        if (actions is [.., WriteMetadataAction write])
        {
            metadata = new WriteMetadataInstruction(write.Value, write.Mask);
            actions.RemoveAt(actions.Count - 1);
        }

        if (Plain(actions) is { Count: > 0 } apply)
            instructions.Add(new ApplyActionsInstruction(apply));
        if (metadata is not null)
            instructions.Add(metadata);
        if (next is not null)
            instructions.Add(next);
        return instructions.ToValueList();
    }

    /// <summary>Reads the actions of a packet_out or a bucket, up to the end of <paramref name="reader"/>.</summary>
    public static ValueList<OfAction> ReadActions(ref WireReader reader, ActionUse use)
    {
        List<OfAction> actions = ReadList(ref reader, null, use);

        // A packet_out that is resubmitted to table 0 goes through the pipeline as it is by then.
        if (use == ActionUse.PacketOut && actions is [.., ResubmitAction { Table: 0 or ResubmitAction.Current, InPort: OfPorts.InPort }])
            actions[^1] = new OutputAction(OfPorts.Table);
        return Plain(actions);
    }

    /// <summary>Writes instructions as actions.</summary>
    public static void Write(ref WireWriter writer, ValueList<OfInstruction> instructions)
    {
        foreach (OfInstruction instruction in instructions)
        {
            if (instruction is ApplyActionsInstruction apply)
                Write(ref writer, apply.Actions);
        }

        GotoTableInstruction? next = null;
        WriteMetadataInstruction? metadata = null;
        foreach (OfInstruction instruction in instructions)
        {
            next ??= instruction as GotoTableInstruction;
            metadata ??= instruction as WriteMetadataInstruction;
        }

        // ovs-ofctl refuses a list in which something follows a write_metadata, as Open vSwitch's own do. A load says the same.
        if (metadata is not null && next is not null)
            NiciraActions.Write(ref writer, new SetFieldAction(FieldTable.Metadata, metadata.Value & metadata.Mask, metadata.Mask));
        else if (metadata is not null)
            NiciraActions.WriteMetadata(ref writer, metadata);
        if (next is not null)
            NiciraActions.WriteResubmit(ref writer, next.TableId);
    }

    /// <summary>Writes actions.</summary>
    public static void Write(ref WireWriter writer, ValueList<OfAction> actions)
    {
        foreach (OfAction action in actions)
            Write(ref writer, action);
    }

    private static ValueList<OfAction> Plain(List<OfAction> actions)
    {
        for (int i = 0; i < actions.Count; i++)
        {
            switch (actions[i])
            {
                case ResubmitAction resubmit:
                    WireReader.Fail(OfError.BadActionBadArgument, $"resubmit to table {resubmit.Table} is possible as a flow's last action only");
                    break;
                case WriteMetadataAction write:
                    actions[i] = new SetFieldAction(FieldTable.Metadata, write.Value & write.Mask, write.Mask);
                    break;
            }
        }

        return actions.ToValueList();
    }

    private static List<OfAction> ReadList(ref WireReader reader, Match? match, ActionUse use)
    {
        var known = match is null ? default : new ProtocolState(match.Value, match.Mask);
        List<OfAction> actions = [];
        while (reader.Remaining > 0)
        {
            if (reader.Remaining < HeaderSize)
                WireReader.Fail(OfError.BadActionBadLen, $"{reader.Remaining} bytes are left, too few for an action");
            ushort type = reader.U16();
            ushort length = reader.U16();
            if (length < 8 || length % 8 != 0)
                WireReader.Fail(OfError.BadActionBadLen, $"action type {type} of {length} bytes");
            WireReader body = reader.Sub(length - HeaderSize, OfError.BadActionBadLen, "action");
            if (type == Vendor)
                ReadVendor(ref body, match is null ? null : known, use, actions);
            else
                actions.Add(Read((Number)type, ref body, known, use));
            body.End();
            foreach (OfAction action in actions.Slice(actions.Count - 1, 1))
                Note(ref known, action);
        }

        return actions;
    }

    private static void ReadVendor(ref WireReader body, ProtocolState? known, ActionUse use, List<OfAction> actions)
    {
        uint vendor = body.U32();
        if (vendor != NiciraMessage.Vendor)
            WireReader.Fail(OfError.BadActionBadExperimenter, $"action of vendor 0x{vendor:x8}");
        ushort subtype = body.U16();
        int before = actions.Count;
        if (!NiciraActions.TryRead(ref body, subtype, use, actions))
            WireReader.Fail(OfError.BadActionBadExpType, $"Nicira action {subtype}");
        if (known is not { } state)
            return;
        foreach (OfAction action in actions.Skip(before))
        {
            if (action is SetFieldAction set && !state.Meets(set.Field == FieldTable.VlanVid ? Prerequisite.Vlan : set.Field.Needs))
                WireReader.Fail(OfError.BadActionMatchInconsistent, $"{set.Field} needs {set.Field.Needs}, which the match does not promise");
        }
    }

    private static OfAction Read(Number type, ref WireReader body, ProtocolState known, ActionUse use)
    {
        switch (type)
        {
            case Number.Output: // port, max_len
                uint port = PortCodec.ReadNumber(ref body);
                return new OutputAction(ActionTable.PossibleOutput(port, use), body.U16());
            case Number.SetVlanVid: // vlan_vid, pad[2]
                ushort vid = body.U16();
                body.Skip(2);
                if (vid > 0xfff)
                    WireReader.Fail(OfError.BadActionBadArgument, $"vlan_vid {vid}");
                return known.VlanTags > 0 ? new SetFieldAction(FieldTable.VlanVid, (UInt128)(vid | FlowKey.VlanPresent)) : new SetVlanVidAction(vid);
            case Number.SetVlanPcp: // vlan_pcp, pad[3]
                byte pcp = Byte(ref body);
                if (pcp > 7)
                    WireReader.Fail(OfError.BadActionBadArgument, $"vlan_pcp {pcp}");
                return known.VlanTags > 0 ? new SetFieldAction(FieldTable.VlanPcp, pcp) : new SetVlanPcpAction(pcp);
            case Number.StripVlan: // pad[4]
                body.Skip(4);
                return new PopVlanAction();
            case Number.SetDlSrc: // dl_addr, pad[6]
                return SetAddress(ref body, FieldTable.EthSrc);
            case Number.SetDlDst:
                return SetAddress(ref body, FieldTable.EthDst);
            case Number.SetNwSrc: // nw_addr
                return new SetFieldAction(FieldTable.Ipv4Src, body.U32());
            case Number.SetNwDst:
                return new SetFieldAction(FieldTable.Ipv4Dst, body.U32());
            case Number.SetNwTos: // nw_tos, pad[3]
                byte tos = Byte(ref body);
                if ((tos & 3) != 0)
                    WireReader.Fail(OfError.BadActionBadArgument, $"nw_tos 0x{tos:x2} has ECN bits");
                return new SetFieldAction(FieldTable.IpDscp, (UInt128)(tos >> 2));
            case Number.SetTpSrc: // tp_port, pad[2]
                return SetPort(ref body, known, isSource: true);
            case Number.SetTpDst:
                return SetPort(ref body, known, isSource: false);
            case Number.Enqueue: // port, pad[6], queue_id
                uint to = PortCodec.ReadNumber(ref body);
                body.Skip(6);
                if (to > OfPorts.Max && to is not (OfPorts.InPort or OfPorts.Local))
                    WireReader.Fail(OfError.BadActionBadOutPort, $"enqueue to port 0x{to:x}");
                return new EnqueueAction(to, body.U32());
            default:
                WireReader.Fail(OfError.BadActionBadType, $"action type {(ushort)type}");
                return null;
        }
    }

    private static byte Byte(ref WireReader body)
    {
        byte value = body.U8();
        body.Skip(3);
        return value;
    }

    private static SetFieldAction SetAddress(ref WireReader body, Field field)
    {
        ulong address = body.U48();
        body.Skip(6);
        return new SetFieldAction(field, address);
    }

    private static OfAction SetPort(ref WireReader body, ProtocolState known, bool isSource)
    {
        ushort port = body.U16();
        body.Skip(2);
        Field[] fields = isSource
            ? [FieldTable.TcpSrc, FieldTable.UdpSrc, FieldTable.SctpSrc]
            : [FieldTable.TcpDst, FieldTable.UdpDst, FieldTable.SctpDst];
        foreach (Field field in fields)
        {
            if (known.Meets(field.Needs))
                return new SetFieldAction(field, port);
        }

        return new SetTransportPortAction(isSource, port);
    }

    private static void Note(ref ProtocolState known, OfAction action)
    {
        switch (action)
        {
            case SetFieldAction set:
                known.Set(set.Field, set.Value);
                break;
            case SetVlanVidAction or SetVlanPcpAction:
                known.PushVlan();
                break;
            case PopVlanAction:
                known.PopVlan();
                break;
            case PushMplsAction push:
                known.PushMpls(push.EtherType);
                break;
            case PopMplsAction pop:
                known.PopMpls(pop.EtherType);
                break;
        }
    }

    private static void Write(ref WireWriter writer, OfAction action)
    {
        switch (action)
        {
            case OutputAction a:
                Begin(ref writer, Number.Output, 8);
                writer.U16(PortCodec.ToWire(a.Port));
                writer.U16(a.MaxLen);
                break;
            case SetVlanVidAction a:
                WriteShort(ref writer, Number.SetVlanVid, a.Vid);
                break;
            case SetVlanPcpAction a:
                WriteByte(ref writer, Number.SetVlanPcp, a.Pcp);
                break;
            case PopVlanAction:
                Begin(ref writer, Number.StripVlan, 8);
                writer.Zero(4);
                break;
            case SetTransportPortAction a:
                WriteShort(ref writer, a.IsSource ? Number.SetTpSrc : Number.SetTpDst, a.Port);
                break;
            case EnqueueAction a:
                Begin(ref writer, Number.Enqueue, 16);
                writer.U16(PortCodec.ToWire(a.Port));
                writer.Zero(6);
                writer.U32(a.QueueId);
                break;
            case SetFieldAction { IsMasked: false } a when WriteField(ref writer, a.Field, a.Value):
                break;
            default:
                NiciraActions.Write(ref writer, action);
                break;
        }
    }

    /// <summary>Writes a whole field that OpenFlow 1.0 has an action for.</summary>
    private static bool WriteField(ref WireWriter writer, Field field, UInt128 value)
    {
        if (field == FieldTable.VlanVid)
            WriteShort(ref writer, Number.SetVlanVid, (ushort)(value & 0xfff));
        else if (field == FieldTable.VlanPcp)
            WriteByte(ref writer, Number.SetVlanPcp, (byte)value);
        else if (field == FieldTable.EthSrc || field == FieldTable.EthDst)
            WriteAddress(ref writer, field == FieldTable.EthSrc ? Number.SetDlSrc : Number.SetDlDst, (ulong)value);
        else if (field == FieldTable.Ipv4Src || field == FieldTable.Ipv4Dst)
            WriteWord(ref writer, field == FieldTable.Ipv4Src ? Number.SetNwSrc : Number.SetNwDst, (uint)value);
        else if (field == FieldTable.IpDscp)
            WriteByte(ref writer, Number.SetNwTos, (byte)(value << 2));
        else if (field == FieldTable.TcpSrc || field == FieldTable.UdpSrc || field == FieldTable.SctpSrc)
            WriteShort(ref writer, Number.SetTpSrc, (ushort)value);
        else if (field == FieldTable.TcpDst || field == FieldTable.UdpDst || field == FieldTable.SctpDst)
            WriteShort(ref writer, Number.SetTpDst, (ushort)value);
        else
            return false;
        return true;
    }

    private static void Begin(ref WireWriter writer, Number type, ushort length)
    {
        writer.U16((ushort)type);
        writer.U16(length);
    }

    private static void WriteByte(ref WireWriter writer, Number type, byte value)
    {
        Begin(ref writer, type, 8);
        writer.U8(value);
        writer.Zero(3);
    }

    private static void WriteShort(ref WireWriter writer, Number type, ushort value)
    {
        Begin(ref writer, type, 8);
        writer.U16(value);
        writer.Zero(2);
    }

    private static void WriteWord(ref WireWriter writer, Number type, uint value)
    {
        Begin(ref writer, type, 8);
        writer.U32(value);
    }

    private static void WriteAddress(ref WireWriter writer, Number type, ulong value)
    {
        Begin(ref writer, type, 16);
        writer.U48(value);
        writer.Zero(6);
    }
}

/// <summary>NXAST_RESUBMIT_TABLE and NXAST_RESUBMIT as read; it stays in no flow.</summary>
/// <param name="InPort">Port that the search is to see, IN_PORT: as it is.</param>
/// <param name="Table">Table to search, <see cref="Current"/>: the flow's own.</param>
internal sealed record ResubmitAction(uint InPort, byte Table) : OfAction
{
    public const byte Current = 255;

    /// <summary>The instruction that does the same, when this is the last action of a flow of <paramref name="table"/>.</summary>
    public GotoTableInstruction After(byte table)
    {
        if (InPort != OfPorts.InPort || Table == Current || Table <= table)
            WireReader.Fail(OfError.BadActionBadArgument, $"resubmit({InPort},{Table}) from table {table}: only on to a later table, and with the port as it is");
        return new GotoTableInstruction(Table);
    }
}

/// <summary>NXAST_WRITE_METADATA as read; it stays in no flow.</summary>
internal sealed record WriteMetadataAction(ulong Value, ulong Mask) : OfAction;
