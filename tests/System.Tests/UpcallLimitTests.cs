using System.Globalization;
using System.Text.RegularExpressions;
using OvsBridge.Testing;

namespace OvsBridge.SystemTests;

/// <summary>What ports may send to user space, and where it is told.</summary>
[TestFixture]
[Category("Topology")]
public sealed partial class UpcallLimitTests
{
    [Test]
    public void Storm_at_one_port_is_dropped_counted_and_told_and_other_ports_go_on()
    {
        using var net = new Netns("h1", "h2", "h3");
        using SwitchProcess daemon = SwitchProcess.Start(
            net.Switch, "--port", "h1=1,upcall-rate=100,upcall-burst=10", "--port", "h2=2", "--port", "h3=3", "--fail-mode", "secure", "--local-port", "none");
        daemon.Ofctl("add-flow", "priority=10,in_port=1,udp,tp_dst=5000,actions=output:2");
        daemon.Ofctl("add-flow", "priority=1,actions=normal");
        int ifIndex = int.Parse(net.InHost("h1", "cat", "/sys/class/net/eth0/ifindex"), CultureInfo.InvariantCulture);
        PacketSocket? made = null;
        Netns.Inside(net.NamespaceOf("h1"), () => made = new PacketSocket(ifIndex));
        using PacketSocket storm = made!;
        storm.Send(Packets.Frame($"udp,dl_src={net.Mac("h1")},dl_dst={net.Mac("h2")},nw_src={net.Ipv4("h1")},nw_dst={net.Ipv4("h2")},nw_ttl=64,tp_src=5000,tp_dst=5000"));
        Assert.That(() => daemon.Appctl("dpctl/dump-flows"), Does.Contain("dst=5000").After(30_000, 100), "the flow has its megaflow");
        using SequencedStream established = new(net, "h1", "h2", 500, port: 5000);
        established.Pass(100);

        // All to different addresses: each is a miss.
        byte[] frame = Packets.Frame("dl_type=0x88b5,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:01:00:00");
        for (int i = 0; i < 5000; i++)
        {
            (frame[4], frame[5]) = ((byte)(i >> 8), (byte)i);
            storm.Send(frame);
        }

        Assert.That(net.Ping("h3", net.Ipv4("h2")), Is.True, "another port's misses go up");
        established.Pass(500);
        Assert.That(established.Stop(), Is.Empty, "what has a megaflow goes on, at that port too");
        daemon.WaitForLog("port h1: ");
        Match shown = Shown().Match(daemon.Appctl("upcall/show"));
        Assert.Multiple(() =>
        {
            Assert.That(daemon.Warnings, Has.All.Match("port h1: [0-9]+ packets for user space were dropped, beyond its 100 a second"));
            Assert.That(long.Parse(shown.Groups["dropped"].Value, CultureInfo.InvariantCulture), Is.GreaterThan(2000), daemon.Appctl("upcall/show"));
            Assert.That(daemon.Appctl("upcall/show"), Does.Match(@"  port h2      : \(limit 20000/s\) \(upcalls [0-9]+\) \(dropped 0\)"));
            Assert.That(() => Sums(daemon), Is.Null.After(30_000, 100), "sums of dpctl/show -s");
            Assert.That(daemon.Appctl("dpctl/show", "-s"), Does.Match("drops: .*upcall_limit:[0-9]+"));
        });
    }

    /// <summary>What does not match in <c>dpctl/show -s</c>, or null.</summary>
    private static string? Sums(SwitchProcess daemon)
    {
        string text = daemon.Appctl("dpctl/show", "-s");
        long came = Counter("rx") + Counter("executed") + Counter("copies");
        long ended = Counter("tx") + Counter("sent") + Counter("upcalls") + Counter("raised") + Counter("consumed") + Counter("dropped");
        return came == ended ? null : text;

        long Counter(string name) => long.Parse(Regex.Match(text, $"^  (?:packets|ends): .*?\\b{name}:([0-9]+)", RegexOptions.Multiline).Groups[1].Value, CultureInfo.InvariantCulture);
    }

    [GeneratedRegex(@"  port h1      : \(limit 100/s\) \(upcalls (?<upcalls>[0-9]+)\) \(dropped (?<dropped>[0-9]+)\)")]
    private static partial Regex Shown();
}
