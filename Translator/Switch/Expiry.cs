using OvsBridge.OpenFlow.Messages;
using OvsBridge.Translator.Tables;

namespace OvsBridge.Translator.Switch;

/// <summary>
/// Idle and hard time-outs (OpenFlow 1.3.5, 5.5): a heap of the flows that have one, by the time at which they may have to
/// go, and one timer for the first of them.
/// </summary>
/// <remarks>
/// <para>
/// Never early, and late by at most a tenth of a second: the timer rests at least <see cref="_restNs"/> between two rounds, so
/// that flows which run out at nearly the same time share one reading of the datapath's counters.
/// </para>
/// <para>
/// A flow that is used stays in the heap at its old time and is put back when that comes: a packet costs nothing here. One that
/// left the tables, or was replaced, is dropped when its time comes, or when such leftovers make up half of the heap.
/// </para>
/// <para>Under the switch's lock, but for <see cref="Dispose"/>.</para>
/// </remarks>
internal sealed class Expiry : IDisposable
{
    private const long MinRestNs = 50_000_000;
    private const long MaxRestNs = 100_000_000;
    private const int SmallHeap = 1024;

    private readonly TimeProvider _time;
    private readonly ITimer _timer;
    private readonly PriorityQueue<Rule, long> _heap = new();
    private int _compactAt = SmallHeap;
    private long _armedForNs = long.MaxValue;
    private long _notBeforeNs;
    private long _restNs = MinRestNs;
    private bool _inRound;

    /// <summary>Calls <paramref name="round"/> on a timer's thread when flows may have run out.</summary>
    public Expiry(TimeProvider time, Action round)
    {
        _time = time;
        _timer = time.CreateTimer(_ => round(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Flows in the heap, leftovers included.</summary>
    public int Count => _heap.Count;

    /// <summary>Whether a flow has run out by <paramref name="nowNs"/>, as far as its counters tell.</summary>
    public static FlowRemovedReason? Expired(Rule rule, long nowNs)
    {
        if (rule.HardTimeoutSeconds != 0 && nowNs >= rule.CreatedNs + SwitchClock.SecondsToNs(rule.HardTimeoutSeconds))
            return FlowRemovedReason.HardTimeout;
        if (rule.IdleTimeoutSeconds != 0 && nowNs >= IdleSinceNs(rule) + SwitchClock.SecondsToNs(rule.IdleTimeoutSeconds))
            return FlowRemovedReason.IdleTimeout;
        return null;
    }

    /// <summary>Watches a flow that has a time-out and is in a table now.</summary>
    public void Watch(Rule rule)
    {
        long due = DueNs(rule);
        _heap.Enqueue(rule, due);
        if (!_inRound && due < _armedForNs)
            Arm();
    }

    /// <summary>Starts a round: takes the flows out whose time has come, leftovers left out. A round ends with <see cref="EndRound"/>.</summary>
    public List<Rule> TakeDue(long nowNs, PipelineSnapshot snapshot)
    {
        _inRound = true;
        List<Rule> due = [];
        while (_heap.TryPeek(out Rule? rule, out long dueNs) && dueNs <= nowNs)
        {
            _heap.Dequeue();
            if (!IsCurrent(rule, snapshot))
                continue;
            if (DueNs(rule) <= nowNs)
                due.Add(rule);
            else
                _heap.Enqueue(rule, DueNs(rule)); // used meanwhile
        }

        return due;
    }

    /// <summary>Ends a round, whose reading of counters took <paramref name="readingNs"/>, and waits for the next.</summary>
    public void EndRound(PipelineSnapshot snapshot, long readingNs)
    {
        _restNs = Math.Clamp(10 * readingNs, MinRestNs, MaxRestNs);
        _notBeforeNs = _time.NowNs() + _restNs;
        if (_heap.Count > _compactAt)
            Compact(snapshot);
        _inRound = false;
        Arm();
    }

    /// <summary>Drops leftovers when there may be as many as flows. Cheap on average: what was kept must double first.</summary>
    public void CompactIfNeeded(PipelineSnapshot snapshot)
    {
        if (!_inRound && _heap.Count > _compactAt)
            Compact(snapshot);
    }

    /// <summary>Whether the flow is still in its table, not replaced.</summary>
    public static bool IsCurrent(Rule rule, PipelineSnapshot snapshot) =>
        ReferenceEquals(snapshot.Tables[rule.TableId].Find(rule.Match, rule.Priority), rule);

    public void Dispose() => _timer.Dispose();

    private static long IdleSinceNs(Rule rule) => Math.Max(rule.CreatedNs, rule.Stats.UsedNs);

    private static long DueNs(Rule rule)
    {
        long hard = rule.HardTimeoutSeconds == 0 ? long.MaxValue : rule.CreatedNs + SwitchClock.SecondsToNs(rule.HardTimeoutSeconds);
        long idle = rule.IdleTimeoutSeconds == 0 ? long.MaxValue : IdleSinceNs(rule) + SwitchClock.SecondsToNs(rule.IdleTimeoutSeconds);
        return Math.Min(hard, idle);
    }

    private void Compact(PipelineSnapshot snapshot)
    {
        (Rule, long)[] kept = [.. _heap.UnorderedItems.Where(item => IsCurrent(item.Element, snapshot))];
        _heap.Clear();
        _heap.EnqueueRange(kept);
        _compactAt = SmallHeap + (2 * kept.Length);
    }

    private void Arm()
    {
        if (!_heap.TryPeek(out _, out long due))
        {
            _armedForNs = long.MaxValue;
            return;
        }

        _armedForNs = Math.Max(due, _notBeforeNs);
        long waitNs = Math.Max(0, _armedForNs - _time.NowNs());

        // Timers count whole milliseconds and cut the rest: never early means rounding up.
        _timer.Change(TimeSpan.FromMilliseconds((waitNs + 999_999) / 1_000_000), Timeout.InfiniteTimeSpan);
    }
}
