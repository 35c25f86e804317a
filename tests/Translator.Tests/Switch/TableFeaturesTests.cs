using OvsBridge.OpenFlow;
using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Messages.Multipart;
using OvsBridge.OpenFlow.Wire;
using OvsBridge.Testing;
using OvsBridge.Translator.Switch;

namespace OvsBridge.Translator.Tests.Switch;

/// <summary>OFPMP_TABLE_FEATURES, multipart requests in several messages, OFPT_TABLE_MOD.</summary>
[TestFixture]
public sealed class TableFeaturesTests : SwitchFixture
{
    private List<TableFeaturesEntry> Get() => [.. Controller.Query<TableFeaturesAnswer>(new TableFeaturesQuery([])).SelectMany(part => part.Tables)];

    private static ValueList<uint> Ids(TableFeaturesEntry table, TableFeatureKind kind) => table.Properties.Single(p => p.Kind == kind).Ids;

    private static TableFeaturesEntry Bare(byte table, uint maxEntries = 1_000_000) => new(table, $"t{table}", 0, 0, 0, maxEntries, []);

    /// <summary>Sets, in as many messages as it takes, and gives what the switch says that it is then.</summary>
    private List<TableFeaturesEntry> Set(params TableFeaturesEntry[] tables)
    {
        foreach (MultipartRequest part in MultipartSplitter.Split(77, new TableFeaturesQuery(tables.ToValueList())))
            Controller.Send(part);
        List<TableFeaturesEntry> answer = [];
        MultipartReply reply;
        do
        {
            reply = Controller.Expect<MultipartReply>();
            Assert.That(reply.Xid, Is.EqualTo(77));
            answer.AddRange(((TableFeaturesAnswer)reply.Answer).Tables);
        }
        while (reply.More);
        return answer;
    }

    private void Refuses(OfError error, params TableFeaturesEntry[] tables) =>
        Controller.Fails(new MultipartRequest(new TableFeaturesQuery(tables.ToValueList())), error);

    [Test]
    public void All_254_tables_are_described_with_every_property_that_tools_require()
    {
        List<TableFeaturesEntry> tables = Get();

        Assert.That(tables.Select(table => table.TableId), Is.EqualTo(Enumerable.Range(0, 254)));
        foreach (TableFeaturesEntry table in tables)
        {
            // ovs-ofctl fails on a table that lacks one of these eight
            Assert.That(table.Properties.Select(p => (int)p.Kind), Is.EqualTo(new[] { 0, 2, 4, 6, 8, 10, 12, 14 }));
            Assert.That((table.MaxEntries, table.MetadataMatch, table.MetadataWrite), Is.EqualTo((1_000_000u, ulong.MaxValue, ulong.MaxValue)));
            Assert.That(table.Name, Is.Empty);
            Assert.That(Ids(table, TableFeatureKind.NextTables), Is.EqualTo(Enumerable.Range(table.TableId + 1, 253 - table.TableId)));
        }

        Assert.That(Ids(tables[0], TableFeatureKind.Instructions), Is.EqualTo(new[] { 1, 2, 3, 4, 5, 6 }));
        Assert.That(Ids(tables[253], TableFeatureKind.Instructions), Is.EqualTo(new[] { 2, 3, 4, 5, 6 }), "nowhere to go from the last");
    }

    [Test]
    public void Match_lists_say_which_fields_take_a_mask()
    {
        TableFeaturesEntry table = Get()[0];

        Assert.That(Ids(table, TableFeatureKind.Match), Has.Count.EqualTo(40));
        Assert.That(Ids(table, TableFeatureKind.Match), Has.Member(0x80001708u).And.Member(0x80000004u), "ipv4_src with mask, in_port without");
        Assert.That(Ids(table, TableFeatureKind.Wildcards), Is.EqualTo(FieldTable.All.Take(40).Select(field => field.OxmHeader)));
        Assert.That(Ids(table, TableFeatureKind.ApplySetField), Has.Member(0x80001604u).And.No.Member(0x80000004u), "in_port can't be set");
    }

    [Test]
    public void Equal_questions_share_one_answer()
    {
        TableFeatureHandler handler = new(1000, meters: true);
        var settings = TableSettings.Defaults(1000);

        IReadOnlyList<MultipartReply> first = handler.Get(settings);
        IReadOnlyList<MultipartReply> second = handler.Get(settings);
        IReadOnlyList<MultipartReply> other = handler.Get(settings.SetItem(1, settings[1] with { Name = "other" }));

        Assert.That(second, Is.SameAs(first));
        Assert.That(other, Is.Not.SameAs(first));
        Assert.That(first.Sum(part => OfCodec.Encode(part).Length), Is.LessThan(400_000), "Open vSwitch sends 1.25 MB");
    }

