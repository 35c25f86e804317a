using OvsBridge.OpenFlow.Endpoint;
using OvsBridge.Translator.Tables;

namespace OvsBridge.Translator.Switch;

/// <summary>What the switch does while no controller is there.</summary>
/// <remarks>
/// As Open vSwitch: without configured controllers a standalone switch always forwards what no flow takes. With some, it takes over
/// when none of them has been heard of for <see cref="OfSwitchOptions.TakeoverDelay"/>, be it since the start, since they fell
/// silent or since they left, and stops when one is connected.
/// </remarks>
public sealed partial class OfSwitch
{
    private readonly ITimer _takeover;
    private FailMode _failMode;
    private bool _controllersConfigured;
    private long _aloneSinceNs;

    /// <summary>Changes what the switch does while no controller is there, and whether it is told to connect to any.</summary>
    public void SetFailMode(FailMode mode, bool controllersConfigured)
    {
        lock (_gate)
        {
            _failMode = mode;
            _controllersConfigured = controllersConfigured;
            UpdateStandalone();
        }
    }

    private StandaloneMode WantedStandalone()
    {
        if (_failMode != FailMode.Standalone || _controllers.ConnectedCount > 0)
            return StandaloneMode.Off;
        if (!_controllersConfigured)
            return StandaloneMode.OnMiss;
        return TakeoverDue() <= TimeSpan.Zero ? StandaloneMode.Always : StandaloneMode.Off;
    }

    private TimeSpan TakeoverDue() => _options.TakeoverDelay - TimeSpan.FromTicks((_time.NowNs() - _aloneSinceNs) / TimeSpan.NanosecondsPerTick);

    /// <summary>A connection has gone, maybe the last controller. Under the lock.</summary>
    private void NoteLost(IOfConnection connection)
    {
        if (connection.Kind == OfConnectionKind.Primary && _controllers.ConnectedCount == 0 && connection.Main is null)
            _aloneSinceNs = _time.NowNs() - (long)connection.Silence.TotalNanoseconds;
    }

    /// <summary>Under the lock, but in the constructor.</summary>
    private void ArmTakeover()
    {
        bool waiting = _failMode == FailMode.Standalone && _controllersConfigured && _controllers.ConnectedCount == 0
            && State.Snapshot.Standalone != StandaloneMode.Always;
        TimeSpan due = TakeoverDue();
        _takeover.Change(waiting ? (due > TimeSpan.Zero ? due : TimeSpan.Zero) : Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>On the timer's thread.</summary>
    private void TakeOver()
    {
        lock (_gate)
            UpdateStandalone();
    }

    private void UpdateStandalone()
    {
        StandaloneMode wanted = WantedStandalone();
        if (wanted != State.Snapshot.Standalone)
        {
            PipelineEdit edit = new(State);
            edit.Snapshot = edit.Snapshot with { Standalone = wanted };
            Commit(edit);
        }

        ArmTakeover();
    }
}
