using NUnit.Framework.Internal;
using OvsBridge.Datapath;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Text;
using OvsBridge.Translator.Tables;
using OvsBridge.Translator.Tests.Properties;
using OvsBridge.Translator.Tests.Xlate;
using OvsBridge.Translator.Upcalls;
using OvsBridge.Translator.Xlate;

namespace OvsBridge.Translator.Tests.Upcalls;

/// <summary>What a change concerns, found by the index and by looking at every megaflow.</summary>
[TestFixture]
internal sealed class MegaflowIndexTests
{
    [Property(20)]
    public void Finds_every_megaflow_that_a_change_may_concern(HistoryCase drawn)
    {
        using TestExecutionContext.IsolatedContext attempt = new(); // failures while shrinking are none of the result
        PipelineSnapshot snapshot = drawn.Pipeline.Build();
        Xlator xlator = new(new XlateEnvironment(XlatePropertyTests.AllButMeters, new MacTable()));
        MegaflowIndex index = new();
        List<Ukey> all = [];
        foreach (Step step in drawn.Steps)
        {
            RandomPipelines pipelines = step.Pipelines();
            switch (step.Kind % 12)
            {
                case 0 when all.Count > 0:
                    Ukey gone = all[step.Seed % all.Count];
                    all.Remove(gone);
                    index.Remove(gone);
                    break;
                case 1:
                    StatePart part = (step.Seed % 4) switch
                    {
                        0 => StatePart.Group((uint)(step.Seed / 4 % 4 + 1)),
                        1 => StatePart.Meter((uint)(step.Seed / 4 % RandomPipelines.Meters + 1)),
                        2 => StatePart.AllPorts,
                        _ => StatePart.Port((uint)(step.Seed / 4 % 6 + 1)),
                    };
                    List<Ukey> readers = [];
                    index.FindReaders(part, readers);
                    Assert.That(readers.ToHashSet().SetEquals(all.Where(ukey => ukey.Result.Dependencies.Parts.Contains(part))), $"{part}");
                    break;
                case 2 or 3 or 4:
                    Match match = pipelines.Rule(0, 1).Match;
                    CompareOverlap(index, all, MegaflowIndex.InDatapathPorts(match.Value), match.Mask);
                    break;
                default:
                    FlowKey wanted = pipelines.Key();
                    _ = PacketParser.TryParse(pipelines.Frame(wanted), wanted.InPort, out FlowKey key);
                    Ukey ukey = new(key, xlator.Translate(snapshot, key), 1);
                    all.Add(ukey);
                    index.Add(ukey);
                    break;
            }
        }
    }

    private static void CompareOverlap(MegaflowIndex index, List<Ukey> all, in FlowKey value, in FlowKey mask)
    {
        List<Ukey> found = [];
        index.FindOverlapping(value, mask, found);
        Assert.That(found, Is.Unique);
        HashSet<Ukey> set = [.. found];
        foreach (Ukey ukey in all)
        {
            FlowKey agreed = ukey.Result.Pinned(ukey.Mask);
            bool overlaps = true;
            for (int i = 0; i < FlowKey.PacketWords; i++)
            {
                overlaps &= ((ukey.Packet.AsWords()[i] ^ value.AsWords()[i]) & agreed.AsWords()[i] & mask.AsWords()[i]) == 0;
            }

            if (overlaps && !set.Contains(ukey))
            {
                Assert.Fail($"{FlowKeyText.PrintMegaflow(ukey.Packet, ukey.Mask)} overlaps {FlowKeyText.PrintMegaflow(value, mask)}");
            }
        }

        Assert.That(set.IsSubsetOf(all), "one that was taken out");
    }
}
