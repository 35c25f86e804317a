using OvsBridge.Datapath;
using OvsBridge.Datapath.Interop;
using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.Translator.Xlate;

/// <content>Headers that come and go. Each goes in front of all that is there.</content>
internal sealed partial class TrackedFlow
{
    private const uint BottomOfStack = 0x100;

    /// <summary>
    /// Pushes a VLAN tag with the id and priority of the outer one, or zeros (OpenFlow 1.3.5, 5.12.1).
    /// </summary>
    internal void PushVlan(ushort tpid)
    {
        bool tagged = HasVlan;
        bool second = tagged && HasSecondTag();
        if (NeedsReparse)
        {
            return;
        }

        ushort thirdTpid = second ? SecondTpid() : (ushort)0;
        HiddenTag below = new()
        {
            Tci = _now.Value.VlanTci,
            TciKnown = _now.Known.VlanTci,
            Tpid = _now.Value.VlanTpid,
            TpidKnown = _now.Known.VlanTpid,
            Below = _now.Tags,
            Structure = _now.Structure,
        };
        if (!tagged)
        {
            _now.Value.VlanTci = FlowKey.VlanPresent;
            _now.Known.VlanTci = 0xffff;
        }

        _now.Value.VlanTpid = tpid;
        _now.Known.VlanTpid = 0xffff;
        _now.Tags = below;
        _dirty = true;
        if (second)
        {
            // The parser takes two tags: the third one's TPID is the ethertype then, and nothing behind it is known.
            Commit();
            below.Rest = Hide(KeyBits.FromEthType, true);
            below.HidingStructure = _now.Structure = _sent.Structure = ++_structures;
            KnowEthType(thirdTpid, true);
        }
    }

    /// <summary>Pops the outer VLAN tag; false when there is none.</summary>
    internal bool PopVlan()
    {
        if (!HasVlan || NeedsReparse)
        {
            return false;
        }

        if (_now.Tags is { } hidden)
        {
            _now.Tags = hidden.Below;
            _now.Value.VlanTci = hidden.Tci;
            _now.Known.VlanTci = hidden.TciKnown;
            _now.Value.VlanTpid = hidden.Tpid;
            _now.Known.VlanTpid = hidden.TpidKnown;
            _dirty = true;
            if (hidden.Rest is { } rest)
            {
                Commit();
                if (hidden.HidingStructure == _now.Structure)
                {
                    Reveal(rest, true);
                    _now.Structure = _sent.Structure = hidden.Structure;
                }
                else
                {
                    Forget(KeyBits.FromEthType);
                    _now.Structure = _sent.Structure = ++_structures;
                }
            }

            return true;
        }

        bool third = _now.VlanPopped == 0 && EtherTypes.IsVlan(EthType);
        if (NeedsReparse)
        {
            return false;
        }

        switch (_now.VlanPopped)
        {
            case 0:
                _now.Value.VlanTci = _original.InnerTci;
                _now.Value.VlanTpid = _original.InnerTpid;
                _now.Known.VlanTci = _now.Known.VlanTpid = 0;
                break;
            default:
                _now.Value.VlanTci = _now.Value.VlanTpid = 0;
                _now.Known.VlanTci = _now.Known.VlanTpid = 0xffff;
                break;
        }

        _now.VlanPopped++;
        _now.Special |= (1ul << KeyBits.VlanWord) | (1ul << KeyBits.TpidWord);
        _dirty = true;
        if (third)
        {
            Commit(); // a third tag: from its TPID on, a parser will see other things
            Forget(KeyBits.FromEthType);
            _now.Structure = _sent.Structure = ++_structures;
        }
        else if (_now.VlanPopped > 1 && _now.Opaque.EthType != 0)
        {
            MakeOpaque(KeyBits.OuterTag);
        }

        return true;
    }

