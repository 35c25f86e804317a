using System.Globalization;
using System.Runtime.InteropServices;
using OvsBridge.Datapath.Interop;
using OvsBridge.OpenFlow.Text;

namespace OvsBridge.Datapath.Text;

/// <summary>Reads an action program; see <see cref="DpActionsText"/>.</summary>
internal sealed class DpActionsParser(PortNames? ports)
{
    private readonly DpActionWriter _writer = new();
    private int _depth;

    public DpActions Finish() => _writer.ToActions();

    public void Read(string text, int offset)
    {
        WordReader words = new(text, offset);
        int count = 0;
        Word? drop = null;
        while (words.Read(out Word word))
        {
            if (drop is { } alone || (word is { Key: "drop", HasValue: false } && count > 0))
            {
                throw (drop ?? word).Error("drop stands alone");
            }

            count++;
            if (word is { Key: "drop", HasValue: false })
            {
                drop = word;
                continue;
            }

            Add(word);
        }
    }

    private void Add(in Word word)
    {
        switch (word.Key)
        {
            case "pop_vlan":
                Bare(word, DpActionType.PopVlan);
                break;
            case "pop_pbb":
                Bare(word, DpActionType.PopPbb);
                break;
            case "copy_ttl_out":
                Bare(word, DpActionType.CopyTtlOut);
                break;
            case "copy_ttl_in":
                Bare(word, DpActionType.CopyTtlIn);
                break;
            case "dec_ttl":
                DecTtl(word, DpActionType.DecTtl);
                break;
            case "dec_mpls_ttl":
                DecTtl(word, DpActionType.DecMplsTtl);
                break;
            case "push_vlan":
                PushVlan(word);
                break;
            case "push_mpls":
                PushMpls(word, DpActionType.PushMpls);
                break;
            case "push_mpls_front":
                PushMpls(word, DpActionType.PushMplsFront);
                break;
            case "pop_mpls":
                _writer.Add(DpActionType.PopMpls, (uint)Numbers.Parse(Only(word, "eth_type"), "an ethertype", ushort.MaxValue));
                break;
            case "push_pbb":
                PushPbb(word);
                break;
            case "meter":
                _writer.Add(DpActionType.Meter, Number(word));
                break;
            case "recirc":
                _writer.Add(DpActionType.Recirc, Number(word));
                break;
            case "trunc":
                _writer.Add(DpActionType.Trunc, Number(word));
                break;
            case "hash":
                Word algorithm = Only(word, "hash_l4");
                _writer.Add(DpActionType.Hash, Number(algorithm));
                break;
            case "set":
                Set(Inner(word));
                break;
            case "userspace":
                (UpcallReason reason, DpUserspace request) = Userspace(word);
                _writer.Add(DpActionType.Userspace, (uint)reason, request);
                break;
            case "sample":
                Sample(word);
                break;
            case "clone":
                if (++_depth > DpActionExecutor.MaxSaved)
                {
                    throw word.Error($"at most {DpActionExecutor.MaxSaved} clones inside each other");
                }

                _writer.Add(DpActionType.Save);
                Read(word.Value, word.ValuePosition);
                _writer.Add(DpActionType.Restore);
                _depth--;
                break;
            case "drop":
                Drop(word);
                break;
            default:
                if (word.HasValue)
                {
                    throw word.Error($"unknown datapath action {word.Key}");
                }

                _writer.Add(DpActionType.Output, OdpValue.ParsePort(word, word.Key, ports));
                break;
        }
    }

    private void Bare(in Word word, DpActionType type)
    {
        word.NeedNoValue();
        _writer.Add(type);
    }

    private static uint Number(in Word word) => (uint)Numbers.Parse(word, "a number", uint.MaxValue);

    // The only word inside a word's parentheses.
    private static Word Inner(in Word word)
    {
        WordReader words = new(word.Value, word.ValuePosition);
        if (!words.Read(out Word inner) || words.Read(out Word _))
        {
            throw word.Error($"expected one word inside {word.Key}(...)");
        }

        return inner;
    }

    private static Word Only(in Word word, string key)
    {
        Word inner = Inner(word);
        return inner.Key == key ? inner : throw inner.Error($"expected {key}");
    }

