using OvsBridge.OpenFlow;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Messages.Multipart;
using OvsBridge.Testing;
using OvsBridge.Translator.Switch;
using OvsBridge.Translator.Tables;

namespace OvsBridge.Translator.Tests.Switch;

/// <summary>OFPT_FLOW_MOD.</summary>
[TestFixture]
public sealed class FlowModTests : SwitchFixture
{
    private static FlowMod Rule(string line) => Flows.Rule(line);

    [Test]
    public void Add_puts_the_flow_into_its_table_and_publishes_one_snapshot()
    {
        PipelineSnapshot before = Switch.Snapshot;

        Controller.Succeeds("add-flow table=3,priority=7,cookie=0x55,in_port=1,actions=output:2");

        Rule rule = TheRule("table=3,priority=7,in_port=1,actions=drop");
        Assert.That(rule.Cookie, Is.EqualTo(0x55));
        Assert.That(rule.Instructions, Is.EqualTo(Rule("actions=output:2").Instructions));
        Assert.That(Switch.Snapshot.Version, Is.EqualTo(before.Version + 1));
        Assert.That(Forwarding.Newest, Is.SameAs(Switch.Snapshot));
        Assert.That(before.Tables[3].Count, Is.Zero, "a published snapshot never changes");
    }

    [Test]
    public void Replaced_flow_hands_its_counters_on_but_not_its_age()
    {
        Controller.Succeeds("add-flow cookie=1,in_port=1,actions=output:2");
        Forwarding.Hit(TheRule("in_port=1,actions=drop").Stats, 5, 500, NowNs);
        Time.Advance(TimeSpan.FromSeconds(10));

        Controller.Succeeds("add-flow cookie=2,in_port=1,actions=output:3");

        FlowStatsEntry flow = Controller.QueryOne<FlowAnswer>(new FlowQuery(FlowFilter.All)).Flows.Single();
        Assert.That((flow.Cookie, flow.PacketCount, flow.ByteCount, flow.DurationNs), Is.EqualTo((2ul, 5ul, 500ul, 0ul)));
    }

    [Test]
    public void Replaced_flow_starts_its_counters_anew_with_RESET_COUNTS()
    {
        Controller.Succeeds("add-flow in_port=1,actions=output:2");
        Forwarding.Hit(TheRule("in_port=1,actions=drop").Stats, 5, 500, NowNs);

        Controller.Succeeds("add-flow reset_counts,in_port=1,actions=output:3");

        FlowStatsEntry flow = Controller.QueryOne<FlowAnswer>(new FlowQuery(FlowFilter.All)).Flows.Single();
        Assert.That((flow.PacketCount, flow.ByteCount), Is.EqualTo((0ul, 0ul)), "what the datapath had counted is the old flow's");
    }

    [Test]
    public void Replaced_flow_sends_no_flow_removed()
    {
        Controller.Succeeds("add-flow send_flow_rem,in_port=1,actions=output:2");
        Controller.Succeeds("add-flow send_flow_rem,in_port=1,actions=output:3");

        Controller.ExpectNothing();
    }

    [Test]
    public void Same_match_with_another_priority_or_table_is_another_flow()
    {
        Controller.Succeeds(
            "add-flow priority=1,in_port=1,actions=output:2",
            "add-flow priority=2,in_port=1,actions=output:2",
            "add-flow table=1,priority=1,in_port=1,actions=output:2");

        Assert.That(FlowCount, Is.EqualTo(3));
    }

    [TestCase("priority=5,tcp,actions=drop")]
    [TestCase("priority=5,ip,nw_dst=10.0.0.0/24,actions=drop")]
    [TestCase("priority=5,ip,nw_src=192.168.0.0/16,actions=drop")]
    [TestCase("priority=5,ip,nw_dst=10.0.0.0/8,actions=drop", Description = "an identical one overlaps as well")]
    public void Add_with_CHECK_OVERLAP_is_refused_when_a_packet_could_match_both(string flow)
    {
        Controller.Succeeds("add-flow priority=5,ip,nw_dst=10.0.0.0/8,actions=output:2");

        Controller.Fails($"add-flow check_overlap,{flow}", OfError.FlowModFailedOverlap);

        Assert.That(FlowCount, Is.EqualTo(1));
    }

    [TestCase("priority=6,tcp,actions=drop", Description = "another priority")]
    [TestCase("priority=5,ip,nw_dst=11.0.0.0/8,actions=drop", Description = "no packet matches both")]
    [TestCase("priority=5,arp,actions=drop")]
    [TestCase("table=1,priority=5,tcp,actions=drop", Description = "another table")]
    public void Add_with_CHECK_OVERLAP_is_accepted_otherwise(string flow)
    {
        Controller.Succeeds("add-flow priority=5,ip,nw_dst=10.0.0.0/8,actions=output:2");

        Controller.Succeeds($"add-flow check_overlap,{flow}");

        Assert.That(FlowCount, Is.EqualTo(2));
    }

