using OvsBridge.Datapath;
using OvsBridge.Datapath.Interop;
using OvsBridge.OpenFlow;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.Translator.Tables;
using OvsBridge.Translator.Xlate;

namespace OvsBridge.Translator.Tests.Xlate;

/// <summary>What came of a packet: what left and in which order, what counted.</summary>
internal sealed class Outcome
{
    /// <summary>"port queue bytes", or "controller reason table cookie metadata bytes".</summary>
    internal List<string> Events { get; } = [];

    internal List<RuleStats> Counted { get; } = [];

    internal List<TableCredit> Tables { get; } = [];

    internal List<MacSighting> Sightings { get; } = [];

    /// <summary>An action did not fit the packet: the datapath drops what is left then.</summary>
    internal bool Failed { get; set; }

    /// <summary>A meter dropped the packet. Translation does not know that, and counts it in the tables behind, too.</summary>
    internal bool Metered { get; set; }
}

/// <summary>
/// A switch as simple as can be: every action changes the bytes of the packet at once, every decision parses them anew,
/// tables are searched from front to back. What translation is measured against.
/// </summary>
internal sealed class ReferencePipeline(PipelineSnapshot snapshot, MacTable macs, Func<uint, int, MeterVerdict> meters)
{
    private readonly DpActionExecutor _executor = new();
    private readonly Outcome _outcome = new();
    private DpPacket _packet = new();
    private uint _inPort;
    private ulong _metadata;
    private uint _queue;
    private List<(int Rank, OfAction Action)> _set = [];
    private Rule? _rule;
    private bool _ended;

    internal static Outcome Run(PipelineSnapshot snapshot, MacTable macs, byte[] frame, uint dpPort, Func<uint, int, MeterVerdict> meters)
    {
        ReferencePipeline pipeline = new(snapshot, macs, meters);
        pipeline.Start(frame, dpPort);
        if (snapshot.Ports.TryGetValue(pipeline._inPort, out SwitchPort? port) && (port.Description.Config & (PortConfig.NoRecv | PortConfig.PortDown)) != 0)
        {
            return pipeline._outcome;
        }

        if (snapshot.Fragments == FragmentHandling.Drop && pipeline.Key.IpFrag != 0)
        {
            return pipeline._outcome;
        }

        if (snapshot.Standalone == StandaloneMode.Always)
        {
            pipeline.Normal();
        }
        else
        {
            pipeline.RunTables(0);
        }

        return pipeline._outcome;
    }

    private void Start(byte[] frame, uint dpPort)
    {
        _packet.Load(frame, dpPort);
        _inPort = dpPort switch { OfPorts.DatapathLocal => OfPorts.Local, 0 => OfPorts.Controller, _ => dpPort };
    }

    private FlowKey Key
    {
        get
        {
            _ = PacketParser.TryParse(_packet, out FlowKey key, out _);
            key.InPort = _inPort;
            key.Metadata = _metadata;
            return key;
        }
    }

    private void RunTables(int table)
    {
        while (!_ended)
        {
            FlowKey key = Key;
            Rule? hit = snapshot.Tables[table].Rules.Where(r => r.Match.Matches(key)).MaxBy(r => r.Priority);
            _outcome.Tables.Add(new TableCredit(snapshot.Tables[table].Stats, hit is not null));
            if (hit is null)
            {
                if (table == 0 && snapshot.Standalone == StandaloneMode.OnMiss)
                {
                    Normal();
                }

                return;
            }

            _rule = hit;
            _outcome.Counted.Add(hit.Stats);
            foreach (MeterInstruction instruction in hit.Instructions.OfType<MeterInstruction>())
            {
                if (!_outcome.Failed && snapshot.Meters.TryGetValue(instruction.MeterId, out Meter? meter))
                {
                    Do(DpActionType.Meter, meter.Slot);
                }
            }

            if (_outcome.Metered)
            {
                return;
            }

            foreach (ApplyActionsInstruction apply in hit.Instructions.OfType<ApplyActionsInstruction>())
            {
                foreach (OfAction action in apply.Actions)
                {
                    Act(action, false, true);
                }
            }

            if (_ended)
            {
                return;
            }

            if (hit.Instructions.OfType<ClearActionsInstruction>().Any())
            {
                _set = [];
            }

            foreach (WriteActionsInstruction write in hit.Instructions.OfType<WriteActionsInstruction>())
            {
                _set = Merge(_set, write.Actions);
            }

            foreach (WriteMetadataInstruction metadata in hit.Instructions.OfType<WriteMetadataInstruction>())
            {
                _metadata = (_metadata & ~metadata.Mask) | (metadata.Value & metadata.Mask);
            }

            if (hit.Instructions.OfType<GotoTableInstruction>().FirstOrDefault() is not { } go)
            {
                List<OfAction> set = Order(_set);
                _set = [];
                if (set.Exists(a => a is OutputAction or GroupAction))
                {
                    foreach (OfAction action in set)
                    {
                        Act(action, false, false);
                    }
                }

                return;
            }

            table = go.TableId;
        }
    }

