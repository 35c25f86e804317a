using System.Buffers.Binary;
using OvsBridge.Datapath.Interop;
using OvsBridge.Datapath.Links;
using OvsBridge.Datapath.Tests.Contract;
using OvsBridge.Datapath.Tests.Packets;
using OvsBridge.Datapath.Tunnels;
using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.Datapath.Tests.Kernel;

/// <summary>Tunnels in the BPF programs and in user space, against bytes that the RFCs ask for.</summary>
[TestFixture]
[Category("Kernel")]
public sealed class TunnelTests
{
    private static readonly string[] _payloads = ["ipv4", "ipv6", "arp", "vlan", "qinq", "vlan arp", "mpls", "llc", "other"];

    private TunnelHarness _net = null!;

    [SetUp]
    public void MakeDatapath()
    {
        KernelFixture.NeedsRoot();
        _net = new TunnelHarness();
    }

    /// <summary>Whatever the test was: each packet has one end.</summary>
    [TearDown]
    public void End()
    {
        try
        {
            if (_net is not null)
                Accounts.Balance(_net.Datapath);
        }
        finally
        {
            _net?.Dispose();
        }
    }

    [Test]
    public void A_tunnel_port_has_a_budget_and_counters_of_its_own()
    {
        const int Burst = 3, Packets = 5;
        _net.Datapath.AddPort(new DpPort(TunnelHarness.Tunnel, "tun", 0) { Tunnel = TunnelHarness.Config(TunnelType.Vxlan), UpcallRate = 1, UpcallBurst = Burst });
        byte[] outer = TunnelFrames.Outer(
            TunnelType.Vxlan, TunnelFrames.Peers(false), TunnelFrames.Ours(false), TunnelFrames.Inner("ipv4"), 42, outward: false);
        for (int i = 0; i < Packets; i++)
            _net.Arrive(outer);

        EbpfHarness.WaitFor(
            () => _net.Datapath.ReadDatapathStats().Miss >= Packets, () => $"{Packets} packets that match nothing; drops: {_net.Drops()}");
        DpPortStats stats = _net.Datapath.ReadPortStats(TunnelHarness.Tunnel)!;
        ulong limited = stats.Drops[(int)DropReason.UpcallLimit];
        Assert.Multiple(() =>
        {
            Assert.That(stats.Upcalls, Is.AtLeast(Burst));
            Assert.That(limited, Is.GreaterThan(0));
            Assert.That(stats.Upcalls + limited, Is.EqualTo(Packets));
            Assert.That(_net.Datapath.ReadPortStats(1)!.Upcalls, Is.Zero);
        });
    }

    [Test]
    public void Packets_leave_in_a_tunnel(
        [Values(TunnelType.Vxlan, TunnelType.Gre, TunnelType.Geneve)] TunnelType type, [Values] bool ipv6, [Values] bool keyed)
    {
        _net.Add(TunnelHarness.Config(type, ipv6, keyed ? 42 : null));
        _net.Ports.Put(1, Programs.Output(TunnelHarness.Tunnel));

        Assert.Multiple(() =>
        {
            foreach (string payload in _payloads)
            {
                byte[] inner = TunnelFrames.Inner(payload);
                _net.Ports.Inject(1, inner);
                byte[] sent = _net.Leaving(1)[0];
                ushort source = SourcePort(type, ipv6, sent);
                Assert.That(sent, Is.EqualTo(TunnelFrames.Outer(type, TunnelFrames.Ours(ipv6), TunnelFrames.Peers(ipv6), inner, keyed ? 42u : null, sourcePort: source)), payload);
            }
        });
        Assert.That(_net.Datapath.ReadTunnel(TunnelHarness.Tunnel), Is.EqualTo(new LinkCounters
        {
            TxPackets = (ulong)_payloads.Length,
            TxBytes = (ulong)_payloads.Sum(payload => TunnelFrames.Inner(payload).Length),
        }));
    }

