using OvsBridge.OpenFlow;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.Translator.Tables;

namespace OvsBridge.Translator.Switch;

/// <summary>
/// What the OpenFlow agent (<c>OfSwitch</c>) needs from the forwarding side (upcalls, megaflows, revalidation). Any thread.
/// </summary>
public interface IForwarding
{
    /// <summary>A new snapshot was published: megaflows that differ from it are to be corrected soon.</summary>
    void SnapshotPublished(PipelineSnapshot snapshot);

    /// <summary>
    /// Returns once no packet that enters the datapath from now on is treated by a snapshot older than the newest published
    /// one (barrier). Quick when nothing relevant changed.
    /// </summary>
    void CatchUp();

    /// <summary>
    /// The flows are those of a controller now: what a former process has left in the datapath is to follow them from the next
    /// <see cref="CatchUp"/> on. Quick when there is nothing of the kind.
    /// </summary>
    void EndRestart()
    {
    }

    /// <summary>Returns once the counters of rules, tables, groups and buckets include what the datapath had counted before the call.</summary>
    void PushStats();

    /// <summary>Runs a packet_out.</summary>
    /// <param name="inPort">OpenFlow port it counts as received from, or OFPP_CONTROLLER.</param>
    /// <param name="actions">Checked actions; OFPP_TABLE submits to the pipeline.</param>
    /// <param name="frame">The frame.</param>
    void PacketOut(uint inPort, ValueList<OfAction> actions, ReadOnlyMemory<byte> frame);
}

/// <summary>A packet on its way to the controllers.</summary>
public sealed record PacketInEvent
{
    /// <summary>Why.</summary>
    public required PacketInReason Reason { get; init; }

    /// <summary>Table of the flow.</summary>
    public required byte TableId { get; init; }

    /// <summary>Cookie of the flow; all ones when there is none.</summary>
    public required ulong Cookie { get; init; }

    /// <summary>max_len of the output action; null: the connection's miss_send_len decides.</summary>
    public ushort? MaxLength { get; init; }

    /// <summary>Number of the controllers that it is for; 0 is all that have not set one.</summary>
    public ushort ControllerId { get; init; }

    /// <summary>in_port, in_phy_port, metadata, tunnel_id, registers: what is not zero goes into the match.</summary>
    public required FlowKey PipelineFields { get; init; }

    /// <summary>OpenFlow port it came in on.</summary>
    public required uint InPort { get; init; }

    /// <summary>The frame as it is at that point of the pipeline; valid until the event's receiver returns.</summary>
    public required ReadOnlyMemory<byte> Frame { get; init; }

    /// <summary>True length of the frame.</summary>
    public required int TotalLength { get; init; }
}

/// <summary>Where the forwarding side delivers packets for controllers. Called on any thread; must not block.</summary>
public interface IPacketInSink
{
    /// <summary>One packet.</summary>
    void OnPacketIn(PacketInEvent packet);
}
