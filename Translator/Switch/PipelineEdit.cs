using System.Collections.Immutable;
using System.Runtime.InteropServices;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.Translator.Tables;

namespace OvsBridge.Translator.Switch;

/// <summary>A flow that a change took out of the tables.</summary>
/// <param name="Rule">The flow.</param>
/// <param name="Reason">Why; null: nobody is told.</param>
internal readonly record struct RemovedRule(Rule Rule, FlowRemovedReason? Reason);

/// <summary>
/// The changes of one request, or of a bundle of them, on their way: handlers read and write here, then the switch commits the
/// whole as a new <see cref="PipelineState"/>, or drops it when a handler threw. Nobody else sees it meanwhile.
/// </summary>
/// <remarks>Used by one thread: under the switch's lock, or beside it, as long as it is not published from there.</remarks>
internal sealed class PipelineEdit
{
    private FlowTable[]? _tables;
    private ImmutableDictionary<uint, ImmutableHashSet<Rule>> _byGroup;
    private ImmutableDictionary<uint, ImmutableHashSet<Rule>> _byMeter;
    private List<RemovedRule>? _removed;
    private List<Rule>? _timed;
    private HashSet<uint>? _metersChanged; // their numbers

    public PipelineEdit(PipelineState before)
    {
        Before = before;
        Snapshot = before.Snapshot;
        TableSettings = before.Tables;
        MeterSlots = before.MeterSlots;
        NextMeterSlot = before.NextMeterSlot;
        _byGroup = before.RulesByGroup;
        _byMeter = before.RulesByMeter;
    }

    /// <summary>Whose request it is, as far as monitors care; null: nobody's.</summary>
    public Controller? Cause { get; init; }

    /// <summary>xid of that request.</summary>
    public uint CauseXid { get; init; }

    /// <summary>What it started from.</summary>
    public PipelineState Before { get; }

    /// <summary>Groups, meters, ports and configuration so far. Its tables are not: see <see cref="Table"/>.</summary>
    public PipelineSnapshot Snapshot { get; set; }

    /// <summary>Settings so far.</summary>
    public ImmutableArray<TableSettings> TableSettings { get; set; }

    /// <summary>Slots in use so far.</summary>
    public ImmutableHashSet<uint> MeterSlots { get; set; }

    /// <summary>See <see cref="PipelineState.NextMeterSlot"/>.</summary>
    public uint NextMeterSlot { get; set; }

    /// <summary>Flows taken out.</summary>
    public IReadOnlyList<RemovedRule> Removed => _removed ?? (IReadOnlyList<RemovedRule>)[];

    /// <summary>Flows put in that have a time-out.</summary>
    public IReadOnlyList<Rule> Timed => _timed ?? (IReadOnlyList<Rule>)[];

    /// <summary>Meters that are new or changed.</summary>
    public IEnumerable<Meter> MetersSet => _metersChanged is null
        ? []
        : _metersChanged.Select(id => Snapshot.Meters.GetValueOrDefault(id)).OfType<Meter>();

    /// <summary>Meters that are gone, those whose number has a new one in another slot included.</summary>
    public IEnumerable<Meter> MetersGone => _metersChanged is null
        ? []
        : _metersChanged.Select(id => Before.Snapshot.Meters.GetValueOrDefault(id)).OfType<Meter>()
            .Where(old => Snapshot.Meters.GetValueOrDefault(old.MeterId)?.Slot != old.Slot);

    /// <summary>Whether a slot can be given to a new meter: one whose meter this edit removes still meters packets until it is published.</summary>
    public bool IsFreeSlot(uint slot) => !MeterSlots.Contains(slot) && !Before.MeterSlots.Contains(slot);

    /// <summary>A table so far.</summary>
    public FlowTable Table(byte tableId) => _tables is null ? Before.Snapshot.Tables[tableId] : _tables[tableId];

    /// <summary>The flows that use a group, so far.</summary>
    public ImmutableHashSet<Rule> RulesOfGroup(uint groupId) => _byGroup.GetValueOrDefault(groupId, []);

    /// <summary>The flows that use a meter, so far.</summary>
    public ImmutableHashSet<Rule> RulesOfMeter(uint meterId) => _byMeter.GetValueOrDefault(meterId, []);

    /// <summary>Puts a flow in, in place of <paramref name="old"/>.</summary>
    public void Put(Rule rule, Rule? old)
    {
        SetTable(Table(rule.TableId).With(rule));
        if (old is not null)
            Unindex(old);
        Entered(rule);
    }

