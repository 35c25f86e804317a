using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using OvsBridge.OpenFlow.Endpoint;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.Testing;

namespace OvsBridge.OpenFlow.Tests.Endpoint;

[TestFixture]
public sealed class ConnectorTests
{
    private string _directory = "";

    private string PathOf(string name) => Path.Combine(_directory, name);

    [SetUp]
    public void MakeDirectory() => _directory = Directory.CreateTempSubdirectory("ovsbridge-test-").FullName;

    [TearDown]
    public void RemoveDirectory() => Directory.Delete(_directory, recursive: true);

    private static async Task<Socket> AcceptAsync(Socket listener)
    {
        using CancellationTokenSource limit = new(TimeSpan.FromSeconds(60));
        return await listener.AcceptAsync(limit.Token);
    }

    [Test]
    public async Task Waits_twice_as_long_after_each_failure_and_starts_anew_after_a_success()
    {
        var time = new ManualTime();
        var handler = new RecordingHandler();
        await using var connector = new OfConnector(
            Target.Parse("unix:" + PathOf("controller")), handler, new OfConnectionOptions { Time = time }, NullLogger.Instance);
        connector.Start();

        foreach (int seconds in new[] { 1, 2, 4, 8, 8 })
        {
            time.WaitForTimer(TimeSpan.FromSeconds(seconds));
            Assert.That(connector.LastError, Is.Not.Empty);
            time.Advance(TimeSpan.FromSeconds(seconds));
        }

        time.WaitForTimer(TimeSpan.FromSeconds(8));
        using (Socket listener = UnixSocket.Listen(PathOf("controller"), UnixFileMode.UserRead | UnixFileMode.UserWrite))
        {
            time.Advance(TimeSpan.FromSeconds(8));
            using var peer = new FakePeer(listener.Accept());
            peer.Handshake();
            handler.WaitForConnection();
            Assert.That(connector.IsConnected, Is.True);
            UnixSocket.Remove(PathOf("controller"));
        }

        time.WaitForTimer(TimeSpan.FromSeconds(1));
        Assert.That(connector.IsConnected, Is.False);
    }

    [Test]
    public async Task A_peer_that_fails_the_handshake_is_not_hammered()
    {
        var time = new ManualTime();
        using Socket listener = UnixSocket.Listen(PathOf("controller"), UnixFileMode.UserRead | UnixFileMode.UserWrite);
        await using var connector = new OfConnector(
            Target.Parse("unix:" + PathOf("controller")), new RecordingHandler(), new OfConnectionOptions { Time = time }, NullLogger.Instance)
        {
            MaxBackoff = TimeSpan.FromSeconds(3),
        };
        connector.Start();
        foreach (int seconds in new[] { 1, 2, 3, 3 })
        {
            (await AcceptAsync(listener)).Dispose();
            time.WaitForTimer(TimeSpan.FromSeconds(seconds));
            time.Advance(TimeSpan.FromSeconds(seconds));
        }
    }

    [Test]
    public async Task Auxiliary_connections_come_when_the_main_one_is_complete_and_go_with_it()
    {
        using Socket listener = ListenTcp();
        await using OfConnector connector = WithAuxiliaries(listener, 2);
        connector.Start();
        FakePeer main = new FakePeer(await AcceptAsync(listener)).Handshake();
        main.Ask<BarrierReply>(new BarrierRequest());
        Assert.That(listener.Poll(0, SelectMode.SelectRead), Is.False, "who it is is not known yet");

        Assert.That(main.Ask<FeaturesReply>(new FeaturesRequest()).AuxiliaryId, Is.Zero);
        using FakePeer first = new FakePeer(await AcceptAsync(listener)).Handshake(), second = new FakePeer(await AcceptAsync(listener)).Handshake();

        Assert.That(
            new[] { first, second }.Select(peer => peer.Ask<FeaturesReply>(new FeaturesRequest()).AuxiliaryId), Is.EquivalentTo(new[] { 1, 2 }));
        Assert.That(
            new[] { main, first, second }.Select(peer => ((IPEndPoint)peer.Socket.RemoteEndPoint!).Address), Is.All.EqualTo(IPAddress.Loopback));
        main.Dispose();
        first.ExpectClosed();
        second.ExpectClosed();

        // and come again with the next one
        using FakePeer again = new FakePeer(await AcceptAsync(listener)).Handshake();
        again.Ask<FeaturesReply>(new FeaturesRequest());
        using FakePeer third = new FakePeer(await AcceptAsync(listener)).Handshake();
        third.Ask<FeaturesReply>(new FeaturesRequest());
    }

