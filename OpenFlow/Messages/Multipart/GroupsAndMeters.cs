namespace OvsBridge.OpenFlow.Messages.Multipart;

/// <summary>OFPMP_GROUP request.</summary>
/// <param name="GroupId">Group, OFPG_ALL: all.</param>
public sealed record GroupQuery(uint GroupId) : MultipartQuery
{
    /// <inheritdoc/>
    public override MultipartType Kind => MultipartType.Group;
}

/// <summary>struct ofp_bucket_counter.</summary>
/// <param name="PacketCount">Packets.</param>
/// <param name="ByteCount">Bytes.</param>
public sealed record BucketCounter(ulong PacketCount, ulong ByteCount);

/// <summary>struct ofp_group_stats.</summary>
/// <param name="GroupId">Group.</param>
/// <param name="RefCount">Flows and groups that use it directly.</param>
/// <param name="PacketCount">Packets.</param>
/// <param name="ByteCount">Bytes.</param>
/// <param name="DurationNs">Age in nanoseconds.</param>
/// <param name="Buckets">A counter a bucket.</param>
public sealed record GroupStatsEntry(
    uint GroupId, uint RefCount, ulong PacketCount, ulong ByteCount, ulong DurationNs, ValueList<BucketCounter> Buckets);

/// <summary>OFPMP_GROUP reply part.</summary>
/// <param name="Groups">Entries.</param>
public sealed record GroupAnswer(ValueList<GroupStatsEntry> Groups) : MultipartAnswer
{
    /// <inheritdoc/>
    public override MultipartType Kind => MultipartType.Group;
}

/// <summary>OFPMP_GROUP_DESC request.</summary>
public sealed record GroupDescQuery : MultipartQuery
{
    /// <inheritdoc/>
    public override MultipartType Kind => MultipartType.GroupDesc;
}

/// <summary>struct ofp_group_desc.</summary>
/// <param name="GroupType">Kind.</param>
/// <param name="GroupId">Group.</param>
/// <param name="Buckets">Buckets as sent.</param>
public sealed record GroupDescEntry(GroupType GroupType, uint GroupId, ValueList<Bucket> Buckets);

/// <summary>OFPMP_GROUP_DESC reply part.</summary>
/// <param name="Groups">Entries.</param>
public sealed record GroupDescAnswer(ValueList<GroupDescEntry> Groups) : MultipartAnswer
{
    /// <inheritdoc/>
    public override MultipartType Kind => MultipartType.GroupDesc;
}

/// <summary>OFPMP_GROUP_FEATURES request.</summary>
public sealed record GroupFeaturesQuery : MultipartQuery
{
    /// <inheritdoc/>
    public override MultipartType Kind => MultipartType.GroupFeatures;
}

/// <summary>struct ofp_group_features; lists are indexed by <see cref="GroupType"/>.</summary>
/// <param name="Types">Bit n: group type n.</param>
/// <param name="Capabilities">OFPGFC_*.</param>
/// <param name="MaxGroups">Most groups of each type.</param>
/// <param name="Actions">Bit n: action n, for each type.</param>
public sealed record GroupFeaturesAnswer(uint Types, uint Capabilities, ValueList<uint> MaxGroups, ValueList<uint> Actions) : MultipartAnswer
{
    /// <inheritdoc/>
    public override MultipartType Kind => MultipartType.GroupFeatures;
}

/// <summary>OFPMP_METER request.</summary>
/// <param name="MeterId">Meter, OFPM_ALL: all.</param>
public sealed record MeterQuery(uint MeterId) : MultipartQuery
{
    /// <inheritdoc/>
    public override MultipartType Kind => MultipartType.Meter;
}

/// <summary>struct ofp_meter_stats.</summary>
/// <param name="MeterId">Meter.</param>
/// <param name="FlowCount">Flows that use it.</param>
/// <param name="PacketInCount">Packets.</param>
/// <param name="ByteInCount">Bytes.</param>
/// <param name="DurationNs">Age in nanoseconds.</param>
/// <param name="Bands">A counter a band.</param>
public sealed record MeterStatsEntry(
    uint MeterId, uint FlowCount, ulong PacketInCount, ulong ByteInCount, ulong DurationNs, ValueList<BucketCounter> Bands);

/// <summary>OFPMP_METER reply part.</summary>
/// <param name="Meters">Entries.</param>
public sealed record MeterAnswer(ValueList<MeterStatsEntry> Meters) : MultipartAnswer
{
    /// <inheritdoc/>
    public override MultipartType Kind => MultipartType.Meter;
}

/// <summary>OFPMP_METER_CONFIG request.</summary>
/// <param name="MeterId">Meter, OFPM_ALL: all.</param>
public sealed record MeterConfigQuery(uint MeterId) : MultipartQuery
{
    /// <inheritdoc/>
    public override MultipartType Kind => MultipartType.MeterConfig;
}

/// <summary>struct ofp_meter_config.</summary>
/// <param name="Flags">Flags as sent.</param>
/// <param name="MeterId">Meter.</param>
/// <param name="Bands">Bands as sent.</param>
public sealed record MeterConfigEntry(MeterFlags Flags, uint MeterId, ValueList<MeterBand> Bands);

/// <summary>OFPMP_METER_CONFIG reply part.</summary>
/// <param name="Meters">Entries.</param>
public sealed record MeterConfigAnswer(ValueList<MeterConfigEntry> Meters) : MultipartAnswer
{
    /// <inheritdoc/>
    public override MultipartType Kind => MultipartType.MeterConfig;
}

/// <summary>OFPMP_METER_FEATURES request.</summary>
public sealed record MeterFeaturesQuery : MultipartQuery
{
    /// <inheritdoc/>
    public override MultipartType Kind => MultipartType.MeterFeatures;
}

/// <summary>struct ofp_meter_features.</summary>
/// <param name="MaxMeters">Most meters.</param>
/// <param name="BandTypes">Bit n: band type n.</param>
/// <param name="Capabilities">OFPMF_* bits.</param>
/// <param name="MaxBands">Most bands of a meter.</param>
/// <param name="MaxColor">Highest colour.</param>
public sealed record MeterFeaturesAnswer(uint MaxMeters, uint BandTypes, uint Capabilities, byte MaxBands, byte MaxColor) : MultipartAnswer
{
    /// <inheritdoc/>
    public override MultipartType Kind => MultipartType.MeterFeatures;
}
