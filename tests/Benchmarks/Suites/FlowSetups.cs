using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using OvsBridge.Testing;

namespace OvsBridge.Benchmarks.Suites;

/// <summary>
/// Packets at a rising rate, each with ports that no packet before it had, through two tables of which each looks at one port: every packet
/// needs a megaflow of its own. What comes out of the other port in the end, and what it cost.
/// </summary>
internal static class FlowSetups
{
    private const int Values = 1024; // of each port, so a million pairs
    private const int Rounds = 5;
    private static readonly int[] _rates = [10_000, 20_000, 40_000, 60_000, 80_000, 120_000, 160_000, 200_000];

    internal static Table Measure()
    {
        string flows = Path.GetTempFileName();
        try
        {
            File.WriteAllLines(flows, Enumerable.Range(1, Values).SelectMany(i => new[]
            {
                string.Create(CultureInfo.InvariantCulture, $"table=0,priority=10,in_port=1,udp,tp_src={i},actions=goto_table:1"),
                string.Create(CultureInfo.InvariantCulture, $"table=1,priority=10,udp,tp_dst={i},actions=output:2"),
            }).Append("table=0,priority=1,actions=drop"));
            Dictionary<string, List<(double Served, double Cpu, double Sent)>[]> results = [];
            for (int round = 0; round < Rounds; round++)
            {
                foreach (Func<Netns, IPeer> start in new Func<Netns, IPeer>[] { net => new OvsBridgePeer(net, "--upcall-rate", "0"), net => new OpenVSwitchPeer(net) })
                {
                    using Netns net = new("h1", "h2");
                    using IPeer peer = start(net);
                    peer.AddFlows(flows);
                    if (!results.TryGetValue(peer.Name, out List<(double Served, double Cpu, double Sent)>[]? mine))
                    {
                        results[peer.Name] = mine = [.. _rates.Select(_ => new List<(double Served, double Cpu, double Sent)>())];
                    }

                    Offer(net, peer, 5_000, 0); // warm
                    int first = 5_000;
                    for (int i = 0; i < _rates.Length; i++)
                    {
                        peer.Purge();
                        mine[i].Add(Offer(net, peer, _rates[i], first));
                        first += _rates[i];
                    }
                }
            }

            Table table = new(["offered set-ups/s", .. results.Keys.SelectMany(name => new[] { $"{name}: served/s", "share", "CPU us each" })])
            {
                Note = $"Medians of {Rounds} interleaved rounds of one second each. One core sends and runs the BPF program, the other is the switch's. OvsBridge without its limit of upcalls by port. CPU: of the switch's process, by packet served.",
            };
            for (int i = 0; i < _rates.Length; i++)
            {
                List<string> row = [Number(_rates[i])];
                foreach (List<(double Served, double Cpu, double Sent)>[] mine in results.Values)
                {
                    double served = Readings.Median(mine[i].Select(r => r.Served));
                    row.AddRange([Number(served), (100 * served / Readings.Median(mine[i].Select(r => r.Sent))).ToString("0.0", CultureInfo.InvariantCulture) + " %", Readings.Median(mine[i].Select(r => r.Cpu)).ToString("0.0", CultureInfo.InvariantCulture)]);
                }

                table.Add([.. row]);
            }

            return table;
        }
        finally
        {
            File.Delete(flows);
        }
    }

    private static (double Served, double CpuUs, double Sent) Offer(Netns net, IPeer peer, int rate, int first)
    {
        // To an address that is nobody's, as in PacketRates: the second host's answers to ports where nobody listens are not what is measured.
        byte[] frame = Packets.Frame("udp,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:77,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_ttl=64,tp_src=1,tp_dst=1", new byte[18]);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(40), 0); // no UDP checksum
        PacketSocket? socket = null;
        Netns.Inside(net.NamespaceOf("h1"), () => socket = new PacketSocket(PrivateNetwork.IfIndex("eth0")));
        using PacketSocket sender = socket!;
        long before = Readings.Received(net, "h2"), ticks = Readings.CpuTicks(peer.ProcessId);
        long start = Stopwatch.GetTimestamp();
        int sent = 0;
        while (sent < rate)
        {
            double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
            int due = Math.Min(rate, (int)(seconds * rate) + 1);
            for (; sent < due; sent++)
            {
                int pair = first + sent;
                BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(34), (ushort)(1 + pair % Values));
                BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(36), (ushort)(1 + pair / Values));
                sender.Send(frame);
            }

            if (seconds > 3)
            {
                break; // this machine can't send so fast
            }
        }

        double took = Stopwatch.GetElapsedTime(start).TotalSeconds;
        long last = -1;
        for (long now; (now = Readings.Received(net, "h2")) != last; last = now)
        {
            Task.Delay(200).Wait();
        }

        long served = last - before;
        return (served / took, (Readings.CpuTicks(peer.ProcessId) - ticks) * 10_000.0 / Math.Max(1, served), sent / took);
    }

    private static string Number(double value) => value.ToString("N0", CultureInfo.InvariantCulture);
}
