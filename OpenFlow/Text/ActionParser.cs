using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.OpenFlow.Text;

/// <summary>Turns the words of an action list into actions, one word at a time.</summary>
/// <param name="ports">Looks up names of ports, or null.</param>
/// <param name="match">The flow's match, for OpenFlow 1.0's words; or null.</param>
internal sealed class ActionParser(PortNames? ports, Match? match)
{
    private readonly List<OfAction> _actions = [];
    private readonly List<Word> _words = []; // which word each action is from
    private Word _word;
    private readonly ProtocolState _known = match is null ? default : new(match.Value, match.Mask);
    private bool _hasVlan = match is not null && new ProtocolState(match.Value, match.Mask).Meets(Prerequisite.Vlan);
    private Word? _drop;
    private Word? _enqueue;

    /// <summary>Takes the next word.</summary>
    public void Add(in Word word)
    {
        if (_drop is { } drop)
        {
            throw drop.Error("drop stands alone");
        }

        if (_enqueue is { } enqueue)
        {
            throw enqueue.Error("enqueue must be the last action: the queue cannot be unset behind it");
        }

        _word = word;
        switch (word.Key.ToLowerInvariant())
        {
            case "drop":
                word.NeedNoValue();
                if (_actions.Count > 0)
                {
                    throw word.Error("drop stands alone");
                }

                _drop = word;
                break;
            case "output":
                Output(word, word.Need("output:PORT"));
                break;
            case "controller":
                Controller(word);
                break;
            case "enqueue":
                Enqueue(word);
                break;
            case "set_field":
                SetField(word);
                break;
            case "load":
                Load(word);
                break;
            case "mod_dl_src":
                Set(word, FieldTable.EthSrc);
                break;
            case "mod_dl_dst":
                Set(word, FieldTable.EthDst);
                break;
            case "mod_nw_src":
                Set(word, FieldTable.Ipv4Src);
                break;
            case "mod_nw_dst":
                Set(word, FieldTable.Ipv4Dst);
                break;
            case "mod_nw_ecn":
                Set(word, FieldTable.IpEcn);
                break;
            case "mod_nw_tos":
                ModTos(word);
                break;
            case "mod_nw_ttl":
                Append(new SetNwTtlAction((byte)Numbers.Parse(word, "a TTL", 255)));
                break;
            case "mod_tp_src":
                Set(word, Port(word, FieldTable.TcpSrc, FieldTable.UdpSrc, FieldTable.SctpSrc));
                break;
            case "mod_tp_dst":
                Set(word, Port(word, FieldTable.TcpDst, FieldTable.UdpDst, FieldTable.SctpDst));
                break;
            case "mod_vlan_vid":
                ulong vid = Numbers.Parse(word, "a VLAN id", 0xfff);
                PushVlanIfNone();
                Append(new SetFieldAction(FieldTable.VlanVid, vid | FlowKey.VlanPresent));
                break;
            case "mod_vlan_pcp":
                ulong pcp = Numbers.Parse(word, "a VLAN priority", 7);
                PushVlanIfNone();
                Append(new SetFieldAction(FieldTable.VlanPcp, pcp));
                break;
            case "push_vlan":
                Append(new PushVlanAction(EtherType(word, 0x8100, 0x88a8)));
                _hasVlan = true;
                break;
            case "pop_vlan" or "strip_vlan":
                word.NeedNoValue();
                Append(new PopVlanAction());
                _hasVlan = false;
                break;
            case "push_mpls":
                Append(new PushMplsAction(EtherType(word, 0x8847, 0x8848)));
                _hasVlan = false; // in front of tags
                break;
            case "pop_mpls":
                PopMplsAction pop = new(EtherType(word));
                Append(pop);
                _hasVlan |= pop.EtherType is 0x8100 or 0x88a8;
                break;
            case "push_pbb":
                Append(new PushPbbAction(EtherType(word, 0x88e7)));
                _hasVlan = false;
                break;
            case "pop_pbb":
                word.NeedNoValue();
                Append(new PopPbbAction());
                break;
            case "set_mpls_label":
                Set(word, FieldTable.MplsLabel);
                break;
            case "set_mpls_tc":
                Set(word, FieldTable.MplsTc);
                break;
            case "set_mpls_ttl":
                Append(new SetMplsTtlAction((byte)Numbers.Parse(word, "a TTL", 255)));
                break;
            case "dec_mpls_ttl":
                word.NeedNoValue();
                Append(new DecMplsTtlAction());
                break;
            case "dec_ttl":
                // dec_ttl(ID,...) names controllers by Nicira's ids; 0 is what a controller has without one.
                if (word.HasValue && word.Value is not ("" or "0"))
                {
                    throw word.Error("controller ids are not supported: write dec_ttl");
                }

                Append(new DecNwTtlAction());
                break;
            case "copy_ttl_out":
                word.NeedNoValue();
                Append(new CopyTtlOutAction());
                break;
            case "copy_ttl_in":
                word.NeedNoValue();
                Append(new CopyTtlInAction());
                break;
            case "set_queue":
                Append(new SetQueueAction((uint)Numbers.Parse(word, "a queue", uint.MaxValue)));
                break;
            case "group":
                Append(new GroupAction((uint)Numbers.Parse(word, "a group id", Messages.GroupMod.MaxGroup)));
                break;
            case "experimenter":
                Experimenter(word);
                break;
            case "resubmit" or "learn" or "note" or "ct" or "ct_clear" or "nat" or "conjunction" or "clone" or "move" or "multipath"
                or "bundle" or "bundle_load" or "fin_timeout" or "push" or "pop" or "exit" or "sample" or "set_tunnel" or "set_tunnel64"
                or "pop_queue" or "check_pkt_larger" or "encap" or "decap" or "dec_nsh_ttl" or "delete_field" or "debug_recirc":
                throw word.Error($"the action {word.Key} is not supported");
            case "apply_actions":
                throw word.Error("apply_actions is not written: the actions stand by themselves");
            default:
                BarePort(word);
                break;
        }
    }

