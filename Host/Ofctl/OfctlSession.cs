using OvsBridge.OpenFlow;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Messages.Multipart;
using OvsBridge.OpenFlow.Text;

namespace OvsBridge.Host.Ofctl;

/// <summary>One run of a command: its options, where it prints, its connections, and what is known of the switch's ports.</summary>
/// <param name="program">Name in messages.</param>
/// <param name="options">The options.</param>
/// <param name="output">For what was asked.</param>
/// <param name="error">For what went wrong.</param>
internal sealed class OfctlSession(string program, OfctlOptions options, TextWriter output, TextWriter error)
{
    private readonly Dictionary<string, IReadOnlyList<PortDescription>> _ports = [];
    private readonly Dictionary<string, IReadOnlyList<TableFeaturesEntry>> _tables = [];
    private uint _xid;

    /// <summary>Name in messages.</summary>
    public string Program => program;

    /// <summary>The options.</summary>
    public OfctlOptions Options => options;

    /// <summary>For what was asked.</summary>
    public TextWriter Out => output;

    /// <summary>For what went wrong.</summary>
    public TextWriter Error => error;

    /// <summary>Exit status of the command, if it goes to its end.</summary>
    public int Status { get; set; }

    /// <summary>Whether names of ports are shown.</summary>
    public bool ShowNames => options.Names ?? !Console.IsOutputRedirected;

    /// <summary>The next number for a message: as ovs-ofctl, HELLO of the first connection has 1.</summary>
    public uint NextXid() => ++_xid;

    /// <summary>Numbers for <paramref name="count"/> messages.</summary>
    /// <returns>The first.</returns>
    public uint TakeXids(int count)
    {
        uint first = _xid + 1;
        _xid += (uint)count;
        return first;
    }

    /// <summary>Connects to a switch.</summary>
    public SwitchConnection Connect(string name) => SwitchConnection.Open(name, options, NextXid());

    /// <summary>Connects to where a switch tells what goes between it and its controllers.</summary>
    public SwitchConnection ConnectSnoop(string name) => SwitchConnection.Open(name, options, NextXid(), ".snoop");

    /// <summary>A printer for the messages of a switch, with names for its ports if these are shown.</summary>
    /// <param name="name">The switch; null: of none in particular.</param>
    public MessagePrinter Printer(string? name) => new()
    {
        Ports = name is null ? null : ShownPorts(name),
        Verbosity = options.Verbosity + 1,
        PacketText = PacketText.Print,
    };

    /// <summary>Names of ports for printing, or null.</summary>
    public PortNames? ShownPorts(string name) => ShowNames ? Names(name) : null;

    /// <summary>Names of ports for reading, or null with --no-names. The switch is asked at the first name that is no number.</summary>
    public PortNames? AcceptedPorts(string name) => options.Names == false ? null : Names(name);

    /// <summary>The switch's ports.</summary>
    public IReadOnlyList<PortDescription> Ports(string name)
    {
        if (!_ports.TryGetValue(name, out IReadOnlyList<PortDescription>? ports))
        {
            _ports.Add(name, ports = Ask(name, new PortDescQuery(), "describe its ports", answer => (answer as PortDescAnswer)?.Ports));
        }

        return ports;
    }

    /// <summary>What the switch's tables can do.</summary>
    public IReadOnlyList<TableFeaturesEntry> Tables(string name)
    {
        if (!_tables.TryGetValue(name, out IReadOnlyList<TableFeaturesEntry>? tables))
        {
            _tables.Add(name, tables = Ask(name, new TableFeaturesQuery([]), "tell what its tables can do", answer => (answer as TableFeaturesAnswer)?.Tables));
        }

        return tables;
    }

    /// <summary>A line about something that a command goes on in spite of.</summary>
    public void Warn(string message) => error.WriteLine($"{program}: {message}");

    private PortNames Names(string name) => new(
        number => Ports(name).FirstOrDefault(p => p.PortNo == number)?.Name,
        text => Ports(name).FirstOrDefault(p => p.Name == text)?.PortNo)
    {
        TableNameOf = number => Tables(name).FirstOrDefault(t => t.TableId == number)?.Name,
        TableNumberOf = text => Tables(name).FirstOrDefault(t => t.Name == text)?.TableId,
    };

    private List<T> Ask<T>(string name, MultipartQuery query, string what, Func<MultipartAnswer, ValueList<T>?> list)
    {
        using SwitchConnection connection = Connect(name);
        List<T> entries = [];
        MultipartRequest request = new(query) { Xid = NextXid() };
        connection.Send(request);
        for (bool more = true; more;)
        {
            ReadOnlySpan<byte> message = connection.Receive();
            if (SwitchConnection.XidOf(message) != request.Xid)
                continue;
            if (Transactions.Decode(message) is not MultipartReply part || list(part.Answer) is not { } some)
                throw new OfctlException($"{name}: the switch does not {what}: {Printer(null).Print(message).TrimEnd()}");
            entries.AddRange(some);
            more = part.More;
        }

        return entries;
    }
}
