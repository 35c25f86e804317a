using System.Diagnostics;
using OvsBridge.Datapath.Interop;
using OvsBridge.Datapath.Tests.Packets;

namespace OvsBridge.Datapath.Tests.Contract;

public abstract partial class DatapathContract
{
    private const uint Slot = 7;

    private static DpMeter PacketMeter(params DpMeterBand[] bands) => new(true, bands);

    private static DpMeterBand DropBand(uint rate, uint burst) => new(DpBandType.Drop, rate, burst);

    private static DpMeterBand RemarkBand(uint rate, uint burst, byte levels = 1) => new(DpBandType.DscpRemark, rate, burst, levels);

    private static DpActions MeteredOutput(uint slot = Slot) => Programs.Of(w => w.Then(DpActionType.Meter, slot).Then(DpActionType.Output, 2));

    private void SetMeter(DpMeter meter, uint slot = Slot) => Assert.That(Datapath.SetMeter(slot, meter), Is.True);

    private DpMeterStats Meter(uint slot = Slot) => Datapath.ReadMeter(slot) ?? throw new AssertionException($"no meter in slot {slot}");

    /// <summary>How many packets a bucket of the rate 1 may have let through: those of the burst, and one for each second since.</summary>
    private static NUnit.Framework.Constraints.RangeConstraint Burst(int burst, long start) =>
        Is.InRange(burst, burst + (int)Math.Ceiling(Stopwatch.GetElapsedTime(start).TotalSeconds));

    [Test]
    public void Meter_drops_what_exceeds_it_and_counts_all()
    {
        long start = Stopwatch.GetTimestamp();
        SetMeter(PacketMeter(DropBand(1, 3)));
        PutPortFlow(1, MeteredOutput());
        byte[] frame = Udp();
        ulong before = Dropped(Datapath.ReadDatapathStats(), DropReason.Meter);
        for (int i = 0; i < 10; i++)
        {
            Inject(1, frame);
        }

        int sent = Sent().Count;
        ulong dropped = (ulong)(10 - sent);
        Assert.That(sent, Burst(3, start));
        Assert.That(Dropped(Datapath.ReadDatapathStats(), DropReason.Meter) - before, Is.EqualTo(dropped));
        Assert.That(Dropped(Datapath.ReadDatapathStats(), DropReason.Action), Is.Zero);
        Assert.That((Meter().Packets, Meter().Bytes), Is.EqualTo((10ul, 10ul * (ulong)frame.Length)));
        Assert.That(Meter().Bands, Is.EqualTo(new[] { (dropped, dropped * (ulong)frame.Length) }));
    }

    [Test]
    public void Meter_of_kilobits_counts_whole_frames_and_lets_a_larger_one_through_when_full()
    {
        long start = Stopwatch.GetTimestamp();
        SetMeter(new DpMeter(false, [DropBand(1, 4)])); // 500 bytes
        PutPortFlow(1, MeteredOutput());
        byte[] small = Udp(), large = FrameBuilder.Ethernet(0x0800).Ipv4(17).Udp(1, 2).Counting(950).ToArray();

        Assert.That(Through(1, large), Has.Count.EqualTo(1), "a full bucket");
        Assert.That(Through(1, small), Is.Empty, "which has to be paid off");
        Assert.That(Stopwatch.GetElapsedTime(start), Is.LessThan(TimeSpan.FromSeconds(4)), "too slow a machine to tell");

        SetMeter(new DpMeter(false, [DropBand(1, 4)]));
        int sent = 0;
        start = Stopwatch.GetTimestamp();
        for (int i = 0; i < 20; i++)
        {
            sent += Through(1, small).Count;
        }

        Assert.That(sent, Is.InRange(500 / small.Length, (500 + (125 * Math.Ceiling(Stopwatch.GetElapsedTime(start).TotalSeconds))) / small.Length));
    }