    /// <summary>Puts flows of one table in, each in place of the one with its match and priority.</summary>
    public void Replace(byte tableId, IReadOnlyList<Rule> old, IReadOnlyList<Rule> rules)
    {
        SetTable(Table(tableId).With(rules));
        foreach (Rule rule in old)
            Unindex(rule);
        foreach (Rule rule in rules)
            Entered(rule);
    }

    /// <summary>Takes flows of one table out.</summary>
    public void Remove(byte tableId, IReadOnlyCollection<Rule> rules, FlowRemovedReason? reason)
    {
        if (rules.Count == 0)
            return;
        FlowTable table = Table(tableId);
        SetTable(rules.Count == table.Count ? table.Cleared() : table.Without(rules));
        _removed ??= [];
        foreach (Rule rule in rules)
        {
            Unindex(rule);
            _removed.Add(new RemovedRule(rule, reason));
        }
    }

    /// <summary>Takes flows of any tables out.</summary>
    public void Remove(IEnumerable<Rule> rules, FlowRemovedReason? reason)
    {
        foreach (IGrouping<byte, Rule> table in rules.GroupBy(rule => rule.TableId))
            Remove(table.Key, [.. table], reason);
    }

    /// <summary>Puts a meter in, in place of one with its number.</summary>
    public void Put(Meter meter)
    {
        Snapshot = Snapshot with { Meters = Snapshot.Meters.SetItem(meter.MeterId, meter) };
        MeterSlots = MeterSlots.Add(meter.Slot);
        (_metersChanged ??= []).Add(meter.MeterId);
    }

    /// <summary>Takes a meter out.</summary>
    public void Remove(Meter meter)
    {
        Snapshot = Snapshot with { Meters = Snapshot.Meters.Remove(meter.MeterId) };
        MeterSlots = MeterSlots.Remove(meter.Slot);
        (_metersChanged ??= []).Add(meter.MeterId);
    }

    /// <summary>The new state, or the old one when nothing changed.</summary>
    public PipelineState ToState()
    {
        bool snapshotChanged = _tables is not null || !ReferenceEquals(Snapshot, Before.Snapshot);
        if (!snapshotChanged)
            return TableSettings == Before.Tables ? Before : Before with { Tables = TableSettings };
        return new PipelineState
        {
            Snapshot = Snapshot with
            {
                Version = Before.Snapshot.Version + 1,
                Tables = _tables is null ? Before.Snapshot.Tables : ImmutableCollectionsMarshal.AsImmutableArray(_tables),
            },
            Tables = TableSettings,
            RulesByGroup = _byGroup,
            RulesByMeter = _byMeter,
            MeterSlots = MeterSlots,
            NextMeterSlot = NextMeterSlot,
        };
    }

    private void SetTable(FlowTable table)
    {
        _tables ??= [.. Before.Snapshot.Tables];
        _tables[table.TableId] = table;
    }

    private void Entered(Rule rule)
    {
        if (rule.HasTimeout())
            (_timed ??= []).Add(rule);
        foreach (OfInstruction instruction in rule.Instructions)
        {
            if (instruction is MeterInstruction meter)
                _byMeter = _byMeter.SetItem(meter.MeterId, RulesOfMeter(meter.MeterId).Add(rule));
            foreach (OfAction action in RuleQueries.ActionsOf(instruction))
            {
                if (action is GroupAction group)
                    _byGroup = _byGroup.SetItem(group.GroupId, RulesOfGroup(group.GroupId).Add(rule));
            }
        }
    }

    private void Unindex(Rule rule)
    {
        foreach (OfInstruction instruction in rule.Instructions)
        {
            if (instruction is MeterInstruction meter)
                _byMeter = Without(_byMeter, meter.MeterId, rule);
            foreach (OfAction action in RuleQueries.ActionsOf(instruction))
            {
                if (action is GroupAction group)
                    _byGroup = Without(_byGroup, group.GroupId, rule);
            }
        }
    }

    private static ImmutableDictionary<uint, ImmutableHashSet<Rule>> Without(
        ImmutableDictionary<uint, ImmutableHashSet<Rule>> index, uint key, Rule rule)
    {
        if (!index.TryGetValue(key, out ImmutableHashSet<Rule>? rules))
            return index;
        rules = rules.Remove(rule);
        return rules.IsEmpty ? index.Remove(key) : index.SetItem(key, rules);
    }
}
