using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Wire;

namespace OvsBridge.OpenFlow.Messages.Multipart;

/// <summary>enum ofp_table_feature_prop_type.</summary>
public enum TableFeatureKind : ushort
{
#pragma warning disable CS1591 // the names are the specification's
    Instructions = 0,
    InstructionsMiss = 1,
    NextTables = 2,
    NextTablesMiss = 3,
    WriteActions = 4,
    WriteActionsMiss = 5,
    ApplyActions = 6,
    ApplyActionsMiss = 7,
    Match = 8,
    Wildcards = 10,
    WriteSetField = 12,
    WriteSetFieldMiss = 13,
    ApplySetField = 14,
    ApplySetFieldMiss = 15,
    Experimenter = 0xfffe,
    ExperimenterMiss = 0xffff,
#pragma warning restore CS1591
}

/// <summary>One property: a list of instruction or action numbers, tables, or OXM headers, by its kind.</summary>
/// <param name="Kind">Which list.</param>
/// <param name="Ids">Numbers; OXM headers for match and set-field kinds.</param>
public sealed record TableFeatureProperty(TableFeatureKind Kind, ValueList<uint> Ids)
{
    /// <summary>Experimenter number and data of experimenter kinds.</summary>
    public ValueList<byte> ExperimenterData { get; init; }

    /// <summary>
    /// The experimenter number for each of <see cref="Ids"/> that belongs to one (an instruction or action 0xffff, an OXM header of
    /// class 0xffff), in their order.
    /// </summary>
    public ValueList<uint> Experimenters { get; init; }

    // struct ofp_table_feature_prop_header: type, length (without padding), then by type, padding to 8
    //   instructions, actions: for each type, length, and the experimenter of type 0xffff
    //   next tables: table_id...    match, wildcards, set-field: OXM headers, with the experimenter of class 0xffff
    internal static TableFeatureProperty Read(ref WireReader reader)
    {
        if (reader.Remaining < HeaderSize)
            WireReader.Fail(OfError.TableFeaturesFailedBadLen, $"{reader.Remaining} bytes are left, too few for a property");
        var kind = (TableFeatureKind)reader.U16();
        ushort length = reader.U16();
        WireReader body = reader.Sub(length - HeaderSize, OfError.TableFeaturesFailedBadLen, $"table feature property {(ushort)kind}");
        reader.Skip(int.Min(-length & 7, reader.Remaining));

        List<uint> ids = new(body.Remaining / 4), experimenters = [];
        switch (kind)
        {
            case <= TableFeatureKind.InstructionsMiss or (>= TableFeatureKind.WriteActions and <= TableFeatureKind.ApplyActionsMiss):
                while (body.Remaining > 0)
                {
                    ushort id = body.U16();
                    WireReader rest = body.Sub(body.U16() - HeaderSize, OfError.TableFeaturesFailedBadLen, "instruction or action of a property");
                    ids.Add(id);
                    if (id == ExperimenterId)
                        experimenters.Add(rest.U32());
                    else
                        rest.Skip(int.Min(4, rest.Remaining)); // some send the padded header of an action
                    rest.End();
                }

                break;
            case TableFeatureKind.NextTables or TableFeatureKind.NextTablesMiss:
                while (body.Remaining > 0)
                    ids.Add(body.U8());
                break;
            case TableFeatureKind.Match or TableFeatureKind.Wildcards or (>= TableFeatureKind.WriteSetField and <= TableFeatureKind.ApplySetFieldMiss):
                while (body.Remaining > 0)
                {
                    uint header = body.U32();
                    ids.Add(header);
                    if (header >> 16 == ExperimenterId)
                        experimenters.Add(body.U32());
                }

                break;
            case TableFeatureKind.Experimenter or TableFeatureKind.ExperimenterMiss:
                if (body.Remaining < 8)
                    WireReader.Fail(OfError.TableFeaturesFailedBadLen, "an experimenter property without experimenter and exp_type");
                return new TableFeatureProperty(kind, default) { ExperimenterData = ValueList.Create(body.Rest()) };
            default:
                if (!reader.FromSwitch)
                    WireReader.Fail(OfError.TableFeaturesFailedBadType, $"property type {(ushort)kind}");
                return new TableFeatureProperty(kind, default) { ExperimenterData = ValueList.Create(body.Rest()) };
        }

        return new TableFeatureProperty(kind, ids.ToValueList()) { Experimenters = experimenters.ToValueList() };
    }

