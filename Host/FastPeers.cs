using Microsoft.Extensions.Logging;
using OvsBridge.Datapath;
using OvsBridge.Datapath.Links;

namespace OvsBridge.Host;

/// <summary>
/// Ports with <c>fast-peer</c>: sees to it that the datapath knows the address of the veth's other end while that is in another network namespace, and
/// of none otherwise. Where the other end is, and what address it has, nobody tells here when it changes; so all are looked at once a second.
/// An old address does no harm: frames to it go past the interface as before, all others through it.
/// </summary>
/// <remarks>Any thread.</remarks>
internal sealed partial class FastPeers : IDisposable
{
    private static readonly TimeSpan _interval = TimeSpan.FromSeconds(1);

    private readonly IDatapath _datapath;
    private readonly LinkTable _links;
    private readonly ILogger _logger;
    private readonly ITimer _timer;
    private readonly Lock _lock = new();
    private readonly Dictionary<uint, (string Name, int IfIndex, string? Problem)> _ports = [];
    private bool _disposed;

    /// <summary>Begins to look.</summary>
    public FastPeers(IDatapath datapath, LinkTable links, TimeProvider time, ILogger logger)
    {
        _datapath = datapath;
        _links = links;
        _logger = logger;
        _timer = time.CreateTimer(_ => LookAtAll(), null, _interval, _interval);
    }

    /// <summary>Why an interface can't be a port with <c>fast-peer</c> now; null: it can.</summary>
    public static string? Problem(Link link, LinkTable links) => Peer(link, links).Problem;

    /// <summary>A port was added. What is in the way is logged, and looked at again.</summary>
    public void Add(uint port, string name, int ifIndex)
    {
        lock (_lock)
        {
            _ports[port] = (name, ifIndex, null);
            Look(port);
        }
    }

    /// <summary>A port is about to go.</summary>
    public void Remove(uint port)
    {
        lock (_lock)
        {
            _ports.Remove(port);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _timer.Dispose();
        lock (_lock)
        {
            _disposed = true;
        }
    }

    private void LookAtAll()
    {
        lock (_lock)
        {
            if (_disposed)
                return;
            foreach (uint port in _ports.Keys.ToArray())
                Look(port);
        }
    }

    private void Look(uint port)
    {
        (string name, int ifIndex, string? before) = _ports[port];
        try
        {
            if (_links.Find(ifIndex) is not { } found)
                return; // it is just going
            (ulong? mac, string? problem) = Peer(found.Link, _links);
            _datapath.SetPortPeer(port, mac);
            _ports[port] = (name, ifIndex, problem);
            if (problem is not null && problem != before)
                LogOff(name, problem);
            else if (problem is null && before is not null)
                LogOn(name);
        }
        catch (DatapathException exception)
        {
            LogFailed(name, exception.Message);
        }
    }

    private static (ulong? Mac, string? Problem) Peer(Link link, LinkTable links)
    {
        if (link.Kind != "veth")
            return (null, "it is not a veth");
        if (link.PeerNamespace is null)
            return (null, "its other end is in this network namespace");
        return links.FindPeer(link) is { } peer ? (peer.Mac, null) : (null, "its other end can't be looked at");
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "port {name}: fast-peer is off, packets go the usual way: {problem}")]
    private partial void LogOff(string name, string problem);

    [LoggerMessage(Level = LogLevel.Information, Message = "port {name}: fast-peer is on")]
    private partial void LogOn(string name);

    [LoggerMessage(Level = LogLevel.Warning, Message = "port {name}: fast-peer: {reason}")]
    private partial void LogFailed(string name, string reason);
}
