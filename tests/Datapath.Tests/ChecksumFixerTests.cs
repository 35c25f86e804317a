using System.Buffers.Binary;
using OvsBridge.Datapath.Tests.Packets;

namespace OvsBridge.Datapath.Tests;

/// <summary>Partial checksums, as Linux leaves them in packets of local sockets, become whole; nothing else changes.</summary>
[TestFixture]
public sealed class ChecksumFixerTests
{
    /// <summary>Frames with TCP or UDP: offset of the IP header, of the transport header, protocol, checksum field.</summary>
    private static IEnumerable<TestCaseData> Summed()
    {
        yield return Case("tcp4", FrameSamples.Tcp4, 14, 34, 6, 16);
        yield return Case("udp4", FrameSamples.Udp4, 14, 34, 17, 6);
        yield return Case("options4", FrameSamples.Options4, 14, 42, 6, 16);
        yield return Case("vlan", FrameSamples.VlanTcp4, 18, 38, 6, 16);
        yield return Case("qinq udp6", FrameSamples.QinqUdp6, 22, 62, 17, 6);
        yield return Case("tcp6", FrameSamples.Tcp6, 14, 54, 6, 16);
        yield return Case("extensions6", FrameSamples.Extensions6, 14, 54 + 8 + 8 + 16 + 16, 17, 6);
        yield return Case("snap", FrameSamples.Snap, 22, 42, 17, 6);

        static TestCaseData Case(string name, byte[] frame, int ip, int transport, int protocol, int field) =>
            new(frame, ip, transport, protocol, field) { TestName = $"{{m}}({name})" };
    }

    [TestCaseSource(nameof(Summed))]
    public void Partial_checksum_is_completed(byte[] whole, int ip, int transport, int protocol, int field)
    {
        byte[] frame = Partial(whole, ip, transport, protocol, field);

        Assert.That(ChecksumFixer.Complete(frame), Is.True);
        Assert.That(frame, Is.EqualTo(whole));
    }

    [TestCaseSource(nameof(Summed))]
    public void Padding_behind_the_packet_is_not_summed(byte[] whole, int ip, int transport, int protocol, int field)
    {
        byte[] padding = [1, 2, 3];
        byte[] frame = [.. Partial(whole, ip, transport, protocol, field), .. padding];

        Assert.That(ChecksumFixer.Complete(frame), Is.True);
        Assert.That(frame, Is.EqualTo(whole.Concat(padding)));
    }

    [TestCaseSource(nameof(Summed))]
    public void Whole_checksum_stays(byte[] whole, int ip, int transport, int protocol, int field) => Unchanged(whole);

    [TestCaseSource(nameof(Summed))]
    public void Wrong_checksum_that_is_not_partial_stays(byte[] whole, int ip, int transport, int protocol, int field)
    {
        for (int bit = 0; bit < 16; bit++)
        {
            byte[] frame = [.. whole];
            frame[transport + field + (bit / 8)] ^= (byte)(1 << (bit % 8));
            Unchanged(frame);
            frame = Partial(whole, ip, transport, protocol, field);
            frame[transport + field + (bit / 8)] ^= (byte)(1 << (bit % 8));
            Unchanged(frame);
        }
    }

    [TestCaseSource(nameof(Summed))]
    public void Packet_of_which_the_end_is_missing_stays(byte[] whole, int ip, int transport, int protocol, int field)
    {
        byte[] frame = Partial(whole, ip, transport, protocol, field);
        DpPacket packet = new();
        packet.Load(frame.AsSpan(0, frame.Length - 1), 1);
        packet.TotalLength = frame.Length;

        Assert.That(ChecksumFixer.Complete(packet), Is.False);
        Assert.That(packet.Data.ToArray(), Is.EqualTo(frame[..^1]));
    }

    [TestCaseSource(nameof(Summed))]
    public void Gso_packet_stays(byte[] whole, int ip, int transport, int protocol, int field)
    {
        DpPacket packet = new();
        packet.Load(Partial(whole, ip, transport, protocol, field), 1, 1400);

        Assert.That(ChecksumFixer.Complete(packet), Is.False);
    }

    [Test]
    public void Frames_with_whole_checksums_stay()
    {
        foreach (byte[] frame in FrameSamples.OneOfEachKind)
        {
            Unchanged(frame);
        }

        RandomFrames frames = new(11);
        for (int i = 0; i < 3000; i++)
        {
            Unchanged(frames.Next());
        }
    }

    /// <summary>What verifies by chance as a partial checksum too, stays: payload of zero sum makes both the same.</summary>
    [Test]
    public void Udp_without_checksum_stays() => Unchanged(FrameSamples.Udp4WithoutChecksum);

    [Test]
    public void Udp_checksum_that_comes_out_as_zero_is_sent_as_all_ones()
    {
        byte[] frame = FrameBuilder.Ethernet(0x0800).Ipv4(17).Udp(1, 2).U16(0).ToArray();
        ushort missing = BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(40)); // the payload that makes the sum complete
        frame = FrameBuilder.Ethernet(0x0800).Ipv4(17).Udp(1, 2).U16(missing).ToArray();
        Assert.That(frame[40..42], Is.EqualTo(new byte[] { 0xff, 0xff }));
        byte[] partial = Partial(frame, 14, 34, 17, 6);

