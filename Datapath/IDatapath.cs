using OvsBridge.Datapath.Links;
using OvsBridge.Datapath.Tunnels;
using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.Datapath;

/// <summary>
/// The contract between the switch and what forwards packets: <c>EbpfDatapath</c> (the kernel) and
/// <c>InMemoryDatapath</c> (no kernel, no root: tests, sandbox). One test suite, <c>DatapathContract</c>, holds for both.
/// </summary>
/// <remarks>
/// <para>Threads: every member may be called from any thread; calls that change flows are serialised inside.</para>
/// <para>Errors: a caller's mistake throws <see cref="ArgumentException"/>; what the kernel refuses throws <see cref="DatapathException"/>.</para>
/// <para>Times are CLOCK_MONOTONIC nanoseconds; lengths are bytes of the frame with VLAN tags, without FCS.</para>
/// </remarks>
public interface IDatapath : IDisposable
{
    /// <summary>Kind of datapath: "tc", "xdp" or "memory".</summary>
    string Kind { get; }

    /// <summary>What the datapath can do; what it can't, translation sends to the slow path.</summary>
    DatapathCapabilities Capabilities { get; }

    /// <summary>Starts to deliver upcalls to <paramref name="sink"/>, on one thread of the datapath's own, in order.</summary>
    void StartUpcalls(IUpcallSink sink);

    /// <summary>Adds a port and starts to receive from its interface.</summary>
    /// <exception cref="ArgumentException">The number is taken or out of range.</exception>
    /// <exception cref="DatapathException">The kernel refuses, or another process owns the interface.</exception>
    void AddPort(DpPort port);

    /// <summary>Removes a port; false when there is none (its interface may have vanished already).</summary>
    bool RemovePort(uint number);

    /// <summary>Changes what a port lets through, effective at once for packets that come in after the call.</summary>
    void SetPortFlags(uint number, DpPortFlags flags);

    /// <summary>
    /// Lets frames to one address go straight to the interface at the other end of the port's veth, around the port's own: its queue, its counters, and
    /// who captures there. That interface must be in another network namespace. What a datapath can't do so, it sends as ever.
    /// </summary>
    /// <param name="number">The port.</param>
    /// <param name="mac">Address of the other end, low 48 bits; null: off.</param>
    /// <exception cref="ArgumentException">There is no such port.</exception>
    void SetPortPeer(uint number, ulong? mac);

    /// <summary>The ports, in order of number.</summary>
    IReadOnlyList<DpPort> Ports { get; }

    /// <summary>
    /// Installs a megaflow, unless there is one with the same mask and masked key. Packets see the flow completely or not at all.
    /// </summary>
    /// <param name="key">Key of a packet that it is for.</param>
    /// <param name="mask">The bits of it that packets have to have.</param>
    /// <param name="actions">What to do with them.</param>
    /// <param name="spent">
    /// The handle of a flow that was removed, of this datapath, for which the caller has no more use: it may become the new flow's. Saves an object for each
    /// flow where flows come and go.
    /// </param>
    /// <param name="flow">The handle, or null.</param>
    PutOutcome PutFlow(in FlowKey key, in FlowKey mask, DpActions actions, MegaflowHandle? spent, out MegaflowHandle? flow);

    /// <summary>
    /// Replaces a flow's actions: each packet runs the old program or the new one. Statistics go on.
    /// </summary>
    /// <returns>False when there is no space; the old program then stays.</returns>
    bool ReplaceActions(MegaflowHandle flow, DpActions actions);

    /// <summary>
    /// Removes flows and returns once no packet can be running their programs any more.
    /// </summary>
    /// <param name="flows">The flows; each is invalid afterwards.</param>
    /// <param name="final">Filled with each flow's final statistics; same length.</param>
    void RemoveFlows(ReadOnlySpan<MegaflowHandle> flows, Span<MegaflowStats> final);

    /// <summary>A flow's statistics since it was put; no system call.</summary>
    MegaflowStats ReadStats(MegaflowHandle flow);

