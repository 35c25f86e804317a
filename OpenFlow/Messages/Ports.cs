using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Wire;

namespace OvsBridge.OpenFlow.Messages;

/// <summary>enum ofp_port_config.</summary>
[Flags]
public enum PortConfig : uint
{
#pragma warning disable CS1591 // the names are the specification's
    None = 0,
    PortDown = 1 << 0,
    NoStp = 1 << 1, // OpenFlow 1.0 only
    NoRecv = 1 << 2,
    NoRecvStp = 1 << 3, // OpenFlow 1.0 only
    NoFlood = 1 << 4, // OpenFlow 1.0 only
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

    internal const int Size = 64;
    private const int NameSize = 16; // OFP_MAX_PORT_NAME_LEN

    // struct ofp_port: port_no, pad[4], hw_addr, pad[2], name, config, state, curr, advertised, supported, peer, curr_speed, max_speed
    internal static PortDescription Read(ref WireReader reader)
    {
        uint number = reader.U32();
        reader.Skip(4);
        ulong address = reader.U48();
        reader.Skip(2);
        return new PortDescription
        {
            PortNo = number,
            HwAddr = address,
            Name = reader.Text(NameSize),
            Config = (PortConfig)reader.U32(),
            State = (PortState)reader.U32(),
            Current = (PortFeatures)reader.U32(),
            Advertised = (PortFeatures)reader.U32(),
            Supported = (PortFeatures)reader.U32(),
            Peer = (PortFeatures)reader.U32(),
            CurrentSpeedKbps = reader.U32(),
            MaxSpeedKbps = reader.U32(),
        };
    }

    internal void Write(ref WireWriter writer)
    {
        writer.U32(PortNo);
        writer.Zero(4);
        writer.U48(HwAddr);
        writer.Zero(2);
        writer.Text(Name, NameSize);
        writer.U32((uint)(Config & PortMod.AllConfig));
        writer.U32((uint)State);
        writer.U32((uint)Current);
        writer.U32((uint)Advertised);
        writer.U32((uint)Supported);
        writer.U32((uint)Peer);
        writer.U32(CurrentSpeedKbps);
        writer.U32(MaxSpeedKbps);
    }
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

    // struct ofp_port_status: reason, pad[7], desc
    internal static PortStatus Read(ref WireReader reader, MessageHeader header)
    {
        var reason = (PortReason)reader.U8();
        reader.Skip(7);
        return new PortStatus(reason, PortDescription.Read(ref reader)) { Xid = header.Xid };
    }

    internal override void WriteBody(ref WireWriter writer)
    {
        writer.U8((byte)Reason);
        writer.Zero(7);
        Port.Write(ref writer);
    }
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

    // struct ofp_port_mod: port_no, pad[4], hw_addr, pad[2], config, mask, advertise, pad[4]
    internal static PortMod Read(ref WireReader reader, MessageHeader header)
    {
        uint number = reader.U32();
        reader.Skip(4);
        ulong address = reader.U48();
        reader.Skip(2);
        var config = (PortConfig)reader.U32();
        var mask = (PortConfig)reader.U32();
        var advertise = (PortFeatures)reader.U32();
        reader.Skip(4);
        if (((config | mask) & ~AllConfig) != 0)
            WireReader.Fail(OfError.PortModFailedBadConfig, $"config 0x{(uint)config:x8}, mask 0x{(uint)mask:x8}");
        if ((advertise & ~AllFeatures) != 0)
            WireReader.Fail(OfError.PortModFailedBadAdvertise, $"advertise 0x{(uint)advertise:x8}");
        return new PortMod(number, address, config, mask, advertise) { Xid = header.Xid };
    }

    internal override void WriteBody(ref WireWriter writer)
    {
        writer.U32(PortNo);
        writer.Zero(4);
        writer.U48(HwAddr);
        writer.Zero(2);
        writer.U32((uint)Config);
        writer.U32((uint)Mask);
        writer.U32((uint)Advertise);
        writer.Zero(4);
    }

    /// <summary>Bits that OpenFlow 1.3 has.</summary>
    internal const PortConfig AllConfig = PortConfig.PortDown | PortConfig.NoRecv | PortConfig.NoFwd | PortConfig.NoPacketIn;
    private const PortFeatures AllFeatures = (PortFeatures)((uint)PortFeatures.PauseAsymmetric * 2 - 1);
}

/// <summary>struct ofp_packet_queue.</summary>
/// <param name="QueueId">Queue.</param>
/// <param name="Port">Its port.</param>
/// <param name="MinRate">Guaranteed rate in tenths of a per cent; null: none.</param>
/// <param name="MaxRate">Highest rate in tenths of a per cent; null: none.</param>
public sealed record PacketQueue(uint QueueId, uint Port, ushort? MinRate, ushort? MaxRate)
{
    private const ushort MinRateProperty = 1; // OFPQT_MIN_RATE
    private const ushort MaxRateProperty = 2; // OFPQT_MAX_RATE
    private const ushort ExperimenterProperty = 0xffff; // OFPQT_EXPERIMENTER