    /// <summary>
    /// Pushes a label: a copy of the top one, or zeros with the TTL of the IP header (OpenFlow 1.3.5, 5.12.1), also where tags are
    /// between. It goes in front of these, which are payload then: a label with a tag behind it is the bottom of its stack.
    /// </summary>
    internal void PushMpls(ushort etherType)
    {
        bool labelled = EtherTypes.IsMpls(EthType);
        bool tagged = HasVlan;
        byte ttl = !labelled && Has(Prerequisite.Ip) ? ReadTtl() : (byte)0;
        if (NeedsReparse || (labelled && IsOpaque(KeyBits.MplsWord, KeyBits.Lse)))
        {
            NeedsReparse = true;
            return;
        }

        Commit();
        (Be32 entry, Be32 known) = (_now.Value.MplsLse0, _now.Known.MplsLse0);
        HiddenRegion region = Hide(tagged ? KeyBits.BehindAddresses : labelled ? KeyBits.LabelAndEthType : KeyBits.FromEthType, false);
        _now.Encapsulation = new HiddenHeaders
        {
            Pbb = false,
            Region = region,
            Below = _now.Encapsulation,
            Structure = _now.Structure,
            InnerTtlChanged = _now.InnerTtlChanged,
            CoveredTags = tagged ? new CoveredTags(_now.VlanPopped, _now.Tags, _sent.Tags) : null,
        };
        if (tagged)
        {
            _now.Tags = null;
            _now.VlanPopped = 0;
        }

        KnowEthType(etherType, false);
        if (labelled)
        {
            _now.Value.MplsLse0 = (entry & ~BottomOfStack) | (tagged ? BottomOfStack : 0);
            _now.Known.MplsLse0 = known | BottomOfStack;
        }
        else
        {
            _now.Value.MplsLse0 = BottomOfStack | ttl;
        }

        _now.Structure = ++_structures;
        _now.PushPending = true;
        _now.InnerTtlChanged = false;
        _dirty = true;
    }

    /// <summary>Pops the top label; false when there is none.</summary>
    internal bool PopMpls(ushort etherType)
    {
        if (!EtherTypes.IsMpls(EthType))
        {
            return false;
        }

        HiddenHeaders? below = _now.Encapsulation is { Pbb: false } pushed ? pushed : null;
        bool covered = below?.CoveredTags is not null;
        bool revealed = !covered || (_now.Tags is null && CoveredTpid(below!) == etherType);

        // Where a copy is yet to be undone (Repair), what counts is the packet before the copy.
        if (revealed && _now.PushPending && _now.Structure != (_repair?.Sent ?? _sent).Structure)
        {
            RevealBelow(below!, false);
            _now.PushPending = false;
            _dirty = true;
            if (!covered)
            {
                TypeAfterPop(etherType, false);
            }

            return true;
        }

        bool bottom = below is null && Read(KeyBits.MplsWord, KeyBits.LseBottom) != 0;
        if (NeedsReparse)
        {
            return false;
        }

        Commit();
        _actions.Add(DpActionType.PopMpls, etherType);
        bool innerTtlChanged = _now.InnerTtlChanged;
        _now.InnerTtlChanged = false;
        if (below is null)
        {
            _now.Structure = _sent.Structure = ++_structures;
            if (!bottom && EtherTypes.IsMpls(etherType))
            {
                NextLabel();
                KnowEthType(etherType, true);
            }
            else
            {
                ChangeEthType(etherType, true);
            }
        }
        else if (revealed)
        {
            RevealBelow(below, true);
            if (!covered)
            {
                TypeAfterPop(etherType, true);
            }
        }
        else
        {
            // Another type in place of the tag's, or a tag in front that the covered one comes behind.
            _now.Encapsulation = null;
            _now.Structure = _sent.Structure = ++_structures;
            if (_now.Tags is null)
            {
                ChangeEthType(etherType, true);
            }
            else
            {
                Forget(KeyBits.BehindAddresses);
                ForgetTags();
            }
        }

        if (innerTtlChanged)
        {
            Forget(KeyBits.LabelAndIpTtl);
            _now.Structure = _sent.Structure = ++_structures;
        }

        _dirty = true;
        return true;
    }

