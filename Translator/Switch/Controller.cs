using OvsBridge.OpenFlow.Endpoint;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Messages.Multipart;

namespace OvsBridge.Translator.Switch;

/// <summary>
/// One connection as the switch sees it. Role, async masks, miss_send_len and the limit of packet_ins belong to the channel, which an
/// auxiliary connection shares with its main one (OpenFlow 1.3.5, 6.3.6).
/// </summary>
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
    private const uint InvalidTtl = 1u << (int)PacketInReason.InvalidTtl;

    private readonly ChannelState _channel;
    private volatile bool _isIdentified;
    private long _packetIns;

    /// <summary>Makes it.</summary>
    /// <param name="connection">The peer.</param>
    /// <param name="main">Its main connection; null: it is one itself.</param>
    /// <param name="options">Limits.</param>
    /// <param name="time">Clock.</param>
    public Controller(IOfConnection connection, Controller? main, OfSwitchOptions options, TimeProvider time)
    {
        Connection = connection;
        Main = main ?? this;
        Multiparts = new MultipartAssembler(options.MaxMultipartBytes);
        Bundles = new Bundles(options, time, error => connection.Send(error));

        // 6.3.4 and 7.3.10: a slave gets port status only; packets with invalid TTL go to whom asks for them.
        _channel = main?._channel ?? new ChannelState
        {
            MissSendLength = IsService ? (ushort)0 : DefaultMissSendLength,
            Limiter = new PacketInLimiter(options.PacketInRate, options.PacketInBurst, time),
            Async = new AsyncConfig(
                PacketInMaster: (1u << (int)PacketInReason.NoMatch) | (1u << (int)PacketInReason.Action),
                PacketInSlave: 0,
                PortStatusMaster: AllPortReasons,
                PortStatusSlave: AllPortReasons,
                FlowRemovedMaster: AllFlowRemovedReasons,
                FlowRemovedSlave: 0),
        };
    }

    /// <summary>The peer.</summary>
    public IOfConnection Connection { get; }

    /// <summary>The main connection of the channel, which may be this one.</summary>
    public Controller Main { get; }

    /// <summary>Whether the peer has added flows: it is not just looking, or clearing before it begins.</summary>
    public bool HasAddedFlows { get; set; }

    /// <summary>Whether the peer has asked for the features, and so knows whose connection this is.</summary>
    public bool IsIdentified { get => _isIdentified; set => _isIdentified = value; }

    /// <summary>packet_ins given to this connection.</summary>
    public long PacketIns => Interlocked.Read(ref _packetIns);

    /// <summary>Holds packet_ins of the channel back.</summary>
    public PacketInLimiter Limiter => _channel.Limiter;

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
    public ControllerRole Role { get => _channel.Role; set => _channel.Role = value; }

    /// <summary>Bytes of a packet that no output action sends to the controller; 0xffff: all.</summary>
    public ushort MissSendLength { get => _channel.MissSendLength; set => _channel.MissSendLength = value; }

    /// <summary>Which asynchronous messages it wants.</summary>
    public AsyncConfig Async
    {
        get => _channel.Async;
        set
        {
            _channel.Async = value;
            if (IsService && MissSendLength == 0)
                MissSendLength = DefaultMissSendLength;
        }
    }

    /// <summary>Number by which flows send packets to it (NXT_SET_CONTROLLER_ID).</summary>
    public ushort ControllerId { get => _channel.ControllerId; set => _channel.ControllerId = value; }

    /// <summary>Whether packets with an invalid TTL are sent to it (OpenFlow 1.0's OFPC_INVALID_TTL_TO_CONTROLLER).</summary>
    public bool SendsInvalidTtl
    {
        get => (Async.PacketInMaster & InvalidTtl) != 0;
        set => _channel.Async = Async with { PacketInMaster = value ? Async.PacketInMaster | InvalidTtl : Async.PacketInMaster & ~InvalidTtl };
    }

    public bool Wants(PacketInEvent packet) =>
        packet.ControllerId == ControllerId && Wants(Async.PacketInMaster, Async.PacketInSlave, (int)packet.Reason);

    public bool Wants(PortReason reason) => Wants(Async.PortStatusMaster, Async.PortStatusSlave, (int)reason);

    public bool Wants(FlowRemovedReason reason) => Wants(Async.FlowRemovedMaster, Async.FlowRemovedSlave, (int)reason);

    public void Give(PacketIn packet)
    {
        if (Connection.TrySendAsynchronous(packet))
            Interlocked.Increment(ref _packetIns);
    }

    private bool Wants(uint master, uint slave, int reason) =>
        !(IsService && MissSendLength == 0) && ((Role == ControllerRole.Slave ? slave : master) & (1u << reason)) != 0;

    private sealed class ChannelState
    {
        private volatile ControllerRole _role = ControllerRole.Equal;
        private volatile AsyncConfig _async = null!;
        private volatile ushort _missSendLength;
        private volatile ushort _controllerId;

        public required PacketInLimiter Limiter { get; init; }

        public ControllerRole Role { get => _role; set => _role = value; }

        public required AsyncConfig Async { get => _async; set => _async = value; }

        public ushort ControllerId { get => _controllerId; set => _controllerId = value; }

        public required ushort MissSendLength { get => _missSendLength; set => _missSendLength = value; }
    }
}
