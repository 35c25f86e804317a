namespace OvsBridge.OpenFlow.Errors;

/// <summary>The table of errors (OpenFlow 1.3.5, 7.4.1; bundles: ONF EXT-230), named type then code.</summary>
public sealed partial record OfError
{
    private static readonly Dictionary<(ushort, ushort), OfError> _rows = [];

#pragma warning disable CS1591 // the names are the specification's
    public static readonly OfError HelloFailedIncompatible = Row(0, 0, "HFC_INCOMPATIBLE");
    public static readonly OfError HelloFailedEperm = Row(0, 1, "HFC_EPERM");

    public static readonly OfError BadRequestBadVersion = Row(1, 0, "BRC_BAD_VERSION");
    public static readonly OfError BadRequestBadType = Row(1, 1, "BRC_BAD_TYPE");
    public static readonly OfError BadRequestBadMultipart = Row(1, 2, "BRC_BAD_MULTIPART");
    public static readonly OfError BadRequestBadExperimenter = Row(1, 3, "BRC_BAD_EXPERIMENTER");
    public static readonly OfError BadRequestBadExpType = Row(1, 4, "BRC_BAD_EXP_TYPE");
    public static readonly OfError BadRequestEperm = Row(1, 5, "BRC_EPERM");
    public static readonly OfError BadRequestBadLen = Row(1, 6, "BRC_BAD_LEN");
    public static readonly OfError BadRequestBufferEmpty = Row(1, 7, "BRC_BUFFER_EMPTY");
    public static readonly OfError BadRequestBufferUnknown = Row(1, 8, "BRC_BUFFER_UNKNOWN");
    public static readonly OfError BadRequestBadTableId = Row(1, 9, "BRC_BAD_TABLE_ID");
    public static readonly OfError BadRequestIsSlave = Row(1, 10, "BRC_IS_SLAVE");
    public static readonly OfError BadRequestBadPort = Row(1, 11, "BRC_BAD_PORT");
    public static readonly OfError BadRequestBadPacket = Row(1, 12, "BRC_BAD_PACKET");
    public static readonly OfError BadRequestMultipartBufferOverflow = Row(1, 13, "BRC_MULTIPART_BUFFER_OVERFLOW");

    public static readonly OfError BadActionBadType = Row(2, 0, "BAC_BAD_TYPE");
    public static readonly OfError BadActionBadLen = Row(2, 1, "BAC_BAD_LEN");
    public static readonly OfError BadActionBadExperimenter = Row(2, 2, "BAC_BAD_EXPERIMENTER");
    public static readonly OfError BadActionBadExpType = Row(2, 3, "BAC_BAD_EXP_TYPE");
    public static readonly OfError BadActionBadOutPort = Row(2, 4, "BAC_BAD_OUT_PORT");
    public static readonly OfError BadActionBadArgument = Row(2, 5, "BAC_BAD_ARGUMENT");
    public static readonly OfError BadActionEperm = Row(2, 6, "BAC_EPERM");
    public static readonly OfError BadActionTooMany = Row(2, 7, "BAC_TOO_MANY");
    public static readonly OfError BadActionBadQueue = Row(2, 8, "BAC_BAD_QUEUE");
    public static readonly OfError BadActionBadOutGroup = Row(2, 9, "BAC_BAD_OUT_GROUP");
    public static readonly OfError BadActionMatchInconsistent = Row(2, 10, "BAC_MATCH_INCONSISTENT");
    public static readonly OfError BadActionUnsupportedOrder = Row(2, 11, "BAC_UNSUPPORTED_ORDER");
    public static readonly OfError BadActionBadTag = Row(2, 12, "BAC_BAD_TAG");
    public static readonly OfError BadActionBadSetType = Row(2, 13, "BAC_BAD_SET_TYPE");
    public static readonly OfError BadActionBadSetLen = Row(2, 14, "BAC_BAD_SET_LEN");
    public static readonly OfError BadActionBadSetArgument = Row(2, 15, "BAC_BAD_SET_ARGUMENT");

