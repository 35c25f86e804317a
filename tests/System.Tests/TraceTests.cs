using OvsBridge.Testing;

namespace OvsBridge.SystemTests;

/// <summary>The real ovs-appctl asks what would happen to a packet.</summary>
[TestFixture]
[Category("Peer")]
public sealed class TraceTests
{
    private const string Flow = "in_port=1,tcp,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:02,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_ttl=64,tp_src=1000,tp_dst=80";

    private SwitchProcess _daemon = null!;

    [OneTimeSetUp]
    public void Start()
    {
        _daemon = SwitchProcess.Start(null, "--datapath", "memory", "--port", "p1", "--port", "p2", "--fail-mode", "secure");
        _daemon.Ofctl("add-flow", "priority=100,in_port=1,tcp,tp_dst=80,actions=set_field:10.0.0.9->ip_dst,goto_table:1");
        _daemon.Ofctl("add-flow", "table=1,actions=output:2");
    }

    [OneTimeTearDown]
    public void Stop() => _daemon.Dispose();

    [Test]
    public void Flow_in_the_words_of_ovs_ofctl()
    {
        string trace = _daemon.Appctl("ofproto/trace", "br0", Flow);

        Assert.That(trace, Does.Contain("bridge(\"br0\")\n-------------\n 0. tcp,in_port=1,tp_dst=80, priority 100\n"));
        Assert.That(trace, Does.Contain("    set_field:10.0.0.9->ip_dst\n    goto_table:1\n 1. priority 32768\n    output:2\n"));
        Assert.That(trace.TrimEnd().Split('\n')[^1], Is.EqualTo("Datapath actions: set(ipv4(dst=10.0.0.9)),2"));
    }

    [Test]
    public void Packet_in_hexadecimal()
    {
        string hex = Convert.ToHexStringLower(Packets.Frame(Flow));

        string trace = _daemon.Appctl("ofproto/trace", "br0", "in_port=1", hex);

        Assert.That(trace, Does.EndWith("Datapath actions: set(ipv4(dst=10.0.0.9)),2\n"));
    }

    [Test]
    public void Flow_in_the_words_of_the_datapath() => Assert.That(
        _daemon.Appctl("ofproto/trace", "recirc_id(0),in_port(1),eth_type(0x0800),ipv4(proto=6,frag=no),tcp(dst=80)"),
        Does.EndWith("Datapath actions: set(ipv4(dst=10.0.0.9)),2\n"));

    [TestCase("nobr in_port=1", "nobr: unknown bridge")]
    [TestCase("br0 bogus=1", "Bad openflow flow syntax: bogus=1: unknown field bogus\n")]
    [TestCase("br0 in_port=1 0102", "a packet of 2 bytes has no Ethernet header")]
    [TestCase("br0 in_port=1 xyz", "Trailing garbage in packet data: xyz")]
    [TestCase("br0 in_port=1 --ct-next", "option not supported")]
    public void Mistakes_are_named(string arguments, string message)
    {
        CommandResult result = _daemon.TryAppctl(["ofproto/trace", .. arguments.Split(' ')]);

        Assert.Multiple(() =>
        {
            Assert.That(result.ExitCode, Is.EqualTo(2));
            Assert.That(result.Error, Does.Contain(message));
        });
    }
}
