using OvsBridge.Datapath;
using OvsBridge.Datapath.Text;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Text;

namespace OvsBridge.Host.Unixctl;

/// <summary>ofproto/trace: what the pipeline would do with a packet, and why. Nothing is sent, counted or learned.</summary>
internal static class TraceCommand
{
    /// <summary>Adds the command.</summary>
    public static void Register(UnixctlCommands commands, BridgeView view) => commands.Add(
        "ofproto/trace", "{[dp_name] odp_flow | bridge br_flow} [--names] [packet]", 1, 4, arguments => Trace(view, arguments));

    /// <summary>
    /// "BRIDGE FLOW" has a flow in ovs-ofctl's words, "[DATAPATH] FLOW" one in those of dpctl/dump-flows. A packet in hexadecimal
    /// behind it gives the headers; the flow then says the port it came by.
    /// </summary>
    private static string Trace(BridgeView view, IReadOnlyList<string> arguments)
    {
        bool names = arguments.Contains("--names");
        string[] words = [.. arguments.Where(argument => argument != "--names")];
        if (words.FirstOrDefault(word => word.StartsWith('-')) is { } option)
            throw new UnixctlException($"{option}: option not supported");

        PortNames ports = new(view.PortName, name => view.Datapath.Ports.FirstOrDefault(port => port.Name == name)?.Number);
        bool odp = words.Any(word => word.Contains("in_port(", StringComparison.Ordinal));
        if (!odp && (words.Length < 2 || words[0] != view.Bridge))
            throw new UnixctlException($"{(words.Length > 0 ? words[0] : "")}: unknown bridge");
        if (odp && !words[0].Contains('(', StringComparison.Ordinal))
        {
            view.RequireDatapath(words[0]);
            words = words[1..];
        }
        else if (!odp)
        {
            words = words[1..];
        }

        if (words.Length is 0 or > 2)
            throw new UnixctlException("a flow is wanted, and at most one packet behind it");
        FlowKey key = Flow(words[0], odp, ports);
        if (words.Length == 2)
            key = Packet(words[1], key);
        return view.Forwarding.Trace(view.Bridge, key, names ? ports : null);
    }

    private static FlowKey Flow(string text, bool odp, PortNames ports)
    {
        try
        {
            return odp ? MegaflowText.Parse(text, ports).Key : FlowKeyText.Parse(text, ports);
        }
        catch (FlowSyntaxException exception)
        {
            throw new UnixctlException($"Bad {(odp ? "datapath" : "openflow")} flow syntax: {exception.Word}: {exception.Problem}");
        }
    }

    /// <summary>The headers come from the packet, what is not in it (port, tunnel, metadata) from the flow.</summary>
    private static FlowKey Packet(string hex, in FlowKey context)
    {
        byte[] frame;
        try
        {
            frame = Convert.FromHexString(hex);
        }
        catch (FormatException)
        {
            throw new UnixctlException($"Trailing garbage in packet data: {hex}");
        }

        if (!PacketParser.TryParse(frame, context.InPort, out FlowKey key))
            throw new UnixctlException($"a packet of {frame.Length} bytes has no Ethernet header");
        key.RecircId = context.RecircId;
        context.AsWords()[17..].CopyTo(key.AsMutableWords()[17..]); // tunnel, and what only the pipeline knows
        return key;
    }
}
