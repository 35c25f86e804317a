using OvsBridge.Datapath;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.Testing;
using OvsBridge.Translator.Tables;
using OvsBridge.Translator.Xlate;

namespace OvsBridge.Translator.Tests.Xlate;

[TestFixture]
public sealed class PipelineTests
{
    [Test]
    public void Output_looks_at_nothing_but_the_port() =>
        Given.Flows("actions=output:2").Packet("in_port=1,tcp,nw_src=1.2.3.4").Yields("2", "in_port=1");

    [Test]
    public void Packet_goes_back_by_IN_PORT_only()
    {
        Given.Flows("actions=output:1,output:2").Packet("in_port=1,udp").Yields("2");
        Given.Flows("actions=in_port").Packet("in_port=1,udp").Yields("1");
        Given.Flows("actions=all").Packet("in_port=3,udp").Yields("1,2,4,5,6,65534");
    }

    [Test]
    public void LOCAL_has_its_own_number_in_the_datapath()
    {
        Given.Flows("in_port=LOCAL,actions=output:2").Packet("in_port=LOCAL,udp").Yields("2");
        Given.Flows("actions=LOCAL").Packet("in_port=2,udp").Yields("65534");
    }

    [Test]
    public void Nothing_goes_to_ports_that_are_not_there_or_do_not_forward()
    {
        Given.Flows("actions=output:99").Packet("in_port=1,udp").Yields("drop");
        Given.Pipeline(Pipelines.Of("actions=output:2,output:3").WithPort(2, PortConfig.NoFwd)).Packet("in_port=1,udp").Yields("3");
        Given.Pipeline(Pipelines.Of("actions=output:2").WithPort(1, PortConfig.NoRecv)).Packet("in_port=1,udp").Yields("drop", "in_port=1");
    }

    [Test]
    public void Table_miss_drops_unless_the_switch_stands_alone()
    {
        PipelineSnapshot pipeline = Pipelines.Of("tcp,actions=output:2");
        Given.Pipeline(pipeline).Packet("in_port=1,udp").Yields("drop");
        Given.Pipeline(pipeline with { Standalone = StandaloneMode.OnMiss }).Packet("in_port=1,udp,dl_dst=02:00:00:00:00:09").Yields("2,3,4,5,6,65534");
        Given.Pipeline(pipeline with { Standalone = StandaloneMode.Always }).Packet("in_port=1,tcp,dl_dst=02:00:00:00:00:09").Yields("2,3,4,5,6,65534");
    }

    [Test]
    public void Set_fields_become_one_rewrite_a_header_and_look_at_nothing() =>
        Given.Flows("tcp,actions=mod_dl_src:02:00:00:00:00:08,mod_dl_dst:02:00:00:00:00:09,mod_nw_src:9.9.9.9,mod_nw_dst:8.8.8.8,mod_tp_dst:81,output:2")
            .Packet("in_port=1,tcp,nw_src=1.1.1.1,nw_dst=2.2.2.2,tp_dst=80")
            .Yields(
                "set(eth(src=02:00:00:00:00:08,dst=02:00:00:00:00:09)),set(ipv4(src=9.9.9.9,dst=8.8.8.8)),set(tcp(dst=81)),2"
                    .Replace("tcp(dst", "tp(dst", StringComparison.Ordinal),
                "tcp,in_port=1,nw_frag=not_later");

    [Test]
    public void Set_field_without_an_output_behind_it_is_not_sent() =>
        Given.Flows("actions=output:2,mod_dl_dst:02:00:00:00:00:09").Packet("in_port=1,udp").Yields("2", "in_port=1");

    [Test]
    public void Field_written_is_known_to_later_tables() =>
        Given.Flows("ip,actions=mod_nw_dst:10.0.0.1,goto_table:1", "table=1,ip,nw_dst=10.0.0.1,actions=output:2")
            .Packet("in_port=1,udp,nw_dst=10.0.0.7")
            .Yields("set(ipv4(dst=10.0.0.1)),2", "ip,in_port=1");

