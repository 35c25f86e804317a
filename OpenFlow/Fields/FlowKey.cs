using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace OvsBridge.OpenFlow.Fields;

/// <summary>
/// Every field of one packet, in 64-bit words; also used as a mask over such a key (see <see cref="Match"/>).
/// </summary>
/// <remarks>
/// <para>
/// The first <see cref="PacketWords"/> words are <c>struct flow_key</c> of bpf/abi.h, byte for byte: what the kernel's
/// parser fills and megaflows are looked up by. The words behind them exist in user space only (metadata, registers).
/// </para>
/// <para>
/// Byte order: a field that stands in the packet is stored with the packet's bytes (network order in memory); ports,
/// metadata and registers are host order. <see cref="Field"/> knows which, so nothing else needs to. A field whose header
/// is absent is zero; the struct must be zeroed before it is filled, padding included, since keys are compared and hashed
/// by words.
/// </para>
/// <para>A mutable value type of 272 bytes: pass it by <c>in</c> or <c>ref</c>.</para>
/// </remarks>
[StructLayout(LayoutKind.Explicit, Size = Words * 8)]
public unsafe struct FlowKey : IEquatable<FlowKey>
{
    /// <summary>Words of the whole key.</summary>
    public const int Words = 34;

    /// <summary>Words that the datapath knows (OVSB_KEY_WORDS).</summary>
    public const int PacketWords = 24;

    /// <summary>Bit 12 of a TCI field: a tag is present (OFPVID_PRESENT). Host order.</summary>
    public const ushort VlanPresent = 0x1000;

    /// <summary><see cref="EthType"/> of a frame without an Ethernet II type. Host order.</summary>
    public const ushort EthTypeNone = 0x05ff;

    /// <summary><see cref="IpFrag"/>: the packet is a fragment.</summary>
    public const byte FragAny = 0x01;

    /// <summary><see cref="IpFrag"/>: a fragment whose offset is not zero; it has no L4 header.</summary>
    public const byte FragLater = 0x02;

    [FieldOffset(0)] private fixed ulong _words[Words];

#pragma warning disable CS1591, CA1051 // the fields are those of struct flow_key, which describes them
    // word 0
    [FieldOffset(0)] public uint InPort;
    [FieldOffset(4)] public uint RecircId;
    // word 1
    [FieldOffset(8)] public MacBytes EthDst;
    [FieldOffset(14)] public Be16 EthType;
    // word 2
    [FieldOffset(16)] public MacBytes EthSrc;
    [FieldOffset(22)] public Be16 VlanTci;
    // word 3
    [FieldOffset(24)] public Be16 VlanTpid;
    [FieldOffset(26)] public Be16 InnerTpid;
    [FieldOffset(28)] public Be16 InnerTci;
    [FieldOffset(30)] public Be16 TcpFlags;
    // word 4
    [FieldOffset(32)] public byte IpProto;
    [FieldOffset(33)] public byte IpTos;
    [FieldOffset(34)] public byte IpTtl;
    [FieldOffset(35)] public byte IpFrag;
    [FieldOffset(36)] public Be16 TpSrc;
    [FieldOffset(38)] public Be16 TpDst;
    // word 5
    [FieldOffset(40)] public Be32 Ipv4Src;
    [FieldOffset(44)] public Be32 Ipv4Dst;
    // words 6 to 9
    [FieldOffset(48)] public Be128 Ipv6Src;
    [FieldOffset(64)] public Be128 Ipv6Dst;
    // word 10
    [FieldOffset(80)] public Be32 Ipv6Label;
    [FieldOffset(84)] public Be16 Ipv6ExtHdr;
    [FieldOffset(86)] public Be16 ArpOp;
    // words 11 and 12
    [FieldOffset(88)] public Be32 MplsLse0;
    [FieldOffset(92)] public Be32 MplsLse1;
    [FieldOffset(96)] public Be32 MplsLse2;
    [FieldOffset(100)] public Be32 PbbItag;
    // words 13 and 14
    [FieldOffset(104)] public Be128 NdTarget;
    // words 15 and 16
    [FieldOffset(120)] public MacBytes ArpSha;
    [FieldOffset(128)] public MacBytes ArpTha;
    // words 17 to 23
    [FieldOffset(136)] public Be64 TunId;
    [FieldOffset(144)] public Be32 TunSrc;
    [FieldOffset(148)] public Be32 TunDst;
    [FieldOffset(152)] public Be128 TunIpv6Src;
    [FieldOffset(168)] public Be128 TunIpv6Dst;
    [FieldOffset(184)] public Be16 TunFlags;
    [FieldOffset(186)] public byte TunTos;
    [FieldOffset(187)] public byte TunTtl;
    [FieldOffset(188)] public uint DpHash;
    // user space only: word 24
    [FieldOffset(192)] public ulong Metadata;
    // words 25 to 32: registers, host order; reg0 is the high half of xreg0 as in Open vSwitch
    [FieldOffset(200)] public fixed ulong XRegs[8];
    // word 33
    [FieldOffset(264)] public uint ActsetOutput;
    [FieldOffset(268)] public uint SkbPriority;
#pragma warning restore CS1591, CA1051

