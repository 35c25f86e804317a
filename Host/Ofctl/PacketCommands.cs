using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Text;

namespace OvsBridge.Host.Ofctl;

/// <summary>packet-out: lets a switch treat a packet.</summary>
internal static class PacketCommands
{
    /// <summary>packet-out SWITCH "in_port=PORT packet=HEX actions=ACTIONS", or: SWITCH PORT ACTIONS HEX...</summary>
    public static void PacketOut(OfctlSession session, string[] arguments)
    {
        string name = arguments[0];
        PortNames? ports = session.AcceptedPorts(name);
        using SwitchConnection connection = session.Connect(name);
        foreach (PacketOut packet in arguments.Length == 2 ? [Parse(arguments[1], ports)] : ParseOld(name, arguments, ports))
        {
            if (!Transactions.Change(session, connection, packet, name))
            {
                session.Status = 1;
                return;
            }
        }
    }

    /// <summary>Reads <c>in_port=PORT packet=HEX actions=ACTIONS</c>.</summary>
    /// <exception cref="FlowSyntaxException">The text is wrong.</exception>
    public static PacketOut Parse(string text, PortNames? ports) => FlowSyntax.ParsePacketOut(text, ports);

    private static List<PacketOut> ParseOld(string name, string[] arguments, PortNames? ports)
    {
        if (arguments.Length < 4)
            throw new OfctlException("packet-out needs a packet: SWITCH IN_PORT ACTIONS PACKET...");
        if (!PortNames.TryParse(arguments[1], ports, out uint inPort))
            throw new OfctlException($"{name}: unknown port `{arguments[1]}'");
        var actions = ActionText.Parse(arguments[2], ports);
        List<PacketOut> packets = [];
        foreach (string hex in arguments.AsSpan(3))
            packets.Add(new PacketOut(FlowMod.NoBuffer, inPort, actions, Hex.Parse(hex) ?? throw new OfctlException($"{hex}: Trailing garbage in packet data")));
        return packets;
    }
}
