using System.Buffers.Binary;
using OvsBridge.Datapath;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Text;

namespace OvsBridge.Host.Ofctl;

/// <summary>A frame as one line, as ovs-ofctl's monitor shows it: its headers as a flow, and the checksum of its transport as it stands there.</summary>
internal static class PacketText
{
    private const int Tcp = 6, Udp = 17, Sctp = 132, Icmp = 1, Icmpv6 = 58;

    /// <summary>The line, without end.</summary>
    public static string Print(ReadOnlyMemory<byte> frame)
    {
        if (!PacketParser.TryParse(frame.Span, out FlowKey key, out int transportAt))
            return FlowKeyText.Print(default); // too short for an Ethernet header: all zero, as Open vSwitch has it
        string text = FlowKeyText.Print(key);
        if (transportAt == 0 || transportAt >= frame.Length)
            return text;
        ReadOnlySpan<byte> transport = frame.Span[transportAt..];
        return (key.IpProto, transport.Length) switch
        {
            (Tcp, >= 20) => $"{text} tcp_csum:{BinaryPrimitives.ReadUInt16BigEndian(transport[16..]):x}",
            (Udp, >= 8) => $"{text} udp_csum:{BinaryPrimitives.ReadUInt16BigEndian(transport[6..]):x}",
            (Sctp, >= 12) => $"{text} sctp_csum:{BinaryPrimitives.ReadUInt32BigEndian(transport[8..]):x}",
            (Icmp, >= 8) => $"{text} icmp_csum:{BinaryPrimitives.ReadUInt16BigEndian(transport[2..]):x}",
            (Icmpv6, >= 8) => $"{text} icmp6_csum:{BinaryPrimitives.ReadUInt16BigEndian(transport[2..]):x}",
            _ => text,
        };
    }
}
