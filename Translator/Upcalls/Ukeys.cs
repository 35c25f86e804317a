using OvsBridge.Datapath;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.Translator.Switch;
using OvsBridge.Translator.Tables;
using OvsBridge.Translator.Xlate;

namespace OvsBridge.Translator.Upcalls;

/// <summary>
/// The installed megaflows, and the only way to install, correct or remove one: each is in the datapath exactly while it is
/// here, and each packet that the datapath counted is credited exactly once.
/// </summary>
/// <remarks>
/// <para>
/// Any thread. One lock covers the table; sweeps take it for a slice of megaflows at a time, so that upcalls wait for
/// microseconds, not for a sweep. Nothing is called with the lock held but the datapath, counters and the MAC table.
/// </para>
/// <para>
/// What makes the cache equal the pipeline: a translation is compared with the newest snapshot under the lock before it is
/// installed. So when a sweep for a snapshot has passed over all that was there when it began, no megaflow is older: those
/// that came later were compared with this snapshot or a newer one.
/// </para>
/// </remarks>
internal sealed class Ukeys
{
    private const int Slice = 512;

    private readonly IDatapath _datapath;
    private readonly XlateEnvironment _environment;
    private readonly TimeProvider _time;
    private readonly Lock _lock = new();
    private readonly Dictionary<Ukey, Ukey> _byFlow = new(new FlowComparer());
    private long _refused;

    internal Ukeys(IDatapath datapath, XlateEnvironment environment, TimeProvider time)
    {
        _datapath = datapath;
        _environment = environment;
        _time = time;
    }

    /// <summary>Megaflows now.</summary>
    internal int Count
    {
        get
        {
            lock (_lock)
            {
                return _byFlow.Count;
            }
        }
    }

    /// <summary>Most megaflows; beyond, packets stay upcalls.</summary>
    internal int Limit { get; set; } = int.MaxValue;

    /// <summary>Megaflows that were not installed, for want of room.</summary>
    internal long Refused => Interlocked.Read(ref _refused);

    /// <summary>Installs a megaflow, if its translation still holds and there is none like it.</summary>
    /// <param name="key">The packet's key.</param>
    /// <param name="result">Its translation.</param>
    /// <param name="newest">Reads the newest snapshot; called with the lock held.</param>
    internal void Install(in FlowKey key, XlateResult result, Func<PipelineSnapshot> newest)
    {
        Ukey ukey = new(key, result, _time.NowNs());
        lock (_lock)
        {
            // One that is outdated already is not worth correcting: the next packet brings a new translation. Addresses that were
            // learned since are left to the next sweep: else a port that teaches a new one with each packet would keep every
            // megaflow of NORMAL out.
            if (_byFlow.ContainsKey(ukey) || !ukey.HoldsFor(newest()))
            {
                return;
            }

            if (_byFlow.Count >= Limit || _datapath.PutFlow(ukey.Key, ukey.Mask, result.Installed) is not { } handle)
            {
                Interlocked.Increment(ref _refused);
                return;
            }

            ukey.Handle = handle;
            _byFlow.Add(ukey, ukey);
        }
    }

    /// <summary>All megaflows at this moment.</summary>
    internal Ukey[] All()
    {
        lock (_lock)
        {
            return [.. _byFlow.Keys];
        }
    }

    /// <summary>The megaflows with fresh statistics.</summary>
    internal List<MegaflowInfo> Describe()
    {
        List<MegaflowInfo> result = [];
        InSlices(ukey => result.Add(new MegaflowInfo(
            ukey.Key,
            ukey.Mask,
            ukey.Result.Installed,
            ukey.Result.SlowPath == SlowPathReasons.None ? null : ukey.Result.SlowPath.ToString(),
            _datapath.ReadStats(ukey.Handle!))));
        return result;
    }

    /// <summary>Credits what the datapath has counted.</summary>
    internal void PushStats() => InSlices(Push);

