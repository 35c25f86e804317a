using OvsBridge.OpenFlow;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Messages;

namespace OvsBridge.Translator.Tables;

/// <summary>A flow entry. Immutable but for <see cref="Stats"/>, so that snapshots can share it.</summary>
public sealed class Rule
{
    /// <summary>Its table.</summary>
    public required byte TableId { get; init; }

    /// <summary>Higher wins.</summary>
    public required ushort Priority { get; init; }

    /// <summary>What it matches.</summary>
    public required Match Match { get; init; }

    /// <summary>What it does, as sent.</summary>
    public required ValueList<OfInstruction> Instructions { get; init; }

    /// <summary>Opaque to the switch.</summary>
    public ulong Cookie { get; init; }

    /// <summary>Flags of the flow_mod.</summary>
    public FlowModFlags Flags { get; init; }

    /// <summary>Seconds without a packet until it goes; 0: never.</summary>
    public ushort IdleTimeoutSeconds { get; init; }

    /// <summary>Seconds until it goes; 0: never.</summary>
    public ushort HardTimeoutSeconds { get; init; }

    /// <summary>
    /// When the flow entry was made, CLOCK_MONOTONIC nanoseconds: duration and time-outs count from here. Younger than its
    /// counters when the entry replaced one whose counters it took over.
    /// </summary>
    public long CreatedNs { get; init; }

    /// <summary>When it was made or last modified, CLOCK_MONOTONIC nanoseconds; 0: when it was made.</summary>
    public long ModifiedNs { get; init; }

    /// <summary>Counters; a modified or replaced flow entry that keeps its counters hands the same object on.</summary>
    public required RuleStats Stats { get; init; }
}

/// <summary>The counters of a flow entry. Any thread may add and read.</summary>
public sealed class RuleStats
{
    private long _packets;
    private long _bytes;
    private long _usedNs;

    /// <summary>Starts at <paramref name="createdNs"/> (CLOCK_MONOTONIC).</summary>
    public RuleStats(long createdNs) => CreatedNs = createdNs;

    /// <summary>When counting began, CLOCK_MONOTONIC nanoseconds.</summary>
    public long CreatedNs { get; }

    /// <summary>Packets.</summary>
    public ulong Packets => (ulong)Interlocked.Read(ref _packets);

    /// <summary>Bytes.</summary>
    public ulong Bytes => (ulong)Interlocked.Read(ref _bytes);

    /// <summary>When the last packet came, CLOCK_MONOTONIC nanoseconds; 0: never.</summary>
    public long UsedNs => Interlocked.Read(ref _usedNs);

    /// <summary>Counts packets whose last came at <paramref name="usedNs"/>.</summary>
    public void Add(ulong packets, ulong bytes, long usedNs)
    {
        Interlocked.Add(ref _packets, (long)packets);
        Interlocked.Add(ref _bytes, (long)bytes);
        long seen = Interlocked.Read(ref _usedNs);
        while (usedNs > seen)
        {
            long before = Interlocked.CompareExchange(ref _usedNs, usedNs, seen);
            if (before == seen)
            {
                break;
            }

            seen = before;
        }
    }

    /// <summary>Back to zero (OFPFF_RESET_COUNTS).</summary>
    public void Reset()
    {
        Interlocked.Exchange(ref _packets, 0);
        Interlocked.Exchange(ref _bytes, 0);
    }
}
