using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Wire;

namespace OvsBridge.OpenFlow.Messages;

/// <summary>enum ofp_group_mod_command.</summary>
public enum GroupModCommand : ushort
{
#pragma warning disable CS1591 // the names are the specification's
    Add = 0,
    Modify = 1,
    Delete = 2,
#pragma warning restore CS1591
}

/// <summary>enum ofp_group_type.</summary>
public enum GroupType : byte
{
#pragma warning disable CS1591 // the names are the specification's
    All = 0,
    Select = 1,
    Indirect = 2,
    FastFailover = 3,
#pragma warning restore CS1591
}

/// <summary>struct ofp_bucket.</summary>
/// <param name="Weight">Relative weight (select groups).</param>
/// <param name="WatchPort">Port whose state affects liveness; <see cref="OfPorts.Any"/>: none.</param>
/// <param name="WatchGroup">Group whose state affects liveness; 0xffffffff: none.</param>
/// <param name="Actions">An action set.</param>
public sealed record Bucket(ushort Weight, uint WatchPort, uint WatchGroup, ValueList<OfAction> Actions)
{
    private const int HeaderSize = 16;

    /// <summary>Reads buckets up to the end of <paramref name="reader"/>.</summary>
    internal static ValueList<Bucket> ReadList(ref WireReader reader)
    {
        int count = 0;
        WireReader ahead = reader;
        while (ahead.Remaining > 0)
        {
            if (ahead.Remaining < HeaderSize)
                WireReader.Fail(OfError.GroupModFailedBadBucket, $"{ahead.Remaining} bytes are left, too few for a bucket");
            ushort length = ahead.U16();
            if (length < HeaderSize || length % 8 != 0 || length - 2 > ahead.Remaining)
                WireReader.Fail(OfError.GroupModFailedBadBucket, $"bucket of {length} bytes, {ahead.Remaining + 2} are left");
            ahead.Skip(length - 2);
            count++;
        }

        if (count == 0)
            return default;
        var buckets = new Bucket[count];
        for (int i = 0; i < count; i++)
            buckets[i] = Read(ref reader);
        return new ValueList<Bucket>(buckets);
    }

    // struct ofp_bucket: len, weight, watch_port, watch_group, pad[4], actions
    private static Bucket Read(ref WireReader reader)
    {
        ushort length = reader.U16();
        WireReader bucket = reader.Sub(length - 2, OfError.GroupModFailedBadBucket, "bucket");
        ushort weight = bucket.U16();
        uint watchPort = bucket.U32();
        uint watchGroup = bucket.U32();
        bucket.Skip(4);
        return new Bucket(weight, watchPort, watchGroup, ActionTable.ReadList(ref bucket, ActionUse.Bucket));
    }

    internal void Write(ref WireWriter writer)
    {
        int start = writer.Position;
        int length = writer.ReserveLength();
        writer.U16(Weight);
        writer.U32(WatchPort);
        writer.U32(WatchGroup);
        writer.Zero(4);
        ActionTable.WriteList(ref writer, Actions);
        writer.Length(length, start);
    }
}

/// <summary>OFPT_GROUP_MOD.</summary>
/// <param name="Command">What to do.</param>
/// <param name="GroupType">Kind of group.</param>
/// <param name="GroupId">Which; <see cref="AllGroups"/> for delete.</param>
/// <param name="Buckets">The buckets.</param>
public sealed record GroupMod(GroupModCommand Command, GroupType GroupType, uint GroupId, ValueList<Bucket> Buckets) : OfMessage
{
    /// <summary>OFPG_MAX.</summary>
    public const uint MaxGroup = 0xffffff00;

    /// <summary>OFPG_ALL.</summary>
    public const uint AllGroups = 0xfffffffc;

    /// <summary>OFPG_ANY.</summary>
    public const uint AnyGroup = 0xffffffff;

    /// <inheritdoc/>
    public override OfType Type => OfType.GroupMod;

    // struct ofp_group_mod: command, type, pad, group_id, buckets
    internal static GroupMod Read(ref WireReader reader, MessageHeader header)
    {
        var command = (GroupModCommand)reader.U16();
        var type = (GroupType)reader.U8();
        reader.Skip(1);
        uint group = reader.U32();
        if (command > GroupModCommand.Delete)
            WireReader.Fail(OfError.GroupModFailedBadCommand, $"command {(ushort)command}");
        if (type > GroupType.FastFailover && command != GroupModCommand.Delete)
            WireReader.Fail(OfError.GroupModFailedBadType, $"group type {(byte)type}");
        if (group > MaxGroup && !(command == GroupModCommand.Delete && group == AllGroups))
            WireReader.Fail(OfError.GroupModFailedInvalidGroup, $"group 0x{group:x}");
        if (header.Length > MaxSize)
            WireReader.Fail(OfError.GroupModFailedOutOfBuckets, $"a group of {header.Length} bytes would not fit a description");
        return new GroupMod(command, type, group, Bucket.ReadList(ref reader)) { Xid = header.Xid };
    }

    internal override void WriteBody(ref WireWriter writer)
    {
        writer.U16((ushort)Command);
        writer.U8((byte)GroupType);
        writer.Zero(1);
        writer.U32(GroupId);
        foreach (Bucket bucket in Buckets)
            bucket.Write(ref writer);
    }

    // A group must fit one description reply (which has 8 bytes more around it), or it could never be shown.
    private const int MaxSize = OfCodec.MaxMessageSize - 8;
}
