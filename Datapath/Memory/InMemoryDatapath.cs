using OvsBridge.Datapath.Ebpf;
using OvsBridge.Datapath.Interop;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.Datapath.Memory;

/// <summary>Takes a frame that left a port. The bytes are the receiver's to keep.</summary>
/// <param name="port">Datapath port number.</param>
/// <param name="frame">The frame with all VLAN tags.</param>
public delegate void FrameTransmitted(uint port, ReadOnlyMemory<byte> frame);

/// <summary>
/// The datapath without a kernel: the same contract, actions, counters and drop reasons as the eBPF one, on frames that <see cref="Receive"/> brings
/// and <see cref="Transmitted"/> takes away. For tests, the sandbox and traces; needs no rights.
/// </summary>
/// <remarks>
/// <para>
/// Packets are processed one after the other under one lock, in which nobody is called back: frames and upcalls of a packet are handed on
/// after it. So <see cref="RemoveFlows"/> and <see cref="Synchronize"/> have nothing to wait for, and an event handler or sink may call anything,
/// <see cref="Receive"/> included.
/// </para>
/// <para>Tunnels are not there (<see cref="Capabilities"/>).</para>
/// </remarks>
public sealed class InMemoryDatapath : IDatapath
{
    /// <summary>How often a packet may go round.</summary>
    public const int MaxRecirculations = 8;

    private const int MaxUpcallBytes = 65280; // OVSB_UPCALL_MAX

    private readonly Lock _gate = new();
    private readonly InMemoryDatapathOptions _options;
    private readonly SortedDictionary<uint, DpPort> _ports = [];
    private readonly Dictionary<uint, PortState> _portStates = [];
    private readonly MegaflowTable _table = new();
    private readonly UpcallQueue _upcalls;
    private readonly DpPacket _received = new();
    private readonly ReceivedRun _run;
    private readonly MeterTable _meters;
    private readonly ulong[] _drops = new ulong[DropReasons.Count];
    private uint _sampleOneIn;
    private Action<PacketSample>? _sampleReceiver;
    private ulong _rx, _hit, _miss, _upcallsWritten, _lost, _masksTried, _tx, _recirculated, _executed, _copies, _consumed, _unparsed, _sentByExecute, _raised;

    /// <summary>Makes a datapath without ports.</summary>
    public InMemoryDatapath(InMemoryDatapathOptions? options = null)
    {
        _options = options ?? new InMemoryDatapathOptions();
        _upcalls = new UpcallQueue(_options.UpcallQueue);
        _run = new ReceivedRun(this);
        _meters = new MeterTable(
            new MappedArray<MeterEntry>(Abi.MaxMeters), new MappedArray<MeterBandEntry>(Abi.MeterBands), NowNs, static () => { });
        Capabilities = new DatapathCapabilities(
            Enum.GetValues<DpActionType>()
                .Except([DpActionType.Unspec, DpActionType.SetTunnel])
                .ToHashSet(),
            _options.MaxFlows,
            _options.MaxMasks,
            Abi.MaxActions)
        {
            MaxMeters = Abi.MaxMeters,
            MaxBands = Abi.MaxBands,
        };
    }

    /// <summary>A frame left a port. Raised outside all locks, on the thread that received or executed the packet.</summary>
    public event FrameTransmitted? Transmitted;

    /// <inheritdoc/>
    public string Kind => "memory";

    /// <inheritdoc/>
    public DatapathCapabilities Capabilities { get; }

    /// <inheritdoc/>
    public IReadOnlyList<DpPort> Ports
    {
        get
        {
            lock (_gate)
            {
                return [.. _ports.Values];
            }
        }
    }

    /// <inheritdoc/>
    public int FlowCount
    {
        get
        {
            lock (_gate)
            {
                return _table.FlowCount;
            }
        }
    }

    /// <inheritdoc/>
    public void StartUpcalls(IUpcallSink sink) => _upcalls.Start(sink, _options.Delivery == UpcallDelivery.OwnThread);

    /// <inheritdoc/>
    public void AddPort(DpPort port)
    {
        if (port.Tunnel is not null)
        {
            throw new ArgumentException($"{port.Name}: there are no tunnels in memory", nameof(port));
        }

        if (port.Number is (0 or > OfPorts.HighestOrdinary) and not OfPorts.DatapathLocal)
        {
            throw new ArgumentException($"port number {port.Number} is not in 1 to {OfPorts.HighestOrdinary}, nor {OfPorts.DatapathLocal} (LOCAL)", nameof(port));
        }

        lock (_gate)
        {
            if (_ports.Values.FirstOrDefault(p => p.Number == port.Number || p.Name == port.Name || p.IfIndex == port.IfIndex) is { } other)
            {
                throw new ArgumentException($"port {port.Number} ({port.Name}, interface {port.IfIndex}) collides with port {other.Number} ({other.Name}, interface {other.IfIndex})", nameof(port));
            }

            _ports.Add(port.Number, port);
            _portStates.Add(port.Number, new PortState(port, NowNs()));
        }
    }

