using OvsBridge.Datapath.Interop;
using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.Datapath.Ebpf;

/// <summary>
/// The distinct masks of the flows, and the order in which programs try them: <c>masks</c>, <c>mask_lists</c>,
/// <c>mask_hits</c>. A mask is in the list before its first flow is in a bucket, and leaves it after its last one. Not thread
/// safe.
/// </summary>
internal sealed unsafe class MaskTable
{
    private readonly MappedArray<MaskEntry> _entries;
    private readonly MappedArray<MaskList> _lists;
    private readonly MappedArray<ulong> _hits;
    private readonly MappedArray<TableHead> _head;
    private readonly GracePeriod _grace;
    private readonly IndexPool _numbers;
    private readonly Dictionary<FlowKey, SearchMask> _byMask = [];
    private SearchMask? _last; // that was found or acquired: many flows in a row have the same
    private readonly List<SearchMask> _order = [];
    private readonly int _cpus;

    public MaskTable(
        MappedArray<MaskEntry> entries, MappedArray<MaskList> lists, MappedArray<ulong> hits, MappedArray<TableHead> head, GracePeriod grace)
    {
        _entries = entries;
        _lists = lists;
        _hits = hits;
        _head = head;
        _grace = grace;
        _numbers = new IndexPool(0, entries.Length);
        _cpus = hits.Length / Abi.MaxMasks;
    }

    /// <summary>How many there are.</summary>
    public int Count => _order.Count;

    /// <summary>In the order of search.</summary>
    public IReadOnlyList<SearchMask> Order => _order;

    /// <summary>The mask with the packet part of <paramref name="mask"/>, if there is a flow that uses it.</summary>
    public SearchMask? Find(in FlowKey mask)
    {
        if (_last is not { } last || !last.Mask.PacketPart().SequenceEqual(mask.PacketPart()))
        {
            _last = _byMask.GetValueOrDefault(PacketPart(mask));
        }

        return _last;
    }

    /// <summary>As <see cref="Find"/>, for one more flow; a new one comes last in the order. Null: there are too many.</summary>
    public SearchMask? Acquire(in FlowKey mask)
    {
        if (Find(mask) is { } known)
        {
            known.Flows++;
            return known;
        }

        FlowKey packetPart = PacketPart(mask);
        int number = _numbers.Take();
        if (number < 0)
        {
            return null;
        }

        SearchMask added = new(number, packetPart) { Flows = 1, HitsBefore = Hits(number) };
        ref MaskEntry entry = ref _entries[number];
        entry = default;
        entry.NWords = (uint)added.Words.Length;
        entry.Seed = added.Seed;
        for (int i = 0; i < added.Words.Length; i++)
        {
            entry.Word[i] = (byte)added.Words[i];
            entry.Mask[i] = added.Mask.AsWords()[added.Words[i]];
        }

        _byMask.Add(packetPart, added);
        _order.Add(added);
        Publish();
        return added;
    }

    /// <summary>
    /// Gives up one flow's use. True: it was the last; call <see cref="Unlist"/>, wait, and <see cref="Free"/>.
    /// </summary>
    public static bool Release(SearchMask mask) => --mask.Flows == 0;

    /// <summary>Takes unused masks out of the order.</summary>
    public void Unlist(List<SearchMask> unused)
    {
        _last = null;
        foreach (SearchMask mask in unused)
        {
            _byMask.Remove(mask.Mask);
        }

        _order.RemoveAll(mask => mask.Flows == 0);
        Publish();
    }

    /// <summary>Takes back the number of a mask that no program can be trying any more.</summary>
    public void Free(SearchMask mask) => _numbers.Return(mask.Number);

    /// <summary>Sorts by recent hits, the most first.</summary>
    /// <returns>Whether the order changed.</returns>
    public bool Sort()
    {
        foreach (SearchMask mask in _order)
        {
            ulong hits = Hits(mask.Number);
            mask.Score = (mask.Score / 2) + (hits - mask.HitsBefore);
            mask.HitsBefore = hits;
        }

        bool sorted = true;
        for (int i = 1; i < _order.Count && sorted; i++)
        {
            sorted = _order[i - 1].Score >= _order[i].Score;
        }

        if (sorted)
        {
            return false;
        }

        SearchMask[] order = [.. _order.OrderByDescending(mask => mask.Score)]; // stable
        _order.Clear();
        _order.AddRange(order);
        Publish();
        return true;
    }

