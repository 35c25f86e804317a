using Microsoft.Extensions.Logging;
using OvsBridge.Datapath;
using OvsBridge.Translator.Upcalls;

namespace OvsBridge.Host;

/// <summary>
/// Looks at the forwarding side's counters once in a while: logs what someone should know (the packet path itself never logs), and
/// keeps the rates of coverage/show and the averages of upcall/show.
/// </summary>
/// <remarks>Readers may be on any thread.</remarks>
internal sealed partial class ForwardingWatch : IDisposable
{
    /// <summary>Time between two looks.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    private const int SamplesInMinute = 12, SamplesInHour = 720;

    private readonly Forwarding _forwarding;
    private readonly IDatapath _datapath;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Lock _lock = new();
    private readonly LinkedList<long[]> _samples = new();
    private readonly string[] _names;
    private ITimer? _timer;
    private long _faults, _givenUp;
    private ulong _lost;
    private readonly Dictionary<uint, ulong> _limited = [];

    /// <summary>Makes it; <see cref="Start"/> begins.</summary>
    public ForwardingWatch(Forwarding forwarding, IDatapath datapath, TimeProvider time, ILogger logger)
    {
        _forwarding = forwarding;
        _datapath = datapath;
        _time = time;
        _logger = logger;
        _names = [.. Read().Select(counter => counter.Name)];
        _samples.AddFirst(new long[_names.Length]);
    }

    /// <summary>Average number of megaflows, of late.</summary>
    public double AverageMegaflows { get; private set; }

    /// <summary>Most megaflows that a look has seen.</summary>
    public int MostMegaflows { get; private set; }

    /// <summary>Begins to look. What a former process has counted is not told again.</summary>
    public void Start()
    {
        _lost = _datapath.ReadDatapathStats().Lost;
        foreach (DpPort port in _datapath.Ports)
            _limited[port.Number] = Limited(port);
        _timer = _time.CreateTimer(_ => Look(), null, Interval, Interval);
    }

    /// <summary>The counters with their rates: a second in the last five seconds, in the last minute, in the last hour.</summary>
    public IReadOnlyList<(string Name, long Total, double Recent, double Minute, double Hour)> Coverage()
    {
        long[] now = [.. Read().Select(counter => counter.Value)];
        lock (_lock)
        {
            return [.. _names.Select((name, i) => (name, now[i], Rate(i, 1), Rate(i, SamplesInMinute), Rate(i, SamplesInHour)))];
        }

        double Rate(int index, int samples)
        {
            LinkedListNode<long[]> newest = _samples.First!, oldest = newest;
            for (int i = 0; i < samples && oldest.Next is not null; i++)
                oldest = oldest.Next;
            // As Open vSwitch: averaged over the whole span, also while the daemon is younger.
            return (newest.Value[index] - oldest.Value[index]) / (samples * Interval.TotalSeconds);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _timer?.Dispose();

    private void Look()
    {
        long[] now = [.. Read().Select(counter => counter.Value)];
        lock (_lock)
        {
            _samples.AddFirst(now);
            if (_samples.Count > SamplesInHour + 1)
                _samples.RemoveLast();
        }

        int flows = _forwarding.MegaflowCount;
        AverageMegaflows += (flows - AverageMegaflows) / 8;
        MostMegaflows = Math.Max(MostMegaflows, flows);

        ForwardingCounters counters = _forwarding.Counters;
        long faults = counters[ForwardingCounter.Fault], givenUp = counters[ForwardingCounter.GivenUp];
        ulong lost = _datapath.ReadDatapathStats().Lost;
        if (faults > _faults)
            LogFault(counters.LastFault, faults - _faults);
        if (givenUp > _givenUp)
            LogGivenUp(givenUp - _givenUp, counters.LastError);
        if (lost > _lost)
            LogLost(lost - _lost);
        (_faults, _givenUp, _lost) = (faults, givenUp, lost);
        foreach (DpPort port in _datapath.Ports)
        {
            ulong limited = Limited(port), before = _limited.GetValueOrDefault(port.Number);
            _limited[port.Number] = limited;
            if (limited > before)
                LogLimited(port.Name, limited - before, port.UpcallRate);
        }
    }

    private ulong Limited(DpPort port) => _datapath.ReadPortStats(port.Number)?.Drops[(int)DropReason.UpcallLimit] ?? 0;

    private IEnumerable<(string Name, long Value)> Read()
    {
        DatapathStats stats = _datapath.ReadDatapathStats();
        yield return ("datapath_rx", (long)stats.Rx);
        yield return ("datapath_hit", (long)stats.Hit);
        yield return ("datapath_missed", (long)stats.Miss);
        yield return ("datapath_tx", (long)stats.Tx);
        yield return ("datapath_upcall", (long)stats.Upcalls);
        yield return ("datapath_upcall_lost", (long)stats.Lost);
        yield return ("datapath_recirculated", (long)stats.Recirculated);
        for (int i = 1; i < stats.Drops.Count; i++)
            yield return ("drop_" + Snake(((DropReason)i).ToString()), (long)stats.Drops[i]);
        for (ForwardingCounter counter = 0; counter < ForwardingCounter.Number; counter++)
            yield return ("upcall_" + Snake(counter.ToString()), _forwarding.Counters[counter]);
        yield return ("megaflow_refused", _forwarding.MegaflowsRefused);
    }

    private static string Snake(string name) => Logging.LogControl.ModuleName(name);

    [LoggerMessage(Level = LogLevel.Error, Message = "{count} packets were lost by a fault of this program; the last:")]
    private partial void LogFault(Exception? exception, long count);

    [LoggerMessage(Level = LogLevel.Warning, Message = "the translation of {count} packets was given up; the last: {reason}")]
    private partial void LogGivenUp(long count, string? reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "port {name}: {count} packets for user space were dropped, beyond its {rate} a second (--upcall-rate)")]
    private partial void LogLimited(string name, ulong count, uint rate);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{count} packets were lost on their way to user space: it does not keep up")]
    private partial void LogLost(ulong count);
}