    /// <summary>The list.</summary>
    public ValueList<OfAction> Finish() => _actions.ToValueList();

    /// <summary>Whether any word was taken.</summary>
    public bool Any => _actions.Count > 0 || _drop is not null;

    /// <summary>The word drop, if there was one.</summary>
    public Word? Drop => _drop;

    /// <summary>
    /// The list, if its actions apply to what the match lets through; a switch would refuse it otherwise
    /// (OFPBAC_MATCH_INCONSISTENT).
    /// </summary>
    /// <exception cref="FlowSyntaxException">Names the first action that does not.</exception>
    public ValueList<OfAction> FinishChecked(Match flow)
    {
        ValueList<OfAction> all = Finish();
        if (Problem(flow, all) is null)
        {
            return all;
        }

        int count = Enumerable.Range(1, _actions.Count).First(n => Problem(flow, all.Take(n).ToValueList()) is not null);
        throw _words[count - 1].Error(Problem(flow, all.Take(count).ToValueList())!);
    }

    /// <summary>Why a switch would refuse this action set of a flow; null if it would not.</summary>
    public static string? SetProblem(Match flow, ValueList<OfAction> actions) => Problem(ActionConsistency.SetAgainstMatch, flow, actions);

    private static string? Problem(Match flow, ValueList<OfAction> actions) => Problem(ActionConsistency.ListAgainstMatch, flow, actions);

    private static string? Problem(Action<Match, ValueList<OfAction>> check, Match flow, ValueList<OfAction> actions)
    {
        try
        {
            check(flow, actions);
            return null;
        }
        catch (OfErrorException refused)
        {
            return refused.Message;
        }
    }

    private void Append(OfAction action)
    {
        _actions.Add(action);
        _words.Add(_word);
    }

    private void BarePort(in Word word)
    {
        string name = word.Key;
        if (word.HasValue)
        {
            // "in_port" and the like are words; anything else with a value is an unknown action, and no switch need be asked for such a port.
            throw word.Error(PortNames.TryParse(name, null, out _) ? $"{name} takes no value" : $"unknown action {name}");
        }

        if (!PortNames.TryParse(name, ports, out _))
            throw word.Error($"unknown action {name}");

        Output(word, name);
    }

