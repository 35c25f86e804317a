using OvsBridge.OpenFlow.Endpoint;
using OvsBridge.OpenFlow.Messages;

namespace OvsBridge.Translator.Switch;

/// <summary>One connection as the switch sees it: role, async masks, miss_send_len.</summary>
/// <remarks>
/// Written under the switch's lock (the role) or by the connection's own thread; read by any thread that has an
/// asynchronous message to give.
/// </remarks>
internal sealed class Controller
{
    /// <summary>OFP_DEFAULT_MISS_SEND_LEN.</summary>
    public const ushort DefaultMissSendLength = 128;

    private const uint AllPortReasons = 0b111;
    private const uint AllFlowRemovedReasons = 0b1111;

    private volatile ControllerRole _role = ControllerRole.Equal;
    private volatile AsyncConfig _async;
    private volatile ushort _missSendLength;

    public Controller(IOfConnection connection, OfSwitchOptions options, TimeProvider time)
    {
        Connection = connection;
        Multiparts = new MultipartAssembler(options.MaxMultipartBytes);
        Bundles = new Bundles(options, time, error => connection.Send(error));
        _missSendLength = IsService ? (ushort)0 : DefaultMissSendLength;

        // 6.3.4 and 7.3.10: a slave gets port status only; packets with invalid TTL go to whom asks for them.
        _async = new AsyncConfig(
            PacketInMaster: (1u << (int)PacketInReason.NoMatch) | (1u << (int)PacketInReason.Action),
            PacketInSlave: 0,
            PortStatusMaster: AllPortReasons,
            PortStatusSlave: AllPortReasons,
            FlowRemovedMaster: AllFlowRemovedReasons,
            FlowRemovedSlave: 0);
    }

    /// <summary>The peer.</summary>
    public IOfConnection Connection { get; }

    /// <summary>
    /// A tool's connection (the management socket, --listen): as Open vSwitch, it gets no asynchronous messages until it sets a
    /// miss_send_len or async masks, and does not count as a controller for the fail mode.
    /// </summary>
    public bool IsService => Connection.Kind == OfConnectionKind.Service;

    /// <summary>Unfinished multipart requests.</summary>
    public MultipartAssembler Multiparts { get; }

    /// <summary>Bundles that are not committed yet.</summary>
    public Bundles Bundles { get; }

    /// <summary>Role in force.</summary>
    public ControllerRole Role { get => _role; set => _role = value; }

    /// <summary>Bytes of a packet that no output action sends to the controller; 0xffff: all.</summary>
    public ushort MissSendLength { get => _missSendLength; set => _missSendLength = value; }

    /// <summary>Which asynchronous messages it wants.</summary>
    public AsyncConfig Async
    {
        get => _async;
        set
        {
            _async = value;
            if (IsService && _missSendLength == 0)
                _missSendLength = DefaultMissSendLength;
        }
    }

    public bool Wants(PacketInReason reason) => Wants(_async.PacketInMaster, _async.PacketInSlave, (int)reason);

    public bool Wants(PortReason reason) => Wants(_async.PortStatusMaster, _async.PortStatusSlave, (int)reason);

    public bool Wants(FlowRemovedReason reason) => Wants(_async.FlowRemovedMaster, _async.FlowRemovedSlave, (int)reason);

    private bool Wants(uint master, uint slave, int reason) =>
        !(IsService && _missSendLength == 0) && ((_role == ControllerRole.Slave ? slave : master) & (1u << reason)) != 0;
}
