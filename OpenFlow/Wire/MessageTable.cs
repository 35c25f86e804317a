using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Messages.Multipart;

namespace OvsBridge.OpenFlow.Wire;

internal delegate OfMessage MessageReader(ref WireReader reader, MessageHeader header);

/// <summary>One message type. Its writer is <see cref="OfMessage.WriteBody"/>, next to its reader.</summary>
/// <param name="Type">enum ofp_type.</param>
/// <param name="Name">The specification's name.</param>
/// <param name="MinSize">Fewest bytes, header included.</param>
/// <param name="Read">Reads what follows the header.</param>
/// <param name="FromSwitch">A switch sends it: read leniently, see <see cref="OfCodec"/>.</param>
/// <param name="AnyVersion">Read whatever version the header has.</param>
internal sealed record MessageRow(
    OfType Type, string Name, int MinSize, MessageReader Read, bool FromSwitch = false, bool AnyVersion = false);

/// <summary>The only list of message types (specification 7.1).</summary>
internal static class MessageTable
{
    /// <summary>All rows; the index is the number on the wire.</summary>
    public static IReadOnlyList<MessageRow> All { get; } =
    [
        new(OfType.Hello, "OFPT_HELLO", 8, Hello.Read, AnyVersion: true),
        // Type, code and data are the same in every version; not answering errors with errors matters more than the version.
        new(OfType.Error, "OFPT_ERROR", 12, ErrorMessage.Read, FromSwitch: true, AnyVersion: true),
        new(OfType.EchoRequest, "OFPT_ECHO_REQUEST", 8, EchoRequest.Read),
        new(OfType.EchoReply, "OFPT_ECHO_REPLY", 8, EchoReply.Read),
        new(OfType.Experimenter, "OFPT_EXPERIMENTER", 16, ExperimenterMessage.Read),
        new(OfType.FeaturesRequest, "OFPT_FEATURES_REQUEST", 8, FeaturesRequest.Read),
        new(OfType.FeaturesReply, "OFPT_FEATURES_REPLY", 32, FeaturesReply.Read, FromSwitch: true),
        new(OfType.GetConfigRequest, "OFPT_GET_CONFIG_REQUEST", 8, GetConfigRequest.Read),
        new(OfType.GetConfigReply, "OFPT_GET_CONFIG_REPLY", 12, GetConfigReply.Read, FromSwitch: true),
        new(OfType.SetConfig, "OFPT_SET_CONFIG", 12, SetConfig.Read),
        new(OfType.PacketIn, "OFPT_PACKET_IN", 34, PacketIn.Read, FromSwitch: true),
        new(OfType.FlowRemoved, "OFPT_FLOW_REMOVED", 56, FlowRemoved.Read, FromSwitch: true),
        new(OfType.PortStatus, "OFPT_PORT_STATUS", 80, PortStatus.Read, FromSwitch: true),
        new(OfType.PacketOut, "OFPT_PACKET_OUT", 24, PacketOut.Read),
        new(OfType.FlowMod, "OFPT_FLOW_MOD", 56, FlowMod.Read),
        new(OfType.GroupMod, "OFPT_GROUP_MOD", 16, GroupMod.Read),
        new(OfType.PortMod, "OFPT_PORT_MOD", 40, PortMod.Read),
        new(OfType.TableMod, "OFPT_TABLE_MOD", 16, TableMod.Read),
        new(OfType.MultipartRequest, "OFPT_MULTIPART_REQUEST", 16, MultipartRequest.Read),
        new(OfType.MultipartReply, "OFPT_MULTIPART_REPLY", 16, MultipartReply.Read, FromSwitch: true),
        new(OfType.BarrierRequest, "OFPT_BARRIER_REQUEST", 8, BarrierRequest.Read),
        new(OfType.BarrierReply, "OFPT_BARRIER_REPLY", 8, BarrierReply.Read, FromSwitch: true),
        new(OfType.QueueGetConfigRequest, "OFPT_QUEUE_GET_CONFIG_REQUEST", 16, QueueGetConfigRequest.Read),
        new(OfType.QueueGetConfigReply, "OFPT_QUEUE_GET_CONFIG_REPLY", 16, QueueGetConfigReply.Read, FromSwitch: true),
        new(OfType.RoleRequest, "OFPT_ROLE_REQUEST", 24, RoleRequest.Read),
        new(OfType.RoleReply, "OFPT_ROLE_REPLY", 24, RoleReply.Read, FromSwitch: true),
        new(OfType.GetAsyncRequest, "OFPT_GET_ASYNC_REQUEST", 8, GetAsyncRequest.Read),
        new(OfType.GetAsyncReply, "OFPT_GET_ASYNC_REPLY", 32, GetAsyncReply.Read, FromSwitch: true),
        new(OfType.SetAsync, "OFPT_SET_ASYNC", 32, SetAsync.Read),
        new(OfType.MeterMod, "OFPT_METER_MOD", 16, MeterMod.Read),
    ];

