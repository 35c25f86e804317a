using OvsBridge.Datapath;
using OvsBridge.Datapath.Interop;
using OvsBridge.OpenFlow;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.Translator.Tables;

namespace OvsBridge.Translator.Xlate;

/// <content>Ports, reserved ones included, controllers and groups.</content>
internal sealed partial class Xlator
{
    private void Output(uint port, ushort maxLength)
    {
        switch (port)
        {
            case OfPorts.InPort:
                OutputTo(_flow.InPort, true);
                break;
            case OfPorts.Table:
                if (_packetOut)
                {
                    SubmitToTables();
                }
                else
                {
                    Warn("TABLE is for packet_out only");
                }

                break;
            case OfPorts.Normal:
                Normal();
                break;
            case OfPorts.Flood:
                Flood();
                break;
            case OfPorts.All:
                OutputToAll(PortConfig.None);
                break;
            case OfPorts.Controller:
                SendToControllers(maxLength, IsTableMiss(_rule) && _source == ActionSource.Apply ? PacketInReason.NoMatch : PacketInReason.Action);
                break;
            case > OfPorts.Max and not OfPorts.Local:
                Warn($"port 0x{port:x} is no output port");
                break;
            default:
                OutputTo(port, false);
                break;
        }
    }

    /// <summary>OpenFlow 1.3.5, 5.4: the flow entry that matches all with priority 0.</summary>
    private static bool IsTableMiss(Rule? rule) => rule is { Priority: 0 } && rule.Match.Mask == default;

    /// <summary>OpenFlow 1.0's ENQUEUE: the queue is for this output alone.</summary>
    private void Enqueue(EnqueueAction action)
    {
        uint priority = _flow.PipelineFields.SkbPriority;
        SetQueue(action.QueueId);
        OutputTo(action.Port == OfPorts.InPort ? _flow.InPort : action.Port, action.Port == OfPorts.InPort);
        _flow.WritePriority(priority);
    }

    private void SetQueue(uint queueId)
    {
        // As a class of the port's root qdisc 1: (TC_H_MAKE(1 << 16, queue + 1)), which is where Open vSwitch puts queues too,
        // and with its bound: classes from 1:f001 on are no queues.
        if (queueId < 0xf000)
            _flow.WritePriority(0x10000 | (queueId + 1));
        else
            Note($"there can't be a queue {queueId}: the packet stays in the one that it is in");
    }

    private void OutputTo(uint port, bool back)
    {
        if (port == _flow.InPort && !back)
        {
            Note("skipping output to input port"); // OpenFlow 1.3.5, 5.12: only by OFPP_IN_PORT
            return;
        }

        if (_switch.Port(port) is not { } to)
        {
            Note($"Nonexistent output port {port}");
            return;
        }

        OutputTo(to);
    }

    private void OutputTo(SwitchPort to)
    {
        if ((to.Description.Config & (PortConfig.NoFwd | PortConfig.PortDown)) != 0)
        {
            Note($"{to.Description.Name}: port does not forward, skipping output");
            return;
        }

        _flow.Commit();
        _flow.Actions.Add(DpActionType.Output, to.DatapathPort);
    }

    /// <summary>To all ports but those that OpenFlow 1.0's OFPPC_NO_FLOOD spares.</summary>
    private void Flood() => OutputToAll(PortConfig.NoFlood);

    private void OutputToAll(PortConfig without)
    {
        foreach ((uint number, SwitchPort port) in _switch.AllPorts())
        {
            if (number != _flow.InPort && (port.Description.Config & without) == 0)
            {
                OutputTo(port);
            }
        }
    }

    private void SendToControllers(ushort maxLength, PacketInReason reason, ushort controllerId = 0)
    {
        // OFPPC_NO_PACKET_IN is about table misses (OpenFlow 1.3.5, 7.2.1).
        if (reason == PacketInReason.NoMatch
            && _switch.Port(_flow.InPort) is { } port
            && (port.Description.Config & PortConfig.NoPacketIn) != 0)
        {
            Note("no packet_in for misses on this port");
            return;
        }

        _flow.Commit();
        FlowKey pipeline = _flow.PipelineFields;
        pipeline.SkbPriority = 0;
        _flow.WrittenTunnel(out FlowKey tunnel, out FlowKey tunnelMask);
        PacketInRecord record = new(
            reason,
            _rule?.TableId ?? 0,
            _rule?.Cookie ?? ulong.MaxValue,
            reason == PacketInReason.InvalidTtl ? null : maxLength,
            pipeline,
            tunnel,
            tunnelMask,
            controllerId);
        uint id = _environment.PacketIns.Intern(record, out PacketInRecord instance);
        _references.Add(instance);
        _slow |= SlowPathReasons.Controller;
        uint length = maxLength == 0xffff || reason == PacketInReason.InvalidTtl ? DpUserspace.WholePacket : maxLength;
        _flow.Actions.Add(
            DpActionType.Userspace,
            (uint)UpcallReason.Controller,
            new DpUserspace { Cookie = id, MaxLen = length, Meter = VirtualMeter(MeterMod.ControllerMeter) });
    }

