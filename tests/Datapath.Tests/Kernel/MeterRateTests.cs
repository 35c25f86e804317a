using System.Diagnostics;
using OvsBridge.Datapath.Ebpf;
using OvsBridge.Datapath.Tests.Contract;
using OvsBridge.Datapath.Tests.Packets;

namespace OvsBridge.Datapath.Tests.Kernel;

/// <summary>
/// What the kernel's meters let through under overload, by BPF_PROG_TEST_RUN on several CPUs at once. Compared with the monotonic time that really went
/// by, and with buckets deeper than the pauses of a busy machine, so that it makes no difference.
/// </summary>
[TestFixture]
[Category("Kernel")]
public sealed class MeterRateTests
{
    private static readonly TimeSpan _measured = TimeSpan.FromSeconds(0.7);

    private EbpfHarness _harness = null!;

    [SetUp]
    public void Make()
    {
        KernelFixture.NeedsRoot();
        _harness = new EbpfHarness();
    }

    [TearDown]
    public void Dispose() => _harness?.Dispose();

    [TestCase(true, 100u, 20u)]
    [TestCase(true, 10_000u, 0u)]
    [TestCase(true, 100_000u, 50_000u)]
    [TestCase(false, 1_000u, 100u)]
    [TestCase(false, 100_000u, 0u)]
    [TestCase(false, 1_000_000u, 500_000u)]
    public void Rate_holds_under_overload(bool packets, uint rate, uint burst)
    {
        byte[] frame = FrameBuilder.Ethernet(0x0800).Ipv4(17).Udp(1, 2).Counting(packets ? 22 : 1458).ToArray();
        DpMeter meter = new(packets, [new DpMeterBand(DpBandType.Drop, rate, burst)]);
        MegaflowHandle flow = _harness.Put(1, Programs.Of(w => w.Then(DpActionType.Meter, 3).Then(DpActionType.Output, 2)));

        (double passed, double seconds, DpMeterStats stats) = Overload(meter, frame);

        double perSecond = packets ? rate : rate * 1000.0 / 8 / frame.Length;
        double allowed = (burst == 0 ? perSecond : perSecond * burst / rate) + (perSecond * seconds);
        TestContext.Out.WriteLine($"{stats.Packets / seconds:n0}/s offered, {passed:n0} passed, {allowed:n1} allowed in {seconds:n3} s");
        Assert.That(stats.Packets, Is.GreaterThan(allowed * 1.3), "no overload");
        Assert.That(passed, Is.EqualTo(allowed).Within(1 + (allowed * 0.02)));
        Assert.That(_harness.Drops(DropReason.Meter), Is.EqualTo(stats.Bands[0].Packets));
        Assert.That(_harness.Datapath.ReadStats(flow).Packets, Is.EqualTo(stats.Packets));
        Assert.That(stats.Bytes, Is.EqualTo(stats.Packets * (ulong)frame.Length));
        Assert.That(stats.Bands[0].Bytes, Is.EqualTo(stats.Bands[0].Packets * (ulong)frame.Length));
    }

    [Test]
    public void Bands_share_the_traffic_by_their_rates()
    {
        byte[] frame = FrameBuilder.Ethernet(0x0800).Ipv4(17, tos: 0x28).Udp(1, 2).Counting(22).ToArray();
        DpMeter meter = new(true, [new(DpBandType.DscpRemark, 10_000, 5_000, 1), new(DpBandType.DscpRemark, 20_000, 10_000, 2), new(DpBandType.Drop, 50_000, 25_000)]);
        _harness.Put(1, Programs.Of(w => w.Then(DpActionType.Meter, 3).Then(DpActionType.Output, 2)));

        (_, double seconds, DpMeterStats stats) = Overload(meter, frame);

        TestContext.Out.WriteLine($"{stats} {string.Join(' ', stats.Bands)} in {seconds:n3} s");
        Assert.That(stats.Packets - stats.Bands[2].Packets, Is.EqualTo(25_000 + (50_000 * seconds)).Within(2).Percent, "not dropped");
        Assert.That(stats.Bands[1].Packets, Is.EqualTo(15_000 + (30_000 * seconds)).Within(2).Percent, "above 20,000 a second");
        Assert.That(stats.Bands[0].Packets, Is.EqualTo(5_000 + (10_000 * seconds)).Within(2).Percent, "above 10,000 a second");
    }

    /// <summary>A packet of 64 kB is larger than the bucket: the rate holds all the same.</summary>
    [Test]
    public void Packets_larger_than_the_bucket_come_at_the_rate()
    {
        byte[] frame = FrameBuilder.Ethernet(0x0800).Ipv4(17).Udp(1, 2).Counting(3000).ToArray();
        _harness.Put(1, Programs.Of(w => w.Then(DpActionType.Meter, 3).Then(DpActionType.Output, 2)));

        (double passed, double seconds, _) = Overload(new DpMeter(false, [new(DpBandType.Drop, 400, 20)]), frame);

        // One every 61 ms. A bucket that stays full while the machine does other things loses that time.
        double most = 400 * 125 * seconds / frame.Length;
        Assert.That(passed, Is.InRange(Math.Floor(most * 0.8), Math.Ceiling(most)));
    }

    /// <summary>Sends packets through slot 3 from two threads, as fast as they go.</summary>
    private (double Passed, double Seconds, DpMeterStats Stats) Overload(DpMeter meter, byte[] frame)
    {
        EbpfDatapath datapath = _harness.Datapath;
        int ifIndex = _harness.Wire(1).IfIndex;
        long start = Stopwatch.GetTimestamp();
        Assert.That(datapath.SetMeter(3, meter), Is.True);
        Thread[] threads = [.. Enumerable.Range(0, 2).Select(thread => new Thread(() =>
        {
            // Runs of this length end soon enough. The packet stays the same, remarks included.
            while (Stopwatch.GetElapsedTime(start) < _measured)
            {
                _ = TestPrograms.Run(datapath.ProgramFd, frame, 500, ifIndex: ifIndex);
            }
        }))];
        Array.ForEach(threads, t => t.Start());
        Array.ForEach(threads, t => t.Join());
        _ = TestPrograms.Run(datapath.ProgramFd, frame, 50_000, ifIndex: ifIndex); // what a pause at the end has left in the bucket
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        DpMeterStats stats = datapath.ReadMeter(3)!;
        return (stats.Packets - stats.Bands.Where((_, i) => meter.Bands[i].Type == DpBandType.Drop).Sum(b => (double)b.Packets), seconds, stats);
    }
}
