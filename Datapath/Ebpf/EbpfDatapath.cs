using System.Collections.Concurrent;
using System.Diagnostics;
using System.Numerics;
using System.Runtime.InteropServices;
using OvsBridge.Datapath.Interop;
using OvsBridge.Datapath.Links;
using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.Datapath.Ebpf;

/// <summary>
/// The datapath in the kernel: bpf/dp_tc.bpf.c at tc ingress of every port. This class loads it, writes its tables through shared
/// memory, and reads its upcalls. docs/datapath-abi.md tells how the two sides work together.
/// </summary>
/// <remarks>
/// Needs CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN and CAP_NET_RAW. Interfaces are those of the network namespace of the thread that
/// makes it; ports are to be added by threads in the same one.
/// </remarks>
public sealed class EbpfDatapath : IDatapath
{
    private const string ObjectName = "dp_tc.bpf.o";
    internal const string Program = "dp_tc_ingress";
    internal const string TunnelProgram = "dp_tunnel_ingress";

    private static readonly HashSet<DpActionType> _actions =
    [
        DpActionType.Output, DpActionType.Userspace, DpActionType.Sample, DpActionType.Drop,
        DpActionType.PushVlan, DpActionType.PopVlan, DpActionType.SetVlan, DpActionType.SetEth,
        DpActionType.SetIpv4, DpActionType.SetIpv6, DpActionType.SetArp, DpActionType.SetTp, DpActionType.SetNd,
        DpActionType.SetMpls, DpActionType.PushMpls, DpActionType.PushMplsFront, DpActionType.PopMpls, DpActionType.CopyTtlOut, DpActionType.CopyTtlIn,
        DpActionType.SetPbb, DpActionType.PushPbb, DpActionType.PopPbb, DpActionType.DecTtl, DpActionType.DecMplsTtl, DpActionType.SetPriority,
        DpActionType.Hash, DpActionType.Recirc, DpActionType.Meter, DpActionType.SetTunnel,
    ];

    private readonly Lock _portLock = new();
    private readonly Lock _sampleLock = new();
    private readonly BpfObject _bpf;
    private readonly MappedArray<DpStats> _stats;
    private readonly MappedArray<ulong> _drops;
    private readonly ulong[] _ownDrops = new ulong[DropReasons.Count];
    private readonly MappedArray<TableHead> _head;
    private readonly GracePeriod _grace;
    private readonly FlowTable _flows;
    private readonly PortTable _ports;
    private readonly MeterTable _meters;
    private readonly PortAttacher _attacher;
    private readonly PacketSender _sender;
    private readonly TunnelTable _tunnels;
    private readonly UpcallReader _upcalls;
    private readonly ConcurrentBag<Execution> _executions = [];
    private readonly ITimer? _sorter;
    private readonly int _cpus;
    private readonly System.Net.Sockets.Socket? _tablesOwner;
    private List<AdoptedFlow> _adoptedFlows = [];
    private ulong _ownHits, _ownMisses, _ownRecirculated, _executed, _raised, _ownCopies, _ownConsumed;
    private uint _adoptedTables; // 0: none, or their last programs are gone
    private int _disposed;

    /// <summary>Loads the programs, and takes over the tables of a former process if the options say so and they are right.</summary>
    /// <exception cref="DatapathException">Missing rights, a kernel that can't run them, or another daemon has an interface; the message says
    /// what and why.</exception>
    public EbpfDatapath(EbpfDatapathOptions? options = null)
    {
        options ??= new EbpfDatapathOptions();
        LibBpfMessages.Silence();
        _cpus = Cpus.Possible;
        _attacher = new PortAttacher(options.AttachTo);
        string? refusal = null;
        try
        {
            Tables? tables = null;
            uint[] programs = options.Adopt is { } request ? Hold(request.Ports) : [];
            if (programs.Length > 0)
            {
                try
                {
                    using Adoption adoption = Adoption.Open(programs);
                    tables = Open(options, adoption);
                    _tablesOwner = adoption.TakeOwnership();
                    _adoptedTables = adoption.Tables;
                }
                catch (Exception exception) when (exception is InvalidDataException or DatapathException)
                {
                    refusal = exception.Message;
                }
            }

            (_bpf, _head, _stats, _drops, _grace, _flows, _ports, _meters) = tables ?? Open(options, null);
            if (programs.Length > 0)
            {
                Adopted = new AdoptionReport(refusal, _flows.Count, _flows.MaskCount);
                if (refusal is null)
                {
                    _adoptedFlows = _flows.List();
                    AdoptedMeterSlots = _meters.Adopted;
                }
            }

            _tunnels = new TunnelTable(_bpf, TunnelProgram, _ports, _portLock, _grace, _cpus, options);
            _sender = new PacketSender();
            _upcalls = new UpcallReader(
                _bpf.Map("upcalls"), _bpf.Map(".data.upcall_reader").MapValues<UpcallReaderState>(), _cpus, Pages(options.UpcallRingBytes));
        }
        catch
        {
            _sender?.Dispose();
            _bpf?.Dispose();
            _attacher.Dispose();
            _tablesOwner?.Dispose();
            throw;
        }

        Capabilities = new DatapathCapabilities(_actions, options.MaxFlows, Abi.MaxMasks, Abi.MaxActions)
        {
            MaxMeters = _meters.MaxMeters,
            MaxBands = Abi.MaxBands,
        };
        if (options.MaskSortInterval > TimeSpan.Zero)
        {
            _sorter = options.Time.CreateTimer(_ => _flows.SortMasks(), null, options.MaskSortInterval, options.MaskSortInterval);
        }
    }