    /// <summary>OFPP_TABLE: a copy of a packet_out's packet goes through the pipeline, with an action set of its own.</summary>
    private void SubmitToTables()
    {
        (ActionSet outer, bool packetOut) = (_set, _packetOut);
        _set = new ActionSet();
        _packetOut = false;
        object? trace = _trace?.Enter(TraceKind.Bucket, "resubmit to table 0");
        Cloned(() => RunTables(0));
        Leave(trace);
        (_set, _packetOut) = (outer, packetOut);
    }

    private void RunGroup(uint id)
    {
        if (_switch.Group(id) is not { } group)
        {
            Warn($"group {id} does not exist");
            return;
        }

        if (_depth >= MaxDepth)
        {
            Fail($"groups over {MaxDepth} deep");
            return;
        }

        int chosen = 0;
        switch (group.GroupType)
        {
            case GroupType.Select:
                chosen = Select(group);
                if (_flow.NeedsReparse)
                {
                    return;
                }

                break;
            case GroupType.FastFailover:
                chosen = GroupSelect.FirstLive(_switch, group);
                break;
        }

        _stats.Add(group.Stats);
        if (chosen < 0)
        {
            Note("no live bucket");
            return;
        }

        if (group.GroupType == GroupType.All)
        {
            for (int i = 0; i < group.Buckets.Count && _error is null; i++)
            {
                RunBucket(group, i);
            }
        }
        else if (group.Buckets.Count > 0)
        {
            if (group.GroupType != GroupType.Indirect)
            {
                Note($"using bucket {chosen}");
            }

            RunBucket(group, chosen);
        }
    }

    /// <summary>
    /// The bucket of a select group; -1: none is live. Where the datapath can hash, the packet comes round again with the hash of its flow, so that one megaflow
    /// serves many connections; then <see cref="TrackedFlow.NeedsReparse"/> is set.
    /// </summary>
    private int Select(Group group)
    {
        if (GroupSelect.Places(_switch, group) is not { } places)
        {
            return -1;
        }

        if (_hashed == group.GroupId)
        {
            _hashed = null; // of the packet as it was here, not of what actions make of it
            return places.Bucket(_flow.ReadHash(places.Mask));
        }

        const ulong Needed = (1ul << (int)DpActionType.Hash) | (1ul << (int)DpActionType.Recirc);
        if (_depth == 0 && _source != ActionSource.PacketOut && (_capabilities & Needed) == Needed)
        {
            _toHash = group.GroupId;
            _flow.AskReparse();
            return -1;
        }

        uint hash = GroupSelect.Hash(_flow, group);
        return _flow.NeedsReparse ? -1 : places.Bucket(hash);
    }

    /// <summary>A bucket is an action set that gets a copy of the packet (OpenFlow 1.3.5, 5.6).</summary>
    private void RunBucket(Group group, int index)
    {
        if (!Step())
        {
            return;
        }

        if (index < group.BucketStats.Length)
        {
            _stats.Add(group.BucketStats[index]);
        }

        (Rule? rule, ActionSource source) = (_rule, _source);
        object? trace = _trace?.Enter(TraceKind.Bucket, new TraceBucket(index));
        ActionSet set = new();
        foreach (OfAction action in group.Buckets[index].Actions)
        {
            set.Write(action);
        }

        // Like an action set (OpenFlow 1.3.5, 5.10): what goes nowhere is dropped, with no word to a controller about its TTL.
        if (set.HasOutput)
        {
            Cloned(() => RunList(set.InOrder(), rule, ActionSource.Bucket));
        }
        else
        {
            Note("no output, dropping");
        }

        Leave(trace);
        (_rule, _source) = (rule, source);
    }

    /// <summary>Runs something on a copy of the packet: afterwards it is what it was.</summary>
    private void Cloned(Action body)
    {
        CloneStart start = _flow.BeginClone();
        _depth++;
        body();
        _depth--;
        _trace?.EndStep();
        _flow.EndClone(start);
        _trace?.CopyDone();
    }

    private void Leave(object? trace)
    {
        if (trace is not null)
        {
            _trace!.Leave(trace);
        }
    }
}
