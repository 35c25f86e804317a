using System.Globalization;
using OvsBridge.Datapath;
using OvsBridge.Datapath.Ebpf;
using OvsBridge.Datapath.Links;
using OvsBridge.Host.Options;
using OvsBridge.Host.Unixctl;
using OvsBridge.OpenFlow.Endpoint;

namespace OvsBridge.Host;

/// <summary>
/// <c>ovsbridge cleanup</c>: removes what a daemon left that could not end in order (SIGKILL, power): its own device, its program on
/// interfaces, its sockets and pid file. What belongs to a daemon that runs is left alone. Not needed before a new start, which takes over.
/// </summary>
internal static class CleanupCommand
{
    /// <summary>Runs it; one line for each thing removed.</summary>
    /// <returns>Exit status.</returns>
    /// <exception cref="UsageException">Bad usage, or missing rights.</exception>
    public static int Run(string[] arguments)
    {
        string? given = null;
        switch (arguments)
        {
            case ["--help" or "-h"]:
                Console.WriteLine(
                    """
                    usage: ovsbridge cleanup [--rundir DIR]
                    Removes what a killed switch left behind in this network namespace and in the run directory.
                    """);
                return 0;
            case []:
                break;
            case ["--rundir", var directory]:
                given = directory;
                break;
            case [var one] when one.StartsWith("--rundir=", StringComparison.Ordinal):
                given = one["--rundir=".Length..];
                break;
            default:
                throw new UsageException($"cleanup: unexpected argument '{arguments[0]}'");
        }

        Rights.RequireEbpf();
        string runDirectory = SwitchOptions.RunDirectoryFrom(given);
        try
        {
            RemovePrograms();
            RemoveFiles(runDirectory);
        }
        catch (Exception exception) when (exception is DatapathException or IOException or UnauthorizedAccessException)
        {
            throw new UsageException(exception.Message);
        }

        return 0;
    }

    private static void RemovePrograms()
    {
        LibBpfMessages.Silence();
        using LinkTable links = new();
        foreach (string bridge in LocalDevice.RemoveLeftovers(links))
            Console.WriteLine($"removed the device {bridge} of a bridge");
        foreach (Link link in links.List())
        {
            try
            {
                if (PortAttacher.RemoveLeftover(link.Name, link.IfIndex))
                    Console.WriteLine($"removed the datapath program from {link.Name}");
            }
            catch (DatapathException exception)
            {
                Console.Error.WriteLine(exception.Message); // others' programs may be there; ours, if any, stays
            }
        }
    }

    private static void RemoveFiles(string runDirectory)
    {
        if (!Directory.Exists(runDirectory))
            return;
        string pidFile = PidFile.PathIn(runDirectory);
        if (PidFile.Holder(pidFile) is > 0)
            return; // a daemon runs: the sockets are its own
        foreach (string file in Directory.EnumerateFiles(runDirectory))
        {
            string name = Path.GetFileName(file);
            bool ours = file == pidFile || name.EndsWith(".mgmt", StringComparison.Ordinal) || IsControlSocket(name);
            if (ours && (file == pidFile || UnixSocket.IsDead(file)))
            {
                File.Delete(file);
                Console.WriteLine($"removed {file}");
            }
        }
    }

    private static bool IsControlSocket(string name) =>
        name.Split('.') is [PidFile.DaemonName, var pid, "ctl"] && int.TryParse(pid, NumberStyles.None, CultureInfo.InvariantCulture, out _);
}
