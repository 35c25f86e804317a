using OvsBridge.Datapath;
using OvsBridge.OpenFlow;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.Testing;
using OvsBridge.Translator.Tables;

namespace OvsBridge.Translator.Tests.Xlate;

/// <summary>
/// Random pipelines and packets from small pools of values, so that packets hit flows. The same <see cref="Random"/> gives
/// the same ones. With <paramref name="meters"/>, there are meters, and packets with code points that a remark raises. Priorities in a table differ: what happens to a packet that two flows of one priority match is undefined.
/// </summary>
internal sealed class RandomPipelines(Random random, bool meters = false)
{
    internal const int Tables = 4;

    internal const int Meters = 3;

    private const int Groups = 4;

    private static readonly ushort[] _etherTypes = [0x0800, 0x0800, 0x0800, 0x86dd, 0x86dd, 0x0806, 0x8847, 0x8847, 0x88e7, 0x88cc];
    private static readonly ulong[] _macs = [0x020000000001, 0x020000000002, 0x020000000003, 0xffffffffffff, 0x0180c2000000, 0x01005e000001];
    private static readonly byte[] _protocols = [6, 6, 17, 1, 58, 132];
    private static readonly byte[] _codePoints = [0, 10, 10, 12, 18, 36];
    private static readonly byte[] _ttls = [0, 1, 2, 3, 64, 64, 65, 128, 255];

    private static readonly Field[] _settable =
    [
        FieldTable.EthDst, FieldTable.EthSrc, FieldTable.EthDst, FieldTable.EthSrc, FieldTable.VlanVid, FieldTable.VlanPcp, FieldTable.IpDscp, FieldTable.IpEcn,
        FieldTable.Ipv4Src, FieldTable.Ipv4Dst, FieldTable.TcpSrc, FieldTable.TcpDst, FieldTable.UdpSrc, FieldTable.UdpDst,
        FieldTable.SctpDst, FieldTable.Icmpv4Type, FieldTable.Icmpv4Code, FieldTable.ArpOp, FieldTable.ArpSpa, FieldTable.ArpTpa, FieldTable.ArpSha, FieldTable.ArpTha,
        FieldTable.Ipv6Src, FieldTable.Ipv6Dst, FieldTable.Ipv6Flabel, FieldTable.Icmpv6Type, FieldTable.NdTarget, FieldTable.NdSll, FieldTable.NdTll,
        FieldTable.MplsLabel, FieldTable.MplsTc, FieldTable.MplsBos, FieldTable.PbbIsid, FieldTable.EthType, FieldTable.IpProto, FieldTable.Metadata,
    ];

    private static readonly Field[] _matchable = [.. FieldTable.All.Where(f => f.Index < FieldTable.StandardCount && f != FieldTable.InPhyPort && f != FieldTable.TunnelId)];

    /// <summary>A pipeline of <see cref="Tables"/> tables with up to <paramref name="flows"/> flows each, and groups.</summary>
    internal PipelineSnapshot Next(int flows = 8)
    {
        PipelineSnapshot snapshot = Pipelines.Empty();
        for (uint group = 1; group <= Groups; group++)
        {
            snapshot = snapshot.With(Group(group));
        }

        for (uint meter = 1; meters && meter <= Meters; meter++)
        {
            snapshot = snapshot.With(Meter(meter));
        }

        for (byte table = 0; table < Tables; table++)
        {
            int count = random.Next(1, flows + 1);
            for (int i = 0; i < count; i++)
            {
                snapshot = snapshot.With(Rule(table, (ushort)(i * 10)));
            }
        }

        if (random.Next(4) == 0)
        {
            snapshot = snapshot.WithPort((uint)random.Next(1, 7), Pick([PortConfig.NoFwd, PortConfig.NoRecv, PortConfig.PortDown, PortConfig.NoPacketIn]), Pick([PortState.Live, PortState.LinkDown]));
        }

        return snapshot with
        {
            Fragments = random.Next(8) == 0 ? FragmentHandling.Drop : FragmentHandling.Normal,
            Standalone = Pick([StandaloneMode.Off, StandaloneMode.Off, StandaloneMode.Off, StandaloneMode.OnMiss, StandaloneMode.Always]),
        };
    }

