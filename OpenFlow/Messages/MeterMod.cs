namespace OvsBridge.OpenFlow.Messages;

/// <summary>enum ofp_meter_mod_command.</summary>
public enum MeterModCommand : ushort
{
#pragma warning disable CS1591 // the names are the specification's
    Add = 0,
    Modify = 1,
    Delete = 2,
#pragma warning restore CS1591
}

/// <summary>enum ofp_meter_flags.</summary>
[Flags]
public enum MeterFlags : ushort
{
#pragma warning disable CS1591 // the names are the specification's
    None = 0,
    Kbps = 1 << 0,
    PacketsPerSecond = 1 << 1,
    Burst = 1 << 2,
    Stats = 1 << 3,
#pragma warning restore CS1591
}

/// <summary>enum ofp_meter_band_type.</summary>
public enum MeterBandType : ushort
{
#pragma warning disable CS1591 // the names are the specification's
    Drop = 1,
    DscpRemark = 2,
    Experimenter = 0xffff,
#pragma warning restore CS1591
}

/// <summary>struct ofp_meter_band_header.</summary>
/// <param name="Type">What happens above the rate.</param>
/// <param name="Rate">Kilobits a second, or packets a second.</param>
/// <param name="Burst">Kilobits, or packets.</param>
/// <param name="PrecedenceLevel">dscp_remark: drop precedence levels to add.</param>
/// <param name="Experimenter">Experimenter number.</param>
public sealed record MeterBand(MeterBandType Type, uint Rate, uint Burst, byte PrecedenceLevel = 0, uint Experimenter = 0);

/// <summary>OFPT_METER_MOD.</summary>
/// <param name="Command">What to do.</param>
/// <param name="Flags">Units and options.</param>
/// <param name="MeterId">Which.</param>
/// <param name="Bands">The bands.</param>
public sealed record MeterMod(MeterModCommand Command, MeterFlags Flags, uint MeterId, ValueList<MeterBand> Bands) : OfMessage
{
    /// <summary>OFPM_MAX.</summary>
    public const uint MaxMeter = 0xffff0000;

    /// <summary>OFPM_SLOWPATH.</summary>
    public const uint SlowPathMeter = 0xfffffffd;

    /// <summary>OFPM_CONTROLLER.</summary>
    public const uint ControllerMeter = 0xfffffffe;

    /// <summary>OFPM_ALL.</summary>
    public const uint AllMeters = 0xffffffff;

    /// <inheritdoc/>
    public override OfType Type => OfType.MeterMod;
}
