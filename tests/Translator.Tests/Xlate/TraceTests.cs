using OvsBridge.Datapath;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.Testing;
using OvsBridge.Translator.Tables;
using OvsBridge.Translator.Xlate;

namespace OvsBridge.Translator.Tests.Xlate;

/// <summary>
/// The tree of a trace as Open vSwitch 3.1 prints it for these flows; the lines behind it are ours, as our megaflows
/// look at fewer bits.
/// </summary>
[TestFixture]
public sealed class TraceTests
{
    private const string Packet = "in_port=1,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:aa,tcp,nw_src=10.0.0.1,nw_ttl=64,tp_src=1000,tp_dst=80,nw_dst=";

    private static readonly string[] _flows =
    [
        "priority=100,ip,in_port=1,nw_dst=10.0.0.2,actions=write_metadata:0x7/0xff,goto_table:1",
        "table=1,priority=10,tcp,metadata=0x7/0xff,tp_dst=80,actions=set_field:02:00:00:00:00:02->eth_dst,dec_ttl,set_queue:1,output:2,goto_table:2",
        "table=1,priority=5,ip,actions=goto_table:2",
        "table=2,priority=0,actions=in_port",
        "add-group group_id=1,type=all,bucket=output:2,bucket=set_field:10.0.0.99->ip_dst,output:3",
        "add-group group_id=2,type=ff,bucket=watch_port:77,output:2",
        "add-group group_id=3,type=ff,bucket=watch_port:4,output:4",
        "priority=100,ip,in_port=1,nw_dst=10.0.0.3,actions=group:1",
        "priority=100,ip,in_port=1,nw_dst=10.0.0.4,actions=group:2",
        "priority=100,ip,in_port=1,nw_dst=10.0.0.5,actions=group:3",
        "priority=100,ip,in_port=1,nw_dst=10.0.0.13,actions=write_actions(set_field:aa:bb:cc:dd:ee:ff->eth_dst,output:4),goto_table:1",
        "priority=90,cookie=0x5,udp,actions=drop",
    ];

    [TestCase("10.0.0.2", """
         0. ip,in_port=1,nw_dst=10.0.0.2, priority 100
            write_metadata:0x7/0xff
            goto_table:1
         1. tcp,metadata=0x7/0xff,tp_dst=80, priority 10
            set_field:02:00:00:00:00:02->eth_dst
            dec_ttl
            set_queue:1
            output:2
            goto_table:2
         2. priority 0
            IN_PORT

        """, TestName = "Tables follow one another on one level")]
    [TestCase("10.0.0.3", """
         0. ip,in_port=1,nw_dst=10.0.0.3, priority 100
            group:1
            bucket 0
                    output:2
            bucket 1
                    set_field:10.0.0.99->ip_dst
                    output:3

        """, TestName = "Buckets are below their group")]
    [TestCase("10.0.0.4", """
         0. ip,in_port=1,nw_dst=10.0.0.4, priority 100
            group:2
             -> no live bucket

        """, TestName = "Dead group says so")]
    [TestCase("10.0.0.5", """
         0. ip,in_port=1,nw_dst=10.0.0.5, priority 100
            group:3
             -> using bucket 0
            bucket 0
                    output:4

        """, TestName = "Chosen bucket is named")]
    [TestCase("10.0.9.9", """
         0. No match.
            drop

        """, TestName = "Table miss drops")]
    [TestCase("10.0.0.13", """
         0. ip,in_port=1,nw_dst=10.0.0.13, priority 100
            write_actions(set_field:aa:bb:cc:dd:ee:ff->eth_dst,output:4)
             -> action set is: set_field:aa:bb:cc:dd:ee:ff->eth_dst,output:4
            goto_table:1
             1. ip, priority 5
                    goto_table:2
                 2. priority 0
                    IN_PORT
        --. Executing action set:
            set_field:aa:bb:cc:dd:ee:ff->eth_dst
            output:4

        """, TestName = "Action set follows the tables")]
    public void Tree_is_laid_out_as_by_Open_vSwitch(string destination, string tree)
    {
        string packet = Packet + destination + (destination == "10.0.0.13" ? ",tcp_flags=0" : "");
        PipelineSnapshot pipeline = Pipelines.Of(_flows);
        FlowKey key = Packets.Key(destination == "10.0.0.13" ? packet.Replace("tp_dst=80", "tp_dst=81", StringComparison.Ordinal) : packet);

        string text = Trace(pipeline, key);

        Assert.That(text, Does.Contain("bridge(\"br0\")\n-------------\n" + tree));
    }

    [Test]
    public void Answer_ends_with_flow_megaflow_and_actions()
    {
        string text = Trace(Pipelines.Of(_flows), Packets.Key(Packet + "10.0.0.2"));

        Assert.That(text, Does.StartWith("Flow: tcp,in_port=1,vlan_tci=0x0000,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:aa,"));
        Assert.That(text.Split('\n')[^4..], Is.EqualTo(new[]
        {
            "Final flow: skb_priority=0x10002,tcp,metadata=0x7,in_port=1,vlan_tci=0x0000,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:02," +
                "nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_tos=0,nw_ecn=0,nw_ttl=63,nw_frag=no,tp_src=1000,tp_dst=80,tcp_flags=0",
            "Megaflow: recirc_id=0,eth,tcp,in_port=1,nw_dst=10.0.0.2,nw_ttl=0x40/0xc0,tp_dst=80",
            "Datapath actions: set(eth(dst=02:00:00:00:00:02)),dec_ttl,set(skb_priority(0x10002)),2,1",
            "",
        }));
    }

    [Test]
    public void Cookie_and_empty_actions_are_shown()
    {
        string text = Trace(Pipelines.Of(_flows), Packets.Key("udp,in_port=2"));

        Assert.That(text, Does.Contain(" 0. udp, priority 90, cookie 0x5\n    drop\n"));
        Assert.That(text, Does.Contain("Final flow: unchanged\n"));
        Assert.That(text, Does.EndWith("Datapath actions: drop\n"));
    }

    [Test]
    public void Slow_path_says_why()
    {
        DatapathCapabilities few = XlatePropertyTests.AllButMeters with { Actions = new HashSet<DpActionType> { DpActionType.Output, DpActionType.Userspace } };
        string text = Trace(Pipelines.Of("actions=set_field:02:00:00:00:00:09->eth_dst,output:2"), Packets.Key("in_port=1,udp"), few);

        Assert.That(text, Does.EndWith("This flow is handled by the userspace slow path because:\n  - the datapath lacks an action\n"));
    }

    private static string Trace(PipelineSnapshot pipeline, in FlowKey key, DatapathCapabilities? capabilities = null)
    {
        XlateEnvironment environment = new(capabilities ?? XlatePropertyTests.AllButMeters, new MacTable());
        XlateTrace trace = new();
        XlateResult result = new Xlator(environment).Translate(pipeline, key, trace);
        return TraceText.Print("br0", key, trace, result, environment, null);
    }
}
