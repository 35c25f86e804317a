namespace OvsBridge.Host;

internal static class Program
{
    private const int BadUsage = 2;

    private static int Main(string[] args)
    {
        Console.Error.WriteLine(args.Length == 0
            ? "ovsbridge: a command is needed: run, ofctl, appctl"
            : $"ovsbridge: unknown command '{args[0]}'");
        return BadUsage;
    }
}
