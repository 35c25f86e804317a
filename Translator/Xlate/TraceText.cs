using System.Globalization;
using System.Text;
using OvsBridge.Datapath;
using OvsBridge.OpenFlow;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Text;
using OvsBridge.Translator.Tables;

namespace OvsBridge.Translator.Xlate;

/// <summary>Prints a translation in the layout of <c>ovs-appctl ofproto/trace</c>.</summary>
internal static class TraceText
{
    /// <summary>The whole answer.</summary>
    /// <param name="bridge">Name of the bridge.</param>
    /// <param name="key">The packet.</param>
    /// <param name="trace">What happened to it.</param>
    /// <param name="result">What came of it.</param>
    /// <param name="environment">Knows the records that actions name.</param>
    /// <param name="ports">Names for ports, or null.</param>
    /// <param name="wildcards">With a remark for each step that looked at bits of the packet: at which.</param>
    internal static string Print(
        string bridge, in FlowKey key, XlateTrace trace, XlateResult result, XlateEnvironment environment, PortNames? ports, bool wildcards = false)
    {
        FlowKey packet = key;
        StringWriter text = new(CultureInfo.InvariantCulture) { NewLine = "\n" };
        string title = $"bridge(\"{bridge}\")";
        text.WriteLine($"Flow: {FlowKeyText.Print(key, ports)}");
        text.WriteLine();
        text.WriteLine(title);
        text.WriteLine(new string('-', title.Length));
        if (wildcards)
        {
            text.WriteLine($" -> always looks at: {FlowKeyText.PrintFields(key, trace.LooksAt, ports)}");
        }

        trace.Print(text, content => Words(content, ports), wildcards ? LooksAt : null);
        text.WriteLine();
        text.WriteLine($"Final flow: {Final(key, trace.Final, ports)}");
        text.WriteLine($"Megaflow: {FlowKeyText.PrintMegaflow(key, result.Mask, ports)}");
        text.WriteLine($"Datapath actions: {DpActionsText.Print(result.Actions, ports, key, (_, request) => Describe(request.Cookie, environment))}");
        if ((result.SlowPath & ~SlowPathReasons.Controller) != 0)
        {
            text.WriteLine("This flow is handled by the userspace slow path because:");
            foreach (SlowPathReason reason in SlowPathReason.Of(result.SlowPath & ~SlowPathReasons.Controller))
            {
                text.WriteLine($"  - {reason.Text}");
            }
        }

        return text.ToString();

        string? LooksAt(TraceNode node) => node.LooksAt == default ? null : $"looks at: {FlowKeyText.PrintFields(packet, node.LooksAt, ports)}";
    }

    /// <summary>One line's content.</summary>
    internal static string Words(object content, PortNames? ports) => content switch
    {
        Rule rule => Hit(rule, ports),
        OfAction action => ActionText.Print(action, ports),
        OfInstruction instruction => InstructionText.Print(instruction, ports),
        ValueList<OfAction> actions => $"action set is: {ActionText.Print(actions, ports)}",
        _ => content.ToString() ?? "",
    };

    private static string Hit(Rule rule, PortNames? ports)
    {
        StringBuilder text = new();
        text.Append(CultureInfo.InvariantCulture, $"{rule.TableId,2}. ");
        string match = MatchText.Print(rule.Match, ports);
        text.Append(match);
        text.Append(CultureInfo.InvariantCulture, $"{(match.Length == 0 ? "" : ", ")}priority {rule.Priority}");
        if (rule.Cookie != 0)
        {
            text.Append(CultureInfo.InvariantCulture, $", cookie 0x{rule.Cookie:x}");
        }

        return text.ToString();
    }

    private static string Final(FlowKey key, FlowKey final, PortNames? ports)
    {
        final.InPort = key.InPort; // the pipeline counts in OpenFlow's numbers
        return final == key ? "unchanged" : FlowKeyText.Print(final, ports);
    }

    internal static string? Describe(ulong cookie, XlateEnvironment environment)
    {
        if ((cookie & Xlator.ContinuationCookie) != 0)
        {
            return "slow_path(reparse)";
        }

        return environment.PacketIns.Find((uint)cookie) is { } record
            ? string.Create(
                CultureInfo.InvariantCulture,
                $"controller(reason={(int)record.Reason},rule_cookie={(record.Cookie == 0 ? "0" : $"0x{record.Cookie:x}")},max_len={record.MaxLength ?? ushort.MaxValue})")
            : null;
    }
}
