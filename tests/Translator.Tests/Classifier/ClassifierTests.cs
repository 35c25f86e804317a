using OvsBridge.Datapath;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Text;
using OvsBridge.Testing;
using OvsBridge.Translator.Tables;
using OvsBridge.Translator.Tests.Xlate;
using OvsBridge.Translator.Xlate;

namespace OvsBridge.Translator.Tests.Classifier;

[TestFixture]
public sealed class ClassifierTests
{
    [Test]
    public void Lookup_finds_what_a_search_from_front_to_back_finds([Range(1, 10)] int seed)
    {
        Random random = new(seed);
        RandomPipelines pipelines = new(random);
        FlowTable table = FlowTable.Empty(1);
        List<Rule> rules = [];
        TrackedFlow flow = NewFlow();
        for (int step = 0; step < 1500; step++)
        {
            if (rules.Count > 0 && random.Next(10) == 0)
            {
                Rule gone = rules[random.Next(rules.Count)];
                rules.Remove(gone);
                table = table.Without([gone]);
            }
            else if (random.Next(4) == 0)
            {
                Rule rule = pipelines.Rule(1, (ushort)random.Next(20));
                rules.RemoveAll(r => r.Priority == rule.Priority && r.Match.Equals(rule.Match));
                rules.Add(rule);
                table = table.With(rule);
            }

            FlowKey key = pipelines.Key();
            Rule? found = Lookup(table, flow, key);
            Rule? wanted = Linear(rules, key);
            Assert.That(found?.Priority, Is.EqualTo(wanted?.Priority), () => FlowKeyText.Print(key));
            Assert.That(found is null || found.Match.Matches(OpenFlowKey(key)));

            // No bit that was not looked at can change the answer. Of flows of equal priority, either may be it.
            FlowKey mask = flow.Mask;
            for (int i = 0; i < 3; i++)
            {
                FlowKey other = key;
                for (int flip = random.Next(1, 100); flip > 0; flip--)
                {
                    int word = random.Next(FlowKey.PacketWords);
                    other.AsMutableWords()[word] ^= (1ul << random.Next(64)) & ~mask.AsWords()[word];
                }

                Assert.That(Lookup(table, flow, other), Is.SameAs(found), () => $"{FlowKeyText.PrintMegaflow(key, mask)} for {FlowKeyText.Print(other)}");
            }
        }
    }

    // The pipeline of the paper on Open vSwitch of 2015 that made about a million megaflows without these optimisations.
    [Test]
    public void Connections_do_not_each_need_a_megaflow()
    {
        FlowTable table = Pipelines.Of(
            "priority=4,arp,actions=output:1",
            "priority=3,ip,nw_dst=11.1.1.1/16,actions=output:2",
            "priority=2,tcp,nw_dst=9.1.1.1,tp_src=10,tp_dst=10,actions=output:3",
            "priority=1,ip,nw_dst=9.1.1.1/24,actions=output:4").Tables[0];
        Random random = new(1);
        TrackedFlow flow = NewFlow();
        HashSet<(FlowKey Key, FlowKey Mask)> megaflows = [];
        for (int i = 0; i < 100_000; i++)
        {
            FlowKey key = Packets.Key("tcp,in_port=1,nw_src=9.1.1.2,nw_dst=9.1.1.1");
            key.Ipv4Src = 0x09010100u | (uint)random.Next(256);
            key.TpSrc = (ushort)random.Next(0x10000);
            key.TpDst = (ushort)random.Next(0x10000);
            Lookup(table, flow, key);
            megaflows.Add((key.Masked(flow.Mask), flow.Mask));
        }

        Assert.That(megaflows, Has.Count.LessThanOrEqualTo(20));
    }

    [TestCase("priority=5,tcp,tp_dst=80,actions=1", "udp,tp_dst=53", "eth_type,ip_proto", TestName = "Later stages stay wildcarded")]
    [TestCase("priority=5,in_port=2,tcp,tp_dst=80,actions=1", "in_port=1,tcp,tp_dst=80", "", TestName = "Nothing but the port when the port decides")]
    [TestCase("priority=5,ip,nw_dst=10.0.0.0/8,actions=1", "ip,nw_dst=128.0.0.1", "eth_type,ipv4_dst/1", TestName = "One bit of an address when it decides")]
    [TestCase("priority=5,ip,nw_dst=10.0.0.0/8,actions=1", "ip,nw_dst=10.2.3.4", "eth_type,ipv4_dst/8", TestName = "The prefix when it matches")]
    [TestCase("priority=5,tcp,tp_dst=80,actions=1", "tcp,tp_dst=32768", "eth_type,ip_proto,tcp_dst/1", TestName = "One bit of a port when it decides")]
    [TestCase("priority=5,tcp,tp_dst=80,actions=1", "tcp,tp_dst=81", "eth_type,ip_proto,tcp_dst", TestName = "The port when its last bit decides")]
    public void Looks_at_no_more_than_it_must(string rule, string packet, string looked)
    {
        FlowTable table = Pipelines.Of(rule).Tables[0];
        TrackedFlow flow = NewFlow();

        Lookup(table, flow, Packets.Key(packet));

        FlowKey expected = default;
        expected.InPort = uint.MaxValue;
        expected.RecircId = uint.MaxValue;
        foreach (string name in looked.Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            Field field = FieldTable.ByName(name.Split('/')[0])!;
            int bits = name.Contains('/', StringComparison.Ordinal) ? int.Parse(name.Split('/')[1], System.Globalization.CultureInfo.InvariantCulture) : field.Bits;
            field.Set(ref expected, field.AllOnes >> (field.Bits - bits) << (field.Bits - bits));
        }

        Assert.That(FlowKeyText.PrintMegaflow(default, flow.Mask), Is.EqualTo(FlowKeyText.PrintMegaflow(default, expected)));
        Assert.That(flow.Mask, Is.EqualTo(expected));
    }

    private static TrackedFlow NewFlow() => new(XlatePropertyTests.AllButMeters);

    private static Rule? Lookup(FlowTable table, TrackedFlow flow, in FlowKey key)
    {
        flow.Load(key);
        return table.Classifier.Lookup(flow);
    }

    private static Rule? Linear(List<Rule> rules, FlowKey key) => rules.Where(r => r.Match.Matches(OpenFlowKey(key))).MaxBy(r => r.Priority);

    private static FlowKey OpenFlowKey(FlowKey key)
    {
        key.InPort = PortNumbers.FromDatapath(key.InPort);
        return key;
    }
}
