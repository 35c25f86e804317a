using OvsBridge.Datapath;
using OvsBridge.OpenFlow;
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
/// installed. So when <see cref="Correct"/> for a snapshot has looked at all that was there when it began and that the
/// differences to the snapshot before concern, no megaflow is older: those that came later were compared with this snapshot or a newer one.
/// </para>
/// </remarks>
internal sealed partial class Ukeys
{
    private const int Slice = 512;

    private readonly IDatapath _datapath;
    private readonly XlateEnvironment _environment;
    private readonly TimeProvider _time;
    private readonly Lock _lock = new();
    private readonly List<Ukey> _all = []; // the datapath knows whether there is one like another
    private readonly MegaflowIndex _index = new();
    private readonly HashSet<Ukey> _withReferences = new(ReferenceEqualityComparer.Instance);
    private readonly Stack<Ukey> _spare = new(); // records of megaflows that are gone
    private List<Ukey> _oldAddresses = []; // installed while addresses were learned
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
                return _all.Count;
            }
        }
    }

    /// <summary>Most megaflows; beyond, packets stay upcalls.</summary>
    internal int Limit { get; set; } = int.MaxValue;

    /// <summary>Megaflows that were not installed, for want of room.</summary>
    internal long Refused => Interlocked.Read(ref _refused);

    /// <summary>
    /// Installs the megaflows of a batch whose translation still holds, if there is none like them, and gives the batch free records for what it made.
    /// </summary>
    /// <param name="batch">The batch; nothing is left to install in it.</param>
    /// <param name="newest">Reads the newest snapshot; called with the lock held.</param>
    /// <param name="fault">Told of a megaflow that failed by a fault of ours; called with the lock held.</param>
    internal void Install(MegaflowBatch batch, Func<PipelineSnapshot> newest, Action<Exception> fault)
    {
        lock (_lock)
        {
            foreach (Ukey ukey in batch.Made)
            {
                try
                {
                    if (!Install(ukey, newest()))
                    {
                        ukey.End();
                        batch.Free(ukey);
                    }
                    else if (_spare.TryPop(out Ukey? spare))
                    {
                        batch.Free(spare);
                    }
                }
                catch (Exception e)
                {
                    fault(e);
                }
            }
        }

        batch.Made.Clear();
    }

    private bool Install(Ukey ukey, PipelineSnapshot newest)
    {
        // One that is outdated already is not worth correcting: the next packet brings a new translation. Addresses that were
        // learned since are left to the next correction: else a port that teaches a new one with each packet would keep every
        // megaflow of NORMAL out.
        XlateResult result = ukey.Result;
        if (IsOutdated(ukey, newest))
        {
            return false;
        }

        MegaflowHandle? handle = null;
        PutOutcome outcome = _all.Count >= Limit
            ? PutOutcome.Full
            : _datapath.PutFlow(ukey.Packet, ukey.Mask, result.Installed, ukey.SpentHandle, out handle);
        if (outcome == PutOutcome.Full)
        {
            Interlocked.Increment(ref _refused);
        }

        if (handle is null)
        {
            return false;
        }

        ukey.SpentHandle = null;
        ukey.Handle = handle;
        Enter(ukey);
        NoteReferences(ukey);
        if (result.Dependencies.Macs && result.Dependencies.MacVersion != _environment.Macs.Version)
        {
            _oldAddresses.Add(ukey);
        }

        return true;
    }

    /// <summary>Packet_in records and continuations that actions of installed megaflows name.</summary>
    internal object[] References()
    {
        lock (_lock)
        {
            return [.. _withReferences.SelectMany(ukey => ukey.Result.References)];
        }
    }

    /// <summary>All megaflows at this moment.</summary>
    internal Ukey[] All()
    {
        lock (_lock)
        {
            return [.. _all];
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
            ValueList.Create<SlowPathReason>([.. SlowPathReason.Of(ukey.Result.SlowPath)]),
            _datapath.ReadStats(ukey.Handle!))));
        return result;
    }

    /// <summary>Credits what the datapath has counted.</summary>
    internal void PushStats() => InSlices(Push);

    /// <summary>Credits what the datapath has counted, and removes what was not used for so long.</summary>
    internal void RemoveIdle(long idleNs)
    {
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
                    if (ukey.Handle is not null && IsIdle(ukey, nowNs, idleNs))
                    {
                        gone.Add(ukey);
                    }
                }

                Remove(gone);
            }
        }
    }

    /// <summary>Lets go of some of the records that are kept for new megaflows; called twice a second, half of them are gone in five seconds.</summary>
    internal void TrimSpare()
    {
        lock (_lock)
        {
            for (int i = (_spare.Count + 15) / 16; i > 0; i--)
            {
                _spare.Pop();
            }
        }
    }

    /// <summary>Removes all megaflows.</summary>
    internal void Clear()
    {
        lock (_lock)
        {
            Remove([.. _all]);
        }
    }

    private bool IsIdle(Ukey ukey, long nowNs, long limitNs)
    {
        Push(ukey);
        return nowNs - ukey.UsedNs >= limitNs;
    }

    private void Enter(Ukey ukey)
    {
        ukey.Place = _all.Count;
        _all.Add(ukey);
        _index.Add(ukey);
    }

    private void NoteReferences(Ukey ukey)
    {
        if (ukey.Result.References.Length > 0)
        {
            _withReferences.Add(ukey);
        }
        else
        {
            _withReferences.Remove(ukey);
        }
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
            Ukey ukey = ukeys[i];
            Credit(ukey, final[i]);
            ukey.Handle = null;
            _index.Remove(ukey);
            _withReferences.Remove(ukey);
            Ukey last = _all[^1];
            _all[ukey.Place] = last;
            last.Place = ukey.Place;
            _all.RemoveAt(_all.Count - 1);
            if (ukey.IsReusable)
            {
                ukey.SpentHandle = handles[i];
                ukey.End();
                _spare.Push(ukey);
            }
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
}
