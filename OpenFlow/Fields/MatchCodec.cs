using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Wire;

namespace OvsBridge.OpenFlow.Fields;

/// <summary>OXM (specification 7.2.3): matches and single fields as bytes, driven by <see cref="FieldTable"/> alone.</summary>
internal static class MatchCodec
{
    private const ushort OxmMatch = 1; // OFPMT_OXM
    private const ushort ExperimenterClass = 0xffff;
    private const uint MaskBit = 0x100;

    /// <summary>OXM_OF_PACKET_TYPE of OpenFlow 1.5 (field 44, four bytes): name space and number; Ethernet is all zeros.</summary>
    private const uint PacketType = 0x80005804;

    /// <summary>Reads struct ofp_match with its padding.</summary>
    public static Match Read(ref WireReader reader)
    {
        // type, length (without padding), OXM fields, padding to 8
        ushort type = reader.U16();
        ushort length = reader.U16();
        if (type != OxmMatch)
            WireReader.Fail(OfError.BadMatchBadType, $"match type {type}, only OFPMT_OXM (1) is supported");
        WireReader fields = reader.Sub(length - 4, OfError.BadMatchBadLen, "match");
        if (reader.Remaining < (-length & 7))
            WireReader.Fail(OfError.BadMatchBadLen, $"no room for the padding of a match of {length} bytes");
        reader.SkipPadding(length);
        return fields.Remaining == 0 ? Match.Any : ReadFields(ref fields);
    }

    /// <summary>Writes struct ofp_match with its padding.</summary>
    /// <returns>Its bytes without padding.</returns>
    public static int Write(ref WireWriter writer, Match match)
    {
        int start = writer.Position;
        writer.U16(OxmMatch);
        int length = writer.ReserveLength();
        if (match.Oxm.IsEmpty)
            WriteFields(ref writer, match.Value, match.Mask);
        else
            writer.Bytes(match.Oxm.Span);
        int size = writer.Position - start;
        writer.Length(length, start);
        writer.Pad(start);
        return size;
    }

    /// <summary>Reads the OXM fields of a match, up to the end of <paramref name="reader"/>.</summary>
    public static Match ReadFields(ref WireReader reader)
    {
        var builder = default(MatchBuilder);
        WireReader all = reader;
        while (reader.Remaining > 0)
        {
            uint header = reader.U32();
            WireReader payload = reader.Sub((int)(header & 0xff), OfError.BadMatchBadLen, "OXM field");
            ReadField(header, ref payload, ref builder);
        }

        return builder.ToMatch(all.Rest().ToArray());
    }

    /// <summary>Reads one OXM field behind its header.</summary>
    public static void ReadField(uint header, ref WireReader payload, ref MatchBuilder builder)
    {
        Field? field = Find(header, ref payload, OfError.BadMatchBadLen);
        if (field is null)
        {
            if (payload.FromSwitch)
                return;
            if ((header & ~(MaskBit | 0xff)) == (PacketType & ~0xffu))
            {
                ReadPacketType(header, ref payload, ref builder);
                return;
            }

            WireReader.Fail(OfError.BadMatchBadField, $"OXM header 0x{header:x8}");
        }

        bool masked = (header & MaskBit) != 0;
        if (payload.Remaining != (masked ? 2 * field.Bytes : field.Bytes))
            WireReader.Fail(OfError.BadMatchBadLen, $"{field} with a payload of {payload.Remaining} bytes");
        UInt128 value = payload.Number(field.Bytes);
        builder.Add(field, value, masked ? payload.Number(field.Bytes) & field.AllOnes : field.AllOnes, payload.FromSwitch);
    }

    /// <summary>
    /// Writes the OXM fields of a match that was not received: by field number, which has prerequisites first. Fields that
    /// share bits (tcp_src, udp_src) are told apart by the prerequisites that the match meets; of two that stay, the first is written.
    /// </summary>
    public static void WriteFields(ref WireWriter writer, in FlowKey value, in FlowKey mask)
    {
        var known = new ProtocolState(value, mask);
        ReadOnlySpan<ulong> words = mask.AsWords();
        FlowKey left = mask;
        foreach (Field field in FieldTable.Rows)
        {
            int word = field.KeyOffset / 8;
            if ((words[word] | (field.KeySize > 8 ? words[word + 1] : 0)) == 0)
                continue;
            UInt128 fieldMask = field.Get(left);
            if (fieldMask == 0 || !known.Meets(field.Needs))
                continue;
            WriteField(ref writer, field, field.Get(value), fieldMask);
            field.Set(ref left, 0);
        }
    }

