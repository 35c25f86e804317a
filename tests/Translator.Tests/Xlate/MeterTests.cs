using OvsBridge.Datapath;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.Testing;
using OvsBridge.Translator.Tables;
using OvsBridge.Translator.Xlate;

namespace OvsBridge.Translator.Tests.Xlate;

/// <summary>The meter instruction, and the virtual meters. In these pipelines a meter's slot is its number.</summary>
[TestFixture]
public sealed class MeterTests
{
    private const string Drop = "add-meter meter=5,pktps,bands=type=drop,rate=10";
    private const string Remark = "add-meter meter=6,pktps,bands=type=dscp_remark,rate=10,prec_level=1";
    private const string Controller = "add-meter meter=controller,pktps,bands=type=drop,rate=10";
    private const string SlowPath = "add-meter meter=slowpath,pktps,bands=type=drop,rate=10";

    [Test]
    public void Meter_comes_before_the_other_instructions() =>
        Given.Flows(Drop, "actions=meter:5,output:2,write_actions(output:3)").Packet("in_port=1,udp").Yields("meter(5),2,3", "in_port=1");

    [Test]
    public void Packet_is_metered_as_earlier_tables_left_it() =>
        Given.Flows(Drop, "ip,actions=mod_dl_dst:02:00:00:00:00:09,push_vlan:0x8100,goto_table:1", "table=1,actions=meter:5,output:2").Packet("in_port=1,udp")
            .Yields("set(eth(dst=02:00:00:00:00:09)),push_vlan(vid=0,pcp=0),meter(5),2");

    [Test]
    public void Later_table_that_looks_at_the_DSCP_behind_a_remark_sees_the_packet_anew()
    {
        Given given = Given.Flows(
            Remark, "ip,actions=mod_nw_dst:10.0.0.9,meter:6,goto_table:1".Replace("mod_nw_dst:10.0.0.9,meter:6", "meter:6,mod_nw_dst:10.0.0.9", StringComparison.Ordinal),
            "table=1,ip,ip_dscp=12,actions=output:2", "table=1,actions=output:3");
        Given.Yield first = given.Packet("in_port=1,udp,nw_tos=40").Yields("meter(6),set(ipv4(dst=10.0.0.9)),recirc(0x1)", "ip,in_port=1");

        // The datapath parses it again: one of the two DSCPs that it may have.
        Assert.That(Ports(Resume(first, "in_port=1,recirc_id=1,udp,nw_tos=48")), Is.EqualTo("2"));
        Assert.That(Ports(Resume(first, "in_port=1,recirc_id=1,udp,nw_tos=40")), Is.EqualTo("3"));
    }

    [Test]
    public void Later_table_that_does_not_look_goes_on_at_once()
    {
        Given.Flows(Remark, "actions=meter:6,goto_table:1", "table=1,ip,nw_dst=10.0.0.0/8,actions=output:2", "table=1,actions=output:3")
            .Packet("in_port=1,udp,nw_dst=10.1.1.1").Yields("meter(6),2");
        Given.Flows(Drop, "actions=meter:5,goto_table:1", "table=1,ip,ip_dscp=10,actions=output:2").Packet("in_port=1,udp,nw_tos=40").Yields("meter(5),2");
        Given.Flows(Remark, "actions=meter:6,goto_table:1", "table=1,ip,ip_dscp=10,actions=output:2", "table=1,actions=output:3").Packet("in_port=1,arp").Yields("meter(6),3");
    }

    [Test]
    public void Remarked_DSCP_is_not_overwritten_but_by_a_set_field()
    {
        // Written before the meter: the meter may have raised it.
        Given.Flows(Remark, "ip,actions=set_field:10->ip_dscp,goto_table:1", "table=1,ip,actions=meter:6,set_field:10.0.0.9->ip_dst,set_field:2->ip_ecn,output:2")
            .Packet("in_port=1,udp").Yields("set(ipv4(tos=0x28/0xfc)),meter(6),set(ipv4(dst=10.0.0.9,tos=0x2/0x3)),2");

        // Written behind it.
        Given.Flows(Remark, "ip,actions=meter:6,set_field:10->ip_dscp,output:2").Packet("in_port=1,udp").Yields("meter(6),set(ipv4(tos=0x28/0xfc)),2");
        Given.Flows(Remark, "ip,actions=meter:6,set_field:10->ip_dscp,goto_table:1", "table=1,ip,ip_dscp=10,actions=output:2")
            .Packet("in_port=1,udp").Yields("meter(6),set(ipv4(tos=0x28/0xfc)),2");
        Given.Flows(Remark, "ip,actions=set_field:10->ip_dscp,goto_table:1", "table=1,ip,actions=meter:6,set_field:10->ip_dscp,output:2")
            .Packet("in_port=1,udp").Yields("set(ipv4(tos=0x28/0xfc)),meter(6),set(ipv4(tos=0x28/0xfc)),2");
    }

