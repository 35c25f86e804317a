using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using OvsBridge.Datapath.Interop;
using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.Datapath.Ebpf;

/// <summary>
/// The writer of the kernel's flow table: a hash table in shared memory that bpf/lookup.bpf.h reads at the same time.
/// </summary>
/// <remarks>
/// <para>
/// Every change becomes visible by one store of 64 bits or less, of a reference to something that was complete before; so a
/// packet sees a flow as it was or as it is. What is not referred to any more is reused after a <see cref="GracePeriod"/>.
/// </para>
/// <para>
/// A flow is in its home bucket, or, when that is full, in its other one; then the home's overflow count is raised before. At
/// the table's size (at least 1.6 slots a flow) both being full is a matter of very bad luck; then the flow is refused, and its
/// packets stay upcalls.
/// </para>
/// <para>Threads: changes are serialised by a lock; statistics are read without.</para>
/// </remarks>
internal sealed class FlowTable
{
    private readonly Lock _lock = new();
    private readonly MappedArray<FlowBucket> _buckets;
    private readonly MappedArray<FlowEntry> _flows;
    private readonly MappedArray<FlowStats> _stats;
    private readonly GracePeriod _grace;
    private readonly MaskTable _masks;
    private readonly ActionPrograms _programs;
    private readonly IndexPool _free;
    private readonly EbpfMegaflow?[] _byIndex;
    private readonly ulong[] _hashKey;
    private readonly uint _bucketMask;
    private readonly int _maxFlows;
    private readonly int _cpus;
    private int _count;
    private uint _serial;
    private long _refused;

    /// <summary>Makes the tables of a loaded object ready, or takes over what is in them.</summary>
    /// <param name="bpf">The object.</param>
    /// <param name="grace">Its grace periods.</param>
    /// <param name="adopt">Whether the maps are those of a former process; whose is checked already.</param>
    /// <exception cref="InvalidDataException">The tables to take over contradict themselves.</exception>
    public unsafe FlowTable(BpfObject bpf, GracePeriod grace, bool adopt = false)
    {
        MappedArray<TableHead> head = bpf.Map(".data.table_head").MapValues<TableHead>();
        _buckets = bpf.Map("buckets").MapValues<FlowBucket>();
        _flows = bpf.Map("flows").MapValues<FlowEntry>();
        _stats = bpf.Map("flow_stats").MapValues<FlowStats>();
        _grace = grace;
        _maxFlows = _flows.Length;
        _cpus = _stats.Length / _maxFlows;
        _bucketMask = (uint)_buckets.Length - 1;
        _free = new IndexPool(0, _maxFlows);
        _byIndex = new EbpfMegaflow?[_maxFlows];
        _programs = new ActionPrograms(bpf.Map("action_blocks").MapValues<ActionBlock>());
        if (adopt)
        {
            if ((head[0].BucketMask, head[0].MaxFlows, head[0].NCpus, head[0].StatsCpus) != (_bucketMask, (uint)_maxFlows, (uint)Cpus.Possible, (uint)_cpus))
            {
                throw new InvalidDataException("the sizes in table_head are not those of the maps");
            }
        }
        else
        {
            Span<byte> seed = stackalloc byte[8];
            RandomNumberGenerator.Fill(seed); // an attacker must not know which keys share a bucket
            head[0].BucketMask = _bucketMask;
            head[0].HashSeed = MemoryMarshal.Read<ulong>(seed);
            head[0].MaxFlows = (uint)_maxFlows;
            head[0].NCpus = (uint)Cpus.Possible;
            head[0].StatsCpus = (uint)_cpus;
        }

        _hashKey = HashKeyOf(head[0].HashSeed);
        MappedArray<HashKey> hashKey = bpf.Map(".data.hash_key").MapValues<HashKey>();
        for (int i = 0; i < _hashKey.Length; i++)
        {
            hashKey[0].Word[i] = _hashKey[i];
        }

        _masks = new MaskTable(
            bpf.Map("masks").MapValues<MaskEntry>(),
            bpf.Map("mask_lists").MapValues<MaskList>(),
            bpf.Map("mask_hits").MapValues<ulong>(),
            head,
            grace);
        if (adopt)
        {
            Adopt();
        }
    }

