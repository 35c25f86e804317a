using System.Text.RegularExpressions;
using OvsBridge.OpenFlow.Endpoint;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.Testing;

namespace OvsBridge.SystemTests;

/// <summary>The bridge's own device, OpenFlow port LOCAL.</summary>
[TestFixture]
[Category("Topology")]
public sealed partial class LocalPortTests
{
    private const string Address = "10.0.0.100";

    [Test]
    public void The_machine_reaches_the_hosts_through_the_device_of_the_bridge()
    {
        using var net = new Netns("h1", "h2");
        using var daemon = SwitchProcess.Start(net.Switch, "--port", "h1", "--port", "h2");
        Configure(net);

        Assert.Multiple(() =>
        {
            Assert.That(net.Ping("h1", Address), Is.True);
            Assert.That(PingsFromBridge(net, "h2"), Is.True);
            Assert.That(net.Ping("h1", net.Ipv4("h2")), Is.True);
            Assert.That(daemon.Appctl("fdb/show", "br0"), Does.Match($@"LOCAL +0 +{Regex.Escape(MacOf(net, "br0"))} "));
            Assert.That(daemon.Appctl("dpctl/show"), Does.Contain("  port 65534: br0 (internal)\n"));
            Assert.That(daemon.Appctl("dpif/show"), Does.Contain("    br0 65534/65534: (internal)\n"));
            Assert.That(daemon.Warnings, Is.Empty);
        });
    }

    [Test]
    public void It_is_described_by_what_the_device_is()
    {
        using var net = new Netns("h1", "h2");
        net.InSwitch("ip", "link", "set", "h1", "address", "06:00:00:00:00:01");
        net.InSwitch("ip", "link", "set", "h2", "address", "02:00:00:00:00:aa", "mtu", "1400");
        using var daemon = SwitchProcess.Start(net.Switch, "--port", "h1", "--port", "h2");
        using FakePeer controller = Subscribe(daemon);

        Assert.That(daemon.Ofctl("dump-ports-desc"), Does.Contain(
            " LOCAL(br0): addr:02:00:00:00:00:aa\n     config:     PORT_DOWN\n     state:      LINK_DOWN\n     current:    10GB-FD COPPER\n     speed: 10000 Mbps now"),
            "the lowest address of the ports, and down until somebody sets it up, as with Open vSwitch");
        Assert.That(net.InSwitch("cat", "/sys/class/net/br0/mtu"), Is.EqualTo("1400\n"), "the lowest of the ports");

        net.InSwitch("ip", "link", "set", "br0", "up");
        controller.ExpectPort(PortReason.Modify, OfPorts.Local, port => port.Config == PortConfig.None && port.State == PortState.Live && port.Name == "br0");
        net.InSwitch("ip", "link", "set", "br0", "address", "02:00:00:00:00:01");
        controller.ExpectPort(PortReason.Modify, OfPorts.Local, port => port.HwAddr == 0x020000000001);
        net.InSwitch("ip", "link", "set", "br0", "down");
        controller.ExpectPort(PortReason.Modify, OfPorts.Local, port => port.Config == PortConfig.PortDown && port.State == PortState.LinkDown);
        Assert.That(daemon.Warnings, Is.Empty);
    }

    [Test]
    public void Address_and_MTU_follow_the_ports_until_somebody_sets_others()
    {
        using var net = new Netns("h1", "h2");
        net.InSwitch("ip", "link", "set", "h1", "address", "02:00:00:00:00:11", "mtu", "1400");
        net.InSwitch("ip", "link", "set", "h2", "address", "02:00:00:00:00:22");
        using var daemon = SwitchProcess.Start(net.Switch, "--port", "h1", "--port", "h2");
        using FakePeer controller = Subscribe(daemon);
        Assert.That(MacOf(net, "br0"), Is.EqualTo("02:00:00:00:00:11"));

        net.RemoveWire("h1");
        controller.ExpectPort(PortReason.Modify, OfPorts.Local, port => port.HwAddr == 0x020000000022);
        Assert.That(() => net.InSwitch("cat", "/sys/class/net/br0/mtu"), Is.EqualTo("1500\n").After(5000, 20));

        net.InSwitch("ip", "link", "set", "br0", "address", "02:00:00:00:00:99", "mtu", "1300");
        controller.ExpectPort(PortReason.Modify, OfPorts.Local, port => port.HwAddr == 0x020000000099);
        net.AddHost("h1");
        net.InSwitch("ip", "link", "set", "h1", "address", "02:00:00:00:00:01");
        controller.ExpectPort(PortReason.Modify, 1, port => port.HwAddr == 0x020000000001);
        daemon.Ofctl("show"); // behind the change
        Assert.That(MacOf(net, "br0"), Is.EqualTo("02:00:00:00:00:99"));
        Assert.That(net.InSwitch("cat", "/sys/class/net/br0/mtu"), Is.EqualTo("1300\n"));
    }

