using Microsoft.Extensions.Logging;
using OvsBridge.Datapath;
using OvsBridge.Datapath.Links;
using OvsBridge.Host.Options;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Messages.Multipart;
using OvsBridge.Translator.Switch;
using OvsBridge.Translator.Tables;

namespace OvsBridge.Host;

/// <summary>
/// Keeps the switch's ports in step with the kernel's interfaces. A port belongs to an interface by name: it goes when the
/// interface goes, and comes back with the same number when one of that name appears. The LOCAL port is the bridge's own device,
/// if it has one: packets pass its other end, all else (name, address, up or down) is the device's.
/// </summary>
/// <remarks>Changes come one at a time from <see cref="LinkMonitor"/>; the members of the interfaces are for any thread.</remarks>
internal sealed partial class PortManager : IPorts
{
    private readonly IDatapath _datapath;
    private readonly LinkTable _links;
    private readonly LinkMonitor _monitor;
    private readonly PromiscuousMode _promiscuous;
    private readonly FastPeers? _fastPeers;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly SwitchOptions _options;
    private readonly Dictionary<string, PortOption> _wanted;
    private readonly IReadOnlyList<PortOption> _tunnels;
    private readonly LocalDevice? _local;
    private readonly Dictionary<uint, SwitchPort> _ports = [];
    private readonly Dictionary<uint, SwitchPort> _tunnelPorts = []; // under a lock on itself: the monitor's thread is not the only one
    private readonly Dictionary<uint, Link> _interfaces = [];
    private readonly List<Exception> _startFailures = [];
    private OfSwitch? _switch;
    private bool _starting;
    private bool _disposed;

    /// <summary>Prepares; <see cref="Start"/> adds the ports.</summary>
    /// <exception cref="DatapathException">The kernel refuses.</exception>
    public PortManager(
        SwitchOptions options, LocalDevice? local, LinkTable links, IDatapath datapath, TimeProvider time, ILogger logger)
    {
        _options = options;
        _local = local;
        _wanted = options.Ports.Where(port => port.Tunnel is null).ToDictionary(port => port.Interface);
        _tunnels = [.. options.Ports.Where(port => port.Tunnel is not null)];
        _links = links;
        _datapath = datapath;
        _time = time;
        _logger = logger;
        _promiscuous = new PromiscuousMode();
        if (options.Ports.Any(port => port.FastPeer))
            _fastPeers = new FastPeers(datapath, links, time, logger);
        _monitor = new LinkMonitor(links, Changed, Failed);
    }

    /// <summary>Interfaces of <paramref name="ports"/> but for tunnels, same order.</summary>
    /// <exception cref="UsageException">One does not exist, or can't be a port.</exception>
    public static IReadOnlyList<Link> Check(IReadOnlyList<PortOption> ports, LinkTable links)
    {
        Dictionary<string, Link> all = links.List().ToDictionary(link => link.Name);
        return [.. ports.Where(port => port.Tunnel is null).Select(port =>
        {
            if (!all.TryGetValue(port.Interface, out Link? link))
                throw new UsageException($"--port: there is no interface '{port.Interface}'");
            if (!link.IsEthernet)
                throw new UsageException($"--port: interface '{port.Interface}' is not an Ethernet interface");
            if (port.FastPeer && FastPeers.Problem(link, links) is { } problem)
                throw new UsageException($"--port: fast-peer can't be had for '{port.Interface}': {problem}");
            return link;
        })];
    }

    /// <summary>Adds a port for each interface that is there, then follows changes.</summary>
    /// <exception cref="DatapathException">A port can't be added.</exception>
    public void Start(OfSwitch @switch)
    {
        _switch = @switch;
        _starting = true;
        _monitor.Start();
        foreach (PortOption tunnel in _tunnels)
            AddTunnel(tunnel);
        _starting = false;
        if (_startFailures.Count > 0)
            throw _startFailures[0];
    }

