using System.Text;
using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Wire;

namespace OvsBridge.OpenFlow.Messages;

/// <summary>OFPT_HELLO.</summary>
/// <param name="Version">Version in the header: the highest that the sender speaks.</param>
/// <param name="Bitmap">OFPHET_VERSIONBITMAP, bit n: version n; null when the element is absent.</param>
public sealed record Hello(byte Version, uint? Bitmap) : OfMessage
{
    /// <inheritdoc/>
    public override OfType Type => OfType.Hello;

    // struct ofp_hello: elements, each with type, length (without padding), data, padding to 8.
    // Elements that are unknown or broken are skipped: the specification lets a peer send anything here.
    internal static Hello Read(ref WireReader reader, MessageHeader header)
    {
        uint? bitmap = null;
        while (reader.Remaining >= ElementHeaderSize)
        {
            ushort type = reader.U16();
            ushort length = reader.U16();
            int size = length - ElementHeaderSize;
            if (size < 0 || size > reader.Remaining)
                break;
            WireReader element = reader.Sub(size, OfError.BadRequestBadLen, "hello element");
            if (type == VersionBitmap && size >= 4 && bitmap is null)
                bitmap = element.U32(); // versions 0 to 31; there are no others
            reader.Skip(int.Min(-length & 7, reader.Remaining));
        }

        reader.Rest();
        return new Hello(header.Version, bitmap) { Xid = header.Xid };
    }

    internal override void WriteBody(ref WireWriter writer)
    {
        if (Bitmap is { } bitmap)
        {
            writer.U16(VersionBitmap);
            writer.U16(ElementHeaderSize + 4);
            writer.U32(bitmap);
        }
    }

    private const ushort VersionBitmap = 1; // OFPHET_VERSIONBITMAP
    private const int ElementHeaderSize = 4;
}

/// <summary>OFPT_ERROR.</summary>
/// <param name="ErrorType">Type (enum ofp_error_type).</param>
/// <param name="Code">Code within the type.</param>
/// <param name="Data">At least 64 bytes of the request, or a text for HELLO_FAILED.</param>
public sealed record ErrorMessage(ushort ErrorType, ushort Code, ReadOnlyMemory<byte> Data) : OfMessage
{
    /// <summary>Experimenter number when <see cref="ErrorType"/> is 0xffff (Code is then exp_type).</summary>
    public uint Experimenter { get; init; }

    /// <inheritdoc/>
    public override OfType Type => OfType.Error;

    /// <summary>
    /// The answer to a request that failed: quotes all of it, or as much as a message has room for, and has its xid.
    /// </summary>
    /// <param name="error">What is wrong.</param>
    /// <param name="request">The request as received, header included.</param>
    public static ErrorMessage For(OfError error, ReadOnlySpan<byte> request)
    {
        uint xid = request.Length >= MessageHeader.Size ? MessageHeader.Read(request).Xid : 0;
        int most = OfCodec.MaxMessageSize - MessageHeader.Size - (error.Experimenter == 0 ? 4 : 8);
        return new ErrorMessage(error.Type, error.Code, request[..int.Min(request.Length, most)].ToArray())
        {
            Xid = xid,
            Experimenter = error.Experimenter,
        };
    }

    /// <summary>The answer to a HELLO that leaves no common version; <paramref name="reason"/> is for people.</summary>
    public static ErrorMessage HelloFailed(OfError error, string reason, uint xid = 0) =>
        new(error.Type, error.Code, Encoding.UTF8.GetBytes(reason)) { Xid = xid };

    internal override int SizeHint => 64 + Data.Length;

    // struct ofp_error_msg: type, code, data
    // struct ofp_error_experimenter_msg: type (0xffff), exp_type, experimenter, data
    internal static ErrorMessage Read(ref WireReader reader, MessageHeader header)
    {
        ushort type = reader.U16();
        ushort code = reader.U16();
        uint experimenter = type == ExperimenterError ? reader.U32() : 0;
        return new ErrorMessage(type, code, reader.Rest().ToArray()) { Xid = header.Xid, Experimenter = experimenter };
    }

