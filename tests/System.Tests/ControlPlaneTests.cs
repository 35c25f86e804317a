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

    [Test]
    public void Only_OpenFlow_10_is_refused_with_the_reason()
    {
        CommandResult result = Command.Try("ovs-ofctl", "show", "unix:" + Path.Combine(_daemon.RunDirectory, "br0.mgmt"));
        Assert.Multiple(() =>
        {
            Assert.That(result.ExitCode, Is.EqualTo(1));
            Assert.That(result.Error, Does.Contain("version negotiation failed (we support version 0x01, peer supports version 0x04)"));
        });
    }

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
