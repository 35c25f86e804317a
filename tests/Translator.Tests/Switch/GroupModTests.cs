using OvsBridge.OpenFlow;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Messages.Multipart;
using OvsBridge.Translator.Switch;
using OvsBridge.Translator.Tables;

namespace OvsBridge.Translator.Tests.Switch;

/// <summary>OFPT_GROUP_MOD.</summary>
[TestFixture]
public sealed class GroupModTests : SwitchFixture
{
    private static Bucket To(params OfAction[] actions) => new(0, OfPorts.Any, GroupMod.AnyGroup, actions.ToValueList());

    private static Bucket ToPort(uint port) => To(new OutputAction(port));

    private static Bucket ToGroup(uint group) => To(new GroupAction(group));

    private static GroupMod Add(uint id, GroupType type, params Bucket[] buckets) => new(GroupModCommand.Add, type, id, buckets.ToValueList());

    private static GroupMod Modify(uint id, GroupType type, params Bucket[] buckets) => new(GroupModCommand.Modify, type, id, buckets.ToValueList());

    private static GroupMod Delete(uint id) => new(GroupModCommand.Delete, GroupType.All, id, []);

    [Test]
    public void All_four_types_are_added_and_described_as_sent()
    {
        Controller.Succeeds(Add(0, GroupType.All, ToPort(1), ToPort(2)));
        Controller.Succeeds(Add(1, GroupType.Indirect, ToPort(1)));
        Controller.Succeeds(Add(GroupMod.MaxGroup, GroupType.Select, ToPort(1) with { Weight = 10 }, ToPort(2) with { Weight = 0, WatchPort = 2 }));
        Controller.Succeeds(Add(7, GroupType.FastFailover, ToPort(1) with { WatchPort = 1 }, ToPort(2) with { WatchGroup = 1 }));

        GroupDescAnswer answer = Controller.QueryOne<GroupDescAnswer>(new GroupDescQuery());

        Assert.That(answer.Groups, Is.EqualTo(new[]
        {
            new GroupDescEntry(GroupType.All, 0, [ToPort(1), ToPort(2)]),
            new GroupDescEntry(GroupType.Indirect, 1, [ToPort(1)]),
            new GroupDescEntry(GroupType.FastFailover, 7, [ToPort(1) with { WatchPort = 1 }, ToPort(2) with { WatchGroup = 1 }]),
            new GroupDescEntry(GroupType.Select, GroupMod.MaxGroup, [ToPort(1) with { Weight = 10 }, ToPort(2) with { WatchPort = 2 }]),
        }));
    }

    [TestCase(GroupType.All)]
    [TestCase(GroupType.Select)]
    [TestCase(GroupType.FastFailover)]
    public void Group_without_buckets_drops_but_may_be(GroupType type) => Controller.Succeeds(Add(1, type));

    [Test]
    public void Adding_a_group_twice_is_GROUP_EXISTS()
    {
        Controller.Succeeds(Add(1, GroupType.All, ToPort(1)));

        Controller.Fails(Add(1, GroupType.Select, ToPort(2)), OfError.GroupModFailedGroupExists);

        Assert.That(Switch.Snapshot.Groups[1].GroupType, Is.EqualTo(GroupType.All));
    }

    [TestCase(GroupMod.MaxGroup + 1)]
    [TestCase(GroupMod.AllGroups)]
    [TestCase(GroupMod.AnyGroup)]
    public void Group_number_that_cannot_exist_is_INVALID_GROUP(uint id)
    {
        Controller.Fails(Add(id, GroupType.All), OfError.GroupModFailedInvalidGroup);
        Controller.Fails(Modify(id, GroupType.All), OfError.GroupModFailedInvalidGroup);
    }

    [Test]
    public void Indirect_group_has_exactly_one_bucket()
    {
        Controller.Fails(Add(1, GroupType.Indirect), OfError.GroupModFailedInvalidGroup);
        Controller.Fails(Add(1, GroupType.Indirect, ToPort(1), ToPort(2)), OfError.GroupModFailedInvalidGroup);
    }

    [TestCase(GroupType.All)]
    [TestCase(GroupType.Indirect)]
    [TestCase(GroupType.FastFailover)]
    public void Weight_outside_of_a_select_group_is_INVALID_GROUP(GroupType type) =>
        Controller.Fails(Add(1, type, ToPort(1) with { Weight = 1, WatchPort = type == GroupType.FastFailover ? 1 : OfPorts.Any }), OfError.GroupModFailedInvalidGroup);

