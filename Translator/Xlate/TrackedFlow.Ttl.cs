using System.Numerics;
using OvsBridge.Datapath;
using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.Translator.Xlate;

/// <content>TTLs of IP and of the top label.</content>
internal sealed partial class TrackedFlow
{
    /// <summary>Sets the TTL or hop limit; false when it is not IP.</summary>
    internal bool SetTtl(byte ttl)
    {
        if (!Has(Prerequisite.Ip) || IsOpaque(KeyBits.IpWord, KeyBits.IpTtl))
        {
            return false;
        }

        _now.Value.IpTtl = ttl;
        _now.Known.IpTtl = 0xff;
        _now.TtlDecrements = 0;
        _dirty = _dirtyBehindEth = true;
        return true;
    }

    /// <summary>Decrements the TTL or hop limit; false, and nothing changed, when it is 0 or 1. Other packets stay as they are.</summary>
    /// <remarks>
    /// Where the datapath can decrement, the TTL is looked at down to its highest bit only, which is worth at least 2, so
    /// that a flow needs not a megaflow for each distance of its sender.
    /// </remarks>
    internal bool DecrementTtl()
    {
        if (!Has(Prerequisite.Ip) || IsOpaque(KeyBits.IpWord, KeyBits.IpTtl))
        {
            return true;
        }

        byte ttl = _now.Value.IpTtl;
        if (_now.Known.IpTtl == 0xff || _now.TtlDecrements > 0 || !Can(DpActionType.DecTtl))
        {
            ttl = ReadTtl();
            if (ttl <= 1)
            {
                return false;
            }

            return SetTtl((byte)(ttl - 1));
        }

        if (ttl <= 1)
        {
            _mask.IpTtl |= 0xfe;
            return false;
        }

        _mask.IpTtl |= (byte)(0xff << BitOperations.Log2(ttl));
        _now.Value.IpTtl = (byte)(ttl - 1);
        _now.TtlDecrements = 1;
        _now.Special |= 1ul << KeyBits.IpWord;
        _dirty = _dirtyBehindEth = true;
        return true;
    }

    /// <summary>Sets the TTL of the top label; false when there is none.</summary>
    internal bool SetMplsTtl(byte ttl)
    {
        if (!Has(Prerequisite.Mpls) || IsOpaque(KeyBits.MplsWord, KeyBits.LseTtl))
        {
            return false;
        }

        _now.Value.MplsLse0 = (_now.Value.MplsLse0 & ~0xffu) | ttl;
        _now.Known.MplsLse0 = _now.Known.MplsLse0 | 0xffu;
        _dirty = true;
        return true;
    }

    /// <summary>Decrements the TTL of the top label; false, and nothing changed, when it is 0 or 1.</summary>
    internal bool DecrementMplsTtl()
    {
        if (!Has(Prerequisite.Mpls))
        {
            return true;
        }

        Read(KeyBits.MplsWord, KeyBits.LseTtl);
        byte ttl = (byte)_now.Value.MplsLse0;
        return NeedsReparse || (ttl > 1 && SetMplsTtl((byte)(ttl - 1)));
    }

    /// <summary>Copies the TTL of the header below the top label into that label.</summary>
    internal bool CopyTtlOut()
    {
        if (!Has(Prerequisite.Mpls))
        {
            return false;
        }

        Commit();
        _actions.Add(DpActionType.CopyTtlOut);
        Forget(KeyBits.LabelTtl);
        _now.Structure = _sent.Structure = ++_structures;
        return true;
    }

    /// <summary>Copies the TTL of the top label into the header below.</summary>
    internal bool CopyTtlIn()
    {
        if (!Has(Prerequisite.Mpls))
        {
            return false;
        }

        Commit();
        _actions.Add(DpActionType.CopyTtlIn);
        _now.InnerTtlChanged = true;
        _now.Structure = _sent.Structure = ++_structures;
        return true;
    }

    private byte ReadTtl()
    {
        Read(KeyBits.IpWord, KeyBits.IpTtl);
        return _now.Value.IpTtl;
    }
}
