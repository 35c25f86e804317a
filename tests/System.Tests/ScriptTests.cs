using System.Diagnostics;
using OvsBridge.Testing;

namespace OvsBridge.SystemTests;

/// <summary>The demo and the samples, with the program that was just built.</summary>
[TestFixture]
[Category("Topology")]
[NonParallelizable]
public sealed class ScriptTests
{
    [SetUp]
    public void NeedRoot()
    {
        if (!Environment.IsPrivilegedProcess)
        {
            Assert.Ignore("needs root");
        }
    }

    [CancelAfter(120_000)]
    [TestCase("scripts/demo.sh")]
    [TestCase("samples/two-hosts/run.sh")]
    [TestCase("samples/firewall/run.sh")]
    public async Task Script_passes_and_leaves_nothing_behind(string script, CancellationToken cancel)
    {
        using Process process = Start(script);
        Task<string> errors = process.StandardError.ReadToEndAsync(cancel);
        string output = await process.StandardOutput.ReadToEndAsync(cancel);
        await process.WaitForExitAsync(cancel);

        await TestContext.Out.WriteLineAsync(output);
        Assert.That(process.ExitCode, Is.Zero, await errors);
        await AssertNothingLeft(process.Id);
    }

    [Test]
    [CancelAfter(60_000)]
    public async Task Interrupted_demo_leaves_nothing_behind(CancellationToken cancel)
    {
        using Process process = Start("scripts/demo.sh");
        Task<string> errors = process.StandardError.ReadToEndAsync(cancel);
        string? line;
        do
        {
            line = await process.StandardOutput.ReadLineAsync(cancel);
            Assert.That(line, Is.Not.Null, "the demo ended before any ping was answered");
        }
        while (!line!.Contains("answered", StringComparison.Ordinal));

        using (Process kill = Process.Start("kill", ["-INT", $"{process.Id}"]))
        {
            await kill.WaitForExitAsync(cancel);
        }

        await process.StandardOutput.ReadToEndAsync(cancel);
        await process.WaitForExitAsync(cancel);

        Assert.That(process.ExitCode, Is.EqualTo(130), await errors);
        await AssertNothingLeft(process.Id);
    }

    private static Process Start(string script)
    {
        // A shell does not trap a signal that was ignored when it started, as SIGINT is in jobs of some shells.
        var start = new ProcessStartInfo("env", ["--default-signal=INT", RepositoryRoot.File(script)])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["OVSBRIDGE"] = Path.Combine(AppContext.BaseDirectory, "ovsbridge");
        return Process.Start(start)!;
    }

    /// <summary>The names of what scripts/topology.sh makes carry the script's process id.</summary>
    private static async Task AssertNothingLeft(int scriptId)
    {
        var start = new ProcessStartInfo("ip", ["netns", "list"]) { RedirectStandardOutput = true };
        using Process list = Process.Start(start)!;
        string namespaces = await list.StandardOutput.ReadToEndAsync();

        Assert.That(namespaces, Does.Not.Contain($"ovsb{scriptId}-"));
    }
}
