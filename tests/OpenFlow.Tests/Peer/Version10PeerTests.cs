using System.Text.RegularExpressions;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Messages.Multipart;
using OvsBridge.OpenFlow.Text;
using OvsBridge.OpenFlow.Wire;
using OvsBridge.Testing;
using Match = OvsBridge.OpenFlow.Fields.Match;

namespace OvsBridge.OpenFlow.Tests.Peer;

/// <summary>What a switch says in OpenFlow 1.0, as Open vSwitch's decoder (<c>ovs-ofctl ofp-parse</c>) and tshark read it.</summary>
[TestFixture]
[Category("Peer")]
internal sealed partial class Version10PeerTests
{
    private const string Ofctl = "/usr/bin/ovs-ofctl";

    private static readonly WireFormat _format = WireFormat.OpenFlow10;
    private static readonly WireFormat _nicira = _format with { NiciraFlows = true, PacketIns = PacketInFormat.Nicira };
    private static readonly WireFormat _nicira2 = _format with { PacketIns = PacketInFormat.Nicira2 };

    private static readonly PortDescription _port = new()
    {
        PortNo = OfPorts.Local,
        HwAddr = 0x020000000001,
        Name = "br0",
        Config = PortConfig.NoFlood | PortConfig.PortDown,
        State = PortState.LinkDown | PortState.Live,
        Current = PortFeatures.TenGbFull | PortFeatures.Fiber,
        Advertised = PortFeatures.FortyGbFull,
    };