    /// <summary>All words, to read.</summary>
    [UnscopedRef]
    public readonly ReadOnlySpan<ulong> AsWords() =>
        MemoryMarshal.CreateReadOnlySpan(ref Unsafe.As<FlowKey, ulong>(ref Unsafe.AsRef(in this)), Words);

    /// <summary>All words, to change.</summary>
    [UnscopedRef]
    public Span<ulong> AsMutableWords() => MemoryMarshal.CreateSpan(ref Unsafe.As<FlowKey, ulong>(ref this), Words);

    /// <summary>The datapath's words.</summary>
    [UnscopedRef]
    public readonly ReadOnlySpan<ulong> PacketPart() => AsWords()[..PacketWords];

    /// <summary>The key's bytes, as <c>struct flow_key</c> and the tail behind it.</summary>
    [UnscopedRef]
    public readonly ReadOnlySpan<byte> AsBytes() => MemoryMarshal.AsBytes(AsWords());

    /// <summary>The key's bytes, to change.</summary>
    [UnscopedRef]
    public Span<byte> AsMutableBytes() => MemoryMarshal.AsBytes(AsMutableWords());

    /// <inheritdoc/>
    public readonly bool Equals(FlowKey other) => AsWords().SequenceEqual(other.AsWords());

    /// <inheritdoc/>
    public override readonly bool Equals(object? obj) => obj is FlowKey other && Equals(other);

    /// <inheritdoc/>
    public override readonly int GetHashCode()
    {
        ulong hash = 0x9e3779b97f4a7c15;
        foreach (ulong word in AsWords())
        {
            hash = (hash ^ word) * 0xff51afd7ed558ccd;
            hash ^= hash >> 32;
        }

        return (int)hash;
    }

    /// <summary>Whether all words are equal.</summary>
    public static bool operator ==(in FlowKey left, in FlowKey right) => left.Equals(right);

    /// <summary>Whether any word differs.</summary>
    public static bool operator !=(in FlowKey left, in FlowKey right) => !left.Equals(right);

    /// <summary>This key with every bit outside <paramref name="mask"/> cleared.</summary>
    public readonly FlowKey Masked(in FlowKey mask)
    {
        FlowKey result = default;
        Span<ulong> to = result.AsMutableWords();
        ReadOnlySpan<ulong> from = AsWords(), m = mask.AsWords();
        for (int i = 0; i < Words; i++)
        {
            to[i] = from[i] & m[i];
        }

        return result;
    }

    /// <summary>Whether this key has the bits of <paramref name="value"/> wherever <paramref name="mask"/> has ones.</summary>
    public readonly bool MatchedBy(in FlowKey value, in FlowKey mask)
    {
        ReadOnlySpan<ulong> k = AsWords(), v = value.AsWords(), m = mask.AsWords();
        for (int i = 0; i < Words; i++)
        {
            if (((k[i] ^ v[i]) & m[i]) != 0)
            {
                return false;
            }
        }

        return true;
    }
}
