using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Endpoint;
using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Messages.Multipart;
using OvsBridge.OpenFlow.Wire;
using OvsBridge.Testing;
using OvsBridge.Translator.Switch;
using OvsBridge.Translator.Tables;

namespace OvsBridge.Translator.Tests.Switch;

/// <summary>What a switch does otherwise for a controller that speaks OpenFlow 1.0.</summary>
[TestFixture]
public sealed class Version10SwitchTests : SwitchFixture
{
    private FakeController _old = null!;

    [SetUp]
    public void Connect_with_1_0() => _old = new FakeController(Switch, version: OfCodec.Version10);

    [TearDown]
    public void Disconnect() => _old.Dispose();

    private static FlowMod Modify(string flow, ulong? newCookie = 0) => Flows.Rule(flow) with { Command = FlowModCommand.Modify, NewCookie = newCookie };

    [Test]
    public void Features_list_the_ports_in_1_0_only()
    {
        Assert.That(_old.Ask<FeaturesReply>(new FeaturesRequest()).Ports.Select(port => port.PortNo), Is.EqualTo(new[] { 1u, 2u, 3u }));
        Assert.That(Controller.Ask<FeaturesReply>(new FeaturesRequest()).Ports, Is.Empty);
    }

    [Test]
    public void Modify_adds_when_nothing_matches_and_sets_the_cookie_when_something_does()
    {
        _old.Succeeds(Modify("priority=7,in_port=1,actions=output:2", newCookie: 5));
        Rule added = Switch.Snapshot.Rules().Single();
        Assert.That((added.Cookie, added.Priority, added.TableId), Is.EqualTo((5ul, 7, 0)));

        Time.Advance(TimeSpan.FromSeconds(3));
        _old.Succeeds(Modify("actions=output:3", newCookie: 6));
        Rule modified = Switch.Snapshot.Rules().Single();
        Assert.Multiple(() =>
        {
            Assert.That((modified.Cookie, modified.Priority), Is.EqualTo((6ul, 7)), "it matched");
            Assert.That(modified.CreatedNs, Is.EqualTo(added.CreatedNs));
            Assert.That(_old.QueryOne<FlowAnswer>(new FlowQuery(FlowFilter.All)).Flows.Single(), Has.Property("HardAgeSeconds").EqualTo(0).And.Property("IdleAgeSeconds").EqualTo(3));
        });
    }

    [Test]
    public void Modify_by_cookie_or_without_a_new_one_adds_nothing()
    {
        _old.Succeeds(Modify("actions=drop", newCookie: null));
        _old.Succeeds(Modify("actions=drop") with { Cookie = 1, CookieMask = 1 });

        Assert.That(Switch.Snapshot.Rules(), Is.Empty);
    }

    [Test]
    public void Modify_without_a_table_is_about_all_tables()
    {
        Controller.Succeeds("add-flow table=3,in_port=1,actions=output:1", "add-flow table=9,in_port=1,actions=output:1");
        _old.Succeeds(Modify("in_port=1,actions=output:2") with { TableId = FlowMod.AllTables });

        Assert.That(Switch.Snapshot.Rules().Select(rule => rule.OutputsTo(2)), Is.EqualTo(new[] { true, true }));
    }

    [Test]
    public void Modify_of_all_tables_must_lead_on_from_each()
    {
        Controller.Succeeds("add-flow table=3,in_port=1,actions=output:1");
        _old.Fails(Modify("in_port=1,actions=goto_table:2") with { TableId = FlowMod.AllTables }, OfError.BadInstructionBadTableId);
    }

    [Test]
    public void Flows_by_bytes_with_a_table_in_the_command()
    {
        byte[] mod = [1, 14, 0, 80, 0, 0, 0, 9, 0, 0x3f, 0xff, 0xff, .. new byte[36], .. new byte[8], 7, 0, 0, 0, 0, 0, 0, 5, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 8, 0, 2, 0, 0];
        _old.SendRaw(mod);
        Assert.That(_old.ExpectError(OfError.FlowModFailedBadCommand).Xid, Is.EqualTo(9));

        _old.Send(new SetFlowModTableId(true));
        _old.SendRaw(mod);

        Rule rule = Switch.Snapshot.Rules().Single();
        Assert.That((rule.TableId, rule.Priority, rule.OutputsTo(2), rule.Flags), Is.EqualTo((7, 5, true, FlowModFlags.ResetCounts)));
    }

    [Test]
    public void Statistics_are_answered_in_the_form_they_were_asked_for()
    {
        _old.Succeeds(Flows.Rule("actions=drop"));
        uint xid = _old.Send(new MultipartRequest(new FlowQuery(FlowFilter.All)) { IsNicira = true });
        MultipartReply nicira = _old.Expect<MultipartReply>();
        _old.Send(new MultipartRequest(new FlowQuery(FlowFilter.All)));

        Assert.That((nicira.IsNicira, nicira.Xid), Is.EqualTo((true, xid)));
        Assert.That(_old.Expect<MultipartReply>().IsNicira, Is.False);
    }

