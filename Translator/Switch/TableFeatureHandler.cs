using System.Collections.Immutable;
using OvsBridge.OpenFlow;
using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Messages.Multipart;
using OvsBridge.OpenFlow.Wire;
using OvsBridge.Translator.Tables;

namespace OvsBridge.Translator.Switch;

/// <summary>OFPMP_TABLE_FEATURES, get and set (OpenFlow 1.3.5, 7.3.5.5). All tables can do the same, so they share their lists.</summary>
/// <remarks>
/// ovs-ofctl asks for this before nearly every command: the answer is made once and again only after a change. The _MISS
/// properties are left out, which says that they equal the others.
/// </remarks>
internal sealed class TableFeatureHandler(int maxFlows, bool meters)
{
    private const uint OxmHasMask = 0x100;

    private static readonly ValueList<uint> _actions = SwitchFeatures.ActionNumbers.ToValueList();
    private static readonly ValueList<uint> _match = StandardFields().Select(MatchId).ToValueList();
    private static readonly ValueList<uint> _wildcards = StandardFields().Select(field => field.OxmHeader).ToValueList();
    private static readonly ValueList<uint> _setField = StandardFields().Where(field => field.Settable).Select(field => field.OxmHeader).ToValueList();

    private static readonly TableFeatureProperty[] _shared =
    [
        new(TableFeatureKind.WriteActions, _actions),
        new(TableFeatureKind.ApplyActions, _actions),
        new(TableFeatureKind.Match, _match),
        new(TableFeatureKind.Wildcards, _wildcards),
        new(TableFeatureKind.WriteSetField, _setField),
        new(TableFeatureKind.ApplySetField, _setField),
    ];

    private readonly ValueList<uint> _instructions = meters ? [1, 2, 3, 4, 5, 6] : [1, 2, 3, 4, 5]; // OFPIT_GOTO_TABLE to OFPIT_METER
    private readonly ValueList<uint> _lastInstructions = meters ? [2, 3, 4, 5, 6] : [2, 3, 4, 5];
    private readonly Lock _cacheLock = new();
    private (ImmutableArray<TableSettings> Of, IReadOnlyList<MultipartReply> Parts)? _cache;

    /// <summary>The features of the tables that the pipeline has, cut into messages (without xid). Any thread.</summary>
    public IReadOnlyList<MultipartReply> Get(ImmutableArray<TableSettings> tables)
    {
        // A race makes the answer twice, which harms nobody.
        lock (_cacheLock)
        {
            if (_cache is { } cache && cache.Of == tables)
                return cache.Parts;
        }

        List<TableFeaturesEntry> entries = [];
        ImmutableArray<uint> after = [];
        for (int id = tables.Length - 1; id >= 0; id--)
        {
            TableSettings table = tables[id];
            if (!table.Enabled)
                continue;
            entries.Add(new TableFeaturesEntry(
                table.TableId,
                table.Name,
                ulong.MaxValue,
                ulong.MaxValue,
                table.Config,
                table.MaxFlows,
                [
                    new TableFeatureProperty(TableFeatureKind.Instructions, after.IsEmpty ? _lastInstructions : _instructions),
                    new TableFeatureProperty(TableFeatureKind.NextTables, ValueList.Create(after.AsSpan())),
                    .. _shared,
                ]));
            after = after.Insert(0, table.TableId);
        }

        entries.Reverse();
        IReadOnlyList<MultipartReply> parts = MultipartSplitter.Split(0, new TableFeaturesAnswer(entries.ToValueList()));
        lock (_cacheLock)
            _cache = (tables, parts);
        return parts;
    }

