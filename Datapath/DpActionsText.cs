using System.Globalization;
using System.Text;
using OvsBridge.Datapath.Interop;
using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.Datapath;

/// <summary>
/// Prints action programs in the words of <c>ovs-appctl dpctl/dump-flows</c>. What Open vSwitch has no word for is named after
/// bpf/abi.h: <c>set(vlan(...))</c>, <c>dec_ttl</c>, <c>copy_ttl_in</c>, <c>save</c>, <c>restore</c>.
/// </summary>
public static class DpActionsText
{
    /// <summary>Prints a program; the empty one is <c>drop</c>.</summary>
    /// <param name="actions">The program.</param>
    /// <param name="userspace">What user space would do with a packet (reason, cookie, length): the text within <c>userspace(pid=0,...)</c>.</param>
    /// <param name="port">A port's name; null: its number.</param>
    public static string Print(DpActions actions, Func<UpcallReason, DpUserspace, string>? userspace = null, Func<uint, string>? port = null)
    {
        if (actions.IsEmpty)
        {
            return "drop";
        }

        StringBuilder text = new();
        foreach (DpActionView action in actions)
        {
            if (text.Length > 0)
            {
                text.Append(',');
            }

            text.Append(Print(action, userspace, port));
        }

        return text.ToString();
    }

    private static string Print(DpActionView action, Func<UpcallReason, DpUserspace, string>? userspace, Func<uint, string>? port)
    {
        uint arg = action.Arg;
        switch (action.Type)
        {
            case DpActionType.Output:
                return port?.Invoke(arg) ?? Number(arg);
            case DpActionType.Userspace:
                return Userspace((UpcallReason)arg, action.Read<DpUserspace>(), userspace);
            case DpActionType.Sample:
                string sampled = Userspace(UpcallReason.Sample, action.Read<DpUserspace>(), userspace);
                return string.Create(CultureInfo.InvariantCulture, $"sample(sample={arg / 4294967296.0:P1},actions({sampled}))");
            case DpActionType.PushVlan:
                return $"push_vlan({Tag((ushort)(arg >> 16), (ushort)arg)})";
            case DpActionType.PopVlan:
                return "pop_vlan";
            case DpActionType.SetVlan:
                return $"set(vlan({Tci((ushort)arg, (ushort)(arg >> 16))}))";
            case DpActionType.SetEth:
                (DpSetEth eth, DpSetEth ethMask) = (action.Read<DpSetEth>(), action.Read<DpSetEth>(1));
                return Set(
                    "eth",
                    Mac("src", eth.Src, ethMask.Src),
                    Mac("dst", eth.Dst, ethMask.Dst),
                    Hex("type", eth.Type, ethMask.Type, 0xffff));
            case DpActionType.SetIpv4:
                (DpSetIpv4 v4, DpSetIpv4 v4Mask) = (action.Read<DpSetIpv4>(), action.Read<DpSetIpv4>(1));
                return Set(
                    "ipv4",
                    Ipv4("src", v4.Src, v4Mask.Src),
                    Ipv4("dst", v4.Dst, v4Mask.Dst),
                    Decimal("proto", v4.Proto, v4Mask.Proto, 0xff),
                    Hex("tos", v4.Tos, v4Mask.Tos, 0xff),
                    Decimal("ttl", v4.Ttl, v4Mask.Ttl, 0xff));
            case DpActionType.SetIpv6:
                (DpSetIpv6 v6, DpSetIpv6 v6Mask) = (action.Read<DpSetIpv6>(), action.Read<DpSetIpv6>(1));
                return Set(
                    "ipv6",
                    Ipv6("src", v6.Src, v6Mask.Src),
                    Ipv6("dst", v6.Dst, v6Mask.Dst),
                    Hex("label", v6.Label, v6Mask.Label, 0xfffff),
                    Decimal("proto", v6.Proto, v6Mask.Proto, 0xff),
                    Hex("tclass", v6.Tos, v6Mask.Tos, 0xff),
                    Decimal("hlimit", v6.Hlimit, v6Mask.Hlimit, 0xff));
            case DpActionType.SetArp:
                (DpSetArp arp, DpSetArp arpMask) = (action.Read<DpSetArp>(), action.Read<DpSetArp>(1));
                return Set(
                    "arp",
                    Ipv4("sip", arp.Spa, arpMask.Spa),
                    Ipv4("tip", arp.Tpa, arpMask.Tpa),
                    Decimal("op", arp.Op, arpMask.Op, 0xffff),
                    Mac("sha", arp.Sha, arpMask.Sha),
                    Mac("tha", arp.Tha, arpMask.Tha));
            case DpActionType.SetTp:
                (DpSetTp tp, DpSetTp tpMask) = (action.Read<DpSetTp>(), action.Read<DpSetTp>(1));
                return Set("tp", Decimal("src", tp.Src, tpMask.Src, 0xffff), Decimal("dst", tp.Dst, tpMask.Dst, 0xffff));
            case DpActionType.SetNd:
                (DpSetNd nd, DpSetNd ndMask) = (action.Read<DpSetNd>(), action.Read<DpSetNd>(1));
                return Set("nd", Ipv6("target", nd.Target, ndMask.Target), Mac("sll", nd.Sll, ndMask.Sll), Mac("tll", nd.Tll, ndMask.Tll));
            case DpActionType.SetMpls:
                (uint lse, uint lseMask) = (action.Read<DpSetMpls>().Lse, action.Read<DpSetMpls>().Mask);
                return Set(
                    "mpls",
                    Decimal("label", lse >> 12, lseMask >> 12, 0xfffff),
                    Decimal("tc", lse >> 9 & 7, lseMask >> 9 & 7, 7),
                    Decimal("ttl", lse & 0xff, lseMask & 0xff, 0xff),
                    Decimal("bos", lse >> 8 & 1, lseMask >> 8 & 1, 1));
            case DpActionType.SetPbb:
                (uint tag, uint tagMask) = (action.Read<DpSetMpls>().Lse, action.Read<DpSetMpls>().Mask);
                return Set("pbb", Decimal("isid", tag & 0xffffff, tagMask & 0xffffff, 0xffffff), Decimal("pcp", tag >> 29, tagMask >> 29, 7));
            case DpActionType.PushMpls:
                uint entry = action.Read<DpPushMpls>().Lse;
                return $"push_mpls(label={entry >> 12},tc={entry >> 9 & 7},ttl={entry & 0xff},bos={entry >> 8 & 1},eth_type=0x{arg:x})";
            case DpActionType.PopMpls:
                return $"pop_mpls(eth_type=0x{arg:x})";
            case DpActionType.PushPbb:
                uint itag = action.Read<DpPushPbb>().Itag;
                return $"push_pbb(isid={itag & 0xffffff},pcp={itag >> 29},eth_type=0x{arg:x})";
            case DpActionType.PopPbb:
                return "pop_pbb";
            case DpActionType.SetTunnel:
                DpSetTunnel tunnel = action.Read<DpSetTunnel>();
                return Set(
                    "tunnel",
                    $"tun_id=0x{tunnel.Id.Value:x}",
                    Ipv4("src", tunnel.Src, tunnel.Src == 0u ? 0 : uint.MaxValue),
                    Ipv4("dst", tunnel.Dst, tunnel.Dst == 0u ? 0 : uint.MaxValue),
                    Ipv6("ipv6_src", tunnel.Ipv6Src, tunnel.Ipv6Src.Value == 0 ? 0 : UInt128.MaxValue),
                    Ipv6("ipv6_dst", tunnel.Ipv6Dst, tunnel.Ipv6Dst.Value == 0 ? 0 : UInt128.MaxValue),
                    $"tos=0x{tunnel.Tos:x}",
                    $"ttl={tunnel.Ttl}",
                    $"flags(0x{tunnel.Flags.Value:x})");
            case DpActionType.SetPriority:
                return $"set(skb_priority(0x{arg:x}))";
            case DpActionType.Meter:
                return $"meter({arg})";
            case DpActionType.Hash:
                return $"hash(l4({arg}))";
            case DpActionType.Recirc:
                return $"recirc(0x{arg:x})";
            case DpActionType.Trunc:
                return $"trunc({arg})";
            case DpActionType.DecTtl:
                return "dec_ttl";
            case DpActionType.DecMplsTtl:
                return "dec_mpls_ttl";
            case DpActionType.CopyTtlOut:
                return "copy_ttl_out";
            case DpActionType.CopyTtlIn:
                return "copy_ttl_in";
            case DpActionType.Save:
                return "save";
            case DpActionType.Restore:
                return "restore";
            case DpActionType.Drop:
                return "drop";
            default:
                return $"action{(ushort)action.Type}(0x{arg:x})";
        }
    }

