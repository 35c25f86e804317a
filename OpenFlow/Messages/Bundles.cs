using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Wire;

namespace OvsBridge.OpenFlow.Messages;

/// <summary>What a bundle control message asks or answers (ONF EXT-230, enum onf_bundle_ctrl_type).</summary>
public enum BundleControlType : ushort
{
#pragma warning disable CS1591 // the names are the specification's
    OpenRequest = 0,
    OpenReply = 1,
    CloseRequest = 2,
    CloseReply = 3,
    CommitRequest = 4,
    CommitReply = 5,
    DiscardRequest = 6,
    DiscardReply = 7,
#pragma warning restore CS1591
}

/// <summary>How a bundle is committed (ONF EXT-230, enum onf_bundle_flags).</summary>
[Flags]
public enum BundleFlags : ushort
{
#pragma warning disable CS1591 // the names are the specification's
    None = 0,
    Atomic = 1 << 0,
    Ordered = 1 << 1,
#pragma warning restore CS1591
}

/// <summary>A property behind a bundle message; EXT-230 defines none but the experimenter's.</summary>
/// <param name="Type">0xffff: experimenter.</param>
/// <param name="Data">What follows type and length, without padding.</param>
public sealed record BundleProperty(ushort Type, ValueList<byte> Data)
{
    /// <summary>The experimenter's property (OFPBPT_EXPERIMENTER).</summary>
    public const ushort Experimenter = 0xffff;

    private const int HeaderSize = 4;

    // type, length (without padding), data, padding to 8
    internal static ValueList<BundleProperty> ReadList(ref WireReader reader)
    {
        List<BundleProperty> all = [];
        while (reader.Remaining > 0)
        {
            ushort type = reader.U16();
            ushort length = reader.U16();
            WireReader body = reader.Sub(length - HeaderSize, OfError.BadRequestBadLen, "bundle property");
            all.Add(new BundleProperty(type, ValueList.Create(body.Rest())));
            reader.Skip(int.Min(-length & 7, reader.Remaining));
        }

        return all.ToValueList();
    }

    internal static void WriteList(ref WireWriter writer, ValueList<BundleProperty> properties)
    {
        foreach (BundleProperty property in properties)
        {
            int start = writer.Position;
            writer.U16(property.Type);
            int length = writer.ReserveLength();
            writer.Bytes(property.Data.AsSpan());
            writer.Length(length, start);
            writer.Pad(start);
        }
    }
}

/// <summary>Opens, closes, commits or discards a bundle, or answers that (ONF EXT-230, ONF_ET_BUNDLE_CONTROL).</summary>
/// <param name="BundleId">Number of the bundle, unique in its connection.</param>
/// <param name="ControlType">What is asked.</param>
/// <param name="Flags">The same in every message of a bundle.</param>
public sealed record BundleControl(uint BundleId, BundleControlType ControlType, BundleFlags Flags) : OfMessage
{
    /// <summary>exp_type of the message.</summary>
    public const uint ExperimenterType = 2300;

    /// <summary>Properties, in the order sent.</summary>
    public ValueList<BundleProperty> Properties { get; init; }

    /// <inheritdoc/>
    public override OfType Type => OfType.Experimenter;

    internal override int SizeHint => 64;

    // behind experimenter and exp_type: bundle_id, type, flags, properties
    internal static BundleControl Read(ref WireReader reader, uint xid) =>
        new(reader.U32(), (BundleControlType)reader.U16(), (BundleFlags)reader.U16())
        {
            Properties = BundleProperty.ReadList(ref reader),
            Xid = xid,
        };

    internal override void WriteBody(ref WireWriter writer)
    {
        writer.U32(ExperimenterMessage.Onf);
        writer.U32(ExperimenterType);
        writer.U32(BundleId);
        writer.U16((ushort)ControlType);
        writer.U16((ushort)Flags);
        BundleProperty.WriteList(ref writer, Properties);
    }
}

