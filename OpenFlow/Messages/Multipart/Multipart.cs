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
}

/// <summary>What a part of a reply carries; one record a <see cref="MultipartType"/>.</summary>
public abstract record MultipartAnswer
{
    /// <summary>The number in the header.</summary>
    public abstract MultipartType Kind { get; }
}

/// <summary>OFPT_MULTIPART_REQUEST: one part.</summary>
/// <param name="Query">The body.</param>
/// <param name="More">OFPMPF_REQ_MORE: more parts follow.</param>
public sealed record MultipartRequest(MultipartQuery Query, bool More = false) : OfMessage
{
    /// <inheritdoc/>
    public override OfType Type => OfType.MultipartRequest;
}

/// <summary>OFPT_MULTIPART_REPLY: one part. The writer does not split; <c>MultipartSplitter</c> does.</summary>
/// <param name="Answer">The body.</param>
/// <param name="More">OFPMPF_REPLY_MORE: more parts follow.</param>
public sealed record MultipartReply(MultipartAnswer Answer, bool More = false) : OfMessage
{
    /// <inheritdoc/>
    public override OfType Type => OfType.MultipartReply;
}
