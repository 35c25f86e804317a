using OvsBridge.Datapath;
using OvsBridge.OpenFlow;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Text;
using OvsBridge.Testing;
using OvsBridge.Translator.Tests.Xlate;

namespace OvsBridge.Translator.Tests.OpenVSwitch;

/// <summary>
/// Random pipelines that both switches accept, as lines for ovs-ofctl: the actions of each flow apply to what it matches,
/// and nothing is in them for which Open vSwitch has no words. Packets and values come from <see cref="RandomPipelines"/>.
/// </summary>
internal sealed class OvsPipelines(Random random)
{
    /// <summary>The group of type select: only action sets name it, so that a packet meets it once.</summary>
    internal const uint SelectGroup = 4;

    /// <summary>MAC addresses that NORMAL knows. No packet comes from them, so that they stay where they are.</summary>
    internal static readonly ulong[] KnownMacs = [0x020000000011, 0x020000000012];

    private const int Tables = RandomPipelines.Tables;

    private static readonly Field[] _settable =
    [
        .. FieldTable.All.Where(f => f.Index < FieldTable.StandardCount && f.Settable
            && f != FieldTable.EthType && f != FieldTable.IpProto && f != FieldTable.MplsBos && f != FieldTable.PbbIsid && f != FieldTable.TunnelId),
    ];

    private readonly RandomPipelines _pipelines = new(random);
    private bool _pushesLabels; // then no packet has three: Open vSwitch loses labels, or fails an assertion of its own
    private ushort _labelType; // one for all: pushed again with another type, a like label keeps the type that it had in Open vSwitch
    private bool _normal; // whether this pipeline uses NORMAL; then there is no VLAN id 0, whose tags Open vSwitch takes off there

    /// <summary>Groups, those first that others name; and flows.</summary>
    internal (string[] Groups, string[] Flows) Next()
    {
        _labelType = Pick([(ushort)EtherTypes.MplsUnicast, (ushort)EtherTypes.MplsMulticast]);
        _pushesLabels = random.Next(4) != 0;
        _normal = random.Next(2) == 0;
        string[] groups = [.. Enumerable.Range(1, (int)SelectGroup).Reverse().Select(id => Group((uint)id))];
        List<string> flows = [];
        for (byte table = 0; table < Tables; table++)
        {
            int count = random.Next(1, 9);
            for (int i = 0; i < count; i++)
            {
                flows.Add(Flow(table, (ushort)(i * 10)));
            }
        }

        return (groups, [.. flows]);
    }

    /// <summary>A frame and the datapath port that it comes in by.</summary>
    internal (byte[] Frame, FlowKey Key) Packet()
    {
        FlowKey wanted = _pipelines.Key();
        wanted.EthDst = random.Next(3) == 0 ? Pick(KnownMacs) : wanted.EthDst;
        if (_normal && (wanted.VlanTci & 0x1fff) == FlowKey.VlanPresent)
        {
            wanted.VlanTci = (ushort)(wanted.VlanTci | 1);
        }

        if (_normal && (wanted.InnerTci & 0x1fff) == FlowKey.VlanPresent)
        {
            wanted.InnerTci = (ushort)(wanted.InnerTci | 1);
        }

        if (_pushesLabels && wanted.EthType.Value == EtherTypes.MplsUnicast && wanted.MplsLse2 != 0)
        {
            wanted.MplsLse1 |= 0x100u;
            wanted.MplsLse2 = 0;
        }

        byte[] frame = _pipelines.Frame(wanted);
        Assert.That(PacketParser.TryParse(frame, wanted.InPort, out FlowKey key));
        return (frame, key);
    }

    /// <summary>Another packet of a megaflow, or null.</summary>
    internal (byte[] Frame, FlowKey Key)? Covered(in FlowKey key, in FlowKey mask) =>
        _pipelines.Covered(key, mask) is { } frame
            && PacketParser.TryParse(frame, key.InPort, out FlowKey other)
            && !(other.IpProto == 0 && other.EthType.Value is EtherTypes.Ipv4 or EtherTypes.Ipv6 or EtherTypes.Arp) // see "protocol_0"
            && !(_normal && ((other.VlanTci & 0x1fff) == FlowKey.VlanPresent || (other.InnerTci & 0x1fff) == FlowKey.VlanPresent))
            && !(_pushesLabels && other.EthType.Value is EtherTypes.MplsUnicast && ((other.MplsLse0 | other.MplsLse1) & 0x100) == 0)
            ? (frame, other)
            : null;