    [TestCase(0x28, 0x30)] // AF11 to AF12
    [TestCase(0x4b, 0x53)] // AF21 with ECN
    [TestCase(0x98, 0x98)] // AF43 is the highest already
    [TestCase(0xb8, 0xb8)] // EF has no drop precedence
    [TestCase(0x00, 0x00)]
    public void Remark_band_raises_the_drop_precedence(int tos, int remarked)
    {
        SetMeter(PacketMeter(RemarkBand(1, 1)));
        PutPortFlow(1, MeteredOutput());
        foreach (Func<int, byte[]> frame in new Func<int, byte[]>[]
        {
            t => FrameBuilder.Ethernet(0x0800).Ipv4(17, tos: t).Udp(1, 2).Counting(22).ToArray(),
            t => FrameBuilder.Ethernet(0x86dd).Ipv6(17, tos: t, label: 0xabcde).Udp(1, 2).Counting(22).ToArray(),
            t => FrameBuilder.Ethernet(0x8100).Vlan(5, 0x0800).Ipv4(17, tos: t).Udp(1, 2).Counting(22).ToArray(),
        })
        {
            long start = Stopwatch.GetTimestamp();
            SetMeter(PacketMeter(RemarkBand(1, 1)));
            Inject(1, frame(tos));
            Inject(1, frame(tos));
            IReadOnlyList<(uint, string)> sent = Sent();
            Assert.That(Stopwatch.GetElapsedTime(start), Is.LessThan(TimeSpan.FromSeconds(1)), "too slow a machine to tell");
            Assert.That(sent, Is.EqualTo(new[] { At(2, frame(tos)), At(2, frame(remarked)) }));
            Assert.That(Meter().Bands.Single().Packets, Is.EqualTo(1));
        }
    }

    [Test]
    public void Remark_band_leaves_alone_what_is_not_IP()
    {
        SetMeter(PacketMeter(RemarkBand(1, 1)));
        PutPortFlow(1, MeteredOutput());
        foreach (byte[] frame in FrameSamples.OneOfEachKind.Where(f => (ushort)KeyOf(1, f).EthType is not (0x0800 or 0x86dd)))
        {
            Assert.That(Through(1, frame), Is.EqualTo(new[] { At(2, frame) }));
        }
    }

    /// <summary>The band with the highest rate that is exceeded acts; what it drops takes no tokens from the others. In any order of bands.</summary>
    [TestCase(0, 1, 2)]
    [TestCase(2, 0, 1)]
    public void Of_several_bands_the_exceeded_one_with_the_highest_rate_acts(params int[] order)
    {
        DpMeterBand[] bands = [RemarkBand(1, 2, 1), RemarkBand(2, 5, 2), DropBand(3, 9)];
        long start = Stopwatch.GetTimestamp();
        SetMeter(PacketMeter([.. order.Select(i => bands[i])]));
        PutPortFlow(1, MeteredOutput());
        byte[] Frame(int tos) => FrameBuilder.Ethernet(0x0800).Ipv4(17, tos: tos).Udp(1, 2).Counting(22).ToArray();
        for (int i = 0; i < 12; i++)
        {
            Inject(1, Frame(0x28));
        }

        IReadOnlyList<(uint, string)> sent = Sent();
        Assert.That(Stopwatch.GetElapsedTime(start), Is.LessThan(TimeSpan.FromSeconds(0.33)), "too slow a machine to tell");
        Assert.That(sent, Is.EqualTo(Enumerable.Repeat(At(2, Frame(0x28)), 2)
            .Concat(Enumerable.Repeat(At(2, Frame(0x30)), 3)).Concat(Enumerable.Repeat(At(2, Frame(0x38)), 4))));
        Assert.That(Meter().Bands.Select(b => b.Packets), Is.EqualTo(order.Select(i => new[] { 3ul, 4ul, 3ul }[i])));
    }

