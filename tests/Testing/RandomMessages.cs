using OvsBridge.OpenFlow;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Messages.Multipart;

namespace OvsBridge.Testing;

/// <summary>
/// Valid OpenFlow 1.3 messages by chance: every type, every multipart body, every action and instruction. Matches are drawn
/// from <see cref="FieldTable"/>, with the prerequisites that each field needs. The same seed makes the same messages.
/// </summary>
internal sealed class RandomMessages(int seed)
{
#pragma warning disable CA5394 // not a secret
    private static readonly ushort[] _etherTypes = [0x0800, 0x86dd, 0x0806, 0x8035, 0x8847, 0x8848, 0x88e7, 0x88cc, 0x1234];
    private static readonly byte[] _ipProtocols = [1, 6, 17, 58, 132, 89];
    private static readonly byte[] _icmpv6Types = [128, 129, 135, 136];

    private readonly Random _random = new(seed);

    /// <summary>How many kinds of message <see cref="Message(int)"/> makes.</summary>
    public const int Kinds = 61;

    /// <summary>Any message.</summary>
    public OfMessage Message() => Message(_random.Next(Kinds));

    /// <summary>A message of one kind, 0 to <see cref="Kinds"/> - 1.</summary>
    public OfMessage Message(int kind)
    {
        OfMessage message = kind switch
        {
            0 => new Hello(4, Maybe() ? U32() : null),
            1 => Error(),
            2 => new ErrorMessage(0xffff, U16(), Bytes(80)) { Experimenter = U32() },
            3 => new EchoRequest(Bytes(20)),
            4 => new EchoReply(Bytes(20)),
            5 => new ExperimenterMessage(U32(), U32(), Bytes(40)),
            6 => new FeaturesRequest(),
            7 => new FeaturesReply(U64(), U32(), U8(), U8(), (Capabilities)(U32() & 0x16f)),
            8 => new GetConfigRequest(),
            9 => new GetConfigReply((FragmentHandling)_random.Next(3), U16()),
            10 => new SetConfig((FragmentHandling)_random.Next(3), U16()),
            11 => new PacketIn(U32(), U16(), (PacketInReason)_random.Next(3), U8(), U64(), Match(), Bytes(200)),
            12 => FlowRemoved(),
            13 => new PortStatus((PortReason)_random.Next(3), Port()),
            14 => new PacketOut(U32(), AnInPort(), List(4, () => Action(ActionUse.PacketOut)), Bytes(200)),
            15 => FlowMod(),
            16 => FlowMod(),
            17 => GroupMod(),
            18 => new PortMod(PortNo(), U48(), (PortConfig)(U32() & 0x65), (PortConfig)(U32() & 0x65), (PortFeatures)U16()),
            19 => new TableMod(U8(), (uint)_random.Next(4)),
            20 => new BarrierRequest(),
            21 => new BarrierReply(),
            22 => new QueueGetConfigRequest((uint)_random.Next(1, (int)OfPorts.HighestOrdinary)),
            23 => new QueueGetConfigReply(PortNo(), List(3, Queue)),
            24 => new RoleRequest((ControllerRole)_random.Next(4), U64()),
            25 => new RoleReply((ControllerRole)_random.Next(4), U64()),
            26 => new GetAsyncRequest(),
            27 => new GetAsyncReply(Async()),
            28 => new SetAsync(Async()),
            29 => MeterMod(),
            < 45 => new MultipartRequest(Query(kind - 30), Maybe()),
            < 59 => new MultipartReply(Answer(kind - 45), Maybe()),
            59 => new BundleControl(U32(), (BundleControlType)_random.Next(8), (BundleFlags)_random.Next(4)) { Properties = BundleProperties() },
            _ => BundleAdd(),
        };
        uint xid = U32();
        return message is BundleAdd add
            ? add with { Xid = xid, Message = add.Message with { Xid = xid } }
            : message with { Xid = xid };
    }