    /// <inheritdoc/>
    public bool RemovePort(uint number)
    {
        lock (_gate)
        {
            _portStates.Remove(number);
            return _ports.Remove(number);
        }
    }

    /// <inheritdoc/>
    public void SetPortFlags(uint number, DpPortFlags flags)
    {
        lock (_gate)
        {
            if (!_ports.TryGetValue(number, out DpPort? port))
            {
                throw new ArgumentException($"there is no port {number}", nameof(number));
            }

            _ports[number] = port with { Flags = flags };
        }
    }

    /// <inheritdoc/>
    /// <remarks>There is nothing to go around.</remarks>
    public void SetPortPeer(uint number, ulong? mac)
    {
        lock (_gate)
        {
            _ports[number] = _ports.TryGetValue(number, out DpPort? port)
                ? port with { PeerMac = mac }
                : throw new ArgumentException($"there is no port {number}", nameof(number));
        }
    }

    /// <inheritdoc/>
    public PutOutcome PutFlow(in FlowKey key, in FlowKey mask, DpActions actions, MegaflowHandle? spent, out MegaflowHandle? flow)
    {
        FlowKey packetMask = PacketPart(mask);
        MemoryMegaflow made = new(this, key.Masked(packetMask), packetMask, actions);
        flow = null;
        lock (_gate)
        {
            if (_table.Contains(made.Key, made.Mask))
            {
                return PutOutcome.Exists;
            }

            if (_table.FlowCount >= _options.MaxFlows || (_table.MaskCount >= _options.MaxMasks && !_table.HasMask(made.Mask)))
            {
                return PutOutcome.Full;
            }

            _table.Add(made);
            flow = made;
            return PutOutcome.Installed;
        }
    }

    /// <inheritdoc/>
    public bool ReplaceActions(MegaflowHandle flow, DpActions actions)
    {
        lock (_gate)
        {
            Own(flow).Actions = actions;
            return true;
        }
    }

    /// <inheritdoc/>
    public void RemoveFlows(ReadOnlySpan<MegaflowHandle> flows, Span<MegaflowStats> final)
    {
        if (final.Length != flows.Length)
        {
            throw new ArgumentException($"{flows.Length} flows but room for the statistics of {final.Length}", nameof(final));
        }

        lock (_gate)
        {
            foreach (MegaflowHandle flow in flows)
            {
                Own(flow);
            }

            for (int i = 0; i < flows.Length; i++)
            {
                MemoryMegaflow flow = Own(flows[i]);
                _table.Remove(flow);
                flow.Owner = null;
                final[i] = flow.Stats;
            }
        }
    }

    /// <inheritdoc/>
    public MegaflowStats ReadStats(MegaflowHandle flow)
    {
        lock (_gate)
        {
            return Own(flow).Stats;
        }
    }

    /// <summary>A frame comes in at a port.</summary>
    /// <param name="port">Datapath port number; one that is not there is counted as <see cref="DropReason.BadPort"/>.</param>
    /// <param name="frame">The frame with all VLAN tags.</param>
    /// <param name="gsoSize">Segment size, if it is a GSO packet.</param>
    public void Receive(uint port, ReadOnlySpan<byte> frame, int gsoSize = 0)
    {
        List<(uint Port, byte[] Frame)> sent;
        IReadOnlyList<PacketSample> samples;
        Action<PacketSample>? receiver;
        lock (_gate)
        {
            receiver = _sampleReceiver;
            _rx++;
            _received.Load(frame, port, gsoSize);
            _ports.TryGetValue(port, out DpPort? from);
            bool sampled = receiver is not null && (_sampleOneIn <= 1 || _options.Random.NextInt64(_sampleOneIn) == 0);
            sent = _run.Process(_received, from, sampled, out samples);
        }

        foreach (PacketSample sample in samples)
        {
            receiver?.Invoke(sample);
        }

        foreach ((uint to, byte[] bytes) in sent)
        {
            Transmitted?.Invoke(to, bytes);
        }

        if (_options.Delivery == UpcallDelivery.Inline)
        {
            _upcalls.Deliver();
        }
    }

