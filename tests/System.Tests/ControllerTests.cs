using System.Globalization;
using System.Text.RegularExpressions;
using OvsBridge.OpenFlow.Endpoint;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.Testing;

namespace OvsBridge.SystemTests;

/// <summary>A running switch under controllers that come, go, and come back.</summary>
[TestFixture]
public sealed class ControllerTests
{
    private const string Connected = "tcp:127.0.0.1:6653: connected, OpenFlow version 0x04";

    [Test]
    [Category("Topology")]
    public void A_controller_is_killed_and_comes_back()
    {
        using var net = new Netns("h1", "h2", "h3");
        using var daemon = SwitchProcess.Start(
            net.Switch, "--port", "h1", "--port", "h2", "--port", "h3", "--fail-mode", "secure", "--max-backoff", "1", "--controller", "tcp:127.0.0.1:6653");
        daemon.WaitForLog("tcp:127.0.0.1:6653: not connected");
        using (StartOsKen(net))
        {
            WaitForTableMiss(daemon);
            Assert.That(net.Ping("h1", net.Ipv4("h2"), count: 5), Is.True, daemon.Log);
        }

        daemon.WaitForLog("tcp:127.0.0.1:6653: closed");
        Assert.That(net.Ping("h1", net.Ipv4("h2")), Is.True, "flows stay while the controller is away");
        daemon.Ofctl("del-flows");
        Assert.That(net.Ping("h1", net.Ipv4("h3"), count: 1), Is.False, "secure: nobody decides on new traffic");

        using BackgroundProcess second = StartOsKen(net);
        WaitForTableMiss(daemon);
        Assert.Multiple(() =>
        {
            Assert.That(net.Ping("h1", net.Ipv4("h3"), count: 5), Is.True, daemon.Log);
            Assert.That(daemon.Log.Split(Connected), Has.Length.EqualTo(3), "connected twice");
            Assert.That(daemon.Warnings, Has.All.Contains("not connected"));
        });
    }

    [Test]
    [Category("Topology")]
    public void Standalone_takes_over_while_the_controller_is_away()
    {
        using var net = new Netns("h1", "h2");
        string socket = Path.Combine(Path.GetTempPath(), $"ovsbridge-ctl-{Environment.ProcessId}");
        using var daemon = SwitchProcess.Start(
            net.Switch, "--port", "h1", "--port", "h2", "--inactivity-probe", "1", "--max-backoff", "1", "--controller", "unix:" + socket);
        // Three seconds without any controller: time enough for one to come.
        Assert.That(() => net.Ping("h1", net.Ipv4("h2"), count: 1), Is.True.After(10_000, 100), "no controller has come: learns");

        using (System.Net.Sockets.Socket listener = UnixSocket.Listen(socket, UnixFileMode.UserRead | UnixFileMode.UserWrite))
        {
            using var controller = new FakePeer(listener.Accept());
            controller.Handshake();
            controller.Ask<BarrierReply>(new BarrierRequest());
            Assert.That(net.Ping("h1", net.Ipv4("h2"), count: 1), Is.False, "a controller without flows: nothing passes");
            UnixSocket.Remove(socket);
        }

        daemon.WaitForLog(": closed");
        Assert.That(() => net.Ping("h1", net.Ipv4("h2"), count: 1), Is.True.After(10_000, 100), "it has gone: learns again");
    }

    [Test]
    [Category("Topology")]
    public void Auxiliary_connections_carry_the_packets_of_a_real_network()
    {
        using var net = new Netns("h1", "h2", "h3");
        string socket = Path.Combine(Path.GetTempPath(), $"ovsbridge-aux-{Environment.ProcessId}");
        using System.Net.Sockets.Socket listener = UnixSocket.Listen(socket, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        using var daemon = SwitchProcess.Start(
            net.Switch, "--port", "h1", "--port", "h2", "--port", "h3", "--fail-mode", "secure", "--max-backoff", "1", "--auxiliary", "2", "--dpid", "77",
            "--controller", "unix:" + socket);
        using FakePeer main = new FakePeer(listener.Accept()).Handshake();
        main.Ask<FeaturesReply>(new FeaturesRequest());
        using FakePeer one = new FakePeer(listener.Accept()).Handshake(), two = new FakePeer(listener.Accept()).Handshake();
        FeaturesReply[] features = [one.Ask<FeaturesReply>(new FeaturesRequest()), two.Ask<FeaturesReply>(new FeaturesRequest())];
        UnixSocket.Remove(socket);
        Assert.That(features.Select(reply => (reply.DatapathId, reply.AuxiliaryId)), Is.EquivalentTo(new[] { (0x77ul, 1), (0x77ul, 2) }));

        two.Send(Flows.Command("add-flow priority=0,actions=CONTROLLER:128"));
        two.Ask<BarrierReply>(new BarrierRequest());
        net.Ping("h1", net.Ipv4("h2"), count: 1);
        net.Ping("h3", net.Ipv4("h2"), count: 1);

        main.Ask<BarrierReply>(new BarrierRequest()); // nothing but the reply came there
        string shown = daemon.Appctl("controller/show");
        Assert.That(shown, Does.Match(@"#1: auxiliary 1 of unix:\S+, primary, role equal\n").And.Match(@"#2: auxiliary 2 of unix:"), shown);
        Assert.That(Regex.Matches(shown, @"packet_in: (\d+) sent").Sum(match => int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture)), Is.GreaterThan(1), shown);
        main.Dispose();
        Drain(one);
        Drain(two);

        static void Drain(FakePeer peer)
        {
            while (peer.Receive() is { } message)
                Assert.That(message, Is.InstanceOf<PacketIn>());
        }
    }

