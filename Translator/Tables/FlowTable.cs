using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.Translator.Tables;

/// <summary>
/// One flow table of a snapshot; immutable: a change gives a new table that shares what it can. Lookup of packets is by its
/// classifier.
/// </summary>
public sealed partial class FlowTable
{
    /// <summary>A table without flows.</summary>
    public static FlowTable Empty(byte tableId) => new(tableId);

    private FlowTable(byte tableId) => TableId = tableId;

    /// <summary>Number.</summary>
    public byte TableId { get; }

    /// <summary>Lookup counters; shared by all versions of the table.</summary>
    public TableStats Stats { get; } = new();

    /// <summary>Flows.</summary>
    public int Count => throw new NotImplementedException();

    /// <summary>The flows, in no particular order.</summary>
    public IEnumerable<Rule> Rules => throw new NotImplementedException();

    /// <summary>The flow with exactly this match and priority, or null.</summary>
    public Rule? Find(Match match, ushort priority) => throw new NotImplementedException();

    /// <summary>This table with <paramref name="rule"/>, in place of one with the same match and priority.</summary>
    public FlowTable With(Rule rule) => throw new NotImplementedException();

    /// <summary>This table with each of <paramref name="rules"/>; cheaper than one by one.</summary>
    public FlowTable With(IEnumerable<Rule> rules) => throw new NotImplementedException();

    /// <summary>This table without <paramref name="rules"/> (by match and priority).</summary>
    public FlowTable Without(IEnumerable<Rule> rules) => throw new NotImplementedException();
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
