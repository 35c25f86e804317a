using OvsBridge.Host.Ofctl;
using OvsBridge.Host.Options;

namespace OvsBridge.Host;

/// <summary>The <c>ovsbridge</c> program. Called by the name of one of Open vSwitch's tools, it behaves as that tool.</summary>
internal static class Program
{
    private const int Failed = 1, BadUsage = 2;

    private static async Task<int> Main(string[] arguments)
    {
        // Environment knows only the assembly, not the link that we were called by.
        string name = Path.GetFileName(File.ReadAllText("/proc/self/cmdline").Split('\0')[0]);
        try
        {
            switch (name)
            {
                case "ovs-appctl":
                    return AppctlCommand.Run(name, arguments);
                case "ovs-ofctl":
                    return OfctlCommand.Run(name, arguments);
            }

            switch (arguments)
            {
                case []:
                    throw new UsageException("a command is needed: run, ofctl, appctl, version (see 'ovsbridge --help')");
                case ["run", ..]:
                    return await RunCommand.RunAsync(arguments[1..]);
                case ["appctl", ..]:
                    return AppctlCommand.Run("ovsbridge appctl", arguments.AsSpan(1));
                case ["ofctl", ..]:
                    return OfctlCommand.Run("ovsbridge ofctl", arguments.AsSpan(1));
                case ["cleanup", ..]:
                    return CleanupCommand.Run(arguments[1..]);
                case ["version" or "--version" or "-V"]:
                    Console.WriteLine($"ovsbridge ({VersionText.Product}) {VersionText.Version}");
                    return 0;
                case ["help" or "--help" or "-h", ..]:
                    PrintHelp();
                    return 0;
                default:
                    throw new UsageException($"unknown command '{arguments[0]}' (see 'ovsbridge --help')");
            }
        }
        catch (UsageException exception)
        {
            await Console.Error.WriteLineAsync($"ovsbridge: {exception.Message}");
            return BadUsage;
        }
        catch (Exception exception)
        {
            await Console.Error.WriteLineAsync($"ovsbridge: {exception}");
            return Failed;
        }
    }

    private static void PrintHelp() => Console.WriteLine(
        """
        ovsbridge: an OpenFlow 1.3 switch whose data plane is eBPF
        usage: ovsbridge COMMAND [ARG]...
          run        the switch, in the foreground (see 'ovsbridge run --help')
          appctl     ask a running switch, as ovs-appctl does (see 'ovsbridge appctl --help')
          ofctl      ask and change switches, as ovs-ofctl does (see 'ovsbridge ofctl --help')
          cleanup    remove what a killed switch left behind (see 'ovsbridge cleanup --help')
          version    the version
        """);
}
