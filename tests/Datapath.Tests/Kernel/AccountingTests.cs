using OvsBridge.Datapath.Ebpf;
using OvsBridge.Datapath.Interop;
using OvsBridge.Datapath.Tests.Contract;
using OvsBridge.Datapath.Tests.Packets;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.Testing;

namespace OvsBridge.Datapath.Tests.Kernel;

/// <summary>Every packet that enters has an end that is counted, whatever happens (docs/datapath-abi.md, "Every packet has an end").</summary>
[TestFixture]
[Category("Kernel")]
public sealed class AccountingTests
{
    private const int Ports = 4, Frames = 15_000;
    private const uint Unstable = 4;

    [SetUp]
    public void Check() => KernelFixture.NeedsRoot();

    /// <summary>
    /// Two threads send frames of all kinds, right ones and odd ones, into random megaflows with random programs: outputs to ports that are there or not, copies for
    /// user space, meters, samples, rounds, rewrites that do not fit. Meanwhile programs are exchanged, flags set, and a port comes and goes.
    /// The ring is small and nobody reads, then somebody does; two ports have budgets.
    /// </summary>
    [TestCase(1)]
    [TestCase(2)]
    [TestCase(3)]
    public void Sums_match_whatever_happens(int seed)
    {
        Random random = new(seed);
        using EbpfHarness harness = new(KernelFixture.Small with { UpcallRingBytes = 1 << 15 }, ports: 0);
        EbpfDatapath datapath = harness.Datapath;
        DpPort[] ports = [.. Enumerable.Range(1, Ports).Select(n => new DpPort((uint)n, harness.Wire((uint)n).Name, harness.Wire((uint)n).IfIndex) { UpcallRate = n <= 2 ? 20u : 0 })];
        foreach (DpPort port in ports)
        {
            datapath.AddPort(port);
        }

        Assert.That(datapath.SetMeter(1, new DpMeter(true, [new DpMeterBand(DpBandType.Drop, 10)])), Is.True);
        List<MegaflowHandle> flows = [.. RandomFlows(random).Select(flow => datapath.PutFlow(flow.Key, flow.Mask, RandomProgram(random))!)];
        datapath.ReplaceActions(flows[^1], Programs.Of(w => w.Add(DpActionType.Recirc, 4))); // round and round
        datapath.SamplePackets(5, _ => { });
        Thread[] senders = [.. Enumerable.Range(0, 2).Select(i => new Thread(() => Send(harness, new RandomFrames(seed * 10 + i), new Random(seed * 10 + i))))];
        foreach (Thread sender in senders)
        {
            sender.Start();
        }

        bool there = true, read = false;
        for (int round = 0; senders.Any(sender => sender.IsAlive); round++)
        {
            datapath.ReplaceActions(flows[random.Next(flows.Count - 1)], RandomProgram(random));
            datapath.SetPortFlags(3, (DpPortFlags)(random.Next(4) << 1));
            if (round % 7 == 0)
            {
                there = !there;
                if (there)
                {
                    datapath.AddPort(ports[Unstable - 1]);
                }
                else
                {
                    datapath.RemovePort(Unstable);
                }
            }

            if (!read && datapath.ReadDatapathStats().Lost > 0)
            {
                read = true;
                datapath.StartUpcalls(new RecordingSink());
            }

            Thread.Yield();
        }

        foreach (Thread sender in senders)
        {
            sender.Join();
        }

        Accounts.Balance(datapath);
        DatapathStats stats = datapath.ReadDatapathStats();
        TestContext.Out.WriteLine(stats + " " + string.Join(',', stats.Drops));
        DpPortStats[] own = [.. Enumerable.Range(1, (int)Unstable - 1).Select(n => datapath.ReadPortStats((uint)n)!)];
        Assert.Multiple(() =>
        {
            Assert.That(stats.Rx, Is.GreaterThan((ulong)Frames), "the test shows nothing");
            Assert.That(new[] { stats.Tx, stats.Upcalls, stats.Lost, stats.Copies, stats.Consumed, stats.Recirculated }, Has.None.Zero, "each kind of end was there");
            foreach (DropReason reason in new[] { DropReason.Action, DropReason.UpcallLimit, DropReason.UpcallLost, DropReason.NoOutPort, DropReason.ActionError, DropReason.Meter, DropReason.Explicit, DropReason.RecircLimit })
            {
                Assert.That(stats.Drops[(int)reason], Is.Positive, reason.ToString());
            }

            Assert.That(own.Aggregate(0ul, (sum, port) => sum + port.Drops[(int)DropReason.UpcallLimit]), Is.EqualTo(stats.Drops[(int)DropReason.UpcallLimit]), "by port");
            for (int reason = 0; reason < DropReasons.Count; reason++)
            {
                int r = reason;
                Assert.That(own.Aggregate(0ul, (sum, port) => sum + port.Drops[r]), Is.AtMost(stats.Drops[r]), ((DropReason)r).ToString());
            }
        });
    }

