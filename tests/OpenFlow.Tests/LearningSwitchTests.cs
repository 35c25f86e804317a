using System.Threading.Channels;
using Microsoft.Extensions.Logging.Abstractions;
using OvsBridge.OpenFlow.Endpoint;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Text;
using OvsBridge.Samples.LearningSwitch;
using OvsBridge.Testing;

namespace OvsBridge.OpenFlow.Tests;

/// <summary>The sample controller and a switch, both on this library, over loopback.</summary>
[TestFixture]
public sealed class LearningSwitchTests
{
    [Test]
    public async Task Learns_where_hosts_are_and_installs_flows()
    {
        await using OfListener listener = new(
            Target.Parse("ptcp:0:127.0.0.1"), new Controller(TestContext.Progress.WriteLine), new OfConnectionOptions(), NullLogger.Instance);
        listener.Start();
        SwitchSide side = new();
        await using OfConnector connector = new(
            Target.Parse($"tcp:127.0.0.1:{listener.Target.Port}"), side, new OfConnectionOptions(), NullLogger.Instance);
        connector.Start();

        Assert.That(await side.Next(), Is.InstanceOf<FeaturesRequest>());
        side.Send(new FeaturesReply(7, 0, 254, 0, default));
        Assert.That(Print(await side.Next()), Is.EqualTo("ADD priority=0 actions=CONTROLLER:65535"));

        // a to b: b is not known yet
        side.Send(PacketIn(1, "dl_src=02:00:00:00:00:0a,dl_dst=02:00:00:00:00:0b,arp"));
        Assert.That(Print(await side.Next()), Is.EqualTo("out of 1: FLOOD"));

        // the answer: a is known
        side.Send(PacketIn(2, "dl_src=02:00:00:00:00:0b,dl_dst=02:00:00:00:00:0a,arp"));
        Assert.That(Print(await side.Next()), Is.EqualTo("ADD priority=10,in_port=2,dl_src=02:00:00:00:00:0b,dl_dst=02:00:00:00:00:0a idle:60 actions=output:1"));
        Assert.That(Print(await side.Next()), Is.EqualTo("out of 2: output:1"));

        // link-local frames stay on the link: the next message answers the packet behind it
        side.Send(PacketIn(1, "dl_src=02:00:00:00:00:0a,dl_dst=01:80:c2:00:00:0e,dl_type=0x88cc"));
        side.Send(PacketIn(3, "dl_src=02:00:00:00:00:0c,dl_dst=ff:ff:ff:ff:ff:ff,arp"));
        Assert.That(Print(await side.Next()), Is.EqualTo("out of 3: FLOOD"));
    }

    private static PacketIn PacketIn(uint port, string flow)
    {
        byte[] frame = Packets.Frame(flow);
        return new PacketIn(FlowMod.NoBuffer, (ushort)frame.Length, PacketInReason.Action, 0, 0, MatchText.Parse($"in_port={port}"), frame);
    }

    private static string Print(OfMessage message) => message switch
    {
        FlowMod flow => FlowSyntax.PrintMessage(flow),
        PacketOut packet => $"out of {packet.InPort}: {ActionText.Print(packet.Actions)}",
        _ => message.ToString(),
    };

    private sealed class SwitchSide : IOfMessageHandler
    {
        private readonly Channel<OfMessage> _messages = Channel.CreateUnbounded<OfMessage>();
        private IOfConnection? _connection;

        public void OnConnected(IOfConnection connection) => _connection = connection;

        public void OnMessage(IOfConnection connection, OfMessage message, ReadOnlySpan<byte> raw) => _messages.Writer.TryWrite(message);

        public void OnDisconnected(IOfConnection connection) => _messages.Writer.TryComplete();

        public void Send(OfMessage message) => Assert.That(_connection!.Send(message), Is.True);

        public async Task<OfMessage> Next()
        {
            using CancellationTokenSource limit = new(TimeSpan.FromSeconds(20));
            return await _messages.Reader.ReadAsync(limit.Token);
        }
    }
}