    /// <summary>Properties of experimenters.</summary>
    public ValueList<QueueExperimenter> Experimenters { get; init; }

    // struct ofp_packet_queue: queue_id, port, len, pad[6], properties
    // struct ofp_queue_prop_header: property, len, pad[4]; rates: rate, pad[6]; experimenter: experimenter, pad[4], data
    internal static PacketQueue Read(ref WireReader reader)
    {
        uint queue = reader.U32();
        uint port = reader.U32();
        ushort length = reader.U16();
        WireReader body = reader.Sub(length - 10, OfError.BadRequestBadLen, "ofp_packet_queue");
        body.Skip(6);
        ushort? minRate = null, maxRate = null;
        List<QueueExperimenter>? experimenters = null;
        while (body.Remaining > 0)
        {
            ushort type = body.U16();
            ushort size = body.U16();
            WireReader property = body.Sub(size - 4, OfError.BadRequestBadLen, "queue property");
            property.Skip(4);
            switch (type)
            {
                case MinRateProperty:
                    minRate = property.U16();
                    break;
                case MaxRateProperty:
                    maxRate = property.U16();
                    break;
                case ExperimenterProperty:
                    uint experimenter = property.U32();
                    property.Skip(4);
                    (experimenters ??= []).Add(new QueueExperimenter(experimenter, ValueList.Create(property.Rest())));
                    break;
            }
        }

        return new PacketQueue(queue, port, minRate, maxRate) { Experimenters = experimenters?.ToValueList() ?? default };
    }

    internal void Write(ref WireWriter writer)
    {
        int start = writer.Position;
        writer.U32(QueueId);
        writer.U32(Port);
        int length = writer.ReserveLength();
        writer.Zero(6);
        WriteProperties(ref writer);
        writer.Length(length, start);
    }

    internal void WriteProperties(ref WireWriter writer)
    {
        if (MinRate is { } minRate)
            WriteRate(ref writer, MinRateProperty, minRate);
        if (MaxRate is { } maxRate)
            WriteRate(ref writer, MaxRateProperty, maxRate);
        foreach (QueueExperimenter experimenter in Experimenters)
        {
            int propertyStart = writer.Position;
            writer.U16(ExperimenterProperty);
            int propertyLength = writer.ReserveLength();
            writer.Zero(4);
            writer.U32(experimenter.Experimenter);
            writer.Zero(4);
            writer.Bytes(experimenter.Data.AsSpan());
            writer.Length(propertyLength, propertyStart);
        }
    }

    private static void WriteRate(ref WireWriter writer, ushort property, ushort rate)
    {
        writer.U16(property);
        writer.U16(16);
        writer.Zero(4);
        writer.U16(rate);
        writer.Zero(6);
    }
}

/// <summary>struct ofp_queue_prop_experimenter.</summary>
/// <param name="Experimenter">Experimenter number.</param>
/// <param name="Data">What follows it.</param>
public sealed record QueueExperimenter(uint Experimenter, ValueList<byte> Data);

/// <summary>OFPT_QUEUE_GET_CONFIG_REQUEST.</summary>
/// <param name="Port">Port, or <see cref="Actions.OfPorts.Any"/>.</param>
public sealed record QueueGetConfigRequest(uint Port) : OfMessage
{
    /// <inheritdoc/>
    public override OfType Type => OfType.QueueGetConfigRequest;

    // struct ofp_queue_get_config_request: port, pad[4]
    internal static QueueGetConfigRequest Read(ref WireReader reader, MessageHeader header)
    {
        uint port = reader.U32();
        reader.Skip(4);
        return new QueueGetConfigRequest(port) { Xid = header.Xid };
    }

    internal override void WriteBody(ref WireWriter writer)
    {
        writer.U32(Port);
        writer.Zero(4);
    }
}

/// <summary>OFPT_QUEUE_GET_CONFIG_REPLY.</summary>
/// <param name="Port">The request's port.</param>
/// <param name="Queues">Its queues.</param>
public sealed record QueueGetConfigReply(uint Port, ValueList<PacketQueue> Queues) : OfMessage
{
    /// <inheritdoc/>
    public override OfType Type => OfType.QueueGetConfigReply;

    // struct ofp_queue_get_config_reply: port, pad[4], queues
    internal static QueueGetConfigReply Read(ref WireReader reader, MessageHeader header)
    {
        uint port = reader.U32();
        reader.Skip(4);
        var queues = new List<PacketQueue>();
        while (reader.Remaining > 0)
            queues.Add(PacketQueue.Read(ref reader));
        return new QueueGetConfigReply(port, queues.ToValueList()) { Xid = header.Xid };
    }

    internal override void WriteBody(ref WireWriter writer)
    {
        writer.U32(Port);
        writer.Zero(4);
        foreach (PacketQueue queue in Queues)
            queue.Write(ref writer);
    }
}
