using System.Runtime.InteropServices;
using OvsBridge.Datapath;
using OvsBridge.Datapath.Interop;
using OvsBridge.OpenFlow;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.Translator.Tables;

namespace OvsBridge.Translator.Xlate;

/// <summary>What all translations of a switch share. Any thread.</summary>
internal sealed class XlateEnvironment(DatapathCapabilities capabilities, MacTable macs)
{
    /// <summary>What the datapath can do.</summary>
    internal DatapathCapabilities Capabilities { get; } = capabilities;

    /// <summary>What NORMAL has learned.</summary>
    internal MacTable Macs { get; } = macs;

    /// <summary>Slot + 1 of the meter that limits the slow path while no slowpath meter is set; 0: none. Set before the first translation.</summary>
    internal uint SlowPathMeter { get; set; }

    /// <summary>Packet_ins that datapath actions name.</summary>
    internal InternTable<PacketInRecord> PacketIns { get; } = new();

    /// <summary>Pipelines that wait for a packet to be parsed anew.</summary>
    internal InternTable<Continuation> Continuations { get; } = new();
}

/// <summary>
/// Xlate: runs a packet through a pipeline and says what the datapath is to do with it, and with which other packets. The
/// only interpreter of OpenFlow actions: upcalls, packet_out, revalidation and trace all come here.
/// </summary>
/// <remarks>
/// <para>
/// Without side effects: what a packet counts, teaches or reports is part of the result, and the caller does it (or, for
/// a trace, does not). State that the result depends on is the snapshot, the MAC table, and the bits of the packet that
/// <see cref="TrackedFlow"/> recorded.
/// </para>
/// <para>
/// Where a header behind a popped one has to be parsed before the pipeline can go on, the translation stops and leaves a
/// <see cref="Continuation"/>, and the packet comes round again: by recirculation in the datapath if it can and nothing
/// else is left to do, else through user space.
/// </para>
/// <para>Reusable, one thread at a time: each thread that translates has its own.</para>
/// </remarks>
internal sealed partial class Xlator
{
    /// <summary>How deep groups may call groups.</summary>
    internal const int MaxDepth = 64;

    /// <summary>Most tables, groups and buckets of one translation.</summary>
    internal const int MaxSteps = 4096;

    /// <summary>Cookie bit of <see cref="DpActionType.Userspace"/> actions: the low half is the number of a continuation.</summary>
    internal const ulong ContinuationCookie = 1ul << 32;

    private static readonly Field[] _sourcePorts = [FieldTable.TcpSrc, FieldTable.UdpSrc, FieldTable.SctpSrc];
    private static readonly Field[] _destinationPorts = [FieldTable.TcpDst, FieldTable.UdpDst, FieldTable.SctpDst];

    private readonly XlateEnvironment _environment;
    private readonly TrackedFlow _flow;
    private readonly ulong _capabilities;
    private readonly List<RuleStats> _stats = [];
    private readonly List<TableCredit> _tableCredits = [];
    private readonly List<MacSighting> _sightings = [];
    private readonly List<object> _references = [];

    private readonly TrackedSwitch _switch = new();
    private readonly Recent<KeyMask> _masks = new(static mask => mask.Bits.PacketPart(), static words => new KeyMask(words));
    private readonly Recent<DpActions> _programs = new(
        static actions => MemoryMarshal.Cast<byte, ulong>(actions.Bytes), static words => DpActions.FromBytes(MemoryMarshal.AsBytes(words)));

    private XlateTrace? _trace;
    private object? _firstTable; // of the trace: what the first flow entry has below it, where the action set is reported
    private ActionSet _set = new();
    private Rule? _rule;
    private ActionSource _source;
    private bool _packetOut;
    private bool _macs;
    private long _macVersion;
    private int _depth;
    private int _steps;
    private SlowPathReasons _slow;
    private string? _error;
    private uint? _hashed; // the group that dp_hash was computed for
    private uint? _toHash; // the group that it is to be computed for, by the next freeze

    internal Xlator(XlateEnvironment environment)
    {
        _environment = environment;
        _flow = new TrackedFlow(environment.Capabilities);
        foreach (DpActionType type in environment.Capabilities.Actions)
        {
            _capabilities |= 1ul << (int)type;
        }
    }

    /// <summary>Translates a packet that the datapath has received.</summary>
    /// <param name="snapshot">The pipeline.</param>
    /// <param name="key">The packet's key as the datapath looked it up; the words behind the packet part are ignored.</param>
    /// <param name="trace">Filled if given.</param>
    internal XlateResult Translate(PipelineSnapshot snapshot, in FlowKey key, XlateTrace? trace = null)
    {
        XlateResult result = new();
        Translate(snapshot, key, result, trace);
        return result;
    }