    /// <summary>A flow for some table.</summary>
    internal Rule Rule(byte table, ushort priority) => new()
    {
        TableId = table,
        Priority = priority,
        Match = Match(table),
        Instructions = Instructions(table),
        Cookie = (ulong)random.Next(100),
        Stats = new RuleStats(0),
    };

    internal Group Group(uint id)
    {
        GroupType type = Pick([GroupType.All, GroupType.All, GroupType.Select, GroupType.Indirect, GroupType.FastFailover]);
        Bucket[] buckets = [.. Enumerable.Range(0, type == GroupType.Indirect ? 1 : random.Next(1, 4)).Select(_ => new Bucket(
            (ushort)(type == GroupType.Select ? random.Next(0, 4) : 0),
            type == GroupType.FastFailover || random.Next(4) == 0 ? (uint)random.Next(1, 8) : OfPorts.Any,
            GroupMod.AnyGroup,
            Actions(id + 1)))];
        return new Group(id, type, buckets.ToValueList(), new RuleStats(0), [.. buckets.Select(_ => new RuleStats(0))]);
    }

    /// <summary>A meter with few tokens, whose slot is its number.</summary>
    internal Meter Meter(uint id)
    {
        MeterBand drop = new(MeterBandType.Drop, (uint)random.Next(1, 5), (uint)random.Next(1, 4));
        MeterBand remark = new(MeterBandType.DscpRemark, (uint)random.Next(1, 5), (uint)random.Next(1, 4), (byte)random.Next(1, 3));
        MeterBand[] bands = Pick<MeterBand[]>([[drop], [remark], [remark], [remark, drop]]);
        return new Meter(id, MeterFlags.PacketsPerSecond | MeterFlags.Burst, bands.ToValueList(), id, 0);
    }

    /// <summary>A key that some frame has, from the pools.</summary>
    internal FlowKey Key()
    {
        FlowKey key = new()
        {
            InPort = Pick<uint>([1, 2, 3, 4, OfPorts.DatapathLocal]),
            EthDst = Pick(_macs),
            EthSrc = Pick(_macs),
            EthType = Pick(_etherTypes),
        };
        int tags = Math.Max(0, random.Next(-2, 3));
        if (tags > 0)
        {
            (key.VlanTpid, key.VlanTci) = Tag();
        }

        if (tags > 1)
        {
            (key.InnerTpid, key.InnerTci) = Tag();
            if (random.Next(4) == 0)
            {
                key.EthType = 0x8100; // a third tag
            }
        }

        switch (key.EthType.Value)
        {
            case 0x0800:
                key.Ipv4Src = Address();
                key.Ipv4Dst = Address();
                Ip(ref key, [0, 0, 0, 0, 1, 3]);
                break;
            case 0x86dd:
                key.Ipv6Src = (UInt128)Address();
                key.Ipv6Dst = (UInt128)Address();
                key.Ipv6Label = (uint)random.Next(3);
                Ip(ref key, [0]);
                break;
            case 0x0806:
                key.ArpOp = (ushort)random.Next(1, 3);
                key.ArpSha = Pick(_macs);
                key.ArpTha = Pick(_macs);
                key.Ipv4Src = Address();
                key.Ipv4Dst = Address();
                break;
            case 0x8847:
                int labels = random.Next(1, 4);
                key.MplsLse0 = Label(labels == 1);
                key.MplsLse1 = labels > 1 ? Label(labels == 2) : 0;
                key.MplsLse2 = labels > 2 ? Label(random.Next(3) != 0) : 0;
                break;
            case 0x88e7:
                key.PbbItag = (uint)random.Next(3);
                break;
        }

        return key;
    }

    /// <summary>A frame with this key, with a whole packet behind labels, I-TAG or third tag.</summary>
    internal byte[] Frame(in FlowKey key)
    {
        byte[] payload = [];
        FlowKey inner = new()
        {
            EthDst = Pick(_macs),
            EthSrc = Pick(_macs),
            EthType = 0x0800,
            Ipv4Src = Address(),
            Ipv4Dst = Address(),
        };
        Ip(ref inner, [0]);
        switch (key.EthType.Value)
        {
            case 0x8847:
                bool bottom = (key.MplsLse0 & 0x100) != 0 || (key.MplsLse1 & 0x100) != 0 || (key.MplsLse2 & 0x100) != 0;
                uint more = Label(true);
                payload = [.. bottom ? [] : (byte[])[(byte)(more >> 24), (byte)(more >> 16), (byte)(more >> 8), (byte)more], .. PacketBuilder.Network(inner, "0123456789"u8)];
                break;
            case 0x88e7:
                payload = PacketBuilder.Frame(inner, "0123456789"u8);
                break;
            case 0x8100:
                payload = [0x20, 0x05, 0x08, 0x00, .. PacketBuilder.Network(inner, "0123456789"u8)];
                break;
            default:
                payload = "0123456789"u8.ToArray();
                break;
        }

        return PacketBuilder.Frame(key, payload);
    }

