using OvsBridge.Datapath;
using OvsBridge.Datapath.Interop;
using OvsBridge.OpenFlow;
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
/// installed. So when <see cref="Correct"/> for a snapshot has looked at all that was there when it began and that the
/// differences to the snapshot before concern, no megaflow is older: those that came later were compared with this snapshot or a newer one.
/// </para>
/// </remarks>
internal sealed class Ukeys
{
    private const int Slice = 512;
    private const int MostRules = 4096; // of a difference that is looked at entry by entry
    private const int MostRulesAtInstall = 64;
    private const int QuestionsForOneTranslation = 8; // to an index group: what they cost

    private readonly IDatapath _datapath;
    private readonly XlateEnvironment _environment;
    private readonly TimeProvider _time;
    private readonly Lock _lock = new();
    private readonly Dictionary<Ukey, Ukey> _byFlow = new(new FlowComparer());
    private readonly MegaflowIndex _index = new();
    private readonly HashSet<Ukey> _withReferences = new(ReferenceEqualityComparer.Instance);
    private List<Ukey> _oldAddresses = []; // installed while addresses were learned
    private (PipelineSnapshot Before, PipelineSnapshot After, SnapshotDiff Diff)? _lastDiff;
    private PipelineSnapshot? _rightFor;
    private long _macsRightFor;
    private List<Ukey> _adopted = [];
    private SweepResult? _lastSweep;
    private volatile bool _sweepDue;
    private long _corrections;
    private long _refused;
    private long _translations;

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

