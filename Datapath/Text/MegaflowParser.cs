using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Text;

namespace OvsBridge.Datapath.Text;

/// <summary>Reads a megaflow's key and mask; see <see cref="MegaflowText"/>.</summary>
internal sealed class MegaflowParser(PortNames? ports)
{
    private FlowKey _key;
    private FlowKey _mask;
    private int _tags;
    private int _encapsulations;

    public (FlowKey Key, FlowKey Mask) Result() => (_key.Masked(_mask), _mask);

    public void Read(string text, int offset)
    {
        WordReader words = new(text, offset);
        Word? type = null;
        while (words.Read(out Word word))
        {
            if (word.Delimiter != '(')
            {
                throw word.Error("expected NAME(...)");
            }

            switch (word.Key)
            {
                case "recirc_id":
                    Single(word, KeyFields.RecircId, OdpFormat.Hex);
                    break;
                case "dp_hash":
                    Single(word, KeyFields.DpHash, OdpFormat.Hex);
                    break;
                case "in_port":
                    _key.InPort = OdpValue.ParsePort(word, word.Value, ports);
                    _mask.InPort = uint.MaxValue;
                    break;
                case "eth_type":
                    type = word; // a tag's or the packet's: the next word tells
                    continue;
                case "vlan":
                    Tag(word, type);
                    type = null;
                    continue;
                case "vlan_inner" when word.Value == "none":
                    Set(KeyFields.InnerTci, 0, KeyFields.InnerTci.AllOnes);
                    Set(KeyFields.InnerTpid, 0, KeyFields.InnerTpid.AllOnes);
                    break;
                case "encap" when ++_encapsulations > 2:
                    throw word.Error("at most two tags");
                case "encap":
                    Read(word.Value, word.ValuePosition);
                    break;
                case "mpls":
                    Labels(word);
                    break;
                case "tcp_flags":
                    TcpFlags(word);
                    break;
                case "bits":
                    Bits(word);
                    break;
                case "packet_type" or "skb_priority" or "skb_mark" or "ct_state" or "ct_zone" or "ct_mark" or "ct_label"
                    when word.Value is "0/0" or "ns=0,id=0":
                    break; // Open vSwitch's verbose form
                default:
                    Group(word);
                    break;
            }
        }

        if (type is { } last)
        {
            Single(last, FieldTable.EthType, OdpFormat.EtherType);
        }
    }

    private void Single(in Word word, Field field, OdpFormat format)
    {
        (UInt128 value, UInt128 mask) = OdpValue.Parse(word, word.Need($"{word.Key}(VALUE)"), format, field.AllOnes);
        Set(field, value, mask);
    }

    private void Set(Field field, UInt128 value, UInt128 mask)
    {
        field.SetMasked(ref _key, value, mask);
        field.SetMasked(ref _mask, mask, mask);
    }

    private void Tag(in Word word, Word? type)
    {
        if (word.Value == "any")
        {
            Behind(type);
            return;
        }

        if (word.Value == "none")
        {
            Behind(type);
            Set(KeyFields.VlanTci, 0, KeyFields.VlanTci.AllOnes);
            Set(KeyFields.VlanTpid, 0, KeyFields.VlanTpid.AllOnes);
            return;
        }

        if (_tags == 2)
        {
            throw word.Error("at most two tags");
        }

        (Field tci, Field tpid) = _tags++ == 0 ? (KeyFields.VlanTci, KeyFields.VlanTpid) : (KeyFields.InnerTci, KeyFields.InnerTpid);
        if (type is { } tagType)
        {
            Single(tagType, tpid, OdpFormat.EtherType);
        }

        UInt128 value = FlowKey.VlanPresent, mask = FlowKey.VlanPresent;
        WordReader parts = new(word.Value, word.ValuePosition);
        while (parts.Read(out Word part))
        {
            if (part.Key == "present" && part.Value == "1/0")
            {
                value &= ~(UInt128)FlowKey.VlanPresent;
                mask &= ~(UInt128)FlowKey.VlanPresent;
                continue;
            }

            int row = Array.FindIndex(OdpGroups.Vlan, p => p.Name == part.Key);
            if (row < 0)
            {
                throw part.Error("a tag has vid and pcp");
            }

            (string name, int shift, int bits) = OdpGroups.Vlan[row];
            (UInt128 v, UInt128 m) = OdpValue.Parse(part, part.Need($"{name}=VALUE"), OdpFormat.Decimal, (UInt128)((1 << bits) - 1));
            value |= (v & m) << shift;
            mask |= m << shift;
        }

        Set(tci, value, mask);

        void Behind(Word? type)
        {
            if (type is { } own)
            {
                Single(own, FieldTable.EthType, OdpFormat.EtherType);
            }
        }
    }

