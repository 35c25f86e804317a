using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using OvsBridge.Datapath;
using OvsBridge.Host.Logging;
using OvsBridge.Host.Options;

namespace OvsBridge.Host;

/// <summary><c>ovsbridge run</c>: the switch, in the foreground.</summary>
internal static class RunCommand
{
    /// <summary>Runs it to its end.</summary>
    /// <param name="arguments">What follows the command.</param>
    /// <returns>Exit status: 0 clean end, 1 failed while running, 2 bad usage or configuration.</returns>
    public static async Task<int> RunAsync(string[] arguments)
    {
        if (arguments.Contains("--help") || arguments.Contains("-h"))
        {
            PrintHelp();
            return 0;
        }

        SwitchOptions options = SwitchOptions.From(RunSettings.FromCommandLine(arguments));
        if (options.Datapath != DatapathKind.Memory)
            Rights.RequireEbpf();

        using LogControl logs = new(options.LogLevel);
        HostApplicationBuilder builder = Microsoft.Extensions.Hosting.Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Services.AddSingleton(options);
        builder.Services.AddSingleton(logs);
        builder.Services.AddSingleton<ILoggerFactory>(logs);
        builder.Services.AddHostedService<SwitchService>();
        builder.Services.Configure<ConsoleLifetimeOptions>(console => console.SuppressStatusMessages = true);
        using IHost host = builder.Build();
        try
        {
            await host.StartAsync();
        }
        catch (Exception exception) when (exception is DatapathException or IOException)
        {
            throw new UsageException(exception.Message);
        }
        catch (OperationCanceledException)
        {
            return 0; // told to end while starting
        }

        await Console.Out.WriteLineAsync("ready");
        await host.WaitForShutdownAsync();
        return 0;
    }

    private static void PrintHelp()
    {
        Console.WriteLine("usage: ovsbridge run [OPTION]...\n");
        foreach (RunOption option in RunOption.All)
            Console.WriteLine($"  {"--" + option.Key + " " + option.Value,-28} {option.Help}{(option.Repeatable ? " (repeatable)" : "")}");
        Console.WriteLine("\nRuns in the foreground, logs to stderr, and says 'ready' when packets and controllers are served.");
        Console.WriteLine("Exit status: 0 clean end, 1 failed while running, 2 bad usage or configuration.");
    }
}
