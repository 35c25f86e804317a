using System.Text.RegularExpressions;
using OvsBridge.Testing;

namespace OvsBridge.SystemTests;

/// <summary>
/// The Ryu certification against the program, through the kernel, but for the cases that measure rates (<c>make conformance</c>
/// runs these too). Its files are not of this repository: a folder <c>shared/conformance</c> beside it, or OVSBRIDGE_CONFORMANCE.
/// </summary>
[TestFixture]
[Category("Topology")]
[NonParallelizable]
public sealed partial class ConformanceTests
{
    [Test]
    [CancelAfter(900_000)]
    public void Ryu_certification_passes_but_for_what_limits_md_says()
    {
        string folder = Environment.GetEnvironmentVariable("OVSBRIDGE_CONFORMANCE") is { Length: > 0 } given
            ? given
            : Path.GetFullPath(RepositoryRoot.File("../shared/conformance"));
        string script = Path.Combine(folder, "ryu", "run_ryucert.sh");
        if (!File.Exists(script))
            Assert.Ignore($"the certification is not here: no {script} (set OVSBRIDGE_CONFORMANCE to its folder)");
        if (!Environment.IsPrivilegedProcess)
            Assert.Ignore("needs root");
        if (!OpenVSwitch.IsInstalled)
            Assert.Ignore("needs Open vSwitch as the tester (Debian: openvswitch-switch)");
        if (!File.Exists("/usr/bin/osken-manager"))
            Assert.Ignore("needs os-ken (Debian: python3-os-ken)");

        string results = Directory.CreateTempSubdirectory("ovsbridge-ryu-").FullName;
        try
        {
            CommandResult run = Command.Try(
                TimeSpan.FromMinutes(14), "env", ["OVSBRIDGE=" + SwitchProcess.Program, script, "--no-throughput", "--out", results, Path.Combine(folder, "ryu", "adapters", "ovsbridge.sh")]);
            TestContext.Out.WriteLine(run.Output);
            Match sum = Sum().Match(run.Output);
            Assert.That(sum.Success, Is.True, run.ToString());
            Assert.That(int.Parse(sum.Groups["passed"].Value, null), Is.GreaterThan(800), "nearly all cases ran");

            string limits = File.ReadAllText(RepositoryRoot.File("docs/limits.md"));
            string[] failed = [.. Failed().Matches(run.Output).Select(match => match.Groups["case"].Value)];
            Assert.That(failed, Has.Length.EqualTo(int.Parse(sum.Groups["failed"].Value, null)), "each failure is named");
            Assert.That(failed.Where(name => !limits.Contains($"`{name}`", StringComparison.Ordinal)), Is.Empty, "each case that fails stands in docs/limits.md, with its reason");
        }
        finally
        {
            Directory.Delete(results, recursive: true);
        }
    }

    [GeneratedRegex(@"(?<passed>\d+) passed, (?<failed>\d+) failed")]
    private static partial Regex Sum();

    [GeneratedRegex(@"^\s*(?<case>(action|match|group|meter)/\S+#\d+).*\bERROR\b", RegexOptions.Multiline)]
    private static partial Regex Failed();
}
