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
    /// The bucket for a packet of a flow, in proportion to the weights; -1 when none is live.
    /// </summary>
    /// <remarks>
    /// Weighted rendezvous hashing: each bucket draws a number from the flow's hash and its own place, and the highest of
    /// ln(u)/weight wins. A bucket that dies or comes moves only the flows that it had or gets.
    /// </remarks>
    internal static int ByHash(TrackedSwitch state, Group group, ulong hash)
    {
        int best = -1;
        double highest = double.NegativeInfinity;
        for (int i = 0; i < group.Buckets.Count; i++)
        {
            Bucket bucket = group.Buckets[i];
            if (bucket.Weight == 0 || !IsLive(state, bucket))
            {
                continue;
            }

            ulong drawn = KeyHash.Finish(KeyHash.Add(KeyHash.Add(hash, (ulong)i + 1), group.GroupId));
            double score = Math.Log(((drawn >> 11) + 0.5) * (1.0 / (1ul << 53))) / bucket.Weight;
            if (score > highest)
            {
                highest = score;
                best = i;
            }
        }

        return best;
    }

    /// <summary>
    /// A hash of the packet's flow, the same both ways: addresses and ports of IP packets, else MAC addresses and VLAN. The
    /// ports of fragments are left out, so that all fragments of a packet go one way.
    /// </summary>
    internal static ulong Hash(TrackedFlow flow)
    {
        ushort type = flow.EthType;
        ulong hash = KeyHash.Add(0, type);
        ulong source, destination;
        bool v4 = type == EtherTypes.Ipv4;
        if (v4 || type == EtherTypes.Ipv6)
        {
            source = Fold(flow.Read(v4 ? FieldTable.Ipv4Src : FieldTable.Ipv6Src));
            destination = Fold(flow.Read(v4 ? FieldTable.Ipv4Dst : FieldTable.Ipv6Dst));
            byte protocol = flow.IpProto;
            hash = KeyHash.Add(hash, protocol);
            if (protocol is IpProtocols.Tcp or IpProtocols.Udp or IpProtocols.Sctp && !flow.IsFragment)
            {
                source = KeyHash.Add(source, (ulong)flow.Read(FieldTable.TcpSrc));
                destination = KeyHash.Add(destination, (ulong)flow.Read(FieldTable.TcpDst));
            }
        }
        else
        {
            source = Fold(flow.Read(FieldTable.EthSrc));
            destination = Fold(flow.Read(FieldTable.EthDst));
            hash = KeyHash.Add(hash, flow.VlanVid);
        }

        return KeyHash.Add(hash, source + destination);
    }

    private static ulong Fold(UInt128 value) => KeyHash.Add((ulong)(value >> 64), (ulong)value);

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
