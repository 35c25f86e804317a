using OvsBridge.Testing;

namespace OvsBridge.SystemTests;

/// <summary>The daemon's outside without a kernel's help: real ovs-ofctl and ovs-appctl against <c>--datapath memory</c>.</summary>
[TestFixture]
public sealed class ControlPlaneTests
{
    private SwitchProcess _daemon = null!;

    [OneTimeSetUp]
    public void Start() => _daemon = SwitchProcess.Start(null, "--datapath", "memory", "--port", "eth1", "--port", "eth2=7", "--dpid", "aa", "--log-level", "dbg");

    [OneTimeTearDown]
    public void Stop() => _daemon.Dispose();

    [TearDown]
    public void Clean() => _daemon.Ofctl("del-flows");

    [Test]
    public void Show()
    {
        string text = _daemon.Ofctl("show");
        Assert.Multiple(() =>
        {
            Assert.That(text, Does.Contain("dpid:00000000000000aa").And.Contain("n_tables:254, n_buffers:0"));
            Assert.That(text, Does.Contain(" 1(eth1): addr:").And.Contain(" 7(eth2): addr:"));
        });
    }

    [Test]
    public void Dump_desc() => Assert.That(_daemon.Ofctl("dump-desc"), Does.Contain("Manufacturer: OvsBridge\n"));

    [Test]
    public void Dump_tables() => Assert.That(_daemon.Ofctl("dump-tables"), Does.Contain("table 0:").And.Contain("253"));

    [Test]
    public void Dump_ports() => Assert.That(_daemon.Ofctl("dump-ports"), Does.Contain("2 ports").And.Contain("port  7: rx pkts=0"));

    [Test]
    public void Dump_ports_desc() => Assert.That(_daemon.Ofctl("dump-ports-desc"), Does.Contain("1(eth1)").And.Contain("7(eth2)"));

    [Test]
    public void Dump_table_features() => Assert.That(_daemon.Ofctl("dump-table-features"), Does.Contain("max_entries="));

    [Test]
    public void Probe_and_ping()
    {
        _daemon.Ofctl("probe");
        Assert.That(_daemon.Ofctl("ping", "1000"), Does.Contain("1000 bytes"));
    }

    [Test]
    public void Flows_come_and_go()
    {
        _daemon.Ofctl("add-flow", "table=3,priority=7,cookie=0x5,tcp,in_port=1,nw_dst=10.0.0.0/8,tp_dst=80,actions=set_field:02:00:00:00:00:02->eth_dst,output:7");
        _daemon.Ofctl("add-flow", "priority=0,actions=CONTROLLER:128");
        string flows = _daemon.Ofctl("dump-flows");
        Assert.Multiple(() =>
        {
            Assert.That(flows, Does.Contain("cookie=0x5,").And.Contain("table=3"));
            Assert.That(flows, Does.Contain("priority=7,tcp,in_port=1,nw_dst=10.0.0.0/8,tp_dst=80 actions=set_field:02:00:00:00:00:02->eth_dst,output:7"));
            Assert.That(flows, Does.Contain("priority=0 actions=CONTROLLER:128"));
            Assert.That(_daemon.Ofctl("dump-aggregate"), Does.Contain("flow_count=2"));
        });

        _daemon.Ofctl("mod-flows", "table=3,tcp,actions=drop");
        Assert.That(_daemon.Ofctl("dump-flows", "table=3"), Does.Contain("actions=drop"));
        _daemon.Ofctl("del-flows", "table=3");
        Assert.That(_daemon.Ofctl("dump-aggregate"), Does.Contain("flow_count=1"));
    }

    [Test]
    public void A_refused_flow_is_told_with_the_specifications_error()
    {
        CommandResult result = _daemon.TryOfctl("add-flow", "actions=group:99");
        Assert.Multiple(() =>
        {
            Assert.That(result.ExitCode, Is.EqualTo(1));
            Assert.That(result.Output + result.Error, Does.Contain("OFPBAC_BAD_OUT_GROUP"));
        });
    }

