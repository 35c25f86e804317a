using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Wire;

namespace OvsBridge.OpenFlow.Messages;

/// <summary>OFPT_FEATURES_REQUEST.</summary>
public sealed record FeaturesRequest : OfMessage
{
    /// <inheritdoc/>
    public override OfType Type => OfType.FeaturesRequest;

    internal static FeaturesRequest Read(ref WireReader reader, MessageHeader header) => new() { Xid = header.Xid };

    internal override void WriteBody(ref WireWriter writer)
    {
    }
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

    /// <summary>The ports, which OpenFlow 1.0 has here; 1.3 has OFPMP_PORT_DESC.</summary>
    public ValueList<PortDescription> Ports { get; init; }

    // struct ofp_switch_features: datapath_id, n_buffers, n_tables, auxiliary_id, pad[2], capabilities, reserved
    internal static FeaturesReply Read(ref WireReader reader, MessageHeader header)
    {
        ulong datapathId = reader.U64();
        uint buffers = reader.U32();
        byte tables = reader.U8();
        byte auxiliaryId = reader.U8();
        reader.Skip(2);
        var capabilities = (Capabilities)reader.U32();
        reader.Skip(4);
        return new FeaturesReply(datapathId, buffers, tables, auxiliaryId, capabilities) { Xid = header.Xid };
    }

    internal override void WriteBody(ref WireWriter writer)
    {
        writer.U64(DatapathId);
        writer.U32(BufferCount);
        writer.U8(TableCount);
        writer.U8(AuxiliaryId);
        writer.Zero(2);
        writer.U32((uint)Capabilities);
        writer.Zero(4);
    }
}

/// <summary>OFPT_GET_CONFIG_REQUEST.</summary>
public sealed record GetConfigRequest : OfMessage
{
    /// <inheritdoc/>
    public override OfType Type => OfType.GetConfigRequest;

    internal static GetConfigRequest Read(ref WireReader reader, MessageHeader header) => new() { Xid = header.Xid };

    internal override void WriteBody(ref WireWriter writer)
    {
    }
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

    /// <summary>Open vSwitch's "nx-match": the first fragment of a packet has its ports. Here that is so with <see cref="Normal"/> too.</summary>
    NxMatch = 3,
}

/// <summary>OFPT_GET_CONFIG_REPLY.</summary>
/// <param name="Fragments">Fragment handling (the flags field).</param>
/// <param name="MissSendLength">Bytes of a packet sent to the controller by the action set or a table miss; 0xffff: all.</param>
public sealed record GetConfigReply(FragmentHandling Fragments, ushort MissSendLength) : OfMessage
{
    /// <inheritdoc/>
    public override OfType Type => OfType.GetConfigReply;

    /// <summary>OpenFlow 1.0: whether packets with an invalid TTL are sent; 1.3 has async masks for that.</summary>
    public bool SendsInvalidTtl { get; init; }

    // struct ofp_switch_config: flags, miss_send_len
    internal static GetConfigReply Read(ref WireReader reader, MessageHeader header) =>
        new((FragmentHandling)reader.U16(), reader.U16()) { Xid = header.Xid };

    internal override void WriteBody(ref WireWriter writer)
    {
        writer.U16((ushort)Fragments);
        writer.U16(MissSendLength);
    }
}

/// <summary>OFPT_SET_CONFIG.</summary>
/// <param name="Fragments">Fragment handling (the flags field).</param>
/// <param name="MissSendLength">See <see cref="GetConfigReply"/>.</param>
public sealed record SetConfig(FragmentHandling Fragments, ushort MissSendLength) : OfMessage
{
    /// <inheritdoc/>
    public override OfType Type => OfType.SetConfig;

    /// <summary>OpenFlow 1.0: whether packets with an invalid TTL are wanted; null, always in 1.3: as it was.</summary>
    public bool? SendsInvalidTtl { get; init; }

    // struct ofp_switch_config: flags, miss_send_len
    internal static SetConfig Read(ref WireReader reader, MessageHeader header)
    {
        var fragments = (FragmentHandling)reader.U16();
        if (fragments > FragmentHandling.NxMatch)
            WireReader.Fail(OfError.SwitchConfigFailedBadFlags, $"flags 0x{(ushort)fragments:x4}");
        return new SetConfig(fragments, reader.U16()) { Xid = header.Xid };
    }

    internal override void WriteBody(ref WireWriter writer)
    {
        writer.U16((ushort)Fragments);
        writer.U16(MissSendLength);
    }
}

/// <summary>OFPT_TABLE_MOD.</summary>
/// <param name="TableId">Table, 0xff: all.</param>
/// <param name="Config">Deprecated bits.</param>
public sealed record TableMod(byte TableId, uint Config) : OfMessage
{
    /// <inheritdoc/>
    public override OfType Type => OfType.TableMod;