    [Test]
    public void Port_mod_sets_the_device_down_and_up_and_what_it_forbids_does_not_pass()
    {
        using var net = new Netns("h1");
        using var daemon = SwitchProcess.Start(net.Switch, "--port", "h1");
        Configure(net);
        Assert.That(net.Ping("h1", Address), Is.True);

        daemon.Ofctl("mod-port", "br0", "down");
        Assert.That(net.InSwitch("ip", "link", "show", "br0"), Does.Not.Contain(",UP"));
        Assert.That(net.Ping("h1", Address, count: 1), Is.False);
        daemon.Ofctl("mod-port", "br0", "up");
        Assert.That(net.InSwitch("ip", "link", "show", "br0"), Does.Contain(",UP"));
        Assert.That(() => net.Ping("h1", Address), Is.True.After(5000, 50), "once the revalidator has seen the port come back");

        foreach (string what in new[] { "no-forward", "no-receive" })
        {
            daemon.Ofctl("mod-port", "br0", what);
            Assert.That(net.Ping("h1", Address, count: 1), Is.False, what);
            daemon.Ofctl("mod-port", "br0", what[3..]);
            Assert.That(net.Ping("h1", Address), Is.True, what);
        }
    }

    [Test]
    public void Flows_match_and_output_LOCAL()
    {
        using var net = new Netns("h1", "h2");
        using var daemon = SwitchProcess.Start(net.Switch, "--port", "h1", "--port", "h2", "--fail-mode", "secure");
        Configure(net);
        daemon.Ofctl("add-flow", "priority=5,in_port=1,actions=LOCAL");
        daemon.Ofctl("add-flow", "priority=5,in_port=LOCAL,actions=1");

        Assert.That(net.Ping("h1", Address), Is.True);
        Assert.That(PingsFromBridge(net, "h2"), Is.False);
        Assert.That(daemon.Ofctl("dump-flows", "in_port=LOCAL"), Does.Match("n_packets=[1-9][0-9]*, n_bytes=[0-9]+, priority=5,in_port=LOCAL actions=output:1"));
        Assert.That(daemon.Appctl("dpctl/dump-flows"), Does.Match(@"in_port\(65534\).*actions:1\n"));

        daemon.Ofctl("mod-flows", "in_port=LOCAL,actions=IN_PORT");
        Assert.That(PingsFromBridge(net, "h1"), Is.False);
        Assert.That(daemon.Ofctl("dump-ports", "LOCAL"), Does.Match("tx pkts=[1-9]"), "what the device sent comes back to it");
        daemon.Ofctl("packet-out", "in_port=LOCAL,packet=ffffffffffff0200000000010800,actions=FLOOD");
        Assert.That(() => net.InHost("h2", "cat", "/sys/class/net/eth0/statistics/rx_packets"), Is.Not.EqualTo("0\n").After(5000, 20));
    }

    [Test]
    public void A_flood_leaves_the_device_out_while_it_is_down()
    {
        using var net = new Netns("h1", "h2");
        using var daemon = SwitchProcess.Start(net.Switch, "--port", "h1", "--port", "h2");
        string Actions() => daemon.Appctl("ofproto/trace", "br0", "in_port=1,dl_dst=ff:ff:ff:ff:ff:ff").Split('\n').Last(line => line.StartsWith("Datapath actions", StringComparison.Ordinal));

        Assert.That(Actions(), Is.EqualTo("Datapath actions: 2"));
        Configure(net);
        Assert.That(Actions, Is.EqualTo("Datapath actions: 2,65534").After(5000, 20));
    }

