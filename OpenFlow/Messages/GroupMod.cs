using OvsBridge.OpenFlow.Actions;

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
public sealed record Bucket(ushort Weight, uint WatchPort, uint WatchGroup, ValueList<OfAction> Actions);

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
}
