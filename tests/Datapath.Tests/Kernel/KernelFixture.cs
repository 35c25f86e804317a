using OvsBridge.Datapath.Ebpf;

namespace OvsBridge.Datapath.Tests.Kernel;

/// <summary>What all tests with the kernel share.</summary>
internal static class KernelFixture
{
    /// <summary>Small tables, so that a test makes its datapath in milliseconds.</summary>
    public static EbpfDatapathOptions Small { get; } = new()
    {
        MaxFlows = 8192,
        UpcallRingBytes = 1 << 18,
        MaskSortInterval = TimeSpan.Zero,
    };

    /// <summary>Skips the test for who can't load programs.</summary>
    public static void NeedsRoot()
    {
        if (!Environment.IsPrivilegedProcess)
        {
            Assert.Ignore("needs root");
        }
    }
}
