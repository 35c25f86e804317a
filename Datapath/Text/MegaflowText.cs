using System.Globalization;
using System.Text;
using OvsBridge.Datapath.Interop;
using OvsBridge.Datapath.Text;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Text;

namespace OvsBridge.Datapath;

/// <summary>
/// Megaflows as <c>ovs-appctl dpctl/dump-flows</c> prints them:
/// <c>recirc_id(0),in_port(3),eth(dst=02:00:00:00:00:02),eth_type(0x0800),ipv4(proto=1,frag=no)</c>.
/// </summary>
/// <remarks>
/// <para>
/// Only what the mask has is printed, so what is not there is not matched; a mask of part of a field follows behind a slash.
/// Two things differ from Open vSwitch, whose megaflows always match ethertype and tag: a flow for packets without a VLAN
/// tag says <c>vlan(none)</c>, since one that says nothing takes tagged packets too; and pbb(...) and exthdr= are ours.
/// </para>
/// <para>Nothing that is matched is left out: mask bits that no word covers appear as <c>bits(WORD=VALUE/MASK)</c>.</para>
/// </remarks>
public static class MegaflowText
{
    /// <summary>The key and mask.</summary>
    /// <param name="key">Values; bits outside the mask are printed by <paramref name="verbose"/> only.</param>
    /// <param name="mask">Bits that are matched.</param>
    /// <param name="ports">Names for ports (--names), or null.</param>
    /// <param name="verbose">Every field of the key's protocol, matched or not (-m).</param>
    public static string Print(in FlowKey key, in FlowKey mask, PortNames? ports = null, bool verbose = false)
    {
        StringBuilder text = new();
        new MegaflowPrinter(text, key, mask, ports, verbose).Print();
        return text.ToString();
    }

    /// <summary>A whole line of dpctl/dump-flows without a line end.</summary>
    /// <param name="key">See <see cref="Print"/>.</param>
    /// <param name="mask">See <see cref="Print"/>.</param>
    /// <param name="stats">Counters.</param>
    /// <param name="nowNs">CLOCK_MONOTONIC now, for <c>used:</c>.</param>
    /// <param name="actions">Its program.</param>
    /// <param name="options">How.</param>
    public static string Line(
        in FlowKey key, in FlowKey mask, in MegaflowStats stats, ulong nowNs, DpActions actions, MegaflowLineOptions? options = null)
    {
        options ??= new MegaflowLineOptions();
        StringBuilder text = new();
        if (options.Ufid is { } ufid)
        {
            text.Append("ufid:").Append(ufid).Append(", ");
        }

        text.Append(Print(key, mask, options.Ports, options.Verbose));
        text.Append(CultureInfo.InvariantCulture, $", packets:{stats.Packets}, bytes:{stats.Bytes}, used:{Used(stats.UsedNs, nowNs)}");
        if (stats.TcpFlags != 0)
        {
            text.Append(", flags:").Append(TcpFlagLetters(stats.TcpFlags));
        }

        if (options.DatapathName is { } name)
        {
            text.Append(", dp:").Append(name);
        }

        text.Append(", actions:").Append(DpActionsText.Print(actions, options.Ports, key.Masked(mask), options.Userspace));
        return text.ToString();
    }

    /// <summary>Reads a key with its mask in this notation. Fields without <c>/mask</c> are matched whole, fields not named not at all.</summary>
    /// <exception cref="FlowSyntaxException">The text is wrong.</exception>
    public static (FlowKey Key, FlowKey Mask) Parse(string text, PortNames? ports = null)
    {
        MegaflowParser parser = new(ports);
        parser.Read(text, 0);
        return parser.Result();
    }

    private static string Used(ulong usedNs, ulong nowNs)
    {
        if (usedNs == 0)
        {
            return "never";
        }

        ulong milliseconds = nowNs > usedNs ? (nowNs - usedNs) / 1_000_000 : 0;
        return string.Create(CultureInfo.InvariantCulture, $"{milliseconds / 1000}.{milliseconds % 1000:d3}s");
    }

    private static string TcpFlagLetters(ushort flags)
    {
        const string Letters = "FSRP.UECN";
        StringBuilder text = new();
        for (int i = 0; i < Letters.Length; i++)
        {
            if ((flags >> i & 1) != 0)
            {
                text.Append(Letters[i]);
            }
        }

        return text.ToString();
    }
}

/// <summary>What a line of a megaflow dump has.</summary>
public sealed record MegaflowLineOptions
{
    /// <summary>Names for ports (--names), or null.</summary>
    public PortNames? Ports { get; init; }

    /// <summary>Every field, matched or not (-m).</summary>
    public bool Verbose { get; init; }

    /// <summary>The flow's unique id, printed in front (-m); null: none.</summary>
    public string? Ufid { get; init; }

    /// <summary>Printed as <c>dp:</c> (-m); null: not.</summary>
    public string? DatapathName { get; init; }

    /// <summary>What a userspace action does, for example <c>slow_path(controller)</c>; see <see cref="DpActionsText.Print"/>.</summary>
    public Func<UpcallReason, DpUserspace, string?>? Userspace { get; init; }
}
