using System.Globalization;
using System.Text.RegularExpressions;
using OvsBridge.Testing;

namespace OvsBridge.SystemTests;

/// <summary>Queues that somebody made with tc, as OpenFlow shows and uses them.</summary>
[TestFixture]
[Category("Topology")]
public sealed partial class QueueTests
{
    [Test]
    public void Queues_are_shown_with_rates_and_counters_and_set_queue_uses_them()
    {
        using var net = new Netns("h1", "h2");
        using var daemon = SwitchProcess.Start(net.Switch, "--port", "h1", "--port", "h2", "--fail-mode", "secure");
        Assert.That(daemon.Ofctl("queue-stats"), Does.Contain("OFPST_QUEUE reply (OF1.3) (xid=0x2): 0 queues"));

        net.InSwitch("tc", "qdisc", "add", "dev", "h2", "root", "handle", "1:", "htb", "default", "1");
        net.InSwitch("tc", "class", "add", "dev", "h2", "parent", "1:", "classid", "1:fffe", "htb", "rate", "10gbit");
        net.InSwitch("tc", "class", "add", "dev", "h2", "parent", "1:fffe", "classid", "1:1", "htb", "rate", "1gbit", "ceil", "10gbit");
        net.InSwitch("tc", "class", "add", "dev", "h2", "parent", "1:fffe", "classid", "1:4", "htb", "rate", "250mbit", "ceil", "5gbit");
        Assert.That(daemon.Ofctl("queue-get-config", "2").Split('\n').Skip(1), Is.EqualTo(
            new[] { "queue 0: min_rate:10.0% max_rate:100.0%", "queue 3: min_rate:2.5% max_rate:50.0%", "" }).Or.EqualTo(
            new[] { "port 2 queue 0: min_rate:10.0% max_rate:100.0%", "port 2 queue 3: min_rate:2.5% max_rate:50.0%", "" }));

        // Six echo requests: the first is sent by user space, the others by the kernel's program.
        daemon.Ofctl("add-flow", "priority=1,in_port=2,actions=1");
        daemon.Ofctl("add-flow", "priority=1,in_port=1,actions=2");
        daemon.Ofctl("add-flow", "priority=2,icmp,in_port=1,actions=set_queue:3,output:2");
        Assert.That(net.Ping("h1", net.Ipv4("h2"), count: 6), Is.True);
        Assert.Multiple(() =>
        {
            Assert.That(Packets(daemon, "2", "3"), Is.EqualTo(6));
            Assert.That(Packets(daemon, "ANY", "3"), Is.EqualTo(6));
            Assert.That(daemon.Ofctl("queue-stats", "2", "3"), Does.Contain("port 2 queue 3: bytes=588, pkts=6, errors=0, duration=?"));
        });

        // As with Open vSwitch, a queue that is not there is the default one.
        int before = Packets(daemon, "2", "0");
        daemon.Ofctl("mod-flows", "icmp,in_port=1,actions=set_queue:9,output:2");
        Assert.That(net.Ping("h1", net.Ipv4("h2"), count: 6), Is.True);
        Assert.Multiple(() =>
        {
            Assert.That(Packets(daemon, "2", "3"), Is.EqualTo(6));
            Assert.That(Packets(daemon, "2", "0"), Is.GreaterThanOrEqualTo(before + 6));
            Assert.That(daemon.TryOfctl("queue-stats", "2", "9").Output + daemon.TryOfctl("queue-stats", "2", "9").Error, Does.Contain("OFPQOFC_BAD_QUEUE"));
            Assert.That(daemon.TryOfctl("queue-stats", "7").Output + daemon.TryOfctl("queue-stats", "7").Error, Does.Contain("OFPQOFC_BAD_PORT"));
            Assert.That(daemon.Warnings, Is.Empty);
        });
        Assert.That(net.InSwitch("tc", "qdisc", "show", "dev", "h2"), Does.StartWith("qdisc htb 1: root"), "the root discipline is not ours to touch");
    }

    [Test]
    public void A_packet_out_goes_to_its_queue()
    {
        using var net = new Netns("h1");
        using var daemon = SwitchProcess.Start(net.Switch, "--port", "h1", "--fail-mode", "secure");
        net.InSwitch("tc", "qdisc", "add", "dev", "h1", "root", "handle", "1:", "htb", "default", "1");
        net.InSwitch("tc", "class", "add", "dev", "h1", "parent", "1:", "classid", "1:1", "htb", "rate", "1gbit");
        net.InSwitch("tc", "class", "add", "dev", "h1", "parent", "1:", "classid", "1:2", "htb", "rate", "1gbit");
        const string Frame = "ffffffffffff0200000000010800";

        daemon.Ofctl("packet-out", $"in_port=CONTROLLER,packet={Frame},actions=set_queue:1,output:1");
        daemon.Ofctl("packet-out", $"in_port=CONTROLLER,packet={Frame},actions=set_queue:1,output:1,set_queue:0,output:1");
        daemon.Ofctl("packet-out", $"in_port=CONTROLLER,packet={Frame},actions=output:1");

        Assert.That((Packets(daemon, "1", "0"), Packets(daemon, "1", "1")), Is.EqualTo((2, 2)));
    }

    private static int Packets(SwitchProcess daemon, string port, string queue) =>
        int.Parse(Count().Match(daemon.Ofctl("queue-stats", port, queue)).Groups[1].Value, CultureInfo.InvariantCulture);

    [GeneratedRegex("pkts=([0-9]+)")]
    private static partial Regex Count();
}
