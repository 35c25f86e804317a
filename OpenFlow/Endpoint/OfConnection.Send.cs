using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Net.Sockets;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Wire;

namespace OvsBridge.OpenFlow.Endpoint;

/// <summary>
/// The send queue: encoded messages in segments. Who sets <c>_isWriting</c> under the lock owns the stream: the
/// connection's thread for one attempt without waiting, or the writer task.
/// </summary>
public sealed partial class OfConnection
{
    private const int SegmentSize = 64 * 1024;

    [ThreadStatic]
    private static ArrayBufferWriter<byte>? _encoder;

    private readonly object _sendLock = new(); // a Monitor: the worker waits on it
    private readonly Queue<Segment> _segments = new();
    private readonly SemaphoreSlim _writerSignal = new(0, 1);
    private readonly bool _writesDirectly;
    private Segment? _tail;
    private long _queuedBytes;
    private bool _isWriting;
    private bool _writingComplete;
    private bool _dropping;
    private long _asynchronousDropped;
    private long _messagesSent;
    private long _lastWrote;
    private uint _lastXid;

    /// <summary>Messages queued to be sent.</summary>
    public long MessagesSent => Interlocked.Read(ref _messagesSent);

    /// <summary>Asynchronous messages dropped because the peer reads too slowly.</summary>
    public long AsynchronousDropped => Interlocked.Read(ref _asynchronousDropped);

    /// <summary>Bytes that wait to be sent.</summary>
    public long QueuedBytes => Interlocked.Read(ref _queuedBytes);

    /// <inheritdoc/>
    public bool Send(OfMessage message)
    {
        ArrayBufferWriter<byte> encoder = Encode(message);
        bool queued = SendBytes(encoder.WrittenSpan);
        if (message is FeaturesReply)
            _identified.TrySetResult();
        return queued;
    }

    /// <inheritdoc/>
    public bool TrySendAsynchronous(OfMessage message)
    {
        if (Volatile.Read(ref _closeReason) is not null)
            return false;
        if (QueuedBytes > _options.MaxAsynchronousBytes)
        {
            Interlocked.Increment(ref _asynchronousDropped);
            if (!Interlocked.Exchange(ref _dropping, true))
                LogDropping(Name);
            return false;
        }

        return Send(message);
    }

    /// <summary>A transaction id for a message that we begin.</summary>
    private uint NextXid() => Interlocked.Increment(ref _lastXid);

    private ArrayBufferWriter<byte> Encode(OfMessage message)
    {
        ArrayBufferWriter<byte> encoder = _encoder ??= new ArrayBufferWriter<byte>(SegmentSize);
        encoder.ResetWrittenCount();
        OfCodec.Encode(message, encoder, _format);
        return encoder;
    }

    private bool SendBytes(ReadOnlySpan<byte> bytes)
    {
        bool overrun, wake;
        lock (_sendLock)
        {
            if (_writingComplete || _stopWriting.IsCancellationRequested || (_closeReason is not null && !_keepInbox))
                return false;
            overrun = _queuedBytes + bytes.Length > _options.MaxQueuedBytes;
            if (!overrun)
            {
                if (_tail is null || _tail.Buffer.Length - _tail.Length < bytes.Length)
                {
                    _tail = new Segment(ArrayPool<byte>.Shared.Rent(Math.Max(SegmentSize, bytes.Length)));
                    _segments.Enqueue(_tail);
                }

                bytes.CopyTo(_tail.Buffer.AsSpan(_tail.Length));
                _tail.Length += bytes.Length;
                if (Interlocked.Add(ref _queuedBytes, bytes.Length) == bytes.Length)
                    _lastWrote = _options.Time.GetTimestamp(); // the wait for the peer begins now
            }

            // What the handler sends, its thread writes when it has handled what is there.
            wake = !overrun && !_isWriting && !(_writesDirectly && Environment.CurrentManagedThreadId == _workerThreadId);
            if (wake)
                _isWriting = true;
        }

        if (overrun)
        {
            Close($"the peer does not read: over {_options.MaxQueuedBytes} bytes are queued", keepInbox: false, flush: false);
            return false;
        }

        Interlocked.Increment(ref _messagesSent);
        if (wake)
            _writerSignal.Release();
        return true;
    }

