using System.Buffers.Binary;
using OvsBridge.Datapath.Tests.Packets;
using OvsBridge.Datapath.Tunnels;

namespace OvsBridge.Datapath.Tests;

/// <summary>Packets that are cut into segments in user space.</summary>
[TestFixture]
public sealed class SegmentsTests
{
    [TestCase(false)]
    [TestCase(true)]
    public void Tcp_is_cut_into_segments_with_right_headers(bool ipv6)
    {
        FrameBuilder start = ipv6 ? FrameBuilder.Ethernet(0x86dd).Ipv6(6) : FrameBuilder.Ethernet(0x0800).Ipv4(6);
        byte[] payload = [.. Enumerable.Range(0, 2500).Select(i => (byte)i)];
        byte[] whole = start.Tcp(1000, 2000, flags: 0x99).Raw(payload).ToArray(); // FIN, PSH, ACK, CWR
        int head = ipv6 ? 74 : 54, tcp = head - 20;

        List<byte[]> parts = Cut(whole, 1000);

        Assert.Multiple(() =>
        {
            Assert.That(parts.Select(part => part.Length - head), Is.EqualTo(new[] { 1000, 1000, 500 }));
            Assert.That(parts.SelectMany(part => part.Skip(head)), Is.EqualTo(payload));
            Assert.That(parts.Select(FrameVerifier.WrongChecksums), Is.All.Empty);
            Assert.That(parts.Select(part => BinaryPrimitives.ReadUInt32BigEndian(part.AsSpan(tcp + 4))), Is.EqualTo(new uint[] { 1, 1001, 2001 }));
            Assert.That(parts.Select(part => part[tcp + 13]), Is.EqualTo(new byte[] { 0x90, 0x10, 0x19 }), "CWR is the first one's, FIN and PSH the last one's");
            if (!ipv6)
                Assert.That(parts.Select(part => BinaryPrimitives.ReadUInt16BigEndian(part.AsSpan(18))), Is.EqualTo(new ushort[] { 0x1234, 0x1235, 0x1236 }));
        });
    }

    [Test]
    public void Udp_is_cut_into_datagrams()
    {
        byte[] whole = FrameBuilder.Ethernet(0x8100).Vlan(5, 0x0800).Ipv4(17).Udp(1000, 2000).Counting(250).ToArray();

        List<byte[]> parts = Cut(whole, 100);

        Assert.Multiple(() =>
        {
            Assert.That(parts.Select(part => part.Length - 46), Is.EqualTo(new[] { 100, 100, 50 }));
            Assert.That(parts.Select(FrameVerifier.WrongChecksums), Is.All.Empty);
            Assert.That(parts.Select(part => BinaryPrimitives.ReadUInt16BigEndian(part.AsSpan(42))), Is.EqualTo(new ushort[] { 108, 108, 58 }));
        });
    }

    [Test]
    public void Anything_else_is_one_segment()
    {
        byte[] frame = FrameBuilder.Ethernet(0x88b5).Counting(100).ToArray();

        Assert.That(Cut(frame, 10), Is.EqualTo(new[] { frame }));
    }

    private static List<byte[]> Cut(byte[] frame, int size)
    {
        DpPacket packet = new();
        packet.Load(frame, 1, size);
        List<byte[]> parts = [];
        Segments.Cut(packet, part => parts.Add(part.ToArray()));
        return parts;
    }
}