    [Test]
    public void Metadata_is_no_part_of_the_megaflow() =>
        Given.Flows("actions=write_metadata:0x5/0xf,goto_table:1", "table=1,metadata=0x5/0xf,actions=output:2")
            .Packet("in_port=1,udp").Yields("2", "in_port=1");

    [Test]
    public void Action_set_runs_at_the_end_in_its_own_order() =>
        Given.Flows("ip,actions=write_actions(output:2,mod_nw_dst:10.0.0.1),goto_table:1", "table=1,actions=write_actions(output:3)")
            .Packet("in_port=1,udp").Yields("set(ipv4(dst=10.0.0.1)),3");

    [Test]
    public void Cleared_action_set_drops() =>
        Given.Flows("actions=write_actions(output:2),goto_table:1", "table=1,actions=clear_actions").Packet("in_port=1,udp").Yields("drop");

    [Test]
    public void Group_in_the_action_set_takes_the_place_of_its_output() =>
        Given.Flows("add-group group_id=1,type=indirect,bucket=output:3", "actions=write_actions(group:1,output:2)").Packet("in_port=1,udp").Yields("3");

    [Test]
    public void Bucket_changes_only_its_own_copy() =>
        Given.Flows("add-group group_id=1,type=all,bucket=mod_dl_dst:02:00:00:00:00:09,output:2,bucket=output:3", "actions=group:1,output:4")
            .Packet("in_port=1,udp,dl_dst=02:00:00:00:00:aa")
            .Yields("set(eth(dst=02:00:00:00:00:09)),2,set(eth(dst=02:00:00:00:00:aa)),3,4", "in_port=1,dl_dst=02:00:00:00:00:aa");

    /// <summary>Where the datapath can't keep a copy, the tag behind a popped one would stay written.</summary>
    [TestCase("pop_vlan,set_field:4101->vlan_vid,output:2", true)]
    [TestCase("pop_vlan,output:2", false)]
    public void Bucket_that_writes_the_tag_behind_a_popped_one_takes_the_slow_path_without_copies(string bucket, bool slow)
    {
        XlateResult result = Given.Flows($"add-group group_id=1,type=all,bucket={bucket},bucket=output:3", "actions=group:1")
            .Without(DpActionType.Save, DpActionType.Restore)
            .Packet("in_port=1,udp,dl_vlan=7,vlan_tpid=0x88a8,vlan_tci1=0x1009,nw_src=10.0.0.1").Result;
        Assert.That(result.SlowPath.HasFlag(SlowPathReasons.Action), Is.EqualTo(slow));
    }

    [Test]
    public void Fast_failover_takes_the_first_live_bucket()
    {
        PipelineSnapshot pipeline = Pipelines.Of(
            "add-group group_id=1,type=ff,bucket=watch_port:2,output:2,bucket=watch_port:3,output:3", "actions=group:1");
        Given.Pipeline(pipeline).Packet("in_port=1,udp").Yields("2");
        Given.Pipeline(pipeline.WithPort(2, state: PortState.LinkDown)).Packet("in_port=1,udp").Yields("3");
        Given.Pipeline(pipeline.WithPort(2, PortConfig.PortDown).WithPort(3, state: PortState.LinkDown)).Packet("in_port=1,udp").Yields("drop");
    }

