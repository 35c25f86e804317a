using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.IO.Pipelines;
using Microsoft.Extensions.Logging;
using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Wire;

namespace OvsBridge.OpenFlow.Endpoint;

/// <summary>Read loop, inbox, and the thread that handles messages.</summary>
public sealed partial class OfConnection
{
    /// <summary>Half of the longest message at a time; the stream stays ours, closing goes on after the last read.</summary>
    private static readonly StreamPipeReaderOptions _pipeOptions = new(bufferSize: 32 * 1024, minimumReadSize: 4 * 1024, leaveOpen: true);

    private static readonly TimeSpan _refusalWindow = TimeSpan.FromMinutes(1);

    private readonly object _inboxLock = new(); // a Monitor: the worker waits on it
    private readonly Queue<(byte[] Buffer, int Length)> _inbox = new();
    private readonly TaskCompletionSource _workerEnded = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource? _inboxRoom;
    private int _inboxBytes;
    private bool _inboxComplete;
    private int _workerThreadId;
    private int _refusals;
    private long _refusalsSince;
    private long _messagesReceived;

    /// <summary>Messages received since the handshake, echoes included.</summary>
    public long MessagesReceived => Interlocked.Read(ref _messagesReceived);

    private async Task ReadLoopAsync()
    {
        PipeReader reader = PipeReader.Create(_stream, _pipeOptions);
        CancellationToken stop = _stopReading.Token;
        try
        {
            while (true)
            {
                ReadResult result = await reader.ReadAsync(stop).ConfigureAwait(false);
                if (!result.IsCompleted)
                    NoteReceived(); // the end of the stream is no sign of life
                ReadOnlySequence<byte> received = result.Buffer;
                while (MessageFramer.TryRead(ref received, out ReadOnlySequence<byte> message))
                {
                    if (Version == 0)
                        ReceiveHello(message.ToArray());
                    else if (!ReceiveSymmetric(message) && !TryPutInbox(message))
                        await PutInboxAsync(message, stop).ConfigureAwait(false);
                }

                if (result.IsCompleted)
                    return;
                reader.AdvanceTo(received.Start, received.End);
            }
        }
        finally
        {
            await reader.CompleteAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Does what is the connection's own business.</summary>
    /// <returns>False when the message is for the handler.</returns>
    private bool ReceiveSymmetric(in ReadOnlySequence<byte> message)
    {
        Interlocked.Increment(ref _messagesReceived);
        MessageHeader header = MessageHeader.Read(message);
        switch ((OfType)header.Type)
        {
            case OfType.EchoRequest when header.Version == Version:
                Send(new EchoReply(message.Slice(MessageHeader.Size).ToArray()) { Xid = header.Xid });
                return true;
            case OfType.EchoReply when header.Version == Version:
            case OfType.Hello: // a second one changes nothing
                return true;
            default:
                return false;
        }
    }

    /// <summary>Copies the message, in however many pieces it came, into one buffer: the handler gets a span.</summary>
    private bool TryPutInbox(in ReadOnlySequence<byte> message)
    {
        int length = (int)message.Length;
        lock (_inboxLock)
        {
            // An empty inbox takes any message.
            if (_inboxBytes > 0 && _inboxBytes + length > _options.MaxInboxBytes)
                return false;
            byte[] buffer = ArrayPool<byte>.Shared.Rent(length);
            message.CopyTo(buffer);
            _inbox.Enqueue((buffer, length));
            _inboxBytes += length;
            Monitor.Pulse(_inboxLock);
        }

        return true;
    }

    private async Task PutInboxAsync(ReadOnlySequence<byte> message, CancellationToken stop)
    {
        while (true)
        {
            Task room;
            lock (_inboxLock)
            {
                _inboxRoom = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                room = _inboxRoom.Task;
            }

            // Tried again behind the registration, so that room made in between is not missed.
            if (TryPutInbox(message))
            {
                lock (_inboxLock)
                {
                    _inboxRoom = null;
                }

                NoteReceived(); // the silence was ours
                return;
            }

            await room.WaitAsync(stop).ConfigureAwait(false);
        }
    }

    private bool IsInboxFull
    {
        get
        {
            lock (_inboxLock)
            {
                return _inboxRoom is not null;
            }
        }
    }

    private void StartWorker()
    {
        var thread = new Thread(Work) { Name = $"of {Name}", IsBackground = true };
        thread.Start();
    }

    private void Work()
    {
        _workerThreadId = Environment.CurrentManagedThreadId;
        try
        {
            _handler.OnConnected(this);
            while (TryTake(out byte[]? buffer, out int length))
            {
                Handle(buffer.AsSpan(0, length));
                ArrayPool<byte>.Shared.Return(buffer);
                if (QueuedBytes >= SegmentSize)
                    FlushFromWorker();
                WaitForSendRoom();
            }
        }
        catch (Exception exception)
        {
            LogFailed(exception, Name, default, 0, "");
            Close("the handler failed");
        }

        try
        {
            _handler.OnDisconnected(this);
        }
        catch (Exception exception)
        {
            LogFailed(exception, Name, default, 0, "");
        }

        _workerEnded.SetResult();
    }

    /// <summary>Waits for the next message; sends what the handler has said before it waits.</summary>
    /// <returns>False when no more are to be handled.</returns>
    private bool TryTake([NotNullWhen(true)] out byte[]? buffer, out int length)
    {
        bool flushed = false;
        while (true)
        {
            lock (_inboxLock)
            {
                while (true)
                {
                    buffer = null;
                    length = 0;
                    if (_closeReason is not null && !_keepInbox)
                        return false;
                    if (_inbox.TryDequeue(out (byte[] Buffer, int Length) item))
                    {
                        (buffer, length) = item;
                        _inboxBytes -= length;
                        if (_inboxBytes <= _options.MaxInboxBytes / 2)
                            _inboxRoom?.TrySetResult();
                        return true;
                    }

                    if (_inboxComplete)
                        return false;
                    if (!flushed)
                        break;
                    Monitor.Wait(_inboxLock);
                }
            }

            FlushFromWorker();
            flushed = true;
        }
    }

    /// <summary>The one place where a failure becomes an error message.</summary>
    private void Handle(ReadOnlySpan<byte> raw)
    {
        MessageHeader header = MessageHeader.Read(raw);
        try
        {
            WireFormat format = _format;
            OfMessage message = OfCodec.Decode(raw, format);
            if (message is FormatMessage change)
                _format = change.Apply(format);
            else
                _handler.OnMessage(this, message, raw);
        }
        catch (OfErrorException exception)
        {
            LogLevel level = RefusalLevel();
            LogRefused(level, Name, new MessageName(header), header.Xid, exception.Message);
            SendError(exception.Error, header, raw);
        }
        catch (OfProtocolException exception)
        {
            Close(exception.Message);
        }
        catch (Exception exception)
        {
            // Our bug, or a failure that the handler did not foresee: the switch goes on, and the peer must not wait for ever.
            // OpenFlow has no "internal error"; EPERM at least says that the request was not carried out.
            string hex = Convert.ToHexString(raw[..Math.Min(raw.Length, 256)]);
            LogFailed(exception, Name, new MessageName(header), header.Xid, hex);
            SendError(OfError.BadRequestEperm, header, raw);
        }
    }

    /// <summary>Ten refusals a minute are worth a line each; a peer that goes on must not fill the log.</summary>
    private LogLevel RefusalLevel()
    {
        if (_refusals == 0 || _options.Time.GetElapsedTime(_refusalsSince) >= _refusalWindow)
        {
            _refusals = 0;
            _refusalsSince = _options.Time.GetTimestamp();
        }

        return _refusals++ < 10 ? LogLevel.Information : LogLevel.Debug;
    }

    /// <summary>OpenFlow 1.3.5, 7.4.4: data holds at least 64 bytes of the failed request; we send all that fits.</summary>
    private void SendError(OfError error, MessageHeader header, ReadOnlySpan<byte> raw)
    {
        if (header.Type == (byte)OfType.Error)
            return; // an error about an error could go on for ever
        Send(ErrorMessage.For(error, raw));
    }

    private void WakeWorker()
    {
        lock (_inboxLock)
        {
            Monitor.PulseAll(_inboxLock);
        }

        lock (_sendLock)
        {
            Monitor.PulseAll(_sendLock);
        }
    }

    private async Task FinishInboxAsync()
    {
        lock (_inboxLock)
        {
            _inboxComplete = true;
        }

        WakeWorker();
        if (Version != 0)
            await _workerEnded.Task.ConfigureAwait(false);
        while (_inbox.TryDequeue(out (byte[] Buffer, int Length) item))
            ArrayPool<byte>.Shared.Return(item.Buffer);
    }

    /// <summary>What a message is called in its version, for the log.</summary>
    private readonly record struct MessageName(MessageHeader Header)
    {
        public override string ToString() =>
            Header.Version == OfCodec.Version10 ? V10.Codec10.NameOf(Header.Type) : ((OfType)Header.Type).ToString();
    }
}
