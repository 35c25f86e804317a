using OvsBridge.OpenFlow;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Messages;

namespace OvsBridge.Testing;

/// <summary>Random matches, actions and flows that OpenFlow 1.3 allows.</summary>
public static class RandomFlows
{
    /// <summary>A flow to add. With <paramref name="asOvs"/> only what Open vSwitch has words for.</summary>
    public static FlowMod Next(Random random, bool asOvs = false)
    {
        Match match = Match(random, asOvs);
        byte table = (byte)random.Next(0, 250);
        return new FlowMod
        {
            Match = match,
            TableId = table,
            Priority = (ushort)random.Next(0x10000),
            Cookie = (ulong)random.NextInt64(), // all ones means "keep" to Open vSwitch
            IdleTimeoutSeconds = (ushort)(random.Next(2) * random.Next(0x10000)),
            HardTimeoutSeconds = (ushort)(random.Next(2) * random.Next(0x10000)),
            Flags = (FlowModFlags)random.Next(32),
            Instructions = Instructions(random, match, table, asOvs),
        };
    }

    /// <summary>A match whose fields have their prerequisites.</summary>
    public static Match Match(Random random, bool asOvs = false)
    {
        FlowKey packet = RandomKeys.Next(random);
        packet.Metadata = (ulong)random.NextInt64();
        packet.TunId = (ulong)random.NextInt64();
        return Match(random, packet, 3, asOvs);
    }

    /// <summary>A match for a given packet and others like it: of its fields one in <paramref name="oneIn"/>, with prerequisites.</summary>
    public static Match Match(Random random, in FlowKey packet, int oneIn, bool asOvs)
    {
        FlowKey all = default;
        all.AsMutableWords().Fill(ulong.MaxValue);
        ProtocolState of = new(packet, all);

        FlowKey mask = default;
        foreach (Field field in FieldTable.All)
        {
            if (random.Next(oneIn) != 0 || field == FieldTable.InPhyPort || !of.Meets(field.Needs)
                || (asOvs && (field == FieldTable.PbbIsid || field == FieldTable.Ipv6ExtHdr)))
            {
                continue;
            }

            UInt128 bits = field.Mask == MaskRule.None || random.Next(2) == 0 ? field.AllOnes : Mask(random, field, asOvs);
            field.Set(ref mask, bits);
            AddPrerequisites(ref mask, field.Needs);
        }

        // One field decides about others only if it is matched whole.
        if ((mask.VlanTci.Value & 0xe000) != 0)
        {
            mask.VlanTci = (ushort)(mask.VlanTci | FlowKey.VlanPresent);
        }

        return new Match(packet, mask);
    }

    /// <summary>Actions of which each applies to what the match and the actions before it promise.</summary>
    public static ValueList<OfAction> Actions(Random random, Match match, bool asOvs = false) =>
        Actions(match, default, random.Next(8), before => Action(random, asOvs) is var action && asOvs && action is PushVlanAction && HasTwoTags(match, before) ? [] : [action]);

    /// <summary>Whether Open vSwitch refuses another tag: it has no tags behind labels, and counts all.</summary>
    public static bool HasTwoTags(Match match, IReadOnlyList<OfAction> before)
    {
        int tags = (match.Value.VlanTci.Value & match.Mask.VlanTci.Value & FlowKey.VlanPresent) != 0 ? 1 : 0;
        foreach (OfAction action in before)
        {
            tags = action is PushVlanAction ? tags + 1 : action is PopVlanAction && tags > 0 ? tags - 1 : tags;
        }

        return tags >= 2;
    }

    /// <summary>Actions of which each applies to what the match, the actions before the list, and the actions before it in the list promise.</summary>
    /// <param name="match">The match.</param>
    /// <param name="before">Actions that were done before.</param>
    /// <param name="tries">How often one is drawn; those that don't apply are left out.</param>
    /// <param name="draw">Draws one, or some that belong together; it gets all actions so far, those of <paramref name="before"/> too.</param>
    public static ValueList<OfAction> Actions(
        Match match, ValueList<OfAction> before, int tries, Func<IReadOnlyList<OfAction>, IReadOnlyList<OfAction>> draw)
    {
        List<OfAction> actions = [];
        for (int i = 0; i < tries; i++)
        {
            IReadOnlyList<OfAction> drawn = draw([.. before, .. actions]);
            try
            {
                ActionConsistency.ListAgainstMatch(match, [.. before, .. actions, .. drawn]);
            }
            catch (OfErrorException)
            {
                continue;
            }

            actions.AddRange(drawn);
        }

        return actions.ToValueList();
    }

