using System.Runtime.CompilerServices;
using OvsBridge.Datapath;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.Translator.Tables;
using OvsBridge.Translator.Xlate;

namespace OvsBridge.Translator.Upcalls;

/// <summary>
/// User space's record of one installed megaflow. While it is one, what changes does so under the lock of <see cref="Ukeys"/>; before and after, it is its
/// owner's (<see cref="MegaflowBatch"/>), to be used again.
/// </summary>
/// <remarks>
/// Records are used again since at a hundred thousand set-ups a second new ones would cost as much, in garbage collections that find all of them alive, as
/// translating. Who finds one in a list from before may meet another megaflow in it: under the lock, and with <see cref="Handle"/> set, it is one of those that are installed.
/// </remarks>
internal sealed class Ukey
{
    private PacketPart _packet;
    private KeyMask _mask = null!;

    /// <summary>Makes a record that is free.</summary>
    internal Ukey() => Result = new XlateResult();

    /// <summary>Makes the record of a megaflow that is about to be installed.</summary>
    internal Ukey(in FlowKey packet, XlateResult result, long nowNs)
    {
        Result = result;
        Begin(packet, nowNs);
    }

    /// <summary>Makes it the record of a megaflow that is about to be installed, by the translation in <see cref="Result"/>.</summary>
    /// <param name="packet">Key of a packet that it is for.</param>
    /// <param name="nowNs">CLOCK_MONOTONIC.</param>
    internal void Begin(in FlowKey packet, long nowNs)
    {
        packet.PacketPart().CopyTo(_packet);
        _mask = Result.MaskObject;
        CreatedNs = nowNs;
        Pushed = default;
        Checked = 0;
    }

    /// <summary>
    /// The packet that it was made for, which stands for all others. Not the masked key: a translation of that, though right, may
    /// have come by another way through the classifier's tries, and look at other bits.
    /// </summary>
    internal FlowKey Packet
    {
        get
        {
            FlowKey packet = default;
            PacketWords().CopyTo(packet.AsMutableWords());
            return packet;
        }
    }

    /// <summary>The masked key.</summary>
    internal FlowKey Key => Packet.Masked(_mask.Bits);

    /// <summary>The megaflow's mask; what translation looks at now may be less, never more.</summary>
    internal ref readonly FlowKey Mask => ref _mask.Bits;

    /// <summary>The object that <see cref="Mask"/> is in; others may share it.</summary>
    internal KeyMask MaskObject => _mask;

    /// <summary>
    /// Whether it is a former process's: its actions are right by that one's pipeline, and it is not to be looked at before the sweep.
    /// <see cref="Packet"/> is then the masked key.
    /// </summary>
    internal bool IsAdopted { get; set; }

    /// <summary>Whether the record may be another megaflow's when this one is gone.</summary>
    internal bool IsReusable { get; init; } = true;

    /// <summary>Its name in the datapath; null before it is installed and after it is removed.</summary>
    internal MegaflowHandle? Handle { get; set; }

    /// <summary>The name of a megaflow that is gone, for the datapath to use again.</summary>
    internal MegaflowHandle? SpentHandle { get; set; }

    /// <summary>The translation in force.</summary>
    internal XlateResult Result { get; set; }

    /// <summary>Where it is among all that are installed.</summary>
    internal int Place { get; set; }

    /// <summary>Its place in <see cref="MegaflowIndex"/>, or null.</summary>
    internal MegaflowIndex.Group? Group { get; set; }

    /// <summary>Where it is in <see cref="Group"/>.</summary>
    internal int GroupPlace { get; set; }

    /// <summary>The last correction that looked at it.</summary>
    internal long Checked { get; set; }

    /// <summary>The packet's words; in_port is a datapath port.</summary>
    internal ReadOnlySpan<ulong> PacketWords() => _packet;

    /// <summary>Statistics that were credited already.</summary>
    internal MegaflowStats Pushed { get; set; }

    /// <summary>When it was installed, CLOCK_MONOTONIC nanoseconds.</summary>
    internal long CreatedNs { get; private set; }

    /// <summary>When a packet last used it, or it was installed.</summary>
    internal long UsedNs => Math.Max(CreatedNs, (long)Pushed.UsedNs);

    /// <summary>Makes it free.</summary>
    internal void End()
    {
        _mask = null!;
        Result.Clear();
    }

    /// <summary>
    /// Whether the translation may be another one after these changes. False is certain; after a true one has to translate again.
    /// </summary>
    internal bool MayChangeBy(SnapshotDiff diff)
    {
        XlateDependencies needs = Result.Dependencies;
        if (diff.Everything)
        {
            return true;
        }

        foreach (StatePart part in diff.Parts)
        {
            if (Array.IndexOf(needs.Parts, part) >= 0 || (part.IsPort && Array.IndexOf(needs.Parts, StatePart.AllPorts) >= 0))
            {
                return true;
            }
        }

        if (diff.ManyRules || !needs.Tables.Meets(diff.Tables))
        {
            return needs.Tables.Meets(diff.Tables);
        }

        FlowKey pinned = Result.Pinned(_mask.Bits);
        foreach (RuleChange change in diff.Rules)
        {
            if (MayChangeBy(change) && Overlaps(change.Rule, pinned))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Whether a change of a flow entry that matches some of the packets concerns this megaflow.</summary>
    internal bool MayChangeBy(in RuleChange change) =>
        Result.Dependencies.Tables.Contains(change.TableId)
        && (change.Before is null
            || Result.Credits.Stats.Contains(change.Before.Stats) // one that it did not hit is not missed
            || Result.Continues); // except that the search of a table may have ended for want of a header

    private bool Overlaps(Rule rule, in FlowKey pinned)
    {
        FlowKey value = MegaflowIndex.InDatapathPorts(rule.Match.Value);
        ReadOnlySpan<ulong> mine = PacketWords(), mask = pinned.PacketPart(), its = value.PacketPart(), its2 = rule.Match.Mask.PacketPart();
        for (int i = 0; i < mine.Length; i++)
        {
            if (((mine[i] ^ its[i]) & mask[i] & its2[i]) != 0)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>The words of a key that packets have.</summary>
    [InlineArray(FlowKey.PacketWords)]
    private struct PacketPart
    {
        private ulong _first;
    }
}
