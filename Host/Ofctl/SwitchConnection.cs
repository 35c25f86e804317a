using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Security.Authentication;
using OvsBridge.OpenFlow.Endpoint;
using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Text;
using OvsBridge.OpenFlow.Wire;

namespace OvsBridge.Host.Ofctl;

/// <summary>
/// An OpenFlow connection of a command: blocking, since a command does one thing after the other. What is sent is gathered until
/// <see cref="Flush"/>, or until something is to be received. Echo requests of the peer are answered on the way.
/// </summary>
/// <remarks>Sending and receiving may be done by one thread each.</remarks>
internal sealed class SwitchConnection : IDisposable
{
    private const int FlushAt = 64 * 1024;

    private readonly Socket _socket;
    private readonly ArrayBufferWriter<byte> _outgoing = new(FlushAt);
    private readonly Lock _sending = new();
    private readonly string _name;
    private Stream _stream;
    private byte[] _buffer = new byte[FlushAt];
    private int _start, _end;

    private SwitchConnection(string name, Socket socket)
    {
        _name = name;
        _socket = socket;
        _stream = Stream.Null;
    }

    /// <summary>Whether echo requests are answered, and not shown.</summary>
    public bool AnswersEcho { get; set; } = true;

    /// <summary>Connects and shakes hands.</summary>
    /// <param name="name">What the user calls it: a bridge, a socket or an active target.</param>
    /// <param name="options">Run directory and TLS files.</param>
    /// <param name="helloXid">xid of our HELLO.</param>
    /// <param name="suffix">Which of a bridge's sockets.</param>
    /// <exception cref="OfctlException">There is no such switch, it can't be reached, or it does not speak OpenFlow 1.3.</exception>
    public static SwitchConnection Open(string name, OfctlOptions options, uint helloXid, string suffix = ".mgmt")
    {
        Target target = SwitchAddress.Find(name, options.RunDirectory, suffix);
        bool given = name.Contains(':', StringComparison.Ordinal);
        TlsFiles? tls = target.Transport == TargetTransport.Ssl ? LoadTls(options) : null;

        // Ready before we connect: a switch gives a second for it, of which a busy machine may take long to load code.
        byte[] hello = OfCodec.Encode(new Hello(OfCodec.Version, 1u << OfCodec.Version) { Xid = helloXid });
        try
        {
            Socket socket = SwitchAddress.Connect(target);
            if (tls is null)
                socket.Send(hello);
            SwitchConnection connection = new(name, socket);
            try
            {
                Stream plain = new NetworkStream(socket, ownsSocket: true);
                connection._stream = tls is null ? plain : tls.ConnectAsync(plain, target.Host!, CancellationToken.None).GetAwaiter().GetResult();
                if (tls is not null)
                    connection.Send(hello);
                connection.ShakeHands();
                return connection;
            }
            catch
            {
                connection.Dispose();
                throw;
            }
        }
        catch (Exception problem) when (problem is IOException or SocketException or AuthenticationException)
        {
            string reason = Reason(problem);
            throw new OfctlException(given ? $"connecting to {name} ({reason})" : $"{name}: failed to connect to socket ({reason})");
        }
    }

    /// <summary>Gathers a message; sends when there is much.</summary>
    public void Send(OfMessage message)
    {
        lock (_sending)
        {
            OfCodec.Encode(message, _outgoing);
            if (_outgoing.WrittenCount >= FlushAt)
                FlushLocked();
        }
    }

    /// <summary>Gathers messages that are bytes already; sends when there is much.</summary>
    public void Send(ReadOnlySpan<byte> messages)
    {
        lock (_sending)
        {
            _outgoing.Write(messages);
            if (_outgoing.WrittenCount >= FlushAt)
                FlushLocked();
        }
    }

    /// <summary>Sends what was gathered.</summary>
    /// <exception cref="OfctlException">The peer has gone.</exception>
    public void Flush()
    {
        lock (_sending)
            FlushLocked();
    }

    /// <summary>Sends what was gathered and waits for the next message; an echo request is answered and not shown.</summary>
    /// <returns>Its bytes, good until the next call.</returns>
    /// <exception cref="OfctlException">The peer has gone, or what it sends is not OpenFlow.</exception>
    public ReadOnlySpan<byte> Receive() => Next() is { } message ? message.Span : throw new OfctlException("OpenFlow receive failed (End of file)");

