using OvsBridge.Datapath.Ebpf;
using OvsBridge.Datapath.Tests.Contract;
using OvsBridge.Datapath.Tests.Packets;
using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.Datapath.Tests.Kernel;

/// <summary>What only the kernel's table has: limits of its maps, buckets that overflow, the order of masks, and reuse.</summary>
[TestFixture]
[Category("Kernel")]
public sealed class FlowTableTests
{
    [SetUp]
    public void Check() => KernelFixture.NeedsRoot();

    [Test]
    public void Full_table_refuses_and_counts_and_has_room_again_after_a_removal()
    {
        using EbpfHarness harness = new(KernelFixture.Small with { MaxFlows = 100 });
        FlowKey mask = Mask(tpDst: 0xffff);
        List<MegaflowHandle> flows = [];
        for (int i = 0; i < 100; i++)
        {
            flows.Add(harness.Datapath.PutFlow(Key(i), mask, Programs.Output(2))!);
        }

        Assert.That(flows, Is.All.Not.Null);
        Assert.That(harness.Datapath.PutFlow(Key(100), mask, Programs.Output(2)), Is.Null);
        Assert.That(harness.Datapath.Flows.Refused, Is.EqualTo(1));
        Assert.That(harness.Datapath.FlowCount, Is.EqualTo(100));

        harness.Datapath.RemoveFlows([flows[50]], new MegaflowStats[1]);
        Assert.That(harness.Datapath.PutFlow(Key(100), mask, Programs.Output(2)), Is.Not.Null);
        foreach (int i in new[] { 0, 49, 51, 99, 100 })
        {
            harness.Inject(1, Frame(i));
        }

        Assert.That(harness.Receive(2, 5), Has.Count.EqualTo(5));
    }

    [Test]
    public void Every_one_of_256_masks_is_searched_and_one_more_is_refused()
    {
        using EbpfHarness harness = new();
        List<MegaflowHandle> flows = [];
        for (int i = 0; i < 256; i++)
        {
            flows.Add(harness.Datapath.PutFlow(Key(i), DistinctMask(i), Programs.Output(2))!);
        }

        Assert.That(flows, Is.All.Not.Null);
        Assert.That(harness.Datapath.ReadDatapathStats().Masks, Is.EqualTo(256));
        Assert.That(harness.Datapath.PutFlow(Key(256), DistinctMask(256), Programs.Output(2)), Is.Null);
        Assert.That(harness.Datapath.PutFlow(Key(999), DistinctMask(0), Programs.Output(2)), Is.Not.Null, "a mask that is there has room");

        for (int i = 0; i < 256; i += 5)
        {
            harness.Inject(1, Frame(i));
        }

        Assert.That(harness.Receive(2, 52), Has.Count.EqualTo(52));
        Assert.That(harness.Datapath.ReadDatapathStats().Miss, Is.Zero);
        harness.Datapath.RemoveFlows([.. flows], new MegaflowStats[flows.Count]);
        Assert.That(harness.Datapath.ReadDatapathStats().Masks, Is.EqualTo(1));
        Assert.That(harness.Datapath.PutFlow(Key(256), DistinctMask(256), Programs.Output(2)), Is.Not.Null);
    }

