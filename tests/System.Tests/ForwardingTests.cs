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

    /// <summary>
    /// OpenFlow 1.3.5, 5.12: a label goes in front of the tag. Both ends of a trunk are ports of the bridge: what one pushed, the other pops, and
    /// matches the tag when it is the outer header again.
    /// </summary>
    [Test]
    public void Label_in_front_of_a_tag_crosses_a_trunk_and_the_tag_is_matched_behind_it()
    {
        using var net = new Netns("h1", "h2");
        net.InSwitch("ip", "link", "add", "trunk3", "mtu", "1520", "type", "veth", "peer", "name", "trunk4", "mtu", "1520");
        net.InSwitch("ip", "link", "set", "trunk3", "up");
        net.InSwitch("ip", "link", "set", "trunk4", "up");
        using var daemon = SwitchProcess.Start(
            net.Switch, "--port", "h1", "--port", "h2", "--port", "trunk3", "--port", "trunk4", "--fail-mode", "secure");
        foreach ((int host, int trunk, int vlan) in new[] { (1, 3, 5), (2, 4, 6) })
        {
            int other = 11 - vlan;
            daemon.Ofctl("add-flow", $"in_port={host},actions=push_vlan:0x8100,set_field:{0x1000 | vlan}->vlan_vid,push_mpls:0x8847,set_field:77->mpls_label,output:{trunk}");
            daemon.Ofctl("add-flow", $"in_port={trunk},vlan_vid=0,mpls,mpls_label=77,mpls_bos=1,actions=pop_mpls:0x8100,goto_table:1");
            daemon.Ofctl("add-flow", $"table=1,in_port={trunk},dl_vlan={other},actions=pop_vlan,output:{host}");
        }

        Assert.That(net.Ping("h1", net.Ipv4("h2")), Is.True, () => daemon.Appctl("dpctl/dump-flows", "--names"));
        Assert.That(net.Ping("h2", net.Ipv6("h1")), Is.True, () => daemon.Appctl("dpctl/dump-flows", "--names"));
        string flows = daemon.Appctl("dpctl/dump-flows", "--names");
        Assert.Multiple(() =>
        {
            Assert.That(flows, Does.Contain("push_vlan(vid=5,pcp=0),push_mpls_front(label=77,tc=0,ttl="), "in the kernel, not in user space");
            Assert.That(flows, Does.Contain("pop_mpls(eth_type=0x8100),recirc("));
            Assert.That(daemon.Warnings, Is.Empty);
        });
    }
}
