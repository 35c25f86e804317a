using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Messages.Multipart;
using OvsBridge.OpenFlow.Wire;
using OvsBridge.Testing;

namespace OvsBridge.OpenFlow.Tests.Wire;

/// <summary>Multipart messages in parts, put together again.</summary>
[TestFixture]
internal sealed class MultipartAssemblerTests
{
    private static MultipartReply Part(uint xid, MultipartAnswer answer, bool more = true) => new(answer, more) { Xid = xid };

    private static FlowAnswer Flows(params ulong[] cookies) => new(cookies.Select(cookie => new FlowStatsEntry { Cookie = cookie }).ToValueList());

    [Test]
    public void Replies_that_were_cut_are_whole_again([Range(1, 13)] int kind)
    {
        var random = new RandomMessages(kind);
        var assembler = new MultipartAssembler(1 << 30);
        for (int round = 0; round < 20; round++)
        {
            MultipartAnswer[] parts = [.. Enumerable.Range(0, 5).Select(_ => random.Answer(kind))];
            if (parts[0] is GroupFeaturesAnswer or MeterFeaturesAnswer)
                parts = parts[..1];
            if (parts[0] is ExperimenterAnswer first)
                parts = [.. parts.Select(part => ((ExperimenterAnswer)part) with { Experimenter = first.Experimenter, ExperimenterType = first.ExperimenterType })];

            MultipartAnswer? whole = null;
            for (int i = 0; i < parts.Length; i++)
            {
                Assert.That(whole, Is.Null);
                byte[] bytes = OfCodec.Encode(Part(7, parts[i], i + 1 < parts.Length));
                whole = assembler.Add((MultipartReply)OfCodec.Decode(bytes), bytes.Length);
            }

            Assert.That(Bodies([whole!]), Is.EqualTo(Bodies(parts)));
            Assert.That((assembler.Unfinished, assembler.UnfinishedBytes), Is.EqualTo((0, 0L)));
        }

        static string Bodies(MultipartAnswer[] parts) =>
            string.Concat(parts.Select(part => Convert.ToHexStringLower(OfCodec.Encode(new MultipartReply(part)).AsSpan(part is ExperimenterAnswer && part != parts[0] ? 24 : 16))));
    }

    [Test]
    public void What_the_splitter_cuts_the_assembler_joins()
    {
        var random = new RandomMessages(5);
        FlowAnswer answer = new(Enumerable.Range(0, 2000).Select(_ => random.FlowStats()).ToValueList());
        TableFeaturesQuery query = new(Enumerable.Range(0, 254).Select(id => new TableFeaturesEntry((byte)id, "t", 0, 0, 0, 1,
            [new TableFeatureProperty(TableFeatureKind.Match, Enumerable.Repeat(0x80000004u, 100).ToValueList())])).ToValueList());
        var assembler = new MultipartAssembler(8 << 20);

        IReadOnlyList<MultipartReply> replies = MultipartSplitter.Split(1, answer);
        IReadOnlyList<MultipartRequest> requests = MultipartSplitter.Split(1, query);
        Assert.That((replies.Count, requests.Count), Is.GreaterThan((1, 1)));
        Assert.That(MessageText.Of(replies.Select(part => assembler.Add(part, 60_000)).ToList()[^1]!), Is.EqualTo(MessageText.Of(answer)));
        Assert.That(MessageText.Of(requests.Select(part => assembler.Add(part, 60_000)).ToList()[^1]!), Is.EqualTo(MessageText.Of(query)));
    }

    [Test]
    public void Parts_of_several_replies_may_come_mixed()
    {
        var assembler = new MultipartAssembler(1000);
        assembler.Add(Part(1, Flows(1)), 100);
        assembler.Add(Part(2, Flows(2)), 100);
        assembler.Add(Part(1, Flows(3)), 100);
        Assert.That((assembler.Unfinished, assembler.UnfinishedBytes), Is.EqualTo((2, 300L)));
        Assert.That(assembler.Add(Part(2, Flows(), more: false), 100), Is.EqualTo(Flows(2)));
        Assert.That(assembler.Add(Part(1, Flows(4), more: false), 100), Is.EqualTo(Flows(1, 3, 4)));
    }

    [Test]
    public void Memory_is_bounded_by_bytes_and_by_number()
    {
        var assembler = new MultipartAssembler(1000, maxUnfinished: 2);
        assembler.Add(Part(1, Flows(1)), 600);
        Refused(OfError.BadRequestMultipartBufferOverflow, () => assembler.Add(Part(2, Flows(1)), 600));
        Assert.That(assembler.UnfinishedBytes, Is.EqualTo(600));
        Refused(OfError.BadRequestMultipartBufferOverflow, () => assembler.Add(Part(3, Flows(1)), 1)); // 1 and 2 are unfinished
        Refused(OfError.BadRequestMultipartBufferOverflow, () => assembler.Add(Part(2, Flows(1), more: false), 1)); // its rest is no whole
        Assert.That(assembler.Add(Part(1, Flows(2), more: false), 400), Is.EqualTo(Flows(1, 2)));
        Assert.That((assembler.Unfinished, assembler.UnfinishedBytes), Is.EqualTo((0, 0L)));
    }

    [Test]
    public void Parts_that_do_not_belong_together_are_refused()
    {
        var assembler = new MultipartAssembler(1000);
        assembler.Add(Part(1, Flows(1)), 100);
        Refused(OfError.BadRequestBadMultipart, () => assembler.Add(Part(1, new TableAnswer(default)), 100));
        Refused(OfError.BadRequestBadMultipart, () => assembler.Add(Part(1, Flows(1), more: false), 100));

        assembler.Add(Part(2, new AggregateAnswer(1, 2, 3)), 100);
        Refused(OfError.BadRequestBadMultipart, () => assembler.Add(Part(2, new AggregateAnswer(1, 2, 3), more: false), 100));

        assembler.Add(Part(3, new ExperimenterAnswer(1, 2, default)), 100);
        Refused(OfError.BadRequestBadMultipart, () => assembler.Add(Part(3, new ExperimenterAnswer(1, 3, default), more: false), 100));
        Assert.That((assembler.Unfinished, assembler.UnfinishedBytes), Is.EqualTo((0, 0L)));
    }

    [Test]
    public void What_nobody_waits_for_any_more_is_forgotten()
    {
        var assembler = new MultipartAssembler(1000);
        assembler.Add(Part(1, Flows(1)), 900);
        assembler.Forget(1);
        assembler.Forget(2);
        Assert.That((assembler.Unfinished, assembler.UnfinishedBytes), Is.EqualTo((0, 0L)));
        Assert.That(assembler.Add(Part(1, Flows(2), more: false), 900), Is.EqualTo(Flows(2)));
    }

    private static void Refused(OfError error, TestDelegate action) =>
        Assert.That(Assert.Throws<OfErrorException>(action)!.Error, Is.EqualTo(error));
}
