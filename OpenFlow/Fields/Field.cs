using System.Buffers.Binary;

namespace OvsBridge.OpenFlow.Fields;

/// <summary>How a field's value is written as text (ovs-ofctl's notation).</summary>
public enum FieldText
{
    /// <summary>Decimal.</summary>
    Decimal,

    /// <summary>Hexadecimal with 0x.</summary>
    Hex,

    /// <summary>aa:bb:cc:dd:ee:ff.</summary>
    Mac,

    /// <summary>Dotted quad, masks as CIDR where they are prefixes.</summary>
    Ipv4,

    /// <summary>RFC 5952, masks as CIDR where they are prefixes.</summary>
    Ipv6,

    /// <summary>OpenFlow port number or reserved name.</summary>
    Port,

    /// <summary>TCP flags: +syn-ack.</summary>
    TcpFlags,
}

/// <summary>Which masks a field's match may have (OpenFlow 1.3.5, table 12).</summary>
public enum MaskRule
{
    /// <summary>No mask: the whole value or nothing.</summary>
    None,

    /// <summary>Any bits.</summary>
    Any,
}

/// <summary>What must be matched, or be true of a packet, for a field to exist (OpenFlow 1.3.5, table 12).</summary>
public enum Prerequisite
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>A VLAN tag (VLAN_VID with OFPVID_PRESENT).</summary>
    Vlan,

    /// <summary>eth_type 0x0800.</summary>
    Ipv4,

    /// <summary>eth_type 0x86dd.</summary>
    Ipv6,

    /// <summary>IPv4 or IPv6.</summary>
    Ip,

    /// <summary>eth_type 0x0806 (or RARP 0x8035, as Open vSwitch).</summary>
    Arp,

    /// <summary>eth_type 0x8847 or 0x8848.</summary>
    Mpls,

    /// <summary>eth_type 0x88e7.</summary>
    Pbb,

    /// <summary>IP with ip_proto 6.</summary>
    Tcp,

    /// <summary>IP with ip_proto 17.</summary>
    Udp,

    /// <summary>IP with ip_proto 132.</summary>
    Sctp,

    /// <summary>IPv4 with ip_proto 1.</summary>
    Icmpv4,

    /// <summary>IPv6 with ip_proto 58.</summary>
    Icmpv6,

    /// <summary>ICMPv6 type 135 or 136 (code 0).</summary>
    Nd,

    /// <summary>ICMPv6 type 135 (code 0).</summary>
    NdSolicit,

    /// <summary>ICMPv6 type 136 (code 0).</summary>
    NdAdvert,

    /// <summary>in_port is matched.</summary>
    InPort,
}

/// <summary>Which datapath action rewrites a field (docs/datapath-abi.md).</summary>
public enum Rewrite
{
    /// <summary>The field cannot be set.</summary>
    ReadOnly,

    /// <summary>Only the pipeline knows the field (metadata, registers): no packet byte changes.</summary>
    Pipeline,

    /// <summary>DP_ACT_SET_ETH.</summary>
    Eth,

    /// <summary>DP_ACT_SET_VLAN.</summary>
    Vlan,

    /// <summary>DP_ACT_SET_MPLS.</summary>
    Mpls,

    /// <summary>DP_ACT_SET_PBB.</summary>
    Pbb,

    /// <summary>DP_ACT_SET_ARP.</summary>
    Arp,

    /// <summary>DP_ACT_SET_IPV4.</summary>
    Ipv4,

    /// <summary>DP_ACT_SET_IPV6.</summary>
    Ipv6,

    /// <summary>DP_ACT_SET_IPV4 or DP_ACT_SET_IPV6, by the packet's ethertype.</summary>
    Ip,

    /// <summary>DP_ACT_SET_TP.</summary>
    Tp,

    /// <summary>DP_ACT_SET_ND.</summary>
    Nd,

    /// <summary>DP_ACT_SET_TUNNEL.</summary>
    Tunnel,
}

/// <summary>
/// One match field: its number on the wire, its place in <see cref="FlowKey"/>, its rules and its text form. All rows are
/// in <see cref="FieldTable"/>; everything that treats fields (OXM, text, prerequisites, set_field, table features,
/// un-wildcarding, random test matches) is derived from them.
/// </summary>
/// <remarks>Immutable; there is one instance a field, so reference equality is field equality.</remarks>
public sealed class Field
{
    internal Field(
        int index,
        string name,
        uint oxmHeader,
        int bits,
        MaskRule mask,
        Prerequisite needs,
        int keyOffset,
        int keySize,
        int keyShift,
        FieldText text,
        Rewrite rewrite,
        bool hostOrder = false,
        string[]? aliases = null)
    {
        Index = index;
        Name = name;
        OxmHeader = oxmHeader;
        Bits = bits;
        Mask = mask;
        Needs = needs;
        KeyOffset = keyOffset;
        KeySize = keySize;
        KeyShift = keyShift;
        Text = text;
        Rewrite = rewrite;
        HostOrder = hostOrder;
        Aliases = aliases ?? [];
    }

    /// <summary>Position in <see cref="FieldTable.All"/>.</summary>
    public int Index { get; }

    /// <summary>The OpenFlow specification's name in lower case (ipv4_src).</summary>
    public string Name { get; }

