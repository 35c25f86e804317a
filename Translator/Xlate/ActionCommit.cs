using OvsBridge.Datapath;
using OvsBridge.Datapath.Interop;
using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.Translator.Xlate;

/// <content>
/// ActionCommit: before a packet leaves (an output, a controller, recirculation) the datapath's packet is made equal to
/// the state, with one masked rewrite a header, however many set_fields there were.
/// </content>
/// <remarks>
/// A bit that was written is sent as written, whatever the original was: a set_field alone un-wildcards nothing, and a
/// program depends on the pipeline's path only, not on which bits happened to be looked at on the way. Going back to the
/// original value, behind a bucket that changed it, looks at the original.
/// </remarks>
internal sealed partial class TrackedFlow
{
    private readonly DpActionWriter _actions = new();

    /// <summary>The program so far.</summary>
    internal DpActionWriter Actions => _actions;

    /// <summary>Emits what the state is ahead of the datapath.</summary>
    internal void Commit()
    {
        if (!_dirty)
        {
            return;
        }

        _dirty = false;
        Repair();
        if (_now.Structure != _sent.Structure)
        {
            PushCommitted();
        }

        _now.PushPending = false;
        CommitEth();
        if (_dirtyBehindEth)
        {
            _dirtyBehindEth = false;
            CommitIp();
            CommitArpAndNd();
        }

        CommitLabel();
        ulong itag = Pending(KeyBits.PbbWord, KeyBits.Itag, out FlowKey tag, out FlowKey tagMask);
        if (itag != 0)
        {
            _actions.Add(DpActionType.SetPbb, 0, new DpSetMpls { Lse = tag.PbbItag, Mask = tagMask.PbbItag });
        }

        CommitTags();
        CommitTunnel();
        if (_now.Value.SkbPriority != _sent.Value.SkbPriority)
        {
            _sent.Value.SkbPriority = _now.Value.SkbPriority;
            _actions.Add(DpActionType.SetPriority, _now.Value.SkbPriority);
        }
    }

    /// <summary>
    /// Where a copy of the packet lost what rewrites cannot bring back, the datapath keeps the packet from where the copy began.
    /// </summary>
    private void Repair()
    {
        if (_repair is { } clone)
        {
            _repair = null;
            _actions.Insert(clone.Position, DpActionType.Save);
            _actions.Add(DpActionType.Restore);
            _sent = clone.Sent;
        }
    }

    /// <summary>
    /// Whether rewrites can bring the datapath's packet from what it is to <paramref name="state"/>. Not when headers were taken off or put on whose
    /// content the key does not have, nor when a tag behind a popped one was written, nor (if <paramref name="exact"/>) when a popped tag's DEI bit would be lost.
    /// </summary>
    private bool CanReturnTo(in FlowState state, bool exact)
    {
        bool unpushed = state.PushPending && _sent.Structure == state.Encapsulation!.Structure;
        bool structure = unpushed ? SentIsAsIn(state.Encapsulation!.Region) : _sent.Structure == state.Structure;
        bool remarked = (_sent.Known.IpTos & ~state.Known.IpTos & state.Opaque.IpTos & KeyBits.DscpMask) != 0; // written over what only a parser can tell
        bool tags = unpushed && state.Encapsulation!.CoveredTags is { } covered
            ? _sent.VlanPopped == covered.VlanPopped && _sent.Tags == covered.Sent
            : _sent.VlanPopped <= state.VlanPopped || (!exact && _sent.Known.VlanTci == 0);
        return structure && !remarked && tags;
    }

    /// <summary>Whether the datapath's packet still has below the pushed header what it had when that was pushed.</summary>
    private bool SentIsAsIn(HiddenRegion region)
    {
        for (int i = 0; i < FlowKey.PacketWords; i++)
        {
            ulong bits = region.Bits.AsWords()[i];
            ulong known = Word(ref _sent.Known, i) & bits;
            if (known != region.SentKnown.AsWords()[i]
                || ((Word(ref _sent.Value, i) ^ region.SentValue.AsWords()[i]) & known) != 0)
            {
                return false;
            }
        }

        return !HasTtl(region.Bits) || _sent.TtlDecrements == region.SentTtlDecrements;
    }

    /// <summary>
    /// The bits of a word that the datapath has yet to write. The bits that it wrote and the state did not are looked at: they are to be as before.
    /// </summary>
    private ulong Pending(int word, ulong bits, out FlowKey value, out FlowKey mask)
    {
        value = default;
        mask = default;
        ulong result = Pending(word, bits);
        Word(ref value, word) = Word(ref _now.Value, word) & result;
        Word(ref mask, word) = result;
        return result;
    }

