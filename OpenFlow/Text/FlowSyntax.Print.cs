using System.Globalization;
using System.Text;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Messages.Multipart;

namespace OvsBridge.OpenFlow.Text;

public static partial class FlowSyntax
{
    /// <summary>A line of <c>ovs-ofctl dump-flows</c>, with its leading blank.</summary>
    /// <param name="flow">The flow.</param>
    /// <param name="ports">Names for ports (--names), or null.</param>
    /// <param name="statistics">False: without duration and counters (--no-stats).</param>
    public static string Print(FlowStatsEntry flow, PortNames? ports = null, bool statistics = true)
    {
        StringBuilder text = new();
        text.Append(' ');
        if (statistics || flow.Cookie != 0)
        {
            text.Append(CultureInfo.InvariantCulture, $"cookie=0x{flow.Cookie:x}, ");
        }

        if (statistics)
        {
            text.Append(CultureInfo.InvariantCulture, $"duration={Duration(flow.DurationNs)}, ");
        }

        string table = PortNames.PrintTable(flow.TableId, ports);
        if (statistics || table != "0")
        {
            text.Append("table=").Append(table).Append(", ");
        }

        if (statistics)
        {
            AppendCount(text, "n_packets", flow.PacketCount);
            AppendCount(text, "n_bytes", flow.ByteCount);
        }

        AppendTimeout(text, "idle_timeout", flow.IdleTimeoutSeconds);
        AppendTimeout(text, "hard_timeout", flow.HardTimeoutSeconds);
        AppendFlags(text, flow.Flags);
        AppendMatch(text, flow.Priority, flow.Match, ports);
        text.Append("actions=").Append(InstructionText.Print(flow.Instructions, ports));
        return text.ToString();
    }

    /// <summary>A flow_mod as a line that <see cref="ParseFlow"/> reads back; the command is not in it.</summary>
    public static string Print(FlowMod flow, PortNames? ports = null)
    {
        bool delete = flow.Command is FlowModCommand.Delete or FlowModCommand.DeleteStrict;
        StringBuilder text = new();
        if (flow.TableId != (delete ? FlowMod.AllTables : 0))
        {
            text.Append(CultureInfo.InvariantCulture, $"table={flow.TableId},");
        }

        if (flow.CookieMask != 0)
        {
            text.Append(CultureInfo.InvariantCulture, $"cookie=0x{flow.Cookie:x}/0x{flow.CookieMask:x},");
        }
        else if (flow.Cookie != 0)
        {
            text.Append(CultureInfo.InvariantCulture, $"cookie=0x{flow.Cookie:x},");
        }

        if (flow.IdleTimeoutSeconds != 0)
        {
            text.Append(CultureInfo.InvariantCulture, $"idle_timeout={flow.IdleTimeoutSeconds},");
        }

        if (flow.HardTimeoutSeconds != 0)
        {
            text.Append(CultureInfo.InvariantCulture, $"hard_timeout={flow.HardTimeoutSeconds},");
        }

        foreach ((string word, FlowModFlags flag) in _flags)
        {
            text.Append((flow.Flags & flag) != 0 ? $"{word}," : "");
        }

        if (delete && flow.OutPort != OfPorts.Any)
        {
            text.Append("out_port=").Append(PortNames.Print(flow.OutPort, ports)).Append(',');
        }

        if (delete && flow.OutGroup != GroupMod.AnyGroup)
        {
            text.Append(CultureInfo.InvariantCulture, $"out_group={flow.OutGroup},");
        }

        AppendMatch(text, flow.Priority, flow.Match, ports);
        if (delete)
        {
            return text.ToString().TrimEnd(' ', ',');
        }

        return text.Append("actions=").Append(InstructionText.Print(flow.Instructions, ports)).ToString();
    }

