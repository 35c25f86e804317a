using OvsBridge.Datapath.Interop;

namespace OvsBridge.Datapath;

/// <summary>
/// A token bucket as one 64-bit word: the time at which it is full again (virtual scheduling; bpf/abi.h, struct meter_band). The
/// same arithmetic as bpf/meter.bpf.h, on the same memory.
/// </summary>
internal static class TokenBucket
{
    private const ulong NsPerSecond = 1_000_000_000;
    private const ulong BytesPerKilobit = 125;

    /// <summary>Longest burst: more would be half of what a difference of times can say.</summary>
    private const ulong MaxBurst = 1ul << 61;

    /// <summary>The cost of a packet, or of a byte, at a rate of packets or kilobits a second, in 2^-20 ns.</summary>
    public static ulong UnitCost(uint rate, bool packets)
    {
        UInt128 perSecond = packets ? rate : (UInt128)rate * BytesPerKilobit;
        return (ulong)((((UInt128)NsPerSecond << Abi.MeterCostShift) + (perSecond / 2)) / perSecond);
    }

    /// <summary>The time in which a bucket of <paramref name="burst"/> fills at <paramref name="rate"/>, in 2^-6 ns; 0: a second.</summary>
    public static ulong BurstTime(uint rate, uint burst)
    {
        UInt128 time = burst == 0 ? NsPerSecond << Abi.MeterTimeShift : ((UInt128)burst * NsPerSecond << Abi.MeterTimeShift) / rate;
        return (ulong)UInt128.Min(time, MaxBurst);
    }

    /// <summary>Cost of a packet and burst, in 2^-6 ns, of what a port may send up: <see cref="DpPort.UpcallRate"/>; no limit: 0.</summary>
    public static (ulong Cost, ulong Burst) OfUpcalls(DpPort port) => port.UpcallRate == 0
        ? default
        : (UnitCost(port.UpcallRate, packets: true) >> (Abi.MeterCostShift - Abi.MeterTimeShift),
            BurstTime(port.UpcallRate, port.UpcallBurst != 0 ? port.UpcallBurst : Math.Max(1, port.UpcallRate / 4)));

    /// <summary>Takes the tokens for a packet if they are there, or if the bucket is full.</summary>
    /// <param name="fullAt">The bucket.</param>
    /// <param name="now">The time in 2^-6 ns; may wrap.</param>
    /// <param name="cost">The packet's, in 2^-6 ns.</param>
    /// <param name="burst">The bucket's size, in 2^-6 ns.</param>
    public static bool TryTake(ref ulong fullAt, ulong now, ulong cost, ulong burst)
    {
        while (true)
        {
            ulong before = Volatile.Read(ref fullAt);
            ulong from = (long)(before - now) < 0 ? now : before;
            if (from - now + Math.Min(cost, burst) > burst)
            {
                return false;
            }

            if (Interlocked.CompareExchange(ref fullAt, from + cost, before) == before)
            {
                return true;
            }
        }
    }
}
