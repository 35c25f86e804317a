using System.Buffers.Binary;
using System.Globalization;
using OvsBridge.OpenFlow.Text;
using OvsBridge.OpenFlow.Wire;

namespace OvsBridge.Host.Ofctl;

/// <summary>
/// ofp-parse-pcap PCAP [PORT...]: the OpenFlow messages in a capture of Ethernet frames. The segments of each direction of a connection
/// are joined as they come; what is missing or out of order ends the joining until the next segment that starts with a message.
/// </summary>
internal static class PcapMessages
{
    private const int FileHeader = 24, RecordHeader = 16, Ethernet = 14;
    private const uint Micro = 0xa1b2c3d4, Nano = 0xa1b23c4d;

    /// <summary>Prints the messages.</summary>
    /// <exception cref="OfctlException">The file is no capture.</exception>
    public static void Print(OfctlSession session, string[] arguments, MessagePrinter printer)
    {
        HashSet<int> ports = [.. arguments.Skip(1).Select(PortNumber)];
        if (ports.Count == 0)
            ports = [6633, 6653];
        byte[] file = OfflineCommands.ReadFile(arguments[0]);
        if (file.Length < FileHeader || Magic(file) is not { } little)
            throw new OfctlException($"{arguments[0]}: not a pcap file");
        Dictionary<string, Flow> flows = [];
        for (int at = FileHeader; at + RecordHeader <= file.Length;)
        {
            int length = (int)Number(file.AsSpan(at + 8), little);
            at += RecordHeader;
            if (length < 0 || length > file.Length - at)
                throw new OfctlException($"{arguments[0]}: the last packet is cut");
            Segment(session, printer, file.AsSpan(at, length), ports, flows);
            at += length;
        }
    }

    private static int PortNumber(string text) =>
        ushort.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out ushort port) ? port : throw new OfctlException($"{text}: a TCP port is a number");

    private static bool? Magic(ReadOnlySpan<byte> file) => BinaryPrimitives.ReadUInt32LittleEndian(file) switch
    {
        Micro or Nano => true,
        _ => BinaryPrimitives.ReadUInt32BigEndian(file) is Micro or Nano ? false : null,
    };

    private static uint Number(ReadOnlySpan<byte> bytes, bool little) =>
        little ? BinaryPrimitives.ReadUInt32LittleEndian(bytes) : BinaryPrimitives.ReadUInt32BigEndian(bytes);

    private static void Segment(OfctlSession session, MessagePrinter printer, ReadOnlySpan<byte> frame, HashSet<int> ports, Dictionary<string, Flow> flows)
    {
        if (!Datapath.PacketParser.TryParse(frame, out OpenFlow.Fields.FlowKey key, out int transport) || key.IpProto != 6 || transport == 0)
            return;
        if (!ports.Contains(key.TpSrc.Value) && !ports.Contains(key.TpDst.Value))
            return;
        ReadOnlySpan<byte> tcp = frame[transport..];
        int header = (tcp[12] >> 4) * 4;
        int end = key.EthType.Value == 0x0800 ? IpEnd(frame) : frame.Length;
        if (end - transport <= header)
            return;
        ReadOnlySpan<byte> payload = frame[(transport + header)..int.Min(end, frame.Length)];
        string name = $"{Convert.ToHexString(frame[..transport][^8..])}{key.Ipv6Src}{key.Ipv6Dst}{key.TpSrc.Value}>{key.TpDst.Value}";
        if (!flows.TryGetValue(name, out Flow? flow))
            flows.Add(name, flow = new Flow());
        flow.Add(BinaryPrimitives.ReadUInt32BigEndian(tcp[4..]), payload);
        while (flow.Take() is { } message)
            session.Out.Write($"{Describe(key)}\n{printer.Print(message)}\n");
    }

    private static int IpEnd(ReadOnlySpan<byte> frame)
    {
        int at = Ethernet;
        while (at + 4 < frame.Length && BinaryPrimitives.ReadUInt16BigEndian(frame[(at - 2)..]) is 0x8100 or 0x88a8)
            at += 4;
        return at + BinaryPrimitives.ReadUInt16BigEndian(frame[(at + 2)..]);
    }

    private static string Describe(in OpenFlow.Fields.FlowKey key) => string.Create(
        CultureInfo.InvariantCulture,
        $"{FlowKeyText.PrintFields(key, Mask())}: {key.TpSrc.Value} > {key.TpDst.Value}");

    private static OpenFlow.Fields.FlowKey Mask()
    {
        OpenFlow.Fields.FlowKey mask = default;
        OpenFlow.Fields.FieldTable.Ipv4Src.Set(ref mask, uint.MaxValue);
        OpenFlow.Fields.FieldTable.Ipv4Dst.Set(ref mask, uint.MaxValue);
        return mask;
    }

    /// <summary>One direction of a connection.</summary>
    private sealed class Flow
    {
        private readonly List<byte> _bytes = [];
        private uint _next;
        private bool _started;

        public void Add(uint sequence, ReadOnlySpan<byte> payload)
        {
            if (!_started || sequence != _next)
            {
                if (_started && sequence - _next > uint.MaxValue / 2)
                    return; // seen before
                _bytes.Clear();
            }

            _bytes.AddRange(payload);
            (_next, _started) = (sequence + (uint)payload.Length, true);
        }

        public byte[]? Take()
        {
            if (_bytes.Count < MessageHeader.Size)
                return null;
            int length = (_bytes[2] << 8) | _bytes[3];
            if (length < MessageHeader.Size)
            {
                _bytes.Clear();
                return null;
            }

            if (_bytes.Count < length)
                return null;
            byte[] message = [.. _bytes.GetRange(0, length)];
            _bytes.RemoveRange(0, length);
            return message;
        }
    }
}