    [Test]
    public void Its_counters_are_seen_from_the_bridge()
    {
        using var net = new Netns("h1");
        using var daemon = SwitchProcess.Start(net.Switch, "--port", "h1");
        Configure(net);
        Assert.That(PingsFromBridge(net, "h1"), Is.True);

        string sent = Counter(net, "tx_packets"), received = Counter(net, "rx_bytes");
        Assert.That(daemon.Ofctl("dump-ports", "LOCAL"), Does.Match($@"port +LOCAL: rx pkts={sent}, .*\n +tx pkts=[0-9]+, bytes={received},"));

        static string Counter(Netns net, string name) => net.InSwitch("cat", $"/sys/class/net/br0/statistics/{name}").Trim();
    }

    /// <summary>Large segments with unfinished checksums, both ways, plain and through rewrites.</summary>
    [Test]
    public void TCP_passes_at_full_size_also_through_rewrites()
    {
        using var net = new Netns("h1");
        using var daemon = SwitchProcess.Start(net.Switch, "--port", "h1");
        Configure(net);
        net.InSwitch("sysctl", "-qw", "net.ipv6.conf.br0.disable_ipv6=0");
        net.InSwitch("ip", "-6", "address", "add", "fd00::100/64", "dev", "br0", "nodad");
        Transfer("10.0.0.100");
        Transfer("fd00::100");

        // The host talks to 10.0.0.55, port 7000; that is the machine's 10.0.0.100, port of the server.
        net.InHost("h1", "ip", "neigh", "replace", "10.0.0.55", "lladdr", MacOf(net, "br0"), "dev", "eth0");
        Transfer("10.0.0.55", port => daemon.Ofctl(
            "add-flow", $"priority=9,tcp,in_port=1,nw_dst=10.0.0.55,tp_dst=7000,actions=set_field:{Address}->ip_dst,set_field:{port}->tcp_dst,LOCAL"), port => daemon.Ofctl(
            "add-flow", $"priority=9,tcp,in_port=LOCAL,tp_src={port},actions=set_field:10.0.0.55->ip_src,set_field:7000->tcp_src,output:1"));
        Assert.That(daemon.Warnings, Is.Empty);

        void Transfer(string address, params Action<int>[] prepare)
        {
            // 64 MB each way; the client checks what it gets and says whether a segment of more than an MTU passed.
            const string Server =
                """
                import socket, sys
                server = socket.socket(socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET)
                server.bind((sys.argv[1], 0)); server.listen(1); server.settimeout(20)
                print(server.getsockname()[1], flush=True)
                peer, _ = server.accept(); peer.settimeout(20)
                block, left = bytes(range(256)) * 256, 64 << 20
                while left > 0:
                    data = peer.recv(1 << 16)
                    if not data: sys.exit('cut')
                    left -= len(data)
                for _ in range((64 << 20) // len(block)): peer.sendall(block)
                peer.shutdown(socket.SHUT_WR); peer.recv(1)
                """;
            const string Client =
                """
                import socket, sys, threading
                peer = socket.create_connection((sys.argv[1], int(sys.argv[2])), 10); peer.settimeout(20)
                block, got = bytes(range(256)) * 256, bytearray()
                for _ in range((64 << 20) // len(block)): peer.sendall(block)
                while True:
                    data = peer.recv(1 << 20)
                    if not data: break
                    got += data
                sys.exit(0 if len(got) == 64 << 20 and got[:len(block)] == block and got[-len(block):] == block else 'wrong data')
                """;
            string listen = address == "10.0.0.55" ? Address : address;
            using var server = System.Diagnostics.Process.Start(Command.StartInfo("ip", Netns.InNamespace(net.Switch, "python3", ["-c", Server, listen])))!;
            int port = int.Parse(server.StandardOutput.ReadLine()!, System.Globalization.CultureInfo.InvariantCulture);
            foreach (Action<int> action in prepare)
                action(port);
            long packets = long.Parse(net.InSwitch("cat", "/sys/class/net/br0/statistics/tx_packets").Trim(), System.Globalization.CultureInfo.InvariantCulture);
            CommandResult client = net.TryInHost("h1", "timeout", "60", "python3", "-c", Client, address, prepare.Length == 0 ? Command.Text(port) : "7000");
            if (!server.WaitForExit(20_000))
                server.Kill();
            long used = long.Parse(net.InSwitch("cat", "/sys/class/net/br0/statistics/tx_packets").Trim(), System.Globalization.CultureInfo.InvariantCulture) - packets;
            Assert.Multiple(() =>
            {
                Assert.That(client.ExitCode, Is.Zero, client.ToString());
                Assert.That(server.ExitCode, Is.Zero, "the server");
                Assert.That(used, Is.LessThan((64 << 20) / 1500), "segments larger than the MTU, by segmentation offload");
            });
        }
    }

