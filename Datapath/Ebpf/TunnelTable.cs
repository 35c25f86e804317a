using OvsBridge.Datapath.Interop;
using OvsBridge.Datapath.Links;
using OvsBridge.Datapath.Tunnels;

namespace OvsBridge.Datapath.Ebpf;

/// <summary>
/// The tunnel ports, here and in the program's maps. What depends on the machine (addresses, routes, neighbours, interfaces that tunnels come in by) is in
/// <c>TunnelTable.Underlay.cs</c>, what user space sends itself in <c>TunnelTable.Send.cs</c>; docs/tunnels.md has the whole.
/// </summary>
/// <remarks>
/// The datapath's lock for ports serialises changes. Sending and reading counters are for any thread. It speaks of the network namespace of
/// the thread that made it, also on the thread of its own that begins with the first tunnel.
/// </remarks>
internal sealed partial class TunnelTable : IDisposable
{
    private readonly Lock _portLock;
    private readonly PortTable _ports;
    private readonly GracePeriod _grace;
    private readonly int _cpus;
    private readonly MappedArray<ulong> _index;
    private readonly MappedArray<TunnelEntry> _tunnels;
    private readonly MappedArray<TunnelRouteEntry> _routeEntries;
    private readonly MappedArray<TunnelInEntry> _ins;
    private readonly MappedArray<TunnelHead> _head;
    private readonly MappedArray<TunnelStatsEntry> _stats;
    private readonly ulong[] _hashKey = new ulong[6];
    private readonly int _program;
    private readonly IReadOnlyList<string>? _underlay;
    private volatile Dictionary<uint, TunnelPort> _byNumber = [];

    /// <summary>Prepares; nothing happens before the first tunnel.</summary>
    /// <param name="bpf">The loaded object.</param>
    /// <param name="program">Name of the program for interfaces that tunnels come in by.</param>
    /// <param name="ports">All ports.</param>
    /// <param name="portLock">Serialises changes of ports.</param>
    /// <param name="grace">Grace periods.</param>
    /// <param name="cpus">Possible CPUs.</param>
    /// <param name="options">Which interfaces tunnels come in by, and where to attach there.</param>
    public unsafe TunnelTable(BpfObject bpf, string program, PortTable ports, Lock portLock, GracePeriod grace, int cpus, EbpfDatapathOptions options)
    {
        _ports = ports;
        _portLock = portLock;
        _grace = grace;
        _cpus = cpus;
        _underlay = options.Underlay;
        _attacher = new PortAttacher(options.AttachTo);
        _program = bpf.ProgramFd(program);
        _index = bpf.Map("tunnel_index").MapValues<ulong>();
        _tunnels = bpf.Map("tunnels").MapValues<TunnelEntry>();
        _routeEntries = bpf.Map("tunnel_routes").MapValues<TunnelRouteEntry>();
        _ins = bpf.Map("tunnel_ins").MapValues<TunnelInEntry>();
        _head = bpf.Map(".data.tunnel_head").MapValues<TunnelHead>();
        _stats = bpf.Map("tunnel_stats").MapValues<TunnelStatsEntry>();
        MappedArray<HashKey> hashKey = bpf.Map(".data.hash_key").MapValues<HashKey>();
        for (int i = 0; i < _hashKey.Length; i++)
            _hashKey[i] = hashKey[0].Word[i];
    }

    /// <summary>Is told, in a sentence, of what keeps a tunnel from working; once for each cause.</summary>
    public Action<string>? Warned { get; set; }

    /// <summary>Sizes the maps, before load.</summary>
    public static void Resize(BpfObject bpf)
    {
        bpf.Map("tunnel_index").Resize(Abi.MaxPorts);
        bpf.Map("tunnels").Resize(Abi.MaxTunnels);
        bpf.Map("tunnel_routes").Resize(Abi.MaxRoutes);
        bpf.Map("tunnel_ins").Resize(Abi.TunnelSlots);
        bpf.Map("tunnel_stats").Resize(Cpus.Possible * Abi.MaxTunnels);
    }

    /// <summary>Throws if the tunnel can't be added.</summary>
    public void Check(DpPort port)
    {
        TunnelConfig config = port.Tunnel!;
        if (_byNumber.Count == Abi.MaxTunnels)
            throw new DatapathException($"no room for {port.Name}: there can be {Abi.MaxTunnels} tunnels");
        if (_byNumber.Values.FirstOrDefault(other => SamePackets(other.Config, config)) is { } same)
            throw new ArgumentException($"the packets of {port.Name} and {same.Name} can't be told apart", nameof(port));
        IEnumerable<TunnelConfig> all = _byNumber.Values.Select(other => other.Config).Append(config);
        if (all.Where(other => other.Type != TunnelType.Gre).Select(other => other.DestinationPort).Distinct().Count() > Abi.MaxUdpPorts)
            throw new DatapathException($"no room for {port.Name}: tunnels can come in by {Abi.MaxUdpPorts} UDP ports");
        if (_byNumber.Values.FirstOrDefault(other => other.Config.DestinationPort == config.DestinationPort && other.Config.Type != config.Type) is { } clash
            && config.Type != TunnelType.Gre && clash.Config.Type != TunnelType.Gre)
            throw new ArgumentException($"{port.Name} and {clash.Name} are of different types and have the same dst_port", nameof(port));
    }