    /// <summary>A storm at one port, as many as it can; the other port's packets all come up.</summary>
    [Test]
    public void Storm_at_one_port_takes_nothing_from_another()
    {
        const int Storm = 20_000, Others = 200, Rate = 100;
        using EbpfHarness harness = new(KernelFixture.Small with { UpcallRingBytes = 1 << 16 }, ports: 0);
        EbpfDatapath datapath = harness.Datapath;
        for (uint n = 1; n <= 2; n++)
        {
            datapath.AddPort(new DpPort(n, harness.Wire(n).Name, harness.Wire(n).IfIndex) { UpcallRate = n == 1 ? Rate : 0u });
        }

        // The ring has room for what the storm may send, and nobody reads: all that is lost, is lost to the storm.
        harness.Put(2, Programs.Of(w => w.Userspace(UpcallReason.Controller, 1, 0)));
        using PinnedThread pinned = new();
        RandomFrames frames = new(1);
        for (int i = 0; i < Storm; i++)
        {
            harness.Inject(1, frames.Next());
            if (i % (Storm / Others) == 0)
            {
                harness.Inject(2, frames.Next());
            }
        }

        harness.Settle();
        Accounts.Balance(datapath);
        DpPortStats storm = datapath.ReadPortStats(1)!, others = datapath.ReadPortStats(2)!;
        Assert.That(others.Upcalls + others.Drops[(int)DropReason.UpcallLost], Is.EqualTo(Others));
        Assert.That(others.Drops[(int)DropReason.UpcallLimit], Is.Zero);
        Assert.That(storm.Drops[(int)DropReason.UpcallLimit], Is.GreaterThan((ulong)Storm / 2));
        Assert.That(storm.Upcalls + storm.Drops.Aggregate((a, b) => a + b), Is.EqualTo(Storm));
    }

    private static void Send(EbpfHarness harness, RandomFrames frames, Random random)
    {
        for (int i = 0; i < Frames; i++)
        {
            harness.Wire((uint)random.Next(1, Ports + 1)).Host.Send(random.Next(3) == 0 ? frames.NextOdd() : frames.Next());
        }
    }

    private static IEnumerable<(FlowKey Key, FlowKey Mask)> RandomFlows(Random random)
    {
        for (uint port = 1; port <= Ports; port++)
        {
            foreach (ushort type in new ushort[] { 0x0800, 0x86dd, 0x8847, 0x0806 })
            {
                if (random.Next(4) > 0)
                {
                    yield return (new FlowKey { InPort = port, EthType = type }, new FlowKey { InPort = uint.MaxValue, RecircId = uint.MaxValue, EthType = 0xffff });
                }
            }
        }

        // Rounds: some end, one goes on for ever, and some ids have no megaflow.
        for (uint recirc = 1; recirc <= 4; recirc++)
        {
            yield return (new FlowKey { RecircId = recirc }, new FlowKey { RecircId = uint.MaxValue });
        }
    }

    private static DpActions RandomProgram(Random random) => Programs.Of(w =>
    {
        for (int i = random.Next(6); i > 0; i--)
        {
            RandomAction(w, random);
        }

        if (random.Next(4) == 0)
        {
            w.Add(DpActionType.Recirc, (uint)random.Next(1, 7));
        }
    });

    private static void RandomAction(DpActionWriter w, Random random)
    {
        switch (random.Next(13))
        {
            case < 3:
                w.Add(DpActionType.Output, (uint)random.Next(1, Ports + 2));
                break;
            case 3:
                w.Userspace(UpcallReason.Controller, 1, (uint)random.Next(200));
                break;
            case 4:
                w.Then(DpActionType.Userspace, (uint)UpcallReason.SlowPath, new DpUserspace { MaxLen = 100, Meter = 2 });
                break;
            case 5:
                w.Then(DpActionType.Sample, uint.MaxValue / 2, new DpUserspace { MaxLen = 100 });
                break;
            case 6:
                w.Add(DpActionType.Meter, 1);
                break;
            case 7:
                w.Then(DpActionType.PushVlan, 0x81000005);
                break;
            case 8:
                w.Then(DpActionType.PopVlan);
                break;
            case 9:
                w.SetEthDst((ulong)random.Next());
                break;
            case 10:
                w.Then(DpActionType.DecTtl);
                break;
            case 11:
                w.Then(DpActionType.PopMpls, 0x0800);
                break;
            default:
                w.Add(DpActionType.Drop);
                break;
        }
    }
}