    /// <summary>
    /// Reconfigures the pipeline: tables that the request does not name go, names and sizes are taken over; every other
    /// feature is granted as asked or more, which the specification allows. Under the switch's lock.
    /// </summary>
    /// <exception cref="OfErrorException">TABLE_FEATURES_FAILED; then nothing changed.</exception>
    public void Set(ValueList<TableFeaturesEntry> wanted, PipelineEdit edit)
    {
        var asked = new TableFeaturesEntry?[PipelineSnapshot.TableCount];
        foreach (TableFeaturesEntry entry in wanted)
        {
            if (entry.TableId >= asked.Length)
                throw new OfErrorException(OfError.TableFeaturesFailedBadTable, $"there is no table {entry.TableId}");
            if (asked[entry.TableId] is not null)
                throw new OfErrorException(OfError.TableFeaturesFailedBadTable, $"table {entry.TableId} twice");
            asked[entry.TableId] = entry;
        }

        foreach (TableFeaturesEntry entry in wanted)
            Check(entry, asked);

        ImmutableArray<TableSettings>.Builder tables = edit.TableSettings.ToBuilder();
        for (int id = 0; id < tables.Count; id++)
        {
            TableSettings old = tables[id];
            tables[id] = asked[id] is { } entry
                ? old with { Enabled = true, Name = entry.Name, MaxFlows = entry.MaxEntries, Config = entry.Config }
                : old with { Enabled = false };

            // "Flow entries of removed tables, or of tables whose capabilities changed, are removed; no flow_removed is sent."
            if (old.Enabled != tables[id].Enabled || old.MaxFlows != tables[id].MaxFlows)
                edit.Remove((byte)id, [.. edit.Table((byte)id).Rules], reason: null);
        }

        edit.TableSettings = tables.ToImmutable();
    }

    private void Check(TableFeaturesEntry entry, TableFeaturesEntry?[] asked)
    {
        if (entry.MaxEntries > maxFlows)
            throw new OfErrorException(OfError.TableFeaturesFailedBadArgument, $"max_entries {entry.MaxEntries}, at most {maxFlows}");
        if ((entry.Config & ~SwitchFeatures.DeprecatedTableConfig) != 0)
            throw new OfErrorException(OfError.TableFeaturesFailedBadArgument, $"config 0x{entry.Config:x}");

        foreach (TableFeatureProperty property in entry.Properties)
        {
            if (property.Kind is TableFeatureKind.Experimenter or TableFeatureKind.ExperimenterMiss)
                throw new OfErrorException(OfError.TableFeaturesFailedBadType, "a property of an experimenter");
            foreach (uint id in property.Ids)
            {
                if (!Supports(property.Kind, id, entry.TableId, asked))
                    throw new OfErrorException(OfError.TableFeaturesFailedBadArgument, $"{property.Kind} 0x{id:x} in table {entry.TableId}");
            }
        }
    }

    private bool Supports(TableFeatureKind kind, uint id, byte tableId, TableFeaturesEntry?[] asked) => kind switch
    {
        TableFeatureKind.Instructions or TableFeatureKind.InstructionsMiss => _instructions.Contains(id),
        TableFeatureKind.NextTables or TableFeatureKind.NextTablesMiss => id > tableId && id < asked.Length && asked[id] is not null,
        TableFeatureKind.WriteActions or TableFeatureKind.WriteActionsMiss or TableFeatureKind.ApplyActions or TableFeatureKind.ApplyActionsMiss =>
            _actions.Contains(id),
        TableFeatureKind.Match => FieldTable.ByOxm(id) is { } field && (id == field.OxmHeader || id == MatchId(field)),
        TableFeatureKind.Wildcards => FieldTable.ByOxm(id) is not null,
        TableFeatureKind.WriteSetField or TableFeatureKind.WriteSetFieldMiss or TableFeatureKind.ApplySetField or TableFeatureKind.ApplySetFieldMiss =>
            FieldTable.ByOxm(id) is { Settable: true },
        _ => false,
    };

    private static IEnumerable<Field> StandardFields() => FieldTable.All.Take(FieldTable.StandardCount);

    /// <summary>The OXM header that says which masks can be matched: with mask bit and doubled length where any can.</summary>
    private static uint MatchId(Field field) => field.Mask == MaskRule.Any ? (field.OxmHeader | OxmHasMask) + (uint)field.Bytes : field.OxmHeader;
}
