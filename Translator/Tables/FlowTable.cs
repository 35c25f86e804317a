using OvsBridge.OpenFlow.Fields;
using OvsBridge.Translator.Classifier;

namespace OvsBridge.Translator.Tables;

/// <summary>
/// One flow table of a snapshot; immutable: a change gives a new table that shares what it can. Lookup of packets is by its
/// classifier.
/// </summary>
public sealed class FlowTable
{
    private FlowTable(byte tableId, TableStats stats, RuleClassifier classifier)
    {
        TableId = tableId;
        Stats = stats;
        Classifier = classifier;
    }

    /// <summary>A table without flows, with counters of its own.</summary>
    public static FlowTable Empty(byte tableId) => new(tableId, new TableStats(), RuleClassifier.Empty);

    /// <summary>Number.</summary>
    public byte TableId { get; }

    /// <summary>Lookup counters; shared by all versions of the table.</summary>
    public TableStats Stats { get; }

    /// <summary>Flows.</summary>
    public int Count => Classifier.Count;

    /// <summary>The flows, in no particular order.</summary>
    public IEnumerable<Rule> Rules => Classifier.Rules;

    /// <summary>The flows, to be searched by packet.</summary>
    internal RuleClassifier Classifier { get; }

    /// <summary>The flow with exactly this match and priority, or null.</summary>
    public Rule? Find(Match match, ushort priority) => Classifier.Find(match, priority);

    /// <summary>The flows that match no packet which <paramref name="match"/> does not (a non-strict request's).</summary>
    public IEnumerable<Rule> CoveredBy(Match match) => Classifier.CoveredBy(match);

    /// <summary>Whether some packet is matched by <paramref name="match"/> and by a flow of this priority.</summary>
    public bool Overlaps(Match match, ushort priority) => Classifier.Overlaps(match, priority);

    /// <summary>This table with <paramref name="rule"/>, in place of one with the same match and priority.</summary>
    public FlowTable With(Rule rule) => new(TableId, Stats, Classifier.With(rule));

    /// <summary>This table with each of <paramref name="rules"/>.</summary>
    public FlowTable With(IEnumerable<Rule> rules)
    {
        RuleClassifier classifier = Classifier;
        foreach (Rule rule in rules)
        {
            classifier = classifier.With(rule);
        }

        return classifier == Classifier ? this : new FlowTable(TableId, Stats, classifier);
    }

    /// <summary>This table without any flow.</summary>
    public FlowTable Cleared() => Count == 0 ? this : new FlowTable(TableId, Stats, RuleClassifier.Empty);

    /// <summary>This table without <paramref name="rules"/> (by match and priority).</summary>
    public FlowTable Without(IEnumerable<Rule> rules)
    {
        RuleClassifier classifier = Classifier;
        foreach (Rule rule in rules)
        {
            classifier = classifier.Without(rule.Match, rule.Priority);
        }

        return classifier == Classifier ? this : new FlowTable(TableId, Stats, classifier);
    }
}

/// <summary>Counters of a table. Any thread may add and read.</summary>
public sealed class TableStats
{
    private long _lookups;
    private long _matches;

    /// <summary>Packets looked up.</summary>
    public ulong Lookups => (ulong)Interlocked.Read(ref _lookups);

    /// <summary>Packets that hit a flow.</summary>
    public ulong Matches => (ulong)Interlocked.Read(ref _matches);

    /// <summary>Counts packets.</summary>
    public void Add(ulong packets, bool matched)
    {
        Interlocked.Add(ref _lookups, (long)packets);
        if (matched)
        {
            Interlocked.Add(ref _matches, (long)packets);
        }
    }
}
