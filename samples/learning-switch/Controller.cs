using System.Buffers.Binary;
using System.Collections.Concurrent;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Endpoint;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Text;

namespace OvsBridge.Samples.LearningSwitch;

/// <summary>
/// Teaches each switch where addresses live. A flow that misses sends its packets here; as soon as both ends are known, a
/// flow for this direction goes into the switch, and packets no longer come.
/// </summary>
/// <remarks>
/// A flow also matches the port that its packets came in by, so that a host that moved misses it and is learned anew. There is
/// no spanning tree: join switches as a tree. Connections run in parallel, the messages of one come one by one, and what
/// is known of a switch is touched by its own connection only.
/// </remarks>
/// <param name="log">Receives a line for each event.</param>
public sealed class Controller(Action<string> log) : IOfMessageHandler
{
    private const ulong Multicast = 1UL << 40;

    // 01:80:c2:00:00:00 to :0f belong to the link (spanning tree, LLDP): a bridge does not pass them on.
    private const ulong LinkLocal = 0x0180c2000000;

    private readonly ConcurrentDictionary<long, Dictionary<ulong, uint>> _switches = new();

    /// <inheritdoc/>
    public void OnConnected(IOfConnection connection)
    {
        _switches[connection.Id] = [];
        connection.Send(new FeaturesRequest());
    }

    /// <inheritdoc/>
    public void OnMessage(IOfConnection connection, OfMessage message, ReadOnlySpan<byte> raw)
    {
        switch (message)
        {
            case FeaturesReply features:
                log($"{connection.Name}: switch {features.DatapathId:x16} connected");
                connection.Send(FlowSyntax.ParseFlow("priority=0,actions=controller"));
                break;
            case PacketIn packet:
                Forward(connection, packet);
                break;
            case ErrorMessage error:
                log($"{connection.Name}: error type {error.ErrorType} code {error.Code}");
                break;
        }
    }

    /// <inheritdoc/>
    public void OnDisconnected(IOfConnection connection)
    {
        if (_switches.TryRemove(connection.Id, out _))
        {
            log($"{connection.Name}: disconnected");
        }
    }

    private void Forward(IOfConnection connection, PacketIn packet)
    {
        if (packet.Data.Length < 14 || !_switches.TryGetValue(connection.Id, out Dictionary<ulong, uint>? ports))
        {
            return;
        }

        ulong destination = Mac(packet.Data.Span), source = Mac(packet.Data.Span[6..]);
        uint inPort = (uint)FieldTable.InPort.Get(packet.Match.Value);
        if ((destination & ~0xfUL) == LinkLocal)
        {
            return;
        }

        if ((source & Multicast) == 0)
        {
            ports[source] = inPort;
        }

        uint outPort = OfPorts.Flood;
        if ((destination & Multicast) == 0 && ports.TryGetValue(destination, out uint known))
        {
            if (known == inPort)
            {
                return; // both ends are behind one port: they have heard each other
            }

            outPort = known;
            connection.Send(FlowSyntax.ParseFlow(
                $"priority=10,idle_timeout=60,in_port={inPort},dl_src={Text(source)},dl_dst={Text(destination)},actions={PortText(known)}"));
        }

        // Behind the flow_mod on the same connection, so that the flow is there before the answer comes.
        connection.Send(new PacketOut(FlowMod.NoBuffer, inPort, [new OutputAction(outPort)], packet.Data));
    }

    private static ulong Mac(ReadOnlySpan<byte> bytes) =>
        ((ulong)BinaryPrimitives.ReadUInt16BigEndian(bytes) << 32) | BinaryPrimitives.ReadUInt32BigEndian(bytes[2..]);

    private static string Text(ulong mac) => new MacBytes(mac).ToString();

    private static string PortText(uint port) => port == OfPorts.Local ? "LOCAL" : $"output:{port}";
}
