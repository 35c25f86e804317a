using OvsBridge.OpenFlow;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.Translator.Tables;

namespace OvsBridge.Translator.Switch;

/// <summary>What the instructions of a flow refer to.</summary>
internal static class RuleQueries
{
    /// <summary>The actions of an instruction that has some.</summary>
    public static ValueList<OfAction> ActionsOf(OfInstruction instruction) => instruction switch
    {
        ApplyActionsInstruction apply => apply.Actions,
        WriteActionsInstruction write => write.Actions,
        _ => default,
    };

    /// <summary>Whether an action, in a list or for the action set, outputs to <paramref name="port"/>.</summary>
    public static bool OutputsTo(this Rule rule, uint port)
    {
        foreach (OfInstruction instruction in rule.Instructions)
        {
            foreach (OfAction action in ActionsOf(instruction))
            {
                uint? to = action switch
                {
                    OutputAction output => output.Port,
                    EnqueueAction enqueue => enqueue.Port,
                    ControllerAction => OfPorts.Controller,
                    _ => null,
                };
                if (to == port)
                    return true;
            }
        }

        return false;
    }

    /// <summary>Whether an action names the group.</summary>
    public static bool UsesGroup(this Rule rule, uint groupId)
    {
        foreach (OfInstruction instruction in rule.Instructions)
        {
            foreach (OfAction action in ActionsOf(instruction))
            {
                if (action is GroupAction group && group.GroupId == groupId)
                    return true;
            }
        }

        return false;
    }

    /// <summary>Whether the flow goes by itself some day.</summary>
    public static bool HasTimeout(this Rule rule) => (rule.IdleTimeoutSeconds | rule.HardTimeoutSeconds) != 0;

    /// <summary>Whether bucket actions forward to the group.</summary>
    public static bool ForwardsTo(this Group group, uint groupId)
    {
        foreach (Bucket bucket in group.Buckets)
        {
            foreach (OfAction action in bucket.Actions)
            {
                if (action is GroupAction forward && forward.GroupId == groupId)
                    return true;
            }
        }

        return false;
    }
}
