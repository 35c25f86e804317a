using System.Buffers;
using FsCheck;
using FsCheck.Fluent;
using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Messages.Multipart;
using OvsBridge.OpenFlow.Wire;
using OvsBridge.Testing;

namespace OvsBridge.OpenFlow.Tests.Wire;

/// <summary>What we write, we read back as the same; FsCheck draws the messages and prints the seed of a failure.</summary>
[TestFixture]
[FsCheck.NUnit.Properties(Arbitrary = [typeof(Arbitraries)], QuietOnSuccess = true)]
internal sealed class RoundTripProperties
{
    /// <summary>Random messages and matches for FsCheck, printed as <see cref="MessageText"/>.</summary>
    internal static class Arbitraries
    {
        public static Arbitrary<Drawn<OfMessage>> Messages() => From(random => random.Message());

        public static Arbitrary<Drawn<Match>> Matches() => From(random => random.Match());

        public static Arbitrary<Drawn<MultipartAnswer>> Answers() => From(random => random.Answer(random.FlowMod().Priority % 14));

        private static Arbitrary<Drawn<T>> From<T>(Func<RandomMessages, T> make)
            where T : class =>
            Arb.From(Gen.Choose(int.MinValue, int.MaxValue).Select(seed => new Drawn<T>(make(new RandomMessages(seed)))));
    }

    internal sealed record Drawn<T>(T Value)
        where T : class
    {
        public override string ToString() => MessageText.Of(Value);
    }

    [FsCheck.NUnit.Property(MaxTest = 5000)]
    public void Message_is_read_back_as_it_was_written(Drawn<OfMessage> drawn)
    {
        byte[] bytes = OfCodec.Encode(drawn.Value);
        OfMessage back = OfCodec.Decode(bytes);
        Assert.That(MessageText.Of(back), Is.EqualTo(MessageText.Of(drawn.Value)));
        Assert.That(OfCodec.Encode(back), Is.EqualTo(bytes));
    }

    [Test]
    public void Every_kind_of_message_is_drawn([Range(0, RandomMessages.Kinds - 1)] int kind)
    {
        var random = new RandomMessages(kind);
        for (int i = 0; i < 50; i++)
        {
            OfMessage message = random.Message(kind);
            Assert.That(MessageText.Of(OfCodec.Decode(OfCodec.Encode(message))), Is.EqualTo(MessageText.Of(message)));
        }
    }

    [FsCheck.NUnit.Property(MaxTest = 5000)]
    public void Match_is_written_in_an_order_that_its_prerequisites_allow(Drawn<Match> drawn)
    {
        byte[] bytes = OfCodec.Encode(new FlowMod { Match = drawn.Value });
        Match back = ((FlowMod)OfCodec.Decode(bytes)).Match;
        Assert.That(back, Is.EqualTo(drawn.Value));
        Assert.That(OfCodec.Encode(new FlowMod { Match = back }), Is.EqualTo(bytes), "from the received fields");
    }

    [FsCheck.NUnit.Property(MaxTest = 2000)]
    public void Small_output_memory_makes_no_difference(Drawn<OfMessage> drawn)
    {
        var output = new StingyWriter();
        int size = OfCodec.Encode(drawn.Value, output);
        Assert.That(output.Written, Is.EqualTo(OfCodec.Encode(drawn.Value)));
        Assert.That(size, Is.EqualTo(output.Written.Count));
    }

    [FsCheck.NUnit.Property(MaxTest = 500)]
    public void Stream_cut_anywhere_gives_the_same_messages(int seed)
    {
        var random = new Random(seed);
        var messages = new RandomMessages(seed);
        var sent = Enumerable.Range(0, 20).Select(_ => OfCodec.Encode(messages.Message())).ToList();
        byte[] stream = [.. sent.SelectMany(bytes => bytes)];
        var framer = new ReceivedBytes();
        var received = new List<byte[]>();
        for (int at = 0; at < stream.Length;)
        {
            int count = int.Min(stream.Length - at, random.Next(1, 500));
            framer.Add(stream.AsSpan(at, count));
            at += count;
            while (framer.Take() is { } message)
                received.Add(message);
        }

        Assert.That(received, Is.EqualTo(sent));
        Assert.That(framer.Buffered, Is.Zero);
    }

    [FsCheck.NUnit.Property(MaxTest = 200)]
    public void Answer_that_fits_is_one_part(Drawn<MultipartAnswer> drawn)
    {
        IReadOnlyList<MultipartReply> parts = MultipartSplitter.Split(7, drawn.Value);
        Assert.That(parts, Has.Count.EqualTo(1));
        Assert.That(MessageText.Of(parts[0]), Is.EqualTo(MessageText.Of(new MultipartReply(drawn.Value) { Xid = 7 })));
    }

