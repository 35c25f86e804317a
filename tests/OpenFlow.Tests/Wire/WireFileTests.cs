using System.Buffers.Binary;
using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Wire;
using OvsBridge.Testing;

namespace OvsBridge.OpenFlow.Tests.Wire;

/// <summary>The annotated hex files: every message type and every multipart body, both ways.</summary>
[TestFixture]
internal sealed class WireFileTests
{
    private static IEnumerable<WireFile> Good => WireFile.All.Where(file => file.Text is not null);

    private static IEnumerable<WireFile> Bad => WireFile.All.Where(file => file.Error is not null);

    private static IEnumerable<WireFile> SameBack => Good.Where(file => !file.WrittenDifferently);

    [TestCaseSource(nameof(Good))]
    public void Decodes(WireFile file) =>
        Assert.That(MessageText.Of(OfCodec.Decode(file.Bytes)), Is.EqualTo(file.Text));

    [TestCaseSource(nameof(SameBack))]
    public void Is_written_back_as_it_was(WireFile file) =>
        Assert.That(
            Convert.ToHexStringLower(OfCodec.Encode(OfCodec.Decode(file.Bytes))), Is.EqualTo(Convert.ToHexStringLower(file.Bytes)));

    [TestCaseSource(nameof(Bad))]
    public void Is_refused(WireFile file)
    {
        OfErrorException? error = Assert.Throws<OfErrorException>(() => OfCodec.Decode(file.Bytes));
        Assert.That(error!.Error.Name, Is.EqualTo(file.Error), error.Message);
    }

    [TestCaseSource(nameof(Good))]
    public void Is_framed_when_split_at_any_byte(WireFile file)
    {
        byte[] next = [4, (byte)OfType.BarrierRequest, 0, 8, 1, 2, 3, 4];
        for (int cut = 0; cut <= file.Bytes.Length; cut++)
        {
            var framer = new ReceivedBytes();
            framer.Add(file.Bytes.AsSpan(0, cut));
            byte[]? got = framer.Take();
            Assert.That(got is not null, Is.EqualTo(cut == file.Bytes.Length), $"after {cut} bytes");
            framer.Add(file.Bytes.AsSpan(cut));
            framer.Add(next);
            got ??= framer.Take();

            Assert.That(got, Is.EqualTo(file.Bytes), $"cut at {cut}");
            Assert.That(framer.Take(), Is.EqualTo(next), $"the next message, cut at {cut}");
            Assert.That(framer.Buffered, Is.Zero);
        }
    }

    [TestCaseSource(nameof(Good))]
    public void Is_an_error_or_a_message_when_cut_at_any_length(WireFile file)
    {
        for (int length = 0; length < file.Bytes.Length; length++)
        {
            byte[] cut = file.Bytes[..length];
            Assert.That(() => OfCodec.Decode(cut), Throws.TypeOf<OfErrorException>(), $"{length} bytes, header as it was");
            if (length < MessageHeader.Size)
                continue;
            BinaryPrimitives.WriteUInt16BigEndian(cut.AsSpan(2), (ushort)length);
            try
            {
                OfCodec.Decode(cut);
            }
            catch (OfErrorException)
            {
                // as it should be; where a message may end here, it decodes
            }
        }
    }
}