    [Test]
    public void Select_spreads_by_weight_and_moves_only_the_flows_of_a_dead_bucket()
    {
        PipelineSnapshot pipeline = Pipelines.Of(
            "add-group group_id=1,type=select,bucket=weight:1,watch_port:2,actions=output:2,bucket=weight:3,watch_port:3,actions=output:3,bucket=weight:0,actions=output:4",
            "actions=group:1");
        PipelineSnapshot dead = pipeline.WithPort(2, state: PortState.LinkDown);
        int[] counts = new int[5];
        for (int i = 0; i < 2000; i++)
        {
            string packet = $"in_port=1,tcp,nw_src=10.0.{i >> 8}.{i & 255},nw_dst=10.9.9.9,tp_src={i + 1},tp_dst=80";
            uint port = PortOf(pipeline, packet);
            counts[port]++;
            uint now = PortOf(dead, packet);
            Assert.That(now, Is.EqualTo(3));
        }

        Assert.That(counts[2], Is.InRange(400, 600)); // 500 expected, standard deviation 19
        Assert.That(counts[3], Is.EqualTo(2000 - counts[2]));
    }

    [Test]
    public void Select_sends_both_ways_of_a_connection_to_one_bucket()
    {
        PipelineSnapshot pipeline = Pipelines.Of("add-group group_id=1,type=select,bucket=output:4,bucket=output:5", "actions=group:1");
        for (int i = 1; i < 50; i++)
        {
            uint there = PortOf(pipeline, $"in_port=1,tcp,nw_src=10.0.0.{i},nw_dst=10.9.9.9,tp_src={i},tp_dst=80");
            uint back = PortOf(pipeline, $"in_port=1,tcp,nw_src=10.9.9.9,nw_dst=10.0.0.{i},tp_src=80,tp_dst={i}");
            Assert.That(back, Is.EqualTo(there));
        }
    }

    [Test]
    public void Group_that_calls_itself_is_given_up()
    {
        XlateResult result = Given.Flows("add-group group_id=1,type=all,bucket=group:1", "actions=group:1").Packet("in_port=1,udp").Result;

        Assert.That(result.Error, Does.Contain("64 deep"));
        Assert.That(result.Actions, Is.EqualTo(DpActions.Drop));
    }

    [Test]
    public void Groups_that_multiply_are_given_up()
    {
        string[] flows = [.. Enumerable.Range(1, 20).Select(i => $"add-group group_id={i},type=all,bucket=group:{i + 1},bucket=group:{i + 1}"), "add-group group_id=21,type=all,bucket=output:2", "actions=group:1"];

        Assert.That(Given.Flows(flows).Packet("in_port=1,udp").Result.Error, Does.Contain("4096"));
    }

    [TestCase(64, "dec_ttl,2", "ip,in_port=1,nw_ttl=0x40/0xc0")]
    [TestCase(255, "dec_ttl,2", "ip,in_port=1,nw_ttl=0x80/0x80")]
    [TestCase(2, "dec_ttl,2", "ip,in_port=1,nw_ttl=0x2/0xfe")]
    [TestCase(1, "userspace(pid=0,InvalidTtl)", "ip,in_port=1,nw_ttl=0/0xfe")]
    [TestCase(0, "userspace(pid=0,InvalidTtl)", "ip,in_port=1,nw_ttl=0/0xfe")]
    public void Dec_ttl_looks_at_as_much_of_the_TTL_as_tells_that_it_is_valid(int ttl, string actions, string megaflow) =>
        Given.Flows("ip,actions=dec_ttl,output:2").Packet($"in_port=1,ip,nw_ttl={ttl}").Yields(actions, megaflow);

    [Test]
    public void Dec_ttl_looks_at_the_TTL_when_the_datapath_cannot_decrement() =>
        Given.Flows("ip,actions=dec_ttl,output:2").Without(DpActionType.DecTtl)
            .Packet("in_port=1,ip,nw_ttl=64").Yields("set(ipv4(ttl=63)),2", "ip,in_port=1,nw_ttl=64");

    [Test]
    public void Vlan_tags_are_pushed_with_their_final_ids() =>
        Given.Flows("actions=push_vlan:0x8100,set_field:4196->vlan_vid,set_field:3->vlan_pcp,output:2,pop_vlan,output:3")
            .Packet("in_port=1,udp").Yields("push_vlan(vid=100,pcp=3),2,pop_vlan,3", "in_port=1,vlan_tci=0x0000/0x1000");

