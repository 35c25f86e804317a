using System.Globalization;
using System.Text.RegularExpressions;
using OvsBridge.OpenFlow.Endpoint;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.Testing;

namespace OvsBridge.SystemTests;

/// <summary>Ports of a running switch and what happens to their interfaces.</summary>
[TestFixture]
[Category("Topology")]
public sealed partial class PortTests
{
    [Test]
    public void Ports_describe_their_interfaces()
    {
        using var net = new Netns("h1", "h2");
        using var daemon = SwitchProcess.Start(net.Switch, "--port", "h2=1", "--port", "h1");
        string mac1 = net.InSwitch("cat", "/sys/class/net/h1/address").Trim(), mac2 = net.InSwitch("cat", "/sys/class/net/h2/address").Trim();

        string ports = daemon.Ofctl("dump-ports-desc"), show = daemon.Ofctl("show");

        Assert.Multiple(() =>
        {
            Assert.That(ports, Does.Contain($" 1(h2): addr:{mac2}\n     config:     0\n     state:      LIVE\n     current:    10GB-FD COPPER\n     speed: 10000 Mbps now"));
            Assert.That(ports, Does.Contain($" 2(h1): addr:{mac1}\n"));
            Assert.That(show, Does.Contain("dpid:0000" + mac2.Replace(":", "", StringComparison.Ordinal)), "by default the lowest port's address");
            Assert.That(daemon.Appctl("dpif/show"), Does.Match("^bpf@br0: hit:[0-9]+ missed:[0-9]+\n  br0:\n    br0 65534/65534: .internal.\n    h1 2/2: .system.\n    h2 1/1: .system.\n$"));
            Assert.That(daemon.Warnings, Is.Empty);
        });
    }

    /// <summary>A tap says of itself whatever it was told to.</summary>
    [Test]
    public void Speeds_and_media_are_those_that_the_driver_tells()
    {
        using var net = new Netns();
        // struct ethtool_link_settings, ETHTOOL_GLINKSETTINGS 0x4c to learn the size of the masks, ETHTOOL_SLINKSETTINGS 0x4d
        const string Set =
            """
            import ctypes, fcntl, socket, struct, sys
            words = None
            def call(command, speed=0, duplex=0, port=0, masks=()):
                head = struct.pack('=IIBBBBBBBb4B28x', command, speed, duplex, port, 0, 0, 0, 0, 0, words or 0, 0, 0, 0, 0)
                data = ctypes.create_string_buffer(head + b''.join(mask.to_bytes(4 * words, sys.byteorder) for mask in masks), 4096)
                fcntl.ioctl(socket.socket(), 0x8946, struct.pack('16sP16x', b't0', ctypes.addressof(data)))
                return data.raw
            words = -struct.unpack_from('b', call(0x4c), 15)[0]
            bits = lambda *numbers: sum(1 << number for number in numbers)
            # 25 Gbit/s over fibre. Supported: 1 Gbit/s half and full, fibre, pause, 25 and 100 Gbit/s; offered and of the peer, fewer.
            call(0x4d, 25000, 1, 3, (bits(4, 5, 10, 13, 33, 37), bits(6, 33), bits(6, 14, 24, 43)))
            """;
        net.InSwitch("ip", "tuntap", "add", "t0", "mode", "tap");
        using var daemon = SwitchProcess.Start(net.Switch, "--port", "t0");
        Assert.That(daemon.Ofctl("dump-ports-desc"), Does.Contain(" 1(t0)").And.Contain("     current:    10GB-FD COPPER\n     speed: 10000 Mbps now, 0 Mbps max"));

        net.InSwitch("python3", "-c", Set);
        net.InSwitch("ip", "link", "set", "t0", "up"); // they are read when something changes

        Assert.That(() => daemon.Ofctl("dump-ports-desc"), Does.Contain(
            "     current:    OTHER FIBER\n     advertised: OTHER AUTO_NEG\n     supported:  1GB-HD 1GB-FD 100GB-FD OTHER FIBER AUTO_PAUSE\n"
            + "     peer:       10GB-FD 40GB-FD AUTO_NEG AUTO_PAUSE_ASYM\n     speed: 25000 Mbps now, 100000 Mbps max").After(5000, 20));
    }

