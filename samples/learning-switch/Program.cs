// A learning-switch controller on the OpenFlow library alone.
//
//     dotnet run --project samples/learning-switch -- ptcp:6653
//
// It serves any OpenFlow 1.3 switch that connects, until SIGINT or SIGTERM.
using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging.Abstractions;
using OvsBridge.OpenFlow.Endpoint;
using OvsBridge.Samples.LearningSwitch;

if (args.Length > 1 || !Target.TryParse(args.FirstOrDefault() ?? "ptcp:6653", out Target? target, out string? error))
{
    Console.Error.WriteLine("usage: learning-switch [ptcp:PORT[:HOST] | punix:FILE]");
    return 2;
}

if (!target.IsPassive)
{
    Console.Error.WriteLine($"learning-switch: switches connect to a controller, so '{target}' must be a passive target (ptcp, punix)");
    return 2;
}

TaskCompletionSource stop = new();
using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
try
{
    await using OfListener listener = new(target, new Controller(Console.WriteLine), new OfConnectionOptions(), NullLogger.Instance);
    listener.Start();
    Console.WriteLine($"listening on {listener.Target}");
    await stop.Task;
    return 0;
}
catch (Exception refused) when (refused is IOException or ArgumentException)
{
    Console.Error.WriteLine($"learning-switch: {refused.Message}");
    return 1;
}

void Stop(PosixSignalContext signal)
{
    signal.Cancel = true;
    stop.TrySetResult();
}