    private ulong Pending(int word, ulong bits)
    {
        ulong sent = Word(ref _sent.Known, word) & bits;
        ulong known = Word(ref _now.Known, word) & bits;
        ulong lost = sent & ~known;
        if (lost != 0 && (_now.Special >> word & 1) != 0)
        {
            lost &= ~Word(ref _now.Opaque, word);
        }

        if (lost != 0)
        {
            Read(word, lost);
            Word(ref _now.Known, word) |= lost;
            known |= lost;
        }

        if (known == 0)
        {
            return 0;
        }

        ulong value = Word(ref _now.Value, word);
        ulong pending = known & (~sent | (value ^ Word(ref _sent.Value, word)));
        if (pending == 0)
        {
            return 0;
        }

        // All that is known of a field goes along: a mask of the bits that happen to differ is no cheaper, and hard to read.
        foreach (ulong field in KeyBits.FieldsOf(word))
        {
            if ((pending & field) != 0)
            {
                pending |= known & field;
            }
        }

        Word(ref _sent.Value, word) = (Word(ref _sent.Value, word) & ~pending) | (value & pending);
        Word(ref _sent.Known, word) |= pending;
        return pending;
    }

    private void CommitEth()
    {
        ulong first = Pending(1, ulong.MaxValue, out FlowKey value, out FlowKey mask);
        ulong second = Pending(KeyBits.VlanWord, ~KeyBits.VlanTci, out FlowKey src, out FlowKey srcMask);
        if ((first | second) != 0)
        {
            _actions.Add(
                DpActionType.SetEth,
                0,
                new DpSetEth { Dst = value.EthDst, Src = src.EthSrc, Type = value.EthType },
                new DpSetEth { Dst = mask.EthDst, Src = srcMask.EthSrc, Type = mask.EthType });
        }
    }

    private void PushCommitted()
    {
        if (!_now.PushPending || _sent.Structure != _now.Encapsulation!.Structure)
        {
            throw new InvalidOperationException("the datapath's packet has headers that rewrites cannot undo");
        }

        // A push needs the whole entry: what is copied from the label below is looked at.
        Read(KeyBits.MplsWord, KeyBits.Lse);
        HideSent(_now.Encapsulation.Region.Bits);
        bool covers = _now.Encapsulation.CoveredTags is not null;
        if (covers)
        {
            ForgetSentTags();
        }

        _sent.Value.EthType = _now.Value.EthType;
        _sent.Known.EthType = 0xffff;
        _now.Known.MplsLse0 = uint.MaxValue;
        _sent.Value.MplsLse0 = _now.Value.MplsLse0;
        _sent.Known.MplsLse0 = uint.MaxValue;
        _sent.Structure = _now.Structure;
        _actions.Add(covers ? DpActionType.PushMplsFront : DpActionType.PushMpls, _now.Value.EthType, new DpPushMpls { Lse = _now.Value.MplsLse0 });
    }

    private void CommitIp()
    {
        // A decremented TTL that is not known becomes datapath decrements, or is looked at when there is another way back only.
        if (_now.Known.IpTtl != 0xff && _now.Opaque.IpTtl == 0)
        {
            if (_sent.Known.IpTtl != 0 || _sent.TtlDecrements > _now.TtlDecrements)
            {
                ReadTtl();
                _now.Known.IpTtl = 0xff;
                _now.TtlDecrements = 0;
            }
            else
            {
                for (; _sent.TtlDecrements < _now.TtlDecrements; _sent.TtlDecrements++)
                {
                    _actions.Add(DpActionType.DecTtl);
                }
            }
        }

        ulong ip = Pending(KeyBits.IpWord, ~KeyBits.IpFrag);
        FlowKey value = default, mask = default;
        Word(ref mask, KeyBits.IpWord) = ip;
        Word(ref value, KeyBits.IpWord) = Word(ref _now.Value, KeyBits.IpWord) & ip;
        if (mask.IpTtl != 0)
        {
            _sent.TtlDecrements = 0;
        }

        ulong ipv4 = ((Word(ref _now.Known, KeyBits.IpWord) | Word(ref _sent.Known, KeyBits.IpWord)) & ~KeyBits.Ports)
            | Word(ref _now.Known, 5) | Word(ref _sent.Known, 5);
        if (ipv4 != 0 && EthType == EtherTypes.Ipv4)
        {
            ulong addresses = Pending(5, ulong.MaxValue, out FlowKey address, out FlowKey addressMask);
            if (((ip & ~KeyBits.Ports) | addresses) != 0)
            {
                _actions.Add(
                    DpActionType.SetIpv4,
                    0,
                    new DpSetIpv4 { Src = address.Ipv4Src, Dst = address.Ipv4Dst, Tos = value.IpTos, Ttl = value.IpTtl, Proto = value.IpProto },
                    new DpSetIpv4 { Src = addressMask.Ipv4Src, Dst = addressMask.Ipv4Dst, Tos = mask.IpTos, Ttl = mask.IpTtl, Proto = mask.IpProto });
            }
        }
        else
        {
            CommitIpv6(ip, value, mask);
        }

        if ((ip & KeyBits.Ports) != 0)
        {
            _actions.Add(DpActionType.SetTp, 0, new DpSetTp { Src = value.TpSrc, Dst = value.TpDst }, new DpSetTp { Src = mask.TpSrc, Dst = mask.TpDst });
        }
    }