    [Test]
    public void Two_bridges_of_one_name_in_two_namespaces()
    {
        using var left = new Netns("h1");
        using var right = new Netns("h1");
        using var first = SwitchProcess.Start(left.Switch, "--port", "h1");
        using var second = SwitchProcess.Start(right.Switch, "--port", "h1");
        Configure(left);
        Configure(right);
        Assert.That(left.Ping("h1", Address), Is.True);
        Assert.That(right.Ping("h1", Address), Is.True);
        Assert.That(first.Stop(), Is.Zero);
        Assert.That(right.Ping("h1", Address), Is.True);
    }

    [Test]
    public void Not_made_when_it_is_not_wanted()
    {
        using var net = new Netns("h1", "h2");
        using (var daemon = SwitchProcess.Start(net.Switch, "--port", "h1", "--local-port", "none"))
        {
            Assert.That(daemon.Ofctl("dump-ports-desc"), Does.Not.Contain("LOCAL"));
            Assert.That(Links(net), Does.Not.Contain("br0"));
        }

        using (var daemon = SwitchProcess.Start(net.Switch, "--port", "h1=LOCAL"))
        {
            Assert.That(daemon.Ofctl("dump-ports-desc"), Does.Contain(" LOCAL(h1): addr:"));
            Assert.That(Links(net), Does.Not.Contain("br0"));
        }
    }

    [Test]
    public void A_name_that_is_taken_is_refused_and_the_interface_left_alone()
    {
        using var net = new Netns("h1");
        net.InSwitch("ip", "link", "add", "br0", "type", "veth", "peer", "name", "x");
        Refuse("interface br0 is there and is not ours: give the bridge another name, or use --local-port none");
        net.InSwitch("ip", "link", "set", "br0", "name", "br0-dp");
        Refuse("interface br0-dp, which the bridge's own device br0 needs, is there and is not ours: remove it, or use --local-port none");
        Refuse("--port: br0 is the name of the bridge's own device: say br0=LOCAL, name the bridge otherwise, or use --local-port none", "--port", "br0");

        void Refuse(string message, params IEnumerable<string> options)
        {
            string before = Links(net), directory = Directory.CreateTempSubdirectory("ovsbridge-run-").FullName;
            CommandResult result = net.TryInSwitch(SwitchProcess.Program, ["run", "--rundir", directory, "--port", "h1", .. options]);
            Assert.Multiple(() =>
            {
                Assert.That((result.ExitCode, result.Error), Is.EqualTo((2, $"ovsbridge: {message}\n")));
                Assert.That(Links(net), Is.EqualTo(before));
                Assert.That(Directory.GetFileSystemEntries(directory), Is.Empty);
            });
            Directory.Delete(directory, recursive: true);
        }
    }

    [Test]
    public void The_bridge_of_another_daemon_is_refused_and_goes_on()
    {
        using var net = new Netns("h1", "h2");
        using var first = SwitchProcess.Start(net.Switch, "--port", "h1");
        Configure(net);
        string directory = Directory.CreateTempSubdirectory("ovsbridge-run-").FullName;
        CommandResult result = net.TryInSwitch(SwitchProcess.Program, "run", "--rundir", directory, "--port", "h2");
        Directory.Delete(directory, recursive: true);
        Assert.That((result.ExitCode, result.Error), Is.EqualTo((2, $"ovsbridge: interface br0 is in use by another ovsbridge (pid {first.ProcessId})\n")));
        Assert.That(net.Ping("h1", Address), Is.True);
    }

