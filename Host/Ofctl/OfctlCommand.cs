using System.Runtime.InteropServices;
using System.Text;
using OvsBridge.OpenFlow.Text;

namespace OvsBridge.Host.Ofctl;

/// <summary><c>ovsbridge ofctl</c>: what ovs-ofctl does. Loads nothing of the daemon, so that it starts quickly.</summary>
internal static partial class OfctlCommand
{
    private const int Failed = 1;
    private const int SigAlrm = 14;

    /// <summary>Runs it.</summary>
    /// <param name="program">Name in messages.</param>
    /// <param name="arguments">What follows the name.</param>
    /// <returns>Exit status: 1 when something went wrong; diff-flows: 2 when there are differences.</returns>
    public static int Run(string program, ReadOnlySpan<string> arguments)
    {
        using var output = new StreamWriter(Console.OpenStandardOutput(), new UTF8Encoding(false), 32 * 1024);
        using var error = new StreamWriter(Console.OpenStandardError(), new UTF8Encoding(false)) { AutoFlush = true };
        try
        {
            int status = Run(program, arguments, output, error);
            output.Flush();
            return status;
        }
        catch (Exception problem) when (problem is OfctlException or FlowSyntaxException)
        {
            output.Flush();
            error.WriteLine($"{program}: {problem.Message}");
            return Failed;
        }
        catch (IOException)
        {
            return Failed; // nobody reads what we print any more
        }
    }

    private static int Run(string program, ReadOnlySpan<string> arguments, TextWriter output, TextWriter error)
    {
        (OfctlOptions options, List<string> words, string? asked) = OptionReader.Read(arguments);
        if (asked is not null)
        {
            OfctlHelp.Print(program, asked, output);
            return 0;
        }

        if (words.Count == 0)
            throw new OfctlException("missing command name; use --help for help");
        if (words[0] is "help")
        {
            OfctlHelp.Print(program, "help", output);
            return 0;
        }

        CommandRow command = CommandTable.Find(words[0]) ?? throw new OfctlException($"unknown command '{words[0]}'; use --help for help");
        int count = words.Count - 1;
        if (count < command.Least)
            throw new OfctlException($"'{command.Name}' command requires at least {command.Least} arguments");
        if (count > command.Most)
            throw new OfctlException($"'{command.Name}' command takes at most {command.Most} arguments");
        if (command.Writes && options.ReadOnly)
            throw new OfctlException($"'{command.Name}' command does not work in read only mode");

        using Timer? alarm = options.Timeout == Timeout.InfiniteTimeSpan ? null : new Timer(_ => GiveUp(error), null, options.Timeout, Timeout.InfiniteTimeSpan);
        OfctlSession session = new(program, options, output, error);
        command.Run(session, [.. words.Skip(1)]);
        return session.Status;
    }

    // As ovs-ofctl, whose alarm clock ends it: whoever called sees a death by SIGALRM (142 in a shell).
    private static void GiveUp(TextWriter error)
    {
        error.WriteLine($"{TimeProvider.System.GetUtcNow():yyyy-MM-ddTHH:mm:ssZ}|00001|fatal_signal|WARN|terminating with signal {SigAlrm} (Alarm clock)");
        if (Raise(Environment.ProcessId, SigAlrm) != 0)
            Environment.Exit(Failed);
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Raise(int process, int signal);
}
