using OvsBridge.OpenFlow;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Messages.Multipart;
using OvsBridge.OpenFlow.Wire;
using OvsBridge.Translator.Tables;

namespace OvsBridge.Translator.Switch;

/// <summary>
/// Flow monitors: connections that are told of every change to flows that they have described (NXST_FLOW_MONITOR; in OpenFlow 1.3 the ONF's form
/// of it). As Open vSwitch.
/// </summary>
/// <remarks>
/// <para>
/// What changed is found by comparing the snapshots before and behind a change, which costs what changed, and nothing while
/// nobody watches. It is told under the switch's lock, so before the barrier reply of whoever made the change.
/// </para>
/// <para>
/// A peer that reads too slowly is told PAUSED and then nothing, deletions neither, while the snapshot that it knows is kept. When there is room
/// again it is told what differs from the newest one, and RESUMED.
/// </para>
/// <para>Under the switch's lock, but for <see cref="Dispose"/>.</para>
/// </remarks>
internal sealed class FlowMonitors : IDisposable
{
    private static readonly TimeSpan _retry = TimeSpan.FromMilliseconds(100);

    private readonly Dictionary<Controller, Watcher> _watchers = [];
    private readonly ITimer _timer;

    /// <summary>Calls <paramref name="resume"/> on a timer's thread while a peer is paused.</summary>
    public FlowMonitors(TimeProvider time, Action resume) =>
        _timer = time.CreateTimer(_ => resume(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

    /// <summary>Whether anybody watches.</summary>
    public bool Any => _watchers.Count > 0;

    /// <summary>Starts monitors.</summary>
    /// <returns>The flows that there are, as far as they were asked for.</returns>
    /// <exception cref="OfErrorException">There is one of that number: none was started.</exception>
    public FlowUpdateAnswer Add(Controller controller, ValueList<FlowMonitorRequest> wanted, PipelineSnapshot snapshot)
    {
        Dictionary<uint, FlowMonitorRequest> monitors = _watchers.GetValueOrDefault(controller)?.Monitors ?? [];
        Dictionary<uint, FlowMonitorRequest> all = new(monitors);
        foreach (FlowMonitorRequest monitor in wanted)
        {
            if (monitor.TableId != FlowMod.AllTables && monitor.TableId >= PipelineSnapshot.TableCount)
                throw new OfErrorException(OfError.BadRequestBadTableId, $"there is no table {monitor.TableId}");
            if (!all.TryAdd(monitor.Id, monitor))
                throw new OfErrorException(OfError.FlowMonitorFailedMonitorExists, $"monitor {monitor.Id}");
        }

        if (_watchers.TryGetValue(controller, out Watcher? watcher))
            watcher.Monitors = all;
        else if (wanted.Count > 0)
            _watchers.Add(controller, new Watcher(controller) { Monitors = all });

        FlowMonitorRequest[] initial = [.. wanted.Where(monitor => monitor.Flags.HasFlag(FlowMonitorFlags.Initial))];
        return new FlowUpdateAnswer(initial.Length == 0 ? default : snapshot.Tables
            .SelectMany(table => table.Rules)
            .Select(rule => (Rule: rule, Flags: Matching(initial, FlowMonitorFlags.Initial, rule, null)))
            .Where(found => found.Flags != 0)
            .Select(found => Update(FlowUpdateEvent.Added, found.Rule, found.Flags, default))
            .ToValueList());
    }

    /// <summary>Ends a monitor.</summary>
    /// <exception cref="OfErrorException">There is none of that number.</exception>
    public void Cancel(Controller controller, uint id)
    {
        if (!_watchers.TryGetValue(controller, out Watcher? watcher) || !watcher.Monitors.Remove(id))
            throw new OfErrorException(OfError.FlowMonitorFailedUnknownMonitor, $"monitor {id}");
        if (watcher.Monitors.Count == 0)
            _watchers.Remove(controller);
    }

    /// <summary>A connection has gone.</summary>
    public void Remove(Controller controller) => _watchers.Remove(controller);

    /// <summary>Tells what a change did.</summary>
    /// <param name="edit">The change.</param>
    /// <param name="after">What came of it.</param>
    public void Report(PipelineEdit edit, PipelineSnapshot after)
    {
        IReadOnlyList<RuleChange>? changes = null;
        Dictionary<Rule, FlowRemovedReason> reasons = [];
        foreach (Watcher watcher in _watchers.Values)
        {
            if (watcher.Known is not null)
                continue; // paused
            if (changes is null)
            {
                changes = SnapshotDiff.Between(edit.Before.Snapshot, after, int.MaxValue).Rules;
                foreach (RemovedRule removed in edit.Removed)
                    reasons[removed.Rule] = removed.Reason ?? FlowRemovedReason.Delete;
            }

            foreach (MultipartReply part in Parts(watcher, Updates(watcher, changes, reasons, edit.Cause, edit.CauseXid)))
            {
                if (watcher.Controller.Connection.TrySendAsynchronous(part))
                    continue;
                watcher.Known = edit.Before.Snapshot;
                watcher.Controller.Connection.Send(new FlowMonitorPaused());
                _timer.Change(_retry, Timeout.InfiniteTimeSpan);
                break;
            }
        }
    }

    /// <summary>Goes on with those peers that were paused and have room now.</summary>
    public void Resume(PipelineSnapshot now)
    {
        foreach (Watcher watcher in _watchers.Values)
        {
            if (watcher.Known is { } known && TryResume(watcher, known, now))
                watcher.Known = null;
        }

        if (_watchers.Values.Any(watcher => watcher.Known is not null))
            _timer.Change(_retry, Timeout.InfiniteTimeSpan);
    }

    public void Dispose() => _timer.Dispose();

    // The first message shows whether there is room; the others, and RESUMED, must follow it.
    private static bool TryResume(Watcher watcher, PipelineSnapshot known, PipelineSnapshot now)
    {
        IReadOnlyList<RuleChange> changes = SnapshotDiff.Between(known, now, int.MaxValue).Rules;
        bool first = true;
        foreach (OfMessage message in Parts(watcher, Updates(watcher, changes, [], null, 0)).Append<OfMessage>(new FlowMonitorResumed()))
        {
            if (first && !watcher.Controller.Connection.TrySendAsynchronous(message))
                return false;
            if (!first)
                watcher.Controller.Connection.Send(message);
            first = false;
        }

        return true;
    }

    private static IReadOnlyList<MultipartReply> Parts(Watcher watcher, ValueList<FlowUpdate> updates)
    {
        if (updates.Count == 0)
            return [];
        FlowUpdateAnswer answer = new(updates);

        // Each is a reply of its own: nothing says that more follow.
        IReadOnlyList<MultipartReply> parts = watcher.Controller.Connection.Version == OfCodec.Version10
            ? MultipartSplitter.Split10(0, answer, nicira: true)
            : MultipartSplitter.Split(0, answer);
        return [.. parts.Select(part => part with { More = false })];
    }

    private static ValueList<FlowUpdate> Updates(
        Watcher watcher, IReadOnlyList<RuleChange> changes, Dictionary<Rule, FlowRemovedReason> reasons, Controller? cause, uint xid)
    {
        List<FlowUpdate> updates = [];
        bool abbreviated = false;
        foreach (RuleChange change in changes)
        {
            FlowUpdateEvent what = Event(change);
            FlowMonitorFlags wanted = Matching(watcher.Monitors.Values, Flag(what), change.Rule, change.Before);
            if (wanted == 0)
                continue;
            if (watcher.Controller == cause && !wanted.HasFlag(FlowMonitorFlags.Own))
            {
                if (!abbreviated)
                    updates.Add(new FlowUpdate(FlowUpdateEvent.Abbreviated) { Xid = xid });
                abbreviated = true;
                continue;
            }

            updates.Add(Update(what, change.Rule, wanted, what == FlowUpdateEvent.Deleted ? reasons.GetValueOrDefault(change.Rule, FlowRemovedReason.Delete) : default));
        }

        return updates.ToValueList();
    }

    /// <summary>As Open vSwitch: a flow that an add has replaced was added; what is modified keeps its age.</summary>
    private static FlowUpdateEvent Event(RuleChange change) => (change.Before, change.After) switch
    {
        (_, null) => FlowUpdateEvent.Deleted,
        ({ } before, { } after) when before.CreatedNs == after.CreatedNs && after.ModifiedNs != 0 => FlowUpdateEvent.Modified,
        _ => FlowUpdateEvent.Added,
    };

    private static FlowMonitorFlags Flag(FlowUpdateEvent what) => what switch
    {
        FlowUpdateEvent.Added => FlowMonitorFlags.Add,
        FlowUpdateEvent.Deleted => FlowMonitorFlags.Delete,
        _ => FlowMonitorFlags.Modify,
    };

    /// <summary>The flags of all monitors that are to tell this of the flow; none: 0.</summary>
    private static FlowMonitorFlags Matching(IEnumerable<FlowMonitorRequest> monitors, FlowMonitorFlags what, Rule rule, Rule? before)
    {
        FlowMonitorFlags flags = FlowMonitorFlags.None;
        foreach (FlowMonitorRequest monitor in monitors)
        {
            if ((monitor.Flags & what) != 0
                && (monitor.TableId == FlowMod.AllTables || monitor.TableId == rule.TableId)
                && (monitor.OutPort == OfPorts.Any || rule.OutputsTo(monitor.OutPort) || (before?.OutputsTo(monitor.OutPort) ?? false))
                && monitor.Match.Covers(rule.Match))
            {
                flags |= monitor.Flags;
            }
        }

        return flags;
    }

    private static FlowUpdate Update(FlowUpdateEvent what, Rule rule, FlowMonitorFlags flags, FlowRemovedReason reason) => new(what)
    {
        Reason = reason,
        TableId = rule.TableId,
        Priority = rule.Priority,
        IdleTimeoutSeconds = rule.IdleTimeoutSeconds,
        HardTimeoutSeconds = rule.HardTimeoutSeconds,
        Cookie = rule.Cookie,
        Match = rule.Match,
        Instructions = flags.HasFlag(FlowMonitorFlags.Actions) ? rule.Instructions : default,
    };

    private sealed class Watcher(Controller controller)
    {
        public Controller Controller => controller;

        public required Dictionary<uint, FlowMonitorRequest> Monitors { get; set; }

        /// <summary>Paused: the flows that the peer knows.</summary>
        public PipelineSnapshot? Known { get; set; }
    }
}
