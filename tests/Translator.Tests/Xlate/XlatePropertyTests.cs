using NUnit.Framework.Internal;
using OvsBridge.Datapath;
using OvsBridge.Datapath.Text;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Text;
using OvsBridge.Translator.Tables;
using OvsBridge.Translator.Tests.Properties;
using OvsBridge.Translator.Xlate;

namespace OvsBridge.Translator.Tests.Xlate;

/// <summary>What must hold for every pipeline and packet; random ones, of which a failing one is made small and printed.</summary>
[TestFixture]
internal sealed class XlatePropertyTests
{
    internal static readonly DatapathCapabilities AllButMeters = new(
        Enum.GetValues<DpActionType>().Except([DpActionType.Unspec, DpActionType.Meter, DpActionType.SetTunnel]).ToHashSet(), 200_000, 256, 64);

    private static readonly DatapathCapabilities _all = AllButMeters with { Actions = AllButMeters.Actions.Append(DpActionType.Meter).ToHashSet() };

    // What a datapath has that does little: the rest goes through user space, by the same programs.
    private static readonly DatapathCapabilities _few = AllButMeters with
    {
        Actions = new HashSet<DpActionType>
        {
            DpActionType.Output, DpActionType.Userspace, DpActionType.SetEth, DpActionType.SetIpv4, DpActionType.SetIpv6, DpActionType.SetTp,
            DpActionType.PushVlan, DpActionType.PopVlan, DpActionType.SetVlan, DpActionType.Save, DpActionType.Restore,
        },
    };

    /// <summary>The programs, run on the packet's bytes, do what a switch does that treats each action by itself.</summary>
    [Property(600)]
    public void Translation_does_what_the_actions_say(TranslationCase drawn)
    {
        Check(drawn, (random, pipelines, snapshot, environment, xlator) =>
        {
            FlowKey wanted = pipelines.Key();
            byte[] frame = pipelines.Frame(wanted);
            Assert.That(PacketParser.TryParse(frame, wanted.InPort, out FlowKey key));

            XlateResult result = xlator.Translate(snapshot, key);
            int salt = random.Next(1000);
            MeterVerdict Meters(uint slot, int length) => Verdict(snapshot.Meters[slot], length + salt);

            Compare(snapshot, environment, xlator, result, frame, key, Meters, "itself");
            for (int i = 0; i < 4; i++)
            {
                byte[]? other = pipelines.Covered(key, result.Mask);
                if (other is not null)
                {
                    Compare(snapshot, environment, xlator, result, other, key, Meters, "another packet of its megaflow");
                }
            }
        });
    }

    /// <summary>What a trace says of its steps adds up: each bit of the mask was first looked at by one of them.</summary>
    [Property(200)]
    public void Steps_of_a_trace_add_up_to_the_mask(TranslationCase drawn)
    {
        Check(drawn, (random, pipelines, snapshot, environment, xlator) =>
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
    [Property(600)]
    public void Bits_outside_the_mask_do_not_matter(TranslationCase drawn)
    {
        Check(drawn, (random, pipelines, snapshot, environment, xlator) =>
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

    private static void Check(TranslationCase drawn, Action<Random, RandomPipelines, PipelineSnapshot, XlateEnvironment, Xlator> body)
    {
        using TestExecutionContext.IsolatedContext attempt = new(); // failures while shrinking are none of the result
        PipelineSnapshot snapshot = drawn.Pipeline.Build();
        MacTable macs = new();
        macs.Learn(new MacSighting(0, 0x020000000001, 1), 1);
        macs.Learn(new MacSighting(0, 0x020000000002, 2), 1);
        macs.Learn(new MacSighting(1, 0x020000000001, 3), 1);
        macs.Learn(new MacSighting(0, 0x020000000003, 7), 1); // a port that is not there any more
        XlateEnvironment environment = new(drawn.Datapath switch { 0 => _few, 1 => AllButMeters, _ => _all }, macs);
        Xlator xlator = new(environment);
        foreach (int packet in drawn.Packets)
        {
            Random random = new(packet);
            body(random, new RandomPipelines(random, meters: true), snapshot, environment, xlator);
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
        PipelineSnapshot snapshot,
        XlateEnvironment environment,
        Xlator xlator,
        XlateResult result,
        byte[] frame,
        FlowKey key,
        Func<uint, int, MeterVerdict> meters,
        string which)
    {
        Outcome expected = ReferencePipeline.Run(snapshot, environment.Macs, frame, key.InPort, meters);
        Outcome actual = new TranslatedPipeline(xlator, environment, snapshot, meters).Run(result, frame, key.InPort);
        if (expected.Failed || actual.Failed)
        {
            return; // an action did not fit the packet (no TTL behind a label): the datapath drops the rest
        }

        if (!actual.Events.Order().SequenceEqual(expected.Events.Order())
            || !Counts(expected, actual))
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

    private static bool Counts(Outcome expected, Outcome actual) => expected.Metered
        ? actual.Counted.ToHashSet().IsSupersetOf(expected.Counted) && actual.Tables.ToHashSet().IsSupersetOf(expected.Tables)
        : actual.Counted.ToHashSet().SetEquals(expected.Counted)
            && actual.Counted.Count == expected.Counted.Count
            && actual.Tables.ToHashSet().SetEquals(expected.Tables)
            && actual.Sightings.Count == expected.Sightings.Count
            && actual.Sightings.ToHashSet().SetEquals(expected.Sightings); // a bucket that user space parses again reports later

    /// <summary>One of the things that a meter may do to a packet.</summary>
    private static MeterVerdict Verdict(Meter meter, int chance) => (chance % (meter.Bands.Count + 1)) switch
    {
        0 => new MeterVerdict(true),
        int band => meter.Bands[band - 1] is { Type: MeterBandType.DscpRemark } remark ? new MeterVerdict(true, remark.PrecedenceLevel) : new MeterVerdict(false),
    };

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
