using OvsBridge.OpenFlow;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Text;

namespace OvsBridge.Testing;

/// <summary>OpenFlow values written as text.</summary>
public static class Flows
{
    /// <summary>An add: <c>Flows.Rule("priority=5,in_port=1,actions=output:2")</c>.</summary>
    public static FlowMod Rule(string line) => FlowSyntax.ParseFlow(line);

    /// <summary>Any command: <c>Flows.Command("del-flows --strict priority=5,ip")</c>, <c>"add-group group_id=1,..."</c>.</summary>
    public static OfMessage Command(string line) => FlowSyntax.ParseCommand(line);

    /// <summary>A match: <c>Flows.Match("tcp,nw_dst=10.0.0.0/8")</c>.</summary>
    public static Match Match(string text) => MatchText.Parse(text);

    /// <summary>A list of actions: <c>Flows.Actions("dec_ttl,output:2")</c>.</summary>
    public static ValueList<OfAction> Actions(string text) => ActionText.Parse(text);
}
