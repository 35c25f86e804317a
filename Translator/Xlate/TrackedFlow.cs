using System.Runtime.CompilerServices;
using OvsBridge.Datapath;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.Translator.Classifier;

namespace OvsBridge.Translator.Xlate;

/// <summary>
/// A packet on its way through the pipeline, and the only way to its fields: to read a bit is to un-wildcard it.
/// </summary>
/// <remarks>
/// <para>
/// A megaflow is right when every packet that it matches would be translated as the packet that it was made for. That
/// holds when its mask has every bit of the original packet that any decision depended on. Therefore the key is private
/// here, each read adds the bits to the mask, and there is no other read. A needless bit in the mask only costs speed; a
/// missing one forwards packets wrongly.
/// </para>
/// <para>
/// Bits that an action has overwritten are known without looking, and reading them adds nothing. Where a pushed or popped
/// header moves fields, <see cref="FlowState"/> keeps from where each bit came. What only a parser could tell (a header
/// behind a popped label) is opaque: reading it sets <see cref="NeedsReparse"/>, the value is meaningless, and the
/// translation has to stop and go on with the packet parsed anew.
/// </para>
/// <para>
/// The second half of the class (ActionCommit.cs) turns the difference between this packet and what the datapath has made
/// of it into datapath actions. Reusable; one thread at a time.
/// </para>
/// </remarks>
internal sealed partial class TrackedFlow
{
    private readonly ulong _capabilities;
    private FlowKey _original;
    private FlowKey _mask;
    private FlowKey _changed;
    private bool _anyChanged;
    private FlowState _now;
    private SentState _sent;
    private int _structures;
    private bool _dirty;
    private bool _dirtyBehindEth;
    private CloneStart? _repair;

    /// <summary>Makes a flow whose actions use what <paramref name="capabilities"/> has.</summary>
    internal TrackedFlow(DatapathCapabilities capabilities)
    {
        foreach (DpActionType type in capabilities.Actions)
        {
            _capabilities |= 1ul << (int)type;
        }
    }

    /// <summary>Something was read that is behind a header which was taken off: nothing read since is to be trusted.</summary>
    internal bool NeedsReparse { get; private set; }

    /// <summary>The bits of the original packet that were looked at, as a datapath mask.</summary>
    internal ref readonly FlowKey Mask => ref _mask;

    /// <summary>Starts with a packet as the datapath has looked it up; the words behind the packet part are the pipeline's to give.</summary>
    /// <remarks>in_port and recirc_id are un-wildcarded at once: no translation is free of them.</remarks>
    internal void Load(in FlowKey key)
    {
        _original = key;
        _original.InPort = PortNumbers.FromDatapath(key.InPort);
        _mask = default;
        _mask.InPort = uint.MaxValue;
        _mask.RecircId = uint.MaxValue;
        if (_now.Special != 0)
        {
            _now.Opaque = default;
        }

        _now.Value = _original;
        _now.Known = KeyBits.Pipeline;
        _now.Special = 0;
        _now.VlanPopped = 0;
        _now.Tags = null;
        _now.MplsPopped = 0;
        _now.TtlDecrements = 0;
        _now.Encapsulation = null;
        _now.Structure = 0;
        _now.PushPending = false;
        _now.InnerTtlChanged = false;
        _sent.Known = KeyBits.Pipeline;
        _sent.Value = _original;
        _sent.Value.SkbPriority = 0; // a packet that was parsed anew may have lost it
        _sent.VlanPopped = 0;
        _sent.Tags = null;
        _sent.TtlDecrements = 0;
        _sent.Structure = 0;
        _structures = 0;
        if (_anyChanged)
        {
            _changed = default;
            _anyChanged = false;
        }

        _dirty = key.SkbPriority != 0;
        _dirtyBehindEth = false;
        _repair = null;
        NeedsReparse = false;
        _actions.Clear();
    }

    /// <summary>
    /// The bits that a table, or the MAC table, was searched by and that were not those of the original packet any more; null:
    /// every search saw the packet as it came in. See <see cref="BeginSearch"/>.
    /// </summary>
    internal FlowKey[]? SearchedChanged => _anyChanged ? [_changed] : null;

