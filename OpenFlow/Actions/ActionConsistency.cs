using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.OpenFlow.Actions;

/// <summary>
/// Whether actions apply to the packets that they will see: a set_field needs the field's prerequisites, a pop the header,
/// from the match or from an action before it (OFPBAC_MATCH_INCONSISTENT).
/// </summary>
/// <remarks>
/// <para>
/// As Open vSwitch. Lists of apply_actions and packet_out are checked whole. Of an action set, only the set_fields are: other
/// tables may have put there what a pop needs. A group's bucket is not checked: it meets packets of any flow. Actions of no
/// effect on some packets (copy_ttl) are always fine.
/// </para>
/// <para>Pure; any thread.</para>
/// </remarks>
public static class ActionConsistency
{
    /// <summary>VLAN tags that <see cref="FlowKey"/> can tell apart: pushing more is BAD_TAG.</summary>
    public const int MaxVlanTags = 2;

    /// <summary>Checks the list of an apply_actions against what <paramref name="match"/> promises of the packet.</summary>
    /// <exception cref="OfErrorException">BAD_ACTION with MATCH_INCONSISTENT or BAD_TAG.</exception>
    public static void ListAgainstMatch(Match match, ValueList<OfAction> actions)
    {
        var known = new ProtocolState(match.Value, match.Mask);
        foreach (OfAction action in actions)
            Do(ref known, action, strict: true);
    }

    /// <summary>Checks the list of a packet_out against its packet.</summary>
    /// <exception cref="OfErrorException">BAD_ACTION with MATCH_INCONSISTENT or BAD_TAG.</exception>
    public static void ListAgainstPacket(in FlowKey packet, ValueList<OfAction> actions)
    {
        FlowKey all = default;
        all.AsMutableWords().Fill(ulong.MaxValue);
        var known = new ProtocolState(packet, all);
        foreach (OfAction action in actions)
            Do(ref known, action, strict: true);
    }

    /// <summary>
    /// Checks the set_fields of a write_actions against what <paramref name="match"/> promises of the packet. They are fine when
    /// they are possible in the order sent, or in the order in which a set is executed (specification 5.10).
    /// </summary>
    /// <exception cref="OfErrorException">BAD_ACTION with MATCH_INCONSISTENT or BAD_TAG.</exception>
    public static void SetAgainstMatch(Match match, ValueList<OfAction> actions)
    {
        var sent = new ProtocolState(match.Value, match.Mask);
        bool possible = true;
        foreach (OfAction action in actions)
            possible &= Do(ref sent, action, strict: false);
        if (possible)
            return;

        var executed = new ProtocolState(match.Value, match.Mask);
        foreach (OfAction action in actions.OrderBy(Step))
        {
            if (!Do(ref executed, action, strict: false))
                Fail(action);
        }
    }

    /// <summary>Where an action set executes it, as far as headers change.</summary>
    private static int Step(OfAction action) => action switch
    {
        PopVlanAction or PopMplsAction or PopPbbAction => 0,
        PushMplsAction => 1,
        PushPbbAction => 2,
        PushVlanAction => 3,
        _ => 4,
    };

    /// <summary>Brings <paramref name="known"/> behind <paramref name="action"/>.</summary>
    /// <returns>False for a set_field whose field does not exist; other impossible actions throw if <paramref name="strict"/>.</returns>
    private static bool Do(ref ProtocolState known, OfAction action, bool strict)
    {
        bool possible = known.Meets(Needs(action));
        if (!possible && strict)
            Fail(action);
        switch (action)
        {
            case SetFieldAction set:
                known.Set(set.Field, set.Value);
                return possible;
            case PushVlanAction:
                known.PushVlan();
                if (known.VlanTags > MaxVlanTags)
                    throw new OfErrorException(OfError.BadActionBadTag, $"more than {MaxVlanTags} VLAN tags");
                break;
            case PopVlanAction:
                known.PopVlan();
                break;
            case PushMplsAction push:
                known.PushMpls(push.EtherType);
                break;
            case PopMplsAction pop:
                known.PopMpls(pop.EtherType);
                break;
            case PushPbbAction push:
                known.PushPbb(push.EtherType);
                break;
            case PopPbbAction:
                known.PopPbb();
                break;
        }

        return true;
    }

    private static Prerequisite Needs(OfAction action) => action switch
    {
        // set_field vlan_vid changes a tag, it doesn't add one
        SetFieldAction set => set.Field == FieldTable.VlanVid ? Prerequisite.Vlan : set.Field.Needs,
        PopVlanAction => Prerequisite.Vlan,
        PopMplsAction or SetMplsTtlAction or DecMplsTtlAction => Prerequisite.Mpls,
        PopPbbAction => Prerequisite.Pbb,
        SetNwTtlAction or DecNwTtlAction => Prerequisite.Ip,
        _ => Prerequisite.None,
    };

    private static void Fail(OfAction action) => throw new OfErrorException(
        OfError.BadActionMatchInconsistent, $"{action} needs {Needs(action)}, which neither the match nor actions before it promise");
}
