using OvsBridge.Datapath;
using OvsBridge.OpenFlow;
using OvsBridge.OpenFlow.Messages.Multipart;
using OvsBridge.Translator.Tables;

namespace OvsBridge.Translator.Switch;

/// <summary>How the switch changes its ports. The host implements it over rtnetlink and <see cref="IDatapath"/>. Any thread.</summary>
public interface IPortControl
{
    /// <summary>Brings the port's interface up or down (IFF_UP); the change itself comes back as a port event.</summary>
    /// <exception cref="DatapathException">The kernel refuses.</exception>
    void SetUp(SwitchPort port, bool up);

    /// <summary><see cref="IDatapath.SetPortFlags"/>: effective for packets that come in after the call.</summary>
    /// <exception cref="DatapathException">The kernel refuses.</exception>
    void SetFlags(SwitchPort port, DpPortFlags flags);
}

/// <summary>Where port counters come from. The host implements it over rtnetlink. Any thread.</summary>
public interface IPortStatsSource
{
    /// <summary>
    /// Reads the counters of <paramref name="ports"/>, same order. Null for a port whose interface has gone. A counter that the
    /// kernel does not keep is all ones. Port number and duration are the switch's to fill in.
    /// </summary>
    IReadOnlyList<PortStatsEntry?> Read(IReadOnlyList<SwitchPort> ports);

    /// <summary>Reads the queues of a port, in order of number. None for a port whose interface has gone.</summary>
    IReadOnlyList<PortQueue> ReadQueues(SwitchPort port);
}

/// <summary>A queue of a port as its interface has it, made by whoever manages that.</summary>
/// <param name="QueueId">Number.</param>
/// <param name="MinKbps">Promised rate in kilobits a second; 0: none.</param>
/// <param name="MaxKbps">Highest rate in kilobits a second; 0: none.</param>
/// <param name="TxBytes">Bytes sent.</param>
/// <param name="TxPackets">Packets sent.</param>
/// <param name="TxErrors">Packets dropped for want of room.</param>
public sealed record PortQueue(uint QueueId, ulong MinKbps, ulong MaxKbps, ulong TxBytes, ulong TxPackets, ulong TxErrors);

/// <summary>How the switch meters packets: token buckets in the datapath, a slot each. Any thread; calls that change are serialised by the switch.</summary>
public interface IMeterControl
{
    /// <summary>Most meters, virtual ones included; slots are 0 to this less 1.</summary>
    uint MaxMeters { get; }

    /// <summary>Most bands of a meter.</summary>
    byte MaxBands { get; }

    /// <summary>The first slot to use: what programs of a former process name is below.</summary>
    uint FirstSlot => 0;

    /// <summary>Puts <paramref name="meter"/> into its slot: full buckets and, in a slot that was in use, the meter's own counters go on.</summary>
    /// <returns>False when there is no room for its bands; nothing has changed then.</returns>
    /// <exception cref="DatapathException">The kernel refuses.</exception>
    bool Set(Meter meter);

    /// <summary>Frees the slot; packets whose program still names it pass.</summary>
    void Remove(Meter meter);

    /// <summary>The counters now.</summary>
    MeterCounters Read(Meter meter);
}

/// <summary>Counters of a meter.</summary>
/// <param name="Packets">Packets that it saw.</param>
/// <param name="Bytes">Their bytes.</param>
/// <param name="Bands">What each band acted on.</param>
public sealed record MeterCounters(ulong Packets, ulong Bytes, ValueList<BucketCounter> Bands);
