namespace OvsBridge.Testing;

/// <summary>
/// Time that stands still until the test moves it. Timers that come due run inside <see cref="Advance"/>, on its thread.
/// Timestamps are nanoseconds. Thread-safe.
/// </summary>
public sealed class ManualTime : TimeProvider
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(10);
    private static readonly DateTimeOffset _epoch = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly object _lock = new();
    private readonly List<ManualTimer> _timers = [];
    private TimeSpan _now = TimeSpan.FromHours(1);

    /// <inheritdoc/>
    public override long TimestampFrequency => 1_000_000_000;

    /// <inheritdoc/>
    public override long GetTimestamp()
    {
        lock (_lock)
        {
            return _now.Ticks * 100;
        }
    }

    /// <inheritdoc/>
    public override DateTimeOffset GetUtcNow()
    {
        lock (_lock)
        {
            return _epoch + _now;
        }
    }

    /// <inheritdoc/>
    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new ManualTimer(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    /// <summary>Moves time on, and runs what comes due on the way, in order.</summary>
    public void Advance(TimeSpan by)
    {
        TimeSpan end;
        lock (_lock)
        {
            end = _now + by;
        }

        while (true)
        {
            ManualTimer? timer;
            lock (_lock)
            {
                timer = _timers.Where(timer => timer.Due <= end).MinBy(timer => timer.Due);
                _now = timer is null ? end : timer.Due > _now ? timer.Due : _now;
                timer?.Rearm();
            }

            if (timer is null)
                return;
            timer.Run();
        }
    }

    /// <summary>Waits (in real time, not for ever) until some timer is due in exactly <paramref name="due"/>.</summary>
    /// <exception cref="TimeoutException">None came.</exception>
    public void WaitForTimer(TimeSpan due)
    {
        long start = System.GetTimestamp();
        lock (_lock)
        {
            while (!_timers.Exists(timer => timer.Due - _now == due))
            {
                TimeSpan left = _patience - System.GetElapsedTime(start);
                if (left <= TimeSpan.Zero || !Monitor.Wait(_lock, left))
                {
                    throw new TimeoutException(
                        $"no timer is due in {due}, but in [{string.Join(", ", _timers.Select(timer => timer.Due - _now))}]");
                }
            }
        }
    }

    private sealed class ManualTimer(ManualTime time, TimerCallback callback, object? state) : ITimer
    {
        private TimeSpan _period;

        public TimeSpan Due { get; private set; }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (time._lock)
            {
                time._timers.Remove(this);
                _period = period;
                if (dueTime != Timeout.InfiniteTimeSpan)
                {
                    Due = time._now + dueTime;
                    time._timers.Add(this);
                }

                Monitor.PulseAll(time._lock);
            }

            return true;
        }

        public void Rearm()
        {
            time._timers.Remove(this);
            if (_period > TimeSpan.Zero)
            {
                Due += _period;
                time._timers.Add(this);
            }
        }

        public void Run() => callback(state);

        public void Dispose() => Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
