using System.Numerics;
using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Wire;

namespace OvsBridge.OpenFlow.V10;

/// <summary>struct ofp_match of OpenFlow 1.0: twelve fields and a word of wildcards.</summary>
/// <remarks>
/// Fields of headers that the match does not ask for are wildcards whatever they say (3.4 of the specification). As Open vSwitch, dl_type
/// 0x86dd has nw_tos, nw_proto and ports as well. What a match made otherwise has beyond that (masks, other fields) is left out.
/// </remarks>
internal static class MatchCodec10
{
    /// <summary>Bytes of struct ofp_match.</summary>
    public const int Size = 40;

    private const ushort NoVlan = 0xffff; // OFP_VLAN_NONE

    [Flags]
    private enum Wildcards : uint
    {
        InPort = 1 << 0,
        DlVlan = 1 << 1,
        DlSrc = 1 << 2,
        DlDst = 1 << 3,
        DlType = 1 << 4,
        NwProto = 1 << 5,
        TpSrc = 1 << 6,
        TpDst = 1 << 7,
        DlVlanPcp = 1 << 20,
        NwTos = 1 << 21,
    }

    private const int NwSrcShift = 8;
    private const int NwDstShift = 14;
    private const ushort VlanVidBits = 0x0fff;
    private const ushort VlanPcpBits = 0xe000;

    // wildcards, in_port, dl_src, dl_dst, dl_vlan, dl_vlan_pcp, pad, dl_type, nw_tos, nw_proto, pad[2], nw_src, nw_dst, tp_src, tp_dst
    public static Match Read(ref WireReader reader)
    {
        uint bits = reader.U32();
        var wildcards = (Wildcards)bits;
        var builder = default(Builder);
        uint inPort = PortCodec.ReadNumber(ref reader);
        ulong dlSrc = reader.U48(), dlDst = reader.U48();
        ushort dlVlan = reader.U16();
        byte dlVlanPcp = reader.U8();
        reader.Skip(1);
        ushort dlType = reader.U16();
        byte nwTos = reader.U8(), nwProto = reader.U8();
        reader.Skip(2);
        uint nwSrc = reader.U32(), nwDst = reader.U32();
        ushort tpSrc = reader.U16(), tpDst = reader.U16();

        if (!wildcards.HasFlag(Wildcards.InPort))
            builder.Set(FieldTable.InPort, inPort);
        if (!wildcards.HasFlag(Wildcards.DlSrc))
            builder.Set(FieldTable.EthSrc, dlSrc);
        if (!wildcards.HasFlag(Wildcards.DlDst))
            builder.Set(FieldTable.EthDst, dlDst);
        SetVlan(ref builder, wildcards, dlVlan, dlVlanPcp);
        if (wildcards.HasFlag(Wildcards.DlType))
            return builder.ToMatch();

        builder.Set(FieldTable.EthType, dlType);
        bool ip = dlType is 0x0800 or 0x86dd, arp = dlType is 0x0806 or 0x8035;
        if (dlType == 0x0800)
        {
            builder.Set(FieldTable.Ipv4Src, nwSrc, Prefix(bits >> NwSrcShift));
            builder.Set(FieldTable.Ipv4Dst, nwDst, Prefix(bits >> NwDstShift));
        }
        else if (arp)
        {
            builder.Set(FieldTable.ArpSpa, nwSrc, Prefix(bits >> NwSrcShift));
            builder.Set(FieldTable.ArpTpa, nwDst, Prefix(bits >> NwDstShift));
            if (!wildcards.HasFlag(Wildcards.NwProto))
                builder.Set(FieldTable.ArpOp, nwProto);
        }

        if (ip && !wildcards.HasFlag(Wildcards.NwTos))
            builder.Set(FieldTable.IpDscp, (UInt128)(nwTos >> 2));
        if (ip && !wildcards.HasFlag(Wildcards.NwProto))
        {
            builder.Set(FieldTable.IpProto, nwProto);
            if (Ports(dlType, nwProto) is var (src, dst))
            {
                if (!wildcards.HasFlag(Wildcards.TpSrc))
                    builder.SetChecked(src, tpSrc);
                if (!wildcards.HasFlag(Wildcards.TpDst))
                    builder.SetChecked(dst, tpDst);
            }
        }

        return builder.ToMatch();
    }

