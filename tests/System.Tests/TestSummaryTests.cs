using System.Diagnostics;
using System.Security;
using OvsBridge.Testing;

namespace OvsBridge.SystemTests;

/// <summary>scripts/summarize_tests.py: what CI believes. It must not be green when something was wrong.</summary>
[TestFixture]
public sealed class TestSummaryTests
{
    private string _folder = "";

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("ovsbridge-summary-").FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public async Task Counts_over_all_files_are_the_last_line_and_skipped_tests_have_their_reason()
    {
        Write("A", ("One", "Passed", null), ("Two", "NotExecuted", "needs root"));
        Write("B", ("Three", "Passed", null));

        (int status, string[] lines) = await Summarize(runnerStatus: 0);

        Assert.Multiple(() =>
        {
            Assert.That(status, Is.Zero);
            Assert.That(lines[^1], Is.EqualTo("2 passed, 0 failed, 1 skipped"));
            Assert.That(lines, Does.Contain("skipped, needs root:").And.Contain("  A: Two"));
        });
    }

    [Test]
    public async Task Failed_test_fails_the_run_and_is_named()
    {
        Write("A", ("One", "Passed", null), ("Two", "Failed", "Expected: 1\n  But was: 2"));

        (int status, string[] lines) = await Summarize(runnerStatus: 1);

        Assert.Multiple(() =>
        {
            Assert.That(status, Is.EqualTo(1));
            Assert.That(lines[^1], Is.EqualTo("1 passed, 1 failed, 0 skipped"));
            Assert.That(lines, Does.Contain("FAILED A: Two").And.Contain("    Expected: 1 But was: 2"));
        });
    }

    [Test]
    public async Task Runner_that_died_without_a_failed_test_fails_the_run()
    {
        Write("A", ("One", "Passed", null));

        (int status, string[] lines) = await Summarize(runnerStatus: 1);

        Assert.Multiple(() =>
        {
            Assert.That(status, Is.EqualTo(1));
            Assert.That(lines[^1], Is.EqualTo("1 passed, 1 failed, 0 skipped"));
        });
    }

    [Test]
    public async Task Run_without_a_test_fails()
    {
        Write("A", ("One", "NotExecuted", "needs root"));

        (int status, string[] lines) = await Summarize(runnerStatus: 0);

        Assert.Multiple(() =>
        {
            Assert.That(status, Is.EqualTo(1));
            Assert.That(lines, Does.Contain("no test ran"));
        });
    }

    private void Write(string project, params (string Name, string Outcome, string? Message)[] results)
    {
        IEnumerable<string> entries = results.Select(result =>
            $"""<UnitTestResult testName="{result.Name}" outcome="{result.Outcome}"><Output><ErrorInfo><Message>{SecurityElement.Escape(result.Message)}</Message></ErrorInfo></Output></UnitTestResult>""");
        File.WriteAllText(
            Path.Combine(_folder, project + ".trx"),
            $"""<TestRun xmlns="http://microsoft.com/schemas/VisualStudio/TeamTest/2010"><Results>{string.Concat(entries)}</Results></TestRun>""");
    }

    private async Task<(int Status, string[] Lines)> Summarize(int runnerStatus)
    {
        var start = new ProcessStartInfo("python3", [RepositoryRoot.File("scripts/summarize_tests.py"), $"{runnerStatus}", .. Directory.GetFiles(_folder).Order()])
        {
            RedirectStandardOutput = true,
        };
        using Process process = Process.Start(start)!;
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, output.TrimEnd().Split('\n'));
    }
}
