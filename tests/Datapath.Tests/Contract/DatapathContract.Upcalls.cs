using OvsBridge.Datapath.Interop;
using OvsBridge.Datapath.Tests.Packets;
using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.Datapath.Tests.Contract;

public abstract partial class DatapathContract
{
    [Test]
    public void Packet_without_a_flow_comes_up_whole_with_its_key()
    {
        foreach (byte[] frame in FrameSamples.OneOfEachKind)
        {
            Inject(3, frame);
            RecordedUpcall upcall = _sink.Take(1).Single();

            Assert.Multiple(() =>
            {
                Assert.That(upcall.Reason, Is.EqualTo(UpcallReason.Miss));
                Assert.That(Convert.ToHexStringLower(upcall.Packet), Is.EqualTo(Convert.ToHexStringLower(frame)));
                Assert.That(upcall.Length, Is.EqualTo(frame.Length));
                Assert.That(upcall.GsoSize, Is.Zero);
                Assert.That(upcall.Cookie, Is.Zero);
                Assert.That(KeyText.Of(upcall.Key), Is.EqualTo(KeyText.Of(KeyOf(3, frame))));
                Assert.That(upcall.Key, Is.EqualTo(KeyOf(3, frame)), "padding too");
            });
        }
    }

    [Test]
    public void Upcalls_come_in_order_in_batches_that_end()
    {
        const int Count = 200;
        for (int i = 0; i < Count; i++)
        {
            Inject(1, Udp(i + 1));
        }

        Settle();
        IReadOnlyList<RecordedUpcall> upcalls = _sink.Take(Count);

        Assert.That(upcalls.Select(u => u.Key.TpSrc.Value), Is.EqualTo(Enumerable.Range(1, Count)));
        Assert.That(_sink.Batches.Sum(), Is.EqualTo(Count));
        Assert.That(_sink.Batches, Is.All.InRange(1, 64));
    }

    [Test]
    public void Flow_that_is_put_at_the_end_of_a_batch_serves_the_next_packet()
    {
        byte[] frame = Udp();
        RecordedUpcall? pending = null;
        _sink.Then = upcall =>
        {
            DpPacket packet = new();
            packet.Load(upcall.Packet, upcall.Key.InPort);
            Datapath.Execute(packet, Programs.Output(2), null);
            pending = upcall;
        };
        _sink.AtBatchEnd = () => Put(pending!.Key, ExactMask, Programs.Output(2));

        Inject(1, frame);
        _sink.Take(1);
        Inject(1, frame);

        Assert.That(Sent(), Is.EqualTo(new[] { At(2, frame), At(2, frame) }));
        Assert.That(_sink.Take(), Is.Empty);
    }

    [Test]
    public void Action_sends_the_packet_as_it_is_at_that_point_with_its_cookie_and_first_key()
    {
        byte[] frame = Udp();
        PutPortFlow(1, Programs.Of(w => w.SetEthDst(0x0a0b0c0d0e0f).Userspace(UpcallReason.Controller, 0x1122334455667788).Then(DpActionType.Output, 2)));
        byte[] changed = [0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, .. frame.AsSpan(6)];

        Assert.That(Through(1, frame), Is.EqualTo(new[] { At(2, changed) }));
        RecordedUpcall upcall = _sink.Take(1).Single();
        Assert.Multiple(() =>
        {
            Assert.That(upcall.Reason, Is.EqualTo(UpcallReason.Controller));
            Assert.That(upcall.Cookie, Is.EqualTo(0x1122334455667788));
            Assert.That(upcall.Packet, Is.EqualTo(changed));
            Assert.That(upcall.Key, Is.EqualTo(KeyOf(1, frame)));
        });
    }

    [Test]
    public void Action_sends_no_more_bytes_than_wanted_but_tells_the_true_length()
    {
        byte[] frame = Udp();
        PutPortFlow(1, Programs.Of(w => w.Userspace(UpcallReason.SlowPath, 5, 20)));

        Inject(1, frame);
        RecordedUpcall upcall = _sink.Take(1).Single();

        Assert.That(upcall.Packet, Is.EqualTo(frame[..20]));
        Assert.That(upcall.Length, Is.EqualTo(frame.Length));
        Assert.That(upcall.Reason, Is.EqualTo(UpcallReason.SlowPath));
    }

    [Test]
    public void Two_requests_of_one_program_come_up_in_order()
    {
        PutPortFlow(1, Programs.Of(w => w.Userspace(UpcallReason.Controller, 1).Userspace(UpcallReason.Controller, 2)));

        Inject(1, Udp());

        Assert.That(_sink.Take(2).Select(u => u.Cookie), Is.EqualTo(new ulong[] { 1, 2 }));
    }

    [TestCase(0)]
    [TestCase(1)]
    public void Packet_whose_ttl_runs_out_comes_up_and_goes_no_further(int ttl)
    {
        Needs(DpActionType.DecTtl);
        DpUserspace request = new() { Cookie = 77, MaxLen = DpUserspace.WholePacket };
        PutPortFlow(1, Programs.Of(w => w.Then(DpActionType.DecTtl, 0, request).Then(DpActionType.Output, 2)));
        byte[] frame = FrameBuilder.Ethernet(0x0800).Ipv4(17, ttl: ttl).Udp(1, 2).Counting(22).ToArray();

        Assert.That(Through(1, frame), Is.Empty);
        RecordedUpcall upcall = _sink.Take(1).Single();
        Assert.That(upcall.Reason, Is.EqualTo(UpcallReason.InvalidTtl));
        Assert.That(upcall.Cookie, Is.EqualTo(77));
        Assert.That(upcall.Packet, Is.EqualTo(frame));
    }

    [Test]
    public void Packet_that_goes_round_without_a_flow_comes_up_with_the_key_of_the_second_lookup()
    {
        Needs(DpActionType.Recirc, DpActionType.PushVlan);
        PutPortFlow(1, Programs.Of(w => w.Then(DpActionType.PushVlan, 0x81000064).Then(DpActionType.Recirc, 9)));
        byte[] frame = Udp();
        byte[] tagged = [.. frame.AsSpan(0, 12), 0x81, 0x00, 0x00, 0x64, .. frame.AsSpan(12)];
        FlowKey expected = KeyOf(1, tagged);
        expected.RecircId = 9;

        Inject(1, frame);
        RecordedUpcall upcall = _sink.Take(1).Single();

        Assert.That(upcall.Reason, Is.EqualTo(UpcallReason.Miss));
        Assert.That(KeyText.Of(upcall.Key), Is.EqualTo(KeyText.Of(expected)));
        Assert.That(upcall.Packet, Is.EqualTo(tagged));
    }

    [Test]
    public void Sample_with_probability_one_sends_every_packet_and_with_zero_none()
    {
        Needs(DpActionType.Sample);
        DpUserspace request = new() { Cookie = 3, MaxLen = 64 };
        PutPortFlow(1, Programs.Of(w => w.Then(DpActionType.Sample, uint.MaxValue, request)));
        PutPortFlow(2, Programs.Of(w => w.Then(DpActionType.Sample, 0, request)));
        for (int i = 0; i < 20; i++)
        {
            Inject(1, Udp());
            Inject(2, Udp());
        }

        Settle();
        IReadOnlyList<RecordedUpcall> upcalls = _sink.Take(20);
        Assert.That(upcalls, Has.Count.EqualTo(20));
        Assert.That(upcalls.Select(u => (u.Reason, u.Key.InPort)), Is.All.EqualTo((UpcallReason.Sample, 1u)));
    }
}
