using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.Datapath;

/// <summary>What became of a packet that the datapath was asked to tell about; of one that recirculates, in one of its rounds.</summary>
public sealed record PacketSample
{
    /// <summary>The key that was looked up; all zero but for in_port when the packet was dropped before.</summary>
    public required FlowKey Key { get; init; }

    /// <summary>Bytes of the frame with VLAN tags, without FCS.</summary>
    public required int Length { get; init; }

    /// <summary>Whether a megaflow was found.</summary>
    public required bool Hit { get; init; }

    /// <summary>The megaflow's mask; null: none was found, or it has been removed since.</summary>
    public FlowKey? Mask { get; init; }

    /// <summary>What the megaflow does, a moment later than the packet; null as <see cref="Mask"/>.</summary>
    public DpActions? Actions { get; init; }

    /// <summary>Why the packet, or a copy of it, was sent to user space last; <see cref="UpcallReason.Unspec"/>: it was not.</summary>
    public required UpcallReason Upcall { get; init; }

    /// <summary>Why the packet, or a copy of it, was dropped last; <see cref="DropReason.Unspec"/>: it was not.</summary>
    public required DropReason Drop { get; init; }

    /// <summary>Samples that were not delivered since the one before, as there were too many.</summary>
    public uint Missed { get; init; }
}
