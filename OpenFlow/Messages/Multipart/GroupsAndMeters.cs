using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Wire;

namespace OvsBridge.OpenFlow.Messages.Multipart;

/// <summary>OFPMP_GROUP request.</summary>
/// <param name="GroupId">Group, OFPG_ALL: all.</param>
public sealed record GroupQuery(uint GroupId) : MultipartQuery
{
    /// <inheritdoc/>
    public override MultipartType Kind => MultipartType.Group;

    // struct ofp_group_stats_request: group_id, pad[4]
    internal static GroupQuery Read(ref WireReader reader)
    {
        uint id = reader.U32();
        reader.Skip(4);
        return new GroupQuery(id);
    }

    internal override void Write(ref WireWriter writer)
    {
        writer.U32(GroupId);
        writer.Zero(4);
    }
}

/// <summary>struct ofp_bucket_counter.</summary>
/// <param name="PacketCount">Packets.</param>
/// <param name="ByteCount">Bytes.</param>
public sealed record BucketCounter(ulong PacketCount, ulong ByteCount)
{
    private const int Size = 16;

    // struct ofp_bucket_counter, ofp_meter_band_stats: packet_count, byte_count
    internal static ValueList<BucketCounter> ReadList(ref WireReader reader)
    {
        var counters = new BucketCounter[reader.Remaining / Size];
        for (int i = 0; i < counters.Length; i++)
            counters[i] = new BucketCounter(reader.U64(), reader.U64());
        reader.End();
        return new ValueList<BucketCounter>(counters);
    }

    internal void Write(ref WireWriter writer)
    {
        writer.U64(PacketCount);
        writer.U64(ByteCount);
    }
}

/// <summary>struct ofp_group_stats.</summary>
/// <param name="GroupId">Group.</param>
/// <param name="RefCount">Flows and groups that use it directly.</param>
/// <param name="PacketCount">Packets.</param>
/// <param name="ByteCount">Bytes.</param>
/// <param name="DurationNs">Age in nanoseconds.</param>
/// <param name="Buckets">A counter a bucket.</param>
public sealed record GroupStatsEntry(
    uint GroupId, uint RefCount, ulong PacketCount, ulong ByteCount, ulong DurationNs, ValueList<BucketCounter> Buckets)
{
    // struct ofp_group_stats: length, pad[2], group_id, ref_count, pad[4], packet_count, byte_count, duration_sec, duration_nsec, bucket_stats
    internal static GroupStatsEntry Read(ref WireReader reader)
    {
        ushort length = reader.U16();
        WireReader entry = reader.Sub(length - 2, OfError.BadRequestBadLen, "ofp_group_stats");
        entry.Skip(2);
        uint group = entry.U32();
        uint references = entry.U32();
        entry.Skip(4);
        return new GroupStatsEntry(
            group, references, entry.U64(), entry.U64(), entry.Duration(), BucketCounter.ReadList(ref entry));
    }

    internal void Write(ref WireWriter writer)
    {
        int start = writer.Position;
        int length = writer.ReserveLength();
        writer.Zero(2);
        writer.U32(GroupId);
        writer.U32(RefCount);
        writer.Zero(4);
        writer.U64(PacketCount);
        writer.U64(ByteCount);
        writer.Duration(DurationNs);
        foreach (BucketCounter bucket in Buckets)
            bucket.Write(ref writer);
        writer.Length(length, start);
    }
}

/// <summary>OFPMP_GROUP reply part.</summary>
/// <param name="Groups">Entries.</param>
public sealed record GroupAnswer(ValueList<GroupStatsEntry> Groups) : MultipartAnswer
{
    /// <inheritdoc/>
    public override MultipartType Kind => MultipartType.Group;

    internal override int SizeHint => Groups.Count * 128;

    internal static GroupAnswer Read(ref WireReader reader)
    {
        var list = new List<GroupStatsEntry>();
        while (reader.Remaining > 0)
            list.Add(GroupStatsEntry.Read(ref reader));
        return new GroupAnswer(list.ToValueList());
    }

    internal override void Write(ref WireWriter writer)
    {
        foreach (GroupStatsEntry entry in Groups)
            entry.Write(ref writer);
    }
}

/// <summary>OFPMP_GROUP_DESC request.</summary>
public sealed record GroupDescQuery : MultipartQuery
{
    /// <inheritdoc/>
    public override MultipartType Kind => MultipartType.GroupDesc;

    /// <summary>Which group; null, always in OpenFlow 1.3: all.</summary>
    public uint? GroupId { get; init; }

    internal static GroupDescQuery Read(ref WireReader reader) => new();

    internal override void Write(ref WireWriter writer)
    {
    }
}

