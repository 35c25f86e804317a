using OvsBridge.OpenFlow.Messages;
using OvsBridge.Translator.Tables;

namespace OvsBridge.Translator.Switch;

/// <summary>
/// Flows that have left the tables and whose controllers are still to hear of it (OFPFF_SEND_FLOW_REM). The message carries
/// final counters, and these are final only once the datapath has caught up and its counters are in: many removals share
/// one wait, off the threads that handle requests. A barrier waits for it.
/// </summary>
internal sealed class FlowRemovals(IForwarding forwarding, Controllers controllers)
{
    private readonly Lock _flushing = new();
    private readonly Lock _queue = new();
    private List<Pending> _pending = [];
    private bool _scheduled;

    /// <summary>Takes flows in that left the tables at <paramref name="nowNs"/>. Under the switch's lock, after publishing.</summary>
    public void Add(IReadOnlyList<RemovedRule> removed, long nowNs)
    {
        lock (_queue)
        {
            foreach (RemovedRule item in removed)
            {
                if (item.Reason is { } reason && item.Rule.Flags.HasFlag(FlowModFlags.SendFlowRemoved))
                    _pending.Add(new Pending(item.Rule, reason, nowNs));
            }

            if (_pending.Count == 0 || _scheduled)
                return;
            _scheduled = true;
        }

        ThreadPool.UnsafeQueueUserWorkItem(static removals => removals.Flush(), this, preferLocal: false);
    }

    /// <summary>Sends what was added before the call, and returns when it is sent, by whomever.</summary>
    /// <returns>Whether that included a catch-up of the datapath.</returns>
    public bool Flush()
    {
        lock (_flushing)
        {
            List<Pending> batch;
            lock (_queue)
            {
                _scheduled = false;
                if (_pending.Count == 0)
                    return false;
                batch = _pending;
                _pending = [];
            }

            forwarding.CatchUp();
            forwarding.PushStats();
            foreach (Pending item in batch)
                controllers.Deliver(Message(item));
            return true;
        }
    }

    private static FlowRemoved Message(Pending item) => new()
    {
        Cookie = item.Rule.Cookie,
        Priority = item.Rule.Priority,
        Reason = item.Reason,
        TableId = item.Rule.TableId,
        DurationNs = SwitchClock.Age(item.RemovedNs, item.Rule.CreatedNs),
        IdleTimeoutSeconds = item.Rule.IdleTimeoutSeconds,
        HardTimeoutSeconds = item.Rule.HardTimeoutSeconds,
        PacketCount = StatsHandler.PacketCount(item.Rule),
        ByteCount = StatsHandler.ByteCount(item.Rule),
        Match = item.Rule.Match,
    };

    private readonly record struct Pending(Rule Rule, FlowRemovedReason Reason, long RemovedNs);
}