    private static List<(int Rank, OfAction Action)> Merge(List<(int Rank, OfAction Action)> set, ValueList<OfAction> actions)
    {
        List<(int Rank, OfAction Action)> result = [.. set];
        foreach (OfAction action in actions)
        {
            result.RemoveAll(a => a.Action.GetType() == action.GetType() && (action is not SetFieldAction f || ((SetFieldAction)a.Action).Field == f.Field));
            int rank = action switch
            {
                CopyTtlInAction => 0,
                PopVlanAction or PopMplsAction or PopPbbAction => 1,
                PushMplsAction => 2,
                PushPbbAction => 3,
                PushVlanAction => 4,
                CopyTtlOutAction => 5,
                DecNwTtlAction or DecMplsTtlAction => 6,
                SetQueueAction => 8,
                GroupAction => 9,
                OutputAction => 10,
                _ => 7,
            };
            result.Add((rank, action));
        }

        return result;
    }

    private static List<OfAction> Order(List<(int Rank, OfAction Action)> set)
    {
        List<OfAction> ordered = [.. set.OrderBy(a => a.Rank).Select(a => a.Action)];
        if (ordered.Exists(a => a is GroupAction))
        {
            ordered.RemoveAll(a => a is OutputAction);
        }

        return ordered;
    }

    private void Act(OfAction action, bool packetOut, bool apply)
    {
        if (_ended || _outcome.Failed)
        {
            return;
        }

        FlowKey key = Key;
        bool ip = key.EthType.Value is 0x0800 or 0x86dd, mpls = key.EthType.Value is 0x8847 or 0x8848;
        switch (action)
        {
            case OutputAction output:
                Output(output, packetOut, apply);
                break;
            case GroupAction group:
                Group(group.GroupId);
                break;
            case SetFieldAction set:
                SetField(set, key);
                break;
            case SetQueueAction queue:
                _queue = 0x10000 | (queue.QueueId + 1);
                break;
            case PushVlanAction push:
                Do(DpActionType.PushVlan, ((uint)push.EtherType << 16) | (uint)(key.VlanTci & 0xefff));
                break;
            case PopVlanAction when key.VlanTci != 0:
                Do(DpActionType.PopVlan);
                break;
            case PushMplsAction push:
                uint bottom = mpls && key.VlanTci == 0 ? 0 : 0x100u;
                uint entry = bottom | (mpls ? key.MplsLse0 & ~0x100u : ip ? key.IpTtl : 0u);
                Do(w => w.Add(DpActionType.PushMplsFront, push.EtherType, new DpPushMpls { Lse = entry }));
                break;
            case PopMplsAction pop when mpls:
                Do(DpActionType.PopMpls, pop.EtherType);
                break;
            case PushPbbAction push:
                uint tag = (key.EthType == 0x88e7 ? key.PbbItag & 0xffffff : 0) | (key.VlanTci != 0 ? (uint)(key.VlanTci >> 13) << 29 : 0);
                Do(w => w.Add(DpActionType.PushPbb, push.EtherType, new DpPushPbb { Itag = tag }));
                break;
            case PopPbbAction when key.EthType == 0x88e7:
                Do(DpActionType.PopPbb);
                break;
            case SetNwTtlAction ttl when ip:
                SetTtl(key, ttl.Ttl);
                break;
            case DecNwTtlAction when ip:
                if (key.IpTtl <= 1)
                {
                    InvalidTtl();
                    break;
                }

                SetTtl(key, (byte)(key.IpTtl - 1));
                break;
            case SetMplsTtlAction ttl when mpls:
                Do(w => w.Add(DpActionType.SetMpls, 0, new DpSetMpls { Lse = ttl.Ttl, Mask = 0xff }));
                break;
            case DecMplsTtlAction when mpls:
                if ((byte)key.MplsLse0 <= 1)
                {
                    InvalidTtl();
                    break;
                }

                Do(DpActionType.DecMplsTtl);
                break;
            case CopyTtlInAction when mpls:
                Do(DpActionType.CopyTtlIn);
                break;
            case CopyTtlOutAction when mpls:
                Do(DpActionType.CopyTtlOut);
                break;
        }
    }

