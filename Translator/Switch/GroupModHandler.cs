using System.Collections.Immutable;
using OvsBridge.OpenFlow;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.Translator.Tables;

namespace OvsBridge.Translator.Switch;

/// <summary>OFPT_GROUP_MOD (OpenFlow 1.3.5, 6.5 and 7.3.4.2). Under the switch's lock.</summary>
/// <remarks>
/// The switch says OFPGFC_CHAINING_CHECKS and keeps it: a group forwards only to groups that exist, never back to itself, and
/// is not deleted while another forwards to it. Where the specification leaves the error open, it is Open vSwitch's.
/// </remarks>
internal sealed class GroupModHandler(OfSwitchOptions options, TimeProvider time)
{
    /// <summary>Does what <paramref name="mod"/> asks, on <paramref name="edit"/>.</summary>
    /// <exception cref="OfErrorException">GROUP_MOD_FAILED or BAD_ACTION.</exception>
    public void Apply(GroupMod mod, PipelineEdit edit)
    {
        switch (mod.Command)
        {
            case GroupModCommand.Add:
                Add(mod, edit);
                break;
            case GroupModCommand.Modify:
                Modify(mod, edit);
                break;
            case GroupModCommand.Delete:
                Delete(mod, edit);
                break;
            default:
                throw new OfErrorException(OfError.GroupModFailedBadCommand, $"command {(ushort)mod.Command}");
        }
    }

    private void Add(GroupMod mod, PipelineEdit edit)
    {
        Check(mod, edit);
        PipelineSnapshot snapshot = edit.Snapshot;
        if (snapshot.Groups.ContainsKey(mod.GroupId))
            throw new OfErrorException(OfError.GroupModFailedGroupExists, $"group {mod.GroupId}");
        // max_groups is for each type; with fewer groups in all there is nothing to count
        if ((uint)snapshot.Groups.Count >= options.MaxGroups && snapshot.Groups.Values.Count(g => g.GroupType == mod.GroupType) >= options.MaxGroups)
            throw new OfErrorException(OfError.GroupModFailedOutOfGroups, $"{options.MaxGroups} groups of type {mod.GroupType}");
        Put(mod, new RuleStats(time.NowNs()), edit);
    }

    private void Modify(GroupMod mod, PipelineEdit edit)
    {
        Check(mod, edit);
        if (!edit.Snapshot.Groups.TryGetValue(mod.GroupId, out Group? old))
            throw new OfErrorException(OfError.GroupModFailedUnknownGroup, $"group {mod.GroupId}");

        // 6.5: type and buckets are replaced, the group's own counters go on.
        Put(mod, old.Stats, edit);
    }

    private static void Delete(GroupMod mod, PipelineEdit edit)
    {
        PipelineSnapshot snapshot = edit.Snapshot;
        if (mod.GroupId == GroupMod.AllGroups)
        {
            foreach (uint id in snapshot.Groups.Keys)
                edit.Remove(edit.RulesOfGroup(id), FlowRemovedReason.GroupDelete);
            if (!snapshot.Groups.IsEmpty)
                edit.Snapshot = snapshot with { Groups = snapshot.Groups.Clear() };
            return;
        }

        if (mod.GroupId > GroupMod.MaxGroup)
            throw new OfErrorException(OfError.GroupModFailedInvalidGroup, $"group 0x{mod.GroupId:x} can't exist");
        if (!snapshot.Groups.ContainsKey(mod.GroupId))
            return; // 6.5: no error
        if (snapshot.Groups.Values.FirstOrDefault(g => g.ForwardsTo(mod.GroupId) && g.GroupId != mod.GroupId) is { } parent)
            throw new OfErrorException(OfError.GroupModFailedChainedGroup, $"group {parent.GroupId} forwards to group {mod.GroupId}");
        edit.Remove(edit.RulesOfGroup(mod.GroupId), FlowRemovedReason.GroupDelete);
        edit.Snapshot = snapshot with { Groups = snapshot.Groups.Remove(mod.GroupId) };
    }

    private static void Put(GroupMod mod, RuleStats stats, PipelineEdit edit)
    {
        long createdNs = stats.CreatedNs;
        ImmutableArray<RuleStats> buckets = [.. Enumerable.Range(0, mod.Buckets.Count).Select(_ => new RuleStats(createdNs))];
        Group group = new(mod.GroupId, mod.GroupType, mod.Buckets, stats, buckets);
        edit.Snapshot = edit.Snapshot with { Groups = edit.Snapshot.Groups.SetItem(mod.GroupId, group) };
    }

