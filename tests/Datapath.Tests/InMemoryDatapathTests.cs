using OvsBridge.Datapath.Memory;
using OvsBridge.Datapath.Tests.Contract;
using OvsBridge.Datapath.Tests.Packets;
using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.Datapath.Tests;

/// <summary>What is particular to <see cref="InMemoryDatapath"/>: delivery modes, limits, and calls from within callbacks.</summary>
[TestFixture]
public sealed class InMemoryDatapathTests
{
    [Test]
    public void Inline_upcalls_are_delivered_before_receive_returns()
    {
        using InMemoryDatapath datapath = Make(UpcallDelivery.Inline, out RecordingSink sink);

        datapath.Receive(1, FrameSamples.Tcp4);

        Assert.That(sink.Batches, Is.EqualTo(new[] { 1 }));
        Assert.That(sink.Take().Single().Packet, Is.EqualTo(FrameSamples.Tcp4));
    }

    [Test]
    public void Manual_upcalls_wait_for_their_delivery()
    {
        using InMemoryDatapath datapath = Make(UpcallDelivery.Manual, out RecordingSink sink);
        for (int i = 0; i < 130; i++)
        {
            datapath.Receive(1, FrameSamples.Tcp4);
        }

        Assert.That(sink.Batches, Is.Empty);
        datapath.DeliverUpcalls();
        Assert.That(sink.Batches, Is.EqualTo(new[] { 64, 64, 2 }));
    }

    [Test]
    public void Full_queue_loses_upcalls_and_counts_them()
    {
        using InMemoryDatapath datapath = Make(UpcallDelivery.Manual, out RecordingSink sink, new InMemoryDatapathOptions { UpcallQueue = 5 });
        for (int i = 0; i < 8; i++)
        {
            datapath.Receive(1, FrameSamples.Tcp4);
        }

        datapath.DeliverUpcalls();

        DatapathStats stats = datapath.ReadDatapathStats();
        Assert.Multiple(() =>
        {
            Assert.That(sink.Take(), Has.Count.EqualTo(5));
            Assert.That(stats.Miss, Is.EqualTo(8));
            Assert.That(stats.Upcalls, Is.EqualTo(5));
            Assert.That(stats.Lost, Is.EqualTo(3));
            Assert.That(stats.Drops[(int)DropReason.UpcallLost], Is.EqualTo(3));
        });
    }

    [Test]
    public void Upcalls_without_a_sink_are_lost()
    {
        using InMemoryDatapath datapath = new();
        datapath.AddPort(new DpPort(1, "a", 1));

        datapath.Receive(1, FrameSamples.Tcp4);

        Assert.That(datapath.ReadDatapathStats().Lost, Is.EqualTo(1));
    }

    [Test]
    public void Full_table_refuses_a_flow_and_keeps_the_others()
    {
        using InMemoryDatapath datapath = Make(UpcallDelivery.Inline, out _, new InMemoryDatapathOptions { MaxFlows = 2, MaxMasks = 1 });
        FlowKey mask = new() { InPort = uint.MaxValue }, other = new() { EthType = 0xffff };
        MegaflowHandle? first = datapath.PutFlow(new FlowKey { InPort = 1 }, mask, DpActions.Drop);

        Assert.That(first, Is.Not.Null);
        Assert.That(datapath.PutFlow(default, other, DpActions.Drop), Is.Null, "masks");
        Assert.That(datapath.PutFlow(new FlowKey { InPort = 2 }, mask, DpActions.Drop), Is.Not.Null);
        Assert.That(datapath.PutFlow(new FlowKey { InPort = 3 }, mask, DpActions.Drop), Is.Null, "flows");
        Assert.That(datapath.FlowCount, Is.EqualTo(2));

        datapath.RemoveFlows([first!], new MegaflowStats[1]);
        Assert.That(datapath.PutFlow(new FlowKey { InPort = 3 }, mask, DpActions.Drop), Is.Not.Null);
    }

