using OvsBridge.Datapath.Tests.Packets;
using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.Datapath.Tests.Kernel;

/// <summary>
/// bpf/parse.bpf.h and <see cref="PacketParser"/> make the same key of the same frame, whatever is wrong with it.
/// </summary>
[TestFixture]
[Category("Kernel")]
public sealed class ParserParityTests
{
    private TestPrograms _programs = null!;

    [OneTimeSetUp]
    public void Load()
    {
        KernelFixture.NeedsRoot();
        _programs = new TestPrograms();
    }

    [OneTimeTearDown]
    public void Unload() => _programs?.Dispose();

    [Test]
    public void Every_kind_of_frame_cut_at_every_length()
    {
        foreach (byte[] frame in FrameSamples.OneOfEachKind)
        {
            for (int length = 14; length <= frame.Length; length++)
            {
                Compare(frame[..length]);
            }
        }
    }

    [Test]
    public void Every_kind_of_frame_with_every_byte_changed()
    {
        foreach (byte[] sample in FrameSamples.OneOfEachKind)
        {
            for (int at = 12; at < sample.Length; at++)
            {
                foreach (byte value in (byte[])[0, 0xff, (byte)(sample[at] ^ 1), (byte)(sample[at] ^ 0x80), (byte)(sample[at] + 1)])
                {
                    byte[] frame = [.. sample];
                    frame[at] = value;
                    Compare(frame);
                }
            }
        }
    }

    [Test]
    public void Thousands_of_well_formed_frames([Values(1, 2)] int seed)
    {
        RandomFrames frames = new(seed);
        for (int i = 0; i < 5000; i++)
        {
            Compare(frames.Next());
        }
    }

    [Test]
    public void Thousands_of_odd_frames([Values(3, 4)] int seed)
    {
        RandomFrames frames = new(seed);
        for (int i = 0; i < 20000; i++)
        {
            Compare(frames.NextOdd());
        }
    }

    /// <summary>Chains of up to ten IPv6 headers of any type, in any order and of any length, cut anywhere.</summary>
    [Test]
    public void Thousands_of_extension_header_chains()
    {
        Random random = new(5);
        byte[] types = [0, 43, 44, 50, 51, 59, 60, 58, 17, 6];
        for (int i = 0; i < 20000; i++)
        {
            FrameBuilder frame = FrameBuilder.Ethernet(0x86dd).Ipv6(types[random.Next(types.Length)]);
            for (int header = random.Next(11); header > 0; header--)
            {
                int length = random.Next(8) == 0 ? random.Next(256) : random.Next(3);
                frame.U8(types[random.Next(types.Length)]).U8(length).U16(random.Next(4) == 0 ? random.Next(0x10000) : random.Next(2));
                frame.Zeros(4 + (length * 8));
            }

            byte[] bytes = [.. frame.Zeros(random.Next(60)).ToArray()];
            Compare(bytes.Length > 3000 ? bytes[..3000] : bytes[..^random.Next(bytes.Length - 54 + 1)]);
        }
    }

    private void Compare(byte[] frame)
    {
        bool? theirs = _programs.TryParse(frame, out FlowKey actual);
        if (theirs is null)
        {
            // BPF_PROG_TEST_RUN takes no frame that ends with its Ethernet header, nor one that says IP and has less than an IP
            // header. With a tag it does.
            frame = [.. frame.AsSpan(0, 12), 0x81, 0x00, 0x00, 0x05, .. frame.AsSpan(12)];
            theirs = _programs.TryParse(frame, out actual);
            Assert.That(theirs, Is.Not.Null);
        }

        bool ours = PacketParser.TryParse(frame, 0, out FlowKey expected);
        if (ours != theirs || expected != actual)
        {
            Assert.Fail($"{Convert.ToHexStringLower(frame)}\nuser space: {KeyText.Of(expected)}\nkernel:     {KeyText.Of(actual)}");
        }
    }
}
