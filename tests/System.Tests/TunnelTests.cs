using OvsBridge.Testing;

namespace OvsBridge.SystemTests;

/// <summary>Tunnel ports of a running switch: with the kernel's own VXLAN device at the other end, and with another bridge.</summary>
[TestFixture]
[Category("Topology")]
public sealed class TunnelTests
{
    /// <summary>h1 and the peer's VXLAN device ping each other and send TCP with all offloads, both ways.</summary>
    [TestCase(false)]
    [TestCase(true)]
    public void Kernel_vxlan_device_is_at_the_other_end(bool ipv6)
    {
        using var net = new Netns("h1", "peer");
        (string ours, string peers) = Underlay(net, "peer", ipv6);
        string[] zeroChecksums = ipv6 ? ["udp6zerocsumtx", "udp6zerocsumrx"] : [];
        net.InHost("peer", "ip", ["link", "add", "vx0", "type", "vxlan", "id", "42", "remote", ours, "local", peers, "dstport", "4789", .. zeroChecksums]);
        Inside(net, "peer", "vx0");
        net.InHost("h1", "ip", "link", "set", "eth0", "mtu", "1400");
        using var daemon = SwitchProcess.Start(net.Switch, "--port", "h1=1", "--port", $"vx0=10,type=vxlan,remote_ip={peers},key=42");

        Assert.That(net.Ping("h1", "10.0.0.2"), Is.True, "IPv4");
        Assert.That(net.Ping("h1", "fd00::2"), Is.True, "IPv6");
        Transfer(net, "h1", "peer", "10.0.0.2", reverse: false);
        Transfer(net, "h1", "peer", "10.0.0.2", reverse: true);
        Transfer(net, "h1", "peer", "fd00::2", reverse: false);
        Transfer(net, "h1", "peer", "fd00::2", reverse: true);

        Assert.Multiple(() =>
        {
            Assert.That(daemon.Ofctl("dump-ports-desc"), Does.Contain(" 10(vx0): addr:02:"));
            Assert.That(daemon.Ofctl("dump-ports", "10"), Does.Match("rx pkts=[1-9][0-9]{2,},.*\n +tx pkts=[1-9][0-9]{2,}, bytes=[0-9]{8,}, drop=0, errs=0"));
            Assert.That(daemon.Appctl("dpctl/show"), Does.Contain($"  port 10: vx0 (vxlan: key=42, remote_ip={peers})\n"));
            Assert.That(daemon.Appctl("dpif/show"), Does.Contain($"    vx0 10/10: (vxlan: key=42, remote_ip={peers})\n"));
            Assert.That(daemon.Appctl("drops/show"), Does.Not.Contain("Tunnel"));
            Assert.That(daemon.Warnings, Is.Empty);
        });
    }

    /// <summary>A flow sets the key on the way out, and another one looks at it on the way in; the other end has it in its configuration.</summary>
    [TestCase("gre", false)]
    [TestCase("gre", true)]
    [TestCase("geneve", false)]
    [TestCase("vxlan", true)]
    public void Flows_set_and_match_the_key(string type, bool ipv6)
    {
        using var net = new Netns("h1", "b2");
        (string ours, string others) = Underlay(net, "b2", ipv6);
        net.InHost("h1", "ip", "link", "set", "eth0", "mtu", "1400");
        using var daemon = SwitchProcess.Start(
            net.Switch, "--fail-mode", "secure", "--port", "h1=1", "--port", $"tun0=10,type={type},remote_ip={others},key=flow");
        using var other = SwitchProcess.Start(net.NamespaceOf("b2"), "--port", $"tun0=10,type={type},remote_ip={ours},key=0x1234");
        Inside(net, "b2", "br0");
        daemon.Ofctl("add-flow", "in_port=1,actions=set_field:0x1234->tunnel_id,output:10");
        daemon.Ofctl("add-flow", "in_port=10,tun_id=0x1234,actions=output:1");

        Assert.That(net.Ping("h1", "10.0.0.2"), Is.True, () => daemon.Appctl("drops/show") + other.Appctl("drops/show") + daemon.Log);
        Transfer(net, "h1", "b2", "10.0.0.2", reverse: false);
        Transfer(net, "h1", "b2", "10.0.0.2", reverse: true);

        string flows = daemon.Appctl("dpctl/dump-flows", "--names");
        Assert.Multiple(() =>
        {
            Assert.That(flows, Does.Match(@"(^|\n)recirc_id\(0\),in_port\(h1\).* actions:set\(tunnel\(tun_id=0x1234\)\),tun0\n"));
            Assert.That(flows, Does.Match(@"tunnel\(tun_id=0x1234\),recirc_id\(0\),in_port\(tun0\).* actions:h1"));
            Assert.That(daemon.Ofctl("dump-flows"), Does.Match(@"n_packets=[1-9][0-9]*, n_bytes=[0-9]+, (?:priority=[0-9]+,)?tun_id=0x1234,in_port=10 "));
            Assert.That(daemon.Warnings, Is.Empty);
            Assert.That(other.Warnings, Is.Empty);
        });

        daemon.Ofctl("mod-flows", "in_port=1,actions=set_field:0x1235->tunnel_id,output:10");
        Assert.That(net.Ping("h1", "10.0.0.2", count: 1), Is.False, "another key is another tunnel");
    }