    private string Flow(byte table, ushort priority)
    {
        FlowKey packet = _pipelines.Key();
        packet.InPort = packet.InPort == OfPorts.DatapathLocal ? OfPorts.Local : packet.InPort;
        packet.Metadata = table == 0 ? 0 : (ulong)random.Next(4);
        Match match = priority == 0 && random.Next(2) == 0 ? new Match(default, default) : RandomFlows.Match(random, packet, Pick([4, 8, 16]), asOvs: true);
        bool goes = table + 1 < Tables && random.Next(3) != 0;
        List<OfInstruction> instructions = [];
        ValueList<OfAction> applied = random.Next(4) == 0 ? [] : RandomFlows.Actions(match, [], random.Next(1, 12), before => Actions(match, before, 1));
        if (applied.Count > 0)
        {
            instructions.Add(new ApplyActionsInstruction(applied));
        }

        if (random.Next(8) == 0)
        {
            instructions.Add(new ClearActionsInstruction());
        }

        if (random.Next(3) == 0 && Written(match, applied, last: !goes) is { Count: > 0 } written)
        {
            instructions.Add(new WriteActionsInstruction(written));
        }

        if (random.Next(3) == 0)
        {
            instructions.Add(new WriteMetadataInstruction((ulong)random.Next(4), (ulong)random.Next(1, 8)));
        }

        if (goes)
        {
            instructions.Add(new GotoTableInstruction((byte)random.Next(table + 1, Tables)));
        }

        return FlowSyntax.Print(new FlowMod
        {
            TableId = table,
            Priority = priority,
            Cookie = (ulong)random.Next(100),
            Match = match,
            Instructions = instructions.ToValueList(),
        });
    }

    // Open vSwitch checks an action set as if it were run behind the list, we check it against the match: it has to suit both.
    private ValueList<OfAction> Written(Match match, ValueList<OfAction> applied, bool last)
    {
        ValueList<OfAction> written = RandomFlows.Actions(match, applied, random.Next(1, 6),
            before => random.Next(8) == 0 ? [new GroupAction(SelectGroup)]
                : last && random.Next(8) == 0 && Pop(match, applied) is { } pop ? [pop]
                : Actions(null, [], 1) is var drawn && drawn is [PushVlanAction, ..] && RandomFlows.HasTwoTags(match, before) ? []
                : drawn);
        try
        {
            ActionConsistency.SetAgainstMatch(match, written);
            return written;
        }
        catch (OfErrorException)
        {
            return [];
        }
    }

    private string Group(uint id)
    {
        GroupType type = id == SelectGroup ? GroupType.Select : Pick([GroupType.All, GroupType.All, GroupType.Indirect, GroupType.FastFailover]);
        Bucket[] buckets = [.. Enumerable.Range(0, type == GroupType.Indirect ? 1 : random.Next(1, 4)).Select(_ => new Bucket(
            (ushort)(type == GroupType.Select ? random.Next(1, 4) : 0),
            type == GroupType.FastFailover ? (uint)random.Next(1, 9) : OfPorts.Any,
            GroupMod.AnyGroup,
            Enumerable.Range(0, random.Next(1, 5)).SelectMany(_ => Actions(null, [], id + 1)).ToValueList()))];
        return FlowSyntax.PrintGroup(id, type, buckets.ToValueList());
    }

    /// <summary>
    /// An action, with what makes both switches do the same: what a pushed header has where 1.3.5 and Open vSwitch differ (see the list of
    /// deviations) is set behind the push.
    /// </summary>
    /// <param name="match">What is known of packets, or null: nothing (buckets, action sets).</param>
    /// <param name="before">The list so far.</param>
    /// <param name="firstGroup">The lowest group that may be named.</param>
    private OfAction[] Actions(Match? match, IReadOnlyList<OfAction> before, uint firstGroup)
    {
        OfAction action = Action(firstGroup);
        switch (action)
        {
            case SetFieldAction set when match is not null && set.Field == FieldTable.Icmpv6Type:
                return []; // makes set_field of ND options possible with us, and not with Open vSwitch
            case PushVlanAction when match is not null && RandomFlows.HasTwoTags(match, before):
                return [];
            case PushVlanAction:
                return [action, Set(FieldTable.VlanVid), Set(FieldTable.VlanPcp)];
            case PushMplsAction when !_pushesLabels:
                return [];
            case PushMplsAction when EthType(match, before) is not (EtherTypes.Ipv4 or EtherTypes.MplsUnicast or EtherTypes.MplsMulticast):
                return [action, Set(FieldTable.MplsLabel), Set(FieldTable.MplsTc), new SetMplsTtlAction((byte)(Ttl() | 1))];
            case PushMplsAction when match is null || match.Value.EthType.Value is EtherTypes.Ipv4:
                return [action, Set(FieldTable.MplsTc)];
            case PopMplsAction:
                return Pop(match, before) is { } pop ? [pop] : [];
            case DecMplsTtlAction when match is null: // Open vSwitch stops at one on a packet without label
                return [new SetMplsTtlAction(Ttl())];
            default:
                return [action];
        }
    }