    /// <summary>A flow_mod whose actions fit its match.</summary>
    public FlowMod FlowMod()
    {
        Match match = Match();
        byte table = (byte)_random.Next(200);
        return new FlowMod
        {
            Cookie = U64(),
            CookieMask = U64(),
            TableId = table,
            Command = (FlowModCommand)_random.Next(5),
            IdleTimeoutSeconds = U16(),
            HardTimeoutSeconds = U16(),
            Priority = U16(),
            BufferId = U32(),
            OutPort = PortNo(),
            OutGroup = U32(),
            Flags = (FlowModFlags)_random.Next(32),
            Match = match,
            Instructions = Instructions(match, table, fromSwitch: false),
        };
    }

    /// <summary>A match that prerequisites and masks allow.</summary>
    public Match Match()
    {
        FlowKey value = default, mask = default;
        double density = _random.NextDouble();
        foreach (Field field in FieldTable.All)
        {
            // in_phy_port has the bits of in_port
            bool choose = field == FieldTable.EthType || field == FieldTable.IpProto ? Maybe(0.8) : Maybe(density);
            if (!choose || field == FieldTable.InPhyPort || !new ProtocolState(value, mask).Meets(field.Needs))
                continue;
            (UInt128 fieldValue, UInt128 fieldMask) = Value(field, field.Mask == MaskRule.Any && Maybe());
            if (fieldMask == 0)
                continue;
            field.SetMasked(ref value, fieldValue, fieldMask);
            field.Set(ref mask, fieldMask);
        }

        return new Match(value, mask);
    }

    /// <summary>A flow with counters.</summary>
    public FlowStatsEntry FlowStats()
    {
        Match match = Match();
        byte table = (byte)_random.Next(200);
        return new FlowStatsEntry
        {
            TableId = table,
            DurationNs = Duration(),
            Priority = U16(),
            IdleTimeoutSeconds = U16(),
            HardTimeoutSeconds = U16(),
            Flags = (FlowModFlags)_random.Next(32),
            Cookie = U64(),
            PacketCount = U64(),
            ByteCount = U64(),
            Match = match,
            Instructions = Instructions(match, table, fromSwitch: true),
        };
    }

    /// <summary>One of the 15 multipart requests, by their order in the specification.</summary>
    public MultipartQuery Query(int kind) => kind switch
    {
        0 => new DescQuery(),
        1 => new FlowQuery(Filter()),
        2 => new AggregateQuery(Filter()),
        3 => new TableQuery(),
        4 => new PortStatsQuery(PortNo()),
        5 => new QueueQuery(PortNo(), U32()),
        6 => new GroupQuery(U32()),
        7 => new GroupDescQuery(),
        8 => new GroupFeaturesQuery(),
        9 => new MeterQuery(U32()),
        10 => new MeterConfigQuery(U32()),
        11 => new MeterFeaturesQuery(),
        12 => new TableFeaturesQuery(List(3, TableFeatures)),
        13 => new PortDescQuery(),
        _ => new ExperimenterQuery(U32(), U32(), Bytes(20)),
    };

    /// <summary>One of the multipart replies; 15 kinds less one, since aggregate and description are small.</summary>
    public MultipartAnswer Answer(int kind) => kind switch
    {
        0 => Maybe() ? new DescAnswer(Text(255), Text(255), Text(255), Text(31), Text(255)) : new AggregateAnswer(U64(), U64(), U32()),
        1 => new FlowAnswer(List(4, FlowStats)),
        2 => new TableAnswer(List(4, () => new TableStatsEntry(U8(), U32(), U64(), U64()))),
        3 => new PortStatsAnswer(List(3, PortStats)),
        4 => new QueueAnswer(List(4, () => new QueueStatsEntry(PortNo(), U32(), U64(), U64(), U64(), Duration()))),
        5 => new GroupAnswer(List(3, () => new GroupStatsEntry(U32(), U32(), U64(), U64(), Duration(), List(3, Counter)))),
        6 => new GroupDescAnswer(List(3, () => new GroupDescEntry((GroupType)_random.Next(4), U32(), List(3, Bucket)))),
        7 => new GroupFeaturesAnswer(U32(), U32(), [U32(), U32(), U32(), U32()], [U32(), U32(), U32(), U32()]),
        8 => new MeterAnswer(List(3, () => new MeterStatsEntry(U32(), U32(), U64(), U64(), Duration(), List(3, Counter)))),
        9 => new MeterConfigAnswer(List(3, () => new MeterConfigEntry((MeterFlags)_random.Next(16), U32(), List(3, () => Band(true))))),
        10 => new MeterFeaturesAnswer(U32(), U32(), U32(), U8(), U8()),
        11 => new TableFeaturesAnswer(List(2, TableFeatures)),
        12 => new PortDescAnswer(List(4, Port)),
        _ => new ExperimenterAnswer(U32(), U32(), Bytes(20)),
    };

