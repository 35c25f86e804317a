using System.Diagnostics;
using System.Text;

namespace OvsBridge.Testing;

/// <summary>os-ken's <c>osken-manager</c> with one application, as a process. Dispose ends it.</summary>
public sealed class OsKen : IDisposable
{
    private readonly Process _process;
    private readonly StringBuilder _log = new();

    private OsKen(string? netns, IEnumerable<string> arguments)
    {
        // Debian's interpreter, which has os-ken.
        string[] program = ["/usr/bin/python3", "/usr/bin/osken-manager", .. arguments];
        _process = new Process
        {
            StartInfo = netns is null ? Command.StartInfo(program[0], program[1..]) : Command.StartInfo("ip", Netns.InNamespace(netns, program[0], program[1..])),
        };
        _process.OutputDataReceived += Take;
        _process.ErrorDataReceived += Take;
        _process.Start();
        _process.StandardInput.Close();
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    /// <summary>The repository's learning switch.</summary>
    public static string LearningSwitch => Path.Combine(RepositoryRoot.Path, "samples", "osken", "learning_switch.py");

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
    /// <param name="arguments">Options, then the application's file.</param>
    public static OsKen Start(string? netns, params IEnumerable<string> arguments) => new(netns, arguments);

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
