using System.Text;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.OpenFlow.Text;

/// <summary>One packet's fields, and megaflows, in the words of ofproto/trace.</summary>
public static class FlowKeyText
{
    /// <summary>
    /// A packet as the line behind <c>Flow:</c>: every field that its protocol has, also when it is 0; context (tunnel,
    /// metadata, registers) only when it is not.
    /// </summary>
    /// <param name="key">The packet's key.</param>
    /// <param name="ports">Names for ports, or null.</param>
    public static string Print(in FlowKey key, PortNames? ports = null)
    {
        StringBuilder text = new();
        FlowKey mask = FieldsOf(key);
        // A packet that recirculated is told apart by "eth", as Open vSwitch does it.
        KeyPrinter.Append(text, key, mask, ports, eth: key.RecircId != 0);
        return text.ToString();
    }

    /// <summary>A megaflow as the line behind <c>Megaflow:</c>: the fields that its mask has, recirc_id always.</summary>
    /// <param name="key">Values.</param>
    /// <param name="mask">Bits that the megaflow matches.</param>
    /// <param name="ports">Names for ports, or null.</param>
    public static string PrintMegaflow(in FlowKey key, in FlowKey mask, PortNames? ports = null)
    {
        StringBuilder text = new();
        FlowKey shown = mask;
        shown.RecircId = uint.MaxValue;
        KeyPrinter.Append(text, key.Masked(shown), shown, ports, eth: true);
        return text.ToString();
    }

    /// <summary>
    /// Some fields of a packet, each as NAME=VALUE or NAME=VALUE/MASK, without words for protocols: <c>dl_type=0x0800,nw_proto=6,tp_dst=80</c>.
    /// No name, value or mask has a comma in it.
    /// </summary>
    /// <param name="key">The packet's key.</param>
    /// <param name="mask">Which bits to tell about.</param>
    /// <param name="ports">Names for ports, or null.</param>
    public static string PrintFields(in FlowKey key, in FlowKey mask, PortNames? ports = null)
    {
        StringBuilder text = new();
        FlowKey shown = key.Masked(mask);
        (shown.EthType, shown.IpProto) = (key.EthType, key.IpProto); // they tell which names fields have
        KeyPrinter.Append(text, shown, mask, ports, bare: true);
        return text.ToString();
    }

    /// <summary>What a packet has become: the fields, whole, in which two keys differ, with the values of the second.</summary>
    /// <param name="before">What it was.</param>
    /// <param name="after">What it is.</param>
    /// <param name="ports">Names for ports, or null.</param>
    public static string PrintChanges(in FlowKey before, in FlowKey after, PortNames? ports = null)
    {
        FlowKey mask = default;
        foreach (Field field in FieldTable.All.Concat(KeyFields.ByName.Values))
        {
            if (field.Get(before) != field.Get(after))
            {
                field.SetMasked(ref mask, field.AllOnes, field.AllOnes);
            }
        }

        return PrintFields(after, mask, ports);
    }

    /// <summary>
    /// Reads a packet's key from a flow in ovs-ofctl's words, without masks: <c>in_port=1,tcp,nw_dst=10.0.0.3,tp_dst=80</c>.
    /// What is not named is 0. Also takes what <see cref="Print"/> writes. The key is a datapath's: LOCAL is 65534 in it.
    /// </summary>
    /// <param name="text">The flow.</param>
    /// <param name="ports">Looks up names of ports, or null.</param>
    /// <exception cref="FlowSyntaxException">The text is wrong, or names a field that the packet cannot have.</exception>
    public static FlowKey Parse(string text, PortNames? ports = null)
    {
        KeyBuilder builder = new(ports, wholeKey: true);
        WordReader words = new(text);
        while (words.Read(out Word word))
        {
            if (!builder.TryAdd(word))
            {
                throw word.Error($"unknown field {word.Key}");
            }
        }

        FlowKey key = builder.ToKey();
        key.InPort = key.InPort switch
        {
            OfPorts.Local => OfPorts.DatapathLocal,
            OfPorts.Controller => 0, // it comes from no port
            uint port => port,
        };
        key.VlanTpid = Tpid(key.VlanTci, key.VlanTpid);
        key.InnerTpid = Tpid(key.InnerTci, key.InnerTpid);
        return key;

        static Be16 Tpid(Be16 tci, Be16 tpid) =>
            (tci & FlowKey.VlanPresent) != 0 && tpid.Raw == 0 ? (Be16)(ushort)0x8100 : tpid;
    }