    /// <summary>
    /// Brings megaflows up to <paramref name="snapshot"/>: corrects actions, removes what looks at bits that its mask lacks, and
    /// what was idle for too long.
    /// </summary>
    /// <param name="snapshot">The pipeline.</param>
    /// <param name="xlator">The calling thread's.</param>
    /// <param name="idleNs">Removes what was not used for so long; null: nothing.</param>
    /// <returns>Whether the datapath's flows changed.</returns>
    internal bool Revalidate(PipelineSnapshot snapshot, Xlator xlator, long? idleNs)
    {
        bool changed = false;
        List<Ukey> gone = [];
        Ukey[] all = All();
        for (int start = 0; start < all.Length; start += Slice)
        {
            gone.Clear();
            lock (_lock)
            {
                long nowNs = _time.NowNs();
                foreach (Ukey ukey in all.AsSpan(start, Math.Min(Slice, all.Length - start)))
                {
                    if (ukey.Handle is null)
                    {
                        continue; // removed since
                    }

                    Verdict verdict = idleNs is { } limit && IsIdle(ukey, nowNs, limit) ? Verdict.Remove : Check(ukey, snapshot, xlator);
                    changed |= verdict != Verdict.Right;
                    if (verdict == Verdict.Remove)
                    {
                        gone.Add(ukey);
                    }
                }

                Remove(gone);
            }
        }

        return changed;
    }

    /// <summary>Removes all megaflows.</summary>
    internal void Clear()
    {
        lock (_lock)
        {
            Remove([.. _byFlow.Keys]);
        }
    }

    private enum Verdict
    {
        Right,
        Corrected,
        Remove,
    }

    private bool IsIdle(Ukey ukey, long nowNs, long limitNs)
    {
        Push(ukey);
        return nowNs - ukey.UsedNs >= limitNs;
    }

    private Verdict Check(Ukey ukey, PipelineSnapshot snapshot, Xlator xlator)
    {
        // Read first: an address that is learned during the translation makes it outdated, not fresh.
        long macVersion = _environment.Macs.Version;
        if (ukey.HoldsFor(snapshot, macVersion))
        {
            ukey.Snapshot = snapshot;
            return Verdict.Right;
        }

        XlateResult fresh = xlator.Translate(snapshot, ukey.Packet);
        if (fresh.Error is not null || LooksAtMore(fresh.Mask, ukey.Mask))
        {
            return Verdict.Remove;
        }

        Push(ukey); // packets so far count for the old translation
        Verdict verdict = Verdict.Right;
        if (!fresh.Installed.Equals(ukey.Result.Installed))
        {
            if (!_datapath.ReplaceActions(ukey.Handle!, fresh.Installed))
            {
                return Verdict.Remove;
            }

            verdict = Verdict.Corrected;
        }

        ukey.Result = fresh;
        ukey.Snapshot = snapshot;
        ukey.MacVersion = macVersion;
        return verdict;
    }

    /// <summary>Whether a translation depends on bits that a megaflow's mask does not have.</summary>
    private static bool LooksAtMore(in FlowKey fresh, in FlowKey mask)
    {
        ReadOnlySpan<ulong> now = fresh.PacketPart(), has = mask.PacketPart();
        for (int i = 0; i < now.Length; i++)
        {
            if ((now[i] & ~has[i]) != 0)
            {
                return true;
            }
        }

        return false;
    }

    private void Push(Ukey ukey) => Credit(ukey, _datapath.ReadStats(ukey.Handle!));

    private void Credit(Ukey ukey, MegaflowStats stats)
    {
        ulong packets = stats.Packets - ukey.Pushed.Packets;
        if (packets != 0)
        {
            ukey.Result.Credits.Add(packets, stats.Bytes - ukey.Pushed.Bytes, (long)stats.UsedNs, _environment.Macs);
        }

        ukey.Pushed = stats;
    }

    private void Remove(List<Ukey> ukeys)
    {
        if (ukeys.Count == 0)
        {
            return;
        }

        MegaflowHandle[] handles = [.. ukeys.Select(u => u.Handle!)];
        MegaflowStats[] final = new MegaflowStats[handles.Length];
        _datapath.RemoveFlows(handles, final);
        for (int i = 0; i < final.Length; i++)
        {
            Credit(ukeys[i], final[i]);
            ukeys[i].Handle = null;
            _byFlow.Remove(ukeys[i]);
        }
    }

    private void InSlices(Action<Ukey> action)
    {
        Ukey[] all = All();
        for (int start = 0; start < all.Length; start += Slice)
        {
            lock (_lock)
            {
                foreach (Ukey ukey in all.AsSpan(start, Math.Min(Slice, all.Length - start)))
                {
                    if (ukey.Handle is not null)
                    {
                        action(ukey);
                    }
                }
            }
        }
    }

    /// <summary>Same masked key and same mask: the same megaflow to the datapath.</summary>
    private sealed class FlowComparer : IEqualityComparer<Ukey>
    {
        public bool Equals(Ukey? x, Ukey? y) => x!.SameFlow(y!);

        public int GetHashCode(Ukey ukey) => ukey.FlowHash;
    }
}