    /// <summary>The row with this number, or null.</summary>
    public static MessageRow? Find(byte type) => type < All.Count ? All[type] : null;
}

internal delegate MultipartQuery QueryReader(ref WireReader reader);

internal delegate MultipartAnswer AnswerReader(ref WireReader reader);

/// <summary>One multipart type; bodies are everything behind struct ofp_multipart_request or ofp_multipart_reply.</summary>
/// <param name="Kind">enum ofp_multipart_type.</param>
/// <param name="Name">The specification's name.</param>
/// <param name="ReadQuery">Reads a request's body.</param>
/// <param name="ReadAnswer">Reads a reply's body.</param>
internal sealed record MultipartRow(MultipartType Kind, string Name, QueryReader ReadQuery, AnswerReader ReadAnswer);

/// <summary>The only list of multipart types (specification 7.3.5).</summary>
internal static class MultipartTable
{
    /// <summary>All rows.</summary>
    public static IReadOnlyList<MultipartRow> All { get; } =
    [
        new(MultipartType.Desc, "OFPMP_DESC", DescQuery.Read, DescAnswer.Read),
        new(MultipartType.Flow, "OFPMP_FLOW", FlowQuery.Read, FlowAnswer.Read),
        new(MultipartType.Aggregate, "OFPMP_AGGREGATE", AggregateQuery.Read, AggregateAnswer.Read),
        new(MultipartType.Table, "OFPMP_TABLE", TableQuery.Read, TableAnswer.Read),
        new(MultipartType.PortStats, "OFPMP_PORT_STATS", PortStatsQuery.Read, PortStatsAnswer.Read),
        new(MultipartType.Queue, "OFPMP_QUEUE", QueueQuery.Read, QueueAnswer.Read),
        new(MultipartType.Group, "OFPMP_GROUP", GroupQuery.Read, GroupAnswer.Read),
        new(MultipartType.GroupDesc, "OFPMP_GROUP_DESC", GroupDescQuery.Read, GroupDescAnswer.Read),
        new(MultipartType.GroupFeatures, "OFPMP_GROUP_FEATURES", GroupFeaturesQuery.Read, GroupFeaturesAnswer.Read),
        new(MultipartType.Meter, "OFPMP_METER", MeterQuery.Read, MeterAnswer.Read),
        new(MultipartType.MeterConfig, "OFPMP_METER_CONFIG", MeterConfigQuery.Read, MeterConfigAnswer.Read),
        new(MultipartType.MeterFeatures, "OFPMP_METER_FEATURES", MeterFeaturesQuery.Read, MeterFeaturesAnswer.Read),
        new(MultipartType.TableFeatures, "OFPMP_TABLE_FEATURES", TableFeaturesQuery.Read, TableFeaturesAnswer.Read),
        new(MultipartType.PortDesc, "OFPMP_PORT_DESC", PortDescQuery.Read, PortDescAnswer.Read),
        new(MultipartType.Experimenter, "OFPMP_EXPERIMENTER", ExperimenterQuery.Read, ExperimenterAnswer.Read),
    ];

    /// <summary>The row with this number, or null.</summary>
    public static MultipartRow? Find(ushort type) =>
        type < All.Count - 1 ? All[type] : type == (ushort)MultipartType.Experimenter ? All[^1] : null;
}