    private void SetTtl(FlowKey key, byte ttl)
    {
        if (key.EthType == 0x0800)
        {
            Do(w => w.Add(DpActionType.SetIpv4, 0, new DpSetIpv4 { Ttl = ttl }, new DpSetIpv4 { Ttl = 0xff }));
        }
        else
        {
            Do(w => w.Add(DpActionType.SetIpv6, 0, new DpSetIpv6 { Hlimit = ttl }, new DpSetIpv6 { Hlimit = 0xff }));
        }
    }

    private void InvalidTtl()
    {
        Controller(PacketInReason.InvalidTtl);
        _ended = true;
    }

    private void SetField(SetFieldAction set, FlowKey key)
    {
        if (!Has(set.Field.Needs, key))
        {
            return;
        }

        FlowKey v = default, m = default;
        set.Field.Set(ref v, set.Value);
        set.Field.Set(ref m, set.Mask);
        switch (set.Field.Rewrite)
        {
            case Rewrite.Pipeline:
                set.Field.SetMasked(ref key, set.Value, set.Mask);
                _metadata = key.Metadata;
                break;
            case Rewrite.Eth:
                Do(w => w.Add(DpActionType.SetEth, 0, new DpSetEth { Dst = v.EthDst, Src = v.EthSrc, Type = v.EthType }, new DpSetEth { Dst = m.EthDst, Src = m.EthSrc, Type = m.EthType }));
                break;
            case Rewrite.Vlan:
                if (key.VlanTci == 0)
                {
                    Do(DpActionType.PushVlan, 0x81000000);
                }

                Do(DpActionType.SetVlan, ((uint)(m.VlanTci & 0xefff) << 16) | (uint)(v.VlanTci & 0xefff));
                break;
            case Rewrite.Ipv4 or Rewrite.Ip when key.EthType == 0x0800:
                Do(w => w.Add(
                    DpActionType.SetIpv4,
                    0,
                    new DpSetIpv4 { Src = v.Ipv4Src, Dst = v.Ipv4Dst, Tos = v.IpTos, Proto = v.IpProto },
                    new DpSetIpv4 { Src = m.Ipv4Src, Dst = m.Ipv4Dst, Tos = m.IpTos, Proto = m.IpProto }));
                break;
            case Rewrite.Ipv6 or Rewrite.Ip:
                Do(w => w.Add(
                    DpActionType.SetIpv6,
                    0,
                    new DpSetIpv6 { Src = v.Ipv6Src, Dst = v.Ipv6Dst, Label = v.Ipv6Label, Tos = v.IpTos, Proto = v.IpProto },
                    new DpSetIpv6 { Src = m.Ipv6Src, Dst = m.Ipv6Dst, Label = m.Ipv6Label, Tos = m.IpTos, Proto = m.IpProto }));
                break;
            case Rewrite.Arp:
                Do(w => w.Add(
                    DpActionType.SetArp,
                    0,
                    new DpSetArp { Spa = v.Ipv4Src, Tpa = v.Ipv4Dst, Sha = v.ArpSha, Tha = v.ArpTha, Op = v.ArpOp },
                    new DpSetArp { Spa = m.Ipv4Src, Tpa = m.Ipv4Dst, Sha = m.ArpSha, Tha = m.ArpTha, Op = m.ArpOp }));
                break;
            case Rewrite.Tp:
                Do(w => w.Add(DpActionType.SetTp, 0, new DpSetTp { Src = v.TpSrc, Dst = v.TpDst }, new DpSetTp { Src = m.TpSrc, Dst = m.TpDst }));
                break;
            case Rewrite.Nd:
                Do(w => w.Add(
                    DpActionType.SetNd,
                    0,
                    new DpSetNd { Target = v.NdTarget, Sll = v.ArpSha, Tll = v.ArpTha },
                    new DpSetNd { Target = m.NdTarget, Sll = m.ArpSha, Tll = m.ArpTha }));
                break;
            case Rewrite.Mpls:
                Do(w => w.Add(DpActionType.SetMpls, 0, new DpSetMpls { Lse = v.MplsLse0, Mask = m.MplsLse0 }));
                break;
            case Rewrite.Pbb:
                Do(w => w.Add(DpActionType.SetPbb, 0, new DpSetMpls { Lse = v.PbbItag, Mask = m.PbbItag }));
                break;
        }
    }

