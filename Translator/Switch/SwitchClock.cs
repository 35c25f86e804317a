namespace OvsBridge.Translator.Switch;

/// <summary>CLOCK_MONOTONIC in nanoseconds, as the datapath stamps packets, by way of a <see cref="TimeProvider"/>.</summary>
internal static class SwitchClock
{
    private const long NsPerSecond = 1_000_000_000;

    /// <summary>Now. The system's provider counts CLOCK_MONOTONIC on Linux.</summary>
    public static long NowNs(this TimeProvider time)
    {
        long ticks = time.GetTimestamp();
        long perSecond = time.TimestampFrequency;
        return perSecond == NsPerSecond ? ticks : (long)((Int128)ticks * NsPerSecond / perSecond);
    }

    /// <summary>Nanoseconds of <paramref name="seconds"/>.</summary>
    public static long SecondsToNs(long seconds) => seconds * NsPerSecond;

    /// <summary>Age at <paramref name="nowNs"/> of what was made at <paramref name="createdNs"/>.</summary>
    public static ulong Age(long nowNs, long createdNs) => nowNs > createdNs ? (ulong)(nowNs - createdNs) : 0;
}
