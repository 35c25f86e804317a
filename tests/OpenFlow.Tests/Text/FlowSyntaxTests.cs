using FsCheck;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Text;
using OvsBridge.Testing;

namespace OvsBridge.OpenFlow.Tests.Text;

[TestFixture]
public sealed class FlowSyntaxTests
{
    [Test]
    public void Reads_a_whole_flow()
    {
        FlowMod flow = FlowSyntax.ParseFlow(
            "table=3,priority=5,cookie=0x7,idle_timeout=10,hard_timeout=20,send_flow_rem,check_overlap,in_port=1,tcp,tp_dst=80,actions=output:2");

        Assert.Multiple(() =>
        {
            Assert.That(flow.Command, Is.EqualTo(FlowModCommand.Add));
            Assert.That(flow.TableId, Is.EqualTo(3));
            Assert.That(flow.Priority, Is.EqualTo(5));
            Assert.That(flow.Cookie, Is.EqualTo(7));
            Assert.That(flow.IdleTimeoutSeconds, Is.EqualTo(10));
            Assert.That(flow.HardTimeoutSeconds, Is.EqualTo(20));
            Assert.That(flow.Flags, Is.EqualTo(FlowModFlags.SendFlowRemoved | FlowModFlags.CheckOverlap));
            Assert.That(FieldTable.InPort.Get(flow.Match.Value), Is.EqualTo((UInt128)1));
            Assert.That(FieldTable.EthType.Get(flow.Match.Value), Is.EqualTo((UInt128)0x0800));
            Assert.That(FieldTable.IpProto.Get(flow.Match.Value), Is.EqualTo((UInt128)6));
            Assert.That(FieldTable.TcpDst.Get(flow.Match.Value), Is.EqualTo((UInt128)80));
            Assert.That(flow.Match.Mask.IpTtl, Is.Zero);
            Assert.That(flow.Instructions, Is.EqualTo((ValueList<OfInstruction>)[new ApplyActionsInstruction([new OutputAction(2, 0)])]));
        });
    }

    [TestCase("in_port=1,actions=output:2", "in_port=1 actions=output:2")]
    [TestCase("actions=drop", "actions=drop")]
    [TestCase("priority=0,actions=NORMAL", "priority=0 actions=NORMAL")]
    [TestCase("tcp6,ipv6_dst=fe80::1/64,actions=2,3", "tcp6,ipv6_dst=fe80::/64 actions=output:2,output:3")]
    [TestCase("dl_type=0x88e7,pbb_isid=5,actions=pop_pbb,2", "dl_type=0x88e7,pbb_isid=5 actions=pop_pbb,output:2")]
    [TestCase("ipv6,ipv6_exthdr=0x4/0x4,actions=copy_ttl_in", "ipv6,ipv6_exthdr=0x4/0x4 actions=copy_ttl_in")]
    [TestCase("ip,actions=set_field:10.0.0.1/8->ip_src", "ip actions=set_field:10.0.0.0/8->ip_src")]
    [TestCase("ip,actions=load:5->NXM_OF_IP_SRC[0..7]", "ip actions=set_field:0.0.0.5/0.0.0.255->ip_src")]
    [TestCase("ip,actions=load:0xa000001->NXM_OF_IP_SRC[]", "ip actions=set_field:10.0.0.1->ip_src")]
    [TestCase("in_port=LOCAL,actions=in_port", "in_port=LOCAL actions=IN_PORT")]
    [TestCase("actions=write_actions()", "actions=write_actions(drop)")]
    [TestCase("actions=goto_table:3", "actions=goto_table:3")]
    public void Prints_normalised(string line, string expected) =>
        Assert.That(FlowSyntax.Print(FlowSyntax.ParseFlow(line)), Is.EqualTo(expected));

    [TestCase("in_port=1,bogus=3,actions=2", "bogus=3", 10)]
    [TestCase("in_port=1,bogus,actions=2", "bogus", 10)]
    [TestCase("ip,nw_src=1.2.3,actions=2", "nw_src=1.2.3", 3)]
    [TestCase("actions=output:2,frobnicate:3", "frobnicate:3", 17)]
    [TestCase("actions=write_actions(output:1,bad)", "bad", 31)]
    [TestCase("actions=goto_table:1,output:2", "output:2", 21)]
    [TestCase("actions=2,drop", "drop", 10)]
    [TestCase("actions=drop,2", "drop", 8)]
    [TestCase("actions=drop,goto_table:1", "drop", 8)]
    [TestCase("ip,tp_src=80,actions=2", "tp_src=80", 3)]
    [TestCase("dl_vlan=4096,actions=2", "dl_vlan=4096", 0)]
    [TestCase("importance=3,actions=2", "importance=3", 0)]
    [TestCase("tcp,udp,actions=2", "udp", 4)]
    [TestCase("tcp=5,actions=2", "tcp=5", 0)]
    [TestCase("in_port=1", "in_port=1", 0)]
    [TestCase("ip,nw_ttl=3,actions=2", "nw_ttl=3", 3)]
    [TestCase("out_port=3,actions=2", "out_port=3", 0)]
    [TestCase("cookie=1/1,actions=2", "cookie=1/1", 0)]
    [TestCase("actions=set_field:5->in_port", "set_field:5->in_port", 8)]
    [TestCase("actions=write_actions(2", "actions=write_actions(2", 0)]
    [TestCase("actions=resubmit(,1)", "resubmit(,1)", 8)]
    [TestCase("actions=2,in_port=1", "in_port=1", 10)]
    public void Names_the_wrong_word_and_its_position(string line, string word, int position)
    {
        FlowSyntaxException error = Assert.Throws<FlowSyntaxException>(() => FlowSyntax.ParseFlow(line))!;

        Assert.Multiple(() =>
        {
            Assert.That(error.Word, Is.EqualTo(word), error.Message);
            Assert.That(error.Position, Is.EqualTo(position), error.Message);
        });
    }