    private void Output(in Word word, string name)
    {
        if (word.Delimiter == '(')
        {
            throw word.Error("output(port=..,max_len=..) is not supported");
        }

        if (!PortNames.TryParse(name, ports, out uint port))
        {
            throw word.Error(name.Contains('[', StringComparison.Ordinal) ? "output to a field is not supported" : $"{name} is not a port");
        }

        if (port == OfPorts.Any)
        {
            throw word.Error("ANY is no port to output to");
        }

        // max_len matters for the controller only; elsewhere it is 0, as ovs-ofctl sends it.
        Append(new OutputAction(port, port == OfPorts.Controller ? ushort.MaxValue : (ushort)0));
    }

    private void Controller(in Word word)
    {
        ushort maxLen = ushort.MaxValue;
        if (word.Delimiter == '(')
        {
            WordReader arguments = new(word.Value, word.ValuePosition);
            while (arguments.Read(out Word argument))
            {
                switch (argument.Key)
                {
                    case "max_len":
                        maxLen = (ushort)Numbers.Parse(argument, "max_len", ushort.MaxValue);
                        break;
                    case "reason" when argument.Value == "action":
                    case "id" when argument.Value == "0":
                        break; // the only ones that OpenFlow 1.3's action has
                    default:
                        throw argument.Error("OpenFlow 1.3's controller action has only max_len");
                }
            }
        }
        else if (word.HasValue)
        {
            maxLen = (ushort)Numbers.Parse(word, "max_len", ushort.MaxValue);
        }

        Append(new OutputAction(OfPorts.Controller, maxLen));
    }

    private void Enqueue(in Word word)
    {
        string value = word.Need("enqueue:PORT:QUEUE");
        int split = value.LastIndexOfAny([':', ',']);
        if (split < 0)
        {
            throw word.Error("needs a queue: enqueue:PORT:QUEUE");
        }

        uint queue = (uint)Numbers.Parse(word, value[(split + 1)..], "a queue", uint.MaxValue);
        Append(new SetQueueAction(queue));
        Output(word with { Delimiter = ':' }, value[..split].Trim());
        _enqueue = word;
    }

    private void SetField(in Word word)
    {
        string value = word.Need("set_field:VALUE[/MASK]->FIELD");
        int arrow = value.LastIndexOf("->", StringComparison.Ordinal);
        if (arrow < 0)
        {
            throw word.Error("needs set_field:VALUE[/MASK]->FIELD");
        }

        string name = value[(arrow + 2)..];
        switch (name)
        {
            case "nw_tos":
                SetTos(word, value[..arrow], "nw_tos");
                return;
            case "nw_ttl": // no OXM field in OpenFlow 1.3, but an action
                Append(new SetNwTtlAction((byte)Numbers.Parse(word, value[..arrow], "a TTL", 255)));
                return;
            case "mpls_ttl":
                Append(new SetMplsTtlAction((byte)Numbers.Parse(word, value[..arrow], "a TTL", 255)));
                return;
        }

        Field field = FindField(word, name);
        Append(ParseSet(word, field, value[..arrow]));
    }

    private void Set(in Word word, Field field) => Append(ParseSet(word, field, word.Need($"{word.Key}:VALUE")));

    private static SetFieldAction ParseSet(in Word word, Field field, string text)
    {
        try
        {
            (UInt128 value, UInt128 mask) = FieldValueText.Parse(field, text);
            if (mask == 0)
            {
                throw word.Error("a mask of 0 sets nothing");
            }

            if (field == FieldTable.VlanVid && (mask & FlowKey.VlanPresent) != 0 && (value & FlowKey.VlanPresent) == 0)
            {
                throw word.Error("bit 0x1000 (OFPVID_PRESENT) of a VLAN id is always set: add 4096");
            }

            return new SetFieldAction(field, value, mask);
        }
        catch (FormatException problem)
        {
            throw word.Error(problem.Message);
        }
    }

