namespace OvsBridge.OpenFlow.Messages;

/// <summary>OFPT_FEATURES_REQUEST.</summary>
public sealed record FeaturesRequest : OfMessage
{
    /// <inheritdoc/>
    public override OfType Type => OfType.FeaturesRequest;
}

/// <summary>enum ofp_capabilities.</summary>
[Flags]
public enum Capabilities : uint
{
#pragma warning disable CS1591 // the names are the specification's
    None = 0,
    FlowStats = 1 << 0,
    TableStats = 1 << 1,
    PortStats = 1 << 2,
    GroupStats = 1 << 3,
    IpReasm = 1 << 5,
    QueueStats = 1 << 6,
    PortBlocked = 1 << 8,
#pragma warning restore CS1591
}

/// <summary>OFPT_FEATURES_REPLY.</summary>
/// <param name="DatapathId">Datapath id.</param>
/// <param name="BufferCount">n_buffers.</param>
/// <param name="TableCount">n_tables.</param>
/// <param name="AuxiliaryId">0: main connection.</param>
/// <param name="Capabilities">What statistics there are.</param>
public sealed record FeaturesReply(ulong DatapathId, uint BufferCount, byte TableCount, byte AuxiliaryId, Capabilities Capabilities) : OfMessage
{
    /// <inheritdoc/>
    public override OfType Type => OfType.FeaturesReply;
}

/// <summary>OFPT_GET_CONFIG_REQUEST.</summary>
public sealed record GetConfigRequest : OfMessage
{
    /// <inheritdoc/>
    public override OfType Type => OfType.GetConfigRequest;
}

/// <summary>enum ofp_config_flags: what happens to IP fragments.</summary>
public enum FragmentHandling : ushort
{
    /// <summary>No special handling.</summary>
    Normal = 0,

    /// <summary>Drop fragments.</summary>
    Drop = 1,

    /// <summary>Reassemble (needs <see cref="Capabilities.IpReasm"/>).</summary>
    Reassemble = 2,
}

/// <summary>OFPT_GET_CONFIG_REPLY.</summary>
/// <param name="Fragments">Fragment handling (the flags field).</param>
/// <param name="MissSendLength">Bytes of a packet sent to the controller by the action set or a table miss; 0xffff: all.</param>
public sealed record GetConfigReply(FragmentHandling Fragments, ushort MissSendLength) : OfMessage
{
    /// <inheritdoc/>
    public override OfType Type => OfType.GetConfigReply;
}

/// <summary>OFPT_SET_CONFIG.</summary>
/// <param name="Fragments">Fragment handling (the flags field).</param>
/// <param name="MissSendLength">See <see cref="GetConfigReply"/>.</param>
public sealed record SetConfig(FragmentHandling Fragments, ushort MissSendLength) : OfMessage
{
    /// <inheritdoc/>
    public override OfType Type => OfType.SetConfig;
}

/// <summary>OFPT_TABLE_MOD.</summary>
/// <param name="TableId">Table, 0xff: all.</param>
/// <param name="Config">Deprecated bits.</param>
public sealed record TableMod(byte TableId, uint Config) : OfMessage
{
    /// <inheritdoc/>
    public override OfType Type => OfType.TableMod;
}

/// <summary>enum ofp_controller_role.</summary>
public enum ControllerRole : uint
{
    /// <summary>Don't change, only ask.</summary>
    NoChange = 0,

    /// <summary>Full access, shared.</summary>
    Equal = 1,

    /// <summary>Full access, at most one.</summary>
    Master = 2,

    /// <summary>Read only.</summary>
    Slave = 3,
}

/// <summary>OFPT_ROLE_REQUEST.</summary>
/// <param name="Role">Wanted role.</param>
/// <param name="GenerationId">Master election generation.</param>
public sealed record RoleRequest(ControllerRole Role, ulong GenerationId) : OfMessage
{
    /// <inheritdoc/>
    public override OfType Type => OfType.RoleRequest;
}

/// <summary>OFPT_ROLE_REPLY.</summary>
/// <param name="Role">Role in force.</param>
/// <param name="GenerationId">Generation in force; all ones when none was set.</param>
public sealed record RoleReply(ControllerRole Role, ulong GenerationId) : OfMessage
{
    /// <inheritdoc/>
    public override OfType Type => OfType.RoleReply;
}

/// <summary>Which asynchronous messages a controller wants: bit n of a mask is reason n.</summary>
/// <param name="PacketInMaster">packet_in reasons as master or equal.</param>
/// <param name="PacketInSlave">packet_in reasons as slave.</param>
/// <param name="PortStatusMaster">port_status reasons as master or equal.</param>
/// <param name="PortStatusSlave">port_status reasons as slave.</param>
/// <param name="FlowRemovedMaster">flow_removed reasons as master or equal.</param>
/// <param name="FlowRemovedSlave">flow_removed reasons as slave.</param>
public sealed record AsyncConfig(
    uint PacketInMaster, uint PacketInSlave, uint PortStatusMaster, uint PortStatusSlave, uint FlowRemovedMaster, uint FlowRemovedSlave);

/// <summary>OFPT_GET_ASYNC_REQUEST.</summary>
public sealed record GetAsyncRequest : OfMessage
{
    /// <inheritdoc/>
    public override OfType Type => OfType.GetAsyncRequest;
}

/// <summary>OFPT_GET_ASYNC_REPLY.</summary>
/// <param name="Config">The masks.</param>
public sealed record GetAsyncReply(AsyncConfig Config) : OfMessage
{
    /// <inheritdoc/>
    public override OfType Type => OfType.GetAsyncReply;
}

/// <summary>OFPT_SET_ASYNC.</summary>
/// <param name="Config">The masks.</param>
public sealed record SetAsync(AsyncConfig Config) : OfMessage
{
    /// <inheritdoc/>
    public override OfType Type => OfType.SetAsync;
}
