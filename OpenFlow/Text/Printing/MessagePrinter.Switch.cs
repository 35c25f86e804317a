using System.Globalization;
using System.Text;
using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Messages;

namespace OvsBridge.OpenFlow.Text;

public sealed partial class MessagePrinter
{
    private static readonly string[] _packetInReasons = ["no_match", "action", "invalid_ttl", "action_set", "group", "packet_out"];
    private static readonly string[] _portReasons = ["add", "delete", "modify"];
    private static readonly string[] _flowRemovedReasons = ["idle", "hard", "delete", "group_delete", "meter_delete", "eviction"];
    private static readonly string[] _bundleControls =
        ["OPEN_REQUEST", "OPEN_REPLY", "CLOSE_REQUEST", "CLOSE_REPLY", "COMMIT_REQUEST", "COMMIT_REPLY", "DISCARD_REQUEST", "DISCARD_REPLY"];

    private static void AppendHello(StringBuilder text, Hello hello)
    {
        text.Append("\n version bitmap: ");

        // Without a bitmap, the header's version stands for itself and all below.
        uint bitmap = hello.Bitmap ?? (uint)((1UL << (hello.Version + 1)) - 2);
        bool first = true;
        for (int version = 1; version < 32; version++)
        {
            if ((bitmap >> version & 1) == 0)
                continue;
            text.Append(first ? "" : ", ").Append(CultureInfo.InvariantCulture, $"0x{version:x2}");
            first = false;
        }
    }

    private void AppendError(StringBuilder text, ErrorMessage error)
    {
        if (OfError.Find(error.ErrorType, error.Code, error.Experimenter) is not { } row)
        {
            text.Append(CultureInfo.InvariantCulture, $" type {error.ErrorType}, code {error.Code}\n");
            HexDump.Append(text, error.Data.Span);
            return;
        }

        text.Append(' ').Append(ErrorNames.Print(row)).Append('\n');
        if (row.Type == OfError.HelloFailedIncompatible.Type)
        {
            foreach (byte b in error.Data.Span)
            {
                if (b is >= 0x20 and < 0x7f and not ((byte)'\\' or (byte)'"'))
                    text.Append((char)b);
                else
                    text.Append('\\').Append((char)('0' + (b >> 6))).Append((char)('0' + (b >> 3 & 7))).Append((char)('0' + (b & 7)));
            }

            text.Append('\n');
            return;
        }

        Append(text, error.Data.Span);
    }

    private void AppendEcho(StringBuilder text, ReadOnlySpan<byte> data)
    {
        text.Append(CultureInfo.InvariantCulture, $" {data.Length} bytes of payload\n");
        if (Verbosity > 1)
            HexDump.Append(text, data);
    }

    private static void AppendFeatures(StringBuilder text, FeaturesReply features)
    {
        text.Append(CultureInfo.InvariantCulture, $" dpid:{features.DatapathId:x16}\nn_tables:{features.TableCount}, n_buffers:{features.BufferCount}");
        if (features.AuxiliaryId != 0)
            text.Append(CultureInfo.InvariantCulture, $", auxiliary_id:{features.AuxiliaryId}");
        text.Append("\ncapabilities: ");
        BitNames.Append(text, (uint)features.Capabilities, BitNames.Capabilities);
    }

    private static void AppendConfig(StringBuilder text, FragmentHandling fragments, ushort missSendLength) =>
        text.Append(CultureInfo.InvariantCulture, $" frags={FragmentsWord(fragments)} miss_send_len={missSendLength}");

    /// <summary>normal, drop, reassemble, or Open vSwitch's nx-match.</summary>
    public static string FragmentsWord(FragmentHandling fragments) => ((int)fragments & 3) switch
    {
        0 => "normal",
        1 => "drop",
        2 => "reassemble",
        _ => "nx-match",
    };

    private static void AppendRole(StringBuilder text, ControllerRole role, ulong generation)
    {
        text.Append(" role=").Append(role switch
        {
            ControllerRole.NoChange => "nochange",
            ControllerRole.Equal => "equal",
            ControllerRole.Master => "primary",
            _ => "secondary",
        });
        if (generation != ulong.MaxValue)
            text.Append(CultureInfo.InvariantCulture, $" generation_id={generation}");
    }

    private static void AppendAsync(StringBuilder text, AsyncConfig config)
    {
        // Kinds of message that only later versions have are always off; reasons that 1.3 does not have are not told.
        Append("primary", config.PacketInMaster, config.PortStatusMaster, config.FlowRemovedMaster);
        Append("secondary", config.PacketInSlave, config.PortStatusSlave, config.FlowRemovedSlave);

        void Append(string role, uint packetIn, uint portStatus, uint flowRemoved)
        {
            text.Append("\n ").Append(role).Append(":\n");
            Reasons("       PACKET_IN:", packetIn, _packetInReasons.AsSpan(0, 3));
            Reasons("     PORT_STATUS:", portStatus, _portReasons);
            Reasons("    FLOW_REMOVED:", flowRemoved, _flowRemovedReasons);
            text.Append("     ROLE_STATUS: (off)\n    TABLE_STATUS: (off)\n  REQUESTFORWARD: (off)\n");
        }

        void Reasons(string title, uint bits, ReadOnlySpan<string> names)
        {
            text.Append(title);
            int start = text.Length;
            for (int reason = 0; reason < names.Length; reason++)
                text.Append((bits >> reason & 1) != 0 ? " " + names[reason] : "");
            text.Append(text.Length == start ? " (off)\n" : "\n");
        }
    }

    private static string ReasonWord(ReadOnlySpan<string> names, int reason) =>
        reason < names.Length ? names[reason] : reason.ToString(CultureInfo.InvariantCulture);

    private static void AppendBundleControl(StringBuilder text, BundleControl bundle)
    {
        text.Append(CultureInfo.InvariantCulture, $"\n bundle_id={Fields.FieldValueText.Hex(bundle.BundleId)} type={_bundleControls[(int)bundle.ControlType & 7]} flags=");
        BitNames.Append(text, (uint)bundle.Flags, BitNames.Bundle);
    }

    private void AppendBundleAdd(StringBuilder text, BundleAdd bundle)
    {
        text.Append(CultureInfo.InvariantCulture, $"\n bundle_id={Fields.FieldValueText.Hex(bundle.BundleId)} flags=");
        BitNames.Append(text, (uint)bundle.Flags, BitNames.Bundle);
        text.Append('\n');
        Append(text, bundle.Message with { Xid = bundle.Xid });
    }
}