    /// <summary>
    /// A table is about to be searched: notes which fields are no longer what they were in the packet, so that later changes of the
    /// table can be compared with the rest.
    /// </summary>
    internal void BeginSearch()
    {
        ulong any = 0;
        for (int i = 0; i < FlowKey.PacketWords; i++)
        {
            ulong changed = Word(ref _now.Known, i);
            if ((_now.Special >> i & 1) != 0)
            {
                changed = ulong.MaxValue; // moved by a popped header, opaque, or a difference
            }

            Word(ref _changed, i) |= changed;
            any |= changed;
        }

        _anyChanged |= any != 0;
    }

    /// <summary>Reads <paramref name="bits"/> of a word.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal ulong Read(int word, ulong bits)
    {
        if ((_now.Special >> word & 1) != 0)
        {
            return ReadSpecial(word, bits);
        }

        Word(ref _mask, word) |= bits & ~Word(ref _now.Known, word);
        return Word(ref _now.Value, word) & bits;
    }

    /// <summary>Reads a field; in_port is an OpenFlow port number.</summary>
    internal UInt128 Read(Field field)
    {
        foreach (MaskedWord bits in FieldBits.Of(field))
        {
            Read(bits.Word, bits.Mask);
        }

        return field.Get(_now.Value);
    }

    /// <summary>OpenFlow number of the port that the packet came in by.</summary>
    internal uint InPort => _now.Value.InPort;

    /// <summary>The ethertype.</summary>
    internal ushort EthType
    {
        get
        {
            Read(KeyBits.EthTypeWord, KeyBits.EthType);
            return _now.Value.EthType;
        }
    }

    /// <summary>The IP protocol; 0 in other packets.</summary>
    internal byte IpProto
    {
        get
        {
            Read(KeyBits.IpWord, KeyBits.IpProto);
            return _now.Value.IpProto;
        }
    }

    /// <summary>Whether there is a VLAN tag.</summary>
    internal bool HasVlan => Read(KeyBits.VlanWord, KeyBits.VlanPresent) != 0;

    /// <summary>VLAN id of the outer tag, 0 without.</summary>
    internal ushort VlanVid
    {
        get
        {
            if (!HasVlan)
            {
                return 0;
            }

            Read(KeyBits.VlanWord, KeyBits.VlanVid);
            return (ushort)(_now.Value.VlanTci & 0x0fff);
        }
    }

    /// <summary>Whether it is an IP fragment.</summary>
    internal bool IsFragment => Read(KeyBits.IpWord, KeyBits.IpFrag) != 0;

    /// <summary>Whether <paramref name="prerequisite"/> is true of the packet.</summary>
    internal bool Has(Prerequisite prerequisite) => prerequisite switch
    {
        Prerequisite.None or Prerequisite.InPort => true,
        Prerequisite.Vlan => HasVlan,
        Prerequisite.Ipv4 => EthType == EtherTypes.Ipv4,
        Prerequisite.Ipv6 => EthType == EtherTypes.Ipv6,
        Prerequisite.Ip => EthType is EtherTypes.Ipv4 or EtherTypes.Ipv6,
        Prerequisite.Arp => EthType is EtherTypes.Arp or EtherTypes.Rarp,
        Prerequisite.Mpls => EtherTypes.IsMpls(EthType),
        Prerequisite.Pbb => EthType == EtherTypes.Pbb,
        Prerequisite.Tcp => HasTransport(IpProtocols.Tcp),
        Prerequisite.Udp => HasTransport(IpProtocols.Udp),
        Prerequisite.Sctp => HasTransport(IpProtocols.Sctp),
        Prerequisite.Icmpv4 => Has(Prerequisite.Ipv4) && HasTransport(IpProtocols.Icmp),
        Prerequisite.Icmpv6 => Has(Prerequisite.Ipv6) && HasTransport(IpProtocols.Icmpv6),
        Prerequisite.Nd => Has(Prerequisite.NdSolicit) || Has(Prerequisite.NdAdvert),
        Prerequisite.NdSolicit => HasIcmpv6(135),
        Prerequisite.NdAdvert => HasIcmpv6(136),
        _ => throw new ArgumentOutOfRangeException(nameof(prerequisite), prerequisite, "unknown prerequisite"),
    };

