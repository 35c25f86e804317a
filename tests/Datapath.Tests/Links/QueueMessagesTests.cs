using System.Buffers.Binary;
using OvsBridge.Datapath.Links;

namespace OvsBridge.Datapath.Tests.Links;

/// <summary>RTM_NEWTCLASS of hfsc, which not every kernel has; bytes written from linux/pkt_sched.h. <c>LinkTests</c> reads the kernel's own of htb.</summary>
[TestFixture]
public sealed class QueueMessagesTests
{
    // struct tcmsg: family, pad, ifindex 2, handle 1:3, parent 1:1, info; then TCA_KIND "hfsc"
    private const string Head = "00000000 02000000 03000100 01000100 00000000" + "0900 0100 68667363 00 000000";

    // TCA_OPTIONS; struct tc_service_curve: m1, d, m2
    private const string RealTime = "1000 0100 00000000 00000000 e8030000", Fair = "1000 0200 00000000 00000000 d0070000", Upper = "1000 0300 00000000 00000000 b80b0000";

    // TCA_STATS2: TCA_STATS_BASIC bytes 5, packets 6; TCA_STATS_QUEUE drops 7; TCA_STATS_PKT64 2^32 + 6
    private const string Stats = "3c00 0700" + "1000 0100 0500000000000000 06000000" + "1800 0300 00000000 00000000 07000000 00000000 00000000" + "0c00 0800 0600000001000000" + "00000000";

    [TestCase("2400 0200" + RealTime + Fair + "", 1000ul, 0ul)]
    [TestCase("2400 0200" + Fair + Upper, 2000ul, 3000ul)]
    public void Hfsc_class(string options, ulong min, ulong max)
    {
        LinkQueue? queue = QueueMessages.ReadClass(Bytes(Head + options + Stats), 0x10000, out uint parent);

        Assert.That(parent, Is.EqualTo(0x10001));
        Assert.That(queue, Is.EqualTo(new LinkQueue(3, min, max, 5, (1ul << 32) + 6, 7)));
    }

    [Test]
    public void Class_of_another_discipline() =>
        Assert.That(QueueMessages.ReadClass(Bytes(Head), 0x20000, out _), Is.Null);

    [Test]
    public void Cut_anywhere_it_is_read_as_far_as_it_goes()
    {
        byte[] whole = Bytes(Head + "2400 0200" + Fair + Upper + Stats);
        for (int length = 0; length < whole.Length; length++)
        {
            Assert.That(() => QueueMessages.ReadClass(whole.AsSpan(0, length).ToArray(), 0x10000, out _), Throws.Nothing);
            Assert.That(() => QueueMessages.ReadQdisc(whole.AsSpan(0, length).ToArray()), Throws.Nothing);
        }
    }

    /// <summary>The messages are in the machine's byte order; these are written little-endian.</summary>
    private static byte[] Bytes(string hex)
    {
        if (!LittleEndianMachine)
            Assert.Ignore("written for little-endian machines");
        return Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal));
    }

    private static bool LittleEndianMachine => BinaryPrimitives.ReadUInt16LittleEndian([1, 0]) == System.Runtime.InteropServices.MemoryMarshal.Read<ushort>([1, 0]);
}
