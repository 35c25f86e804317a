using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using OvsBridge.Datapath.Ebpf;
using OvsBridge.Datapath.Interop;
using OvsBridge.Datapath.Tests.Contract;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.Testing;

namespace OvsBridge.Datapath.Tests.Kernel;

/// <summary>
/// Real TCP and UDP between hosts in namespaces, all offloads on, through every kind of rewrite: packets are up to 64 kB and
/// their checksums partial. The last test has user space execute every packet.
/// </summary>
[TestFixture]
[Category("Kernel")]
[Category("Topology")]
public sealed class TransferTests
{
    private const int Bytes = 20_000_000;
    private const ulong AllMac = 0xffffffffffff;

    private Netns _net = null!;

    [SetUp]
    public void MakeNetwork()
    {
        KernelFixture.NeedsRoot();
        _net = new Netns("h1", "h2");
    }

    [TearDown]
    public void RemoveNetwork() => _net?.Dispose();

    [TestCase(false)]
    [TestCase(true)]
    public void Plain(bool ipv6) => InSwitch(datapath =>
    {
        Put(datapath, 1, Programs.Output(2));
        Put(datapath, 2, Programs.Output(1));

        Transfer(ipv6, ipv6 ? _net.Ipv6("h2") : _net.Ipv4("h2"), 5000, 5000);
        Assert.That(datapath.ReadDatapathStats().Miss, Is.Zero);
    });

    /// <summary>Both hosts' ports let packets pass straight to them; broadcasts go the usual way.</summary>
    [TestCase(false)]
    [TestCase(true)]
    public void Straight_to_the_peers(bool ipv6) => InSwitch(datapath =>
    {
        datapath.SetPortPeer(1, 0x020000000001);
        datapath.SetPortPeer(2, 0x020000000002);
        Put(datapath, 1, Programs.Output(2));
        Put(datapath, 2, Programs.Output(1));

        Transfer(ipv6, ipv6 ? _net.Ipv6("h2") : _net.Ipv4("h2"), 5000, 5000);
        TransferUdp(ipv6 ? _net.Ipv6("h2") : _net.Ipv4("h2"), 5001, 5001);
        Assert.That(datapath.ReadDatapathStats().Miss, Is.Zero);
        Assert.That(datapath.ReadPortStats(2)!.PeerTxBytes, Is.GreaterThan((ulong)Bytes));
    });

    /// <summary>
    /// The client speaks to an address and port that nobody has; the switch makes the server's of them, and back.
    /// </summary>
    [TestCase(false)]
    [TestCase(true)]
    public void Through_rewritten_addresses_and_ports(bool ipv6) => InSwitch(datapath =>
    {
        ThroughNat(datapath, ipv6);
    });

    [TestCase(false)]
    [TestCase(true)]
    public void Through_rewritten_addresses_and_ports_straight_to_the_peers(bool ipv6) => InSwitch(datapath =>
    {
        datapath.SetPortPeer(1, 0x020000000001);
        datapath.SetPortPeer(2, 0x020000000002);
        ThroughNat(datapath, ipv6);
        Assert.That(datapath.ReadPortStats(2)!.PeerTxBytes, Is.GreaterThan((ulong)Bytes));
    });

