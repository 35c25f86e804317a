using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using OvsBridge.OpenFlow.Endpoint;
using OvsBridge.Testing;

namespace OvsBridge.OpenFlow.Tests.Endpoint;

/// <summary>A connection under test and its peer, over TCP on the loopback interface.</summary>
internal sealed class ConnectionPair : IDisposable
{
    private readonly CancellationTokenSource _stop = new();

    public ConnectionPair(RecordingHandler handler, OfConnectionOptions? options = null, Func<Stream, Stream>? wrap = null)
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        // Small buffers: a peer that does not read is noticed soon.
        listener.ReceiveBufferSize = 16 * 1024;
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        var near = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { SendBufferSize = 16 * 1024 };
        near.Connect(listener.LocalEndPoint!);
        Peer = new FakePeer(listener.Accept());
        Stream stream = new NetworkStream(near);
        Connection = new OfConnection(
            near, wrap?.Invoke(stream) ?? stream, "peer", OfConnectionKind.Primary, handler, options ?? new OfConnectionOptions(), NullLogger.Instance);
        Ended = Connection.RunAsync(_stop.Token);
    }

    public OfConnection Connection { get; }

    public FakePeer Peer { get; }

    /// <summary>Why the connection ended, once it has.</summary>
    public Task<string> Ended { get; }

    public string WaitForEnd() => Ended.Wait(TimeSpan.FromSeconds(10))
        ? Ended.Result
        : throw new TimeoutException("the connection did not end");

    public void Dispose()
    {
        Peer.Dispose();
        _stop.Cancel();
        WaitForEnd();
        _stop.Dispose();
    }
}
