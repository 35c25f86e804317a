using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Messages.Multipart;
using OvsBridge.OpenFlow.Text;

namespace OvsBridge.Host.Ofctl;

/// <summary>Commands about meters.</summary>
internal static class MeterCommands
{
    /// <summary>add-meter SWITCH METER</summary>
    public static void Add(OfctlSession session, string[] arguments) => One(session, arguments, MeterModCommand.Add);

    /// <summary>mod-meter SWITCH METER</summary>
    public static void Modify(OfctlSession session, string[] arguments) => One(session, arguments, MeterModCommand.Modify);

    /// <summary>del-meters SWITCH [METER]</summary>
    public static void Delete(OfctlSession session, string[] arguments) => One(session, arguments, MeterModCommand.Delete);

    /// <summary>add-meters SWITCH FILE, which ovs-ofctl does not have.</summary>
    public static void AddFile(OfctlSession session, string[] arguments) => File(session, arguments[0], arguments[1], MeterModCommand.Add);

    /// <summary>dump-meters SWITCH [METER]</summary>
    public static void Dump(OfctlSession session, string[] arguments) =>
        Transactions.Print(session, arguments[0], new MultipartRequest(new MeterConfigQuery(Which(arguments))));

    /// <summary>meter-stats SWITCH [METER]</summary>
    public static void Statistics(OfctlSession session, string[] arguments) =>
        Transactions.Print(session, arguments[0], new MultipartRequest(new MeterQuery(Which(arguments))));

    /// <summary>meter-features SWITCH</summary>
    public static void Features(OfctlSession session, string[] arguments) =>
        Transactions.Print(session, arguments[0], new MultipartRequest(new MeterFeaturesQuery()));

    private static uint Which(string[] arguments) =>
        arguments.Length > 1 ? FlowSyntax.ParseMeter(arguments[1], MeterModCommand.Delete).MeterId : MeterMod.AllMeters;

    private static void One(OfctlSession session, string[] arguments, MeterModCommand command)
    {
        string text = arguments.Length > 1 ? arguments[1] : "";
        if (text == "-")
        {
            File(session, arguments[0], text, command);
            return;
        }

        MessageBatch batch = new(session, session.Options.Bundle);
        batch.Add(FlowSyntax.ParseMeter(text, command));
        batch.Send(arguments[0]);
    }

    private static void File(OfctlSession session, string name, string file, MeterModCommand command)
    {
        MessageBatch batch = new(session, session.Options.Bundle);
        LineReader.ForEach(file, (line, place) => batch.Add(FlowSyntax.ParseMeter(line, command), place));
        batch.Send(name);
    }
}
