using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Security.Authentication;
using Microsoft.Extensions.Logging;

namespace OvsBridge.OpenFlow.Endpoint;

/// <summary>Accepts peers on a passive target and serves each of them.</summary>
/// <remarks>Thread-safe.</remarks>
public sealed partial class OfListener : IAsyncDisposable
{
    private readonly IOfMessageHandler _handler;
    private readonly OfConnectionOptions _options;
    private readonly ILogger _logger;
    private readonly TlsFiles? _tls;
    private readonly Socket _socket;
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentDictionary<long, Task> _serving = new();
    private Task _loop = Task.CompletedTask;
    private long _lastPeer;
    private bool _full;

    /// <summary>Binds the address; <see cref="Start"/> begins to accept.</summary>
    /// <param name="target">A passive target.</param>
    /// <param name="handler">Receives the messages of each connection.</param>
    /// <param name="options">Limits of the connections.</param>
    /// <param name="logger">Where to log.</param>
    /// <param name="tls">Needed for pssl targets.</param>
    /// <param name="unixMode">Rights of the unix socket, in force from the moment it can be seen.</param>
    /// <exception cref="ArgumentException">The target is active, or pssl without <paramref name="tls"/>.</exception>
    /// <exception cref="IOException">The address can't be listened on: says why.</exception>
    public OfListener(
        Target target, IOfMessageHandler handler, OfConnectionOptions options, ILogger logger, TlsFiles? tls = null,
        UnixFileMode unixMode = UnixFileMode.UserRead | UnixFileMode.UserWrite)
    {
        if (!target.IsPassive)
            throw new ArgumentException($"'{target}' is to connect to, not to listen on", nameof(target));
        if (target.Transport == TargetTransport.Ssl && tls is null)
            throw new ArgumentException($"'{target}' needs a private key, a certificate and a CA certificate", nameof(tls));
        _handler = handler;
        _options = options;
        _logger = logger;
        _tls = tls;
        if (target.Transport == TargetTransport.Unix)
        {
            _socket = UnixSocket.Listen(target.Path!, unixMode);
            Target = target;
        }
        else
        {
            _socket = ListenTcp(target);
            // "any free port" becomes the one that we got
            Target = target with { Port = (ushort)((IPEndPoint)_socket.LocalEndPoint!).Port };
        }
    }

    /// <summary>Where we listen, with the true port.</summary>
    public Target Target { get; }

    /// <summary>What the peers are to a switch.</summary>
    public OfConnectionKind Kind { get; init; } = OfConnectionKind.Service;

    /// <summary>Most peers at a time; more are turned away, with a warning.</summary>
    public int MaxConnections { get; init; } = 256;

    /// <summary>Peers now.</summary>
    public int ConnectionCount => _serving.Count;

    /// <summary>Begins to accept.</summary>
    public void Start() => _loop = Task.Run(AcceptLoopAsync);

    /// <summary>Closes all connections and the socket, and removes its file.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        if (Target.Path is not null)
            UnixSocket.Remove(Target.Path);
        _socket.Dispose();
        await _loop.ConfigureAwait(false);
        await Task.WhenAll(_serving.Values).ConfigureAwait(false);
        _stop.Dispose();
    }

    private static Socket ListenTcp(Target target)
    {
        IPAddress address = target.Host is null ? (Socket.OSSupportsIPv6 ? IPAddress.IPv6Any : IPAddress.Any) : IPAddress.Parse(target.Host);
        var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            if (target.Host is null && address.AddressFamily == AddressFamily.InterNetworkV6)
                socket.DualMode = true;
            socket.Bind(new IPEndPoint(address, target.Port));
            socket.Listen();
            return socket;
        }
        catch (SocketException exception)
        {
            socket.Dispose();
            string reason = exception.SocketErrorCode == SocketError.AddressAlreadyInUse ? "another process listens there" : exception.Message;
            throw new IOException($"can't listen on {target}: {reason}", exception);
        }
    }

    private async Task AcceptLoopAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            Socket peer;
            try
            {
                peer = await _socket.AcceptAsync(_stop.Token).ConfigureAwait(false);
            }
            catch (Exception exception) when (exception is OperationCanceledException or ObjectDisposedException)
            {
                return;
            }
            catch (SocketException exception) when (!_stop.IsCancellationRequested)
            {
                // Out of descriptors, say: what is connected goes on.
                LogAcceptFailed(Target, exception.Message);
                await Task.Delay(TimeSpan.FromSeconds(1), CancellationToken.None).ConfigureAwait(false);
                continue;
            }
            catch (SocketException)
            {
                return;
            }

            if (_serving.Count >= MaxConnections)
            {
                peer.Dispose();
                if (!_full)
                    LogFull(Target, MaxConnections);
                _full = true;
                continue;
            }

            _full = false;
            long number = ++_lastPeer;
            // Entered before it starts, so that the entry can't be taken out before it is in.
            var start = new TaskCompletionSource();
            _serving[number] = ServeAsync(start.Task, number, peer);
            start.SetResult();
        }
    }

    private async Task ServeAsync(Task start, long number, Socket socket)
    {
        await start.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        try
        {
            string name = socket.RemoteEndPoint is IPEndPoint remote
                ? $"{(Target.Transport == TargetTransport.Ssl ? "ssl" : "tcp")}:{(remote.Address.IsIPv4MappedToIPv6 ? new IPEndPoint(remote.Address.MapToIPv4(), remote.Port) : remote)}"
                : $"unix#{number}";
            Stream stream = new NetworkStream(socket);
            if (Target.Transport == TargetTransport.Ssl)
            {
                using var timeout = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
                timeout.CancelAfter(_options.HandshakeTimeout);
                stream = await _tls!.AcceptAsync(stream, timeout.Token).ConfigureAwait(false);
            }

            await new OfConnection(socket, stream, name, Kind, _handler, _options, _logger).RunAsync(_stop.Token).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is IOException or SocketException or AuthenticationException or OperationCanceledException)
        {
            LogPeerFailed(Target, exception.Message);
        }
        finally
        {
            socket.Dispose();
            _serving.TryRemove(number, out _);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{target}: can't accept a connection: {reason}")]
    private partial void LogAcceptFailed(Target target, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{target}: {count} peers are connected, turning others away")]
    private partial void LogFull(Target target, int count);

    [LoggerMessage(Level = LogLevel.Information, Message = "{target}: a peer failed before the handshake: {reason}")]
    private partial void LogPeerFailed(Target target, string reason);
}
