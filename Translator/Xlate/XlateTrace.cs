using OvsBridge.OpenFlow.Fields;

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

    /// <summary>Bits of the packet, as the datapath has it, that this step was the first to look at; nothing below is in it.</summary>
    public FlowKey LooksAt { get; internal set; }

    /// <summary>The packet before and after this step, or null when the step left it as it was.</summary>
    public (FlowKey Before, FlowKey After)? Changed { get; internal set; }

    internal List<TraceNode> Nodes { get; } = [];
}

/// <summary>What a trace has for a table in which no flow entry matched.</summary>
/// <param name="Table">Number of the table.</param>
internal sealed record TraceMiss(int Table)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Table,2}. No match.";
}

/// <summary>What a trace has for a bucket of a group.</summary>
/// <param name="Number">Its place in the group.</param>
internal sealed record TraceBucket(int Number)
{
    /// <inheritdoc/>
    public override string ToString() => $"bucket {Number}";
}

/// <summary>
/// The tree of what happened in a translation: tables, flow entries, actions, remarks. Filled by the translation when it
/// is asked to; costs nothing otherwise.
/// </summary>
/// <remarks>
/// Translation reads the packet only through <see cref="TrackedFlow"/>, whose mask grows with each read. So who looked at what is the
/// difference of the mask between two steps; and what was changed, that of the packet.
/// </remarks>
public sealed class XlateTrace
{
    private readonly List<TraceNode> _roots = [];
    private List<TraceNode> _current;
    private TrackedFlow? _flow;
    private TraceNode? _step; // what is read and changed now belongs to it; null: to nothing in particular
    private FlowKey _looked;
    private FlowKey _packet;

    /// <summary>An empty trace.</summary>
    public XlateTrace() => _current = _roots;

    /// <summary>The first level.</summary>
    public IReadOnlyList<TraceNode> Roots => _roots;

    /// <summary>The packet at the end; in_port is OpenFlow's number.</summary>
    internal FlowKey Final { get; set; }

    /// <summary>The packet as it comes round again with the hash of its flow, as a datapath's key; null: it does not.</summary>
    internal FlowKey? Next { get; set; }

    /// <summary>
    /// Bits of the packet that no step in particular looked at: in_port and recirc_id, that every translation depends on; what admitted
    /// the packet; a search that had to be given up, since the packet is to be parsed first.
    /// </summary>
    public FlowKey LooksAt { get; private set; }

    /// <summary>The packet has been loaded, and is on its way from here on.</summary>
    internal void Watch(TrackedFlow flow)
    {
        _flow = flow;
        _step = null;
        _packet = flow.DescribeForTrace();
    }

    /// <summary>Credits what was read and changed since the last call to the step that did it.</summary>
    internal void EndStep()
    {
        if (_flow is null)
        {
            return;
        }

        FlowKey mask = _flow.Mask, packet = _flow.DescribeForTrace(), more = default;
        Span<ulong> bits = more.AsMutableWords();
        for (int i = 0; i < bits.Length; i++)
        {
            bits[i] = mask.AsWords()[i] & ~_looked.AsWords()[i] | (_step is null ? LooksAt : _step.LooksAt).AsWords()[i];
        }

        if (_step is null)
        {
            LooksAt = more;
        }
        else
        {
            _step.LooksAt = more;
            if (packet != _packet)
            {
                _step.Changed = (_step.Changed?.Before ?? _packet, packet);
            }
        }

        _looked = mask;
        _packet = packet;
    }

    /// <summary>The packet is again what it was before a copy was treated: that is no step's doing.</summary>
    internal void CopyDone()
    {
        if (_flow is not null)
        {
            _packet = _flow.DescribeForTrace();
        }
    }

    /// <summary>The translation is over.</summary>
    internal void End()
    {
        EndStep();
        if (_step is { Content: "" } search)
        {
            FlowKey all = LooksAt;
            for (int i = 0; i < FlowKey.Words; i++)
            {
                all.AsMutableWords()[i] |= search.LooksAt.AsWords()[i];
            }

            LooksAt = all;
        }
    }

    /// <summary>The search of a table begins: what it reads belongs to the line that is added next.</summary>
    internal void BeginSearch()
    {
        EndStep();
        _step = new TraceNode(TraceKind.Table, "");
    }

    /// <summary>Adds a line.</summary>
    internal TraceNode Add(TraceKind kind, object content)
    {
        EndStep();
        TraceNode node = new(kind, content);
        _current.Add(node);
        if (kind is TraceKind.Table or TraceKind.Bucket or TraceKind.Action)
        {
            if (_step is { Content: "" } search)
            {
                node.LooksAt = search.LooksAt;
            }

            _step = node;
        }

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
    /// <param name="details">Remarks of its own for a step, or null; null: none for any.</param>
    public void Print(TextWriter to, Func<object, string> text, Func<TraceNode, string?>? details = null) => Print(to, text, details, _roots, 0);

    private static void Print(TextWriter to, Func<object, string> text, Func<TraceNode, string?>? details, List<TraceNode> nodes, int level)
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
            if (details?.Invoke(node) is { } detail)
            {
                // Where its remarks are: a table and a bucket have them below, an action beside.
                int indent = node.Kind is TraceKind.Table or TraceKind.Bucket ? level + more + more + 1 : level + more;
                to.WriteLine($"{new string(' ', indent * 4)} -> {detail}");
            }

            Print(to, text, details, node.Nodes, level + more + more);
        }
    }
}
