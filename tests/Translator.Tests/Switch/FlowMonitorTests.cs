using OvsBridge.OpenFlow;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Messages.Multipart;
using OvsBridge.OpenFlow.Wire;
using OvsBridge.Testing;

namespace OvsBridge.Translator.Tests.Switch;

/// <summary>Connections that watch flows.</summary>
[TestFixture]
public sealed class FlowMonitorTests : SwitchFixture
{
    private const FlowMonitorFlags Events = FlowMonitorFlags.Add | FlowMonitorFlags.Delete | FlowMonitorFlags.Modify;
    private const FlowMonitorFlags All = Events | FlowMonitorFlags.Initial | FlowMonitorFlags.Actions | FlowMonitorFlags.Own;

    private static MultipartRequest Watch(FlowMonitorFlags flags, string match = "", uint outPort = OfPorts.Any, byte table = 0xff, uint id = 1) =>
        new(new FlowMonitorQuery([new FlowMonitorRequest(id, flags, outPort, table, Flows.Match(match))]));

    private static ValueList<FlowUpdate> Updates(FakeController controller)
    {
        MultipartReply reply = controller.Expect<MultipartReply>();
        return ((FlowUpdateAnswer)reply.Answer).Updates;
    }

    [TestCase(OfCodec.Version)]
    [TestCase(OfCodec.Version10)]
    public void The_reply_has_the_flows_that_are_there_and_changes_follow(byte version)
    {
        using FakeController watcher = new(Switch, version: version);
        Controller.Succeeds("add-flow table=3,cookie=7,priority=9,idle_timeout=5,ip,actions=output:2");
        watcher.Send(Watch(All));
        FlowUpdate there = Updates(watcher).Single();
        Assert.That((there.Event, there.TableId, there.Cookie, there.Priority, there.IdleTimeoutSeconds), Is.EqualTo((FlowUpdateEvent.Added, 3, 7ul, 9, 5)));
        Assert.That(there.Instructions, Has.Count.EqualTo(1));

        Controller.Succeeds("add-flow in_port=1,actions=output:1");
        Assert.That(Updates(watcher).Single().Event, Is.EqualTo(FlowUpdateEvent.Added));
        Controller.Succeeds("mod-flows in_port=1,actions=output:2");
        Assert.That(Updates(watcher).Single().Event, Is.EqualTo(FlowUpdateEvent.Modified));
        Controller.Succeeds("add-flow in_port=1,actions=output:3");
        Assert.That(Updates(watcher).Single().Event, Is.EqualTo(FlowUpdateEvent.Added), "as Open vSwitch: replaced by an add");
        Controller.Succeeds("del-flows");
        Assert.That(Updates(watcher).Select(update => (update.Event, update.Reason)), Is.All.EqualTo((FlowUpdateEvent.Deleted, FlowRemovedReason.Delete)));
        watcher.ExpectNothing();
    }

    [Test]
    public void Without_the_flag_there_are_no_instructions_and_own_changes_are_abbreviated()
    {
        Controller.Send(Watch(Events));
        Assert.That(Updates(Controller), Is.Empty);

        uint xid = Controller.Send(Flows.Rule("in_port=1,actions=output:1"));
        FlowUpdate own = Updates(Controller).Single();
        Assert.That((own.Event, own.Xid), Is.EqualTo((FlowUpdateEvent.Abbreviated, xid)));

        using FakeController other = new(Switch);
        other.Succeeds("mod-flows in_port=1,actions=output:2");
        FlowUpdate others = Updates(Controller).Single();
        Assert.That((others.Event, others.Instructions.Count), Is.EqualTo((FlowUpdateEvent.Modified, 0)));
    }

    [Test]
    public void Only_what_was_described_is_told()
    {
        Controller.Send(Watch(All, "ip", outPort: 2, table: 1));
        Updates(Controller);
        Controller.Succeeds("add-flow table=1,arp,actions=output:2", "add-flow table=1,ip,actions=output:3", "add-flow table=2,ip,actions=output:2");
        Controller.Send(Flows.Rule("table=1,tcp,actions=output:2"));
        Assert.That(Updates(Controller).Single().Event, Is.EqualTo(FlowUpdateEvent.Added));

        Controller.Send(Flows.Rule("table=1,tcp,actions=drop"));
        Assert.That(Updates(Controller).Single().Event, Is.EqualTo(FlowUpdateEvent.Added), "it did output there");
    }

    [Test]
    public void Numbers_are_unique_and_must_be_known()
    {
        Controller.Send(Watch(All, id: 4));
        Updates(Controller);
        Controller.Fails(Watch(All, id: 4), OfError.FlowMonitorFailedMonitorExists);
        Controller.Fails(new FlowMonitorCancel(5), OfError.FlowMonitorFailedUnknownMonitor);
        Controller.Succeeds(new FlowMonitorCancel(4));
        Controller.Succeeds("add-flow actions=drop");
    }

    [Test]
    public void Flags_without_an_event_are_refused() => Controller.Fails(Watch(FlowMonitorFlags.Initial), OfError.FlowMonitorFailedBadFlags);
}
