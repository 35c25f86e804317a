using OvsBridge.Datapath;
using OvsBridge.Datapath.Text;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Text;
using OvsBridge.Translator.Tables;
using OvsBridge.Translator.Xlate;

namespace OvsBridge.Translator.Tests.Xlate;

/// <summary>What must hold for every pipeline and packet; random ones, and the failing seed is printed.</summary>
[TestFixture]
public sealed class XlatePropertyTests
{
    private const int PipelinesOfSeed = 50;
    private const int PacketsOfPipeline = 25;

    internal static readonly DatapathCapabilities AllButMeters = new(
        Enum.GetValues<DpActionType>().Except([DpActionType.Unspec, DpActionType.Meter, DpActionType.SetTunnel]).ToHashSet(), 200_000, 256, 64);

    // What a datapath has that does little: the rest goes through user space, by the same programs.
    private static readonly DatapathCapabilities _few = AllButMeters with
    {
        Actions = new HashSet<DpActionType>
        {
            DpActionType.Output, DpActionType.Userspace, DpActionType.SetEth, DpActionType.SetIpv4, DpActionType.SetIpv6, DpActionType.SetTp,
            DpActionType.PushVlan, DpActionType.PopVlan, DpActionType.SetVlan,
        },
    };

    /// <summary>The programs, run on the packet's bytes, do what a switch does that treats each action by itself.</summary>
    [Test]
    public void Translation_does_what_the_actions_say([Range(1, 12)] int seed)
    {
        Check(seed, (random, pipelines, snapshot, environment, xlator) =>
        {
            FlowKey wanted = pipelines.Key();
            byte[] frame = pipelines.Frame(wanted);
            Assert.That(PacketParser.TryParse(frame, wanted.InPort, out FlowKey key));

            XlateResult result = xlator.Translate(snapshot, key);

            Compare(snapshot, environment, xlator, result, frame, key, "itself");
            for (int i = 0; i < 4; i++)
            {
                byte[]? other = pipelines.Covered(key, result.Mask);
                if (other is not null)
                {
                    Compare(snapshot, environment, xlator, result, other, key, "another packet of its megaflow");
                }
            }
        });
    }

    /// <summary>What a trace says of its steps adds up: each bit of the mask was first looked at by one of them.</summary>
    [Test]
    public void Steps_of_a_trace_add_up_to_the_mask([Range(1, 4)] int seed)
    {
        Check(seed, (random, pipelines, snapshot, environment, xlator) =>
        {
            FlowKey wanted = pipelines.Key();
            Assert.That(PacketParser.TryParse(pipelines.Frame(wanted), wanted.InPort, out FlowKey key));
            XlateTrace trace = new();
            XlateResult result = xlator.Translate(snapshot, key, trace);

            FlowKey sum = trace.LooksAt;
            foreach (TraceNode node in All(trace.Roots))
            {
                for (int i = 0; i < FlowKey.Words; i++)
                {
                    Assert.That(sum.AsWords()[i] & node.LooksAt.AsWords()[i], Is.Zero, "two were the first");
                    sum.AsMutableWords()[i] |= node.LooksAt.AsWords()[i];
                }
            }

            Assert.That(sum, Is.EqualTo(result.Mask));
            Assert.That(xlator.Translate(snapshot, key).Mask, Is.EqualTo(result.Mask), "to be looked at changes nothing");
        });

        static IEnumerable<TraceNode> All(IEnumerable<TraceNode> nodes) => nodes.SelectMany(node => All(node.Children).Prepend(node));
    }

    /// <summary>Every bit that the mask lacks, flipped alone and with others: the same translation.</summary>
    [Test]
    public void Bits_outside_the_mask_do_not_matter([Range(1, 12)] int seed)
    {
        Check(seed, (random, pipelines, snapshot, environment, xlator) =>
        {
            FlowKey wanted = pipelines.Key();
            Assert.That(PacketParser.TryParse(pipelines.Frame(wanted), wanted.InPort, out FlowKey key));
            XlateResult result = xlator.Translate(snapshot, key);

            for (int i = 0; i < 20; i++)
            {
                FlowKey other = key;
                int flips = random.Next(1, i < 10 ? 2 : 200);
                for (int flip = 0; flip < flips; flip++)
                {
                    int word = random.Next(FlowKey.PacketWords);
                    other.AsMutableWords()[word] ^= (1ul << random.Next(64)) & ~result.Mask.AsWords()[word];
                }

                Same(result, xlator.Translate(snapshot, other), key, other);
            }

            Same(result, xlator.Translate(snapshot, key.Masked(result.Mask)), key, key.Masked(result.Mask));
        });
    }

