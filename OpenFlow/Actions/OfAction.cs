using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.OpenFlow.Actions;

/// <summary>An OpenFlow 1.3 action (specification 7.2.5). Numbers, readers, writers and text are in <c>ActionTable</c>.</summary>
public abstract record OfAction;

/// <summary>OFPAT_OUTPUT.</summary>
/// <param name="Port">Port number or OFPP_*, see <see cref="OfPorts"/>.</param>
/// <param name="MaxLen">Bytes of the packet to send to the controller, 0xffff: all (OFPCML_NO_BUFFER).</param>
public sealed record OutputAction(uint Port, ushort MaxLen = 0xffff) : OfAction;

/// <summary>OFPAT_SET_FIELD. OpenFlow 1.3 has no mask on the wire; Open vSwitch's text has.</summary>
/// <param name="Field">Which field.</param>
/// <param name="Value">New value, host order.</param>
/// <param name="Mask">Bits to change; all of the field's for the standard action.</param>
public sealed record SetFieldAction(Field Field, UInt128 Value, UInt128 Mask) : OfAction
{
    /// <summary>Sets the whole field.</summary>
    public SetFieldAction(Field field, UInt128 value)
        : this(field, value, field.AllOnes)
    {
    }

    /// <summary>Whether part of the field stays as it is.</summary>
    public bool IsMasked => Mask != Field.AllOnes;
}

/// <summary>OFPAT_PUSH_VLAN.</summary>
/// <param name="EtherType">0x8100 or 0x88a8.</param>
public sealed record PushVlanAction(ushort EtherType) : OfAction;

/// <summary>OFPAT_POP_VLAN.</summary>
public sealed record PopVlanAction : OfAction;

/// <summary>OFPAT_PUSH_MPLS.</summary>
/// <param name="EtherType">0x8847 or 0x8848.</param>
public sealed record PushMplsAction(ushort EtherType) : OfAction;

/// <summary>OFPAT_POP_MPLS.</summary>
/// <param name="EtherType">Ethertype of what is behind.</param>
public sealed record PopMplsAction(ushort EtherType) : OfAction;

/// <summary>OFPAT_PUSH_PBB.</summary>
/// <param name="EtherType">0x88e7.</param>
public sealed record PushPbbAction(ushort EtherType) : OfAction;

/// <summary>OFPAT_POP_PBB.</summary>
public sealed record PopPbbAction : OfAction;

/// <summary>OFPAT_SET_QUEUE.</summary>
/// <param name="QueueId">Queue of the output port.</param>
public sealed record SetQueueAction(uint QueueId) : OfAction;

/// <summary>OFPAT_GROUP.</summary>
/// <param name="GroupId">Which group.</param>
public sealed record GroupAction(uint GroupId) : OfAction;

/// <summary>OFPAT_SET_NW_TTL.</summary>
/// <param name="Ttl">New TTL or hop limit.</param>
public sealed record SetNwTtlAction(byte Ttl) : OfAction;

/// <summary>OFPAT_DEC_NW_TTL.</summary>
public sealed record DecNwTtlAction : OfAction;

/// <summary>OFPAT_SET_MPLS_TTL.</summary>
/// <param name="Ttl">New TTL.</param>
public sealed record SetMplsTtlAction(byte Ttl) : OfAction;

/// <summary>OFPAT_DEC_MPLS_TTL.</summary>
public sealed record DecMplsTtlAction : OfAction;

/// <summary>OFPAT_COPY_TTL_OUT.</summary>
public sealed record CopyTtlOutAction : OfAction;

/// <summary>OFPAT_COPY_TTL_IN.</summary>
public sealed record CopyTtlInAction : OfAction;

/// <summary>OFPAT_EXPERIMENTER.</summary>
/// <param name="Experimenter">Experimenter number.</param>
/// <param name="Body">What follows it, padding included.</param>
public sealed record ExperimenterAction(uint Experimenter, ValueList<byte> Body) : OfAction;

/// <summary>An OpenFlow 1.3 instruction (specification 7.2.4).</summary>
public abstract record OfInstruction;

/// <summary>OFPIT_GOTO_TABLE.</summary>
/// <param name="TableId">A table behind the flow's own.</param>
public sealed record GotoTableInstruction(byte TableId) : OfInstruction;

/// <summary>OFPIT_WRITE_METADATA.</summary>
/// <param name="Value">New bits.</param>
/// <param name="Mask">Bits to write.</param>
public sealed record WriteMetadataInstruction(ulong Value, ulong Mask) : OfInstruction;

/// <summary>OFPIT_WRITE_ACTIONS: merges into the action set.</summary>
/// <param name="Actions">The actions.</param>
public sealed record WriteActionsInstruction(ValueList<OfAction> Actions) : OfInstruction;

/// <summary>OFPIT_APPLY_ACTIONS: runs at once.</summary>
/// <param name="Actions">The actions.</param>
public sealed record ApplyActionsInstruction(ValueList<OfAction> Actions) : OfInstruction;

/// <summary>OFPIT_CLEAR_ACTIONS: empties the action set.</summary>
public sealed record ClearActionsInstruction : OfInstruction;

/// <summary>OFPIT_METER.</summary>
/// <param name="MeterId">Which meter.</param>
public sealed record MeterInstruction(uint MeterId) : OfInstruction;

/// <summary>OFPIT_EXPERIMENTER.</summary>
/// <param name="Experimenter">Experimenter number.</param>
/// <param name="Body">What follows it.</param>
public sealed record ExperimenterInstruction(uint Experimenter, ValueList<byte> Body) : OfInstruction;

/// <summary>Reserved port numbers (enum ofp_port_no).</summary>
public static class OfPorts
{
    /// <summary>Highest ordinary port number.</summary>
    public const uint Max = 0xffffff00;

    /// <summary>Back out of the ingress port.</summary>
    public const uint InPort = 0xfffffff8;

    /// <summary>Into the pipeline (packet_out only).</summary>
    public const uint Table = 0xfffffff9;

    /// <summary>The switch's own L2/L3 forwarding.</summary>
    public const uint Normal = 0xfffffffa;

    /// <summary>All ports but the ingress port and those with NO_FLOOD.</summary>
    public const uint Flood = 0xfffffffb;

    /// <summary>All ports but the ingress port.</summary>
    public const uint All = 0xfffffffc;

    /// <summary>To the controller.</summary>
    public const uint Controller = 0xfffffffd;

    /// <summary>The switch's own network device.</summary>
    public const uint Local = 0xfffffffe;

    /// <summary>Wildcard in flow_mod, statistics and group requests; never an output.</summary>
    public const uint Any = 0xffffffff;

    /// <summary>How <see cref="Local"/> is numbered in the datapath (OVSB_PORT_LOCAL).</summary>
    public const uint DatapathLocal = 65534;

    /// <summary>Ordinary ports of this switch are 1 to this.</summary>
    public const uint HighestOrdinary = 65279;
}