    /// <summary>As the other, into a result that nobody reads any more.</summary>
    internal void Translate(PipelineSnapshot snapshot, in FlowKey key, XlateResult into, XlateTrace? trace = null)
    {
        Continuation? continuation = null;
        if (key.RecircId != 0)
        {
            continuation = _environment.Continuations.Find(key.RecircId);
            if (continuation is null)
            {
                Begin(snapshot, key, trace);
                Fail($"recirc_id {key.RecircId} is not known any more");
                Finish(into);
                return;
            }
        }

        Translate(snapshot, key, continuation, into, trace);
    }

    /// <summary>Goes on with a packet that was parsed anew.</summary>
    internal XlateResult Resume(PipelineSnapshot snapshot, in FlowKey key, Continuation continuation, XlateTrace? trace = null)
    {
        XlateResult result = new();
        Translate(snapshot, key, continuation, result, trace);
        return result;
    }

    /// <summary>Translates a packet_out.</summary>
    /// <param name="snapshot">The pipeline.</param>
    /// <param name="key">The packet's key; in_port is the datapath port that it counts as received from, 0: the controller.</param>
    /// <param name="actions">Its actions.</param>
    /// <param name="trace">Filled if given.</param>
    internal XlateResult TranslatePacketOut(PipelineSnapshot snapshot, in FlowKey key, ValueList<OfAction> actions, XlateTrace? trace = null)
    {
        Begin(snapshot, key, trace);
        _packetOut = true;
        RunList(actions.AsSpan(), null, ActionSource.PacketOut);
        XlateResult result = new();
        Finish(result);
        return result;
    }

    private void Translate(PipelineSnapshot snapshot, in FlowKey key, Continuation? continuation, XlateResult into, XlateTrace? trace)
    {
        FlowKey start = default;
        key.PacketPart().CopyTo(start.AsMutableWords());
        if (continuation is not null)
        {
            continuation.Pipeline.AsWords()[FlowKey.PacketWords..].CopyTo(start.AsMutableWords()[FlowKey.PacketWords..]);
        }

        Begin(snapshot, start, trace);
        if (continuation is not null)
        {
            Continue(continuation);
        }
        else if (Admits())
        {
            if (snapshot.Standalone == StandaloneMode.Always)
            {
                Note("no controller is connected: acting as a learning switch");
                Normal();
            }
            else
            {
                RunTables(0);
            }
        }

        Finish(into);
    }

    private void Begin(PipelineSnapshot snapshot, in FlowKey key, XlateTrace? trace)
    {
        _switch.Load(snapshot);
        _trace = trace;
        _flow.Load(key);
        _stats.Clear();
        _tableCredits.Clear();
        _sightings.Clear();
        _references.Clear();
        _set.Clear();
        _rule = null;
        _packetOut = false;
        _macs = false;
        _macVersion = _environment.Macs.Version;
        _depth = 0;
        _steps = 0;
        _slow = SlowPathReasons.None;
        _error = null;
        _hashed = _toHash = null;
        trace?.Watch(_flow);
    }

    private void Finish(XlateResult result)
    {
        if (_trace is not null)
        {
            _trace.End();
            _trace.Final = _flow.DescribeForTrace();
        }

        DpActions actions = _error is null ? _programs.Of(MemoryMarshal.Cast<byte, ulong>(_flow.Actions.Written)) : DpActions.Drop;
        if (_flow.Actions.Count > _environment.Capabilities.MaxActions)
        {
            _slow |= SlowPathReasons.TooManyActions;
        }

        foreach (DpActionView action in actions)
        {
            if ((_capabilities >> (int)action.Type & 1) == 0)
            {
                _slow |= SlowPathReasons.Action;
            }
        }

        DpActions installed = actions;
        if ((_slow & (SlowPathReasons.Action | SlowPathReasons.TooManyActions)) != 0)
        {
            DpActionWriter writer = new();
            writer.Add(DpActionType.Userspace, (uint)UpcallReason.SlowPath, new DpUserspace
            {
                MaxLen = DpUserspace.WholePacket,
                Meter = VirtualMeter(MeterMod.SlowPathMeter),
            });
            installed = writer.ToActions();
        }

        result.Snapshot = _switch.Snapshot;
        result.MaskObject = _masks.Of(_flow.Mask.PacketPart());
        result.Actions = actions;
        result.Installed = installed;
        result.SlowPath = _error is null ? _slow : SlowPathReasons.None;
        result.Credits.Set(_stats, _tableCredits, _sightings);
        result.Dependencies = new XlateDependencies(_switch.Tables, _switch.Parts, _macs, _macVersion);
        result.SearchedChanged = _flow.SearchedChanged;
        result.References = _references.Count == 0 ? [] : [.. _references];
        result.Error = _error;
    }

