using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Messages.Multipart;
using OvsBridge.OpenFlow.Wire;

namespace OvsBridge.OpenFlow.V10;

/// <summary>Groups for OpenFlow 1.0 (NXT_GROUP_MOD, NXST_GROUP_DESC): laid out as in OpenFlow 1.5, with actions of 1.0.</summary>
internal static class GroupCodec
{
    // enum ofp15_group_bucket_prop_type
    private const ushort WeightProperty = 0;
    private const ushort WatchPortProperty = 1;
    private const ushort WatchGroupProperty = 2;
    private const int BucketHeaderSize = 8;

    // struct ofp15_group_mod: command, type, pad, group_id, bucket_array_len, pad[2], command_bucket_id, buckets, properties
    public static GroupMod Read(ref WireReader reader, uint xid)
    {
        ushort command = reader.U16();
        var type = (GroupType)reader.U8();
        reader.Skip(1);
        uint group = reader.U32();
        ushort length = reader.U16();
        reader.Skip(6); // command_bucket_id is for commands that 1.3 does not have
        if (command > (ushort)GroupModCommand.Delete)
            WireReader.Fail(OfError.GroupModFailedBadCommand, $"command {command}: buckets have no numbers to insert or remove them by");
        var what = (GroupModCommand)command;
        if (type > GroupType.FastFailover && what != GroupModCommand.Delete)
            WireReader.Fail(OfError.GroupModFailedBadType, $"group type {(byte)type}");
        if (group > GroupMod.MaxGroup && !(what == GroupModCommand.Delete && group == GroupMod.AllGroups))
            WireReader.Fail(OfError.GroupModFailedInvalidGroup, $"group 0x{group:x}");
        WireReader list = reader.Sub(length, OfError.GroupModFailedBadBucket, "buckets");
        List<Bucket> buckets = [];
        while (list.Remaining > 0)
            buckets.Add(ReadBucket(ref list, type));
        reader.Rest(); // a group's properties say how Open vSwitch is to choose buckets
        return new GroupMod(what, type, group, buckets.ToValueList()) { Xid = xid };
    }

    // struct ofp15_group_desc_stats: length, type, pad, group_id, bucket_list_len, pad[6], buckets
    public static void Write(ref WireWriter writer, GroupDescEntry group)
    {
        int start = writer.Position;
        int length = writer.ReserveLength();
        writer.U8((byte)group.GroupType);
        writer.Zero(1);
        writer.U32(group.GroupId);
        int listLength = writer.ReserveLength();
        writer.Zero(6);
        int list = writer.Position;
        uint id = 0;
        foreach (Bucket bucket in group.Buckets)
            WriteBucket(ref writer, bucket, id++, group.GroupType);
        writer.Short(listLength, writer.Position - list);
        writer.Length(length, start);
    }

    // struct ofp15_bucket: len, action_array_len, bucket_id, actions, properties
    private static Bucket ReadBucket(ref WireReader reader, GroupType type)
    {
        ushort length = reader.U16();
        WireReader bucket = reader.Sub(length - 2, OfError.GroupModFailedBadBucket, "bucket");
        ushort actionsLength = bucket.U16();
        bucket.Skip(4); // bucket_id
        WireReader list = bucket.Sub(actionsLength, OfError.GroupModFailedBadBucket, "actions of a bucket");
        ValueList<OfAction> actions = ActionCodec.ReadActions(ref list, ActionUse.Bucket);

        // As Open vSwitch: without the property, a bucket of a select group has weight 1.
        ushort weight = type == GroupType.Select ? (ushort)1 : (ushort)0;
        uint watchPort = OfPorts.Any, watchGroup = GroupMod.AnyGroup;
        while (bucket.Remaining > 0)
        {
            ushort property = bucket.U16();
            ushort size = bucket.U16();
            WireReader value = bucket.Sub(size - 4, OfError.GroupModFailedBadBucket, "property of a bucket");
            switch (property)
            {
                case WeightProperty:
                    weight = value.U16();
                    value.Skip(value.Remaining);
                    break;
                case WatchPortProperty: // 32 bits, here too
                    watchPort = value.U32();
                    break;
                case WatchGroupProperty:
                    watchGroup = value.U32();
                    break;
                default:
                    WireReader.Fail(OfError.GroupModFailedBadBucket, $"bucket property {property}");
                    break;
            }

            value.End();
            bucket.Skip(int.Min(-size & 7, bucket.Remaining));
        }

        return new Bucket(weight, watchPort, watchGroup, actions);
    }

    private static void WriteBucket(ref WireWriter writer, Bucket bucket, uint id, GroupType type)
    {
        int start = writer.Position;
        int length = writer.ReserveLength();
        int actionsLength = writer.ReserveLength();
        writer.U32(id);
        ActionCodec.Write(ref writer, bucket.Actions);
        writer.Short(actionsLength, writer.Position - start - BucketHeaderSize);
        if (type == GroupType.Select)
        {
            writer.U16(WeightProperty);
            writer.U16(8);
            writer.U16(bucket.Weight);
            writer.Zero(2);
        }

        if (bucket.WatchPort != OfPorts.Any)
            WriteWatch(ref writer, WatchPortProperty, bucket.WatchPort);
        if (bucket.WatchGroup != GroupMod.AnyGroup)
            WriteWatch(ref writer, WatchGroupProperty, bucket.WatchGroup);
        writer.Length(length, start);
    }

    private static void WriteWatch(ref WireWriter writer, ushort property, uint value)
    {
        writer.U16(property);
        writer.U16(8);
        writer.U32(value);
    }
}
