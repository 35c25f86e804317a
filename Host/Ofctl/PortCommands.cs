using System.Globalization;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Messages.Multipart;
using OvsBridge.OpenFlow.Text;

namespace OvsBridge.Host.Ofctl;

/// <summary>Commands about ports and queues.</summary>
internal static class PortCommands
{
    /// <summary>dump-ports SWITCH [PORT]</summary>
    public static void Statistics(OfctlSession session, string[] arguments) =>
        Transactions.Print(session, arguments[0], new MultipartRequest(new PortStatsQuery(PortArgument(session, arguments))));

    /// <summary>dump-ports-desc SWITCH [PORT]; OpenFlow 1.3 always describes all ports, so PORT is only checked, as ovs-ofctl does.</summary>
    public static void Describe(OfctlSession session, string[] arguments)
    {
        PortArgument(session, arguments);
        Transactions.Print(session, arguments[0], new MultipartRequest(new PortDescQuery()));
    }

    /// <summary>queue-stats SWITCH [PORT [QUEUE]]</summary>
    public static void QueueStats(OfctlSession session, string[] arguments)
    {
        uint port = arguments.Length > 1 && IsAll(arguments[1]) ? OfPorts.Any : PortArgument(session, arguments);
        uint queue = uint.MaxValue;
        if (arguments.Length > 2 && !IsAll(arguments[2]) && !uint.TryParse(arguments[2], NumberStyles.None, CultureInfo.InvariantCulture, out queue))
            throw new OfctlException($"{arguments[2]}: a queue is a number, or ALL");
        Transactions.Print(session, arguments[0], new MultipartRequest(new QueueQuery(port, queue)));

        static bool IsAll(string word) => word is "ALL" or "all" or "";
    }

    /// <summary>queue-get-config SWITCH [PORT [QUEUE]]; OpenFlow 1.3 always tells of all queues of a port.</summary>
    public static void QueueConfig(OfctlSession session, string[] arguments) =>
        Transactions.Print(session, arguments[0], new QueueGetConfigRequest(PortArgument(session, arguments)));

    /// <summary>mod-port SWITCH PORT ACTION</summary>
    public static void Modify(OfctlSession session, string[] arguments)
    {
        string name = arguments[1];
        bool numbered = uint.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out uint number);
        PortDescription port = session.Ports(arguments[0]).FirstOrDefault(p => numbered ? p.PortNo == number : p.Name == name)
            ?? throw new OfctlException($"{arguments[0]}: couldn't find port `{name}'");
        (PortConfig config, PortConfig mask) = Action(arguments[2]);
        Transactions.Change(session, arguments[0], new PortMod(port.PortNo, port.HwAddr, config, mask, PortFeatures.None));
    }

    private static (PortConfig Config, PortConfig Mask) Action(string word) => word.ToLowerInvariant() switch
    {
        "up" => (PortConfig.None, PortConfig.PortDown),
        "down" => (PortConfig.PortDown, PortConfig.PortDown),
        "receive" => (PortConfig.None, PortConfig.NoRecv),
        "no-receive" => (PortConfig.NoRecv, PortConfig.NoRecv),
        "forward" => (PortConfig.None, PortConfig.NoFwd),
        "no-forward" => (PortConfig.NoFwd, PortConfig.NoFwd),
        "packet-in" => (PortConfig.None, PortConfig.NoPacketIn),
        "no-packet-in" => (PortConfig.NoPacketIn, PortConfig.NoPacketIn),

        // Bits that OpenFlow 1.3 has no more: nothing is sent of them, as by ovs-ofctl.
        "flood" or "no-flood" or "stp" or "no-stp" or "receive-stp" or "no-receive-stp" => (PortConfig.None, PortConfig.None),
        _ => throw new OfctlException($"unknown mod-port command '{word}'"),
    };

    private static uint PortArgument(OfctlSession session, string[] arguments)
    {
        if (arguments.Length < 2)
            return OfPorts.Any;
        return PortNames.TryParse(arguments[1], session.AcceptedPorts(arguments[0]), out uint port)
            ? port
            : throw new OfctlException($"{arguments[0]}: unknown port `{arguments[1]}'");
    }
}
