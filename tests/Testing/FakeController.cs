using System.Collections.Concurrent;
using OvsBridge.OpenFlow.Endpoint;
using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Messages.Multipart;
using OvsBridge.OpenFlow.Wire;

namespace OvsBridge.Testing;

/// <summary>
/// A controller without a socket: every message goes through the codec both ways, errors become OFPT_ERROR as the connection
/// makes them, so a test sees what a peer would see.
/// </summary>
/// <remarks>In OpenFlow 1.0, of which the library has the switch's side only, what it says is not written and what it hears is not read.</remarks>
public sealed class FakeController : IOfConnection, IDisposable
{
    private static long _lastId;

    private readonly IOfMessageHandler _switch;
    private readonly ConcurrentQueue<OfMessage> _received = new();
    private readonly object _arrival = new(); // a Monitor: tests wait on it
    private WireFormat _format;
    private uint _lastXid;
    private bool _isGone;

    /// <summary>Connects.</summary>
    public FakeController(
        IOfMessageHandler agent,
        OfConnectionKind kind = OfConnectionKind.Primary,
        string? name = null,
        IOfConnection? main = null,
        byte auxiliaryId = 0,
        byte version = OfCodec.Version)
    {
        _switch = agent;
        _format = WireFormat.For(version);
        Kind = kind;
        Main = main;
        AuxiliaryId = auxiliaryId;
        Id = Interlocked.Increment(ref _lastId);
        Name = name ?? $"fake:{Id}";
        agent.OnConnected(this);
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public long Id { get; }

    /// <inheritdoc/>
    public OfConnectionKind Kind { get; }

    /// <inheritdoc/>
    public IOfConnection? Main { get; }

    /// <inheritdoc/>
    public byte AuxiliaryId { get; }

    /// <inheritdoc/>
    public byte Version => _format.Version;

    /// <summary>What <see cref="IOfConnection.Silence"/> says.</summary>
    public TimeSpan Silence { get; set; }

    /// <summary>Whether it has been disconnected, by either side.</summary>
    public bool IsGone => _isGone;

    /// <summary>Messages that wait to be expected.</summary>
    public int Waiting => _received.Count;

    /// <summary>Sends a message; answers are there when it returns. A message without xid gets one.</summary>
    /// <returns>The xid.</returns>
    public uint Send(OfMessage message)
    {
        if (message.Xid == 0)
            message = message with { Xid = ++_lastXid };
        byte[] bytes = OfCodec.Encode(message);
        if (Version == OfCodec.Version)
            SendRaw(bytes);
        else
            Deliver(() => message, bytes);
        return message.Xid;
    }

    /// <summary>Sends messages in ovs-ofctl's notation: "add-flow in_port=1,actions=output:2".</summary>
    public void Send(params string[] commands)
    {
        foreach (string command in commands)
            Send(Flows.Command(command));
    }

    /// <summary>Sends the bytes of one message.</summary>
    public void SendRaw(byte[] bytes) => Deliver(() => OfCodec.Decode(bytes, _format), bytes);

    private void Deliver(Func<OfMessage> message, byte[] bytes)
    {
        try
        {
            OfMessage decoded = message();
            if (decoded is FormatMessage change)
                _format = change.Apply(_format);
            else
                _switch.OnMessage(this, decoded, bytes);
        }
        catch (OfErrorException e)
        {
            Received(ErrorMessage.For(e.Error, bytes));
        }
    }

    /// <summary>Waits until a message is there, for what is sent from another thread.</summary>
    /// <exception cref="TimeoutException">None came.</exception>
    public void WaitForMessage(TimeSpan limit)
    {
        lock (_arrival)
        {
            long start = TimeProvider.System.GetTimestamp();
            while (_received.IsEmpty)
            {
                TimeSpan left = limit - TimeProvider.System.GetElapsedTime(start);
                if (left <= TimeSpan.Zero || !Monitor.Wait(_arrival, left))
                    throw new TimeoutException("no message came");
            }
        }
    }

    /// <summary>Takes the next message, which must be of this type.</summary>
    public T Expect<T>()
        where T : OfMessage
    {
        if (!_received.TryDequeue(out OfMessage? message))
            throw new InvalidOperationException($"expected {typeof(T).Name}, there is nothing");
        return message as T ?? throw new InvalidOperationException($"expected {typeof(T).Name}, got {Describe(message)}");
    }

    /// <summary>The next message must be this error; returns it.</summary>
    public ErrorMessage ExpectError(OfError error)
    {
        ErrorMessage message = Expect<ErrorMessage>();
        if (message.ErrorType != error.Type || message.Code != error.Code || message.Experimenter != error.Experimenter)
            throw new InvalidOperationException($"expected {error}, got {Describe(message)}");
        return message;
    }

    /// <summary>Nothing must wait.</summary>
    public void ExpectNothing()
    {
        if (_received.TryDequeue(out OfMessage? message))
            throw new InvalidOperationException($"expected nothing, got {Describe(message)}");
    }

    /// <summary>Sends a message that must fail with this error.</summary>
    public ErrorMessage Fails(OfMessage message, OfError error)
    {
        uint xid = Send(message);
        ErrorMessage reply = ExpectError(error);
        return reply.Xid == xid ? reply : throw new InvalidOperationException($"the error has xid {reply.Xid}, the request {xid}");
    }

    /// <summary>Sends a command that must fail with this error.</summary>
    public ErrorMessage Fails(string command, OfError error) => Fails(Flows.Command(command), error);

    /// <summary>Sends a message that has no reply, and a barrier: there must be no error.</summary>
    public void Succeeds(OfMessage message)
    {
        Send(message);
        Barrier();
    }

    /// <summary>Sends commands that have no reply, and a barrier: there must be no error.</summary>
    public void Succeeds(params string[] commands)
    {
        Send(commands);
        Barrier();
    }

    /// <summary>Sends a barrier and takes its reply, which must be the next message.</summary>
    public void Barrier() => Ask<BarrierReply>(new BarrierRequest());

    /// <summary>Sends a request and takes its reply.</summary>
    public T Ask<T>(OfMessage request)
        where T : OfMessage
    {
        uint xid = Send(request);
        T reply = Expect<T>();
        return reply.Xid == xid ? reply : throw new InvalidOperationException($"the reply has xid {reply.Xid}, the request {xid}");
    }

    /// <summary>Sends a multipart request and takes the parts of its reply.</summary>
    public IReadOnlyList<T> Query<T>(MultipartQuery query)
        where T : MultipartAnswer
    {
        uint xid = Send(new MultipartRequest(query));
        List<T> parts = [];
        MultipartReply part;
        do
        {
            part = Expect<MultipartReply>();
            if (part.Xid != xid)
                throw new InvalidOperationException($"the reply has xid {part.Xid}, the request {xid}");
            parts.Add((T)part.Answer);
        }
        while (part.More);
        return parts;
    }

    /// <summary>Sends a multipart request whose reply must be one part.</summary>
    public T QueryOne<T>(MultipartQuery query)
        where T : MultipartAnswer => Query<T>(query).Single();

    /// <summary>Takes every waiting message.</summary>
    public IReadOnlyList<OfMessage> TakeAll()
    {
        List<OfMessage> all = [];
        while (_received.TryDequeue(out OfMessage? message))
            all.Add(message);
        return all;
    }

    /// <inheritdoc/>
    bool IOfConnection.Send(OfMessage message) => Received(message);

    /// <inheritdoc/>
    public bool TrySendAsynchronous(OfMessage message) => Received(message);

    /// <inheritdoc/>
    public void Close(string reason) => Dispose();

    /// <summary>Disconnects.</summary>
    public void Dispose()
    {
        if (_isGone)
            return;
        _isGone = true;
        _switch.OnDisconnected(this);
    }

    private static string Describe(OfMessage message) =>
        message is ErrorMessage error && OfError.Find(error.ErrorType, error.Code, error.Experimenter) is { } row ? row.Name : MessageText.Of(message);

    private bool Received(OfMessage message)
    {
        if (_isGone)
            return false;
        byte[] bytes = OfCodec.Encode(message, _format);
        OfMessage decoded = Version == OfCodec.Version ? OfCodec.Decode(bytes) : message;
        lock (_arrival)
        {
            _received.Enqueue(decoded);
            Monitor.PulseAll(_arrival);
        }

        return true;
    }
}