    [Test]
    public void Unequal_weights_are_supported() =>
        Controller.Succeeds(Add(1, GroupType.Select, ToPort(1) with { Weight = 1 }, ToPort(2) with { Weight = 65535 }));

    [Test]
    public void Fast_failover_bucket_that_watches_nothing_is_INVALID_GROUP() =>
        Controller.Fails(Add(1, GroupType.FastFailover, ToPort(1)), OfError.GroupModFailedInvalidGroup);

    [TestCase(GroupType.All)]
    [TestCase(GroupType.Indirect)]
    public void Watching_is_for_select_and_fast_failover(GroupType type) =>
        Controller.Fails(Add(1, type, ToPort(1) with { WatchPort = 1 }), OfError.GroupModFailedWatchUnsupported);

    [TestCase(0u)]
    [TestCase(OfPorts.Controller)]
    [TestCase(OfPorts.HighestOrdinary + 1)]
    public void Watch_port_that_cannot_exist_is_BAD_WATCH(uint port) =>
        Controller.Fails(Add(1, GroupType.FastFailover, ToPort(1) with { WatchPort = port }), OfError.GroupModFailedBadWatch);

    [Test]
    public void Watch_port_that_may_come_is_accepted() =>
        Controller.Succeeds(Add(1, GroupType.FastFailover, ToPort(1) with { WatchPort = 99 }, ToPort(2) with { WatchPort = OfPorts.Local }));

    [TestCase(5u)]
    [TestCase(GroupMod.AllGroups)]
    public void Watch_group_that_does_not_exist_is_BAD_WATCH(uint group) =>
        Controller.Fails(Add(1, GroupType.FastFailover, ToPort(1) with { WatchGroup = group }), OfError.GroupModFailedBadWatch);

    [Test]
    public void Unknown_type_is_BAD_TYPE() => Controller.Fails(Add(1, (GroupType)4), OfError.GroupModFailedBadType);

    [Test]
    public void Unknown_command_is_BAD_COMMAND() =>
        Controller.Fails(new GroupMod((GroupModCommand)3, GroupType.All, 1, []), OfError.GroupModFailedBadCommand);

    [Test]
    public void Too_many_groups_of_a_type_is_OUT_OF_GROUPS()
    {
        StopSwitch();
        Start(new OfSwitchOptions { DatapathId = 1, MaxGroups = 2 });
        Controller.Succeeds(Add(1, GroupType.All));
        Controller.Succeeds(Add(2, GroupType.Select));
        Controller.Succeeds(Add(3, GroupType.All));

        Controller.Fails(Add(4, GroupType.All), OfError.GroupModFailedOutOfGroups);

        Controller.Succeeds(Add(4, GroupType.Select));
        Controller.Succeeds(Delete(1));
        Controller.Succeeds(Add(5, GroupType.All));
    }

    [Test]
    public void Too_many_buckets_is_OUT_OF_BUCKETS()
    {
        StopSwitch();
        Start(new OfSwitchOptions { DatapathId = 1, MaxBuckets = 2 });

        Controller.Fails(Add(1, GroupType.All, ToPort(1), ToPort(2), ToPort(3)), OfError.GroupModFailedOutOfBuckets);

        Controller.Succeeds(Add(1, GroupType.All, ToPort(1), ToPort(2)));
    }

    [TestCase(0u)]
    [TestCase(OfPorts.Table)]
    [TestCase(OfPorts.Any)]
    [TestCase(OfPorts.HighestOrdinary + 1)]
    public void Bucket_to_a_port_that_never_exists_is_BAD_OUT_PORT(uint port) =>
        Controller.Fails(Add(1, GroupType.All, ToPort(port)), OfError.BadActionBadOutPort);

    [Test]
    public void Bucket_of_an_experimenter_is_refused() =>
        Controller.Fails(Add(1, GroupType.All, To(new ExperimenterAction(9, [0, 0, 0, 0, 0, 0, 0, 0]))), OfError.BadActionBadExperimenter);

    // chaining

    [Test]
    public void Groups_chain()
    {
        Controller.Succeeds(Add(1, GroupType.Indirect, ToPort(1)));
        Controller.Succeeds(Add(2, GroupType.Select, ToGroup(1) with { Weight = 1 }));
        Controller.Succeeds(Add(3, GroupType.All, ToGroup(1), ToGroup(2)));
    }

    [Test]
    public void Chaining_to_a_group_that_does_not_exist_is_BAD_OUT_GROUP() =>
        Controller.Fails(Add(1, GroupType.All, ToGroup(2)), OfError.BadActionBadOutGroup);

