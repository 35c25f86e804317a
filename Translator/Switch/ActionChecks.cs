using OvsBridge.OpenFlow;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.Translator.Tables;

namespace OvsBridge.Translator.Switch;

/// <summary>
/// What decides, besides the message itself, whether actions and instructions can be taken: ports, groups, meters and
/// tables of this switch. The decoder has judged what the message alone shows (arguments, prerequisites, duplicates).
/// </summary>
internal static class ActionChecks
{
    /// <summary>Checks the instructions of a flow of <paramref name="tableId"/>.</summary>
    /// <exception cref="OfErrorException">BAD_INSTRUCTION, BAD_ACTION or METER_MOD_FAILED.</exception>
    public static void Flow(ValueList<OfInstruction> instructions, byte tableId, PipelineEdit edit)
    {
        foreach (OfInstruction instruction in instructions)
        {
            switch (instruction)
            {
                case ApplyActionsInstruction apply:
                    List(apply.Actions, edit);
                    break;
                case WriteActionsInstruction write:
                    List(write.Actions, edit);
                    break;
                case GotoTableInstruction go:
                    if (go.TableId <= tableId || go.TableId >= edit.TableSettings.Length || !edit.TableSettings[go.TableId].Enabled)
                        throw new OfErrorException(OfError.BadInstructionBadTableId, $"goto_table:{go.TableId} from table {tableId}");
                    break;
                case MeterInstruction meter:
                    // The specification's header has these for "bad meter in meter action" from 1.4 on; 1.3 names nothing nearer.
                    if (meter.MeterId is 0 or > MeterMod.MaxMeter)
                        throw new OfErrorException(OfError.MeterModFailedInvalidMeter, $"meter:0x{meter.MeterId:x} in an instruction");
                    if (!edit.Snapshot.Meters.ContainsKey(meter.MeterId))
                        throw new OfErrorException(OfError.MeterModFailedUnknownMeter, $"meter:{meter.MeterId} does not exist");
                    break;
                case ExperimenterInstruction other:
                    throw new OfErrorException(OfError.BadInstructionBadExperimenter, $"instruction of experimenter 0x{other.Experimenter:x8}");
            }
        }
    }

    /// <summary>Checks the actions of a flow or a bucket.</summary>
    /// <exception cref="OfErrorException">BAD_ACTION.</exception>
    public static void List(ValueList<OfAction> actions, PipelineEdit edit)
    {
        foreach (OfAction action in actions)
        {
            // As Open vSwitch: a flow may name a port that does not exist yet, but none that never can.
            if (action is OutputAction { Port: OfPorts.Table })
                throw new OfErrorException(OfError.BadActionBadOutPort, "output:TABLE is for packet_out only");
            Action(action, edit.Snapshot);
        }
    }

    /// <summary>Checks the actions of a packet_out, which happen now: ports must exist.</summary>
    /// <exception cref="OfErrorException">BAD_ACTION.</exception>
    public static void PacketOut(ValueList<OfAction> actions, PipelineSnapshot snapshot)
    {
        foreach (OfAction action in actions)
        {
            Action(action, snapshot);
            uint? port = action switch
            {
                OutputAction output => output.Port,
                EnqueueAction enqueue => enqueue.Port,
                _ => null,
            };
            if (port is <= OfPorts.Max or OfPorts.Local && !snapshot.Ports.ContainsKey(port.Value))
                throw new OfErrorException(OfError.BadActionBadOutPort, $"there is no port {port}");
        }
    }

    /// <summary>Whether a port of this number can ever exist.</summary>
    public static bool IsPossiblePort(uint port) => port is >= 1 and <= OfPorts.HighestOrdinary or OfPorts.Local;

    private static void Action(OfAction action, PipelineSnapshot snapshot)
    {
        switch (action)
        {
            case OutputAction output:
                if (!IsPossiblePort(output.Port) && output.Port is < OfPorts.InPort or OfPorts.Any)
                    throw new OfErrorException(OfError.BadActionBadOutPort, $"output:0x{output.Port:x} can never exist");
                break;
            case EnqueueAction enqueue:
                if (!IsPossiblePort(enqueue.Port) && enqueue.Port != OfPorts.InPort)
                    throw new OfErrorException(OfError.BadActionBadOutPort, $"enqueue to port 0x{enqueue.Port:x}, which can never exist");
                break;
            case GroupAction group:
                if (!snapshot.Groups.ContainsKey(group.GroupId))
                    throw new OfErrorException(OfError.BadActionBadOutGroup, $"group:{group.GroupId} does not exist");
                break;
            case ExperimenterAction other:
                throw new OfErrorException(OfError.BadActionBadExperimenter, $"action of experimenter 0x{other.Experimenter:x8}");
        }
    }
}
