using System.Globalization;
using System.Text;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Messages.Multipart;

namespace OvsBridge.OpenFlow.Text;

public sealed partial class MessagePrinter
{
    private void AppendQuery(StringBuilder text, MultipartRequest request)
    {
        if (request.More)
            text.Append(" flags=[more]");
        switch (request.Query)
        {
            case FlowQuery q:
                AppendFilter(text, q.Filter);
                break;
            case AggregateQuery q:
                AppendFilter(text, q.Filter);
                break;
            case PortStatsQuery q:
                text.Append(" port_no=").Append(PortNames.Print(q.Port, Ports));
                break;
            case QueueQuery q:
                text.Append(" port=").Append(PortNames.Print(q.Port, Ports)).Append(" queue=").Append(QueueWord(q.QueueId));
                break;
            case GroupQuery q:
                text.Append(" group_id=").Append(GroupWord(q.GroupId));
                break;
            case GroupDescQuery:
                text.Append(" group_id=ALL");
                break;
            case MeterQuery q:
                text.Append(" meter=").Append(FlowSyntax.MeterName(q.MeterId));
                break;
            case MeterConfigQuery q:
                text.Append(" meter=").Append(FlowSyntax.MeterName(q.MeterId));
                break;
            case PortDescQuery:
                text.Append(" port=ANY");
                break;
            case TableFeaturesQuery q:
                AppendTableFeatures(text, q.Tables);
                break;
            case ExperimenterQuery q:
                text.Append(CultureInfo.InvariantCulture, $" experimenter=0x{q.Experimenter:x} exp_type={q.ExperimenterType}\n");
                HexDump.Append(text, q.Body.Span);
                break;
        }
    }

    private void AppendAnswer(StringBuilder text, MultipartReply reply)
    {
        if (reply.More)
            text.Append(" flags=[more]");
        switch (reply.Answer)
        {
            case DescAnswer a:
                text.Append(CultureInfo.InvariantCulture, $"\nManufacturer: {a.Manufacturer}\nHardware: {a.Hardware}\nSoftware: {a.Software}\nSerial Num: {a.SerialNumber}\nDP Description: {a.Datapath}\n");
                break;
            case FlowAnswer a:
                foreach (FlowStatsEntry flow in a.Flows)
                    text.Append('\n').Append(FlowSyntax.Print(flow, Ports));
                break;
            case AggregateAnswer a:
                text.Append(CultureInfo.InvariantCulture, $" packet_count={a.PacketCount} byte_count={a.ByteCount} flow_count={a.FlowCount}");
                break;
            case TableAnswer a:
                AppendTableStats(text, a);
                break;
            case PortStatsAnswer a:
                AppendPortStats(text, a);
                break;
            case QueueAnswer a:
                AppendQueueStats(text, a);
                break;
            case GroupAnswer a:
                AppendGroupStats(text, a);
                break;
            case GroupDescAnswer a:
                text.Append('\n');
                foreach (GroupDescEntry group in a.Groups)
                    text.Append(' ').Append(FlowSyntax.Print(group, Ports)).Append('\n');
                break;
            case GroupFeaturesAnswer a:
                AppendGroupFeatures(text, a);
                break;
            case MeterAnswer a:
                AppendMeterStats(text, a);
                break;
            case MeterConfigAnswer a:
                foreach (MeterConfigEntry meter in a.Meters)
                    text.Append('\n').Append(FlowSyntax.Print(meter)).Append('\n');
                break;
            case MeterFeaturesAnswer a:
                AppendMeterFeatures(text, a);
                break;
            case TableFeaturesAnswer a:
                AppendTableFeatures(text, a.Tables);
                break;
            case PortDescAnswer a:
                text.Append('\n');
                foreach (PortDescription port in a.Ports.OrderBy(p => p.PortNo))
                    AppendPort(text, port);
                break;
            case ExperimenterAnswer a:
                text.Append(CultureInfo.InvariantCulture, $" experimenter=0x{a.Experimenter:x} exp_type={a.ExperimenterType}\n");
                HexDump.Append(text, a.Body.Span);
                break;
        }
    }

    private void AppendFilter(StringBuilder text, FlowFilter filter)
    {
        if (filter.TableId != FlowMod.AllTables)
            text.Append(CultureInfo.InvariantCulture, $" table={filter.TableId}");
        if (filter.OutPort != OfPorts.Any)
            text.Append(" out_port=").Append(PortNames.Print(filter.OutPort, Ports));
        string match = MatchText.Print(filter.Match, Ports);
        if (match.Length > 0)
            text.Append(' ').Append(match);
    }

    private static void AppendTableStats(StringBuilder text, TableAnswer answer)
    {
        DittoWriter writer = new(text);
        TableStatsEntry? before = null;
        foreach (TableStatsEntry table in answer.Tables)
        {
            if (writer.Begin(table.TableId, "", before is not null && table with { TableId = before.TableId } == before))
                text.Append(CultureInfo.InvariantCulture, $"    active={table.ActiveCount}, lookup={table.LookupCount}, matched={table.MatchedCount}\n");
            before = table;
        }

        writer.Finish();
    }

    private static string GroupWord(uint group) => group switch
    {
        GroupMod.AllGroups => "ALL",
        GroupMod.AnyGroup => "ANY",
        _ => group.ToString(CultureInfo.InvariantCulture),
    };
}