    [Test]
    public void Meter_without_bands_counts_and_slot_without_meter_lets_pass()
    {
        PutPortFlow(1, MeteredOutput());
        Assert.That(Through(1, Udp()), Has.Count.EqualTo(1));
        Assert.That(Datapath.ReadMeter(Slot), Is.Null);

        SetMeter(PacketMeter());
        Assert.That(Through(1, Udp()), Has.Count.EqualTo(1));
        Assert.That((Meter().Packets, Meter().Bands.Count), Is.EqualTo((1ul, 0)));
        Assert.That(Datapath.RemoveMeter(Slot), Is.True);
        Assert.That(Datapath.RemoveMeter(Slot), Is.False);
        Assert.That(Datapath.ReadMeter(Slot), Is.Null);
        Assert.That(Through(1, Udp()), Has.Count.EqualTo(1));
    }

    [Test]
    public void Changed_meter_starts_with_full_buckets_and_its_own_counters_go_on()
    {
        SetMeter(PacketMeter(DropBand(1, 1)));
        PutPortFlow(1, MeteredOutput());
        Through(1, Udp());
        Through(1, Udp());

        SetMeter(PacketMeter(DropBand(1, 5), RemarkBand(2, 9)));

        Assert.That(Meter().Bands, Is.EqualTo(new[] { (0ul, 0ul), (0ul, 0ul) }));
        Assert.That(Through(1, Udp()), Has.Count.EqualTo(1));
        Assert.That(Meter().Packets, Is.EqualTo(3));
    }

    [Test]
    public void Slot_that_is_filled_anew_counts_from_0()
    {
        SetMeter(PacketMeter(DropBand(1, 1)));
        PutPortFlow(1, MeteredOutput());
        Through(1, Udp());
        Datapath.RemoveMeter(Slot);

        SetMeter(PacketMeter(DropBand(1, 1)));

        Assert.That(Meter(), Has.Property("Packets").Zero.And.Property("Bytes").Zero);
    }

    [Test]
    public void Copy_for_user_space_has_a_meter_of_its_own_and_the_packet_goes_on()
    {
        long start = Stopwatch.GetTimestamp();
        SetMeter(PacketMeter(DropBand(1, 2)), 0);
        PutPortFlow(1, Programs.Of(w => w
            .Then(DpActionType.Userspace, (uint)UpcallReason.Controller, new DpUserspace { Cookie = 5, MaxLen = DpUserspace.WholePacket, Meter = 1 })
            .Then(DpActionType.Output, 2)));
        ulong before = Dropped(Datapath.ReadDatapathStats(), DropReason.Meter);
        for (int i = 0; i < 6; i++)
        {
            Inject(1, Udp());
        }

        Assert.That(Sent(), Has.Count.EqualTo(6));
        ulong refused = Dropped(Datapath.ReadDatapathStats(), DropReason.Meter) - before;
        Assert.That(_sink.Take(6 - (int)refused), Has.Count.EqualTo(6 - (int)refused));
        Assert.That(6 - (int)refused, Burst(2, start));
        Assert.That(Meter(0).Bands.Single().Packets, Is.EqualTo(refused));
    }

    /// <summary>Packets in user space and those that the datapath received take tokens from one bucket.</summary>
    [Test]
    public void Executed_packets_and_received_ones_share_a_bucket()
    {
        long start = Stopwatch.GetTimestamp();
        SetMeter(PacketMeter(DropBand(1, 4)));
        PutPortFlow(1, MeteredOutput());
        for (int i = 0; i < 3; i++)
        {
            DpPacket packet = new();
            packet.Load(Udp(), 1);
            Datapath.Execute(packet, MeteredOutput(), null);
            Inject(1, Udp());
        }

        int sent = Sent().Count;
        Assert.That(sent, Burst(4, start));
        Assert.That((Meter().Packets, Meter().Bands.Single().Packets), Is.EqualTo((6ul, (ulong)(6 - sent))));
        Assert.That(Dropped(Datapath.ReadDatapathStats(), DropReason.Meter), Is.EqualTo(6 - sent));
    }

