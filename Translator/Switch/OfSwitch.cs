using System.Collections.Immutable;
using OvsBridge.Datapath;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Endpoint;
using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Messages.Multipart;
using OvsBridge.OpenFlow.Wire;
using OvsBridge.Translator.Tables;

namespace OvsBridge.Translator.Switch;

/// <summary>
/// The OpenFlow agent: takes the messages of all controllers, keeps the pipeline, and is its single writer. Every request is
/// answered: by its reply, by silence where the specification wants silence (a change that succeeded), or by an
/// <see cref="OfErrorException"/> that the connection turns into OFPT_ERROR; then nothing of it took effect.
/// </summary>
/// <remarks>
/// <para>
/// Threads: connections call in parallel, each in its own order. A change is made under one lock: handlers work on a
/// <see cref="PipelineEdit"/>, which is then published as one new <see cref="PipelineSnapshot"/> by one volatile write.
/// Reading requests take no lock: they push the counters and read one published state. What waits for the datapath (barrier,
/// counters, final counters of removed flows) waits outside the lock, so a slow request delays only its own connection.
/// </para>
/// <para>
/// Nothing here calls back into a connection but <see cref="IOfConnection.Send"/> and its like, which never block;
/// <see cref="IForwarding.PushStats"/> and <see cref="IForwarding.SnapshotPublished"/> may be called under the lock, so the
/// forwarding side must not wait in them for a call into this class. <see cref="OnPacketIn"/> never takes the lock.
/// </para>
/// </remarks>
public sealed partial class OfSwitch : IOfMessageHandler, IPacketInSink, IDisposable
{
    private readonly OfSwitchOptions _options;
    private readonly IForwarding _forwarding;
    private readonly IPortControl _portControl;
    private readonly IMeterControl? _meters;
    private readonly TimeProvider _time;

    private readonly Lock _gate = new();
    private readonly Controllers _controllers;
    private readonly FlowModHandler _flowMods;
    private readonly GroupModHandler _groupMods;
    private readonly MeterModHandler _meterMods;
    private readonly TableFeatureHandler _tableFeatures;
    private readonly StatsHandler _stats;
    private readonly FlowRemovals _removals;
    private readonly Expiry _expiry;
    private readonly FlowMonitors _monitors;

    private PipelineState _state;

