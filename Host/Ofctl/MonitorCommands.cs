using System.Globalization;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Text;

namespace OvsBridge.Host.Ofctl;

/// <summary>Commands that print what comes, to stderr as ovs-ofctl does, until they are ended.</summary>
internal static class MonitorCommands
{
    private const uint InvalidTtlBit = 1u << (int)PacketInReason.InvalidTtl;

    /// <summary>monitor SWITCH [MISSLEN] [invalid_ttl]</summary>
    public static void Monitor(OfctlSession session, string[] arguments)
    {
        if (session.Options.PacketInFormat is "nxt_packet_in" or "nxt_packet_in2")
            throw new OfctlException($"-P {session.Options.PacketInFormat}: packets come in OpenFlow 1.3's own format only");
        List<Action<SwitchConnection>> setUp = [];
        foreach (string argument in arguments.AsSpan(1))
        {
            if (ushort.TryParse(argument, NumberStyles.None, CultureInfo.InvariantCulture, out ushort length))
                setUp.Add(connection => SetMissLength(session, connection, arguments[0], length));
            else if (argument == "invalid_ttl")
                setUp.Add(connection => WantInvalidTtl(session, connection, arguments[0]));
            else if (argument.StartsWith("watch:", StringComparison.Ordinal))
                throw new OfctlException("watch: flow monitors are none of OpenFlow 1.3; Open vSwitch's own ovs-ofctl has them");
            else
                throw new OfctlException($"{argument}: unsupported \"monitor\" argument");
        }

        using SwitchConnection connection = session.Connect(arguments[0]);
        foreach (Action<SwitchConnection> step in setUp)
            step(connection);
        Follow(session, connection, arguments[0]);
    }

    /// <summary>snoop SWITCH</summary>
    public static void Snoop(OfctlSession session, string[] arguments)
    {
        using SwitchConnection connection = session.ConnectSnoop(arguments[0]);
        connection.AnswersEcho = false;
        Follow(session, connection, arguments[0]);
    }

    private static void Follow(OfctlSession session, SwitchConnection connection, string name)
    {
        MessagePrinter printer = new() { Ports = session.ShownPorts(name), Verbosity = session.Options.Verbosity + 2, PacketText = PacketText.Print };
        while (connection.Next() is { } message)
        {
            string time = session.Options.Timestamp ? $"{TimeProvider.System.GetLocalNow():yyyy-MM-dd HH:mm:ss.fff}: " : "";
            session.Error.Write(time + printer.Print(message.Span));
        }

        throw new OfctlException("OpenFlow receive failed (End of file)");
    }

    private static void SetMissLength(OfctlSession session, SwitchConnection connection, string name, ushort length)
    {
        GetConfigReply config = Transactions.Ask<GetConfigReply>(session, connection, new GetConfigRequest());
        if (!Transactions.Change(session, connection, new SetConfig(config.Fragments, length), name))
            throw new OfctlException($"{name}: the switch refused the length");
    }

    private static void WantInvalidTtl(OfctlSession session, SwitchConnection connection, string name)
    {
        AsyncConfig now = Transactions.Ask<GetAsyncReply>(session, connection, new GetAsyncRequest()).Config;
        AsyncConfig wanted = now with { PacketInMaster = now.PacketInMaster | InvalidTtlBit, PacketInSlave = now.PacketInSlave | InvalidTtlBit };
        if (!Transactions.Change(session, connection, new SetAsync(wanted), name))
            throw new OfctlException($"{name}: the switch does not send packets with an invalid TTL");
    }
}
