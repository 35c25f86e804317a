using OvsBridge.Datapath.Tests.Packets;

namespace OvsBridge.Datapath.Tests.Contract;

public abstract partial class DatapathContract
{
    [Test]
    public void Statistics_count_packets_bytes_and_tcp_flags_and_tell_the_last_use()
    {
        MegaflowHandle flow = PutPortFlow(1, Programs.Output(2));
        Assert.That(Datapath.ReadStats(flow), Is.EqualTo(default(MegaflowStats)));
        byte[] syn = FrameBuilder.Ethernet(0x0800).Ipv4(6).Tcp(1, 2, 0x002).Counting(10).ToArray();
        byte[] fin = FrameBuilder.Ethernet(0x8100).Vlan(7, 0x0800).Ipv4(6).Tcp(1, 2, 0x811).Counting(100).ToArray();

        Through(1, syn);
        MegaflowStats first = Datapath.ReadStats(flow);
        Through(1, fin);
        MegaflowStats second = Datapath.ReadStats(flow);

        Assert.Multiple(() =>
        {
            Assert.That(first.Packets, Is.EqualTo(1));
            Assert.That(first.Bytes, Is.EqualTo(syn.Length));
            Assert.That(first.TcpFlags, Is.EqualTo(0x002));
            Assert.That(first.UsedNs, Is.Positive);
            Assert.That(second.Packets, Is.EqualTo(2));
            Assert.That(second.Bytes, Is.EqualTo(syn.Length + fin.Length), "with the VLAN tag");
            Assert.That(second.TcpFlags, Is.EqualTo(0x813));
            Assert.That(second.UsedNs, Is.GreaterThanOrEqualTo(first.UsedNs));
            Assert.That(second.UsedNs, Is.EqualTo(MonotonicNs()).Within(60_000_000_000), "CLOCK_MONOTONIC");
        });
        Assert.That(Remove(flow), Is.EqualTo(second));
    }

    [Test]
    public void Final_statistics_are_in_the_order_of_the_flows()
    {
        MegaflowHandle one = PutPortFlow(1, Programs.Output(2)), two = PutPortFlow(2, Programs.Output(1)), three = PutPortFlow(3, Programs.Output(1));
        Inject(2, Udp());
        Inject(3, Udp());
        Inject(3, Udp());
        Settle();

        MegaflowStats[] final = new MegaflowStats[3];
        Datapath.RemoveFlows([three, one, two], final);

        Assert.That(final.Select(s => s.Packets), Is.EqualTo(new ulong[] { 2, 0, 1 }));
    }

    [Test]
    public void Room_for_final_statistics_must_match()
    {
        MegaflowHandle flow = PutPortFlow(1, Programs.Output(2));

        Assert.That(() => Datapath.RemoveFlows([flow], []), Throws.ArgumentException);
        Assert.That(Datapath.FlowCount, Is.EqualTo(1));
    }

    /// <summary>Nothing that enters is lost from sight.</summary>
    [Test]
    public void Counters_add_up()
    {
        DatapathStats before = Datapath.ReadDatapathStats();
        MegaflowHandle forward = PutPortFlow(1, Programs.Output(2, 3));
        MegaflowHandle drop = PutPortFlow(2, DpActions.Drop);
        Datapath.SetPortFlags(4, DpPortFlags.NoRecv);
        for (int i = 0; i < 10; i++)
        {
            Inject(1, Udp());
            Inject(1, Udp());
            Inject(2, Udp());
            Inject(3, Udp());
            Inject(4, Udp());
        }

        Settle();
        Assert.That(_sink.Take(10), Has.Count.EqualTo(10));
        DatapathStats after = Datapath.ReadDatapathStats();

        Assert.Multiple(() =>
        {
            Assert.That(after.Rx - before.Rx, Is.EqualTo(50));
            Assert.That(after.Hit - before.Hit, Is.EqualTo(30));
            Assert.That(after.Miss - before.Miss, Is.EqualTo(10));
            Assert.That(after.Upcalls - before.Upcalls, Is.EqualTo(10));
            Assert.That(after.Lost - before.Lost, Is.Zero);
            Assert.That(after.Tx - before.Tx, Is.EqualTo(40));
            Assert.That(Dropped(after, DropReason.Action) - Dropped(before, DropReason.Action), Is.EqualTo(10));
            Assert.That(Dropped(after, DropReason.PortNoRecv) - Dropped(before, DropReason.PortNoRecv), Is.EqualTo(10));
            Assert.That(after.Flows, Is.EqualTo(2));
            Assert.That(after.Masks, Is.EqualTo(1));
            Assert.That(after.MasksTried, Is.GreaterThan(before.MasksTried));
            Assert.That(Datapath.ReadStats(forward).Packets + Datapath.ReadStats(drop).Packets, Is.EqualTo(after.Hit - before.Hit));
        });
    }

