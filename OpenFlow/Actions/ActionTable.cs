using System.Collections.Frozen;
using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Wire;

namespace OvsBridge.OpenFlow.Actions;

/// <summary>Where an action stands; what is allowed differs a little.</summary>
internal enum ActionUse
{
    /// <summary>In a flow's instruction.</summary>
    Flow,

    /// <summary>In a group's bucket.</summary>
    Bucket,

    /// <summary>In a packet_out.</summary>
    PacketOut,
}

/// <summary>One kind of action.</summary>
/// <param name="Number">enum ofp_action_type.</param>
/// <param name="Name">The specification's name in lower case without OFPAT_.</param>
/// <param name="Size">Bytes on the wire; 0: it varies.</param>
/// <param name="Read">Reads what follows type and length.</param>
/// <param name="Write">Writes what follows type and length, without padding to 8.</param>
internal sealed record ActionRow(ushort Number, string Name, int Size, ActionReader Read, ActionWriter Write);

internal delegate OfAction ActionReader(ref WireReader reader, ActionUse use);

internal delegate void ActionWriter(ref WireWriter writer, OfAction action);

/// <summary>The only list of actions (specification 7.2.5): number, name, reader and writer.</summary>
internal static class ActionTable
{
    private const ushort ExperimenterNumber = 0xffff;
    private const int HeaderSize = 4;

    private static readonly Dictionary<Type, ActionRow> _rows = [];

    // Actions without arguments need one instance only.
    private static readonly PopVlanAction _popVlan = new();
    private static readonly PopPbbAction _popPbb = new();
    private static readonly DecNwTtlAction _decNwTtl = new();
    private static readonly DecMplsTtlAction _decMplsTtl = new();
    private static readonly CopyTtlOutAction _copyTtlOut = new();
    private static readonly CopyTtlInAction _copyTtlIn = new();

    static ActionTable()
    {
        // port, max_len, pad[6]
        Row<OutputAction>(0, "output", 16, ReadOutput, static (ref WireWriter w, OutputAction a) =>
        {
            w.U32(a.Port);
            w.U16(a.MaxLen);
            w.Zero(6);
        });
        Row<CopyTtlOutAction>(11, "copy_ttl_out", 8, static (ref WireReader r, ActionUse _) => Bare(ref r, _copyTtlOut), Bare);
        Row<CopyTtlInAction>(12, "copy_ttl_in", 8, static (ref WireReader r, ActionUse _) => Bare(ref r, _copyTtlIn), Bare);

        // mpls_ttl, pad[3]
        Row<SetMplsTtlAction>(15, "set_mpls_ttl", 8,
            static (ref WireReader r, ActionUse _) => new SetMplsTtlAction(Byte(ref r)),
            static (ref WireWriter w, SetMplsTtlAction a) => Byte(ref w, a.Ttl));
        Row<DecMplsTtlAction>(16, "dec_mpls_ttl", 8, static (ref WireReader r, ActionUse _) => Bare(ref r, _decMplsTtl), Bare);

        // ethertype, pad[2]
        Row<PushVlanAction>(17, "push_vlan", 8,
            static (ref WireReader r, ActionUse _) => new PushVlanAction(PushedType(ref r, "push_vlan", 0x8100, 0x88a8)),
            static (ref WireWriter w, PushVlanAction a) => EtherType(ref w, a.EtherType));
        Row<PopVlanAction>(18, "pop_vlan", 8, static (ref WireReader r, ActionUse _) => Bare(ref r, _popVlan), Bare);
        Row<PushMplsAction>(19, "push_mpls", 8,
            static (ref WireReader r, ActionUse _) => new PushMplsAction(PushedType(ref r, "push_mpls", 0x8847, 0x8848)),
            static (ref WireWriter w, PushMplsAction a) => EtherType(ref w, a.EtherType));
        Row<PopMplsAction>(20, "pop_mpls", 8,
            static (ref WireReader r, ActionUse _) => new PopMplsAction(EtherType(ref r)),
            static (ref WireWriter w, PopMplsAction a) => EtherType(ref w, a.EtherType));

        // queue_id
        Row<SetQueueAction>(21, "set_queue", 8,
            static (ref WireReader r, ActionUse _) => new SetQueueAction(r.U32()),
            static (ref WireWriter w, SetQueueAction a) => w.U32(a.QueueId));

        // group_id
        Row<GroupAction>(22, "group", 8, ReadGroup, static (ref WireWriter w, GroupAction a) => w.U32(a.GroupId));

        // nw_ttl, pad[3]
        Row<SetNwTtlAction>(23, "set_nw_ttl", 8,
            static (ref WireReader r, ActionUse _) => new SetNwTtlAction(Byte(ref r)),
            static (ref WireWriter w, SetNwTtlAction a) => Byte(ref w, a.Ttl));
        Row<DecNwTtlAction>(24, "dec_nw_ttl", 8, static (ref WireReader r, ActionUse _) => Bare(ref r, _decNwTtl), Bare);

        // one OXM field, padding to 8
        Row<SetFieldAction>(25, "set_field", 0, ReadSetField, WriteSetField);
        Row<PushPbbAction>(26, "push_pbb", 8,
            static (ref WireReader r, ActionUse _) => new PushPbbAction(PushedType(ref r, "push_pbb", 0x88e7, 0x88e7)),
            static (ref WireWriter w, PushPbbAction a) => EtherType(ref w, a.EtherType));
        Row<PopPbbAction>(27, "pop_pbb", 8, static (ref WireReader r, ActionUse _) => Bare(ref r, _popPbb), Bare);

        // experimenter, then whatever the experimenter wants
        Row<ExperimenterAction>(ExperimenterNumber, "experimenter", 0, ReadExperimenter, static (ref WireWriter w, ExperimenterAction a) =>
        {
            w.U32(a.Experimenter);
            w.Bytes(a.Body.AsSpan());
        });

        ByType = _rows.ToFrozenDictionary();
        ByNumber = _rows.Values.ToFrozenDictionary(row => row.Number);
    }