    /// <inheritdoc/>
    /// <remarks>Nothing waits here.</remarks>
    public void Execute(DpPacket packet, DpActions actions, IUpcallSink? sink, bool mayWait = false)
    {
        lock (_gate)
        {
            _executed++;
        }

        new ExecuteRun(this, sink).Execute(packet, actions);
    }

    /// <inheritdoc/>
    public void SendWaiting()
    {
        // See Execute.
    }

    /// <summary>Delivers the upcalls that wait to the sink, on this thread (<see cref="UpcallDelivery.Manual"/>).</summary>
    public void DeliverUpcalls() => _upcalls.Deliver();

    /// <summary>Waits until the datapath's own thread has delivered all upcalls (<see cref="UpcallDelivery.OwnThread"/>).</summary>
    public void WaitForUpcalls() => _upcalls.WaitUntilIdle();

    /// <inheritdoc/>
    public bool SetMeter(uint slot, DpMeter meter) => _meters.Set(slot, meter);

    /// <inheritdoc/>
    public bool RemoveMeter(uint slot) => _meters.Remove(slot);

    /// <inheritdoc/>
    public DpMeterStats? ReadMeter(uint slot) => _meters.Read(slot);

    /// <inheritdoc/>
    /// <remarks>Here the thread is that which receives, and none are left out.</remarks>
    public void SamplePackets(uint oneIn, Action<PacketSample>? receiver)
    {
        lock (_gate)
        {
            (_sampleOneIn, _sampleReceiver) = (oneIn, receiver);
        }
    }

    /// <inheritdoc/>
    public void Synchronize()
    {
        lock (_gate)
        {
            // Who holds the lock has left the programs: none runs outside it.
        }
    }

    /// <inheritdoc/>
    public DatapathStats ReadDatapathStats()
    {
        lock (_gate)
        {
            return new DatapathStats
            {
                Rx = _rx,
                Executed = _executed,
                Copies = _copies,
                Consumed = _consumed,
                Unparsed = _unparsed,
                Sent = _sentByExecute,
                Raised = _raised,
                Hit = _hit,
                Miss = _miss,
                Upcalls = _upcallsWritten,
                Lost = _lost,
                MasksTried = _masksTried,
                Tx = _tx,
                Recirculated = _recirculated,
                Flows = _table.FlowCount,
                Masks = _table.MaskCount,
                Drops = [.. _drops],
            };
        }
    }