    private static ValueList<OfInstruction> Instructions(Random random, Match match, byte table, bool asOvs)
    {
        List<OfInstruction> instructions = [];
        Maybe(() => new MeterInstruction((uint)random.NextInt64(1, MeterMod.MaxMeter)));
        ValueList<OfAction> actions = Actions(random, match, asOvs);
        if (actions.Count > 0)
        {
            instructions.Add(new ApplyActionsInstruction(actions));
        }

        Maybe(() => new ClearActionsInstruction());
        // Open vSwitch checks an action set as if it were run behind the list.
        ValueList<OfAction> later = Actions(random, match, asOvs)
            .Where(a => !asOvs || a is OutputAction or GroupAction or SetQueueAction).ToValueList();
        if (later.Count > 0 && random.Next(3) == 0)
        {
            instructions.Add(new WriteActionsInstruction(later));
        }

        Maybe(() => new WriteMetadataInstruction((ulong)random.NextInt64(), (ulong)random.NextInt64()));
        Maybe(() => new GotoTableInstruction((byte)random.Next(table + 1, 255)));
        return instructions.ToValueList();

        void Maybe(Func<OfInstruction> make)
        {
            if (random.Next(4) == 0)
            {
                instructions.Add(make());
            }
        }
    }

    private static OfAction Action(Random random, bool asOvs)
    {
        switch (random.Next(asOvs ? 14 : 18))
        {
            case 0 or 1 or 2:
                return new OutputAction((uint)random.Next(1, 65280), 0);
            case 3:
                uint[] reserved = [OfPorts.InPort, OfPorts.Normal, OfPorts.Flood, OfPorts.All, OfPorts.Local];
                return new OutputAction(reserved[random.Next(reserved.Length)], 0);
            case 4:
                return new OutputAction(OfPorts.Controller, (ushort)random.Next(0x10000));
            case 5:
                return new PushVlanAction(random.Next(2) == 0 ? (ushort)0x8100 : (ushort)0x88a8);
            case 6:
                return new PopVlanAction();
            case 7:
                return new PushMplsAction(random.Next(2) == 0 ? (ushort)0x8847 : (ushort)0x8848);
            case 8:
                return new PopMplsAction((ushort)random.Next(0x0600, 0x10000));
            case 9:
                return new SetQueueAction((uint)random.NextInt64(1L << 32));
            case 10:
                return new GroupAction((uint)random.NextInt64(GroupMod.MaxGroup));
            case 11:
                return random.Next(2) == 0 ? new SetNwTtlAction((byte)random.Next(256)) : new DecNwTtlAction();
            case 12:
                return random.Next(2) == 0 ? new SetMplsTtlAction((byte)random.Next(256)) : new DecMplsTtlAction();
            case 13:
                return SetField(random, asOvs);
            case 14:
                return SetField(random, asOvs);
            case 15:
                return random.Next(2) == 0 ? new CopyTtlInAction() : new CopyTtlOutAction();
            case 16:
                return random.Next(2) == 0 ? new PushPbbAction(0x88e7) : new PopPbbAction();
            default:
                return new ExperimenterAction((uint)random.Next(), [1, 2, 3, 4]);
        }
    }

    private static SetFieldAction SetField(Random random, bool asOvs)
    {
        while (true)
        {
            Field field = FieldTable.All[random.Next(FieldTable.StandardCount)];
            bool readOnly = !field.Settable
                || (asOvs && (field == FieldTable.EthType || field == FieldTable.IpProto || field == FieldTable.MplsBos || field == FieldTable.PbbIsid));
            if (readOnly)
            {
                continue;
            }

            UInt128 value = Number(random) & field.AllOnes;
            if (field == FieldTable.VlanVid)
            {
                value |= FlowKey.VlanPresent;
            }
            else if (field == FieldTable.ArpOp && asOvs)
            {
                value &= 0xff;
            }

            return new SetFieldAction(field, value);
        }
    }

    private static UInt128 Mask(Random random, Field field, bool asOvs)
    {
        // ovs-ofctl takes an IPv6 mask that starts with a digit for a prefix length
        if (field.Text == FieldText.Ipv6 && asOvs || (field.Text is FieldText.Ipv4 or FieldText.Ipv6 && random.Next(2) == 0))
        {
            return field.AllOnes << random.Next(field.Bits) & field.AllOnes;
        }

        UInt128 mask = Number(random) & field.AllOnes;
        return field == FieldTable.VlanVid ? mask | FlowKey.VlanPresent : mask;
    }

    private static UInt128 Number(Random random) => ((UInt128)(ulong)random.NextInt64() << 64) | (ulong)random.NextInt64();

    private static void AddPrerequisites(ref FlowKey mask, Prerequisite needs)
    {
        switch (needs)
        {
            case Prerequisite.None or Prerequisite.InPort:
                return;
            case Prerequisite.Vlan:
                mask.VlanTci = (ushort)(mask.VlanTci | FlowKey.VlanPresent);
                return;
        }

        mask.EthType = ushort.MaxValue;
        if (needs is Prerequisite.Tcp or Prerequisite.Udp or Prerequisite.Sctp or Prerequisite.Icmpv4 or Prerequisite.Icmpv6
            or Prerequisite.Nd or Prerequisite.NdSolicit or Prerequisite.NdAdvert)
        {
            mask.IpProto = byte.MaxValue;
        }

        if (needs is Prerequisite.Nd or Prerequisite.NdSolicit or Prerequisite.NdAdvert)
        {
            mask.TpSrc = 0xff;
        }
    }
}
