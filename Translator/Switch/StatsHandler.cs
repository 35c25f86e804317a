using OvsBridge.OpenFlow;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Messages.Multipart;
using OvsBridge.Translator.Tables;

namespace OvsBridge.Translator.Switch;

/// <summary>
/// Multipart requests that only read. Runs on the connection's thread without the switch's lock: counters are pushed
/// first, then one state is read.
/// </summary>
internal sealed class StatsHandler(
    OfSwitchOptions options, IForwarding forwarding, IPortStatsSource portStats, IMeterControl? meters, TimeProvider time)
{
    private const ulong NotCounted = ulong.MaxValue;
    private const uint AnyQueue = 0xffffffff;

    /// <summary>The answer to <paramref name="query"/>.</summary>
    /// <param name="query">Anything but OFPMP_TABLE_FEATURES.</param>
    /// <param name="current">Gives the newest state.</param>
    /// <exception cref="OfErrorException">The query names what is not there.</exception>
    public MultipartAnswer Answer(MultipartQuery query, Func<PipelineState> current)
    {
        if (query is FlowQuery or AggregateQuery or TableQuery or GroupQuery or MeterQuery)
            forwarding.PushStats();
        PipelineState state = current();
        return query switch
        {
            DescQuery => options.Description,
            FlowQuery flow => new FlowAnswer(Select(flow.Filter, state).Select(Describe(time.NowNs())).ToValueList()),
            AggregateQuery aggregate => Aggregate(Select(aggregate.Filter, state)),
            TableQuery => Tables(state),
            PortStatsQuery ports => Ports(ports.Port, state.Snapshot),
            QueueQuery queue => Queues(queue, state.Snapshot),
            GroupQuery group => Groups(group.GroupId, state),
            GroupDescQuery group => new GroupDescAnswer(
                state.Snapshot.Groups.Values.Where(g => group.GroupId is null || g.GroupId == group.GroupId).OrderBy(g => g.GroupId).Select(g => new GroupDescEntry(g.GroupType, g.GroupId, g.Buckets)).ToValueList()),
            GroupFeaturesQuery => SwitchFeatures.Groups(options),
            MeterQuery meter => new MeterAnswer(Meters(meter.MeterId, state.Snapshot).Select(m => Describe(m, state)).ToValueList()),
            MeterConfigQuery meter => new MeterConfigAnswer(
                Meters(meter.MeterId, state.Snapshot).Select(m => new MeterConfigEntry(m.Flags, m.MeterId, m.Bands)).ToValueList()),
            MeterFeaturesQuery => SwitchFeatures.Meters(meters),
            PortDescQuery => new PortDescAnswer(Ports(state.Snapshot)),
            ExperimenterQuery other => throw new OfErrorException(OfError.BadRequestBadExperimenter, $"multipart of experimenter 0x{other.Experimenter:x8}"),
            _ => throw new OfErrorException(OfError.BadRequestBadMultipart, $"multipart type {query.Kind}"),
        };
    }

    /// <summary>The ports, by number.</summary>
    public static ValueList<PortDescription> Ports(PipelineSnapshot snapshot) => snapshot.Ports.Values.Select(port => port.Description).ToValueList();

    /// <summary>OFPT_QUEUE_GET_CONFIG_REQUEST. Rates are tenths of a per cent of the port's speed; without a known speed there are none.</summary>
    /// <exception cref="OfErrorException">QUEUE_OP_FAILED/BAD_PORT.</exception>
    public QueueGetConfigReply QueueConfig(QueueGetConfigRequest request, PipelineSnapshot snapshot)
    {
        List<PacketQueue> queues = [];
        foreach (SwitchPort port in QueuePorts(request.Port, snapshot))
        {
            uint speed = port.Description.CurrentSpeedKbps;
            queues.AddRange(portStats.ReadQueues(port).Select(queue =>
                new PacketQueue(queue.QueueId, port.Description.PortNo, Share(queue.MinKbps, speed), Share(queue.MaxKbps, speed))));
        }

        return new QueueGetConfigReply(request.Port, queues.ToValueList());
    }

    /// <summary>Tenths of a per cent, rounded, but not to nothing.</summary>
    private static ushort? Share(ulong kbps, uint ofKbps) =>
        kbps == 0 || ofKbps == 0 ? null : (ushort)ulong.Clamp(((kbps * 1000) + (ofKbps / 2)) / ofKbps, 1, 1000);

    private static IEnumerable<Rule> Select(FlowFilter filter, PipelineState state)
    {
        if (filter.TableId == FlowMod.AllTables)
            return state.Snapshot.Tables.Where(table => table.Count > 0).SelectMany(table => FlowModHandler.Select(table, filter));
        if (filter.TableId >= state.Tables.Length || !state.Tables[filter.TableId].Enabled)
            throw new OfErrorException(OfError.BadRequestBadTableId, $"there is no table {filter.TableId}");
        return FlowModHandler.Select(state.Snapshot.Tables[filter.TableId], filter);
    }

    private static Func<Rule, FlowStatsEntry> Describe(long nowNs) => rule => new FlowStatsEntry
    {
        TableId = rule.TableId,
        DurationNs = SwitchClock.Age(nowNs, rule.CreatedNs),
        Priority = rule.Priority,
        IdleTimeoutSeconds = rule.IdleTimeoutSeconds,
        HardTimeoutSeconds = rule.HardTimeoutSeconds,
        Flags = rule.Flags,
        Cookie = rule.Cookie,
        PacketCount = PacketCount(rule),
        ByteCount = ByteCount(rule),
        IdleAgeSeconds = Seconds(nowNs, Math.Max(rule.CreatedNs, rule.Stats.UsedNs)),
        HardAgeSeconds = Seconds(nowNs, Math.Max(rule.CreatedNs, rule.ModifiedNs)),
        Match = rule.Match,
        Instructions = rule.Instructions,
    };

    private static uint Seconds(long nowNs, long sinceNs) => (uint)(SwitchClock.Age(nowNs, sinceNs) / 1_000_000_000);

    /// <summary>Packets of a flow as messages give them: all ones when OFPFF_NO_PKT_COUNTS says that nobody counts.</summary>
    public static ulong PacketCount(Rule rule) => rule.Flags.HasFlag(FlowModFlags.NoPacketCounts) ? NotCounted : rule.Stats.Packets;

    /// <summary>The same for bytes and OFPFF_NO_BYT_COUNTS.</summary>
    public static ulong ByteCount(Rule rule) => rule.Flags.HasFlag(FlowModFlags.NoByteCounts) ? NotCounted : rule.Stats.Bytes;

    private static AggregateAnswer Aggregate(IEnumerable<Rule> rules)
    {
        // A sum that lacks a part would be wrong: as Open vSwitch, all ones once a flow is not counted.
        ulong packets = 0, bytes = 0;
        bool allPackets = true, allBytes = true;
        uint flows = 0;
        foreach (Rule rule in rules)
        {
            flows++;
            packets += rule.Stats.Packets;
            bytes += rule.Stats.Bytes;
            allPackets &= !rule.Flags.HasFlag(FlowModFlags.NoPacketCounts);
            allBytes &= !rule.Flags.HasFlag(FlowModFlags.NoByteCounts);
        }

        return new AggregateAnswer(allPackets ? packets : NotCounted, allBytes ? bytes : NotCounted, flows);
    }

    private static TableAnswer Tables(PipelineState state) => new(
        state.Snapshot.Tables
            .Where(table => state.Tables[table.TableId].Enabled)
            .Select(table => new TableStatsEntry(table.TableId, (uint)table.Count, table.Stats.Lookups, table.Stats.Matches)
            {
                Name = state.Tables[table.TableId].Name,
                MaxEntries = state.Tables[table.TableId].MaxFlows,
            })
            .ToValueList());

    private PortStatsAnswer Ports(uint port, PipelineSnapshot snapshot)
    {
        SwitchPort[] ports;
        if (port == OfPorts.Any)
            ports = [.. snapshot.Ports.Values];
        else if (snapshot.Ports.TryGetValue(port, out SwitchPort? one))
            ports = [one];
        else
            throw new OfErrorException(OfError.BadRequestBadPort, $"there is no port {port}");

        IReadOnlyList<PortStatsEntry?> counters = portStats.Read(ports);
        long now = time.NowNs();
        return new PortStatsAnswer(
            ports.Zip(counters)
                .Where(pair => pair.Second is not null)
                .Select(pair => pair.Second! with { PortNo = pair.First.Description.PortNo, DurationNs = SwitchClock.Age(now, pair.First.CreatedNs) })
                .ToValueList());
    }

    private QueueAnswer Queues(QueueQuery query, PipelineSnapshot snapshot)
    {
        // The kernel does not tell how old a class is.
        ValueList<QueueStatsEntry> queues =
        [
            .. from port in QueuePorts(query.Port, snapshot)
            from queue in portStats.ReadQueues(port)
            where query.QueueId == AnyQueue || query.QueueId == queue.QueueId
            select new QueueStatsEntry(
                port.Description.PortNo, queue.QueueId, queue.TxBytes, queue.TxPackets, queue.TxErrors, QueueStatsEntry.UnknownDuration),
        ];
        // As Open vSwitch: of any port, one that has the queue is enough.
        return queues.Count > 0 || query.QueueId == AnyQueue
            ? new QueueAnswer(queues)
            : throw new OfErrorException(OfError.QueueOpFailedBadQueue, $"there is no queue {query.QueueId}");
    }

    private static IEnumerable<SwitchPort> QueuePorts(uint port, PipelineSnapshot snapshot)
    {
        if (port == OfPorts.Any)
            return snapshot.Ports.Values;
        return snapshot.Ports.TryGetValue(port, out SwitchPort? one)
            ? [one]
            : throw new OfErrorException(OfError.QueueOpFailedBadPort, $"there is no port {port}");
    }

    private GroupAnswer Groups(uint groupId, PipelineState state)
    {
        // As Open vSwitch: a group that does not exist has no statistics, which is no error.
        IEnumerable<Group> groups = groupId == GroupMod.AllGroups
            ? state.Snapshot.Groups.Values.OrderBy(group => group.GroupId)
            : state.Snapshot.Groups.TryGetValue(groupId, out Group? one) ? [one] : [];

        Dictionary<uint, uint> parents = [];
        foreach (Group group in state.Snapshot.Groups.Values)
        {
            foreach (uint child in group.Buckets.SelectMany(bucket => bucket.Actions).OfType<GroupAction>().Select(a => a.GroupId).Distinct())
                parents[child] = parents.GetValueOrDefault(child) + 1;
        }

        long now = time.NowNs();
        return new GroupAnswer(groups.Select(group => new GroupStatsEntry(
            group.GroupId,
            (uint)(state.RulesByGroup.TryGetValue(group.GroupId, out var rules) ? rules.Count : 0) + parents.GetValueOrDefault(group.GroupId),
            group.Stats.Packets,
            group.Stats.Bytes,
            SwitchClock.Age(now, group.Stats.CreatedNs),
            group.BucketStats.Select(bucket => new BucketCounter(bucket.Packets, bucket.Bytes)).ToValueList())).ToValueList());
    }

    private static IEnumerable<Meter> Meters(uint meterId, PipelineSnapshot snapshot)
    {
        if (meterId == MeterMod.AllMeters)
            return snapshot.Meters.Values.OrderBy(meter => meter.MeterId);
        return snapshot.Meters.TryGetValue(meterId, out Meter? one)
            ? [one]
            : throw new OfErrorException(OfError.MeterModFailedUnknownMeter, $"there is no meter {meterId}");
    }

    private MeterStatsEntry Describe(Meter meter, PipelineState state)
    {
        MeterCounters counters = meters!.Read(meter);
        uint flows = (uint)(state.RulesByMeter.TryGetValue(meter.MeterId, out var rules) ? rules.Count : 0);
        return new MeterStatsEntry(
            meter.MeterId, flows, counters.Packets, counters.Bytes, SwitchClock.Age(time.NowNs(), meter.CreatedNs), counters.Bands);
    }
}
