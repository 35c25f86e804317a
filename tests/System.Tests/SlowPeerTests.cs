using System.Globalization;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Endpoint;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Messages.Multipart;
using OvsBridge.Testing;

namespace OvsBridge.SystemTests;

/// <summary>A peer that asks for ever and never reads, in a storm of packet_ins: what it costs, and whom.</summary>
[TestFixture]
public sealed class SlowPeerTests
{
    private const int Flows = 2000;
    private static readonly byte[] _frame = Packets.Frame("udp,nw_src=10.0.0.1,nw_dst=10.0.0.2", new byte[1400]);

    [Test]
    public void Memory_is_bounded_nobody_else_waits_and_order_holds()
    {
        using var daemon = SwitchProcess.Start(null, "--datapath", "memory", "--port", "eth1", "--inactivity-probe", "60");
        string file = Path.Combine(daemon.RunDirectory, "flows");
        File.WriteAllLines(file, Enumerable.Range(0, Flows).Select(i => $"ip,nw_dst=10.1.{i >> 8}.{i & 255},actions=output:1"));
        daemon.Ofctl("add-flows", file);
        Target management = Target.Parse("unix:" + Path.Combine(daemon.RunDirectory, "br0.mgmt"));
        using FakePeer slow = FakePeer.Connect(management).Handshake(), quick = FakePeer.Connect(management).Handshake();
        slow.Send(new SetConfig(FragmentHandling.Normal, 0xffff));
        slow.Ask<BarrierReply>(new BarrierRequest());
        long before = ResidentBytes(daemon);

        // The slow one asks for all flows and makes packets for itself, and reads nothing.
        slow.Socket.SendTimeout = 1000;
        using var stop = new CancellationTokenSource();
        uint asked = 0;
        Task storm = Task.Run(() =>
        {
            PacketOut packet = new(FlowMod.NoBuffer, OfPorts.Controller, Testing.Flows.Actions("CONTROLLER:65535"), _frame);
            try
            {
                while (!stop.IsCancellationRequested)
                {
                    slow.Send(new MultipartRequest(new FlowQuery(FlowFilter.All)) { Xid = ++asked });
                    for (int i = 0; i < 10; i++)
                        slow.Send(packet);
                }
            }
            catch (SocketException)
            {
                // no buffer on the way takes any more
            }
        });

        List<TimeSpan> echoes = [];
        long most = 0;
        long start = TimeProvider.System.GetTimestamp();
        for (uint i = 0; !storm.IsCompleted || echoes.Count < 100; i++)
        {
            long sent = TimeProvider.System.GetTimestamp();
            quick.Ask<EchoReply>(new EchoRequest(default) { Xid = i });
            echoes.Add(TimeProvider.System.GetElapsedTime(sent));
            if (i % 10 == 0)
            {
                Query(quick, i);
                most = Math.Max(most, ResidentBytes(daemon));
            }

            // Packets of others are for the slow one, too.
            quick.Send(new PacketOut(FlowMod.NoBuffer, OfPorts.Controller, Testing.Flows.Actions("CONTROLLER:65535"), _frame));
            if (TimeProvider.System.GetElapsedTime(start) > TimeSpan.FromSeconds(60))
                throw new TimeoutException("the slow peer can still send: nothing holds it back");
        }

        storm.GetAwaiter().GetResult();
        quick.Ask<BarrierReply>(new BarrierRequest());
        string shown = daemon.Appctl("controller/show");
        TestContext.Out.WriteLine(
            $"{asked} statistics requests of {Flows} flows; slowest of {echoes.Count} echoes {echoes.Max().TotalMilliseconds:0.0} ms, "
            + $"memory {before >> 20} MiB, at most {most >> 20} MiB\n{shown}");
        Assert.Multiple(() =>
        {
            Assert.That(echoes.Max(), Is.LessThan(TimeSpan.FromSeconds(2)), "OpenDaylight gives us two seconds");
            Assert.That(most - before, Is.LessThan(150L << 20), "16 MiB of requests, 5 MiB of replies, and what waits to be collected");
            Assert.That(
                Regex.Matches(shown, @"(\d+) asynchronous messages dropped").Sum(match => int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture)),
                Is.GreaterThan(100));
            Assert.That(daemon.Warnings, Has.All.Contains("reads too slowly"));
        });

        // Now it reads: all that was asked whole is answered, in order.
        slow.Socket.Shutdown(SocketShutdown.Send);
        uint last = 0;
        while (slow.Receive() is { } message)
        {
            if (message is MultipartReply reply)
            {
                Assert.That(reply.Xid, Is.EqualTo(last).Or.EqualTo(last + 1));
                last = reply.Xid;
            }
        }

        Assert.That(last, Is.InRange(asked - 1, asked), "the last request may have been cut");
    }

    private static void Query(FakePeer peer, uint xid)
    {
        peer.Send(new MultipartRequest(new FlowQuery(FlowFilter.All)) { Xid = xid });
        MultipartReply reply;
        int flows = 0;
        do
        {
            reply = peer.Expect<MultipartReply>();
            flows += ((FlowAnswer)reply.Answer).Flows.Count;
        }
        while (reply.More);
        Assert.That((reply.Xid, flows), Is.EqualTo((xid, Flows)));
    }

    private static long ResidentBytes(SwitchProcess daemon)
    {
        string line = File.ReadLines($"/proc/{daemon.ProcessId}/status").First(text => text.StartsWith("VmRSS:", StringComparison.Ordinal));
        return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2], CultureInfo.InvariantCulture) * 1024;
    }
}