    [Test]
    public void The_next_daemon_takes_over_the_device_of_a_killed_one_with_its_addresses()
    {
        using var net = new Netns("h1");
        DirectoryInfo directory = Directory.CreateTempSubdirectory("ovsbridge-run-");
        using (var killed = SwitchProcess.StartIn(directory.FullName, net.Switch, "--port", "h1"))
        {
            Configure(net);
            killed.Signal("KILL");
            killed.WaitForExit();
        }

        using (var next = SwitchProcess.StartIn(directory.FullName, net.Switch, "--port", "h1"))
        {
            Assert.That(net.Ping("h1", Address), Is.True);
            Assert.That(next.Warnings, Is.Empty);
            Assert.That(next.Stop(), Is.Zero);
        }

        Assert.That(Links(net), Does.Not.Contain("br0"));
        directory.Delete(recursive: true);
    }

    [Test]
    public void Cleanup_removes_the_device_of_a_killed_daemon_and_not_that_of_a_living_one()
    {
        using var net = new Netns("h1", "h2");
        using var living = SwitchProcess.Start(net.Switch, "--bridge", "alive-and-well1", "--port", "h2");
        using var killed = SwitchProcess.Start(net.Switch, "--port", "h1");
        killed.Signal("KILL");
        killed.WaitForExit();

        string said = net.InSwitch(SwitchProcess.Program, "cleanup", "--rundir", killed.RunDirectory);

        Assert.That(said, Does.Contain("removed the device br0 of a bridge\nremoved the datapath program from h1\n"));
        Assert.That(Links(net), Does.Not.Contain("br0").And.Contain("alive-and-well1"));
    }

    [Test]
    public void Moved_into_another_namespace_it_goes_on()
    {
        using var net = new Netns("h1");
        using var inner = new Netns();
        using var daemon = SwitchProcess.Start(net.Switch, "--port", "h1");
        using FakePeer controller = Subscribe(daemon);
        string mac = MacOf(net, "br0");
        net.InSwitch("ip", "link", "set", "br0", "netns", inner.Switch);
        Configure(inner);

        controller.ExpectPort(PortReason.Modify, OfPorts.Local, port => port.Name == "br0" && port.State == PortState.Live);
        Assert.That(net.Ping("h1", Address), Is.True);
        Assert.That(daemon.Ofctl("dump-ports-desc"), Does.Contain(" LOCAL(br0): addr:" + mac));
        Assert.That(daemon.Stop(), Is.Zero);
        Assert.That(Links(inner), Does.Not.Contain("br0"));
    }

    [Test]
    public void Removed_by_somebody_the_port_goes_with_it()
    {
        using var net = new Netns("h1");
        using var daemon = SwitchProcess.Start(net.Switch, "--port", "h1");
        using FakePeer controller = Subscribe(daemon);
        net.InSwitch("ip", "link", "delete", "br0");
        controller.ExpectPort(PortReason.Delete, OfPorts.Local, port => port.Name == "br0");
        daemon.WaitForLog("somebody removed the bridge's own device br0");
        Assert.That(daemon.Stop(), Is.Zero);
    }

    private static void Configure(Netns net)
    {
        net.InSwitch("ip", "address", "add", Address + "/24", "dev", "br0");
        net.InSwitch("ip", "link", "set", "br0", "up");
    }

    private static bool PingsFromBridge(Netns net, string host) =>
        net.TryInSwitch("ping", "-n", "-q", "-c", "3", "-i", "0.05", "-W", "1", net.Ipv4(host)).ExitCode == 0;

    private static string MacOf(Netns net, string name) => net.InSwitch("cat", $"/sys/class/net/{name}/address").Trim();

    private static string Links(Netns net) => LinkState().Replace(net.InSwitch("ip", "link"), "");

    [GeneratedRegex("<[^>]*>| state [A-Z]+| mode [A-Z]+|M-DOWN")]
    private static partial Regex LinkState();

    private static FakePeer Subscribe(SwitchProcess daemon)
    {
        FakePeer controller = FakePeer.Connect(Target.Parse("unix:" + Path.Combine(daemon.RunDirectory, "br0.mgmt"))).Handshake();
        controller.Send(new SetConfig(FragmentHandling.Normal, 128));
        controller.Ask<BarrierReply>(new BarrierRequest());
        return controller;
    }
}