    /// <summary>Sets the sizes of the flow table's maps.</summary>
    /// <param name="bpf">The object, before load.</param>
    /// <param name="maxFlows">Most flows.</param>
    public static void Resize(BpfObject bpf, int maxFlows)
    {
        bpf.Map("masks").Resize(Abi.MaxMasks);
        bpf.Map("mask_lists").Resize(Abi.MaskLists);
        bpf.Map("mask_hits").Resize(Cpus.Possible * Abi.MaxMasks);
        bpf.Map("buckets").Resize(BucketsFor(maxFlows));
        bpf.Map("flow_cache").Resize(Cpus.Possible * Abi.CacheSlots);
        bpf.Map("flows").Resize(maxFlows);
        bpf.Map("flow_stats").Resize(Cpus.WithStats * maxFlows);
        bpf.Map("action_blocks").Resize(maxFlows + 1);
    }

    /// <summary>How many flows there are.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>How many flows were refused for lack of space.</summary>
    public long Refused => Interlocked.Read(ref _refused);

    /// <summary>How many masks there are.</summary>
    public int MaskCount
    {
        get
        {
            lock (_lock)
            {
                return _masks.Count;
            }
        }
    }

    /// <summary>The masks in the order of search, each with the number of its flows.</summary>
    public IReadOnlyList<(FlowKey Mask, int Flows)> Masks
    {
        get
        {
            lock (_lock)
            {
                return [.. _masks.Order.Select(mask => (mask.Mask, mask.Flows))];
            }
        }
    }

    /// <summary>All flows, as they are in the maps.</summary>
    public List<AdoptedFlow> List()
    {
        lock (_lock)
        {
            List<AdoptedFlow> result = [];
            foreach (EbpfMegaflow flow in _byIndex.OfType<EbpfMegaflow>())
            {
                result.Add(new AdoptedFlow(flow, KeyOf(flow.Index, flow.Mask), flow.Mask.Mask, flow.Program.Actions));
            }

            return result;
        }
    }

    /// <summary>Adds a flow; see <see cref="IDatapath.PutFlow"/>.</summary>
    public PutOutcome Put(in FlowKey key, in FlowKey mask, DpActions actions, MegaflowHandle? spent, out MegaflowHandle? put)
    {
        put = null;
        lock (_lock)
        {
            if (_masks.Find(mask) is { } there && Find(there, key) is not null)
            {
                return PutOutcome.Exists;
            }

            ActionProgram? program = _programs.Acquire(actions);
            if (program is null)
            {
                return Refuse();
            }

            // The list must name the mask before a bucket names the flow.
            SearchMask? search = _masks.Acquire(mask);
            int index = search is null ? -1 : _free.Take();
            EbpfMegaflow? flow = null;
            if (search is not null && index >= 0)
            {
                ulong ufid = ((ulong)NextSerial() << 32) | (uint)index;
                flow = spent is EbpfMegaflow { HasFinal: true } old && old.Table == this ? old : new EbpfMegaflow(this);
                flow.Begin(index, search, program, ufid);
                if (!Link(flow, key))
                {
                    _free.Return(index);
                    flow.IsRemoved = true;
                    flow = null;
                }
            }

            if (flow is not null)
            {
                _byIndex[index] = flow;
                _count++;
                put = flow;
                return PutOutcome.Installed;
            }

            if (search is not null)
            {
                ReleaseMask(search);
            }

            if (_programs.Release(program))
            {
                _programs.Free(program); // no flow ever named it
            }

            return Refuse();
        }
    }

    /// <summary>Gives a flow another program; false when there is no space.</summary>
    public bool Replace(MegaflowHandle handle, DpActions actions)
    {
        lock (_lock)
        {
            EbpfMegaflow flow = Own(handle);
            Check(flow);
            ActionProgram? program = _programs.Acquire(actions);
            if (program is null)
            {
                Interlocked.Increment(ref _refused);
                return false;
            }

            ActionProgram old = flow.Program;
            flow.Program = program;
            WriteHead(flow, live: true);
            if (_programs.Release(old))
            {
                _grace.Wait();
                _programs.Free(old);
            }

            return true;
        }
    }