    /// <summary>A trunk of two ports that are wired to each other: what is pushed on one end is popped on the other.</summary>
    [TestCase(false, "vlan")]
    [TestCase(true, "vlan")]
    [TestCase(false, "qinq")]
    [TestCase(false, "mpls")]
    [TestCase(true, "mpls")]
    [TestCase(false, "mpls in front of a tag")]
    [TestCase(true, "mpls in front of a tag")]
    [TestCase(false, "mpls in front of two tags")]
    public void Through_a_trunk(bool ipv6, string kind) => InSwitch(datapath =>
    {
        _net.InSwitch("ip", "link", "add", "trunk3", "mtu", "1520", "type", "veth", "peer", "name", "trunk4", "mtu", "1520");
        AddPort(datapath, 3, "trunk3");
        AddPort(datapath, 4, "trunk4");
        ushort type = ipv6 ? (ushort)0x86dd : (ushort)0x0800;
        Action<DpActionWriter> push = kind switch
        {
            "vlan" => w => w.Then(DpActionType.PushVlan, 0x81000064),
            "qinq" => w => w.Then(DpActionType.PushVlan, 0x81000064).Then(DpActionType.PushVlan, 0x88a80065),
            "mpls in front of a tag" => w => w.Then(DpActionType.PushVlan, 0x81000064).Then(DpActionType.PushMplsFront, 0x8847, new DpPushMpls { Lse = 0x00064140 }),
            "mpls in front of two tags" => w => w.Then(DpActionType.PushVlan, 0x81000064).Then(DpActionType.PushVlan, 0x88a80065)
                .Then(DpActionType.PushMplsFront, 0x8847, new DpPushMpls { Lse = 0x00064140 }),
            _ => w => w.Then(DpActionType.PushMpls, 0x8847, new DpPushMpls { Lse = 0x00064140 }),
        };
        Action<DpActionWriter> pop = kind switch
        {
            "vlan" => w => w.Then(DpActionType.PopVlan),
            "qinq" => w => w.Then(DpActionType.PopVlan).Then(DpActionType.PopVlan),
            "mpls in front of a tag" => w => w.Then(DpActionType.PopMpls, 0x8100).Then(DpActionType.PopVlan),
            "mpls in front of two tags" => w => w.Then(DpActionType.PopMpls, 0x88a8).Then(DpActionType.PopVlan).Then(DpActionType.PopVlan),
            _ => w => w.Then(DpActionType.PopMpls, type),
        };
        FlowKey key = default, mask = default;
        foreach ((uint host, uint trunk) in new[] { (1u, 3u), (2u, 4u) })
        {
            key.InPort = host;
            key.EthType = type;
            mask.InPort = uint.MaxValue;
            mask.EthType = 0xffff;
            Put(datapath, key, mask, Programs.Of(w =>
            {
                push(w);
                w.Add(DpActionType.Output, trunk);
            }));
            Put(datapath, trunk, Programs.Of(w =>
            {
                pop(w);
                w.Add(DpActionType.Output, host);
            }));
        }

        SetNeighbours(ipv6, "fd00::99", "10.0.0.99");
        ulong before = datapath.ReadDatapathStats().Miss; // the trunk's own stack speaks when it comes up, maybe before the flows are there
        Transfer(ipv6, ipv6 ? _net.Ipv6("h2") : _net.Ipv4("h2"), 5000, 5000);
        TransferUdp(ipv6 ? _net.Ipv6("h2") : _net.Ipv4("h2"), 5001, 5001);
        Assert.That(datapath.ReadDatapathStats().Miss, Is.EqualTo(before));
    });

    /// <summary>Two receivers: the first output is a clone, and the rewrite between must not reach into it.</summary>
    [Test]
    public void Through_a_clone_and_a_rewrite_behind_it() => InSwitch(datapath =>
    {
        Put(datapath, 1, Programs.Of(w => w
            .Then(DpActionType.Output, 2)
            .Then(DpActionType.SetIpv4, new DpSetIpv4 { Dst = 0x0a0a0a0a, Ttl = 3 }, new DpSetIpv4 { Dst = uint.MaxValue, Ttl = 0xff })
            .SetEthDst(0x020000000077)
            .Then(DpActionType.Output, 2)));
        Put(datapath, 2, Programs.Output(1));
        SetNeighbours(false, "fd00::99", "10.0.0.99");

        Transfer(false, _net.Ipv4("h2"), 5000, 5000);
    });

    /// <summary>
    /// Every packet goes up, is executed there, and leaves by the packet socket: GSO and partial checksums survive that too.
    /// </summary>
    [TestCase(false)]
    [TestCase(true)]
    public void Through_user_space(bool ipv6) => InSwitch(datapath =>
    {
        (DpActions there, DpActions back) = Nat(ipv6);
        int gso = 0;
        datapath.StartUpcalls(new ExecutingSink(datapath, there, back, () => gso++));
        SetNeighbours(ipv6, "fd00::99", "10.0.0.99");

        Transfer(ipv6, ipv6 ? "fd00::99" : "10.0.0.99", 8080, 5000, 4_000_000);
        TransferUdp(ipv6 ? "fd00::99" : "10.0.0.99", 8080, 5000);
        Assert.That(gso, Is.Positive, "no GSO packet came up: the test shows nothing");
        Assert.That(datapath.Upcalls.Failed, Is.Zero, () => datapath.Upcalls.LastFailure?.ToString() ?? "");
    });