    private static bool Has(Prerequisite needs, in FlowKey key)
    {
        bool v4 = key.EthType == 0x0800, v6 = key.EthType == 0x86dd, first = (key.IpFrag & FlowKey.FragLater) == 0;
        return needs switch
        {
            Prerequisite.Vlan => key.VlanTci != 0,
            Prerequisite.Ipv4 => v4,
            Prerequisite.Ipv6 => v6,
            Prerequisite.Ip => v4 || v6,
            Prerequisite.Arp => key.EthType.Value is 0x0806 or 0x8035,
            Prerequisite.Mpls => key.EthType.Value is 0x8847 or 0x8848,
            Prerequisite.Pbb => key.EthType == 0x88e7,
            Prerequisite.Tcp => (v4 || v6) && first && key.IpProto == 6,
            Prerequisite.Udp => (v4 || v6) && first && key.IpProto == 17,
            Prerequisite.Sctp => (v4 || v6) && first && key.IpProto == 132,
            Prerequisite.Icmpv4 => v4 && first && key.IpProto == 1,
            Prerequisite.Icmpv6 => v6 && first && key.IpProto == 58,
            Prerequisite.Nd => v6 && first && key.IpProto == 58 && key.TpSrc.Value is 135 or 136 && key.TpDst == 0,
            Prerequisite.NdSolicit => v6 && first && key.IpProto == 58 && key.TpSrc == 135 && key.TpDst == 0,
            Prerequisite.NdAdvert => v6 && first && key.IpProto == 58 && key.TpSrc == 136 && key.TpDst == 0,
            _ => true,
        };
    }

    private void Do(DpActionType type, uint arg = 0) => Do(w => w.Add(type, arg));

    private void Do(Action<DpActionWriter> write)
    {
        DpActionWriter writer = new();
        write(writer);
        NoOwner owner = new(meters);
        _executor.Run(_packet, Key, writer.ToActions(), owner);
        _outcome.Failed |= owner.Failed;
        _outcome.Metered |= owner.Metered;
    }

    private void Output(OutputAction output, bool packetOut, bool apply)
    {
        switch (output.Port)
        {
            case OfPorts.InPort:
                Send(_inPort);
                break;
            case OfPorts.Normal:
                Normal();
                break;
            case OfPorts.All or OfPorts.Flood:
                Flood();
                break;
            case OfPorts.Controller:
                bool miss = apply && _rule is { Priority: 0 } && _rule.Match.Mask == default;
                Controller(miss ? PacketInReason.NoMatch : PacketInReason.Action);
                break;
            case OfPorts.Table when packetOut:
                Cloned(() =>
                {
                    _set = [];
                    RunTables(0);
                });
                break;
            default:
                if (output.Port != _inPort)
                {
                    Send(output.Port);
                }

                break;
        }
    }

