namespace OvsBridge.OpenFlow.Errors;

/// <summary>One error of the specification (7.4.1): type, code and name.</summary>
/// <param name="Type">enum ofp_error_type.</param>
/// <param name="Code">Code within the type.</param>
/// <param name="Name">The constant's name without OFP.</param>
public sealed partial record OfError(ushort Type, ushort Code, string Name)
{
    /// <summary>Whose error it is when <see cref="Type"/> is 0xffff (OFPET_EXPERIMENTER; Code is then exp_type), else 0.</summary>
    public uint Experimenter { get; init; }

    /// <inheritdoc/>
    public override string ToString() => Name;
}

/// <summary>
/// The peer asked for something that it must be told is wrong: becomes one OFPT_ERROR, in one place; the connection stays
/// and nothing of the request took effect.
/// </summary>
public sealed class OfErrorException : Exception
{
    /// <summary>Carries <paramref name="error"/>; <paramref name="detail"/> is for our log.</summary>
    public OfErrorException(OfError error, string detail)
        : base($"{error.Name}: {detail}") => Error = error;

    /// <summary>Which error.</summary>
    public OfError Error { get; }
}

/// <summary>The byte stream itself is broken (bad length, unknown version): the connection is closed.</summary>
public sealed class OfProtocolException : Exception
{
    /// <summary>Says what is broken.</summary>
    public OfProtocolException(string message)
        : base(message)
    {
    }
}