    /// <summary>Translations that corrections made.</summary>
    internal long Translations => Interlocked.Read(ref _translations);

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
            // learned since are left to the next correction: else a port that teaches a new one with each packet would keep every
            // megaflow of NORMAL out.
            if (_byFlow.ContainsKey(ukey) || IsOutdated(ukey, newest()))
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
            _index.Add(ukey);
            NoteReferences(ukey);
            if (result.Dependencies.Macs && result.Dependencies.MacVersion != _environment.Macs.Version)
            {
                _oldAddresses.Add(ukey);
            }
        }
    }

    /// <summary>Whether megaflows of a former process are there that <see cref="Correct"/> is to look at.</summary>
    internal bool SweepDue => _sweepDue;

    /// <summary>What the sweep did, once; null: there was none.</summary>
    internal SweepResult? TakeSweepResult() => Interlocked.Exchange(ref _lastSweep, null);

    /// <summary>Takes over what the datapath has of a former process. Nobody counts in these megaflows until the sweep.</summary>
    /// <returns>How many.</returns>
    internal int Adopt(PipelineSnapshot snapshot)
    {
        uint highest = 0;
        lock (_lock)
        {
            foreach (AdoptedFlow flow in _datapath.TakeAdoptedFlows())
            {
                highest = Math.Max(highest, Math.Max(flow.Key.RecircId, HighestNumber(flow.Actions)));
                XlateResult formers = new()
                {
                    Snapshot = snapshot,
                    MaskObject = new KeyMask(flow.Mask),
                    Actions = flow.Actions,
                    Installed = flow.Actions,
                    SlowPath = SlowPathReasons.None,
                    Credits = new XlateCredits([], [], []),
                    Dependencies = default(XlateDependencies) with { Parts = [] },
                    SearchedChanged = null,
                    References = [],
                };
                Ukey ukey = new(flow.Key, formers, _time.NowNs()) { Handle = flow.Handle, IsAdopted = true, Pushed = _datapath.ReadStats(flow.Handle) };
                _byFlow.Add(ukey, ukey);
                _index.Add(ukey);
                _adopted.Add(ukey);
            }
        }

        // What these programs name is not known here, and must not be taken for something else.
        _environment.PacketIns.StartAbove(highest);
        _environment.Continuations.StartAbove(highest);
        return _adopted.Count;
    }

    /// <summary>From the next <see cref="Correct"/> on the pipeline rules over the megaflows of a former process, too.</summary>
    internal void RequestSweep() => _sweepDue = true;

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
            ValueList.Create<SlowPathReason>([.. SlowPathReason.Of(ukey.Result.SlowPath)]),
            _datapath.ReadStats(ukey.Handle!))));
        return result;
    }

    /// <summary>Credits what the datapath has counted.</summary>
    internal void PushStats() => InSlices(Push);

    /// <summary>
    /// Brings megaflows up to <paramref name="snapshot"/> and to what was learned: corrects the actions of those that what has changed
    /// since the last call concerns, and removes those whose mask has become too small. The others cost nothing.
    /// </summary>
    /// <param name="snapshot">The pipeline.</param>
    /// <param name="xlator">The calling thread's.</param>
    /// <returns>Whether the datapath's flows changed.</returns>
    /// <remarks>One caller at a time.</remarks>
    internal bool Correct(PipelineSnapshot snapshot, Xlator xlator)
    {
        // Addresses first: one that is learned during a translation makes it outdated, not fresh.
        HashSet<ulong> addresses = [];
        long macs = _environment.Macs.Version;
        bool allAddresses = false;
        if (macs != _macsRightFor)
        {
            long upTo = _environment.Macs.ChangesSince(_macsRightFor, addresses);
            allAddresses = upTo < 0;
            macs = allAddresses ? macs : upTo;
        }

        SnapshotDiff? diff = _rightFor is null ? null : SnapshotDiff.Between(_rightFor, snapshot, MostRules);
        _corrections++;
        bool changed = Sweep(snapshot, xlator);
        foreach (List<Ukey> concerned in Concerned(diff, addresses, allAddresses))
        {
            changed |= Check(concerned, snapshot, xlator);
        }

        _rightFor = snapshot;
        _macsRightFor = macs;
        return changed;
    }

    /// <summary>Whether <see cref="Correct"/> would find anything to look at.</summary>
    internal bool IsRightFor(PipelineSnapshot snapshot) =>
        _rightFor == snapshot && _macsRightFor == _environment.Macs.Version && Volatile.Read(ref _oldAddresses).Count == 0;

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

    private bool IsOutdated(Ukey ukey, PipelineSnapshot newest)
    {
        PipelineSnapshot before = ukey.Result.Snapshot;
        if (before == newest)
        {
            return false;
        }

        if (_lastDiff is not { } last || last.Before != before || last.After != newest)
        {
            _lastDiff = last = (before, newest, SnapshotDiff.Between(before, newest, MostRulesAtInstall)); // a batch has many like this
        }

        return ukey.MayChangeBy(last.Diff);
    }

    /// <summary>The megaflows that a difference concerns, cause by cause; one may come more than once.</summary>
    private IEnumerable<List<Ukey>> Concerned(SnapshotDiff? diff, HashSet<ulong> addresses, bool allAddresses)
    {
        List<Ukey> found = [];
        lock (_lock)
        {
            found.AddRange(_oldAddresses);
            _oldAddresses = [];
        }

        yield return found;

        if (diff is null or { Everything: true } or { ManyRules: true } || allAddresses || (long)(diff.Rules.Count + addresses.Count) * _index.GroupCount > (long)QuestionsForOneTranslation * Count)
        {
            yield return [.. All().Where(ukey => diff is null || ukey.MayChangeBy(diff)
                || (ukey.Result.Dependencies.Macs && (allAddresses || addresses.Count > 0)))];
            yield break;
        }

        foreach (StatePart part in diff.Parts)
        {
            found.Clear();
            lock (_lock)
            {
                _index.FindReaders(part, found);
                if (part.IsPort)
                {
                    _index.FindReaders(StatePart.AllPorts, found);
                }
            }

            yield return found;
        }

        foreach (RuleChange change in diff.Rules)
        {
            found.Clear();
            lock (_lock)
            {
                _index.FindOverlapping(MegaflowIndex.InDatapathPorts(change.Rule.Match.Value), change.Rule.Match.Mask, found);
                found.RemoveAll(ukey => !ukey.MayChangeBy(change));
            }

            yield return found;
        }

        FlowKey destination = new() { EthDst = 0xffff_ffff_ffff };
        foreach (ulong address in addresses)
        {
            found.Clear();
            lock (_lock)
            {
                _index.FindOverlapping(new FlowKey { EthDst = address }, destination, found);
                found.RemoveAll(ukey => !ukey.Result.Dependencies.Macs);
            }

            yield return found;
        }
    }

    private bool Check(List<Ukey> ukeys, PipelineSnapshot snapshot, Xlator xlator)
    {
        bool changed = false;
        List<Ukey> gone = [];
        for (int start = 0; start < ukeys.Count; start += Slice)
        {
            lock (_lock)
            {
                for (int i = start; i < Math.Min(start + Slice, ukeys.Count); i++)
                {
                    Ukey ukey = ukeys[i];
                    if (ukey.Handle is null || ukey.Checked == _corrections || ukey.IsAdopted)
                    {
                        continue; // removed since, or found by another cause too, or not to be looked at yet
                    }

                    ukey.Checked = _corrections;
                    Verdict verdict = Check(ukey, snapshot, xlator);
                    changed |= verdict != Verdict.Right;
                    if (verdict == Verdict.Remove)
                    {
                        gone.Add(ukey);
                    }
                }

                Remove(gone);
                gone.Clear();
            }
        }

        return changed;
    }

    /// <summary>
    /// Translates the megaflows of a former process again, when that is due. Those of recirculated packets come last, when no packet is under way to them: the
    /// programs that sent packets there with the former process's numbers are replaced by then.
    /// </summary>
    private bool Sweep(PipelineSnapshot snapshot, Xlator xlator)
    {
        if (!_sweepDue)
        {
            return false;
        }

        List<Ukey> all;
        lock (_lock)
        {
            all = _adopted;
            _adopted = [];
            _sweepDue = false;
            all.RemoveAll(ukey => ukey.Handle is null); // idle for long
            foreach (Ukey ukey in all)
            {
                ukey.IsAdopted = false;
            }
        }

        DpActions[] before = [.. all.Select(ukey => ukey.Result.Installed)];
        bool changed = Check(all.FindAll(ukey => ukey.Key.RecircId == 0), snapshot, xlator);
        _datapath.Synchronize();
        changed |= Check(all.FindAll(ukey => ukey.Key.RecircId != 0), snapshot, xlator);
        _datapath.Synchronize();
        _datapath.RemoveAdoptedMeters();
        int removed = all.Count(ukey => ukey.Handle is null);
        int corrected = all.Where((ukey, i) => ukey.Handle is not null && !ukey.Result.Installed.Equals(before[i])).Count();
        Volatile.Write(ref _lastSweep, new SweepResult(all.Count - removed - corrected, corrected, removed));
        return changed;
    }

    /// <summary>The highest number of a packet_in record or continuation that a program names.</summary>
    private static uint HighestNumber(DpActions actions)
    {
        uint highest = 0;
        foreach (DpActionView action in actions)
        {
            uint number = action.Type switch
            {
                DpActionType.Recirc => action.Arg,
                DpActionType.Userspace or DpActionType.Sample or DpActionType.DecTtl or DpActionType.DecMplsTtl when action.Payload.Length >= 16 =>
                    (uint)action.Read<DpUserspace>().Cookie,
                _ => 0,
            };
            highest = Math.Max(highest, number);
        }

        return highest;
    }

    private bool IsIdle(Ukey ukey, long nowNs, long limitNs)
    {
        Push(ukey);
        return nowNs - ukey.UsedNs >= limitNs;
    }

    private Verdict Check(Ukey ukey, PipelineSnapshot snapshot, Xlator xlator)
    {
        Interlocked.Increment(ref _translations);
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

        if (ukey.Result.IsFoundLike(fresh))
        {
            ukey.Result = fresh;
        }
        else
        {
            _index.Remove(ukey);
            ukey.Result = fresh;
            _index.Add(ukey);
        }

        NoteReferences(ukey);
        return verdict;
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
            _index.Remove(ukeys[i]);
            _withReferences.Remove(ukeys[i]);
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

/// <summary>What became of a former process's megaflows.</summary>
/// <param name="Kept">Had the right actions.</param>
/// <param name="Corrected">Got others.</param>
/// <param name="Removed">Were made for more packets than the pipeline treats alike, or are of a translation that nobody knows any more.</param>
public sealed record SweepResult(int Kept, int Corrected, int Removed);
