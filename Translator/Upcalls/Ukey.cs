using OvsBridge.Datapath;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.Translator.Tables;
using OvsBridge.Translator.Xlate;

namespace OvsBridge.Translator.Upcalls;

/// <summary>User space's record of one installed megaflow. What changes does so under the lock of <see cref="Ukeys"/>.</summary>
internal sealed class Ukey
{
    private readonly FlowKey _packet;
    private readonly FlowKey _mask;
    private readonly int _hash;

    /// <summary>Makes the record of a megaflow that is about to be installed.</summary>
    /// <param name="packet">Key of a packet that it is for.</param>
    /// <param name="result">What the packet's translation gave.</param>
    /// <param name="nowNs">CLOCK_MONOTONIC.</param>
    internal Ukey(in FlowKey packet, XlateResult result, long nowNs)
    {
        _packet = packet;
        _mask = result.Mask;
        _hash = HashCode.Combine(Key.GetHashCode(), _mask.GetHashCode());
        Result = result;
        Snapshot = result.Snapshot;
        MacVersion = result.Dependencies.MacVersion;
        CreatedNs = nowNs;
    }

    /// <summary>
    /// The packet that it was made for, which stands for all others. Not the masked key: a translation of that, though right, may
    /// have come by another way through the classifier's tries, and look at other bits.
    /// </summary>
    internal ref readonly FlowKey Packet => ref _packet;

    /// <summary>The masked key.</summary>
    internal FlowKey Key => _packet.Masked(_mask);

    /// <summary>The megaflow's mask; what translation looks at now may be less, never more.</summary>
    internal ref readonly FlowKey Mask => ref _mask;

    /// <summary>Its name in the datapath; null before it is installed and after it is removed.</summary>
    internal MegaflowHandle? Handle { get; set; }

    /// <summary>The translation in force.</summary>
    internal XlateResult Result { get; set; }

    /// <summary>The newest pipeline that <see cref="Result"/> is known to be right for.</summary>
    internal PipelineSnapshot Snapshot { get; set; }

    /// <summary>The version of the MAC table that <see cref="Result"/> is known to be right for.</summary>
    internal long MacVersion { get; set; }

    /// <summary>Statistics that were credited already.</summary>
    internal MegaflowStats Pushed { get; set; }

    /// <summary>When it was installed, CLOCK_MONOTONIC nanoseconds.</summary>
    internal long CreatedNs { get; }

    /// <summary>When a packet last used it, or it was installed.</summary>
    internal long UsedNs => Math.Max(CreatedNs, (long)Pushed.UsedNs);

    /// <summary>Whether it is the same megaflow to the datapath.</summary>
    internal bool SameFlow(Ukey other) =>
        _hash == other._hash
        && _mask.PacketPart().SequenceEqual(other._mask.PacketPart())
        && Key.PacketPart().SequenceEqual(other.Key.PacketPart());

    /// <summary>Hash of what <see cref="SameFlow"/> compares.</summary>
    internal int FlowHash => _hash;

    /// <summary>Whether the translation holds for this pipeline and MAC table too, by what it depends on.</summary>
    internal bool HoldsFor(PipelineSnapshot snapshot, long macVersion) =>
        (!Result.Dependencies.Macs || macVersion == MacVersion) && HoldsFor(snapshot);

    /// <summary>Whether the translation holds for this pipeline, whatever the MAC table has learned since.</summary>
    internal bool HoldsFor(PipelineSnapshot snapshot) => Snapshot == snapshot || Result.Dependencies.SameIn(Snapshot, snapshot);
}
