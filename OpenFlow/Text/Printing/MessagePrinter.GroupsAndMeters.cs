using System.Globalization;
using System.Text;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Messages.Multipart;

namespace OvsBridge.OpenFlow.Text;

public sealed partial class MessagePrinter
{
    private static readonly string[] _groupTypes = ["all", "select", "indirect", "fast failover"];
    private static readonly string[] _modCommands = ["ADD", "MOD", "DEL"];

    private void AppendGroupMod(StringBuilder text, GroupMod mod)
    {
        text.Append("\n ").Append(_modCommands[(int)mod.Command]).Append(' ');
        text.Append(FlowSyntax.PrintGroup(mod.GroupId, mod.GroupType, mod.Buckets, Ports)).Append('\n');
    }

    private static void AppendGroupStats(StringBuilder text, GroupAnswer answer)
    {
        text.Append('\n');
        foreach (GroupStatsEntry group in answer.Groups)
        {
            text.Append(CultureInfo.InvariantCulture, $" group_id={group.GroupId},");
            if (group.DurationNs != ulong.MaxValue)
                text.Append("duration=").Append(FlowSyntax.Duration(group.DurationNs)).Append(',');
            text.Append(CultureInfo.InvariantCulture, $"ref_count={group.RefCount},packet_count={group.PacketCount},byte_count={group.ByteCount}");
            int bucket = 0;
            foreach (BucketCounter counter in group.Buckets)
            {
                if (counter.PacketCount != ulong.MaxValue)
                    text.Append(CultureInfo.InvariantCulture, $",bucket{bucket}:packet_count={counter.PacketCount},byte_count={counter.ByteCount}");
                bucket++;
            }

            text.Append('\n');
        }
    }

    private static void AppendGroupFeatures(StringBuilder text, GroupFeaturesAnswer features)
    {
        text.Append(CultureInfo.InvariantCulture, $"\n Group table:\n    Types:  0x{features.Types:x}\n    Capabilities:  0x{features.Capabilities:x}\n");
        for (int type = 0; type < _groupTypes.Length; type++)
        {
            if ((features.Types >> type & 1) == 0)
                continue;
            text.Append(CultureInfo.InvariantCulture, $"    {_groupTypes[type]} group:\n       max_groups={FieldsHex(features.MaxGroups[type])}\n       actions: ");
            ActionNames.Append(text, features.Actions[type]);
            text.Append('\n');
        }

        static string FieldsHex(uint value) => Fields.FieldValueText.Hex(value);
    }

    private static void AppendMeterMod(StringBuilder text, MeterMod mod)
    {
        text.Append(' ').Append(_modCommands[(int)mod.Command]).Append(' ');
        text.Append(FlowSyntax.Print(new MeterConfigEntry(mod.Flags, mod.MeterId, mod.Bands))).Append('\n');
    }

    private static void AppendMeterStats(StringBuilder text, MeterAnswer answer)
    {
        foreach (MeterStatsEntry meter in answer.Meters)
        {
            text.Append(CultureInfo.InvariantCulture, $"\nmeter:{FlowSyntax.MeterName(meter.MeterId)} flow_count:{meter.FlowCount} packet_in_count:{meter.PacketInCount} byte_in_count:{meter.ByteInCount} duration:{FlowSyntax.Duration(meter.DurationNs)} bands:\n");
            int band = 0;
            foreach (BucketCounter counter in meter.Bands)
                text.Append(CultureInfo.InvariantCulture, $"{band++}: packet_count:{counter.PacketCount} byte_count:{counter.ByteCount}\n");
        }
    }

    private static void AppendMeterFeatures(StringBuilder text, MeterFeaturesAnswer features)
    {
        text.Append(CultureInfo.InvariantCulture, $"\nmax_meter:{features.MaxMeters} max_bands:{features.MaxBands} max_color:{features.MaxColor}\nband_types: ");
        BitNames.Append(text, features.BandTypes, BitNames.MeterBands);
        text.Append("\ncapabilities: ");
        BitNames.Append(text, features.Capabilities, BitNames.MeterFlags);
        text.Append('\n');
    }
}