    /// <summary>With four buckets of seven slots, 17 flows fill some home buckets: what lies elsewhere is found too.</summary>
    [Test]
    public void Flow_that_is_not_in_its_home_bucket_is_found()
    {
        Assert.That(FlowTable.BucketsFor(17), Is.EqualTo(4));
        for (int round = 0; round < 60; round++)
        {
            using EbpfHarness harness = new(KernelFixture.Small with { MaxFlows = 17 });
            FlowKey mask = Mask(tpDst: 0xffff);
            List<EbpfMegaflow> flows = [];
            for (int i = 0; i < 17; i++)
            {
                if (harness.Datapath.PutFlow(Key(i), mask, Programs.Output(2)) is EbpfMegaflow flow)
                {
                    flows.Add(flow);
                }
            }

            if (flows.Count < 17)
            {
                continue; // by this seed, both buckets of a flow are full: refused, rightly
            }

            for (int i = 0; i < 17; i++)
            {
                harness.Inject(1, Frame(i));
            }

            harness.Receive(2, 17);
            Assert.That(flows.Select(f => harness.Datapath.ReadStats(f).Packets), Is.All.EqualTo(1));
            bool overflowed = flows.Any(f => f.Bucket != f.Home);
            harness.Datapath.RemoveFlows([.. flows.Where(f => f.Bucket == f.Home)], new MegaflowStats[flows.Count(f => f.Bucket == f.Home)]);
            for (int i = 0; i < 17; i++)
            {
                harness.Inject(1, Frame(i));
            }

            harness.Receive(2, flows.Count(f => f.Bucket != f.Home));
            harness.Settle();
            Assert.That(harness.Datapath.ReadDatapathStats().Miss, Is.EqualTo(flows.Count(f => f.Bucket == f.Home)));
            if (overflowed)
            {
                return; // the seed is random: most tables overflow, none of sixty hardly ever
            }
        }

        Assert.Fail("no bucket overflowed in sixty tables");
    }

    [Test]
    public void Action_blocks_run_out_and_come_back()
    {
        using EbpfHarness harness = new(KernelFixture.Small with { MaxFlows = 8 });
        FlowKey mask = Mask(tpDst: 0xffff);
        DpActions large = Programs.Of(w =>
        {
            for (ulong i = 0; i < 20; i++)
            {
                w.SetEthDst(i); // 40 bytes each: two a block
            }

            w.Add(DpActionType.Output, 2);
        });

        Assert.That(harness.Datapath.PutFlow(Key(0), mask, large), Is.Null, "11 blocks of 8");
        Assert.That(harness.Datapath.FlowCount, Is.Zero);
        MegaflowHandle flow = harness.Datapath.PutFlow(Key(0), mask, Programs.Output(2))!;
        Assert.That(harness.Datapath.ReplaceActions(flow, large), Is.False);
        harness.Inject(1, Frame(0));
        Assert.That(harness.Receive(2, 1).Single(), Is.EqualTo(Frame(0)), "the old program stays");
    }

    [Test]
    public void Program_that_is_too_long_or_unknown_is_a_mistake()
    {
        using EbpfHarness harness = new();
        DpActions tooLong = Programs.Of(w =>
        {
            for (int i = 0; i <= harness.Datapath.Capabilities.MaxActions; i++)
            {
                w.Add(DpActionType.Output, 2);
            }
        });

        Assert.That(() => harness.Datapath.PutFlow(Key(0), default, tooLong), Throws.ArgumentException);
        Assert.That(() => harness.Datapath.PutFlow(Key(0), default, Programs.Of(w => w.Add(DpActionType.Trunc, 60))), Throws.ArgumentException);
        Assert.That(harness.Datapath.FlowCount, Is.Zero);
        Assert.That(harness.Datapath.ReadDatapathStats().Masks, Is.Zero);
    }

    [Test]
    public void Mask_that_is_hit_most_comes_first()
    {
        using EbpfHarness harness = new(KernelFixture.Small with { FlowCache = false });
        for (int i = 0; i < 10; i++)
        {
            harness.Datapath.PutFlow(Key(i), DistinctMask(i), Programs.Output(2));
        }

        for (int i = 0; i < 30; i++)
        {
            harness.Inject(1, Frame(i % 3 == 0 ? 3 : 7));
        }

        harness.Receive(2, 30);
        Assert.That(harness.Datapath.Flows.SortMasks(), Is.True);
        Assert.That(harness.Datapath.Flows.SortMasks(), Is.False, "nothing was hit since");

        DatapathStats before = harness.Datapath.ReadDatapathStats();
        harness.Inject(1, Frame(7));
        harness.Inject(1, Frame(3));
        harness.Receive(2, 2);
        Assert.That(harness.Datapath.ReadDatapathStats().MasksTried - before.MasksTried, Is.EqualTo(3), "one mask, then two");
        Assert.That(harness.Datapath.Flows.Masks[0].Mask, Is.EqualTo(DistinctMask(7)));
    }

