using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace OvsBridge.Testing;

/// <summary>What a program printed and how it ended.</summary>
/// <param name="ExitCode">Exit status; 128 + n when a signal ended it.</param>
/// <param name="Output">Standard output.</param>
/// <param name="Error">Standard error.</param>
public sealed record CommandResult(int ExitCode, string Output, string Error)
{
    /// <summary>Standard output, its lines without the last empty one.</summary>
    public string[] Lines => Output.TrimEnd('\n').Split('\n');

    /// <summary>Both streams, for a failure's text.</summary>
    public override string ToString() => $"exit status {ExitCode}\n{Output}{Error}";
}

/// <summary>Runs programs to their end. A program that takes longer than its time limit is killed and the call throws.</summary>
public static class Command
{
    /// <summary>Time limit of a program when none is given.</summary>
    public static readonly TimeSpan DefaultTimeout = TimeSpan.FromSeconds(30);

    /// <summary>Runs a program; any exit status is returned.</summary>
    /// <param name="file">Program, looked up in PATH.</param>
    /// <param name="arguments">Its arguments.</param>
    public static CommandResult Try(string file, params IEnumerable<string> arguments) => Try(DefaultTimeout, file, arguments);

    /// <summary>Runs a program; any exit status is returned.</summary>
    /// <param name="timeout">Time limit.</param>
    /// <param name="file">Program, looked up in PATH.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <exception cref="TimeoutException">It took longer.</exception>
    public static CommandResult Try(TimeSpan timeout, string file, IEnumerable<string> arguments)
    {
        using var process = new Process { StartInfo = StartInfo(file, arguments) };
        try
        {
            process.Start();
        }
        catch (Win32Exception exception)
        {
            throw new InvalidOperationException($"can't run {file}: {exception.Message}", exception);
        }

        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(timeout))
        {
            process.Kill(entireProcessTree: true);
            process.WaitForExit();
            throw new TimeoutException(
                $"'{file} {string.Join(' ', process.StartInfo.ArgumentList)}' did not end within {timeout.TotalSeconds:0} s\n{output.Result}{error.Result}");
        }

        return new CommandResult(process.ExitCode, output.GetAwaiter().GetResult(), error.GetAwaiter().GetResult());
    }

    /// <summary>Runs a program that must succeed.</summary>
    /// <returns>Its standard output.</returns>
    /// <exception cref="InvalidOperationException">Its exit status was not 0.</exception>
    public static string Run(string file, params IEnumerable<string> arguments)
    {
        string[] list = [.. arguments];
        CommandResult result = Try(file, list);
        return result.ExitCode == 0
            ? result.Output
            : throw new InvalidOperationException($"'{file} {string.Join(' ', list)}': {result}");
    }

    /// <summary>Start information with all three streams redirected.</summary>
    internal static ProcessStartInfo StartInfo(string file, IEnumerable<string> arguments) => new(file, arguments)
    {
        RedirectStandardInput = true,
        RedirectStandardOutput = true,
        RedirectStandardError = true,
        StandardOutputEncoding = Encoding.UTF8,
        StandardErrorEncoding = Encoding.UTF8,
    };

    /// <summary>A number as programs want it.</summary>
    internal static string Text(int value) => value.ToString(CultureInfo.InvariantCulture);
}