    [Test]
    public void Bucket_that_writes_the_DSCP_works_on_a_copy() =>
        Given.Flows("add-group group_id=1,type=all,bucket=actions=set_field:10->ip_dscp,output:2,bucket=actions=output:3", Remark, "ip,actions=meter:6,group:1")
            .Packet("in_port=1,udp").Yields("meter(6),clone(set(ipv4(tos=0x28/0xfc)),2),3");

    [Test]
    public void Meter_on_the_way_of_a_packet_out_through_the_tables_ends_that_way_only()
    {
        Given given = Given.Flows(Drop, "actions=meter:5,output:2");
        given.PacketOut("in_port=1,udp", "output:table,output:3").Yields("clone(meter(5),2),3");
        given.PacketOut("in_port=1,udp", "output:3,output:table").Yields("3,meter(5),2");
    }

    [Test]
    public void Copies_for_controllers_pass_the_controller_meter()
    {
        uint slot = OpenFlow.Messages.MeterMod.ControllerMeter;
        Given.Flows("udp,actions=output:2,controller").Packet("in_port=1,udp").Yields("2,userspace(pid=0,Action)");
        Given.Flows(Controller, SlowPath, "priority=0,actions=controller,output:2").Packet("in_port=1,udp").Yields($"userspace(pid=0,NoMatch,meter({slot})),2");
        Given.Flows(Controller).PacketOut("in_port=1,udp", "controller").Yields($"userspace(pid=0,Action,meter({slot}))");
        Given.Flows(Controller, "ip,actions=dec_ttl,output:2").Packet("in_port=1,udp,nw_ttl=1").Yields($"userspace(pid=0,InvalidTtl,meter({slot}))");
    }

    [Test]
    public void Packets_for_the_slow_path_pass_the_slow_path_meter()
    {
        Given given = Given.Flows(SlowPath, Controller, Drop, "actions=meter:5,output:2").Without(DpActionType.Meter);
        XlateResult result = given.Packet("in_port=1,udp").Yields("meter(5),2").Result;
        Assert.That(DpActionsText.Print(result.Installed), Is.EqualTo($"userspace(pid=0,slow_path(cookie=0x0),meter({OpenFlow.Messages.MeterMod.SlowPathMeter}))"));
        Assert.That(result.Dependencies.Parts, Does.Contain(StatePart.Meter(OpenFlow.Messages.MeterMod.SlowPathMeter)));
    }

    [Test]
    public void What_meets_no_meter_depends_on_none()
    {
        StatePart part = StatePart.Meter(OpenFlow.Messages.MeterMod.ControllerMeter);
        Assert.That(Given.Flows("actions=output:2").Packet("in_port=1,udp").Result.Dependencies.Parts, Does.Not.Contain(part));
        Assert.That(Given.Flows("actions=controller").Packet("in_port=1,udp").Result.Dependencies.Parts, Does.Contain(part), "one for controllers may come");
    }

    [Test]
    public void Trace_says_meter()
    {
        FlowKey key = Packets.Key("in_port=1,udp");
        XlateTrace trace = new();
        XlateEnvironment environment = new(XlatePropertyTests.AllButMeters, new MacTable());
        XlateResult result = new Xlator(environment).Translate(Pipelines.Of(Drop, "actions=meter:5,output:2"), key, trace);
        string text = TraceText.Print("br0", key, trace, result, environment, null);
        Assert.That(text, Does.Contain("    meter:5\n    output:2\n").And.Contain("Datapath actions: meter(5),2\n"));
    }

    private static XlateResult Resume(Given.Yield first, string packet) =>
        new Xlator(first.Environment).Translate(first.Result.Snapshot, Packets.Key(packet));

    private static string Ports(XlateResult result) => DpActionsText.Print(result.Actions);
}
