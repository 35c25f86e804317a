using System.Globalization;
using OvsBridge.Datapath.Interop;

namespace OvsBridge.Host.Options;

/// <summary>What the process may do, and whether the kernel can do it.</summary>
internal static class Rights
{
    private const int NetAdmin = 12, NetRaw = 13, SysAdmin = 21, PerfMon = 38, Bpf = 39; // linux/capability.h
    private const int NoSuchSystemCall = -38; // -ENOSYS

    /// <summary>Checks that the tc datapath can be had.</summary>
    /// <exception cref="UsageException">Says which capabilities are missing, or that the kernel lacks BPF.</exception>
    public static void RequireEbpf()
    {
        ulong capabilities = Effective();
        List<string> missing = [];
        if (!Has(capabilities, NetAdmin))
            missing.Add("CAP_NET_ADMIN");
        if (!Has(capabilities, NetRaw))
            missing.Add("CAP_NET_RAW");
        // CAP_SYS_ADMIN includes what CAP_BPF and CAP_PERFMON (Linux 5.8) were split from.
        if (!Has(capabilities, SysAdmin))
        {
            if (!Has(capabilities, Bpf))
                missing.Add("CAP_BPF");
            if (!Has(capabilities, PerfMon))
                missing.Add("CAP_PERFMON");
        }

        if (missing.Count > 0)
            throw new UsageException($"missing rights: {string.Join(", ", missing)} (run as root, or use --datapath memory)");
        if (!HasBpf())
            throw new UsageException("this kernel has no BPF (the bpf system call does not exist); --datapath memory works without");
    }

    private static bool Has(ulong capabilities, int bit) => (capabilities >> bit & 1) != 0;

    /// <summary>CapEff of /proc/self/status.</summary>
    private static ulong Effective()
    {
        const string Field = "CapEff:";
        string line = File.ReadLines("/proc/self/status").First(line => line.StartsWith(Field, StringComparison.Ordinal));
        return ulong.Parse(line.AsSpan(Field.Length).Trim(), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
    }

    /// <summary>BPF_MAP_CREATE without attributes: refused, but by BPF itself.</summary>
    private static unsafe bool HasBpf() => LibC.Bpf(LibC.BpfMapCreate, null, 0) != NoSuchSystemCall;
}
