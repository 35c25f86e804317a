using System.Globalization;
using System.Text.RegularExpressions;
using OvsBridge.Testing;

namespace OvsBridge.SystemTests;

/// <summary><c>--port IFACE,fast-peer</c>: packets that go straight into a host's namespace.</summary>
[TestFixture]
[Category("Topology")]
public sealed partial class FastPeerTests
{
    [Test]
    public void Hosts_reach_each_other_and_port_statistics_are_right()
    {
        using var net = new Netns("h1", "h2");
        using SwitchProcess daemon = SwitchProcess.Start(
            net.Switch, "--port", "h1=1,fast-peer", "--port", "h2=2,fast-peer", "--fail-mode", "secure", "--local-port", "none");
        daemon.Ofctl("add-flow", "actions=normal");
        Assert.That(net.Ping("h1", net.Ipv4("h2"), 20), Is.True);
        Assert.That(net.Ping("h2", net.Ipv6("h1"), 20), Is.True);

        Assert.Multiple(() =>
        {
            Assert.That(daemon.Warnings, Is.Empty);
            Assert.That(Straight(daemon, "h2"), Is.GreaterThan(20));
            foreach ((string port, string host) in new[] { ("1", "h1"), ("2", "h2") })
            {
                // Hosts say things of their own now and then: both are read until nothing came in between.
                Assert.That(
                    () => Sent().Match(daemon.Ofctl("dump-ports", port)).Groups[1].Value == net.InHost(host, "cat", "/sys/class/net/eth0/statistics/rx_packets").Trim(),
                    Is.True.After(30_000, 200), "what was sent is what came");
            }
        });
    }

    [Test]
    public void New_address_of_the_other_end_is_noticed()
    {
        using var net = new Netns("h1", "h2");
        using SwitchProcess daemon = SwitchProcess.Start(net.Switch, "--port", "h1=1", "--port", "h2=2,fast-peer", "--local-port", "none");
        net.InHost("h2", "ip", "link", "set", "eth0", "address", "02:00:00:00:77:02");

        Assert.That(
            () =>
            {
                long before = Straight(daemon, "h2");
                return net.Ping("h1", net.Ipv4("h2")) && Straight(daemon, "h2") > before;
            },
            Is.True.After(30_000, 200));
    }

    [Test]
    public void What_can_not_have_it_is_refused_with_the_reason()
    {
        using var net = new Netns("h1");
        net.InSwitch("ip", "link", "add", "v3", "type", "veth", "peer", "name", "v4");
        net.InSwitch("ip", "link", "add", "b5", "type", "bridge");
        string directory = Directory.CreateTempSubdirectory("ovsbridge-run-").FullName;
        try
        {
            Refused("v3", "its other end is in this network namespace");
            Refused("b5", "it is not a veth");
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }

        void Refused(string name, string reason)
        {
            CommandResult result = net.TryInSwitch(SwitchProcess.Program, "run", "--rundir", directory, "--local-port", "none", "--port", name + ",fast-peer");
            Assert.That((result.ExitCode, result.Error), Is.EqualTo((2, $"ovsbridge: --port: fast-peer can't be had for '{name}': {reason}\n")));
        }
    }

    [Test]
    public void Interface_that_appears_goes_the_usual_way_until_its_other_end_is_elsewhere()
    {
        using var net = new Netns("h1", "h2");
        using SwitchProcess daemon = SwitchProcess.Start(net.Switch, "--port", "h1=1", "--port", "h2=2,fast-peer", "--local-port", "none");
        net.RemoveWire("h2");
        daemon.WaitForLog("port h2 (2): its interface has gone");

        net.InSwitch("ip", "link", "add", "h2", "type", "veth", "peer", "name", "h2x");
        daemon.WaitForLog("port h2: fast-peer is off, packets go the usual way: its other end is in this network namespace");
        net.InSwitch("ip", "link", "set", "h2x", "netns", net.NamespaceOf("h2"), "name", "eth0");
        daemon.WaitForLog("port h2: fast-peer is on");

        net.InSwitch("ip", "link", "set", "h2", "up");
        net.InHost("h2", "ip", "link", "set", "eth0", "up");
        net.InHost("h2", "ip", "address", "add", net.Ipv4("h2") + "/24", "dev", "eth0");
        Assert.That(() => net.Ping("h1", net.Ipv4("h2")) && Straight(daemon, "h2") > 0, Is.True.After(30_000, 200));
    }

    /// <summary>Packets that went straight to a port's other end.</summary>
    private static long Straight(SwitchProcess daemon, string name) => long.Parse(
        Regex.Match(daemon.Appctl("dpctl/show", "-s"), $"  port [0-9]+: {name}\\n(?:    .*\\n)*?    upcalls:[0-9]+ straight:([0-9]+)").Groups[1].Value, CultureInfo.InvariantCulture);

    [GeneratedRegex("tx pkts=([0-9]+)")]
    private static partial Regex Sent();
}