    /// <summary>Whether the packet gets into the pipeline at all.</summary>
    private bool Admits()
    {
        if (_switch.Port(_flow.InPort) is { } port
            && (port.Description.Config & (PortConfig.NoRecv | PortConfig.PortDown)) != 0)
        {
            Note("port does not receive, dropping");
            return false;
        }

        if (_switch.Snapshot.Fragments == FragmentHandling.Drop && _flow.IsFragment)
        {
            Note("fragment, dropping");
            return false;
        }

        return true;
    }

    /// <summary>Searches tables from <paramref name="table"/> on and runs what they say, to the action set at the end.</summary>
    private void RunTables(int table)
    {
        _firstTable = null;
        while (table >= 0)
        {
            if (!Step())
            {
                return;
            }

            FlowTable current = _switch.Table(table);
            _flow.BeginSearch();
            _trace?.BeginSearch();
            Rule? rule = current.Classifier.Lookup(_flow);
            if (_flow.NeedsReparse)
            {
                Freeze(new Continuation
                {
                    Pipeline = _flow.PipelineFields,
                    ActionSet = _set.InOrder().ToValueList(),
                    Rule = null,
                    Actions = [],
                    Source = ActionSource.Table,
                    Table = (byte)table,
                });
                return;
            }

            _tableCredits.Add(new TableCredit(current.Stats, rule is not null));
            if (rule is null)
            {
                Miss(table);
                return;
            }

            _trace?.Enter(TraceKind.Table, rule); // what follows is below this flow entry, as in ofproto/trace
            _firstTable ??= _trace?.Current;
            _stats.Add(rule.Stats);
            table = RunRule(rule);
        }
    }

    /// <summary>No flow in a table: OpenFlow 1.3.5, 5.4: the packet is dropped, unless the switch acts by itself.</summary>
    private void Miss(int table)
    {
        object? outer = _trace?.Enter(TraceKind.Table, new TraceMiss(table));
        if (_switch.Snapshot.Standalone == StandaloneMode.OnMiss && table == 0)
        {
            _trace?.Add(TraceKind.Action, new OutputAction(OfPorts.Normal));
            Normal();
        }
        else
        {
            _trace?.Add(TraceKind.Action, "drop");
        }

        if (outer is not null)
        {
            _trace!.Leave(outer);
        }
    }

    /// <summary>Runs a flow entry's instructions; returns the next table, or -1 at the end.</summary>
    private int RunRule(Rule rule)
    {
        _rule = rule;
        foreach (OfInstruction instruction in rule.Instructions)
        {
            if (instruction is MeterInstruction meter)
            {
                _trace?.Add(TraceKind.Action, meter);
                RunMeter(meter.MeterId);
            }
        }

        foreach (OfInstruction instruction in rule.Instructions)
        {
            if (instruction is ApplyActionsInstruction apply && !RunList(apply.Actions.AsSpan(), rule, ActionSource.Apply))
            {
                return -1;
            }
        }

        return RunAfterApply(rule);
    }

    /// <summary>The instructions that come after apply-actions: clear, write, metadata, goto (OpenFlow 1.3.5, 5.9).</summary>
    private int RunAfterApply(Rule rule)
    {
        int next = -1;
        foreach (OfInstruction instruction in rule.Instructions)
        {
            if (instruction is ClearActionsInstruction)
            {
                _trace?.Add(TraceKind.Action, instruction);
                _set.Clear();
            }
        }

        foreach (OfInstruction instruction in rule.Instructions)
        {
            switch (instruction)
            {
                case WriteActionsInstruction write:
                    _trace?.Add(TraceKind.Action, write);
                    foreach (OfAction action in write.Actions)
                    {
                        _set.Write(action);
                    }

                    _trace?.Add(TraceKind.Detail, _set.InOrder().ToValueList());
                    break;
                case WriteMetadataInstruction metadata:
                    _trace?.Add(TraceKind.Action, metadata);
                    _flow.WriteMetadata(metadata.Value, metadata.Mask);
                    break;
                case GotoTableInstruction go:
                    _trace?.Add(TraceKind.Action, go);
                    next = go.TableId;
                    break;
            }
        }

        if (next < 0)
        {
            if (rule.Instructions.Count == 0)
            {
                _trace?.Add(TraceKind.Action, "drop");
            }

            RunSet();
        }

        return next;
    }

