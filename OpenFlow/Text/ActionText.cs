using System.Globalization;
using System.Text;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Messages;

namespace OvsBridge.OpenFlow.Text;

/// <summary>A list of actions in ovs-ofctl's notation: <c>set_field:1.2.3.4->ip_dst,dec_ttl,output:2</c>.</summary>
/// <remarks>
/// What Open vSwitch has no words for is spelled alike: copy_ttl_out, copy_ttl_in, push_pbb:0x88e7, pop_pbb,
/// experimenter(0xNUMBER,HEX). A set_field with a mask is printed as <c>set_field:V/M->F</c>.
/// </remarks>
public static class ActionText
{
    /// <summary>The actions, or <c>drop</c> when there are none.</summary>
    public static string Print(ValueList<OfAction> actions, PortNames? ports = null)
    {
        StringBuilder text = new();
        Append(text, actions, ports);
        return text.Length == 0 ? "drop" : text.ToString();
    }

    /// <summary>One action.</summary>
    public static string Print(OfAction action, PortNames? ports = null) => action switch
    {
        OutputAction { Port: OfPorts.Controller } a => string.Create(CultureInfo.InvariantCulture, $"CONTROLLER:{a.MaxLen}"),
        OutputAction a => PortNames.ReservedName(a.Port) ?? "output:" + PortNames.Print(a.Port, ports),
        SetFieldAction a => $"set_field:{SetFieldValue(a)}->{FieldNames.Print(a.Field)}",
        PushVlanAction a => $"push_vlan:0x{a.EtherType:x4}",
        PopVlanAction => "pop_vlan",
        PushMplsAction a => $"push_mpls:0x{a.EtherType:x4}",
        PopMplsAction a => $"pop_mpls:0x{a.EtherType:x4}",
        PushPbbAction a => $"push_pbb:0x{a.EtherType:x4}",
        PopPbbAction => "pop_pbb",
        SetQueueAction a => string.Create(CultureInfo.InvariantCulture, $"set_queue:{a.QueueId}"),
        GroupAction a => string.Create(CultureInfo.InvariantCulture, $"group:{a.GroupId}"),
        SetNwTtlAction a => string.Create(CultureInfo.InvariantCulture, $"mod_nw_ttl:{a.Ttl}"),
        DecNwTtlAction => "dec_ttl",
        SetMplsTtlAction a => string.Create(CultureInfo.InvariantCulture, $"set_mpls_ttl({a.Ttl})"),
        DecMplsTtlAction => "dec_mpls_ttl",
        CopyTtlOutAction => "copy_ttl_out",
        CopyTtlInAction => "copy_ttl_in",
        SetVlanVidAction a => string.Create(CultureInfo.InvariantCulture, $"mod_vlan_vid:{a.Vid}"),
        SetVlanPcpAction a => string.Create(CultureInfo.InvariantCulture, $"mod_vlan_pcp:{a.Pcp}"),
        SetTransportPortAction a => string.Create(CultureInfo.InvariantCulture, $"{(a.IsSource ? "mod_tp_src" : "mod_tp_dst")}:{a.Port}"),
        EnqueueAction a => string.Create(CultureInfo.InvariantCulture, $"enqueue:{PortNames.Print(a.Port, ports)}:{a.QueueId}"),
        PopQueueAction => "pop_queue",
        ControllerAction a => string.Create(CultureInfo.InvariantCulture, $"controller(reason={Reason(a.Reason)},max_len={a.MaxLen},id={a.ControllerId})"),
        NoteAction a => "note:" + string.Join('.', a.Data.Select(b => b.ToString("x2", CultureInfo.InvariantCulture))),
        ExperimenterAction a => $"experimenter(0x{a.Experimenter:x8},{Convert.ToHexStringLower(a.Body.AsSpan())})",
        _ => throw new ArgumentException($"no text for {action.GetType().Name}", nameof(action)),
    };

    /// <summary>Reads a list of actions; empty or <c>drop</c>: none.</summary>
    /// <param name="text">The text.</param>
    /// <param name="ports">Looks up names of ports, or null.</param>
    /// <param name="match">
    /// The flow's match, or null. Words of OpenFlow 1.0 depend on it: mod_tp_dst sets tcp_dst, udp_dst or sctp_dst, and
    /// mod_vlan_vid pushes a tag if the match does not say that there is one.
    /// </param>
    /// <exception cref="FlowSyntaxException">The text is wrong.</exception>
    public static ValueList<OfAction> Parse(string text, PortNames? ports = null, Match? match = null)
    {
        ActionParser parser = new(ports, match);
        WordReader words = new(text);
        while (words.Read(out Word word))
        {
            parser.Add(word);
        }

        return parser.Finish();
    }

    /// <summary>Appends the actions; nothing when there are none.</summary>
    internal static void Append(StringBuilder text, ValueList<OfAction> actions, PortNames? ports)
    {
        bool first = true;
        foreach (OfAction action in actions)
        {
            text.Append(first ? "" : ",").Append(Print(action, ports));
            first = false;
        }
    }

    private static string Reason(PacketInReason reason) => reason switch
    {
        PacketInReason.NoMatch => "no_match",
        PacketInReason.InvalidTtl => "invalid_ttl",
        _ => "action",
    };

    private static string SetFieldValue(SetFieldAction action) =>
        FieldValueText.Print(action.Field, action.Value & action.Mask, action.Mask);
}
