using NUnit.Framework.Internal;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.Testing;
using OvsBridge.Translator.Classifier;
using OvsBridge.Translator.Tables;
using OvsBridge.Translator.Tests.Properties;

namespace OvsBridge.Translator.Tests.Classifier;

/// <summary>What differs between two classifiers of one history.</summary>
[TestFixture]
internal sealed class CompareTests
{
    [Property(12)]
    public void Reports_exactly_what_came_went_and_changed(TableCase drawn)
    {
        using TestExecutionContext.IsolatedContext attempt = new(); // failures while shrinking are none of the result
        List<RuleClassifier> history = [RuleClassifier.Empty];
        List<Step> pairs = [];
        foreach (Step step in drawn.Steps)
        {
            if (step.Kind % 8 == 0)
            {
                pairs.Add(step);
                continue;
            }

            Random random = new(step.Seed);
            Match match = RandomMatch(random);
            ushort priority = (ushort)random.Next(3);
            RuleClassifier now = history[^1];
            history.Add(step.Kind % 3 == 0 ? now.Without(match, priority) : now.With(NewRule(match, priority)));
        }

        foreach (Step pair in pairs)
        {
            Random random = new(pair.Seed);
            RuleClassifier before = history[random.Next(history.Count)], after = history[random.Next(history.Count)];
            List<(Rule? Before, Rule? After)> reported = [];
            Assert.That(RuleClassifier.Compare(before, after, (old, now) =>
            {
                reported.Add((old, now));
                return true;
            }));

            List<(Rule? Before, Rule? After)> differences = Differences(before, after);
            Assert.That(reported, Has.Count.EqualTo(differences.Count));
            Assert.That(reported.ToHashSet().SetEquals(differences), () => $"reported {Print(reported)}\nthere are {Print(differences)}");
        }
    }

    [Test]
    public void Stops_when_told_to()
    {
        Random random = new(1);
        RuleClassifier classifier = RuleClassifier.Empty;
        for (int i = 0; i < 200; i++)
        {
            classifier = classifier.With(NewRule(RandomMatch(random), 1));
        }

        int calls = 0;
        Assert.That(RuleClassifier.Compare(RuleClassifier.Empty, classifier, (_, _) => ++calls < 5), Is.False);
        Assert.That(calls, Is.EqualTo(5));
    }

    private static List<(Rule? Before, Rule? After)> Differences(RuleClassifier before, RuleClassifier after)
    {
        List<(Rule?, Rule?)> all = [];
        foreach (Rule old in before.Rules)
        {
            Rule? now = after.Find(old.Match, old.Priority);
            if (now != old)
            {
                all.Add((old, now));
            }
        }

        all.AddRange(after.Rules.Where(now => before.Find(now.Match, now.Priority) is null).Select(now => ((Rule?)null, (Rule?)now)));
        return all;
    }

    private static string Print(List<(Rule? Before, Rule? After)> changes) => string.Join(
        '\n', changes.Select(c => $"{(c.Before is null ? "-" : PipelineParts.Print(c.Before))} -> {(c.After is null ? "-" : PipelineParts.Print(c.After))}"));

    private static Match RandomMatch(Random random) => Flows.Rule(random.Next(3) switch
    {
        0 => $"tcp,tp_dst={random.Next(40)},actions=drop",
        1 => $"in_port={random.Next(1, 5)},dl_dst=02:00:00:00:00:{random.Next(40):x2},actions=drop",
        _ => $"ip,nw_dst=10.{random.Next(6)}.0.0/{random.Next(14, 18)},actions=drop",
    }).Match;

    private static Rule NewRule(Match match, ushort priority) =>
        new() { TableId = 0, Priority = priority, Match = match, Instructions = [], Stats = new RuleStats(0) };
}
