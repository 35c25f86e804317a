using OvsBridge.Datapath.Tests.Contract;
using OvsBridge.Datapath.Tests.Packets;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.Testing;

namespace OvsBridge.Datapath.Tests.Kernel;

/// <summary>
/// The way from the program to the sink: full rings, a sleeping reader, a sink that throws, large and cut packets.
/// </summary>
[TestFixture]
[Category("Kernel")]
public sealed class UpcallRingTests
{
    [SetUp]
    public void Check() => KernelFixture.NeedsRoot();

    [Test]
    public void Full_ring_loses_upcalls_and_both_sides_count_them()
    {
        const int Frames = 3000;
        using EbpfHarness harness = new(KernelFixture.Small with { UpcallRingBytes = 1 << 15 });
        using ManualResetEventSlim open = new();
        CountingSink sink = new() { Before = open.Wait };
        harness.Datapath.StartUpcalls(sink);
        using PinnedThread pinned = new(); // one CPU, one ring: each tells its own losses
        for (int i = 0; i < Frames; i++)
        {
            harness.Inject(1, Frame(i));
        }

        harness.Settle();
        DatapathStats stats = harness.Datapath.ReadDatapathStats();
        open.Set();
        EbpfHarness.WaitFor(() => harness.Datapath.Upcalls.Read == (long)stats.Upcalls, () => "the reader");
        harness.Inject(1, Frame(1)); // the ring tells how many it lost with the next record
        EbpfHarness.WaitFor(() => harness.Datapath.Upcalls.Read == (long)stats.Upcalls + 1, () => "one more");

        Assert.Multiple(() =>
        {
            Assert.That(stats.Lost, Is.Positive);
            Assert.That(stats.Upcalls + stats.Lost, Is.EqualTo(Frames));
            Assert.That(stats.Drops[(int)DropReason.UpcallLost], Is.EqualTo(stats.Lost));
            Assert.That(stats.Rx, Is.EqualTo(stats.Hit + stats.Miss));
            Assert.That(harness.Datapath.Upcalls.Lost, Is.EqualTo((long)stats.Lost));
            Assert.That(sink.Count, Is.EqualTo((int)stats.Upcalls + 1));
        });
    }

    /// <summary>
    /// Each frame is sent when the reader sleeps, or is just about to: none may lie in the ring until the next one comes.
    /// </summary>
    [Test]
    public void Sleeping_reader_is_woken_by_each_packet()
    {
        const int Rounds = 5000;
        using EbpfHarness harness = new();
        CountingSink sink = new();
        harness.Datapath.StartUpcalls(sink);
        for (int i = 0; i < Rounds; i++)
        {
            harness.Inject(1, Frame(i));
            int expected = i + 1;
            EbpfHarness.WaitFor(() => sink.Count == expected, () => $"upcall {expected}");
        }

        Assert.That(sink.Ended, Is.EqualTo(Rounds), "all batches ended");
    }

    [Test]
    public void Sink_that_throws_loses_that_packet_only()
    {
        using EbpfHarness harness = new();
        int calls = 0;
        CountingSink sink = new() { Before = () => _ = ++calls % 2 == 0 ? throw new InvalidOperationException("a bug") : 0 };
        harness.Datapath.StartUpcalls(sink);
        for (int i = 0; i < 10; i++)
        {
            harness.Inject(1, Frame(i));
        }

        EbpfHarness.WaitFor(() => harness.Datapath.Upcalls.Read == 10, () => "ten upcalls");
        EbpfHarness.WaitFor(() => harness.Datapath.Upcalls.Failed == 5, () => "five failures");
        Assert.That(sink.Count, Is.EqualTo(5));
        Assert.That(harness.Datapath.Upcalls.LastFailure, Is.TypeOf<InvalidOperationException>());
    }

    /// <summary>
    /// Only 14 bytes are linear, as a driver may deliver: the parser pulls what it needs, and the key is the same.
    /// </summary>
    [Test]
    public void Packet_with_a_short_linear_part_has_the_same_key()
    {
        using EbpfHarness harness = new();
        RecordingSink sink = new();
        harness.Datapath.StartUpcalls(sink);
        foreach (string name in new[] { "p1", "p1h" })
        {
            Testing.Command.Run("ip", "link", "set", name, "mtu", "20000");
        }

        foreach (byte[] sample in FrameSamples.OneOfEachKind)
        {
            byte[] frame = [.. sample, .. new byte[9000 - sample.Length]]; // what follows is padding
            harness.Wire(1).Host.SendSplit(frame, 14);
            RecordedUpcall upcall = sink.Take(1).Single();

            Assert.That(PacketParser.TryParse(frame, 1, out FlowKey expected), Is.True);
            Assert.That(KeyText.Of(upcall.Key), Is.EqualTo(KeyText.Of(expected)));
            Assert.That(upcall.Packet, Is.EqualTo(frame));
        }

        // Eight destination options of two kilobytes: the last thing to look at is behind 16 kB.
        FrameBuilder deep = FrameBuilder.Ethernet(0x86dd).Ipv6(60);
        for (int i = 0; i < 8; i++)
        {
            deep.Extension(i < 7 ? 60 : 17, 255);
        }

        byte[] chain = deep.Udp(1, 2).Counting(20).ToArray();
        harness.Wire(1).Host.SendSplit(chain, 14);
        RecordedUpcall last = sink.Take(1).Single();
        Assert.That(last.Key.TpDst.Value, Is.EqualTo(2));
        Assert.That(PacketParser.TryParse(chain, 1, out FlowKey key), Is.True);
        Assert.That(last.Key, Is.EqualTo(key));
    }

    private static byte[] Frame(int number) => FrameBuilder.Ethernet(0x0800).Ipv4(17).Udp(1000, number & 0xffff).Counting(22).ToArray();

    private sealed class CountingSink : IUpcallSink
    {
        private int _count, _ended, _open;

        public Action? Before { get; init; }

        public int Count => Volatile.Read(ref _count);

        /// <summary>Upcalls whose batch ended.</summary>
        public int Ended => Volatile.Read(ref _ended);

        public void OnUpcall(in Upcall upcall)
        {
            Before?.Invoke();
            _open++;
            Interlocked.Increment(ref _count);
        }

        public void OnBatchEnd()
        {
            Interlocked.Add(ref _ended, _open);
            _open = 0;
        }
    }
}