    private void Labels(in Word word)
    {
        Field[] fields = [OdpLabels.Top, KeyFields.MplsLse1, KeyFields.MplsLse2];
        int count = 0;
        uint entry = 0, mask = 0;
        bool started = false;
        WordReader parts = new(word.Value, word.ValuePosition);
        while (parts.Read(out Word part))
        {
            if (part.Key == "label" && started)
            {
                Finish(part); // the next entry
            }

            started = true;

            if (!OdpLabels.TryAdd(part, ref entry, ref mask))
            {
                throw part.Error("a label stack entry has label, tc, ttl and bos");
            }
        }

        Finish(word);

        void Finish(in Word at)
        {
            if (count == fields.Length)
            {
                throw at.Error("at most three labels");
            }

            Set(fields[count++], entry, mask);
            entry = mask = 0;
        }
    }

    private void Bits(in Word word)
    {
        WordReader parts = new(word.Value, word.ValuePosition);
        while (parts.Read(out Word part))
        {
            int index = (int)Numbers.Parse(part, part.Key, "a word of the key", FlowKey.PacketWords - 1);
            (UInt128 value, UInt128 mask) = OdpValue.Parse(part, part.Need("VALUE/MASK"), OdpFormat.Hex, ulong.MaxValue);
            _key.AsMutableWords()[index] |= (ulong)(value & mask);
            _mask.AsMutableWords()[index] |= (ulong)mask;
        }
    }

    private void TcpFlags(in Word word)
    {
        string text = word.Need("tcp_flags(FLAGS)");
        if (text == "0/0")
        {
            return;
        }

        try
        {
            (UInt128 value, UInt128 mask) = FieldValueText.Parse(KeyFields.TcpFlags, text);
            Set(KeyFields.TcpFlags, value, mask);
        }
        catch (FormatException problem)
        {
            throw word.Error(problem.Message);
        }
    }

    private void Group(in Word word)
    {
        OdpPart[] parts = word.Key switch
        {
            "eth" => OdpGroups.Eth,
            "ipv4" => OdpGroups.Ipv4,
            "ipv6" => OdpGroups.Ipv6,
            "arp" => OdpGroups.Arp,
            "tcp" or "udp" or "sctp" => OdpGroups.Transport,
            "icmp" or "icmpv6" => OdpGroups.Icmp,
            "nd" => OdpGroups.Nd,
            "pbb" => OdpGroups.Pbb,
            "tunnel" => OdpGroups.Tunnel,
            _ => throw word.Error($"unknown field {word.Key}"),
        };
        WordReader values = new(word.Value, word.ValuePosition);
        while (values.Read(out Word value))
        {
            OdpPart part = Array.Find(parts, p => p.Name == value.Key) ?? throw value.Error($"{word.Key} has no {value.Key}");
            (UInt128 v, UInt128 m) = part.Name == OdpGroups.Frag
                ? OdpFrag.Parse(value)
                : OdpValue.Parse(value, value.Need($"{value.Key}=VALUE"), part.Format, part.Field.AllOnes);
            Set(part.Field, v & m, m);
        }
    }
}
