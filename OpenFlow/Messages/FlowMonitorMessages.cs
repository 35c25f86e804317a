using OvsBridge.OpenFlow.Wire;

namespace OvsBridge.OpenFlow.Messages;

/// <summary>A message about flow monitors: Nicira's in OpenFlow 1.0, the ONF's in 1.3, with the same body.</summary>
public abstract record FlowMonitorMessage : OfMessage
{
    internal const uint CancelNicira = 21;
    internal const uint CancelOnf = 1870;

    /// <inheritdoc/>
    public override OfType Type => OfType.Experimenter;

    /// <summary>NXT_* and ONFT_* number.</summary>
    private protected abstract (uint Nicira, uint Onf) Number { get; }

    internal override void WriteBody(ref WireWriter writer)
    {
        bool old = writer.Version == OfCodec.Version10;
        writer.U32(old ? NiciraMessage.Vendor : ExperimenterMessage.Onf);
        writer.U32(old ? Number.Nicira : Number.Onf);
    }
}

/// <summary>FLOW_MONITOR_CANCEL: ends a monitor.</summary>
/// <param name="Id">Its number.</param>
public sealed record FlowMonitorCancel(uint Id) : FlowMonitorMessage
{
    private protected override (uint Nicira, uint Onf) Number => (CancelNicira, CancelOnf);

    internal static FlowMonitorCancel Read(ref WireReader reader, uint xid) => new(reader.U32()) { Xid = xid };

    internal override void WriteBody(ref WireWriter writer)
    {
        base.WriteBody(ref writer);
        writer.U32(Id);
    }
}

/// <summary>FLOW_MONITOR_PAUSED: the peer reads too slowly; what happens from here on is told later, in sum.</summary>
public sealed record FlowMonitorPaused : FlowMonitorMessage
{
    private protected override (uint Nicira, uint Onf) Number => (22, 1871);
}

/// <summary>FLOW_MONITOR_RESUMED: the peer knows all flows again.</summary>
public sealed record FlowMonitorResumed : FlowMonitorMessage
{
    private protected override (uint Nicira, uint Onf) Number => (23, 1872);
}