    /// <summary>Another packet that the megaflow matches: other bits where the mask has none, if some frame has such a key.</summary>
    internal byte[]? Covered(in FlowKey key, in FlowKey mask)
    {
        FlowKey other = Key();
        FlowKey mixed = default;
        for (int i = 0; i < FlowKey.PacketWords; i++)
        {
            ulong m = mask.AsWords()[i];
            mixed.AsMutableWords()[i] = (key.AsWords()[i] & m) | ((random.Next(4) == 0 ? key : other).AsWords()[i] & ~m);
        }

        byte[] frame;
        try
        {
            frame = Frame(mixed);
        }
        catch (ArgumentException)
        {
            return null;
        }

        return PacketParser.TryParse(frame, key.InPort, out FlowKey parsed) && parsed.MatchedBy(key.Masked(mask), mask) ? frame : null;
    }

    private ValueList<OfInstruction> Instructions(byte table)
    {
        List<OfInstruction> instructions = [];
        if (meters && random.Next(4) == 0)
        {
            instructions.Add(new MeterInstruction((uint)random.Next(1, Meters + 1)));
        }

        if (random.Next(4) != 0)
        {
            instructions.Add(new ApplyActionsInstruction(Actions(1)));
        }

        if (random.Next(8) == 0)
        {
            instructions.Add(new ClearActionsInstruction());
        }

        if (random.Next(3) == 0)
        {
            instructions.Add(new WriteActionsInstruction(Actions(1)));
        }

        if (random.Next(3) == 0)
        {
            instructions.Add(new WriteMetadataInstruction((ulong)random.Next(4), (ulong)random.Next(8)));
        }

        if (table + 1 < Tables && random.Next(3) != 0)
        {
            instructions.Add(new GotoTableInstruction((byte)random.Next(table + 1, Tables)));
        }

        return instructions.ToValueList();
    }

    private ValueList<OfAction> Actions(uint firstGroup) =>
        Enumerable.Range(0, random.Next(1, 5)).Select(_ => Action(firstGroup)).ToValueList();

    private OfAction Action(uint firstGroup)
    {
        switch (random.Next(20))
        {
            case < 6:
                return new OutputAction(Pick<uint>([1, 2, 3, 4, 5, 6, 7, OfPorts.InPort, OfPorts.All, OfPorts.Normal, OfPorts.Controller, OfPorts.Local]));
            case < 11:
                Field field = Weighted(_settable);
                UInt128 mask = field.Mask == MaskRule.Any && random.Next(4) == 0 ? Bits() & field.AllOnes : field.AllOnes;
                UInt128 value = field == FieldTable.VlanVid ? 0x1000u | (uint)random.Next(3) : Value(field);
                if (meters && field == FieldTable.IpProto && value == 132)
                {
                    value = 17; // what becomes SCTP gets a CRC when a packet leaves user space
                }

                return new SetFieldAction(field, value & mask, mask);
            case 11:
                return firstGroup <= Groups ? new GroupAction((uint)random.NextInt64(firstGroup, Groups + 2)) : new PopVlanAction();
            case 12:
                return new PushVlanAction(Pick([(ushort)0x8100, (ushort)0x88a8]));
            case 13:
                return new PopVlanAction();
            case 14:
                return new PushMplsAction(0x8847);
            case 15:
                return new PopMplsAction(Pick([(ushort)0x0800, (ushort)0x0800, (ushort)0x8847, (ushort)0x8847, (ushort)0x86dd, (ushort)0x8100, (ushort)0x8100, (ushort)0x88a8]));
            case 16:
                return random.Next(2) == 0 ? new PushPbbAction(0x88e7) : new PopPbbAction();
            case 17:
                return random.Next(3) == 0 ? new SetNwTtlAction(Pick(_ttls)) : new DecNwTtlAction();
            case 18:
                return Pick<OfAction>([new SetMplsTtlAction(Pick(_ttls)), new DecMplsTtlAction(), new CopyTtlInAction(), new CopyTtlOutAction()]);
            default:
                return random.Next(3) == 0 ? new SetQueueAction((uint)random.Next(3)) : new DecNwTtlAction();
        }
    }