    [Test]
    public void Execute_runs_a_program_on_a_packet_of_user_space()
    {
        byte[] frame = Udp();
        DpPacket packet = new();
        packet.Load(frame, 1);

        Datapath.Execute(packet, Programs.Of(w => w.Then(DpActionType.Output, 2).SetEthDst(0x0a0000000001).Then(DpActionType.Output, 3).Then(DpActionType.Output, 999)), null);

        Assert.That(Sent(), Is.EqualTo(new[] { At(2, frame), At(3, [0x0a, 0, 0, 0, 0, 1, .. frame.AsSpan(6)]) }));
    }

    [Test]
    public void Executed_packets_that_may_wait_are_sent_in_order_when_they_need_not_any_more()
    {
        DpPacket packet = new();
        for (int i = 1; i <= 3; i++)
        {
            packet.Load(Udp(i), 1);
            Datapath.Execute(packet, Programs.Output(2), null, mayWait: true);
        }

        Datapath.SendWaiting();

        Assert.That(Sent(), Is.EqualTo(new[] { At(2, Udp(1)), At(2, Udp(2)), At(2, Udp(3)) }));
    }

    [Test]
    public void Execute_calls_the_sink_at_once()
    {
        byte[] frame = Udp();
        RecordingSink sink = new();
        int thread = 0;
        sink.Then = _ => thread = Environment.CurrentManagedThreadId;
        DpPacket packet = new();
        packet.Load(frame, 1);

        Datapath.Execute(packet, Programs.Of(w => w.SetEthDst(0x0a0000000001).Userspace(UpcallReason.Controller, 6, 30)), sink);

        Assert.That(thread, Is.EqualTo(Environment.CurrentManagedThreadId));
        sink.OnBatchEnd();
        RecordedUpcall upcall = sink.Take(1).Single();
        Assert.Multiple(() =>
        {
            Assert.That(upcall.Packet, Is.EqualTo(new byte[] { 0x0a, 0, 0, 0, 0, 1 }.Concat(frame[6..30])));
            Assert.That(upcall.Length, Is.EqualTo(frame.Length));
            Assert.That(upcall.Cookie, Is.EqualTo(6));
            Assert.That(upcall.Key, Is.EqualTo(KeyOf(1, frame)));
        });
        Assert.That(_sink.Take(), Is.Empty);
    }

    [Test]
    public void Execute_without_a_sink_drops_what_is_for_user_space()
    {
        DpPacket packet = new();
        packet.Load(Udp(), 1);

        Datapath.Execute(packet, Programs.Of(w => w.Userspace(UpcallReason.Controller, 6).Then(DpActionType.Output, 2)), null);

        Assert.That(Sent(), Has.Count.EqualTo(1));
        Assert.That(_sink.Take(), Is.Empty);
    }

    [Test]
    public void Executed_packets_come_before_those_that_the_flow_serves()
    {
        PutPortFlow(1, Programs.Output(2));
        DpPacket packet = new();
        packet.Load(Udp(1), 1);
        Datapath.Execute(packet, Programs.Output(2), null);
        Inject(1, Udp(2));

        Assert.That(Sent(), Is.EqualTo(new[] { At(2, Udp(1)), At(2, Udp(2)) }));
    }

    [Test]
    public void Synchronize_returns()
    {
        PutPortFlow(1, Programs.Output(2));
        Inject(1, Udp());
        Datapath.Synchronize();

        Assert.That(Sent(), Has.Count.EqualTo(1));
    }

    private static ulong MonotonicNs() => (ulong)TimeProvider.System.GetElapsedTime(0).Ticks * 100;
}
