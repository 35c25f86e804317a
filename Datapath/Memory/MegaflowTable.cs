using System.Diagnostics.CodeAnalysis;
using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.Datapath.Memory;

/// <summary>
/// Tuple-space search: a hash table for each distinct mask over the packet words of the key. Not thread safe.
/// </summary>
internal sealed class MegaflowTable
{
    private readonly List<Subtable> _subtables = [];

    public int FlowCount { get; private set; }

    public int MaskCount => _subtables.Count;

    /// <summary>The first flow that matches; megaflows that overlap do the same, so any will do.</summary>
    /// <param name="key">Key of a packet; only its packet words count.</param>
    /// <param name="flow">The flow.</param>
    /// <param name="tried">Masks that were tried.</param>
    public bool TryFind(in FlowKey key, [NotNullWhen(true)] out MemoryMegaflow? flow, out int tried)
    {
        tried = 0;
        foreach (Subtable subtable in _subtables)
        {
            tried++;
            if (subtable.Flows.TryGetValue(key.Masked(subtable.Mask), out flow))
            {
                return true;
            }
        }

        flow = null;
        return false;
    }

    /// <summary>Whether a flow with just this mask and masked key is there.</summary>
    public bool Contains(in FlowKey key, in FlowKey mask) => Find(mask)?.Flows.ContainsKey(key.Masked(mask)) == true;

    /// <summary>Whether some flow has this mask.</summary>
    public bool HasMask(in FlowKey mask) => Find(mask) is not null;

    public void Add(MemoryMegaflow flow)
    {
        Subtable? subtable = Find(flow.Mask);
        if (subtable is null)
        {
            subtable = new Subtable(flow.Mask);
            _subtables.Add(subtable);
        }

        subtable.Flows.Add(flow.Key, flow);
        FlowCount++;
    }

    public void Remove(MemoryMegaflow flow)
    {
        Subtable subtable = Find(flow.Mask)!;
        subtable.Flows.Remove(flow.Key);
        FlowCount--;
        if (subtable.Flows.Count == 0)
        {
            _subtables.Remove(subtable);
        }
    }

    private Subtable? Find(in FlowKey mask)
    {
        foreach (Subtable subtable in _subtables)
        {
            if (subtable.Mask == mask)
            {
                return subtable;
            }
        }

        return null;
    }

    private sealed class Subtable(FlowKey mask)
    {
        private readonly FlowKey _mask = mask;

        public ref readonly FlowKey Mask => ref _mask;

        public Dictionary<FlowKey, MemoryMegaflow> Flows { get; } = [];
    }
}

/// <summary>A flow of an <see cref="InMemoryDatapath"/>. Guarded by the datapath's lock.</summary>
internal sealed class MemoryMegaflow(InMemoryDatapath owner, FlowKey key, FlowKey mask, DpActions actions) : MegaflowHandle
{
    private readonly FlowKey _key = key;
    private readonly FlowKey _mask = mask;

    public InMemoryDatapath? Owner { get; set; } = owner;

    public ref readonly FlowKey Key => ref _key;

    public ref readonly FlowKey Mask => ref _mask;

    public DpActions Actions { get; set; } = actions;

    public MegaflowStats Stats { get; set; }
}