    [Test]
    public void Every_counter_of_an_interface_is_shown()
    {
        using var net = new Netns("h1", "h2");
        using var daemon = SwitchProcess.Start(net.Switch, "--port", "h1", "--port", "h2");
        Assert.That(net.Ping("h1", net.Ipv4("h2")), Is.True);
        // What is too long for the other end of a veth is dropped on the way out: a counter that is not zero.
        net.InHost("h2", "ip", "link", "set", "eth0", "mtu", "500");
        net.TryInHost("h1", "ping", "-c", "2", "-i", "0.05", "-W", "0.1", "-s", "1000", net.Ipv4("h2"));
        string Count(string name) => net.InSwitch("cat", $"/sys/class/net/h2/statistics/{name}").Trim();

        Assert.That(Count("tx_dropped"), Is.Not.EqualTo("0"));
        Assert.That(daemon.Ofctl("dump-ports", "2"), Does.Contain(
            $" rx pkts={Count("rx_packets")}, bytes={Count("rx_bytes")}, drop={Count("rx_dropped")}, errs={Count("rx_errors")}, "
            + $"frame={Count("rx_frame_errors")}, over={Count("rx_over_errors")}, crc={Count("rx_crc_errors")}\n").And.Contain(
            $" tx pkts={Count("tx_packets")}, bytes={Count("tx_bytes")}, drop={Count("tx_dropped")}, errs={Count("tx_errors")}, coll={Count("collisions")}\n"));
    }

    [Test]
    public void What_port_mod_forbids_does_not_happen()
    {
        using var net = new Netns("h1", "h2");
        using var daemon = SwitchProcess.Start(net.Switch, "--port", "h1", "--port", "h2", "--fail-mode", "secure");
        daemon.Ofctl("add-flow", "priority=1,in_port=1,actions=2");
        daemon.Ofctl("add-flow", "priority=1,in_port=2,actions=1");
        Assert.That(net.Ping("h1", net.Ipv4("h2")), Is.True);

        foreach ((string port, string what) in new[] { ("h1", "no-receive"), ("h1", "no-forward"), ("h2", "no-receive"), ("h2", "no-forward"), ("h2", "down") })
        {
            daemon.Ofctl("mod-port", port, what);
            Assert.That(net.Ping("h1", net.Ipv4("h2"), count: 1), Is.False, what);
            daemon.Ofctl("mod-port", port, what == "down" ? "up" : what[3..]);
            Assert.That(() => net.Ping("h1", net.Ipv4("h2"), count: 1), Is.True.After(5000, 50), what);
        }
    }

    [Test]
    public void No_packet_in_silences_the_table_miss_of_a_port_but_not_other_flows()
    {
        using var net = new Netns("h1", "h2");
        using var daemon = SwitchProcess.Start(net.Switch, "--port", "h1", "--port", "h2", "--fail-mode", "secure");
        daemon.Ofctl("add-flow", "priority=0,actions=controller");
        daemon.Ofctl("add-flow", "priority=1,arp,actions=controller");
        daemon.Ofctl("mod-port", "h1", "no-packet-in");
        using FakePeer controller = Subscribe(daemon);

        // Broadcasts: an ARP request (a flow of its own), a table miss of port 1 that is not told, one of port 2 that is.
        Send("h1", "0806");
        Send("h1", "88b5");
        Send("h2", "88b5");
        Assert.That(Next(), Is.EqualTo((PacketInReason.Action, 1u)));
        Assert.That(Next(), Is.EqualTo((PacketInReason.NoMatch, 2u)));
        daemon.Ofctl("mod-port", "h1", "packet-in");
        Send("h1", "88b5");
        Assert.That(Next(), Is.EqualTo((PacketInReason.NoMatch, 1u)));

        void Send(string host, string type) => net.InHost(host, "python3", "-c", "import socket, sys\ns = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)\n"
            + "s.bind(('eth0', 0))\ns.send(bytes.fromhex('ffffffffffff' + '020000000077' + sys.argv[1]) + bytes(46))", type);

        (PacketInReason Reason, uint Port) Next()
        {
            while (true)
            {
                switch (controller.Receive())
                {
                    // The hosts' own noise (neighbour discovery) has another source.
                    case PacketIn packet when packet.Data.Span.Slice(6, 6).SequenceEqual(new byte[] { 2, 0, 0, 0, 0, 0x77 }):
                        return (packet.Reason, (uint)OpenFlow.Fields.FieldTable.InPort.Get(packet.Match.Value));
                    case EchoRequest echo:
                        controller.Send(new EchoReply(echo.Data) { Xid = echo.Xid });
                        break;
                }
            }
        }
    }

