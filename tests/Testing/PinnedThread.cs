using System.Runtime.InteropServices;

namespace OvsBridge.Testing;

/// <summary>Keeps the calling thread on a CPU, that where it is if none is named, until it is disposed; both on the same thread.</summary>
internal sealed partial class PinnedThread : IDisposable
{
    private readonly ulong[] _before = new ulong[16]; // 1,024 CPUs

    internal PinnedThread(int? wanted = null)
    {
        nuint size = (nuint)Buffer.ByteLength(_before);
        Check(sched_getaffinity(0, size, _before));
        int cpu = wanted ?? sched_getcpu();
        ulong[] here = new ulong[_before.Length];
        here[cpu / 64] = 1ul << (cpu % 64);
        Check(sched_setaffinity(0, size, here));
    }

    public void Dispose() => Check(sched_setaffinity(0, (nuint)Buffer.ByteLength(_before), _before));

    private static void Check(int result)
    {
        if (result < 0)
        {
            throw new InvalidOperationException($"errno {Marshal.GetLastPInvokeError()}");
        }
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int sched_getaffinity(int pid, nuint size, [Out] ulong[] mask);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int sched_setaffinity(int pid, nuint size, [In] ulong[] mask);

    [LibraryImport("libc")]
    private static partial int sched_getcpu();
}