    /// <inheritdoc/>
    public string Kind => "tc";

    /// <summary>Where the program is attached: never <see cref="AttachPoint.Auto"/>.</summary>
    public AttachPoint AttachedTo => _attacher.Point;

    /// <summary>How taking over went; null: there was nothing.</summary>
    public AdoptionReport? Adopted { get; }

    /// <summary>Whether <see cref="Dispose"/> leaves program and tables to the next process, as a killed one does.</summary>
    public bool LeaveBehind { get; set; }

    /// <inheritdoc/>
    public uint AdoptedMeterSlots { get; }

    /// <inheritdoc/>
    public DatapathCapabilities Capabilities { get; }

    /// <inheritdoc/>
    public IReadOnlyList<DpPort> Ports => _ports.All;

    /// <inheritdoc/>
    public int FlowCount => _flows.Count;

    /// <summary>The flow table, for tests.</summary>
    internal FlowTable Flows => _flows;

    /// <summary>The loaded object, for tests.</summary>
    internal BpfObject Bpf => _bpf;

    /// <summary>The upcalls' reader, for tests.</summary>
    internal UpcallReader Upcalls => _upcalls;

    /// <summary>The sender, for tests.</summary>
    internal PacketSender Sender => _sender;

    /// <summary>File descriptor of the program, for tests and benchmarks that run it on packets of their own.</summary>
    internal int ProgramFd => _bpf.ProgramFd(Program);

    /// <summary>Is told, in a sentence, of what keeps a tunnel from working. Set it before tunnels are added.</summary>
    public Action<string>? TunnelWarning
    {
        get => _tunnels.Warned;
        set => _tunnels.Warned = value;
    }

    /// <inheritdoc/>
    public void StartUpcalls(IUpcallSink sink)
    {
        // By now all ports are there: where the former process had tunnels come in and we don't, they are to do so no more.
        if (Interlocked.Exchange(ref _adoptedTables, 0) is not 0 and var tables)
        {
            lock (_portLock)
            {
                _tunnels.RemoveLeftovers(tables);
            }
        }

        _upcalls.Start(new TunnelUpcalls(this, sink));
    }

    /// <inheritdoc/>
    public void AddPort(DpPort port)
    {
        lock (_portLock)
        {
            _ports.Check(port);
            if (port.Tunnel is not null)
            {
                _tunnels.Check(port);
                _tunnels.Add(port);
            }
            else
            {
                _tunnels.Release(port.IfIndex);
                _attacher.Attach(port.Name, port.IfIndex, ProgramFd);
            }

            _ports.Add(port);
        }
    }

    /// <inheritdoc/>
    public bool RemovePort(uint number)
    {
        lock (_portLock)
        {
            if (_ports.Find(number) is not { } port)
            {
                return false;
            }

            _ports.Remove(port);
            if (port.Tunnel is not null)
            {
                _tunnels.Remove(number);
            }
            else
            {
                _attacher.Detach(port.IfIndex);
            }

            _grace.Wait();
            return true;
        }
    }

    /// <inheritdoc/>
    public void SetPortFlags(uint number, DpPortFlags flags)
    {
        lock (_portLock)
        {
            _ports.SetFlags(_ports.Find(number) ?? throw new ArgumentException($"there is no port {number}", nameof(number)), flags);
        }
    }