    /// <summary>Ones in every field that a packet with this key has.</summary>
    private static FlowKey FieldsOf(in FlowKey key)
    {
        FlowKey mask = default;
        Span<ulong> words = mask.AsMutableWords();
        ReadOnlySpan<ulong> values = key.AsWords();

        // Context: what is zero goes without saying.
        for (int i = 17; i < FlowKey.Words; i++)
        {
            words[i] = values[i] != 0 ? ulong.MaxValue : 0;
        }

        foreach (Field field in (ReadOnlySpan<Field>)[.. KeyFields.Registers, KeyFields.RecircId, KeyFields.DpHash, KeyFields.SkbPriority, KeyFields.ActsetOutput, FieldTable.InPort, KeyFields.TunSrc, KeyFields.TunDst, KeyFields.TunTos, KeyFields.TunTtl, KeyFields.TunFlags])
        {
            field.Set(ref mask, field.Get(key) != 0 ? field.AllOnes : 0);
        }

        Show(ref mask, FieldTable.EthSrc, FieldTable.EthDst, FieldTable.EthType, KeyFields.VlanTci);
        if ((key.VlanTci & FlowKey.VlanPresent) != 0)
        {
            Show(ref mask, KeyFields.InnerTci, KeyFields.VlanTpid, KeyFields.InnerTpid);
        }

        switch (key.EthType.Value)
        {
            case 0x0806 or 0x8035:
                Show(ref mask, FieldTable.ArpOp, FieldTable.ArpSpa, FieldTable.ArpTpa, FieldTable.ArpSha, FieldTable.ArpTha);
                break;
            case 0x8847 or 0x8848:
                mask.MplsLse0 = uint.MaxValue;
                mask.MplsLse1 = (key.MplsLse0 & 0x100) == 0 ? uint.MaxValue : 0;
                mask.MplsLse2 = ((key.MplsLse0 | key.MplsLse1) & 0x100) == 0 ? uint.MaxValue : 0;
                break;
            case 0x88e7:
                mask.PbbItag = uint.MaxValue;
                break;
            case 0x0800:
                Show(ref mask, FieldTable.Ipv4Src, FieldTable.Ipv4Dst);
                ShowIp(ref mask, key);
                break;
            case 0x86dd:
                Show(ref mask, FieldTable.Ipv6Src, FieldTable.Ipv6Dst, FieldTable.Ipv6Flabel);
                if (key.Ipv6ExtHdr != 0)
                {
                    Show(ref mask, FieldTable.Ipv6ExtHdr);
                }

                ShowIp(ref mask, key);
                break;
        }

        return mask;
    }

    private static void ShowIp(ref FlowKey mask, in FlowKey key)
    {
        Show(ref mask, FieldTable.IpProto, FieldTable.IpDscp, FieldTable.IpEcn, KeyFields.NwTtl, KeyFields.NwFrag);
        bool ipv6 = key.EthType.Value == 0x86dd;
        byte icmp = ipv6 ? (byte)58 : (byte)1;
        if ((key.IpFrag & FlowKey.FragLater) != 0 || (key.IpProto is not (6 or 17 or 132) && key.IpProto != icmp))
        {
            return;
        }

        Show(ref mask, KeyFields.TpSrc, KeyFields.TpDst);
        if (key.IpProto == 6)
        {
            Show(ref mask, KeyFields.TcpFlags);
        }
        else if (ipv6 && key.IpProto == icmp && key.TpSrc.Value is 135 or 136 && key.TpDst == 0)
        {
            Show(ref mask, FieldTable.NdTarget, FieldTable.NdSll, FieldTable.NdTll);
        }
    }

    private static void Show(ref FlowKey mask, params ReadOnlySpan<Field> fields)
    {
        foreach (Field field in fields)
        {
            field.Set(ref mask, field.AllOnes);
        }
    }
}
