using OvsBridge.Datapath;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.Translator.Tables;
using OvsBridge.Translator.Xlate;

namespace OvsBridge.Translator.Upcalls;

/// <summary>User space's record of one installed megaflow. What changes does so under the lock of <see cref="Ukeys"/>.</summary>
internal sealed class Ukey
{
    private readonly FlowKey _key;
    private readonly FlowKey _mask;

    /// <summary>Makes the record of a megaflow that is about to be installed.</summary>
    /// <param name="key">Key of a packet that it is for; cut to the mask.</param>
    /// <param name="result">What the packet's translation gave.</param>
    /// <param name="nowNs">CLOCK_MONOTONIC.</param>
    internal Ukey(in FlowKey key, XlateResult result, long nowNs)
    {
        _mask = result.Mask;
        _key = key.Masked(_mask);
        Result = result;
        Snapshot = result.Snapshot;
        MacVersion = result.Dependencies.MacVersion;
        CreatedNs = nowNs;
    }

    /// <summary>The masked key: a packet that stands for all that the megaflow matches.</summary>
    internal ref readonly FlowKey Key => ref _key;

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

    /// <summary>Whether the translation holds for this pipeline and MAC table too, by what it depends on.</summary>
    internal bool HoldsFor(PipelineSnapshot snapshot, long macVersion) =>
        (!Result.Dependencies.Macs || macVersion == MacVersion)
        && (Snapshot == snapshot || (Result.Dependencies with { Macs = false }).SameIn(Snapshot, snapshot, macVersion));
}