/// <summary>struct ofp_group_desc.</summary>
/// <param name="GroupType">Kind.</param>
/// <param name="GroupId">Group.</param>
/// <param name="Buckets">Buckets as sent.</param>
public sealed record GroupDescEntry(GroupType GroupType, uint GroupId, ValueList<Bucket> Buckets)
{
    // struct ofp_group_desc: length, type, pad, group_id, buckets
    internal static GroupDescEntry Read(ref WireReader reader)
    {
        ushort length = reader.U16();
        WireReader entry = reader.Sub(length - 2, OfError.BadRequestBadLen, "ofp_group_desc");
        var type = (GroupType)entry.U8();
        entry.Skip(1);
        return new GroupDescEntry(type, entry.U32(), Bucket.ReadList(ref entry));
    }

    internal void Write(ref WireWriter writer)
    {
        int start = writer.Position;
        int length = writer.ReserveLength();
        writer.U8((byte)GroupType);
        writer.Zero(1);
        writer.U32(GroupId);
        foreach (Bucket bucket in Buckets)
            bucket.Write(ref writer);
        writer.Length(length, start);
    }
}

/// <summary>OFPMP_GROUP_DESC reply part.</summary>
/// <param name="Groups">Entries.</param>
public sealed record GroupDescAnswer(ValueList<GroupDescEntry> Groups) : MultipartAnswer
{
    /// <inheritdoc/>
    public override MultipartType Kind => MultipartType.GroupDesc;

    internal override int SizeHint => Groups.Count * 128;

    internal static GroupDescAnswer Read(ref WireReader reader)
    {
        var list = new List<GroupDescEntry>();
        while (reader.Remaining > 0)
            list.Add(GroupDescEntry.Read(ref reader));
        return new GroupDescAnswer(list.ToValueList());
    }

    internal override void Write(ref WireWriter writer)
    {
        foreach (GroupDescEntry entry in Groups)
            entry.Write(ref writer);
    }
}

/// <summary>OFPMP_GROUP_FEATURES request.</summary>
public sealed record GroupFeaturesQuery : MultipartQuery
{
    /// <inheritdoc/>
    public override MultipartType Kind => MultipartType.GroupFeatures;

    internal static GroupFeaturesQuery Read(ref WireReader reader) => new();

    internal override void Write(ref WireWriter writer)
    {
    }
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

    private const int TypeCount = 4;

    // struct ofp_group_features: types, capabilities, max_groups[4], actions[4]
    internal static GroupFeaturesAnswer Read(ref WireReader reader) =>
        new(reader.U32(), reader.U32(), ReadForEachType(ref reader), ReadForEachType(ref reader));

    internal override void Write(ref WireWriter writer)
    {
        writer.U32(Types);
        writer.U32(Capabilities);
        WriteForEachType(ref writer, MaxGroups);
        WriteForEachType(ref writer, Actions);
    }

    private static ValueList<uint> ReadForEachType(ref WireReader reader) => [reader.U32(), reader.U32(), reader.U32(), reader.U32()];

    private static void WriteForEachType(ref WireWriter writer, ValueList<uint> list)
    {
        for (int type = 0; type < TypeCount; type++)
            writer.U32(type < list.Count ? list[type] : 0);
    }
}

/// <summary>OFPMP_METER request.</summary>
/// <param name="MeterId">Meter, OFPM_ALL: all.</param>
public sealed record MeterQuery(uint MeterId) : MultipartQuery
{
    /// <inheritdoc/>
    public override MultipartType Kind => MultipartType.Meter;

    // struct ofp_meter_multipart_request: meter_id, pad[4]
    internal static MeterQuery Read(ref WireReader reader)
    {
        uint id = reader.U32();
        reader.Skip(4);
        return new MeterQuery(id);
    }

    internal override void Write(ref WireWriter writer)
    {
        writer.U32(MeterId);
        writer.Zero(4);
    }
}

/// <summary>struct ofp_meter_stats.</summary>
/// <param name="MeterId">Meter.</param>
/// <param name="FlowCount">Flows that use it.</param>
/// <param name="PacketInCount">Packets.</param>
/// <param name="ByteInCount">Bytes.</param>
/// <param name="DurationNs">Age in nanoseconds.</param>
/// <param name="Bands">A counter a band.</param>
public sealed record MeterStatsEntry(
    uint MeterId, uint FlowCount, ulong PacketInCount, ulong ByteInCount, ulong DurationNs, ValueList<BucketCounter> Bands)
{
    // struct ofp_meter_stats: meter_id, len, pad[6], flow_count, packet_in_count, byte_in_count, duration_sec, duration_nsec, band_stats
    internal static MeterStatsEntry Read(ref WireReader reader)
    {
        uint meter = reader.U32();
        ushort length = reader.U16();
        WireReader entry = reader.Sub(length - 6, OfError.BadRequestBadLen, "ofp_meter_stats");
        entry.Skip(6);
        return new MeterStatsEntry(
            meter, entry.U32(), entry.U64(), entry.U64(), entry.Duration(), BucketCounter.ReadList(ref entry));
    }

    internal void Write(ref WireWriter writer)
    {
        int start = writer.Position;
        writer.U32(MeterId);
        int length = writer.ReserveLength();
        writer.Zero(6);
        writer.U32(FlowCount);
        writer.U64(PacketInCount);
        writer.U64(ByteInCount);
        writer.Duration(DurationNs);
        foreach (BucketCounter band in Bands)
            band.Write(ref writer);
        writer.Length(length, start);
    }
}

