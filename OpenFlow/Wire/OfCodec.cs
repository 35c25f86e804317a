using System.Buffers;
using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Messages;

namespace OvsBridge.OpenFlow.Wire;

/// <summary>OpenFlow 1.3 messages as bytes, both ways.</summary>
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
/// <para>Thread-safe. A message holds copies of what it needs; the received bytes may be reused at once.</para>
/// </remarks>
public static class OfCodec
{
    /// <summary>OpenFlow 1.3 in the header.</summary>
    public const byte Version = 4;

    /// <summary>The longest message in bytes.</summary>
    public const int MaxMessageSize = ushort.MaxValue;

    /// <summary>Reads one whole message, header included. HELLO and ERROR are read in any version, the others in 1.3.</summary>
    /// <exception cref="OfErrorException">
    /// The message is malformed or asks for what cannot be: carries the specification's error for it. No other exception.
    /// </exception>
    public static OfMessage Decode(ReadOnlySpan<byte> message)
    {
        var reader = new WireReader(message, OfError.BadRequestBadLen, "message");
        MessageHeader header = MessageHeader.Read(ref reader);
        if (header.Length != message.Length)
            WireReader.Fail(OfError.BadRequestBadLen, $"the header says {header.Length} bytes, the message has {message.Length}");

        MessageRow? row = MessageTable.Find(header.Type);
        if (header.Version != Version && row is not { AnyVersion: true })
            WireReader.Fail(OfError.BadRequestBadVersion, $"version 0x{header.Version:x2}, not 0x{Version:x2}");
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
    public static int Encode(OfMessage message, IBufferWriter<byte> output)
    {
        byte version = message is Hello hello ? hello.Version : Version;
        var writer = new WireWriter(output, int.Min(message.SizeHint, MaxMessageSize), version);
        try
        {
            // struct ofp_header
            writer.U8(version);
            writer.U8((byte)message.Type);
            int length = writer.ReserveLength();
            writer.U32(message.Xid);
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
    public static byte[] Encode(OfMessage message)
    {
        var output = new ArrayBufferWriter<byte>(int.Min(message.SizeHint, MaxMessageSize));
        Encode(message, output);
        return output.WrittenSpan.ToArray();
    }
}