    [Test]
    public void Answer_that_does_not_fit_is_cut_between_entries()
    {
        var random = new RandomMessages(1);
        FlowStatsEntry[] flows = [.. Enumerable.Range(0, 2000).Select(_ => random.FlowStats())];
        IReadOnlyList<MultipartReply> parts = MultipartSplitter.Split(7, new FlowAnswer(ValueList.Create<FlowStatsEntry>(flows)));
        int[] sizes = [.. parts.Select(part => OfCodec.Encode(part).Length)];
        Assert.Multiple(() =>
        {
            Assert.That(parts, Has.Count.GreaterThan(2));
            Assert.That(parts.SelectMany(part => ((FlowAnswer)part.Answer).Flows), Is.EqualTo(flows));
            Assert.That(parts.Select(part => part.Xid), Has.All.EqualTo(7));
            Assert.That(parts.SkipLast(1).Select(part => part.More), Has.All.True);
            Assert.That(parts[^1].More, Is.False);
            Assert.That(sizes.SkipLast(1), Has.All.GreaterThan(60000), "no part is wastefully small");
        });
    }

    [Test]
    public void Answer_of_exactly_the_longest_message_is_one_part()
    {
        // 16 bytes of header and 24 an entry: 2,729 entries are 65,512 bytes, one more is too much
        TableStatsEntry[] tables = [.. Enumerable.Range(0, 2730).Select(i => new TableStatsEntry((byte)i, 0, 0, 0))];
        Assert.That(MultipartSplitter.Split(1, new TableAnswer(ValueList.Create<TableStatsEntry>(tables.AsSpan(1)))), Has.Count.EqualTo(1));
        Assert.That(MultipartSplitter.Split(1, new TableAnswer(ValueList.Create<TableStatsEntry>(tables))), Has.Count.EqualTo(2));
    }

    [Test]
    public void Empty_answer_is_one_empty_part()
    {
        IReadOnlyList<MultipartReply> parts = MultipartSplitter.Split(1, new FlowAnswer(default));
        Assert.That(parts, Has.Count.EqualTo(1));
        Assert.That(parts[0].More, Is.False);
    }

    [Test]
    public void Table_features_request_that_does_not_fit_is_cut_too()
    {
        var entry = new TableFeaturesEntry(1, "t", 0, 0, 0, 0, [new TableFeatureProperty(TableFeatureKind.NextTables, [.. Enumerable.Range(0, 254).Select(i => (uint)i)])]);
        IReadOnlyList<MultipartRequest> parts = MultipartSplitter.Split(3, new TableFeaturesQuery(Enumerable.Repeat(entry, 254).ToValueList()));
        Assert.That(parts.Select(part => part.More), Is.EqualTo(new[] { true, false }));
        Assert.That(parts.Sum(part => ((TableFeaturesQuery)part.Query).Tables.Count), Is.EqualTo(254));
    }

    [Test]
    public void Message_beyond_65535_bytes_is_refused_and_nothing_is_written()
    {
        var output = new ArrayBufferWriter<byte>();
        Assert.That(() => OfCodec.Encode(new EchoRequest(new byte[65528]), output), Throws.ArgumentException);
        Assert.That(output.WrittenCount, Is.Zero);
        Assert.That(OfCodec.Encode(new EchoRequest(new byte[65527]), output), Is.EqualTo(65535));
    }

    [Test]
    public void Error_quotes_the_whole_request_and_its_xid()
    {
        byte[] request = OfCodec.Encode(new RandomMessages(5).FlowMod() with { Xid = 0x1234 });
        ErrorMessage error = ErrorMessage.For(OfError.FlowModFailedOverlap, request);
        Assert.Multiple(() =>
        {
            Assert.That((error.ErrorType, error.Code, error.Xid), Is.EqualTo(((ushort)5, (ushort)3, 0x1234u)));
            Assert.That(error.Data.ToArray(), Is.EqualTo(request));
        });
    }

    [Test]
    public void Error_about_the_longest_request_still_fits_a_message()
    {
        byte[] request = OfCodec.Encode(new EchoRequest(new byte[65527]));
        Assert.That(OfCodec.Encode(ErrorMessage.For(OfError.BadRequestBadType, request)), Has.Length.EqualTo(65535));
    }

    /// <summary>Gives as little memory as the contract allows.</summary>
    private sealed class StingyWriter : IBufferWriter<byte>
    {
        private byte[] _lent = [];

        public List<byte> Written { get; } = [];

        public void Advance(int count) => Written.AddRange(_lent.AsSpan(0, count));

        public Memory<byte> GetMemory(int sizeHint = 0) => _lent = new byte[int.Max(sizeHint, 1)];

        public Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;
    }
}
