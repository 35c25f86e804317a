using System.Globalization;
using OvsBridge.Testing;

namespace OvsBridge.Benchmarks.Suites;

/// <summary>What the suites measure by.</summary>
internal static class Readings
{
    /// <summary>Packets that a host's interface has received.</summary>
    internal static long Received(Netns net, string host, string device = "eth0")
    {
        string text = "";
        Netns.Inside(net.NamespaceOf(host), () => text = File.ReadAllText("/proc/thread-self/net/dev"));
        string line = text.Split('\n').Single(l => l.TrimStart().StartsWith(device + ":", StringComparison.Ordinal));
        return long.Parse(line.Split(':')[1].Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
    }

    /// <summary>User and system time of a process, in hundredths of a second.</summary>
    internal static long CpuTicks(int processId)
    {
        string[] stat = File.ReadAllText($"/proc/{processId}/stat").Split(')')[^1].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return long.Parse(stat[11], CultureInfo.InvariantCulture) + long.Parse(stat[12], CultureInfo.InvariantCulture);
    }

    internal static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted[sorted.Length / 2];
    }
}
