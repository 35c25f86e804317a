using System.Collections.Concurrent;
using OvsBridge.OpenFlow.Endpoint;
using OvsBridge.OpenFlow.Messages;

namespace OvsBridge.OpenFlow.Tests.Endpoint;

/// <summary>Remembers what it was called with; <see cref="Act"/> does what the test wants done with a message.</summary>
internal sealed class RecordingHandler : IOfMessageHandler
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(10);
    private readonly BlockingCollection<object> _events = [];

    public Action<IOfConnection, OfMessage> Act { get; set; } = (_, _) => { };

    public Action<IOfConnection> Arrived { get; set; } = _ => { };

    public IOfConnection? Connection { get; private set; }

    public static string Connected => "connected";

    public static string Disconnected => "disconnected";

    public void OnConnected(IOfConnection connection)
    {
        Connection = connection;
        _events.Add(Connected);
        Arrived(connection);
    }

    public void OnMessage(IOfConnection connection, OfMessage message, ReadOnlySpan<byte> raw)
    {
        _events.Add(message);
        Act(connection, message);
    }

    /// <summary>How long the peer had been silent when the connection was gone.</summary>
    public TimeSpan SilenceAtEnd { get; private set; }

    public void OnDisconnected(IOfConnection connection)
    {
        SilenceAtEnd = connection.Silence;
        _events.Add(Disconnected);
    }

    /// <summary>The next call: one of the two words, or the message.</summary>
    public object Next() => _events.TryTake(out object? item, _patience) ? item : throw new TimeoutException("the handler was not called");

    public IOfConnection WaitForConnection()
    {
        Assert.That(Next(), Is.EqualTo(Connected));
        return Connection!;
    }
}