    /// <summary>As <see cref="Receive"/>, but null at the end of the stream.</summary>
    public ReadOnlyMemory<byte>? Next()
    {
        while (true)
        {
            if (TakeMessage() is { } message)
            {
                if (!AnswersEcho || message.Span[1] != (byte)OfType.EchoRequest)
                    return message;
                lock (_sending)
                {
                    Span<byte> reply = _outgoing.GetSpan(message.Length);
                    message.Span.CopyTo(reply);
                    reply[1] = (byte)OfType.EchoReply;
                    _outgoing.Advance(message.Length);
                }

                continue;
            }

            Flush();
            if (_start > 0)
            {
                _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
                (_start, _end) = (0, _end - _start);
            }

            if (_end == _buffer.Length)
                Array.Resize(ref _buffer, _buffer.Length * 2);
            int count = Read(_buffer.AsSpan(_end));
            if (count == 0)
                return _end == 0 ? null : throw new OfctlException($"{_name}: the connection ended in the middle of a message");
            _end += count;
        }
    }

    /// <summary>Sends a request and waits for the message that has its xid.</summary>
    /// <returns>Its bytes, good until the next call.</returns>
    public ReadOnlySpan<byte> Transact(OfMessage request)
    {
        Send(request);
        while (true)
        {
            ReadOnlySpan<byte> reply = Receive();
            if (XidOf(reply) == request.Xid)
                return reply;
        }
    }

    /// <summary>The xid of a message.</summary>
    public static uint XidOf(ReadOnlySpan<byte> message) => BinaryPrimitives.ReadUInt32BigEndian(message[4..]);

    /// <inheritdoc/>
    public void Dispose()
    {
        _stream.Dispose();
        _socket.Dispose();
    }

    private static TlsFiles LoadTls(OfctlOptions options)
    {
        if (options.PrivateKey is null || options.Certificate is null || options.Authority is null)
            throw new OfctlException("ssl needs --private-key, --certificate and --ca-cert");
        try
        {
            return TlsFiles.Load(options.PrivateKey, options.Certificate, options.Authority);
        }
        catch (FormatException problem)
        {
            throw new OfctlException(problem.Message);
        }
    }

    private void ShakeHands()
    {
        AnswersEcho = false; // nothing but HELLO comes first
        ReadOnlyMemory<byte>? begin = Next();
        AnswersEcho = true;
        if (begin is not { } first)
            throw new OfctlException($"{_name}: the peer closed the connection before it said HELLO");
        OfMessage message;
        try
        {
            message = OfCodec.Decode(first.Span);
        }
        catch (OfErrorException problem)
        {
            throw new OfctlException($"{_name}: the peer began with what is not a HELLO ({problem.Message})");
        }

        switch (message)
        {
            case Hello hello:
                bool common = hello.Bitmap is { } bitmap ? (bitmap >> OfCodec.Version & 1) != 0 : hello.Version >= OfCodec.Version;
                if (!common)
                {
                    throw new OfctlException(string.Create(
                        CultureInfo.InvariantCulture,
                        $"{_name}: version negotiation failed (we support version 0x{OfCodec.Version:x2}, peer supports {Versions(hello)})"));
                }

                break;
            case ErrorMessage error:
                throw new OfctlException($"{_name}: the peer refused us: {new MessagePrinter().Print(error).TrimEnd()}");
            default:
                throw new OfctlException($"{_name}: the peer began with {message.Type} instead of HELLO");
        }
    }

    private static string Versions(Hello hello)
    {
        if (hello.Bitmap is not { } bitmap)
            return $"version 0x{hello.Version:x2} and earlier";
        string[] versions = [.. Enumerable.Range(0, 32).Where(v => (bitmap >> v & 1) != 0).Select(v => $"0x{v:x2}")];
        return $"version{(versions.Length == 1 ? "" : "s")} {string.Join(", ", versions)}";
    }

    private void FlushLocked()
    {
        if (_outgoing.WrittenCount == 0)
            return;
        try
        {
            _stream.Write(_outgoing.WrittenSpan);
        }
        catch (IOException problem)
        {
            throw new OfctlException($"{_name}: failed to send ({Reason(problem)})");
        }

        _outgoing.ResetWrittenCount();
    }

    private int Read(Span<byte> buffer)
    {
        try
        {
            return _stream.Read(buffer);
        }
        catch (IOException problem)
        {
            throw new OfctlException($"OpenFlow receive failed ({Reason(problem)})");
        }
    }

    // As C's strerror says it, without the address that .NET puts behind.
    private static string Reason(Exception problem) =>
        (problem.InnerException ?? problem) is SocketException socket ? Marshal.GetPInvokeErrorMessage(socket.NativeErrorCode) : (problem.InnerException ?? problem).Message;

    private ReadOnlyMemory<byte>? TakeMessage()
    {
        if (_end - _start < MessageHeader.Size)
            return null;
        ReadOnlySequence<byte> received = new(_buffer, _start, _end - _start);
        try
        {
            if (!MessageFramer.TryRead(ref received, out ReadOnlySequence<byte> message))
                return null;
            _start += (int)message.Length;
            return message.First;
        }
        catch (OfProtocolException problem)
        {
            throw new OfctlException($"{_name}: {problem.Message}");
        }
    }
}
