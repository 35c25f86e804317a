using OvsBridge.Datapath;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.Translator.Classifier;
using OvsBridge.Translator.Tables;

namespace OvsBridge.Translator.Xlate;

/// <summary>Which bucket of a group a packet takes, and which buckets are live.</summary>
internal static class GroupSelect
{
    /// <summary>How far watch_group chains are followed.</summary>
    private const int MaxDepth = 64;

    /// <summary>
    /// Whether a port is live: there, not switched off, with link. This is what watch_port watches.
    /// </summary>
    internal static bool IsLive(TrackedSwitch state, uint port) =>
        state.Port(port) is { } found
        && (found.Description.Config & PortConfig.PortDown) == 0
        && (found.Description.State & (PortState.LinkDown | PortState.Blocked)) == 0;

    /// <summary>Whether a bucket is live: it watches nothing, or one of what it watches is live.</summary>
    internal static bool IsLive(TrackedSwitch state, Bucket bucket, int depth = 0)
    {
        bool watchesPort = bucket.WatchPort != OfPorts.Any, watchesGroup = bucket.WatchGroup != GroupMod.AnyGroup;
        return (!watchesPort && !watchesGroup)
            || (watchesPort && IsLive(state, bucket.WatchPort))
            || (watchesGroup && depth < MaxDepth
                && state.Group(bucket.WatchGroup) is { } group
                && HasLiveBucket(state, group, depth + 1));
    }

    /// <summary>The first live bucket, or -1 (fast failover).</summary>
    internal static int FirstLive(TrackedSwitch state, Group group)
    {
        for (int i = 0; i < group.Buckets.Count; i++)
        {
            if (IsLive(state, group.Buckets[i]))
            {
                return i;
            }
        }

        return -1;
    }

    /// <summary>
    /// The places that a select group's live buckets share: a packet's place is the low bits of its flow's hash
    /// (<see cref="FlowHash"/>, with the group's number as the seed), and each bucket has places in proportion to its weight.
    /// Null when no bucket is live.
    /// </summary>
    internal static SelectPlaces? Places(TrackedSwitch state, Group group)
    {
        ulong[] live = new ulong[(group.Buckets.Count + 63) / 64];
        bool any = false;
        for (int i = 0; i < group.Buckets.Count; i++)
        {
            if (group.Buckets[i].Weight != 0 && IsLive(state, group.Buckets[i]))
            {
                live[i / 64] |= 1ul << (i % 64);
                any = true;
            }
        }

        return any ? SelectPlaces.Of(group, live) : null;
    }

    /// <summary>The hash of the packet's flow, by reading all that it is made of; for where the datapath can't compute it.</summary>
    internal static uint Hash(TrackedFlow flow, Group group)
    {
        ushort type = flow.EthType;
        FlowKey key = new() { EthType = type, EthSrc = (ulong)flow.Read(FieldTable.EthSrc), EthDst = (ulong)flow.Read(FieldTable.EthDst) };
        switch (type)
        {
            case EtherTypes.Ipv4:
                key.Ipv4Src = (uint)flow.Read(FieldTable.Ipv4Src);
                key.Ipv4Dst = (uint)flow.Read(FieldTable.Ipv4Dst);
                break;
            case EtherTypes.Ipv6:
                key.Ipv6Src = flow.Read(FieldTable.Ipv6Src);
                key.Ipv6Dst = flow.Read(FieldTable.Ipv6Dst);
                break;
            case EtherTypes.Arp or EtherTypes.Rarp:
                key.Ipv4Src = (uint)flow.Read(FieldTable.ArpSpa);
                key.Ipv4Dst = (uint)flow.Read(FieldTable.ArpTpa);
                break;
        }

        if (type is EtherTypes.Ipv4 or EtherTypes.Ipv6)
        {
            key.IpProto = flow.IpProto;
            if (!flow.IsFragment)
            {
                key.TpSrc = (ushort)flow.Read(FieldTable.TcpSrc);
                key.TpDst = (ushort)flow.Read(FieldTable.TcpDst);
            }
        }

        return FlowHash.Compute(group.GroupId, key);
    }

    private static bool HasLiveBucket(TrackedSwitch state, Group group, int depth)
    {
        foreach (Bucket bucket in group.Buckets)
        {
            if (IsLive(state, bucket, depth))
            {
                return true;
            }
        }

        return false;
    }
}