    private void InSwitch(Action<EbpfDatapath> test) => _net.Inside(() =>
    {
        using EbpfDatapath datapath = new(KernelFixture.Small with { UpcallRingBytes = 1 << 23 });
        AddPort(datapath, 1, "h1");
        AddPort(datapath, 2, "h2");
        test(datapath);
    });

    private void AddPort(EbpfDatapath datapath, uint number, string name)
    {
        _net.InSwitch("ip", "link", "set", name, "up");
        datapath.AddPort(new DpPort(number, name, PrivateNetwork.IfIndex(name)));
    }

    private static void Put(EbpfDatapath datapath, uint port, DpActions actions) =>
        Put(datapath, new FlowKey { InPort = port }, new FlowKey { InPort = uint.MaxValue }, actions);

    private static void Put(EbpfDatapath datapath, FlowKey key, FlowKey mask, DpActions actions) =>
        Assert.That(datapath.PutFlow(key, mask, actions), Is.Not.Null);

    private void ThroughNat(EbpfDatapath datapath, bool ipv6)
    {
        PutNat(datapath, ipv6);

        Transfer(ipv6, ipv6 ? "fd00::99" : "10.0.0.99", 8080, 5000);
        TransferUdp(ipv6 ? "fd00::99" : "10.0.0.99", 8080, 5000);
        Assert.That(datapath.ReadDatapathStats().Miss, Is.Zero);
    }

    private void PutNat(EbpfDatapath datapath, bool ipv6)
    {
        (DpActions there, DpActions back) = Nat(ipv6);
        Put(datapath, 1, there);
        Put(datapath, 2, back);
        SetNeighbours(ipv6, "fd00::99", "10.0.0.99");
    }

    private static (DpActions There, DpActions Back) Nat(bool ipv6)
    {
        UInt128 virtual6 = Address("fd00::99"), server6 = Address("fd00::2"), ones = UInt128.MaxValue;
        DpSetTp toServer = new() { Dst = 5000 }, fromServer = new() { Src = 8080 };
        return (
            Programs.Of(w =>
            {
                w.SetEthDst(0x020000000002);
                _ = ipv6
                    ? w.Then(DpActionType.SetIpv6, new DpSetIpv6 { Dst = server6 }, new DpSetIpv6 { Dst = ones })
                    : w.Then(DpActionType.SetIpv4, new DpSetIpv4 { Dst = 0x0a000002 }, new DpSetIpv4 { Dst = uint.MaxValue });
                w.Then(DpActionType.SetTp, toServer, new DpSetTp { Dst = 0xffff }).Then(DpActionType.Output, 2);
            }),
            Programs.Of(w =>
            {
                w.Then(DpActionType.SetEth, new DpSetEth { Src = 0x020000000099 }, new DpSetEth { Src = AllMac });
                _ = ipv6
                    ? w.Then(DpActionType.SetIpv6, new DpSetIpv6 { Src = virtual6 }, new DpSetIpv6 { Src = ones })
                    : w.Then(DpActionType.SetIpv4, new DpSetIpv4 { Src = 0x0a000063 }, new DpSetIpv4 { Src = uint.MaxValue });
                w.Then(DpActionType.SetTp, fromServer, new DpSetTp { Src = 0xffff }).Then(DpActionType.Output, 1);
            }));
    }

    private static UInt128 Address(string text) =>
        System.Buffers.Binary.BinaryPrimitives.ReadUInt128BigEndian(IPAddress.Parse(text).GetAddressBytes());

    /// <summary>Fixed neighbours: the flows of these tests carry no ARP.</summary>
    private void SetNeighbours(bool ipv6, string virtual6, string virtual4)
    {
        string address = ipv6 ? virtual6 : virtual4;
        foreach ((string host, string peer) in new[] { ("h1", "h2"), ("h2", "h1") })
        {
            string of = ipv6 ? _net.Ipv6(peer) : _net.Ipv4(peer);
            _net.InHost(host, "ip", "neighbour", "replace", of, "lladdr", _net.Mac(peer), "dev", "eth0");
            _net.InHost(host, "ip", "neighbour", "replace", address, "lladdr", "02:00:00:00:00:99", "dev", "eth0");
        }
    }

