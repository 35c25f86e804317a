using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Wire;

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
public sealed record MeterBand(MeterBandType Type, uint Rate, uint Burst, byte PrecedenceLevel = 0, uint Experimenter = 0)
{
    private const int Size = 16;

    /// <summary>What follows the experimenter number of an experimenter's band.</summary>
    public ValueList<byte> ExperimenterData { get; init; }

    /// <summary>Reads bands up to the end of <paramref name="reader"/>.</summary>
    internal static ValueList<MeterBand> ReadList(ref WireReader reader)
    {
        var bands = new List<MeterBand>(reader.Remaining / Size);
        while (reader.Remaining > 0)
            bands.Add(Read(ref reader));
        return bands.ToValueList();
    }

    // struct ofp_meter_band_header: type, len, rate, burst_size, then by type
    // drop: pad[4]    dscp_remark: prec_level, pad[3]    experimenter: experimenter, data
    private static MeterBand Read(ref WireReader reader)
    {
        if (reader.Remaining < Size)
            WireReader.Fail(OfError.MeterModFailedBadBand, $"{reader.Remaining} bytes are left, too few for a band");
        var type = (MeterBandType)reader.U16();
        ushort length = reader.U16();
        WireReader band = reader.Sub(length - 4, OfError.MeterModFailedBadBand, $"meter band of type {(ushort)type}");
        uint rate = band.U32();
        uint burst = band.U32();
        MeterBand? result = null;
        switch (type)
        {
            case MeterBandType.Drop:
                band.Skip(4);
                result = new MeterBand(type, rate, burst);
                break;
            case MeterBandType.DscpRemark:
                result = new MeterBand(type, rate, burst, band.U8());
                band.Skip(3);
                break;
            case MeterBandType.Experimenter when reader.FromSwitch:
                result = new MeterBand(type, rate, burst, 0, band.U32()) { ExperimenterData = ValueList.Create(band.Rest()) };
                break;
            default:
                WireReader.Fail(OfError.MeterModFailedBadBand, $"band type {(ushort)type}");
                break;
        }

        band.End();
        return result;
    }

    internal void Write(ref WireWriter writer)
    {
        int start = writer.Position;
        writer.U16((ushort)Type);
        int length = writer.ReserveLength();
        writer.U32(Rate);
        writer.U32(Burst);
        switch (Type)
        {
            case MeterBandType.DscpRemark:
                writer.U8(PrecedenceLevel);
                writer.Zero(3);
                break;
            case MeterBandType.Experimenter:
                writer.U32(Experimenter);
                writer.Bytes(ExperimenterData.AsSpan());
                break;
            default:
                writer.Zero(4);
                break;
        }

        writer.Length(length, start);
    }
}

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

    // struct ofp_meter_mod: command, flags, meter_id, bands
    internal static MeterMod Read(ref WireReader reader, MessageHeader header)
    {
        var command = (MeterModCommand)reader.U16();
        var flags = (MeterFlags)reader.U16();
        uint meter = reader.U32();
        if (command > MeterModCommand.Delete)
            WireReader.Fail(OfError.MeterModFailedBadCommand, $"command {(ushort)command}");
        bool real = meter is > 0 and <= MaxMeter or SlowPathMeter or ControllerMeter;
        if (!real && !(command == MeterModCommand.Delete && meter == AllMeters))
            WireReader.Fail(OfError.MeterModFailedInvalidMeter, $"meter 0x{meter:x}");
        if (command != MeterModCommand.Delete)
        {
            const MeterFlags both = MeterFlags.Kbps | MeterFlags.PacketsPerSecond;
            if ((flags & ~(both | MeterFlags.Burst | MeterFlags.Stats)) != 0 || (flags & both) == both)
                WireReader.Fail(OfError.MeterModFailedBadFlags, $"flags 0x{(ushort)flags:x4}");
        }

        if (header.Length > MaxSize)
            WireReader.Fail(OfError.MeterModFailedOutOfBands, $"a meter of {header.Length} bytes would not fit a description");
        return new MeterMod(command, flags, meter, MeterBand.ReadList(ref reader)) { Xid = header.Xid };
    }

    internal override void WriteBody(ref WireWriter writer)
    {
        writer.U16((ushort)Command);
        writer.U16((ushort)Flags);
        writer.U32(MeterId);
        foreach (MeterBand band in Bands)
            band.Write(ref writer);
    }

    // A meter must fit one configuration and one statistics reply (40 + 16 bytes a band), or it could never be shown.
    private const int MaxSize = OfCodec.MaxMessageSize - 40;
}