    /// <summary>How many flows there are.</summary>
    int FlowCount { get; }

    /// <summary>Runs a program on a packet that user space holds: first packets, packet_out, slow path.</summary>
    /// <param name="packet">The frame; consumed: its buffer may be rewritten. A checksum that its sender left to a device is completed first.</param>
    /// <param name="actions">What to do; <see cref="DpActionType.Userspace"/> calls <paramref name="sink"/> at once, on this thread.</param>
    /// <param name="sink">Receives what the program sends to user space, or null to drop that.</param>
    /// <param name="mayWait">
    /// Whether the frames that the program sends may wait for <see cref="SendWaiting"/>: one system call sends many. Those of one caller that may wait
    /// leave in their order.
    /// </param>
    void Execute(DpPacket packet, DpActions actions, IUpcallSink? sink, bool mayWait = false);

    /// <summary>Sends the frames that wait. To be called before a flow is put that would let their successors overtake them.</summary>
    void SendWaiting();

    /// <summary>
    /// Puts a meter into a slot, or another in place of the one that is there: each packet meets the old one or the new one. Buckets are
    /// full and counters of bands 0 then; those of the meter go on. Returns once no packet can be meeting the old one.
    /// </summary>
    /// <param name="slot">What <see cref="DpActionType.Meter"/> names; below <see cref="DatapathCapabilities.MaxMeters"/>.</param>
    /// <param name="meter">The meter.</param>
    /// <returns>False when there is no room for its bands; what was there then stays.</returns>
    bool SetMeter(uint slot, DpMeter meter);

    /// <summary>Empties a slot: packets pass. Returns once no packet can be meeting the meter; false when there is none.</summary>
    bool RemoveMeter(uint slot);

    /// <summary>The counters of a meter now, without a system call; null when there is none.</summary>
    DpMeterStats? ReadMeter(uint slot);

    /// <summary>
    /// The megaflows of a former process that this datapath has taken over and that forward since; the first call has them. They count
    /// in <see cref="FlowCount"/> and are treated as any other.
    /// </summary>
    IReadOnlyList<AdoptedFlow> TakeAdoptedFlows() => [];

    /// <summary>Programs of megaflows that were taken over may name slots of meters below this.</summary>
    uint AdoptedMeterSlots => 0;

    /// <summary>No program names a meter of a former process any more: they are removed, but those that were set anew.</summary>
    void RemoveAdoptedMeters()
    {
    }

    /// <summary>Counters of a tunnel port; null: the port is none. Bytes are those of the packets inside.</summary>
    LinkCounters? ReadTunnel(uint number) => null;

    /// <summary>Waits until every packet that entered before the call has left the datapath's programs.</summary>
    void Synchronize();

    /// <summary>
    /// Tells of packets, from now on, what becomes of them. Costs next to nothing while it is off, and never comes before
    /// upcalls: when packets are many, samples are left out.
    /// </summary>
    /// <param name="oneIn">Of one packet in so many, by chance; 1: of each.</param>
    /// <param name="receiver">
    /// Called with each sample, on a thread of the datapath's after <see cref="StartUpcalls"/>; must not block. Replaces the one before. Null: ends
    /// it; a sample that is on its way may still be delivered.
    /// </param>
    void SamplePackets(uint oneIn, Action<PacketSample>? receiver);

    /// <summary>The counters.</summary>
    DatapathStats ReadDatapathStats();

    /// <summary>What became of packets that came in at a port, since it was added; null when there is no such port.</summary>
    DpPortStats? ReadPortStats(uint number);
}

/// <summary>What became of a flow that was to be put.</summary>
public enum PutOutcome
{
    /// <summary>It is in the datapath.</summary>
    Installed,

    /// <summary>One with its mask and masked key is there already; it stays as it is.</summary>
    Exists,

    /// <summary>There is no room (flows, masks, buckets or action space); counted.</summary>
    Full,
}

