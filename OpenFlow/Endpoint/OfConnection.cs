using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Messages;

namespace OvsBridge.OpenFlow.Endpoint;

/// <summary>
/// One OpenFlow peer over a socket or TLS: handshake, framing, echo, inactivity probe, bounded queues both ways. Knows
/// nothing of tables, and serves the switch's side and the controller's alike.
/// </summary>
/// <remarks>
/// <para>
/// <b>Receiving.</b> A read loop frames messages, answers echo requests itself and puts the rest, as bytes, into a bounded inbox. A
/// thread of the connection's own takes them out in order, decodes them and calls the handler, which may block (a barrier)
/// without delaying echoes or other connections. An <see cref="OfErrorException"/> on the way becomes OFPT_ERROR here and nowhere else. What a peer says
/// about formats (<see cref="FormatMessage"/>) is obeyed here, too: the handler sees records, whatever their bytes were.
/// </para>
/// <para>
/// <b>Sending.</b> Any thread appends encoded messages to a queue of segments. What the handler sends is written by the
/// connection's thread itself, once it has handled what is there and if the socket takes it at once; everything else by a
/// writer task. A peer that does not read first loses asynchronous messages, then is not served further requests, and
/// is closed when the replies to one request pass the limit.
/// </para>
/// <para>
/// <b>Ending.</b> After the peer's end of stream, what it sent before is still handled and answered. Errors that close (HELLO_FAILED) are
/// flushed first. A silent peer, or one that overran a limit, is cut off at once.
/// </para>
/// </remarks>
public sealed partial class OfConnection : IOfConnection, IDisposable
{
    private static long _lastId;

    private readonly Stream _stream;
    private readonly Socket _socket;
    private readonly IOfMessageHandler _handler;
    private readonly OfConnectionOptions _options;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _stopReading = new();
    private readonly CancellationTokenSource _stopWriting = new();
    private readonly TaskCompletionSource _identified = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private string? _closeReason;
    private volatile bool _keepInbox = true;