    [Test]
    public void What_makes_no_meter_is_a_mistake()
    {
        DpMeterBand band = DropBand(1, 1);
        Assert.Multiple(() =>
        {
            Assert.That(() => Datapath.SetMeter(Datapath.Capabilities.MaxMeters, PacketMeter(band)), Throws.ArgumentException);
            Assert.That(() => Datapath.SetMeter(1, PacketMeter(band with { Rate = 0 })), Throws.ArgumentException);
            Assert.That(() => Datapath.SetMeter(1, PacketMeter(band with { Type = (DpBandType)3 })), Throws.ArgumentException);
            Assert.That(() => Datapath.SetMeter(1, PacketMeter(RemarkBand(1, 1, 3))), Throws.ArgumentException);
            Assert.That(
                () => Datapath.SetMeter(1, PacketMeter([.. Enumerable.Repeat(band, Datapath.Capabilities.MaxBands + 1)])), Throws.ArgumentException);
            Assert.That(Datapath.ReadMeter(1), Is.Null);
        });
    }

    [Test]
    public void There_is_room_for_64k_meters_and_refused_ones_change_nothing()
    {
        uint slots = Datapath.Capabilities.MaxMeters;
        Assert.That(slots, Is.EqualTo(65536));
        for (uint slot = 0; slot < slots; slot++)
        {
            SetMeter(PacketMeter(DropBand(slot + 1, 1)), slot);
        }

        // As many again have room, and no more.
        DpMeterBand[] eight = [.. Enumerable.Repeat(DropBand(1, 1), 8)];
        uint changed = 0;
        while (Datapath.SetMeter(changed, PacketMeter(eight)))
        {
            changed++;
        }

        Assert.That(changed, Is.GreaterThanOrEqualTo(slots / 8 - 1));
        Assert.That(Meter(changed).Bands, Has.Count.EqualTo(1), "the one that was there");
        Assert.That(Enumerable.Range(0, (int)slots).Count(slot => Datapath.ReadMeter((uint)slot) is not null), Is.EqualTo(slots));
        Assert.That(Datapath.RemoveMeter(0), Is.True);
        SetMeter(PacketMeter(eight), changed);
    }

    /// <summary>Meters that come, change and go while packets pass them: each packet is sent or counted as dropped by a meter, and no band's counters tell of another's.</summary>
    [Test]
    public async Task Meter_may_change_and_go_while_packets_pass_it()
    {
        const int Total = 2000;
        PutPortFlow(1, MeteredOutput());
        DpMeter[] meters =
        [
            PacketMeter(DropBand(1_000_000, 1)), PacketMeter(RemarkBand(5, 5), DropBand(1000, 10), DropBand(7, 7)), PacketMeter(), new DpMeter(false, [DropBand(1, 1)]),
        ];
        bool done = false;
        int changes = 0;
        Task changing = Task.Run(() =>
        {
            while (!Volatile.Read(ref done))
            {
                if (changes % 5 == 4)
                {
                    Datapath.RemoveMeter(Slot);
                }
                else
                {
                    Assert.That(Datapath.SetMeter(Slot, meters[changes % 5]), Is.True);
                    Assert.That(Datapath.SetMeter(Slot + 1 + ((uint)changes % 50), meters[changes % 4]), Is.True); // takes bands that were freed
                }

                Volatile.Write(ref changes, changes + 1);
            }
        });
        Assert.That(SpinWait.SpinUntil(() => Volatile.Read(ref changes) > 5 || changing.IsCompleted, TimeSpan.FromSeconds(10)), "the changes have begun");
        ulong before = Dropped(Datapath.ReadDatapathStats(), DropReason.Meter);
        int sent = 0;
        for (int i = 0; i < Total; i++)
        {
            Inject(1, Udp(i + 1));
            if (i % 50 == 49)
            {
                sent += Sent().Count;
            }
        }

        Volatile.Write(ref done, true);
        await changing;
        sent += Sent().Count;
        Assert.That((ulong)sent + Dropped(Datapath.ReadDatapathStats(), DropReason.Meter) - before, Is.EqualTo(Total));
        for (uint other = Slot + 1; other <= Slot + 50; other++)
        {
            Assert.That(Datapath.ReadMeter(other)?.Bands.Sum(b => (long)b.Packets) ?? 0, Is.Zero, "nothing was sent through these");
        }
    }
}