    [TestCase("in_port=LOCAL", OfPorts.Local)]
    [TestCase("in_port=65534", OfPorts.Local)]
    [TestCase("in_port=controller", OfPorts.Controller)]
    [TestCase("in_port=65279", OfPorts.HighestOrdinary)]
    public void A_match_has_OpenFlow_port_numbers(string text, uint port) =>
        Assert.That(MatchText.Parse(text).Value.InPort, Is.EqualTo(port));

    [Test]
    public void Notes_what_it_leaves_out_when_asked_to_be_lenient()
    {
        List<string> notes = [];
        Match match = MatchText.Parse("icmp6,icmp_code=0,nd_target=fe80::1", null, notes);

        Assert.That(MatchText.Print(match), Is.EqualTo("icmp6,icmp_code=0"));
        Assert.That(notes, Has.Count.EqualTo(1).And.ItemAt(0).Contains("nd_target=fe80::1"));
    }

    [Test]
    public void Vlan_vid_of_OpenFlow_1_0_pushes_a_tag_unless_the_match_has_one()
    {
        Assert.That(Actions("actions=mod_vlan_vid:5,mod_vlan_pcp:3"), Is.EqualTo("push_vlan:0x8100,set_field:4101->vlan_vid,set_field:3->vlan_pcp"));
        Assert.That(Actions("dl_vlan=5,actions=mod_vlan_vid:6"), Is.EqualTo("set_field:4102->vlan_vid"));
        Assert.That(Actions("dl_vlan=5,actions=strip_vlan,mod_vlan_vid:6"), Is.EqualTo("pop_vlan,push_vlan:0x8100,set_field:4102->vlan_vid"));
    }

    [Test]
    public void Command_positions_count_from_the_command()
    {
        FlowSyntaxException error = Assert.Throws<FlowSyntaxException>(() => FlowSyntax.ParseCommand("del-flows --strict ip,bogus=1"))!;
        Assert.That(error.Position, Is.EqualTo("del-flows --strict ip,".Length));
        Assert.That(Assert.Throws<FlowSyntaxException>(() => FlowSyntax.ParseCommand("  frob x"))!.Position, Is.EqualTo(2));
        Assert.That(
            FlowSyntax.ParseCommand("del-flows --strict priority=3,ip"),
            Is.InstanceOf<FlowMod>().With.Property(nameof(FlowMod.Command)).EqualTo(FlowModCommand.DeleteStrict));
    }

    [FsCheck.NUnit.Property(MaxTest = 3000)]
    public void Parsing_what_was_printed_gives_the_flow_back(DoNotSize<int> seed)
    {
        FlowMod flow = RandomFlows.Next(new Random(seed.Item));
        string text = FlowSyntax.Print(flow);
        FlowMod back = FlowSyntax.ParseFlow(text);
        Assert.That(MessageText.Of(back), Is.EqualTo(MessageText.Of(flow)), text);
        Assert.That(back, Is.EqualTo(flow));
    }

    /// <summary>Text comes from people and scripts: whatever it is, the answer is a flow or a word that is wrong.</summary>
    [FsCheck.NUnit.Property(MaxTest = 5000)]
    public void Any_text_is_read_or_refused_with_a_word_of_it(DoNotSize<int> seed)
    {
        Random random = new(seed.Item);
        (string command, string argument) = Mutated.Command(random);
        string text = $"{command} {argument}";
        try
        {
            FlowSyntax.ParseCommand(text);
        }
        catch (FlowSyntaxException refused)
        {
            Assert.That(refused.Position, Is.InRange(0, text.Length), text);
            Assert.That(text.AsSpan(refused.Position).StartsWith(refused.Word), Is.True, $"{text}\n{refused.Message}");
        }
    }

    [Test]
    public void Numbers_are_in_C_notation()
    {
        Assert.That(FlowSyntax.ParseFlow("priority=010,actions=drop").Priority, Is.EqualTo(8));
        Assert.That(FlowSyntax.ParseFlow("priority=0x10,actions=drop").Priority, Is.EqualTo(16));
        Assert.Throws<FlowSyntaxException>(() => FlowSyntax.ParseFlow("priority=08,actions=drop"));
    }

    private static string Actions(string line) => InstructionText.Print(FlowSyntax.ParseFlow(line).Instructions);
}