    /// <summary>The client in h1 sends bytes to the server in h2; the server's digest must be the client's.</summary>
    private void Transfer(bool ipv6, string address, int port, int serverPort, int bytes = Bytes)
    {
        byte[] data = new byte[bytes];
        new Random(1).NextBytes(data);
        using Socket listener = Open(ipv6, SocketType.Stream, "h2");
        listener.Bind(new IPEndPoint(ipv6 ? IPAddress.IPv6Any : IPAddress.Any, serverPort));
        listener.Listen();
        byte[]? digest = null;
        Thread server = new(() =>
        {
            using Socket connection = listener.Accept();
            connection.ReceiveTimeout = 20_000;
            using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            byte[] buffer = new byte[1 << 16];
            for (int total = 0; total < bytes;)
            {
                int received = connection.Receive(buffer);
                if (received == 0)
                {
                    return;
                }

                hash.AppendData(buffer, 0, received);
                total += received;
            }

            digest = hash.GetHashAndReset();
            connection.Send([1]);
        });
        server.Start();
        using Socket client = Open(ipv6, SocketType.Stream, "h1");
        client.SendTimeout = client.ReceiveTimeout = 20_000;
        Task connecting = client.ConnectAsync(IPAddress.Parse(address), port);
        Assert.That(connecting.Wait(TimeSpan.FromSeconds(10)), Is.True, "no connection");
        for (int sent = 0; sent < data.Length;)
        {
            sent += client.Send(data, sent, data.Length - sent, SocketFlags.None);
        }

        client.Receive(new byte[1]);
        server.Join();
        Assert.That(digest, Is.EqualTo(SHA256.HashData(data)));
    }

    /// <summary>Datagrams of all sizes, one larger than the MTU among them (fragments), to the server and back.</summary>
    private void TransferUdp(string address, int port, int serverPort)
    {
        bool ipv6 = address.Contains(':', StringComparison.Ordinal);
        using Socket server = Open(ipv6, SocketType.Dgram, "h2");
        server.Bind(new IPEndPoint(ipv6 ? IPAddress.IPv6Any : IPAddress.Any, serverPort));
        server.ReceiveTimeout = 10_000;
        using Socket client = Open(ipv6, SocketType.Dgram, "h1");
        client.ReceiveTimeout = 10_000;
        client.Connect(new IPEndPoint(IPAddress.Parse(address), port));
        byte[] buffer = new byte[2000];
        foreach (int size in new[] { 0, 1, 17, 18, 100, 1001, 1400 })
        {
            byte[] data = [.. Enumerable.Range(size, size).Select(i => (byte)(i * 7))];
            client.Send(data);
            EndPoint from = new IPEndPoint(ipv6 ? IPAddress.IPv6Any : IPAddress.Any, 0);
            int received = server.ReceiveFrom(buffer, ref from);
            Assert.That(buffer[..received], Is.EqualTo(data), size.ToString(CultureInfo.InvariantCulture));
            server.SendTo(buffer, received, SocketFlags.None, from);
            Assert.That(client.Receive(buffer), Is.EqualTo(size));
        }
    }

    /// <summary>A socket belongs to the namespace of the thread that makes it.</summary>
    private Socket Open(bool ipv6, SocketType type, string host)
    {
        Socket? socket = null;
        Netns.Inside(_net.NamespaceOf(host), () => socket = new Socket(
            ipv6 ? AddressFamily.InterNetworkV6 : AddressFamily.InterNetwork, type, type == SocketType.Stream ? ProtocolType.Tcp : ProtocolType.Udp));
        return socket!;
    }

    private sealed class ExecutingSink(EbpfDatapath datapath, DpActions there, DpActions back, Action onGso) : IUpcallSink
    {
        private readonly DpPacket _packet = new();

        public void OnUpcall(in Upcall upcall)
        {
            if (upcall.GsoSize != 0)
            {
                onGso();
            }

            _packet.Load(upcall.Packet, upcall.Key.InPort, upcall.GsoSize);
            _packet.TotalLength = upcall.Length;
            datapath.Execute(_packet, upcall.Key.InPort == 1 ? there : back, null, mayWait: true);
        }

        public void OnBatchEnd() => datapath.SendWaiting();
    }
}