    /// <summary>
    /// Whether the leading bits of an address prove that no rule with a prefix of <paramref name="length"/> matches; then just
    /// these bits are un-wildcarded. False: nothing is proved, and nothing un-wildcarded.
    /// </summary>
    /// <remarks>
    /// The trie is searched without looking at the mask. That is sound since only a "true" has consequences for what is
    /// skipped, and it depends on the bits that it un-wildcards alone; after a "false" the caller looks the subtable up in full.
    /// </remarks>
    internal bool ExcludesPrefix(TrieField field, PrefixTrie? trie, ref PrefixResult? found, int length)
    {
        found ??= PrefixTrie.Lookup(trie, field.Value(_now.Value));
        PrefixResult result = found.GetValueOrDefault();
        if (result.Looked > length || result.Has(length))
        {
            return false;
        }

        foreach (MaskedWord bits in field.Leading(result.Looked))
        {
            Read(bits.Word, bits.Mask);
        }

        return true;
    }

    /// <summary>The same for both ports together, cut to <paramref name="mask"/>, in a subtable's own trie.</summary>
    internal bool ExcludesPorts(PrefixTrie? trie, UInt128 mask, ulong maskBits, int length)
    {
        PrefixResult result = PrefixTrie.Lookup(trie, TrieField.Ports.Value(_now.Value) & mask);
        if (result.Has(length))
        {
            return false;
        }

        foreach (MaskedWord bits in TrieField.Ports.Leading(result.Looked))
        {
            Read(bits.Word, bits.Mask & maskBits);
        }

        return true;
    }

    /// <summary>
    /// Replaces the bits <paramref name="mask"/> of a field whose prerequisite holds. The VLAN id of an untagged packet is
    /// set by pushing a tag, as Open vSwitch does.
    /// </summary>
    internal void Write(Field field, UInt128 value, UInt128 mask)
    {
        if (field.Rewrite == Rewrite.Vlan)
        {
            WriteVlan(field, value, mask);
            return;
        }

        foreach (MaskedWord bits in FieldBits.Of(field))
        {
            if ((_now.Special >> bits.Word & 1) != 0 && (Word(ref _now.Opaque, bits.Word) & bits.Mask) != 0
                && !(field == FieldTable.IpDscp && _now.Opaque.IpProto == 0)) // a header that is there, but for a DSCP that a meter may have changed
            {
                NeedsReparse = true;
                return;
            }
        }

        // What these fields say decides what is behind them, and which checksum a later rewrite updates: no rewrite goes back.
        bool decides = field == FieldTable.EthType || field == FieldTable.IpProto;
        if (decides || field == FieldTable.Icmpv6Type || field == FieldTable.Icmpv6Code)
        {
            Commit();
        }

        // Of neighbour discovery's options the key says 0 also when they are not there; then the datapath leaves the packet as it is.
        bool mayBeAbsent = (field == FieldTable.NdSll || field == FieldTable.NdTll) && Read(field) == 0;

        field.SetMasked(ref _now.Value, value, mask);
        field.SetMasked(ref _now.Known, mask, mask);
        _dirty = true;
        _dirtyBehindEth |= field.Rewrite is not (Rewrite.Eth or Rewrite.Pipeline);
        if (decides)
        {
            Commit();
            _now.Structure = _sent.Structure = ++_structures;
            if (field == FieldTable.EthType)
            {
                ChangeEthType((ushort)value, false);
            }
            else
            {
                MakeOpaque(KeyBits.Transport);
            }
        }
        else if (field == FieldTable.Icmpv6Type || field == FieldTable.Icmpv6Code)
        {
            MakeOpaque(KeyBits.NeighbourDiscovery);
        }
        else if (mayBeAbsent)
        {
            Commit();
            FlowKey option = default;
            field.Set(ref option, field.AllOnes);
            MakeOpaque(option);
        }
    }