    /// <summary>Removes flows. When it returns, no packet runs their programs and the statistics are final.</summary>
    public void Remove(ReadOnlySpan<MegaflowHandle> flows, Span<MegaflowStats> final)
    {
        if (flows.Length != final.Length)
        {
            throw new ArgumentException("as many statistics as flows", nameof(final));
        }

        lock (_lock)
        {
            foreach (MegaflowHandle handle in flows)
            {
                Check(Own(handle));
            }

            List<SearchMask> unused = [];
            List<ActionProgram> programs = [];
            foreach (MegaflowHandle handle in flows)
            {
                EbpfMegaflow flow = Own(handle);
                Check(flow); // named twice?
                flow.IsRemoved = true;
                Unlink(flow);
                if (MaskTable.Release(flow.Mask))
                {
                    unused.Add(flow.Mask);
                }

                if (_programs.Release(flow.Program))
                {
                    programs.Add(flow.Program);
                }
            }

            if (unused.Count > 0)
            {
                _masks.Unlist(unused);
            }

            _grace.Wait();
            for (int i = 0; i < flows.Length; i++)
            {
                EbpfMegaflow flow = Own(flows[i]);
                flow.Final = final[i] = Sum(flow);
                Volatile.Write(ref flow.HasFinal, true);
                _byIndex[flow.Index] = null;
                _free.Return(flow.Index);
            }

            unused.ForEach(_masks.Free);
            programs.ForEach(_programs.Free);
            _count -= flows.Length;
        }
    }

    /// <summary>A flow's statistics. Takes no lock.</summary>
    public MegaflowStats ReadStats(MegaflowHandle handle)
    {
        EbpfMegaflow flow = Own(handle);
        Check(flow);
        MegaflowStats now = Sum(flow);

        // If it is just being removed, its number may be another flow's by now; then the final statistics were there before.
        Interlocked.MemoryBarrier();
        return Volatile.Read(ref flow.HasFinal) ? flow.Final : now;
    }

    /// <summary>Mask and program of the flow that a program knows by this <c>flow_entry.ufid</c>; nulls when it has been removed.</summary>
    public (FlowKey? Mask, DpActions? Actions) FindByUfid(ulong ufid)
    {
        lock (_lock)
        {
            return (uint)ufid < (uint)_byIndex.Length && _byIndex[(int)(uint)ufid] is { } flow && flow.Ufid == ufid
                ? (flow.Mask.Mask, flow.Program.Actions)
                : (null, null);
        }
    }

    /// <summary>Looks up a packet that user space holds, and counts it; null: no flow.</summary>
    /// <returns>The flow's program.</returns>
    public DpActions? Use(in FlowKey key, int length)
    {
        lock (_lock)
        {
            foreach (SearchMask mask in _masks.Order)
            {
                if (Find(mask, key) is { } flow)
                {
                    flow.Own = new MegaflowStats(
                        flow.Own.Packets + 1,
                        flow.Own.Bytes + (ulong)length,
                        (ulong)Stopwatch.GetTimestamp() * (1_000_000_000 / (ulong)Stopwatch.Frequency), // CLOCK_MONOTONIC
                        (ushort)(flow.Own.TcpFlags | key.TcpFlags));
                    return flow.Program.Actions;
                }
            }

            return null;
        }
    }

    /// <summary>Brings the masks that were hit most to the front of the search.</summary>
    public bool SortMasks()
    {
        lock (_lock)
        {
            return _masks.Sort();
        }
    }

    /// <summary>What the words of a key are multiplied by: odd numbers made from the seed (SplitMix64).</summary>
    internal static ulong[] HashKeyOf(ulong seed)
    {
        ulong[] key = new ulong[Abi.KeyWords];
        for (int i = 0; i < key.Length; i++)
        {
            ulong word = seed += 0x9e3779b97f4a7c15;
            word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9;
            word = (word ^ (word >> 27)) * 0x94d049bb133111eb;
            key[i] = (word ^ (word >> 31)) | 1;
        }

        return key;
    }

