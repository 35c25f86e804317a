namespace OvsBridge.Datapath;

/// <summary>What a band does with the packets that exceed it; the numbers are OpenFlow's (<c>OVSB_BAND_*</c>).</summary>
public enum DpBandType : uint
{
    /// <summary>Drops them.</summary>
    Drop = 1,

    /// <summary>
    /// Raises the drop precedence of their DSCP (RFC 2597). Packets that are not IP, and code points outside the assured forwarding
    /// group, which have no drop precedence, stay as they are.
    /// </summary>
    DscpRemark = 2,
}

/// <summary>A band of a meter: a token bucket, and what happens to packets for which there are no tokens.</summary>
/// <param name="Type">What happens.</param>
/// <param name="Rate">Kilobits (1,000 bits) or packets a second; at least 1.</param>
/// <param name="Burst">
/// Size of the bucket in kilobits or packets; 0: what the rate gives in a second, as in Open vSwitch. A packet that is larger passes when the
/// bucket is full.
/// </param>
/// <param name="PrecedenceLevels">For <see cref="DpBandType.DscpRemark"/>: 1 or 2.</param>
public readonly record struct DpMeterBand(DpBandType Type, uint Rate, uint Burst = 0, byte PrecedenceLevels = 0);

/// <summary>A meter. Of the bands that a packet exceeds, the one with the highest rate acts on it, and those with lower rates do not see it.</summary>
/// <param name="CountsPackets">Whether rates are of packets, else of kilobits of whole frames.</param>
/// <param name="Bands">The bands, in any order.</param>
public sealed record DpMeter(bool CountsPackets, IReadOnlyList<DpMeterBand> Bands);

/// <summary>Counters of a meter.</summary>
/// <param name="Packets">Packets that met it since the slot was filled.</param>
/// <param name="Bytes">Their bytes.</param>
/// <param name="Bands">What each band acted on since it was set, in the order in which they were given.</param>
public sealed record DpMeterStats(ulong Packets, ulong Bytes, IReadOnlyList<(ulong Packets, ulong Bytes)> Bands);