    [Test]
    public void Packet_type_of_later_versions_is_Ethernet_or_refused()
    {
        _daemon.Ofctl("add-flow", "packet_type=(0,0),priority=3,ip,actions=output:1");
        CommandResult other = _daemon.TryOfctl("add-flow", "packet_type=(1,0x800),actions=output:1");
        Assert.Multiple(() =>
        {
            Assert.That(_daemon.Ofctl("dump-flows"), Does.Contain("priority=3,ip actions=output:1"));
            Assert.That(other.ExitCode, Is.EqualTo(1));
            Assert.That(other.Error, Does.Contain("OFPBMC_BAD_VALUE"));
        });
    }

    [Test]
    public void Many_flows_in_one_go()
    {
        string file = Path.Combine(_daemon.RunDirectory, "flows");
        File.WriteAllLines(file, Enumerable.Range(0, 2000).Select(i => $"table={i % 5},ip,nw_dst=10.{i >> 8}.{i & 255}.1,actions=output:1"));
        _daemon.Ofctl("add-flows", file);
        Assert.Multiple(() =>
        {
            Assert.That(_daemon.Ofctl("dump-aggregate"), Does.Contain("flow_count=2000"));
            Assert.That(_daemon.Ofctl("dump-flows").Split('\n').Count(line => line.Contains("actions=", StringComparison.Ordinal)), Is.EqualTo(2000));
        });
    }

    [TestCase("table=1,in_port=1,actions=output:7")]
    [TestCase("priority=9,tcp,nw_dst=10.0.0.0/8,actions=dec_ttl,output:7")]
    public void Bundle_adds_a_flow(string flow)
    {
        _daemon.Ofctl("add-flow", "--bundle", flow);
        Assert.That(_daemon.Ofctl("dump-flows"), Does.Contain(flow[flow.IndexOf("actions=", StringComparison.Ordinal)..]));
    }

    [Test]
    public void Bundles_of_flows_and_groups_do_what_the_commands_do_without()
    {
        string flows = WriteFile("flows", "table=1,in_port=1,actions=output:7", "table=1,in_port=7,actions=output:1", "priority=1,actions=goto_table:1");
        string groups = WriteFile("groups", "group_id=1,type=all,bucket=actions=output:1", "group_id=2,type=indirect,bucket=actions=group:1");
        try
        {
            _daemon.Ofctl("add-flows", "--bundle", flows);
            Assert.That(FlowLines(), Has.Length.EqualTo(3));
            _daemon.Ofctl("mod-flows", "--bundle", "table=1,actions=drop");
            Assert.That(FlowLines().Count(line => line.EndsWith("actions=drop", StringComparison.Ordinal)), Is.EqualTo(2));
            _daemon.Ofctl("replace-flows", "--bundle", WriteFile("others", "table=1,in_port=1,actions=output:7", "table=2,actions=drop"));
            Assert.That(FlowLines(), Has.Length.EqualTo(2).And.Some.EndsWith("in_port=1 actions=output:7"));
            _daemon.Ofctl("del-flows", "--bundle", "table=1");
            Assert.That(FlowLines(), Has.Length.EqualTo(1));
            _daemon.Ofctl("add-groups", "--bundle", groups);
            _daemon.Ofctl("mod-group", "--bundle", "group_id=1,type=select,bucket=actions=output:7");
            Assert.That(_daemon.Ofctl("dump-groups"), Does.Contain("group_id=1,type=select").And.Contain("group_id=2,type=indirect"));
        }
        finally
        {
            _daemon.Ofctl("del-groups", "--bundle");
        }

        Assert.That(_daemon.Ofctl("dump-groups"), Does.Not.Contain("group_id"));
    }

    [Test]
    public void Bundle_file_mixes_flows_groups_and_packets()
    {
        string file = WriteFile(
            "bundle",
            "group group_id=3,type=all,bucket=actions=output:7",
            "flow add table=1,in_port=1,actions=group:3",
            "flow modify table=1,actions=output:1,group:3",
            "packet-out in_port=1,packet=ffffffffffff0200000000010806,actions=group:3");
        _daemon.Ofctl("bundle", file);
        Assert.Multiple(() =>
        {
            Assert.That(FlowLines(), Has.Length.EqualTo(1).And.Some.EndsWith("in_port=1 actions=output:1,group:3"));
            Assert.That(_daemon.Ofctl("dump-groups"), Does.Contain("group_id=3,type=all"));
        });
        _daemon.Ofctl("bundle", WriteFile("undo", "flow delete", "group delete"));
        Assert.That(FlowLines(), Is.Empty);
    }