    /// <inheritdoc/>
    public DpPortStats? ReadPortStats(uint number)
    {
        lock (_gate)
        {
            return _portStates.TryGetValue(number, out PortState? state) ? new DpPortStats(state.Upcalls, [.. state.Drops]) : null;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _upcalls.Dispose();

    private static FlowKey PacketPart(in FlowKey mask)
    {
        FlowKey result = mask;
        result.AsMutableWords()[FlowKey.PacketWords..].Clear();
        return result;
    }

    private ulong NowNs() => (ulong)((UInt128)_options.Time.GetTimestamp() * 1_000_000_000 / (ulong)_options.Time.TimestampFrequency);

    private MemoryMegaflow Own(MegaflowHandle flow) =>
        flow is MemoryMegaflow own && own.Owner == this
            ? own
            : throw new ArgumentException("the megaflow was removed, or is another datapath's", nameof(flow));

    /// <summary>Looks a packet up and counts. Under the lock.</summary>
    private MemoryMegaflow? Lookup(DpPacket packet, in FlowKey key)
    {
        bool found = _table.TryFind(key, out MemoryMegaflow? flow, out int tried);
        _masksTried += (ulong)tried;
        if (!found)
        {
            _miss++;
            return null;
        }

        _hit++;
        MegaflowStats stats = flow!.Stats;
        flow.Stats = new MegaflowStats(
            stats.Packets + 1,
            stats.Bytes + (ulong)packet.TotalLength,
            NowNs(),
            (ushort)(stats.TcpFlags | key.TcpFlags));
        return flow;
    }

    /// <summary>A packet had so many ends: all but one were copies of it. Under the lock.</summary>
    private void CountEnds(uint ends)
    {
        if (ends == 0)
        {
            _consumed++;
        }
        else
        {
            _copies += ends - 1;
        }
    }

    /// <summary>Whether a port is there and may send. Under the lock.</summary>
    private bool CanSend(uint port) => _ports.TryGetValue(port, out DpPort? to) && (to.Flags & DpPortFlags.NoFwd) == 0;

    /// <summary>The key of a packet that goes round.</summary>
    private static FlowKey RecirculatedKey(DpPacket packet, in FlowKey context)
    {
        // Rewriting never makes a packet shorter than an Ethernet header.
        _ = PacketParser.TryParse(packet, out FlowKey key, out _);
        key.InPort = context.InPort;
        key.RecircId = context.RecircId;
        context.AsWords()[17..24].CopyTo(key.AsMutableWords()[17..]);
        return key;
    }

    private static Upcall MakeUpcall(DpPacket packet, ref readonly FlowKey key, UpcallReason reason, uint maxLength, ulong cookie)
    {
        int length = (int)Math.Min((uint)Math.Min(packet.Length, MaxUpcallBytes), maxLength);
        return new Upcall(reason, in key, packet.Data[..length])
        {
            Length = packet.TotalLength,
            GsoSize = packet.GsoSize,
            Cookie = cookie,
        };
    }

    /// <summary>Budget and counters of a port. Under the lock.</summary>
    private sealed class PortState(DpPort port, ulong nowNs)
    {
        private readonly (ulong Cost, ulong Burst) _budget = TokenBucket.OfUpcalls(port);
        private ulong _fullAt = nowNs << Abi.MeterTimeShift;

        public ulong Upcalls { get; set; }

        public ulong[] Drops { get; } = new ulong[DropReasons.Count];

        public bool MayUpcall(ulong nowNs) =>
            _budget.Cost == 0 || TokenBucket.TryTake(ref _fullAt, nowNs << Abi.MeterTimeShift, _budget.Cost, _budget.Burst);
    }

    /// <summary>Runs the programs of packets that come in, all under the datapath's lock; frames are gathered and sent behind it.</summary>
    private sealed class ReceivedRun(InMemoryDatapath datapath) : IDpActionOwner
    {
        private readonly DpActionExecutor _executor = new();
        private List<(uint Port, byte[] Frame)> _sent = [];
        private List<PacketSample>? _samples;
        private PortState? _port;
        private uint _ends;
        private UpcallReason _upcalled;
        private DropReason _dropped;
        private bool _again;
        private FlowKey _context;

        public List<(uint Port, byte[] Frame)> Process(DpPacket packet, DpPort? from, bool sampled, out IReadOnlyList<PacketSample> samples)
        {
            _sent = [];
            _samples = sampled ? [] : null;
            (_upcalled, _dropped, _ends) = (default, default, 0);
            _port = from is null ? null : datapath._portStates[from.Number];
            FlowKey key = new() { InPort = from?.Number ?? 0 };
            if (from is null || (from.Flags & DpPortFlags.NoRecv) != 0)
            {
                datapath._unparsed++;
                Drop(from is null ? DropReason.BadPort : DropReason.PortNoRecv);
                Sample(key, packet.TotalLength, null);
            }
            else if (!PacketParser.TryParse(packet, out key, out _))
            {
                datapath._unparsed++;
                Drop(DropReason.TooShort);
                Sample(new FlowKey { InPort = from.Number }, packet.TotalLength, null);
            }
            else
            {
                Run(packet, key);
            }

            datapath.CountEnds(_ends);
            samples = _samples ?? [];
            return _sent;
        }

        /// <summary>A round is over.</summary>
        private void Sample(in FlowKey key, int length, MemoryMegaflow? flow)
        {
            _samples?.Add(new PacketSample
            {
                Key = key,
                Length = length,
                Hit = flow is not null,
                Mask = flow?.Mask,
                Actions = flow?.Actions,
                Upcall = _upcalled,
                Drop = _dropped,
            });
            (_upcalled, _dropped) = (default, default);
        }

        private void Run(DpPacket packet, FlowKey key)
        {
            for (int round = 0; ; round++)
            {
                int length = packet.TotalLength;
                MemoryMegaflow? flow = datapath.Lookup(packet, key);
                if (flow is null)
                {
                    Upcall(MakeUpcall(packet, in key, UpcallReason.Miss, uint.MaxValue, 0));
                    Sample(key, length, null);
                    return;
                }

                _again = false;
                _executor.Run(packet, key, flow.Actions, this);
                Sample(key, length, flow);
                if (!_again)
                {
                    return;
                }

                if (round == MaxRecirculations)
                {
                    Drop(DropReason.RecircLimit);
                    return;
                }

                datapath._recirculated++;
                key = RecirculatedKey(packet, _context);
            }
        }

        public void Output(DpPacket packet, in DpOutput output)
        {
            if (!datapath.CanSend(output.Port))
            {
                Drop(DropReason.NoOutPort);
                return;
            }

            _ends++;
            datapath._tx++;
            _sent.Add((output.Port, packet.Data[..output.Length].ToArray()));
        }

        public void Userspace(DpPacket packet, in FlowKey key, UpcallReason reason, in DpUserspace request) =>
            Upcall(MakeUpcall(packet, in key, reason, request.MaxLen, request.Cookie));

        public MeterVerdict Meter(uint slot, int length) => datapath._meters.Apply(slot, length);

        public uint Hash(uint seed, in FlowKey key) => FlowHash.Compute(seed, key);

        public void Recirculate(DpPacket packet, in FlowKey context)
        {
            _again = true;
            _context = context;
        }

        public bool Sample(uint probability) => datapath._options.Random.NextInt64(1L << 32) < probability;

        public void Drop(DropReason reason)
        {
            _ends++;
            _dropped = reason;
            datapath._drops[(int)reason]++;
            if (_port is not null)
            {
                _port.Drops[(int)reason]++;
            }
        }

        private void Upcall(in Upcall upcall)
        {
            if (!_port!.MayUpcall(datapath.NowNs()))
            {
                Drop(DropReason.UpcallLimit);
                return;
            }

            _upcalled = upcall.Reason;
            if (datapath._upcalls.TryAdd(upcall))
            {
                _ends++;
                datapath._upcallsWritten++;
                _port.Upcalls++;
            }
            else
            {
                datapath._lost++;
                Drop(DropReason.UpcallLost);
            }
        }
    }

    /// <summary>Runs one program for user space, outside the lock but for lookups.</summary>
    private sealed class ExecuteRun(InMemoryDatapath datapath, IUpcallSink? sink) : IDpActionOwner
    {
        private bool _again;
        private FlowKey _context;
        private uint _ends;

        public void Execute(DpPacket packet, DpActions actions)
        {
            RunRounds(packet, actions);
            lock (datapath._gate)
            {
                datapath.CountEnds(_ends);
            }
        }

        private void RunRounds(DpPacket packet, DpActions actions)
        {
            DpActionExecutor executor = new();
            if (!PacketParser.TryParse(packet, out FlowKey key, out PacketLayout layout))
            {
                Drop(DropReason.TooShort);
                return;
            }

            ChecksumFixer.Complete(packet, layout);
            for (int round = 0; ; round++)
            {
                _again = false;
                executor.Run(packet, key, actions, this);
                if (!_again)
                {
                    return;
                }

                if (round == MaxRecirculations)
                {
                    Drop(DropReason.RecircLimit);
                    return;
                }

                key = RecirculatedKey(packet, _context);
                DpActions? next;
                lock (datapath._gate)
                {
                    datapath._recirculated++;
                    next = datapath.Lookup(packet, key)?.Actions;
                }

                if (next is null)
                {
                    Userspace(packet, key, UpcallReason.Miss, new DpUserspace { MaxLen = DpUserspace.WholePacket });
                    return;
                }

                actions = next;
            }
        }

        public void Output(DpPacket packet, in DpOutput output)
        {
            bool canSend;
            lock (datapath._gate)
            {
                canSend = datapath.CanSend(output.Port);
                datapath._sentByExecute += canSend ? 1u : 0;
            }

            if (canSend)
            {
                _ends++;
                datapath.Transmitted?.Invoke(output.Port, packet.Data[..output.Length].ToArray());
            }
            else
            {
                Drop(DropReason.NoOutPort);
            }
        }

        public void Userspace(DpPacket packet, in FlowKey key, UpcallReason reason, in DpUserspace request)
        {
            _ends++;
            lock (datapath._gate)
            {
                datapath._raised++;
            }

            sink?.OnUpcall(MakeUpcall(packet, in key, reason, request.MaxLen, request.Cookie));
        }

        public MeterVerdict Meter(uint slot, int length) => datapath._meters.Apply(slot, length);

        public uint Hash(uint seed, in FlowKey key) => FlowHash.Compute(seed, key);

        public void Recirculate(DpPacket packet, in FlowKey context)
        {
            _again = true;
            _context = context;
        }

        public bool Sample(uint probability) => datapath._options.Random.NextInt64(1L << 32) < probability;

        public void Drop(DropReason reason)
        {
            _ends++;
            lock (datapath._gate)
            {
                datapath._drops[(int)reason]++;
            }
        }
    }
}