    internal void Write(ref WireWriter writer)
    {
        int start = writer.Position;
        writer.U16((ushort)Kind);
        int length = writer.ReserveLength();
        int experimenter = 0;
        switch (Kind)
        {
            case <= TableFeatureKind.InstructionsMiss or (>= TableFeatureKind.WriteActions and <= TableFeatureKind.ApplyActionsMiss):
                foreach (uint id in Ids)
                {
                    bool own = id != ExperimenterId;
                    writer.U16((ushort)id);
                    writer.U16(own ? (ushort)HeaderSize : (ushort)(HeaderSize + 4));
                    if (!own)
                        writer.U32(Experimenters[experimenter++]);
                }

                break;
            case TableFeatureKind.NextTables or TableFeatureKind.NextTablesMiss:
                foreach (uint table in Ids)
                    writer.U8((byte)table);
                break;
            case TableFeatureKind.Match or TableFeatureKind.Wildcards or (>= TableFeatureKind.WriteSetField and <= TableFeatureKind.ApplySetFieldMiss):
                foreach (uint header in Ids)
                {
                    writer.U32(header);
                    if (header >> 16 == ExperimenterId)
                        writer.U32(Experimenters[experimenter++]);
                }

                break;
            default:
                writer.Bytes(ExperimenterData.AsSpan());
                break;
        }

        writer.Length(length, start);
        writer.Pad(start);
    }

    private const int HeaderSize = 4;
    private const uint ExperimenterId = 0xffff;
}

/// <summary>struct ofp_table_features.</summary>
/// <param name="TableId">Table.</param>
/// <param name="Name">Its name, at most 31 bytes.</param>
/// <param name="MetadataMatch">Metadata bits that can be matched.</param>
/// <param name="MetadataWrite">Metadata bits that can be written.</param>
/// <param name="Config">Deprecated bits.</param>
/// <param name="MaxEntries">Most flows.</param>
/// <param name="Properties">The lists.</param>
public sealed record TableFeaturesEntry(
    byte TableId, string Name, ulong MetadataMatch, ulong MetadataWrite, uint Config, uint MaxEntries, ValueList<TableFeatureProperty> Properties)
{
    private const int NameSize = 32; // OFP_MAX_TABLE_NAME_LEN

    // struct ofp_table_features: length, table_id, pad[5], name, metadata_match, metadata_write, config, max_entries, properties
    internal static TableFeaturesEntry Read(ref WireReader reader)
    {
        ushort length = reader.U16();
        WireReader entry = reader.Sub(length - 2, OfError.BadRequestBadLen, "ofp_table_features");
        byte table = entry.U8();
        entry.Skip(5);
        string name = entry.Text(NameSize);
        ulong match = entry.U64();
        ulong write = entry.U64();
        uint config = entry.U32();
        uint maxEntries = entry.U32();
        var properties = new List<TableFeatureProperty>();
        while (entry.Remaining > 0)
            properties.Add(TableFeatureProperty.Read(ref entry));
        return new TableFeaturesEntry(table, name, match, write, config, maxEntries, properties.ToValueList());
    }

    internal void Write(ref WireWriter writer)
    {
        int start = writer.Position;
        int length = writer.ReserveLength();
        writer.U8(TableId);
        writer.Zero(5);
        writer.Text(Name, NameSize);
        writer.U64(MetadataMatch);
        writer.U64(MetadataWrite);
        writer.U32(Config);
        writer.U32(MaxEntries);
        foreach (TableFeatureProperty property in Properties)
            property.Write(ref writer);
        writer.Length(length, start);
    }
}

/// <summary>OFPMP_TABLE_FEATURES request; no tables: get.</summary>
/// <param name="Tables">Wanted features.</param>
public sealed record TableFeaturesQuery(ValueList<TableFeaturesEntry> Tables) : MultipartQuery
{
    /// <inheritdoc/>
    public override MultipartType Kind => MultipartType.TableFeatures;

    internal static TableFeaturesQuery Read(ref WireReader reader)
    {
        var list = new List<TableFeaturesEntry>();
        while (reader.Remaining > 0)
            list.Add(TableFeaturesEntry.Read(ref reader));
        return new TableFeaturesQuery(list.ToValueList());
    }

    internal override void Write(ref WireWriter writer)
    {
        foreach (TableFeaturesEntry entry in Tables)
            entry.Write(ref writer);
    }
}

/// <summary>OFPMP_TABLE_FEATURES reply part.</summary>
/// <param name="Tables">Entries.</param>
public sealed record TableFeaturesAnswer(ValueList<TableFeaturesEntry> Tables) : MultipartAnswer
{
    /// <inheritdoc/>
    public override MultipartType Kind => MultipartType.TableFeatures;

    internal override int SizeHint => Tables.Count * 1024;

    internal static TableFeaturesAnswer Read(ref WireReader reader)
    {
        var list = new List<TableFeaturesEntry>();
        while (reader.Remaining > 0)
            list.Add(TableFeaturesEntry.Read(ref reader));
        return new TableFeaturesAnswer(list.ToValueList());
    }

    internal override void Write(ref WireWriter writer)
    {
        foreach (TableFeaturesEntry entry in Tables)
            entry.Write(ref writer);
    }
}
