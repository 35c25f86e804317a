using OvsBridge.Datapath.Ebpf;
using OvsBridge.Datapath.Interop;
using OvsBridge.Datapath.Links;
using OvsBridge.Datapath.Tests.Contract;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.Testing;

namespace OvsBridge.Datapath.Tests.Kernel;

/// <summary>
/// Which packets go straight to the other end of a port's veth: those for its address that nothing has reshaped. What took which way is told by the
/// counters of the port's interface, which see nothing of the short way; and all must come out.
/// </summary>
[TestFixture]
[Category("Kernel")]
[Category("Topology")]
public sealed class FastPeerTests
{
    private const ulong First = 0x020000000001, Second = 0x020000000002;

    private Netns _net = null!;
    private PacketSocket _from = null!, _to = null!;

    [SetUp]
    public void MakeNetwork()
    {
        KernelFixture.NeedsRoot();
        _net = new Netns("h1", "h2");
        _from = Open("h1");
        _to = Open("h2");
    }

    [TearDown]
    public void RemoveNetwork()
    {
        _from?.Dispose();
        _to?.Dispose();
        _net?.Dispose();
    }

    [TestCase("output", true)]
    [TestCase("set ipv4", true)]
    [TestCase("clone before", true)]
    [TestCase("set eth_dst to it", true)]
    [TestCase("goes round", true)]
    [TestCase("meter, dec_ttl", true)]
    [TestCase("set eth_dst to another", false)]
    [TestCase("set eth_type", false)]
    [TestCase("push_vlan", false)]
    [TestCase("push_mpls", false)]
    [TestCase("push and pop", false)]
    [TestCase("another address", false)]
    [TestCase("broadcast", false)]
    public void Takes_the_short_way_if_it_may(string what, bool isShort) => InSwitch(datapath =>
    {
        datapath.SetPortPeer(2, Second);
        Put(datapath, 1, 0, Programs.Of(w =>
        {
            switch (what)
            {
                case "set ipv4":
                    w.Then(DpActionType.SetIpv4, new DpSetIpv4 { Dst = 0x0a000007 }, new DpSetIpv4 { Dst = uint.MaxValue });
                    break;
                case "clone before":
                    w.Then(DpActionType.Output, 3);
                    break;
                case "set eth_dst to it":
                    w.SetEthDst(Second);
                    break;
                case "set eth_dst to another":
                    w.SetEthDst(0x020000000055);
                    break;
                case "goes round":
                    w.Then(DpActionType.Recirc, 5);
                    return;
                case "meter, dec_ttl":
                    w.Then(DpActionType.Meter, 1).Then(DpActionType.DecTtl);
                    break;
                case "set eth_type":
                    w.Then(DpActionType.SetEth, new DpSetEth { Type = 0x88b5 }, new DpSetEth { Type = 0xffff });
                    break;
                case "push_vlan":
                    w.Then(DpActionType.PushVlan, 0x81000005);
                    break;
                case "push_mpls":
                    w.Then(DpActionType.PushMpls, 0x8847, new DpPushMpls { Lse = 0x00064140 });
                    break;
                case "push and pop":
                    w.Then(DpActionType.PushVlan, 0x81000005).Then(DpActionType.PopVlan);
                    break;
            }

            w.Add(DpActionType.Output, 2);
        }));
        Put(datapath, 1, 5, Programs.Output(2));
        ulong before = Interface("h2"), destination = what switch
        {
            "another address" => 0x020000000044,
            "broadcast" => 0xffffffffffff,
            "set eth_dst to it" => 0x020000000033,
            _ => Second,
        };
        _from.Send(Frame(destination));

        Assert.That(Arrived, Is.True.After(30_000, 5), "it came out");
        DpPortStats stats = datapath.ReadPortStats(2)!;
        Assert.That(stats.PeerTx, Is.EqualTo(isShort ? 1 : 0));
        Assert.That(stats.PeerTxBytes, Is.EqualTo(isShort ? (ulong)Frame(Second).Length : 0));
        Assert.That(Interface("h2") - before, Is.EqualTo(isShort ? 0 : 1), "each packet is counted once");
        Accounts.Balance(datapath);
    });

