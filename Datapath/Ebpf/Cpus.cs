using System.Globalization;
using OvsBridge.Datapath.Interop;

namespace OvsBridge.Datapath.Ebpf;

/// <summary>
/// The machine's CPUs. Maps that every CPU must find itself in have room for all possible ones (there may be hundreds in a
/// virtual machine that has four); large ones have it for those that are online.
/// </summary>
internal static class Cpus
{
    /// <summary>How many there may ever be; numbers are below that.</summary>
    public static int Possible { get; } = Count();

    /// <summary>How many have slots of their own in large maps of counters: those below the highest that is online now, and it.</summary>
    public static int WithStats => Online().Max() + 1;

    /// <summary>Those that are online now.</summary>
    public static IReadOnlyList<int> Online() => Parse(File.ReadAllText("/sys/devices/system/cpu/online"));

    private static int Count()
    {
        int count = LibBpf.PossibleCpus();
        return count > 0 ? count : throw Errno.Failed("counting CPUs", -count);
    }

    /// <summary>A kernel's list, "0-3,6".</summary>
    internal static IReadOnlyList<int> Parse(string list)
    {
        List<int> cpus = [];
        foreach (string range in list.Trim().Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] ends = range.Split('-');
            int first = int.Parse(ends[0], CultureInfo.InvariantCulture);
            int last = int.Parse(ends[^1], CultureInfo.InvariantCulture);
            cpus.AddRange(Enumerable.Range(first, last - first + 1));
        }

        return cpus;
    }
}
