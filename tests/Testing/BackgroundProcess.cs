using System.Diagnostics;
using System.Text;

namespace OvsBridge.Testing;

/// <summary>A program that runs beside the test (a controller, say), maybe in a network namespace. Dispose ends it.</summary>
public sealed class BackgroundProcess : IDisposable
{
    private readonly Process _process;
    private readonly StringBuilder _log = new();

    private BackgroundProcess(string? netns, string file, IEnumerable<string> arguments)
    {
        _process = new Process
        {
            StartInfo = netns is null ? Command.StartInfo(file, arguments) : Command.StartInfo("ip", Netns.InNamespace(netns, file, arguments)),
        };
        _process.OutputDataReceived += Take;
        _process.ErrorDataReceived += Take;
        _process.Start();
        _process.StandardInput.Close();
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    /// <summary>Whether it still runs.</summary>
    public bool IsRunning => !_process.HasExited;

    /// <summary>What it has written so far.</summary>
    public string Log
    {
        get
        {
            lock (_log)
            {
                return _log.ToString();
            }
        }
    }

    /// <summary>Starts it.</summary>
    /// <param name="netns">Network namespace; null: ours.</param>
    /// <param name="file">Program.</param>
    /// <param name="arguments">Its arguments.</param>
    public static BackgroundProcess Start(string? netns, string file, params IEnumerable<string> arguments) => new(netns, file, arguments);

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!_process.HasExited)
            _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }

    private void Take(object sender, DataReceivedEventArgs line)
    {
        lock (_log)
        {
            if (line.Data is not null)
                _log.Append(line.Data).Append('\n');
        }
    }
}