    [Test]
    public void Flow_of_another_datapath_is_a_mistake()
    {
        using InMemoryDatapath datapath = Make(UpcallDelivery.Inline, out _), other = Make(UpcallDelivery.Inline, out _);
        MegaflowHandle flow = other.PutFlow(default, default, DpActions.Drop)!;

        Assert.That(() => datapath.ReadStats(flow), Throws.ArgumentException);
    }

    [Test]
    public void One_bad_handle_removes_no_flow()
    {
        using InMemoryDatapath datapath = Make(UpcallDelivery.Inline, out _), other = Make(UpcallDelivery.Inline, out _);
        MegaflowHandle own = datapath.PutFlow(default, default, DpActions.Drop)!, foreign = other.PutFlow(default, default, DpActions.Drop)!;

        Assert.That(() => datapath.RemoveFlows([own, foreign], new MegaflowStats[2]), Throws.ArgumentException);
        Assert.That(datapath.FlowCount, Is.EqualTo(1));
    }

    [Test]
    public void User_space_part_of_a_mask_does_not_count()
    {
        using InMemoryDatapath datapath = Make(UpcallDelivery.Inline, out RecordingSink sink);
        FlowKey key = new() { InPort = 1, Metadata = 5 }, mask = new() { InPort = uint.MaxValue, Metadata = ulong.MaxValue };
        datapath.PutFlow(key, mask, DpActions.Drop);

        datapath.Receive(1, FrameSamples.Tcp4);

        Assert.That(sink.Take(), Is.Empty);
    }

    [Test]
    public void Drops_before_the_lookup_are_counted()
    {
        using InMemoryDatapath datapath = Make(UpcallDelivery.Inline, out RecordingSink sink);
        datapath.Receive(99, FrameSamples.Tcp4);
        datapath.Receive(1, FrameSamples.Tcp4.AsSpan(0, 13));

        DatapathStats stats = datapath.ReadDatapathStats();
        Assert.Multiple(() =>
        {
            Assert.That(stats.Rx, Is.EqualTo(2));
            Assert.That(stats.Hit + stats.Miss, Is.Zero);
            Assert.That(stats.Drops[(int)DropReason.BadPort], Is.EqualTo(1));
            Assert.That(stats.Drops[(int)DropReason.TooShort], Is.EqualTo(1));
            Assert.That(sink.Take(), Is.Empty);
        });
    }

    /// <summary>Two bridges on each other's ports, hosts that answer at once: callbacks may call in again.</summary>
    [Test]
    public void Transmitted_frame_may_come_in_again_at_once()
    {
        using InMemoryDatapath datapath = Make(UpcallDelivery.Inline, out RecordingSink sink);
        List<uint> path = [];
        datapath.Transmitted += (port, frame) =>
        {
            path.Add(port);
            datapath.Receive(port + 1, frame.Span);
        };
        for (uint port = 1; port < 4; port++)
        {
            datapath.PutFlow(new FlowKey { InPort = port }, new FlowKey { InPort = uint.MaxValue }, Programs.Output(port));
        }

        datapath.Receive(1, FrameSamples.Tcp4);

        Assert.That(path, Is.EqualTo(new uint[] { 1, 2, 3 }));
        Assert.That(sink.Take().Single().Key.InPort, Is.EqualTo(4));
    }

    [Test]
    public void Sink_may_call_the_datapath()
    {
        using InMemoryDatapath datapath = Make(UpcallDelivery.Inline, out RecordingSink sink);
        List<uint> sent = [];
        datapath.Transmitted += (port, _) => sent.Add(port);
        sink.Then = upcall =>
        {
            DpPacket packet = new();
            packet.Load(upcall.Packet, upcall.Key.InPort);
            datapath.Execute(packet, Programs.Output(2), null);
            datapath.PutFlow(upcall.Key, new FlowKey { InPort = uint.MaxValue }, Programs.Output(3));
            datapath.Synchronize();
            datapath.Receive(1, FrameSamples.Udp4);
        };

        datapath.Receive(1, FrameSamples.Tcp4);

        Assert.That(sent, Is.EqualTo(new uint[] { 2, 3 }));
        Assert.That(sink.Take(), Has.Count.EqualTo(1));
    }

