using System.Buffers.Binary;
using OvsBridge.Testing;

namespace OvsBridge.Datapath.Tests.Peer;

/// <summary>Other people's dissectors and builders, as a check that is not ours. A test that needs one says so and is skipped without.</summary>
internal static class PeerTools
{
    private const string Python = "/usr/bin/python3";

    /// <summary>Runs a script of this folder under Debian's Python, which has scapy; returns its lines.</summary>
    public static string[] Scapy(string script)
    {
        Need(Python, "-c", "import scapy.layers.inet6, scapy.contrib.mpls", "python3-scapy");
        return Command.Run(Python, Path.Combine(AppContext.BaseDirectory, "Peer", script)).Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    /// <summary>
    /// What tshark sees in frames: for each frame the fields asked for, each with all its occurrences joined by commas. Checksums are checked.
    /// </summary>
    public static IReadOnlyList<Dictionary<string, string>> Tshark(IReadOnlyList<byte[]> frames, params string[] fields)
    {
        Need("tshark", "--version", "", "tshark");
        string file = Path.Combine(Path.GetTempPath(), $"ovsbridge-{Environment.ProcessId}-{Guid.NewGuid():n}.pcap");
        try
        {
            File.WriteAllBytes(file, Pcap(frames));
            List<string> arguments = ["-r", file, "-n", "-T", "fields", "-E", "separator=;", "-E", "aggregator=,", "-E", "occurrence=a"];
            foreach (string preference in new[]
                     {
                         "ip.check_checksum:TRUE", "tcp.check_checksum:TRUE", "udp.check_checksum:TRUE", "sctp.checksum:CRC 32c",
                         // fragments and streams stay apart
                         "ip.defragment:FALSE", "ipv6.defragment:FALSE", "tcp.desegment_tcp_streams:FALSE", "tcp.analyze_sequence_numbers:FALSE",
                         "sctp.reassembly:FALSE",
                     })
            {
                arguments.AddRange(["-o", preference]);
            }

            foreach (string field in fields)
            {
                arguments.AddRange(["-e", field]);
            }

            string[] lines = Command.Run("tshark", arguments).TrimEnd('\n').Split('\n');
            Assert.That(lines, Has.Length.EqualTo(frames.Count), "a line a frame");
            return [.. lines.Select(line => fields.Zip(line.Split(';')).ToDictionary(pair => pair.First, pair => pair.Second))];
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static void Need(string program, string option, string argument, string package)
    {
        bool works;
        try
        {
            works = Command.Try(program, argument.Length == 0 ? [option] : [option, argument]).ExitCode == 0;
        }
        catch (InvalidOperationException)
        {
            works = false;
        }

        if (!works)
        {
            Assert.Ignore($"{package} is missing");
        }
    }

    /// <summary>The classic capture format, little-endian, Ethernet.</summary>
    private static byte[] Pcap(IReadOnlyList<byte[]> frames)
    {
        using MemoryStream stream = new();
        Write(0xa1b2c3d4, 0x00040002, 0, 0, 0x40000, 1);
        for (int i = 0; i < frames.Count; i++)
        {
            Write((uint)i, 0, (uint)frames[i].Length, (uint)frames[i].Length);
            stream.Write(frames[i]);
        }

        return stream.ToArray();

        void Write(params uint[] words)
        {
            foreach (uint word in words)
            {
                byte[] bytes = new byte[4];
                BinaryPrimitives.WriteUInt32LittleEndian(bytes, word);
                stream.Write(bytes);
            }
        }
    }
}
