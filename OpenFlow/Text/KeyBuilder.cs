using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.OpenFlow.Text;

/// <summary>Collects the words of a match (or of one packet's flow) into value and mask.</summary>
/// <param name="ports">Looks up port names, or null.</param>
/// <param name="wholeKey">
/// True for ofproto/trace's flows: also fields that OpenFlow 1.3 cannot match. False for flow_mods.
/// </param>
internal sealed class KeyBuilder(PortNames? ports, bool wholeKey)
{
    private readonly List<(Word Word, Field Field, Prerequisite[] Needs)> _conditional = [];
    private FlowKey _value;
    private FlowKey _mask;

    /// <summary>Takes a word if it is one of a match; false: it is something else.</summary>
    /// <exception cref="FlowSyntaxException">It is one, but wrong.</exception>
    public bool TryAdd(in Word word)
    {
        if (ProtocolWords.ByName(word.Key) is { } protocol)
        {
            word.NeedNoValue();
            Set(word, FieldTable.EthType, protocol.EthType, ushort.MaxValue);
            if (protocol.IpProto is { } proto)
            {
                Set(word, FieldTable.IpProto, proto, byte.MaxValue);
            }

            return true;
        }

        switch (word.Key)
        {
            case "eth":
                word.NeedNoValue(); // every packet of this switch is an Ethernet frame
                return true;
            case "dl_vlan":
                AddVlan(word, FieldTable.VlanVid);
                return true;
            case "dl_vlan1" when wholeKey:
                AddVlan(word, KeyFields.InnerVid);
                return true;
            case "vlan_tci":
                AddTci(word);
                return true;
            case "dl_vlan_pcp" or "vlan_pcp":
                AddPcp(word, KeyFields.VlanTci);
                return true;
            case "dl_vlan_pcp1" when wholeKey:
                AddPcp(word, KeyFields.InnerTci);
                return true;
            case "nw_tos":
                AddTos(word);
                return true;
            case "nw_frag" or "ip_frag" when wholeKey:
                AddFrag(word);
                return true;
        }

        Field? field = FieldTable.ByName(word.Key) ?? (wholeKey ? KeyFields.ByName.GetValueOrDefault(word.Key) : null);
        if (field is null)
        {
            if (KeyFields.ByName.ContainsKey(word.Key) || word.Key is "nw_frag" or "ip_frag")
            {
                throw word.Error($"OpenFlow 1.3 has no match field {word.Key}");
            }

            return false;
        }

        AddField(word, field);
        return true;
    }

    /// <summary>The match.</summary>
    /// <param name="notes">
    /// Receives what a lenient tool may say about fields that were left out since their prerequisites do not hold, as
    /// ovs-ofctl does; null: such a field is an error. One that ovs-ofctl does not know is an error anyway.
    /// </param>
    public Match ToMatch(ICollection<string>? notes)
    {
        Finish(notes);
        return new Match(_value, _mask);
    }

    /// <summary>The packet that has the given values and zero elsewhere.</summary>
    public FlowKey ToKey()
    {
        Finish(null);
        return _value;
    }

    private void AddField(in Word word, Field field)
    {
        (UInt128 value, UInt128 mask) = Parse(word, field);
        if (mask == 0)
        {
            return;
        }

        if (field == FieldTable.VlanVid)
        {
            NeedTag(word, value, mask);
        }

        Set(word, field, value, mask);
        Prerequisite[] needs = word.Key switch
        {
            "nw_src" or "nw_dst" or "ip_src" or "ip_dst" => [Prerequisite.Ipv4, Prerequisite.Arp],
            "nw_proto" => [Prerequisite.Ip, Prerequisite.Arp],
            "tp_src" or "tp_dst" => [Prerequisite.Tcp, Prerequisite.Udp, Prerequisite.Sctp, Prerequisite.Icmpv4, Prerequisite.Icmpv6],
            "icmp_type" or "icmp_code" => [Prerequisite.Icmpv4, Prerequisite.Icmpv6],
            _ when wholeKey && field.Needs is Prerequisite.NdSolicit or Prerequisite.NdAdvert => [Prerequisite.Nd], // a packet may have either option
            _ => [field.Needs],
        };
        if (field.Needs != Prerequisite.None)
        {
            _conditional.Add((word, field, needs));
        }
    }

    private (UInt128 Value, UInt128 Mask) Parse(in Word word, Field field)
    {
        string text = word.Need($"{word.Key}=VALUE");
        UInt128 value, mask;
        try
        {
            (value, mask) = FieldValueText.Parse(field, text, ports);
        }
        catch (FormatException problem)
        {
            throw word.Error(problem.Message);
        }

        if (mask != field.AllOnes && mask != 0 && (field.Mask == MaskRule.None || wholeKey))
        {
            throw word.Error(wholeKey ? "a packet's field has no mask" : $"{word.Key} takes no mask in OpenFlow 1.3");
        }

        return (value, mask);
    }

    private void AddPcp(in Word word, Field tci)
    {
        (UInt128 pcp, UInt128 mask) = Parse(word, FieldTable.VlanPcp);
        if (mask != 0)
        {
            Set(word, tci, (pcp << 13) | FlowKey.VlanPresent, 0xe000 | FlowKey.VlanPresent);
        }
    }

    private void AddVlan(in Word word, Field field)
    {
        string text = word.Need($"{word.Key}=VID");
        if (text == "*")
        {
            return;
        }

        // 0xffff is OpenFlow 1.0's OFP_VLAN_NONE
        ulong vid = text.Equals("0xffff", StringComparison.OrdinalIgnoreCase) || text == "65535"
            ? ushort.MaxValue
            : Numbers.Parse(word, "a VLAN id (or 0xffff: no tag)", 0xfff);
        Set(word, field, vid == ushort.MaxValue ? 0 : vid | FlowKey.VlanPresent, field.AllOnes);
    }