    [Test]
    public void Executed_packet_that_goes_round_finds_its_flow_or_the_sink()
    {
        using InMemoryDatapath datapath = Make(UpcallDelivery.Inline, out RecordingSink sink);
        List<uint> sent = [];
        datapath.Transmitted += (port, _) => sent.Add(port);
        FlowKey mask = new() { RecircId = uint.MaxValue };
        MegaflowHandle flow = datapath.PutFlow(new FlowKey { RecircId = 5 }, mask, Programs.Output(2))!;
        DpPacket packet = new();
        packet.Load(FrameSamples.Tcp4, 1);
        datapath.Execute(packet, Programs.Of(w => w.Then(DpActionType.Recirc, 5)), sink);
        packet.Load(FrameSamples.Tcp4, 1);
        datapath.Execute(packet, Programs.Of(w => w.Then(DpActionType.Recirc, 6)), sink);
        sink.OnBatchEnd();

        Assert.That(sent, Is.EqualTo(new uint[] { 2 }));
        Assert.That(datapath.ReadStats(flow).Packets, Is.EqualTo(1));
        Assert.That(sink.Take().Single().Key.RecircId, Is.EqualTo(6));
    }

    /// <summary>Many threads send, put and remove at once: every packet is accounted for.</summary>
    [Test]
    public void Threads_may_call_at_once()
    {
        const int Threads = 4, Packets = 2000;
        using InMemoryDatapath datapath = Make(UpcallDelivery.OwnThread, out RecordingSink sink);
        int sent = 0;
        datapath.Transmitted += (_, _) => Interlocked.Increment(ref sent);
        ulong counted = 0;
        Parallel.For(0, Threads, thread =>
        {
            FlowKey key = new() { InPort = (uint)thread + 1 }, mask = new() { InPort = uint.MaxValue };
            MegaflowStats[] final = new MegaflowStats[1];
            for (int i = 0; i < Packets; i++)
            {
                MegaflowHandle? flow = i % 3 == 0 ? null : datapath.PutFlow(key, mask, Programs.Output(1));
                datapath.Receive((uint)thread + 1, FrameSamples.Udp4);
                if (flow is not null)
                {
                    datapath.RemoveFlows([flow], final);
                    Interlocked.Add(ref counted, final[0].Packets);
                }
            }
        });
        datapath.WaitForUpcalls();

        DatapathStats stats = datapath.ReadDatapathStats();
        Assert.Multiple(() =>
        {
            Assert.That(stats.Rx, Is.EqualTo(Threads * Packets));
            Assert.That(stats.Hit, Is.EqualTo(counted));
            Assert.That(stats.Hit, Is.EqualTo((ulong)sent));
            Assert.That(stats.Hit + stats.Miss, Is.EqualTo(stats.Rx));
            Assert.That(stats.Upcalls + stats.Lost, Is.EqualTo(stats.Miss));
            Assert.That(sink.Take(), Has.Count.EqualTo((int)stats.Upcalls));
        });
    }

    [Test]
    public void Disposing_from_the_sink_does_not_hang()
    {
        InMemoryDatapath datapath = Make(UpcallDelivery.OwnThread, out RecordingSink sink);
        using ManualResetEventSlim disposed = new();
        sink.Then = _ =>
        {
            datapath.Dispose();
            disposed.Set();
        };

        datapath.Receive(1, FrameSamples.Tcp4);

        Assert.That(disposed.Wait(TimeSpan.FromSeconds(10)), Is.True);
        datapath.Dispose();
    }

    private static InMemoryDatapath Make(UpcallDelivery delivery, out RecordingSink sink, InMemoryDatapathOptions? options = null)
    {
        InMemoryDatapath datapath = new((options ?? new InMemoryDatapathOptions()) with { Delivery = delivery });
        for (uint port = 1; port <= 4; port++)
        {
            datapath.AddPort(new DpPort(port, $"p{port}", (int)port));
        }

        sink = new RecordingSink();
        datapath.StartUpcalls(sink);
        return datapath;
    }
}