    /// <inheritdoc/>
    public void SetPortPeer(uint number, ulong? mac)
    {
        lock (_portLock)
        {
            DpPort port = _ports.Find(number) ?? throw new ArgumentException($"there is no port {number}", nameof(number));
            if (port.PeerMac == mac || port.Tunnel is not null)
            {
                return;
            }

            _ports.SetPeer(port, null);
            if (mac is not null)
            {
                _grace.Wait(); // nobody compares with the address while it changes
                _ports.SetPeer(port, mac);
            }
        }
    }

    /// <inheritdoc/>
    public IReadOnlyList<AdoptedFlow> TakeAdoptedFlows() => Interlocked.Exchange(ref _adoptedFlows, []);

    /// <inheritdoc/>
    public void RemoveAdoptedMeters() => _meters.RemoveAdopted();

    /// <inheritdoc/>
    public PutOutcome PutFlow(in FlowKey key, in FlowKey mask, DpActions actions, MegaflowHandle? spent, out MegaflowHandle? flow)
    {
        CheckActions(actions);
        return _flows.Put(key, mask, actions, spent, out flow);
    }

    /// <inheritdoc/>
    public bool ReplaceActions(MegaflowHandle flow, DpActions actions)
    {
        CheckActions(actions);
        return _flows.Replace(flow, actions);
    }

    /// <inheritdoc/>
    public void RemoveFlows(ReadOnlySpan<MegaflowHandle> flows, Span<MegaflowStats> final) => _flows.Remove(flows, final);

    /// <inheritdoc/>
    public MegaflowStats ReadStats(MegaflowHandle flow) => _flows.ReadStats(flow);

    /// <inheritdoc/>
    public void Execute(DpPacket packet, DpActions actions, IUpcallSink? sink, bool mayWait = false)
    {
        // One for each call that is under way: a sink that is called back may execute again.
        if (!_executions.TryTake(out Execution? execution))
        {
            execution = new Execution(this);
        }

        Interlocked.Increment(ref _executed);
        execution.Run(packet, actions, sink, mayWait);
        _executions.Add(execution);
    }

    /// <inheritdoc/>
    public void SendWaiting() => CountRefused(_sender.SendWaiting());

    /// <inheritdoc/>
    public bool SetMeter(uint slot, DpMeter meter) => _meters.Set(slot, meter);

    /// <inheritdoc/>
    public bool RemoveMeter(uint slot) => _meters.Remove(slot);

    /// <inheritdoc/>
    public DpMeterStats? ReadMeter(uint slot) => _meters.Read(slot);

    /// <inheritdoc/>
    public void SamplePackets(uint oneIn, Action<PacketSample>? receiver)
    {
        lock (_sampleLock)
        {
            ref uint rate = ref _head[0].SampleRate;
            if (receiver is null)
            {
                Volatile.Write(ref rate, 0);
                _upcalls.Samples = null;
                return;
            }

            _upcalls.Samples = record => receiver(Sample(record));
            Volatile.Write(ref rate, Math.Max(oneIn, 1));
        }
    }

    /// <inheritdoc/>
    public LinkCounters? ReadTunnel(uint number) => _tunnels.Read(number);

    /// <inheritdoc/>
    public void Synchronize() => _grace.Wait();