    /// <summary>Takes over the masks that are in force, in their order, none with a flow yet.</summary>
    /// <returns>The masks by their numbers.</returns>
    /// <exception cref="InvalidDataException">The tables contradict themselves.</exception>
    public Dictionary<int, SearchMask> Adopt()
    {
        ref TableHead head = ref _head[0];
        if (head.ActiveList >= Abi.MaskLists)
        {
            throw new InvalidDataException($"list {head.ActiveList} of masks is in force");
        }

        ref MaskList list = ref _lists[(int)head.ActiveList];
        if (list.Count > Abi.MaxMasks)
        {
            throw new InvalidDataException($"the list of masks has {list.Count}");
        }

        Dictionary<int, SearchMask> byNumber = [];
        for (int i = 0; i < (int)list.Count; i++)
        {
            int number = list.Mask[i];
            if (number >= _entries.Length)
            {
                throw new InvalidDataException($"the list of masks names mask {number}");
            }

            ref MaskEntry entry = ref _entries[number];
            FlowKey bits = default;
            for (int word = 0; word < (int)Math.Min(entry.NWords, Abi.KeyWords); word++)
            {
                bits.AsMutableWords()[Math.Min((int)entry.Word[word], Abi.KeyWords - 1)] = entry.Mask[word];
            }

            SearchMask mask = new(number, bits) { HitsBefore = Hits(number) };
            bool same = mask.Words.Length == entry.NWords && mask.Seed == entry.Seed;
            for (int word = 0; word < mask.Words.Length && same; word++)
            {
                same = mask.Words[word] == entry.Word[word];
            }

            if (!same || !byNumber.TryAdd(number, mask) || !_byMask.TryAdd(bits, mask))
            {
                throw new InvalidDataException($"mask {number} contradicts itself, or is there twice");
            }

            _order.Add(mask);
        }

        _numbers.Reserve(byNumber.Keys);
        return byNumber;
    }

    private static FlowKey PacketPart(in FlowKey mask)
    {
        FlowKey packetPart = default;
        mask.PacketPart().CopyTo(packetPart.AsMutableWords());
        return packetPart;
    }

    /// <summary>Lookups that ended with a mask since the maps were made.</summary>
    private ulong Hits(int number)
    {
        ulong sum = 0;
        for (int cpu = 0; cpu < _cpus; cpu++)
        {
            sum += Volatile.Read(ref _hits[(cpu * Abi.MaxMasks) + number]);
        }

        return sum;
    }

    /// <summary>Writes the next list and puts it in force.</summary>
    private void Publish()
    {
        ref TableHead head = ref _head[0];
        uint next = (head.ActiveList + 1) % Abi.MaskLists;

        // The list was in force a round ago, and maybe a program still goes through it. One wait in two is enough: it serves this
        // list and the next one, which went out of force right after it.
        if (next % 2 == 0)
        {
            _grace.Wait();
        }

        ref MaskList list = ref _lists[(int)next];
        for (int i = 0; i < _order.Count; i++)
        {
            list.Mask[i] = (ushort)_order[i].Number;
        }

        list.Count = (uint)_order.Count;
        Volatile.Write(ref head.ActiveList, next);
    }
}

/// <summary>One mask.</summary>
internal sealed class SearchMask
{
    public SearchMask(int number, in FlowKey mask)
    {
        Number = number;
        Mask = mask;
        List<int> words = [];
        for (int i = 0; i < Abi.KeyWords; i++)
        {
            if (mask.AsWords()[i] != 0)
            {
                words.Add(i);
            }
        }

        Words = [.. words];
        Seed = (uint)((number + 1) * 0x9e3779b1);
    }

    /// <summary>Index in map <c>masks</c>.</summary>
    public int Number { get; }

    /// <summary>The mask; what is not in the packet part is zero.</summary>
    public FlowKey Mask { get; }

    /// <summary>Its words that are not zero.</summary>
    public int[] Words { get; }

    /// <summary>Starts its hash.</summary>
    public uint Seed { get; }

    /// <summary>Flows that use it.</summary>
    public int Flows { get; set; }

    /// <summary>Hits counted when the order was last looked at.</summary>
    public ulong HitsBefore { get; set; }

    /// <summary>Hits since then, and half of those before.</summary>
    public ulong Score { get; set; }
}
