using System.Globalization;
using System.Text.RegularExpressions;
using OvsBridge.Datapath;
using OvsBridge.Datapath.Text;
using OvsBridge.OpenFlow;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.Testing;
using OvsBridge.Translator.Tables;
using OvsBridge.Translator.Tests.Xlate;
using OvsBridge.Translator.Xlate;

namespace OvsBridge.Translator.Tests.OpenVSwitch;

/// <summary>One thing that we do otherwise than Open vSwitch.</summary>
/// <param name="Name">Its row in docs/testing.md, which says why.</param>
/// <param name="Lines">Flows, and groups behind "add-group ".</param>
/// <param name="Packet">The packet.</param>
/// <param name="Theirs">Open vSwitch's datapath actions.</param>
/// <param name="Ours">Ours.</param>
public sealed record Deviation(string Name, string[] Lines, string Packet, string Theirs, string Ours)
{
    /// <inheritdoc/>
    public override string ToString() => Name;
}

/// <summary>
/// Where Open vSwitch does otherwise, each with a case that shows that it still is so. What <see cref="DifferentialTests"/>
/// lets pass, or does not generate, is in this list.
/// </summary>
[TestFixture]
[Category("Peer")]
public sealed partial class DeviationTests
{
    private const string Udp = "in_port=1,udp,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_ttl=9";