    /// <summary>
    /// The datapath's packet, which is as this one, has passed a meter. If it may have got another DSCP, only a parser can tell which.
    /// </summary>
    /// <param name="remarks">Whether the meter has a dscp_remark band.</param>
    /// <param name="inCopy">Whether this is a copy, which alone ends when the meter drops it: what follows the copy needs the packet as it was.</param>
    internal void Metered(bool remarks, bool inCopy)
    {
        // Behind a header that was taken off all of IP's fields are opaque already.
        bool known = (_now.Special >> KeyBits.EthTypeWord & 1) == 0 || _now.Opaque.EthType == 0;
        bool remarked = remarks && (!known || EthType is EtherTypes.Ipv4 or EtherTypes.Ipv6);
        if (remarked && known)
        {
            MakeOpaque(KeyBits.Dscp);
            _sent.Known.IpTos &= unchecked((byte)~KeyBits.DscpMask);
        }

        if (remarked || inCopy)
        {
            _now.Structure = _sent.Structure = ++_structures; // no rewrite goes back
        }
    }

    /// <summary>Writes metadata.</summary>
    internal void WriteMetadata(ulong value, ulong mask) =>
        _now.Value.Metadata = (_now.Value.Metadata & ~mask) | (value & mask);

    /// <summary>Writes the skb priority that outputs get.</summary>
    internal void WritePriority(uint priority)
    {
        _now.Value.SkbPriority = priority;
        _dirty = true;
    }

    /// <summary>The fields that only the pipeline knows (metadata, registers, priority), with in_port.</summary>
    internal FlowKey PipelineFields
    {
        get
        {
            FlowKey fields = _now.Value.Masked(KeyBits.Pipeline);
            fields.InPort = _now.Value.InPort;
            return fields;
        }
    }

    /// <summary>What actions wrote to the tunnel fields, and where.</summary>
    internal void WrittenTunnel(out FlowKey value, out FlowKey mask)
    {
        mask = _now.Known.Masked(KeyBits.Tunnel);
        value = _now.Value.Masked(mask);
    }

    /// <summary>The packet now, for people to look at. No decision may depend on it.</summary>
    internal FlowKey DescribeForTrace() => _now.Value;

    /// <summary>What follows wants the packet parsed anew.</summary>
    internal void AskReparse() => NeedsReparse = true;

    /// <summary>Reads bits of the hash that the datapath computed before the packet came round.</summary>
    internal uint ReadHash(uint bits)
    {
        _mask.DpHash |= bits;
        return _original.DpHash & bits;
    }

    /// <summary>The packet was sent off to be parsed anew: its state here is of no more interest, but others' may be.</summary>
    internal void Reparsed() => NeedsReparse = false;

    /// <summary>From here on a copy of the packet is treated, up to <see cref="EndClone"/>.</summary>
    internal CloneStart BeginClone()
    {
        Repair();
        return new CloneStart(_now, _sent, _actions.Written.Length);
    }

