using Microsoft.Extensions.Logging;
using OvsBridge.Datapath;
using OvsBridge.Datapath.Ebpf;
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
    private readonly SwitchOptions _options;
    private readonly IDatapath _datapath;
    private readonly IPorts _ports;
    private readonly TimeProvider _time;
    private readonly Forwarding _forwarding;
    private readonly ForwardingWatch _watch;
    private readonly ILogger _logger;

    private Pipeline(SwitchOptions options, ulong datapathId, IDatapath datapath, IPorts ports, TimeProvider time, LogControl logs)
    {
        _options = options;
        _datapath = datapath;
        _ports = ports;
        _time = time;
        _forwarding = new Forwarding(datapath, new MacTable(), time, options.FlowLimit, options.SlowPathRate);
        OfSwitchOptions identity = new()
        {
            DatapathId = datapathId,
            Description = options.Description,
            FailMode = options.FailMode,
            ControllersConfigured = options.Controllers.Count > 0,
            TakeoverDelay = 3 * options.InactivityProbe,
            PacketInRate = options.PacketInRate,
            PacketInBurst = options.PacketInBurst,
        };
        Switch = new OfSwitch(identity, _forwarding, ports, ports, new DatapathMeters(datapath), time);
        _forwarding.PacketIns = Switch;
        _logger = logs.CreateLogger<Pipeline>();
        _forwarding.Swept = sweep =>
        {
            if (sweep.Kept + sweep.Corrected + sweep.Removed > 0)
                LogSwept(sweep.Kept, sweep.Corrected, sweep.Removed);
        };
        (datapath as EbpfDatapath)?.TunnelWarning = LogTunnel;
        _watch = new ForwardingWatch(_forwarding, datapath, time, logs.CreateLogger<ForwardingWatch>());
    }

    /// <summary>The agent.</summary>
    public OfSwitch Switch { get; }

    /// <summary>Wires it.</summary>
    public static Pipeline Make(SwitchOptions options, ulong datapathId, IDatapath datapath, IPorts ports, TimeProvider time, LogControl logs) =>
        new(options, datapathId, datapath, ports, time, logs);

    /// <summary>Begins to take packets.</summary>
    public void Start()
    {
        if (_datapath is EbpfDatapath kernel)
            LogAttached(kernel.AttachedTo == AttachPoint.Tcx ? "tcx" : "clsact");
        if ((_datapath as EbpfDatapath)?.Adopted is { } adopted)
        {
            int flows = _forwarding.Adopt(_options.RestartGrace);
            if (adopted.Refusal is not null)
                LogRefused(adopted.Refusal);
            else if (flows > 0)
                LogAdopted(flows, adopted.Masks, _options.RestartGrace.TotalSeconds);
        }

        _forwarding.Start();
        _watch.Start();
    }

    /// <summary>Adds the commands that look into it.</summary>
    public void Register(UnixctlCommands commands)
    {
        BridgeView view = new(_options.Bridge, _datapath, Switch, _forwarding, _ports, _time);
        DatapathCommands.Register(commands, view);
        ForwardingCommands.Register(commands, view, _watch);
        TraceCommand.Register(commands, view);
        MonitorCommand.Register(commands, view);
    }

    /// <summary>Has the datapath forward on when this ends, by the megaflows that are there.</summary>
    public void LeaveBehind()
    {
        _forwarding.LeaveBehind = true;
        if (_datapath is EbpfDatapath leaving)
            leaving.LeaveBehind = true;
    }

    /// <summary>Ends it. Connections have gone, and nothing comes in any more.</summary>
    public void Dispose()
    {
        _watch.Dispose();
        Switch.Dispose();
        _forwarding.Dispose();
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{trouble}")]
    private partial void LogTunnel(string trouble);

    [LoggerMessage(Level = LogLevel.Information, Message = "the datapath program is attached by {hook}")]
    private partial void LogAttached(string hook);

    [LoggerMessage(Level = LogLevel.Information, Message = "took over {flows} megaflows with {masks} masks; they forward until a controller has added flows, or for {seconds} s")]
    private partial void LogAdopted(int flows, int masks, double seconds);

    [LoggerMessage(Level = LogLevel.Warning, Message = "the tables that a former process left are not taken over, and new ones replace them: {reason}")]
    private partial void LogRefused(string reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "the former process's megaflows follow the flows now: {kept} kept, {corrected} corrected, {removed} removed")]
    private partial void LogSwept(int kept, int corrected, int removed);
}