    /// <summary>First packets and those of the slow path: user space makes the same outer packet, source port included, so that they take the same way.</summary>
    [Test]
    public void User_space_sends_the_same_bytes([Values(TunnelType.Vxlan, TunnelType.Gre, TunnelType.Geneve)] TunnelType type, [Values] bool ipv6)
    {
        _net.Add(TunnelHarness.Config(type, ipv6));
        _net.Ports.Put(1, Programs.Output(TunnelHarness.Tunnel));

        Assert.Multiple(() =>
        {
            foreach (string payload in _payloads)
            {
                _net.Ports.Inject(1, TunnelFrames.Inner(payload));
                byte[] expected = _net.Leaving(1)[0];
                DpPacket packet = new();
                packet.Load(TunnelFrames.Inner(payload), 1);
                _net.Datapath.Execute(packet, Programs.Output(TunnelHarness.Tunnel), null);
                byte[] sent = _net.Leaving(1)[0];
                if (!ipv6)
                {
                    sent.AsSpan(18, 2).Clear(); // the kernel numbers packets of raw sockets
                    sent.AsSpan(24, 2).Clear();
                    expected.AsSpan(24, 2).Clear();
                }

                Assert.That(sent, Is.EqualTo(expected), payload);
            }
        });
    }

    [Test]
    public void Packets_come_out_of_a_tunnel(
        [Values(TunnelType.Vxlan, TunnelType.Gre, TunnelType.Geneve)] TunnelType type, [Values] bool ipv6, [Values] bool keyed, [Values] bool checksum)
    {
        _net.Add(TunnelHarness.Config(type, ipv6, keyed ? 42 : null));
        _net.Ports.Put(TunnelHarness.Tunnel, Programs.Output(1));
        byte[]? header = type == TunnelType.Gre && checksum ? [(byte)(keyed ? 0xb0 : 0x90), 0, 0x65, 0x58, 0, 0, 0, 0, .. keyed ? (byte[])[0, 0, 0, 42] : [], 0, 0, 0, 9] : null;

        Assert.Multiple(() =>
        {
            foreach (string payload in _payloads)
            {
                byte[] inner = TunnelFrames.Inner(payload);
                _net.Arrive(TunnelFrames.Outer(
                    type, TunnelFrames.Peers(ipv6), TunnelFrames.Ours(ipv6), inner, keyed ? 42u : null, outward: false, header: header, checksum: checksum, padding: 3));
                Assert.That(_net.Ports.Receive(1, 1)[0], Is.EqualTo(inner), payload);
            }
        });
        Assert.That(_net.Datapath.ReadTunnel(TunnelHarness.Tunnel), Is.EqualTo(new LinkCounters
        {
            RxPackets = (ulong)_payloads.Length,
            RxBytes = (ulong)_payloads.Sum(payload => TunnelFrames.Inner(payload).Length),
        }));
    }

    private static IEnumerable<TestCaseData> BadHeaders()
    {
        TestCaseData Case(string name, TunnelType type, byte[] header, DropReason reason = DropReason.TunnelHeader) => new TestCaseData(type, header, reason).SetArgDisplayNames(name);

        yield return Case("VXLAN without VNI", TunnelType.Vxlan, [0x00, 0, 0, 0, 0, 0, 42, 0]);
        yield return Case("GRE with routing", TunnelType.Gre, [0x60, 0, 0x65, 0x58, 0, 0, 0, 42]);
        yield return Case("GRE with a strict source route", TunnelType.Gre, [0x28, 0, 0x65, 0x58, 0, 0, 0, 42]);
        yield return Case("Geneve of another version", TunnelType.Geneve, [0x40, 0, 0x65, 0x58, 0, 0, 42, 0]);
        yield return Case("Geneve control packet", TunnelType.Geneve, [0x00, 0x80, 0x65, 0x58, 0, 0, 42, 0]);
        yield return Case("Geneve with a critical option", TunnelType.Geneve, [0x01, 0x40, 0x65, 0x58, 0, 0, 42, 0, 0, 1, 0x80, 0]);
        yield return Case("Geneve with IP inside", TunnelType.Geneve, [0x00, 0, 0x08, 0x00, 0, 0, 42, 0]);
        yield return Case("Geneve options that are not there", TunnelType.Geneve, [0x3f, 0, 0x65, 0x58, 0, 0, 42, 0]);
    }

