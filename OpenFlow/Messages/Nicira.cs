using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Wire;

namespace OvsBridge.OpenFlow.Messages;

/// <summary>
/// A message of Open vSwitch's experimenter number (NX_VENDOR_ID). They are laid out alike in OpenFlow 1.0, where they are vendor
/// messages, and 1.3: vendor, subtype, body.
/// </summary>
public abstract record NiciraMessage : OfMessage
{
    /// <summary>NX_VENDOR_ID.</summary>
    public const uint Vendor = 0x00002320;

    /// <inheritdoc/>
    public override OfType Type => OfType.Experimenter;

    /// <summary>NXT_* number.</summary>
    public abstract uint Subtype { get; }

    internal override int SizeHint => 64;

    internal sealed override void WriteBody(ref WireWriter writer)
    {
        writer.U32(Vendor);
        writer.U32(Subtype);
        WriteNicira(ref writer);
    }

    private protected abstract void WriteNicira(ref WireWriter writer);

    /// <summary>Reads what both versions have; null: <paramref name="subtype"/> is none of these, and nothing was read.</summary>
    internal static OfMessage? TryRead(ref WireReader reader, uint subtype, uint xid) => subtype switch
    {
        10 => Roles.Read(ref reader) with { Xid = xid },
        SetFlowModTableId.Number => SetFlowModTableId.Read(ref reader) with { Xid = xid },
        SetPacketInFormat.Number => new SetPacketInFormat(reader.U32()) { Xid = xid },
        FlowAge.Number => new FlowAge { Xid = xid },
        19 => new SetAsync(AsyncConfig.Read(ref reader)) { Xid = xid },
        SetControllerId.Number => SetControllerId.Read(ref reader) with { Xid = xid },
        _ => null,
    };

    /// <summary>NXT_ROLE_REQUEST: an election without generations.</summary>
    private static class Roles
    {
        // struct nx_role_request: role (OTHER, MASTER, SLAVE)
        public static RoleRequest Read(ref WireReader reader)
        {
            uint role = reader.U32();
            if (role > 2)
                WireReader.Fail(OfError.RoleRequestFailedBadRole, $"role {role}");
            return new RoleRequest(ControllerRole.Equal + role, 0) { IsWithoutGeneration = true };
        }
    }
}

/// <summary>A message that says how those behind it are to be read or written. The connection obeys it by itself.</summary>
public abstract record FormatMessage : NiciraMessage
{
    /// <summary>The format behind the message.</summary>
    /// <exception cref="OfErrorException">There is no such format (BAD_REQUEST/EPERM, as Open vSwitch).</exception>
    public abstract WireFormat Apply(WireFormat format);
}

/// <summary>NXT_SET_FLOW_FORMAT (OpenFlow 1.0): in which format flows that go are told.</summary>
/// <param name="Format">0: OpenFlow 1.0's own; 2: Nicira's.</param>
public sealed record SetFlowFormat(uint Format) : FormatMessage
{
    internal const uint Number = 12;

    /// <inheritdoc/>
    public override uint Subtype => Number;

    /// <inheritdoc/>
    public override WireFormat Apply(WireFormat format) => Format switch
    {
        0 => format with { NiciraFlows = false },
        2 => format with { NiciraFlows = true },
        _ => throw new OfErrorException(OfError.BadRequestEperm, $"flow format {Format}"),
    };

    private protected override void WriteNicira(ref WireWriter writer) => writer.U32(Format);
}

/// <summary>NXT_FLOW_MOD_TABLE_ID: whether the high byte of OpenFlow 1.0's flow_mod command is a table.</summary>
/// <param name="On">Whether.</param>
public sealed record SetFlowModTableId(bool On) : FormatMessage
{
    internal const uint Number = 15;

    /// <inheritdoc/>
    public override uint Subtype => Number;

    /// <inheritdoc/>
    public override WireFormat Apply(WireFormat format) => format with { FlowModTableId = On };

    // struct nx_flow_mod_table_id: set, pad[7]
    internal static SetFlowModTableId Read(ref WireReader reader)
    {
        byte set = reader.U8();
        reader.Skip(7);
        return new SetFlowModTableId(set != 0);
    }

    private protected override void WriteNicira(ref WireWriter writer)
    {
        writer.U8(On ? (byte)1 : (byte)0);
        writer.Zero(7);
    }
}

/// <summary>NXT_SET_PACKET_IN_FORMAT.</summary>
/// <param name="Format">enum nx_packet_in_format.</param>
public sealed record SetPacketInFormat(uint Format) : FormatMessage
{
    internal const uint Number = 16;

    /// <inheritdoc/>
    public override uint Subtype => Number;

    /// <inheritdoc/>
    public override WireFormat Apply(WireFormat format) => Format <= (uint)PacketInFormat.Nicira2
        ? format with { PacketIns = (PacketInFormat)Format }
        : throw new OfErrorException(OfError.BadRequestEperm, $"packet_in format {Format}");

    private protected override void WriteNicira(ref WireWriter writer) => writer.U32(Format);
}

/// <summary>NXT_FLOW_AGE: asks for ages in flow statistics, which are always there.</summary>
public sealed record FlowAge : NiciraMessage
{
    internal const uint Number = 18;

    /// <inheritdoc/>
    public override uint Subtype => Number;

    private protected override void WriteNicira(ref WireWriter writer)
    {
    }
}

/// <summary>NXT_SET_CONTROLLER_ID: which packets that flows send to a controller by number are for this one.</summary>
/// <param name="Id">The number; 0 until it is set.</param>
public sealed record SetControllerId(ushort Id) : NiciraMessage
{
    internal const uint Number = 20;

    /// <inheritdoc/>
    public override uint Subtype => Number;

    // struct nx_controller_id: zero[6], controller_id
    internal static SetControllerId Read(ref WireReader reader)
    {
        reader.Skip(6);
        return new SetControllerId(reader.U16());
    }

    private protected override void WriteNicira(ref WireWriter writer)
    {
        writer.Zero(6);
        writer.U16(Id);
    }
}
