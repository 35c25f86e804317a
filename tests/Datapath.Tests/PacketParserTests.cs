using OvsBridge.Datapath.Tests.Packets;
using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.Datapath.Tests;

/// <summary>Every rule of docs/packet-parsing.md, on frames made by hand. Expected are whole keys: a field not named must be zero.</summary>
[TestFixture]
public sealed class PacketParserTests
{
    private const ushort Ip4 = 0x0800, Ip6 = 0x86dd;

    [Test]
    public void Tcp_over_Ipv4()
    {
        byte[] frame = FrameBuilder.Ethernet(Ip4).Ipv4(6, "192.168.1.1", "192.168.2.2", tos: 0xb9, ttl: 33).Tcp(1234, 80, 0xfff).ToArray();

        Expect(frame, Ethernet(Ip4) with
        {
            IpProto = 6,
            IpTos = 0xb9,
            IpTtl = 33,
            Ipv4Src = 0xc0a80101,
            Ipv4Dst = 0xc0a80202,
            TpSrc = 1234,
            TpDst = 80,
            TcpFlags = 0xfff,
        });
    }

    private static FlowKey Ethernet(ushort type) => new()
    {
        InPort = 7,
        EthDst = 0x020000000002,
        EthSrc = 0x020000000001,
        EthType = type,
    };

    private static void Expect(byte[] frame, FlowKey expected)
    {
        Assert.That(PacketParser.TryParse(frame, 7, out FlowKey key), Is.True);
        Assert.That(KeyText.Of(key), Is.EqualTo(KeyText.Of(expected)));
        Assert.That(key, Is.EqualTo(expected));
    }
}