    [Test]
    public void Group_that_forwards_to_itself_is_a_LOOP()
    {
        Controller.Fails(Add(1, GroupType.All, ToGroup(1)), OfError.GroupModFailedLoop);
        Controller.Succeeds(Add(1, GroupType.All, ToPort(1)));
        Controller.Fails(Modify(1, GroupType.All, ToGroup(1)), OfError.GroupModFailedLoop);
    }

    [Test]
    public void Modification_that_closes_a_circle_is_a_LOOP()
    {
        Controller.Succeeds(Add(1, GroupType.All, ToPort(1)));
        Controller.Succeeds(Add(2, GroupType.All, ToGroup(1)));
        Controller.Succeeds(Add(3, GroupType.All, ToGroup(2)));

        Controller.Fails(Modify(1, GroupType.All, ToPort(2), ToGroup(3)), OfError.GroupModFailedLoop);

        Assert.That(Switch.Snapshot.Groups[1].Buckets.Count, Is.EqualTo(1));
    }

    [Test]
    public void Circle_of_watches_is_a_LOOP()
    {
        Controller.Succeeds(Add(1, GroupType.FastFailover, ToPort(1) with { WatchPort = 1 }));
        Controller.Succeeds(Add(2, GroupType.FastFailover, ToPort(1) with { WatchGroup = 1 }));

        Controller.Fails(Modify(1, GroupType.FastFailover, ToPort(1) with { WatchGroup = 2 }), OfError.GroupModFailedLoop);
        Controller.Fails(Modify(1, GroupType.FastFailover, ToPort(1) with { WatchGroup = 1 }), OfError.GroupModFailedLoop);
    }

    [Test]
    public void Deep_and_wide_chains_are_checked_once_a_group()
    {
        // 2^40 paths lead from the last to the first: a check that walked them all would not end
        Controller.Succeeds(Add(0, GroupType.All, ToPort(1)));
        for (uint id = 1; id <= 40; id++)
            Controller.Send(Add(id, GroupType.All, ToGroup(id - 1), ToGroup(id - 1)));
        Controller.Barrier();

        Controller.Fails(Modify(0, GroupType.All, ToGroup(40)), OfError.GroupModFailedLoop);
    }

    [Test]
    public void Group_that_another_forwards_to_is_not_deleted()
    {
        Controller.Succeeds(Add(1, GroupType.All, ToPort(1)));
        Controller.Succeeds(Add(2, GroupType.All, ToGroup(1)));

        Controller.Fails(Delete(1), OfError.GroupModFailedChainedGroup);

        Controller.Succeeds(Delete(2));
        Controller.Succeeds(Delete(1));
        Assert.That(Switch.Snapshot.Groups, Is.Empty);
    }

    // modify

    [Test]
    public void Modify_replaces_type_and_buckets_and_keeps_the_groups_own_counters()
    {
        Controller.Succeeds(Add(1, GroupType.All, ToPort(1)));
        Group group = Switch.Snapshot.Groups[1];
        group.Stats.Add(5, 500, NowNs);
        group.BucketStats[0].Add(5, 500, NowNs);
        Time.Advance(TimeSpan.FromSeconds(2));

        Controller.Succeeds(Modify(1, GroupType.Select, ToPort(2) with { Weight = 1 }, ToPort(3) with { Weight = 1 }));

        GroupStatsEntry stats = Controller.QueryOne<GroupAnswer>(new GroupQuery(1)).Groups.Single();
        Assert.That(stats, Is.EqualTo(new GroupStatsEntry(1, 0, 5, 500, 2_000_000_000, [new BucketCounter(0, 0), new BucketCounter(0, 0)])));
        Assert.That(Switch.Snapshot.Groups[1].GroupType, Is.EqualTo(GroupType.Select));
    }

    [Test]
    public void Modifying_a_group_that_does_not_exist_is_UNKNOWN_GROUP() =>
        Controller.Fails(Modify(1, GroupType.All, ToPort(1)), OfError.GroupModFailedUnknownGroup);

    // delete

