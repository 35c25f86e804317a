using System.Collections.Frozen;
using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Wire;

namespace OvsBridge.OpenFlow.V10;

/// <summary>Type and code of an error in OpenFlow 1.0.</summary>
/// <param name="Type">enum ofp_error_type of OpenFlow 1.0.</param>
/// <param name="Code">Code within it.</param>
/// <param name="IsNicira">One of Nicira's additions: sent inside an error of type 0xb0c2 (struct nx_vendor_error).</param>
internal readonly record struct ErrorCode10(ushort Type, ushort Code, bool IsNicira);

/// <summary>
/// OpenFlow 1.0's numbers of errors. It has 30, so Open vSwitch has added those of what it can do beyond it; what has neither is
/// "unencodable", as there.
/// </summary>
internal static class ErrorCodec
{
    private const ushort NiciraType = 0xb0c2; // NXET_VENDOR
    private static readonly ErrorCode10 _unencodable = new(1, 521, true); // NXBRC_UNENCODABLE_ERROR

    private static readonly FrozenDictionary<OfError, ErrorCode10> _codes = new Dictionary<OfError, ErrorCode10>
    {
        [OfError.HelloFailedIncompatible] = Standard(0, 0),
        [OfError.HelloFailedEperm] = Standard(0, 1),

        [OfError.BadRequestBadVersion] = Standard(1, 0),
        [OfError.BadRequestBadType] = Standard(1, 1),
        [OfError.BadRequestBadMultipart] = Standard(1, 2),
        [OfError.BadRequestBadExperimenter] = Standard(1, 3),
        [OfError.BadRequestBadExpType] = Standard(1, 4),
        [OfError.BadRequestEperm] = Standard(1, 5),
        [OfError.BadRequestIsSlave] = Standard(1, 5),
        [OfError.BadRequestBadLen] = Standard(1, 6),
        [OfError.BadRequestBufferEmpty] = Standard(1, 7),
        [OfError.BadRequestBufferUnknown] = Standard(1, 8),
        [OfError.BadRequestBadTableId] = Nicira(1, 512),
        [OfError.RoleRequestFailedBadRole] = Nicira(1, 513),
        [OfError.BadRequestBadPort] = Nicira(1, 514),
        [OfError.NiciraNxmInvalid] = Nicira(1, 256),
        [OfError.FlowMonitorFailedMonitorExists] = Nicira(1, 517),
        [OfError.FlowMonitorFailedBadFlags] = Nicira(1, 518),
        [OfError.FlowMonitorFailedUnknownMonitor] = Nicira(1, 519),
        [OfError.NiciraNotConfigured] = Nicira(1, 535),

        [OfError.BadMatchBadValue] = Nicira(1, 258),
        [OfError.BadMatchBadMask] = Nicira(1, 259),
        [OfError.BadMatchBadPrereq] = Nicira(1, 260),
        [OfError.BadMatchDupField] = Nicira(1, 261),
        [OfError.BadMatchBadWildcards] = Nicira(1, 262),
        [OfError.BadMatchBadField] = Nicira(0, 263),

        [OfError.BadActionBadType] = Standard(2, 0),
        [OfError.BadActionBadLen] = Standard(2, 1),
        [OfError.BadActionBadExperimenter] = Standard(2, 2),
        [OfError.BadActionBadExpType] = Standard(2, 3),
        [OfError.BadActionBadOutPort] = Standard(2, 4),
        [OfError.BadActionBadArgument] = Standard(2, 5),
        [OfError.BadActionEperm] = Standard(2, 6),
        [OfError.BadActionTooMany] = Standard(2, 7),
        [OfError.BadActionBadQueue] = Standard(2, 8),
        [OfError.BadActionBadOutGroup] = Nicira(2, 9),
        [OfError.BadActionMatchInconsistent] = Nicira(1, 522),
        [OfError.BadActionBadSetType] = Nicira(1, 523),
        [OfError.BadActionBadSetLen] = Nicira(1, 524),
        [OfError.BadActionBadSetArgument] = Nicira(1, 525),
        [OfError.BadInstructionUnsupInst] = Nicira(2, 257),

        [OfError.FlowModFailedTableFull] = Standard(3, 0),
        [OfError.FlowModFailedOverlap] = Standard(3, 1),
        [OfError.FlowModFailedEperm] = Standard(3, 2),
        [OfError.FlowModFailedBadCommand] = Standard(3, 4),
        [OfError.FlowModFailedBadFlags] = Nicira(3, 258),
        [OfError.FlowModFailedBadTableId] = Nicira(5, 257), // NXFMFC_BAD_TABLE_ID

        [OfError.GroupModFailedGroupExists] = Nicira(6, 0),
        [OfError.GroupModFailedInvalidGroup] = Nicira(6, 1),
        [OfError.GroupModFailedWeightUnsupported] = Nicira(6, 2),
        [OfError.GroupModFailedOutOfGroups] = Nicira(6, 3),
        [OfError.GroupModFailedOutOfBuckets] = Nicira(6, 4),
        [OfError.GroupModFailedChainingUnsupported] = Nicira(6, 5),
        [OfError.GroupModFailedWatchUnsupported] = Nicira(6, 6),
        [OfError.GroupModFailedLoop] = Nicira(6, 7),
        [OfError.GroupModFailedUnknownGroup] = Nicira(6, 8),
        [OfError.GroupModFailedChainedGroup] = Nicira(6, 9),
        [OfError.GroupModFailedBadType] = Nicira(6, 10),
        [OfError.GroupModFailedBadCommand] = Nicira(6, 11),
        [OfError.GroupModFailedBadBucket] = Nicira(6, 12),
        [OfError.GroupModFailedBadWatch] = Nicira(6, 13),
        [OfError.GroupModFailedEperm] = Nicira(6, 14),

        [OfError.PortModFailedBadPort] = Standard(4, 0),
        [OfError.PortModFailedBadHwAddr] = Standard(4, 1),
        [OfError.QueueOpFailedBadPort] = Standard(5, 0),
        [OfError.QueueOpFailedBadQueue] = Standard(5, 1),
        [OfError.QueueOpFailedEperm] = Standard(5, 2),
    }.ToFrozenDictionary();

    /// <summary>The numbers of an error.</summary>
    public static ErrorCode10 Of(OfError error) => _codes.GetValueOrDefault(error, _unencodable);

    // struct ofp_error_msg: type, code, data; Nicira's: vendor, type, code in front of the data
    public static void Write(ref WireWriter writer, ErrorMessage message)
    {
        OfError? error = OfError.Find(message.ErrorType, message.Code, message.Experimenter);
        ErrorCode10 code = error is null ? _unencodable : Of(error);
        if (!code.IsNicira)
        {
            writer.U16(code.Type);
            writer.U16(code.Code);
            writer.Bytes(message.Data.Span);
            return;
        }

        writer.U16(NiciraType);
        writer.U16(0); // NXVC_VENDOR_ERROR
        writer.U32(NiciraMessage.Vendor);
        writer.U16(code.Type);
        writer.U16(code.Code);
        writer.Bytes(message.Data.Span[..int.Min(message.Data.Length, Room)]);
    }

    private const int Room = OfCodec.MaxMessageSize - MessageHeader.Size - 12;

    private static ErrorCode10 Standard(ushort type, ushort code) => new(type, code, false);

    private static ErrorCode10 Nicira(ushort type, ushort code) => new(type, code, true);
}
