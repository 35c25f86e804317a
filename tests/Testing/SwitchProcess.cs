using System.Diagnostics;
using System.Text;

namespace OvsBridge.Testing;

/// <summary>
/// The <c>ovsbridge</c> program running as a daemon with a run directory of its own, maybe in a network namespace. Dispose ends it (by
/// force if need be) and removes the directory.
/// </summary>
public sealed class SwitchProcess : IDisposable
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(30);

    private readonly Process _process;
    private readonly bool _ownsDirectory;
    private readonly StringBuilder _log = new();
    private readonly TaskCompletionSource<bool> _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private SwitchProcess(string? netns, string? runDirectory, IEnumerable<string> arguments)
    {
        _ownsDirectory = runDirectory is null;
        RunDirectory = runDirectory ?? Directory.CreateTempSubdirectory("ovsbridge-run-").FullName;
        string[] all = ["run", "--rundir", RunDirectory, .. arguments];

        // env gives back SIGINT, which background jobs of some shells start with ignored. Like ip it replaces itself: same process id.
        string[] program = ["--default-signal=INT", Program, .. all];
        ProcessStartInfo start = netns is null
            ? Command.StartInfo("env", program)
            : Command.StartInfo("ip", Netns.InNamespace(netns, "env", program));
        _process = new Process { StartInfo = start, EnableRaisingEvents = true };
        _process.OutputDataReceived += (_, line) =>
        {
            if (line.Data == "ready")
                _ready.TrySetResult(true);
        };
        _process.ErrorDataReceived += (_, line) =>
        {
            lock (_log)
            {
                if (line.Data is not null)
                    _log.Append(line.Data).Append('\n');
                Monitor.PulseAll(_log);
            }
        };
        _process.Exited += (_, _) => _ready.TrySetResult(false);
        _process.Start();
        _process.StandardInput.Close();
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    /// <summary>The program under test, beside the tests.</summary>
    public static string Program => Path.Combine(AppContext.BaseDirectory, "ovsbridge");

    /// <summary>Its run directory.</summary>
    public string RunDirectory { get; }

    /// <summary>Its process id.</summary>
    public int ProcessId => _process.Id;

    /// <summary>Whether it still runs.</summary>
    public bool IsRunning => !_process.HasExited;

    /// <summary>What it has written to stderr so far.</summary>
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

    /// <summary>Lines of the log that are warnings or worse.</summary>
    public IEnumerable<string> Warnings => Log.Split('\n').Where(line =>
        line.Contains("|WARN|", StringComparison.Ordinal) || line.Contains("|ERR|", StringComparison.Ordinal) || line.Contains("|EMER|", StringComparison.Ordinal));

    /// <summary>Starts it and waits until it is ready.</summary>
    /// <param name="netns">Network namespace; null: ours.</param>
    /// <param name="arguments">Options of <c>ovsbridge run</c>, less <c>--rundir</c>.</param>
    /// <exception cref="InvalidOperationException">It ended, or did not become ready.</exception>
    public static SwitchProcess Start(string? netns, params IEnumerable<string> arguments) => StartIn(null, netns, arguments);

    /// <summary>Starts it with a given run directory.</summary>
    public static SwitchProcess StartIn(string? runDirectory, string? netns, params IEnumerable<string> arguments)
    {
        var daemon = new SwitchProcess(netns, runDirectory, arguments);
        if (daemon._ready.Task.Wait(_patience) && daemon._ready.Task.Result)
            return daemon;
        bool ended = daemon._process.HasExited;
        if (ended)
            daemon._process.WaitForExit(); // its last words
        string log = daemon.Log;
        daemon.Dispose();
        throw new InvalidOperationException($"the daemon {(ended ? "ended" : "was not ready in time")}: {log}");
    }

    /// <summary>Runs the real <c>ovs-ofctl -O OpenFlow13</c> on its management socket; it must succeed.</summary>
    /// <param name="command">Command.</param>
    /// <param name="arguments">What follows the name of the switch.</param>
    public string Ofctl(string command, params IEnumerable<string> arguments)
    {
        CommandResult result = TryOfctl(command, arguments);
        return result.ExitCode == 0 ? result.Output : throw new InvalidOperationException($"ovs-ofctl {command}: {result}\n{Log}");
    }

    /// <summary>Runs the real <c>ovs-ofctl -O OpenFlow13</c> on its management socket.</summary>
    public CommandResult TryOfctl(string command, params IEnumerable<string> arguments) => Command.Try(
        "ovs-ofctl", ["-O", "OpenFlow13", command, "unix:" + Path.Combine(RunDirectory, "br0.mgmt"), .. arguments]);

    /// <summary>Runs the real <c>ovs-appctl</c> on it; it must succeed.</summary>
    public string Appctl(params IEnumerable<string> arguments)
    {
        CommandResult result = TryAppctl(arguments);
        return result.ExitCode == 0 ? result.Output : throw new InvalidOperationException($"ovs-appctl {string.Join(' ', arguments)}: {result}\n{Log}");
    }

    /// <summary>Runs the real <c>ovs-appctl</c> on it.</summary>
    public CommandResult TryAppctl(params IEnumerable<string> arguments) =>
        Command.Try("env", ["OVS_RUNDIR=" + RunDirectory, "ovs-appctl", .. arguments]);

    /// <summary>Waits until the log contains <paramref name="text"/>.</summary>
    public void WaitForLog(string text)
    {
        lock (_log)
        {
            long start = TimeProvider.System.GetTimestamp();
            while (!_log.ToString().Contains(text, StringComparison.Ordinal))
            {
                TimeSpan left = _patience - TimeProvider.System.GetElapsedTime(start);
                if (left <= TimeSpan.Zero || !Monitor.Wait(_log, left))
                    throw new TimeoutException($"the log does not say '{text}': {_log}");
            }
        }
    }

    /// <summary>Sends a signal ("TERM").</summary>
    public void Signal(string name) => Command.Run("kill", "-" + name, Command.Text(ProcessId));

    /// <summary>Waits for its end.</summary>
    /// <returns>Exit status.</returns>
    public int WaitForExit()
    {
        if (!_process.WaitForExit(_patience))
            throw new TimeoutException($"the daemon did not end: {Log}");
        _process.WaitForExit(); // and for the end of its output
        return _process.ExitCode;
    }

    /// <summary>Ends it by SIGTERM.</summary>
    /// <returns>Exit status.</returns>
    public int Stop()
    {
        Signal("TERM");
        return WaitForExit();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!_process.HasExited)
        {
            Command.Try("kill", "-TERM", Command.Text(ProcessId));
            if (!_process.WaitForExit(TimeSpan.FromSeconds(10)))
                _process.Kill();
            _process.WaitForExit();
        }

        _process.Dispose();
        if (_ownsDirectory)
            Directory.Delete(RunDirectory, recursive: true);
    }
}
