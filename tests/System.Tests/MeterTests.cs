using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using OvsBridge.Testing;

namespace OvsBridge.SystemTests;

/// <summary>Meters by the real ovs-ofctl, on packets between namespaces.</summary>
[TestFixture]
[Category("Topology")]
public sealed class MeterTests
{
    [Test]
    public void Meters_read_back_as_they_were_made()
    {
        using var net = new Netns("h1");
        using var daemon = SwitchProcess.Start(net.Switch, "--port", "h1", "--fail-mode", "secure");
        Assert.That(daemon.Ofctl("meter-features"), Does.Match(@"max_meter:65535 max_bands:8 max_color:0\s+band_types: drop dscp_remark\s+capabilities: kbps pktps burst stats"));

        daemon.Ofctl("add-meter", "meter=1,kbps,burst,stats,bands=type=drop,rate=1000,burst_size=100");
        daemon.Ofctl("add-meter", "meter=2,pktps,bands=type=dscp_remark,rate=5,prec_level=1,type=drop,rate=50");
        daemon.Ofctl("add-meter", "meter=controller,pktps,bands=type=drop,rate=7");
        daemon.Ofctl("mod-meter", "meter=1,kbps,burst,stats,bands=type=drop,rate=2000,burst_size=100");

        string meters = daemon.Ofctl("dump-meters");
        Assert.Multiple(() =>
        {
            Assert.That(meters, Does.Match(@"meter=1 kbps burst stats bands=\s*type=drop rate=2000 burst_size=100"));
            Assert.That(meters, Does.Match(@"meter=2 pktps bands=\s*type=dscp_remark rate=5 (burst_size=0 )?prec_level=1\s*type=drop rate=50"));
            Assert.That(meters, Does.Match(@"meter=controller pktps bands=\s*type=drop rate=7"));
        });
        daemon.Ofctl("add-flow", "in_port=1,actions=meter:2");
        daemon.Ofctl("del-meter", "meter=2");
        Assert.That(daemon.Ofctl("dump-flows"), Does.Not.Contain("meter"), "the flows of a meter go with it");
        daemon.Ofctl("del-meters");
        Assert.That(daemon.Ofctl("dump-meters"), Does.Not.Contain("type="));
        Assert.That(daemon.Warnings, Is.Empty);
    }

    [Test]
    public void Meter_holds_packets_to_its_rate_and_loses_none_in_its_books()
    {
        using var net = new Netns("h1", "h2");
        using var daemon = SwitchProcess.Start(net.Switch, "--port", "h1", "--port", "h2", "--fail-mode", "secure");
        daemon.Ofctl("add-flow", "priority=1,actions=all");
        Assert.That(net.Ping("h1", net.Ipv4("h2")), Is.True, "addresses are known from here on");
        long start = Stopwatch.GetTimestamp();
        daemon.Ofctl("add-meter", "meter=1,pktps,burst,stats,bands=type=drop,rate=50,burst_size=10");
        daemon.Ofctl("add-flow", "priority=9,icmp,in_port=1,actions=meter:1,goto_table:1");
        daemon.Ofctl("add-flow", "table=1,actions=output:2");

        net.InHost("h1", "ping", "-n", "-q", "-c", "500", "-i", "0.002", "-W", "1", net.Ipv4("h2"));

        string stats = daemon.Ofctl("meter-stats", "meter=1");
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        Match match = Regex.Match(stats, @"meter:1 flow_count:1 packet_in_count:(\d+) byte_in_count:(\d+) duration:([\d.]+)s bands:\s*0: packet_count:(\d+) byte_count:(\d+)");
        Assert.That(match.Success, Is.True, stats);
        int packets = Number(match, 1), dropped = Number(match, 4);
        Assert.Multiple(() =>
        {
            Assert.That(packets, Is.EqualTo(500));
            Assert.That(Number(match, 2), Is.EqualTo(500 * 98), "84 bytes of IP, 14 of Ethernet");
            Assert.That(Number(match, 5), Is.EqualTo(dropped * 98));
            Assert.That(packets - dropped, Is.InRange(10, 10 + (50 * seconds) + 1));
            Assert.That(double.Parse(match.Groups[3].Value, CultureInfo.InvariantCulture), Is.InRange(0.9, seconds));
            Assert.That(daemon.Ofctl("dump-flows", "in_port=1,icmp"), Does.Contain("n_packets=500,"), "the flow counts what its meter drops");
            Assert.That(daemon.Appctl("dpctl/dump-flows"), Does.Match(@"actions:meter\(0\),2"));
            Assert.That(daemon.Warnings, Is.Empty);
        });

        static int Number(Match match, int group) => int.Parse(match.Groups[group].Value, CultureInfo.InvariantCulture);
    }
}
