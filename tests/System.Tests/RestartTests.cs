using System.Globalization;
using System.Text.RegularExpressions;
using OvsBridge.Testing;

namespace OvsBridge.SystemTests;

/// <summary>A daemon that is killed or ends with --keep, and the next one, while packets pass (docs/datapath-abi.md).</summary>
[TestFixture]
[Category("Topology")]
public sealed partial class RestartTests
{
    private const int PerSecond = 2000;
    private const string Patient = "600";

    private string _directory = null!;

    /// <summary>Restarts in a row; more by <c>OVSBRIDGE_RESTARTS</c>.</summary>
    private static int Restarts => int.Parse(Environment.GetEnvironmentVariable("OVSBRIDGE_RESTARTS") ?? "20", CultureInfo.InvariantCulture);

    [SetUp]
    public void MakeDirectory() => _directory = Directory.CreateTempSubdirectory("ovsbridge-run-").FullName;

    [TearDown]
    public void RemoveDirectory() => Directory.Delete(_directory, recursive: true);

    /// <summary>By one hook, by the other, and from clsact to tcx. (The kernel itself loses packets while a clsact qdisc is added.)</summary>
    [TestCase("tcx", "tcx")]
    [TestCase("clsact", "clsact")]
    [TestCase("clsact", "tcx")]
    public void Killed_again_and_again_under_load_it_loses_no_packet(string first, string then)
    {
        using var net = new Netns("h1", "h2");
        SwitchProcess daemon = Start(net, _directory, ["--attach", first]);
        try
        {
            Forward(daemon);
            using SequencedStream stream = new(net, "h1", "h2", PerSecond);
            Settle(daemon, stream);
            for (int round = 0; round < Restarts; round++)
            {
                Kill(daemon);
                daemon.Dispose();
                stream.Pass(50);
                daemon = Start(net, _directory, ["--attach", then]);
                daemon.WaitForLog("took over ");
                stream.Pass(50);
                if (round % 3 > 0) // else the next one takes over what nobody has confirmed
                {
                    Forward(daemon);
                    daemon.WaitForLog("follow the flows now");
                    stream.Pass(50);
                }

                Assert.That(daemon.Warnings, Is.Empty);
            }

            IReadOnlyList<uint> lost = stream.Stop();
            Assert.That(lost, Is.Empty, () => $"{lost.Count} of {stream.Sent} packets are lost, the last is {lost[^1]}: {daemon.Appctl("dpctl/show", "-s")}");
            Assert.That(stream.Duplicates, Is.Zero);
            ulong counted = Packets(daemon, "udp");
            TestContext.Out.WriteLine($"{stream.Sent} packets, {Restarts} restarts; the megaflow counts {counted}");
            Assert.That(counted, Is.InRange(stream.Sent * 9ul / 10, stream.Sent), "the megaflow is the first daemon's, and counts since then");
            Assert.That(daemon.Stop(), Is.Zero);
            AssertNothingLeft(net);
        }
        finally
        {
            daemon.Dispose();
        }
    }

    [Test]
    public void Exit_keep_leaves_the_megaflows_to_the_next_one()
    {
        using var net = new Netns("h1", "h2");
        using SwitchProcess first = Start(net, _directory);
        Forward(first);
        using SequencedStream stream = new(net, "h1", "h2", PerSecond);
        Settle(first, stream);

        first.Appctl("exit", "--keep");
        Assert.That(first.WaitForExit(), Is.Zero, first.Log);
        Assert.That(Directory.GetFileSystemEntries(_directory), Is.Empty);
        stream.Pass(200);
        using SwitchProcess second = Start(net, _directory);
        Forward(second);
        stream.Pass(200);

        Assert.That(stream.Stop(), Is.Empty, second.Log);
        Assert.That(second.Log, Does.Contain("took over 1 megaflows with 1 masks").And.Contain("1 kept, 0 corrected, 0 removed"));
        Assert.That(second.Stop(), Is.Zero);
        AssertNothingLeft(net);
    }

    [Test]
    public void Flow_entries_count_the_packets_behind_their_barrier()
    {
        using var net = new Netns("h1", "h2");
        using SwitchProcess killed = Start(net, _directory);
        Forward(killed);
        using SequencedStream stream = new(net, "h1", "h2", PerSecond);
        Settle(killed, stream);
        Kill(killed);
        using SwitchProcess next = Start(net, _directory);
        stream.Pass(100);
        uint before = stream.Sent;
        Forward(next);
        uint behind = stream.Sent;
        stream.Pass(1000);
        Assert.That(stream.Stop(), Is.Empty);

        Assert.That(
            Counted(next.Ofctl("dump-flows", "in_port=1")), Is.InRange((ulong)(stream.Sent - behind), (ulong)(stream.Sent - before)),
            "each packet behind the barrier, and none from before");
    }

