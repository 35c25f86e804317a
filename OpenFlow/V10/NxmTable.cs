using System.Collections.Frozen;
using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.OpenFlow.V10;

/// <summary>A field as Nicira's extended match has it.</summary>
/// <param name="Header">NXM header without mask: class, field, length.</param>
/// <param name="Field">The same field here.</param>
/// <param name="Shift">Bits of the NXM value below the field's.</param>
internal sealed record NxmRow(uint Header, Field Field, int Shift = 0)
{
    /// <summary>Bytes of the value.</summary>
    public int Bytes => (int)(Header & 0xff);
}

/// <summary>
/// The column "NXM" of <see cref="FieldTable"/>: fields that had a number of Nicira's before OpenFlow 1.2 gave them one. The others are
/// written with their OXM header, among NXM fields too, as Open vSwitch does.
/// </summary>
internal static class NxmTable
{
    /// <summary>NXM_OF_VLAN_TCI: id, "present" and priority of the outer tag as one number, any bits of it.</summary>
    public const uint VlanTci = 0x00000802;

    /// <summary>NXM_NX_COOKIE: restricts a request by cookie; no field of packets.</summary>
    public const uint Cookie = 0x00013c08;

    /// <summary>NXM_NX_IP_TTL: for actions only.</summary>
    public const uint IpTtl = 0x00013a01;

    /// <summary>The mask bit of a header.</summary>
    public const uint MaskBit = 0x100;

    private const uint Of = 0;
    private const uint Nx = 1;

    // class, number, bytes
    private static readonly NxmRow[] _rows =
    [
        Row(Of, 0, 2, FieldTable.InPort),
        Row(Of, 1, 6, FieldTable.EthDst),
        Row(Of, 2, 6, FieldTable.EthSrc),
        Row(Of, 3, 2, FieldTable.EthType),
        Row(Of, 5, 1, FieldTable.IpDscp, shift: 2), // NXM_OF_IP_TOS, without ECN
        Row(Of, 6, 1, FieldTable.IpProto),
        Row(Of, 7, 4, FieldTable.Ipv4Src),
        Row(Of, 8, 4, FieldTable.Ipv4Dst),
        Row(Of, 9, 2, FieldTable.TcpSrc),
        Row(Of, 10, 2, FieldTable.TcpDst),
        Row(Of, 11, 2, FieldTable.UdpSrc),
        Row(Of, 12, 2, FieldTable.UdpDst),
        Row(Of, 13, 1, FieldTable.Icmpv4Type),
        Row(Of, 14, 1, FieldTable.Icmpv4Code),
        Row(Of, 15, 2, FieldTable.ArpOp),
        Row(Of, 16, 4, FieldTable.ArpSpa),
        Row(Of, 17, 4, FieldTable.ArpTpa),
        Row(Nx, 16, 8, FieldTable.TunnelId),
        Row(Nx, 17, 6, FieldTable.ArpSha),
        Row(Nx, 18, 6, FieldTable.ArpTha),
        Row(Nx, 19, 16, FieldTable.Ipv6Src),
        Row(Nx, 20, 16, FieldTable.Ipv6Dst),
        Row(Nx, 21, 1, FieldTable.Icmpv6Type),
        Row(Nx, 22, 1, FieldTable.Icmpv6Code),
        Row(Nx, 23, 16, FieldTable.NdTarget),
        Row(Nx, 24, 6, FieldTable.NdSll),
        Row(Nx, 25, 6, FieldTable.NdTll),
        Row(Nx, 27, 4, FieldTable.Ipv6Flabel),
        Row(Nx, 28, 1, FieldTable.IpEcn),
    ];

    private static readonly FrozenDictionary<uint, NxmRow> _byHeader = _rows.ToFrozenDictionary(row => row.Header >> 9);
    private static readonly FrozenDictionary<Field, NxmRow> _byField = _rows.ToFrozenDictionary(row => row.Field);

    /// <summary>All rows.</summary>
    public static IReadOnlyList<NxmRow> All => _rows;

    /// <summary>Whether a header is of one of Nicira's classes (the others are OXM).</summary>
    public static bool IsNxm(uint header) => header >> 16 <= Nx;

    /// <summary>The row with this header's class and number, or null.</summary>
    public static NxmRow? Find(uint header) => _byHeader.GetValueOrDefault(header >> 9);

    /// <summary>The field's row, or null: it has its OXM header only.</summary>
    public static NxmRow? Find(Field field) => _byField.GetValueOrDefault(field);

    private static NxmRow Row(uint type, uint number, uint bytes, Field field, int shift = 0) =>
        new((type << 16) | (number << 9) | bytes, field, shift);
}
