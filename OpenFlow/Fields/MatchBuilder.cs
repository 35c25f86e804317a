using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Wire;

namespace OvsBridge.OpenFlow.Fields;

/// <summary>A match of which field after field is read, each judged by those before it (specification 7.2.3).</summary>
internal struct MatchBuilder
{
    private FlowKey _value;
    private FlowKey _mask;
    private UInt128 _seen; // bit n: the field of that index; the highest: packet_type

    /// <summary>Adds a field.</summary>
    /// <param name="field">Which.</param>
    /// <param name="value">Its value.</param>
    /// <param name="mask">Its mask.</param>
    /// <param name="lenient">A switch says so: prerequisites are not checked.</param>
    /// <exception cref="OfErrorException">BAD_MATCH.</exception>
    public void Add(Field field, UInt128 value, UInt128 mask, bool lenient)
    {
        See(field);
        Check(field, value, mask, lenient);
        field.SetMasked(ref _value, value, mask);
        field.SetMasked(ref _mask, mask, field.AllOnes);
    }

    /// <summary>Adds bits of the outer VLAN tag's TCI (NXM_OF_VLAN_TCI), which stands for vlan_vid and vlan_pcp.</summary>
    /// <exception cref="OfErrorException">BAD_MATCH.</exception>
    public void AddTci(ushort value, ushort mask)
    {
        See(FieldTable.VlanVid);
        See(FieldTable.VlanPcp);
        if ((value & ~mask) != 0)
            WireReader.Fail(OfError.BadMatchBadWildcards, $"vlan_tci 0x{value:x4} has bits outside its mask 0x{mask:x4}");
        _value.VlanTci = value;
        _mask.VlanTci = mask;
    }

    /// <summary>packet_type was there; it is no field of ours.</summary>
    /// <exception cref="OfErrorException">BAD_MATCH: a second time.</exception>
    public void SeePacketType() => See(127, "packet_type");

    /// <summary>The match.</summary>
    /// <param name="oxm">Its fields as received in OpenFlow 1.3; see <see cref="Match.Oxm"/>.</param>
    public readonly Match ToMatch(ReadOnlyMemory<byte> oxm = default) => new(_value, _mask, oxm);

    private void See(Field field) => See(field.Index, field.Name);

    private void See(int index, string name)
    {
        UInt128 bit = UInt128.One << index;
        if ((_seen & bit) != 0)
            WireReader.Fail(OfError.BadMatchDupField, name);
        _seen |= bit;
    }

    private readonly void Check(Field field, UInt128 value, UInt128 mask, bool lenient)
    {
        if ((value & ~field.AllOnes) != 0)
            WireReader.Fail(OfError.BadMatchBadValue, $"{field} has {field.Bits} bits, 0x{value:x} has more");

        // All ones is the same as no mask, all zeros as no field (specification 7.2.3.5): harmless with any field.
        if (field.Mask == MaskRule.None && mask != field.AllOnes && mask != 0)
            WireReader.Fail(OfError.BadMatchBadMask, $"{field} can't be masked");
        if ((value & ~mask) != 0)
            WireReader.Fail(OfError.BadMatchBadWildcards, $"{field}: 0x{value:x} has bits outside its mask 0x{mask:x}");

        // A VLAN id that no tag may carry: OFPVID_NONE is 0, an id comes with OFPVID_PRESENT.
        if (field == FieldTable.VlanVid && (mask & FlowKey.VlanPresent) != 0 && value != 0 && (value & FlowKey.VlanPresent) == 0)
            WireReader.Fail(OfError.BadMatchBadValue, $"vlan_vid 0x{value:x} without OFPVID_PRESENT matches nothing");
        if (lenient)
            return;

        // "A field with prerequisites must appear after the fields for them": so it is what was read so far that counts.
        if (field.Needs != Prerequisite.None && !new ProtocolState(_value, _mask).Meets(field.Needs))
            WireReader.Fail(OfError.BadMatchBadPrereq, $"{field} needs {field.Needs} before it");

        // Fields share key bits where prerequisites exclude each other. in_phy_port is the exception: here it is in_port.
        UInt128 both = field.Get(_mask) & mask;
        if ((field.Get(_value) & both) != (value & both))
            WireReader.Fail(OfError.BadMatchBadValue, $"{field} contradicts a field before it");
    }
}