    [Test]
    public void Modify_changes_the_instructions_of_all_flows_that_it_covers_and_nothing_else_of_them()
    {
        Controller.Succeeds(
            "add-flow priority=1,cookie=0x11,idle_timeout=30,hard_timeout=60,send_flow_rem,tcp,actions=output:1",
            "add-flow priority=9,cookie=0x12,udp,actions=output:1",
            "add-flow priority=1,arp,actions=output:1");
        Forwarding.Hit(TheRule("priority=1,tcp,actions=drop").Stats, 3, 300, NowNs);
        Time.Advance(TimeSpan.FromSeconds(4));

        Controller.Succeeds(new FlowMod
        {
            Command = FlowModCommand.Modify,
            Match = Flows.Match("ip"),
            Cookie = 0x99,
            IdleTimeoutSeconds = 1,
            HardTimeoutSeconds = 2,
            Priority = 4,
            Instructions = Rule("actions=output:3").Instructions,
        });

        var flows = Controller.QueryOne<FlowAnswer>(new FlowQuery(FlowFilter.All)).Flows.OrderBy(f => f.Cookie).ToList();
        Assert.That(flows.Select(f => f.Instructions == Rule("actions=output:3").Instructions), Is.EqualTo(new[] { false, true, true }));
        FlowStatsEntry tcp = flows[1];
        Assert.That((tcp.Cookie, tcp.IdleTimeoutSeconds, tcp.HardTimeoutSeconds, tcp.Priority), Is.EqualTo((0x11ul, 30, 60, 1)));
        Assert.That(tcp.Flags, Is.EqualTo(FlowModFlags.SendFlowRemoved));
        Assert.That((tcp.PacketCount, tcp.ByteCount, tcp.DurationNs), Is.EqualTo((3ul, 300ul, 4_000_000_000ul)));
    }

    [Test]
    public void Modify_with_RESET_COUNTS_starts_the_counters_anew()
    {
        Controller.Succeeds("add-flow tcp,actions=output:1");
        Forwarding.Hit(TheRule("tcp,actions=drop").Stats, 3, 300, NowNs);

        Controller.Succeeds("mod-flows reset_counts,actions=output:1");

        FlowStatsEntry flow = Controller.QueryOne<FlowAnswer>(new FlowQuery(FlowFilter.All)).Flows.Single();
        Assert.That((flow.PacketCount, flow.ByteCount), Is.EqualTo((0ul, 0ul)));
    }

    [Test]
    public void Modify_that_matches_nothing_adds_nothing_and_is_no_error()
    {
        Controller.Succeeds("mod-flows tcp,actions=output:1", "mod-flows --strict priority=4,tcp,actions=output:1");

        Assert.That(FlowCount, Is.Zero);
        Assert.That(Forwarding.Calls, Is.EqualTo(new[] { "catch up" }), "nothing is published either");
    }

    [Test]
    public void Modify_strict_changes_the_flow_with_this_match_and_priority_only()
    {
        Controller.Succeeds(
            "add-flow priority=1,ip,actions=output:1",
            "add-flow priority=2,ip,actions=output:1",
            "add-flow priority=1,tcp,actions=output:1");

        Controller.Succeeds("mod-flows --strict priority=1,ip,actions=output:3");

        ValueList<OfInstruction> changed = Rule("actions=output:3").Instructions;
        Assert.That(TheRule("priority=1,ip,actions=drop").Instructions, Is.EqualTo(changed));
        Assert.That(TheRule("priority=2,ip,actions=drop").Instructions, Is.Not.EqualTo(changed));
        Assert.That(TheRule("priority=1,tcp,actions=drop").Instructions, Is.Not.EqualTo(changed));
    }

    [TestCase("mod-flows cookie=0x10/0xf0,actions=output:3")]
    [TestCase("mod-flows --strict cookie=0x10/0xf0,priority=32768,in_port=1,actions=output:3")]
    public void Modify_with_a_cookie_mask_leaves_flows_with_another_cookie(string command)
    {
        Controller.Succeeds("add-flow cookie=0x11,in_port=1,actions=output:1", "add-flow cookie=0x21,in_port=2,actions=output:1");

        Controller.Succeeds(command);

        Assert.That(TheRule("in_port=1,actions=drop").Instructions, Is.EqualTo(Rule("actions=output:3").Instructions));
        Assert.That(TheRule("in_port=2,actions=drop").Instructions, Is.EqualTo(Rule("actions=output:1").Instructions));
    }