    /// <summary>Makes a switch with empty tables and publishes its first snapshot.</summary>
    /// <param name="options">Identity and limits.</param>
    /// <param name="forwarding">The forwarding side.</param>
    /// <param name="portControl">Changes ports.</param>
    /// <param name="portStats">Reads port counters.</param>
    /// <param name="meters">Meters packets; null: METER_MOD finds no room.</param>
    /// <param name="time">Clock of durations and time-outs; its timestamps must be those of the datapath.</param>
    public OfSwitch(
        OfSwitchOptions options,
        IForwarding forwarding,
        IPortControl portControl,
        IPortStatsSource portStats,
        IMeterControl? meters,
        TimeProvider time)
    {
        _options = options;
        _forwarding = forwarding;
        _portControl = portControl;
        _meters = meters;
        _time = time;
        _failMode = options.FailMode;
        _controllersConfigured = options.ControllersConfigured;
        _aloneSinceNs = time.NowNs();
        _takeover = time.CreateTimer(_ => TakeOver(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

        _controllers = new Controllers(options, time);
        _flowMods = new FlowModHandler(time, forwarding.PushStats);
        _groupMods = new GroupModHandler(options, time);
        _meterMods = new MeterModHandler(meters, time);
        _tableFeatures = new TableFeatureHandler(options.MaxFlowsPerTable, meters is not null);
        _stats = new StatsHandler(options, forwarding, portStats, meters, time);
        _removals = new FlowRemovals(forwarding, _controllers);
        _expiry = new Expiry(time, ExpireFlows);
        _monitors = new FlowMonitors(time, ResumeMonitors);

        ImmutableArray<FlowTable> tables = [.. Enumerable.Range(0, PipelineSnapshot.TableCount).Select(id => FlowTable.Empty((byte)id))];
        _state = new PipelineState
        {
            Snapshot = new PipelineSnapshot { Tables = tables, Standalone = WantedStandalone() },
            Tables = TableSettings.Defaults(options.MaxFlowsPerTable),
            NextMeterSlot = meters?.FirstSlot ?? 0,
        };
        forwarding.SnapshotPublished(_state.Snapshot);
        ArmTakeover();
    }

    /// <summary>An OFPT_ERROR came from a peer (nothing is owed to it but a line in the log). Raised on the connection's thread.</summary>
    public event Action<IOfConnection, ErrorMessage>? ErrorReceived;

    /// <summary>The pipeline now. Any thread.</summary>
    public PipelineSnapshot Snapshot => State.Snapshot;

    /// <summary>The connections, main ones first. Any thread.</summary>
    public IReadOnlyList<ConnectionInfo> Connections => [.. _controllers.All.Select(ConnectionInfo.Of)];

    private PipelineState State => Volatile.Read(ref _state);

    /// <inheritdoc/>
    public void OnConnected(IOfConnection connection)
    {
        lock (_gate)
        {
            _controllers.Add(connection);
            UpdateStandalone();
        }
    }

    /// <inheritdoc/>
    public void OnDisconnected(IOfConnection connection)
    {
        lock (_gate)
        {
            if (_controllers.Find(connection) is { } gone)
                _monitors.Remove(gone);
            _controllers.Remove(connection);
            NoteLost(connection);
            UpdateStandalone();
        }
    }

    /// <inheritdoc/>
    public void OnMessage(IOfConnection connection, OfMessage message, ReadOnlySpan<byte> raw)
    {
        if (_controllers.Find(connection) is not { } peer)
            return; // it has just gone: nobody would read the answer
        switch (message)
        {
            case FlowMod or GroupMod or MeterMod or TableMod:
                Change(peer, message);
                break;
            case PortMod mod:
                ChangePort(peer, mod);
                break;
            case PacketOut packet:
                SendPacket(peer, packet);
                break;
            case MultipartRequest request:
                if (peer.Multiparts.Add(request, raw.Length) is { } query)
                {
                    if (query is FlowMonitorQuery monitors)
                    {
                        StartMonitors(peer, request, monitors);
                        break;
                    }

                    foreach (MultipartReply part in Answer(peer, query, request.IsNicira))
                        Reply(connection, message, part);
                }

                break;
            case BarrierRequest:
                if (peer.Main.HasAddedFlows)
                    _forwarding.EndRestart();
                if (!_removals.Flush())
                    _forwarding.CatchUp();
                Reply(connection, message, new BarrierReply());
                break;
            case FeaturesRequest:
                Reply(connection, message, new FeaturesReply(
                    _options.DatapathId, BufferCount: 0, PipelineSnapshot.TableCount, connection.AuxiliaryId, SwitchFeatures.SwitchCapabilities)
                {
                    Ports = IsOld(connection) ? StatsHandler.Ports(Snapshot) : default,
                });
                peer.IsIdentified = true;
                break;
            case GetConfigRequest:
                Reply(connection, message, new GetConfigReply(Snapshot.Fragments, peer.MissSendLength) { SendsInvalidTtl = peer.SendsInvalidTtl });
                break;
            case SetConfig config:
                Configure(peer, config);
                break;
            case RoleRequest role:
                lock (_gate)
                    Reply(connection, message, _controllers.ChangeRole(peer, role));
                break;
            case GetAsyncRequest:
                Reply(connection, message, new GetAsyncReply(peer.Async));
                break;
            case SetAsync async:
                peer.Async = async.Config;
                break;
            case QueueGetConfigRequest queues:
                Reply(connection, message, _stats.QueueConfig(queues, Snapshot));
                break;
            case ErrorMessage error:
                ErrorReceived?.Invoke(connection, error); // an error is never answered by an error
                break;
            case Hello or EchoReply:
                break; // the connection has dealt with them
            case EchoRequest echo:
                Reply(connection, message, new EchoReply(echo.Data));
                break;
            case BundleControl control:
                OnBundle(peer, control, raw);
                break;
            case BundleAdd add:
                OnBundleAdd(peer, add, raw);
                break;
            case SetControllerId id:
                peer.ControllerId = id.Id;
                break;
            case FlowMonitorCancel cancel:
                lock (_gate)
                    _monitors.Cancel(peer, cancel.Id);
                break;
            case FlowAge:
                break; // the ages are always there
            case ExperimenterMessage { Experimenter: NiciraMessage.Vendor } other:
                throw new OfErrorException(OfError.BadRequestBadExpType, $"Nicira message {other.ExperimenterType}");
            case ExperimenterMessage other:
                throw new OfErrorException(OfError.BadRequestBadExperimenter, $"experimenter 0x{other.Experimenter:x8}");
            default:
                throw new OfErrorException(OfError.BadRequestBadType, $"{message.Type} is a message of switches");
        }
    }

    /// <inheritdoc/>
    public void OnPacketIn(PacketInEvent packet)
    {
        // OFPPC_NO_PACKET_IN is about packets that miss (7.2.1); a flow's own output to the controller stands.
        if (packet.Reason == PacketInReason.NoMatch
            && Snapshot.Ports.TryGetValue(packet.InPort, out SwitchPort? port)
            && port.Description.Config.HasFlag(PortConfig.NoPacketIn))
        {
            return;
        }

        _controllers.Deliver(packet);
    }

    /// <summary>Stops the timers. Connections must have gone.</summary>
    public void Dispose()
    {
        _takeover.Dispose();
        _expiry.Dispose();
        _monitors.Dispose();
    }

    /// <summary>OpenFlow 1.0, where some replies say more.</summary>
    private static bool IsOld(IOfConnection connection) => connection.Version == OfCodec.Version10;

    private static void Reply(IOfConnection connection, OfMessage request, OfMessage reply) => connection.Send(reply with { Xid = request.Xid });

    /// <summary>A slave only reads (6.3.4). Under the lock: whoever is told that it is master has no rival any more.</summary>
    private static void RequireWriter(Controller peer, string what)
    {
        if (peer.Role == ControllerRole.Slave)
            throw new OfErrorException(OfError.BadRequestIsSlave, $"{what} from a slave");
    }

    private void Change(Controller peer, OfMessage message)
    {
        lock (_gate)
        {
            RequireWriter(peer, message.Type.ToString());
            PipelineEdit edit = new(State) { Cause = peer, CauseXid = message.Xid };
            Apply(message, edit);
            Commit(edit);
        }

        peer.Main.HasAddedFlows |= message is FlowMod { Command: FlowModCommand.Add };
    }

    private void Apply(OfMessage message, PipelineEdit edit)
    {
        switch (message)
        {
            case FlowMod mod:
                _flowMods.Apply(mod, edit);
                break;
            case GroupMod mod:
                _groupMods.Apply(mod, edit);
                break;
            case MeterMod mod:
                _meterMods.Apply(mod, edit);
                break;
            case TableMod mod:
                ChangeTable(mod, edit);
                break;
        }
    }

    private static void ChangeTable(TableMod mod, PipelineEdit edit)
    {
        bool all = mod.TableId == FlowMod.AllTables;
        if (!all && (mod.TableId >= edit.TableSettings.Length || !edit.TableSettings[mod.TableId].Enabled))
            throw new OfErrorException(OfError.TableModFailedBadTable, $"there is no table {mod.TableId}");

        // 7.3.3: OpenFlow 1.3 defines no bit; the two of 1.2 are accepted for compatibility, kept, and mean nothing.
        if ((mod.Config & ~SwitchFeatures.DeprecatedTableConfig) != 0)
            throw new OfErrorException(OfError.TableModFailedBadConfig, $"config 0x{mod.Config:x}");
        edit.TableSettings =
            [.. edit.TableSettings.Select(table => all || table.TableId == mod.TableId ? table with { Config = mod.Config } : table)];
    }

    private IReadOnlyList<MultipartReply> Answer(Controller peer, MultipartQuery query, bool nicira)
    {
        if (query is not TableFeaturesQuery features)
            return Parts(peer, _stats.Answer(query, () => State), nicira);
        if (features.Tables.Count == 0)
            return _tableFeatures.Get(State.Tables);
        lock (_gate)
        {
            RequireWriter(peer, "a change of table features");
            PipelineEdit edit = new(State);
            _tableFeatures.Set(features.Tables, edit);
            Commit(edit);
            return _tableFeatures.Get(State.Tables);
        }
    }

    /// <summary>The reply goes before the lock does: what changes from here on is told behind it.</summary>
    private void StartMonitors(Controller peer, MultipartRequest request, FlowMonitorQuery query)
    {
        lock (_gate)
        {
            FlowUpdateAnswer flows = _monitors.Add(peer, query.Monitors, Snapshot);
            foreach (MultipartReply part in Parts(peer, flows, request.IsNicira))
                Reply(peer.Connection, request, part);
        }
    }

    private void ResumeMonitors()
    {
        lock (_gate)
            _monitors.Resume(Snapshot);
    }

    private static IReadOnlyList<MultipartReply> Parts(Controller peer, MultipartAnswer answer, bool nicira) =>
        IsOld(peer.Connection) ? MultipartSplitter.Split10(0, answer, nicira) : MultipartSplitter.Split(0, answer);

    private void Configure(Controller peer, SetConfig config)
    {
        if (config.Fragments is not (FragmentHandling.Normal or FragmentHandling.Drop or FragmentHandling.NxMatch))
            throw new OfErrorException(OfError.SwitchConfigFailedBadFlags, $"flags 0x{(ushort)config.Fragments:x}: OFPC_IP_REASM is not offered");
        lock (_gate)
        {
            if (State.Snapshot.Fragments != config.Fragments)
            {
                RequireWriter(peer, "a change of fragment handling");
                PipelineEdit edit = new(State);
                edit.Snapshot = edit.Snapshot with { Fragments = config.Fragments };
                Commit(edit);
            }
        }

        peer.MissSendLength = config.MissSendLength;
        if (config.SendsInvalidTtl is { } wanted)
            peer.SendsInvalidTtl = wanted;
    }

    private void SendPacket(Controller peer, PacketOut packet)
    {
        PipelineSnapshot snapshot;
        lock (_gate)
        {
            RequireWriter(peer, "packet_out");
            snapshot = State.Snapshot;
        }

        Check(packet, snapshot);
        if (packet.Actions.Count > 0) // none: 7.3.7 drops the packet
            _forwarding.PacketOut(PacketInPort(packet), packet.Actions, packet.Data);
    }

    private static void Check(PacketOut packet, PipelineSnapshot snapshot)
    {
        if (packet.BufferId != FlowMod.NoBuffer)
            throw new OfErrorException(OfError.BadRequestBufferUnknown, $"buffer 0x{packet.BufferId:x}: this switch keeps no packets");
        uint inPort = PacketInPort(packet);
        if (inPort is not (OfPorts.Controller or OfPorts.Local) && !snapshot.Ports.ContainsKey(inPort))
            throw new OfErrorException(OfError.BadRequestBadPort, $"in_port 0x{inPort:x} does not exist");
        ActionChecks.PacketOut(packet.Actions, snapshot);
        if (packet.Data.Length < 14)
            throw new OfErrorException(OfError.BadRequestBadPacket, $"a frame of {packet.Data.Length} bytes has no Ethernet header");

        // As Open vSwitch: what an action needs must be in the packet, or come by the actions before it.
        if (packet is { Actions.Count: > 0, SkipsImpossible: false } && PacketParser.TryParse(packet.Data.Span, 0, out FlowKey key))
            ActionConsistency.ListAgainstPacket(key, packet.Actions);
    }

    /// <summary>As Open vSwitch: some controllers say ANY and mean "none".</summary>
    private static uint PacketInPort(PacketOut packet) => packet.InPort == OfPorts.Any ? OfPorts.Controller : packet.InPort;

    /// <summary>Publishes what was edited; the one place where the pipeline changes. Under the lock.</summary>
    /// <param name="edit">The change.</param>
    /// <param name="refused">Makes the error for a meter that the datapath does not take; null: the request's own.</param>
    /// <exception cref="OfErrorException">The datapath does not take a meter: nothing was published.</exception>
    private void Commit(PipelineEdit edit, Func<Meter, OfErrorException, OfErrorException>? refused = null)
    {
        PipelineState next = edit.ToState();
        if (ReferenceEquals(next, edit.Before))
            return;
        Meter[] meters = [.. edit.MetersSet];
        for (int i = 0; i < meters.Length; i++)
        {
            OfErrorException error;
            try
            {
                if (_meters!.Set(meters[i]))
                    continue;
                error = new OfErrorException(OfError.MeterModFailedOutOfBands, $"no room for {meters[i].Bands.Count} bands: those of other meters take it");
            }
            catch (DatapathException e)
            {
                error = new OfErrorException(OfError.MeterModFailedUnknown, e.Message);
            }

            foreach (Meter meter in meters.AsSpan(0, i))
                RestoreMeter(meter, edit.Before.Snapshot);
            throw refused is null ? error : refused(meters[i], error);
        }

        Volatile.Write(ref _state, next);
        if (_monitors.Any)
            _monitors.Report(edit, next.Snapshot);
        if (!ReferenceEquals(next.Snapshot, edit.Before.Snapshot))
            _forwarding.SnapshotPublished(next.Snapshot);

        foreach (Meter meter in edit.MetersGone)
            _meters!.Remove(meter);
        foreach (Rule rule in edit.Timed)
            _expiry.Watch(rule);
        _expiry.CompactIfNeeded(next.Snapshot);
        if (edit.Removed.Count > 0)
            _removals.Add(edit.Removed, _time.NowNs());
    }

    /// <summary>Takes back that a meter was set, since another of the bundle could not be.</summary>
    private void RestoreMeter(Meter meter, PipelineSnapshot before)
    {
        try
        {
            if (before.Meters.TryGetValue(meter.MeterId, out Meter? old) && old.Slot == meter.Slot)
                _meters!.Set(old);
            else
                _meters!.Remove(meter);
        }
        catch (DatapathException)
        {
            // The slot is not what it was; the meter's next change sets it again.
        }
    }

    /// <summary>A round of <see cref="Expiry"/>, on a timer's thread.</summary>
    private void ExpireFlows()
    {
        List<Rule> due;
        lock (_gate)
            due = _expiry.TakeDue(_time.NowNs(), State.Snapshot);

        // Whether a flow was idle is known only with what the datapath has counted. Not under the lock: that takes a while.
        long startNs = _time.NowNs();
        if (due.Any(rule => rule.IdleTimeoutSeconds != 0))
            _forwarding.PushStats();

        lock (_gate)
        {
            long nowNs = _time.NowNs();
            PipelineEdit edit = new(State);
            foreach (var group in due.Where(rule => Expiry.IsCurrent(rule, State.Snapshot)).ToLookup(rule => (rule.TableId, Expiry.Expired(rule, nowNs))))
            {
                if (group.Key.Item2 is { } reason)
                    edit.Remove(group.Key.TableId, [.. group], reason);
                else
                    foreach (Rule used in group)
                        _expiry.Watch(used);
            }

            Commit(edit);
            _expiry.EndRound(State.Snapshot, nowNs - startNs);
        }
    }
}
