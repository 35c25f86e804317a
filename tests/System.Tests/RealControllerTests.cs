using OvsBridge.Testing;

namespace OvsBridge.SystemTests;

/// <summary>Controllers of others, with real packets.</summary>
[TestFixture]
[Category("Topology")]
public sealed class RealControllerTests
{
    private const string Target = "tcp:127.0.0.1:6653";

    [Test]
    public void Ovs_testcontroller_switches()
    {
        using var net = new Netns("h1", "h2", "h3");
        using SwitchProcess daemon = Start(net);
        using BackgroundProcess controller = BackgroundProcess.Start(
            net.Switch, "env", "OVS_RUNDIR=" + daemon.RunDirectory, "ovs-testcontroller", "-O", "OpenFlow13", "--max-idle=60", "ptcp:6653:127.0.0.1");

        EveryoneReachesEveryone(net, daemon, controller);
    }

    [Test]
    public void Os_ken_switches()
    {
        using var net = new Netns("h1", "h2", "h3");
        using SwitchProcess daemon = Start(net);
        using BackgroundProcess controller = StartOsKen(net, OsKen.LearningSwitch);

        EveryoneReachesEveryone(net, daemon, controller);
    }

    [Test]
    public void Os_ken_stands_auxiliary_connections()
    {
        using var net = new Netns("h1", "h2", "h3");
        using SwitchProcess daemon = Start(net, "--auxiliary", "2");
        using BackgroundProcess controller = StartOsKen(net, OsKen.LearningSwitch);

        EveryoneReachesEveryone(net, daemon, controller);
        Assert.That(
            () => daemon.Appctl("controller/show"), Does.Contain("auxiliary 1 of").And.Contain("auxiliary 2 of").After(10_000, 100), controller.Log);
    }

    [Test]
    public void Ovs_testcontroller_with_too_many_packet_ins_is_limited_and_goes_on()
    {
        using var net = new Netns("h1", "h2");
        using SwitchProcess daemon = Start(net, "--packet-in-rate", "20", "--packet-in-burst", "5");
        // It switches every packet itself and installs no flows.
        using BackgroundProcess controller = BackgroundProcess.Start(
            net.Switch, "env", "OVS_RUNDIR=" + daemon.RunDirectory, "ovs-testcontroller", "-O", "OpenFlow13", "--noflow", "ptcp:6653:127.0.0.1");
        Assert.That(() => net.Ping("h1", net.Ipv4("h2"), count: 1), Is.True.After(30_000, 250), daemon.Log + controller.Log);

        net.TryInHost("h1", "ping", "-n", "-q", "-c", "200", "-i", "0.002", "-W", "1", net.Ipv4("h2"));

        string shown = daemon.Appctl("controller/show");
        Assert.Multiple(() =>
        {
            Assert.That(shown, Does.Match(@"packet_in: \d+ sent, [1-9]\d+ over the rate limit"), shown);
            Assert.That(() => net.Ping("h1", net.Ipv4("h2"), count: 1), Is.True.After(10_000, 500), "and there is credit again");
        });
    }

    private static SwitchProcess Start(Netns net, params IEnumerable<string> options) => SwitchProcess.Start(
        net.Switch, [.. net.Hosts.SelectMany(host => new[] { "--port", host }), "--fail-mode", "secure", "--max-backoff", "1", "--controller", Target, .. options]);

    private static BackgroundProcess StartOsKen(Netns net, string application) =>
        OsKen.Start(net.Switch, "--ofp-listen-host", "127.0.0.1", "--ofp-tcp-listen-port", "6653", application);

    private static void EveryoneReachesEveryone(Netns net, SwitchProcess daemon, BackgroundProcess controller)
    {
        // Discovery of the first addresses may take a second try; then nothing is lost.
        foreach (string to in new[] { "h2", "h3" })
            Assert.That(() => net.Ping("h1", net.Ipv4(to), count: 1), Is.True.After(30_000, 250), $"{to}\n{daemon.Log}{controller.Log}");
        Assert.Multiple(() =>
        {
            Assert.That(net.InHost("h2", "ping", "-n", "-q", "-c", "50", "-i", "0.01", "-W", "2", net.Ipv4("h1")), Does.Contain(" 0% packet loss"));
            Assert.That(net.InHost("h1", "ping", "-n", "-q", "-c", "50", "-i", "0.01", "-W", "2", net.Ipv6("h3")), Does.Contain(" 0% packet loss"));
            Assert.That(daemon.Ofctl("dump-flows"), Does.Contain("dl_src=").Or.Contain("dl_dst="), "the controller's flows");
            Assert.That(daemon.Warnings, Has.All.Contains("not connected"));
            Assert.That(daemon.Log, Does.Not.Contain("refused: "));
            Assert.That(controller.IsRunning, Is.True, controller.Log);
            Assert.That(controller.Log, Does.Not.Contain("Traceback").And.Not.Contain("|ERR|"));
        });
    }
}