/// <summary>Adds a message to a bundle (ONF EXT-230, ONF_ET_BUNDLE_ADD_MESSAGE); opens the bundle if it is not there.</summary>
/// <param name="BundleId">Number of the bundle, unique in its connection.</param>
/// <param name="Flags">The same in every message of a bundle.</param>
/// <param name="Message">The message, of a type that <see cref="CanHold"/>. It is sent with this one's xid, as EXT-230 wants it.</param>
/// <remarks>
/// Decoding judges the message inside as one that comes alone: its own error is the error of the whole. A message that can't be in
/// any bundle is BUNDLE_FAILED/MSG_UNSUP.
/// </remarks>
public sealed record BundleAdd(uint BundleId, BundleFlags Flags, OfMessage Message) : OfMessage
{
    private readonly ReadOnlyMemory<byte> _bytes;

    /// <summary>exp_type of the message.</summary>
    public const uint ExperimenterType = 2301;

    /// <summary>Properties, in the order sent.</summary>
    public ValueList<BundleProperty> Properties { get; init; }

    /// <summary>The bytes of <see cref="Message"/> as received, for errors that quote it; empty when it was not received.</summary>
    public ReadOnlyMemory<byte> MessageBytes => _bytes;

    /// <inheritdoc/>
    public override OfType Type => OfType.Experimenter;

    internal override int SizeHint => 32 + Message.SizeHint;

    /// <summary>Whether a bundle can hold messages of this type: whatever changes the pipeline or a port, and packet_out.</summary>
    public static bool CanHold(OfType type) =>
        type is OfType.FlowMod or OfType.GroupMod or OfType.MeterMod or OfType.PortMod or OfType.TableMod or OfType.PacketOut;

    // behind experimenter and exp_type: bundle_id, pad[2], flags, message, and if there are properties: padding to 8, properties
    internal static BundleAdd Read(ref WireReader reader, uint xid)
    {
        uint bundle = reader.U32();
        reader.Skip(2);
        var flags = (BundleFlags)reader.U16();
        WireReader ahead = reader;
        if (reader.Remaining < MessageHeader.Size)
            WireReader.Fail(OfError.BundleFailedMsgBadLen, $"{reader.Remaining} bytes are left for the message");
        MessageHeader inner = MessageHeader.Read(ref ahead);
        if (inner.Length < MessageHeader.Size || inner.Length > reader.Remaining)
            WireReader.Fail(OfError.BundleFailedMsgBadLen, $"the message claims {inner.Length} bytes, {reader.Remaining} are left");
        if (inner.Xid != xid)
            WireReader.Fail(OfError.BundleFailedMsgBadXid, $"the message has xid 0x{inner.Xid:x}, the one around it 0x{xid:x}");
        if (!CanHold((OfType)inner.Type))
            WireReader.Fail(OfError.BundleFailedMsgUnsup, $"a message of type {inner.Type}");

        byte[] bytes = reader.Bytes(inner.Length).ToArray();
        OfMessage message = OfCodec.Decode(bytes);
        reader.Skip(int.Min(-inner.Length & 7, reader.Remaining));
        return new BundleAdd(bundle, flags, message, bytes) { Properties = BundleProperty.ReadList(ref reader), Xid = xid };
    }

    internal override void WriteBody(ref WireWriter writer)
    {
        writer.U32(ExperimenterMessage.Onf);
        writer.U32(ExperimenterType);
        writer.U32(BundleId);
        writer.Zero(2);
        writer.U16((ushort)Flags);

        // struct ofp_header
        int start = writer.Position;
        writer.U8(OfCodec.Version);
        writer.U8((byte)Message.Type);
        int length = writer.ReserveLength();
        writer.U32(Xid);
        Message.WriteBody(ref writer);
        writer.Length(length, start);
        if (Properties.Count > 0)
            writer.Pad(start);
        BundleProperty.WriteList(ref writer, Properties);
    }

    private BundleAdd(uint bundleId, BundleFlags flags, OfMessage message, ReadOnlyMemory<byte> bytes)
        : this(bundleId, flags, message) => _bytes = bytes;
}