    private static string Userspace(UpcallReason reason, DpUserspace request, Func<UpcallReason, DpUserspace, string>? describe)
    {
        string text = describe?.Invoke(reason, request) ?? (reason == UpcallReason.SlowPath ? "slow_path()" : $"cookie=0x{request.Cookie:x}");
        return $"userspace(pid=0,{text})";
    }

    private static string Set(string header, params string?[] fields) => $"set({header}({string.Join(',', fields.Where(f => f is not null))}))";

    private static string Tag(ushort tpid, ushort tci) =>
        (tpid == 0x8100 ? "" : $"tpid=0x{tpid:x},") + Tci(tci, 0xffff) + ((tci & 0x1000) != 0 ? ",cfi=1" : "");

    private static string Tci(ushort tci, ushort mask) =>
        string.Join(',', new[] { Decimal("vid", tci & 0xfffu, mask & 0xfffu, 0xfff), Decimal("pcp", (uint)tci >> 13, (uint)mask >> 13, 7) }.OfType<string>());

    private static string? Mac(string name, MacBytes value, MacBytes mask) =>
        (ulong)mask switch
        {
            0 => null,
            0xffffffffffff => $"{name}={value}",
            _ => $"{name}={value}/{mask}",
        };

    private static string? Ipv4(string name, uint value, uint mask) =>
        mask switch
        {
            0 => null,
            uint.MaxValue => $"{name}={Dotted(value)}",
            _ => $"{name}={Dotted(value)}/{Dotted(mask)}",
        };

    private static string Dotted(uint value) => $"{value >> 24}.{value >> 16 & 0xff}.{value >> 8 & 0xff}.{value & 0xff}";

    private static string? Ipv6(string name, UInt128 value, UInt128 mask) =>
        mask == 0 ? null : mask == UInt128.MaxValue ? $"{name}={Address(value)}" : $"{name}={Address(value)}/{Address(mask)}";

    private static string Address(UInt128 value)
    {
        Span<byte> bytes = stackalloc byte[16];
        System.Buffers.Binary.BinaryPrimitives.WriteUInt128BigEndian(bytes, value);
        return new System.Net.IPAddress(bytes).ToString();
    }

    private static string? Decimal(string name, uint value, uint mask, uint all) =>
        mask == 0 ? null : mask == all ? $"{name}={value}" : $"{name}={value}/0x{mask:x}";

    private static string? Hex(string name, uint value, uint mask, uint all) =>
        mask == 0 ? null : mask == all ? $"{name}=0x{value:x}" : $"{name}=0x{value:x}/0x{mask:x}";

    private static string Number(uint value) => value.ToString(CultureInfo.InvariantCulture);
}