    private static void Check(int seed, Action<Random, RandomPipelines, PipelineSnapshot, XlateEnvironment, Xlator> body)
    {
        Random random = new(seed);
        RandomPipelines pipelines = new(random);
        for (int i = 0; i < PipelinesOfSeed; i++)
        {
            PipelineSnapshot snapshot = pipelines.Next();
            MacTable macs = new();
            macs.Learn(new MacSighting(0, 0x020000000001, 1), 1);
            macs.Learn(new MacSighting(0, 0x020000000002, 2), 1);
            macs.Learn(new MacSighting(1, 0x020000000001, 3), 1);
            macs.Learn(new MacSighting(0, 0x020000000003, 7), 1); // a port that is not there any more
            XlateEnvironment environment = new(seed % 3 == 0 ? _few : AllButMeters, macs);
            Xlator xlator = new(environment);
            for (int j = 0; j < PacketsOfPipeline; j++)
            {
                body(random, pipelines, snapshot, environment, xlator);
            }
        }
    }

    private static void Same(XlateResult expected, XlateResult actual, in FlowKey key, in FlowKey other)
    {
        if (!actual.Actions.Equals(expected.Actions)
            || !actual.Credits.Stats.SequenceEqual(expected.Credits.Stats)
            || !actual.Credits.Tables.SequenceEqual(expected.Credits.Tables)
            || !actual.Credits.Sightings.SequenceEqual(expected.Credits.Sightings))
        {
            Assert.Fail($"""
                megaflow {FlowKeyText.PrintMegaflow(key, expected.Mask)}
                packet   {FlowKeyText.Print(key)}: {DpActionsText.Print(expected.Actions)}
                other    {FlowKeyText.Print(other)}: {DpActionsText.Print(actual.Actions)}
                {Trace(expected.Snapshot, key)}
                """);
        }
    }

    private static void Compare(
        PipelineSnapshot snapshot, XlateEnvironment environment, Xlator xlator, XlateResult result, byte[] frame, FlowKey key, string which)
    {
        Outcome expected = ReferencePipeline.Run(snapshot, environment.Macs, frame, key.InPort);
        Outcome actual = new TranslatedPipeline(xlator, environment, snapshot).Run(result, frame, key.InPort);
        if (expected.Failed || actual.Failed)
        {
            return; // an action did not fit the packet (no TTL behind a label): the datapath drops the rest
        }

        if (!actual.Events.Order().SequenceEqual(expected.Events.Order())
            || !actual.Counted.ToHashSet().SetEquals(expected.Counted)
            || actual.Counted.Count != expected.Counted.Count
            || !actual.Tables.ToHashSet().SetEquals(expected.Tables)
            || !actual.Sightings.SequenceEqual(expected.Sightings))
        {
            PacketParser.TryParse(frame, key.InPort, out FlowKey own);
            Assert.Fail($"""
                {which}: {Convert.ToHexString(frame)}
                {FlowKeyText.Print(own)}
                megaflow {FlowKeyText.PrintMegaflow(key, result.Mask)}
                actions  {DpActionsText.Print(result.Actions)}
                expected {string.Join("\n         ", expected.Events)}
                got      {string.Join("\n         ", actual.Events)}
                counted  {expected.Counted.Count}, got {actual.Counted.Count}; sightings {expected.Sightings.Count}, got {actual.Sightings.Count}; tables {expected.Tables.Count}, got {actual.Tables.Count}
                {Trace(snapshot, own)}
                """);
        }
    }

    private static string Trace(PipelineSnapshot snapshot, in FlowKey key)
    {
        XlateTrace trace = new();
        new Xlator(new XlateEnvironment(AllButMeters, new MacTable())).Translate(snapshot, key, trace);
        StringWriter text = new();
        trace.Print(text, TraceWords.Of);
        foreach (Group group in snapshot.Groups.Values)
        {
            text.WriteLine(FlowSyntax.PrintGroup(group.GroupId, group.GroupType, group.Buckets));
        }

        return text.ToString();
    }
}