    [Test]
    public void Pushed_tag_copies_the_one_below() // OpenFlow 1.3.5, 5.12.1
    {
        Given.Flows("actions=push_vlan:0x88a8,output:2").Packet("in_port=1,dl_vlan=5,dl_vlan_pcp=2,dl_type=0x88cc")
            .Yields("push_vlan(tpid=0x88a8,vid=5,pcp=2),2");
    }

    [Test]
    public void Popping_what_is_not_there_does_nothing() =>
        Given.Flows("add-group group_id=1,type=indirect,bucket=pop_vlan,pop_mpls:0x0800,output:2", "actions=group:1").Packet("in_port=1,udp").Yields("2");

    [Test]
    public void Label_takes_the_TTL_of_IP_and_is_pushed_complete() =>
        Given.Flows("ip,actions=push_mpls:0x8847,set_field:77->mpls_label,output:2").Packet("in_port=1,udp,nw_ttl=64")
            .Yields("push_mpls(label=77,tc=0,ttl=64,bos=1,eth_type=0x8847),2", "ip,in_port=1,vlan_tci=0x0000/0x1000,nw_ttl=64");

    /// <summary>OpenFlow 1.3.5, 5.12: immediately after the Ethernet header, and before other tags.</summary>
    [Test]
    public void Label_goes_in_front_of_tags()
    {
        Given.Flows("ip,actions=push_mpls:0x8847,set_field:77->mpls_label,output:2").Packet("in_port=1,udp,dl_vlan=5,nw_ttl=64")
            .Yields("push_mpls_front(label=77,tc=0,ttl=64,bos=1,eth_type=0x8847),2", "ip,in_port=1,vlan_tci=0x1000/0x1000,nw_ttl=64");
        Given.Flows("mpls,actions=push_mpls:0x8848,push_mpls:0x8847,output:2").Packet("in_port=1,dl_vlan=5,mpls,mpls_label=7,mpls_tc=3,mpls_ttl=9,mpls_bos=0")
            .Yields("push_mpls_front(label=7,tc=3,ttl=9,bos=1,eth_type=0x8848),push_mpls(label=7,tc=3,ttl=9,bos=0,eth_type=0x8847),2");
        Given.Flows("actions=push_vlan:0x8100,set_field:4101->vlan_vid,push_mpls:0x8847,push_vlan:0x88a8,output:2").Packet("in_port=1,udp,nw_ttl=64")
            .Yields("push_vlan(vid=5,pcp=0),push_mpls_front(label=0,tc=0,ttl=64,bos=1,eth_type=0x8847),push_vlan(tpid=0x88a8,vid=0,pcp=0),2");
    }

    [Test]
    public void Tags_behind_a_label_are_not_seen()
    {
        string[] flows = ["table=0,actions=push_mpls:0x8847,goto_table:1", "table=1,priority=2,vlan_tci=0x1000/0x1000,actions=output:2", "table=1,priority=1,mpls,mpls_bos=1,actions=output:3"];

        Given.Flows(flows).Packet("in_port=1,udp,dl_vlan=5,nw_ttl=64").Yields("push_mpls_front(label=0,tc=0,ttl=64,bos=1,eth_type=0x8847),3", "ip,in_port=1,vlan_tci=0x1000/0x1000,nw_ttl=64");
        Given.Flows("add-group group_id=1,type=indirect,bucket=pop_vlan,output:2", "actions=push_mpls:0x8847,group:1").Packet("in_port=1,udp,dl_vlan=5,nw_ttl=64")
            .Yields("push_mpls_front(label=0,tc=0,ttl=64,bos=1,eth_type=0x8847),2");
    }