    [Test]
    public void Setting_what_there_is_changes_nothing()
    {
        Controller.Succeeds("add-flow table=9,in_port=1,actions=drop");
        List<TableFeaturesEntry> before = Get();

        List<TableFeaturesEntry> after = Set([.. before]);

        Assert.That(after, Is.EqualTo(before));
        Assert.That(FlowCount, Is.EqualTo(1));
    }

    [Test]
    public void Name_and_size_are_taken_over_and_the_size_counts()
    {
        Set([.. Get().Select(table => table.TableId == 3 ? table with { Name = "acl", MaxEntries = 1 } : table)]);

        TableFeaturesEntry acl = Get()[3];
        Assert.That((acl.Name, acl.MaxEntries), Is.EqualTo(("acl", 1u)));
        Controller.Succeeds("add-flow table=3,in_port=1,actions=drop");
        Controller.Fails("add-flow table=3,in_port=2,actions=drop", OfError.FlowModFailedTableFull);
    }

    [Test]
    public void Tables_that_the_request_leaves_out_are_gone_with_their_flows_and_quietly()
    {
        Controller.Succeeds("add-flow table=0,in_port=1,actions=drop", "add-flow table=2,send_flow_rem,in_port=1,actions=drop");

        List<TableFeaturesEntry> after = Set(Bare(0), Bare(1));

        Assert.That(after.Select(table => table.TableId), Is.EqualTo(new[] { 0, 1 }));
        Assert.That(Ids(after[0], TableFeatureKind.NextTables), Is.EqualTo(new[] { 1 }));
        Assert.That(FlowCount, Is.EqualTo(1));
        Controller.ExpectNothing();
        Controller.Fails("add-flow table=2,in_port=1,actions=drop", OfError.FlowModFailedBadTableId);
        Controller.Fails("add-flow table=0,actions=goto_table:2", OfError.BadInstructionBadTableId);
        Controller.Fails(new MultipartRequest(new FlowQuery(FlowFilter.All with { TableId = 2 })), OfError.BadRequestBadTableId);
        Controller.Fails(new TableMod(2, 0), OfError.TableModFailedBadTable);
        Assert.That(Controller.QueryOne<TableAnswer>(new TableQuery()).Tables, Has.Count.EqualTo(2));

        Set([.. Enumerable.Range(0, 254).Select(id => Bare((byte)id))]);
        Controller.Succeeds("add-flow table=2,in_port=1,actions=drop");
    }

    [Test]
    public void Changed_size_empties_the_table_as_the_specification_has_it()
    {
        Controller.Succeeds("add-flow table=1,in_port=1,actions=drop", "add-flow table=2,in_port=1,actions=drop");

        Set([.. Get().Select(table => table.TableId == 1 ? table with { MaxEntries = 10 } : table)]);

        Assert.That((Switch.Snapshot.Tables[1].Count, Switch.Snapshot.Tables[2].Count), Is.EqualTo((0, 1)));
    }

    [Test]
    public void Impossible_table_is_BAD_TABLE()
    {
        Refuses(OfError.TableFeaturesFailedBadTable, Bare(254));
        Refuses(OfError.TableFeaturesFailedBadTable, Bare(1), Bare(1));
        Assert.That(Get(), Has.Count.EqualTo(254));
    }

    [Test]
    public void Impossible_arguments_are_BAD_ARGUMENT()
    {
        Refuses(OfError.TableFeaturesFailedBadArgument, Bare(0, maxEntries: 1_000_001));
        Refuses(OfError.TableFeaturesFailedBadArgument, Bare(0) with { Config = 4 });
        foreach ((TableFeatureKind kind, uint id) in new[]
        {
            (TableFeatureKind.Instructions, 0u),
            (TableFeatureKind.InstructionsMiss, 7u),
            (TableFeatureKind.NextTables, 0u),
            (TableFeatureKind.NextTables, 5u), // not in the request
            (TableFeatureKind.WriteActions, 1u),
            (TableFeatureKind.ApplyActionsMiss, 28u),
            (TableFeatureKind.Match, 0x80005004u), // OXM field 40
            (TableFeatureKind.Match, 0x80000108u), // in_port with a mask
            (TableFeatureKind.Wildcards, 0x00010204u),
            (TableFeatureKind.WriteSetField, 0x80000004u), // in_port
        })
        {
            Refuses(OfError.TableFeaturesFailedBadArgument, Bare(0) with { Properties = [new TableFeatureProperty(kind, [id])] });
        }

        Assert.That(Get(), Has.Count.EqualTo(254));
    }