    /// <summary>The hash of bpf/lookup.bpf.h.</summary>
    internal static ulong Hash(ReadOnlySpan<ulong> hashKey, SearchMask mask, in FlowKey key)
    {
        ulong hash = mask.Seed;
        ReadOnlySpan<ulong> words = key.AsWords(), masks = mask.Mask.AsWords();
        foreach (int w in mask.Words)
        {
            hash += (words[w] & masks[w]) * hashKey[w];
        }

        hash ^= hash >> 32;
        hash *= Abi.HashMultiplier;
        return hash ^ (hash >> 32);
    }

    internal static int BucketsFor(int maxFlows) =>
        (int)Math.Max(4, BitOperations.RoundUpToPowerOf2((uint)((maxFlows * 1.6 / Abi.BucketSlots) + 1)));

    private (uint Tag, uint Home, uint Other) Place(SearchMask mask, in FlowKey key)
    {
        ulong hash = Hash(_hashKey, mask, key);
        uint tag = (uint)(hash >> 32) | 1;
        uint home = (uint)hash & _bucketMask;
        uint step = (tag * Abi.OtherMultiplier) & _bucketMask;
        return (tag, home, home ^ (step == 0 ? 1 : step));
    }

    private uint NextSerial() => ++_serial == 0 ? ++_serial : _serial;

    private unsafe FlowKey KeyOf(int index, SearchMask mask)
    {
        FlowKey key = default;
        for (int i = 0; i < mask.Words.Length; i++)
        {
            key.AsMutableWords()[mask.Words[i]] = _flows[index].Word[i];
        }

        return key;
    }

    /// <summary>
    /// Rebuilds the view of what a former process has left in the maps. Only reads, so that one who refuses has changed nothing, but for
    /// what its death has left half done: masks without flows, overflow counts.
    /// </summary>
    private void Adopt()
    {
        Dictionary<int, SearchMask> masks = _masks.Adopt();
        Dictionary<uint, ActionProgram> programs = [];
        uint[] overflow = new uint[_buckets.Length];
        List<(int Bucket, int Slot)> halfRemoved = [];
        for (int bucket = 0; bucket < _buckets.Length; bucket++)
        {
            for (int slot = 0; slot < Abi.BucketSlots; slot++)
            {
                FlowRef reference = _buckets[bucket].Slot[slot];
                if (reference.Tag == 0)
                {
                    continue;
                }

                if (reference.Flow >= (uint)_maxFlows || _byIndex[(int)reference.Flow] is not null)
                {
                    throw new InvalidDataException($"bucket {bucket} names flow {reference.Flow}, which is not there or elsewhere too");
                }

                int index = (int)reference.Flow;
                if ((_flows[index].Flags & Abi.FlowLive) == 0)
                {
                    halfRemoved.Add((bucket, slot));
                    continue;
                }

                if (!masks.TryGetValue(_flows[index].Mask, out SearchMask? mask))
                {
                    throw new InvalidDataException($"flow {index} has mask {_flows[index].Mask}, which is not in force");
                }

                FlowKey key = KeyOf(index, mask);
                (uint tag, uint home, uint other) = Place(mask, key);
                if (key != key.Masked(mask.Mask) || tag != reference.Tag || (bucket != home && bucket != other))
                {
                    throw new InvalidDataException($"flow {index} is not where its key belongs");
                }

                ulong ufid = _flows[index].Ufid;
                if ((uint)ufid != (uint)index)
                {
                    throw new InvalidDataException($"flow {index} has another's ufid");
                }

                _serial = Math.Max(_serial, (uint)(ufid >> 32));
                mask.Flows++;
                overflow[home] += bucket == home ? 0u : 1;
                EbpfMegaflow flow = new(this) { Home = home, Bucket = (uint)bucket, Slot = slot };
                flow.Begin(index, mask, _programs.Adopt(_flows[index].Actions, programs), ufid);
                _byIndex[index] = flow;
                _count++;
            }
        }

        _programs.Reserve(programs.Values);
        _free.Reserve(_byIndex.OfType<EbpfMegaflow>().Select(flow => flow.Index));
        foreach ((int bucket, int slot) in halfRemoved)
        {
            Volatile.Write(ref Unsafe.As<FlowRef, ulong>(ref _buckets[bucket].Slot[slot]), 0);
        }

        for (int index = 0; index < _maxFlows; index++)
        {
            if (_byIndex[index] is null && (_flows[index].Flags & Abi.FlowLive) != 0)
            {
                Volatile.Write(ref _flows[index].Flags, 0); // complete, but no bucket named it yet
            }
        }

        for (int bucket = 0; bucket < overflow.Length; bucket++)
        {
            Volatile.Write(ref _buckets[bucket].Overflow, overflow[bucket]);
        }

        List<SearchMask> unused = [.. _masks.Order.Where(mask => mask.Flows == 0)];
        if (unused.Count > 0)
        {
            _masks.Unlist(unused);
        }

        _grace.Wait(); // what was unlinked before may be reused from now on
        unused.ForEach(_masks.Free);
    }

