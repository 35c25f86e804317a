using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using Microsoft.Extensions.Logging;

namespace OvsBridge.OpenFlow.Endpoint;

/// <summary>
/// Keeps a connection to a peer: connects, serves the connection until it ends, connects again. Waits 1 s before it tries
/// again, after each further failure twice as long up to <see cref="MaxBackoff"/>; a handshake that succeeds starts anew.
/// </summary>
/// <remarks>
/// Thread-safe. One log line when the peer can't be reached, one when the reason changes, and one when it can be again; not one for
/// each attempt.
/// </remarks>
public sealed partial class OfConnector : IAsyncDisposable
{
    private static readonly TimeSpan _firstBackoff = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan _connectTimeout = TimeSpan.FromSeconds(8);

    private readonly IOfMessageHandler _handler;
    private readonly OfConnectionOptions _options;
    private readonly TlsFiles? _tls;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _stop = new();
    private volatile OfConnection? _connection;
    private volatile string? _lastError;
    private Task _loop = Task.CompletedTask;
    private string? _reported;

    /// <summary>Makes it; <see cref="Start"/> begins.</summary>
    /// <param name="target">An active target.</param>
    /// <param name="handler">Receives the messages of each connection.</param>
    /// <param name="options">Limits of the connections.</param>
    /// <param name="logger">Where to log.</param>
    /// <param name="tls">Needed for ssl targets.</param>
    /// <exception cref="ArgumentException">The target is passive, or ssl without <paramref name="tls"/>.</exception>
    public OfConnector(Target target, IOfMessageHandler handler, OfConnectionOptions options, ILogger logger, TlsFiles? tls = null)
    {
        if (target.IsPassive)
            throw new ArgumentException($"'{target}' is to listen on, not to connect to", nameof(target));
        if (target.Transport == TargetTransport.Ssl && tls is null)
            throw new ArgumentException($"'{target}' needs a private key, a certificate and a CA certificate", nameof(tls));
        Target = target;
        _handler = handler;
        _options = options;
        _logger = logger;
        _tls = tls;
    }

    /// <summary>Where to.</summary>
    public Target Target { get; }

    /// <summary>Longest wait between two attempts.</summary>
    public TimeSpan MaxBackoff { get; init; } = TimeSpan.FromSeconds(8);

    /// <summary>Auxiliary connections to have beside each main one (OpenFlow 1.3.5, 6.3.6), numbered from 1.</summary>
    public byte AuxiliaryCount { get; init; }

    /// <summary>What the peer is to a switch.</summary>
    public OfConnectionKind Kind { get; init; } = OfConnectionKind.Primary;

    /// <summary>Whether the handshake is done.</summary>
    public bool IsConnected => _connection is { IsReady: true };

    /// <summary>Why the last attempt or connection ended; null: none has.</summary>
    public string? LastError => _lastError;

    /// <summary>Begins to connect.</summary>
    public void Start() => _loop = Task.Run(LoopAsync);

    /// <summary>Closes the connection and stops trying.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _loop.ConfigureAwait(false);
        _stop.Dispose();
    }

    private async Task LoopAsync()
    {
        TimeSpan first = _firstBackoff < MaxBackoff ? _firstBackoff : MaxBackoff;
        TimeSpan backoff = first;
        while (!_stop.IsCancellationRequested)
        {
            bool succeeded = false;
            try
            {
                OfConnection connection = await ConnectAsync(null, 0).ConfigureAwait(false);
                _connection = connection;
                Task auxiliaries = AuxiliariesAsync(connection);
                _lastError = await connection.RunAsync(_stop.Token).ConfigureAwait(false);
                succeeded = connection.Version != 0;
                await auxiliaries.ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception) when (exception is SocketException or IOException or AuthenticationException or OperationCanceledException)
            {
                _lastError = exception is OperationCanceledException
                    ? $"no answer within {_connectTimeout.TotalSeconds:0} s"
                    : (exception.InnerException ?? exception).Message;
            }
            finally
            {
                _connection = null;
            }

            if (succeeded)
                backoff = first;
            else if (_lastError != _reported)
                LogUnreachable(Target, _lastError);
            _reported = succeeded ? null : _lastError;

            try
            {
                await Task.Delay(backoff, _options.Time, _stop.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                return;
            }

            if (!succeeded)
                backoff = 2 * backoff < MaxBackoff ? 2 * backoff : MaxBackoff;
        }
    }

    private async Task<OfConnection> ConnectAsync(OfConnection? main, byte auxiliaryId)
    {
        using var timeout = new CancellationTokenSource(_connectTimeout, _options.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, _stop.Token, main?.Closing ?? default);
        var socket = Target.Transport == TargetTransport.Unix
            ? new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
            : new Socket(SocketType.Stream, ProtocolType.Tcp);
        try
        {
            if (Target.Transport == TargetTransport.Unix)
            {
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(Target.Path!), either.Token).ConfigureAwait(false);
            }
            else if (main is { LocalEndPoint: IPEndPoint local, RemoteEndPoint: IPEndPoint remote })
            {
                // 6.3.6: from the same address to the same address and port.
                socket.Bind(new IPEndPoint(local.Address, 0));
                await socket.ConnectAsync(remote, either.Token).ConfigureAwait(false);
            }
            else
            {
                await socket.ConnectAsync(Target.Host!, Target.Port, either.Token).ConfigureAwait(false);
            }

            Stream stream = new NetworkStream(socket);
            if (Target.Transport == TargetTransport.Ssl)
                stream = await _tls!.ConnectAsync(stream, Target.Host!, either.Token).ConfigureAwait(false);
            string name = main is null ? Target.ToString() : $"{Target}#{auxiliaryId}";
            return new OfConnection(socket, stream, name, Kind, _handler, _options, _logger)
            {
                Main = main,
                AuxiliaryId = auxiliaryId,
                StopReason = main is null ? "shutting down" : "its main connection has gone",
            };
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{target}: not connected: {reason}; trying again")]
    private partial void LogUnreachable(Target target, string? reason);
}