    /// <summary>Adds a checked port; from now on packets come in by it. The caller makes the port known to the program afterwards.</summary>
    public void Add(DpPort port)
    {
        TunnelConfig config = port.Tunnel!;
        int index = 0;
        while (_tunnels[index].Port != 0)
            index++;
        for (int cpu = 0; cpu < _cpus; cpu++)
            _stats[(cpu * Abi.MaxTunnels) + index] = default;
        _tunnels[index] = new TunnelEntry
        {
            Flags = (ushort)FlagsOf(config),
            Type = (byte)config.Type,
            Tos = config.Tos,
            Ttl = config.Ttl,
            DstPort = config.DestinationPort,
            OutKey = config.Type == TunnelType.Gre ? (uint)(config.OutKey ?? 0) : config.OutKey ?? 0,
            Local = config.Local ?? 0,
            Remote = config.Remote ?? 0,
        };
        Volatile.Write(ref _tunnels[index].Port, port.Number);
        Volatile.Write(ref _index[(int)port.Number], (ulong)index + 1);
        Change(byNumber => byNumber.Add(port.Number, new TunnelPort(port.Number, port.Name, index, config)));
        StartUnderlay();
        Refresh();
    }

    /// <summary>Removes a port; its place is free after a grace period, which this waits for.</summary>
    public void Remove(uint number)
    {
        if (!_byNumber.TryGetValue(number, out TunnelPort? port))
            return;
        Change(byNumber => byNumber.Remove(number));
        Volatile.Write(ref _index[(int)number], 0);
        Refresh();
        _grace.Wait();
        _tunnels[port.Index] = default;
    }

    /// <summary>Counters of a port; null: it is no tunnel.</summary>
    public LinkCounters? Read(uint number)
    {
        if (!_byNumber.TryGetValue(number, out TunnelPort? port))
            return null;
        TunnelStatsEntry sum = default;
        for (int cpu = 0; cpu < _cpus; cpu++)
        {
            ref TunnelStatsEntry stats = ref _stats[(cpu * Abi.MaxTunnels) + port.Index];
            sum.RxPackets += Volatile.Read(ref stats.RxPackets);
            sum.RxBytes += Volatile.Read(ref stats.RxBytes);
            sum.RxDropped += Volatile.Read(ref stats.RxDropped);
            sum.TxPackets += Volatile.Read(ref stats.TxPackets);
            sum.TxBytes += Volatile.Read(ref stats.TxBytes);
            sum.TxDropped += Volatile.Read(ref stats.TxDropped);
        }

        return new LinkCounters
        {
            RxPackets = sum.RxPackets,
            RxBytes = sum.RxBytes,
            RxDropped = sum.RxDropped,
            TxPackets = sum.TxPackets + (ulong)Interlocked.Read(ref port.TxPackets),
            TxBytes = sum.TxBytes + (ulong)Interlocked.Read(ref port.TxBytes),
            TxDropped = sum.TxDropped + (ulong)Interlocked.Read(ref port.TxDropped),
        };
    }

    /// <summary>Two ports that would want the same packets.</summary>
    internal static bool SamePackets(TunnelConfig one, TunnelConfig other) =>
        (one.Type, one.DestinationPort, one.Remote, one.InKey, one.Local, one.LocalFlow)
        == (other.Type, other.DestinationPort, other.Remote, other.InKey, other.Local, other.LocalFlow);

    private static TunnelFlags FlagsOf(TunnelConfig config) =>
        (config.OutKey is null ? 0 : TunnelFlags.OutKey)
        | (config.OutKeyFlow ? TunnelFlags.OutKeyFlow : 0)
        | (config.Remote is null ? TunnelFlags.RemoteFlow : 0)
        | (config.LocalFlow ? TunnelFlags.LocalFlow : 0)
        | (config.TosInherit ? TunnelFlags.TosInherit : 0)
        | (config.TtlInherit ? TunnelFlags.TtlInherit : 0)
        | (config.DontFragment ? TunnelFlags.DontFragment : 0)
        | (config.Checksum ? TunnelFlags.Checksum : 0);

    private void Change(Action<Dictionary<uint, TunnelPort>> change)
    {
        Dictionary<uint, TunnelPort> next = new(_byNumber);
        change(next);
        _byNumber = next;
    }

    /// <summary>A port and what is known of its way.</summary>
    private sealed class TunnelPort(uint number, string name, int index, TunnelConfig config)
    {
        public long TxPackets, TxBytes, TxDropped;

        public uint Number { get; } = number;

        public string Name { get; } = name;

        public int Index { get; } = index;

        public TunnelConfig Config { get; } = config;

        /// <summary>To the fixed remote end.</summary>
        public Way Way { get; set; } = Way.None;

        /// <summary>Where the program finds it; 0: nowhere.</summary>
        public int RouteEntry { get; set; }

        /// <summary>Why it has no way, as last told; null: it has.</summary>
        public string? Trouble { get; set; }
    }

    /// <summary>How packets get to a remote end.</summary>
    private sealed record Way(int IfIndex, uint Mtu, ulong Smac, ulong Dmac, UInt128 NextHop, UInt128 Local)
    {
        public static readonly Way None = new(0, 0, 0, 0, 0, 0);
    }
}
