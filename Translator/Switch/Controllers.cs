using System.Collections.Concurrent;
using OvsBridge.Datapath;
using OvsBridge.OpenFlow.Endpoint;
using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.Translator.Classifier;
using OvsBridge.Translator.Xlate;

namespace OvsBridge.Translator.Switch;

/// <summary>The connections: who may change the switch, and who gets which asynchronous message.</summary>
/// <remarks>Any thread delivers; connections and roles change under the switch's lock.</remarks>
internal sealed class Controllers(OfSwitchOptions options, TimeProvider time)
{
    /// <summary>Longest OpenFlow message, less the fixed part of a packet_in and the largest match that we put in.</summary>
    private const int MaxPacketInData = ushort.MaxValue - 256;

    /// <summary>What the pipeline knows of a packet and the frame does not show: metadata, registers, tunnel id.</summary>
    private static readonly Field[] _pipelineFields = [.. FieldTable.All.Where(field => field.Rewrite is Rewrite.Pipeline or Rewrite.Tunnel)];

    private readonly ConcurrentDictionary<IOfConnection, Controller> _byConnection = [];
    private volatile Controller[] _all = []; // main connections
    private volatile Controller[] _auxiliaries = [];
    private ulong? _generationId;

    /// <summary>All connections, main ones first, each kind oldest first.</summary>
    public IReadOnlyList<Controller> All => [.. _all, .. _auxiliaries];

    /// <summary>Connected controllers, tools and auxiliary connections not counted.</summary>
    public int ConnectedCount => _all.Count(controller => !controller.IsService);

    /// <summary>A connection came.</summary>
    public void Add(IOfConnection connection)
    {
        Controller? main = connection.Main is null ? null : Find(connection.Main);
        if (connection.Main is not null && main is null)
        {
            connection.Close("its main connection has gone");
            return;
        }

        Controller controller = new(connection, main, options, time);
        if (!_byConnection.TryAdd(connection, controller))
            throw new ArgumentException($"{connection.Name} is connected already", nameof(connection));
        if (main is null)
            _all = [.. _all, controller];
        else
            _auxiliaries = [.. _auxiliaries, controller];
    }

    /// <summary>A connection went.</summary>
    public void Remove(IOfConnection connection)
    {
        if (!_byConnection.TryRemove(connection, out Controller? controller))
            return;
        _all = [.. _all.Where(other => other != controller)];
        controller.Bundles.Dispose();
        _auxiliaries = [.. _auxiliaries.Where(other => other != controller)];
    }

    /// <summary>The connection's state, or null when it has gone.</summary>
    public Controller? Find(IOfConnection connection) => _byConnection.GetValueOrDefault(connection);

    /// <summary>OFPT_ROLE_REQUEST (OpenFlow 1.3.5, 6.3.4 and 7.3.9).</summary>
    /// <exception cref="OfErrorException">ROLE_REQUEST_FAILED.</exception>
    public RoleReply ChangeRole(Controller controller, RoleRequest request)
    {
        if (request.Role > ControllerRole.Slave)
            throw new OfErrorException(OfError.RoleRequestFailedBadRole, $"role {(uint)request.Role}");
        if (request.Role is ControllerRole.Master or ControllerRole.Slave)
        {
            // Generations go round: older is what lies less than half the circle behind. The same one again is fine.
            if (!request.IsWithoutGeneration && _generationId is { } newest && unchecked((long)(request.GenerationId - newest)) < 0)
                throw new OfErrorException(OfError.RoleRequestFailedStale, $"generation {request.GenerationId}, newest is {newest}");
            if (!request.IsWithoutGeneration)
                _generationId = request.GenerationId;
        }

        if (request.Role == ControllerRole.Master)
        {
            foreach (Controller other in _all)
            {
                if (other != controller.Main && other.Role == ControllerRole.Master)
                    other.Role = ControllerRole.Slave;
            }
        }

        if (request.Role != ControllerRole.NoChange)
            controller.Role = request.Role;
        return new RoleReply(controller.Role, _generationId ?? ulong.MaxValue);
    }

