using NUnit.Framework.Internal;
using OvsBridge.Datapath;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Text;
using OvsBridge.Testing;
using OvsBridge.Translator.Tables;
using OvsBridge.Translator.Tests.Properties;
using OvsBridge.Translator.Tests.Xlate;
using OvsBridge.Translator.Xlate;

namespace OvsBridge.Translator.Tests.Classifier;

[TestFixture]
internal sealed class ClassifierTests
{
    [Property(20)]
    public void Lookup_finds_what_a_search_from_front_to_back_finds(TableCase drawn)
    {
        using TestExecutionContext.IsolatedContext attempt = new(); // failures while shrinking are none of the result
        FlowTable table = FlowTable.Empty(1);
        List<Rule> rules = [];
        TrackedFlow flow = NewFlow();
        foreach (Step step in drawn.Steps)
        {
            RandomPipelines pipelines = step.Pipelines();
            switch (step.Kind % 14)
            {
                case 0 when rules.Count > 0:
                    Rule gone = rules[step.Seed % rules.Count];
                    rules.Remove(gone);
                    table = table.Without([gone]);
                    break;
                case 0 or 1 or 2:
                    Rule rule = pipelines.Rule(1, (ushort)(step.Seed % 20));
                    rules.RemoveAll(r => r.Priority == rule.Priority && r.Match.Equals(rule.Match));
                    rules.Add(rule);
                    table = table.With(rule);
                    break;
                default:
                    Compare(table, rules, flow, pipelines.Key(), new Random(step.Seed + 1));
                    break;
            }
        }
    }

    private static void Compare(FlowTable table, List<Rule> rules, TrackedFlow flow, FlowKey key, Random random)
    {
        Rule? found = Lookup(table, flow, key);
        Rule? wanted = Linear(rules, key);
        Assert.That(found?.Priority, Is.EqualTo(wanted?.Priority), () => $"{FlowKeyText.Print(key)}\n{Print(rules)}");
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

            Assert.That(
                Lookup(table, flow, other), Is.SameAs(found), () => $"{FlowKeyText.PrintMegaflow(key, mask)} for {FlowKeyText.Print(other)}\n{Print(rules)}");
        }
    }

    private static string Print(List<Rule> rules) => string.Join('\n', rules.Select(PipelineParts.Print));

    /// <summary>
    /// The pipeline of the paper on Open vSwitch of 2015 that made about a million megaflows without these optimisations, and a million
    /// connections of clients to servers.
    /// </summary>
    [Test]
    public void Connections_do_not_each_need_a_megaflow() =>
        Assert.That(Megaflows(random => (random.Next(1024, 0x10000), random.Next(1, 1024))), Is.LessThanOrEqualTo(20));

    /// <summary>
    /// The same with both ports drawn from all. A megaflow that leaves the third flow entry out has to fix a bit in which it differs, so it takes
    /// at most half of the connections that the ones before have left: 20 are what a million need, give or take chance.
    /// </summary>
    [Test]
    public void Nor_do_those_between_any_two_ports() =>
        Assert.That(Megaflows(random => (random.Next(0x10000), random.Next(0x10000))), Is.LessThanOrEqualTo(22));

    private static int Megaflows(Func<Random, (int Source, int Destination)> ports)
    {
        FlowTable table = Pipelines.Of(
            "priority=4,arp,actions=output:1",
            "priority=3,ip,nw_dst=11.1.1.1/16,actions=output:2",
            "priority=2,tcp,nw_dst=9.1.1.1,tp_src=10,tp_dst=10,actions=output:3",
            "priority=1,ip,nw_dst=9.1.1.1/24,actions=output:4").Tables[0];
        Random random = new(1);
        TrackedFlow flow = NewFlow();
        HashSet<(FlowKey Key, FlowKey Mask)> megaflows = [];
        FlowKey key = Packets.Key("tcp,in_port=1,nw_src=9.1.1.2,nw_dst=9.1.1.1");
        for (int i = 0; i < 1_000_000; i++)
        {
            key.Ipv4Src = 0x09010100u | (uint)random.Next(256);
            (int source, int destination) = ports(random);
            key.TpSrc = (ushort)source;
            key.TpDst = (ushort)destination;
            Lookup(table, flow, key);
            megaflows.Add((key.Masked(flow.Mask), flow.Mask));
        }

        TestContext.Out.WriteLine($"{megaflows.Count} megaflows");
        return megaflows.Count;
    }

    /// <summary>100,000 flow entries of 50 masks, all that hangs on them included.</summary>
    [Test]
    [NonParallelizable]
    public void Flow_entry_takes_less_than_a_kilobyte()
    {
        const int Count = 100_000;
        Random random = new(1);
        long before = GC.GetTotalMemory(true);
        FlowTable table = FlowTable.Empty(0);
        for (int i = 0; i < Count; i++)
        {
            int kind = i % 50;
            int length = 8 + kind / 2;
            uint address = (uint)random.NextInt64(1L << 32) & uint.MaxValue << (32 - length);
            string match = string.Create(
                System.Globalization.CultureInfo.InvariantCulture,
                $"priority={1000 + kind},{(kind % 2 == 0 ? "ip" : $"tcp,tp_dst={random.Next(1, 0x10000)}")},nw_dst={new System.Net.IPAddress(System.Net.IPAddress.HostToNetworkOrder((int)address) & 0xffffffffL)}/{length},actions=output:{i % 50 + 1}");
            table = table.With(Pipelines.Rule(Flows.Rule(match)));
        }

        long bytes = GC.GetTotalMemory(true) - before;
        TestContext.Out.WriteLine($"{table.Count} flow entries, {bytes / table.Count} bytes each");
        Assert.That(bytes / table.Count, Is.LessThan(1000));
        GC.KeepAlive(table);
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