    [TestCaseSource(nameof(BadHeaders))]
    public void Bad_tunnel_headers_are_dropped_and_counted(TunnelType type, byte[] header, DropReason reason)
    {
        _net.Add(TunnelHarness.Config(type));
        _net.Ports.Put(TunnelHarness.Tunnel, Programs.Output(1));

        _net.Arrive(TunnelFrames.Outer(type, TunnelFrames.Peers(false), TunnelFrames.Ours(false), TunnelFrames.Inner("ipv4"), 42, outward: false, header: header));

        EbpfHarness.WaitFor(() => _net.Ports.Drops(reason) == 1, () => $"{reason}; drops: {_net.Drops()}");
    }

    [Test]
    public void A_packet_that_ends_in_its_tunnel_header_is_dropped()
    {
        _net.Add(TunnelHarness.Config(TunnelType.Vxlan));

        _net.Arrive(TunnelFrames.Outer(TunnelType.Vxlan, TunnelFrames.Peers(false), TunnelFrames.Ours(false), [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8], 42, outward: false));

        EbpfHarness.WaitFor(() => _net.Ports.Drops(DropReason.TunnelHeader) == 1, () => $"a drop; drops: {_net.Drops()}");
    }

    /// <summary>What is nobody's goes to the machine's own stack: here the machine answers that nobody listens.</summary>
    [Test]
    public void Packets_of_others_go_to_the_stack()
    {
        TunnelHarness.Ip("link", "set", "lo", "up");
        _net.Add(TunnelHarness.Config(TunnelType.Vxlan));
        _net.Ports.Put(TunnelHarness.Tunnel, Programs.Output(1));

        _net.Arrive(TunnelFrames.Outer(TunnelType.Vxlan, TunnelFrames.Peers(false), TunnelFrames.Ours(false), TunnelFrames.Inner("ipv4"), 43, outward: false));

        byte[] answer = _net.Leaving(1)[0];
        Assert.Multiple(() =>
        {
            Assert.That((answer[23], answer[34], answer[35]), Is.EqualTo((1, 3, 3)), "ICMP: port unreachable");
            Assert.That(_net.Datapath.ReadDatapathStats().Rx, Is.Zero);
        });
    }

    [Test]
    public void The_most_specific_port_gets_the_packet()
    {
        TunnelConfig one = TunnelHarness.Config(TunnelType.Gre);
        _net.Add(one, 10);
        _net.Add(one with { Remote = null, InKey = null, OutKey = null, OutKeyFlow = true }, 11);
        _net.Add(one with { InKey = null, OutKey = null, OutKeyFlow = true }, 12);
        _net.Add(one with { Remote = null }, 13);
        _net.Add(one with { Local = MappedAddress.From(System.Net.IPAddress.Parse("192.0.2.1")), InKey = 7, OutKey = 7 }, 14);
        _net.Add(one with { InKey = 7, OutKey = 7 }, 15);
        for (uint port = 10; port <= 15; port++)
            _net.Ports.Put(port, Programs.Output(1));

        Assert.Multiple(() =>
        {
            Assert.That(PortOf("192.0.2.2", 42), Is.EqualTo(10), "key and address");
            Assert.That(PortOf("192.0.2.9", 42), Is.EqualTo(13), "key");
            Assert.That(PortOf("192.0.2.2", 99), Is.EqualTo(12), "address");
            Assert.That(PortOf("192.0.2.9", 99), Is.EqualTo(11), "neither");
            Assert.That(PortOf("192.0.2.2", 7), Is.EqualTo(14), "our own address as well");
        });

        uint PortOf(string from, uint key)
        {
            Dictionary<uint, ulong> before = Counters();
            _net.Arrive(TunnelFrames.Outer(TunnelType.Gre, from, "192.0.2.1", TunnelFrames.Inner("ipv4"), key, outward: false));
            _net.Ports.Receive(1, 1);
            return Counters().Single(pair => pair.Value != before[pair.Key]).Key;
        }

        Dictionary<uint, ulong> Counters() => Enumerable.Range(10, 6).ToDictionary(port => (uint)port, port => _net.Datapath.ReadTunnel((uint)port)!.Value.RxPackets);
    }

