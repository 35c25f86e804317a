using System.Diagnostics;

namespace OvsBridge.SystemTests;

[TestFixture]
public sealed class CommandLineTests
{
    [Test]
    public async Task Unknown_command_is_bad_usage_said_in_one_line()
    {
        (int status, string error) = await Run("frobnicate");

        Assert.Multiple(() =>
        {
            Assert.That(status, Is.EqualTo(2));
            Assert.That(error.TrimEnd().Split('\n'), Has.Length.EqualTo(1));
            Assert.That(error, Does.Contain("frobnicate"));
        });
    }

    private static async Task<(int Status, string Error)> Run(params string[] arguments)
    {
        var start = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "ovsbridge"), arguments)
        {
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        string error = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, error);
    }
}