    /// <inheritdoc/>
    public void SetUp(SwitchPort port, bool up)
    {
        if (!port.IsTunnel)
            _links.SetUp(port.IfIndex == _local?.PortIfIndex ? _local.IfIndex : port.IfIndex, up);
        else // the change comes back as an event, not before the call returns
            ThreadPool.QueueUserWorkItem(_ => SetTunnelUp(port.Description.PortNo, up));
    }

    /// <inheritdoc/>
    public void SetFlags(SwitchPort port, DpPortFlags flags) => _datapath.SetPortFlags(port.DatapathPort, flags);

    /// <inheritdoc/>
    public IReadOnlyList<PortStatsEntry?> Read(IReadOnlyList<SwitchPort> ports) => [.. ports.Select(port =>
        (port.IsTunnel ? _datapath.ReadTunnel(port.DatapathPort) : _links.Find(port.IfIndex)?.Counters) is { } counters
            ? Entry(counters, _datapath.ReadPortStats(port.DatapathPort))
            : null)];

    /// <inheritdoc/>
    /// <remarks>Queue N is class X:(N+1), as set_queue sends there.</remarks>
    public IReadOnlyList<PortQueue> ReadQueues(SwitchPort port) => port.IsTunnel ? [] : [.. _links.ReadQueues(port.IfIndex).Where(queue => queue.Minor is > 0 and <= 0xf000).Select(queue =>
        new PortQueue(queue.Minor - 1u, Kbps(queue.MinBytesPerSecond), Kbps(queue.MaxBytesPerSecond), queue.TxBytes, queue.TxPackets, queue.Drops))];

    /// <inheritdoc/>
    public bool LeaveBehind { get; set; }

    /// <summary>The ports that <see cref="Start"/> adds, for the datapath.</summary>
    public static IReadOnlyList<DpPort> Wanted(SwitchOptions options, IReadOnlyList<Link> links, LocalDevice? local)
    {
        List<DpPort> wanted = [.. options.Ports.Where(port => port.Tunnel is null).Zip(links, (port, link) => port.ToDatapath(DatapathNumber(port.Number), link.IfIndex, options))];
        wanted.AddRange(options.Ports.Where(port => port.Tunnel is not null).Select(port => port.ToDatapath(port.Number, 0, options)));
        if (local is not null)
            wanted.Add(LocalOption(local).ToDatapath(OfPorts.DatapathLocal, local.PortIfIndex, options));
        return wanted;
    }

    /// <summary>Stops to follow interfaces, and takes the ports out of the datapath. The switch is not told.</summary>
    public void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        _monitor.Dispose();
        _fastPeers?.Dispose();
        if (!LeaveBehind)
        {
            foreach (SwitchPort port in _ports.Values)
                Detach(port);
        }

        lock (_tunnelPorts)
        {
            if (!LeaveBehind)
            {
                foreach (SwitchPort port in _tunnelPorts.Values)
                    Detach(port);
            }

            _tunnelPorts.Clear();
        }