    private ErrorMessage Error()
    {
        OfError error = Pick([.. OfError.All]);
        return new ErrorMessage(error.Type, error.Code, Bytes(80)) { Experimenter = error.Experimenter };
    }

    private BundleAdd BundleAdd()
    {
        OfMessage message;
        do
        {
            message = Message(_random.Next(14, 30));
        }
        while (!OpenFlow.Messages.BundleAdd.CanHold(message.Type));
        return new BundleAdd(U32(), (BundleFlags)_random.Next(4), message) { Properties = BundleProperties() };
    }

    private ValueList<BundleProperty> BundleProperties() => Maybe(0.8)
        ? default
        : List(2, () => new BundleProperty(BundleProperty.Experimenter, [.. Bytes(0).Span, 0, 0, 0, 1, 0, 0, 0, 2, .. Bytes(9).Span]));

    private FlowRemoved FlowRemoved() => new()
    {
        Cookie = U64(),
        Priority = U16(),
        Reason = (FlowRemovedReason)_random.Next(4),
        TableId = U8(),
        DurationNs = Duration(),
        IdleTimeoutSeconds = U16(),
        HardTimeoutSeconds = U16(),
        PacketCount = U64(),
        ByteCount = U64(),
        Match = Match(),
    };

    private GroupMod GroupMod()
    {
        var command = (GroupModCommand)_random.Next(3);
        uint group = command == GroupModCommand.Delete && Maybe() ? OpenFlow.Messages.GroupMod.AllGroups : U32() & 0x7fffffff;
        return new GroupMod(command, (GroupType)_random.Next(4), group, List(3, Bucket));
    }

    private MeterMod MeterMod()
    {
        MeterFlags unit = Maybe() ? MeterFlags.Kbps : MeterFlags.PacketsPerSecond;
        MeterFlags flags = unit | (MeterFlags)(_random.Next(4) << 2);
        return new MeterMod((MeterModCommand)_random.Next(3), flags, (uint)_random.Next(1, 0x10000), List(3, () => Band(false)));
    }

    private MeterBand Band(bool fromSwitch) => _random.Next(fromSwitch ? 3 : 2) switch
    {
        0 => new MeterBand(MeterBandType.Drop, U32(), U32()),
        1 => new MeterBand(MeterBandType.DscpRemark, U32(), U32(), U8()),
        _ => new MeterBand(MeterBandType.Experimenter, U32(), U32(), 0, U32()) { ExperimenterData = ValueList.Create(Bytes(8).Span) },
    };

    private Bucket Bucket() => new(U16(), PortNo(), U32(), List(3, () => Action(ActionUse.Bucket)));

    private BucketCounter Counter() => new(U64(), U64());

    private FlowFilter Filter() => new(U8(), PortNo(), U32(), U64(), U64(), Match());

    private AsyncConfig Async() => new(U32(), U32(), U32(), U32(), U32(), U32());

    private PacketQueue Queue() => new(U32(), PortNo(), Maybe() ? U16() : null, Maybe() ? U16() : null)
    {
        Experimenters = List(2, () => new QueueExperimenter(U32(), ValueList.Create(Bytes(9).Span))),
    };

    private PortDescription Port() => new()
    {
        PortNo = PortNo(),
        HwAddr = U48(),
        Name = Text(15),
        Config = (PortConfig)(U32() & 0x65),
        State = (PortState)(U32() & 7),
        Current = (PortFeatures)U16(),
        Advertised = (PortFeatures)U16(),
        Supported = (PortFeatures)U16(),
        Peer = (PortFeatures)U16(),
        CurrentSpeedKbps = U32(),
        MaxSpeedKbps = U32(),
    };

