using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using OvsBridge.Datapath.Interop;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Text;

namespace OvsBridge.Datapath.Text;

/// <summary>Writes an action program; see <see cref="DpActionsText"/>.</summary>
internal sealed class DpActionsPrinter(PortNames? ports, FlowKey key, Func<UpcallReason, DpUserspace, string?>? userspace)
{
    private readonly StringBuilder _text = new();
    private int _open;

    public void Add(in DpActionView action)
    {
        if (action.Type == DpActionType.Restore)
        {
            _text.Append(')');
            _open--;
            return;
        }

        if (_text.Length > 0 && _text[^1] != '(')
        {
            _text.Append(',');
        }

        if (action.Type == DpActionType.Save)
        {
            _text.Append("clone(");
            _open++;
            return;
        }

        _text.Append(Print(action));
    }

    public string Finish()
    {
        // a program may end inside a clone: what follows the restore is nothing
        _text.Append(')', Math.Max(_open, 0));
        return _text.Length == 0 ? "drop" : _text.ToString();
    }

    private string Print(in DpActionView action)
    {
        uint arg = action.Arg;
        return action.Type switch
        {
            DpActionType.Output => OdpValue.Port(arg, ports),
            DpActionType.Userspace => Userspace((UpcallReason)arg, action.Read<DpUserspace>()),
            DpActionType.PushVlan => PushVlan(arg),
            DpActionType.PopVlan => "pop_vlan",
            DpActionType.SetVlan => $"set(vlan({Vlan(arg & 0xffff, arg >> 16)}))",
            DpActionType.SetMpls => $"set(mpls({OdpLabels.Print(action.Read<DpSetMpls>().Lse, action.Read<DpSetMpls>().Mask)}))",
            DpActionType.SetPbb => $"set(pbb({Parts(OdpSet.Itag, action.Payload[..4], action.Payload[4..8])}))",
            DpActionType.PushMpls => $"push_mpls({Label(action)})",
            DpActionType.PushMplsFront => $"push_mpls_front({Label(action)})",
            DpActionType.PopMpls => $"pop_mpls(eth_type=0x{arg:x})",
            DpActionType.PushPbb => $"push_pbb({Parts(OdpSet.Itag, action.Payload[..4], Ones(4))},eth_type=0x{arg:x4})",
            DpActionType.PopPbb => "pop_pbb",
            DpActionType.DecTtl => "dec_ttl" + IfExpired(action),
            DpActionType.DecMplsTtl => "dec_mpls_ttl" + IfExpired(action),
            DpActionType.CopyTtlOut => "copy_ttl_out",
            DpActionType.CopyTtlIn => "copy_ttl_in",
            DpActionType.Meter => string.Create(CultureInfo.InvariantCulture, $"meter({arg})"),
            DpActionType.Hash => string.Create(CultureInfo.InvariantCulture, $"hash(hash_l4({arg}))"),
            DpActionType.Recirc => $"recirc({OdpValue.Plain(OdpFormat.Hex, arg)})",
            DpActionType.SetTunnel => $"set(tunnel({Tunnel(action.Payload)}))",
            DpActionType.SetPriority => $"set(skb_priority({OdpValue.Plain(OdpFormat.Hex, arg)}))",
            DpActionType.Trunc => string.Create(CultureInfo.InvariantCulture, $"trunc({arg})"),
            DpActionType.Sample => Sample(arg, action.Read<DpUserspace>()),
            DpActionType.Drop => $"drop({DropWord((DropReason)arg)})",
            _ => OdpSet.ByName(SetName(action.Type)) is { } set ? Set(set, action.Payload) : Unknown(action),
        };
    }

    /// <summary>The word of a drop reason: action_error.</summary>
    internal static string DropWord(DropReason reason)
    {
        if (!Enum.IsDefined(reason))
        {
            return ((uint)reason).ToString(CultureInfo.InvariantCulture);
        }

        StringBuilder word = new();
        foreach (char c in reason.ToString())
        {
            word.Append(char.IsUpper(c) && word.Length > 0 ? "_" : "").Append(char.ToLowerInvariant(c));
        }

        return word.ToString();
    }

    private static string Set(OdpSet set, ReadOnlySpan<byte> payload) =>
        $"set({set.Name}({Parts(set.Parts, payload[..set.Size], payload[set.Size..])}))";

    private static string Unknown(in DpActionView action) =>
        string.Create(CultureInfo.InvariantCulture, $"action({(ushort)action.Type},0x{action.Arg:x},{Convert.ToHexStringLower(action.Payload)})");