    private void CommitIpv6(ulong ip, in FlowKey value, in FlowKey mask)
    {
        FlowKey addresses = default, addressMask = default;
        ulong any = ip & ~KeyBits.Ports;
        for (int i = 6; i < 10; i++)
        {
            ulong pending = Pending(i, ulong.MaxValue);
            Word(ref addressMask, i) = pending;
            Word(ref addresses, i) = Word(ref _now.Value, i) & pending;
            any |= pending;
        }

        ulong label = Pending(10, KeyBits.FlowLabel, out FlowKey labelValue, out FlowKey labelMask);
        if ((any | label) != 0)
        {
            _actions.Add(
                DpActionType.SetIpv6,
                0,
                new DpSetIpv6 { Src = addresses.Ipv6Src, Dst = addresses.Ipv6Dst, Label = labelValue.Ipv6Label, Tos = value.IpTos, Hlimit = value.IpTtl, Proto = value.IpProto },
                new DpSetIpv6 { Src = addressMask.Ipv6Src, Dst = addressMask.Ipv6Dst, Label = labelMask.Ipv6Label, Tos = mask.IpTos, Hlimit = mask.IpTtl, Proto = mask.IpProto });
        }
    }

    private void CommitArpAndNd()
    {
        // ARP shares its protocol addresses with IPv4, its hardware addresses with ND options.
        ulong arpOp = Pending(10, KeyBits.ArpOp, out FlowKey op, out FlowKey opMask);
        ulong protocol = Pending(5, ulong.MaxValue, out FlowKey addresses, out FlowKey addressMask);
        ulong sha = Pending(15, ulong.MaxValue, out FlowKey source, out FlowKey sourceMask);
        ulong tha = Pending(16, ulong.MaxValue, out FlowKey target, out FlowKey targetMask);
        ulong high = Pending(13, ulong.MaxValue, out FlowKey nd, out FlowKey ndMask);
        ulong low = Pending(14, ulong.MaxValue, out FlowKey ndLow, out FlowKey ndLowMask);
        if ((arpOp | protocol | sha | tha | high | low) == 0)
        {
            return;
        }

        if (EthType == EtherTypes.Ipv6)
        {
            Word(ref nd, 14) = Word(ref ndLow, 14);
            Word(ref ndMask, 14) = Word(ref ndLowMask, 14);
            _actions.Add(
                DpActionType.SetNd,
                0,
                new DpSetNd { Target = nd.NdTarget, Sll = source.ArpSha, Tll = target.ArpTha },
                new DpSetNd { Target = ndMask.NdTarget, Sll = sourceMask.ArpSha, Tll = targetMask.ArpTha });
            return;
        }

        _actions.Add(
            DpActionType.SetArp,
            0,
            new DpSetArp { Spa = addresses.Ipv4Src, Tpa = addresses.Ipv4Dst, Sha = source.ArpSha, Tha = target.ArpTha, Op = op.ArpOp },
            new DpSetArp { Spa = addressMask.Ipv4Src, Tpa = addressMask.Ipv4Dst, Sha = sourceMask.ArpSha, Tha = targetMask.ArpTha, Op = opMask.ArpOp });
    }

    private void CommitLabel()
    {
        ulong pending = Pending(KeyBits.MplsWord, KeyBits.Lse);
        if (pending != 0)
        {
            FlowKey mask = default;
            Word(ref mask, KeyBits.MplsWord) = pending;
            _actions.Add(DpActionType.SetMpls, 0, new DpSetMpls { Lse = _now.Value.MplsLse0 & mask.MplsLse0, Mask = mask.MplsLse0 });
        }
    }

    private void CommitTunnel()
    {
        ulong any = 0;
        for (int i = 17; i < FlowKey.PacketWords; i++)
        {
            ulong bits = KeyBits.Tunnel.AsWords()[i];
            any |= Pending(i, bits);
        }

        if (any == 0 || !Can(DpActionType.SetTunnel))
        {
            return; // without tunnels there is no port that would tell the difference
        }

        // The packet's own key goes along from tunnel to tunnel (as Open vSwitch); the ends of the tunnel that it came from do not.
        Read(17, ulong.MaxValue);
        FlowKey written = _now.Value.Masked(_now.Known);
        _actions.Add(DpActionType.SetTunnel, 0, new DpSetTunnel
        {
            Id = _now.Value.TunId,
            Src = written.TunSrc,
            Dst = written.TunDst,
            Ipv6Src = written.TunIpv6Src,
            Ipv6Dst = written.TunIpv6Dst,
            Flags = written.TunFlags,
            Tos = written.TunTos,
            Ttl = written.TunTtl,
        });
    }
}
