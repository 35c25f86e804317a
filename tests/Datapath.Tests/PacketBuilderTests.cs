using FsCheck;
using OvsBridge.Datapath.Tests.Packets;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.Testing;

namespace OvsBridge.Datapath.Tests;

[TestFixture]
public sealed class PacketBuilderTests
{
    [FsCheck.NUnit.Property(MaxTest = 5000)]
    public void Parsing_a_built_frame_gives_the_key_back(DoNotSize<int> seed)
    {
        Random random = new(seed.Item);
        FlowKey key = RandomKeys.Next(random);
        // behind neighbour discovery a payload would be options
        byte[] payload = new byte[key.NdTarget.Value == 0 && key.TpSrc.Value is not (135 or 136) ? random.Next(60) : 0];
        random.NextBytes(payload);

        byte[] frame = PacketBuilder.Frame(key, payload);

        Assert.That(PacketParser.TryParse(frame, key.InPort, out FlowKey parsed), Is.True);
        Assert.That(KeyText.Of(parsed), Is.EqualTo(KeyText.Of(key)), () => Convert.ToHexString(frame));
        Assert.That(parsed == key, Is.True);
    }

    [FsCheck.NUnit.Property(MaxTest = 2000)]
    public void Checksums_are_right(DoNotSize<int> seed)
    {
        Random random = new(seed.Item);
        FlowKey key = RandomKeys.Next(random);
        byte[] payload = new byte[random.Next(60)];
        random.NextBytes(payload);
        key.EthType = random.Next(2) == 0 ? (ushort)0x0800 : (ushort)0x86dd;
        key.IpFrag = 0;
        key.Ipv6ExtHdr = 0;
        key.IpProto = ((byte[])[6, 17, 132, (byte)(key.EthType.Value == 0x0800 ? 1 : 58)])[random.Next(4)];
        key.TpSrc = (ushort)(key.TpSrc & 0x7f);
        key.VlanTci = key.InnerTci = 0;

        byte[] frame = PacketBuilder.Frame(key, payload);

        const int Ip = 14;
        int transport = key.EthType.Value == 0x0800 ? Ip + 20 : Ip + 40;
        if (key.EthType.Value == 0x0800)
        {
            Assert.That(Checksums.Internet(frame.AsSpan(Ip, 20)), Is.Zero, "IPv4 header");
        }

        int field = key.IpProto switch { 6 => 16, 17 => 6, 132 => 8, _ => 2 };
        byte[] expected = Checksums.Expected(frame, Ip, transport, frame.Length, key.IpProto, field);
        Assert.That(frame.AsSpan(transport + field, expected.Length).ToArray(), Is.EqualTo(expected), () => Convert.ToHexString(frame));
    }

    [TestCase(0x0c0)] // hop-by-hop twice
    [TestCase(0x0a0)] // routing twice
    [TestCase(0x088)] // destination options three times
    [TestCase(0x120)] // a hop-by-hop header that is not the first sets UNSEQ alone
    [TestCase(0x124)] // routing behind authentication
    [TestCase(0x1ac)]
    public void Finds_a_chain_of_extension_headers(int bits)
    {
        FlowKey key = OvsBridge.Testing.Packets.Key("ipv6,nw_proto=17,udp_src=5");
        key.Ipv6ExtHdr = (ushort)bits;

        Assert.That(PacketParser.TryParse(PacketBuilder.Frame(key), 0, out FlowKey parsed), Is.True);
        Assert.That(parsed.Ipv6ExtHdr.Value, Is.EqualTo(bits));
        Assert.That(parsed.TpSrc.Value, Is.EqualTo(5));
    }

    [Test]
    public void Payload_of_a_label_stack_and_of_pbb_is_the_packet_inside()
    {
        byte[] inner = PacketBuilder.Network(OvsBridge.Testing.Packets.Key("udp,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_ttl=3,udp_dst=53"));
        byte[] labelled = OvsBridge.Testing.Packets.Frame("mpls,mpls_label=5,mpls_ttl=9,mpls_bos=1", inner);

        Assert.That(labelled.AsSpan(18).ToArray(), Is.EqualTo(inner));
        Assert.That(OvsBridge.Testing.Packets.Text(labelled, 1), Does.StartWith("mpls,in_port=1").And.EndsWith("mpls_label=5,mpls_tc=0,mpls_ttl=9,mpls_bos=1"));

        byte[] frame = OvsBridge.Testing.Packets.Frame("tcp,dl_dst=02:00:00:00:00:05");
        byte[] backbone = OvsBridge.Testing.Packets.Frame("pbb,pbb_isid=7", frame);
        Assert.That(backbone.AsSpan(18).ToArray(), Is.EqualTo(frame));
    }
}
