namespace OvsBridge.OpenFlow.Wire;

/// <summary>How a peer wants packet_ins written (NXT_SET_PACKET_IN_FORMAT, enum nx_packet_in_format).</summary>
public enum PacketInFormat : uint
{
    /// <summary>OFPT_PACKET_IN of the version spoken.</summary>
    Standard = 0,

    /// <summary>NXT_PACKET_IN.</summary>
    Nicira = 1,

    /// <summary>NXT_PACKET_IN2.</summary>
    Nicira2 = 2,
}

/// <summary>
/// What the bytes of a connection mean: the version that its HELLOs agreed on, and what the peer has said since about the formats
/// in it. Records of messages are the same for all of them; only <see cref="OfCodec"/> looks at this.
/// </summary>
/// <param name="Version">Wire version: 1 is OpenFlow 1.0, 4 is 1.3.</param>
public sealed record WireFormat(byte Version)
{
    /// <summary>OpenFlow 1.3 as a connection begins.</summary>
    public static readonly WireFormat OpenFlow13 = new(OfCodec.Version);

    /// <summary>OpenFlow 1.0 as a connection begins.</summary>
    public static readonly WireFormat OpenFlow10 = new(OfCodec.Version10);

    /// <summary>Whether the high byte of OpenFlow 1.0's flow_mod command is a table (NXT_FLOW_MOD_TABLE_ID).</summary>
    public bool FlowModTableId { get; init; }

    /// <summary>Whether OpenFlow 1.0's flow_removed has a Nicira match (NXT_SET_FLOW_FORMAT).</summary>
    public bool NiciraFlows { get; init; }

    /// <summary>How packet_ins are written.</summary>
    public PacketInFormat PacketIns { get; init; }

    /// <summary>The format that a connection begins with when its HELLOs agree on <paramref name="version"/>.</summary>
    public static WireFormat For(byte version) => version == OfCodec.Version10 ? OpenFlow10 : OpenFlow13;
}