    /// <summary>The pop that suits the packet: to MPLS while labels are left, to IP behind the last one. Null: not known.</summary>
    private PopMplsAction? Pop(Match? match, IReadOnlyList<OfAction> before)
    {
        bool known = match is not null && match.Mask.EthType == ushort.MaxValue;
        bool mpls = known && match!.Value.EthType.Value is EtherTypes.MplsUnicast or EtherTypes.MplsMulticast;
        bool bottom = mpls && (match!.Mask.MplsLse0 & 0x100) != 0;
        (int least, int most) = !known ? (0, 9) : !mpls ? (0, 0) : !bottom ? (1, 9) : (match!.Value.MplsLse0 & 0x100) != 0 ? (1, 1) : (2, 9);
        foreach (OfAction action in before)
        {
            int change = action is PushMplsAction ? 1 : action is PopMplsAction ? -1 : 0;
            (least, most) = (least + change, most + change);
        }

        // To us, not to Open vSwitch, a pop to the type of a tag promises one.
        return least >= 2 ? new PopMplsAction(EtherTypes.MplsUnicast)
            : most == 1 && known && EtherTypes.IsVlan(match!.Value.EthType.Value) ? null
            : most == 1 && known && !mpls ? new PopMplsAction(match!.Value.EthType.Value)
            : most == 1 ? new PopMplsAction(EtherTypes.Ipv4) // so are RandomPipelines' packets behind labels
            : null;
    }

    // 0: not known
    private static ushort EthType(Match? match, IReadOnlyList<OfAction> before) => before.LastOrDefault(a => a is PushMplsAction or PopMplsAction) switch
    {
        PushMplsAction push => push.EtherType,
        PopMplsAction pop => pop.EtherType,
        _ => match is not null && match.Mask.EthType == ushort.MaxValue ? match.Value.EthType.Value : (ushort)0,
    };

    private OfAction Action(uint firstGroup)
    {
        switch (random.Next(20))
        {
            case < 6:
                uint port = Pick<uint>([1, 2, 3, 4, 5, 6, 7, OfPorts.InPort, OfPorts.All, OfPorts.Flood, _normal ? OfPorts.Normal : 6, OfPorts.Controller, OfPorts.Local]);
                return new OutputAction(port, (ushort)(port == OfPorts.Controller ? Pick([20, 128, 0xffff]) : 0));
            case < 12:
                return Set(Pick(_settable));
            case 12:
                return firstGroup < SelectGroup ? new GroupAction((uint)random.NextInt64(firstGroup, SelectGroup)) : new PopVlanAction();
            case 13:
                return new PushVlanAction(Pick([(ushort)0x8100, (ushort)0x88a8]));
            case 14:
                return new PopVlanAction();
            case 15:
                return new PushMplsAction(_labelType);
            case 16:
                return new PopMplsAction(EtherTypes.Ipv4); // see Pop
            case 17:
                return random.Next(3) == 0 ? new SetNwTtlAction(Ttl()) : new DecNwTtlAction();
            case 18:
                return random.Next(2) == 0 ? new SetMplsTtlAction(Ttl()) : new DecMplsTtlAction();
            default:
                return random.Next(3) == 0 ? new SetQueueAction((uint)random.Next(3)) : new DecNwTtlAction();
        }
    }

    private SetFieldAction Set(Field field)
    {
        UInt128 value = field == FieldTable.VlanVid ? 0x1000u | (uint)random.Next(_normal ? 1 : 0, 3)
            : field == FieldTable.EthDst && random.Next(3) == 0 ? Pick(KnownMacs)
            : _pipelines.Value(field);
        return new SetFieldAction(field, field == FieldTable.ArpOp ? (value & 0xfe) | 1 : value & field.AllOnes);
    }

    private byte Ttl() => Pick<byte>([0, 1, 2, 3, 64, 65, 255]);

    private T Pick<T>(T[] from) => from[random.Next(from.Length)];
}
