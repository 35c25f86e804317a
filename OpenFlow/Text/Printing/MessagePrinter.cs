using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Messages.Multipart;
using OvsBridge.OpenFlow.Wire;

namespace OvsBridge.OpenFlow.Text;

/// <summary>
/// Whole messages as <c>ovs-ofctl</c> prints them, byte for byte: what its dumps, its monitor and its error messages consist of.
/// </summary>
/// <remarks>
/// A message that can't be decoded is shown with the error that a switch would answer, and its bytes. Immutable but for
/// <see cref="Ports"/>; one thread at a time.
/// </remarks>
public sealed partial class MessagePrinter
{
    private static readonly string[] _messageNames =
    [
        "OFPT_HELLO", "OFPT_ERROR", "OFPT_ECHO_REQUEST", "OFPT_ECHO_REPLY", "", "OFPT_FEATURES_REQUEST", "OFPT_FEATURES_REPLY",
        "OFPT_GET_CONFIG_REQUEST", "OFPT_GET_CONFIG_REPLY", "OFPT_SET_CONFIG", "OFPT_PACKET_IN", "OFPT_FLOW_REMOVED", "OFPT_PORT_STATUS",
        "OFPT_PACKET_OUT", "OFPT_FLOW_MOD", "OFPT_GROUP_MOD", "OFPT_PORT_MOD", "OFPT_TABLE_MOD", "", "", "OFPT_BARRIER_REQUEST",
        "OFPT_BARRIER_REPLY", "OFPT_QUEUE_GET_CONFIG_REQUEST", "OFPT_QUEUE_GET_CONFIG_REPLY", "OFPT_ROLE_REQUEST", "OFPT_ROLE_REPLY",
        "OFPT_GET_ASYNC_REQUEST", "OFPT_GET_ASYNC_REPLY", "OFPT_SET_ASYNC", "OFPT_METER_MOD",
    ];

    private static readonly string[] _multipartNames =
    [
        "OFPST_DESC", "OFPST_FLOW", "OFPST_AGGREGATE", "OFPST_TABLE", "OFPST_PORT", "OFPST_QUEUE", "OFPST_GROUP", "OFPST_GROUP_DESC",
        "OFPST_GROUP_FEATURES", "OFPST_METER", "OFPST_METER_CONFIG", "OFPST_METER_FEATURES", "OFPST_TABLE_FEATURES", "OFPST_PORT_DESC",
    ];

    /// <summary>Names for ports (--names), or null.</summary>
    public PortNames? Ports { get; set; }

    /// <summary>How much is told: 0 leaves packets out, 1 and more shows their headers, 3 and more their bytes too, 5 and more each message's.</summary>
    public int Verbosity { get; init; } = 1;

    /// <summary>A frame's headers as one line without end; null: frames are not described.</summary>
    public Func<ReadOnlyMemory<byte>, string>? PacketText { get; init; }

    /// <summary>A message of any version, or what came instead of one; ends with a newline.</summary>
    /// <param name="message">Its bytes, header included.</param>
    public string Print(ReadOnlySpan<byte> message)
    {
        StringBuilder text = new();
        Append(text, message);
        return text.ToString();
    }

    /// <summary>A message of OpenFlow 1.3; ends with a newline.</summary>
    public string Print(OfMessage message)
    {
        StringBuilder text = new();
        Append(text, message);
        return text.ToString();
    }

    /// <summary>Appends a message of any version, or what came instead of one.</summary>
    public void Append(StringBuilder text, ReadOnlySpan<byte> message)
    {
        if (message.Length < MessageHeader.Size)
        {
            text.Append(CultureInfo.InvariantCulture, $"OpenFlow packet too short (only {message.Length} bytes):\n");
            HexDump.Append(text, message);
            return;
        }

        MessageHeader header = MessageHeader.Read(message);
        if (header.Length > message.Length)
        {
            if (header.Version == OfCodec.Version && NameOf(message) is { } name)
                AppendHeader(text, name, header.Version, header.Xid).Append('\n');
            text.Append(CultureInfo.InvariantCulture, $"(***truncated to {message.Length} bytes from {header.Length}***)\n");
            HexDump.Append(text, message);
            return;
        }

        if (header.Length < message.Length)
        {
            text.Append(CultureInfo.InvariantCulture, $"(***only uses {header.Length} bytes out of {message.Length}***)\n");
            HexDump.Append(text, message);
            return;
        }

        try
        {
            Append(text, OfCodec.Decode(message), header.Version);
            if (Verbosity >= 5)
                HexDump.Append(text, message);
        }
        catch (OfErrorException refused)
        {
            if (header.Version == OfCodec.Version && NameOf(message) is { } name && MinimumSize(header.Type) <= message.Length)
                AppendHeader(text, name, header.Version, header.Xid).Append(' ');
            text.Append(CultureInfo.InvariantCulture, $"***decode error: {ErrorNames.Print(refused.Error)}***\n");
            HexDump.Append(text, message);
        }
    }

    /// <summary>Appends a message of OpenFlow 1.3, or one that is the same in <paramref name="version"/>.</summary>
    public void Append(StringBuilder text, OfMessage message, byte version = OfCodec.Version)
    {
        AppendHeader(text, NameOf(message), message is Hello hello ? hello.Version : version, message.Xid);
        AppendBody(text, message);
        if (text[^1] != '\n')
            text.Append('\n');
    }

