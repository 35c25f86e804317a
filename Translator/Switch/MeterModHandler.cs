using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.Translator.Tables;

namespace OvsBridge.Translator.Switch;

/// <summary>
/// OFPT_METER_MOD (OpenFlow 1.3.5, 6.6 and 7.3.4.4), the virtual meters OFPM_CONTROLLER and OFPM_SLOWPATH included. Without an
/// <see cref="IMeterControl"/> there is room for none. Under the switch's lock.
/// </summary>
internal sealed class MeterModHandler(IMeterControl? control, TimeProvider time)
{
    private const MeterFlags AllFlags = MeterFlags.Kbps | MeterFlags.PacketsPerSecond | MeterFlags.Burst | MeterFlags.Stats;

    /// <summary>Highest prec_level of a dscp_remark band: an AF class has three drop precedences (RFC 2597).</summary>
    private const byte MaxPrecedenceLevels = 2;

    /// <summary>Does what <paramref name="mod"/> asks, on <paramref name="edit"/>.</summary>
    /// <exception cref="OfErrorException">METER_MOD_FAILED.</exception>
    public void Apply(MeterMod mod, PipelineEdit edit)
    {
        switch (mod.Command)
        {
            case MeterModCommand.Add:
                Add(mod, edit);
                break;
            case MeterModCommand.Modify:
                Modify(mod, edit);
                break;
            case MeterModCommand.Delete:
                Delete(mod, edit);
                break;
            default:
                throw new OfErrorException(OfError.MeterModFailedBadCommand, $"command {(ushort)mod.Command}");
        }
    }

    private void Add(MeterMod mod, PipelineEdit edit)
    {
        Check(mod);
        if (edit.Snapshot.Meters.ContainsKey(mod.MeterId))
            throw new OfErrorException(OfError.MeterModFailedMeterExists, $"meter {mod.MeterId}");
        uint slots = control?.MaxMeters ?? 0;
        if ((uint)edit.MeterSlots.Count >= slots)
            throw new OfErrorException(OfError.MeterModFailedOutOfMeters, slots == 0 ? "this datapath has no meters" : $"{slots} meters are in use");
        CheckBandCount(mod);

        uint slot = edit.NextMeterSlot % slots;
        for (uint tried = 0; !edit.IsFreeSlot(slot); tried++)
        {
            if (tried == slots)
                throw new OfErrorException(OfError.MeterModFailedOutOfMeters, "slots that the bundle frees are free when it is committed");
            slot = (slot + 1) % slots;
        }

        edit.NextMeterSlot = slot + 1;
        edit.Put(new Meter(mod.MeterId, mod.Flags, mod.Bands, slot, time.NowNs()));
    }

    private void Modify(MeterMod mod, PipelineEdit edit)
    {
        Check(mod);
        if (!edit.Snapshot.Meters.TryGetValue(mod.MeterId, out Meter? old))
            throw new OfErrorException(OfError.MeterModFailedUnknownMeter, $"meter {mod.MeterId}");
        CheckBandCount(mod);
        edit.Put(old with { Flags = mod.Flags, Bands = mod.Bands });
    }

    private static void Delete(MeterMod mod, PipelineEdit edit)
    {
        if (mod.MeterId == MeterMod.AllMeters)
        {
            foreach (Meter meter in edit.Snapshot.Meters.Values)
                Remove(meter, edit);
            return;
        }

        CheckNumber(mod);
        if (edit.Snapshot.Meters.TryGetValue(mod.MeterId, out Meter? one)) // 6.6: no error when there is none
            Remove(one, edit);
    }

    private static void Remove(Meter meter, PipelineEdit edit)
    {
        // 6.6: flows that use it go as well. OpenFlow 1.3 has no reason of its own for that.
        edit.Remove(edit.RulesOfMeter(meter.MeterId), FlowRemovedReason.Delete);
        edit.Remove(meter);
    }

    private static void CheckNumber(MeterMod mod)
    {
        if (mod.MeterId is 0 or > MeterMod.MaxMeter and not (MeterMod.ControllerMeter or MeterMod.SlowPathMeter))
            throw new OfErrorException(OfError.MeterModFailedInvalidMeter, $"meter 0x{mod.MeterId:x}");
    }

    private static void Check(MeterMod mod)
    {
        CheckNumber(mod);
        if ((mod.Flags & ~AllFlags) != 0 || mod.Flags.HasFlag(MeterFlags.Kbps | MeterFlags.PacketsPerSecond))
            throw new OfErrorException(OfError.MeterModFailedBadFlags, $"flags 0x{(ushort)mod.Flags:x}");
        foreach (MeterBand band in mod.Bands)
        {
            if (band.Type is not (MeterBandType.Drop or MeterBandType.DscpRemark))
                throw new OfErrorException(OfError.MeterModFailedBadBand, $"band type {(ushort)band.Type}");
            if (band.Type == MeterBandType.DscpRemark && mod.MeterId > MeterMod.MaxMeter)
                throw new OfErrorException(OfError.MeterModFailedBadBand, $"dscp_remark on 0x{mod.MeterId:x}: only the copy for user space is metered");
            if (band.Rate == 0)
                throw new OfErrorException(OfError.MeterModFailedBadRate, "rate 0");
            if (band.Burst == 0 && mod.Flags.HasFlag(MeterFlags.Burst))
                throw new OfErrorException(OfError.MeterModFailedBadBurst, "OFPMF_BURST with a burst of 0");
            if (band.Type == MeterBandType.DscpRemark && band.PrecedenceLevel is 0 or > MaxPrecedenceLevels)
                throw new OfErrorException(OfError.MeterModFailedBadBandValue, $"prec_level {band.PrecedenceLevel}");
        }
    }

    private void CheckBandCount(MeterMod mod)
    {
        if (mod.Bands.Count > (control?.MaxBands ?? 0))
            throw new OfErrorException(OfError.MeterModFailedOutOfBands, $"{mod.Bands.Count} bands, at most {control?.MaxBands}");
    }
}
