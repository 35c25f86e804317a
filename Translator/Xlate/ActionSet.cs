using OvsBridge.OpenFlow.Actions;

namespace OvsBridge.Translator.Xlate;

/// <summary>
/// An action set: at most one action of each kind (one set_field a field), executed in the order that the specification
/// gives, whatever the order of writing (OpenFlow 1.3.5, 5.10).
/// </summary>
internal sealed class ActionSet
{
    private const int OutputRank = 10;

    private readonly List<(int Rank, OfAction Action)> _actions = [];

    /// <summary>Whether nothing is in it.</summary>
    internal bool IsEmpty => _actions.Count == 0;

    /// <summary>Empties it.</summary>
    internal void Clear() => _actions.Clear();

    /// <summary>Adds an action, in place of one of the same kind.</summary>
    internal void Write(OfAction action)
    {
        int rank = Rank(action);
        int index = _actions.FindIndex(a => a.Rank == rank && SameKind(a.Action, action));
        if (index >= 0)
        {
            _actions.RemoveAt(index);
        }

        _actions.Add((rank, action));
    }

    /// <summary>The actions in order of execution. A group takes the place of an output.</summary>
    internal OfAction[] InOrder()
    {
        bool group = _actions.Exists(a => a.Action is GroupAction);
        return [.. _actions.Where(a => !(group && a.Rank == OutputRank)).OrderBy(a => a.Rank).Select(a => a.Action)];
    }

    /// <summary>Whether it would send the packet anywhere.</summary>
    internal bool HasOutput => _actions.Exists(a => a.Rank >= OutputRank || a.Action is GroupAction);

    // OpenFlow 1.3.5, 5.10: copy TTL inwards, pop, push-MPLS, push-PBB, push-VLAN, copy TTL outwards, decrement TTL, set, qos, group, output.
    private static int Rank(OfAction action) => action switch
    {
        CopyTtlInAction => 0,
        PopVlanAction or PopMplsAction or PopPbbAction => 1,
        PushMplsAction => 2,
        PushPbbAction => 3,
        PushVlanAction => 4,
        CopyTtlOutAction => 5,
        DecNwTtlAction or DecMplsTtlAction => 6,
        SetFieldAction or SetNwTtlAction or SetMplsTtlAction or SetVlanVidAction or SetVlanPcpAction or SetTransportPortAction => 7,
        SetQueueAction or PopQueueAction => 8,
        OutputAction or EnqueueAction or ControllerAction => OutputRank,
        _ => 9, // a group, and what does nothing
    };

    private static bool SameKind(OfAction a, OfAction b) => (a, b) switch
    {
        (SetFieldAction x, SetFieldAction y) => x.Field == y.Field,
        (ExperimenterAction x, ExperimenterAction y) => x.Experimenter == y.Experimenter,
        _ => a.GetType() == b.GetType(),
    };
}
