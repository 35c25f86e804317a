using System.Buffers.Binary;
using System.Diagnostics;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.Testing;

namespace OvsBridge.SystemTests;

/// <summary>
/// A barrier reply means that the datapath obeys: packets that are sent right behind it, thousands of times, are all treated by the new
/// flows. (Open vSwitch 3.1's userspace datapath treats three of four by the old ones.)
/// </summary>
[TestFixture]
[Category("Topology")]
public sealed class BarrierTests
{
    private const int Rounds = 3000;
    private const int ProbesOfRound = 3;
    private const ushort EtherType = 0x88b5; // IEEE 802, local experimental
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(20);

    [Test]
    public void No_packet_behind_a_barrier_reply_meets_an_old_flow() =>
        Probe(
            ["add-flow priority=5,in_port=2,actions=drop"],
            round => $"add-flow priority=10,in_port=1,actions=output:{Target(round)}");

    [Test]
    public void Nor_an_old_group() =>
        Probe(
            ["add-group group_id=1,type=indirect,bucket=actions=output:2", "add-flow priority=10,in_port=1,actions=group:1"],
            round => $"mod-group group_id=1,type=indirect,bucket=actions=output:{Target(round)}");

    /// <summary>A deleted flow leaves those below it, and each round the megaflow has to go and to come.</summary>
    [Test]
    public void Nor_a_deleted_flow() =>
        Probe(
            ["add-flow priority=5,in_port=1,actions=output:3"],
            round => Target(round) == 2 ? "add-flow priority=10,in_port=1,dl_src=02:00:00:00:00:01,actions=output:2" : "del-flows in_port=1,dl_src=02:00:00:00:00:01");

    private static int Target(int round) => 2 + round % 2;

    private static void Probe(string[] start, Func<int, string> change)
    {
        using var net = new Netns("h1", "h2", "h3");
        using var daemon = SwitchProcess.Start(net.Switch, "--port", "h1=1", "--port", "h2=2", "--port", "h3=3", "--fail-mode", "secure");
        using FakePeer controller = FakePeer.Connect(OpenFlow.Endpoint.Target.Parse($"unix:{daemon.RunDirectory}/br0.mgmt")).Handshake();
        PacketSocket[] hosts = [.. net.Hosts.Select(host => Socket(net, host))];
        try
        {
            Send(controller, start);
            Barrier(controller, 1);
            byte[] frame = new byte[60];
            new byte[] { 2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 1 }.CopyTo(frame, 0);
            BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(12), EtherType);
            int wrong = 0;
            for (int round = 0; round < Rounds; round++)
            {
                Send(controller, change(round));
                Barrier(controller, (uint)round + 2);
                BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(14), round);
                for (int i = 0; i < ProbesOfRound; i++)
                    hosts[0].Send(frame);

                int came = 0;
                long began = Stopwatch.GetTimestamp();
                while (came < ProbesOfRound)
                {
                    for (int number = 2; number <= 3; number++)
                    {
                        while (TryReceive(hosts[number - 1], out int of))
                        {
                            Assert.That(of, Is.EqualTo(round));
                            came++;
                            wrong += number == Target(round) ? 0 : 1;
                        }
                    }

                    if (Stopwatch.GetElapsedTime(began) > _patience)
                        Assert.Fail($"round {round}: {came} of {ProbesOfRound} probes came");
                }
            }

            Assert.That(wrong, Is.Zero, $"of {Rounds * ProbesOfRound} probes by an old flow");
            Assert.That(daemon.Warnings, Is.Empty);
        }
        finally
        {
            foreach (PacketSocket host in hosts)
                host.Dispose();
        }
    }

    private static void Send(FakePeer controller, params string[] commands)
    {
        foreach (string command in commands)
            controller.Send(Flows.Command(command));
    }

    private static void Barrier(FakePeer controller, uint xid)
    {
        controller.Send(new BarrierRequest { Xid = xid });
        Assert.That(controller.Expect<BarrierReply>().Xid, Is.EqualTo(xid));
    }

    private static bool TryReceive(PacketSocket socket, out int round)
    {
        while (socket.TryReceive(out byte[] frame))
        {
            if (BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(12)) == EtherType)
            {
                round = BinaryPrimitives.ReadInt32BigEndian(frame.AsSpan(14));
                return true;
            }
        }

        round = 0;
        return false;
    }

    private static PacketSocket Socket(Netns net, string host)
    {
        PacketSocket? socket = null;
        Netns.Inside(net.NamespaceOf(host), () => socket = new PacketSocket(PrivateNetwork.IfIndex("eth0")));
        return socket!;
    }
}