    private static readonly Deviation[] _all =
    [
        new("push_vlan_copies", ["dl_vlan=5,actions=push_vlan:0x8100,output:2"], "in_port=1,udp,dl_vlan=5,dl_vlan_pcp=3",
            "push_vlan(vid=0,pcp=0),2", "push_vlan(vid=5,pcp=3),2"),
        new("push_mpls_ttl", ["actions=push_mpls:0x8847,output:2"], "in_port=1,dl_type=0x88cc",
            "push_mpls(label=0,tc=0,ttl=64,bos=1,eth_type=0x8847),2", "push_mpls(label=0,tc=0,ttl=0,bos=1,eth_type=0x8847),2"),
        new("push_mpls_ttl_0", ["ip,actions=push_mpls:0x8847,output:2"], "in_port=1,udp,nw_ttl=0",
            "push_mpls(label=0,tc=0,ttl=64,bos=1,eth_type=0x8847),2", "push_mpls(label=0,tc=0,ttl=0,bos=1,eth_type=0x8847),2"),
        new("push_mpls_label", ["ipv6,actions=push_mpls:0x8847,output:2"], "in_port=1,udp6,nw_ttl=9",
            "push_mpls(label=2,tc=0,ttl=9,bos=1,eth_type=0x8847),2", "push_mpls(label=0,tc=0,ttl=9,bos=1,eth_type=0x8847),2"),
        new("push_mpls_tc", ["ip,actions=push_mpls:0x8847,output:2"], Udp + ",nw_tos=40",
            "push_mpls(label=0,tc=2,ttl=9,bos=1,eth_type=0x8847),2", "push_mpls(label=0,tc=0,ttl=9,bos=1,eth_type=0x8847),2"),
        new("push_mpls_type",
            [
                "add-group group_id=1,type=all,bucket=actions=push_mpls:0x8847,set_field:3->mpls_label,output:2,bucket=actions=push_mpls:0x8848,set_field:3->mpls_label,output:3",
                "mpls,actions=group:1",
            ],
            "in_port=1,mpls,mpls_label=1,mpls_ttl=9,mpls_bos=1",
            "push_mpls(label=3,tc=0,ttl=9,bos=0,eth_type=0x8847),2,3",
            "clone(push_mpls(label=3,tc=0,ttl=9,bos=0,eth_type=0x8847),2),push_mpls(label=3,tc=0,ttl=9,bos=0,eth_type=0x8848),3"),
        new("push_mpls_behind_tags", ["ip,actions=push_mpls:0x8847,output:2"], Udp + ",dl_vlan=5",
            "push_mpls(label=0,tc=0,ttl=9,bos=1,eth_type=0x8847),2", "push_mpls_front(label=0,tc=0,ttl=9,bos=1,eth_type=0x8847),2"),
        new("push_pop_mpls", ["ipv6,actions=push_mpls:0x8847,pop_mpls:0x0800,output:2"], "in_port=1,udp6,nw_ttl=9", "2", "set(eth(type=0x0800)),2"),
        new("pop_mpls_early", ["mpls,actions=pop_mpls:0x0800,output:2"], "in_port=1,mpls,mpls_label=1,mpls_ttl=9,mpls_lse1=0x2109",
            "pop_mpls(eth_type=0x8847),pop_mpls(eth_type=0x800),2", "pop_mpls(eth_type=0x800),2"),
        new("fourth_label", ["mpls,actions=push_mpls:0x8847,output:2"], "in_port=1,mpls,mpls_label=1,mpls_ttl=9,mpls_lse1=0x2009,mpls_lse2=0x3109",
            "drop", "push_mpls(label=1,tc=0,ttl=9,bos=0,eth_type=0x8847),2"),
        new("third_tag", ["actions=push_vlan:0x8100,set_field:4103->vlan_vid,set_field:0->vlan_pcp,output:2"], "in_port=1,udp,dl_vlan=5,dl_vlan1=6",
            "pop_vlan,pop_vlan,push_vlan(vid=5,pcp=0),push_vlan(vid=7,pcp=0),2", "push_vlan(vid=5,pcp=0),set(vlan(vid=2/0x2)),2"),
        new("dec_mpls_ttl_without_label", ["add-group group_id=1,type=all,bucket=actions=dec_mpls_ttl,output:2", "actions=group:1"], Udp, "drop", "2"),
        new("expired_ttl_ends", ["actions=write_actions(output:2),goto_table:1", "table=1,ip,actions=dec_ttl"], Udp.Replace("ttl=9", "ttl=1", StringComparison.Ordinal),
            "userspace(pid=0,controller(reason=2,rule_cookie=0)),2", "userspace(pid=0,InvalidTtl cookie=0)"),
        new("table_miss_ends", ["actions=write_actions(output:2),goto_table:1"], Udp, "2", "drop"),
        new("protocol_0", ["arp,actions=set_field:0->arp_op,set_field:10.0.0.9->arp_spa,output:2"], "in_port=1,arp,arp_op=1,arp_spa=10.0.0.1",
            "2", "set(arp(sip=10.0.0.9,op=0)),2"),
        new("icmp_of_later_fragment", ["add-group group_id=1,type=indirect,bucket=actions=set_field:3->icmp_type,output:2", "actions=group:1"], "in_port=1,icmp,nw_frag=later",
            "set(icmp(type=3,code=0)),2", "2"),
        new("normal_priority_tag", ["actions=normal"], "in_port=1,udp,vlan_tci=0x1000,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:12", "pop_vlan,2", "2"),
        new("packet_in_cookie", ["cookie=5,actions=write_actions(controller),goto_table:1", "cookie=6,table=1,actions=output:2"], Udp,
            "2,userspace(pid=0,controller(reason=3,rule_cookie=0x5))", "2,userspace(pid=0,Action cookie=6)"),
        new("select_group", ["add-group group_id=1,type=select,bucket=actions=output:2", "actions=group:1"], Udp, "hash(sym_l4(0)),recirc()", "hash(hash_l4(1)),recirc()"),
        new("steps", [.. Enumerable.Range(1, 12).Reverse().Select(i => $"add-group group_id={i},type=all,bucket=actions={(i == 12 ? "output:2" : $"group:{i + 1}")},bucket=actions={(i == 12 ? "drop" : $"group:{i + 1}")}"), "actions=group:1"], Udp,
            string.Join(',', Enumerable.Repeat('2', 2048)), "drop"),
    ];

    private OvsSwitch? _ovs;

    [OneTimeSetUp]
    public void StartOpenVSwitch()
    {
        if (OvsSwitch.Missing() is { } missing)
        {
            Assert.Ignore(missing);
        }

        _ovs = OvsSwitch.Start(6);
        _ovs.Ask("fdb/add", "br0", "p2", "0", "02:00:00:00:00:12");
    }

    [OneTimeTearDown]
    public void StopOpenVSwitch() => _ovs?.Dispose();

