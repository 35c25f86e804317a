using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.Testing;

/// <summary>Random packets' keys, such as some frame has. The same <see cref="Random"/> gives the same keys.</summary>
public static class RandomKeys
{
    private static readonly ushort[] _etherTypes =
        [0x0800, 0x0800, 0x0800, 0x86dd, 0x86dd, 0x86dd, 0x0806, 0x8035, 0x8847, 0x8848, 0x88e7, 0x88cc, 0x9000, FlowKey.EthTypeNone];

    private static readonly byte[] _protocols = [6, 6, 17, 17, 1, 58, 132, 47, 253];

    /// <summary>A key that <c>PacketParser</c> can give for some frame.</summary>
    public static FlowKey Next(Random random)
    {
        FlowKey key = new()
        {
            InPort = (uint)random.Next(1, 10),
            EthDst = Mac(random),
            EthSrc = Mac(random),
            EthType = Pick(random, _etherTypes),
        };
        int tags = Math.Max(0, random.Next(-2, 3));
        if (tags > 0)
        {
            (key.VlanTpid, key.VlanTci) = Tag(random);
        }

        if (tags > 1)
        {
            (key.InnerTpid, key.InnerTci) = Tag(random);
        }

        switch (key.EthType.Value)
        {
            case 0x0800:
                key.Ipv4Src = Bits(random);
                key.Ipv4Dst = Bits(random);
                key.IpFrag = Pick(random, (byte[])[0, 0, 0, 1, 3]);
                Ip(random, ref key);
                break;
            case 0x86dd:
                key.Ipv6Src = Bits128(random);
                key.Ipv6Dst = Bits128(random);
                key.Ipv6Label = (uint)random.Next(0x100000);
                Ip(random, ref key);
                if (random.Next(3) == 0)
                {
                    ExtensionHeaders(random, ref key);
                }

                break;
            case 0x0806 or 0x8035:
                key.ArpOp = (ushort)random.Next(4);
                key.ArpSha = Mac(random);
                key.ArpTha = Mac(random);
                key.Ipv4Src = Bits(random);
                key.Ipv4Dst = Bits(random);
                break;
            case 0x8847 or 0x8848:
                Labels(random, ref key);
                break;
            case 0x88e7:
                key.PbbItag = Bits(random);
                break;
        }

        return key;
    }

    private static void Ip(Random random, ref FlowKey key)
    {
        key.IpTos = (byte)random.Next(256);
        key.IpTtl = (byte)random.Next(256);
        key.IpProto = Pick(random, _protocols);
        bool ipv6 = key.EthType.Value == 0x86dd;
        if ((key.IpFrag & FlowKey.FragLater) != 0)
        {
            return;
        }

        if (key.IpProto is 6 or 17 or 132)
        {
            key.TpSrc = (ushort)random.Next(0x10000);
            key.TpDst = (ushort)random.Next(0x10000);
            key.TcpFlags = (ushort)(key.IpProto == 6 ? random.Next(0x1000) : 0);
        }
        else if (key.IpProto == (ipv6 ? 58 : 1))
        {
            key.TpSrc = (ushort)(ipv6 && random.Next(2) == 0 ? random.Next(135, 137) : random.Next(256));
            key.TpDst = (ushort)random.Next(3);
            if (ipv6 && key.TpSrc.Value is 135 or 136 && key.TpDst == 0)
            {
                key.NdTarget = Bits128(random);
                key.ArpSha = random.Next(2) == 0 ? default : Mac(random);
                key.ArpTha = random.Next(2) == 0 ? default : Mac(random);
            }
        }
    }

    // Chains without UNREP and UNSEQ, ended by the upper layer, ESP or "no next header".
    private static void ExtensionHeaders(Random random, ref FlowKey key)
    {
        int bits = random.Next(0x80) & 0x7c;
        int end = random.Next(4);
        if (end < 2)
        {
            bits |= end == 0 ? 0x001 : 0x002;
            key.IpProto = end == 0 ? (byte)59 : (byte)50;
            key.TpSrc = key.TpDst = key.TcpFlags = 0;
            key.NdTarget = default;
            key.ArpSha = key.ArpTha = default;
        }

        key.Ipv6ExtHdr = (ushort)bits;
    }

    private static void Labels(Random random, ref FlowKey key)
    {
        int depth = random.Next(1, 4);
        key.MplsLse0 = Entry(random, depth == 1);
        key.MplsLse1 = depth > 1 ? Entry(random, depth == 2) : 0;
        key.MplsLse2 = depth > 2 ? Entry(random, random.Next(2) == 0) : 0;

        static Be32 Entry(Random random, bool bottom) => (Bits(random) & ~0x100u) | (bottom ? 0x100u : 0);
    }

    private static (Be16 Tpid, Be16 Tci) Tag(Random random) =>
        (Pick(random, (ushort[])[0x8100, 0x8100, 0x88a8]), (ushort)(random.Next(0x10000) | FlowKey.VlanPresent));

    private static ulong Mac(Random random) => (ulong)random.NextInt64(1, 1L << 48);

    private static uint Bits(Random random) => (uint)random.NextInt64(1L << 32);

    private static UInt128 Bits128(Random random) => ((UInt128)(ulong)random.NextInt64() << 64) | (ulong)random.NextInt64();

    private static T Pick<T>(Random random, T[] from) => from[random.Next(from.Length)];
}