    [Test]
    public void Link_state_is_told_as_it_changes()
    {
        using var net = new Netns("h1", "h2");
        using var daemon = SwitchProcess.Start(net.Switch, "--port", "h1", "--port", "h2");
        using FakePeer controller = Subscribe(daemon);

        net.InSwitch("ip", "link", "set", "h1", "down");
        controller.ExpectPort(PortReason.Modify, 1, port => port.Config == PortConfig.PortDown && port.State == PortState.LinkDown);
        net.InSwitch("ip", "link", "set", "h1", "up");
        controller.ExpectPort(PortReason.Modify, 1, port => port.Config == PortConfig.None && port.State == PortState.Live);
        net.InHost("h2", "ip", "link", "set", "eth0", "down");
        controller.ExpectPort(PortReason.Modify, 2, port => port.Config == PortConfig.None && port.State == PortState.LinkDown);
        net.InHost("h2", "ip", "link", "set", "eth0", "up");
        controller.ExpectPort(PortReason.Modify, 2, port => port.State == PortState.Live);
    }

    [Test]
    public void An_interface_that_goes_and_comes_back_has_the_same_number()
    {
        using var net = new Netns("h1", "h2");
        using var daemon = SwitchProcess.Start(net.Switch, "--port", "h1", "--port", "h2");
        using FakePeer controller = Subscribe(daemon);

        net.RemoveWire("h2");
        controller.ExpectPort(PortReason.Delete, 2, _ => true);
        Assert.That(daemon.Ofctl("dump-ports-desc"), Does.Not.Contain("h2"));
        net.AddHost("h2");
        controller.ExpectPort(PortReason.Add, 2, port => port.Name == "h2");
        net.InSwitch("ip", "link", "set", "h2", "down");
        net.InSwitch("ip", "link", "set", "h2", "name", "other");
        controller.ExpectPort(PortReason.Delete, 2, _ => true);
        net.InSwitch("ip", "link", "set", "other", "name", "h2");
        controller.ExpectPort(PortReason.Add, 2, port => port.Name == "h2" && port.Config == PortConfig.PortDown);
        Assert.That(daemon.Warnings, Is.Empty);
    }

    [Test]
    public void Port_mod_sets_the_interface_down_and_up()
    {
        using var net = new Netns("h1", "h2");
        using var daemon = SwitchProcess.Start(net.Switch, "--port", "h1", "--port", "h2");

        daemon.Ofctl("mod-port", "h1", "down");
        Assert.That(net.InSwitch("ip", "link", "show", "h1"), Does.Not.Contain(",UP"));
        daemon.Ofctl("mod-port", "h1", "up");
        Assert.That(net.InSwitch("ip", "link", "show", "h1"), Does.Contain(",UP"));
    }

    [Test]
    public void Port_counters_are_the_kernels()
    {
        using var net = new Netns("h1", "h2");
        using var daemon = SwitchProcess.Start(net.Switch, "--port", "h1", "--port", "h2", "--fail-mode", "secure");
        net.TryInHost("h1", "ping", "-c", "3", "-i", "0.05", "-W", "0.1", net.Ipv4("h2"));

        // hosts send by themselves, too: what is compared must be of a moment in which nothing came
        string Received() => net.InSwitch("cat", "/sys/class/net/h1/statistics/rx_packets").Trim();
        string before, ports, shown;
        long start = TimeProvider.System.GetTimestamp();
        do
        {
            before = Received();
            ports = daemon.Ofctl("dump-ports", "1");
            shown = daemon.Appctl("dpctl/show", "-s");
        }
        while (Received() != before && TimeProvider.System.GetElapsedTime(start) < TimeSpan.FromSeconds(30));

        Assert.Multiple(() =>
        {
            Assert.That(int.Parse(before, CultureInfo.InvariantCulture), Is.Positive);
            Assert.That(ports, Does.Contain($"rx pkts={before},"));
            Assert.That(shown, Does.Contain($"  port 1: h1\n    RX packets:{before} "));
        });
    }

    [Test]
    public void A_port_is_promiscuous_while_the_switch_has_it()
    {
        using var net = new Netns("h1");
        string Flags() => net.InSwitch("ip", "-d", "link", "show", "h1");
        using (SwitchProcess.Start(net.Switch, "--port", "h1"))
        {
            Assert.That(Flags(), Does.Contain("promiscuity 1"));
        }

        Assert.That(Flags(), Does.Contain("promiscuity 0"));
    }

