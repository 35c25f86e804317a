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
/// interface goes, and comes back with the same number when one of that name appears.
/// </summary>
/// <remarks>Changes come one at a time from <see cref="LinkMonitor"/>; the members of the interfaces are for any thread.</remarks>
internal sealed partial class PortManager : IPorts
{
    private readonly IDatapath _datapath;
    private readonly LinkTable _links;
    private readonly LinkMonitor _monitor;
    private readonly PromiscuousMode _promiscuous;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Dictionary<string, uint> _numbers;
    private readonly Dictionary<uint, SwitchPort> _ports = [];
    private readonly List<Exception> _startFailures = [];
    private OfSwitch? _switch;
    private bool _starting;
    private bool _disposed;

    /// <summary>Prepares; <see cref="Start"/> adds the ports.</summary>
    /// <exception cref="DatapathException">The kernel refuses.</exception>
    public PortManager(IReadOnlyList<PortOption> ports, LinkTable links, IDatapath datapath, TimeProvider time, ILogger logger)
    {
        _numbers = ports.ToDictionary(port => port.Interface, port => port.Number);
        _links = links;
        _datapath = datapath;
        _time = time;
        _logger = logger;
        _promiscuous = new PromiscuousMode();
        _monitor = new LinkMonitor(links, Changed, Failed);
    }

    /// <summary>Interfaces of <paramref name="ports"/>, same order.</summary>
    /// <exception cref="UsageException">One does not exist, or can't be a port.</exception>
    public static IReadOnlyList<Link> Check(IReadOnlyList<PortOption> ports, LinkTable links)
    {
        Dictionary<string, Link> all = links.List().ToDictionary(link => link.Name);
        return [.. ports.Select(port =>
        {
            if (!all.TryGetValue(port.Interface, out Link? link))
                throw new UsageException($"--port: there is no interface '{port.Interface}'");
            return link.IsEthernet ? link : throw new UsageException($"--port: interface '{port.Interface}' is not an Ethernet interface");
        })];
    }

    /// <summary>Adds a port for each interface that is there, then follows changes.</summary>
    /// <exception cref="DatapathException">A port can't be added.</exception>
    public void Start(OfSwitch @switch)
    {
        _switch = @switch;
        _starting = true;
        _monitor.Start();
        _starting = false;
        if (_startFailures.Count > 0)
            throw _startFailures[0];
    }

    /// <inheritdoc/>
    public void SetUp(SwitchPort port, bool up) => _links.SetUp(port.IfIndex, up);

    /// <inheritdoc/>
    public void SetFlags(SwitchPort port, DpPortFlags flags) => _datapath.SetPortFlags(port.DatapathPort, flags);

    /// <inheritdoc/>
    public IReadOnlyList<PortStatsEntry?> Read(IReadOnlyList<SwitchPort> ports) => [.. ports.Select(port =>
        _links.Find(port.IfIndex) is { } found ? Entry(found.Counters) : null)];

    /// <summary>Stops to follow interfaces, and takes the ports out of the datapath. The switch is not told.</summary>
    public void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        _monitor.Dispose();
        foreach (SwitchPort port in _ports.Values)
            Detach(port);
        _ports.Clear();
        _promiscuous.Dispose();
    }

    private void Changed(LinkChange change)
    {
        string? before = change.Before?.Name, after = change.After?.Name;
        if (before is not null && before != after && _numbers.TryGetValue(before, out uint left) && _ports.Remove(left, out SwitchPort? old))
        {
            LogGone(before, left);
            Detach(old);
            _switch!.PortRemoved(left);
        }

        if (after is null || !_numbers.TryGetValue(after, out uint number))
            return;
        if (!_ports.TryGetValue(number, out SwitchPort? known))
        {
            Add(number, change.After!);
        }
        else if (known.IfIndex == change.After!.IfIndex)
        {
            SwitchPort changed = known with { Description = Describe(number, change.After) };
            _ports[number] = changed;
            _switch!.PortChanged(changed);
        }
    }

    private void Add(uint number, Link link)
    {
        if (!link.IsEthernet)
        {
            LogNotEthernet(link.Name);
            return;
        }

        SwitchPort port = new(Describe(number, link), DatapathNumber(number), link.IfIndex, _time.GetTimestamp());
        _datapath.AddPort(new DpPort(port.DatapathPort, link.Name, link.IfIndex));
        try
        {
            _promiscuous.Add(link.IfIndex);
            _switch!.PortAdded(port);
        }
        catch
        {
            _datapath.RemovePort(port.DatapathPort);
            throw;
        }

        _ports.Add(number, port);
        LogAdded(_starting ? LogLevel.Debug : LogLevel.Information, link.Name, number);
    }

    private void Detach(SwitchPort port)
    {
        try
        {
            _datapath.RemovePort(port.DatapathPort);
        }
        catch (DatapathException exception)
        {
            LogFailed(exception.Message);
        }

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

    private static PortStatsEntry Entry(in LinkCounters counters) => new()
    {
        RxPackets = counters.RxPackets,
        TxPackets = counters.TxPackets,
        RxBytes = counters.RxBytes,
        TxBytes = counters.TxBytes,
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

    [LoggerMessage(Level = LogLevel.Warning, Message = "interface {name} has appeared but is not an Ethernet interface; not added")]
    private partial void LogNotEthernet(string name);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{reason}")]
    private partial void LogFailed(string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "following an interface failed")]
    private partial void LogBug(Exception exception);
}
