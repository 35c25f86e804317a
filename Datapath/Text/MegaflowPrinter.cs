using System.Globalization;
using System.Text;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Text;

namespace OvsBridge.Datapath.Text;

/// <summary>Writes one megaflow; see <see cref="MegaflowText"/>.</summary>
internal sealed class MegaflowPrinter
{
    private readonly StringBuilder _text;
    private readonly PortNames? _ports;
    private readonly bool _verbose;
    private readonly FlowKey _key;
    private FlowKey _left; // bits of the mask that were not printed yet

    public MegaflowPrinter(StringBuilder text, in FlowKey key, in FlowKey mask, PortNames? ports, bool verbose)
    {
        _text = text;
        _key = verbose ? key : key.Masked(mask);
        _left = mask;
        _ports = ports;
        _verbose = verbose;
    }

    public void Print()
    {
        Group("tunnel", OdpGroups.Tunnel, verbose: false);
        Single("recirc_id", KeyFields.RecircId, OdpFormat.Hex, always: true, exact: true);
        Single("dp_hash", KeyFields.DpHash, OdpFormat.Hex, always: _verbose);
        Separate();
        _text.Append("in_port(").Append(OdpValue.Port(_key.InPort, _ports)).Append(')');
        FieldTable.InPort.Set(ref _left, 0);
        Group("eth", OdpGroups.Eth, _verbose);

        int open = Tag(KeyFields.VlanTpid, KeyFields.VlanTci, outer: true);
        open += open > 0 ? Tag(KeyFields.InnerTpid, KeyFields.InnerTci, outer: false) : 0;
        Behind();
        _text.Append(')', open);
        Rest();
    }

    private void Behind()
    {
        bool known = FieldTable.EthType.Get(_left) == ushort.MaxValue || _verbose;
        Single("eth_type", FieldTable.EthType, OdpFormat.EtherType, always: _verbose);
        if (!known)
        {
            return;
        }

        // A protocol that is matched in part may be several: what stands behind it has no name then.
        bool protocolKnown = FieldTable.IpProto.Get(_left) == FieldTable.IpProto.AllOnes || _verbose;
        switch (_key.EthType.Value)
        {
            case EtherTypes.Ipv4:
                Group("ipv4", OdpGroups.Ipv4, _verbose);
                break;
            case EtherTypes.Ipv6:
                Group("ipv6", OdpGroups.Ipv6, _verbose);
                break;
            case EtherTypes.Arp or EtherTypes.Rarp:
                Group("arp", OdpGroups.Arp, _verbose);
                return;
            case EtherTypes.MplsUnicast or EtherTypes.MplsMulticast:
                Labels();
                return;
            case EtherTypes.Pbb:
                Group("pbb", OdpGroups.Pbb, _verbose);
                return;
            default:
                return;
        }

        if (!protocolKnown || OdpGroups.Layer4(_key.EthType, _key.IpProto) is not { } layer4 || (_key.IpFrag & FlowKey.FragLater) != 0)
        {
            return;
        }

        if (layer4.Parts == OdpGroups.Icmp)
        {
            // type and code have eight bits in a place for sixteen
            KeyFields.TpSrc.SetMasked(ref _left, 0, 0xff00);
            KeyFields.TpDst.SetMasked(ref _left, 0, 0xff00);
        }

        Group(layer4.Name, layer4.Parts, _verbose);
        if (layer4.Name == "tcp")
        {
            TcpFlags();
        }
        else if (layer4.Name == "icmpv6" && _key.TpSrc.Value is 135 or 136)
        {
            Group("nd", OdpGroups.Nd, _verbose);
        }
    }

    // Returns how many parentheses it opened.
    private int Tag(Field tpid, Field tci, bool outer)
    {
        int value = (int)tci.Get(_key), mask = (int)tci.Get(_left);
        bool present = (value & FlowKey.VlanPresent) != 0;
        if (!present)
        {
            // "No tag" is told by the present bit; the other bits of an absent tag are zero anyway.
            if ((mask & FlowKey.VlanPresent) != 0)
            {
                Word(outer ? "vlan(none)" : "vlan_inner(none)");
                tci.Set(ref _left, 0);
                tpid.Set(ref _left, 0);
                if (outer)
                {
                    KeyFields.InnerTci.Set(ref _left, 0);
                    KeyFields.InnerTpid.Set(ref _left, 0);
                }
            }
            else if (_verbose && outer)
            {
                Word("vlan(any)");
            }

            return 0;
        }

        if ((mask & FlowKey.VlanPresent) == 0 && mask == 0 && !_verbose)
        {
            return 0;
        }

        Single("eth_type", tpid, OdpFormat.EtherType, always: _verbose);
        Separate();
        _text.Append("vlan(");
        int start = _text.Length;
        foreach ((string name, int shift, int bits) in OdpGroups.Vlan)
        {
            int allOnes = (1 << bits) - 1;
            int part = mask >> shift & allOnes;
            if (part != 0 || _verbose)
            {
                Comma(start);
                _text.Append(name).Append('=');
                _text.Append(OdpValue.Print(OdpFormat.Decimal, (UInt128)(value >> shift & allOnes), (UInt128)part, (UInt128)allOnes));
            }
        }

        if ((mask & FlowKey.VlanPresent) == 0)
        {
            Comma(start);
            _text.Append("present=1/0");
        }

        _text.Append("),encap(");
        tci.Set(ref _left, 0);
        return 1;
    }

