using System.Globalization;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Messages.Multipart;
using OvsBridge.OpenFlow.Text;

namespace OvsBridge.Host.Ofctl;

/// <summary>Commands about groups.</summary>
internal static class GroupCommands
{
    private static readonly (string Word, GroupModCommand Command)[] _verbs =
        [("add", GroupModCommand.Add), ("modify", GroupModCommand.Modify), ("delete", GroupModCommand.Delete)];

    /// <summary>add-group SWITCH GROUP</summary>
    public static void Add(OfctlSession session, string[] arguments) => One(session, arguments, GroupModCommand.Add);

    /// <summary>mod-group SWITCH GROUP</summary>
    public static void Modify(OfctlSession session, string[] arguments) => One(session, arguments, GroupModCommand.Modify);

    /// <summary>del-groups SWITCH [GROUP]</summary>
    public static void Delete(OfctlSession session, string[] arguments) => One(session, arguments, GroupModCommand.Delete);

    /// <summary>add-groups SWITCH FILE</summary>
    public static void AddFile(OfctlSession session, string[] arguments) => File(session, arguments[0], arguments.Length > 1 ? arguments[1] : "-", null);

    /// <summary>dump-groups SWITCH [GROUP]; OpenFlow 1.3 always describes all groups, so GROUP is only checked, as ovs-ofctl does.</summary>
    public static void Dump(OfctlSession session, string[] arguments)
    {
        if (arguments.Length > 1 && arguments[1] is var group && !group.Equals("all", StringComparison.OrdinalIgnoreCase)
            && !group.Equals("any", StringComparison.OrdinalIgnoreCase) && !uint.TryParse(group, NumberStyles.None, CultureInfo.InvariantCulture, out _))
        {
            session.Warn($"{group} is not a valid group ID.  (Valid group IDs are 32-bit nonnegative integers or the keywords ANY or ALL.)");
        }

        Transactions.Print(session, arguments[0], new MultipartRequest(new GroupDescQuery()));
    }

    /// <summary>dump-group-stats SWITCH [group_id=ID]</summary>
    public static void Statistics(OfctlSession session, string[] arguments)
    {
        GroupMod which = FlowSyntax.ParseGroup(arguments.Length > 1 ? arguments[1] : "", GroupModCommand.Delete);
        Transactions.Print(session, arguments[0], new MultipartRequest(new GroupQuery(which.GroupId)));
    }

    /// <summary>dump-group-features SWITCH</summary>
    public static void Features(OfctlSession session, string[] arguments) =>
        Transactions.Print(session, arguments[0], new MultipartRequest(new GroupFeaturesQuery()));

    /// <summary>Reads a line with a command in front, or without (then it is to add).</summary>
    public static GroupMod ParseWithVerb(string line, PortNames? ports)
    {
        string text = line.TrimStart();
        foreach ((string word, GroupModCommand command) in _verbs)
        {
            if (text.StartsWith(word, StringComparison.Ordinal) && (text.Length == word.Length || text[word.Length] is ' ' or '\t'))
                return FlowSyntax.ParseGroup(text[word.Length..], command, ports);
        }

        return FlowSyntax.ParseGroup(line, GroupModCommand.Add, ports);
    }

    private static void One(OfctlSession session, string[] arguments, GroupModCommand command)
    {
        string name = arguments[0], text = arguments.Length > 1 ? arguments[1] : "";
        if (text == "-")
        {
            File(session, name, text, command);
            return;
        }

        GroupMod group = FlowSyntax.ParseGroup(text, command, session.AcceptedPorts(name));
        if (command == GroupModCommand.Modify && session.Options.MayCreate)
        {
            AddOrModify(session, name, group);
            return;
        }

        MessageBatch batch = new(session, session.Options.Bundle);
        batch.Add(group);
        batch.Send(name);
    }

    // OpenFlow 1.3 has no ADD_OR_MOD: the group's description says which of the two is needed.
    private static void AddOrModify(OfctlSession session, string name, GroupMod group)
    {
        bool there = false;
        using (SwitchConnection connection = session.Connect(name))
        {
            MultipartRequest request = new(new GroupQuery(group.GroupId)) { Xid = session.NextXid() };
            there = Transactions.Decode(connection.Transact(request)) is MultipartReply { Answer: GroupAnswer { Groups.Count: > 0 } };
        }

        MessageBatch batch = new(session, session.Options.Bundle);
        batch.Add(group with { Command = there ? GroupModCommand.Modify : GroupModCommand.Add });
        batch.Send(name);
    }

    private static void File(OfctlSession session, string name, string file, GroupModCommand? command)
    {
        PortNames? ports = session.AcceptedPorts(name);
        MessageBatch batch = new(session, session.Options.Bundle);
        LineReader.ForEach(file, (line, place) =>
            batch.Add(command is { } given ? FlowSyntax.ParseGroup(line, given, ports) : ParseWithVerb(line, ports), place));
        batch.Send(name);
    }
}
