using System.Text.Json;
using OvsBridge.Datapath;
using OvsBridge.OpenFlow;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Text;
using OvsBridge.Translator.Tables;

namespace OvsBridge.Translator.Xlate;

/// <summary>Writes a translation as JSON; docs/json.md has the names.</summary>
internal static class TraceJson
{
    /// <summary>One round of a packet through the pipeline, as an object.</summary>
    internal static void Write(
        Utf8JsonWriter json, in FlowKey key, XlateTrace trace, XlateResult result, XlateEnvironment environment, PortNames? ports)
    {
        FlowKey final = trace.Final;
        final.InPort = key.InPort; // the pipeline counts in OpenFlow's numbers
        json.WriteStartObject();
        json.WriteNumber("recirc_id", key.RecircId);
        json.WriteNumber("dp_hash", key.DpHash);
        json.WriteString("flow", FlowKeyText.Print(key, ports));
        Fields(json, "looks_at", FlowKeyText.PrintFields(key, trace.LooksAt, ports));
        json.WriteStartArray("steps");
        foreach (TraceNode node in trace.Roots)
        {
            Write(json, key, node, ports);
        }

        json.WriteEndArray();
        json.WriteString("final_flow", FlowKeyText.Print(final, ports));
        Fields(json, "changes", FlowKeyText.PrintChanges(key, final, ports));
        json.WriteString("megaflow", FlowKeyText.PrintMegaflow(key, result.Mask, ports));
        Fields(json, "megaflow_fields", FlowKeyText.PrintFields(key, result.Mask, ports));
        json.WriteString("datapath_actions", DpActionsText.Print(result.Actions, ports, key, (_, request) => TraceText.Describe(request.Cookie, environment)));
        json.WriteStartArray("slow_path");
        foreach (SlowPathReason reason in SlowPathReason.Of(result.SlowPath))
        {
            json.WriteStartObject();
            json.WriteString("reason", reason.Name);
            json.WriteString("text", reason.Text);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteString("error", result.Error);
        json.WriteEndObject();
    }

    /// <summary>Fields as <see cref="FlowKeyText.PrintFields"/> has them, as an object of strings.</summary>
    internal static void Fields(Utf8JsonWriter json, string name, string fields)
    {
        json.WriteStartObject(name);
        foreach (string word in fields.Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            int equals = word.IndexOf('=', StringComparison.Ordinal);
            json.WriteString(word[..equals], word[(equals + 1)..]);
        }

        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, in FlowKey key, TraceNode node, PortNames? ports)
    {
        json.WriteStartObject();
        switch (node.Content)
        {
            case Rule rule:
                json.WriteString("kind", "table");
                json.WriteNumber("table", rule.TableId);
                json.WriteBoolean("matched", true);
                json.WriteNumber("priority", rule.Priority);
                json.WriteNumber("cookie", rule.Cookie);
                json.WriteString("match", MatchText.Print(rule.Match, ports));
                break;
            case TraceMiss miss:
                json.WriteString("kind", "table");
                json.WriteNumber("table", miss.Table);
                json.WriteBoolean("matched", false);
                break;
            case TraceBucket bucket:
                json.WriteString("kind", "bucket");
                json.WriteNumber("bucket", bucket.Number);
                break;
            default:
                string text = node.Content as string ?? TraceText.Words(node.Content, ports);
                (string kind, string name) = node.Kind switch
                {
                    TraceKind.Action => ("action", "action"),
                    TraceKind.Detail => ("note", "text"),
                    TraceKind.Warning => ("warning", "text"),
                    TraceKind.Error => ("error", "text"),
                    _ => (node.Content is "--. Executing action set:" ? "action_set" : "resume", "text"),
                };
                json.WriteString("kind", kind);
                json.WriteString(name, text.Trim());
                break;
        }

        if (node.Kind is TraceKind.Table or TraceKind.Bucket or TraceKind.Action)
        {
            Fields(json, "looks_at", FlowKeyText.PrintFields(key, node.LooksAt, ports));
            Fields(json, "changes", node.Changed is var (before, after) ? FlowKeyText.PrintChanges(before, after, ports) : "");
        }

        if (node.Children.Count > 0)
        {
            json.WriteStartArray("steps");
            foreach (TraceNode child in node.Children)
            {
                Write(json, key, child, ports);
            }

            json.WriteEndArray();
        }

        json.WriteEndObject();
    }
}