    private void AddTci(in Word word)
    {
        (UInt128 value, UInt128 mask) = ParseTci(word);
        UInt128 pcpMask = mask & 0xe000;
        if (pcpMask != 0 && pcpMask != 0xe000)
        {
            throw word.Error("OpenFlow 1.3 matches all three bits of the priority or none");
        }

        if (pcpMask != 0 && (value & mask & FlowKey.VlanPresent) == 0)
        {
            if ((value & 0xe000) != 0 || (mask & FlowKey.VlanPresent) == 0)
            {
                throw word.Error("a priority needs a tag: set bit 0x1000");
            }

            mask &= ~(UInt128)0xe000; // no tag, so no priority either
        }

        NeedTag(word, value, mask);
        Set(word, KeyFields.VlanTci, value & mask, mask);
    }

    // An id without OFPVID_PRESENT matches no packet: either it is 0 (no tag) or it comes with the bit.
    private static void NeedTag(in Word word, UInt128 value, UInt128 mask)
    {
        if ((mask & FlowKey.VlanPresent) != 0 && (value & FlowKey.VlanPresent) == 0 && (value & mask & 0xfff) != 0)
        {
            throw word.Error("matches nothing: a tag's id comes with bit 0x1000 (OFPVID_PRESENT); or write dl_vlan");
        }
    }

    private (UInt128 Value, UInt128 Mask) ParseTci(in Word word)
    {
        try
        {
            return FieldValueText.Parse(KeyFields.VlanTci, word.Need("vlan_tci=TCI[/MASK]"), ports);
        }
        catch (FormatException problem)
        {
            throw word.Error(problem.Message);
        }
    }

    private void AddTos(in Word word)
    {
        if (word.Need("nw_tos=TOS") == "*")
        {
            return;
        }

        ulong tos = Numbers.Parse(word, "nw_tos", 252);
        if ((tos & 3) != 0)
        {
            throw word.Error("the two low bits of nw_tos are ECN: leave them 0 and use nw_ecn");
        }

        Set(word, FieldTable.IpDscp, tos >> 2, FieldTable.IpDscp.AllOnes);
        _conditional.Add((word, FieldTable.IpDscp, [Prerequisite.Ip]));
    }

    private void AddFrag(in Word word)
    {
        ulong frag = word.Need("nw_frag=no, first or later") switch
        {
            "no" => 0,
            "first" => FlowKey.FragAny,
            "later" => FlowKey.FragAny | FlowKey.FragLater,
            _ => throw word.Error("of one packet it is no, first or later"),
        };
        Set(word, KeyFields.NwFrag, frag, KeyFields.NwFrag.AllOnes);
        _conditional.Add((word, KeyFields.NwFrag, [Prerequisite.Ip]));
    }

    private void Set(in Word word, Field field, UInt128 value, UInt128 mask)
    {
        UInt128 both = field.Get(_mask) & mask;
        if (((field.Get(_value) ^ value) & both) != 0)
        {
            throw word.Error("contradicts what stands before it");
        }

        field.SetMasked(ref _value, value, mask);
        field.SetMasked(ref _mask, mask, mask);
    }

    private bool Holds(Prerequisite needs) => new ProtocolState(_value, _mask).Meets(needs);

    private void Finish(ICollection<string>? notes)
    {
        MoveArpOperation();

        // A field that is left out can be what another one needed (icmp_type of an nd_target), so go on until nothing changes.
        for (bool changed = true; changed;)
        {
            changed = false;
            foreach ((Word Word, Field Field, Prerequisite[] Needs) condition in _conditional)
            {
                if (condition.Needs.Any(Holds))
                {
                    continue;
                }

                string problem = $"needs {string.Join(" or ", condition.Needs.Select(PrerequisiteText.Describe))} in the match";
                if (notes is null || condition.Field == FieldTable.PbbIsid || condition.Field == FieldTable.Ipv6ExtHdr)
                {
                    throw condition.Word.Error(problem);
                }

                notes.Add($"{condition.Word.Text} is ignored: it {problem}");
                condition.Field.Set(ref _value, 0);
                condition.Field.Set(ref _mask, 0);
                _conditional.Remove(condition);
                changed = true;
                break;
            }
        }

        NarrowIcmp();
    }

    // nw_proto is OpenFlow 1.0's word for the ARP operation.
    private void MoveArpOperation()
    {
        if (!Holds(Prerequisite.Arp) || _mask.IpProto == 0)
        {
            return;
        }

        (Word word, _, Prerequisite[] needs) = _conditional.Find(c => c.Field == FieldTable.IpProto);
        byte operation = _value.IpProto;
        _value.IpProto = 0;
        _mask.IpProto = 0;
        _conditional.RemoveAll(c => c.Field == FieldTable.IpProto);
        if (word.Key is null)
        {
            return;
        }

        Set(word, FieldTable.ArpOp, operation, FieldTable.ArpOp.AllOnes);
        _conditional.Add((word, FieldTable.ArpOp, needs));
    }

    // tp_src of an ICMP packet is its type, which has eight bits.
    private void NarrowIcmp()
    {
        if (!Holds(Prerequisite.Icmpv4) && !Holds(Prerequisite.Icmpv6))
        {
            return;
        }

        foreach ((Word word, Field field, _) in _conditional)
        {
            if (field == FieldTable.TcpSrc || field == FieldTable.TcpDst)
            {
                if (field.Get(_value) > 0xff)
                {
                    throw word.Error("an ICMP type or code is at most 255");
                }

                field.SetMasked(ref _mask, 0, 0xff00);
            }
        }
    }
}
