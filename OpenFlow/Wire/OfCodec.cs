using System.Buffers;
using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Messages;

namespace OvsBridge.OpenFlow.Wire;

/// <summary>OpenFlow 1.3 messages as bytes, both ways; and OpenFlow 1.0's, as a switch needs them.</summary>
/// <remarks>
/// <para>
/// <b>What decoding checks</b>: all that can be judged from the message alone. Lengths; numbers of messages, multiparts, commands,
/// actions, instructions, bands, properties; flag bits; OXM fields, their masks, values, duplicates and prerequisites; that
/// an action applies to what the flow matches and to what the actions before it left (BAD_ACTION/MATCH_INCONSISTENT); that
/// goto_table goes forward; port and group numbers that can never be an output.
/// </para>
/// <para>
/// <b>What the switch checks</b>: all that depends on its state or abilities. Whether ports, groups, meters, queues, tables and buffers
/// exist; roles and permissions; group bucket counts, weights, watches, loops; OFPT_EXPERIMENTER and OFPMP_EXPERIMENTER numbers;
/// messages that only a controller should receive (they decode, since this library serves controllers as well).
/// </para>
/// <para>
/// Messages that switches send are read leniently: OXM fields, experimenter actions and instructions that we don't know are
/// kept as bytes instead of refused, and prerequisites are not checked.
/// </para>
/// <para>
/// <b>OpenFlow 1.0</b> (<see cref="V10.Codec10"/>) is the switch's side only: what controllers send is read into the records of OpenFlow 1.3, and what
/// switches send is written from them.
/// </para>
/// <para>Thread-safe. A message holds copies of what it needs; the received bytes may be reused at once.</para>
/// </remarks>
public static class OfCodec
{
    /// <summary>OpenFlow 1.3 in the header.</summary>
    public const byte Version = 4;

    /// <summary>OpenFlow 1.0 in the header.</summary>
    public const byte Version10 = 1;

    /// <summary>The longest message in bytes.</summary>
    public const int MaxMessageSize = ushort.MaxValue;

    /// <summary>Reads one whole message, header included. HELLO and ERROR are read in any version, the others in 1.3.</summary>
    /// <exception cref="OfErrorException">
    /// The message is malformed or asks for what cannot be: carries the specification's error for it. No other exception.
    /// </exception>
    public static OfMessage Decode(ReadOnlySpan<byte> message) => Decode(message, WireFormat.OpenFlow13);

    /// <summary>Reads one whole message, header included. HELLO and ERROR are read in any version, the others in that of <paramref name="format"/>.</summary>
    /// <exception cref="OfErrorException">As <see cref="Decode(ReadOnlySpan{byte})"/>.</exception>
    public static OfMessage Decode(ReadOnlySpan<byte> message, WireFormat format)
    {
        var reader = new WireReader(message, OfError.BadRequestBadLen, "message", format.Version);
        MessageHeader header = MessageHeader.Read(ref reader);
        if (header.Length != message.Length)
            WireReader.Fail(OfError.BadRequestBadLen, $"the header says {header.Length} bytes, the message has {message.Length}");

        MessageRow? row = MessageTable.Find(header.Type);
        if (header.Version != format.Version && row is not { AnyVersion: true })
            WireReader.Fail(OfError.BadRequestBadVersion, $"version 0x{header.Version:x2}, not 0x{format.Version:x2}");
        if (format.Version == Version10 && row is not { AnyVersion: true })
        {
            OfMessage old = V10.Codec10.Read(ref reader, header, format);
            reader.End();
            return old;
        }

        if (row is null)
            WireReader.Fail(OfError.BadRequestBadType, $"message type {header.Type}");
        if (header.Length < row.MinSize)
            WireReader.Fail(OfError.BadRequestBadLen, $"{row.Name} of {header.Length} bytes, at least {row.MinSize} are needed");

        reader.FromSwitch = row.FromSwitch;
        OfMessage result = row.Read(ref reader, header);
        reader.End();
        return result;
    }

    /// <summary>Writes a message.</summary>
    /// <returns>Its size in bytes.</returns>
    /// <exception cref="ArgumentException">
    /// It does not fit 65,535 bytes, the most that a message can have; nothing was written. <see cref="MultipartSplitter"/>
    /// keeps replies below that.
    /// </exception>
    public static int Encode(OfMessage message, IBufferWriter<byte> output) => Encode(message, output, WireFormat.OpenFlow13);

    /// <summary>Writes a message as <paramref name="format"/> says.</summary>
    /// <returns>Its size in bytes.</returns>
    /// <exception cref="ArgumentException">As <see cref="Encode(OfMessage, IBufferWriter{byte})"/>; or the version has no such message.</exception>
    public static int Encode(OfMessage message, IBufferWriter<byte> output, WireFormat format)
    {
        byte version = message is Hello hello ? hello.Version : format.Version;
        var writer = new WireWriter(output, int.Min(message.SizeHint, MaxMessageSize), version);
        try
        {
            // struct ofp_header
            writer.U8(version);
            bool nicira = message is PacketIn && format.PacketIns != PacketInFormat.Standard;
            bool old = format.Version == Version10 && message is not Hello;
            writer.U8(nicira ? (byte)OfType.Experimenter : old ? V10.Codec10.TypeOf(message, format) : (byte)message.Type);
            int length = writer.ReserveLength();
            writer.U32(message.Xid);
            if (nicira)
                V10.PacketIns.WriteNicira(ref writer, (PacketIn)message, format);
            else if (old)
                V10.Codec10.WriteBody(ref writer, message, format);
            else
                message.WriteBody(ref writer);
            writer.Length(length, 0);
            return writer.Finish();
        }
        finally
        {
            writer.Dispose();
        }
    }

    /// <summary>Writes a message into an array of its own.</summary>
    /// <exception cref="ArgumentException">As <see cref="Encode(OfMessage, IBufferWriter{byte})"/>.</exception>
    public static byte[] Encode(OfMessage message) => Encode(message, WireFormat.OpenFlow13);

    /// <summary>Writes a message into an array of its own, as <paramref name="format"/> says.</summary>
    /// <exception cref="ArgumentException">As <see cref="Encode(OfMessage, IBufferWriter{byte}, WireFormat)"/>.</exception>
    public static byte[] Encode(OfMessage message, WireFormat format)
    {
        var output = new ArrayBufferWriter<byte>(int.Min(message.SizeHint, MaxMessageSize));
        Encode(message, output, format);
        return output.WrittenSpan.ToArray();
    }
}