    [TestCase(0x01, 0x03, 0x03)] // capable, experienced on the way
    [TestCase(0x02, 0x03, 0x03)]
    [TestCase(0x03, 0x02, 0x03)]
    [TestCase(0xb9, 0x02, 0xb9)]
    public void Congestion_on_the_way_is_told_to_the_packet_inside(int inner, int outer, int expected)
    {
        _net.Add(TunnelHarness.Config(TunnelType.Vxlan));
        _net.Ports.Put(TunnelHarness.Tunnel, Programs.Output(1));
        byte[] Frame(int tos) => FrameBuilder.Ethernet(0x0800).Ipv4(17, tos: tos).Udp(1000, 2000).Counting(40).ToArray();

        _net.Arrive(TunnelFrames.Outer(TunnelType.Vxlan, TunnelFrames.Peers(false), TunnelFrames.Ours(false), Frame(inner), 42, tos: outer, outward: false));

        Assert.That(_net.Ports.Receive(1, 1)[0], Is.EqualTo(Frame(expected)));
    }

    [Test]
    public void Congestion_that_can_not_be_told_is_a_drop()
    {
        _net.Add(TunnelHarness.Config(TunnelType.Vxlan));
        _net.Ports.Put(TunnelHarness.Tunnel, Programs.Output(1));

        _net.Arrive(TunnelFrames.Outer(TunnelType.Vxlan, TunnelFrames.Peers(false), TunnelFrames.Ours(false), TunnelFrames.Inner("ipv4"), 42, tos: 3, outward: false));

        EbpfHarness.WaitFor(() => _net.Ports.Drops(DropReason.TunnelEcn) == 1, () => $"a drop; drops: {_net.Drops()}");
    }

    /// <summary>TOS and TTL as the port says; ECN is always that of the packet inside.</summary>
    [TestCase(false, false, 0x00, 0x30, 9, 0x30, 9)]
    [TestCase(true, false, 0xb8, 0x30, 9, 0xb8, 9)]
    [TestCase(false, true, 0x00, 0x30, 9, 0x30, 77)]
    [TestCase(true, true, 0x2a, 0, 64, 0x2a, 77)]
    [TestCase(false, false, 0x03, 0, 64, 0x02, 64)]
    public void Outer_headers_have_the_tos_and_ttl_of_the_port_or_of_the_packet(
        bool inheritTos, bool inheritTtl, int inner, int tos, int ttl, int expectedTos, int expectedTtl)
    {
        foreach (bool ipv6 in (bool[])[false, true])
        {
            uint port = ipv6 ? 11u : 10u;
            _net.Add(TunnelHarness.Config(TunnelType.Gre, ipv6) with { TosInherit = inheritTos, TtlInherit = inheritTtl, Tos = (byte)tos, Ttl = (byte)ttl }, port);
            byte[] frame = ipv6
                ? FrameBuilder.Ethernet(0x86dd).Ipv6(17, tos: inner, hopLimit: 77).Udp(1000, 2000).Counting(40).ToArray()
                : FrameBuilder.Ethernet(0x0800).Ipv4(17, tos: inner, ttl: 77).Udp(1000, 2000).Counting(40).ToArray();
            byte[] expected = TunnelFrames.Outer(
                TunnelType.Gre, TunnelFrames.Ours(ipv6), TunnelFrames.Peers(ipv6), frame, 42, tos: expectedTos, ttl: expectedTtl);
            MegaflowHandle flow = _net.Ports.Put(1, Programs.Output(port));

            _net.Ports.Inject(1, frame);
            Assert.That(_net.Leaving(1)[0], Is.EqualTo(expected), "the program");
            _net.Datapath.RemoveFlows([flow], new MegaflowStats[1]);
        }
    }

    /// <summary>Any order of ports and tunnels, and changes in between: each gets the packet as it was then.</summary>
    [Test]
    public void Copies_go_into_tunnels_and_out_of_ports()
    {
        _net.Add(TunnelHarness.Config(TunnelType.Gre), 10);
        _net.Add(TunnelHarness.Config(TunnelType.Gre) with { InKey = 43, OutKey = 43 }, 11);
        _net.Datapath.StartUpcalls(new RecordingSink());
        byte[] frame = TunnelFrames.Inner("ipv4"), changed = TunnelFrames.Inner("ipv4");
        changed[5] = 9;
        _net.Ports.Put(1, Programs.Of(w => w
            .Then(DpActionType.Output, 10).Then(DpActionType.Output, 2).Then(DpActionType.Output, 11)
            .SetEthDst(0x020000000009).Then(DpActionType.Output, 10).Then(DpActionType.Output, 2)));

        _net.Ports.Inject(1, frame);

        byte[] Outer(uint key, byte[] inner) => TunnelFrames.Outer(TunnelType.Gre, "192.0.2.1", "192.0.2.2", inner, key);
        List<byte[]> sent = [.. _net.Leaving(3).Select(Numberless)];

        Assert.Multiple(() =>
        {
            Assert.That(_net.Ports.Receive(2, 2), Is.EqualTo(new[] { frame, changed }));
            Assert.That(sent, Is.EquivalentTo(new[] { Outer(42, frame), Outer(43, frame), Outer(42, changed) }));
        });
    }