    [Test]
    public async Task Peer_that_wants_no_auxiliary_connection_is_asked_ever_more_seldom()
    {
        var time = new ManualTime();
        using Socket listener = ListenTcp();
        await using OfConnector connector = WithAuxiliaries(listener, 1, time);
        connector.Start();
        using FakePeer main = new FakePeer(await AcceptAsync(listener)).Handshake();
        main.Ask<FeaturesReply>(new FeaturesRequest());

        foreach (int seconds in new[] { 1, 2, 4, 8, 16, 32, 60, 60 })
        {
            using (var auxiliary = new FakePeer(await AcceptAsync(listener)))
            {
                // A handshake alone is no sign that it is welcome. And a HELLO says that the timer of the attempt to connect has gone.
                if (seconds % 4 != 0)
                    auxiliary.Handshake();
                else
                    auxiliary.Expect<Hello>();
            }

            time.WaitForTimer(TimeSpan.FromSeconds(seconds));
            Assert.That(main.Ask<BarrierReply>(new BarrierRequest { Xid = (uint)seconds }).Xid, Is.EqualTo(seconds), "the main one goes on");
            time.Advance(TimeSpan.FromSeconds(seconds));
        }

        Assert.That(connector.IsConnected, Is.True);
    }

    [Test]
    public async Task Two_controllers_at_once_and_one_leaves()
    {
        var handler = new RecordingHandler { Act = (connection, message) => connection.Send(new BarrierReply { Xid = message.Xid }) };
        await using var listener = new OfListener(Target.Parse("ptcp:0:127.0.0.1"), handler, new OfConnectionOptions(), NullLogger.Instance);
        listener.Start();
        using FakePeer first = FakePeer.Connect(listener.Target).Handshake();
        FakePeer second = FakePeer.Connect(listener.Target).Handshake();
        Assert.That(second.Ask<BarrierReply>(new BarrierRequest { Xid = 1 }).Xid, Is.EqualTo(1));
        second.Dispose();

        Assert.That(first.Ask<BarrierReply>(new BarrierRequest { Xid = 2 }).Xid, Is.EqualTo(2));
    }

    [Test]
    public async Task Peers_beyond_the_limit_are_turned_away_until_one_leaves()
    {
        await using var listener = new OfListener(Target.Parse("ptcp:0"), new RecordingHandler(), new OfConnectionOptions(), NullLogger.Instance)
        {
            MaxConnections = 1,
        };
        listener.Start();
        FakePeer first = FakePeer.Connect(listener.Target).Handshake();
        using (FakePeer second = FakePeer.Connect(listener.Target))
        {
            second.ExpectClosed();
        }

        first.Dispose();
        Assert.That(SpinWait.SpinUntil(() => listener.ConnectionCount == 0, TimeSpan.FromSeconds(10)), Is.True);
        using FakePeer third = FakePeer.Connect(listener.Target).Handshake();
    }

    private static Socket ListenTcp()
    {
        var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        return listener;
    }

    private static OfConnector WithAuxiliaries(Socket listener, byte count, TimeProvider? time = null)
    {
        var handler = new RecordingHandler
        {
            Act = (connection, message) => connection.Send(message is FeaturesRequest
                ? new FeaturesReply(1, 0, 254, connection.AuxiliaryId, default)
                : new BarrierReply { Xid = message.Xid }),
        };
        OfConnectionOptions options = new() { Time = time ?? TimeProvider.System, InactivityProbe = TimeSpan.Zero };
        return new OfConnector(Target.Parse($"tcp:127.0.0.1:{((IPEndPoint)listener.LocalEndPoint!).Port}"), handler, options, NullLogger.Instance)
        {
            AuxiliaryCount = count,
        };
    }

    [Test]
    public void Port_in_use_is_said()
    {
        using var other = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        other.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        other.Listen();
        string target = $"ptcp:{((IPEndPoint)other.LocalEndPoint!).Port}:127.0.0.1";

        Assert.That(
            () => new OfListener(Target.Parse(target), new RecordingHandler(), new OfConnectionOptions(), NullLogger.Instance),
            Throws.TypeOf<IOException>().With.Message.Contains(target).And.Message.Contains("another process"));
    }

    [Test]
    public async Task Unix_socket_is_private_replaces_a_dead_one_and_goes_at_the_end()
    {
        string path = PathOf("br0.mgmt");
        UnixSocket.Listen(path, UnixFileMode.UserRead).Dispose();
        Assert.That(File.Exists(path), Is.True, "a dead process leaves its socket");

        await using (var listener = new OfListener(Target.Parse("punix:" + path), new RecordingHandler(), new OfConnectionOptions(), NullLogger.Instance))
        {
            listener.Start();
            Assert.That(File.GetUnixFileMode(path), Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite));
            FakePeer.Connect(Target.Parse("unix:" + path)).Handshake().Dispose();
            Assert.That(
                () => new OfListener(Target.Parse("punix:" + path), new RecordingHandler(), new OfConnectionOptions(), NullLogger.Instance),
                Throws.TypeOf<IOException>().With.Message.Contains("another process"));
        }

