using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.OpenFlow.Actions;

/// <summary>
/// Whether the actions of a list apply to the packets that it will see: a set_field needs the field's prerequisites, a
/// pop the header, from the match or from an action before it (OFPBAC_MATCH_INCONSISTENT).
/// </summary>
/// <remarks>
/// As Open vSwitch: only apply_actions lists and packet_out are checked. What an action set or a group's bucket will meet
/// can't be known from one flow. Actions of no effect on some packets (copy_ttl) are always fine. Pure; any thread.
/// </remarks>
public static class ActionCheck
{
    /// <summary>VLAN tags that <see cref="FlowKey"/> can tell apart: pushing more is BAD_TAG.</summary>
    public const int MaxVlanTags = 2;

    /// <summary>Checks <paramref name="actions"/> against what <paramref name="match"/> promises of the packet.</summary>
    /// <exception cref="OfErrorException">BAD_ACTION with MATCH_INCONSISTENT or BAD_TAG.</exception>
    public static void AgainstMatch(Match match, ValueList<OfAction> actions) => Check(new ProtocolState(match.Value, match.Mask), actions);

    /// <summary>Checks <paramref name="actions"/> against one packet (packet_out).</summary>
    /// <exception cref="OfErrorException">BAD_ACTION with MATCH_INCONSISTENT or BAD_TAG.</exception>
    public static void AgainstPacket(in FlowKey packet, ValueList<OfAction> actions)
    {
        FlowKey all = default;
        all.AsMutableWords().Fill(ulong.MaxValue);
        Check(new ProtocolState(packet, all), actions);
    }

    private static void Check(ProtocolState known, ValueList<OfAction> actions)
    {
        foreach (OfAction action in actions)
        {
            switch (action)
            {
                case SetFieldAction set:
                    // set_field vlan_vid changes a tag, it doesn't add one
                    Need(known, set.Field == FieldTable.VlanVid ? Prerequisite.Vlan : set.Field.Needs, set.Field.Name);
                    known.Set(set.Field, set.Value);
                    break;
                case PushVlanAction:
                    known.PushVlan();
                    if (known.VlanTags > MaxVlanTags)
                        throw new OfErrorException(OfError.BadActionBadTag, $"more than {MaxVlanTags} VLAN tags");
                    break;
                case PopVlanAction:
                    Need(known, Prerequisite.Vlan, "pop_vlan");
                    known.PopVlan();
                    break;
                case PushMplsAction push:
                    known.SetEthType(push.EtherType);
                    break;
                case PopMplsAction pop:
                    Need(known, Prerequisite.Mpls, "pop_mpls");
                    known.SetEthType(pop.EtherType);
                    break;
                case PushPbbAction push:
                    known.SetEthType(push.EtherType);
                    break;
                case PopPbbAction:
                    Need(known, Prerequisite.Pbb, "pop_pbb");
                    known.PopPbb();
                    break;
                case SetNwTtlAction or DecNwTtlAction:
                    Need(known, Prerequisite.Ip, "the TTL");
                    break;
                case SetMplsTtlAction or DecMplsTtlAction:
                    Need(known, Prerequisite.Mpls, "the MPLS TTL");
                    break;
            }
        }
    }

    private static void Need(in ProtocolState known, Prerequisite what, string action)
    {
        if (!known.Meets(what))
            throw new OfErrorException(OfError.BadActionMatchInconsistent, $"{action} needs {what}, which neither match nor earlier actions promise");
    }
}
