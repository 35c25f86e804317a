using OvsBridge.OpenFlow.Wire;

namespace OvsBridge.OpenFlow.Messages;

/// <summary>OpenFlow 1.3 message types (enum ofp_type).</summary>
public enum OfType : byte
{
#pragma warning disable CS1591 // the names are the specification's
    Hello = 0,
    Error = 1,
    EchoRequest = 2,
    EchoReply = 3,
    Experimenter = 4,
    FeaturesRequest = 5,
    FeaturesReply = 6,
    GetConfigRequest = 7,
    GetConfigReply = 8,
    SetConfig = 9,
    PacketIn = 10,
    FlowRemoved = 11,
    PortStatus = 12,
    PacketOut = 13,
    FlowMod = 14,
    GroupMod = 15,
    PortMod = 16,
    TableMod = 17,
    MultipartRequest = 18,
    MultipartReply = 19,
    BarrierRequest = 20,
    BarrierReply = 21,
    QueueGetConfigRequest = 22,
    QueueGetConfigReply = 23,
    RoleRequest = 24,
    RoleReply = 25,
    GetAsyncRequest = 26,
    GetAsyncReply = 27,
    SetAsync = 28,
    MeterMod = 29,
#pragma warning restore CS1591
}

/// <summary>An OpenFlow 1.3 message. Immutable; numbers are host order. Readers and writers are in <c>Wire/MessageTable</c>.</summary>
public abstract record OfMessage
{
    /// <summary>Transaction id; a reply repeats its request's.</summary>
    public uint Xid { get; init; }

    /// <summary>The number in the header.</summary>
    public abstract OfType Type { get; }

    /// <summary>About how many bytes the message will have; a better guess saves a copy.</summary>
    internal virtual int SizeHint => 256;

    /// <summary>Writes what follows the header.</summary>
    internal abstract void WriteBody(ref WireWriter writer);
}
