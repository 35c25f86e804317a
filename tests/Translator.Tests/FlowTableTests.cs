using OvsBridge.OpenFlow.Fields;
using OvsBridge.Translator.Tables;

namespace OvsBridge.Translator.Tests;

[TestFixture]
public sealed class FlowTableTests
{
    [TestCase(1)]
    [TestCase(2)]
    [TestCase(3)]
    public void Every_version_keeps_what_it_had(int seed)
    {
        Random random = new(seed);
        FlowTable table = FlowTable.Empty(0);
        Dictionary<(Match, ushort), Rule> model = [];
        List<(FlowTable Table, Dictionary<(Match, ushort), Rule> Model)> versions = [];
        for (int i = 0; i < 3000; i++)
        {
            Rule rule = RandomRule(random);
            if (random.Next(3) == 0)
            {
                table = table.Without([rule]);
                model.Remove((rule.Match, rule.Priority));
            }
            else
            {
                table = table.With(rule);
                model[(rule.Match, rule.Priority)] = rule;
            }

            if (i % 100 == 0)
            {
                versions.Add((table, new(model)));
            }
        }

        Assert.Multiple(() =>
        {
            foreach ((FlowTable version, Dictionary<(Match, ushort), Rule> expected) in versions)
            {
                Assert.That(version.Count, Is.EqualTo(expected.Count));
                Assert.That(version.Rules, Is.EquivalentTo(expected.Values));
                Assert.That(expected.Values, Is.All.Matches<Rule>(r => version.Find(r.Match, r.Priority) == r));
                Assert.That(version.Stats, Is.SameAs(table.Stats));
            }
        });
    }

    [TestCase(11)]
    [TestCase(12)]
    public void Covered_flows_are_those_that_a_linear_search_finds(int seed)
    {
        Random random = new(seed);
        FlowTable table = FlowTable.Empty(0).With(Enumerable.Range(0, 600).Select(_ => RandomRule(random)));
        Rule[] rules = [.. table.Rules];
        int several = 0;
        for (int i = 0; i < 1000; i++)
        {
            Match of = rules[random.Next(rules.Length)].Match;
            FlowKey mask = of.Mask;
            for (int word = 0; word < FlowKey.Words; word++)
            {
                if (random.Next(3) == 0)
                    mask.AsMutableWords()[word] &= i % 2 == 0 ? 0 : (ulong)random.NextInt64();
            }

            Match match = i % 5 == 0 ? of : new Match(of.Value, mask);
            Rule[] expected = [.. rules.Where(rule => match.Covers(rule.Match))];
            Assert.That(table.CoveredBy(match), Is.EquivalentTo(expected), match.ToString());
            several += expected.Length > 1 ? 1 : 0;
        }

        Assert.That(several, Is.InRange(100, 999), "queries of all kinds");
    }

    [Test]
    public void Removing_everything_leaves_an_empty_table()
    {
        Random random = new(4);
        FlowTable table = FlowTable.Empty(0).With(Enumerable.Range(0, 1000).Select(_ => RandomRule(random)));

        table = table.Without(table.Rules.ToList());

        Assert.That(table.Count, Is.Zero);
        Assert.That(table.Rules, Is.Empty);
    }

    [Test]
    public void Removing_what_is_not_there_changes_nothing()
    {
        Random random = new(5);
        FlowTable table = FlowTable.Empty(0).With(RandomRule(random));

        Assert.That(table.Without([RandomRule(random)]), Is.SameAs(table));
    }

    [Test]
    public void Every_priority_of_one_match_is_kept_apart()
    {
        FlowTable table = FlowTable.Empty(0);
        Rule[] rules = [.. Enumerable.Range(0, 0x10000).Select(priority => new Rule
        {
            TableId = 0,
            Priority = (ushort)((priority * 40503) & 0xffff), // all of them, in no order
            Match = Match.Any,
            Instructions = [],
            Stats = new RuleStats(0),
        })];

        table = table.With(rules);
        Assert.That(table.Count, Is.EqualTo(0x10000));
        Assert.That(table.Find(Match.Any, rules[777].Priority), Is.SameAs(rules[777]));

        table = table.Without(rules[1..]);
        Assert.That(table.Rules, Is.EqualTo(new[] { rules[0] }));
    }

    private static Rule RandomRule(Random random)
    {
        FlowKey value = default, mask = default;
        if (random.Next(2) == 0)
        {
            FieldTable.InPort.Set(ref value, (uint)random.Next(4));
            FieldTable.InPort.Set(ref mask, uint.MaxValue);
        }

        if (random.Next(2) == 0)
        {
            FieldTable.Ipv4Dst.Set(ref value, (uint)random.Next(64) << 24);
            FieldTable.Ipv4Dst.Set(ref mask, uint.MaxValue << random.Next(24, 32));
        }

        return new Rule
        {
            TableId = 0,
            Priority = (ushort)random.Next(3),
            Match = new Match(value, mask),
            Instructions = [],
            Stats = new RuleStats(0),
        };
    }
}
