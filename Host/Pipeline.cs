using Microsoft.Extensions.Logging;
using OvsBridge.Datapath;
using OvsBridge.Host.Logging;
using OvsBridge.Host.Options;
using OvsBridge.Host.Unixctl;
using OvsBridge.Translator.Switch;
using OvsBridge.Translator.Upcalls;
using OvsBridge.Translator.Xlate;

namespace OvsBridge.Host;

/// <summary>The OpenFlow agent and what forwards for it, wired to a datapath.</summary>
internal sealed partial class Pipeline : IDisposable
{
    private static readonly TimeSpan _faultInterval = TimeSpan.FromSeconds(5);

    private readonly SwitchOptions _options;
    private readonly IDatapath _datapath;
    private readonly IPorts _ports;
    private readonly Forwarding _forwarding;
    private readonly ITimer _faultWatch;
    private readonly ILogger<Pipeline> _log;
    private long _faultsLogged;

    private Pipeline(SwitchOptions options, IDatapath datapath, IPorts ports, Forwarding forwarding, OfSwitch @switch, TimeProvider time, ILogger<Pipeline> log)
    {
        _options = options;
        _datapath = datapath;
        _ports = ports;
        _forwarding = forwarding;
        _log = log;
        Switch = @switch;
        _faultWatch = time.CreateTimer(_ => LogFaults(), null, _faultInterval, _faultInterval);
    }

    /// <summary>The agent.</summary>
    public OfSwitch Switch { get; }

    /// <summary>Wires it.</summary>
    public static Pipeline Make(SwitchOptions options, ulong datapathId, IDatapath datapath, IPorts ports, TimeProvider time, LogControl logs)
    {
        OfSwitchOptions identity = new()
        {
            DatapathId = datapathId,
            Description = options.Description,
            FailMode = options.FailMode,
            ControllersConfigured = options.Controllers.Count > 0,
        };
        Forwarding forwarding = new(datapath, new MacTable(), time, options.FlowLimit);
        OfSwitch @switch = new(identity, forwarding, ports, ports, meters: null, time);
        forwarding.PacketIns = @switch;
        return new Pipeline(options, datapath, ports, forwarding, @switch, time, logs.CreateLogger<Pipeline>());
    }

    /// <summary>Begins to take packets.</summary>
    public void Start() => _forwarding.Start();

    /// <summary>Adds the commands that look into it.</summary>
    public void Register(UnixctlCommands commands)
    {
        DatapathCommands datapath = DatapathCommands.Register(commands, _options.Bridge, _datapath, Switch, _ports);
        ForwardingCommands.Register(commands, datapath, _forwarding, Switch, TimeProvider.System);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _faultWatch.Dispose();
        Switch.Dispose();
        _forwarding.Dispose();
    }

    /// <summary>A packet that failed by a fault of ours is counted where it happens; here it gets into the log, at most now and then.</summary>
    private void LogFaults()
    {
        long faults = _forwarding.Counters[ForwardingCounter.Fault];
        if (faults > _faultsLogged)
        {
            LogFault(faults - _faultsLogged, _forwarding.Counters.LastFault);
            _faultsLogged = faults;
        }
    }

    [LoggerMessage(LogLevel.Error, "{Count} packets were lost by a fault of this program; the last one:")]
    private partial void LogFault(long count, Exception? exception);
}