    /// <summary>Gives a port event to who wants it, but not to <paramref name="cause"/>.</summary>
    public void Deliver(PortStatus status, Controller? cause = null)
    {
        foreach (Controller controller in _all)
        {
            if (controller != cause?.Main && controller.Wants(status.Reason))
                controller.Connection.TrySendAsynchronous(status);
        }
    }

    /// <summary>Gives a removed flow to who wants it.</summary>
    public void Deliver(FlowRemoved removed)
    {
        foreach (Controller controller in _all)
        {
            if (controller.Wants(removed.Reason))
                controller.Connection.TrySendAsynchronous(removed);
        }
    }

    /// <summary>Gives a packet to who wants it, each as much of it as it asked for. The frame is copied.</summary>
    public void Deliver(PacketInEvent packet)
    {
        PacketIn? whole = null;
        ulong? hash = null;
        foreach (Controller controller in _all)
        {
            if (!controller.Wants(packet) || !controller.Limiter.Admit(packet.Reason))
                continue;
            whole ??= Message(packet, LongestWanted(packet));
            int length = Limit(packet.MaxLength ?? controller.MissSendLength, whole.Data.Length);
            Way(controller, packet, ref hash).Give(length == whole.Data.Length ? whole : whole with { Data = whole.Data[..length] });
        }
    }

    /// <summary>
    /// The connection of a controller that a packet_in takes. 6.3.6: packets are spread over the auxiliary connections such that a flow
    /// stays on one; here by rendezvous hashing, so that a connection that comes or goes moves only the flows that it gets or had.
    /// </summary>
    private Controller Way(Controller main, PacketInEvent packet, ref ulong? hash)
    {
        Controller best = main;
        ulong highest = 0;
        foreach (Controller auxiliary in _auxiliaries)
        {
            if (auxiliary.Main != main || !auxiliary.IsIdentified)
                continue;
            hash ??= HashOf(packet);
            ulong drawn = KeyHash.Finish(KeyHash.Add(hash.Value, auxiliary.Connection.AuxiliaryId));
            if (best == main || drawn > highest)
                (best, highest) = (auxiliary, drawn);
        }

        return best;
    }

    /// <summary>The same for all packets of a connection, both ways.</summary>
    private static ulong HashOf(PacketInEvent packet) =>
        PacketParser.TryParse(packet.Frame.Span, packet.InPort, out FlowKey key) ? FlowHash.Compute(0, key) : 0;

    private int LongestWanted(PacketInEvent packet)
    {
        int frame = Math.Min(packet.Frame.Length, MaxPacketInData);
        if (packet.MaxLength is { } asked)
            return Limit(asked, frame);
        int longest = 0;
        foreach (Controller controller in _all)
        {
            if (controller.Wants(packet))
                longest = Math.Max(longest, Limit(controller.MissSendLength, frame));
        }

        return longest;
    }

    /// <summary>OFPCML_MAX is 0xffe5: what is above, OFPCML_NO_BUFFER first of all, means the whole packet.</summary>
    private static int Limit(ushort asked, int frame) => asked > 0xffe5 ? frame : Math.Min(asked, frame);

    private static PacketIn Message(PacketInEvent packet, int length)
    {
        FlowKey value = default, mask = default;
        Add(FieldTable.InPort, packet.InPort);
        foreach (Field field in _pipelineFields)
        {
            UInt128 content = field.Get(packet.PipelineFields);
            if (content != 0)
                Add(field, content);
        }

        return new PacketIn(
            FlowMod.NoBuffer,
            (ushort)Math.Min(packet.TotalLength, ushort.MaxValue),
            packet.Reason,
            packet.TableId,
            packet.Cookie,
            new Match(value, mask),
            packet.Frame[..length].ToArray());

        void Add(Field field, UInt128 content)
        {
            field.Set(ref value, content);
            field.Set(ref mask, field.AllOnes);
        }
    }
}
