using OvsBridge.Datapath;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Text;

namespace OvsBridge.Testing;

/// <summary>Packets written as text.</summary>
public static class Packets
{
    /// <summary>A packet's key: <c>Packets.Key("in_port=1,tcp,nw_dst=10.0.0.3,tp_dst=80")</c>; what is not named is 0.</summary>
    public static FlowKey Key(string flow) => FlowKeyText.Parse(flow);

    /// <summary>A frame with these fields, right lengths and checksums: <c>Packets.Frame("tcp,nw_src=10.0.0.1,tp_dst=80")</c>.</summary>
    /// <param name="flow">The fields; in_port and other context are not in the frame.</param>
    /// <param name="payload">What follows the last header.</param>
    public static byte[] Frame(string flow, ReadOnlySpan<byte> payload = default) => PacketBuilder.Frame(Key(flow), payload);

    /// <summary>The fields of a frame as text, in the words of ofproto/trace.</summary>
    public static string Text(ReadOnlySpan<byte> frame, uint inPort = 0) =>
        PacketParser.TryParse(frame, inPort, out FlowKey key) ? FlowKeyText.Print(key) : $"({frame.Length} bytes, no Ethernet header)";
}
