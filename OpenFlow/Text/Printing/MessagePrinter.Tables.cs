using System.Globalization;
using System.Text;
using OvsBridge.OpenFlow.Messages.Multipart;

namespace OvsBridge.OpenFlow.Text;

public sealed partial class MessagePrinter
{
    /// <summary>What tables can do, as dump-table-features prints it.</summary>
    public static string PrintTableFeatures(IReadOnlyList<TableFeaturesEntry> tables)
    {
        StringBuilder text = new();
        AppendTableFeatures(text, tables);
        if (text.Length == 0)
            return "";
        return text.Append('\n').ToString(1, text.Length - 1); // the blank line stands between tables, and behind the last
    }

    private static void AppendTableFeatures(StringBuilder text, IEnumerable<TableFeaturesEntry> tables)
    {
        DittoWriter writer = new(text);
        (TableFeaturesEntry Entry, Abilities When)? before = null;
        foreach (TableFeaturesEntry table in tables)
        {
            Abilities abilities = new(table);
            bool same = before is { } b && b.When.Behind(table.TableId).Equals(abilities) && table with { TableId = 0, Name = "", Properties = default } == b.Entry with { TableId = 0, Name = "", Properties = default };
            if (writer.Begin(table.TableId, table.Name, same))
            {
                text.Append(CultureInfo.InvariantCulture, $"    metadata: match={Fields.FieldValueText.Hex(table.MetadataMatch)} write={Fields.FieldValueText.Hex(table.MetadataWrite)}\n");
                text.Append(CultureInfo.InvariantCulture, $"    max_entries={table.MaxEntries}\n");
                AppendAbilities(text, abilities, before?.When);
            }

            before = (table, abilities);
        }

        writer.Finish();
    }

    private static void AppendAbilities(StringBuilder text, Abilities now, Abilities? before)
    {
        if (now.Hit.Equals(now.Miss))
        {
            text.Append("    instructions (table miss and others):\n");
            AppendInstructions(text, now.Hit, before?.Hit);
        }
        else
        {
            text.Append("    instructions (other than table miss):\n");
            AppendInstructions(text, now.Hit, before?.Hit);
            text.Append("    instructions (table miss):\n");
            AppendInstructions(text, now.Miss, before?.Miss);
        }

        if (before is { } b && b.Maskable == now.Maskable && b.Optional == now.Optional && b.Mandatory == now.Mandatory)
        {
            text.Append("    (same matching)\n");
            return;
        }

        text.Append("    matching:\n");
        FieldsLine(text, "      arbitrary mask: ", now.Maskable);
        FieldsLine(text, "      exact match or wildcard: ", now.Optional);
        FieldsLine(text, "      must exact match: ", now.Mandatory);
    }

    private static void AppendInstructions(StringBuilder text, InstructionAbilities now, InstructionAbilities? before)
    {
        if (now.NextTables.Count > 0)
        {
            text.Append("      next tables: ");
            AppendRanges(text, now.NextTables.AsSpan());
            text.Append('\n');
        }

        text.Append("      instructions: ");
        if (now.Instructions == 0)
            text.Append("none");
        else
            ActionNames.AppendInstructions(text, now.Instructions);
        text.Append('\n');
        if (before is { } b && b.Write == now.Write && b.Apply == now.Apply)
        {
            text.Append("      (same actions)\n");
        }
        else if (now.Write == now.Apply)
        {
            text.Append("      Write-Actions and Apply-Actions features:\n");
            AppendActions(text, now.Write);
        }
        else
        {
            text.Append("      Write-Actions features:\n");
            AppendActions(text, now.Write);
            text.Append("      Apply-Actions features:\n");
            AppendActions(text, now.Apply);
        }
    }

    private static void AppendActions(StringBuilder text, ActionAbilities now)
    {
        text.Append("        actions: ");
        ActionNames.Append(text, now.Actions);
        text.Append('\n');
        FieldsLine(text, "        supported on Set-Field: ", now.SetField);
    }

    private static void FieldsLine(StringBuilder text, string title, ValueList<int> fields)
    {
        if (fields.Count == 0)
            return;
        text.Append(title);
        FieldList.Append(text, fields);
        text.Append('\n');
    }

