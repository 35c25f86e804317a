using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Wire;

namespace OvsBridge.OpenFlow.V10;

/// <summary>Nicira's extended match: TLVs as OXM's, with NXM and OXM fields mixed.</summary>
internal static class NxmCodec
{
    /// <summary>Reads a match of <paramref name="length"/> bytes and its padding to 8.</summary>
    /// <param name="reader">At the match.</param>
    /// <param name="length">Bytes without padding.</param>
    /// <param name="cookie">What the match says of cookies: value and mask; null: that can't stand in it here.</param>
    public static Match Read(ref WireReader reader, int length, CookieMatch? cookie = null)
    {
        WireReader fields = reader.Sub(length, OfError.BadMatchBadLen, "match");
        if (reader.Remaining < (-length & 7))
            WireReader.Fail(OfError.BadMatchBadLen, $"no room for the padding of a match of {length} bytes");
        reader.SkipPadding(length);
        var builder = default(MatchBuilder);
        while (fields.Remaining > 0)
        {
            uint header = fields.U32();
            WireReader payload = fields.Sub((int)(header & 0xff), OfError.BadMatchBadLen, "NXM field");
            if (NxmTable.IsNxm(header))
                ReadField(header, ref payload, ref builder, cookie);
            else
                MatchCodec.ReadField(header, ref payload, ref builder);
        }

        return builder.ToMatch();
    }

    /// <summary>Writes a match and its padding to 8.</summary>
    /// <returns>Its bytes without padding.</returns>
    public static int Write(ref WireWriter writer, Match match)
    {
        int start = writer.Position;
        WriteFields(ref writer, match);
        int length = writer.Position - start;
        writer.Pad(start);
        return length;
    }

    /// <summary>Writes the fields of a match, prerequisites first.</summary>
    public static void WriteFields(ref WireWriter writer, Match match)
    {
        var known = new ProtocolState(match.Value, match.Mask);
        FlowKey left = match.Mask;
        foreach (Field field in FieldTable.Rows)
        {
            UInt128 mask = field.Get(left);
            if (field == FieldTable.VlanVid)
            {
                WriteTci(ref writer, match.Value.VlanTci, match.Mask.VlanTci);
                left.VlanTci = 0;
            }
            else if (mask != 0 && known.Meets(field.Needs))
            {
                WriteField(ref writer, field, field.Get(match.Value), mask);
                field.Set(ref left, 0);
            }
        }
    }

    /// <summary>Writes one field.</summary>
    private static void WriteField(ref WireWriter writer, Field field, UInt128 value, UInt128 mask)
    {
        if (NxmTable.Find(field) is { } row)
            WriteValue(ref writer, row.Header, row.Bytes, value << row.Shift, mask << row.Shift, mask != field.AllOnes);
        else
            MatchCodec.WriteField(ref writer, field, value, mask);
    }

    private static void WriteTci(ref WireWriter writer, ushort value, ushort mask)
    {
        if (mask != 0)
            WriteValue(ref writer, NxmTable.VlanTci, 2, value, mask, mask != 0xffff);
    }

    private static void WriteValue(ref WireWriter writer, uint header, int bytes, UInt128 value, UInt128 mask, bool masked)
    {
        writer.U32(masked ? (header | NxmTable.MaskBit) + (uint)bytes : header);
        writer.Number(value, bytes);
        if (masked)
            writer.Number(mask, bytes);
    }

    private static void ReadField(uint header, ref WireReader payload, ref MatchBuilder builder, CookieMatch? cookie)
    {
        uint plain = header & ~0x1ffu;
        int bytes = payload.Remaining;
        bool masked = (header & NxmTable.MaskBit) != 0;
        if (masked && bytes % 2 != 0)
            WireReader.Fail(OfError.BadMatchBadLen, $"NXM header 0x{header:x8}");
        bytes = masked ? bytes / 2 : bytes;
        if (plain == (NxmTable.VlanTci & ~0xffu) && bytes == 2)
        {
            ushort tci = payload.U16();
            builder.AddTci(tci, masked ? payload.U16() : ushort.MaxValue);
            return;
        }

        if (plain == (NxmTable.Cookie & ~0xffu) && bytes == 8 && cookie is not null)
        {
            ulong value = payload.U64();
            cookie.Set(value, masked ? payload.U64() : ulong.MaxValue);
            return;
        }

        if (NxmTable.Find(header) is not { } row || bytes != row.Bytes)
        {
            WireReader.Fail(OfError.BadMatchBadField, $"NXM header 0x{header:x8}");
            return;
        }

        UInt128 whole = payload.Number(bytes), mask = masked ? payload.Number(bytes) : (row.Field.AllOnes << row.Shift) | Below(row.Shift);
        if (row.Field == FieldTable.InPort)
            (whole, mask) = (PortCodec.FromWire((ushort)whole), mask == ushort.MaxValue ? uint.MaxValue : mask);
        else if (((masked ? mask : whole) & Below(row.Shift)) != 0)
            WireReader.Fail(OfError.BadMatchBadValue, $"0x{whole:x} in NXM field 0x{header:x8}: the lowest {row.Shift} bits are others'");
        builder.Add(row.Field, whole >> row.Shift, mask >> row.Shift, lenient: false);
    }

    private static UInt128 Below(int shift) => (UInt128.One << shift) - 1;
}

/// <summary>What a Nicira match says of cookies.</summary>
internal sealed class CookieMatch
{
    /// <summary>Bits that the cookie must have.</summary>
    public ulong Value { get; private set; }

    /// <summary>Which bits; 0: any cookie.</summary>
    public ulong Mask { get; private set; }

    public void Set(ulong value, ulong mask)
    {
        if (Mask != 0)
            WireReader.Fail(OfError.BadMatchDupField, "cookie");
        if ((value & ~mask) != 0)
            WireReader.Fail(OfError.BadMatchBadWildcards, $"cookie 0x{value:x} has bits outside its mask 0x{mask:x}");
        (Value, Mask) = (value, mask);
    }
}