    private PutOutcome Refuse()
    {
        Interlocked.Increment(ref _refused);
        return PutOutcome.Full;
    }

    private EbpfMegaflow Own(MegaflowHandle handle) =>
        handle is EbpfMegaflow flow && flow.Table == this ? flow : throw new ArgumentException("a flow of another datapath", nameof(handle));

    private static void Check(EbpfMegaflow flow)
    {
        if (flow.IsRemoved)
        {
            throw new ArgumentException("the flow was removed", nameof(flow));
        }
    }

    private void ReleaseMask(SearchMask mask)
    {
        if (MaskTable.Release(mask))
        {
            _masks.Unlist([mask]);
            _grace.Wait();
            _masks.Free(mask);
        }
    }

    /// <summary>Writes the flow and refers to it from a bucket; false when both its buckets are full.</summary>
    private unsafe bool Link(EbpfMegaflow flow, in FlowKey key)
    {
        SearchMask mask = flow.Mask;
        (uint tag, uint home, uint other) = Place(mask, key);
        ref FlowEntry entry = ref _flows[flow.Index];
        Debug.Assert((entry.Flags & Abi.FlowLive) == 0, "a number in use");
        entry.Ufid = flow.Ufid;
        for (int i = 0; i < mask.Words.Length; i++)
        {
            entry.Word[i] = key.AsWords()[mask.Words[i]] & mask.Mask.AsWords()[mask.Words[i]];
        }

        for (int cpu = 0; cpu < _cpus; cpu++)
        {
            _stats[(cpu * _maxFlows) + flow.Index] = default;
        }

        foreach (uint number in (ReadOnlySpan<uint>)[home, other])
        {
            ref FlowBucket bucket = ref _buckets[(int)number];
            for (int slot = 0; slot < Abi.BucketSlots; slot++)
            {
                ref ulong reference = ref Unsafe.As<FlowRef, ulong>(ref bucket.Slot[slot]);
                if (reference != 0)
                {
                    continue;
                }

                flow.Home = home;
                flow.Bucket = number;
                flow.Slot = slot;
                if (number != home)
                {
                    // First the count: a program that finds the home without the flow must know to look further.
                    Volatile.Write(ref _buckets[(int)home].Overflow, _buckets[(int)home].Overflow + 1);
                }

                // Complete, so it lives; a program whose cache has this number from an earlier flow may find it from here on.
                WriteHead(flow, live: true);
                Volatile.Write(ref reference, ((ulong)flow.Index << 32) | tag);
                return true;
            }
        }

        return false;
    }

    /// <summary>Mask, flags and actions of a flow, by one store behind what was written before.</summary>
    private void WriteHead(EbpfMegaflow flow, bool live) =>
        Volatile.Write(
            ref Unsafe.As<FlowEntry, ulong>(ref _flows[flow.Index]),
            (uint)flow.Mask.Number | (live ? (ulong)Abi.FlowLive << 16 : 0) | ((ulong)flow.Program.First << 32));

