using System.Collections.Immutable;
using OvsBridge.Translator.Tables;

namespace OvsBridge.Translator.Switch;

/// <summary>What OFPMP_TABLE_FEATURES and OFPT_TABLE_MOD can change of a table.</summary>
/// <param name="TableId">Table.</param>
/// <param name="Name">Its name, at most 31 bytes.</param>
/// <param name="MaxFlows">Most flows.</param>
/// <param name="Config">OFPTC_DEPRECATED_MASK bits: kept and shown, without effect in OpenFlow 1.3.</param>
/// <param name="Enabled">Whether the pipeline has the table: a table-features request leaves out the others.</param>
internal sealed record TableSettings(byte TableId, string Name, uint MaxFlows, uint Config = 0, bool Enabled = true)
{
    /// <summary>The settings of all tables at start.</summary>
    public static ImmutableArray<TableSettings> Defaults(int maxFlows) =>
    [
        .. Enumerable.Range(0, PipelineSnapshot.TableCount)
            .Select(id => new TableSettings((byte)id, "", (uint)maxFlows)), // no names: ovs-ofctl --names shows numbers then, as of Open vSwitch
    ];
}