    public static readonly OfError BadInstructionUnknownInst = Row(3, 0, "BIC_UNKNOWN_INST");
    public static readonly OfError BadInstructionUnsupInst = Row(3, 1, "BIC_UNSUP_INST");
    public static readonly OfError BadInstructionBadTableId = Row(3, 2, "BIC_BAD_TABLE_ID");
    public static readonly OfError BadInstructionUnsupMetadata = Row(3, 3, "BIC_UNSUP_METADATA");
    public static readonly OfError BadInstructionUnsupMetadataMask = Row(3, 4, "BIC_UNSUP_METADATA_MASK");
    public static readonly OfError BadInstructionBadExperimenter = Row(3, 5, "BIC_BAD_EXPERIMENTER");
    public static readonly OfError BadInstructionBadExpType = Row(3, 6, "BIC_BAD_EXP_TYPE");
    public static readonly OfError BadInstructionBadLen = Row(3, 7, "BIC_BAD_LEN");
    public static readonly OfError BadInstructionEperm = Row(3, 8, "BIC_EPERM");
    public static readonly OfError BadInstructionDupInst = Row(3, 9, "BIC_DUP_INST");

    public static readonly OfError BadMatchBadType = Row(4, 0, "BMC_BAD_TYPE");
    public static readonly OfError BadMatchBadLen = Row(4, 1, "BMC_BAD_LEN");
    public static readonly OfError BadMatchBadTag = Row(4, 2, "BMC_BAD_TAG");
    public static readonly OfError BadMatchBadDlAddrMask = Row(4, 3, "BMC_BAD_DL_ADDR_MASK");
    public static readonly OfError BadMatchBadNwAddrMask = Row(4, 4, "BMC_BAD_NW_ADDR_MASK");
    public static readonly OfError BadMatchBadWildcards = Row(4, 5, "BMC_BAD_WILDCARDS");
    public static readonly OfError BadMatchBadField = Row(4, 6, "BMC_BAD_FIELD");
    public static readonly OfError BadMatchBadValue = Row(4, 7, "BMC_BAD_VALUE");
    public static readonly OfError BadMatchBadMask = Row(4, 8, "BMC_BAD_MASK");
    public static readonly OfError BadMatchBadPrereq = Row(4, 9, "BMC_BAD_PREREQ");
    public static readonly OfError BadMatchDupField = Row(4, 10, "BMC_DUP_FIELD");
    public static readonly OfError BadMatchEperm = Row(4, 11, "BMC_EPERM");

    public static readonly OfError FlowModFailedUnknown = Row(5, 0, "FMFC_UNKNOWN");
    public static readonly OfError FlowModFailedTableFull = Row(5, 1, "FMFC_TABLE_FULL");
    public static readonly OfError FlowModFailedBadTableId = Row(5, 2, "FMFC_BAD_TABLE_ID");
    public static readonly OfError FlowModFailedOverlap = Row(5, 3, "FMFC_OVERLAP");
    public static readonly OfError FlowModFailedEperm = Row(5, 4, "FMFC_EPERM");
    public static readonly OfError FlowModFailedBadTimeout = Row(5, 5, "FMFC_BAD_TIMEOUT");
    public static readonly OfError FlowModFailedBadCommand = Row(5, 6, "FMFC_BAD_COMMAND");
    public static readonly OfError FlowModFailedBadFlags = Row(5, 7, "FMFC_BAD_FLAGS");

    public static readonly OfError GroupModFailedGroupExists = Row(6, 0, "GMFC_GROUP_EXISTS");
    public static readonly OfError GroupModFailedInvalidGroup = Row(6, 1, "GMFC_INVALID_GROUP");
    public static readonly OfError GroupModFailedWeightUnsupported = Row(6, 2, "GMFC_WEIGHT_UNSUPPORTED");
    public static readonly OfError GroupModFailedOutOfGroups = Row(6, 3, "GMFC_OUT_OF_GROUPS");
    public static readonly OfError GroupModFailedOutOfBuckets = Row(6, 4, "GMFC_OUT_OF_BUCKETS");
    public static readonly OfError GroupModFailedChainingUnsupported = Row(6, 5, "GMFC_CHAINING_UNSUPPORTED");
    public static readonly OfError GroupModFailedWatchUnsupported = Row(6, 6, "GMFC_WATCH_UNSUPPORTED");
    public static readonly OfError GroupModFailedLoop = Row(6, 7, "GMFC_LOOP");
    public static readonly OfError GroupModFailedUnknownGroup = Row(6, 8, "GMFC_UNKNOWN_GROUP");
    public static readonly OfError GroupModFailedChainedGroup = Row(6, 9, "GMFC_CHAINED_GROUP");
    public static readonly OfError GroupModFailedBadType = Row(6, 10, "GMFC_BAD_TYPE");
    public static readonly OfError GroupModFailedBadCommand = Row(6, 11, "GMFC_BAD_COMMAND");
    public static readonly OfError GroupModFailedBadBucket = Row(6, 12, "GMFC_BAD_BUCKET");
    public static readonly OfError GroupModFailedBadWatch = Row(6, 13, "GMFC_BAD_WATCH");
    public static readonly OfError GroupModFailedEperm = Row(6, 14, "GMFC_EPERM");