    // "1-253", "1,3-5"
    private static void AppendRanges(StringBuilder text, ReadOnlySpan<int> sorted)
    {
        for (int i = 0; i < sorted.Length;)
        {
            int end = i;
            while (end + 1 < sorted.Length && sorted[end + 1] == sorted[end] + 1)
                end++;
            text.Append(i > 0 ? "," : "").Append(CultureInfo.InvariantCulture, $"{sorted[i]}");
            if (end > i)
                text.Append(CultureInfo.InvariantCulture, $"-{sorted[end]}");
            i = end + 1;
        }
    }

    /// <summary>The properties of a table, by what is printed together. A miss property that is absent is as that of other flows.</summary>
    private readonly record struct Abilities
    {
        public Abilities(TableFeaturesEntry table)
        {
            Hit = new InstructionAbilities(table, miss: false);
            Miss = new InstructionAbilities(table, miss: true);
            List<int> maskable = [], match = [], wildcard = [];
            foreach (TableFeatureProperty property in table.Properties)
            {
                if (property.Kind is not (TableFeatureKind.Match or TableFeatureKind.Wildcards))
                    continue;
                foreach ((uint header, int place) in FieldsOf(property))
                {
                    if (property.Kind == TableFeatureKind.Wildcards)
                        wildcard.Add(place);
                    else
                        ((header & 0x100) != 0 ? maskable : match).Add(place);
                }
            }

            Maskable = Sorted(maskable);
            Optional = Sorted(match.Where(wildcard.Contains).Except(maskable));
            Mandatory = Sorted(match.Except(wildcard).Except(maskable));
        }

        /// <summary>The same in a table with this number, which does not go back.</summary>
        public Abilities Behind(byte table) => this with { Hit = Hit.Behind(table), Miss = Miss.Behind(table) };

        public InstructionAbilities Hit { get; private init; }

        public InstructionAbilities Miss { get; private init; }

        public ValueList<int> Maskable { get; }

        public ValueList<int> Optional { get; }

        public ValueList<int> Mandatory { get; }
    }

    private readonly record struct InstructionAbilities
    {
        public InstructionAbilities(TableFeaturesEntry table, bool miss)
        {
            NextTables = Sorted(Ids(table, TableFeatureKind.NextTables, miss).Select(id => (int)id));
            Instructions = Bits(Ids(table, TableFeatureKind.Instructions, miss));
            Write = Actions(table, TableFeatureKind.WriteActions, TableFeatureKind.WriteSetField, miss);
            Apply = Actions(table, TableFeatureKind.ApplyActions, TableFeatureKind.ApplySetField, miss);
        }

        public InstructionAbilities Behind(byte table) => this with { NextTables = NextTables.Where(next => next > table).ToValueList() };

        public ValueList<int> NextTables { get; private init; }

        public uint Instructions { get; }

        public ActionAbilities Write { get; }

        public ActionAbilities Apply { get; }

        private static ActionAbilities Actions(TableFeaturesEntry table, TableFeatureKind actions, TableFeatureKind setField, bool miss) =>
            new(Bits(Ids(table, actions, miss)), Find(table, setField, miss) is { } property ? Sorted(FieldsOf(property).Select(f => f.Place)) : []);

        private static ValueList<uint> Ids(TableFeaturesEntry table, TableFeatureKind kind, bool miss) => Find(table, kind, miss)?.Ids ?? default;

        private static TableFeatureProperty? Find(TableFeaturesEntry table, TableFeatureKind kind, bool miss) =>
            (miss ? table.Properties.FirstOrDefault(p => p.Kind == kind + 1) : null) ?? table.Properties.FirstOrDefault(p => p.Kind == kind);

        private static uint Bits(ValueList<uint> numbers) => numbers.Where(n => n < 32).Aggregate(0u, (bits, n) => bits | 1u << (int)n);
    }

    private readonly record struct ActionAbilities(uint Actions, ValueList<int> SetField);

    private static List<(uint Header, int Place)> FieldsOf(TableFeatureProperty property)
    {
        List<(uint Header, int Place)> known = [];
        int experimenter = 0;
        foreach (uint header in property.Ids)
        {
            uint number = header >> 16 == 0xffff ? property.Experimenters[experimenter++] : 0;
            if (FieldList.PlaceOf(header, number) is >= 0 and int place)
                known.Add((header, place));
        }

        return known;
    }

    private static ValueList<int> Sorted(IEnumerable<int> numbers) => numbers.Distinct().Order().ToValueList();
}