    private static readonly byte[] _frame = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5, .. new byte[46]];

    [SetUp]
    public void Need_ovs_ofctl() => Tools.Require(Ofctl, "openvswitch-common");

    [Test]
    public void Features_ports_and_configuration()
    {
        string text = Print(_format, new FeaturesReply(0xaa, 0, 254, 0, Capabilities.FlowStats | Capabilities.GroupStats) { Ports = [_port] });
        Assert.Multiple(() =>
        {
            Assert.That(text, Does.Contain("dpid:00000000000000aa").And.Contain("n_tables:254, n_buffers:0"));
            Assert.That(text, Does.Contain("capabilities: FLOW_STATS ARP_MATCH_IP\n"));
            Assert.That(text, Does.Contain("actions: output enqueue set_vlan_vid set_vlan_pcp strip_vlan mod_dl_src mod_dl_dst mod_nw_src mod_nw_dst mod_nw_tos mod_tp_src mod_tp_dst"));
            Assert.That(text, Does.Contain("LOCAL(br0): addr:02:00:00:00:00:01").And.Contain("PORT_DOWN NO_FLOOD").And.Contain("state:      LINK_DOWN\n"));
            Assert.That(text, Does.Contain("current:    10GB-FD FIBER\n").And.Not.Contain("advertised"), "40 Gb/s has no bit");
            Assert.That(Print(_format, new PortStatus(PortReason.Modify, _port)), Does.Contain("OFPT_PORT_STATUS").And.Contain("MOD: LOCAL(br0)"));
            Assert.That(
                Print(_format, new GetConfigReply(FragmentHandling.NxMatch, 77) { SendsInvalidTtl = true }), Does.Contain("frags=nx-match invalid_ttl_to_controller miss_send_len=77"));
        });
    }

    [Test]
    public void Packet_ins_in_each_format()
    {
        Match match = new(new FlowKey { InPort = 3, Metadata = 5 }, Masks(FieldTable.InPort, FieldTable.Metadata));
        PacketIn packet = new(FlowMod.NoBuffer, 100, PacketInReason.InvalidTtl, 7, 0x9, match, _frame);
        Assert.Multiple(() =>
        {
            Assert.That(Print(_format, packet), Does.Contain("OFPT_PACKET_IN").And.Contain("total_len=100 in_port=3 (via invalid_ttl) data_len=60"));
            Assert.That(
                Print(_nicira, packet), Does.Contain("NXT_PACKET_IN (").And.Contain("table_id=7 cookie=0x9 total_len=100 metadata=0x5,in_port=3 (via invalid_ttl) data_len=60"));
            Assert.That(
                Print(_nicira2, packet), Does.Contain("NXT_PACKET_IN2 (").And.Contain("table_id=7 cookie=0x9 total_len=100 metadata=0x5,in_port=3 (via invalid_ttl) data_len=60"));
            Assert.That(
                Print(WireFormat.OpenFlow13 with { PacketIns = PacketInFormat.Nicira2 }, packet), Does.Contain("NXT_PACKET_IN2 (OF1.3)").And.Contain("metadata=0x5,in_port=3"));
        });
    }

    [Test]
    public void Flows_that_go_in_both_formats()
    {
        FlowRemoved removed = new()
        {
            Cookie = 5,
            Priority = 7,
            Reason = FlowRemovedReason.HardTimeout,
            TableId = 3,
            DurationNs = 2_500_000_000,
            IdleTimeoutSeconds = 9,
            PacketCount = ulong.MaxValue,
            ByteCount = 11,
            Match = FlowSyntax.ParseFlow("in_port=1,tcp,nw_src=10.0.0.0/8,tp_dst=80,actions=drop").Match,
        };
        Assert.Multiple(() =>
        {
            Assert.That(
                Print(_format, removed),
                Does.Contain("OFPT_FLOW_REMOVED").And.Contain("priority=7,tcp,in_port=1,nw_src=10.0.0.0/8,tp_dst=80 reason=hard cookie:0x5 duration2.500s idle9 pkts0 bytes11"));
            Assert.That(Print(_nicira, removed), Does.Contain("NXT_FLOW_REMOVED").And.Contain("reason=hard table_id=3 cookie:0x5"));
        });
    }

    [TestCase("ip,nw_tos=32,actions=output:2", "ip,nw_tos=32 actions=output:2")]
    [TestCase("dl_vlan=5,dl_vlan_pcp=3,actions=strip_vlan,LOCAL", "dl_vlan=5,dl_vlan_pcp=3 actions=strip_vlan,LOCAL")]
    [TestCase("vlan_vid=0,actions=drop", "vlan_tci=0x0000/0x1fff actions=drop")]
    [TestCase("ipv6,ipv6_src=fe80::/10,actions=set_field:fe80::1->ipv6_dst", "ipv6,ipv6_src=fe80::/10 actions=load:0x1->NXM_NX_IPV6_DST[0..63],load:0xfe80000000000000->NXM_NX_IPV6_DST[64..127]")]
    [TestCase("arp,arp_op=1,arp_spa=1.2.3.4,actions=set_field:2->arp_op", "arp,arp_spa=1.2.3.4,arp_op=1 actions=load:0x2->NXM_OF_ARP_OP[]")]
    [TestCase("mpls,mpls_label=5,actions=pop_mpls:0x0800,output:1", "mpls,mpls_label=5 actions=pop_mpls:0x0800,output:1")]
    [TestCase("udp,tp_dst=53,actions=set_field:54->udp_dst,dec_ttl,mod_nw_ttl:7,group:9", "udp,tp_dst=53 actions=mod_tp_dst:54,dec_ttl,load:0x7->NXM_NX_IP_TTL[],group:9")]
    [TestCase("actions=set_queue:3,CONTROLLER:20,write_metadata:5/0xff", "actions=set_queue:3,CONTROLLER:20,write_metadata:0x5/0xff")]
    [TestCase("actions=write_metadata:5/0xff,goto_table:3", "actions=load:0x5->OXM_OF_METADATA[0..7],resubmit(,3)")]
    [TestCase("metadata=1,tun_id=2/3,actions=meter:1,set_field:5->tun_id,clear_actions,write_actions(output:1)", "tun_id=0x2/0x3,metadata=0x1 actions=set_tunnel:0x5")]
    public void Flows_of_OpenFlow_1_3_are_shown(string flow, string shown)
    {
        FlowMod mod = FlowSyntax.ParseFlow("table=2," + flow);
        FlowStatsEntry entry = new()
        {
            TableId = 2,
            Priority = mod.Priority,
            Match = mod.Match,
            Instructions = mod.Instructions,
            IdleAgeSeconds = 4,
            HardAgeSeconds = 5,
        };

        string text = Print(_format, [.. MultipartSplitter.Split10(1, new FlowAnswer([entry]), nicira: true)]);

        Assert.That(text, Does.Contain("NXST_FLOW reply").And.Contain("idle_age=4, hard_age=5, " + shown));
    }

    [Test]
    public void Long_answers_are_cut_between_entries()
    {
        FlowStatsEntry[] entries = [.. Enumerable.Range(0, 2000).Select(i => new FlowStatsEntry { Cookie = (ulong)i, Match = FlowSyntax.ParseFlow("ip,actions=drop").Match })];
        foreach (bool nicira in (bool[])[false, true])
        {
            IReadOnlyList<MultipartReply> parts = MultipartSplitter.Split10(7, new FlowAnswer(entries.ToValueList()), nicira);

            Assert.That(parts, Has.Count.GreaterThan(1));
            Assert.That(Cookie().Matches(Print(_format, [.. parts])), Has.Count.EqualTo(2000));
        }
    }

    [Test]
    public void Tables_ports_and_queues()
    {
        Assert.Multiple(() =>
        {
            Assert.That(
                Print(_format, new MultipartReply(new TableAnswer([new TableStatsEntry(3, 5, 6, 7) { Name = "acl", MaxEntries = 9 }]))),
                Does.Contain("table 3 (\"acl\"):").And.Contain("active=5, lookup=6, matched=7").And.Contain("max_entries=9"));
            Assert.That(
                Print(_format, new MultipartReply(new PortStatsAnswer([new PortStatsEntry { PortNo = 3, RxPackets = 5, TxBytes = 6, Collisions = ulong.MaxValue }]))),
                Does.Contain("port  3: rx pkts=5").And.Contain("bytes=6").And.Contain("coll=?"));
            Assert.That(
                Print(_format, new MultipartReply(new QueueAnswer([new QueueStatsEntry(3, 4, 5, 6, 7, 8)]))), Does.Contain("port 3 queue 4: bytes=5, pkts=6, errors=7"));
            Assert.That(Print(_format, new QueueGetConfigReply(3, [new PacketQueue(4, 3, 500, 1000)])), Does.Contain("queue 4: min_rate:50.0%"));
            Assert.That(Print(_format, new MultipartReply(new AggregateAnswer(1, 2, 3))), Does.Contain("packet_count=1 byte_count=2 flow_count=3"));
            Assert.That(Print(_format, new RoleReply(ControllerRole.Slave, 5)), Does.Contain("NXT_ROLE_REPLY").And.Contain("role=secondary"));
        });
    }

    [Test]
    public void Groups()
    {
        GroupMod mod = FlowSyntax.ParseGroup("group_id=3,type=select,bucket=weight:5,mod_vlan_vid:7,output:1,bucket=watch_port:2,output:2");
        string text = Print(_format, [.. MultipartSplitter.Split10(1, new GroupDescAnswer([new GroupDescEntry(mod.GroupType, mod.GroupId, mod.Buckets)]), nicira: true)]);

        Assert.That(text, Does.Contain("group_id=3,type=select,bucket=bucket_id:0,weight:5,actions=mod_vlan_vid:7,output:1,bucket=bucket_id:1,"));
        Assert.That(text, Does.Contain("watch_port:2"));
    }

    [Test]
    public void Every_error_has_the_name_that_Open_vSwitch_has_for_it_or_is_unencodable()
    {
        // Its names for the same thing.
        Dictionary<string, string> names = new()
        {
            ["BRC_BAD_MULTIPART"] = "OFPBRC_BAD_STAT",
            ["BRC_BAD_EXPERIMENTER"] = "OFPBRC_BAD_VENDOR",
            ["BRC_BAD_EXP_TYPE"] = "OFPBRC_BAD_SUBTYPE",
            ["BRC_IS_SLAVE"] = "OFPBRC_EPERM",
            ["BAC_BAD_EXPERIMENTER"] = "OFPBAC_BAD_VENDOR",
            ["BAC_BAD_EXP_TYPE"] = "OFPBAC_BAD_VENDOR_TYPE",
            ["FMFC_BAD_TABLE_ID"] = "NXFMFC_BAD_TABLE_ID",
        };
        int encodable = 0;
        foreach (OfError error in OfError.All)
        {
            string text = Print(_format, ErrorMessage.For(error, OfCodec.Encode(new BarrierRequest())));
            string own = names.GetValueOrDefault(error.Name, error.Name.StartsWith("NX", StringComparison.Ordinal) ? error.Name : "OFP" + error.Name);
            bool unencodable = text.Contains("NXBRC_UNENCODABLE_ERROR", StringComparison.Ordinal);
            encodable += unencodable ? 0 : 1;
            Assert.That(unencodable || text.Contains($": {own}\n", StringComparison.Ordinal), Is.True, $"{error.Name}: {text}");
        }

        Assert.That(encodable, Is.GreaterThan(60));
    }

    [GeneratedRegex("cookie=0x")]
    private static partial Regex Cookie();

    private static FlowKey Masks(params ReadOnlySpan<Field> fields)
    {
        FlowKey mask = default;
        foreach (Field field in fields)
            field.Set(ref mask, field.AllOnes);
        return mask;
    }

    private static string Print(WireFormat format, params ReadOnlySpan<OfMessage> messages)
    {
        List<byte> bytes = [];
        foreach (OfMessage message in messages)
            bytes.AddRange(OfCodec.Encode(message, format));
        string file = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(file, [.. bytes]);
            string text = string.Join('\n', Tools.Run(Ofctl, ["ofp-parse", file])) + "\n";
            Assert.That(text, Does.Not.Contain("decode error"));
            return text;
        }
        finally
        {
            File.Delete(file);
        }
    }
}
