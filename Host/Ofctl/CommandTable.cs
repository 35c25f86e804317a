namespace OvsBridge.Host.Ofctl;

/// <summary>One command.</summary>
/// <param name="Name">Its word.</param>
/// <param name="Usage">Its arguments, for list-commands.</param>
/// <param name="Least">Fewest arguments.</param>
/// <param name="Most">Most arguments.</param>
/// <param name="Writes">Whether it changes a switch.</param>
/// <param name="Run">Does it.</param>
internal sealed record CommandRow(string Name, string Usage, int Least, int Most, bool Writes, Action<OfctlSession, string[]> Run);

/// <summary>The only list of the commands of <c>ofctl</c>.</summary>
internal static class CommandTable
{
    private const int Any = int.MaxValue;

    /// <summary>All commands, in the order of list-commands.</summary>
    public static IReadOnlyList<CommandRow> All { get; } =
    [
        new("show", "switch", 1, 1, false, SwitchCommands.Show),
        new("monitor", "switch [misslen] [invalid_ttl] [watch:[...]]", 1, 3, false, MonitorCommands.Monitor),
        new("snoop", "switch", 1, 1, false, MonitorCommands.Snoop),
        new("dump-desc", "switch", 1, 1, false, SwitchCommands.DumpDescription),
        new("dump-tables", "switch", 1, 1, false, TableCommands.DumpTables),
        new("dump-table-features", "switch", 1, 1, false, TableCommands.DumpFeatures),
        new("dump-table-desc", "switch", 1, 1, false, NotHere.Later("1.4")),
        new("dump-flows", "switch", 1, 2, false, FlowDump.Dump),
        new("dump-aggregate", "switch", 1, 2, false, FlowDump.Aggregate),
        new("queue-stats", "switch [port [queue]]", 1, 3, false, PortCommands.QueueStats),
        new("queue-get-config", "switch [port [queue]]", 1, 3, false, PortCommands.QueueConfig),
        new("add-flow", "switch flow", 2, 2, true, FlowCommands.Add),
        new("add-flows", "switch file", 2, 2, true, FlowCommands.AddFile),
        new("mod-flows", "switch flow", 2, 2, true, FlowCommands.Modify),
        new("del-flows", "switch [flow]", 1, 2, true, FlowCommands.Delete),
        new("replace-flows", "switch file", 2, 2, true, FlowDifferences.Replace),
        new("diff-flows", "source1 source2", 2, 2, false, FlowDifferences.Print),
        new("add-meter", "switch meter", 2, 2, true, MeterCommands.Add),
        new("add-meters", "switch file", 2, 2, true, MeterCommands.AddFile),
        new("mod-meter", "switch meter", 2, 2, true, MeterCommands.Modify),
        new("del-meter", "switch meter", 1, 2, true, MeterCommands.Delete),
        new("del-meters", "switch", 1, 2, true, MeterCommands.Delete),
        new("dump-meter", "switch meter", 1, 2, false, MeterCommands.Dump),
        new("dump-meters", "switch", 1, 2, false, MeterCommands.Dump),
        new("meter-stats", "switch [meter]", 1, 2, false, MeterCommands.Statistics),
        new("meter-features", "switch", 1, 1, false, MeterCommands.Features),
        new("packet-out", "switch \"in_port=<port> packet=<hex data> actions=...\"", 2, Any, true, PacketCommands.PacketOut),
        new("dump-ports", "switch [port]", 1, 2, false, PortCommands.Statistics),
        new("dump-ports-desc", "switch [port]", 1, 2, false, PortCommands.Describe),
        new("mod-port", "switch iface act", 3, 3, true, PortCommands.Modify),
        new("mod-table", "switch mod", 3, 3, true, TableCommands.Modify),
        new("get-frags", "switch", 1, 1, false, SwitchCommands.GetFragments),
        new("set-frags", "switch frag_mode", 2, 2, true, SwitchCommands.SetFragments),
        new("probe", "target", 1, 1, false, EchoCommands.Probe),
        new("ping", "target [n]", 1, 2, false, EchoCommands.Ping),
        new("benchmark", "target n count", 3, 3, false, EchoCommands.Benchmark),
        new("dump-ipfix-bridge", "switch", 1, 1, false, NotHere.Nicira),
        new("dump-ipfix-flow", "switch", 1, 1, false, NotHere.Nicira),
        new("ct-flush-zone", "switch zone", 2, 2, true, NotHere.Nicira),
        new("ct-flush", "switch [zone=N] [ct-orig-tuple [ct-reply-tuple]]", 1, 4, true, NotHere.Nicira),
        new("ofp-parse", "file", 1, 1, false, OfflineCommands.ParseFile),
        new("ofp-parse-pcap", "pcap", 1, Any, false, OfflineCommands.ParsePcap),
        new("add-group", "switch group", 1, 2, true, GroupCommands.Add),
        new("add-groups", "switch file", 1, 2, true, GroupCommands.AddFile),
        new("mod-group", "switch group", 1, 2, true, GroupCommands.Modify),
        new("del-groups", "switch [group]", 1, 2, true, GroupCommands.Delete),
        new("insert-buckets", "switch [group]", 1, 2, true, NotHere.Buckets),
        new("remove-buckets", "switch [group]", 1, 2, true, NotHere.Buckets),
        new("dump-groups", "switch [group]", 1, 2, false, GroupCommands.Dump),
        new("dump-group-stats", "switch [group]", 1, 2, false, GroupCommands.Statistics),
        new("dump-group-features", "switch", 1, 1, false, GroupCommands.Features),
        new("bundle", "switch file", 2, 2, true, BundleCommand.Run),
        new("add-tlv-map", "switch map", 2, 2, true, NotHere.Nicira),
        new("del-tlv-map", "switch [map]", 1, 2, true, NotHere.Nicira),
        new("dump-tlv-map", "switch", 1, 1, false, NotHere.Nicira),
        new("help", "", 0, Any, false, (session, _) => OfctlHelp.Print(session.Program, "help", session.Out)),
        new("list-commands", "", 0, Any, false, (session, _) => OfctlHelp.ListCommands(session.Out)),
        new("parse-flow", "", 1, 1, false, OfflineCommands.ParseFlow),
        new("parse-flows", "", 1, 1, false, OfflineCommands.ParseFlows),
        new("parse-group", "", 1, 1, false, OfflineCommands.ParseGroup),
        new("print-error", "", 1, 1, false, OfflineCommands.PrintError),
        new("encode-error-reply", "", 2, 2, false, OfflineCommands.EncodeError),
        new("ofp-print", "", 1, 2, false, OfflineCommands.Print),
        new("encode-hello", "", 1, 1, false, OfflineCommands.EncodeHello),
    ];

    /// <summary>The command of this name, or null.</summary>
    public static CommandRow? Find(string name)
    {
        foreach (CommandRow row in All)
        {
            if (row.Name == name)
                return row;
        }

        return null;
    }
}
