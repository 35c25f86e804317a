namespace OvsBridge.OpenFlow.Messages;

/// <summary>OFPT_HELLO.</summary>
/// <param name="Version">Version in the header: the highest that the sender speaks.</param>
/// <param name="Bitmap">OFPHET_VERSIONBITMAP, bit n: version n; null when the element is absent.</param>
public sealed record Hello(byte Version, uint? Bitmap) : OfMessage
{
    /// <inheritdoc/>
    public override OfType Type => OfType.Hello;
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
}

/// <summary>OFPT_ECHO_REQUEST.</summary>
/// <param name="Data">Any bytes.</param>
public sealed record EchoRequest(ReadOnlyMemory<byte> Data) : OfMessage
{
    /// <inheritdoc/>
    public override OfType Type => OfType.EchoRequest;
}

/// <summary>OFPT_ECHO_REPLY.</summary>
/// <param name="Data">The request's bytes.</param>
public sealed record EchoReply(ReadOnlyMemory<byte> Data) : OfMessage
{
    /// <inheritdoc/>
    public override OfType Type => OfType.EchoReply;
}

/// <summary>OFPT_EXPERIMENTER.</summary>
/// <param name="Experimenter">Experimenter number.</param>
/// <param name="ExperimenterType">Its own message type.</param>
/// <param name="Body">What follows.</param>
public sealed record ExperimenterMessage(uint Experimenter, uint ExperimenterType, ReadOnlyMemory<byte> Body) : OfMessage
{
    /// <inheritdoc/>
    public override OfType Type => OfType.Experimenter;
}

/// <summary>OFPT_BARRIER_REQUEST.</summary>
public sealed record BarrierRequest : OfMessage
{
    /// <inheritdoc/>
    public override OfType Type => OfType.BarrierRequest;
}

/// <summary>OFPT_BARRIER_REPLY.</summary>
public sealed record BarrierReply : OfMessage
{
    /// <inheritdoc/>
    public override OfType Type => OfType.BarrierReply;
}
