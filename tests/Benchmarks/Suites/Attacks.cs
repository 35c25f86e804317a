using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using OvsBridge.Testing;

namespace OvsBridge.Benchmarks.Suites;

/// <summary>
/// A flow from the first host to the second, alone and while somebody floods the switch with packets that are made to cost: how much of its rate
/// is left, with the limits by port and without.
/// </summary>
internal static unsafe class Attacks
{
    private static readonly int _rounds = Suite.Rounds(5);
    private const uint AttackersSource = 0x0a630000, AttackersTarget = 0x0a640000; // 10.99.0.0, 10.100.0.0
    private static readonly TimeSpan _time = TimeSpan.FromSeconds(1);

    /// <summary>Every packet of the storm has ports that none before it had, and needs a megaflow of its own.</summary>
    private static readonly string[] _misses = [.. Enumerable.Range(1, 1024).SelectMany(i => new[]
    {
        Flow($"table=1,priority=10,udp,tp_src={i},actions=goto_table:2"),
        Flow($"table=2,priority=10,udp,tp_dst={i},actions=output:4"),
    })];

    /// <summary>Addresses of all prefix lengths: a packet's first bit that differs decides how long its megaflow's masks are, 32 times 32 of them.</summary>
    private static readonly string[] _masks =
        ["table=1,priority=20,ip,nw_src=10.99.0.0,actions=drop", "table=1,priority=10,ip,nw_dst=10.100.0.0,actions=drop", "table=1,priority=1,actions=output:4"];

    private static readonly (string Name, string Attacker, string[] Flows, Change Change)[] _cases =
    [
        ("misses, from another port", "h3", _misses, NewPorts),
        ("misses, from the same port", "h1", _misses, NewPorts),
        ("many masks, from another port", "h3", _masks, NewPrefixes),
        ("many masks, from the same port", "h1", _masks, NewPrefixes),
    ];

    /// <summary>Makes another packet of a frame.</summary>
    private delegate void Change(byte* frame, ref uint state);

    internal static Table Measure()
    {
        Dictionary<string, List<(double Alone, double Attacked, double Storm)>> results = [];
        for (int round = 0; round < _rounds; round++)
        {
            foreach ((string name, string attacker, string[] flows, Change change) in _cases)
            {
                foreach (string[] options in new string[][] { [], ["--upcall-rate", "0"] })
                {
                    string row = $"{name}{(options.Length == 0 ? "" : ", without limit")}";
                    (results.TryGetValue(row, out List<(double, double, double)>? list) ? list : results[row] = []).Add(Run(attacker, flows, change, options));
                }
            }
        }

        Table table = new("storm", "flow alone, packets/s", "in the storm", "share", "lowest", "storm, packets/s")
        {
            Note = $"Medians of {_rounds} interleaved rounds of {_time.TotalSeconds} s; 60-byte packets. The flow is sent by one core, the storm by the other; the switch's process has what these leave.",
        };
        foreach ((string row, List<(double Alone, double Attacked, double Storm)> runs) in results)
        {
            table.Add(
                row, Number(Readings.Median(runs.Select(r => r.Alone))), Number(Readings.Median(runs.Select(r => r.Attacked))),
                Share(Readings.Median(runs.Select(r => r.Attacked / r.Alone))), Share(runs.Min(r => r.Attacked / r.Alone)), Number(Readings.Median(runs.Select(r => r.Storm))));
        }

        return table;
    }

    private static (double Alone, double Attacked, double Storm) Run(string attacker, string[] flows, Change change, string[] options)
    {
        string file = Path.GetTempFileName();
        try
        {
            using Netns net = new("h1", "h2", "h3", "h4"); // nothing but the flow comes to h2
            using OvsBridgePeer peer = new(net, options);
            File.WriteAllLines(file, ["priority=100,udp,nw_src=10.0.0.1,nw_dst=10.0.0.2,actions=output:2", "priority=1,actions=goto_table:1", .. flows]);
            peer.AddFlows(file);
            using PacketRing victim = Ring(net, "h1"), storm = Ring(net, attacker);
            using PinnedThread pinned = new(0);
            byte[] frame = Frame("nw_src=10.0.0.1,nw_dst=10.0.0.2");
            _ = Rate(net, victim, frame); // the megaflow in place, code compiled
            double alone = Rate(net, victim, frame);

            using CancellationTokenSource end = new();
            long sent = 0;
            Thread thread = new(() => sent = Storm(storm, change, end.Token)) { Name = "storm" };
            long start = Stopwatch.GetTimestamp();
            thread.Start();
            _ = Rate(net, victim, frame); // the storm has made what megaflows and masks it can
            double attacked = Rate(net, victim, frame);
            end.Cancel();
            thread.Join();
            return (alone, attacked, sent / Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static long Storm(PacketRing ring, Change change, CancellationToken end)
    {
        using PinnedThread pinned = new(Math.Min(1, Environment.ProcessorCount - 1));
        byte[] frame = Frame("nw_src=10.99.0.0,nw_dst=10.100.0.0");
        uint state = 1;
        long sent = 0;
        while (!end.IsCancellationRequested)
        {
            for (int i = 0; i < 64; i++)
            {
                byte* slot = ring.Next(frame);
                if (slot == null)
                {
                    break;
                }

                change(slot, ref state);
                sent++;
            }

            ring.Flush();
        }

        return sent;
    }

    private static void NewPorts(byte* frame, ref uint state)
    {
        state++;
        BinaryPrimitives.WriteUInt16BigEndian(new Span<byte>(frame + 34, 2), (ushort)(1 + (state % 1024)));
        BinaryPrimitives.WriteUInt16BigEndian(new Span<byte>(frame + 36, 2), (ushort)(1 + (state / 1024 % 1024)));
    }

    /// <summary>Each address leaves its prefix at a bit of its own, by chance, and goes on by chance.</summary>
    private static void NewPrefixes(byte* frame, ref uint state)
    {
        BinaryPrimitives.WriteUInt32BigEndian(new Span<byte>(frame + 26, 4), Leaving(AttackersSource, ref state));
        BinaryPrimitives.WriteUInt32BigEndian(new Span<byte>(frame + 30, 4), Leaving(AttackersTarget, ref state));
    }

    private static uint Leaving(uint address, ref uint state)
    {
        int bit = (int)(Next(ref state) >> 27);
        return address ^ (1u << bit) ^ (Next(ref state) & ((1u << bit) - 1));
    }

    private static uint Next(ref uint state)
    {
        state ^= state << 13; // xorshift
        state ^= state >> 17;
        return state ^= state << 5;
    }

    private static PacketRing Ring(Netns net, string host)
    {
        PacketRing? made = null;
        Netns.Inside(net.NamespaceOf(host), () => made = new PacketRing(PrivateNetwork.IfIndex("eth0")));
        return made!;
    }

    /// <summary>To an address that is nobody's, and without a UDP checksum, so that it may be changed.</summary>
    private static byte[] Frame(string addresses)
    {
        byte[] frame = Packets.Frame($"udp,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:77,{addresses},nw_ttl=64,tp_src=1000,tp_dst=2000", new byte[18]);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(40), 0);
        return frame;
    }

    private static double Rate(Netns net, PacketRing ring, byte[] frame)
    {
        long before = Readings.Received(net, "h2"), start = Stopwatch.GetTimestamp();
        ring.SendFor(frame, _time);
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        return (Readings.Received(net, "h2") - before) / seconds;
    }

    private static string Flow(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private static string Number(double value) => value.ToString("N0", CultureInfo.InvariantCulture);

    private static string Share(double value) => value.ToString("0.00", CultureInfo.InvariantCulture);
}