    [Test]
    public void Cache_follows_changed_and_removed_flows_and_reused_numbers()
    {
        using EbpfHarness harness = new(KernelFixture.Small with { MaxFlows = 4 }, ports: 3);
        MegaflowHandle[] flows = [.. Enumerable.Range(0, 4).Select(i => harness.Datapath.PutFlow(Key(i), DistinctMask(i), Programs.Output(2))!)];
        Send(3, 2);
        Send(3, 2);
        Assert.That(harness.Datapath.ReadDatapathStats().CacheHit, Is.EqualTo(1), "the second one");
        Assert.That(harness.Datapath.ReadStats(flows[3]).Packets, Is.EqualTo(2), "counted as ever");

        harness.Datapath.ReplaceActions(flows[3], Programs.Output(3));
        Send(3, 3);
        Assert.That(harness.Datapath.ReadDatapathStats().CacheHit, Is.EqualTo(2));

        // Its number goes to a flow of another key, and back to one of the same key.
        harness.Datapath.RemoveFlows([flows[3]], new MegaflowStats[1]);
        harness.Inject(1, Frame(3));
        harness.Settle();
        Assert.That(harness.Datapath.ReadDatapathStats().Miss, Is.EqualTo(1), "removed");
        MegaflowHandle other = harness.Datapath.PutFlow(Key(9), DistinctMask(3), Programs.Output(3))!;
        Assert.That(((EbpfMegaflow)other).Index, Is.EqualTo(((EbpfMegaflow)flows[3]).Index));
        harness.Inject(1, Frame(3));
        harness.Settle();
        Assert.That(harness.Datapath.ReadDatapathStats().Miss, Is.EqualTo(2), "the number is another flow's");
        harness.Datapath.RemoveFlows([other], new MegaflowStats[1]);
        harness.Datapath.PutFlow(Key(3), DistinctMask(2), Programs.Output(2));
        Send(3, 2);

        void Send(int number, uint port)
        {
            harness.Inject(1, Frame(number));
            Assert.That(harness.Receive(port, 1).Single(), Is.EqualTo(Frame(number)));
        }
    }

    /// <summary>More flows than the cache has slots: it is asked less, and everything is found all the same.</summary>
    [Test]
    public void Cache_that_is_hit_seldom_is_not_asked()
    {
        using EbpfHarness harness = new();
        byte[] frame = Frame(0);
        for (int i = 0; i < 4; i++)
        {
            harness.Datapath.PutFlow(Key(i == 3 ? 0 : 1000 + i), i == 3 ? Mask(0xffff) : DistinctMask(i + 1), Programs.Output(2));
        }

        // each from another address, so never twice the same
        for (int i = 0; i < 3000; i++)
        {
            frame[6] = 2;
            frame[10] = (byte)(i >> 8);
            frame[11] = (byte)i;
            TestPrograms.Run(harness.Datapath.ProgramFd, frame, ifIndex: harness.Wire(1).IfIndex);
        }

        // and now always the same, on whichever CPU: a cache that is asked knows it from the second time on
        DatapathStats before = harness.Datapath.ReadDatapathStats();
        TestPrograms.Run(harness.Datapath.ProgramFd, frame, repeat: 500, ifIndex: harness.Wire(1).IfIndex);
        DatapathStats after = harness.Datapath.ReadDatapathStats();
        Assert.That(after.Hit - before.Hit, Is.EqualTo(500));
        Assert.That(after.Miss, Is.Zero);
        Assert.That(after.CacheHit, Is.LessThan(500), "not asked, at least on the CPU that saw 1,024 misses");
    }

