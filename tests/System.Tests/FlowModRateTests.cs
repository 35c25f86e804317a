using System.Diagnostics;
using OvsBridge.OpenFlow.Endpoint;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.Testing;

namespace OvsBridge.SystemTests;

/// <summary>A controller that changes flows without pause while others' traffic passes.</summary>
[TestFixture]
[Category("Topology")]
public sealed class FlowModRateTests
{
    private const int PerSecond = 10_000, PerBarrier = 100, Seconds = 5;

    [Test]
    public async Task Ten_thousand_flow_mods_a_second_lose_no_packet_of_other_flows()
    {
        using var net = new Netns("h1", "h2");
        using var daemon = SwitchProcess.Start(net.Switch, "--port", "h1", "--port", "h2", "--fail-mode", "secure", "--inactivity-probe", "60");
        daemon.Ofctl("add-flow", "priority=1000,in_port=1,actions=output:2");
        daemon.Ofctl("add-flow", "priority=1000,in_port=2,actions=output:1");
        Assert.That(net.Ping("h1", net.Ipv4("h2")), Is.True, daemon.Log);
        using FakePeer controller = FakePeer.Connect(Target.Parse("unix:" + Path.Combine(daemon.RunDirectory, "br0.mgmt"))).Handshake();
        byte[][] batches = [.. Enumerable.Range(0, Seconds * PerSecond / PerBarrier).Select(Batch)];

        Task<string> traffic = Task.Run(() => net.InHost("h1", "ping", "-n", "-q", "-i", "0.002", "-c", "2750", "-W", "2", net.Ipv4("h2")));
        long start = Stopwatch.GetTimestamp();
        var sentAt = new long[batches.Length];
        Task replies = Task.Run(() =>
        {
            for (uint xid = 1; xid <= batches.Length; xid++)
            {
                uint got = controller.Expect<BarrierReply>().Xid;
                Assert.That(got, Is.EqualTo(xid), "barriers in order, no error between them");
                sentAt[xid - 1] = Stopwatch.GetElapsedTime(sentAt[xid - 1]).Ticks;
            }
        });
        using (var clock = new PeriodicTimer(TimeSpan.FromMilliseconds(10)))
        {
            for (int i = 0; i < batches.Length;)
            {
                int due = Math.Min(batches.Length, 1 + (int)(Stopwatch.GetElapsedTime(start).TotalSeconds * PerSecond / PerBarrier));
                for (; i < due; i++)
                {
                    sentAt[i] = Stopwatch.GetTimestamp();
                    controller.SendRaw(batches[i]);
                }

                await clock.WaitForNextTickAsync();
            }
        }

        await replies;
        double elapsed = Stopwatch.GetElapsedTime(start).TotalSeconds;
        string ping = await traffic;
        double[] waits = [.. sentAt.Select(ticks => TimeSpan.FromTicks(ticks).TotalMilliseconds).Order()];
        TestContext.Out.WriteLine(
            $"{batches.Length * PerBarrier / elapsed:0} flow_mods/s for {elapsed:0.0} s; barriers: median {waits[waits.Length / 2]:0.0} ms, slowest {waits[^1]:0.0} ms\n{ping}");
        Assert.Multiple(() =>
        {
            Assert.That(ping, Does.Contain("2750 packets transmitted, 2750 received").And.Contain(" 0% packet loss"));
            Assert.That(elapsed, Is.LessThan(3 * Seconds), "it keeps up; generous, for machines with other work");
            // A batch leaves 50 flows and the next one deletes 25 of them (the first does that itself); and the two of the hosts.
            Assert.That(daemon.Ofctl("dump-aggregate"), Does.Contain($"flow_count={(25 * batches.Length) + 25 + 2}\n"));
            Assert.That(daemon.Warnings, Is.Empty);
        });
    }

    /// <summary>
    /// Flows for other addresses: of each hundred, 50 new, 25 that replace what an earlier batch added, 25 deletions; then a barrier.
    /// </summary>
    private static byte[] Batch(int number)
    {
        List<byte> bytes = [];
        for (int i = 0; i < PerBarrier; i++)
        {
            int old = Math.Max(0, number - 1);
            OfMessage message = (i % 4) switch
            {
                0 or 1 => Flows.Command($"add-flow priority=50,ip,nw_dst=172.{16 + (number >> 8)}.{number & 255}.{i},actions=output:2"),
                2 => Flows.Command($"add-flow priority=50,ip,nw_dst=172.{16 + (old >> 8)}.{old & 255}.{i - 2},actions=output:1"),
                _ => Flows.Command($"del-flows ip,nw_dst=172.{16 + (old >> 8)}.{old & 255}.{i - 2}"),
            };
            bytes.AddRange(OpenFlow.Wire.OfCodec.Encode(message));
        }

        bytes.AddRange(OpenFlow.Wire.OfCodec.Encode(new BarrierRequest { Xid = (uint)number + 1 }));
        return [.. bytes];
    }
}
