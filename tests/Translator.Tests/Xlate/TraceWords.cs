using OvsBridge.OpenFlow;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Text;
using OvsBridge.Translator.Tables;

namespace OvsBridge.Translator.Tests.Xlate;

internal static class TraceWords
{
    internal static string Of(object content) => content switch
    {
        Rule rule => $"{rule.TableId,2}. {MatchText.Print(rule.Match)}, priority {rule.Priority} {InstructionText.Print(rule.Instructions)}",
        OfAction action => ActionText.Print(action),
        OfInstruction instruction => InstructionText.Print(instruction),
        _ => content.ToString()!,
    };
}