    private void PushVlan(in Word word)
    {
        uint tpid = EtherTypes.Vlan, tci = 0;
        WordReader parts = new(word.Value, word.ValuePosition);
        while (parts.Read(out Word part))
        {
            switch (part.Key)
            {
                case "tpid":
                    tpid = (uint)Numbers.Parse(part, "a tag's ethertype", ushort.MaxValue);
                    break;
                case "vid":
                    tci |= (uint)Numbers.Parse(part, "a VLAN id", 0xfff);
                    break;
                case "pcp":
                    tci |= (uint)Numbers.Parse(part, "a VLAN priority", 7) << 13;
                    break;
                case "dei":
                    tci |= (uint)Numbers.Parse(part, "the DEI", 1) << 12;
                    break;
                default:
                    throw part.Error("a tag has tpid, vid, pcp and dei");
            }
        }

        _writer.Add(DpActionType.PushVlan, (tpid << 16) | tci);
    }

    private void PushMpls(in Word word, DpActionType push)
    {
        uint entry = 0, mask = 0, type = EtherTypes.MplsUnicast;
        WordReader parts = new(word.Value, word.ValuePosition);
        while (parts.Read(out Word part))
        {
            if (part.Key == "eth_type")
            {
                type = (uint)Numbers.Parse(part, "an ethertype", ushort.MaxValue);
            }
            else if (!OdpLabels.TryAdd(part, ref entry, ref mask))
            {
                throw part.Error("a label stack entry has label, tc, ttl and bos");
            }
        }

        _writer.Add(push, type, new DpPushMpls { Lse = entry });
    }

    private void PushPbb(in Word word)
    {
        Span<byte> value = stackalloc byte[4], mask = stackalloc byte[4];
        value.Clear();
        mask.Clear();
        uint type = EtherTypes.Pbb;
        WordReader parts = new(word.Value, word.ValuePosition);
        while (parts.Read(out Word part))
        {
            if (part.Key == "eth_type")
            {
                type = (uint)Numbers.Parse(part, "an ethertype", ushort.MaxValue);
            }
            else
            {
                Part(part, OdpSet.Itag, value, mask);
            }
        }

        _writer.Add(DpActionType.PushPbb, type, new DpPushPbb { Itag = MemoryMarshal.Read<OpenFlow.Fields.Be32>(value) });
    }

    private void Set(in Word what)
    {
        switch (what.Key)
        {
            case "skb_priority":
                _writer.Add(DpActionType.SetPriority, Number(what));
                return;
            case "vlan":
                SetVlan(what);
                return;
            case "mpls":
                SetMpls(what);
                return;
        }

        if (what.Key == "tunnel")
        {
            SetStruct(what, OdpSet.Tunnel, masked: false);
        }
        else if (what.Key == "pbb")
        {
            SetStruct(what, new OdpSet("pbb", DpActionType.SetPbb, 4, OdpSet.Itag), masked: true);
        }
        else
        {
            SetStruct(what, OdpSet.ByName(what.Key) ?? throw what.Error($"set({what.Key}(...)) is not supported"), masked: true);
        }
    }

    private void SetStruct(in Word what, OdpSet set, bool masked)
    {
        Span<byte> payload = stackalloc byte[2 * set.Size];
        payload.Clear();
        Span<byte> value = payload[..set.Size], mask = payload[set.Size..];
        WordReader parts = new(what.Value, what.ValuePosition);
        while (parts.Read(out Word part))
        {
            Part(part, set.Parts, value, mask);
        }

        _writer.AddBytes(set.Type, 0, masked ? payload : value);
    }

    private static void Part(in Word word, OdpSetPart[] parts, Span<byte> value, Span<byte> mask)
    {
        string key = word.Key;
        OdpSetPart part = Array.Find(parts, p => p.Name == key) ?? throw word.Error($"unknown field {word.Key}");
        (UInt128 v, UInt128 m) = OdpValue.Parse(word, word.Need($"{word.Key}=VALUE"), part.Format, part.AllOnes);
        part.Write(value, v & m);
        part.Write(mask, m);
    }

