using System.Buffers.Binary;
using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Wire;
using OvsBridge.Testing;

namespace OvsBridge.OpenFlow.Tests.Wire;

/// <summary>OpenFlow 1.0 as a switch reads it: annotated bytes become the records of OpenFlow 1.3.</summary>
[TestFixture]
internal sealed class Version10Tests
{
#pragma warning disable CA5394 // not a secret
    private static readonly WireFormat _format = WireFormat.OpenFlow10;

    private static IEnumerable<WireFile> Good => WireFile.Version10.Where(file => file.Text is not null);

    private static IEnumerable<WireFile> Bad => WireFile.Version10.Where(file => file.Error is not null);

    [TestCaseSource(nameof(Good))]
    public void Decodes(WireFile file) => Assert.That(MessageText.Of(OfCodec.Decode(file.Bytes, _format)), Is.EqualTo(file.Text));

    [TestCaseSource(nameof(Bad))]
    public void Is_refused(WireFile file)
    {
        OfErrorException? error = Assert.Throws<OfErrorException>(() => OfCodec.Decode(file.Bytes, _format));
        Assert.That(error!.Error.Name, Is.EqualTo(file.Error), error.Message);
    }

    [TestCaseSource(nameof(Good))]
    public void Is_an_error_or_a_message_when_cut_at_any_length(WireFile file)
    {
        for (int length = 8; length < file.Bytes.Length; length++)
        {
            byte[] cut = file.Bytes[..length];
            BinaryPrimitives.WriteUInt16BigEndian(cut.AsSpan(2), (ushort)length);
            try
            {
                OfCodec.Decode(cut, _format);
            }
            catch (OfErrorException)
            {
                // as it should be; where a message may end here, it decodes
            }
        }
    }

    [Test]
    public void Decoder_survives_mutations([Range(0, 3)] int seed)
    {
        var random = new Random(seed);
        byte[][] corpus = [.. WireFile.Version10.Select(file => file.Bytes)];
        int decoded = 0;
        const int Count = 60_000;
        for (int i = 0; i < Count; i++)
        {
            byte[] message = [.. corpus[random.Next(corpus.Length)]];
            for (int n = random.Next(1, 4); n > 0; n--)
                message[random.Next(4, message.Length)] = random.Next(3) == 0 ? (byte)random.Next(256) : (byte)(random.Next(2) * 255);
            WireFormat format = _format with { FlowModTableId = random.Next(2) == 0 };
            try
            {
                OfMessage result = OfCodec.Decode(message, format);
                decoded++;

                // What a controller says with 1.0's words, 1.3 has words for.
                if (result is FlowMod or GroupMod)
                    OfCodec.Decode(OfCodec.Encode(result));
            }
            catch (OfErrorException)
            {
            }
            catch (Exception e)
            {
                Assert.Fail($"seed {seed}, message {i}: {Convert.ToHexStringLower(message)}\n{e}");
            }
        }

        Assert.That(decoded, Is.InRange(Count / 20, Count * 19 / 20));
    }

    [Test]
    public void The_high_byte_of_the_command_is_a_table_for_who_has_asked_for_that()
    {
        byte[] bytes = Good.First().Bytes.ToArray();
        bytes[56] = 9; // command: 0x0900

        Assert.That(() => OfCodec.Decode(bytes, _format), Throws.TypeOf<OfErrorException>());
        Assert.That(((FlowMod)OfCodec.Decode(bytes, new SetFlowModTableId(true).Apply(_format))).TableId, Is.EqualTo(9));
    }

    [Test]
    public void Formats_that_nobody_knows_are_refused_as_Open_vSwitch_does()
    {
        Assert.That(() => new SetFlowFormat(1).Apply(_format), Throws.TypeOf<OfErrorException>().With.Property("Error").EqualTo(OfError.BadRequestEperm));
        Assert.That(() => new SetPacketInFormat(3).Apply(_format), Throws.TypeOf<OfErrorException>().With.Property("Error").EqualTo(OfError.BadRequestEperm));
    }
}
