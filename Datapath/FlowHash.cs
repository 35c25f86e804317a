using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.Datapath;

/// <summary>
/// The hash of <see cref="DpActionType.Hash"/>: the same for all packets of a transport connection in one direction. Both datapaths and
/// translation must agree on it, or the first packet of a flow goes another way than the rest.
/// </summary>
/// <remarks>
/// h starts as the seed. For the key's words 1, 2, 4, 5, 6, 7, 8 and 9 in this order, masked to addresses, ethertype, IP protocol and ports:
/// h = (h ^ word) * 0x9e3779b97f4a7c15; h ^= h >> 32. All 64-bit; the result is the low half. The ports count only when ip_frag is 0, so that
/// all fragments of a packet stay together; TTL, DSCP and VLAN tags do not count.
/// </remarks>
public static class FlowHash
{
    /// <summary>The hash of <paramref name="key"/>.</summary>
    public static uint Compute(uint seed, in FlowKey key)
    {
        FlowKey covered = default;
        covered.EthSrc = key.EthSrc;
        covered.IpProto = key.IpProto;
        if (key.IpFrag == 0)
        {
            covered.TpSrc = key.TpSrc;
            covered.TpDst = key.TpDst;
        }

        ReadOnlySpan<ulong> words = key.AsWords();
        ulong hash = Mix(Mix(Mix(seed, words[1]), covered.AsWords()[2]), covered.AsWords()[4]);
        for (int i = 5; i <= 9; i++)
        {
            hash = Mix(hash, words[i]);
        }

        return (uint)hash;
    }

    private static ulong Mix(ulong hash, ulong word)
    {
        hash = (hash ^ word) * 0x9e3779b97f4a7c15;
        return hash ^ (hash >> 32);
    }
}
