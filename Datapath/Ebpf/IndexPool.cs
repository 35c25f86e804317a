namespace OvsBridge.Datapath.Ebpf;

/// <summary>Gives out the indices of a map's entries. Not thread safe.</summary>
/// <param name="first">Lowest index.</param>
/// <param name="count">Entries of the map; indices are below that.</param>
internal sealed class IndexPool(int first, int count)
{
    private readonly Stack<int> _returned = new();
    private int _next = first;

    /// <summary>How many are left.</summary>
    public int Free => count - _next + _returned.Count;

    /// <summary>An index that nobody has, or -1. One that was returned comes first: its memory is warm.</summary>
    public int Take() => _returned.TryPop(out int index) ? index : _next < count ? _next++ : -1;

    /// <summary>Of a new pool: keeps back what is in use already.</summary>
    /// <param name="used">Indices from the first on.</param>
    public void Reserve(IEnumerable<int> used)
    {
        foreach (int index in used.Order())
        {
            while (_next < index)
            {
                _returned.Push(_next++);
            }

            _next = index + 1;
        }
    }

    /// <summary>Takes back an index that no program can be using.</summary>
    public void Return(int index) => _returned.Push(index);
}