    [Test]
    public void Tag_is_back_when_the_label_in_front_of_it_is_popped()
    {
        Given.Yield labelled = Given.Flows("dl_vlan=5,actions=push_mpls:0x8847,output:2,pop_mpls:0x8100,set_field:4102->vlan_vid,output:3").Packet("in_port=1,udp,dl_vlan=5,nw_ttl=64");
        labelled.Yields("push_mpls_front(label=0,tc=0,ttl=64,bos=1,eth_type=0x8847),2,pop_mpls(eth_type=0x8100),set(vlan(vid=6)),3");
        Assert.That(labelled.Result.Mask.VlanTpid.Value, Is.EqualTo(0xffff), "with another TPID it would be another packet");
        Given.Flows("dl_vlan=5,actions=push_mpls:0x8847,pop_mpls:0x8100,pop_vlan,output:2").Packet("in_port=1,udp,dl_vlan=5,nw_ttl=64").Yields("pop_vlan,2");
    }

    [Test]
    public void Label_popped_before_it_was_sent_leaves_the_type_of_a_tag() =>
        Given.Flows("actions=push_mpls:0x8847,pop_mpls:0x88a8,output:2").Packet("in_port=1,udp,nw_ttl=64").Yields("set(eth(type=0x88a8)),2");

    [Test]
    public void Label_in_front_of_a_tag_popped_to_another_type_wants_a_parser()
    {
        Given.Flows("actions=push_mpls:0x8847,pop_mpls:0x88a8,goto_table:1", "table=1,dl_vlan=5,actions=output:2").Packet("in_port=1,udp,dl_vlan=5,nw_ttl=64")
            .Yields("push_mpls_front(label=0,tc=0,ttl=64,bos=1,eth_type=0x8847),pop_mpls(eth_type=0x88a8),recirc(0x1)");
        Given.Flows("actions=push_mpls:0x8847,push_vlan:0x8100,pop_mpls:0x8100,goto_table:1", "table=1,dl_vlan=0,actions=pop_vlan,output:2").Packet("in_port=1,udp,dl_vlan=5,nw_ttl=64")
            .Yields("push_mpls_front(label=0,tc=0,ttl=64,bos=1,eth_type=0x8847),push_vlan(vid=0,pcp=0),pop_mpls(eth_type=0x8100),recirc(0x1)");
    }

    [Test]
    public void Bucket_that_labels_a_tagged_packet_changes_its_own_copy_only() =>
        Given.Flows("add-group group_id=1,type=all,bucket=actions=push_mpls:0x8847,output:2,bucket=actions=output:3", "actions=group:1").Packet("in_port=1,udp,dl_vlan=5,nw_ttl=64")
            .Yields("clone(push_mpls_front(label=0,tc=0,ttl=64,bos=1,eth_type=0x8847),2),3");

    [Test]
    public void Popped_label_needs_no_parser_until_somebody_looks_behind_it()
    {
        Given.Flows("mpls,actions=pop_mpls:0x0800,output:2").Packet("in_port=1,mpls,mpls_bos=1").Yields("pop_mpls(eth_type=0x800),2");
        Given.Flows("mpls,actions=pop_mpls:0x0800,goto_table:1", "table=1,ip,nw_dst=10.0.0.1,actions=output:2")
            .Packet("in_port=1,mpls,mpls_bos=1").Yields("pop_mpls(eth_type=0x800),recirc(0x1)");
        Given.Flows("mpls,actions=pop_mpls:0x0800,goto_table:1", "table=1,ip,nw_dst=10.0.0.1,actions=output:2").Without(DpActionType.Recirc)
            .Packet("in_port=1,mpls,mpls_bos=1").Yields("pop_mpls(eth_type=0x800),userspace(pid=0,reparse)");
    }

