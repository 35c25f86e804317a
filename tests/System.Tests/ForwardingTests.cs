using OvsBridge.Testing;

namespace OvsBridge.SystemTests;

/// <summary>Real packets between namespaces, through the kernel.</summary>
[TestFixture]
[Category("Topology")]
public sealed class ForwardingTests
{
    [Test]
    public void Standalone_without_controllers_is_a_learning_switch()
    {
        using var net = new Netns("h1", "h2", "h3");
        using var daemon = SwitchProcess.Start(net.Switch, "--port", "h1", "--port", "h2", "--port", "h3");

        Assert.Multiple(() =>
        {
            foreach (string from in net.Hosts)
            {
                foreach (string to in net.Hosts.Where(host => host != from))
                {
                    Assert.That(net.Ping(from, net.Ipv4(to)), Is.True, $"{from} to {to}, IPv4");
                    Assert.That(net.Ping(from, net.Ipv6(to)), Is.True, $"{from} to {to}, IPv6");
                }
            }
        });
        string fdb = daemon.Appctl("fdb/show", "br0"), flows = daemon.Appctl("dpctl/dump-flows", "--names");
        Assert.Multiple(() =>
        {
            foreach ((string host, int number) in net.Hosts.Select((host, i) => (host, i + 1)))
                Assert.That(fdb, Does.Match($@"\n +{number} +0  {net.Mac(host)} +[0-9]+\n"));
            Assert.That(flows, Does.Match(@"in_port\(h1\).*eth\(src=02:00:00:00:00:01,dst=02:00:00:00:00:02\).*packets:[1-9].*actions:h2"));
            Assert.That(daemon.Warnings, Is.Empty);
        });
    }

    [Test]
    public void Secure_forwards_by_flows_only_and_they_count_what_the_kernel_forwarded()
    {
        using var net = new Netns("h1", "h2");
        using var daemon = SwitchProcess.Start(net.Switch, "--port", "h1", "--port", "h2", "--fail-mode", "secure");
        Assert.That(net.Ping("h1", net.Ipv4("h2"), count: 1), Is.False);

        daemon.Ofctl("add-flow", "in_port=1,actions=output:2");
        daemon.Ofctl("add-flow", "in_port=2,actions=output:1");
        net.InHost("h1", "ping", "-n", "-q", "-c", "100", "-i", "0.002", "-W", "1", net.Ipv4("h2"));

        string flows = daemon.Ofctl("dump-flows");
        int packets = int.Parse(System.Text.RegularExpressions.Regex.Match(flows, @"n_packets=(\d+).*in_port=1 ").Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture);
        Assert.That(packets, Is.GreaterThanOrEqualTo(100), flows);

        daemon.Ofctl("del-flows", "in_port=1");
        Assert.That(net.Ping("h1", net.Ipv4("h2"), count: 1), Is.False, "a deleted flow forwards nothing");
        Assert.That(daemon.Warnings, Is.Empty);
    }
}
