using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using OvsBridge.Datapath;
using OvsBridge.Datapath.Links;
using OvsBridge.Host.Logging;
using OvsBridge.Host.Options;
using OvsBridge.Host.Unixctl;
using OvsBridge.OpenFlow.Endpoint;
using OvsBridge.Translator.Switch;

namespace OvsBridge.Host;

/// <summary>
/// The daemon's parts in the order in which they start; stopping is the reverse. The order has reasons: who is refused (a second
/// daemon, a port in use) must be so before anything can be seen from outside; controllers connect when ports are there;
/// and at the end traffic stops before the flows that steer it go.
/// </summary>
internal sealed class SwitchService(SwitchOptions options, LogControl logs, IHostApplicationLifetime lifetime) : IHostedService
{
    private readonly Stack<Func<ValueTask>> _undo = new();

    /// <inheritdoc/>
    /// <exception cref="UsageException">The configuration can't be had.</exception>
    /// <exception cref="DatapathException">The kernel refuses.</exception>
    /// <exception cref="IOException">A socket or file can't be made.</exception>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        try
        {
            Start();
        }
        catch
        {
            await StopAsync(CancellationToken.None);
            throw;
        }
    }

    /// <inheritdoc/>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        while (_undo.TryPop(out Func<ValueTask>? undo))
            await undo();
    }

    private void Start()
    {
        TimeProvider time = TimeProvider.System;
        EnterRunDirectory();

        LinkTable? links = options.Datapath == DatapathKind.Memory ? null : Undo(new LinkTable());
        IReadOnlyList<Link> ports = links is null ? [] : PortManager.Check(options.Ports, links);
        LocalDevice? local = links is not null && options.LocalPort ? Undo(LocalDevice.Open(options.Bridge, ports, links)) : null;
        IDatapath datapath = Undo(DatapathFactory.Open(options, PortManager.Wanted(options, ports, local)));
        IPorts portManager = links is null
            ? new MemoryPorts(options, datapath, time)
            : new PortManager(options, local, links, datapath, time, logs.CreateLogger<PortManager>());
        _undo.Push(() => Dispose(portManager));

        Pipeline pipeline = Undo(Pipeline.Make(options, DatapathId(ports), datapath, portManager, time, logs));
        portManager.Start(pipeline.Switch);
        pipeline.Start();

        UnixctlCommands commands = new();
        GeneralCommands.Register(commands, logs, keep =>
        {
            if (keep)
            {
                pipeline.LeaveBehind();
                portManager.LeaveBehind = true;
                local?.LeaveBehind = true;
            }

            lifetime.StopApplication();
        });
        pipeline.Register(commands);
        List<OfConnector> connectors = [];
        ControllerCommands.Register(commands, options.Bridge, pipeline.Switch, connectors);
        _undo.Push(new UnixctlServer(
            UnixctlServer.PathIn(options.RunDirectory, Environment.ProcessId), commands, logs.CreateLogger<UnixctlServer>()).DisposeAsync);

        OfConnectionOptions connections = new() { InactivityProbe = options.InactivityProbe, Versions = options.Protocols, Time = time };
        ILogger<OfConnection> log = logs.CreateLogger<OfConnection>();
        Target management = new(TargetTransport.Unix, true, null, 0, Path.Combine(options.RunDirectory, options.Bridge + ".mgmt"));
        foreach (Target target in options.Listens.Prepend(management))
        {
            var listener = new OfListener(target, pipeline.Switch, connections, log, options.Tls);
            _undo.Push(listener.DisposeAsync);
            listener.Start();
        }

        foreach (Target target in options.Controllers)
        {
            var connector = new OfConnector(target, pipeline.Switch, connections, log, options.Tls)
            {
                MaxBackoff = options.MaxBackoff,
                AuxiliaryCount = options.AuxiliaryCount,
            };
            lock (connectors)
                connectors.Add(connector);
            _undo.Push(connector.DisposeAsync);
            connector.Start();
        }

        // First of all at the end: nothing comes in any more. The other parts then go at leisure.
        _undo.Push(() => Dispose(portManager));
    }

    private void EnterRunDirectory()
    {
        try
        {
            Directory.CreateDirectory(options.RunDirectory);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"--rundir: {exception.Message}");
        }

        Undo(PidFile.Create(options.RunDirectory));
    }

    /// <summary>The datapath id: as given, else the lowest port's MAC, else made from the name (locally administered).</summary>
    private ulong DatapathId(IReadOnlyList<Link> ports)
    {
        if (options.DatapathId is { } given)
            return given;
        Link? lowest = ports.FirstOrDefault(port => port.Mac != 0);
        if (lowest is not null)
            return lowest.Mac;
        ulong hash = 14695981039346656037; // FNV-1a
        foreach (char c in options.Bridge)
            hash = (hash ^ c) * 1099511628211;
        return (hash & 0xff_ffff_ffff) | 0x0200_0000_0000;
    }

    private T Undo<T>(T part)
        where T : IDisposable
    {
        _undo.Push(() => Dispose(part));
        return part;
    }

    private static ValueTask Dispose(IDisposable part)
    {
        part.Dispose();
        return ValueTask.CompletedTask;
    }
}
