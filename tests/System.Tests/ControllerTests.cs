using System.Diagnostics;
using OvsBridge.OpenFlow.Endpoint;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.Testing;

namespace OvsBridge.SystemTests;

/// <summary>A running switch under controllers that come, go, and come back.</summary>
[TestFixture]
[Category("Topology")]
public sealed class ControllerTests
{
    private const string Connected = "tcp:127.0.0.1:6653: connected, OpenFlow version 0x04";

    [Test]
    public void A_controller_is_killed_and_comes_back()
    {
        using var net = new Netns("h1", "h2", "h3");
        using var daemon = SwitchProcess.Start(
            net.Switch, "--port", "h1", "--port", "h2", "--port", "h3", "--fail-mode", "secure", "--max-backoff", "1", "--controller", "tcp:127.0.0.1:6653");
        daemon.WaitForLog("tcp:127.0.0.1:6653: not connected");
        using (Process first = StartOsKen(net))
        {
            WaitForTableMiss(daemon);
            Assert.That(net.Ping("h1", net.Ipv4("h2"), count: 5), Is.True, daemon.Log);
            first.Kill();
            first.WaitForExit();
        }

        daemon.WaitForLog("tcp:127.0.0.1:6653: closed");
        Assert.That(net.Ping("h1", net.Ipv4("h2")), Is.True, "flows stay while the controller is away");
        daemon.Ofctl("del-flows");
        Assert.That(net.Ping("h1", net.Ipv4("h3"), count: 1), Is.False, "secure: nobody decides on new traffic");

        using Process second = StartOsKen(net);
        WaitForTableMiss(daemon);
        Assert.Multiple(() =>
        {
            Assert.That(net.Ping("h1", net.Ipv4("h3"), count: 5), Is.True, daemon.Log);
            Assert.That(daemon.Log.Split(Connected), Has.Length.EqualTo(3), "connected twice");
            Assert.That(daemon.Warnings, Has.All.Contains("not connected"));
        });
    }

    [Test]
    public void Standalone_takes_over_while_the_controller_is_away()
    {
        using var net = new Netns("h1", "h2");
        string socket = Path.Combine(Path.GetTempPath(), $"ovsbridge-ctl-{Environment.ProcessId}");
        using var daemon = SwitchProcess.Start(net.Switch, "--port", "h1", "--port", "h2", "--max-backoff", "1", "--controller", "unix:" + socket);
        Assert.That(net.Ping("h1", net.Ipv4("h2")), Is.True, "no controller yet: learns");

        using (System.Net.Sockets.Socket listener = UnixSocket.Listen(socket, UnixFileMode.UserRead | UnixFileMode.UserWrite))
        {
            using var controller = new FakePeer(listener.Accept());
            controller.Handshake();
            controller.Ask<BarrierReply>(new BarrierRequest());
            Assert.That(net.Ping("h1", net.Ipv4("h2"), count: 1), Is.False, "a controller without flows: nothing passes");
            UnixSocket.Remove(socket);
        }

        daemon.WaitForLog(": closed");
        Assert.That(net.Ping("h1", net.Ipv4("h2"), count: 5), Is.True, "it has gone: learns again");
    }

    [Test]
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

    private static Process StartOsKen(Netns net)
    {
        string application = Path.Combine(RepositoryRoot.Path, "samples", "osken", "learning_switch.py");
        var start = new ProcessStartInfo("ip", Netns.InNamespace(
            net.Switch, "/usr/bin/python3", ["/usr/bin/osken-manager", "--ofp-listen-host", "127.0.0.1", "--ofp-tcp-listen-port", "6653", application]))
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        };
        Process process = Process.Start(start)!;
        process.OutputDataReceived += (_, _) => { };
        process.ErrorDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return process;
    }

    /// <summary>The controller has connected and installed its table-miss flow.</summary>
    private static void WaitForTableMiss(SwitchProcess daemon) => Assert.That(
        () => daemon.Ofctl("dump-flows"), Does.Contain("priority=0 actions=CONTROLLER").After(30_000, 250), daemon.Log);
}
