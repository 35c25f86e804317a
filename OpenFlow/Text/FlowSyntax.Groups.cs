using System.Globalization;
using System.Text;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Messages.Multipart;

namespace OvsBridge.OpenFlow.Text;

public static partial class FlowSyntax
{
    private static readonly (string Word, GroupType Type)[] _groupTypes =
    [
        ("all", GroupType.All),
        ("select", GroupType.Select),
        ("indirect", GroupType.Indirect),
        ("ff", GroupType.FastFailover),
        ("fast_failover", GroupType.FastFailover),
    ];

    /// <summary>Reads a group: <c>group_id=1,type=select,bucket=weight:10,actions=output:1,bucket=...</c>.</summary>
    /// <param name="line">The group; to delete, group_id alone, or nothing for all groups.</param>
    /// <param name="command">What the group_mod is to do.</param>
    /// <param name="ports">Looks up names of ports, or null.</param>
    /// <exception cref="FlowSyntaxException">The text is wrong.</exception>
    public static GroupMod ParseGroup(string line, GroupModCommand command = GroupModCommand.Add, PortNames? ports = null)
    {
        bool delete = command == GroupModCommand.Delete;
        uint? id = null;
        GroupType? type = null;
        List<Bucket> buckets = [];
        int head = FindBucket(line, 0);
        WordReader words = new(line[..head]);
        while (words.Read(out Word word))
        {
            switch (word.Key)
            {
                case "group_id" when delete && word.Value is "all":
                    id = GroupMod.AllGroups;
                    break;
                case "group_id":
                    id = (uint)Numbers.Parse(word, "a group id", GroupMod.MaxGroup);
                    break;
                case "type" when !delete:
                    int index = Array.FindIndex(_groupTypes, t => t.Word == word.Need("type=TYPE"));
                    type = index >= 0 ? _groupTypes[index].Type : throw word.Error("the type is all, select, indirect or ff (fast_failover)");
                    break;
                case "selection_method" or "selection_method_param" or "fields" or "command_bucket_id":
                    throw word.Error($"{word.Key} is not supported (it is none of OpenFlow 1.3)");
                default:
                    throw word.Error($"unknown keyword {word.Key}");
            }
        }

        for (int at = head; at < line.Length;)
        {
            int next = FindBucket(line, at + 1);
            buckets.Add(ParseBucket(line, at, next, type ?? GroupType.All, ports));
            at = next;
        }

        if (delete)
        {
            return buckets.Count == 0
                ? new GroupMod(command, GroupType.All, id ?? GroupMod.AllGroups, [])
                : throw new FlowSyntaxException(line[head..], head, "a deletion has no buckets");
        }

        if (type == GroupType.Indirect && buckets.Count > 1)
        {
            throw new FlowSyntaxException(line[head..], head, "an indirect group has one bucket");
        }

        return new GroupMod(
            command,
            type ?? throw Whole(line, "needs type="),
            id ?? throw Whole(line, "needs group_id="),
            buckets.ToValueList());
    }

    /// <summary>The group as <c>ovs-ofctl dump-groups</c> prints it, without the leading blank.</summary>
    public static string PrintGroup(uint groupId, GroupType type, ValueList<Bucket> buckets, PortNames? ports = null)
    {
        StringBuilder text = new();
        text.Append(CultureInfo.InvariantCulture, $"group_id={groupId},type={_groupTypes[(int)type].Word}");
        foreach (Bucket bucket in buckets)
        {
            text.Append(",bucket=");
            if (bucket.Weight != (type == GroupType.Select ? 1 : 0))
            {
                text.Append(CultureInfo.InvariantCulture, $"weight:{bucket.Weight},");
            }

            if (bucket.WatchPort != OfPorts.Any)
            {
                text.Append(CultureInfo.InvariantCulture, $"watch_port:{PortNames.Print(bucket.WatchPort, ports)},");
            }

            if (bucket.WatchGroup != GroupMod.AnyGroup)
            {
                text.Append(CultureInfo.InvariantCulture, $"watch_group:{bucket.WatchGroup},");
            }

            text.Append("actions=").Append(ActionText.Print(bucket.Actions, ports));
        }

        return text.ToString();
    }

    /// <summary>The group as <c>ovs-ofctl dump-groups</c> prints it, without the leading blank.</summary>
    public static string Print(GroupDescEntry group, PortNames? ports = null) =>
        PrintGroup(group.GroupId, group.GroupType, group.Buckets, ports);

    // Where the next "bucket=" or "bucket(" starts as a word of its own; the end if there is none.
    private static int FindBucket(string line, int from)
    {
        for (int at = from; (at = line.IndexOf("bucket", at, StringComparison.Ordinal)) >= 0; at++)
        {
            int end = at + "bucket".Length;
            if ((at == 0 || line[at - 1] is ',' or ' ' or '\t') && end < line.Length && line[end] is '=' or ':')
            {
                return at;
            }
        }

        return line.Length;
    }

    private static Bucket ParseBucket(string line, int start, int end, GroupType type, PortNames? ports)
    {
        int offset = start + "bucket=".Length;
        string text = line[offset..end];
        ushort? weight = null;
        uint watchPort = OfPorts.Any, watchGroup = GroupMod.AnyGroup;
        ActionParser actions = new(ports, null);
        bool listed = false;
        WordReader words = new(text, offset);
        while (words.Read(out Word word))
        {
            switch (word.Key)
            {
                case "weight":
                    weight = (ushort)Numbers.Parse(word, "a weight", ushort.MaxValue);
                    if (type != GroupType.Select)
                    {
                        throw word.Error("only buckets of a select group have a weight");
                    }

                    break;
                case "watch_port":
                    if (!PortNames.TryParse(word.Need("watch_port:PORT"), ports, out watchPort))
                    {
                        throw word.Error($"{word.Value} is not a port");
                    }

                    break;
                case "watch_group":
                    watchGroup = (uint)Numbers.Parse(word, "a group id", GroupMod.MaxGroup);
                    break;
                case "bucket_id":
                    throw word.Error("bucket_id needs OpenFlow 1.5");
                case "actions" or "action" when word.Delimiter is '=' or ':':
                    // what follows is the list's first action
                    listed = true;
                    WordReader rest = new(line[word.ValuePosition..end], word.ValuePosition);
                    while (rest.Read(out Word action))
                    {
                        RefuseInstruction(action);
                        actions.Add(action);
                    }

                    return Finish();
                default:
                    // without "actions=" the actions stand by themselves
                    RefuseInstruction(word);
                    actions.Add(word);
                    break;
            }
        }

        return Finish();

        Bucket Finish()
        {
            string whole = line[start..end].TrimEnd(',', ' ');
            if (!listed && !actions.Any)
            {
                throw new FlowSyntaxException(whole, start, "a bucket needs actions (drop, if it is to do nothing)");
            }

            if (type == GroupType.FastFailover && watchPort == OfPorts.Any && watchGroup == GroupMod.AnyGroup)
            {
                throw new FlowSyntaxException(whole, start, "a fast failover bucket needs watch_port or watch_group");
            }

            // OpenFlow 1.3.5, ofp_bucket: the weight is for select groups; 1 when not given, as Open vSwitch has it
            return new(weight ?? (type == GroupType.Select ? (ushort)1 : (ushort)0), watchPort, watchGroup, actions.Finish());
        }
    }

    private static void RefuseInstruction(in Word word)
    {
        if (word.Key is "meter" or "goto_table" or "write_actions" or "clear_actions" or "write_metadata")
        {
            throw word.Error("a bucket has actions, no instructions");
        }
    }
}