    /// <summary>Back to the packet as it was; what the datapath has done since is undone by the next commit, if there is one.</summary>
    internal void EndClone(in CloneStart start)
    {
        // What was un-wildcarded in between stays so: its bits are read as those of the original.
        _now = start.State;
        _dirty = _dirtyBehindEth = true;
        _repair = CanReturnTo(_now, Can(DpActionType.Save)) ? null : start;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private ulong ReadSpecial(int word, ulong bits)
    {
        ulong unknown = bits & ~Word(ref _now.Known, word);
        if ((unknown & Word(ref _now.Opaque, word)) != 0)
        {
            NeedsReparse = true;
            return 0;
        }

        switch (word)
        {
            case KeyBits.VlanWord:
                MoveMask(ref unknown, KeyBits.VlanWord, KeyBits.VlanTci, static (ref FlowKey to, in FlowKey from) => to.InnerTci = new Be16((ushort)(to.InnerTci.Raw | from.VlanTci.Raw)));
                break;
            case KeyBits.TpidWord:
                MoveMask(ref unknown, KeyBits.TpidWord, KeyBits.VlanTpid, static (ref FlowKey to, in FlowKey from) => to.InnerTpid = new Be16((ushort)(to.InnerTpid.Raw | from.VlanTpid.Raw)));
                break;
            case KeyBits.IpWord when _now.TtlDecrements != 0 && (unknown & KeyBits.IpTtl) != 0:
                unknown |= KeyBits.IpTtl; // a difference depends on all bits below
                break;
            case KeyBits.MplsWord when _now.MplsPopped == 1:
                MoveMask(ref unknown, KeyBits.MplsWord, KeyBits.Lse, static (ref FlowKey to, in FlowKey from) => to.MplsLse1 = new Be32(to.MplsLse1.Raw | from.MplsLse0.Raw));
                break;
            case KeyBits.MplsWord when _now.MplsPopped == 2:
                MoveMask(ref unknown, KeyBits.MplsWord, KeyBits.Lse, static (ref FlowKey to, in FlowKey from) => to.MplsLse2 = new Be32(to.MplsLse2.Raw | from.MplsLse0.Raw));
                break;
        }

        Word(ref _mask, word) |= unknown;
        return Word(ref _now.Value, word) & bits;
    }

    private delegate void Move(ref FlowKey to, in FlowKey from);

    /// <summary>Takes the bits <paramref name="movable"/> from <paramref name="unknown"/> and un-wildcards them where they came from.</summary>
    private void MoveMask(ref ulong unknown, int word, ulong movable, Move move)
    {
        bool moved = word == KeyBits.MplsWord ? _now.MplsPopped > 0 : _now.VlanPopped > 0;
        if (moved && (unknown & movable) != 0)
        {
            FlowKey here = default;
            Word(ref here, word) = unknown & movable;
            move(ref _mask, here);
            unknown &= ~movable;
        }
    }

    private bool HasTransport(byte protocol) =>
        EthType is EtherTypes.Ipv4 or EtherTypes.Ipv6 && IpProto == protocol && Read(KeyBits.IpWord, KeyBits.FragLater) == 0;

    private bool HasIcmpv6(byte type) =>
        Has(Prerequisite.Icmpv6) && Read(FieldTable.Icmpv6Type) == type && Read(FieldTable.Icmpv6Code) == 0;

    private void MakeOpaque(in FlowKey bits)
    {
        for (int i = 0; i < FlowKey.PacketWords; i++)
        {
            ulong here = bits.AsWords()[i];
            if (here != 0)
            {
                Word(ref _now.Opaque, i) |= here;
                Word(ref _now.Known, i) &= ~here;
                _now.Special |= 1ul << i;
            }
        }

        if (HasTtl(bits))
        {
            _now.TtlDecrements = 0;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ref ulong Word(ref FlowKey key, int word) => ref Unsafe.Add(ref Unsafe.As<FlowKey, ulong>(ref key), word);
}

/// <summary>The bits of each field in a key, by words.</summary>
internal static class FieldBits
{
    private static readonly MaskedWord[][] _bits = [.. FieldTable.All.Select(f =>
    {
        FlowKey mask = default;
        f.Set(ref mask, f.AllOnes);
        return MaskedWord.Of(mask);
    })];

    internal static MaskedWord[] Of(Field field) => _bits[field.Index];
}

/// <summary>Port numbers of the datapath and of OpenFlow, which differ for what is no ordinary port.</summary>
internal static class PortNumbers
{
    /// <summary>The OpenFlow number of a datapath port; 0, "not from a port", is the controller.</summary>
    internal static uint FromDatapath(uint port) => port switch
    {
        OfPorts.DatapathLocal => OfPorts.Local,
        0 => OfPorts.Controller,
        _ => port,
    };

    /// <summary>The datapath number of an OpenFlow port.</summary>
    internal static uint ToDatapath(uint port) => port switch
    {
        OfPorts.Local => OfPorts.DatapathLocal,
        OfPorts.Controller => 0,
        _ => port,
    };
}