    internal override void WriteBody(ref WireWriter writer)
    {
        writer.U16(ErrorType);
        writer.U16(Code);
        if (ErrorType == ExperimenterError)
            writer.U32(Experimenter);
        writer.Bytes(Data.Span);
    }

    private const ushort ExperimenterError = 0xffff; // OFPET_EXPERIMENTER
}

/// <summary>OFPT_ECHO_REQUEST.</summary>
/// <param name="Data">Any bytes.</param>
public sealed record EchoRequest(ReadOnlyMemory<byte> Data) : OfMessage
{
    /// <inheritdoc/>
    public override OfType Type => OfType.EchoRequest;

    internal override int SizeHint => 16 + Data.Length;

    // struct ofp_header, then any data
    internal static EchoRequest Read(ref WireReader reader, MessageHeader header) => new(reader.Rest().ToArray()) { Xid = header.Xid };

    internal override void WriteBody(ref WireWriter writer) => writer.Bytes(Data.Span);
}

/// <summary>OFPT_ECHO_REPLY.</summary>
/// <param name="Data">The request's bytes.</param>
public sealed record EchoReply(ReadOnlyMemory<byte> Data) : OfMessage
{
    /// <inheritdoc/>
    public override OfType Type => OfType.EchoReply;

    internal override int SizeHint => 16 + Data.Length;

    // struct ofp_header, then any data
    internal static EchoReply Read(ref WireReader reader, MessageHeader header) => new(reader.Rest().ToArray()) { Xid = header.Xid };

    internal override void WriteBody(ref WireWriter writer) => writer.Bytes(Data.Span);
}

/// <summary>OFPT_EXPERIMENTER.</summary>
/// <param name="Experimenter">Experimenter number.</param>
/// <param name="ExperimenterType">Its own message type.</param>
/// <param name="Body">What follows.</param>
public sealed record ExperimenterMessage(uint Experimenter, uint ExperimenterType, ReadOnlyMemory<byte> Body) : OfMessage
{
    /// <summary>Experimenter number of the ONF, whose extensions of OpenFlow 1.3 came into later versions.</summary>
    public const uint Onf = 0x4f4e4600;

    /// <inheritdoc/>
    public override OfType Type => OfType.Experimenter;

    internal override int SizeHint => 32 + Body.Length;

    // struct ofp_experimenter_header: experimenter, exp_type, then what the experimenter wants
    // Those that we know have records of their own.
    internal static OfMessage Read(ref WireReader reader, MessageHeader header)
    {
        uint experimenter = reader.U32();
        uint type = reader.U32();
        return (experimenter, type) switch
        {
            (Onf, BundleControl.ExperimenterType) => BundleControl.Read(ref reader, header.Xid),
            (Onf, BundleAdd.ExperimenterType) => BundleAdd.Read(ref reader, header.Xid),
            (Onf, FlowMonitorMessage.CancelOnf) => FlowMonitorCancel.Read(ref reader, header.Xid),
            (NiciraMessage.Vendor, _) when NiciraMessage.TryRead(ref reader, type, header.Xid) is { } nicira => nicira,
            _ => new ExperimenterMessage(experimenter, type, reader.Rest().ToArray()) { Xid = header.Xid },
        };
    }

    internal override void WriteBody(ref WireWriter writer)
    {
        writer.U32(Experimenter);
        writer.U32(ExperimenterType);
        writer.Bytes(Body.Span);
    }
}

/// <summary>OFPT_BARRIER_REQUEST.</summary>
public sealed record BarrierRequest : OfMessage
{
    /// <inheritdoc/>
    public override OfType Type => OfType.BarrierRequest;

    internal static BarrierRequest Read(ref WireReader reader, MessageHeader header) => new() { Xid = header.Xid };

    internal override void WriteBody(ref WireWriter writer)
    {
    }
}

/// <summary>OFPT_BARRIER_REPLY.</summary>
public sealed record BarrierReply : OfMessage
{
    /// <inheritdoc/>
    public override OfType Type => OfType.BarrierReply;

    internal static BarrierReply Read(ref WireReader reader, MessageHeader header) => new() { Xid = header.Xid };

    internal override void WriteBody(ref WireWriter writer)
    {
    }
}