    [Test]
    public void Packet_ins_beyond_the_rate_are_dropped_and_shown_and_replies_are_not()
    {
        const int Packets = 200;
        string file = Path.Combine(Path.GetTempPath(), $"ovsbridge-rate-{Environment.ProcessId}.conf");
        File.WriteAllText(file, "packet-in-rate = 1\npacket-in-burst = 5\n");
        using var daemon = SwitchProcess.Start(null, "--datapath", "memory", "--port", "eth1", "--config", file);
        File.Delete(file);
        using FakePeer peer = FakePeer.Connect(Target.Parse("unix:" + Path.Combine(daemon.RunDirectory, "br0.mgmt"))).Handshake();
        peer.Send(new SetConfig(FragmentHandling.Normal, 128));
        byte[] frame = Testing.Packets.Frame("udp,nw_src=10.0.0.1,nw_dst=10.0.0.2");
        for (int i = 0; i < Packets; i++)
            peer.Send(new PacketOut(FlowMod.NoBuffer, OpenFlow.Actions.OfPorts.Controller, Flows.Actions("CONTROLLER:128"), frame));
        peer.Send(new EchoRequest(default) { Xid = 9 });
        peer.Send(new BarrierRequest { Xid = 10 });

        List<OfMessage> got = [];
        while (got.Count < Packets && (got.Count == 0 || got[^1] is not BarrierReply))
            got.Add(peer.Receive()!);
        string shown = daemon.Appctl("controller/show", "br0");

        int packets = got.OfType<PacketIn>().Count();
        Assert.Multiple(() =>
        {
            Assert.That(packets, Is.InRange(5, 20), "five at once, one a second");
            Assert.That(got.OfType<EchoReply>().Count(), Is.EqualTo(1));
            Assert.That(shown, Does.Contain($"packet_in: {packets} sent, {Packets - packets} over the rate limit"));
            Assert.That(daemon.TryAppctl("controller/show", "br1").Error, Does.Contain("no such bridge"));
        });
    }

    [Test]
    [Category("Topology")]
    public void Two_controllers_at_once_see_the_same_switch()
    {
        using var net = new Netns("h1", "h2");
        using var daemon = SwitchProcess.Start(net.Switch, "--port", "h1", "--port", "h2", "--fail-mode", "secure");
        Target management = Target.Parse("unix:" + Path.Combine(daemon.RunDirectory, "br0.mgmt"));
        using FakePeer first = FakePeer.Connect(management).Handshake(), second = FakePeer.Connect(management).Handshake();
        foreach (FakePeer peer in new[] { first, second })
        {
            peer.Send(new SetConfig(FragmentHandling.Normal, 128));
            peer.Ask<BarrierReply>(new BarrierRequest());
        }

        daemon.Ofctl("add-flow", "priority=0,actions=CONTROLLER:128");
        net.Ping("h1", net.Ipv4("h2"), count: 1);

        Assert.Multiple(() =>
        {
            Assert.That(first.Expect<PacketIn>().Data.Length, Is.InRange(42, 128));
            Assert.That(second.Expect<PacketIn>().Data.Length, Is.InRange(42, 128));
        });
    }

    private static BackgroundProcess StartOsKen(Netns net) =>
        OsKen.Start(net.Switch, "--ofp-listen-host", "127.0.0.1", "--ofp-tcp-listen-port", "6653", OsKen.LearningSwitch);

    /// <summary>The controller has connected and installed its table-miss flow.</summary>
    private static void WaitForTableMiss(SwitchProcess daemon) => Assert.That(
        () => daemon.Ofctl("dump-flows"), Does.Contain("priority=0 actions=CONTROLLER").After(30_000, 250), daemon.Log);
}
