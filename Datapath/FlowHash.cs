using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.Datapath;

/// <summary>
/// The hash of <see cref="DpActionType.Hash"/>: the same for all packets of a transport connection, both ways. Both datapaths and
/// translation must agree on it, or the first packet of a flow goes another way than the rest.
/// </summary>
/// <remarks>
/// <para>
/// Each end has a hash of its own, from MAC, IPv4 (ARP: spa, tpa) and IPv6 address and port, and the two are added; ethertype and IP protocol come in behind.
/// The ports count only when ip_frag is 0, so that all fragments of a packet stay together; TTL, DSCP and VLAN tags do not count.
/// </para>
/// <para>
/// mix(h, word) = (h ^ word) * 0x9e3779b97f4a7c15, then h ^= h >> 32, all 64-bit. An end starts with the seed, and takes as words: its MAC (the 48 bits in the key's
/// memory, little-endian), IPv4 address and port together (address | port &lt;&lt; 32, each as it stands in the key), and the two halves of its IPv6 address.
/// The result is the low half of mix(source + destination, ethertype | ip_proto &lt;&lt; 16).
/// </para>
/// </remarks>
public static class FlowHash
{
    private const ulong Mac = 0x0000_ffff_ffff_ffff;

    /// <summary>The key's bits that count.</summary>
    internal static FlowKey Covered { get; } = new()
    {
        EthDst = Mac,
        EthSrc = Mac,
        EthType = 0xffff,
        IpProto = 0xff,
        IpFrag = 0xff,
        TpSrc = 0xffff,
        TpDst = 0xffff,
        Ipv4Src = uint.MaxValue,
        Ipv4Dst = uint.MaxValue,
        Ipv6Src = UInt128.MaxValue,
        Ipv6Dst = UInt128.MaxValue,
    };

    /// <summary>The hash of <paramref name="key"/>.</summary>
    public static uint Compute(uint seed, in FlowKey key)
    {
        ReadOnlySpan<ulong> words = key.AsWords();
        bool whole = key.IpFrag == 0;
        ulong source = End(seed, words[2], (uint)words[5] | (whole ? (ulong)key.TpSrc.Raw << 32 : 0), words[6], words[7]);
        ulong destination = End(seed, words[1], words[5] >> 32 | (whole ? (ulong)key.TpDst.Raw << 32 : 0), words[8], words[9]);
        return (uint)Mix(source + destination, key.EthType.Raw | (ulong)key.IpProto << 16);
    }

    private static ulong End(ulong seed, ulong mac, ulong addressAndPort, ulong ipv6High, ulong ipv6Low) =>
        Mix(Mix(Mix(Mix(seed, mac & Mac), addressAndPort), ipv6High), ipv6Low);

    private static ulong Mix(ulong hash, ulong word)
    {
        hash = (hash ^ word) * 0x9e3779b97f4a7c15;
        return hash ^ (hash >> 32);
    }
}
