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
    byte TableId, string Name, ulong MetadataMatch, ulong MetadataWrite, uint Config, uint MaxEntries, ValueList<TableFeatureProperty> Properties);

/// <summary>OFPMP_TABLE_FEATURES request; no tables: get.</summary>
/// <param name="Tables">Wanted features.</param>
public sealed record TableFeaturesQuery(ValueList<TableFeaturesEntry> Tables) : MultipartQuery
{
    /// <inheritdoc/>
    public override MultipartType Kind => MultipartType.TableFeatures;
}

/// <summary>OFPMP_TABLE_FEATURES reply part.</summary>
/// <param name="Tables">Entries.</param>
public sealed record TableFeaturesAnswer(ValueList<TableFeaturesEntry> Tables) : MultipartAnswer
{
    /// <inheritdoc/>
    public override MultipartType Kind => MultipartType.TableFeatures;
}