        _ports.Clear();
        _promiscuous.Dispose();
    }

    /// <summary>A tunnel has no interface: it is there from the start, and up as long as OpenFlow does not say otherwise.</summary>
    private void AddTunnel(PortOption option)
    {
        PortDescription description = new() { PortNo = option.Number, Name = option.Interface, HwAddr = TunnelMac(option.Interface) };
        SwitchPort port = new(description, option.Number, 0, _time.GetTimestamp()) { IsTunnel = true };
        try
        {
            _datapath.AddPort(option.ToDatapath(option.Number, 0, _options));
        }
        catch (Exception exception) when (exception is ArgumentException or DatapathException)
        {
            _startFailures.Add(exception is ArgumentException ? new UsageException($"--port: {exception.Message}") : exception);
            return;
        }

        lock (_tunnelPorts)
            _tunnelPorts.Add(option.Number, port);
        _switch!.PortAdded(port);
        LogAdded(LogLevel.Debug, option.Interface, option.Number);
    }

    private void SetTunnelUp(uint number, bool up)
    {
        lock (_tunnelPorts)
        {
            if (!_tunnelPorts.TryGetValue(number, out SwitchPort? port))
                return;
            PortConfig config = port.Description.Config & ~PortConfig.PortDown;
            PortDescription description = port.Description with
            {
                Config = up ? config : config | PortConfig.PortDown,
                State = up ? PortState.None : PortState.LinkDown,
            };
            _tunnelPorts[number] = port with { Description = description };
            _switch!.PortChanged(_tunnelPorts[number]);
        }
    }

    /// <summary>Locally administered, and the same each time.</summary>
    private static ulong TunnelMac(string name)
    {
        ulong hash = 14695981039346656037; // FNV-1a
        foreach (char c in name)
            hash = (hash ^ c) * 1099511628211;
        return (hash & 0xff_ffff_ffff) | 0x0200_0000_0000;
    }

    private void Changed(LinkChange change)
    {
        int ifIndex = (change.After ?? change.Before!).IfIndex;
        if (ifIndex == _local?.PortIfIndex || ifIndex == _local?.IfIndex)
        {
            LocalChanged(change);
            return;
        }

        string? before = change.Before?.Name, after = change.After?.Name;
        if (before is not null && before != after && _wanted.TryGetValue(before, out PortOption? left) && _ports.Remove(left.Number, out SwitchPort? old))
        {
            LogGone(before, left.Number);
            Remove(left.Number, old);
            FollowPorts();
        }

        if (after is null || !_wanted.TryGetValue(after, out PortOption? option))
            return;
        uint number = option.Number;
        if (!_ports.TryGetValue(number, out SwitchPort? known))
        {
            if (change.After!.IsEthernet)
            {
                Add(option, change.After.IfIndex, Describe(number, change.After));
                _interfaces[number] = change.After;
            }
            else
            {
                LogNotEthernet(after);
            }
        }
        else if (known.IfIndex == change.After!.IfIndex)
        {
            Update(number, known, Describe(number, change.After));
            _interfaces[number] = change.After;
        }

        FollowPorts();
    }

    /// <summary>One of the ends of the bridge's own device changed. They come and go as one, but are told one by one.</summary>
    private void LocalChanged(LinkChange change)
    {
        bool known = _ports.TryGetValue(OfPorts.Local, out SwitchPort? port);
        if (_links.Find(_local!.PortIfIndex) is not { } end)
        {
            if (known && _ports.Remove(OfPorts.Local))
            {
                LogLocalGone(_local.Name);
                Remove(OfPorts.Local, port!);
            }

            return;
        }

        Link? device = _local.IfIndex == 0 ? null : _links.Find(_local.IfIndex)?.Link;
        PortDescription description = device is not null
            ? Describe(OfPorts.Local, device) with { Name = _local.Name }
            : Describe(OfPorts.Local, end.Link) with { Name = _local.Name, HwAddr = port?.Description.HwAddr ?? 0 }; // in another namespace
        if (known)
            Update(OfPorts.Local, port!, description);
        else
            Add(LocalOption(_local), _local.PortIfIndex, description);
    }

    private void FollowPorts()
    {
        if (!_starting) // then it was made with what there is
            _local?.Follow(_interfaces.Values);
    }

    private void Update(uint number, SwitchPort known, PortDescription description)
    {
        SwitchPort changed = known with { Description = description };
        _ports[number] = changed;
        _switch!.PortChanged(changed);
    }

    private void Remove(uint number, SwitchPort port)
    {
        _interfaces.Remove(number);
        Detach(port);
        _switch!.PortRemoved(number);
    }

    private static PortOption LocalOption(LocalDevice device) => new(device.Name, OfPorts.Local);

    private void Add(PortOption option, int ifIndex, PortDescription description)
    {
        SwitchPort port = new(description, DatapathNumber(option.Number), ifIndex, _time.GetTimestamp());
        _datapath.AddPort(option.ToDatapath(port.DatapathPort, ifIndex, _options));
        try
        {
            _promiscuous.Add(ifIndex);
            if (option.FastPeer)
                _fastPeers!.Add(port.DatapathPort, option.Interface, ifIndex);
            _switch!.PortAdded(port);
        }
        catch
        {
            _datapath.RemovePort(port.DatapathPort);
            throw;
        }

        _ports.Add(option.Number, port);
        LogAdded(_starting ? LogLevel.Debug : LogLevel.Information, option.Interface, option.Number);
    }

    private void Detach(SwitchPort port)
    {
        _fastPeers?.Remove(port.DatapathPort);
        try
        {
            _datapath.RemovePort(port.DatapathPort);
        }
        catch (DatapathException exception)
        {
            LogFailed(exception.Message);
        }

        if (!port.IsTunnel)
            _promiscuous.Remove(port.IfIndex);
    }

    private void Failed(Exception exception)
    {
        if (_starting)
            _startFailures.Add(exception);
        else if (exception is DatapathException)
            LogFailed(exception.Message); // an interface that was gone again before we could take it
        else
            LogBug(exception);
    }

    private static uint DatapathNumber(uint number) => number == OfPorts.Local ? OfPorts.DatapathLocal : number;

    private PortDescription Describe(uint number, Link link)
    {
        EthernetSettings settings = _links.ReadSettings(link.Name) ?? default;
        return new PortDescription
        {
            PortNo = number,
            HwAddr = link.Mac,
            Name = link.Name,
            Config = link.IsUp ? PortConfig.None : PortConfig.PortDown,
            State = link.HasCarrier ? PortState.None : PortState.LinkDown,
            Current = LinkFeatures.Current(settings),
            Advertised = LinkFeatures.Of(settings.Advertised),
            Supported = LinkFeatures.Of(settings.Supported),
            Peer = LinkFeatures.Of(settings.PeerAdvertised),
            CurrentSpeedKbps = settings.SpeedMbps * 1000,
            MaxSpeedKbps = LinkFeatures.MaxSpeedKbps(settings.Supported),
        };
    }

    /// <summary>Kilobits; what is less than one counts as one, since 0 means none.</summary>
    private static ulong Kbps(ulong bytesPerSecond) => bytesPerSecond == 0 ? 0 : Math.Max(1, bytesPerSecond / 125);

    /// <summary>What the interface counts, and what went around it.</summary>
    private static PortStatsEntry Entry(in LinkCounters counters, DpPortStats? own) => new()
    {
        RxPackets = counters.RxPackets,
        TxPackets = counters.TxPackets + (own?.PeerTx ?? 0),
        RxBytes = counters.RxBytes,
        TxBytes = counters.TxBytes + (own?.PeerTxBytes ?? 0),
        RxDropped = counters.RxDropped,
        TxDropped = counters.TxDropped,
        RxErrors = counters.RxErrors,
        TxErrors = counters.TxErrors,
        RxFrameErrors = counters.RxFrameErrors,
        RxOverErrors = counters.RxOverErrors,
        RxCrcErrors = counters.RxCrcErrors,
        Collisions = counters.Collisions,
    };

    [LoggerMessage(Message = "port {name} ({number}): added")]
    private partial void LogAdded(LogLevel level, string name, uint number);

    [LoggerMessage(Level = LogLevel.Information, Message = "port {name} ({number}): its interface has gone")]
    private partial void LogGone(string name, uint number);

    [LoggerMessage(Level = LogLevel.Warning, Message = "somebody removed the bridge's own device {name}; until the next start there is no LOCAL port")]
    private partial void LogLocalGone(string name);

    [LoggerMessage(Level = LogLevel.Warning, Message = "interface {name} has appeared but is not an Ethernet interface; not added")]
    private partial void LogNotEthernet(string name);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{reason}")]
    private partial void LogFailed(string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "following an interface failed")]
    private partial void LogBug(Exception exception);
}
