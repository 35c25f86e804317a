using System.Net;
using System.Net.Sockets;
using OvsBridge.OpenFlow.Endpoint;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Wire;

namespace OvsBridge.Testing;

/// <summary>
/// The other end of an OpenFlow connection in a test, controller or switch: says what the test says, nothing by itself. Receiving
/// waits at most ten seconds. Not thread safe.
/// </summary>
public sealed class FakePeer : IDisposable
{
    private const int PatienceMs = 10_000;
    private readonly Socket _socket;
    private readonly ReceivedBytes _received = new();
    private readonly byte[] _buffer = new byte[64 * 1024];

    /// <summary>Takes over a connected socket.</summary>
    public FakePeer(Socket socket)
    {
        _socket = socket;
        _socket.ReceiveTimeout = PatienceMs;
        _socket.SendTimeout = PatienceMs;
        if (socket.ProtocolType == ProtocolType.Tcp)
            socket.NoDelay = true;
    }

    /// <summary>The bytes of the message that <see cref="Receive"/> gave last.</summary>
    public byte[] LastRaw { get; private set; } = [];

    /// <summary>The socket, for what is not OpenFlow.</summary>
    public Socket Socket => _socket;

    /// <summary>Connects to a unix socket or to a TCP port of this machine.</summary>
    public static FakePeer Connect(Target target)
    {
        bool unix = target.Transport == TargetTransport.Unix;
        var socket = unix
            ? new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
            : new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Connect(unix ? new UnixDomainSocketEndPoint(target.Path!) : new IPEndPoint(IPAddress.Loopback, target.Port));
        return new FakePeer(socket);
    }

    /// <summary>Exchanges HELLOs.</summary>
    public FakePeer Handshake()
    {
        Send(new Hello(OfCodec.Version, 1u << OfCodec.Version));
        Expect<Hello>();
        return this;
    }

    /// <summary>
    /// Takes messages until a change of a port comes that is wanted: carrier and administrative state can come one by one.
    /// </summary>
    public void ExpectPort(PortReason reason, uint number, Func<PortDescription, bool> wanted)
    {
        while (true)
        {
            switch (Receive())
            {
                case PortStatus status when status.Reason == reason && status.Port.PortNo == number && wanted(status.Port):
                    return;
                case PortStatus or PacketIn:
                    break;
                case EchoRequest echo:
                    Send(new EchoReply(echo.Data) { Xid = echo.Xid });
                    break;
                case var other:
                    throw new InvalidOperationException($"unexpected: {other}");
            }
        }
    }

    /// <summary>Sends a message.</summary>
    public void Send(OfMessage message) => SendRaw(OfCodec.Encode(message));

    /// <summary>Sends bytes.</summary>
    public void SendRaw(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
            bytes = bytes[_socket.Send(bytes)..];
    }

    /// <summary>The next message; null at the end of the stream.</summary>
    public OfMessage? Receive()
    {
        byte[]? message;
        while ((message = _received.Take()) is null)
        {
            int count;
            try
            {
                count = _socket.Receive(_buffer);
            }
            catch (SocketException exception) when (exception.SocketErrorCode == SocketError.ConnectionReset)
            {
                return null;
            }
            catch (SocketException exception) when (exception.SocketErrorCode is SocketError.WouldBlock or SocketError.TimedOut)
            {
                throw new TimeoutException($"the peer said nothing for {PatienceMs} ms", exception);
            }

            if (count == 0)
                return null;
            _received.Add(_buffer.AsSpan(0, count));
        }

        LastRaw = message;
        return OfCodec.Decode(message);
    }

    /// <summary>The next message, which must be a <typeparamref name="T"/>.</summary>
    public T Expect<T>()
        where T : OfMessage
    {
        OfMessage? message = Receive();
        return message as T ?? throw new InvalidOperationException(
            $"expected {typeof(T).Name}, got {message?.ToString() ?? "the end of the stream"}");
    }

    /// <summary>Sends a message and waits for the next one, which must be a <typeparamref name="T"/>.</summary>
    public T Ask<T>(OfMessage request)
        where T : OfMessage
    {
        Send(request);
        return Expect<T>();
    }

    /// <summary>The stream must end now.</summary>
    public void ExpectClosed()
    {
        if (Receive() is { } message)
            throw new InvalidOperationException($"expected the end of the stream, got {message}");
    }

    /// <inheritdoc/>
    public void Dispose() => _socket.Dispose();
}