    private void Unlink(EbpfMegaflow flow)
    {
        WriteHead(flow, live: false); // gone for everyone, by whichever reference
        Volatile.Write(ref Unsafe.As<FlowRef, ulong>(ref _buckets[(int)flow.Bucket].Slot[flow.Slot]), 0);
        if (flow.Bucket != flow.Home)
        {
            Volatile.Write(ref _buckets[(int)flow.Home].Overflow, _buckets[(int)flow.Home].Overflow - 1);
        }
    }

    /// <summary>The flow with this mask and masked key, or null.</summary>
    private EbpfMegaflow? Find(SearchMask mask, in FlowKey key)
    {
        (uint tag, uint home, uint other) = Place(mask, key);
        return Find(home, tag, mask, key) ?? (_buckets[(int)home].Overflow != 0 ? Find(other, tag, mask, key) : null);
    }

    private unsafe EbpfMegaflow? Find(uint bucket, uint tag, SearchMask mask, in FlowKey key)
    {
        ReadOnlySpan<ulong> words = key.AsWords(), masks = mask.Mask.AsWords();
        for (int slot = 0; slot < Abi.BucketSlots; slot++)
        {
            FlowRef reference = _buckets[(int)bucket].Slot[slot];
            if (reference.Tag != tag)
            {
                continue;
            }

            ref FlowEntry there = ref _flows[(int)reference.Flow];
            bool same = there.Mask == mask.Number;
            for (int i = 0; i < mask.Words.Length && same; i++)
            {
                same = there.Word[i] == (words[mask.Words[i]] & masks[mask.Words[i]]);
            }

            if (same)
            {
                return _byIndex[(int)reference.Flow];
            }
        }

        return null;
    }

    private MegaflowStats Sum(EbpfMegaflow flow)
    {
        (ulong packets, ulong bytes, ulong used, ushort ownFlags) = flow.Own;
        uint flags = ownFlags;
        for (int cpu = 0; cpu < _cpus; cpu++)
        {
            ref FlowStats stats = ref _stats[(cpu * _maxFlows) + flow.Index];
            packets += Volatile.Read(ref stats.Packets);
            bytes += Volatile.Read(ref stats.Bytes);
            used = Math.Max(used, Volatile.Read(ref stats.UsedNs));
            flags |= Volatile.Read(ref stats.TcpFlags);
        }

        return new MegaflowStats(packets, bytes, used, (ushort)flags);
    }
}

/// <summary>A flow in the kernel's table; behind it, if its owner gives the handle back, another one.</summary>
internal sealed class EbpfMegaflow(FlowTable table) : MegaflowHandle
{
    /// <summary>Whether <see cref="Final"/> is set; then the number may belong to another flow.</summary>
    internal bool HasFinal;

    private volatile StrongBox<MegaflowStats>? _own;

    public FlowTable Table { get; } = table;

    /// <summary>Index in map <c>flows</c>.</summary>
    public int Index { get; private set; }

    /// <summary>What a program knows it by; no other flow ever has it, but after four billion.</summary>
    public ulong Ufid { get; private set; }

    public SearchMask Mask { get; private set; } = null!;

    public ActionProgram Program { get; set; } = null!;

    /// <summary>Home bucket.</summary>
    public uint Home { get; set; }

    /// <summary>Bucket that it is in.</summary>
    public uint Bucket { get; set; }

    /// <summary>Slot of that bucket.</summary>
    public int Slot { get; set; }

    /// <summary>Whether <see cref="FlowTable.Remove"/> took it.</summary>
    public bool IsRemoved { get; set; }

    /// <summary>
    /// Packets that user space looked up (few flows have any). Under the table's lock; a reader without it may see a packet more or less.
    /// </summary>
    public MegaflowStats Own
    {
        get => _own is { } own ? own.Value : default;
        set => _own = new StrongBox<MegaflowStats>(value);
    }

    /// <summary>Statistics at its end; to be read behind <see cref="HasFinal"/>.</summary>
    public MegaflowStats Final { get; set; }

    /// <summary>Makes it a flow that is about to be linked.</summary>
    public void Begin(int index, SearchMask mask, ActionProgram program, ulong ufid)
    {
        (Index, Mask, Program, Ufid) = (index, mask, program, ufid);
        _own = null;
        Final = default;
        HasFinal = IsRemoved = false;
    }
}
