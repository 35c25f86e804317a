using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Text;

namespace OvsBridge.Host.Ofctl;

/// <summary>Commands that change flows.</summary>
internal static class FlowCommands
{
    private static readonly (string Word, FlowModCommand Command)[] _verbs =
    [
        ("add", FlowModCommand.Add), ("modify", FlowModCommand.Modify), ("modify_strict", FlowModCommand.ModifyStrict),
        ("delete", FlowModCommand.Delete), ("delete_strict", FlowModCommand.DeleteStrict),
    ];

    /// <summary>add-flow SWITCH FLOW</summary>
    public static void Add(OfctlSession session, string[] arguments) => One(session, arguments, FlowModCommand.Add);

    /// <summary>mod-flows SWITCH FLOW</summary>
    public static void Modify(OfctlSession session, string[] arguments) => One(session, arguments, session.Options.Modify);

    /// <summary>del-flows SWITCH [FLOW]</summary>
    public static void Delete(OfctlSession session, string[] arguments) => One(session, arguments, session.Options.Delete);

    /// <summary>add-flows SWITCH FILE</summary>
    public static void AddFile(OfctlSession session, string[] arguments) => File(session, arguments[0], arguments[1], null);

    /// <summary>Reads a flow; what ovs-ofctl would only say something about and go on is a note on stderr.</summary>
    public static FlowMod Parse(OfctlSession session, string text, FlowModCommand command, PortNames? ports)
    {
        List<string> notes = [];
        FlowMod flow = FlowSyntax.ParseFlow(text, command, ports, notes);
        foreach (string note in notes)
            session.Warn(note);
        return flow;
    }

    /// <summary>Reads a line with a command in front, or without (then it is to add).</summary>
    public static FlowMod ParseWithVerb(OfctlSession session, string line, PortNames? ports)
    {
        string text = line.TrimStart();
        foreach ((string word, FlowModCommand command) in _verbs)
        {
            if (text.StartsWith(word, StringComparison.Ordinal) && (text.Length == word.Length || text[word.Length] is ' ' or '\t'))
                return Parse(session, text[word.Length..], command, ports);
        }

        return Parse(session, line, FlowModCommand.Add, ports);
    }

    private static void One(OfctlSession session, string[] arguments, FlowModCommand command)
    {
        string text = arguments.Length > 1 ? arguments[1] : "";
        if (text == "-")
        {
            File(session, arguments[0], text, command);
            return;
        }

        MessageBatch batch = new(session, session.Options.Bundle);
        batch.Add(Parse(session, text, command, session.AcceptedPorts(arguments[0])));
        batch.Send(arguments[0]);
    }

    private static void File(OfctlSession session, string name, string file, FlowModCommand? command)
    {
        PortNames? ports = session.AcceptedPorts(name);
        MessageBatch batch = new(session, session.Options.Bundle);
        LineReader.ForEach(file, (line, place) =>
            batch.Add(command is { } given ? Parse(session, line, given, ports) : ParseWithVerb(session, line, ports), place));
        batch.Send(name);
    }
}