    /// <summary>The rows by record type.</summary>
    public static FrozenDictionary<Type, ActionRow> ByType { get; }

    /// <summary>The rows by number on the wire.</summary>
    public static FrozenDictionary<ushort, ActionRow> ByNumber { get; }

    /// <summary>Reads actions up to the end of <paramref name="reader"/>.</summary>
    public static ValueList<OfAction> ReadList(ref WireReader reader, ActionUse use)
    {
        // Two passes: lengths first, so that the list is allocated once and right.
        int count = 0;
        WireReader ahead = reader;
        while (ahead.Remaining > 0)
        {
            if (ahead.Remaining < HeaderSize)
                WireReader.Fail(OfError.BadActionBadLen, $"{ahead.Remaining} bytes are left, too few for an action");
            ushort type = ahead.U16();
            ushort length = ahead.U16();
            if (length < 8 || length % 8 != 0 || length - HeaderSize > ahead.Remaining)
                WireReader.Fail(OfError.BadActionBadLen, $"action type {type} of {length} bytes, {ahead.Remaining + HeaderSize} are left");
            ahead.Skip(length - HeaderSize);
            count++;
        }

        if (count == 0)
            return default;
        var actions = new OfAction[count];
        for (int i = 0; i < count; i++)
            actions[i] = Read(ref reader, use);
        return new ValueList<OfAction>(actions);
    }

    /// <summary>Writes actions.</summary>
    public static void WriteList(ref WireWriter writer, ValueList<OfAction> actions)
    {
        foreach (OfAction action in actions)
        {
            ActionRow? row = action is SetFieldAction { IsMasked: true } ? MaskedSetField : ByType.GetValueOrDefault(action.GetType());
            if (row is null)
            {
                WriteExtension(ref writer, action);
                continue;
            }

            int start = writer.Position;
            writer.U16(row.Number);
            int length = writer.ReserveLength();
            row.Write(ref writer, action);
            writer.Pad(start);
            writer.Length(length, start);
        }
    }

    /// <summary>The port, if an action may output there.</summary>
    /// <exception cref="OfErrorException">BAD_ACTION/BAD_OUT_PORT.</exception>
    public static uint PossibleOutput(uint port, ActionUse use, bool fromSwitch = false)
    {
        bool possible = port switch
        {
            0 or OfPorts.Any => false,
            OfPorts.Table => use == ActionUse.PacketOut || fromSwitch,
            > OfPorts.Max => port >= OfPorts.InPort,
            _ => true,
        };
        if (!possible)
            WireReader.Fail(OfError.BadActionBadOutPort, $"output to port 0x{port:x}");
        return port;
    }

    private static void WriteExtension(ref WireWriter writer, OfAction action)
    {
        ValueList<OfAction> standard = ExtensionActions.Expand(action);
        if (standard.Count > 0)
            WriteList(ref writer, standard);
        else
            NiciraActions.Write(ref writer, action);
    }

