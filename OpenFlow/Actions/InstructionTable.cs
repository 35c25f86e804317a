using System.Collections.Frozen;
using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Wire;

namespace OvsBridge.OpenFlow.Actions;

/// <summary>One kind of instruction.</summary>
/// <param name="Number">enum ofp_instruction_type.</param>
/// <param name="Name">The specification's name in lower case without OFPIT_.</param>
/// <param name="Size">Bytes on the wire; 0: it varies.</param>
/// <param name="Read">Reads what follows type and length.</param>
/// <param name="Write">Writes what follows type and length.</param>
internal sealed record InstructionRow(ushort Number, string Name, int Size, InstructionReader Read, InstructionWriter Write);

internal delegate OfInstruction InstructionReader(ref WireReader reader);

internal delegate void InstructionWriter(ref WireWriter writer, OfInstruction instruction);

/// <summary>The only list of instructions (specification 7.2.4): number, name, reader and writer.</summary>
internal static class InstructionTable
{
    private const ushort ExperimenterNumber = 0xffff;
    private const int HeaderSize = 4;

    private static readonly Dictionary<Type, InstructionRow> _rows = [];
    private static readonly ClearActionsInstruction _clear = new();

    static InstructionTable()
    {
        // table_id, pad[3]
        Row<GotoTableInstruction>(1, "goto_table", 8,
            static (ref WireReader r) =>
            {
                byte table = r.U8();
                r.Skip(3);
                return new GotoTableInstruction(table);
            },
            static (ref WireWriter w, GotoTableInstruction i) =>
            {
                w.U8(i.TableId);
                w.Zero(3);
            });

        // pad[4], metadata, metadata_mask
        Row<WriteMetadataInstruction>(2, "write_metadata", 24,
            static (ref WireReader r) =>
            {
                r.Skip(4);
                return new WriteMetadataInstruction(r.U64(), r.U64());
            },
            static (ref WireWriter w, WriteMetadataInstruction i) =>
            {
                w.Zero(4);
                w.U64(i.Value);
                w.U64(i.Mask);
            });

        // pad[4], actions
        Row<WriteActionsInstruction>(3, "write_actions", 0,
            static (ref WireReader r) =>
            {
                r.Skip(4);
                return new WriteActionsInstruction(ActionTable.ReadList(ref r, ActionUse.Flow));
            },
            static (ref WireWriter w, WriteActionsInstruction i) =>
            {
                w.Zero(4);
                ActionTable.WriteList(ref w, i.Actions);
            });
        Row<ApplyActionsInstruction>(4, "apply_actions", 0,
            static (ref WireReader r) =>
            {
                r.Skip(4);
                return new ApplyActionsInstruction(ActionTable.ReadList(ref r, ActionUse.Flow));
            },
            static (ref WireWriter w, ApplyActionsInstruction i) =>
            {
                w.Zero(4);
                ActionTable.WriteList(ref w, i.Actions);
            });

        // pad[4]
        Row<ClearActionsInstruction>(5, "clear_actions", 8,
            static (ref WireReader r) =>
            {
                r.Skip(4);
                return _clear;
            },
            static (ref WireWriter w, ClearActionsInstruction _) => w.Zero(4));

        // meter_id
        Row<MeterInstruction>(6, "meter", 8,
            static (ref WireReader r) => new MeterInstruction(r.U32()),
            static (ref WireWriter w, MeterInstruction i) => w.U32(i.MeterId));

        // experimenter, then whatever the experimenter wants
        Row<ExperimenterInstruction>(ExperimenterNumber, "experimenter", 0,
            static (ref WireReader r) =>
            {
                uint experimenter = r.U32();
                if (!r.FromSwitch)
                    WireReader.Fail(OfError.BadInstructionBadExperimenter, $"instruction of experimenter 0x{experimenter:x8}");
                return new ExperimenterInstruction(experimenter, ValueList.Create(r.Rest()));
            },
            static (ref WireWriter w, ExperimenterInstruction i) =>
            {
                w.U32(i.Experimenter);
                w.Bytes(i.Body.AsSpan());
            });

        ByType = _rows.ToFrozenDictionary();
        ByNumber = _rows.Values.ToFrozenDictionary(row => row.Number);
    }

    /// <summary>The rows by record type.</summary>
    public static FrozenDictionary<Type, InstructionRow> ByType { get; }

    /// <summary>The rows by number on the wire.</summary>
    public static FrozenDictionary<ushort, InstructionRow> ByNumber { get; }

    /// <summary>Reads instructions up to the end of <paramref name="reader"/>.</summary>
    public static ValueList<OfInstruction> ReadList(ref WireReader reader)
    {
        int count = 0;
        uint kinds = 0;
        WireReader ahead = reader;
        while (ahead.Remaining > 0)
        {
            if (ahead.Remaining < HeaderSize)
                WireReader.Fail(OfError.BadInstructionBadLen, $"{ahead.Remaining} bytes are left, too few for an instruction");
            ushort type = ahead.U16();
            ushort length = ahead.U16();
            if (length < 8 || length % 8 != 0 || length - HeaderSize > ahead.Remaining)
            {
                WireReader.Fail(
                    OfError.BadInstructionBadLen, $"instruction type {type} of {length} bytes, {ahead.Remaining + HeaderSize} are left");
            }

            // "at most one instruction of each type" (specification 5.9); experimenters are types of their own
            if (type < 32)
            {
                if ((kinds & (1u << type)) != 0)
                    WireReader.Fail(OfError.BadInstructionDupInst, $"instruction type {type} twice");
                kinds |= 1u << type;
            }

            ahead.Skip(length - HeaderSize);
            count++;
        }

        if (count == 0)
            return default;
        var instructions = new OfInstruction[count];
        for (int i = 0; i < count; i++)
            instructions[i] = Read(ref reader);
        return new ValueList<OfInstruction>(instructions);
    }

    /// <summary>Writes instructions.</summary>
    public static void WriteList(ref WireWriter writer, ValueList<OfInstruction> instructions)
    {
        foreach (OfInstruction instruction in instructions)
        {
            int start = writer.Position;
            InstructionRow row = ByType[instruction.GetType()];
            writer.U16(row.Number);
            int length = writer.ReserveLength();
            row.Write(ref writer, instruction);
            writer.Pad(start);
            writer.Length(length, start);
        }
    }

    private static OfInstruction Read(ref WireReader reader)
    {
        ushort type = reader.U16();
        ushort length = reader.U16();
        if (!ByNumber.TryGetValue(type, out InstructionRow? row))
            WireReader.Fail(OfError.BadInstructionUnknownInst, $"instruction type {type}");
        if (row.Size != 0 && length != row.Size)
            WireReader.Fail(OfError.BadInstructionBadLen, $"{row.Name} of {length} bytes, {row.Size} are right");
        WireReader body = reader.Sub(length - HeaderSize, OfError.BadInstructionBadLen, row.Name);
        OfInstruction instruction = row.Read(ref body);
        body.End();
        return instruction;
    }

    private static void Row<T>(ushort number, string name, int size, InstructionReader read, BodyWriter<T> write)
        where T : OfInstruction =>
        _rows.Add(typeof(T), new InstructionRow(number, name, size, read, (ref WireWriter w, OfInstruction i) => write(ref w, (T)i)));

    private delegate void BodyWriter<T>(ref WireWriter writer, T instruction);
}
