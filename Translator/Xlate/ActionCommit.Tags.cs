using OvsBridge.Datapath;
using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.Translator.Xlate;

/// <content>The VLAN tags of <see cref="Commit"/>: the stack in the state against that in the datapath's packet.</content>
internal sealed partial class TrackedFlow
{
    private const ushort TciBits = 0xefff;

    private readonly List<(ushort Tpid, ushort Tci)> _wanted = [];
    private readonly List<(ushort Tpid, ushort Tci)> _there = [];

    private void CommitTags()
    {
        if (_now.Tags is null && _sent.Tags is null && _now.VlanPopped == _sent.VlanPopped)
        {
            if (((_now.Known.VlanTci | _sent.Known.VlanTci) & TciBits) != 0)
            {
                SetOriginalTag();
            }

            return;
        }

        ListTags();
        int keep = 0;
        if (_now.VlanPopped != _sent.VlanPopped || OriginalTagDiffers())
        {
            PopSentTags(0);
            ReachOriginalTag();
            SetOriginalTag();
        }
        else
        {
            while (keep < _wanted.Count && keep < _there.Count && _wanted[keep] == _there[keep])
            {
                keep++;
            }

            // A tag that only has other ids is rewritten.
            if (keep < _wanted.Count && keep < _there.Count && _wanted[keep].Tpid == _there[keep].Tpid)
            {
                PopSentTags(keep + 1);
                int difference = (_wanted[keep].Tci ^ _there[keep].Tci) & TciBits;
                SetTci(_wanted[keep].Tci, (ushort)difference);
                _there[keep] = _wanted[keep];
                keep++;
            }
            else
            {
                PopSentTags(keep);
            }
        }

        for (int i = keep; i < _wanted.Count; i++)
        {
            _actions.Add(DpActionType.PushVlan, ((uint)_wanted[i].Tpid << 16) | (uint)(_wanted[i].Tci & TciBits));
        }

        _sent.Tags = null;
        foreach ((ushort tpid, ushort tci) in _wanted)
        {
            _sent.Tags = new SentTag(tpid, tci, _sent.Tags);
        }
    }

    /// <summary>Lists pushed tags, the lowest first: as they are to be, with every bit looked at or known, and as they are.</summary>
    private void ListTags()
    {
        _wanted.Clear();
        _there.Clear();
        (Be16 tci, Be16 tciKnown, Be16 tpid) = (_now.Value.VlanTci, _now.Known.VlanTci, _now.Value.VlanTpid);
        for (HiddenTag? hidden = _now.Tags; hidden is not null; hidden = hidden.Below)
        {
            if (tciKnown != 0xffff)
            {
                LookAtTag((ushort)~tciKnown, 0);
            }

            _wanted.Add((tpid, (ushort)(tci & TciBits)));
            (tci, tciKnown, tpid) = (hidden.Tci, hidden.TciKnown, hidden.Tpid);
        }

        if (_now.Tags is not null)
        {
            _now.Known.VlanTci = 0xffff;
        }

        for (SentTag? sent = _sent.Tags; sent is not null; sent = sent.Below)
        {
            _there.Add((sent.Tpid, sent.Tci));
        }

        _wanted.Reverse();
        _there.Reverse();
    }

    /// <summary>Pops pushed tags until <paramref name="keep"/> are left.</summary>
    private void PopSentTags(int keep)
    {
        while (_there.Count > keep)
        {
            _actions.Add(DpActionType.PopVlan);
            _there.RemoveAt(_there.Count - 1);
        }
    }

    /// <summary>Pops original tags, or puts popped ones back, with no pushed tag in the way.</summary>
    private void ReachOriginalTag()
    {
        while (_sent.VlanPopped < _now.VlanPopped)
        {
            _actions.Add(DpActionType.PopVlan);
            _sent.VlanPopped++;
            _sent.Known.VlanTci = 0;
        }

        while (_sent.VlanPopped > _now.VlanPopped)
        {
            _sent.VlanPopped--;
            (Be16 tci, Be16 tpid) = _sent.VlanPopped == 0 ? (_original.VlanTci, _original.VlanTpid) : (_original.InnerTci, _original.InnerTpid);
            if (_sent.VlanPopped == 0)
            {
                _mask.VlanTci = 0xffff;
                _mask.VlanTpid = 0xffff;
            }
            else
            {
                _mask.InnerTci = 0xffff;
                _mask.InnerTpid = 0xffff;
            }

            _actions.Add(DpActionType.PushVlan, ((uint)tpid << 16) | (uint)(tci & TciBits));
            _sent.Value.VlanTci = tci;
            _sent.Known.VlanTci = 0xffff;
        }
    }

    private bool OriginalTagDiffers()
    {
        SentState before = _sent;
        ushort pending = OriginalTagPending(out _);
        _sent = before;
        return pending != 0;
    }

    private void SetOriginalTag()
    {
        ushort pending = OriginalTagPending(out ushort value);
        if (pending != 0)
        {
            SetTci(value, pending);
        }
    }

    /// <summary>The bits of the outermost original tag that are to be written, marked as sent.</summary>
    private ushort OriginalTagPending(out ushort value)
    {
        (Be16 tci, Be16 knownBits) = (_now.Value.VlanTci, _now.Known.VlanTci);
        for (HiddenTag? hidden = _now.Tags; hidden is not null; hidden = hidden.Below)
        {
            (tci, knownBits) = (hidden.Tci, hidden.TciKnown);
        }

        value = tci;
        if (_now.VlanPopped > 1 || (tci & FlowKey.VlanPresent) == 0)
        {
            return 0;
        }

        ushort known = (ushort)(knownBits & TciBits), sent = (ushort)(_sent.Known.VlanTci & TciBits);
        ushort lost = (ushort)(sent & ~known);
        if (lost != 0 && (_now.Tags is not null || (_now.Opaque.VlanTci & lost) == 0))
        {
            LookAtTag(lost, 0);
            known |= lost;
        }

        ushort pending = (ushort)(known & (~sent | (tci ^ _sent.Value.VlanTci)));
        _sent.Value.VlanTci = (ushort)((_sent.Value.VlanTci & ~pending) | (tci & pending));
        _sent.Known.VlanTci = (ushort)(_sent.Known.VlanTci | pending);
        return pending;
    }

    private void SetTci(ushort tci, ushort mask) =>
        _actions.Add(DpActionType.SetVlan, ((uint)mask << 16) | (uint)(tci & mask));
}