    [TestCase("del-flows", 0)]
    [TestCase("del-flows ip", 2)]
    [TestCase("del-flows tcp", 3)]
    [TestCase("del-flows table=0", 1)]
    [TestCase("del-flows table=0,ip,nw_dst=10.0.0.0/16", 4)]
    [TestCase("del-flows cookie=0x1/-1", 3)]
    [TestCase("del-flows cookie=0x0/0x1", 1)]
    [TestCase("del-flows out_port=2", 2)]
    [TestCase("del-flows out_port=CONTROLLER", 3)]
    [TestCase("del-flows out_group=7", 3)]
    [TestCase("del-flows ip,out_port=2", 2)]
    [TestCase("del-flows udp,out_port=2", 4)]
    [TestCase("del-flows udp", 4)]
    [TestCase("del-flows --strict priority=3,ip", 3)]
    [TestCase("del-flows --strict priority=4,ip", 4)]
    [TestCase("del-flows --strict priority=2,tcp,out_port=1", 4)]
    [TestCase("del-flows --strict cookie=5/-1,priority=2,tcp", 4)]
    public void Delete_takes_what_match_cookie_out_port_and_out_group_describe(string command, int left)
    {
        Controller.Succeeds("add-group group_id=7,type=all,bucket=output:1");
        Controller.Succeeds(
            "add-flow cookie=0,priority=3,ip,actions=output:2",
            "add-flow cookie=1,priority=2,tcp,actions=write_actions(output:2)",
            "add-flow cookie=2,priority=1,arp,actions=group:7",
            "add-flow table=5,cookie=4,priority=0,actions=CONTROLLER");

        Controller.Succeeds(command);

        Assert.That(FlowCount, Is.EqualTo(left));
    }

    [Test]
    public void Deletes_succeed_on_nothing_and_publish_nothing()
    {
        Controller.Succeeds("del-flows", "del-flows --strict priority=1,ip", "del-flows");

        Assert.That(Forwarding.Calls, Is.EqualTo(new[] { "catch up" }));
    }

    [Test]
    public void Delete_sends_flow_removed_with_final_counters_before_the_barrier_reply()
    {
        Controller.Succeeds("add-flow table=2,priority=9,cookie=0xc0de,idle_timeout=60,hard_timeout=600,send_flow_rem,tcp,actions=output:1");
        Time.Advance(TimeSpan.FromSeconds(3));
        Forwarding.Hit(TheRule("table=2,priority=9,tcp,actions=drop").Stats, 8, 888, NowNs);

        Controller.Send("del-flows table=2");
        Controller.Send(new BarrierRequest());

        FlowRemoved removed = Controller.Expect<FlowRemoved>();
        Controller.Expect<BarrierReply>();
        Assert.That(
            (removed.TableId, removed.Priority, removed.Cookie, removed.Reason, removed.IdleTimeoutSeconds, removed.HardTimeoutSeconds),
            Is.EqualTo(((byte)2, (ushort)9, 0xc0deul, FlowRemovedReason.Delete, (ushort)60, (ushort)600)));
        Assert.That((removed.PacketCount, removed.ByteCount, removed.DurationNs), Is.EqualTo((8ul, 888ul, 3_000_000_000ul)));
        Assert.That(removed.Match, Is.EqualTo(Flows.Match("tcp")));
    }

    [Test]
    public void Final_counters_are_read_after_the_datapath_has_caught_up()
    {
        Controller.Succeeds("add-flow send_flow_rem,tcp,actions=output:1");
        Forwarding.Calls.Clear();

        Controller.Send("del-flows");
        Controller.Send(new BarrierRequest());

        Assert.That(Forwarding.Calls.Take(3), Is.EqualTo(new[] { "published", "catch up", "push" }));
    }

    [Test]
    public void Delete_without_SEND_FLOW_REM_is_quiet()
    {
        Controller.Succeeds("add-flow tcp,actions=output:1");

        Controller.Succeeds("del-flows");

        Controller.ExpectNothing();
    }

    [Test]
    public void Flow_removed_has_all_ones_for_what_the_flow_does_not_count()
    {
        Controller.Succeeds("add-flow send_flow_rem,no_packet_counts,no_byte_counts,tcp,actions=output:1");

        Controller.Send("del-flows");
        Controller.Send(new BarrierRequest());

        FlowRemoved removed = Controller.Expect<FlowRemoved>();
        Assert.That((removed.PacketCount, removed.ByteCount), Is.EqualTo((ulong.MaxValue, ulong.MaxValue)));
    }