    /// <summary>Other names that text may use (nw_src), Open vSwitch's canonical one first.</summary>
    public IReadOnlyList<string> Aliases { get; }

    /// <summary>
    /// OXM header without mask bit: class (16), field (7), 0 (1), payload bytes (8). Experimenter class fields carry the
    /// experimenter in <see cref="Experimenter"/>, and the length includes its four bytes.
    /// </summary>
    public uint OxmHeader { get; }

    /// <summary>Experimenter number for class 0xffff, else 0.</summary>
    public uint Experimenter { get; init; }

    /// <summary>Significant bits of the value.</summary>
    public int Bits { get; }

    /// <summary>Bytes of the value on the wire.</summary>
    public int Bytes => (int)(OxmHeader & 0xff) - (Experimenter == 0 ? 0 : 4);

    /// <summary>Which masks are allowed.</summary>
    public MaskRule Mask { get; }

    /// <summary>What must hold for the field to exist.</summary>
    public Prerequisite Needs { get; }

    /// <summary>Byte offset of the container in <see cref="FlowKey"/>.</summary>
    public int KeyOffset { get; }

    /// <summary>Bytes of the container: 1, 2, 4, 6, 8 or 16.</summary>
    public int KeySize { get; }

    /// <summary>How far left of the container's lowest bit the value stands.</summary>
    public int KeyShift { get; }

    /// <summary>Whether the container is in host order (in_port, metadata, registers).</summary>
    public bool HostOrder { get; }

    /// <summary>How the value is printed.</summary>
    public FieldText Text { get; }

    /// <summary>How set_field takes effect.</summary>
    public Rewrite Rewrite { get; }

    /// <summary>Whether set_field may name the field.</summary>
    public bool Settable => Rewrite != Rewrite.ReadOnly;

    /// <summary>A value with all significant bits set.</summary>
    public UInt128 AllOnes => Bits == 128 ? UInt128.MaxValue : (UInt128.One << Bits) - 1;

    /// <summary>Whether the field lies in the part of the key that the datapath knows.</summary>
    public bool InPacket => KeyOffset < FlowKey.PacketWords * 8;

    /// <summary>The field's value in <paramref name="key"/> (or its mask, if that is a mask), host order.</summary>
    public UInt128 Get(in FlowKey key) => (ReadContainer(key.AsBytes()) >> KeyShift) & AllOnes;

    /// <summary>Replaces the field in <paramref name="key"/>; bits of <paramref name="value"/> beyond <see cref="Bits"/> are ignored.</summary>
    public void Set(ref FlowKey key, UInt128 value) => SetMasked(ref key, value, AllOnes);

    /// <summary>Replaces the bits of the field that <paramref name="mask"/> has.</summary>
    public void SetMasked(ref FlowKey key, UInt128 value, UInt128 mask)
    {
        mask = (mask & AllOnes) << KeyShift;
        Span<byte> bytes = key.AsMutableBytes();
        UInt128 old = ReadContainer(bytes);
        WriteContainer(bytes, (old & ~mask) | ((value << KeyShift) & mask));
    }

    /// <inheritdoc/>
    public override string ToString() => Name;

    private UInt128 ReadContainer(ReadOnlySpan<byte> key)
    {
        ReadOnlySpan<byte> at = key.Slice(KeyOffset, KeySize);
        if (HostOrder)
        {
            return KeySize switch
            {
                4 => System.Runtime.InteropServices.MemoryMarshal.Read<uint>(at),
                _ => System.Runtime.InteropServices.MemoryMarshal.Read<ulong>(at),
            };
        }

        return KeySize switch
        {
            1 => at[0],
            2 => BinaryPrimitives.ReadUInt16BigEndian(at),
            4 => BinaryPrimitives.ReadUInt32BigEndian(at),
            6 => ((ulong)BinaryPrimitives.ReadUInt16BigEndian(at) << 32) | BinaryPrimitives.ReadUInt32BigEndian(at[2..]),
            8 => BinaryPrimitives.ReadUInt64BigEndian(at),
            _ => BinaryPrimitives.ReadUInt128BigEndian(at),
        };
    }

    private void WriteContainer(Span<byte> key, UInt128 value)
    {
        Span<byte> at = key.Slice(KeyOffset, KeySize);
        if (HostOrder)
        {
            if (KeySize == 4)
            {
                System.Runtime.InteropServices.MemoryMarshal.Write(at, (uint)value);
            }
            else
            {
                System.Runtime.InteropServices.MemoryMarshal.Write(at, (ulong)value);
            }

            return;
        }

        switch (KeySize)
        {
            case 1:
                at[0] = (byte)value;
                break;
            case 2:
                BinaryPrimitives.WriteUInt16BigEndian(at, (ushort)value);
                break;
            case 4:
                BinaryPrimitives.WriteUInt32BigEndian(at, (uint)value);
                break;
            case 6:
                BinaryPrimitives.WriteUInt16BigEndian(at, (ushort)(value >> 32));
                BinaryPrimitives.WriteUInt32BigEndian(at[2..], (uint)value);
                break;
            case 8:
                BinaryPrimitives.WriteUInt64BigEndian(at, (ulong)value);
                break;
            default:
                BinaryPrimitives.WriteUInt128BigEndian(at, value);
                break;
        }
    }
}