    public static readonly OfError PortModFailedBadPort = Row(7, 0, "PMFC_BAD_PORT");
    public static readonly OfError PortModFailedBadHwAddr = Row(7, 1, "PMFC_BAD_HW_ADDR");
    public static readonly OfError PortModFailedBadConfig = Row(7, 2, "PMFC_BAD_CONFIG");
    public static readonly OfError PortModFailedBadAdvertise = Row(7, 3, "PMFC_BAD_ADVERTISE");
    public static readonly OfError PortModFailedEperm = Row(7, 4, "PMFC_EPERM");

    public static readonly OfError TableModFailedBadTable = Row(8, 0, "TMFC_BAD_TABLE");
    public static readonly OfError TableModFailedBadConfig = Row(8, 1, "TMFC_BAD_CONFIG");
    public static readonly OfError TableModFailedEperm = Row(8, 2, "TMFC_EPERM");

    public static readonly OfError QueueOpFailedBadPort = Row(9, 0, "QOFC_BAD_PORT");
    public static readonly OfError QueueOpFailedBadQueue = Row(9, 1, "QOFC_BAD_QUEUE");
    public static readonly OfError QueueOpFailedEperm = Row(9, 2, "QOFC_EPERM");

    public static readonly OfError SwitchConfigFailedBadFlags = Row(10, 0, "SCFC_BAD_FLAGS");
    public static readonly OfError SwitchConfigFailedBadLen = Row(10, 1, "SCFC_BAD_LEN");
    public static readonly OfError SwitchConfigFailedEperm = Row(10, 2, "SCFC_EPERM");

    public static readonly OfError RoleRequestFailedStale = Row(11, 0, "RRFC_STALE");
    public static readonly OfError RoleRequestFailedUnsup = Row(11, 1, "RRFC_UNSUP");
    public static readonly OfError RoleRequestFailedBadRole = Row(11, 2, "RRFC_BAD_ROLE");

    public static readonly OfError MeterModFailedUnknown = Row(12, 0, "MMFC_UNKNOWN");
    public static readonly OfError MeterModFailedMeterExists = Row(12, 1, "MMFC_METER_EXISTS");
    public static readonly OfError MeterModFailedInvalidMeter = Row(12, 2, "MMFC_INVALID_METER");
    public static readonly OfError MeterModFailedUnknownMeter = Row(12, 3, "MMFC_UNKNOWN_METER");
    public static readonly OfError MeterModFailedBadCommand = Row(12, 4, "MMFC_BAD_COMMAND");
    public static readonly OfError MeterModFailedBadFlags = Row(12, 5, "MMFC_BAD_FLAGS");
    public static readonly OfError MeterModFailedBadRate = Row(12, 6, "MMFC_BAD_RATE");
    public static readonly OfError MeterModFailedBadBurst = Row(12, 7, "MMFC_BAD_BURST");
    public static readonly OfError MeterModFailedBadBand = Row(12, 8, "MMFC_BAD_BAND");
    public static readonly OfError MeterModFailedBadBandValue = Row(12, 9, "MMFC_BAD_BAND_VALUE");
    public static readonly OfError MeterModFailedOutOfMeters = Row(12, 10, "MMFC_OUT_OF_METERS");
    public static readonly OfError MeterModFailedOutOfBands = Row(12, 11, "MMFC_OUT_OF_BANDS");