    private void Labels()
    {
        Field[] entries = [OdpLabels.Top, KeyFields.MplsLse1, KeyFields.MplsLse2];
        int depth = 3;
        while (depth > 0 && entries[depth - 1].Get(_left) == 0 && !(_verbose && (depth == 1 || entries[depth - 1].Get(_key) != 0)))
        {
            depth--;
        }

        if (depth == 0)
        {
            return;
        }

        Separate();
        _text.Append("mpls(");
        int start = _text.Length;
        for (int i = 0; i < depth; i++)
        {
            Comma(start);
            _text.Append(OdpLabels.Print((uint)entries[i].Get(_key), (uint)entries[i].Get(_left)));
            entries[i].Set(ref _left, 0);
        }

        _text.Append(')');
    }

    private void TcpFlags()
    {
        UInt128 mask = KeyFields.TcpFlags.Get(_left);
        if (mask == 0 && !_verbose)
        {
            return;
        }

        int value = (int)KeyFields.TcpFlags.Get(_key);
        bool exact = mask == KeyFields.TcpFlags.AllOnes;
        Word(mask == 0 ? "tcp_flags(0/0)" : $"tcp_flags({FieldValueText.TcpFlags(value, (int)mask, exact)})");
        KeyFields.TcpFlags.Set(ref _left, 0);
    }

    private void Single(string name, Field field, OdpFormat format, bool always, bool exact = false)
    {
        UInt128 mask = field.Get(_left);
        if (mask != 0 || always)
        {
            Word($"{name}({OdpValue.Print(format, field.Get(_key), exact ? field.AllOnes : mask, field.AllOnes)})");
            field.Set(ref _left, 0);
        }
    }

    private void Group(string name, OdpPart[] parts, bool verbose)
    {
        if (!verbose && parts.All(p => p.Field.Get(_left) == 0))
        {
            return;
        }

        Separate();
        _text.Append(name).Append('(');
        int start = _text.Length;
        foreach (OdpPart part in parts)
        {
            UInt128 mask = part.Field.Get(_left);
            // exthdr is not Open vSwitch's: it appears only when it is matched
            if (mask == 0 && (!verbose || part.Field == FieldTable.Ipv6ExtHdr))
            {
                continue;
            }

            Comma(start);
            _text.Append(part.Name).Append('=');
            UInt128 value = part.Field.Get(_key);
            _text.Append(part.Name == OdpGroups.Frag
                ? OdpFrag.Print((int)value, (int)mask)
                : OdpValue.Print(part.Format, value, mask, part.Field.AllOnes));
            part.Field.Set(ref _left, 0);
        }

        _text.Append(')');
    }

    // What is matched although the words above do not cover it must be seen all the same.
    private void Rest()
    {
        ReadOnlySpan<ulong> left = _left.AsWords(), key = _key.AsWords();
        for (int i = 0; i < FlowKey.PacketWords; i++)
        {
            if (left[i] != 0)
            {
                Word(string.Create(CultureInfo.InvariantCulture, $"bits({i}=0x{key[i] & left[i]:x}/0x{left[i]:x})"));
            }
        }
    }

    private void Word(string word)
    {
        Separate();
        _text.Append(word);
    }

    private void Separate()
    {
        if (_text.Length > 0 && !EndsWith("encap("))
        {
            _text.Append(',');
        }
    }

    private void Comma(int start)
    {
        if (_text.Length > start)
        {
            _text.Append(',');
        }
    }

    private bool EndsWith(string end)
    {
        if (_text.Length < end.Length)
        {
            return false;
        }

        for (int i = 0; i < end.Length; i++)
        {
            if (_text[_text.Length - end.Length + i] != end[i])
            {
                return false;
            }
        }

        return true;
    }
}