    [Test]
    public void Every_table_from_0_to_253_takes_flows()
    {
        for (int table = 0; table < 254; table++)
            Controller.Send(new FlowMod { TableId = (byte)table, Priority = 0 });

        Controller.Barrier();
        Assert.That(Switch.Snapshot.Tables.Select(table => table.Count), Is.All.EqualTo(1));
    }

    [TestCase(254, FlowModCommand.Add)]
    [TestCase(255, FlowModCommand.Add)]
    [TestCase(255, FlowModCommand.Modify)]
    [TestCase(255, FlowModCommand.ModifyStrict)]
    [TestCase(254, FlowModCommand.Delete)]
    public void Other_tables_are_BAD_TABLE_ID(byte table, FlowModCommand command) =>
        Controller.Fails(new FlowMod { TableId = table, Command = command }, OfError.FlowModFailedBadTableId);

    [TestCase(FlowModCommand.Delete)]
    [TestCase(FlowModCommand.DeleteStrict)]
    public void Deletes_may_name_all_tables(FlowModCommand command)
    {
        Controller.Succeeds(new FlowMod { TableId = 1, Priority = 3 });
        Controller.Succeeds(new FlowMod { TableId = 9, Priority = 3 });

        Controller.Succeeds(new FlowMod { TableId = FlowMod.AllTables, Command = command, Priority = 3 });

        Assert.That(FlowCount, Is.Zero);
    }

    [Test]
    public void Unknown_command_is_BAD_COMMAND() =>
        Controller.Fails(new FlowMod { Command = (FlowModCommand)5 }, OfError.FlowModFailedBadCommand);

    [Test]
    public void Unknown_flag_is_BAD_FLAGS() =>
        Controller.Fails(new FlowMod { Flags = (FlowModFlags)0x20 }, OfError.FlowModFailedBadFlags);

    [TestCase(FlowModCommand.Add)]
    [TestCase(FlowModCommand.ModifyStrict)]
    public void A_buffer_is_unknown_since_none_is_kept(FlowModCommand command) =>
        Controller.Fails(new FlowMod { Command = command, BufferId = 7 }, OfError.BadRequestBufferUnknown);

    [Test]
    public void The_buffer_of_a_delete_means_nothing() =>
        Controller.Succeeds(new FlowMod { Command = FlowModCommand.Delete, BufferId = 7 });

    [Test]
    public void Full_table_is_TABLE_FULL_for_new_flows_only()
    {
        StopSwitch();
        Start(new OfSwitchOptions { DatapathId = 1, MaxFlowsPerTable = 2 });
        Controller.Succeeds("add-flow in_port=1,actions=drop", "add-flow in_port=2,actions=drop");

        Controller.Fails("add-flow in_port=3,actions=drop", OfError.FlowModFailedTableFull);

        Controller.Succeeds("add-flow in_port=2,actions=output:1", "add-flow table=1,in_port=3,actions=drop");
        Controller.Succeeds("del-flows in_port=1", "add-flow in_port=3,actions=drop");
        Assert.That(FlowCount, Is.EqualTo(3));
    }

    [Test]
    public void Failed_flow_mod_changes_nothing()
    {
        PipelineSnapshot before = Switch.Snapshot;

        Controller.Fails("add-flow in_port=1,actions=output:2,group:5", OfError.BadActionBadOutGroup);

        Assert.That(Switch.Snapshot, Is.SameAs(before));
    }

    [Test]
    public void Error_quotes_the_request()
    {
        FlowMod mod = Rule("cookie=0xabcdef,in_port=1,actions=group:5") with { Xid = 77 };

        ErrorMessage error = Controller.Fails(mod, OfError.BadActionBadOutGroup);

        Assert.That(error.Xid, Is.EqualTo(77));
        Assert.That(error.Data.ToArray(), Is.EqualTo(OpenFlow.Wire.OfCodec.Encode(mod)));
    }

    // ports, groups, meters, tables

    [TestCase(1u)]
    [TestCase(4711u, Description = "as Open vSwitch: a port may come later")]
    [TestCase(OfPorts.HighestOrdinary)]
    [TestCase(OfPorts.InPort)]
    [TestCase(OfPorts.Normal)]
    [TestCase(OfPorts.Flood)]
    [TestCase(OfPorts.All)]
    [TestCase(OfPorts.Controller)]
    [TestCase(OfPorts.Local)]
    public void Flow_may_output_to_a_port_that_can_exist(uint port) =>
        Controller.Succeeds(new FlowMod { Instructions = [new ApplyActionsInstruction([new OutputAction(port)])] });