    private static string Parts(OdpSetPart[] parts, ReadOnlySpan<byte> value, ReadOnlySpan<byte> mask)
    {
        StringBuilder text = new();
        foreach (OdpSetPart part in parts)
        {
            UInt128 bits = part.Read(mask) & part.AllOnes;
            if (bits != 0)
            {
                text.Append(text.Length > 0 ? "," : "").Append(part.Name).Append('=');
                text.Append(OdpValue.Print(part.Format, part.Read(value) & part.AllOnes, bits, part.AllOnes));
            }
        }

        return text.ToString();
    }

    private static string Tunnel(ReadOnlySpan<byte> payload)
    {
        StringBuilder text = new();
        foreach (OdpSetPart part in OdpSet.Tunnel.Parts)
        {
            UInt128 value = part.Read(payload);
            if (value != 0 || part.Name == "tun_id")
            {
                text.Append(text.Length > 0 ? "," : "").Append(part.Name).Append('=').Append(OdpValue.Plain(part.Format, value));
            }
        }

        return text.ToString();
    }

    private static string Label(in DpActionView push) =>
        string.Create(CultureInfo.InvariantCulture, $"{OdpLabels.Print(push.Read<DpPushMpls>().Lse, uint.MaxValue)},eth_type=0x{push.Arg:x4}");

    private static string PushVlan(uint arg)
    {
        uint tpid = arg >> 16, tci = arg & 0xffff;
        return $"push_vlan({(tpid == EtherTypes.Vlan ? "" : $"tpid=0x{tpid:x4},")}{Vlan(tci, 0xefff)}{((tci & 0x1000) != 0 ? ",dei=1" : "")})";
    }

    private static string Vlan(uint tci, uint mask)
    {
        StringBuilder text = new();
        foreach ((string name, int shift, int bits) in OdpGroups.Vlan)
        {
            uint ones = (1u << bits) - 1;
            uint part = mask >> shift & ones;
            if (part != 0)
            {
                text.Append(text.Length > 0 ? "," : "").Append(name).Append('=');
                text.Append(OdpValue.Print(OdpFormat.Decimal, tci >> shift & ones, part, ones));
            }
        }

        return text.ToString();
    }

    private static string Sample(uint probability, in DpUserspace request)
    {
        return $"sample(sample={Percent(probability)}%,actions(userspace(pid=0,cookie=0x{request.Cookie:x}{MaxLen(request)}{Meter(request)})))";
    }

    // As few decimals as tell this probability from others, at least one.
    private static string Percent(uint probability)
    {
        decimal percent = probability * 100m / uint.MaxValue;
        for (int decimals = 1; ; decimals++)
        {
            decimal rounded = Math.Round(percent, decimals);
            if (Probability(rounded) == probability)
            {
                return rounded.ToString($"F{decimals}", CultureInfo.InvariantCulture);
            }
        }
    }

    /// <summary>A percentage as parts of 2^32 - 1.</summary>
    internal static uint Probability(decimal percent) => (uint)Math.Round(percent / 100 * uint.MaxValue);

    private static string MaxLen(in DpUserspace request) =>
        request.MaxLen == DpUserspace.WholePacket ? "" : string.Create(CultureInfo.InvariantCulture, $",max_len={request.MaxLen}");

    private static string Meter(in DpUserspace request) =>
        request.Meter == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $",meter({request.Meter - 1})");

    private static byte[] Ones(int count)
    {
        byte[] ones = new byte[count];
        ones.AsSpan().Fill(0xff);
        return ones;
    }

    // set(tcp(..)) or set(udp(..)): the packet's protocol tells, if the megaflow has it
    private string SetName(DpActionType type) => type switch
    {
        DpActionType.SetEth => "eth",
        DpActionType.SetIpv4 => "ipv4",
        DpActionType.SetIpv6 => "ipv6",
        DpActionType.SetArp => "arp",
        DpActionType.SetNd => "nd",
        DpActionType.SetTp => OdpGroups.Layer4(key.EthType, key.IpProto)?.Name ?? "tp",
        _ => "",
    };

    private string Userspace(UpcallReason reason, in DpUserspace request) =>
        userspace?.Invoke(reason, request) is { } described
            ? $"userspace(pid=0,{described}{Meter(request)})"
            : $"userspace(pid=0,{ReasonWord(reason)}(cookie=0x{request.Cookie:x}{MaxLen(request)}){Meter(request)})";

    private string IfExpired(in DpActionView action) =>
        action.Payload.Length < Unsafe.SizeOf<DpUserspace>()
            ? ""
            : $"(le_1({Userspace(UpcallReason.InvalidTtl, action.Read<DpUserspace>())}))";

    private static string ReasonWord(UpcallReason reason) => reason switch
    {
        UpcallReason.Controller => "controller",
        UpcallReason.SlowPath => "slow_path",
        UpcallReason.InvalidTtl => "invalid_ttl",
        UpcallReason.Miss => "miss",
        UpcallReason.Sample => "sample",
        _ => string.Create(CultureInfo.InvariantCulture, $"reason{(uint)reason}"),
    };
}
