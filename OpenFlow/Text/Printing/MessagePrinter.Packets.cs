using System.Globalization;
using System.Text;
using OvsBridge.OpenFlow.Messages;

namespace OvsBridge.OpenFlow.Text;

public sealed partial class MessagePrinter
{
    private void AppendPacketIn(StringBuilder text, PacketIn packet)
    {
        if (packet.TableId != 0)
            text.Append(" table_id=").Append(PortNames.PrintTable(packet.TableId, Ports));
        if (packet.Cookie != ulong.MaxValue)
            text.Append(CultureInfo.InvariantCulture, $" cookie=0x{packet.Cookie:x}");
        text.Append(CultureInfo.InvariantCulture, $" total_len={packet.TotalLength} ");
        text.Append(MatchText.Print(packet.Match, Ports));
        text.Append(CultureInfo.InvariantCulture, $" (via {ReasonWord(_packetInReasons, (int)packet.Reason)}) data_len={packet.Data.Length}");
        if (packet.BufferId == FlowMod.NoBuffer)
        {
            text.Append(" (unbuffered)");
            if (packet.TotalLength != packet.Data.Length)
                text.Append(" (***total_len != data_len***)");
        }
        else
        {
            text.Append(CultureInfo.InvariantCulture, $" buffer=0x{packet.BufferId:x8}");
            if (packet.TotalLength < packet.Data.Length)
                text.Append(" (***total_len < data_len***)");
        }

        text.Append('\n');
        AppendPacket(text, packet.Data);
    }

    private void AppendPacketOut(StringBuilder text, PacketOut packet)
    {
        text.Append(" in_port=").Append(PortNames.Print(packet.InPort, Ports));
        text.Append(" actions=").Append(ActionText.Print(packet.Actions, Ports));
        if (packet.BufferId != FlowMod.NoBuffer)
        {
            text.Append(CultureInfo.InvariantCulture, $" buffer=0x{packet.BufferId:x8}");
            return;
        }

        text.Append(CultureInfo.InvariantCulture, $" data_len={packet.Data.Length}");
        if (Verbosity > 0 && packet.Data.Length > 0)
        {
            text.Append('\n');
            AppendPacket(text, packet.Data);
        }
    }

    private void AppendPacket(StringBuilder text, ReadOnlyMemory<byte> data)
    {
        if (Verbosity > 0 && PacketText is not null)
            text.Append(PacketText(data)).Append('\n');
        if (Verbosity > 2)
            HexDump.Append(text, data.Span, characters: false);
    }

    private void AppendFlowRemoved(StringBuilder text, FlowRemoved flow)
    {
        text.Append(' ');
        FlowSyntax.AppendMatch(text, flow.Priority, flow.Match, Ports);
        if (text[^1] == ' ')
            text.Length--;
        text.Append(" reason=").Append(ReasonWord(_flowRemovedReasons, (int)flow.Reason));
        if (flow.TableId != FlowMod.AllTables)
            text.Append(" table_id=").Append(PortNames.PrintTable(flow.TableId, Ports));
        if (flow.Cookie != 0)
            text.Append(CultureInfo.InvariantCulture, $" cookie:0x{flow.Cookie:x}");
        text.Append(" duration").Append(FlowSyntax.Duration(flow.DurationNs));
        text.Append(CultureInfo.InvariantCulture, $" idle{flow.IdleTimeoutSeconds}");
        if (flow.HardTimeoutSeconds != 0)
            text.Append(CultureInfo.InvariantCulture, $" hard{flow.HardTimeoutSeconds}");
        text.Append(CultureInfo.InvariantCulture, $" pkts{flow.PacketCount} bytes{flow.ByteCount}");
    }
}
