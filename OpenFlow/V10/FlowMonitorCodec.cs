using OvsBridge.OpenFlow.Messages.Multipart;
using OvsBridge.OpenFlow.Wire;

namespace OvsBridge.OpenFlow.V10;

/// <summary>Flow monitors of OpenFlow 1.0 (NXST_FLOW_MONITOR).</summary>
internal static class FlowMonitorCodec
{
    // struct nx_flow_monitor_request: id, flags, out_port, match_len, table_id, zeros[5], match
    public static FlowMonitorQuery Read(ref WireReader reader)
    {
        List<FlowMonitorRequest> monitors = [];
        while (reader.Remaining > 0)
        {
            uint id = reader.U32();
            FlowMonitorFlags flags = FlowMonitorRequest.ReadFlags(ref reader);
            uint outPort = PortCodec.ReadNumber(ref reader);
            ushort matchLength = reader.U16();
            byte table = reader.U8();
            reader.Skip(5);
            monitors.Add(new FlowMonitorRequest(id, flags, outPort, table, NxmCodec.Read(ref reader, matchLength)));
        }

        return new FlowMonitorQuery(monitors.ToValueList());
    }

    // struct nx_flow_update_full: as in 1.3, with a Nicira match, and actions behind it
    public static void Write(ref WireWriter writer, FlowUpdate update)
    {
        int start = writer.Position;
        int length = writer.ReserveLength();
        if (update.WriteHead(ref writer) is { } matchLength)
        {
            writer.Short(matchLength, NxmCodec.Write(ref writer, update.Match));
            ActionCodec.Write(ref writer, update.Instructions);
        }

        writer.Length(length, start);
    }
}