/// <summary>Simpler ways to call a datapath.</summary>
public static class DatapathExtensions
{
    /// <summary>Installs a megaflow where a flow with the same mask and masked key would be the caller's mistake.</summary>
    /// <returns>A handle, or null when the table is full.</returns>
    /// <exception cref="ArgumentException">There is such a flow.</exception>
    public static MegaflowHandle? PutFlow(this IDatapath datapath, in FlowKey key, in FlowKey mask, DpActions actions) =>
        datapath.PutFlow(key, mask, actions, null, out MegaflowHandle? flow) != PutOutcome.Exists
            ? flow
            : throw new ArgumentException("there is a flow with this mask and masked key already", nameof(key));
}

/// <summary>Receives upcalls. Called on one thread; must not block for long.</summary>
public interface IUpcallSink
{
    /// <summary>One packet. <paramref name="upcall"/> and what it refers to are valid during the call only.</summary>
    void OnUpcall(in Upcall upcall);

    /// <summary>
    /// The queue is empty for now, or a batch is complete (at most 64 upcalls): install what was translated. Packets must be
    /// executed before their megaflow is installed, so that they are not overtaken.
    /// </summary>
    void OnBatchEnd();
}

/// <summary>What a datapath can do.</summary>
/// <param name="Actions">Actions it runs.</param>
/// <param name="MaxFlows">Most megaflows.</param>
/// <param name="MaxMasks">Most distinct masks.</param>
/// <param name="MaxActions">Most actions of a program.</param>
public sealed record DatapathCapabilities(IReadOnlySet<DpActionType> Actions, int MaxFlows, int MaxMasks, int MaxActions)
{
    /// <summary>Slots for meters; 0: no meters.</summary>
    public uint MaxMeters { get; init; }

    /// <summary>Most bands of a meter.</summary>
    public byte MaxBands { get; init; }
}

/// <summary>What a port lets through; bits of <c>struct out_port</c> and <c>struct in_port</c>.</summary>
[Flags]
public enum DpPortFlags : uint
{
    /// <summary>Everything.</summary>
    None = 0,

    /// <summary>Drop what comes in.</summary>
    NoRecv = 0x02,

    /// <summary>Drop what would go out.</summary>
    NoFwd = 0x04,
}

/// <summary>A port of a datapath.</summary>
/// <param name="Number">1 to <see cref="OpenFlow.Actions.OfPorts.HighestOrdinary"/>, or <see cref="OpenFlow.Actions.OfPorts.DatapathLocal"/>.</param>
/// <param name="Name">Interface name.</param>
/// <param name="IfIndex">Interface index in the daemon's network namespace; any unique number in memory.</param>
/// <param name="Flags">What it lets through.</param>
public sealed record DpPort(uint Number, string Name, int IfIndex, DpPortFlags Flags = DpPortFlags.None)
{
    /// <summary>What the port does if it is a tunnel, which has no interface (<see cref="IfIndex"/> is 0); null: it is an interface.</summary>
    public TunnelConfig? Tunnel { get; init; }

    /// <summary>Most packets a second that it may send to user space, whatever the reason; 0: any. More are <see cref="DropReason.UpcallLimit"/>.</summary>
    public uint UpcallRate { get; init; }

    /// <summary>Most at once after a pause; 0: a quarter of the rate.</summary>
    public uint UpcallBurst { get; init; }

    /// <summary><see cref="IDatapath.SetPortPeer"/>; null: off.</summary>
    public ulong? PeerMac { get; init; }
}

/// <summary>Counters of a port.</summary>
/// <param name="Upcalls">Upcalls written.</param>
/// <param name="Drops">Drops by <see cref="DropReason"/>; index is the reason.</param>
/// <param name="PeerTx">Packets that left by it without the counters of its interface (<see cref="IDatapath.SetPortPeer"/>).</param>
/// <param name="PeerTxBytes">Their bytes.</param>
public sealed record DpPortStats(ulong Upcalls, IReadOnlyList<ulong> Drops, ulong PeerTx = 0, ulong PeerTxBytes = 0);

