using System.Globalization;

namespace OvsBridge.Host.Ofctl;

/// <summary>What <c>ofctl</c> says about itself.</summary>
internal static class OfctlHelp
{
    /// <summary>Answers --help, --version and --option.</summary>
    public static void Print(string program, string asked, TextWriter output)
    {
        switch (asked)
        {
            case "version":
                output.WriteLine($"{program} ({VersionText.Product}) {VersionText.Version}");
                output.WriteLine("OpenFlow versions 0x4:0x4");
                break;
            case "option":
                foreach ((string name, char letter, OptionReader.Value value) in OptionReader.Rows)
                {
                    output.WriteLine($"--{name}{value switch { OptionReader.Value.Needed => "=ARG", OptionReader.Value.Optional => "[=ARG]", _ => "" }}");
                    if (letter != '\0')
                        output.WriteLine($"-{letter}{value switch { OptionReader.Value.Needed => " ARG", OptionReader.Value.Optional => "[ARG]", _ => "" }}");
                }

                break;
            default:
                output.WriteLine($"{program}: asks and changes OpenFlow switches, as ovs-ofctl -O OpenFlow13 does");
                output.WriteLine($"usage: {program} [OPTION]... COMMAND [ARG]...");
                output.WriteLine(Text);
                break;
        }
    }

    /// <summary>Answers list-commands.</summary>
    public static void ListCommands(TextWriter output)
    {
        output.WriteLine("The available commands are:");
        foreach (CommandRow command in CommandTable.All)
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {command.Name,-23} {command.Usage}"));
    }

    private const string Text =
        """

        SWITCH is a bridge of this machine, the file of its socket, tcp:HOST[:PORT], ssl:HOST[:PORT] or unix:FILE.
        FLOW, GROUP and METER are as in ovs-fields(7) and ovs-actions(7); a FILE has one in each line, and - is standard input.

        Switches:
          show SWITCH                         features, ports and configuration
          dump-desc SWITCH                    description
          dump-tables SWITCH                  statistics of tables
          dump-table-features SWITCH          what tables can do
          get-frags SWITCH                    what happens to IP fragments
          set-frags SWITCH MODE               normal, drop, reassemble or nx-match
        Ports and queues:
          dump-ports SWITCH [PORT]            statistics
          dump-ports-desc SWITCH [PORT]       descriptions
          mod-port SWITCH PORT ACTION         up, down, receive, no-receive, forward, no-forward, packet-in, no-packet-in
          queue-stats SWITCH [PORT [QUEUE]]   statistics of queues
          queue-get-config SWITCH [PORT]      rates of queues
        Flows:
          dump-flows SWITCH [FLOW]            all flows, or those that FLOW covers
          dump-aggregate SWITCH [FLOW]        their sums
          add-flow SWITCH FLOW                add a flow
          add-flows SWITCH FILE               add (or "modify", "delete" in front) many
          mod-flows SWITCH FLOW               change actions
          del-flows SWITCH [FLOW]             delete
          replace-flows SWITCH FILE           make the switch have exactly the flows of FILE
          diff-flows SOURCE1 SOURCE2          compare switches or files
        Groups:
          add-group SWITCH GROUP              add a group
          add-groups SWITCH FILE              add many
          mod-group SWITCH GROUP              change a group (--may-create: or add it)
          del-groups SWITCH [GROUP]           delete
          dump-groups SWITCH [GROUP]          description
          dump-group-stats SWITCH [GROUP]     statistics
          dump-group-features SWITCH          what groups can do
        Meters:
          add-meter SWITCH METER              add a meter
          add-meters SWITCH FILE              add many
          mod-meter SWITCH METER              change a meter
          del-meters SWITCH [METER]           delete
          dump-meters SWITCH [METER]          configuration
          meter-stats SWITCH [METER]          statistics
          meter-features SWITCH               what meters can do
        All at once, or nothing:
          bundle SWITCH FILE                  lines "flow ...", "group ..." and "packet-out ..."
        Packets:
          packet-out SWITCH "in_port=PORT packet=HEX actions=ACTIONS"
          packet-out SWITCH PORT ACTIONS HEX...
          monitor SWITCH [MISSLEN] [invalid_ttl] [watch:...]
          snoop SWITCH                        what goes between a switch and its controller
        Connections:
          probe TARGET                        whether it answers
          ping TARGET [BYTES]                 how long ten echoes take
          benchmark TARGET BYTES COUNT        how fast echoes go
        Without a switch:
          ofp-print HEX [VERBOSITY]           a message in words
          ofp-parse FILE, ofp-parse-pcap PCAP the messages of a stream or a capture
          parse-flow FLOW, parse-flows FILE, parse-group GROUP
          print-error NAME, encode-error-reply NAME HEX, encode-hello BITMAP
          list-commands

        Options:
          -O, --protocols=VERSIONS     OpenFlow13 must be among them (default: OpenFlow13)
          -F, --flow-format=FORMAT     OXM-OpenFlow13, OXM or any
          -P, --packet-in-format=FRMT  (monitor) standard or any
              --bundle                 change all at once, or nothing (flows, groups)
              --strict                 mod-flows, del-flows: exactly this flow
              --readd                  replace-flows: also what has not changed
              --may-create             mod-group: add the group if it is not there
              --read-only              refuse commands that change something
              --names, --no-names      names of ports, or numbers only (default: names on a terminal)
              --sort[=FIELD], --rsort[=FIELD]   sort flows by priority or a field, up or down
              --stats, --no-stats      flows with or without age and counters
          -m, --more                   tell more; twice: bytes too
              --timestamp              (monitor, snoop) print the time
          -t, --timeout=SECS           give up after that time
              --rundir=DIR             where bridges have their sockets (default: $OVS_RUNDIR, else /var/run/openvswitch)
          -p, --private-key=FILE, -c, --certificate=FILE, -C, --ca-cert=FILE   for ssl
          -v, --verbose[=SPEC]         taken and without effect, as --log-file and --syslog-...
          -h, --help   -V, --version   --option (list of options)
        """;
}