    [Test]
    public void Other_flows_rule_behind_the_barrier()
    {
        using var net = new Netns("h1", "h2", "h3");
        string[] third = ["--port", "h3"];
        using SwitchProcess killed = Start(net, _directory, third);
        Forward(killed);
        using (SequencedStream old = new(net, "h1", "h2", PerSecond))
        {
            Settle(killed, old);
            Kill(killed);
            using SwitchProcess next = Start(net, _directory, third);
            old.Pass(100);
            Assert.That(next.Ofctl("dump-flows"), Does.Not.Contain("in_port"), "it knows of no flow, but packets pass");
            Assert.That(old.Stop(), Is.Empty);

            next.Ofctl("add-flow", "in_port=1,actions=output:3");
            next.WaitForLog("0 kept, 1 corrected, 0 removed");
            using SequencedStream stale = new(net, "h1", "h2", PerSecond);
            using SequencedStream now = new(net, "h1", "h3", PerSecond, port: 4001);
            now.Pass(200);
            Assert.That(now.Stop(), Is.Empty);
            Assert.That(stale.Stop(), Has.Count.EqualTo(stale.Sent), "none goes the old way");
        }
    }

    [Test]
    public void A_megaflow_that_is_too_wide_for_the_new_flows_is_removed()
    {
        using var net = new Netns("h1", "h2");
        using SwitchProcess killed = Start(net, _directory);
        Forward(killed);
        using SequencedStream stream = new(net, "h1", "h2", PerSecond);
        Settle(killed, stream);
        Kill(killed);
        using SwitchProcess next = Start(net, _directory);
        next.Ofctl("add-flow", "priority=9,in_port=1,udp,tp_dst=4000,actions=output:2");
        stream.Pass(200);

        Assert.That(stream.Stop(), Is.Empty, "those in between were sent on by user space");
        next.WaitForLog("0 kept, 0 corrected, 1 removed");
        Assert.That(next.Appctl("dpctl/dump-flows"), Does.Contain("udp(dst=4000)"));
    }

    [Test]
    public void Without_a_controller_the_flows_go_when_the_time_is_over()
    {
        using var net = new Netns("h1", "h2");
        using SwitchProcess killed = Start(net, _directory);
        Forward(killed);
        using SequencedStream stream = new(net, "h1", "h2", PerSecond);
        Settle(killed, stream);
        Kill(killed);
        using SwitchProcess next = Start(net, _directory, grace: "1");
        next.WaitForLog("follow the flows now: 0 kept, ");

        using SequencedStream refused = new(net, "h1", "h2", PerSecond, port: 4001);
        refused.Pass(100);
        Assert.That(refused.Stop(), Has.Count.EqualTo(refused.Sent), "secure: what no flow allows is dropped");
    }

    [Test]
    public void Packets_of_a_select_group_go_round_by_the_old_numbers_until_the_new_ones_are_there()
    {
        using var net = new Netns("h1", "h2");
        SwitchProcess daemon = Start(net, _directory);
        try
        {
            Select(daemon);
            using SequencedStream stream = new(net, "h1", "h2", PerSecond);
            Settle(daemon, stream);
            Assert.That(daemon.Appctl("dpctl/dump-flows"), Does.Contain("recirc("));
            for (int round = 0; round < 3; round++)
            {
                Kill(daemon);
                daemon.Dispose();
                daemon = Start(net, _directory);
                stream.Pass(100);
                Select(daemon);
                daemon.WaitForLog("follow the flows now");
                Settle(daemon, stream);
            }

            Assert.That(stream.Stop(), Is.Empty, daemon.Log);
            Assert.That(daemon.Warnings, Is.Empty);
        }
        finally
        {
            daemon.Dispose();
        }

        static void Select(SwitchProcess daemon)
        {
            daemon.Ofctl("add-group", "group_id=7,type=select,bucket=output:2,bucket=output:2");
            daemon.Ofctl("add-flow", "in_port=1,actions=group:7");
        }
    }

    [Test]
    public void Meters_go_on_until_the_new_ones_are_there()
    {
        using var net = new Netns("h1", "h2");
        using SwitchProcess killed = Start(net, _directory);
        killed.Ofctl("add-meter", "meter=1,pktps,burst,stats,bands=type=drop,rate=100,burst_size=10");
        killed.Ofctl("add-flow", "in_port=1,actions=meter:1,output:2");
        using SequencedStream stream = new(net, "h1", "h2", PerSecond);
        Settle(killed, stream);
        Kill(killed);
        using SwitchProcess next = Start(net, _directory);
        next.Ofctl("add-meter", "meter=9,pktps,burst,stats,bands=type=drop,rate=100000,burst_size=100000");
        stream.Pass(2000);
        int lost = stream.Stop().Count;
        Assert.That(lost, Is.GreaterThan(stream.Sent * 0.85), "the old meter drops, and the new one is not in its place");

        using SequencedStream open = new(net, "h1", "h2", PerSecond, port: 4001);
        next.Ofctl("add-flow", "in_port=1,actions=meter:9,output:2");
        uint behind = open.Sent;
        open.Pass(500);
        Assert.That(open.Stop().Where(number => number > behind), Is.Empty);
        Assert.That(next.Warnings, Is.Empty);
    }

