using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Messages;

namespace OvsBridge.OpenFlow.Actions;

/// <summary>OpenFlow 1.0's SET_VLAN_VID: sets the id of the outer VLAN tag, and pushes one first if there is none.</summary>
/// <param name="Vid">12 bits.</param>
public sealed record SetVlanVidAction(ushort Vid) : OfAction;

/// <summary>OpenFlow 1.0's SET_VLAN_PCP: sets the priority of the outer VLAN tag, and pushes one first if there is none.</summary>
/// <param name="Pcp">3 bits.</param>
public sealed record SetVlanPcpAction(byte Pcp) : OfAction;

/// <summary>OpenFlow 1.0's SET_TP_SRC and SET_TP_DST: a port of whatever the packet has: TCP, UDP or SCTP.</summary>
/// <param name="IsSource">Which of the two.</param>
/// <param name="Port">The port.</param>
public sealed record SetTransportPortAction(bool IsSource, ushort Port) : OfAction;

/// <summary>OpenFlow 1.0's ENQUEUE: outputs by a queue, and leaves the packet's queue as it was.</summary>
/// <param name="Port">Port, or IN_PORT.</param>
/// <param name="QueueId">Queue of that port.</param>
public sealed record EnqueueAction(uint Port, uint QueueId) : OfAction;

/// <summary>NXAST_POP_QUEUE: the packet's queue is again what it was when it came in.</summary>
public sealed record PopQueueAction : OfAction;

/// <summary>NXAST_CONTROLLER: to the controllers of a number, with a reason to tell them.</summary>
/// <param name="MaxLen">Bytes of the packet, 0xffff: all.</param>
/// <param name="ControllerId">See <see cref="SetControllerId"/>.</param>
/// <param name="Reason">Reason in the packet_in.</param>
public sealed record ControllerAction(ushort MaxLen, ushort ControllerId, PacketInReason Reason) : OfAction;

/// <summary>NXAST_NOTE: does nothing.</summary>
/// <param name="Data">What the controller wants kept.</param>
public sealed record NoteAction(ValueList<byte> Data) : OfAction;

/// <summary>What OpenFlow 1.3 has for OpenFlow 1.0's own actions.</summary>
internal static class ExtensionActions
{
    /// <summary>
    /// The actions of OpenFlow 1.3 and Nicira's that say the same, as Open vSwitch shows them; empty when it is one already. A tag is pushed, and
    /// a port is TCP's: what the action would find in the packet can't be said.
    /// </summary>
    public static ValueList<OfAction> Expand(OfAction action) => action switch
    {
        SetVlanVidAction a => [new PushVlanAction(0x8100), new SetFieldAction(FieldTable.VlanVid, (UInt128)(a.Vid | FlowKey.VlanPresent))],
        SetVlanPcpAction a => [new PushVlanAction(0x8100), new SetFieldAction(FieldTable.VlanPcp, a.Pcp)],
        SetTransportPortAction a => [new SetFieldAction(a.IsSource ? FieldTable.TcpSrc : FieldTable.TcpDst, a.Port)],
        EnqueueAction a => [new SetQueueAction(a.QueueId), new OutputAction(a.Port), new PopQueueAction()],
        _ => [],
    };
}
