using OvsBridge.Datapath;
using OvsBridge.Datapath.Interop;
using OvsBridge.Translator.Switch;
using OvsBridge.Translator.Tables;
using OvsBridge.Translator.Xlate;

namespace OvsBridge.Translator.Upcalls;

/// <content>The megaflows of a former process: taken over as they are, and translated again when the pipeline is there.</content>
internal sealed partial class Ukeys
{
    private List<Ukey> _adopted = [];
    private SweepResult? _lastSweep;
    private volatile bool _sweepDue;

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
                };
                Ukey ukey = new(flow.Key, formers, _time.NowNs()) { Handle = flow.Handle, IsAdopted = true, IsReusable = false, Pushed = _datapath.ReadStats(flow.Handle) };
                Enter(ukey);
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
}

/// <summary>What became of a former process's megaflows.</summary>
/// <param name="Kept">Had the right actions.</param>
/// <param name="Corrected">Got others.</param>
/// <param name="Removed">Were made for more packets than the pipeline treats alike, or are of a translation that nobody knows any more.</param>
public sealed record SweepResult(int Kept, int Corrected, int Removed);
