namespace OvsBridge.OpenFlow.Messages;

/// <summary>enum ofp_port_config.</summary>
[Flags]
public enum PortConfig : uint
{
#pragma warning disable CS1591 // the names are the specification's
    None = 0,
    PortDown = 1 << 0,
    NoRecv = 1 << 2,
    NoFwd = 1 << 5,
    NoPacketIn = 1 << 6,
#pragma warning restore CS1591
}

/// <summary>enum ofp_port_state.</summary>
[Flags]
public enum PortState : uint
{
#pragma warning disable CS1591 // the names are the specification's
    None = 0,
    LinkDown = 1 << 0,
    Blocked = 1 << 1,
    Live = 1 << 2,
#pragma warning restore CS1591
}

/// <summary>enum ofp_port_features.</summary>
[Flags]
public enum PortFeatures : uint
{
#pragma warning disable CS1591 // the names are the specification's
    None = 0,
    TenMbHalf = 1 << 0,
    TenMbFull = 1 << 1,
    HundredMbHalf = 1 << 2,
    HundredMbFull = 1 << 3,
    OneGbHalf = 1 << 4,
    OneGbFull = 1 << 5,
    TenGbFull = 1 << 6,
    FortyGbFull = 1 << 7,
    HundredGbFull = 1 << 8,
    OneTbFull = 1 << 9,
    Other = 1 << 10,
    Copper = 1 << 11,
    Fiber = 1 << 12,
    AutoNegotiation = 1 << 13,
    Pause = 1 << 14,
    PauseAsymmetric = 1 << 15,
#pragma warning restore CS1591
}

/// <summary>struct ofp_port.</summary>
public sealed record PortDescription
{
    /// <summary>Port number.</summary>
    public uint PortNo { get; init; }

    /// <summary>MAC address, low 48 bits, first byte most significant.</summary>
    public ulong HwAddr { get; init; }

    /// <summary>Interface name, at most 15 bytes on the wire.</summary>
    public string Name { get; init; } = "";

    /// <summary>Administrative settings.</summary>
    public PortConfig Config { get; init; }

    /// <summary>Link state.</summary>
    public PortState State { get; init; }

    /// <summary>Current features.</summary>
    public PortFeatures Current { get; init; }

    /// <summary>Advertised features.</summary>
    public PortFeatures Advertised { get; init; }

    /// <summary>Supported features.</summary>
    public PortFeatures Supported { get; init; }

    /// <summary>The link partner's features.</summary>
    public PortFeatures Peer { get; init; }

    /// <summary>Current speed in kilobits a second.</summary>
    public uint CurrentSpeedKbps { get; init; }

    /// <summary>Highest speed in kilobits a second.</summary>
    public uint MaxSpeedKbps { get; init; }
}

/// <summary>enum ofp_port_reason.</summary>
public enum PortReason : byte
{
#pragma warning disable CS1591 // the names are the specification's
    Add = 0,
    Delete = 1,
    Modify = 2,
#pragma warning restore CS1591
}

/// <summary>OFPT_PORT_STATUS.</summary>
/// <param name="Reason">What happened.</param>
/// <param name="Port">The port now.</param>
public sealed record PortStatus(PortReason Reason, PortDescription Port) : OfMessage
{
    /// <inheritdoc/>
    public override OfType Type => OfType.PortStatus;
}

/// <summary>OFPT_PORT_MOD.</summary>
/// <param name="PortNo">Which port.</param>
/// <param name="HwAddr">Its MAC address, as a check.</param>
/// <param name="Config">New bits.</param>
/// <param name="Mask">Bits to change.</param>
/// <param name="Advertise">Features to advertise; 0: no change.</param>
public sealed record PortMod(uint PortNo, ulong HwAddr, PortConfig Config, PortConfig Mask, PortFeatures Advertise) : OfMessage
{
    /// <inheritdoc/>
    public override OfType Type => OfType.PortMod;
}

/// <summary>struct ofp_packet_queue.</summary>
/// <param name="QueueId">Queue.</param>
/// <param name="Port">Its port.</param>
/// <param name="MinRate">Guaranteed rate in tenths of a per cent; null: none.</param>
/// <param name="MaxRate">Highest rate in tenths of a per cent; null: none.</param>
public sealed record PacketQueue(uint QueueId, uint Port, ushort? MinRate, ushort? MaxRate);

/// <summary>OFPT_QUEUE_GET_CONFIG_REQUEST.</summary>
/// <param name="Port">Port, or <see cref="Actions.OfPorts.Any"/>.</param>
public sealed record QueueGetConfigRequest(uint Port) : OfMessage
{
    /// <inheritdoc/>
    public override OfType Type => OfType.QueueGetConfigRequest;
}

/// <summary>OFPT_QUEUE_GET_CONFIG_REPLY.</summary>
/// <param name="Port">The request's port.</param>
/// <param name="Queues">Its queues.</param>
public sealed record QueueGetConfigReply(uint Port, ValueList<PacketQueue> Queues) : OfMessage
{
    /// <inheritdoc/>
    public override OfType Type => OfType.QueueGetConfigReply;
}
