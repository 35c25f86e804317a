using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Text;

namespace OvsBridge.Host.Ofctl;

/// <summary>bundle SWITCH FILE: changes of several kinds, all at once or none.</summary>
internal static class BundleCommand
{
    /// <summary>Runs it.</summary>
    public static void Run(OfctlSession session, string[] arguments)
    {
        PortNames? ports = session.AcceptedPorts(arguments[0]);
        MessageBatch batch = new(session, bundle: true);
        LineReader.ForEach(arguments[1], (line, place) => batch.Add(Parse(session, line, ports), place));
        batch.Send(arguments[0]);
    }

    private static OfMessage Parse(OfctlSession session, string line, PortNames? ports)
    {
        string text = line.Trim();
        int end = text.AsSpan().IndexOfAny(' ', '\t');
        string kind = end < 0 ? text : text[..end], rest = end < 0 ? "" : text[end..];
        return kind switch
        {
            "flow" => FlowCommands.ParseWithVerb(session, rest, ports),
            "group" => GroupCommands.ParseWithVerb(rest, ports),
            "packet-out" => PacketCommands.Parse(rest.Trim(), ports),
            _ => throw new OfctlException($"Unsupported bundle message type: {kind} (flow, group or packet-out)"),
        };
    }
}