    /// <summary>Tunnels of a killed process forward on; the next one has them, or takes the programs of those away that it does not have.</summary>
    [Test]
    public void Tunnels_outlive_a_killed_process_until_the_next_one()
    {
        using var net = new Netns("h1", "b2");
        (string ours, string others) = Underlay(net, "b2", ipv6: false);
        using var other = SwitchProcess.Start(net.NamespaceOf("b2"), "--port", $"tun0=10,type=gre,remote_ip={ours},key=5");
        Inside(net, "b2", "br0");
        string[] ports = ["--port", "h1=1", "--port", $"tun0=10,type=gre,remote_ip={others},key=5"];
        string directory = Directory.CreateTempSubdirectory("ovsbridge-run-").FullName;
        try
        {
            using (var killed = SwitchProcess.StartIn(directory, net.Switch, ports))
            {
                Assert.That(net.Ping("h1", "10.0.0.2"), Is.True);
                killed.Signal("KILL");
                killed.WaitForExit();
            }

            Assert.That(net.Ping("h1", "10.0.0.2"), Is.True, "while no process runs");
            using (var next = SwitchProcess.StartIn(directory, net.Switch, ports))
            {
                Assert.That(net.Ping("h1", "10.0.0.2"), Is.True, "with the next process");
                next.Signal("KILL");
                next.WaitForExit();
            }

            Assert.That(IngressPrograms.In(net), Has.One.StartsWith("b2 "));
            using var last = SwitchProcess.StartIn(directory, net.Switch, ports[..2]);
            Assert.That(IngressPrograms.In(net), Has.None.StartsWith("b2 "), "the last one has no tunnels");
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    /// <summary>Addresses for the wire between the switch's namespace and <paramref name="host"/>'s, which has no other ones then.</summary>
    private static (string Ours, string Others) Underlay(Netns net, string host, bool ipv6)
    {
        net.InHost(host, "ip", "address", "flush", "dev", "eth0");
        net.InSwitch("sysctl", "-qw", $"net.ipv6.conf.{host}.disable_ipv6=0");
        net.InSwitch("ip", "address", "add", "192.0.2.1/24", "dev", host);
        net.InSwitch("ip", "address", "add", "fd99::1/64", "dev", host, "nodad");
        net.InHost(host, "ip", "address", "add", "192.0.2.2/24", "dev", "eth0");
        net.InHost(host, "ip", "address", "add", "fd99::2/64", "dev", "eth0", "nodad");
        return ipv6 ? ("fd99::1", "fd99::2") : ("192.0.2.1", "192.0.2.2");
    }

    /// <summary>Addresses of the far host in the tunnel.</summary>
    private static void Inside(Netns net, string host, string device)
    {
        net.InHost(host, "ip", "link", "set", device, "mtu", "1400", "up");
        net.InHost(host, "ip", "address", "add", "10.0.0.2/24", "dev", device);
        net.InHost(host, "ip", "address", "add", "fd00::2/64", "dev", device, "nodad");
    }

    /// <summary>Eight megabytes of TCP.</summary>
    private static void Transfer(Netns net, string from, string to, string address, bool reverse)
    {
        using var server = BackgroundProcess.Start(net.NamespaceOf(to), "iperf3", "-s", "-1");
        CommandResult result = default!;
        Assert.That(
            () => (result = net.TryInHost(from, "iperf3", ["-c", address, "-n", "8M", .. reverse ? (string[])["-R"] : []])).ExitCode,
            Is.Zero.After(30_000, 100),
            () => result.ToString());
    }
}