    /// <summary>Takes over a connected socket; <see cref="RunAsync"/> then does everything.</summary>
    /// <param name="socket">The socket; disposed at the end.</param>
    /// <param name="stream">Where its bytes go through: a <see cref="NetworkStream"/>, or TLS over one.</param>
    /// <param name="name">Names the peer.</param>
    /// <param name="kind">What the peer is.</param>
    /// <param name="handler">Receives its messages.</param>
    /// <param name="options">Limits.</param>
    /// <param name="logger">Where to log.</param>
    public OfConnection(
        Socket socket, Stream stream, string name, OfConnectionKind kind, IOfMessageHandler handler, OfConnectionOptions options, ILogger logger)
    {
        _socket = socket;
        _stream = stream;
        Name = name;
        Kind = kind;
        _handler = handler;
        _options = options;
        _logger = logger;
        Id = Interlocked.Increment(ref _lastId);
        Closing = _stopReading.Token;
        _writesDirectly = stream is NetworkStream;
        if (socket.ProtocolType == ProtocolType.Tcp)
            socket.NoDelay = true;
        if (_writesDirectly)
            socket.Blocking = false;
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public long Id { get; }

    /// <inheritdoc/>
    public OfConnectionKind Kind { get; }

    /// <summary>Whether the handshake is done and the connection not yet closing.</summary>
    public bool IsReady => Version != 0 && Volatile.Read(ref _closeReason) is null;

    /// <inheritdoc/>
    public byte AuxiliaryId { get; init; }

    /// <inheritdoc/>
    public IOfConnection? Main { get; init; }

    /// <inheritdoc/>
    public TimeSpan Silence => _options.Time.GetElapsedTime(Volatile.Read(ref _lastReceived));

    /// <summary>Why it is closed when it is told to stop.</summary>
    internal string StopReason { get; init; } = "shutting down";

    internal EndPoint? LocalEndPoint => _socket.LocalEndPoint;

    internal EndPoint? RemoteEndPoint => _socket.RemoteEndPoint;

    /// <summary>Cancelled when the connection begins to close.</summary>
    internal CancellationToken Closing { get; }

    /// <summary>Ends when FEATURES_REPLY has been sent: the peer knows which switch this is (OpenFlow 1.3.5, 6.3.1).</summary>
    internal Task Identified => _identified.Task;

    /// <inheritdoc/>
    public void Close(string reason) => Close(reason, keepInbox: false, flush: true);

    /// <summary>Serves the connection until it ends. Once only.</summary>
    /// <param name="stop">Closes it.</param>
    /// <returns>Why it ended. Failures of the peer and the network end it, they don't throw.</returns>
    public async Task<string> RunAsync(CancellationToken stop = default)
    {
        using CancellationTokenRegistration registration = stop.Register(() => Close(StopReason));
        Task writer = Task.Run(WriteLoopAsync, CancellationToken.None);
        StartProbe();
        try
        {
            SendHello();
            await ReadLoopAsync().ConfigureAwait(false);
            Close("the peer closed the connection", keepInbox: true, flush: true);
        }
        catch (OperationCanceledException) when (_stopReading.IsCancellationRequested)
        {
        }
        catch (OfProtocolException exception)
        {
            Close(exception.Message, keepInbox: true, flush: true);
        }
        catch (Exception exception) when (exception is IOException or SocketException or ObjectDisposedException)
        {
            Close(exception.InnerException is SocketException inner ? inner.Message : exception.Message, keepInbox: true, flush: false);
        }

        StopProbe();
        await FinishInboxAsync().ConfigureAwait(false);
        await FinishWritingAsync(writer).ConfigureAwait(false);
        string reason = _closeReason ?? "";
        LogClosed(ComingAndGoing, Name, reason);
        Dispose();
        return reason;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        StopProbe();
        _stream.Dispose();
        _socket.Dispose();
        _stopReading.Dispose();
        _stopWriting.Dispose();
    }

    /// <summary>Begins to close; the first reason counts.</summary>
    /// <param name="reason">For the log.</param>
    /// <param name="keepInbox">Whether what was received is still handled.</param>
    /// <param name="flush">Whether what is queued is still sent, for the linger time.</param>
    private void Close(string reason, bool keepInbox, bool flush)
    {
        Interlocked.CompareExchange(ref _closeReason, reason, null);
        if (!keepInbox)
            _keepInbox = false;
        try
        {
            _stopReading.Cancel();
            if (!flush)
                _stopWriting.Cancel();
        }
        catch (ObjectDisposedException)
        {
            return; // it has ended meanwhile
        }

        WakeWorker();
    }

    /// <summary>Waits until the peer has taken what was queued, but not for long, and ends the stream in order.</summary>
    private async Task FinishWritingAsync(Task writer)
    {
        using var lingerEnd = new CancellationTokenSource(_options.Linger);
        using CancellationTokenRegistration registration = lingerEnd.Token.Register(_stopWriting.Cancel);
        CompleteWriting();
        await writer.ConfigureAwait(false);
        if (_stopWriting.IsCancellationRequested)
            return;
        try
        {
            // Closing a TCP socket that has unread input resets it, and the reset destroys what is on its way to the peer
            // (an error message, say): say that we are done, then read to its end of stream.
            _socket.Shutdown(SocketShutdown.Send);
            byte[] rest = new byte[4096];
            while (await _stream.ReadAsync(rest, _stopWriting.Token).ConfigureAwait(false) > 0)
            {
            }
        }
        catch (Exception exception) when (exception is IOException or SocketException or ObjectDisposedException or OperationCanceledException)
        {
        }
    }

    /// <summary>Tools come and go on a listening socket; a controller's coming and going matters.</summary>
    private LogLevel ComingAndGoing => Kind == OfConnectionKind.Primary ? LogLevel.Information : LogLevel.Debug;

    [LoggerMessage(Message = "{peer}: connected, OpenFlow version 0x{version:x2}")]
    private partial void LogReady(LogLevel level, string peer, byte version);

    [LoggerMessage(Message = "{peer}: closed: {reason}")]
    private partial void LogClosed(LogLevel level, string peer, string reason);

    [LoggerMessage(Message = "{peer}: {type} (xid 0x{xid:x}) refused: {reason}")]
    private partial void LogRefused(LogLevel level, string peer, MessageName type, uint xid, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "{peer}: handling {type} (xid 0x{xid:x}) failed; message: {hex}")]
    private partial void LogFailed(Exception exception, string peer, MessageName type, uint xid, string hex);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{peer}: reads too slowly, dropping asynchronous messages")]
    private partial void LogDropping(string peer);

    [LoggerMessage(Level = LogLevel.Debug, Message = "{peer}: silent for {seconds} s, sending an echo request")]
    private partial void LogProbe(string peer, double seconds);
}
