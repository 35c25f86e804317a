using OvsBridge.OpenFlow;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Messages.Multipart;
using OvsBridge.Translator.Tables;

namespace OvsBridge.Translator.Switch;

/// <summary>OFPT_FLOW_MOD (OpenFlow 1.3.5, 6.4 and 7.3.4.1). Under the switch's lock.</summary>
internal sealed class FlowModHandler(TimeProvider time, Action pushStats)
{
    private const FlowModFlags AllFlags =
        FlowModFlags.SendFlowRemoved | FlowModFlags.CheckOverlap | FlowModFlags.ResetCounts | FlowModFlags.NoPacketCounts | FlowModFlags.NoByteCounts;

    /// <summary>Does what <paramref name="mod"/> asks, on <paramref name="edit"/>.</summary>
    /// <exception cref="OfErrorException">FLOW_MOD_FAILED and what <see cref="ActionChecks"/> throws.</exception>
    public void Apply(FlowMod mod, PipelineEdit edit)
    {
        bool delete = mod.Command is FlowModCommand.Delete or FlowModCommand.DeleteStrict;
        if (mod.Command > FlowModCommand.DeleteStrict)
            throw new OfErrorException(OfError.FlowModFailedBadCommand, $"command {(byte)mod.Command}");
        bool allTables = mod.TableId == FlowMod.AllTables && mod.Command != FlowModCommand.Add;
        if (!allTables && (mod.TableId >= PipelineSnapshot.TableCount || !edit.TableSettings[mod.TableId].Enabled))
            throw new OfErrorException(OfError.FlowModFailedBadTableId, $"{mod.Command} in table {mod.TableId}");
        if ((mod.Flags & ~AllFlags) != 0)
            throw new OfErrorException(OfError.FlowModFailedBadFlags, $"flags 0x{(ushort)mod.Flags:x}");

        // n_buffers is 0. 7.3.4.1: buffer_id is of no meaning to a delete.
        if (!delete && mod.BufferId != FlowMod.NoBuffer)
            throw new OfErrorException(OfError.BadRequestBufferUnknown, $"buffer 0x{mod.BufferId:x}: this switch keeps no packets");

        switch (mod.Command)
        {
            case FlowModCommand.Add:
                ActionChecks.Flow(mod.Instructions, mod.TableId, edit);
                Add(mod, edit);
                break;
            case FlowModCommand.Modify or FlowModCommand.ModifyStrict:
                ActionChecks.Flow(mod.Instructions, allTables ? (byte)0 : mod.TableId, edit);
                if (!Modify(mod, edit) && mod is { NewCookie: { } cookie, CookieMask: 0 })
                    Add(mod with { TableId = allTables ? (byte)0 : mod.TableId, Cookie = cookie }, edit); // OpenFlow 1.0, 4.6
                break;
            default:
                Delete(mod, edit);
                break;
        }
    }

    /// <summary>The flows of <paramref name="table"/> that a request describes without priority: the match covers theirs, the filters hold.</summary>
    public static IEnumerable<Rule> Select(FlowTable table, FlowFilter filter)
    {
        if (table.Count == 0)
            return [];
        bool all = filter.Match.Equals(Match.Any) && filter is { CookieMask: 0, OutPort: OfPorts.Any, OutGroup: GroupMod.AnyGroup };
        return all ? table.Rules : table.CoveredBy(filter.Match).Where(rule => Passes(rule, filter));
    }

    private static bool Passes(Rule rule, FlowFilter filter) =>
        (rule.Cookie & filter.CookieMask) == (filter.Cookie & filter.CookieMask)
        && (filter.OutPort == OfPorts.Any || rule.OutputsTo(filter.OutPort))
        && (filter.OutGroup == GroupMod.AnyGroup || rule.UsesGroup(filter.OutGroup));

