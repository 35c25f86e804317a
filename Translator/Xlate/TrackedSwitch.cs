using System.Collections.Immutable;
using System.Runtime.InteropServices;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.Translator.Tables;

namespace OvsBridge.Translator.Xlate;

/// <summary>
/// One part of the switch's state, but for tables and addresses: a port, a group, a meter, or what all translations share.
/// </summary>
/// <remarks>The high half is the kind and the low half the number, so that parts can be compared, sorted and looked up.</remarks>
internal readonly record struct StatePart(ulong Code)
{
    /// <summary>Every port: a flood goes to those that come later, too.</summary>
    internal static StatePart AllPorts => Port(OfPorts.Any);

    internal static StatePart Port(uint number) => new(1ul << 32 | number);

    internal bool IsPort => Code >> 32 == 1;

    internal static StatePart Group(uint id) => new(2ul << 32 | id);

    internal static StatePart Meter(uint id) => new(3ul << 32 | id);
}

/// <summary>
/// The pipeline as one translation sees it, and the only way to it: to read a part is to depend on it.
/// </summary>
/// <remarks>
/// A megaflow has to be looked at again when a part of the pipeline that its translation read has changed. As with
/// <see cref="TrackedFlow"/>, that holds since there is no other way to read. Reusable, one thread at a time.
/// </remarks>
internal sealed class TrackedSwitch
{
    private readonly List<StatePart> _parts = [];
    private readonly Recent<StatePart[]> _recent = new(
        static parts => MemoryMarshal.Cast<StatePart, ulong>(parts), static words => MemoryMarshal.Cast<ulong, StatePart>(words).ToArray());

    private PipelineSnapshot _snapshot = null!;
    private TableSet _tables;

    /// <summary>Starts a translation.</summary>
    internal void Load(PipelineSnapshot snapshot)
    {
        _snapshot = snapshot;
        _parts.Clear();
        _tables = default;
    }

    /// <summary>The pipeline; for what every translation depends on.</summary>
    internal PipelineSnapshot Snapshot => _snapshot;

    /// <summary>Tables that were searched.</summary>
    internal TableSet Tables => _tables;

    /// <summary>The other parts that were read.</summary>
    internal StatePart[] Parts => _recent.Of(MemoryMarshal.Cast<StatePart, ulong>(CollectionsMarshal.AsSpan(_parts)));

    /// <summary>A table, to be searched.</summary>
    internal FlowTable Table(int id)
    {
        _tables.Add((byte)id);
        return _snapshot.Tables[id];
    }

    /// <summary>A port by its OpenFlow number, or null.</summary>
    internal SwitchPort? Port(uint number)
    {
        Read(StatePart.Port(number));
        return _snapshot.Ports.GetValueOrDefault(number);
    }

    /// <summary>All ports.</summary>
    internal ImmutableSortedDictionary<uint, SwitchPort> AllPorts()
    {
        Read(StatePart.AllPorts);
        return _snapshot.Ports;
    }

    /// <summary>A group, or null.</summary>
    internal Group? Group(uint id)
    {
        Read(StatePart.Group(id));
        return _snapshot.Groups.GetValueOrDefault(id);
    }

    /// <summary>A meter, or null.</summary>
    internal Meter? Meter(uint id)
    {
        Read(StatePart.Meter(id));
        return _snapshot.Meters.GetValueOrDefault(id);
    }

    private void Read(StatePart part)
    {
        if (!_parts.Contains(part)) // a handful
        {
            _parts.Add(part);
        }
    }
}