    private void Check(GroupMod mod, PipelineEdit edit)
    {
        if (mod.GroupId > GroupMod.MaxGroup)
            throw new OfErrorException(OfError.GroupModFailedInvalidGroup, $"group 0x{mod.GroupId:x}");
        if (mod.GroupType > GroupType.FastFailover)
            throw new OfErrorException(OfError.GroupModFailedBadType, $"type {(byte)mod.GroupType}");
        if (mod.Buckets.Count > options.MaxBuckets)
            throw new OfErrorException(OfError.GroupModFailedOutOfBuckets, $"{mod.Buckets.Count} buckets, at most {options.MaxBuckets}");
        if (mod.GroupType == GroupType.Indirect && mod.Buckets.Count != 1)
            throw new OfErrorException(OfError.GroupModFailedInvalidGroup, $"an indirect group has one bucket, not {mod.Buckets.Count}");

        foreach (Bucket bucket in mod.Buckets)
        {
            CheckBucket(mod, bucket, edit.Snapshot);
            foreach (OfAction action in bucket.Actions)
            {
                if (action is GroupAction self && self.GroupId == mod.GroupId)
                    throw new OfErrorException(OfError.GroupModFailedLoop, $"group {mod.GroupId} forwards to itself");
            }

            ActionChecks.List(bucket.Actions, edit);
        }

        if (LeadsTo(mod.GroupId, mod.Buckets, edit.Snapshot.Groups))
            throw new OfErrorException(OfError.GroupModFailedLoop, $"group {mod.GroupId} would lead back to itself");
    }

    private static void CheckBucket(GroupMod mod, Bucket bucket, PipelineSnapshot snapshot)
    {
        bool watches = bucket.WatchPort != OfPorts.Any || bucket.WatchGroup != GroupMod.AnyGroup;
        if (bucket.Weight != 0 && mod.GroupType != GroupType.Select)
            throw new OfErrorException(OfError.GroupModFailedInvalidGroup, $"a bucket of type {mod.GroupType} with weight {bucket.Weight}");
        if (watches && mod.GroupType is GroupType.All or GroupType.Indirect)
            throw new OfErrorException(OfError.GroupModFailedWatchUnsupported, $"a bucket of type {mod.GroupType} watches nothing");
        if (!watches && mod.GroupType == GroupType.FastFailover)
            throw new OfErrorException(OfError.GroupModFailedInvalidGroup, "a fast failover bucket needs watch_port or watch_group");
        if (bucket.WatchPort != OfPorts.Any && !ActionChecks.IsPossiblePort(bucket.WatchPort))
            throw new OfErrorException(OfError.GroupModFailedBadWatch, $"watch_port 0x{bucket.WatchPort:x} can never exist");
        if (bucket.WatchGroup != GroupMod.AnyGroup && bucket.WatchGroup != mod.GroupId && !snapshot.Groups.ContainsKey(bucket.WatchGroup))
            throw new OfErrorException(OfError.GroupModFailedBadWatch, $"watch_group 0x{bucket.WatchGroup:x} does not exist");
    }

    /// <summary>Whether buckets, by what they forward to or watch, reach <paramref name="groupId"/>. Each group is visited once.</summary>
    private static bool LeadsTo(uint groupId, ValueList<Bucket> buckets, ImmutableDictionary<uint, Group> groups)
    {
        HashSet<uint> seen = [];
        Stack<ValueList<Bucket>> open = new([buckets]);
        while (open.TryPop(out ValueList<Bucket> next))
        {
            foreach (Bucket bucket in next)
            {
                if (bucket.WatchGroup != GroupMod.AnyGroup && Visit(bucket.WatchGroup))
                    return true;
                foreach (OfAction action in bucket.Actions)
                {
                    if (action is GroupAction group && Visit(group.GroupId))
                        return true;
                }
            }
        }

        return false;

        bool Visit(uint id)
        {
            if (id == groupId)
                return true;
            if (seen.Add(id) && groups.TryGetValue(id, out Group? group))
                open.Push(group.Buckets);
            return false;
        }
    }
}