    private void ModTos(in Word word) => SetTos(word, word.Need("mod_nw_tos:TOS"), "mod_nw_tos");

    private void SetTos(in Word word, string text, string what)
    {
        ulong tos = Numbers.Parse(word, text, what, 252);
        if ((tos & 3) != 0)
        {
            throw word.Error("the two low bits are ECN: leave them 0");
        }

        Append(new SetFieldAction(FieldTable.IpDscp, tos >> 2));
    }

    // load:VALUE->FIELD[FROM..TO]
    private void Load(in Word word)
    {
        const string Form = "needs load:VALUE->FIELD[FIRST..LAST]";
        string text = word.Need("load:VALUE->FIELD[FIRST..LAST]");
        int arrow = text.IndexOf("->", StringComparison.Ordinal);
        int open = text.IndexOf('[', StringComparison.Ordinal);
        if (arrow < 0 || open < arrow || text[^1] != ']')
        {
            throw word.Error(Form);
        }

        Field field = FindField(word, text[(arrow + 2)..open]);
        int first = 0, last = field.Bits - 1;
        string range = text.Substring(open + 1, text.Length - open - 2);
        if (range.Length > 0)
        {
            string[] ends = range.Split("..");
            first = (int)Numbers.Parse(word, ends[0], "a bit", (ulong)last);
            last = ends.Length switch
            {
                1 => first,
                2 => (int)Numbers.Parse(word, ends[1], "the last bit", (ulong)last, (ulong)first),
                _ => throw word.Error(Form),
            };
        }

        UInt128 bits = UInt128.MaxValue >> (127 - (last - first));
        if (!Numbers.TryParse(text.AsSpan(0, arrow), out UInt128 value))
        {
            throw word.Error($"{text[..arrow]} is not a number");
        }

        if (value > bits)
        {
            throw word.Error($"{text[..arrow]} does not fit into {last - first + 1} bits");
        }

        Append(new SetFieldAction(field, value << first, bits << first));
    }

    private static Field FindField(in Word word, string name)
    {
        Field field = FieldNames.Find(name) ?? throw word.Error(
            KeyFields.ByName.ContainsKey(name) || name.StartsWith("NXM_", StringComparison.Ordinal)
                ? $"setting {name} is not supported"
                : $"unknown field {name}");
        return field.Settable ? field : throw word.Error($"{name} cannot be set");
    }

    private Field Port(in Word word, Field tcp, Field udp, Field sctp)
    {
        if (match is not null)
        {
            foreach (Field field in (ReadOnlySpan<Field>)[tcp, udp, sctp])
            {
                if (_known.Meets(field.Needs))
                {
                    return field;
                }
            }
        }

        throw word.Error($"needs tcp, udp or sctp in the match; or name the field: set_field:{word.Value}->{tcp.Name}");
    }

    private void PushVlanIfNone()
    {
        if (!_hasVlan)
        {
            Append(new PushVlanAction(0x8100));
            _hasVlan = true;
        }
    }

    private static ushort EtherType(in Word word, params ReadOnlySpan<ushort> allowed)
    {
        ushort type = (ushort)Numbers.Parse(word, "an ethertype", ushort.MaxValue);
        if (allowed.Length > 0 && !allowed.Contains(type))
        {
            throw word.Error($"the ethertype is {string.Join(" or ", allowed.ToArray().Select(t => $"0x{t:x4}"))}");
        }

        return type;
    }

    private void Experimenter(in Word word)
    {
        string[] parts = word.Need("experimenter(0xNUMBER,HEX)").Split(',');
        if (parts.Length != 2)
        {
            throw word.Error("needs experimenter(0xNUMBER,HEX)");
        }

        uint experimenter = (uint)Numbers.Parse(word, parts[0].Trim(), "an experimenter number", uint.MaxValue);
        try
        {
            Append(new ExperimenterAction(experimenter, ValueList.Create<byte>(Convert.FromHexString(parts[1].Trim()))));
        }
        catch (FormatException)
        {
            throw word.Error($"{parts[1]} is not an even number of hexadecimal digits");
        }
    }
}