    private void Group(uint id)
    {
        if (!snapshot.Groups.TryGetValue(id, out Group? group))
        {
            return;
        }

        int chosen = 0;
        if (group.GroupType == GroupType.Select)
        {
            TrackedSwitch state = new();
            state.Load(snapshot);
            chosen = GroupSelect.Places(state, group)?.Bucket(FlowHash.Compute(id, Key)) ?? -1;
        }
        else if (group.GroupType == GroupType.FastFailover)
        {
            chosen = Enumerable.Range(0, group.Buckets.Count)
                .Where(i => group.Buckets[i].WatchPort == OfPorts.Any
                    || (snapshot.Ports.TryGetValue(group.Buckets[i].WatchPort, out SwitchPort? p)
                        && (p.Description.Config & PortConfig.PortDown) == 0
                        && (p.Description.State & PortState.LinkDown) == 0))
                .DefaultIfEmpty(-1)
                .First();
        }

        _outcome.Counted.Add(group.Stats);
        for (int i = 0; i < group.Buckets.Count; i++)
        {
            if (group.GroupType != GroupType.All && i != chosen)
            {
                continue;
            }

            _outcome.Counted.Add(group.BucketStats[i]);
            List<OfAction> actions = Order(Merge([], group.Buckets[i].Actions));
            if (!actions.Exists(a => a is OutputAction or GroupAction))
            {
                continue;
            }

            Cloned(() =>
            {
                foreach (OfAction action in actions)
                {
                    Act(action, false, false);
                }
            });
        }
    }

    private void Cloned(Action body)
    {
        DpPacket kept = _packet;
        (ulong metadata, uint queue, List<(int Rank, OfAction Action)> set, Rule? rule) = (_metadata, _queue, _set, _rule);
        _packet = new DpPacket();
        _packet.Load(kept.Data, kept.InPort);
        body();
        _packet = kept;
        (_metadata, _queue, _set, _rule) = (metadata, queue, set, rule);
        _ended = false;
    }

    private void Normal()
    {
        FlowKey key = Key;
        ulong destination = key.EthDst, source = key.EthSrc;
        ushort vlan = (ushort)(key.VlanTci & 0xfff);
        if (destination >> 4 == 0x0180c200000)
        {
            return;
        }

        bool learns = (source >> 40 & 1) == 0 && snapshot.Ports.ContainsKey(_inPort);
        if (learns)
        {
            _outcome.Sightings.Add(new MacSighting(vlan, source, _inPort));
        }

        uint port = (destination >> 40 & 1) != 0 ? 0 : learns && destination == source ? _inPort : macs.Find(vlan, destination);
        if (port == 0 || !snapshot.Ports.ContainsKey(port))
        {
            Flood();
        }
        else if (port != _inPort)
        {
            Send(port);
        }
    }

    private void Flood()
    {
        foreach (uint port in snapshot.Ports.Keys.Where(p => p != _inPort))
        {
            Send(port);
        }
    }

    private void Send(uint port)
    {
        if (snapshot.Ports.TryGetValue(port, out SwitchPort? to) && (to.Description.Config & (PortConfig.NoFwd | PortConfig.PortDown)) == 0)
        {
            _outcome.Events.Add($"{to.DatapathPort} queue=0x{_queue:x} {Packets.Text(_packet)}");
        }
    }

    private void Controller(PacketInReason reason)
    {
        if (reason == PacketInReason.NoMatch
            && snapshot.Ports.TryGetValue(_inPort, out SwitchPort? port)
            && (port.Description.Config & PortConfig.NoPacketIn) != 0)
        {
            return;
        }

        _outcome.Events.Add($"controller {reason} table={_rule?.TableId ?? 0} cookie={_rule?.Cookie ?? ulong.MaxValue} metadata={_metadata} {Packets.Text(_packet)}");
    }

    private sealed class NoOwner(Func<uint, int, MeterVerdict> meters) : IDpActionOwner
    {
        public bool Failed { get; private set; }

        public bool Metered { get; private set; }

        public void Output(DpPacket packet, in DpOutput output)
        {
        }

        public void Userspace(DpPacket packet, in FlowKey key, UpcallReason reason, in DpUserspace request)
        {
        }

        public MeterVerdict Meter(uint slot, int length) => meters(slot, length);

        public uint Hash(uint seed, in FlowKey key) => 0;

        public void Recirculate(DpPacket packet, in FlowKey context)
        {
        }

        public bool Sample(uint probability) => false;

        public void Drop(DropReason reason)
        {
            Metered |= reason == DropReason.Meter;
            Failed |= reason is DropReason.ActionError or DropReason.BadProgram; // to send nothing is no failure
        }
    }

    private static class Packets
    {
        internal static string Text(DpPacket packet) => Convert.ToHexString(packet.Data);
    }
}
