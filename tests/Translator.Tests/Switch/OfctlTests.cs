using Microsoft.Extensions.Logging.Abstractions;
using OvsBridge.OpenFlow.Endpoint;
using OvsBridge.OpenFlow.Messages.Multipart;
using OvsBridge.Testing;
using OvsBridge.Translator.Switch;

namespace OvsBridge.Translator.Tests.Switch;

/// <summary>The real ovs-ofctl against the agent, over a unix socket.</summary>
[TestFixture]
public sealed class OfctlTests : SwitchFixture
{
    private string _folder = null!;
    private OfListener _listener = null!;

    [OneTimeSetUp]
    public void NeedOvsOfctl()
    {
        try
        {
            Command.Try("ovs-ofctl", "--version");
        }
        catch (InvalidOperationException)
        {
            Assert.Ignore("ovs-ofctl is not installed (Debian: openvswitch-common)");
        }
    }

    [SetUp]
    public void Listen()
    {
        _folder = Directory.CreateTempSubdirectory("ovsb").FullName;
        _listener = new OfListener(Target.Parse($"punix:{_folder}/br0.mgmt"), Switch, new OfConnectionOptions(), NullLogger.Instance);
        _listener.Start();
    }

    [TearDown]
    public async Task Close()
    {
        await _listener.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    private CommandResult Ofctl(params string[] command) =>
        Command.Try("ovs-ofctl", ["-O", "OpenFlow13", command[0], $"unix:{_folder}/br0.mgmt", .. command[1..]]);

    private string[] Done(params string[] command)
    {
        CommandResult result = Ofctl(command);
        Assert.That((result.ExitCode, result.Error), Is.EqualTo((0, "")), $"ovs-ofctl {string.Join(' ', command)}: {result}");
        return result.Lines;
    }

    [Test]
    public void Flows_are_added_changed_shown_and_deleted()
    {
        Done("add-flow", "table=3,priority=7,cookie=0x5,idle_timeout=60,send_flow_rem,tcp,in_port=1,nw_dst=10.0.0.0/8,actions=dec_ttl,output:2");
        Done("add-flow", "in_port=2,actions=goto_table:3");
        Time.Advance(TimeSpan.FromSeconds(1.5));
        Forwarding.Hit(TheRule("in_port=2,actions=drop").Stats, 3, 180, NowNs);

        Assert.That(Done("dump-flows").Skip(1), Is.EquivalentTo(new[]
        {
            " cookie=0x5, duration=1.500s, table=3, n_packets=0, n_bytes=0, idle_timeout=60, send_flow_rem priority=7,tcp,in_port=1,nw_dst=10.0.0.0/8 actions=dec_ttl,output:2",
            " cookie=0x0, duration=1.500s, table=0, n_packets=3, n_bytes=180, in_port=2 actions=goto_table:3",
        }));
        Assert.That(Done("dump-aggregate")[0], Does.EndWith("packet_count=3 byte_count=180 flow_count=2"));

        Done("mod-flows", "in_port=2,actions=drop");
        Assert.That(Done("dump-flows", "in_port=2").Last(), Does.EndWith("in_port=2 actions=drop"));
        Done("del-flows", "table=3");
        Assert.That(FlowCount, Is.EqualTo(1));
    }

    [Test]
    public void Error_reaches_the_user_with_the_request()
    {
        CommandResult result = Ofctl("add-flow", "in_port=1,actions=group:9");

        Assert.That(result.ExitCode, Is.EqualTo(1));
        Assert.That(result.Error, Does.Contain("OFPBAC_BAD_OUT_GROUP").And.Contain("in_port=1 actions=group:9"));
    }

    [Test]
    public void Groups_and_meters_are_added_and_shown()
    {
        Done("add-group", "group_id=1,type=select,bucket=weight:10,actions=output:1,bucket=weight:20,actions=output:2");
        Done("add-meter", "meter=1,kbps,burst,stats,bands=type=drop,rate=1000,burst_size=100");
        Done("add-flow", "in_port=1,actions=meter:1,group:1");

        Assert.That(Done("dump-groups").Last(), Does.Contain("group_id=1,type=select,bucket=weight:10,actions=output:1,bucket=weight:20,actions=output:2"));
        Assert.That(Done("dump-group-stats").Last(), Does.Contain("group_id=1,duration=0s,ref_count=1,packet_count=0,byte_count=0,bucket0:"));
        Assert.That(string.Join(' ', Done("dump-meters")), Does.Contain("meter=1 kbps burst stats bands= type=drop rate=1000 burst_size=100"));
        Assert.That(string.Join(' ', Done("meter-stats")), Does.Contain("meter:1 flow_count:1"));
        Assert.That(string.Join(' ', Done("dump-group-features")), Does.Contain("Types:  0xf").And.Contain("Capabilities:  0xf"));
        Assert.That(string.Join(' ', Done("meter-features")), Does.Contain("band_types: drop dscp_remark"));
        Done("del-groups");
        Done("del-meters");
        Assert.That(FlowCount, Is.Zero);
    }

    [Test]
    public void What_the_switch_is_reads_well()
    {
        Assert.That(string.Join('\n', Done("show")), Does.Contain("dpid:000000000000da7a").And.Contain("n_tables:254").And.Contain("1(p1): addr:02:00:00:00:00:01"));
        Assert.That(Done("dump-desc"), Has.Some.EqualTo("Manufacturer: OvsBridge"));
        Assert.That(string.Join('\n', Done("dump-tables")), Does.Contain("table 0"));
        Assert.That(Done("dump-ports")[0], Does.EndWith("3 ports"));
        Assert.That(string.Join('\n', Done("dump-ports-desc")), Does.Contain("state:      LIVE"));
        Assert.That(Done("queue-stats")[0], Does.EndWith("0 queues"));
        Done("queue-get-config", "1");
        Assert.That(string.Join('\n', Done("get-frags")), Is.EqualTo("normal"));
        Done("set-frags", "drop");
        Assert.That(string.Join('\n', Done("get-frags")), Is.EqualTo("drop"));
    }

    [Test]
    public void Table_features_are_complete_for_the_tool()
    {
        string[] lines = Done("dump-table-features");

        Assert.That(lines, Has.Some.EqualTo("  table 0:"));
        Assert.That(string.Join('\n', lines), Does.Contain("max_entries=1000000"));
        Assert.That(lines, Has.Some.Contains("instructions (table miss and others):"), "what is left out for table misses is as for the others");
        Assert.That(lines, Has.Some.Contains("instructions: meter apply_actions clear_actions write_actions write_metadata goto_table"));
        Assert.That(lines, Has.Some.Contains("supported on Set-Field: tun_id"));
    }

    [Test]
    public void Port_and_packet_commands_work()
    {
        Done("mod-port", "p1", "no-forward");
        Assert.That(string.Join('\n', Done("dump-ports-desc")), Does.Contain("config:     NO_FWD"));
        Done("packet-out", "in_port=1 packet=ffffffffffff0200000000010806 actions=output:2");
        Assert.That(Forwarding.PacketOuts.Single().InPort, Is.EqualTo(1));
    }

    [Test]
    public void Ten_thousand_flows_are_loaded_and_counted()
    {
        string file = Path.Combine(_folder, "flows");
        File.WriteAllLines(file, Enumerable.Range(0, 10_000).Select(i => FormattableString.Invariant($"ip,nw_dst=10.0.{i >> 8}.{i & 255},actions=output:2")));

        Done("add-flows", file);

        Assert.That(FlowCount, Is.EqualTo(10_000));
        Assert.That(Done("dump-flows").Count(line => line.StartsWith(" cookie=", StringComparison.Ordinal)), Is.EqualTo(10_000));
    }
}