    /// <summary>Pushes a service instance tag: ids from what is there (OpenFlow 1.3.5, 5.12.1), addresses copied.</summary>
    internal void PushPbb(ushort etherType)
    {
        uint tag = EthType == EtherTypes.Pbb ? (uint)Read(FieldTable.PbbIsid) : 0;
        if (HasVlan)
        {
            tag |= (uint)Read(FieldTable.VlanPcp) << 29;
        }

        if (NeedsReparse || IsOpaque(1, ulong.MaxValue) || IsOpaque(2, ulong.MaxValue))
        {
            NeedsReparse = true;
            return;
        }

        Commit();
        FlowState before = _now;
        SentState sentBefore = _sent;
        HiddenRegion region = Hide(KeyBits.Frame, true);
        _now.Encapsulation = new HiddenHeaders
        {
            Pbb = true,
            Region = region,
            Below = before.Encapsulation,
            Structure = before.Structure,
            InnerTtlChanged = before.InnerTtlChanged,
            CoveredTags = new CoveredTags(before.VlanPopped, before.Tags, sentBefore.Tags),
        };
        _now.Value.EthDst = before.Value.EthDst;
        _now.Known.EthDst = before.Known.EthDst;
        _now.Value.EthSrc = before.Value.EthSrc;
        _now.Known.EthSrc = before.Known.EthSrc;
        _sent.Value.EthDst = sentBefore.Value.EthDst;
        _sent.Known.EthDst = sentBefore.Known.EthDst;
        _sent.Value.EthSrc = sentBefore.Value.EthSrc;
        _sent.Known.EthSrc = sentBefore.Known.EthSrc;
        _now.InnerTtlChanged = false;
        ForgetTags();
        KnowEthType(etherType, true);
        _now.Value.PbbItag = tag;
        _sent.Value.PbbItag = tag;
        _now.Structure = _sent.Structure = ++_structures;
        _actions.Add(DpActionType.PushPbb, etherType, new DpPushPbb { Itag = tag });
    }

    /// <summary>Pops the service instance tag; false when there is none.</summary>
    internal bool PopPbb()
    {
        if (EthType != EtherTypes.Pbb)
        {
            return false;
        }

        Commit();
        _actions.Add(DpActionType.PopPbb);
        _dirty = true;
        if (_now.Encapsulation is { Pbb: true } hidden && _now.Tags is null && _now.VlanPopped == 0)
        {
            RevealBelow(hidden, true);
            return true;
        }

        Forget(KeyBits.Frame);
        ForgetTags();
        _now.Encapsulation = null;
        _now.Structure = _sent.Structure = ++_structures;
        return true;
    }

    private bool Can(DpActionType type) => (_capabilities >> (int)type & 1) != 0;

    private bool IsOpaque(int word, ulong bits)
    {
        if ((_now.Special >> word & 1) == 0 || (Word(ref _now.Opaque, word) & bits) == 0)
        {
            return false;
        }

        NeedsReparse = true;
        return true;
    }

    private void WriteVlan(Field field, UInt128 value, UInt128 mask)
    {
        if (!HasVlan)
        {
            PushVlan(EtherTypes.Vlan);
        }

        if (NeedsReparse)
        {
            return;
        }

        // The thirteenth bit of a VLAN id says that there is a tag; by now there is.
        mask &= field == FieldTable.VlanVid ? 0x0fffu : field.AllOnes;
        field.SetMasked(ref _now.Value, value, mask);
        field.SetMasked(ref _now.Known, mask, mask);
        _dirty = true;
    }