    public static readonly OfError TableFeaturesFailedBadTable = Row(13, 0, "TFFC_BAD_TABLE");
    public static readonly OfError TableFeaturesFailedBadMetadata = Row(13, 1, "TFFC_BAD_METADATA");
    public static readonly OfError TableFeaturesFailedBadType = Row(13, 2, "TFFC_BAD_TYPE");
    public static readonly OfError TableFeaturesFailedBadLen = Row(13, 3, "TFFC_BAD_LEN");
    public static readonly OfError TableFeaturesFailedBadArgument = Row(13, 4, "TFFC_BAD_ARGUMENT");
    public static readonly OfError TableFeaturesFailedEperm = Row(13, 5, "TFFC_EPERM");

    // ONF EXT-230: OFPET_BUNDLE_FAILED of OpenFlow 1.4 as experimenter errors
    public static readonly OfError BundleFailedUnknown = OnfRow(2300, "BFC_UNKNOWN");
    public static readonly OfError BundleFailedEperm = OnfRow(2301, "BFC_EPERM");
    public static readonly OfError BundleFailedBadId = OnfRow(2302, "BFC_BAD_ID");
    public static readonly OfError BundleFailedBundleExist = OnfRow(2303, "BFC_BUNDLE_EXIST");
    public static readonly OfError BundleFailedBundleClosed = OnfRow(2304, "BFC_BUNDLE_CLOSED");
    public static readonly OfError BundleFailedOutOfBundles = OnfRow(2305, "BFC_OUT_OF_BUNDLES");
    public static readonly OfError BundleFailedBadType = OnfRow(2306, "BFC_BAD_TYPE");
    public static readonly OfError BundleFailedBadFlags = OnfRow(2307, "BFC_BAD_FLAGS");
    public static readonly OfError BundleFailedMsgBadLen = OnfRow(2308, "BFC_MSG_BAD_LEN");
    public static readonly OfError BundleFailedMsgBadXid = OnfRow(2309, "BFC_MSG_BAD_XID");
    public static readonly OfError BundleFailedMsgUnsup = OnfRow(2310, "BFC_MSG_UNSUP");
    public static readonly OfError BundleFailedMsgConflict = OnfRow(2311, "BFC_MSG_CONFLICT");
    public static readonly OfError BundleFailedMsgTooMany = OnfRow(2312, "BFC_MSG_TOO_MANY");
    public static readonly OfError BundleFailedMsgFailed = OnfRow(2313, "BFC_MSG_FAILED");
    public static readonly OfError BundleFailedTimeout = OnfRow(2314, "BFC_TIMEOUT");
    public static readonly OfError BundleFailedBundleInProgress = OnfRow(2315, "BFC_BUNDLE_IN_PROGRESS");

    // Open vSwitch's, as experimenter errors
    public static readonly OfError NiciraNxmInvalid = NiciraRow(2, "NXBRC_NXM_INVALID");
    public static readonly OfError FlowMonitorFailedMonitorExists = NiciraRow(6, "MOFC_MONITOR_EXISTS");
    public static readonly OfError FlowMonitorFailedBadFlags = NiciraRow(7, "MOFC_BAD_FLAGS");
    public static readonly OfError FlowMonitorFailedUnknownMonitor = NiciraRow(8, "MOFC_UNKNOWN_MONITOR");
    public static readonly OfError NiciraNotConfigured = NiciraRow(36, "NXST_NOT_CONFIGURED");
#pragma warning restore CS1591

    /// <summary>All rows.</summary>
    public static IReadOnlyCollection<OfError> All => _rows.Values;

    /// <summary>The row with this type, code (an experimenter's: exp_type) and experimenter, or null.</summary>
    public static OfError? Find(ushort type, ushort code, uint experimenter = 0) =>
        _rows.GetValueOrDefault((type, code)) is { } row && row.Experimenter == experimenter ? row : null;

    private const ushort ExperimenterType = 0xffff; // OFPET_EXPERIMENTER

    private static OfError OnfRow(ushort code, string name) => ExperimenterRow(code, name, Messages.ExperimenterMessage.Onf);

    private static OfError NiciraRow(ushort code, string name) => ExperimenterRow(code, name, Messages.NiciraMessage.Vendor);

    private static OfError ExperimenterRow(ushort code, string name, uint experimenter)
    {
        OfError row = new(ExperimenterType, code, name) { Experimenter = experimenter };
        _rows.Add((ExperimenterType, code), row);
        return row;
    }

    private static OfError Row(ushort type, ushort code, string name)
    {
        OfError row = new(type, code, name);
        _rows.Add((type, code), row);
        return row;
    }
}