    [TestCase(0u)]
    [TestCase(OfPorts.HighestOrdinary + 1)]
    [TestCase(OfPorts.Max)]
    [TestCase(OfPorts.Max + 1)]
    [TestCase(OfPorts.Table)]
    [TestCase(OfPorts.Any)]
    public void Flow_to_a_port_that_never_exists_is_BAD_OUT_PORT(uint port)
    {
        Controller.Fails(
            new FlowMod { Instructions = [new ApplyActionsInstruction([new OutputAction(port)])] }, OfError.BadActionBadOutPort);
        Controller.Fails(
            new FlowMod { Command = FlowModCommand.Modify, Instructions = [new WriteActionsInstruction([new OutputAction(port)])] },
            OfError.BadActionBadOutPort);
    }

    [TestCase(9u)]
    [TestCase(GroupMod.AllGroups)]
    [TestCase(GroupMod.AnyGroup)]
    public void Flow_to_a_group_that_does_not_exist_is_BAD_OUT_GROUP(uint group)
    {
        Controller.Fails(new FlowMod { Instructions = [new ApplyActionsInstruction([new GroupAction(group)])] }, OfError.BadActionBadOutGroup);
        Controller.Fails(new FlowMod { Instructions = [new WriteActionsInstruction([new GroupAction(group)])] }, OfError.BadActionBadOutGroup);
    }

    [Test]
    public void Flow_through_a_meter_that_does_not_exist_is_UNKNOWN_METER() =>
        Controller.Fails("add-flow actions=meter:1,output:1", OfError.MeterModFailedUnknownMeter);

    [TestCase(0u)]
    [TestCase(MeterMod.MaxMeter + 1)]
    [TestCase(MeterMod.ControllerMeter)]
    [TestCase(MeterMod.AllMeters)]
    public void Flow_through_a_meter_that_cannot_exist_is_INVALID_METER(uint meter) =>
        Controller.Fails(new FlowMod { Instructions = [new MeterInstruction(meter)] }, OfError.MeterModFailedInvalidMeter);

    [Test]
    public void Goto_goes_forward_only()
    {
        Controller.Succeeds("add-flow table=4,actions=goto_table:5", "add-flow table=0,actions=goto_table:253");

        Controller.Fails(new FlowMod { TableId = 4, Instructions = [new GotoTableInstruction(4)] }, OfError.BadInstructionBadTableId);
        Controller.Fails(new FlowMod { TableId = 4, Instructions = [new GotoTableInstruction(3)] }, OfError.BadInstructionBadTableId);
        Controller.Fails(new FlowMod { TableId = 4, Instructions = [new GotoTableInstruction(254)] }, OfError.BadInstructionBadTableId);
        Controller.Fails(new FlowMod { TableId = 253, Instructions = [new GotoTableInstruction(254)] }, OfError.BadInstructionBadTableId);
    }

    [Test]
    public void Instruction_given_twice_is_DUP_INST() =>
        Controller.Fails(
            new FlowMod { Instructions = [new GotoTableInstruction(1), new GotoTableInstruction(2)] }, OfError.BadInstructionDupInst);

    [Test]
    public void Action_that_the_match_does_not_allow_is_MATCH_INCONSISTENT() =>
        Controller.Fails(
            new FlowMod { Instructions = [new ApplyActionsInstruction([new DecNwTtlAction()])] }, OfError.BadActionMatchInconsistent);

    [Test]
    public void Experimenter_action_and_instruction_are_refused()
    {
        Controller.Fails(
            new FlowMod { Instructions = [new ApplyActionsInstruction([new ExperimenterAction(0x1234, [0, 0, 0, 0, 0, 0, 0, 0])])] },
            OfError.BadActionBadExperimenter);
        Controller.Fails(new FlowMod { Instructions = [new ExperimenterInstruction(0x1234, [])] }, OfError.BadInstructionBadExperimenter);
    }

    [Test]
    public void Faucets_start_is_taken_without_a_barrier()
    {
        // FACTS 4.16, as recorded: delete-all twice with one xid, then flows over seven tables.
        FlowMod deleteAll = new() { Command = FlowModCommand.Delete, TableId = FlowMod.AllTables, Xid = 9 };
        Controller.Send(deleteAll);
        Controller.Send(deleteAll);
        for (byte table = 0; table < 7; table++)
        {
            for (ushort priority = 0; priority < 6; priority++)
                Controller.Send(new FlowMod { TableId = table, Priority = priority, Cookie = 0x5adc15c0 });
        }

        Controller.ExpectNothing();
        Assert.That(FlowCount, Is.EqualTo(42));
    }
}