    private bool HasSecondTag()
    {
        if (_now.Tags is { } hidden)
        {
            return (hidden.Tci & FlowKey.VlanPresent) != 0;
        }

        if (_now.VlanPopped > 0)
        {
            return false;
        }

        Word(ref _mask, KeyBits.TpidWord) |= KeyBits.InnerPresent;
        return (_original.InnerTci & FlowKey.VlanPresent) != 0;
    }

    /// <summary>TPID of the second tag; only when there is one.</summary>
    private ushort SecondTpid()
    {
        if (_now.Tags is not { } hidden)
        {
            Word(ref _mask, KeyBits.TpidWord) |= KeyBits.InnerTpid;
            return _original.InnerTpid;
        }

        if (hidden.TpidKnown != 0xffff)
        {
            LookAtTag(0, 0xffff);
        }

        return hidden.Tpid;
    }

    /// <summary>TPID of the outer tag of those that a label covers.</summary>
    private ushort CoveredTpid(HiddenHeaders below)
    {
        if (below.Region.Known.VlanTpid != 0xffff)
        {
            LookAtTag(0, 0xffff, below.CoveredTags!.VlanPopped);
        }

        return below.Region.Value.VlanTpid;
    }

    private void LookAtTag(ushort tci, ushort tpid) => LookAtTag(tci, tpid, _now.VlanPopped);

    /// <summary>Un-wildcards bits of the tag that is outermost of the original ones left when <paramref name="popped"/> are popped.</summary>
    private void LookAtTag(ushort tci, ushort tpid, int popped)
    {
        switch (popped)
        {
            case 0:
                _mask.VlanTci = (ushort)(_mask.VlanTci | tci);
                _mask.VlanTpid = (ushort)(_mask.VlanTpid | tpid);
                break;
            case 1:
                _mask.InnerTci = (ushort)(_mask.InnerTci | tci);
                _mask.InnerTpid = (ushort)(_mask.InnerTpid | tpid);
                break;
        }
    }

    private void NextLabel()
    {
        _now.MplsPopped++;
        _now.Special |= 1ul << KeyBits.MplsWord;
        Word(ref _now.Known, KeyBits.MplsWord) &= ~KeyBits.Lse;
        Word(ref _sent.Known, KeyBits.MplsWord) &= ~KeyBits.Lse;
        switch (_now.MplsPopped)
        {
            case 1:
                _now.Value.MplsLse0 = _original.MplsLse1;
                break;
            case 2:
                _now.Value.MplsLse0 = _original.MplsLse2;
                break;
            default:
                Forget(KeyBits.Label);
                break;
        }
    }

    /// <summary>The ethertype that a pop left, where the header below is one that was pushed upon.</summary>
    private void TypeAfterPop(ushort etherType, bool sent)
    {
        // The type below was looked at when the label was pushed, or is known.
        if (_now.Value.EthType != etherType || _now.Opaque.EthType != 0)
        {
            ChangeEthType(etherType, sent);
        }
    }

    /// <summary>Another ethertype: all behind it is to be parsed again, and if it is that of a tag, the tags too.</summary>
    private void ChangeEthType(ushort etherType, bool sent)
    {
        if (sent)
        {
            Forget(KeyBits.BehindEthType);
        }
        else
        {
            MakeOpaque(KeyBits.BehindEthType);
        }

        KnowEthType(etherType, sent);
        _dirty = true;
        if (EtherTypes.IsVlan(etherType))
        {
            // Where this type is, a parser, the datapath's too, finds tags: it has to be written before, and can't be taken back.
            Commit();
            _now.Structure = _sent.Structure = ++_structures;
            MakeOpaque(KeyBits.TagsAndEthType);
        }
    }

    private void KnowEthType(ushort etherType, bool sent)
    {
        _now.Value.EthType = etherType;
        _now.Known.EthType = 0xffff;
        _now.Opaque.EthType = 0;
        if (sent)
        {
            _sent.Value.EthType = etherType;
            _sent.Known.EthType = 0xffff;
        }
    }
}