    private static OfAction Read(ref WireReader reader, ActionUse use)
    {
        ushort type = reader.U16();
        ushort length = reader.U16();
        if (!ByNumber.TryGetValue(type, out ActionRow? row))
            WireReader.Fail(OfError.BadActionBadType, $"action type {type}");
        if (row.Size != 0 && length != row.Size)
            WireReader.Fail(OfError.BadActionBadLen, $"{row.Name} of {length} bytes, {row.Size} are right");
        WireReader body = reader.Sub(length - HeaderSize, OfError.BadActionBadLen, row.Name);
        OfAction action = row.Read(ref body, use);
        body.End();
        return action;
    }

    private static void Row<T>(ushort number, string name, int size, ActionReader read, BodyWriter<T> write)
        where T : OfAction =>
        _rows.Add(typeof(T), new ActionRow(number, name, size, read, (ref WireWriter w, OfAction a) => write(ref w, (T)a)));

    private delegate void BodyWriter<T>(ref WireWriter writer, T action);

    private static OutputAction ReadOutput(ref WireReader reader, ActionUse use)
    {
        uint port = reader.U32();
        ushort maxLen = reader.U16();
        reader.Skip(6);
        return new OutputAction(PossibleOutput(port, use, reader.FromSwitch), maxLen);
    }

    private static GroupAction ReadGroup(ref WireReader reader, ActionUse use)
    {
        uint group = reader.U32();
        if (group > GroupMod.MaxGroup)
            WireReader.Fail(OfError.BadActionBadOutGroup, $"group 0x{group:x} can't be used by an action");
        return new GroupAction(group);
    }

    private static SetFieldAction ReadSetField(ref WireReader reader, ActionUse use)
    {
        (Field field, UInt128 value, UInt128 mask) = MatchCodec.ReadSetField(ref reader, maskAllowed: false);
        SkipPadding(ref reader, OfError.BadActionBadSetLen);
        return new SetFieldAction(field, value, mask);
    }

    private static void WriteSetField(ref WireWriter writer, SetFieldAction action) =>
        MatchCodec.WriteField(ref writer, action.Field, action.Value, action.Mask);

    private static OfAction ReadExperimenter(ref WireReader reader, ActionUse use)
    {
        uint experimenter = reader.U32();
        if (experimenter == NiciraActions.Experimenter && NiciraActions.TryRead(ref reader) is { } known)
            return known;
        if (!reader.FromSwitch)
        {
            WireReader.Fail(
                experimenter == NiciraActions.Experimenter ? OfError.BadActionBadExpType : OfError.BadActionBadExperimenter,
                $"action of experimenter 0x{experimenter:x8}");
        }

        return new ExperimenterAction(experimenter, ValueList.Create(reader.Rest()));
    }

    private static ActionRow MaskedSetField { get; } = new(
        ExperimenterNumber, "set_field", 0, ReadExperimenter, static (ref WireWriter w, OfAction a) => NiciraActions.WriteRegLoad2(ref w, (SetFieldAction)a));

    /// <summary>Skips less than eight bytes of padding: more is a length that belongs to nothing.</summary>
    internal static void SkipPadding(ref WireReader reader, OfError badLength)
    {
        if (reader.Remaining >= 8)
            WireReader.Fail(badLength, $"{reader.Remaining} bytes behind the field of {reader.What}");
        reader.Skip(reader.Remaining);
    }

    private static T Bare<T>(ref WireReader reader, T action)
        where T : OfAction
    {
        reader.Skip(4); // pad[4]
        return action;
    }

    private static void Bare<T>(ref WireWriter writer, T action)
        where T : OfAction => writer.Zero(4);

    private static byte Byte(ref WireReader reader)
    {
        byte value = reader.U8();
        reader.Skip(3);
        return value;
    }

    private static void Byte(ref WireWriter writer, byte value)
    {
        writer.U8(value);
        writer.Zero(3);
    }

    private static ushort EtherType(ref WireReader reader)
    {
        ushort value = reader.U16();
        reader.Skip(2);
        return value;
    }

    private static void EtherType(ref WireWriter writer, ushort value)
    {
        writer.U16(value);
        writer.Zero(2);
    }

    private static ushort PushedType(ref WireReader reader, string name, ushort one, ushort other)
    {
        ushort value = EtherType(ref reader);
        if (value != one && value != other && !reader.FromSwitch)
            WireReader.Fail(OfError.BadActionBadArgument, $"{name} with ethertype 0x{value:x4}");
        return value;
    }
}
