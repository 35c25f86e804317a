using OvsBridge.Datapath.Interop;

namespace OvsBridge.Datapath.Ebpf;

/// <summary>
/// Waits until programs that may have seen an old state of the maps are over. Each CPU's program makes
/// <c>dp_stats.running</c> odd (with a full barrier) before it reads any table, and even when it is done: a CPU that is
/// even, or has moved on, after a barrier on this side can't be using what was unlinked before.
/// </summary>
/// <remarks>Any thread. Takes a microsecond when idle, and at most about as long as one packet takes.</remarks>
internal sealed class GracePeriod(MappedArray<DpStats> stats)
{
    /// <summary>Waits.</summary>
    public void Wait()
    {
        Interlocked.MemoryBarrier();
        for (int cpu = 0; cpu < stats.Length; cpu++)
        {
            ref ulong running = ref stats[cpu].Running;
            ulong turn = Volatile.Read(ref running);
            if (turn % 2 == 0)
            {
                continue;
            }

            SpinWait spin = default;
            while (Volatile.Read(ref running) == turn)
            {
                spin.SpinOnce(sleep1Threshold: -1);
            }
        }

        Interlocked.MemoryBarrier();
    }
}
