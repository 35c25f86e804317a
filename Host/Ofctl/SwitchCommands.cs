using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Messages.Multipart;
using OvsBridge.OpenFlow.Text;

namespace OvsBridge.Host.Ofctl;

/// <summary>Commands about a switch as a whole.</summary>
internal static class SwitchCommands
{
    private const FragmentHandling NxMatch = (FragmentHandling)3; // OFPC_FRAG_NX_MATCH, of Open vSwitch

    /// <summary>show SWITCH</summary>
    public static void Show(OfctlSession session, string[] arguments)
    {
        using SwitchConnection connection = session.Connect(arguments[0]);
        MessagePrinter printer = session.Printer(null);
        Transactions.Print(session, connection, printer, new FeaturesRequest());
        Transactions.Print(session, connection, printer, new MultipartRequest(new PortDescQuery()));
        Transactions.Print(session, connection, printer, new GetConfigRequest());
    }

    /// <summary>dump-desc SWITCH</summary>
    public static void DumpDescription(OfctlSession session, string[] arguments) =>
        Transactions.Print(session, arguments[0], new MultipartRequest(new DescQuery()));

    /// <summary>get-frags SWITCH</summary>
    public static void GetFragments(OfctlSession session, string[] arguments)
    {
        using SwitchConnection connection = session.Connect(arguments[0]);
        GetConfigReply config = Transactions.Ask<GetConfigReply>(session, connection, new GetConfigRequest());
        session.Out.WriteLine(MessagePrinter.FragmentsWord(config.Fragments));
    }

    /// <summary>set-frags SWITCH MODE</summary>
    public static void SetFragments(OfctlSession session, string[] arguments)
    {
        FragmentHandling wanted = arguments[1] switch
        {
            "normal" => FragmentHandling.Normal,
            "drop" => FragmentHandling.Drop,
            "reassemble" => FragmentHandling.Reassemble,
            "nx-match" => NxMatch,
            _ => throw new OfctlException($"{arguments[1]}: unknown fragment handling mode"),
        };
        using SwitchConnection connection = session.Connect(arguments[0]);
        GetConfigReply config = Transactions.Ask<GetConfigReply>(session, connection, new GetConfigRequest());
        if (config.Fragments == wanted)
            return;
        bool taken = Transactions.Change(session, connection, new SetConfig(wanted, config.MissSendLength), arguments[0]);
        config = Transactions.Ask<GetConfigReply>(session, connection, new GetConfigRequest());
        if (!taken || config.Fragments != wanted)
            throw new OfctlException($"{arguments[0]}: setting fragment handling mode failed (this switch probably doesn't support mode \"{arguments[1]}\")");
    }
}
