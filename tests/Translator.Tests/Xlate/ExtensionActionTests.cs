using OvsBridge.OpenFlow;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.Testing;
using OvsBridge.Translator.Tables;

namespace OvsBridge.Translator.Tests.Xlate;

/// <summary>Actions of OpenFlow 1.0 and Nicira's, as the pipeline carries them out.</summary>
[TestFixture]
internal sealed class ExtensionActionTests
{
    private static Given Actions(params ReadOnlySpan<OfAction> actions) => Given.Pipeline(Pipelines.Empty().With(new Rule
    {
        TableId = 0,
        Priority = 1,
        Match = Match.Any,
        Instructions = [new ApplyActionsInstruction(ValueList.Create(actions))],
        Stats = new RuleStats(0),
    }));

    [Test]
    public void Set_vlan_vid_pushes_a_tag_where_there_is_none_and_looks_whether_there_is_one()
    {
        Given given = Actions(new SetVlanVidAction(7), new SetVlanPcpAction(3), new OutputAction(2));

        given.Packet("in_port=1,dl_type=0x1234").Yields("push_vlan(vid=7,pcp=3),2", "in_port=1,vlan_tci=0x0000/0x1000");
        given.Packet("in_port=1,dl_vlan=5,dl_vlan_pcp=1,dl_type=0x1234").Yields("set(vlan(vid=7,pcp=3)),2");
    }

    [TestCase("tcp", "set(tp(src=9)),2")]
    [TestCase("udp", "set(tp(src=9)),2")]
    [TestCase("sctp", "set(tp(src=9)),2")]
    [TestCase("icmp", "2")]
    public void A_port_is_set_of_what_the_packet_has(string packet, string actions) =>
        Actions(new SetTransportPortAction(true, 9), new OutputAction(2)).Packet($"in_port=1,{packet}").Yields(actions);

    [Test]
    public void Enqueue_is_for_one_output_and_pop_queue_takes_set_queue_back()
    {
        Actions(new SetQueueAction(4), new EnqueueAction(2, 7), new OutputAction(3), new PopQueueAction(), new OutputAction(4)).Packet("in_port=1")
            .Yields("set(skb_priority(0x10008)),2,set(skb_priority(0x10005)),3,set(skb_priority(0)),4");
    }

    [Test]
    public void Controller_action_tells_its_reason_and_whom_it_is_for()
    {
        Given.Yield yield = Actions(new NoteAction([1, 2]), new ControllerAction(30, 5, PacketInReason.NoMatch)).Packet("in_port=1");

        yield.Yields("userspace(pid=0,NoMatch)");
        Assert.That(yield.Result.References.OfType<Translator.Xlate.PacketInRecord>().Single(), Has.Property("ControllerId").EqualTo(5).And.Property("MaxLength").EqualTo(30));
    }

    [TestCase(OfPorts.Flood, "3,4,5,6,100")]
    [TestCase(OfPorts.Normal, "3,4,5,6,100")]
    [TestCase(OfPorts.All, "2,3,4,5,6,100")]
    public void Flood_and_NORMAL_spare_ports_that_say_so_and_ALL_does_not(uint port, string outputs)
    {
        PipelineSnapshot pipeline = Pipelines.Empty().WithPort(2, PortConfig.NoFlood).With(new Rule
        {
            TableId = 0,
            Priority = 1,
            Match = Match.Any,
            Instructions = [new ApplyActionsInstruction([new OutputAction(port)])],
            Stats = new RuleStats(0),
        });

        Given.Pipeline(pipeline).Packet("in_port=1,dl_dst=02:00:00:00:00:07").Yields(outputs.Replace("100", $"{OfPorts.DatapathLocal}", StringComparison.Ordinal));
    }
}
