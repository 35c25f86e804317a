using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Messages.Multipart;
using OvsBridge.OpenFlow.Text;

namespace OvsBridge.Host.Ofctl;

/// <summary>Commands that show flows.</summary>
internal static class FlowDump
{
    /// <summary>dump-flows SWITCH [FLOW]</summary>
    public static void Dump(OfctlSession session, string[] arguments)
    {
        FlowQuery query = new(Filter(session, arguments));
        Comparison<FlowStatsEntry>? order = session.Options.Sort.Count > 0 ? Order(session.Options.Sort) : null;
        if (order is null && !session.ShowNames && session.Options.Statistics)
        {
            Transactions.Print(session, arguments[0], new MultipartRequest(query));
            return;
        }

        using SwitchConnection connection = session.Connect(arguments[0]);
        PortNames? ports = session.ShownPorts(arguments[0]);
        List<FlowStatsEntry> flows = [];
        ForEach(session, connection, query, flow =>
        {
            if (order is not null)
                flows.Add(flow);
            else
                Print(flow);
        });
        if (order is null)
            return;
        foreach ((FlowStatsEntry flow, _) in flows.Select((flow, index) => (flow, index)).Order(Comparer<(FlowStatsEntry Flow, int Index)>.Create(
            (a, b) => order(a.Flow, b.Flow) is not 0 and int different ? different : a.Index.CompareTo(b.Index))))
        {
            Print(flow);
        }

        void Print(FlowStatsEntry flow) => session.Out.WriteLine(FlowSyntax.Print(flow, ports, session.Options.Statistics));
    }

    /// <summary>dump-aggregate SWITCH [FLOW]</summary>
    public static void Aggregate(OfctlSession session, string[] arguments) =>
        Transactions.Print(session, arguments[0], new MultipartRequest(new AggregateQuery(Filter(session, arguments))));

    /// <summary>Asks for flows and hands each on as it comes.</summary>
    /// <exception cref="OfctlException">The switch refuses.</exception>
    public static void ForEach(OfctlSession session, SwitchConnection connection, FlowQuery query, Action<FlowStatsEntry> take)
    {
        MultipartRequest request = new(query) { Xid = session.NextXid() };
        connection.Send(request);
        for (bool more = true; more;)
        {
            ReadOnlySpan<byte> reply = connection.Receive();
            if (SwitchConnection.XidOf(reply) != request.Xid)
                continue;
            if (Transactions.Decode(reply) is not MultipartReply { Answer: FlowAnswer answer } part)
                throw new OfctlException($"the switch does not tell its flows: {session.Printer(null).Print(reply).TrimEnd()}");
            foreach (FlowStatsEntry flow in answer.Flows)
                take(flow);
            more = part.More;
        }
    }

    private static FlowFilter Filter(OfctlSession session, string[] arguments)
    {
        List<string> notes = [];
        FlowFilter filter = FlowSyntax.ParseFilter(arguments.Length > 1 ? arguments[1] : "", session.AcceptedPorts(arguments[0]), notes);
        foreach (string note in notes)
            session.Warn(note);
        return filter;
    }

    // Flows that do not say anything about a field come behind those that do, up and down; wildcarded bits count as 0.
    private static Comparison<FlowStatsEntry> Order(IReadOnlyList<SortCriterion> criteria)
    {
        List<Comparison<FlowStatsEntry>> all = [];
        foreach (SortCriterion criterion in criteria)
        {
            if (criterion.Field is null)
            {
                all.Add((a, b) => criterion.Descending ? b.Priority.CompareTo(a.Priority) : a.Priority.CompareTo(b.Priority));
                continue;
            }

            Field field = FlowSyntax.FindField(criterion.Field) ?? throw new OfctlException($"{criterion.Field}: unknown field name");
            all.Add((a, b) =>
            {
                bool first = a.Match.Has(field), second = b.Match.Has(field);
                if (first != second)
                    return first ? -1 : 1;
                if (!first)
                    return 0;
                int order = field.Get(a.Match.Value).CompareTo(field.Get(b.Match.Value));
                return criterion.Descending ? -order : order;
            });
        }

        return (a, b) =>
        {
            foreach (Comparison<FlowStatsEntry> compare in all)
            {
                if (compare(a, b) is not 0 and int different)
                    return different;
            }

            return 0;
        };
    }
}
