using System.Globalization;
using System.Text;
using OvsBridge.OpenFlow.Endpoint;
using OvsBridge.Translator.Switch;

namespace OvsBridge.Host.Unixctl;

/// <summary>Commands about controllers. Open vSwitch shows these things in its database, which we don't have.</summary>
internal static class ControllerCommands
{
    /// <summary>Adds them.</summary>
    /// <param name="commands">The list.</param>
    /// <param name="bridge">Name of the bridge.</param>
    /// <param name="agent">The agent.</param>
    /// <param name="connectors">The configured controllers; locked while it is looked at.</param>
    public static void Register(UnixctlCommands commands, string bridge, OfSwitch agent, List<OfConnector> connectors) =>
        commands.Add("controller/show", "[bridge]", 0, 1, arguments =>
        {
            if (arguments.Count > 0 && arguments[0] != bridge)
                throw new UnixctlException("no such bridge");
            lock (connectors)
                return Show(agent.Connections, connectors);
        });

    private static string Show(IReadOnlyList<ConnectionInfo> connections, List<OfConnector> connectors)
    {
        var text = new StringBuilder();
        foreach (ConnectionInfo info in connections)
        {
            text.Append(CultureInfo.InvariantCulture, $"{info.Connection.Name}:{(info.Connection.Main is null ? "" : $" auxiliary {info.Connection.AuxiliaryId} of {info.Connection.Main.Name},")}");
            text.Append(CultureInfo.InvariantCulture, $" {info.Connection.Kind.ToString().ToLowerInvariant()}, role {info.Role.ToString().ToLowerInvariant()}\n");
            text.Append(CultureInfo.InvariantCulture, $"  packet_in: {info.PacketIns} sent, {info.PacketInsLimited} over the rate limit; {info.Connection.AsynchronousDropped} asynchronous messages dropped\n");
        }

        foreach (OfConnector connector in connectors.Where(connector => !connector.IsConnected))
            text.Append(CultureInfo.InvariantCulture, $"{connector.Target}: not connected: {connector.LastError ?? "trying"}\n");
        return text.ToString();
    }
}