        Assert.That(ChecksumFixer.Complete(partial), Is.True);
        Assert.That(partial, Is.EqualTo(frame));
    }

    [Test]
    public void Sctp_checksum_of_zero_is_completed([Values] bool six)
    {
        byte[] whole = six ? FrameSamples.Sctp6 : FrameSamples.Sctp4;
        byte[] frame = [.. whole];
        frame.AsSpan((six ? 54 : 34) + 8, 4).Clear();

        Assert.That(ChecksumFixer.Complete(frame), Is.True);
        Assert.That(frame, Is.EqualTo(whole));
    }

    [Test]
    public void First_fragment_stays()
    {
        byte[] frame = Partial(FrameSamples.FirstFragment4, 14, 34, 17, 6);

        Unchanged(frame);
    }

    /// <summary>With segments left, the pseudo header has the last address of the route.</summary>
    [TestCase(0, 24, TestName = "type 0, two addresses")]
    [TestCase(2, 8, TestName = "type 2")]
    [TestCase(4, 8, TestName = "segment routing: the list is in reverse")]
    public void Routing_header_gives_the_final_destination(int type, int finalAt)
    {
        int addresses = type == 2 ? 1 : 2;
        FrameBuilder builder = FrameBuilder.Ethernet(0x86dd).Ipv6(43).U8(6).U8(addresses * 2).U8(type).U8(1).U32(0);
        for (int i = 0; i < addresses; i++)
        {
            builder.Ip($"fd00::{i + 10}");
        }

        byte[] frame = builder.Tcp(1, 2).Counting(30).ToArray();
        int transport = 54 + 8 + (addresses * 16);

        // The builder took the header's destination: compute anew with the final one in its place.
        byte[] asArrived = [.. frame];
        frame.AsSpan(54 + finalAt, 16).CopyTo(asArrived.AsSpan(38));
        byte[] expected = [.. frame];
        Checksums.Expected(asArrived, 14, transport, frame.Length, 6, 16).CopyTo(expected, transport + 16);
        byte[] partial = [.. frame];
        BinaryPrimitives.WriteUInt16BigEndian(partial.AsSpan(transport + 16), (ushort)Checksums.PseudoHeader(asArrived, 14, transport, frame.Length, 6));

        Assert.That(ChecksumFixer.Complete(partial), Is.True);
        Assert.That(partial, Is.EqualTo(expected));
    }

    [TestCaseSource(nameof(Summed))]
    public void Header_for_gso_says_where_the_checksum_goes(byte[] whole, int ip, int transport, int protocol, int field)
    {
        byte[] frame = [.. whole];
        byte type = (byte)((whole[ip] >> 4, protocol) switch
        {
            (4, 6) => 1,
            (6, 6) => 4,
            _ => 5,
        });

        Assert.That(VnetHeader.TryForGso(frame, 1400, out VnetHeader header), Is.True);

        Assert.That(header, Is.EqualTo(new VnetHeader(1, type, (ushort)(transport + (protocol == 6 ? 20 : 8)), 1400, (ushort)transport, (ushort)field)));
        Assert.That(frame, Is.EqualTo(Partial(whole, ip, transport, protocol, field)), "the checksum is partial, the rest is as it was");
    }

    [Test]
    public void Header_for_gso_tells_of_congestion_window_reduced()
    {
        byte[] frame = FrameBuilder.Ethernet(0x0800).Ipv4(6).Tcp(1, 2, 0x090).Counting(50).ToArray();

        Assert.That(VnetHeader.TryForGso(frame, 20, out VnetHeader header), Is.True);
        Assert.That(header.GsoType, Is.EqualTo(0x81));
    }

    [Test]
    public void Header_for_gso_is_refused_for_what_the_kernel_cannot_cut()
    {
        byte[][] frames = [FrameSamples.Sctp4, FrameSamples.Mpls1, FrameSamples.Pbb, FrameSamples.LaterFragment4, FrameSamples.FirstFragment4, FrameSamples.Arp, FrameSamples.Icmp4, [1, 2, 3]];
        foreach (byte[] frame in frames)
        {
            byte[] copy = [.. frame];
            Assert.That(VnetHeader.TryForGso(copy, 1400, out _), Is.False);
            Assert.That(copy, Is.EqualTo(frame));
        }

        Assert.That(VnetHeader.TryForGso([.. FrameSamples.Tcp4], 0, out _), Is.False);
    }

    [Test]
    public void Header_for_gso_is_ten_bytes_in_the_order_of_the_kernel()
    {
        Assert.That(System.Runtime.CompilerServices.Unsafe.SizeOf<VnetHeader>(), Is.EqualTo(VnetHeader.Size));
        VnetHeader header = new(1, 2, 0x0403, 0x0605, 0x0807, 0x0a09);
        Assert.That(System.Runtime.InteropServices.MemoryMarshal.AsBytes(new ReadOnlySpan<VnetHeader>(in header)).ToArray(), Is.EqualTo(Enumerable.Range(1, 10)));
    }

    private static byte[] Partial(byte[] whole, int ip, int transport, int protocol, int field)
    {
        byte[] frame = [.. whole];
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(transport + field), (ushort)Checksums.PseudoHeader(whole, ip, transport, whole.Length, (byte)protocol));
        return frame;
    }

    private static void Unchanged(byte[] frame)
    {
        byte[] copy = [.. frame];
        Assert.That(ChecksumFixer.Complete(copy), Is.False);
        Assert.That(copy, Is.EqualTo(frame));
    }
}
