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
        "ofproto/trace", "{[dp_name] odp_flow | bridge br_flow} [--names] [--wildcards] [packet]", 1, 5,
        arguments =>
        {
            FlowKey key = Read(view, arguments, out PortNames? ports, out bool wildcards);
            return view.Forwarding.Trace(view.Bridge, key, ports, wildcards);
        },
        (arguments, json) => view.Forwarding.Trace(json, view.Bridge, Read(view, arguments, out PortNames? ports, out _), ports));

    /// <summary>
    /// "BRIDGE FLOW" has a flow in ovs-ofctl's words, "[DATAPATH] FLOW" one in those of dpctl/dump-flows. A packet in hexadecimal
    /// behind it gives the headers; the flow then says the port it came by.
    /// </summary>
    private static FlowKey Read(BridgeView view, IReadOnlyList<string> arguments, out PortNames? shown, out bool wildcards)
    {
        wildcards = arguments.Contains("--wildcards");
        PortNames ports = view.PortNames;
        shown = arguments.Contains("--names") ? ports : null;
        string[] words = [.. arguments.Where(argument => argument is not ("--names" or "--wildcards"))];
        if (words.FirstOrDefault(word => word.StartsWith('-')) is { } option)
            throw new UnixctlException($"{option}: option not supported");

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
        return key;
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