    private Match Match(byte table)
    {
        FlowKey value = default, mask = default;

        // Most flows are about some packet that comes; of its fields, a few.
        FlowKey key = Key();
        key.InPort = key.InPort == OfPorts.DatapathLocal ? OfPorts.Local : key.InPort;
        int fields = random.Next(0, 4);
        for (int i = 0; i < fields; i++)
        {
            Field field = Weighted(_matchable);
            if (field == FieldTable.Metadata && table == 0)
            {
                continue;
            }

            UInt128 ones = field.AllOnes;
            UInt128 bits = field.Mask == MaskRule.Any && random.Next(2) == 0
                ? random.Next(3) == 0 ? Bits() & ones : ones >> random.Next(field.Bits) << random.Next(field.Bits) & ones
                : ones;
            field.SetMasked(ref value, field == FieldTable.Metadata || random.Next(8) == 0 ? Value(field) : field.Get(key), bits);
            field.SetMasked(ref mask, bits, bits);
        }

        return new Match(value, mask);
    }

    /// <summary>One of the fields; where there are meters, what they write more often than others.</summary>
    private Field Weighted(Field[] fields) => meters && random.Next(6) == 0 ? FieldTable.IpDscp : Pick(fields);

    /// <summary>A value of a field, from the pools.</summary>
    internal UInt128 Value(Field field)
    {
        FlowKey key = Key();
        return field.Bits switch
        {
            48 => Pick(_macs),
            64 or 20 or 24 => (uint)random.Next(4),
            _ when field == FieldTable.EthType => Pick(_etherTypes),
            _ when field == FieldTable.Icmpv6Type => Pick([(byte)135, (byte)136, (byte)128]),
            _ when field == FieldTable.IpProto => Pick(_protocols),
            32 or 128 => Address(),
            _ => field.Get(key) == 0 ? (uint)random.Next(4) : field.Get(key),
        };
    }

    private void Ip(ref FlowKey key, byte[] fragments)
    {
        key.IpTos = (byte)(random.Next(4) | (meters ? Pick(_codePoints) << 2 : 0));
        key.IpTtl = Pick(_ttls);
        key.IpProto = Pick(_protocols);
        key.IpFrag = Pick(fragments);
        bool ipv6 = key.EthType.Value == 0x86dd;
        if ((key.IpFrag & FlowKey.FragLater) != 0)
        {
            return;
        }

        if (key.IpProto is 6 or 17 or 132)
        {
            key.TpSrc = (ushort)random.Next(1, 4);
            key.TpDst = Pick([(ushort)80, (ushort)81, (ushort)443]);
            key.TcpFlags = (ushort)(key.IpProto == 6 ? 2 : 0);
        }
        else if (key.IpProto == (ipv6 ? 58 : 1))
        {
            key.TpSrc = ipv6 ? Pick([(ushort)135, (ushort)136, (ushort)128]) : (ushort)random.Next(3);
            key.TpDst = (ushort)(random.Next(4) == 0 ? 1 : 0);
            if (ipv6 && key.TpSrc.Value is 135 or 136 && key.TpDst == 0)
            {
                key.NdTarget = (UInt128)Address();
                key.ArpSha = random.Next(2) == 0 ? default : Pick(_macs);
                key.ArpTha = random.Next(2) == 0 ? default : Pick(_macs);
            }
        }
    }

    private (Be16 Tpid, Be16 Tci) Tag() => (Pick([(ushort)0x8100, (ushort)0x88a8]), (ushort)(FlowKey.VlanPresent | random.Next(3) | (random.Next(3) << 13)));

    private uint Label(bool bottom) => (uint)((random.Next(3) << 12) | (random.Next(2) << 9) | (bottom ? 0x100 : 0) | Pick(_ttls));

    private uint Address() => 0x0a000000u | (uint)random.Next(4) | (uint)(random.Next(2) << 16);

    private UInt128 Bits() => ((UInt128)(ulong)random.NextInt64() << 64) | (ulong)random.NextInt64();

    private T Pick<T>(T[] from) => from[random.Next(from.Length)];
}