        Assert.That(Directory.GetFiles(_directory), Is.Empty);
    }

    [Test]
    public void A_file_that_is_no_socket_is_not_replaced()
    {
        File.WriteAllText(PathOf("precious"), "data");

        Assert.That(
            () => UnixSocket.Listen(PathOf("precious"), UnixFileMode.UserRead),
            Throws.TypeOf<IOException>().With.Message.Contains("not a socket"));
        Assert.That(File.ReadAllText(PathOf("precious")), Is.EqualTo("data"));
    }

    [Test]
    public async Task Tls_with_certificates_of_one_authority_on_both_sides()
    {
        using TestAuthority authority = new(_directory, "ca");
        TlsFiles server = authority.Issue("switch").Load(), client = authority.Issue("controller").Load();
        var handler = new RecordingHandler { Act = (connection, message) => connection.Send(new BarrierReply { Xid = message.Xid }) };
        var controller = new RecordingHandler();
        await using var listener = new OfListener(
            Target.Parse("pssl:0:127.0.0.1"), handler, new OfConnectionOptions(), NullLogger.Instance, server);
        listener.Start();
        await using var connector = new OfConnector(
            Target.Parse($"ssl:127.0.0.1:{listener.Target.Port}"), controller, new OfConnectionOptions(), NullLogger.Instance, client);
        connector.Start();

        controller.WaitForConnection().Send(new BarrierRequest { Xid = 8 });

        Assert.That(controller.Next(), Is.EqualTo(new BarrierReply { Xid = 8 }));
    }

    [Test]
    public async Task Auxiliary_connections_use_TLS_where_the_main_one_does()
    {
        using TestAuthority authority = new(_directory, "ca");
        var features = new System.Collections.Concurrent.BlockingCollection<byte>();
        var controller = new RecordingHandler
        {
            Arrived = connection => connection.Send(new FeaturesRequest { Xid = 1 }),
            Act = (_, message) => features.Add(((FeaturesReply)message).AuxiliaryId),
        };
        var agent = new RecordingHandler { Act = (connection, _) => connection.Send(new FeaturesReply(1, 0, 254, connection.AuxiliaryId, default)) };
        await using var listener = new OfListener(
            Target.Parse("pssl:0:127.0.0.1"), controller, new OfConnectionOptions(), NullLogger.Instance, authority.Issue("controller").Load());
        listener.Start();
        await using var connector = new OfConnector(
            Target.Parse($"ssl:127.0.0.1:{listener.Target.Port}"), agent, new OfConnectionOptions(), NullLogger.Instance, authority.Issue("switch").Load())
        {
            AuxiliaryCount = 1,
        };
        connector.Start();

        byte Next() => features.TryTake(out byte id, TimeSpan.FromSeconds(10)) ? id : throw new TimeoutException("no FEATURES_REPLY");
        Assert.That(Next(), Is.Zero);
        Assert.That(Next(), Is.EqualTo(1));
    }

    [Test]
    public async Task Tls_with_a_certificate_of_another_authority_is_refused()
    {
        using TestAuthority authority = new(_directory, "ca"), other = new(_directory, "other");
        await using var listener = new OfListener(
            Target.Parse("pssl:0:127.0.0.1"), new RecordingHandler(), new OfConnectionOptions(), NullLogger.Instance, authority.Issue("switch").Load());
        listener.Start();
        await using var connector = new OfConnector(
            Target.Parse($"ssl:127.0.0.1:{listener.Target.Port}"), new RecordingHandler(), new OfConnectionOptions(), NullLogger.Instance,
            other.Issue("stranger").Load());
        connector.Start();

        Assert.That(SpinWait.SpinUntil(() => connector.LastError is not null, TimeSpan.FromSeconds(10)), Is.True);
        Assert.That(connector.IsConnected, Is.False);
    }

    [Test]
    public void Tls_without_files_and_with_bad_files_is_said()
    {
        File.WriteAllText(PathOf("x.pem"), "not PEM");
        Assert.Multiple(() =>
        {
            Assert.That(
                () => new OfConnector(Target.Parse("ssl:127.0.0.1"), new RecordingHandler(), new OfConnectionOptions(), NullLogger.Instance),
                Throws.ArgumentException.With.Message.Contains("needs a private key"));
            Assert.That(
                () => TlsFiles.Load(PathOf("none"), PathOf("none"), PathOf("none")),
                Throws.TypeOf<FormatException>().With.Message.Contains(PathOf("none")));
            Assert.That(
                () => TlsFiles.Load(PathOf("x.pem"), PathOf("x.pem"), PathOf("x.pem")),
                Throws.TypeOf<FormatException>().With.Message.Contains("x.pem"));
        });
    }
}