    [TestCase("table=1,in_port=1,actions=output:7", "table=1,in_port=7,actions=group:77", "BAC_BAD_OUT_GROUP", "in_port=7 actions=group:77")]
    [TestCase("priority=5,ip,actions=drop", "check_overlap,priority=5,tcp,actions=drop", "FMFC_OVERLAP", "tcp check_overlap actions=drop")]
    public void A_line_of_a_bundle_that_fails_undoes_the_others_and_is_shown(string good, string bad, string error, string shown)
    {
        _daemon.Ofctl("add-flow", "table=3,actions=output:1");
        string before = _daemon.Ofctl("dump-flows", "--no-stats");
        CommandResult result = _daemon.TryOfctl("bundle", WriteFile("bad", "flow delete", $"flow {good}", $"flow {bad}", "flow table=9,actions=drop"));
        Assert.Multiple(() =>
        {
            Assert.That(result.ExitCode, Is.EqualTo(1));
            Assert.That(result.Error, Does.Contain($"Error OFP{error} for:").And.Contain(shown).And.Contain("Error OFPBFC_MSG_FAILED for: ONFT_BUNDLE_CONTROL"));
            Assert.That(_daemon.Ofctl("dump-flows", "--no-stats"), Is.EqualTo(before));
        });
    }

    [Test]
    public void A_hundred_thousand_flows_in_one_bundle()
    {
        string file = WriteFile("many", Enumerable.Range(0, 100_000).Select(i => $"table=2,ip,nw_dst=10.{i >> 16}.{(i >> 8) & 255}.{i & 255},actions=output:1"));
        long start = TimeProvider.System.GetTimestamp();
        Command.Try(TimeSpan.FromMinutes(2), "ovs-ofctl", ["-O", "OpenFlow13", "--bundle", "add-flows", Bridge, file]);
        TestContext.Out.WriteLine($"loaded in {TimeProvider.System.GetElapsedTime(start).TotalSeconds:0.0} s");
        Assert.That(_daemon.Ofctl("dump-aggregate"), Does.Contain("flow_count=100000"));
    }

    private string Bridge => "unix:" + Path.Combine(_daemon.RunDirectory, "br0.mgmt");

    private string[] FlowLines() => [.. _daemon.Ofctl("dump-flows").Split('\n').Where(line => line.Contains("actions=", StringComparison.Ordinal))];

    private string WriteFile(string name, params IEnumerable<string> lines)
    {
        string path = Path.Combine(_daemon.RunDirectory, name);
        File.WriteAllLines(path, lines);
        return path;
    }

    [Test]
    public void Versions_that_are_not_spoken_are_refused_with_the_reason()
    {
        CommandResult result = Show(_daemon, "OpenFlow14");
        Assert.That(result.ExitCode, Is.EqualTo(1));
        Assert.That(result.Error, Does.Contain("version negotiation failed (we support version 0x05, peer supports versions 0x01, 0x04)"));
    }

    [TestCase("OpenFlow13", "OpenFlow10")]
    [TestCase("OpenFlow10", "OpenFlow13")]
    public void Protocols_chooses_the_versions(string spoken, string other)
    {
        using SwitchProcess daemon = SwitchProcess.Start(null, "--datapath", "memory", "--protocols", spoken);
        CommandResult refused = Show(daemon, other), answered = Show(daemon, spoken);
        Assert.That(refused.Error, Does.Contain("version negotiation failed"));
        Assert.That(answered.Output, Does.Contain("OFPT_FEATURES_REPLY"), answered.Error);
    }

    private static CommandResult Show(SwitchProcess daemon, string version) =>
        Command.Try("ovs-ofctl", "-O", version, "show", "unix:" + Path.Combine(daemon.RunDirectory, "br0.mgmt"));