    // struct ofp_table_mod: table_id, pad[3], config
    internal static TableMod Read(ref WireReader reader, MessageHeader header)
    {
        byte table = reader.U8();
        reader.Skip(3);
        uint config = reader.U32();
        if ((config & ~DeprecatedMask) != 0)
            WireReader.Fail(OfError.TableModFailedBadConfig, $"config 0x{config:x8}");
        return new TableMod(table, config) { Xid = header.Xid };
    }

    internal override void WriteBody(ref WireWriter writer)
    {
        writer.U8(TableId);
        writer.Zero(3);
        writer.U32(Config);
    }

    private const uint DeprecatedMask = 3; // OFPTC_DEPRECATED_MASK
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

    /// <summary>Whether <see cref="GenerationId"/> says nothing: Nicira's message of OpenFlow 1.0 has none.</summary>
    public bool IsWithoutGeneration { get; init; }

    // struct ofp_role_request: role, pad[4], generation_id
    internal static RoleRequest Read(ref WireReader reader, MessageHeader header)
    {
        var role = (ControllerRole)reader.U32();
        if (role > ControllerRole.Slave)
            WireReader.Fail(OfError.RoleRequestFailedBadRole, $"role {(uint)role}");
        reader.Skip(4);
        return new RoleRequest(role, reader.U64()) { Xid = header.Xid };
    }

    internal override void WriteBody(ref WireWriter writer)
    {
        writer.U32((uint)Role);
        writer.Zero(4);
        writer.U64(GenerationId);
    }
}

/// <summary>OFPT_ROLE_REPLY.</summary>
/// <param name="Role">Role in force.</param>
/// <param name="GenerationId">Generation in force; all ones when none was set.</param>
public sealed record RoleReply(ControllerRole Role, ulong GenerationId) : OfMessage
{
    /// <inheritdoc/>
    public override OfType Type => OfType.RoleReply;

    // struct ofp_role_request: role, pad[4], generation_id
    internal static RoleReply Read(ref WireReader reader, MessageHeader header)
    {
        var role = (ControllerRole)reader.U32();
        reader.Skip(4);
        return new RoleReply(role, reader.U64()) { Xid = header.Xid };
    }

    internal override void WriteBody(ref WireWriter writer)
    {
        writer.U32((uint)Role);
        writer.Zero(4);
        writer.U64(GenerationId);
    }
}

/// <summary>Which asynchronous messages a controller wants: bit n of a mask is reason n.</summary>
/// <param name="PacketInMaster">packet_in reasons as master or equal.</param>
/// <param name="PacketInSlave">packet_in reasons as slave.</param>
/// <param name="PortStatusMaster">port_status reasons as master or equal.</param>
/// <param name="PortStatusSlave">port_status reasons as slave.</param>
/// <param name="FlowRemovedMaster">flow_removed reasons as master or equal.</param>
/// <param name="FlowRemovedSlave">flow_removed reasons as slave.</param>
public sealed record AsyncConfig(
    uint PacketInMaster, uint PacketInSlave, uint PortStatusMaster, uint PortStatusSlave, uint FlowRemovedMaster, uint FlowRemovedSlave)
{
    // struct ofp_async_config: packet_in_mask[2], port_status_mask[2], flow_removed_mask[2]; master or equal first
    internal static AsyncConfig Read(ref WireReader reader) =>
        new(reader.U32(), reader.U32(), reader.U32(), reader.U32(), reader.U32(), reader.U32());

    internal void Write(ref WireWriter writer)
    {
        writer.U32(PacketInMaster);
        writer.U32(PacketInSlave);
        writer.U32(PortStatusMaster);
        writer.U32(PortStatusSlave);
        writer.U32(FlowRemovedMaster);
        writer.U32(FlowRemovedSlave);
    }
}

/// <summary>OFPT_GET_ASYNC_REQUEST.</summary>
public sealed record GetAsyncRequest : OfMessage
{
    /// <inheritdoc/>
    public override OfType Type => OfType.GetAsyncRequest;

    internal static GetAsyncRequest Read(ref WireReader reader, MessageHeader header) => new() { Xid = header.Xid };

    internal override void WriteBody(ref WireWriter writer)
    {
    }
}

/// <summary>OFPT_GET_ASYNC_REPLY.</summary>
/// <param name="Config">The masks.</param>
public sealed record GetAsyncReply(AsyncConfig Config) : OfMessage
{
    /// <inheritdoc/>
    public override OfType Type => OfType.GetAsyncReply;

    internal static GetAsyncReply Read(ref WireReader reader, MessageHeader header) => new(AsyncConfig.Read(ref reader)) { Xid = header.Xid };

    internal override void WriteBody(ref WireWriter writer) => Config.Write(ref writer);
}

/// <summary>OFPT_SET_ASYNC.</summary>
/// <param name="Config">The masks.</param>
public sealed record SetAsync(AsyncConfig Config) : OfMessage
{
    /// <inheritdoc/>
    public override OfType Type => OfType.SetAsync;

    internal static SetAsync Read(ref WireReader reader, MessageHeader header) => new(AsyncConfig.Read(ref reader)) { Xid = header.Xid };

    internal override void WriteBody(ref WireWriter writer) => Config.Write(ref writer);
}
