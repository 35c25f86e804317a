using System.Globalization;
using System.Text;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Messages.Multipart;

namespace OvsBridge.OpenFlow.Text;

public sealed partial class MessagePrinter
{
    private static void AppendPort(StringBuilder text, PortDescription port)
    {
        text.Append(' ').Append(PortNames.Print(port.PortNo, null));
        text.Append('(').Append(Printable(port.Name)).Append("): addr:").Append(Fields.FieldValueText.Mac(port.HwAddr));
        text.Append("\n     config:     ");
        BitNames.Append(text, (uint)port.Config, BitNames.PortConfig);
        text.Append("\n     state:      ");
        BitNames.Append(text, (uint)port.State, BitNames.PortState);
        text.Append('\n');
        Features("     current:    ", port.Current);
        Features("     advertised: ", port.Advertised);
        Features("     supported:  ", port.Supported);
        Features("     peer:       ", port.Peer);
        text.Append(CultureInfo.InvariantCulture, $"     speed: {port.CurrentSpeedKbps / 1000} Mbps now, {port.MaxSpeedKbps / 1000} Mbps max\n");

        void Features(string title, PortFeatures features)
        {
            if (features == 0)
                return;
            text.Append(title);
            BitNames.Append(text, (uint)features, BitNames.PortFeatures);
            text.Append('\n');
        }
    }

    // A name ends at the first character that no terminal should get.
    private static string Printable(string name)
    {
        int end = name.AsSpan().IndexOfAnyExceptInRange(' ', '~');
        return end < 0 ? name : name[..end];
    }

    private void AppendPortMod(StringBuilder text, PortMod mod)
    {
        text.Append(" port: ").Append(PortNames.Print(mod.PortNo, Ports)).Append(": addr:").Append(Fields.FieldValueText.Mac(mod.HwAddr));
        text.Append("\n     config: ");
        BitNames.Append(text, (uint)(mod.Config & mod.Mask), BitNames.PortConfig);
        text.Append("\n     mask:   ");
        BitNames.Append(text, (uint)mod.Mask, BitNames.PortConfig);
        text.Append("\n     advertise: ");
        if (mod.Advertise == 0)
            text.Append("UNCHANGED");
        else
            BitNames.Append(text, (uint)mod.Advertise, BitNames.PortFeatures);
        text.Append('\n');
    }

    private void AppendQueues(StringBuilder text, QueueGetConfigReply reply)
    {
        if (reply.Queues.Count == 0)
            return;
        text.Append(" port=").Append(PortNames.Print(reply.Port, Ports)).Append('\n');
        foreach (PacketQueue queue in reply.Queues.OrderBy(q => q.QueueId))
        {
            text.Append(CultureInfo.InvariantCulture, $"queue {queue.QueueId}:");
            Rate("min_rate", queue.MinRate);
            Rate("max_rate", queue.MaxRate);
            text.Append('\n');
        }

        void Rate(string name, ushort? rate)
        {
            // Above 100 %: disabled (OFPQ_MIN_RATE_UNCFG and the like).
            if (rate is { } tenths and not ushort.MaxValue)
                text.Append(tenths <= 1000 ? string.Create(CultureInfo.InvariantCulture, $" {name}:{tenths / 10}.{tenths % 10}%") : $" {name}:(disabled)");
        }
    }

    private void AppendPortStats(StringBuilder text, PortStatsAnswer answer)
    {
        text.Append(CultureInfo.InvariantCulture, $" {answer.Ports.Count} ports\n");
        foreach (PortStatsEntry port in answer.Ports)
        {
            text.Append(port.PortNo < 10 ? "  port  " : "  port ").Append(PortNames.Print(port.PortNo, Ports));
            text.Append(": rx ");
            Counters(
                ("pkts", port.RxPackets), ("bytes", port.RxBytes), ("drop", port.RxDropped), ("errs", port.RxErrors), ("frame", port.RxFrameErrors),
                ("over", port.RxOverErrors), ("crc", port.RxCrcErrors));
            text.Append("           tx ");
            Counters(("pkts", port.TxPackets), ("bytes", port.TxBytes), ("drop", port.TxDropped), ("errs", port.TxErrors), ("coll", port.Collisions));
            if (port.DurationNs != ulong.MaxValue)
                text.Append("           duration=").Append(FlowSyntax.Duration(port.DurationNs)).Append('\n');
        }

        void Counters(params ReadOnlySpan<(string Name, ulong Count)> counters)
        {
            bool first = true;
            foreach ((string name, ulong count) in counters)
            {
                text.Append(first ? "" : ", ").Append(name).Append('=').Append(Count(count));
                first = false;
            }

            text.Append('\n');
        }
    }

    private void AppendQueueStats(StringBuilder text, QueueAnswer answer)
    {
        text.Append(CultureInfo.InvariantCulture, $" {answer.Queues.Count} queues\n");
        foreach (QueueStatsEntry queue in answer.Queues)
        {
            text.Append("  port ").Append(PortNames.Print(queue.Port, Ports)).Append(" queue ").Append(QueueWord(queue.QueueId));
            text.Append(": bytes=").Append(Count(queue.TxBytes)).Append(", pkts=").Append(Count(queue.TxPackets));
            text.Append(", errors=").Append(Count(queue.TxErrors)).Append(", duration=");
            text.Append(queue.DurationNs == QueueStatsEntry.UnknownDuration ? "?" : FlowSyntax.Duration(queue.DurationNs)).Append('\n');
        }
    }

    private static string QueueWord(uint queue) => queue == uint.MaxValue ? "ALL" : queue.ToString(CultureInfo.InvariantCulture);

    // All ones: a counter that the switch does not have.
    private static string Count(ulong count) => count == ulong.MaxValue ? "?" : count.ToString(CultureInfo.InvariantCulture);
}