/// <summary>OFPMP_METER reply part.</summary>
/// <param name="Meters">Entries.</param>
public sealed record MeterAnswer(ValueList<MeterStatsEntry> Meters) : MultipartAnswer
{
    /// <inheritdoc/>
    public override MultipartType Kind => MultipartType.Meter;

    internal override int SizeHint => Meters.Count * 128;

    internal static MeterAnswer Read(ref WireReader reader)
    {
        var list = new List<MeterStatsEntry>();
        while (reader.Remaining > 0)
            list.Add(MeterStatsEntry.Read(ref reader));
        return new MeterAnswer(list.ToValueList());
    }

    internal override void Write(ref WireWriter writer)
    {
        foreach (MeterStatsEntry entry in Meters)
            entry.Write(ref writer);
    }
}

/// <summary>OFPMP_METER_CONFIG request.</summary>
/// <param name="MeterId">Meter, OFPM_ALL: all.</param>
public sealed record MeterConfigQuery(uint MeterId) : MultipartQuery
{
    /// <inheritdoc/>
    public override MultipartType Kind => MultipartType.MeterConfig;

    // struct ofp_meter_multipart_request: meter_id, pad[4]
    internal static MeterConfigQuery Read(ref WireReader reader)
    {
        uint id = reader.U32();
        reader.Skip(4);
        return new MeterConfigQuery(id);
    }

    internal override void Write(ref WireWriter writer)
    {
        writer.U32(MeterId);
        writer.Zero(4);
    }
}

/// <summary>struct ofp_meter_config.</summary>
/// <param name="Flags">Flags as sent.</param>
/// <param name="MeterId">Meter.</param>
/// <param name="Bands">Bands as sent.</param>
public sealed record MeterConfigEntry(MeterFlags Flags, uint MeterId, ValueList<MeterBand> Bands)
{
    // struct ofp_meter_config: length, flags, meter_id, bands
    internal static MeterConfigEntry Read(ref WireReader reader)
    {
        ushort length = reader.U16();
        WireReader entry = reader.Sub(length - 2, OfError.BadRequestBadLen, "ofp_meter_config");
        return new MeterConfigEntry((MeterFlags)entry.U16(), entry.U32(), MeterBand.ReadList(ref entry));
    }

    internal void Write(ref WireWriter writer)
    {
        int start = writer.Position;
        int length = writer.ReserveLength();
        writer.U16((ushort)Flags);
        writer.U32(MeterId);
        foreach (MeterBand band in Bands)
            band.Write(ref writer);
        writer.Length(length, start);
    }
}

/// <summary>OFPMP_METER_CONFIG reply part.</summary>
/// <param name="Meters">Entries.</param>
public sealed record MeterConfigAnswer(ValueList<MeterConfigEntry> Meters) : MultipartAnswer
{
    /// <inheritdoc/>
    public override MultipartType Kind => MultipartType.MeterConfig;

    internal override int SizeHint => Meters.Count * 128;

    internal static MeterConfigAnswer Read(ref WireReader reader)
    {
        var list = new List<MeterConfigEntry>();
        while (reader.Remaining > 0)
            list.Add(MeterConfigEntry.Read(ref reader));
        return new MeterConfigAnswer(list.ToValueList());
    }

    internal override void Write(ref WireWriter writer)
    {
        foreach (MeterConfigEntry entry in Meters)
            entry.Write(ref writer);
    }
}

/// <summary>OFPMP_METER_FEATURES request.</summary>
public sealed record MeterFeaturesQuery : MultipartQuery
{
    /// <inheritdoc/>
    public override MultipartType Kind => MultipartType.MeterFeatures;

    internal static MeterFeaturesQuery Read(ref WireReader reader) => new();

    internal override void Write(ref WireWriter writer)
    {
    }
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

    // struct ofp_meter_features: max_meter, band_types, capabilities, max_bands, max_color, pad[2]
    internal static MeterFeaturesAnswer Read(ref WireReader reader)
    {
        var answer = new MeterFeaturesAnswer(reader.U32(), reader.U32(), reader.U32(), reader.U8(), reader.U8());
        reader.Skip(2);
        return answer;
    }

    internal override void Write(ref WireWriter writer)
    {
        writer.U32(MaxMeters);
        writer.U32(BandTypes);
        writer.U32(Capabilities);
        writer.U8(MaxBands);
        writer.U8(MaxColor);
        writer.Zero(2);
    }
}