    /// <summary>A flow_mod as ovs-ofctl prints the message (ofp-print, snoop), behind type and xid: <c>ADD table:3 in_port=1 cookie:0x7 actions=output:2</c>.</summary>
    public static string PrintMessage(FlowMod flow, PortNames? ports = null)
    {
        StringBuilder text = new();
        text.Append(flow.Command switch
        {
            FlowModCommand.Add => "ADD ",
            FlowModCommand.Modify => "MOD ",
            FlowModCommand.ModifyStrict => "MOD_STRICT ",
            FlowModCommand.Delete => "DEL ",
            _ => "DEL_STRICT ",
        });
        if (flow.TableId != 0)
        {
            text.Append("table:").Append(PortNames.PrintTable(flow.TableId, ports)).Append(' ');
        }

        AppendMatch(text, flow.Priority, flow.Match, ports);
        // What is added has a cookie; what is changed or deleted is selected by one, or it means nothing.
        if (flow.Command != FlowModCommand.Add)
        {
            text.Append(flow.CookieMask == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"cookie:0x{flow.Cookie:x}/0x{flow.CookieMask:x} "));
        }
        else if (flow.Cookie is not (0 or ulong.MaxValue))
        {
            text.Append(CultureInfo.InvariantCulture, $"cookie:0x{flow.Cookie:x} ");
        }

        text.Append(flow.IdleTimeoutSeconds == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"idle:{flow.IdleTimeoutSeconds} "));
        text.Append(flow.HardTimeoutSeconds == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"hard:{flow.HardTimeoutSeconds} "));
        text.Append(flow.BufferId == FlowMod.NoBuffer ? "" : $"buf:0x{flow.BufferId:x} ");
        text.Append(flow.OutPort == OfPorts.Any ? "" : $"out_port:{PortNames.Print(flow.OutPort, ports)} ");
        AppendFlags(text, flow.Flags);
        return text.Append("actions=").Append(InstructionText.Print(flow.Instructions, ports)).ToString();
    }

    /// <summary>A time span as ovs-ofctl prints it: whole seconds, or with as many decimals as it takes, but three at least.</summary>
    internal static string Duration(ulong nanoseconds)
    {
        ulong seconds = nanoseconds / 1_000_000_000, rest = nanoseconds % 1_000_000_000;
        if (rest == 0)
            return string.Create(CultureInfo.InvariantCulture, $"{seconds}s");
        int digits = 9;
        for (; digits > 3 && rest % 10 == 0; digits--)
            rest /= 10;
        return string.Create(CultureInfo.InvariantCulture, $"{seconds}.{rest.ToString("d" + digits, CultureInfo.InvariantCulture)}s");
    }

    // "priority=5,ip " with a blank behind it unless there is nothing to say
    internal static void AppendMatch(StringBuilder text, ushort priority, Match match, PortNames? ports)
    {
        int start = text.Length;
        if (priority != DefaultPriority)
        {
            text.Append(CultureInfo.InvariantCulture, $"priority={priority}");
        }

        string words = MatchText.Print(match, ports);
        text.Append(text.Length > start && words.Length > 0 ? "," : "").Append(words);
        if (text.Length > start)
        {
            text.Append(' ');
        }
    }

    private static void AppendCount(StringBuilder text, string name, ulong count)
    {
        text.Append(name).Append('=');
        if (count == ulong.MaxValue)
            text.Append('?'); // not counted (OFPFF_NO_PKT_COUNTS)
        else
            text.Append(count);
        text.Append(", ");
    }

    private static void AppendTimeout(StringBuilder text, string name, ushort seconds)
    {
        if (seconds != 0)
        {
            text.Append(CultureInfo.InvariantCulture, $"{name}={seconds}, ");
        }
    }

    private static void AppendFlags(StringBuilder text, FlowModFlags flags)
    {
        foreach ((string word, FlowModFlags flag) in _flags)
        {
            text.Append((flags & flag) != 0 ? $"{word} " : "");
        }
    }
}