    public static void Write(ref WireWriter writer, Match match)
    {
        ref readonly FlowKey value = ref match.Value;
        ref readonly FlowKey mask = ref match.Mask;
        Wildcards wildcards = 0;
        ushort tci = value.VlanTci, tciMask = mask.VlanTci;
        ushort dlVlan = 0;
        byte dlVlanPcp = 0;
        if ((tciMask & FlowKey.VlanPresent) != 0 && (tci & FlowKey.VlanPresent) == 0)
        {
            dlVlan = NoVlan;
            wildcards |= (tciMask & VlanPcpBits) == 0 ? Wildcards.DlVlanPcp : 0;
        }
        else
        {
            wildcards |= (tciMask & VlanVidBits) == 0 ? Wildcards.DlVlan : 0;
            wildcards |= (tciMask & VlanPcpBits) == 0 ? Wildcards.DlVlanPcp : 0;
            dlVlan = (ushort)(tci & VlanVidBits);
            dlVlanPcp = (byte)(tci >> 13);
        }

        ushort type = value.EthType;
        bool arp = type is 0x0806 or 0x8035;
        wildcards |= mask.InPort == 0 ? Wildcards.InPort : 0;
        wildcards |= mask.EthSrc.Value == 0 ? Wildcards.DlSrc : 0;
        wildcards |= mask.EthDst.Value == 0 ? Wildcards.DlDst : 0;
        wildcards |= mask.EthType.Value == 0 ? Wildcards.DlType : 0;
        wildcards |= (mask.IpTos & 0xfc) == 0 ? Wildcards.NwTos : 0;
        wildcards |= mask.IpProto == 0 && mask.ArpOp.Value == 0 ? Wildcards.NwProto : 0;
        wildcards |= mask.TpSrc.Value == 0 ? Wildcards.TpSrc : 0;
        wildcards |= mask.TpDst.Value == 0 ? Wildcards.TpDst : 0;
        uint bits = (uint)wildcards | (WildBits(mask.Ipv4Src) << NwSrcShift) | (WildBits(mask.Ipv4Dst) << NwDstShift);

        writer.U32(bits);
        writer.U16(PortCodec.ToWire(value.InPort));
        writer.U48(value.EthSrc);
        writer.U48(value.EthDst);
        writer.U16(dlVlan);
        writer.U8(dlVlanPcp);
        writer.Zero(1);
        writer.U16(type);
        writer.U8((byte)(value.IpTos & 0xfc));
        writer.U8(arp ? (byte)value.ArpOp.Value : value.IpProto);
        writer.Zero(2);
        writer.U32(value.Ipv4Src);
        writer.U32(value.Ipv4Dst);
        writer.U16(value.TpSrc);
        writer.U16(value.TpDst);
    }

    // As Open vSwitch: an exact dl_vlan_pcp with dl_vlan "none" can't be, and is taken for "none".
    private static void SetVlan(ref Builder builder, Wildcards wildcards, ushort dlVlan, byte dlVlanPcp)
    {
        bool vid = !wildcards.HasFlag(Wildcards.DlVlan), pcp = !wildcards.HasFlag(Wildcards.DlVlanPcp);
        if (vid && dlVlan == NoVlan)
        {
            builder.SetTci(0, 0xffff);
        }
        else if (vid || pcp)
        {
            builder.SetTci(
                (ushort)((dlVlan & VlanVidBits) | (dlVlanPcp << 13) | FlowKey.VlanPresent),
                (ushort)((vid ? VlanVidBits : 0) | (pcp ? VlanPcpBits : 0) | FlowKey.VlanPresent));
        }
    }

    private static (Field Src, Field Dst)? Ports(ushort type, byte proto) => (type, proto) switch
    {
        (_, 6) => (FieldTable.TcpSrc, FieldTable.TcpDst),
        (_, 17) => (FieldTable.UdpSrc, FieldTable.UdpDst),
        (_, 132) => (FieldTable.SctpSrc, FieldTable.SctpDst),
        (0x0800, 1) => (FieldTable.Icmpv4Type, FieldTable.Icmpv4Code),
        (0x86dd, 58) => (FieldTable.Icmpv6Type, FieldTable.Icmpv6Code),
        _ => null,
    };

    /// <summary>The mask of an address of which the lowest <paramref name="wild"/> bits (of six) are wildcards.</summary>
    private static uint Prefix(uint wild) => (wild & 0x3f) >= 32 ? 0 : uint.MaxValue << (int)(wild & 0x3f);

    private static uint WildBits(uint mask) => mask == 0 ? 32 : (uint)BitOperations.TrailingZeroCount(mask);

    private struct Builder
    {
        private FlowKey _value;
        private FlowKey _mask;

        public void Set(Field field, UInt128 value) => Set(field, value, field.AllOnes);

        public void Set(Field field, UInt128 value, UInt128 mask)
        {
            field.Set(ref _value, value & mask);
            field.Set(ref _mask, mask);
        }

        public void SetChecked(Field field, ushort value)
        {
            if (value > field.AllOnes)
                WireReader.Fail(OfError.BadMatchBadValue, $"{field} {value}");
            Set(field, value);
        }

        public void SetTci(ushort value, ushort mask)
        {
            _value.VlanTci = (ushort)(value & mask);
            _mask.VlanTci = mask;
        }

        public readonly Match ToMatch() => new(_value, _mask);
    }
}
