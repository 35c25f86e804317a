using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Wire;

namespace OvsBridge.OpenFlow.Messages.Multipart;

/// <summary>enum ofp_multipart_type.</summary>
public enum MultipartType : ushort
{
#pragma warning disable CS1591 // the names are the specification's
    Desc = 0,
    Flow = 1,
    Aggregate = 2,
    Table = 3,
    PortStats = 4,
    Queue = 5,
    Group = 6,
    GroupDesc = 7,
    GroupFeatures = 8,
    Meter = 9,
    MeterConfig = 10,
    MeterFeatures = 11,
    TableFeatures = 12,
    PortDesc = 13,
    Experimenter = 0xffff,
#pragma warning restore CS1591
}

/// <summary>What a multipart request asks; one record a <see cref="MultipartType"/>.</summary>
public abstract record MultipartQuery
{
    /// <summary>The number in the header.</summary>
    public abstract MultipartType Kind { get; }

    /// <summary>Writes the body.</summary>
    internal abstract void Write(ref WireWriter writer);
}

/// <summary>What a part of a reply carries; one record a <see cref="MultipartType"/>.</summary>
public abstract record MultipartAnswer
{
    /// <summary>The number in the header.</summary>
    public abstract MultipartType Kind { get; }

    /// <summary>About how many bytes it will have.</summary>
    internal virtual int SizeHint => 256;

    /// <summary>Writes the body.</summary>
    internal abstract void Write(ref WireWriter writer);
}

/// <summary>OFPT_MULTIPART_REQUEST: one part.</summary>
/// <param name="Query">The body.</param>
/// <param name="More">OFPMPF_REQ_MORE: more parts follow.</param>
public sealed record MultipartRequest(MultipartQuery Query, bool More = false) : OfMessage
{
    /// <inheritdoc/>
    public override OfType Type => OfType.MultipartRequest;

    /// <summary>OpenFlow 1.0: asked in Nicira's form (NXST_*), and to be answered so.</summary>
    public bool IsNicira { get; init; }

    // struct ofp_multipart_request: type, flags, pad[4], body
    internal static MultipartRequest Read(ref WireReader reader, MessageHeader header)
    {
        ushort number = reader.U16();
        bool more = (reader.U16() & MoreFlag) != 0;
        reader.Skip(4);
        MultipartRow? row = MultipartTable.Find(number);
        if (row is null)
            WireReader.Fail(OfError.BadRequestBadMultipart, $"multipart type {number}");
        return new MultipartRequest(row.ReadQuery(ref reader), more) { Xid = header.Xid };
    }

    internal override void WriteBody(ref WireWriter writer)
    {
        writer.U16((ushort)Query.Kind);
        writer.U16(More ? MoreFlag : (ushort)0);
        writer.Zero(4);
        Query.Write(ref writer);
    }

    private const ushort MoreFlag = 1; // OFPMPF_REQ_MORE
}

/// <summary>OFPT_MULTIPART_REPLY: one part. The writer does not split; <c>MultipartSplitter</c> does.</summary>
/// <param name="Answer">The body.</param>
/// <param name="More">OFPMPF_REPLY_MORE: more parts follow.</param>
public sealed record MultipartReply(MultipartAnswer Answer, bool More = false) : OfMessage
{
    /// <inheritdoc/>
    public override OfType Type => OfType.MultipartReply;

    /// <summary>OpenFlow 1.0: in Nicira's form (NXST_*).</summary>
    public bool IsNicira { get; init; }

    internal override int SizeHint => 16 + Answer.SizeHint;

    // struct ofp_multipart_reply: type, flags, pad[4], body
    internal static MultipartReply Read(ref WireReader reader, MessageHeader header)
    {
        ushort number = reader.U16();
        bool more = (reader.U16() & MoreFlag) != 0;
        reader.Skip(4);
        MultipartRow? row = MultipartTable.Find(number);
        if (row is null)
            WireReader.Fail(OfError.BadRequestBadMultipart, $"multipart type {number}");
        return new MultipartReply(row.ReadAnswer(ref reader), more) { Xid = header.Xid };
    }

    internal override void WriteBody(ref WireWriter writer)
    {
        writer.U16((ushort)Answer.Kind);
        writer.U16(More ? MoreFlag : (ushort)0);
        writer.Zero(4);
        Answer.Write(ref writer);
    }

    private const ushort MoreFlag = 1; // OFPMPF_REPLY_MORE
}
