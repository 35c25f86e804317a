namespace OvsBridge.Translator.Xlate;

/// <summary>What a line of a trace is about; it decides how far the line is indented.</summary>
public enum TraceKind
{
    /// <summary>A table was searched; or the action set runs.</summary>
    Table,

    /// <summary>A bucket of a group.</summary>
    Bucket,

    /// <summary>An action or instruction.</summary>
    Action,

    /// <summary>A remark.</summary>
    Detail,

    /// <summary>Something that the translation could not do.</summary>
    Warning,

    /// <summary>Why the translation was given up.</summary>
    Error,
}

/// <summary>A line of a trace with what happened below it.</summary>
public sealed class TraceNode
{
    internal TraceNode(TraceKind kind, object content)
    {
        Kind = kind;
        Content = content;
    }

    /// <summary>What it is about.</summary>
    public TraceKind Kind { get; }

    /// <summary>A string, a <see cref="Tables.Rule"/> that was hit, or an action or instruction; whoever prints it has the words.</summary>
    public object Content { get; }

    /// <summary>What happened below, in order.</summary>
    public IReadOnlyList<TraceNode> Children => Nodes;

    internal List<TraceNode> Nodes { get; } = [];
}

/// <summary>
/// The tree of what happened in a translation: tables, flow entries, actions, remarks. Filled by the translation when it
/// is asked to; costs nothing otherwise.
/// </summary>
public sealed class XlateTrace
{
    private readonly List<TraceNode> _roots = [];
    private List<TraceNode> _current;

    /// <summary>An empty trace.</summary>
    public XlateTrace() => _current = _roots;

    /// <summary>The first level.</summary>
    public IReadOnlyList<TraceNode> Roots => _roots;

    /// <summary>The packet at the end; in_port is OpenFlow's number.</summary>
    internal OpenFlow.Fields.FlowKey Final { get; set; }

    /// <summary>The packet as it comes round again with the hash of its flow, as a datapath's key; null: it does not.</summary>
    internal OpenFlow.Fields.FlowKey? Next { get; set; }

    /// <summary>Adds a line.</summary>
    internal TraceNode Add(TraceKind kind, object content)
    {
        TraceNode node = new(kind, content);
        _current.Add(node);
        return node;
    }

    /// <summary>Adds a line below which the following lines are; returns where to come back to by <see cref="Leave"/>.</summary>
    internal object Enter(TraceKind kind, object content)
    {
        List<TraceNode> outer = _current;
        _current = Add(kind, content).Nodes;
        return outer;
    }

    /// <summary>Where lines are added now, to come back to by <see cref="Leave"/>.</summary>
    internal object Current => _current;

    /// <summary>Ends what <see cref="Enter"/> began.</summary>
    internal void Leave(object outer) => _current = (List<TraceNode>)outer;

    /// <summary>
    /// Prints the tree in the layout of ofproto/trace: the last branch goes on at the level of its parent, so that a
    /// pipeline of many tables does not run off the page.
    /// </summary>
    /// <param name="to">Where to.</param>
    /// <param name="text">Words for a node's content.</param>
    public void Print(TextWriter to, Func<object, string> text) => Print(to, text, _roots, 0);

    private static void Print(TextWriter to, Func<object, string> text, List<TraceNode> nodes, int level)
    {
        for (int i = 0; i < nodes.Count; i++)
        {
            TraceNode node = nodes[i];
            int more = i + 1 < nodes.Count || node.Kind != TraceKind.Table ? 1 : 0;
            to.Write(new string(' ', (level + more) * 4));
            to.Write(node.Kind switch
            {
                TraceKind.Detail => " -> ",
                TraceKind.Warning => " >> ",
                TraceKind.Error => " >>>> ",
                _ => "",
            });
            to.Write(node.Content as string ?? text(node.Content));
            to.WriteLine(node.Kind == TraceKind.Error ? " <<<<" : "");
            Print(to, text, node.Nodes, level + more + more);
        }
    }
}