    /// <summary>
    /// Numbers of flows, masks and blocks are reused all the time while packets run: each packet must leave by the port of the
    /// flow that has its key. A reference followed too late, or a number reused too early, would send it elsewhere.
    /// </summary>
    [Test]
    public async Task Reuse_never_sends_a_packet_by_another_flow([Values] bool cache)
    {
        using EbpfHarness harness = new(KernelFixture.Small with { MaxFlows = 16, FlowCache = cache }, ports: 3);
        for (int i = 0; i < 3; i++)
        {
            // with so many masks the cache is asked; its slots then name numbers that were reused, or are just being written
            harness.Datapath.PutFlow(Key(1000 + i), DistinctMask(100 + i), Programs.Output(1));
        }

        bool done = false;
        int rounds = 0;
        Task churning = Task.Run(() =>
        {
            MegaflowStats[] final = new MegaflowStats[8];
            do
            {
                // Even tp_dst to port 2, odd ones to port 3; masks and programs differ, so that they come and go too.
                MegaflowHandle[] flows = [.. Enumerable.Range(0, 8).Select(i => harness.Datapath.PutFlow(
                    Key((rounds + i) % 32),
                    DistinctMask((rounds % 5) + 1),
                    Programs.Of(w => w.SetEthDst((ulong)(rounds + i) % 32).Then(DpActionType.Output, (uint)(2 + ((rounds + i) % 2)))))!)];
                harness.Datapath.RemoveFlows(flows, final);
                Volatile.Write(ref rounds, rounds + 1);
            }
            while (!Volatile.Read(ref done));
        });

        // A thousand packets without a flow would have the cache paused for longer than the test.
        Assert.That(SpinWait.SpinUntil(() => Volatile.Read(ref rounds) > 10 || churning.IsCompleted, TimeSpan.FromSeconds(10)), "flows come and go");

        for (int i = 0; i < 20000; i++)
        {
            harness.Inject(1, Frame(i / 4 % 32)); // four of a kind: else the cache, which has no hits then, is soon paused
        }

        harness.Settle();
        Volatile.Write(ref done, true);
        await churning;
        foreach (uint port in new uint[] { 2, 3 })
        {
            foreach (byte[] frame in harness.Receive(port, 0))
            {
                int number = frame[37];
                Assert.That(number % 2, Is.EqualTo((int)port - 2), "left by the port of the flow");
                Assert.That(frame[5], Is.EqualTo(number), "with the address of the flow's program");
            }
        }

        DatapathStats stats = harness.Datapath.ReadDatapathStats();
        Assert.That(stats.Hit + stats.Miss, Is.EqualTo(20000));
        Assert.That(stats.Hit, Is.Positive);
        Assert.That(stats.CacheHit, cache ? Is.Positive : Is.Zero);
        Assert.That(stats.Drops[(int)DropReason.BadProgram] + stats.Drops[(int)DropReason.TableBroken] + stats.Drops[(int)DropReason.Action], Is.Zero);
    }

    private static byte[] Frame(int number) => FrameBuilder.Ethernet(0x0800).Ipv4(17).Udp(1000, number).Counting(22).ToArray();

    private static FlowKey Key(int number)
    {
        Assert.That(PacketParser.TryParse(Frame(number), 1, out FlowKey key), Is.True);
        return key;
    }

    private static FlowKey Mask(ushort tpDst) => new() { InPort = uint.MaxValue, EthType = 0xffff, IpProto = 0xff, TpDst = tpDst };

    /// <summary>Masks that all tell the test's frames apart, but differ in bits that don't matter.</summary>
    private static FlowKey DistinctMask(int number)
    {
        FlowKey mask = Mask(0xffff);
        mask.Ipv4Src = (uint)(number & 0xff) << 8;
        mask.Ipv4Dst = (uint)(number >> 8);
        return mask;
    }
}