    /// <summary>Down for OpenFlow, or switched off: no packet comes out, or by the usual way.</summary>
    [Test]
    public void Flags_hold_and_it_can_be_switched_off_and_on() => InSwitch(datapath =>
    {
        Put(datapath, 1, 0, Programs.Output(2));
        datapath.SetPortPeer(2, Second);
        datapath.SetPortFlags(2, DpPortFlags.NoFwd);
        _from.Send(Frame(Second));
        Assert.That(() => datapath.ReadDatapathStats().Drops[(int)DropReason.NoOutPort], Is.EqualTo(1).After(30_000, 5));
        datapath.SetPortFlags(2, DpPortFlags.None);
        Through(datapath, peer: 1);
        datapath.SetPortPeer(2, null);
        Through(datapath, peer: 1);
        datapath.SetPortPeer(2, First); // somebody else's address
        Through(datapath, peer: 1);
        datapath.SetPortPeer(2, Second);
        Through(datapath, peer: 2);
        Assert.That(() => datapath.SetPortPeer(77, null), Throws.ArgumentException);
    });

    private void Through(EbpfDatapath datapath, ulong peer)
    {
        _from.Send(Frame(Second));
        Assert.That(Arrived, Is.True.After(30_000, 5));
        Assert.That(datapath.ReadPortStats(2)!.PeerTx, Is.EqualTo(peer));
    }

    /// <summary>Whether one of our frames came; hosts may have something to say of their own.</summary>
    private bool Arrived()
    {
        while (_to.TryReceive(out byte[] frame))
        {
            if (frame.AsSpan().EndsWith(new byte[30]))
            {
                return true;
            }
        }

        return false;
    }

    private void InSwitch(Action<EbpfDatapath> test) => _net.Inside(() =>
    {
        using EbpfDatapath datapath = new(KernelFixture.Small);
        Command.Run("ip", "link", "add", "p3", "type", "veth", "peer", "name", "p3h");
        Command.Run("ip", "link", "set", "p3", "up");
        Command.Run("ip", "link", "set", "p3h", "up");
        foreach ((uint number, string name) in new[] { (1u, "h1"), (2u, "h2"), (3u, "p3") })
        {
            datapath.AddPort(new DpPort(number, name, PrivateNetwork.IfIndex(name)));
        }

        Assert.That(datapath.SetMeter(1, new DpMeter(true, [new DpMeterBand(DpBandType.Drop, 1000)])), Is.True);
        test(datapath);
    });

    private static void Put(EbpfDatapath datapath, uint port, uint recirc, DpActions actions) => Assert.That(
        datapath.PutFlow(new FlowKey { InPort = port, RecircId = recirc }, new FlowKey { InPort = uint.MaxValue, RecircId = uint.MaxValue }, actions), Is.Not.Null);

    private static byte[] Frame(ulong destination) => Testing.Packets.Frame(
        $"udp,dl_src=02:00:00:00:00:01,dl_dst={string.Join(':', Enumerable.Range(0, 6).Select(i => ((byte)(destination >> (40 - (8 * i)))).ToString("x2", null)))},nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_ttl=64,tp_src=1,tp_dst=2",
        new byte[30]);

    /// <summary>Packets that an interface of the switch has sent.</summary>
    private ulong Interface(string name)
    {
        using LinkTable links = new();
        return links.Find(PrivateNetwork.IfIndex(name))!.Value.Counters.TxPackets;
    }

    private PacketSocket Open(string host)
    {
        PacketSocket? socket = null;
        Netns.Inside(_net.NamespaceOf(host), () => socket = new PacketSocket(PrivateNetwork.IfIndex("eth0")));
        return socket!;
    }
}