    [Test]
    public void Side_by_side_in_two_namespaces_each_takes_over_its_own()
    {
        string other = Directory.CreateTempSubdirectory("ovsbridge-run-").FullName;
        try
        {
            using var left = new Netns("h1", "h2");
            using var right = new Netns("h1", "h2");
            using SwitchProcess first = Start(left, _directory), second = Start(right, other);
            Forward(first);
            Forward(second);
            using SequencedStream one = new(left, "h1", "h2", PerSecond), two = new(right, "h1", "h2", PerSecond);
            Settle(first, one);
            Settle(second, two);
            Kill(first);
            Kill(second);
            using SwitchProcess third = Start(right, other), fourth = Start(left, _directory);
            third.Ofctl("add-flow", "in_port=1,actions=drop");
            one.Pass(200);
            Assert.That(one.Stop(), Is.Empty);
            Assert.That(two.Stop(), Is.Not.Empty, "the other bridge's flows are its own");
            Assert.That(fourth.Warnings.Concat(third.Warnings), Is.Empty);
        }
        finally
        {
            Directory.Delete(other, recursive: true);
        }
    }

    [Test]
    public void Another_size_or_another_bridge_means_new_tables_and_says_so()
    {
        using var net = new Netns("h1", "h2");
        using SwitchProcess killed = Start(net, _directory);
        Forward(killed);
        using (SequencedStream stream = new(net, "h1", "h2", PerSecond))
        {
            Settle(killed, stream);
        }

        Kill(killed);
        using (SwitchProcess smaller = Start(net, _directory, ["--flow-limit", "1000"]))
        {
            smaller.WaitForLog("not taken over");
            Assert.That(smaller.Warnings, Has.One.Match("the tables that a former process left are not taken over.*map .*entries"));
            Assert.That(smaller.Appctl("dpctl/dump-flows"), Does.Not.Contain("in_port(1)"));
            Kill(smaller);
        }

        string other = Directory.CreateTempSubdirectory("ovsbridge-run-").FullName;
        try
        {
            using SwitchProcess stranger = Start(net, other, ["--flow-limit", "1000"]);
            stranger.WaitForLog("not taken over");
            Assert.That(stranger.Warnings, Has.One.Contains("they belong to a bridge of another name or run directory"));
            Assert.That(stranger.Stop(), Is.Zero);
            AssertNothingLeft(net);
        }
        finally
        {
            Directory.Delete(other, recursive: true);
        }
    }

    [Test]
    public void A_port_that_is_not_wanted_any_more_is_given_up()
    {
        using var net = new Netns("h1", "h2", "h3");
        using SwitchProcess killed = Start(net, _directory, ["--port", "h3"]);
        Forward(killed);
        Kill(killed);
        using SwitchProcess next = Start(net, _directory);
        Assert.That(IngressPrograms.In(net), Has.None.StartsWith("h3 "));
        Assert.That(next.Warnings, Is.Empty);
    }

    private static SwitchProcess Start(Netns net, string directory, string[]? more = null, string grace = Patient) => SwitchProcess.StartIn(
        directory, net.Switch, ["--port", "h1", "--port", "h2", "--fail-mode", "secure", "--restart-grace", grace, .. more ?? []]);

    private static void Kill(SwitchProcess daemon)
    {
        daemon.Signal("KILL");
        daemon.WaitForExit();
    }

    /// <summary>Waits until the kernel forwards the stream alone, and what went through user space is behind.</summary>
    private static void Settle(SwitchProcess daemon, SequencedStream stream)
    {
        Assert.That(() => daemon.Appctl("dpctl/dump-flows"), Does.Contain("in_port(1)").After(30_000, 50));
        stream.Pass(400);
    }

    private static void Forward(SwitchProcess daemon) => daemon.Ofctl("add-flow", "in_port=1,actions=output:2");

    private static void AssertNothingLeft(Netns net)
    {
        Assert.That(net.InSwitch("tc", "qdisc"), Does.Not.Contain("clsact"));
        Assert.That(IngressPrograms.In(net), Is.Empty);
        Assert.That(net.InSwitch("ip", "-o", "link"), Does.Not.Contain("br0"));
    }

    /// <summary>Packets of the megaflows from port 1.</summary>
    private static ulong Packets(SwitchProcess daemon, string what)
    {
        string[] lines = [.. daemon.Appctl("dpctl/dump-flows").Split('\n').Where(line => line.Contains("in_port(1)", StringComparison.Ordinal))];
        Assert.That(lines, Is.Not.Empty, what);
        return (ulong)lines.Sum(line => long.Parse(MegaflowPackets().Match(line).Groups[1].Value, CultureInfo.InvariantCulture));
    }

    private static ulong Counted(string flows) => ulong.Parse(FlowPackets().Match(flows).Groups[1].Value, CultureInfo.InvariantCulture);

    [GeneratedRegex("packets:([0-9]+)")]
    private static partial Regex MegaflowPackets();

    [GeneratedRegex("n_packets=([0-9]+)")]
    private static partial Regex FlowPackets();
}