    private PortStatsEntry PortStats() => new()
    {
        PortNo = PortNo(),
        RxPackets = U64(),
        TxPackets = U64(),
        RxBytes = U64(),
        TxBytes = U64(),
        RxDropped = U64(),
        TxDropped = U64(),
        RxErrors = U64(),
        TxErrors = U64(),
        RxFrameErrors = U64(),
        RxOverErrors = U64(),
        RxCrcErrors = U64(),
        Collisions = U64(),
        DurationNs = Duration(),
    };

    private TableFeaturesEntry TableFeatures() => new(U8(), Text(31), U64(), U64(), U32(), U32(), List(8, TableFeature));

    private TableFeatureProperty TableFeature()
    {
        TableFeatureKind kind = Enum.GetValues<TableFeatureKind>()[_random.Next(16)];
        switch (kind)
        {
            case TableFeatureKind.NextTables or TableFeatureKind.NextTablesMiss:
                return new TableFeatureProperty(kind, List(20, () => (uint)U8()));
            case TableFeatureKind.Experimenter or TableFeatureKind.ExperimenterMiss:
                return new TableFeatureProperty(kind, default) { ExperimenterData = [.. Bytes(0).Span, 0, 0, 0, 1, 0, 0, 0, 2, .. Bytes(9).Span] };
            case TableFeatureKind.Match or TableFeatureKind.Wildcards or (>= TableFeatureKind.WriteSetField and <= TableFeatureKind.ApplySetFieldMiss):
                ValueList<uint> headers = List(8, () => Maybe(0.2) ? 0xffff5406 : Pick(FieldTable.All).OxmHeader);
                return new TableFeatureProperty(kind, headers) { Experimenters = headers.Where(h => h >> 16 == 0xffff).Select(_ => U32()).ToValueList() };
            default:
                ValueList<uint> ids = List(8, () => Maybe(0.2) ? 0xffff : (uint)_random.Next(28));
                return new TableFeatureProperty(kind, ids) { Experimenters = ids.Where(id => id == 0xffff).Select(_ => U32()).ToValueList() };
        }
    }

    private ValueList<OfInstruction> Instructions(Match match, byte table, bool fromSwitch)
    {
        var all = new List<OfInstruction>
        {
            new GotoTableInstruction((byte)_random.Next(table + 1, 255)),
            new WriteMetadataInstruction(U64(), U64()),
            new WriteActionsInstruction(Fitting(ActionConsistency.SetAgainstMatch, match, List(4, () => Action(ActionUse.Flow, fromSwitch)))),
            new ApplyActionsInstruction(Fitting(ActionConsistency.ListAgainstMatch, match, List(6, () => Action(ActionUse.Flow, fromSwitch)))),
            new ClearActionsInstruction(),
            new MeterInstruction(U32()),
        };
        if (fromSwitch)
            all.Add(new ExperimenterInstruction(U32(), ValueList.Create(new byte[8 * _random.Next(3)])));
        return all.OrderBy(_ => _random.Next()).Take(_random.Next(all.Count + 1)).ToValueList();
    }

    /// <summary>The actions of <paramref name="actions"/> that apply behind those before them.</summary>
    private static ValueList<OfAction> Fitting(Action<Match, ValueList<OfAction>> check, Match match, ValueList<OfAction> actions)
    {
        var fitting = new List<OfAction>();
        foreach (OfAction action in actions)
        {
            fitting.Add(action);
            try
            {
                check(match, fitting.ToValueList());
            }
            catch (OfErrorException)
            {
                fitting.RemoveAt(fitting.Count - 1);
            }
        }

        return fitting.ToValueList();
    }

