using System.Diagnostics;

namespace OvsBridge.OpenFlow.Tests.Peer;

/// <summary>Programs of others that check our bytes.</summary>
internal static class Tools
{
    /// <summary>Skips the test when a program is missing.</summary>
    public static void Require(string program, string package)
    {
        if (!File.Exists(program))
            Assert.Ignore($"{program} is not installed (Debian package {package})");
    }

    /// <summary>Runs a program to its end.</summary>
    /// <returns>The lines that it printed.</returns>
    public static string[] Run(string program, IEnumerable<string> arguments, string input = "")
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;

        // All three at once: a full pipe must not stop the others.
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        try
        {
            process.StandardInput.Write(input);
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // it ended early: its exit status and its errors say why
        }

        process.WaitForExit();
        Assert.That(process.ExitCode, Is.Zero, error.Result);
        return output.Result.Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }
}