    [TestCase("tcx")]
    [TestCase("clsact")]
    public void Nothing_is_left_behind(string hook)
    {
        using var net = new Netns("h1", "h2");
        string before = Seen(net);
        using (var daemon = SwitchProcess.Start(net.Switch, "--port", "h1", "--port", "h2", "--attach", hook))
        {
            Assert.That(Seen(net), Is.Not.EqualTo(before));
            Assert.That(IngressPrograms.In(net), Is.EqualTo(new[] { "br0-dp " + hook, "h1 " + hook, "h2 " + hook }));
            Assert.That(daemon.Log, Does.Contain($"the datapath program is attached by {hook}"));
            Assert.That(daemon.Appctl("dpctl/show"), Does.Contain($"  attached: {hook}\n"));
            Assert.That(daemon.Stop(), Is.Zero);
            Assert.Multiple(() =>
            {
                Assert.That(Directory.GetFileSystemEntries(daemon.RunDirectory), Is.Empty);
                Assert.That(Seen(net), Is.EqualTo(before));
                Assert.That(daemon.Warnings, Is.Empty);
            });
        }
    }

    [Test]
    public void After_a_kill_the_next_daemon_takes_over_and_leaves_nothing()
    {
        using var net = new Netns("h1");
        string before = Seen(net);
        using (var killed = SwitchProcess.Start(net.Switch, "--port", "h1"))
        {
            killed.Signal("KILL");
            killed.WaitForExit();
        }

        using (var next = SwitchProcess.Start(net.Switch, "--port", "h1"))
        {
            Assert.That(next.Stop(), Is.Zero);
        }

        Assert.That(Seen(net), Is.EqualTo(before));
    }

    [Test]
    public void Cleanup_removes_what_a_killed_daemon_left_and_nothing_of_a_living_one()
    {
        using var net = new Netns("h1", "h2");
        string before = Seen(net);
        using (var living = SwitchProcess.Start(net.Switch, "--port", "h2", "--local-port", "none"))
        using (var killed = SwitchProcess.Start(net.Switch, "--port", "h1"))
        {
            killed.Signal("KILL");
            killed.WaitForExit();

            string[] lines = net.InSwitch(SwitchProcess.Program, "cleanup", "--rundir", killed.RunDirectory).TrimEnd('\n').Split('\n');
            Assert.Multiple(() =>
            {
                Assert.That(lines, Is.EquivalentTo(new[]
                {
                    "removed the device br0 of a bridge",
                    "removed the datapath program from h1",
                    $"removed {killed.RunDirectory}/br0.mgmt",
                    $"removed {killed.RunDirectory}/ovs-vswitchd.pid",
                    $"removed {killed.RunDirectory}/ovs-vswitchd.{killed.ProcessId}.ctl",
                }));
                Assert.That(Directory.GetFileSystemEntries(killed.RunDirectory), Is.Empty);
                Assert.That(net.InSwitch(SwitchProcess.Program, "cleanup", "--rundir", living.RunDirectory), Is.Empty);
                Assert.That(IngressPrograms.In(net), Has.One.StartsWith("h2 "));
                Assert.That(living.Ofctl("dump-ports-desc"), Does.Contain("1(h2)"));
            });
        }

        Assert.That(Seen(net), Is.EqualTo(before));
    }

    [Test]
    public void An_interface_of_another_daemon_is_refused()
    {
        using var net = new Netns("h1", "h2");
        using var first = SwitchProcess.Start(net.Switch, "--port", "h2");
        string directory = Directory.CreateTempSubdirectory("ovsbridge-run-").FullName;
        try
        {
            CommandResult result = net.TryInSwitch(SwitchProcess.Program, "run", "--rundir", directory, "--local-port", "none", "--port", "h1", "--port", "h2");
            Assert.Multiple(() =>
            {
                Assert.That(result.ExitCode, Is.EqualTo(2));
                Assert.That(result.Error, Is.EqualTo($"ovsbridge: interface h2 is in use by another ovsbridge (pid {first.ProcessId})\n"));
                Assert.That(Directory.GetFileSystemEntries(directory), Is.Empty);
                Assert.That(IngressPrograms.In(net), Has.None.StartsWith("h1 "), "what had been attached is detached");
            });
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    /// <summary>What ip and tc show of the namespace, less the link state, which settles a while after the wires are there.</summary>
    private static string Seen(Netns net) => string.Concat(
        [LinkState().Replace(net.InSwitch("ip", "-d", "link"), ""), net.InSwitch("tc", "qdisc"), .. net.Hosts.Select(host =>
            net.TryInSwitch("tc", "filter", "show", "dev", host, "ingress").Output), .. IngressPrograms.In(net)]);

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
