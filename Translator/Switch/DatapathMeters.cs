using OvsBridge.Datapath;
using OvsBridge.OpenFlow;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Messages.Multipart;
using OvsBridge.Translator.Tables;

namespace OvsBridge.Translator.Switch;

/// <summary>The meters of a datapath, in OpenFlow's terms: what <see cref="OfSwitch"/> meters with. Any thread.</summary>
public sealed class DatapathMeters(IDatapath datapath) : IMeterControl
{
    /// <inheritdoc/>
    /// <remarks>The datapath's last slot is the forwarding side's, for its own limit of the slow path.</remarks>
    public uint MaxMeters => Math.Max(1, datapath.Capabilities.MaxMeters) - 1;

    /// <inheritdoc/>
    public uint FirstSlot => datapath.AdoptedMeterSlots;

    /// <inheritdoc/>
    public byte MaxBands => datapath.Capabilities.MaxBands;

    /// <inheritdoc/>
    public bool Set(Meter meter) => datapath.SetMeter(
        meter.Slot,
        new DpMeter(meter.Flags.HasFlag(MeterFlags.PacketsPerSecond), [.. meter.Bands.Select(band => ToDatapath(band, meter.Flags))]));

    /// <inheritdoc/>
    public void Remove(Meter meter) => datapath.RemoveMeter(meter.Slot);

    /// <inheritdoc/>
    public MeterCounters Read(Meter meter)
    {
        if (datapath.ReadMeter(meter.Slot) is not { } stats || stats.Bands.Count != meter.Bands.Count)
        {
            // The request read its snapshot before the meter was deleted or changed.
            return new MeterCounters(0, 0, meter.Bands.Select(_ => new BucketCounter(0, 0)).ToValueList());
        }

        return new MeterCounters(stats.Packets, stats.Bytes, stats.Bands.Select(band => new BucketCounter(band.Packets, band.Bytes)).ToValueList());
    }

    /// <summary>OpenFlow 1.3.5, 7.3.4.4: burst_size counts only with OFPMF_BURST.</summary>
    private static DpMeterBand ToDatapath(MeterBand band, MeterFlags flags) => new(
        (DpBandType)band.Type,
        band.Rate,
        flags.HasFlag(MeterFlags.Burst) ? band.Burst : 0,
        band.PrecedenceLevel);
}
