using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.Translator.Xlate;

/// <content>Fields that a pushed header covers, and fields of which nothing is known any more, in the state and in the datapath's packet.</content>
internal sealed partial class TrackedFlow
{
    /// <summary>Nothing is known of these bits any more, neither here nor in the datapath's packet.</summary>
    private void Forget(in FlowKey bits)
    {
        MakeOpaque(bits);
        for (int i = 0; i < FlowKey.PacketWords; i++)
        {
            Word(ref _sent.Known, i) &= ~bits.AsWords()[i];
        }

        if (HasTtl(bits))
        {
            _sent.TtlDecrements = 0;
        }
    }

    /// <summary>Puts fields aside that a new header covers; they are zero meanwhile, as a parser would have them.</summary>
    /// <param name="bits">The fields.</param>
    /// <param name="sent">Whether the datapath has pushed the header already; else <see cref="HideSent"/> is to follow.</param>
    private HiddenRegion Hide(in FlowKey bits, bool sent)
    {
        HiddenRegion region = new()
        {
            Bits = bits,
            Value = _now.Value.Masked(bits),
            Known = _now.Known.Masked(bits),
            Opaque = _now.Special == 0 ? default : _now.Opaque.Masked(bits),
            SentValue = _sent.Value.Masked(bits),
            SentKnown = _sent.Known.Masked(bits),
            TtlDecrements = _now.TtlDecrements,
            SentTtlDecrements = _sent.TtlDecrements,
        };
        for (int i = 0; i < FlowKey.PacketWords; i++)
        {
            ulong b = bits.AsWords()[i];
            if (b != 0)
            {
                Word(ref _now.Value, i) &= ~b;
                Word(ref _now.Known, i) |= b;
                if ((_now.Special >> i & 1) != 0)
                {
                    Word(ref _now.Opaque, i) &= ~b;
                }
            }
        }

        if (HasTtl(bits))
        {
            _now.TtlDecrements = 0;
        }

        if (sent)
        {
            HideSent(bits);
        }

        return region;
    }

    private void HideSent(in FlowKey bits)
    {
        for (int i = 0; i < FlowKey.PacketWords; i++)
        {
            ulong b = bits.AsWords()[i];
            Word(ref _sent.Value, i) &= ~b;
            Word(ref _sent.Known, i) |= b;
        }

        if (HasTtl(bits))
        {
            _sent.TtlDecrements = 0;
        }
    }

    private void Reveal(HiddenRegion region, bool sent)
    {
        ref readonly FlowKey bits = ref region.Bits;
        for (int i = 0; i < FlowKey.PacketWords; i++)
        {
            ulong b = bits.AsWords()[i];
            if (b == 0)
            {
                continue;
            }

            Put(ref _now.Value, region.Value);
            Put(ref _now.Known, region.Known);
            if (((_now.Special >> i & 1) | region.Opaque.AsWords()[i]) != 0)
            {
                Put(ref _now.Opaque, region.Opaque);
                _now.Special |= 1ul << i;
            }

            if (sent)
            {
                Put(ref _sent.Value, region.SentValue);
                Put(ref _sent.Known, region.SentKnown);
            }

            void Put(ref FlowKey to, in FlowKey from) => Word(ref to, i) = (Word(ref to, i) & ~b) | from.AsWords()[i];
        }

        if (HasTtl(bits))
        {
            _now.TtlDecrements = region.TtlDecrements;
            _now.Special |= 1ul << KeyBits.IpWord;
            if (sent)
            {
                _sent.TtlDecrements = region.SentTtlDecrements;
            }
        }

        _dirty = _dirtyBehindEth = true;
    }

    /// <summary>Takes a pushed label or I-TAG off: what was below it is as it was.</summary>
    private void RevealBelow(HiddenHeaders below, bool sent)
    {
        Reveal(below.Region, sent);
        _now.Encapsulation = below.Below;
        _now.Structure = below.Structure;
        _now.InnerTtlChanged = below.InnerTtlChanged;
        if (sent)
        {
            _sent.Structure = below.Structure;
        }

        if (below.CoveredTags is { } tags)
        {
            _now.VlanPopped = tags.VlanPopped;
            _now.Tags = tags.Tags;
            if (sent)
            {
                _sent.VlanPopped = tags.VlanPopped;
                _sent.Tags = tags.Sent;
            }
        }
    }

    /// <summary>There are no tags, or a parser has to tell.</summary>
    private void ForgetTags()
    {
        _now.Tags = null;
        _now.VlanPopped = 0;
        ForgetSentTags();
    }

    private void ForgetSentTags()
    {
        _sent.Tags = null;
        _sent.VlanPopped = 0;
    }

    private static bool HasTtl(in FlowKey bits) => (bits.AsWords()[KeyBits.IpWord] & KeyBits.IpTtl) != 0;
}
