using System.Numerics;
using System.Runtime.InteropServices;

namespace OvsBridge.Datapath;

/// <summary>
/// The Internet checksum (RFC 1071, RFC 1624) and SCTP's CRC32c (RFC 9260, appendix A).
/// </summary>
/// <remarks>
/// Sums are over 16-bit words as they lie in memory, so that no byte is swapped: the ones' complement sum does not mind
/// (RFC 1071, 2(B)), as long as the result goes back the same way. A sum is kept between 1 and 0xffff, 0xffff standing for
/// zero, so that the same bytes always give the same checksum, whatever the order of updates, and the kernel's one.
/// </remarks>
internal static class Checksum
{
    /// <summary>Ones' complement sum of <paramref name="bytes"/>, an odd last byte padded with zero; not folded.</summary>
    public static ulong Sum(ReadOnlySpan<byte> bytes)
    {
        ulong sum = 0;
        ReadOnlySpan<uint> words = MemoryMarshal.Cast<byte, uint>(bytes);
        foreach (uint word in words)
        {
            sum += word;
        }

        ReadOnlySpan<byte> rest = bytes[(words.Length * 4)..];
        if (rest.Length >= 2)
        {
            sum += MemoryMarshal.Read<ushort>(rest);
            rest = rest[2..];
        }

        if (!rest.IsEmpty)
        {
            Span<byte> last = [rest[0], 0];
            sum += MemoryMarshal.Read<ushort>(last);
        }

        return sum;
    }

    /// <summary>Folds a sum to 16 bits, 1 to 0xffff.</summary>
    public static ushort Fold(ulong sum)
    {
        sum = (sum >> 32) + (sum & 0xffffffff);
        sum = (sum >> 32) + (sum & 0xffffffff);
        sum = (sum >> 16) + (sum & 0xffff);
        sum = (sum >> 16) + (sum & 0xffff);
        return sum == 0 ? (ushort)0xffff : (ushort)sum;
    }

    /// <summary>
    /// Sum of the pseudo header (RFC 9293 3.1, RFC 8200 8.1).
    /// </summary>
    /// <param name="source">Source address, 4 or 16 bytes.</param>
    /// <param name="destination">Final destination address, as long.</param>
    /// <param name="protocol">Upper-layer protocol.</param>
    /// <param name="length">Bytes of the upper-layer packet, with its header.</param>
    public static ulong PseudoHeader(ReadOnlySpan<byte> source, ReadOnlySpan<byte> destination, byte protocol, int length) =>
        Sum(source) + Sum(destination) + Word(protocol) + Word((ushort)(length >> 16)) + Word((ushort)length);

    /// <summary>A 16-bit number as it contributes to a sum.</summary>
    public static ulong Word(ushort value)
    {
        OpenFlow.Fields.Be16 stored = value;
        return stored.Raw;
    }

    /// <summary>What <paramref name="checksum"/> (two bytes) becomes when the bytes that it covers change (RFC 1624, equation 3).</summary>
    public static void Update(Span<byte> checksum, ulong before, ulong after)
    {
        ushort old = MemoryMarshal.Read<ushort>(checksum);
        ushort changed = (ushort)~Fold((ulong)(ushort)~old + (ushort)~Fold(before) + Fold(after));
        MemoryMarshal.Write(checksum, changed);
    }

    /// <summary>CRC32c over a packet whose checksum field, at <paramref name="field"/>, counts as zero.</summary>
    public static uint Crc32c(ReadOnlySpan<byte> packet, int field)
    {
        uint crc = Crc32c(uint.MaxValue, packet[..field]);
        crc = BitOperations.Crc32C(crc, 0u);
        return ~Crc32c(crc, packet[(field + 4)..]);
    }

    private static uint Crc32c(uint crc, ReadOnlySpan<byte> bytes)
    {
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(bytes);
        foreach (ulong word in words)
        {
            crc = BitOperations.Crc32C(crc, word);
        }

        foreach (byte b in bytes[(words.Length * 8)..])
        {
            crc = BitOperations.Crc32C(crc, b);
        }

        return crc;
    }
}