    [Test]
    public void Sockets_are_private() => Assert.Multiple(() =>
    {
        const UnixFileMode Private = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        Assert.That(File.GetUnixFileMode(Path.Combine(_daemon.RunDirectory, "br0.mgmt")), Is.EqualTo(Private));
        Assert.That(File.GetUnixFileMode(Path.Combine(_daemon.RunDirectory, $"ovs-vswitchd.{_daemon.ProcessId}.ctl")), Is.EqualTo(Private));
    });

    [Test]
    public void Appctl_of_ovs_and_ours_say_the_same()
    {
        string[][] commands =
        [
            ["version"], ["list-commands"], ["dpctl/show"], ["dpctl/show", "-s"], ["dpctl/dump-dps"], ["dpif/show"], ["ofproto/list"], ["vlog/list"],
            ["nosuch"], ["version", "x"], ["vlog/set"], ["vlog/set", "nosuch:dbg"], ["dpctl/show", "other"], ["drops/show"],
        ];
        Assert.Multiple(() =>
        {
            foreach (string[] command in commands)
            {
                CommandResult theirs = _daemon.TryAppctl(command);
                CommandResult ours = Command.Try(SwitchProcess.Program, ["appctl", "--rundir", _daemon.RunDirectory, .. command]);
                string error = theirs.Error.Replace("ovs-appctl: ", "ovsbridge appctl: ", StringComparison.Ordinal);
                Assert.That(ours, Is.EqualTo(theirs with { Error = error }), string.Join(' ', command));
            }
        });
    }

    [Test]
    public void Appctl_knows_a_socket_and_is_a_link_of_ovs_name()
    {
        string link = Path.Combine(_daemon.RunDirectory, "ovs-appctl");
        File.CreateSymbolicLink(link, SwitchProcess.Program);
        try
        {
            string socket = Path.Combine(_daemon.RunDirectory, $"ovs-vswitchd.{_daemon.ProcessId}.ctl");
            Assert.Multiple(() =>
            {
                Assert.That(Command.Run(link, "-t", socket, "version"), Is.EqualTo(_daemon.Appctl("version")));
                Assert.That(Command.Run(link, "--target=" + socket, "ofproto/list"), Is.EqualTo("br0\n"));
                Assert.That(Command.Try(link, "-t", "/nonexistent", "version").ExitCode, Is.EqualTo(1));
                Assert.That(Command.Try(link, "-t", "/nonexistent", "version").Error, Does.StartWith("ovs-appctl: cannot connect to \"/nonexistent\" ("));
            });
        }
        finally
        {
            File.Delete(link);
        }
    }

    [Test]
    public void Appctl_without_a_daemon_says_so_as_ovs_appctl_does()
    {
        CommandResult ours = Command.Try(SwitchProcess.Program, "appctl", "--rundir", "/nonexistent", "version");
        CommandResult theirs = Command.Try("env", "OVS_RUNDIR=/nonexistent", "ovs-appctl", "version");
        Assert.Multiple(() =>
        {
            Assert.That(ours.ExitCode, Is.EqualTo(theirs.ExitCode));
            Assert.That(theirs.Error, Does.EndWith(ours.Error.Replace("ovsbridge appctl: ", "ovs-appctl: ", StringComparison.Ordinal)));
        });
    }

    [Test]
    public void Log_levels_can_be_changed()
    {
        _daemon.Appctl("vlog/set", "of_connection:console:warn");
        Assert.That(_daemon.Appctl("vlog/list"), Does.Contain("of_connection     WARN"));
        _daemon.Appctl("vlog/set", "dbg");
        Assert.That(_daemon.Appctl("vlog/list"), Does.Contain("of_connection      DBG"));
    }

    [Test]
    public void Port_goes_down_and_up_by_port_mod()
    {
        _daemon.Ofctl("mod-port", "eth2", "down");
        Assert.That(_daemon.Ofctl("dump-ports-desc"), Does.Match(@"7\(eth2\).*\n\s+config:\s+PORT_DOWN\n\s+state:\s+LINK_DOWN"));
        _daemon.Ofctl("mod-port", "eth2", "up");
        Assert.That(_daemon.Ofctl("dump-ports-desc"), Does.Match(@"7\(eth2\).*\n\s+config:\s+0\n\s+state:\s+LIVE"));
    }
}