    /// <inheritdoc/>
    public DatapathStats ReadDatapathStats()
    {
        DpStats sum = default;
        ulong[] drops = new ulong[DropReasons.Count];
        for (int cpu = 0; cpu < _cpus; cpu++)
        {
            ref DpStats stats = ref _stats[cpu];
            sum.Rx += Volatile.Read(ref stats.Rx);
            sum.Hit += Volatile.Read(ref stats.Hit);
            sum.CacheHit += Volatile.Read(ref stats.CacheHit);
            sum.Miss += Volatile.Read(ref stats.Miss);
            sum.Upcalls += Volatile.Read(ref stats.Upcalls);
            sum.Lost += Volatile.Read(ref stats.Lost);
            sum.MasksTried += Volatile.Read(ref stats.MasksTried);
            sum.Tx += Volatile.Read(ref stats.Tx);
            sum.Recirc += Volatile.Read(ref stats.Recirc);
            sum.Copies += Volatile.Read(ref stats.Copies);
            sum.Consumed += Volatile.Read(ref stats.Consumed);
            sum.Unparsed += Volatile.Read(ref stats.Unparsed);
            for (int reason = 0; reason < drops.Length; reason++)
            {
                drops[reason] += Volatile.Read(ref _drops[(cpu * DropReasons.Count) + reason]);
            }
        }

        ulong nested = drops[(int)DropReason.Nested]; // which the program counts nowhere else
        for (int reason = 0; reason < drops.Length; reason++)
        {
            drops[reason] += Interlocked.Read(ref _ownDrops[reason]);
        }

        return new DatapathStats
        {
            Rx = sum.Rx + nested,
            Executed = Interlocked.Read(ref _executed),
            Copies = sum.Copies + Interlocked.Read(ref _ownCopies),
            Consumed = sum.Consumed + Interlocked.Read(ref _ownConsumed),
            Unparsed = sum.Unparsed + nested,
            Sent = (ulong)(_sender.Sent + _tunnels.Sent),
            Raised = Interlocked.Read(ref _raised),
            Hit = sum.Hit + Interlocked.Read(ref _ownHits),
            Miss = sum.Miss + Interlocked.Read(ref _ownMisses),
            Upcalls = sum.Upcalls,
            Lost = sum.Lost,
            CacheHit = sum.CacheHit,
            MasksTried = sum.MasksTried,
            Tx = sum.Tx,
            Recirculated = sum.Recirc + Interlocked.Read(ref _ownRecirculated),
            Flows = _flows.Count,
            Masks = _flows.MaskCount,
            Drops = drops,
        };
    }

    /// <inheritdoc/>
    public DpPortStats? ReadPortStats(uint number)
    {
        lock (_portLock)
        {
            return _ports.ReadStats(number);
        }
    }

    /// <summary>Takes the program off all interfaces and frees the tables.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        _sorter?.Dispose();
        lock (_portLock)
        {
            if (LeaveBehind)
            {
                _attacher.Leave();
                _tunnels.Leave();
            }

            _attacher.Dispose();
        }

        _tunnels.Dispose();