    /// <summary>Appends what stands in front of each message: its name, version and xid.</summary>
    private static StringBuilder AppendHeader(StringBuilder text, string name, byte version, uint xid)
    {
        text.Append(name);
        text.Append(version switch
        {
            1 => "",
            >= 2 and <= 6 => string.Create(CultureInfo.InvariantCulture, $" (OF1.{version - 1})"),
            _ => $" (OF 0x{version:x2})",
        });
        return text.Append(CultureInfo.InvariantCulture, $" (xid=0x{xid:x}):");

    }

    private void AppendBody(StringBuilder text, OfMessage message)
    {
        switch (message)
        {
            case MultipartRequest m:
                AppendQuery(text, m);
                break;
            case MultipartReply m:
                AppendAnswer(text, m);
                break;
            case Hello m:
                AppendHello(text, m);
                break;
            case ErrorMessage m:
                AppendError(text, m);
                break;
            case EchoRequest m:
                AppendEcho(text, m.Data.Span);
                break;
            case EchoReply m:
                AppendEcho(text, m.Data.Span);
                break;
            case FeaturesReply m:
                AppendFeatures(text, m);
                break;
            case GetConfigReply m:
                AppendConfig(text, m.Fragments, m.MissSendLength);
                break;
            case SetConfig m:
                AppendConfig(text, m.Fragments, m.MissSendLength);
                break;
            case PacketIn m:
                AppendPacketIn(text, m);
                break;
            case PacketOut m:
                AppendPacketOut(text, m);
                break;
            case FlowMod m:
                text.Append(' ').Append(FlowSyntax.PrintMessage(m, Ports));
                break;
            case FlowRemoved m:
                AppendFlowRemoved(text, m);
                break;
            case GroupMod m:
                AppendGroupMod(text, m);
                break;
            case MeterMod m:
                AppendMeterMod(text, m);
                break;
            case PortStatus m:
                text.Append(m.Reason switch { PortReason.Add => " ADD:", PortReason.Delete => " DEL:", _ => " MOD:" });
                AppendPort(text, m.Port);
                break;
            case PortMod m:
                AppendPortMod(text, m);
                break;
            case TableMod m:
                text.Append(m.TableId == FlowMod.AllTables ? " table_id: ALL_TABLES" : string.Create(CultureInfo.InvariantCulture, $" table_id={m.TableId}"));
                break;
            case QueueGetConfigRequest m:
                text.Append(" port=").Append(PortNames.Print(m.Port, Ports));
                break;
            case QueueGetConfigReply m:
                AppendQueues(text, m);
                break;
            case RoleRequest m:
                AppendRole(text, m.Role, m.Role == ControllerRole.NoChange ? ulong.MaxValue : m.GenerationId);
                break;
            case RoleReply m:
                AppendRole(text, m.Role, m.GenerationId);
                break;
            case GetAsyncReply m:
                AppendAsync(text, m.Config);
                break;
            case SetAsync m:
                AppendAsync(text, m.Config);
                break;
            case BundleControl m:
                AppendBundleControl(text, m);
                break;
            case BundleAdd m:
                AppendBundleAdd(text, m);
                break;
            case ExperimenterMessage m:
                text.Append(CultureInfo.InvariantCulture, $" experimenter=0x{m.Experimenter:x} exp_type={m.ExperimenterType}\n");
                HexDump.Append(text, m.Body.Span);
                break;
        }
    }

    private static int MinimumSize(byte type) => MessageTable.Find(type)?.MinSize ?? int.MaxValue;

    private static string NameOf(OfMessage message) => message switch
    {
        MultipartRequest m => NameOf(m.Query.Kind) + " request",
        MultipartReply m => NameOf(m.Answer.Kind) + " reply",
        BundleControl => "ONFT_BUNDLE_CONTROL",
        BundleAdd => "ONFT_BUNDLE_ADD_MESSAGE",
        ExperimenterMessage => "OFPT_EXPERIMENTER",
        _ => _messageNames[(int)message.Type],
    };

    private static string NameOf(MultipartType kind) =>
        (int)kind < _multipartNames.Length ? _multipartNames[(int)kind] : "OFPST_EXPERIMENTER";

    // What can be told from the first bytes, maybe of a message that is cut; null: its kind is not known.
    private static string? NameOf(ReadOnlySpan<byte> message)
    {
        byte type = message[1];
        switch ((OfType)type)
        {
            case OfType.MultipartRequest or OfType.MultipartReply:
                if (message.Length < 16)
                    return null;
                ushort kind = BinaryPrimitives.ReadUInt16BigEndian(message[8..]);
                return kind < _multipartNames.Length ? $"{_multipartNames[kind]} {((OfType)type == OfType.MultipartRequest ? "request" : "reply")}" : null;
            case OfType.Experimenter:
                if (message.Length < 16 || BinaryPrimitives.ReadUInt32BigEndian(message[8..]) != ExperimenterMessage.Onf)
                    return null;
                return BinaryPrimitives.ReadUInt32BigEndian(message[12..]) switch
                {
                    BundleControl.ExperimenterType => "ONFT_BUNDLE_CONTROL",
                    BundleAdd.ExperimenterType => "ONFT_BUNDLE_ADD_MESSAGE",
                    _ => null,
                };
            default:
                return type < _messageNames.Length ? _messageNames[type] : null;
        }
    }
}