    /// <summary>Runs the action set; without an output in it the packet is dropped, so nothing of it is worth doing.</summary>
    private void RunSet()
    {
        if (!_set.HasOutput)
        {
            if (!_set.IsEmpty)
            {
                Note("the action set has no output");
            }

            return;
        }

        Leave(_firstTable);
        _trace?.Enter(TraceKind.Table, "--. Executing action set:");
        OfAction[] actions = _set.InOrder();
        _set.Clear();
        RunList(actions, _rule, ActionSource.ActionSet);
    }

    private void Continue(Continuation continuation)
    {
        _trace?.Enter(TraceKind.Table, "    thaw");
        foreach (OfAction action in continuation.ActionSet)
        {
            _set.Write(action);
        }

        _rule = continuation.Rule;
        _hashed = continuation.HashedGroup;
        if (continuation.Source == ActionSource.Table)
        {
            Note($"Resuming from table {continuation.Table}");
            RunTables(continuation.Table);
            return;
        }

        _packetOut = continuation.Source == ActionSource.PacketOut;
        if (RunList(continuation.Actions.AsSpan(), continuation.Rule, continuation.Source) && continuation.Source == ActionSource.Apply)
        {
            RunTables(RunAfterApply(continuation.Rule!));
        }
    }

    /// <summary>
    /// Runs an action list. False: the packet's way ends here (given up, invalid TTL, or it goes on after being parsed anew).
    /// </summary>
    private bool RunList(ReadOnlySpan<OfAction> actions, Rule? rule, ActionSource source)
    {
        for (int i = 0; i < actions.Length; i++)
        {
            _rule = rule;
            _source = source;
            _trace?.Add(TraceKind.Action, actions[i]);
            bool goesOn = Run(actions[i]);
            if (_flow.NeedsReparse)
            {
                Freeze(new Continuation
                {
                    Pipeline = _flow.PipelineFields,
                    ActionSet = source == ActionSource.Apply ? _set.InOrder().ToValueList() : [],
                    Rule = rule,
                    Actions = ValueList.Create(actions[i..]),
                    Source = source,
                });
                return false;
            }

            if (!goesOn || _error is not null)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Runs one action. When <see cref="TrackedFlow.NeedsReparse"/> is set afterwards, it is run again later.</summary>
    private bool Run(OfAction action)
    {
        switch (action)
        {
            case OutputAction output:
                Output(output.Port, output.MaxLen);
                return true;
            case SetFieldAction set:
                if (_flow.Has(set.Field.Needs) && !_flow.NeedsReparse)
                {
                    _flow.Write(set.Field, set.Value, set.Mask);
                }
                else
                {
                    Note($"the packet has no {set.Field.Name}");
                }

                return true;
            case GroupAction group:
                RunGroup(group.GroupId);
                return true;
            case PushVlanAction push:
                _flow.PushVlan(push.EtherType);
                return true;
            case PopVlanAction:
                return Did(_flow.PopVlan(), "VLAN tag");
            case PushMplsAction push:
                _flow.PushMpls(push.EtherType);
                return true;
            case PopMplsAction pop:
                return Did(_flow.PopMpls(pop.EtherType), "label");
            case PushPbbAction push:
                _flow.PushPbb(push.EtherType);
                return true;
            case PopPbbAction:
                return Did(_flow.PopPbb(), "I-TAG");
            case SetQueueAction queue:
                SetQueue(queue.QueueId);
                return true;
            case PopQueueAction:
                _flow.WritePriority(0);
                return true;
            case EnqueueAction enqueue:
                Enqueue(enqueue);
                return true;
            case ControllerAction controller:
                SendToControllers(controller.MaxLen, controller.Reason, controller.ControllerId);
                return true;
            case SetVlanVidAction set:
                WriteTag(FieldTable.VlanVid, (UInt128)(set.Vid | FlowKey.VlanPresent));
                return true;
            case SetVlanPcpAction set:
                WriteTag(FieldTable.VlanPcp, set.Pcp);
                return true;
            case SetTransportPortAction set:
                WriteTransportPort(set);
                return true;
            case NoteAction:
                return true;
            case SetNwTtlAction ttl:
                return Did(_flow.SetTtl(ttl.Ttl), "TTL");
            case DecNwTtlAction:
                return _flow.DecrementTtl() || InvalidTtl();
            case SetMplsTtlAction ttl:
                return Did(_flow.SetMplsTtl(ttl.Ttl), "label");
            case DecMplsTtlAction:
                return _flow.DecrementMplsTtl() || InvalidTtl();
            case CopyTtlOutAction:
                return Did(_flow.CopyTtlOut(), "label");
            case CopyTtlInAction:
                return Did(_flow.CopyTtlIn(), "label");
            default:
                Warn("unknown action, ignored"); // flow_mod and packet_out refuse it
                return true;
        }
    }

    /// <summary>OpenFlow 1.0: where there is no tag, one is pushed.</summary>
    private void WriteTag(Field field, UInt128 value)
    {
        bool tagged = _flow.Has(Prerequisite.Vlan);
        if (_flow.NeedsReparse)
            return;
        if (!tagged)
            _flow.PushVlan(EtherTypes.Vlan);
        _flow.Write(field, value, field.AllOnes);
    }

    /// <summary>OpenFlow 1.0: a port of TCP, UDP or SCTP, whatever the packet has.</summary>
    private void WriteTransportPort(SetTransportPortAction set)
    {
        foreach (Field field in set.IsSource ? _sourcePorts : _destinationPorts)
        {
            bool has = _flow.Has(field.Needs);
            if (_flow.NeedsReparse)
                return;
            if (!has)
                continue;
            _flow.Write(field, set.Port, field.AllOnes);
            return;
        }

        Note("the packet has no ports");
    }

    private bool Did(bool done, string what)
    {
        if (!done)
        {
            Note($"the packet has no {what}");
        }

        return true;
    }

    /// <summary>OpenFlow 1.3.5, 5.12: a packet whose TTL would reach 0 goes to the controllers that want it, and nowhere else.</summary>
    private bool InvalidTtl()
    {
        if (!_flow.NeedsReparse)
        {
            Note("TTL is 0 or 1");
            SendToControllers(0xffff, PacketInReason.InvalidTtl);
        }

        return false;
    }

    /// <summary>What a dp_userspace says of a virtual meter (OpenFlow 1.3.5, 7.3.4.4): its slot + 1, or 0 when it is not there.</summary>
    private uint VirtualMeter(uint id) =>
        _switch.Meter(id) is { } meter ? meter.Slot + 1 : id == MeterMod.SlowPathMeter ? _environment.SlowPathMeter : 0;

    private void RunMeter(uint id)
    {
        if (_switch.Meter(id) is { } meter)
        {
            _flow.Commit();
            _flow.Actions.Add(DpActionType.Meter, meter.Slot);
            _flow.Metered(meter.Remarks, inCopy: _depth > 0);
        }
        else
        {
            Warn($"meter {id} does not exist");
        }
    }

    /// <summary>The packet has to be parsed before the pipeline can go on: sends it round with what is left to do.</summary>
    private void Freeze(Continuation continuation)
    {
        _flow.Commit();
        if (_toHash is { } group)
        {
            _toHash = null;
            continuation = continuation with { HashedGroup = group };
            _flow.Actions.Add(DpActionType.Hash, group);
        }

        uint id = _environment.Continuations.Intern(continuation, out Continuation instance);
        if (_trace is not null && continuation.HashedGroup is { } seed)
        {
            FlowKey next = _flow.DescribeForTrace().Masked(KeyBits.Packet);
            next.InPort = PortNumbers.ToDatapath(next.InPort);
            next.RecircId = id;
            next.DpHash = FlowHash.Compute(seed, next);
            _trace.Next = next;
        }

        _references.Add(instance);
        Note(continuation.HashedGroup is null ? "the header behind has to be parsed first; going on after that" : "going on with the hash of the flow");
        if (_depth == 0 && (_capabilities >> (int)DpActionType.Recirc & 1) != 0)
        {
            _flow.Actions.Add(DpActionType.Recirc, id);
        }
        else
        {
            _slow |= SlowPathReasons.Reparse;
            _flow.Actions.Add(
                DpActionType.Userspace,
                (uint)UpcallReason.SlowPath,
                new DpUserspace { Cookie = ContinuationCookie | id, MaxLen = DpUserspace.WholePacket, Meter = VirtualMeter(MeterMod.SlowPathMeter) });
        }

        _flow.Reparsed();
    }

    private bool Step()
    {
        if (++_steps > MaxSteps)
        {
            Fail($"over {MaxSteps} tables, groups and buckets");
            return false;
        }

        return true;
    }

    private void Fail(string why)
    {
        _error = why;
        _trace?.Add(TraceKind.Error, why);
    }

    private void Note(string text) => _trace?.Add(TraceKind.Detail, text);

    private void Warn(string text) => _trace?.Add(TraceKind.Warning, text);
}