    /// <summary>The datapath leaves a packet alone that lacks the option, which the key does not tell from one with address 0.</summary>
    [Test]
    public void Option_of_neighbour_discovery_is_set_only_where_it_is()
    {
        string[] flows =
        [
            "icmp6,icmpv6_type=135,icmpv6_code=0,actions=set_field:02:00:00:00:00:07->nd_sll,goto_table:1",
            "table=1,icmp6,icmpv6_type=135,icmpv6_code=0,nd_sll=02:00:00:00:00:07,actions=output:2",
        ];
        Given.Flows(flows).Packet("in_port=1,icmp6,icmpv6_type=135,icmpv6_code=0,nd_sll=02:00:00:00:00:01").Yields("set(nd(sll=02:00:00:00:00:07)),2");
        Given.Flows(flows).Packet("in_port=1,icmp6,icmpv6_type=135,icmpv6_code=0").Yields("set(nd(sll=02:00:00:00:00:07)),recirc(0x1)");
    }

    /// <summary>The second bucket leaves the datapath's packet with a label too many, and that is undone before the first one's label is taken off.</summary>
    [Test]
    public void Label_that_a_bucket_sent_is_popped_behind_another_bucket() =>
        Given.Flows(
            "add-group group_id=1,type=all,bucket=actions=output:2,bucket=actions=push_mpls:0x8847,output:3",
            "ip,actions=push_mpls:0x8847,group:1,pop_mpls:0x0800,output:4").Packet("in_port=1,udp,nw_ttl=64")
            .Yields(
                "push_mpls(label=0,tc=0,ttl=64,bos=1,eth_type=0x8847),2,clone(push_mpls(label=0,tc=0,ttl=64,bos=0,eth_type=0x8847),3),pop_mpls(eth_type=0x800),4");

    [Test]
    public void Fragments_are_dropped_when_configured()
    {
        PipelineSnapshot pipeline = Pipelines.Of("actions=output:2") with { Fragments = FragmentHandling.Drop };
        Given.Pipeline(pipeline).Packet("in_port=1,udp,nw_frag=first").Yields("drop");
        Given.Pipeline(pipeline).Packet("in_port=1,udp").Yields("2");
    }

    /// <summary>As an action set without one (1.3.5, 5.10); so there is no packet_in about a TTL, either.</summary>
    [Test]
    public void Bucket_without_output_is_not_executed() =>
        Given.Flows("add-group group_id=1,type=all,bucket=actions=dec_ttl,bucket=actions=output:2", "actions=group:1")
            .Packet("in_port=1,udp,nw_ttl=1").Yields("2", "in_port=1");

    [Test]
    public void Table_miss_flow_tells_the_controller_that_nothing_matched()
    {
        Given.Flows("priority=0,actions=controller").Packet("in_port=1,udp").Yields("userspace(pid=0,NoMatch)");
        Given.Flows("priority=1,actions=controller").Packet("in_port=1,udp").Yields("userspace(pid=0,Action)");
        Given.Flows("priority=0,udp,actions=controller").Packet("in_port=1,udp").Yields("userspace(pid=0,Action)");
        Given.Pipeline(Pipelines.Of("priority=0,actions=controller").WithPort(1, PortConfig.NoPacketIn)).Packet("in_port=1,udp").Yields("drop");
        Given.Pipeline(Pipelines.Of("priority=1,actions=controller").WithPort(1, PortConfig.NoPacketIn)).Packet("in_port=1,udp").Yields("userspace(pid=0,Action)");
    }

    [Test]
    public void Queue_sets_the_priority_of_outputs_behind_it() =>
        Given.Flows("actions=output:2,set_queue:1,output:3").Packet("in_port=1,udp").Yields("2,set(skb_priority(0x10002)),3");

    [Test]
    public void Packet_out_may_be_from_no_port()
    {
        Given packetOut = Given.Flows("in_port=2,actions=output:5", "in_port=CONTROLLER,actions=output:6");
        packetOut.PacketOut("udp", "output:1,output:2").Yields("1,2");
        packetOut.PacketOut("udp", "all").Yields("1,2,3,4,5,6,65534");
        packetOut.PacketOut("in_port=2,udp", "table").Yields("5");
        packetOut.PacketOut("udp", "table").Yields("6");
        packetOut.PacketOut("in_port=3,udp", "in_port").Yields("3");
        packetOut.PacketOut("udp", "in_port").Yields("drop");
    }