    [Test]
    public void Delete_takes_the_flows_that_use_the_group_with_reason_GROUP_DELETE()
    {
        Controller.Succeeds(Add(1, GroupType.All, ToPort(1)));
        Controller.Succeeds(
            "add-flow send_flow_rem,cookie=1,in_port=1,actions=output:2,group:1",
            "add-flow table=8,send_flow_rem,cookie=2,in_port=1,actions=write_actions(group:1)",
            "add-flow cookie=3,in_port=2,actions=group:1",
            "add-flow send_flow_rem,cookie=4,in_port=3,actions=output:1");

        Controller.Send(Delete(1));
        Controller.Send(new BarrierRequest());

        FlowRemoved[] removed = [Controller.Expect<FlowRemoved>(), Controller.Expect<FlowRemoved>()];
        Controller.Expect<BarrierReply>();
        Assert.That(removed.Select(flow => flow.Cookie), Is.EquivalentTo(new[] { 1, 2 }));
        Assert.That(removed.Select(flow => flow.Reason), Is.All.EqualTo(FlowRemovedReason.GroupDelete));
        Assert.That(FlowCount, Is.EqualTo(1));
    }

    [Test]
    public void Flows_that_no_longer_use_the_group_stay()
    {
        Controller.Succeeds(Add(1, GroupType.All, ToPort(1)));
        Controller.Succeeds("add-flow in_port=1,actions=group:1", "add-flow in_port=2,actions=group:1", "add-flow in_port=3,actions=output:1");
        Controller.Succeeds("mod-flows in_port=1,actions=output:2", "add-flow in_port=2,actions=output:2", "mod-flows in_port=3,actions=group:1");

        Controller.Succeeds(Delete(1));

        Assert.That(FlowCount, Is.EqualTo(2));
        Assert.That(FindRule(Switch.Snapshot, "in_port=3,actions=drop"), Is.Null);
    }

    [Test]
    public void Deleting_all_groups_takes_their_flows_and_ignores_chains()
    {
        Controller.Succeeds(Add(1, GroupType.All, ToPort(1)));
        Controller.Succeeds(Add(2, GroupType.All, ToGroup(1)));
        Controller.Succeeds("add-flow in_port=1,actions=group:1", "add-flow in_port=2,actions=group:2,group:1", "add-flow in_port=3,actions=output:1");

        Controller.Succeeds(Delete(GroupMod.AllGroups));

        Assert.That(Switch.Snapshot.Groups, Is.Empty);
        Assert.That(FlowCount, Is.EqualTo(1));
    }

    [Test]
    public void Deletes_succeed_on_nothing()
    {
        // FACTS 4.10: Floodlight deletes all groups once for each type
        for (var type = GroupType.All; type <= GroupType.FastFailover; type++)
            Controller.Succeeds(new GroupMod(GroupModCommand.Delete, type, GroupMod.AllGroups, []));
        Controller.Succeeds(Delete(12));

        Assert.That(Forwarding.Calls, Has.None.EqualTo("published"));
    }

    [Test]
    public void Deleting_a_reserved_number_is_INVALID_GROUP() => Controller.Fails(Delete(GroupMod.AnyGroup), OfError.GroupModFailedInvalidGroup);

    [Test]
    public void Reference_count_counts_flows_and_groups_that_use_the_group_directly()
    {
        Controller.Succeeds(Add(1, GroupType.All, ToPort(1)));
        Controller.Succeeds(Add(2, GroupType.All, ToGroup(1), ToGroup(1)));
        Controller.Succeeds(Add(3, GroupType.All, ToGroup(2)));
        Controller.Succeeds("add-flow in_port=1,actions=group:1,group:1", "add-flow in_port=2,actions=group:1", "add-flow in_port=3,actions=group:3");

        GroupAnswer answer = Controller.QueryOne<GroupAnswer>(new GroupQuery(GroupMod.AllGroups));

        Assert.That(answer.Groups.Select(group => (group.GroupId, group.RefCount)), Is.EqualTo(new[] { (1u, 3u), (2u, 1u), (3u, 1u) }));
    }

    [Test]
    public void Statistics_of_a_group_that_does_not_exist_are_empty() =>
        Assert.That(Controller.QueryOne<GroupAnswer>(new GroupQuery(4)).Groups, Is.Empty);

    [Test]
    public void Features_say_what_is_kept()
    {
        GroupFeaturesAnswer answer = Controller.QueryOne<GroupFeaturesAnswer>(new GroupFeaturesQuery());

        Assert.That(answer.Types, Is.EqualTo(0b1111), "all four types");
        Assert.That(answer.Capabilities, Is.EqualTo(0b1111), "weights, liveness, chaining, chaining checks");
        Assert.That(answer.MaxGroups, Is.All.EqualTo(65_536));
        Assert.That(answer.Actions, Is.All.EqualTo(0x0fff9801), "every action of 1.3 but experimenter");
    }
}