    [Test]
    public void Experimenter_property_is_BAD_TYPE() =>
        Refuses(
            OfError.TableFeaturesFailedBadType,
            Bare(0) with { Properties = [new TableFeatureProperty(TableFeatureKind.Experimenter, []) { ExperimenterData = [0, 0, 0, 1, 0, 0, 0, 1] }] });

    [Test]
    public void Slave_may_ask_but_not_set()
    {
        Controller.Ask<RoleReply>(new RoleRequest(ControllerRole.Slave, 1));

        Assert.That(Get(), Has.Count.EqualTo(254));
        Refuses(OfError.BadRequestIsSlave, Bare(0));
    }

    // requests in several messages

    [Test]
    public void Parts_are_one_request_and_take_effect_with_the_last()
    {
        Controller.Send(new MultipartRequest(new TableFeaturesQuery([Bare(0)]), More: true) { Xid = 5 });
        Controller.Send(new MultipartRequest(new TableFeaturesQuery([Bare(7)]), More: true) { Xid = 6 });
        Controller.Send(new MultipartRequest(new TableFeaturesQuery([Bare(1)]), More: true) { Xid = 5 });
        Controller.ExpectNothing();

        Controller.Send(new MultipartRequest(new TableFeaturesQuery([Bare(2)])) { Xid = 5 });

        MultipartReply reply = Controller.Expect<MultipartReply>();
        Assert.That(((TableFeaturesAnswer)reply.Answer).Tables.Select(table => table.TableId), Is.EqualTo(new[] { 0, 1, 2 }));
    }

    [Test]
    public void Too_much_unfinished_is_MULTIPART_BUFFER_OVERFLOW_up_to_the_last_part()
    {
        StopSwitch();
        Start(new OfSwitchOptions { DatapathId = 1, MaxMultipartBytes = 300 });
        Controller.Send(new MultipartRequest(new TableFeaturesQuery([Bare(0)]), More: true) { Xid = 5 });
        Controller.Send(new MultipartRequest(new TableFeaturesQuery([Bare(1), Bare(2), Bare(3), Bare(5)]), More: true) { Xid = 5 });
        Controller.ExpectError(OfError.BadRequestMultipartBufferOverflow);

        Controller.Send(new MultipartRequest(new TableFeaturesQuery([Bare(4)])) { Xid = 5 });

        Controller.ExpectError(OfError.BadRequestMultipartBufferOverflow);
        Assert.That(Get(), Has.Count.EqualTo(254), "the rest of a broken request is not taken for a whole one");
    }

    [Test]
    public void Too_many_unfinished_requests_are_refused()
    {
        for (uint xid = 1; xid <= 64; xid++)
            Controller.Send(new MultipartRequest(new TableFeaturesQuery([Bare(0)]), More: true) { Xid = xid });
        Controller.ExpectNothing();

        Controller.Fails(
            new MultipartRequest(new TableFeaturesQuery([Bare(0)]), More: true) { Xid = 65 }, OfError.BadRequestMultipartBufferOverflow);
    }

    [Test]
    public void Only_table_features_continue()
    {
        Controller.Send(new MultipartRequest(new DescQuery(), More: true) { Xid = 5 });

        Controller.Send(new MultipartRequest(new DescQuery()) { Xid = 5 });

        Controller.ExpectError(OfError.BadRequestBadMultipart);
        Controller.Query<DescAnswer>(new DescQuery());
    }

    // OFPT_TABLE_MOD

    [Test]
    public void Deprecated_configuration_is_kept_and_shown()
    {
        Controller.Succeeds(new TableMod(4, 3));
        Assert.That(Get().Where(table => table.Config != 0).Select(table => table.TableId), Is.EqualTo(new[] { 4 }));

        Controller.Succeeds(new TableMod(FlowMod.AllTables, 0));
        Assert.That(Get().Select(table => table.Config), Is.All.Zero);
    }

    [Test]
    public void Table_mod_of_a_table_that_does_not_exist_is_BAD_TABLE() => Controller.Fails(new TableMod(254, 0), OfError.TableModFailedBadTable);

    [Test]
    public void Table_mod_with_unknown_bits_is_BAD_CONFIG() => Controller.Fails(new TableMod(0, 4), OfError.TableModFailedBadConfig);
}