    [Test]
    public void Unknown_actions_of_the_datapath_take_the_whole_packet_to_user_space()
    {
        Given.Yield yield = Given.Flows("actions=mod_dl_dst:02:00:00:00:00:09,output:2").Without(DpActionType.SetEth).Packet("in_port=1,udp");

        Assert.That(yield.Result.SlowPath, Is.EqualTo(SlowPathReasons.Action));
        Assert.That(DpActionsText.Print(yield.Result.Installed, userspace: (reason, _) => reason.ToString()), Is.EqualTo("userspace(pid=0,SlowPath)"));
        yield.Yields("set(eth(dst=02:00:00:00:00:09)),2");
    }

    [Test]
    public void More_actions_than_a_program_may_have_take_the_slow_path()
    {
        string outputs = string.Join(',', Enumerable.Range(0, 40).Select(i => $"mod_dl_dst:02:00:00:00:00:{i:x2},output:2"));

        XlateResult result = Given.Flows($"actions={outputs}").Packet("in_port=1,udp").Result;

        Assert.That(result.SlowPath, Is.EqualTo(SlowPathReasons.TooManyActions));
        Assert.That(result.Actions.GetHashCode(), Is.Not.EqualTo(result.Installed.GetHashCode()));
    }

    [Test]
    public void Select_needs_few_megaflows_however_many_connections()
    {
        PipelineSnapshot pipeline = Pipelines.Of(
            "add-group group_id=1,type=select,bucket=output:4,bucket=output:5,bucket=output:6", "priority=5,tcp,actions=mod_dl_dst:02:00:00:00:00:09,dec_ttl,group:1");
        HashSet<FlowKey> megaflows = [];
        XlateEnvironment environment = new(XlatePropertyTests.AllButMeters, new MacTable());
        for (int i = 1; i < 3000; i++)
        {
            FlowKey key = Packets.Key($"in_port=1,tcp,nw_ttl=64,nw_src=10.0.{i >> 8}.{i & 255},nw_dst=10.9.9.9,tp_src={i},tp_dst=80");
            XlateResult result = new Xlator(environment).Translate(pipeline, key);
            megaflows.Add(key.Masked(result.Mask));
            FlowKey again = key with { RecircId = Argument(result, DpActionType.Recirc), DpHash = FlowHash.Compute(1, key) };
            megaflows.Add(again.Masked(new Xlator(environment).Translate(pipeline, again).Mask));
        }

        Assert.That(megaflows, Has.Count.InRange(60, 65), "one, and 64 places");
    }

    /// <summary>Where the packet leaves: by way of the datapath's hash, and the same by reading all that the hash is made of.</summary>
    private static uint PortOf(PipelineSnapshot pipeline, string packet)
    {
        FlowKey key = Packets.Key(packet);
        XlateEnvironment environment = new(XlatePropertyTests.AllButMeters, new MacTable());
        XlateResult first = new Xlator(environment).Translate(pipeline, key);
        FlowKey again = key with
        {
            RecircId = Argument(first, DpActionType.Recirc),
            DpHash = FlowHash.Compute(Argument(first, DpActionType.Hash), key),
        };
        uint port = Argument(new Xlator(environment).Translate(pipeline, again), DpActionType.Output);
        Assert.That(Argument(Given.Pipeline(pipeline).Without(DpActionType.Hash).Packet(packet).Result, DpActionType.Output), Is.EqualTo(port));
        return port;
    }

    private static uint Argument(XlateResult result, DpActionType type)
    {
        foreach (DpActionView action in result.Actions)
        {
            if (action.Type == type)
            {
                return action.Arg;
            }
        }

        throw new AssertionException($"no {type} in {result.Actions}");
    }
}
