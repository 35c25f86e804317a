using System.Buffers;
using System.Buffers.Binary;
using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Tests.Peer;
using OvsBridge.OpenFlow.Wire;
using OvsBridge.Testing;

namespace OvsBridge.OpenFlow.Tests.Wire;

/// <summary>
/// Over a million mutated messages: whatever comes in, the decoder gives a message or an <see cref="OfErrorException"/>, the
/// framer whole messages or an <see cref="OfProtocolException"/>. Seeds are fixed, so every run is the same run.
/// </summary>
[TestFixture]
internal sealed class FuzzTests
{
#pragma warning disable CA5394 // not a secret
    private const int MessagesEach = 130_000;

    private static readonly ushort[] _lengths = [0, 1, 3, 4, 7, 8, 9, 15, 16, 24, 0x7fff, 0x8000, 0xfff8, 0xffff];

    private static readonly byte[][] _corpus = Corpus();

    [Test]
    public void Decoder_survives([Range(0, 7)] int seed)
    {
        var random = new Random(seed);
        var output = new ArrayBufferWriter<byte>(ushort.MaxValue);
        byte[] buffer = new byte[4 * ushort.MaxValue];
        int decoded = 0;
        for (int i = 0; i < MessagesEach; i++)
        {
            ReadOnlySpan<byte> message = Mutate(random, buffer);
            long allocated = GC.GetAllocatedBytesForCurrentThread();
            OfMessage? result = null;
            try
            {
                result = OfCodec.Decode(message);
            }
            catch (OfErrorException)
            {
            }
            catch (Exception e)
            {
                Assert.Fail($"seed {seed}, message {i}: {Convert.ToHexStringLower(message)}\n{e}");
            }

            // Nothing in a message may claim more memory than its own size earns it. (An exception has a stack trace to carry.)
            allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;
            if (allocated > 16_384 + (64L * message.Length))
                Assert.Fail($"seed {seed}, message {i} of {message.Length} bytes took {allocated} bytes: {Convert.ToHexStringLower(message)}");

            if (result is null)
                continue;
            decoded++;
            Reread(result, output, $"seed {seed}, message {i}: {Convert.ToHexStringLower(message)}");
        }

        TestContext.Out.WriteLine($"{decoded} of {MessagesEach} still decoded");
        Assert.That(decoded, Is.InRange(MessagesEach / 20, MessagesEach * 19 / 20), "a mutation that always or never hurts finds nothing");
    }

    [Test]
    public void Framer_survives([Range(100, 101)] int seed)
    {
        var random = new Random(seed);
        byte[] buffer = new byte[4 * ushort.MaxValue];
        int closed = 0;
        for (int stream = 0; stream < 3000; stream++)
        {
            var received = new ReceivedBytes();
            try
            {
                for (int i = 0; i < 10; i++)
                {
                    ReadOnlySpan<byte> bytes = Mutate(random, buffer);
                    while (!bytes.IsEmpty)
                    {
                        int count = int.Min(bytes.Length, random.Next(1, 4096));
                        received.Add(bytes[..count]);
                        bytes = bytes[count..];
                        while (received.Take() is { } message)
                        {
                            Assert.That(message.Length, Is.EqualTo(BinaryPrimitives.ReadUInt16BigEndian(message.AsSpan(2))));
                            try
                            {
                                OfCodec.Decode(message);
                            }
                            catch (OfErrorException)
                            {
                            }
                        }

                        Assert.That(received.Buffered, Is.LessThanOrEqualTo(ushort.MaxValue));
                    }
                }
            }
            catch (OfProtocolException)
            {
                closed++;
            }
        }

        Assert.That(closed, Is.InRange(100, 2900));
    }

    /// <summary>What decodes can be written, and what is written is read as the same.</summary>
    private static void Reread(OfMessage message, ArrayBufferWriter<byte> output, string where)
    {
        try
        {
            output.ResetWrittenCount();
            OfCodec.Encode(message, output);
            byte[] first = output.WrittenSpan.ToArray();
            OfMessage again = OfCodec.Decode(first);
            output.ResetWrittenCount();
            OfCodec.Encode(again, output);
            if (!output.WrittenSpan.SequenceEqual(first))
                Assert.Fail($"{where}\nwritten as {Convert.ToHexStringLower(first)}\nthen as {Convert.ToHexStringLower(output.WrittenSpan)}");
        }
        catch (Exception e) when (e is OfErrorException or ArgumentException)
        {
            Assert.Fail($"{where}\n{MessageText.Of(message)}\n{e}");
        }
    }