    private void Add(FlowMod mod, PipelineEdit edit)
    {
        FlowTable table = edit.Table(mod.TableId);

        // 6.4: an entry with the same match and priority overlaps as well, so OFPFF_CHECK_OVERLAP never replaces one.
        if (mod.Flags.HasFlag(FlowModFlags.CheckOverlap) && table.Overlaps(mod.Match, mod.Priority))
            throw new OfErrorException(OfError.FlowModFailedOverlap, $"priority {mod.Priority} in table {mod.TableId}");

        Rule? old = table.Find(mod.Match, mod.Priority);
        if (old is null && table.Count >= edit.TableSettings[mod.TableId].MaxFlows)
            throw new OfErrorException(OfError.FlowModFailedTableFull, $"table {mod.TableId} has its {table.Count} flows");

        // 6.4: a replaced entry, its duration included, is gone without flow_removed; its counters go on unless OFPFF_RESET_COUNTS.
        long now = time.NowNs();
        edit.Put(
            new Rule
            {
                TableId = mod.TableId,
                Priority = mod.Priority,
                Match = mod.Match,
                Instructions = mod.Instructions,
                Cookie = mod.Cookie,
                Flags = mod.Flags,
                IdleTimeoutSeconds = mod.IdleTimeoutSeconds,
                HardTimeoutSeconds = mod.HardTimeoutSeconds,
                CreatedNs = now,
                Stats = old is null || mod.Flags.HasFlag(FlowModFlags.ResetCounts) ? new RuleStats(now) : old.Stats,
            },
            old);
    }

    /// <returns>Whether there were flows to modify.</returns>
    private bool Modify(FlowMod mod, PipelineEdit edit)
    {
        (int first, int last) = Tables(mod);
        bool any = false;
        for (int id = first; id <= last; id++)
            any |= Modify(mod, (byte)id, edit);
        return any;
    }

    private bool Modify(FlowMod mod, byte tableId, PipelineEdit edit)
    {
        FlowTable table = edit.Table(tableId);
        if (table.Count == 0)
            return false;
        bool reset = mod.Flags.HasFlag(FlowModFlags.ResetCounts), any = false;
        List<Rule> old = [], changed = [];
        long now = time.NowNs();
        foreach (Rule rule in Described(mod, table, forDelete: false))
        {
            any = true;
            ulong cookie = mod.NewCookie ?? rule.Cookie;
            if (!reset && rule.Instructions == mod.Instructions && rule.Cookie == cookie)
                continue;

            // The idle time-out goes on counting from the last packet, which may still be the datapath's secret.
            if (reset && old.Count == 0)
                pushStats();
            old.Add(rule);

            // 6.4: cookie (but in OpenFlow 1.0), time-outs, flags, counters and duration stay.
            changed.Add(new Rule
            {
                TableId = rule.TableId,
                Priority = rule.Priority,
                Match = rule.Match,
                Instructions = mod.Instructions,
                Cookie = cookie,
                Flags = rule.Flags,
                IdleTimeoutSeconds = rule.IdleTimeoutSeconds,
                HardTimeoutSeconds = rule.HardTimeoutSeconds,
                CreatedNs = rule.CreatedNs,
                ModifiedNs = now,
                Stats = reset ? Restarted(rule.Stats) : rule.Stats,
            });
        }

        if (changed.Count == 0)
            return any;
        if (mod.TableId == FlowMod.AllTables)
            ActionChecks.Flow(mod.Instructions, tableId, edit); // whether goto_table leads on from here
        edit.Replace(tableId, old, changed);
        return any;
    }

    private static (int First, int Last) Tables(FlowMod mod) =>
        mod.TableId == FlowMod.AllTables ? (0, PipelineSnapshot.TableCount - 1) : (mod.TableId, mod.TableId);

    private static void Delete(FlowMod mod, PipelineEdit edit)
    {
        (int first, int last) = Tables(mod);
        for (int id = first; id <= last; id++)
        {
            FlowTable table = edit.Table((byte)id);
            if (table.Count > 0)
                edit.Remove((byte)id, [.. Described(mod, table, forDelete: true)], FlowRemovedReason.Delete);
        }
    }

    private static IEnumerable<Rule> Described(FlowMod mod, FlowTable table, bool forDelete)
    {
        // 7.3.4.1: out_port and out_group restrict deletes only; the cookie mask restricts modify and delete.
        FlowFilter filter = new(
            table.TableId,
            forDelete ? mod.OutPort : OfPorts.Any,
            forDelete ? mod.OutGroup : GroupMod.AnyGroup,
            mod.Cookie,
            mod.CookieMask,
            mod.Match);
        if (mod.Command is FlowModCommand.Modify or FlowModCommand.Delete)
            return Select(table, filter);
        return table.Find(mod.Match, mod.Priority) is { } rule && Passes(rule, filter) ? [rule] : [];
    }

    /// <summary>Counters from zero. A new object: what is counted for the entry as it was still goes to the old one.</summary>
    private RuleStats Restarted(RuleStats old)
    {
        RuleStats stats = new(time.NowNs());
        stats.Add(0, 0, old.UsedNs);
        return stats;
    }
}
