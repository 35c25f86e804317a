using System.Diagnostics;
using OvsBridge.Translator.Switch;
using OvsBridge.Translator.Tables;
using OvsBridge.Translator.Xlate;

namespace OvsBridge.Translator.Upcalls;

/// <summary>
/// Keeps the installed megaflows equal to the pipeline: on a change at once, and every half second for what changes by
/// itself (idle megaflows, MAC ages, counters).
/// </summary>
/// <remarks>
/// <see cref="CatchUp"/> and the rounds of the thread exclude one another; whoever comes second finds the work done. The limit
/// of megaflows shrinks when a round takes too long, and grows again (as in Open vSwitch, so that counters and idle
/// time-outs stay timely).
/// </remarks>
internal sealed class Revalidator : IDisposable
{
    internal static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);
    internal static readonly TimeSpan IdleLimit = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Rest = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LongRound = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan IdleLimitWhenFull = TimeSpan.FromMilliseconds(100);
    private const int LeastLimit = 1_000;

    private readonly ForwardingContext _context;
    private readonly Ukeys _ukeys;
    private readonly Xlator _xlator;
    private readonly Lock _round = new();
    private readonly AutoResetEvent _wake = new(false);
    private readonly ManualResetEventSlim _stopped = new(false);
    private readonly int _maxFlows;
    private Thread? _thread;
    private PipelineSnapshot? _portsKnown;

    internal Revalidator(ForwardingContext context, Ukeys ukeys, int maxFlows)
    {
        _context = context;
        _ukeys = ukeys;
        _maxFlows = maxFlows;
        ukeys.Limit = maxFlows;
        _xlator = new Xlator(context.Environment);
    }

    /// <summary>How long the last periodic round took.</summary>
    internal TimeSpan LastRound { get; private set; }

    /// <summary>Starts the thread.</summary>
    internal void Start()
    {
        _thread = new Thread(Run) { IsBackground = true, Name = "revalidator" };
        _thread.Start();
    }

    /// <summary>There is a new snapshot, or an address was learned or moved.</summary>
    internal void Wake() => _wake.Set();

    /// <summary>
    /// Returns once no megaflow is older than the newest snapshot, and what was learned, at the time of the call. Costs what the
    /// changes since the last time concern.
    /// </summary>
    internal void CatchUp()
    {
        lock (_round)
        {
            if (_ukeys.SweepDue || !_ukeys.IsRightFor(_context.Snapshot))
            {
                Correct();
            }
        }
    }

    /// <summary>A periodic round: also counters, idle megaflows, MAC ages.</summary>
    internal void Round()
    {
        lock (_round)
        {
            long start = Stopwatch.GetTimestamp();
            _context.Counters.Count(ForwardingCounter.RevalidatorRound);
            _context.Environment.Macs.Age(_context.Time.NowNs());
            bool full = _ukeys.Count >= _ukeys.Limit;
            Correct();
            _ukeys.RemoveIdle((long)(full ? IdleLimitWhenFull : IdleLimit).TotalNanoseconds);
            KeepReferences();
            _ukeys.TrimSpare();
            LastRound = Stopwatch.GetElapsedTime(start);
            Adapt();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _stopped.Set();
        _wake.Set();
        _thread?.Join();

        // The events stay usable: an upcall or a request that is still under way may wake nobody, but must not fail.
    }

    private void Run()
    {
        long last = Stopwatch.GetTimestamp();
        while (!_stopped.IsSet)
        {
            TimeSpan rest = Interval - Stopwatch.GetElapsedTime(last);
            bool woken = rest > TimeSpan.Zero && _wake.WaitOne(rest);
            if (_stopped.IsSet)
            {
                return;
            }

            try
            {
                if (woken)
                {
                    CatchUp();
                    _stopped.Wait(Rest); // a storm of new addresses is not to keep a processor busy with sweeps
                }
                else
                {
                    last = Stopwatch.GetTimestamp();
                    Round();
                }
            }
            catch (Exception e)
            {
                _context.Counters.Count(ForwardingCounter.Fault);
                _context.Counters.LastFault = e;
            }
        }
    }

    private void Correct()
    {
        PipelineSnapshot snapshot = _context.Snapshot;
        ForgetVanishedPorts(snapshot);
        if (_ukeys.Correct(snapshot, _xlator))
        {
            _context.Datapath.Synchronize(); // packets in the middle of a program that was replaced
        }

        if (_ukeys.TakeSweepResult() is { } sweep)
        {
            _context.Swept?.Invoke(sweep);
        }
    }

    private void ForgetVanishedPorts(PipelineSnapshot snapshot)
    {
        if (_portsKnown is { } before && before.Ports != snapshot.Ports)
        {
            foreach (uint port in before.Ports.Keys.Where(port => !snapshot.Ports.ContainsKey(port)))
            {
                _context.Environment.Macs.FlushPort(port);
            }
        }

        _portsKnown = snapshot;
    }

    /// <summary>Packet_in records and continuations of installed megaflows stay; the rest is forgotten after some rounds.</summary>
    private void KeepReferences()
    {
        object[] live = _ukeys.References();
        _context.Environment.PacketIns.Sweep(live.OfType<PacketInRecord>());
        _context.Environment.Continuations.Sweep(live.OfType<Continuation>());
    }

    private void Adapt() => _ukeys.Limit = LastRound > LongRound
        ? Math.Max(LeastLimit, _ukeys.Limit * 3 / 4)
        : Math.Min(_maxFlows, _ukeys.Limit + LeastLimit);
}