    [Test]
    public void Keys_come_from_the_flow_and_go_to_it()
    {
        TunnelConfig config = TunnelHarness.Config(TunnelType.Vxlan) with { InKey = null, OutKey = null, OutKeyFlow = true };
        _net.Add(config);
        _net.Add(config with { Type = TunnelType.Gre, DestinationPort = 0 }, 11);
        RecordingSink sink = new();
        _net.Datapath.StartUpcalls(sink);
        byte[] inner = TunnelFrames.Inner("arp");

        _net.Arrive(TunnelFrames.Outer(TunnelType.Vxlan, "192.0.2.2", "192.0.2.1", inner, 0x123456, tos: 0x10, ttl: 9, outward: false));
        FlowKey key = sink.Take(1)[0].Key;
        Assert.Multiple(() =>
        {
            Assert.That((key.InPort, (ulong)key.TunId), Is.EqualTo((10u, 0x123456ul)));
            Assert.That(((uint)key.TunSrc, (uint)key.TunDst), Is.EqualTo((0xc0000202u, 0xc0000201u)));
            Assert.That((key.TunTos, key.TunTtl, (ushort)key.TunFlags), Is.EqualTo((0x10, 9, 4)));
        });

        // the key goes along from tunnel to tunnel, if nobody sets another one
        _net.Ports.Put(10, Programs.Output(11));
        _net.Arrive(TunnelFrames.Outer(TunnelType.Vxlan, "192.0.2.2", "192.0.2.1", inner, 0x123456, outward: false));
        Assert.That(_net.Leaving(1)[0], Is.EqualTo(TunnelFrames.Outer(TunnelType.Gre, "192.0.2.1", "192.0.2.2", inner, 0x123456)));

        _net.Ports.Put(1, Programs.Of(w => w.Then(DpActionType.SetTunnel, 0, new DpSetTunnel { Id = 0x77 }).Then(DpActionType.Output, 11)));
        _net.Ports.Inject(1, inner);
        Assert.That(_net.Leaving(1)[0], Is.EqualTo(TunnelFrames.Outer(TunnelType.Gre, "192.0.2.1", "192.0.2.2", inner, 0x77)));

        // a packet of a port is in no tunnel, whatever came before it on this CPU
        _net.Ports.Put(2, Programs.Output(11));
        _net.Ports.Inject(2, inner);
        Assert.That(_net.Leaving(1)[0], Is.EqualTo(TunnelFrames.Outer(TunnelType.Gre, "192.0.2.1", "192.0.2.2", inner, 0)));
    }

    [TestCase(TunnelType.Vxlan, false)]
    [TestCase(TunnelType.Geneve, true)]
    [TestCase(TunnelType.Gre, false)]
    [TestCase(TunnelType.Gre, true)]
    public void Checksums_of_outer_headers_are_made_in_user_space(TunnelType type, bool ipv6)
    {
        _net.Add(TunnelHarness.Config(type, ipv6) with { Checksum = true });
        _net.Datapath.StartUpcalls(new RecordingSink());
        _net.Ports.Put(1, Programs.Output(TunnelHarness.Tunnel));
        byte[] inner = TunnelFrames.Inner("ipv4");
        byte[]? header = type == TunnelType.Gre ? [0xa0, 0, 0x65, 0x58, 0, 0, 0, 0, 0, 0, 0, 42] : null;

        _net.Ports.Inject(1, inner);

        byte[] sent = Numberless(_net.Leaving(1)[0]);
        Assert.That(sent, Is.EqualTo(TunnelFrames.Outer(
            type, TunnelFrames.Ours(ipv6), TunnelFrames.Peers(ipv6), inner, 42, sourcePort: SourcePort(type, ipv6, sent), header: header, checksum: true)));
    }