    [Test]
    public void Tables_have_name_and_size()
    {
        TableStatsEntry table = _old.QueryOne<TableAnswer>(new TableQuery()).Tables[3];
        Assert.That((table.TableId, table.Name, table.MaxEntries), Is.EqualTo((3, "", 1_000_000u)));
    }

    [Test]
    public void One_group_is_described_when_one_is_asked_for()
    {
        Controller.Succeeds("add-group group_id=1,type=all,bucket=output:1", "add-group group_id=2,type=all,bucket=output:2");
        Assert.That(_old.QueryOne<GroupDescAnswer>(new GroupDescQuery { GroupId = 2 }).Groups.Select(group => group.GroupId), Is.EqualTo(new[] { 2u }));
    }

    [Test]
    public void Port_settings_of_1_0_are_kept_and_1_3_does_not_see_them()
    {
        const PortConfig Settings = PortConfig.NoFlood | PortConfig.NoStp | PortConfig.NoRecvStp;
        _old.Succeeds(new PortMod(1, 0x020000000001, Settings, Settings, 0));

        Assert.That(_old.QueryOne<PortDescAnswer>(new PortDescQuery()).Ports[0].Config, Is.EqualTo(Settings));
        Assert.That(Controller.Expect<PortStatus>().Port.Config, Is.EqualTo(PortConfig.None));
        Assert.That(Controller.QueryOne<PortDescAnswer>(new PortDescQuery()).Ports[0].Config, Is.EqualTo(PortConfig.None));
    }

    [Test]
    public void Fragment_handling_and_invalid_ttl_read_back()
    {
        _old.Succeeds(new SetConfig(FragmentHandling.NxMatch, 77) { SendsInvalidTtl = true });
        GetConfigReply reply = _old.Ask<GetConfigReply>(new GetConfigRequest());
        Assert.That((reply.Fragments, reply.MissSendLength, reply.SendsInvalidTtl), Is.EqualTo((FragmentHandling.NxMatch, 77, true)));

        Switch.OnPacketIn(Event(PacketInReason.InvalidTtl));
        Assert.That(_old.Expect<PacketIn>().Reason, Is.EqualTo(PacketInReason.InvalidTtl));
        Controller.ExpectNothing();

        _old.Succeeds(new SetConfig(FragmentHandling.NxMatch, 77) { SendsInvalidTtl = false });
        Switch.OnPacketIn(Event(PacketInReason.InvalidTtl));
        _old.ExpectNothing();
    }

    [Test]
    public void Packets_for_a_controller_by_number_go_to_that_one()
    {
        _old.Send(new SetControllerId(5));
        Switch.OnPacketIn(Event(PacketInReason.Action) with { ControllerId = 5 });
        Assert.That(_old.Expect<PacketIn>().Reason, Is.EqualTo(PacketInReason.Action));
        Controller.ExpectNothing();

        Switch.OnPacketIn(Event(PacketInReason.Action));
        Controller.Expect<PacketIn>();
        _old.ExpectNothing();
    }

    [Test]
    public void Roles_without_generations_do_not_touch_those_of_others()
    {
        Controller.Ask<RoleReply>(new RoleRequest(ControllerRole.Master, 9));
        Assert.That(_old.Ask<RoleReply>(new RoleRequest(ControllerRole.Master, 0) { IsWithoutGeneration = true }).Role, Is.EqualTo(ControllerRole.Master));
        Assert.That(Controller.Ask<RoleReply>(new RoleRequest(ControllerRole.NoChange, 0)), Has.Property("Role").EqualTo(ControllerRole.Slave).And.Property("GenerationId").EqualTo(9));
    }

    [Test]
    public void Packet_out_skips_what_the_packet_has_not()
    {
        PacketOut packet = new(FlowMod.NoBuffer, 1, [new PopVlanAction(), new OutputAction(2)], new byte[60]);
        _old.Fails(packet, OfError.BadActionMatchInconsistent);
        _old.Succeeds(packet with { SkipsImpossible = true });
    }

    [Test]
    public void Enqueue_counts_as_an_output_and_must_be_possible()
    {
        _old.Succeeds(Flows.Rule("actions=drop") with { Instructions = [new ApplyActionsInstruction([new EnqueueAction(2, 1)])] });
        Assert.That(Switch.Snapshot.Rules().Single().OutputsTo(2), Is.True);
        _old.Fails(
            Flows.Rule("actions=drop") with { Instructions = [new ApplyActionsInstruction([new EnqueueAction(0xfffff0, 1)])] }, OfError.BadActionBadOutPort);
    }

    private static PacketInEvent Event(PacketInReason reason) => new()
    {
        Reason = reason,
        TableId = 0,
        Cookie = 0,
        MaxLength = 0xffff,
        PipelineFields = default,
        InPort = 1,
        Frame = new byte[60],
        TotalLength = 60,
    };
}
