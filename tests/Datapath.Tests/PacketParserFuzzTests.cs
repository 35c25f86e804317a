using OvsBridge.Datapath.Tests.Packets;
using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.Datapath.Tests;

/// <summary>No bytes make parser, executor or checksum fixer throw, read beyond the frame, or break what holds for every key.</summary>
[TestFixture]
public sealed class PacketParserFuzzTests
{
    private const int Seed = 20240611;

    [Test]
    public void Random_bytes_never_throw()
    {
        Random random = new(Seed);
        byte[] buffer = new byte[200];
        random.NextBytes(buffer);
        ushort[] types = [0x0800, 0x86dd, 0x0806, 0x8035, 0x8847, 0x8848, 0x88e7, 0x8100, 0x88a8, 0x0026];
        for (int i = 0; i < 1_000_000; i++)
        {
            Span<byte> frame = buffer.AsSpan(0, random.Next(buffer.Length));
            buffer[random.Next(buffer.Length)] = (byte)random.Next(256);
            ushort type = types[i % types.Length];
            (buffer[12], buffer[13]) = ((byte)(type >> 8), (byte)type);
            buffer[14] = (byte)(type switch
            {
                0x0800 => 0x40 | random.Next(16),
                0x86dd => 0x60 | random.Next(16),
                _ => random.Next(256),
            });
            Check(frame, frame.Length + (i % 7 == 0 ? random.Next(2000) : 0), i % 11 == 0);
        }
    }

    [Test]
    public void Damaged_frames_never_throw()
    {
        RandomFrames frames = new(Seed);
        for (int i = 0; i < 1_000_000; i++)
        {
            byte[] frame = frames.NextOdd();
            Check(frame, frame.Length, false);
        }
    }

    /// <summary>Each sample, with each header byte at each of its 256 values.</summary>
    [Test]
    public void Every_value_of_every_header_byte_never_throws()
    {
        foreach (byte[] sample in FrameSamples.OneOfEachKind)
        {
            byte[] frame = [.. sample];
            for (int at = 12; at < Math.Min(frame.Length, 100); at++)
            {
                for (int value = 0; value < 256; value++)
                {
                    frame[at] = (byte)value;
                    Check(frame, frame.Length, value % 5 == 0);
                }

                frame[at] = sample[at];
            }
        }
    }

    /// <summary>Rewriting damaged frames never throws, and never makes a frame without an Ethernet header.</summary>
    [Test]
    public void Programs_on_damaged_frames_never_throw()
    {
        RandomFrames frames = new(Seed + 1);
        DpActions[] programs = [.. RewriteCases.Cases().Select(c => c.Program).Distinct()];
        DpActionExecutor executor = new();
        DpPacket packet = new();
        for (int i = 0; i < 200_000; i++)
        {
            byte[] frame = frames.NextOdd();
            packet.Load(frame, 1, i % 13 == 0 ? 1400 : 0);
            if (i % 3 == 0)
            {
                packet.TotalLength += i % 5 * 100;
            }

            executor.Run(packet, programs[i % programs.Length], new RecordingOwner());
            if (packet.Length < 14 || packet.TotalLength < packet.Length)
            {
                Assert.Fail($"{packet.Length} of {packet.TotalLength} bytes from {Convert.ToHexStringLower(frame)}");
            }
        }
    }

    [Test]
    public void Parsing_does_not_allocate()
    {
        byte[][] samples = [.. FrameSamples.OneOfEachKind];
        Parse(samples);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Parse(samples);

        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);

        static void Parse(byte[][] samples)
        {
            foreach (byte[] sample in samples)
            {
                PacketParser.TryParse(sample, 1, out _);
                ChecksumFixer.Complete(sample);
            }
        }
    }

    private static void Check(Span<byte> frame, int length, bool gso)
    {
        bool parsed = PacketParser.TryParse(frame, length, gso, 3, out FlowKey key, out PacketLayout layout);
        bool sane = parsed == frame.Length >= 14
            && key.InPort == 3
            && layout.TypeAt <= frame.Length - 2
            && layout.NetworkAt <= frame.Length
            && layout.TransportAt <= frame.Length
            && layout.PayloadEnd <= length
            && (layout.TransportAt == 0 || layout.TransportAt < layout.PayloadEnd)
            && layout.NdSourceAt <= frame.Length - 6
            && layout.NdDestinationAt <= frame.Length - 6
            && (key.TcpFlags == 0 || key.IpProto == 6)
            && (key.IpFrag != FlowKey.FragLater)
            && ((key.IpFrag & FlowKey.FragLater) == 0 || (key.TpSrc == 0 && key.TpDst == 0))
            && (key.VlanTci == 0) == (layout.VlanTags == 0)
            && (key.InnerTci == 0) == (layout.VlanTags < 2);
        if (!sane && frame.Length >= 14)
        {
            Assert.Fail($"{Convert.ToHexStringLower(frame)} (length {length}, gso {gso}):\n{KeyText.Of(key)}");
        }

        if (frame.Length >= 14)
        {
            Span<byte> copy = stackalloc byte[frame.Length];
            frame.CopyTo(copy);
            ChecksumFixer.Complete(copy);
            VnetHeader.TryForGso(copy, 1400, out _);
        }
    }
}
