using OvsBridge.OpenFlow.Fields;
using OvsBridge.Translator.Tables;
using OvsBridge.Translator.Xlate;

namespace OvsBridge.Translator.Upcalls;

/// <content>What makes megaflows follow the pipeline: which ones a change concerns, and what becomes of them.</content>
internal sealed partial class Ukeys
{
    private const int MostRules = 4096; // of a difference that is looked at entry by entry
    private const int MostRulesAtInstall = 64;
    private const int QuestionsForOneTranslation = 8; // to an index group: what they cost

    private (PipelineSnapshot Before, PipelineSnapshot After, SnapshotDiff Diff)? _lastDiff;
    private PipelineSnapshot? _rightFor;
    private long _macsRightFor;
    private long _corrections;
    private long _translations;

    /// <summary>Translations that corrections made.</summary>
    internal long Translations => Interlocked.Read(ref _translations);

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
            found.Clear();
            InSlices(ukey =>
            {
                if (diff is null || ukey.MayChangeBy(diff) || (ukey.Result.Dependencies.Macs && (allAddresses || addresses.Count > 0)))
                {
                    found.Add(ukey);
                }
            });
            yield return found;
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
}