/// <summary>Names an installed megaflow; only the datapath that made it knows what is inside.</summary>
public abstract class MegaflowHandle
{
}

/// <summary>A megaflow of a former process.</summary>
/// <param name="Handle">Its name from now on.</param>
/// <param name="Key">Masked key.</param>
/// <param name="Mask">Its mask.</param>
/// <param name="Actions">Its program, as the former process wrote it.</param>
public sealed record AdoptedFlow(MegaflowHandle Handle, FlowKey Key, FlowKey Mask, DpActions Actions);

/// <summary>Statistics of a megaflow.</summary>
/// <param name="Packets">Packets that ran its program.</param>
/// <param name="Bytes">Their bytes.</param>
/// <param name="UsedNs">CLOCK_MONOTONIC of the last one, to about a tick; 0: never.</param>
/// <param name="TcpFlags">Union of the TCP flags seen.</param>
public readonly record struct MegaflowStats(ulong Packets, ulong Bytes, ulong UsedNs, ushort TcpFlags);

/// <summary>
/// Counters of a datapath. Every packet, and every copy of one, has one end: while nothing is under way,
/// <see cref="Rx"/> + <see cref="Executed"/> + <see cref="Copies"/> is the sum of <see cref="Tx"/>, <see cref="Sent"/>, <see cref="Upcalls"/>,
/// <see cref="Raised"/>, <see cref="Consumed"/> and all <see cref="Drops"/>; and <see cref="Rx"/> + <see cref="Recirculated"/> is that of <see cref="Hit"/>,
/// <see cref="Miss"/> and <see cref="Unparsed"/>.
/// </summary>
public sealed record DatapathStats
{
    /// <summary>Packets that entered.</summary>
    public ulong Rx { get; init; }

    /// <summary>Packets that user space held and gave to <see cref="IDatapath.Execute"/>.</summary>
    public ulong Executed { get; init; }

    /// <summary>Copies made of packets that went on: for an output, for user space, or only to be dropped in its place.</summary>
    public ulong Copies { get; init; }

    /// <summary>Packets of which only copies were wanted.</summary>
    public ulong Consumed { get; init; }

    /// <summary>Packets dropped before a lookup.</summary>
    public ulong Unparsed { get; init; }

    /// <summary>Outputs of executed packets that the kernel took.</summary>
    public ulong Sent { get; init; }

    /// <summary>What executed packets handed to their sink.</summary>
    public ulong Raised { get; init; }

    /// <summary>Lookups that found a megaflow.</summary>
    public ulong Hit { get; init; }

    /// <summary>Of these, those that the cache in front of the masks answered.</summary>
    public ulong CacheHit { get; init; }

    /// <summary>Lookups that found none.</summary>
    public ulong Miss { get; init; }

    /// <summary>Upcalls written, whatever the reason.</summary>
    public ulong Upcalls { get; init; }

    /// <summary>Upcalls that found the queue full.</summary>
    public ulong Lost { get; init; }

    /// <summary>Masks tried, over all lookups.</summary>
    public ulong MasksTried { get; init; }

    /// <summary>Packets sent out by the kernel part.</summary>
    public ulong Tx { get; init; }

    /// <summary>Packets that went round.</summary>
    public ulong Recirculated { get; init; }

    /// <summary>Megaflows now.</summary>
    public int Flows { get; init; }

    /// <summary>Masks now.</summary>
    public int Masks { get; init; }

    /// <summary>Drops by <see cref="DropReason"/>; index is the reason.</summary>
    public IReadOnlyList<ulong> Drops { get; init; } = [];
}

/// <summary>The kernel refused something.</summary>
public sealed class DatapathException : Exception
{
    /// <summary>Says what was tried, the errno's name, and a hint.</summary>
    public DatapathException(string message, int errno = 0)
        : base(message) => Errno = errno;

    /// <summary>The positive errno, 0 when none.</summary>
    public int Errno { get; }
}