    /// <summary>Writes one OXM field, with a mask unless it is all ones.</summary>
    public static void WriteField(ref WireWriter writer, Field field, UInt128 value, UInt128 mask)
    {
        bool masked = mask != field.AllOnes;
        writer.U32(masked ? (field.OxmHeader | MaskBit) + (uint)field.Bytes : field.OxmHeader);
        if (field.Experimenter != 0)
            writer.U32(field.Experimenter);
        writer.Number(value, field.Bytes);
        if (masked)
            writer.Number(mask, field.Bytes);
    }

    /// <summary>Reads the one OXM field of a set_field action.</summary>
    /// <param name="reader">Ends behind the action, padding included.</param>
    /// <param name="maskAllowed">Whether the field may have a mask (not in OpenFlow 1.3's own action).</param>
    public static (Field Field, UInt128 Value, UInt128 Mask) ReadSetField(ref WireReader reader, bool maskAllowed)
    {
        uint header = reader.U32();
        int length = (int)(header & 0xff);
        WireReader payload = reader.Sub(length, OfError.BadActionBadSetLen, "field of a set_field action");
        Field? field = Find(header, ref payload, OfError.BadActionBadSetLen);
        bool masked = (header & MaskBit) != 0;
        if (field is null || !field.Settable)
            WireReader.Fail(OfError.BadActionBadSetType, field is null ? $"OXM header 0x{header:x8}" : $"{field} can't be set");
        if (masked && !maskAllowed)
            WireReader.Fail(OfError.BadActionBadSetType, $"OpenFlow 1.3 sets {field} whole, without a mask");
        if (payload.Remaining != (masked ? 2 * field.Bytes : field.Bytes))
            WireReader.Fail(OfError.BadActionBadSetLen, $"{field} with a payload of {payload.Remaining} bytes");

        UInt128 value = payload.Number(field.Bytes);
        UInt128 mask = masked ? payload.Number(field.Bytes) & field.AllOnes : field.AllOnes;
        return (field, CheckSet(field, value, mask), mask);
    }

    /// <summary>The value, if a set_field may write it.</summary>
    /// <exception cref="OfErrorException">BAD_ACTION/BAD_SET_ARGUMENT.</exception>
    public static UInt128 CheckSet(Field field, UInt128 value, UInt128 mask)
    {
        if ((value & ~field.AllOnes) != 0)
            WireReader.Fail(OfError.BadActionBadSetArgument, $"{field} has {field.Bits} bits, 0x{value:x} has more");
        if ((value & ~mask) != 0)
            WireReader.Fail(OfError.BadActionBadSetArgument, $"{field}: 0x{value:x} has bits outside its mask 0x{mask:x}");
        if (field == FieldTable.VlanVid && (value & FlowKey.VlanPresent) == 0 && (mask & FlowKey.VlanPresent) != 0)
            WireReader.Fail(OfError.BadActionBadSetArgument, "vlan_vid without OFPVID_PRESENT; pop_vlan removes a tag");
        return value;
    }

    /// <summary>
    /// As Open vSwitch, takes OpenFlow 1.5's packet_type. Every packet here is an Ethernet frame: the type of those matches all,
    /// and is no more than an echo in statistics; that of others could match nothing.
    /// </summary>
    private static void ReadPacketType(uint header, ref WireReader payload, ref MatchBuilder builder)
    {
        bool masked = (header & MaskBit) != 0;
        if (payload.Remaining != (masked ? 8 : 4))
            WireReader.Fail(OfError.BadMatchBadLen, $"packet_type with a payload of {payload.Remaining} bytes");
        builder.SeePacketType();
        uint value = payload.U32(), mask = masked ? payload.U32() : uint.MaxValue;
        if (mask is not (uint.MaxValue or 0))
            WireReader.Fail(OfError.BadMatchBadMask, "packet_type can't be masked");
        if (value != 0)
            WireReader.Fail(OfError.BadMatchBadValue, $"packet_type 0x{value:x8}: packets here are Ethernet frames");
    }

    private static Field? Find(uint header, ref WireReader payload, OfError badLength)
    {
        Field? field = FieldTable.ByOxm(header);
        if (header >> 16 != ExperimenterClass)
            return field;
        if (payload.Remaining < 4)
            WireReader.Fail(badLength, $"OXM header 0x{header:x8} has no room for its experimenter");
        uint experimenter = payload.U32();
        return field?.Experimenter == experimenter ? field : null;
    }
}