    /// <summary>Writes what is queued as far as the socket takes it at once; the writer task does the rest.</summary>
    private void FlushFromWorker()
    {
        if (!_writesDirectly)
            return;
        lock (_sendLock)
        {
            if (_isWriting || _queuedBytes == 0)
                return;
            _isWriting = true;
        }

        while (TryTakeSegment(out Segment? segment))
        {
            int sent = _socket.Send(segment.Buffer.AsSpan(segment.Start, segment.Length - segment.Start), SocketFlags.None, out SocketError error);
            if (error == SocketError.Success)
                Sent(segment, sent);
            if (error != SocketError.Success || segment.Start < segment.Length)
            {
                // Not taken at once, or a failure that the writer task will meet as well.
                _writerSignal.Release();
                return;
            }
        }
    }

    private async Task WriteLoopAsync()
    {
        try
        {
            while (true)
            {
                await _writerSignal.WaitAsync(_stopWriting.Token).ConfigureAwait(false);
                while (TryTakeSegment(out Segment? segment))
                {
                    ReadOnlyMemory<byte> rest = segment.Buffer.AsMemory(segment.Start, segment.Length - segment.Start);
                    await _stream.WriteAsync(rest, _stopWriting.Token).ConfigureAwait(false);
                    Sent(segment, rest.Length);
                }

                lock (_sendLock)
                {
                    if (_writingComplete && _queuedBytes == 0)
                        return;
                }
            }
        }
        catch (OperationCanceledException)
        {
        }
        catch (Exception exception) when (exception is IOException or SocketException or ObjectDisposedException)
        {
            Close(exception.InnerException is SocketException inner ? inner.Message : exception.Message, keepInbox: true, flush: false);
        }
    }

    /// <summary>The segment to write next; when there is none, the owner of the stream stops being it.</summary>
    private bool TryTakeSegment([NotNullWhen(true)] out Segment? segment)
    {
        lock (_sendLock)
        {
            if (!_segments.TryPeek(out segment))
            {
                _isWriting = false;
                return false;
            }

            if (segment == _tail)
                _tail = null; // nobody appends to it any more
            return true;
        }
    }

    private void Sent(Segment segment, int count)
    {
        lock (_sendLock)
        {
            segment.Start += count;
            Interlocked.Add(ref _queuedBytes, -count);
            _lastWrote = _options.Time.GetTimestamp();
            if (_queuedBytes <= _options.MaxAsynchronousBytes / 2)
                _dropping = false;
            if (segment.Start == segment.Length)
            {
                _segments.Dequeue();
                ArrayPool<byte>.Shared.Return(segment.Buffer);
            }

            if (_queuedBytes <= _options.PauseBytes)
                Monitor.PulseAll(_sendLock);
        }
    }

    /// <summary>Holds the peer's next request back until it has read enough of the replies.</summary>
    private void WaitForSendRoom()
    {
        lock (_sendLock)
        {
            while (_queuedBytes > _options.PauseBytes && _closeReason is null)
            {
                if (!_isWriting)
                {
                    _isWriting = true;
                    _writerSignal.Release();
                }

                Monitor.Wait(_sendLock);
            }
        }
    }

    private void CompleteWriting()
    {
        lock (_sendLock)
        {
            _writingComplete = true;
            if (_isWriting)
                return; // the writer task is at it and will see the flag
            _isWriting = true;
        }

        _writerSignal.Release();
    }

    private sealed class Segment(byte[] buffer)
    {
        public byte[] Buffer { get; } = buffer;

        public int Start { get; set; }

        public int Length { get; set; }
    }
}