    private OfAction Action(ActionUse use, bool fromSwitch = false) => _random.Next(fromSwitch ? 19 : 18) switch
    {
        0 => new OutputAction(OutPort(use), U16()),
        1 => new CopyTtlOutAction(),
        2 => new CopyTtlInAction(),
        3 => new SetMplsTtlAction(U8()),
        4 => new DecMplsTtlAction(),
        5 => new PushVlanAction(Maybe() ? (ushort)0x8100 : (ushort)0x88a8),
        6 => new PopVlanAction(),
        7 => new PushMplsAction(Maybe() ? (ushort)0x8847 : (ushort)0x8848),
        8 => new PopMplsAction(Pick(_etherTypes)),
        9 => new SetQueueAction(U32()),
        10 => new GroupAction(U32() & 0x7fffffff),
        11 => new SetNwTtlAction(U8()),
        12 => new DecNwTtlAction(),
        13 => new PushPbbAction(0x88e7),
        14 => new PopPbbAction(),
        < 18 => SetField(),
        _ => new ExperimenterAction(0x1234, ValueList.Create(new byte[8 * _random.Next(3)])),
    };

    private SetFieldAction SetField()
    {
        Field field = Pick([.. FieldTable.All.Where(f => f.Settable)]);
        (UInt128 value, UInt128 mask) = Value(field, Maybe(0.3));
        if (mask == 0)
            mask = field.AllOnes;
        if (field == FieldTable.VlanVid && (mask & FlowKey.VlanPresent) != 0)
            value |= FlowKey.VlanPresent;
        return new SetFieldAction(field, value, mask);
    }

    private (UInt128 Value, UInt128 Mask) Value(Field field, bool masked)
    {
        UInt128 value = new UInt128(U64(), U64()) & field.AllOnes;
        UInt128 mask = masked ? new UInt128(U64(), U64()) & field.AllOnes : field.AllOnes;
        if (field == FieldTable.InPort)
            value = AnInPort();
        else if (field == FieldTable.EthType)
            value = Pick(_etherTypes);
        else if (field == FieldTable.IpProto)
            value = Pick(_ipProtocols);
        else if (field == FieldTable.Icmpv6Type)
            value = Pick(_icmpv6Types);
        else if (field == FieldTable.Icmpv6Code && Maybe())
            value = 0;
        else if (field == FieldTable.VlanVid && (mask & FlowKey.VlanPresent) != 0)
            value = Maybe(0.8) ? value | FlowKey.VlanPresent : 0;
        return (value & mask, mask);
    }

    private uint PortNo() => Maybe(0.2) ? OfPorts.Any : AnInPort();

    private uint OutPort(ActionUse use) => _random.Next(4) switch
    {
        0 => OfPorts.InPort,
        1 => OfPorts.Controller,
        2 => use == ActionUse.PacketOut ? OfPorts.Table : OfPorts.Normal,
        _ => (uint)_random.Next(1, (int)OfPorts.HighestOrdinary),
    };

    private uint AnInPort() => _random.Next(3) switch { 0 => OfPorts.Controller, 1 => OfPorts.Local, _ => (uint)_random.Next(1, (int)OfPorts.HighestOrdinary) };

    private ulong Duration() => (U32() * 1_000_000_000UL) + (uint)_random.Next(1_000_000_000);

    private string Text(int most)
    {
        char[] text = new char[_random.Next(int.Min(most, 12) + 1)];
        for (int i = 0; i < text.Length; i++)
            text[i] = (char)_random.Next('!', '~');
        return new string(text);
    }

    private ReadOnlyMemory<byte> Bytes(int most)
    {
        byte[] bytes = new byte[_random.Next(most + 1)];
        _random.NextBytes(bytes);
        return bytes;
    }

    private ValueList<T> List<T>(int most, Func<T> item) =>
        Enumerable.Range(0, _random.Next(most + 1)).Select(_ => item()).ToValueList();

    private T Pick<T>(IReadOnlyList<T> list) => list[_random.Next(list.Count)];

    private bool Maybe(double chance = 0.5) => _random.NextDouble() < chance;

    private byte U8() => (byte)_random.Next();

    private ushort U16() => (ushort)_random.Next();

    private uint U32() => (uint)_random.NextInt64();

    private ulong U48() => U64() & 0xffffffffffff;

    private ulong U64() => _random.Next(8) switch
    {
        0 => 0,
        1 => ulong.MaxValue,
        _ => ((ulong)U32() << 32) | U32(),
    };
}
