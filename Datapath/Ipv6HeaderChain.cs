namespace OvsBridge.Datapath;

/// <summary>Finds a chain of IPv6 extension headers that has given OFPIEH_* bits (docs/packet-parsing.md).</summary>
internal static class Ipv6HeaderChain
{
    private const ushort Auth = 0x004, Dest = 0x008, Frag = 0x010, Router = 0x020, Hop = 0x040, Unrep = 0x080, Unseq = 0x100;

    // In the order that RFC 8200 4.1 recommends.
    private static readonly (ushort Bit, byte Header)[] _headers =
    [
        (Hop, IpProtocols.HopByHop),
        (Dest, IpProtocols.DestinationOptions),
        (Router, IpProtocols.Routing),
        (Frag, IpProtocols.Fragment),
        (Auth, IpProtocols.Authentication),
    ];

    /// <summary>
    /// Header numbers, first one first. ESP and "no next header" are not among them: they are the packet's protocol. Bits
    /// that no chain has give one without UNREP and UNSEQ.
    /// </summary>
    /// <param name="bits">OFPIEH_* bits.</param>
    /// <param name="needsFragment">Whether a fragment header is wanted whatever the bits say.</param>
    public static byte[] For(ushort bits, bool needsFragment)
    {
        bits |= needsFragment ? Frag : (ushort)0;
        byte[] inOrder = [.. _headers.Where(h => (bits & h.Bit) != 0).Select(h => h.Header)];
        if ((bits & (Unrep | Unseq)) == 0)
        {
            return inOrder;
        }

        // There are few candidates: what is there, once more any of them or two, in any order.
        ushort wanted = (ushort)(bits & ~0x003);
        IEnumerable<byte[]> repeated = _headers.Select(h => h.Header)
            .SelectMany(h => (byte[][])[[.. inOrder, h], [.. inOrder, h, h], [.. inOrder, h, h, h]]);
        foreach (byte[] set in repeated.Prepend(inOrder))
        {
            foreach (byte[] chain in Permutations(set))
            {
                if (BitsOf(chain) == wanted)
                {
                    return chain;
                }
            }
        }

        return inOrder;
    }

    private static ushort BitsOf(byte[] chain)
    {
        PacketParser.Ipv6HeaderOrder order = default;
        foreach (byte header in chain)
        {
            order.Add(header);
        }

        return order.Bits;
    }

    private static IEnumerable<byte[]> Permutations(byte[] items)
    {
        if (items.Length <= 1)
        {
            return [items];
        }

        return Enumerable.Range(0, items.Length)
            .DistinctBy(i => items[i])
            .SelectMany(i => Permutations([.. items[..i], .. items[(i + 1)..]]).Select(rest => (byte[])[items[i], .. rest]));
    }
}