    private void SetVlan(in Word what)
    {
        uint tci = 0, mask = 0;
        WordReader parts = new(what.Value, what.ValuePosition);
        while (parts.Read(out Word part))
        {
            string key = part.Key;
            int row = Array.FindIndex(OdpGroups.Vlan, p => p.Name == key);
            if (row < 0)
            {
                throw part.Error("a tag has vid and pcp");
            }

            (_, int shift, int bits) = OdpGroups.Vlan[row];
            (UInt128 v, UInt128 m) = OdpValue.Parse(part, part.Need("VALUE"), OdpFormat.Decimal, (UInt128)((1 << bits) - 1));
            tci |= (uint)(v & m) << shift;
            mask |= (uint)m << shift;
        }

        _writer.Add(DpActionType.SetVlan, (mask << 16) | tci);
    }

    private void SetMpls(in Word what)
    {
        uint entry = 0, mask = 0;
        WordReader parts = new(what.Value, what.ValuePosition);
        while (parts.Read(out Word part))
        {
            if (!OdpLabels.TryAdd(part, ref entry, ref mask))
            {
                throw part.Error("a label stack entry has label, tc, ttl and bos");
            }
        }

        _writer.Add(DpActionType.SetMpls, 0, new DpSetMpls { Lse = entry, Mask = mask });
    }

    private void DecTtl(in Word word, DpActionType type)
    {
        if (!word.HasValue)
        {
            _writer.Add(type);
            return;
        }

        (_, DpUserspace request) = Userspace(Inner(Only(word, "le_1")));
        _writer.Add(type, 0, request);
    }

    private static (UpcallReason Reason, DpUserspace Request) Userspace(in Word word)
    {
        if (word.Key != "userspace")
        {
            throw word.Error("expected userspace(...)");
        }

        UpcallReason reason = UpcallReason.Unspec;
        DpUserspace request = new() { MaxLen = DpUserspace.WholePacket };
        Read(word, ref reason, ref request);
        return (reason, request);

        static void Read(in Word word, ref UpcallReason reason, ref DpUserspace request)
        {
            WordReader parts = new(word.Value, word.ValuePosition);
            while (parts.Read(out Word part))
            {
                switch (part.Key)
                {
                    case "pid":
                        break; // a Netlink socket of the kernel module's; there is one reader here
                    case "cookie":
                        request.Cookie = Numbers.Parse(part, "a cookie", ulong.MaxValue);
                        break;
                    case "max_len":
                        request.MaxLen = (uint)Numbers.Parse(part, "bytes", uint.MaxValue);
                        break;
                    case "meter":
                        request.Meter = (uint)Numbers.Parse(part, "a meter's slot", uint.MaxValue - 1) + 1;
                        break;
                    default:
                        reason = part.Key switch
                        {
                            "controller" => UpcallReason.Controller,
                            "slow_path" => UpcallReason.SlowPath,
                            "invalid_ttl" => UpcallReason.InvalidTtl,
                            "miss" => UpcallReason.Miss,
                            "sample" => UpcallReason.Sample,
                            _ => throw part.Error("expected pid, cookie, max_len, meter(...), controller(...), slow_path(...) or invalid_ttl(...)"),
                        };
                        Read(part, ref reason, ref request);
                        break;
                }
            }
        }
    }

    private void Sample(in Word word)
    {
        decimal? percent = null;
        Word? actions = null;
        WordReader parts = new(word.Value, word.ValuePosition);
        while (parts.Read(out Word part))
        {
            if (part.Key == "sample" && part.Value is [.. var number, '%'] && decimal.TryParse(number, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal p) && p <= 100)
            {
                percent = p;
            }
            else if (part.Key == "actions")
            {
                actions = part;
            }
            else
            {
                throw part.Error("expected sample=PERCENT% and actions(userspace(...))");
            }
        }

        if (percent is not { } value || actions is not { } inner)
        {
            throw word.Error("needs sample=PERCENT% and actions(userspace(...))");
        }

        (_, DpUserspace request) = Userspace(Inner(inner));
        _writer.Add(DpActionType.Sample, DpActionsPrinter.Probability(value), request);
    }

    private void Drop(in Word word)
    {
        foreach (DropReason reason in Enum.GetValues<DropReason>())
        {
            if (DpActionsPrinter.DropWord(reason) == word.Value)
            {
                _writer.Add(DpActionType.Drop, (uint)reason);
                return;
            }
        }

        _writer.Add(DpActionType.Drop, Number(word));
    }
}