    [Test]
    public void What_does_not_fit_the_way_is_dropped_or_fragmented()
    {
        _net.Add(TunnelHarness.Config(TunnelType.Gre));
        _net.Add(TunnelHarness.Config(TunnelType.Gre) with { InKey = 43, OutKey = 43, DontFragment = false }, 11);
        _net.Datapath.StartUpcalls(new RecordingSink());
        byte[] inner = FrameBuilder.Ethernet(0x0800).Ipv4(17).Udp(1000, 2000).Counting(1472).ToArray(); // 1500 bytes of IP

        _net.Ports.Put(1, Programs.Output(TunnelHarness.Tunnel));
        _net.Ports.Inject(1, inner);
        EbpfHarness.WaitFor(() => _net.Ports.Drops(DropReason.TunnelMtu) == 1, () => $"a drop; drops: {_net.Drops()}");

        _net.Ports.Put(2, Programs.Output(11));
        _net.Ports.Inject(2, inner);
        List<byte[]> parts = _net.Leaving(2);
        Assert.Multiple(() =>
        {
            Assert.That(parts.Select(part => part.Length), Is.EqualTo(new[] { 14 + 20 + 1480, 14 + 20 + inner.Length + 8 - 1480 }));
            Assert.That(parts[0].AsSpan(18, 2).SequenceEqual(parts[1].AsSpan(18, 2)), Is.True, "of one packet");
            Assert.That(parts.Select(part => BinaryPrimitives.ReadUInt16BigEndian(part.AsSpan(20))), Is.EqualTo(new ushort[] { 0x2000, 1480 / 8 }));
            Assert.That(parts.Select(part => Checksums.Internet(part.AsSpan(14, 20))), Is.EqualTo(new ushort[] { 0, 0 }));
            Assert.That(parts.SelectMany(part => part.Skip(34)), Is.EqualTo(TunnelFrames.Header(TunnelType.Gre, 43).Concat(inner)));
        });
    }

    [Test]
    public void Without_a_way_packets_are_counted_until_there_is_one()
    {
        UInt128 far = MappedAddress.From(System.Net.IPAddress.Parse("198.51.100.7"));
        List<string> warnings = [];
        _net.Datapath.TunnelWarning = warnings.Add;
        _net.Add(TunnelHarness.Config(TunnelType.Gre) with { Remote = far });
        _net.Ports.Put(1, Programs.Output(TunnelHarness.Tunnel));
        byte[] inner = TunnelFrames.Inner("arp");
        _net.Ports.Inject(1, inner);
        EbpfHarness.WaitFor(() => _net.Ports.Drops(DropReason.TunnelNoRoute) == 1, () => $"a drop; drops: {_net.Drops()}");
        Assert.That(warnings, Is.EqualTo(new[] { "tun10: there is no route to 198.51.100.7" }));

        TunnelHarness.Ip("route", "add", "198.51.100.0/24", "via", "192.0.2.2");

        List<byte[]> sent = [];
        EbpfHarness.WaitFor(
            () =>
            {
                _net.Ports.Inject(1, inner);
                return _net.TryLeaving(sent);
            },
            () => $"a packet by the new route; drops: {_net.Drops()}");
        Assert.That(Numberless(sent[0]), Is.EqualTo(TunnelFrames.Outer(TunnelType.Gre, "192.0.2.1", "198.51.100.7", inner, 42)));
    }

    /// <summary>The kernel numbers packets of raw sockets: as if it didn't.</summary>
    private static byte[] Numberless(byte[] frame)
    {
        if (frame[12] == 0x08)
        {
            frame.AsSpan(18, 2).Clear();
            BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(24), 0);
            BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(24), Checksums.Internet(frame.AsSpan(14, 20)));
        }

        return frame;
    }

    private static ushort SourcePort(TunnelType type, bool ipv6, byte[] frame)
    {
        if (type == TunnelType.Gre)
            return 0;
        ushort port = BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(ipv6 ? 54 : 34));
        Assert.That(port, Is.GreaterThanOrEqualTo(49152));
        return port;
    }
}