    [TestCaseSource(nameof(_all))]
    public void Open_vSwitch_does_otherwise(Deviation deviation)
    {
        const string AddGroup = "add-group ";
        Assert.That(
            _ovs!.Load(
                deviation.Lines.Where(l => l.StartsWith(AddGroup, StringComparison.Ordinal)).Select(l => l[AddGroup.Length..]),
                deviation.Lines.Where(l => !l.StartsWith(AddGroup, StringComparison.Ordinal))),
            Is.Null);
        FlowKey key = Packets.Key(deviation.Packet);
        OvsTrace trace = OvsTrace.Of(_ovs, key.InPort, PacketBuilder.Frame(key, "0123456789"u8));

        Assert.Multiple(() =>
        {
            Assert.That(Changing().Replace(trace.ActionText, ""), Is.EqualTo(deviation.Theirs), "Open vSwitch's actions");
            Assert.That(Changing().Replace(Ours(deviation.Lines, key), ""), Is.EqualTo(deviation.Ours), "our actions");
        });
    }

    /// <summary>Its default takes the ports of a first fragment for 0; 1.3 knows no such thing ("no special handling").</summary>
    [Test]
    public void Ports_of_a_first_fragment_are_0_to_Open_vSwitch()
    {
        string[] flows = ["priority=2,udp,tp_dst=0,actions=output:3", "priority=1,actions=output:2"];
        Assert.That(_ovs!.Load([], flows), Is.Null);
        FlowKey key = Packets.Key("in_port=1,udp,nw_frag=first,tp_dst=80");
        byte[] frame = PacketBuilder.Frame(key, "0123456789"u8);

        _ovs.SetFragments("normal");
        string normal = OvsTrace.Of(_ovs, 1, frame).ActionText;
        _ovs.SetFragments("nx-match");

        Assert.That(normal, Is.EqualTo("3"));
        Assert.That(OvsTrace.Of(_ovs, 1, frame).ActionText, Is.EqualTo("2"));
        Assert.That(Ours(flows, key), Is.EqualTo("2"));
    }

    /// <summary>Where a checksum would be, were it no fragment: the datapath of Open vSwitch "corrects" two bytes of data.</summary>
    [Test]
    public void Data_of_a_later_fragment_is_spoilt_by_Open_vSwitch()
    {
        string[] flows = ["udp,actions=set_field:10.0.0.9->ip_dst,output:2"];
        Assert.That(_ovs!.Load([], flows), Is.Null);
        FlowKey key = Packets.Key("in_port=1,udp,nw_dst=10.0.0.2,nw_frag=later");
        byte[] data = "0123456789"u8.ToArray();

        byte[] sent = _ovs.Receive(1, PacketBuilder.Frame(key, data)).Single().Frame;

        Assert.That(sent[^data.Length..], Is.Not.EqualTo(data));
        Assert.That(sent[^data.Length..^4], Is.EqualTo(data[..^4]));
        Assert.That(Ours(flows, key), Is.EqualTo("set(ipv4(dst=10.0.0.9)),2"));
    }

    [Test]
    public void Documentation_lists_exactly_these()
    {
        string[] documented = [.. Row().Matches(File.ReadAllText(RepositoryRoot.File("docs/testing.md")).Split("| deviation |")[1]).Select(m => m.Groups[1].Value)];
        Assert.That(documented, Is.EquivalentTo(_all.Select(d => d.Name).Concat(["first_fragment", "later_fragment_data"])));
    }

    private static string Ours(string[] lines, in FlowKey key)
    {
        MacTable macs = new();
        macs.Learn(new MacSighting(0, 0x020000000012, 2), 1);
        XlateEnvironment environment = new(XlatePropertyTests.AllButMeters, macs);
        XlateResult result = new Xlator(environment).Translate(Pipelines.Of(lines), key);
        return DpActionsText.Print(result.Actions, userspace: (_, request) => environment.PacketIns.Find((uint)request.Cookie) is { } record
            ? string.Create(CultureInfo.InvariantCulture, $"{record.Reason} cookie={record.Cookie}")
            : "again");
    }

    [GeneratedRegex(@"^\| `(\w+)` \|", RegexOptions.Multiline)]
    private static partial Regex Row();

    // What differs from run to run, or says nothing.
    [GeneratedRegex("dont_send=0,continuation=0,recirc_id=[0-9]+,|,controller_id=0|,max_len=65535|(?<=recirc\\()0x[0-9a-f]+")]
    private static partial Regex Changing();
}