    private static byte[][] Corpus()
    {
        var random = new RandomMessages(77);
        return
        [
            .. WireFile.All.Select(file => file.Bytes),
            .. OsKenTests.Recorded,
            .. Enumerable.Range(0, 10 * RandomMessages.Kinds).Select(i => OfCodec.Encode(random.Message(i % RandomMessages.Kinds))),
        ];
    }

    private static ReadOnlySpan<byte> Mutate(Random random, byte[] buffer)
    {
        byte[] origin = _corpus[random.Next(_corpus.Length)];
        origin.CopyTo(buffer, 0);
        int length = origin.Length;
        int times = 1 + random.Next(random.Next(1, 6));
        for (int i = 0; i < times; i++)
            length = Change(random, buffer, length);

        // Mostly a length that gets past the first check, and mostly our version.
        if (length >= 4 && random.Next(16) != 0)
            BinaryPrimitives.WriteUInt16BigEndian(buffer.AsSpan(2), (ushort)length);
        if (length >= 1 && random.Next(64) != 0)
            buffer[0] = 4;
        return buffer.AsSpan(0, int.Min(length, ushort.MaxValue));
    }

    private static int Change(Random random, byte[] buffer, int length)
    {
        int body = int.Min(length, 8);
        int at = random.Next(4) == 0 ? random.Next(length + 1) : random.Next(body, length + 1);
        switch (random.Next(10))
        {
            case 0: // a bit
                if (at < length)
                    buffer[at] ^= (byte)(1 << random.Next(8));
                return length;
            case 1: // a byte
                if (at < length)
                    buffer[at] = (byte)random.Next(256);
                return length;
            case 2: // a number that is a boundary
                at &= ~1;
                if (at + 2 <= length)
                    BinaryPrimitives.WriteUInt16BigEndian(buffer.AsSpan(at), _lengths[random.Next(_lengths.Length)]);
                return length;
            case 3: // a number a little larger or smaller
                at &= ~1;
                if (at + 2 <= length)
                {
                    ushort value = BinaryPrimitives.ReadUInt16BigEndian(buffer.AsSpan(at));
                    BinaryPrimitives.WriteUInt16BigEndian(buffer.AsSpan(at), (ushort)(value + random.Next(-16, 17)));
                }

                return length;
            case 4: // cut
                return at;
            case 5: // longer
                int more = random.Next(1, 40);
                random.NextBytes(buffer.AsSpan(length, more));
                return int.Min(length + more, ushort.MaxValue);
            case 6: // a piece twice
                at &= ~7;
                int piece = int.Min(length - at, 8 * random.Next(1, 9));
                if (piece <= 0 || length + piece > ushort.MaxValue)
                    return length;
                buffer.AsSpan(at, length - at).CopyTo(buffer.AsSpan(at + piece));
                return length + piece;
            case 7: // a piece gone
                at &= ~7;
                int gone = int.Min(length - at, 8 * random.Next(1, 5));
                if (gone <= 0)
                    return length;
                buffer.AsSpan(at + gone, length - at - gone).CopyTo(buffer.AsSpan(at));
                return length - gone;
            case 8: // a piece of another message
                byte[] other = _corpus[random.Next(_corpus.Length)];
                int from = random.Next(other.Length) & ~7;
                int count = int.Min(other.Length - from, 8 * random.Next(1, 9));
                at &= ~7;
                other.AsSpan(from, count).CopyTo(buffer.AsSpan(at));
                return int.Max(length, int.Min(at + count, ushort.MaxValue));
            default: // much longer: everything behind a point again and again
                int tail = length - at;
                int times = random.Next(40) == 0 ? random.Next(1, 200) : 1;
                for (int i = 0; i < times && tail > 0 && length + tail <= ushort.MaxValue; i++)
                {
                    buffer.AsSpan(at, tail).CopyTo(buffer.AsSpan(length));
                    length += tail;
                }

                return length;
        }
    }
}