        _upcalls.Dispose();
        _sender.Dispose();
        _bpf.Dispose();
        _tablesOwner?.Dispose();
    }

    /// <summary>Takes the ownership of the interfaces, and tells which programs are on them.</summary>
    private uint[] Hold(IReadOnlyList<DpPort> ports)
    {
        List<uint> programs = [];
        foreach (DpPort port in ports.Where(port => port.Tunnel is null))
        {
            if (_attacher.Hold(port.Name, port.IfIndex) is { } program)
            {
                programs.Add(program);
            }
        }

        return [.. programs];
    }

    /// <summary>Loads the program with new tables, or with those of <paramref name="adoption"/>.</summary>
    /// <exception cref="InvalidDataException">They can't be taken over.</exception>
    private static Tables Open(EbpfDatapathOptions options, Adoption? adoption)
    {
        BpfObject bpf = BpfObject.OpenResource(ObjectName);
        try
        {
            Resize(bpf, options.MaxFlows);
            bpf.Constant<uint>("weak_memory") = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 0u : 1u;
            bpf.Constant<uint>("use_flow_cache") = options.FlowCache ? 1u : 0u;
            adoption?.Reuse(bpf);
            bpf.Load(Program, TunnelProgram);
            MappedArray<TableHead> head = bpf.Map(".data.table_head").MapValues<TableHead>();
            if (adoption is not null)
            {
                Adoption.Check(head[0], options.Adopt!.Owner);
            }

            MappedArray<DpStats> stats = bpf.Map("dp_stats").MapValues<DpStats>();
            GracePeriod grace = new(stats);
            PortTable ports = new(PortMaps.Of(bpf));
            IReadOnlyList<int> gone = adoption is null ? [] : ports.Adopt(options.Adopt!.Ports);
            MeterTable meters = new(
                bpf.Map("meters").MapValues<MeterEntry>(),
                bpf.Map("meter_bands").MapValues<MeterBandEntry>(),
                static () => (ulong)Stopwatch.GetTimestamp(), // CLOCK_MONOTONIC in nanoseconds, as bpf_ktime_get_ns
                grace.Wait);
            if (adoption is not null)
            {
                meters.Adopt();
            }

            FlowTable flows = new(bpf, grace, adoption is not null);
            if (adoption is not null)
            {
                ports.Forget(gone, options.Adopt!.Ports);
                grace.Wait();
                foreach (int ifIndex in gone)
                {
                    _ = PortAttacher.RemoveLeftover($"number {ifIndex}", ifIndex);
                }
            }
            else if (options.Adopt is { } next)
            {
                head[0].Owner = next.Owner;
                Volatile.Write(ref head[0].AbiVersion, Abi.Version); // last: from now on they may be taken over
            }

            head[0].SampleRate = 0; // who asked has gone
            return new Tables(bpf, head, stats, bpf.Map("drop_stats").MapValues<ulong>(), grace, flows, ports, meters);
        }
        catch
        {
            bpf.Dispose();
            throw;
        }
    }

    private PacketSample Sample(in PacketSampleRecord record)
    {
        FlowKey key = default;
        ((ReadOnlySpan<ulong>)record.Key).CopyTo(key.AsMutableWords());
        (FlowKey? mask, DpActions? actions) = _flows.FindByUfid(record.Ufid);
        return new PacketSample
        {
            Key = key,
            Length = (int)record.Len,
            Hit = record.Ufid != 0,
            Mask = mask,
            Actions = actions,
            Upcall = (UpcallReason)record.Upcall,
            Drop = (DropReason)record.Drop,
            Missed = record.Missed,
        };
    }

    /// <summary>Sets the sizes of all maps.</summary>
    private static void Resize(BpfObject bpf, int maxFlows)
    {
        FlowTable.Resize(bpf, maxFlows);
        TunnelTable.Resize(bpf);
        PortMaps.Resize(bpf, Cpus.WithStats);
        bpf.Map("drop_stats").Resize(Cpus.Possible * DropReasons.Count);
        bpf.Map("dp_stats").Resize(Cpus.Possible);
        bpf.Map("meters").Resize(Abi.MaxMeters);
        bpf.Map("meter_bands").Resize(Abi.MeterBands);
        bpf.Map("scratch").Resize(Cpus.Possible);
        bpf.Map("upcalls").Resize(2 * Cpus.Possible);
    }

    private static int Pages(int bytes) =>
        (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(1, (bytes + Environment.SystemPageSize - 1) / Environment.SystemPageSize));

    private void CountRefused(int frames)
    {
        if (frames != 0)
        {
            Interlocked.Add(ref _ownDrops[(int)DropReason.ActionError], (ulong)frames);
        }
    }

    private static void CheckActions(DpActions actions)
    {
        foreach (DpActionView action in actions)
        {
            if (!_actions.Contains(action.Type))
            {
                throw new ArgumentException($"the kernel's datapath does not run {action.Type}", nameof(actions));
            }
        }
    }

    private sealed record Tables(
        BpfObject Bpf, MappedArray<TableHead> Head, MappedArray<DpStats> Stats, MappedArray<ulong> Drops, GracePeriod Grace, FlowTable Flows, PortTable Ports, MeterTable Meters);

    /// <summary>One packet that user space holds, on its way through a program, and through more when it goes round; then another one.</summary>
    private sealed class Execution(EbpfDatapath datapath) : IDpActionOwner
    {
        private readonly DpActionExecutor _executor = new();
        private IUpcallSink? _sink;
        private bool _mayWait;
        private bool _again;
        private FlowKey _context;
        private FlowKey _key;
        private DpPacket? _copy;
        private uint _ends;

        /// <summary>Runs it; each way that the packet goes is an end, and all but one were copies of it.</summary>
        public void Run(DpPacket packet, DpActions actions, IUpcallSink? sink, bool mayWait)
        {
            _sink = sink;
            _mayWait = mayWait;
            _ends = 0;
            RunRounds(packet, actions);
            if (_ends == 0)
            {
                Interlocked.Increment(ref datapath._ownConsumed);
            }
            else if (_ends > 1)
            {
                Interlocked.Add(ref datapath._ownCopies, _ends - 1);
            }
        }

        private void RunRounds(DpPacket packet, DpActions actions)
        {
            if (!PacketParser.TryParse(packet, out FlowKey key, out PacketLayout layout))
            {
                Drop(DropReason.TooShort);
                return;
            }

            ChecksumFixer.Complete(packet, layout);
            for (int round = 0; ; round++)
            {
                _again = false;
                _key = key;
                _executor.Run(packet, key, actions, this);
                if (!_again)
                {
                    return;
                }

                if (round == Abi.MaxRecirculations)
                {
                    Drop(DropReason.RecircLimit);
                    return;
                }

                Interlocked.Increment(ref datapath._ownRecirculated);
                _ = PacketParser.TryParse(packet, out key, out _);
                key.InPort = _context.InPort;
                key.RecircId = _context.RecircId;
                _context.AsWords()[17..FlowKey.PacketWords].CopyTo(key.AsMutableWords()[17..]); // tunnel and hash
                if (datapath._flows.Use(key, packet.TotalLength) is not { } next)
                {
                    Interlocked.Increment(ref datapath._ownMisses);
                    Userspace(packet, key, UpcallReason.Miss, new DpUserspace { MaxLen = DpUserspace.WholePacket });
                    return;
                }

                Interlocked.Increment(ref datapath._ownHits);
                actions = next;
            }
        }

        public void Output(DpPacket packet, in DpOutput output)
        {
            if (datapath._ports.Find(output.Port) is not { } port || (port.Flags & DpPortFlags.NoFwd) != 0)
            {
                Drop(DropReason.NoOutPort);
            }
            else if (packet.Length < packet.TotalLength || output.Length < packet.Length)
            {
                Drop(DropReason.ActionError);
            }
            else if (port.Tunnel is not null)
            {
                if (datapath._tunnels.Send(port.Number, Copy(packet), _key, output.Tunnel ? output.TunnelTo : null) is not DropReason.Unspec and var reason)
                {
                    Drop(reason);
                }
                else
                {
                    _ends++;
                }
            }
            else if (_mayWait)
            {
                _ends++; // sent in the end, or counted as refused
                datapath.CountRefused(datapath._sender.SendLater(port.IfIndex, packet, output.Priority));
            }
            else if (datapath._sender.Send(port.IfIndex, packet, output.Priority) != 0)
            {
                Drop(DropReason.ActionError);
            }
            else
            {
                _ends++;
            }
        }

        public void Userspace(DpPacket packet, in FlowKey key, UpcallReason reason, in DpUserspace request)
        {
            _ends++;
            Interlocked.Increment(ref datapath._raised);
            _sink?.OnUpcall(new Upcall(reason, in key, packet.Data[..(int)Math.Min((uint)packet.Length, request.MaxLen)])
            {
                Length = packet.TotalLength,
                GsoSize = packet.GsoSize,
                Cookie = request.Cookie,
            });
        }

        /// <summary>A tunnel consumes its packet; the program may go on with it.</summary>
        private DpPacket Copy(DpPacket packet)
        {
            _copy ??= new DpPacket();
            _copy.Load(packet.Data, packet.InPort, packet.GsoSize);
            return _copy;
        }

        public MeterVerdict Meter(uint slot, int length) => datapath._meters.Apply(slot, length);

        public uint Hash(uint seed, in FlowKey key) => FlowHash.Compute(seed, key);

        public void Recirculate(DpPacket packet, in FlowKey context)
        {
            _again = true;
            _context = context;
        }

        public bool Sample(uint probability) => Random.Shared.NextInt64(1L << 32) < probability;

        public void Drop(DropReason reason)
        {
            _ends++;
            Interlocked.Increment(ref datapath._ownDrops[(int)reason]);
        }
    }

    /// <summary>Takes the upcalls that are only to be put into a tunnel.</summary>
    private sealed class TunnelUpcalls(EbpfDatapath datapath, IUpcallSink sink) : IUpcallSink
    {
        private const ulong ProgramsTunnel = 1ul << 32;
        private readonly DpPacket _packet = new();

        public void OnUpcall(in Upcall upcall)
        {
            if (upcall.Reason != UpcallReason.Tunnel)
            {
                sink.OnUpcall(upcall);
                return;
            }

            Interlocked.Increment(ref datapath._executed);
            _packet.Load(upcall.Packet, upcall.Key.InPort, upcall.GsoSize);
            _packet.TotalLength = upcall.Length;
            DpSetTunnel? tunnel = (upcall.Cookie & ProgramsTunnel) == 0 ? null : TunnelOf(upcall.Key);
            DropReason reason = datapath._tunnels.Send((uint)upcall.Cookie, _packet, upcall.Key, tunnel);
            if (reason != DropReason.Unspec)
            {
                Interlocked.Increment(ref datapath._ownDrops[(int)reason]);
            }
        }

        public void OnBatchEnd() => sink.OnBatchEnd();

        private static DpSetTunnel TunnelOf(in FlowKey key) => new()
        {
            Id = key.TunId,
            Src = key.TunSrc,
            Dst = key.TunDst,
            Ipv6Src = key.TunIpv6Src,
            Ipv6Dst = key.TunIpv6Dst,
            Flags = key.TunFlags,
            Tos = key.TunTos,
            Ttl = key.TunTtl,
        };
    }
}
