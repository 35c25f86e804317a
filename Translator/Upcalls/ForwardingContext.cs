using OvsBridge.Datapath;
using OvsBridge.Translator.Switch;
using OvsBridge.Translator.Tables;
using OvsBridge.Translator.Xlate;

namespace OvsBridge.Translator.Upcalls;

/// <summary>What the parts of the forwarding side share. Any thread.</summary>
internal sealed class ForwardingContext
{
    private PipelineSnapshot? _snapshot;

    internal required IDatapath Datapath { get; init; }

    internal required XlateEnvironment Environment { get; init; }

    internal required TimeProvider Time { get; init; }

    /// <summary>Where packets for controllers go.</summary>
    internal IPacketInSink PacketIns { get; set; } = NobodyListens.Instance;

    internal ForwardingCounters Counters { get; } = new();

    /// <summary>Told what became of a former process's megaflows.</summary>
    internal Action<SweepResult>? Swept { get; set; }

    /// <summary>The newest pipeline.</summary>
    internal PipelineSnapshot Snapshot
    {
        get => Volatile.Read(ref _snapshot) ?? throw new InvalidOperationException("no pipeline was published yet");
        set => Volatile.Write(ref _snapshot, value);
    }

    private sealed class NobodyListens : IPacketInSink
    {
        internal static readonly NobodyListens Instance = new();

        public void OnPacketIn(PacketInEvent packet)
        {
            // A switch that is being put together: its controllers come later.
        }
    }
}

/// <summary>What the forwarding side counts, for coverage/show.</summary>
public enum ForwardingCounter
{
    /// <summary>Packets that no megaflow matched.</summary>
    Miss,

    /// <summary>Packets of megaflows that user space has to execute.</summary>
    SlowPath,

    /// <summary>Packets handed to the controllers' side.</summary>
    ToControllers,

    /// <summary>packet_outs.</summary>
    PacketOut,

    /// <summary>Frames without an Ethernet header.</summary>
    TooShort,

    /// <summary>Packets that came back to user space too often.</summary>
    TooDeep,

    /// <summary>Upcalls of a kind that this program does not know.</summary>
    UnknownUpcall,

    /// <summary>Upcalls whose record was forgotten since their megaflow went.</summary>
    Forgotten,

    /// <summary>Packets whose translation was given up (a loop, too many steps).</summary>
    GivenUp,

    /// <summary>Upcalls that failed by a fault of this program.</summary>
    Fault,

    /// <summary>Rounds of the revalidator.</summary>
    RevalidatorRound,

    /// <summary>Number of counters.</summary>
    Number,
}

/// <summary>The counters. Any thread.</summary>
public sealed class ForwardingCounters
{
    private readonly long[] _counts = new long[(int)ForwardingCounter.Number];

    /// <summary>Why a translation was last given up.</summary>
    public string? LastError { get; set; }

    /// <summary>The last exception of an upcall.</summary>
    public Exception? LastFault { get; set; }

    /// <summary>A counter's value.</summary>
    public long this[ForwardingCounter counter] => Interlocked.Read(ref _counts[(int)counter]);

    internal void Count(ForwardingCounter counter) => Interlocked.Increment(ref _counts[(int)counter]);
}
