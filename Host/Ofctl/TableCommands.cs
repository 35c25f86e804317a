using OvsBridge.OpenFlow.Messages.Multipart;
using OvsBridge.OpenFlow.Text;

namespace OvsBridge.Host.Ofctl;

/// <summary>Commands about tables.</summary>
internal static class TableCommands
{
    /// <summary>dump-tables SWITCH</summary>
    public static void DumpTables(OfctlSession session, string[] arguments) =>
        Transactions.Print(session, arguments[0], new MultipartRequest(new TableQuery()));

    /// <summary>dump-table-features SWITCH</summary>
    public static void DumpFeatures(OfctlSession session, string[] arguments) =>
        session.Out.Write(MessagePrinter.PrintTableFeatures(session.Tables(arguments[0])));

    /// <summary>mod-table SWITCH TABLE MOD: what MOD may be belongs to other versions.</summary>
    public static void Modify(OfctlSession session, string[] arguments)
    {
        string versions = arguments[2] switch
        {
            "controller" or "continue" or "drop" => "OpenFlow11, OpenFlow12",
            "evict" or "noevict" or "novacancy" => "OpenFlow14, OpenFlow15",
            _ when arguments[2].StartsWith("vacancy:", StringComparison.Ordinal) => "OpenFlow14, OpenFlow15",
            _ => throw new OfctlException($"invalid configuration `{arguments[2]}'"),
        };
        throw new OfctlException($"table_mod '{arguments[2]}' requires one of the OpenFlow versions {versions}");
    }
}
