using System.Runtime.CompilerServices;
using OvsBridge.Datapath.Interop;
using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.Datapath;

/// <summary>What an action program does besides changing its packet. Called on the thread that runs the program.</summary>
internal interface IDpActionOwner
{
    /// <summary>Sends <paramref name="packet"/> out; a port that is not there, or may not send, is the owner's to count.</summary>
    void Output(DpPacket packet, in DpOutput output);

    /// <summary>Hands the packet, as it is now, to user space.</summary>
    /// <param name="packet">The packet.</param>
    /// <param name="key">The packet's key as it came in.</param>
    /// <param name="reason">Why.</param>
    /// <param name="request">Cookie and wanted length.</param>
    void Userspace(DpPacket packet, in FlowKey key, UpcallReason reason, in DpUserspace request);

    /// <summary>Counts a packet of <paramref name="length"/> bytes with the meter in <paramref name="slot"/>, and takes its tokens.</summary>
    MeterVerdict Meter(uint slot, int length);

    /// <summary>A hash of the packet's flow, started with <paramref name="seed"/>.</summary>
    uint Hash(uint seed, in FlowKey key);

    /// <summary>
    /// Looks the packet up again. <paramref name="context"/> has no packet fields but those that the bytes don't have: recirc_id, dp_hash, tun_*.
    /// </summary>
    void Recirculate(DpPacket packet, in FlowKey context);

    /// <summary>True with <paramref name="probability"/> / 2^32.</summary>
    bool Sample(uint probability);

    /// <summary>Counts a drop; the program ends.</summary>
    void Drop(DropReason reason);
}

/// <summary>One output of a program.</summary>
/// <param name="Port">Datapath port number.</param>
/// <param name="Length">Bytes of the packet to send.</param>
/// <param name="Priority">skb priority (queue) that the program set, else 0.</param>
/// <param name="Tunnel">Whether the program set a tunnel.</param>
/// <param name="TunnelTo">That tunnel.</param>
internal readonly record struct DpOutput(uint Port, int Length, uint Priority, bool Tunnel, DpSetTunnel TunnelTo);

/// <summary>
/// Runs action programs on packets that user space holds, with the same effect on the bytes as bpf/actions.bpf.h and what it includes.
/// </summary>
/// <remarks>
/// <para>
/// A program that asks for what a packet lacks (a VLAN tag to pop, a TTL to decrement) drops it with
/// <see cref="DropReason.ActionError"/>; an unknown action, or a payload that is too short, with <see cref="DropReason.BadProgram"/>. Outputs
/// before that stand. A packet that exceeds a meter between a save and its restore ends that part only. A program that ends without having handed the packet to anybody (no output, not even to a port that is not there, nothing for user
/// space) drops it with <see cref="DropReason.Action"/>.
/// </para>
/// <para>Reusable and not thread safe; an owner that is called back may not run the same executor again.</para>
/// </remarks>
internal sealed class DpActionExecutor
{
    /// <summary>Most packets kept by <see cref="DpActionType.Save"/> at a time.</summary>
    public const int MaxSaved = 16;

    private readonly List<SavedPacket> _saved = [];
    private int _savedCount;
    private State _state;
    private PacketLayout _layout;
    private FlowKey _key;
    private bool _parsed;

    /// <summary>Runs <paramref name="actions"/> on <paramref name="packet"/>, whose key is parsed here.</summary>
    /// <returns>False when the frame is too short to have a key (counted as <see cref="DropReason.TooShort"/>).</returns>
    public bool Run(DpPacket packet, DpActions actions, IDpActionOwner owner)
    {
        if (!PacketParser.TryParse(packet, out FlowKey key, out _))
        {
            owner.Drop(DropReason.TooShort);
            return false;
        }

        Run(packet, key, actions, owner);
        return true;
    }

    /// <summary>Runs <paramref name="actions"/> on <paramref name="packet"/>, which has at least an Ethernet header.</summary>
    /// <param name="packet">The packet; its bytes change.</param>
    /// <param name="key">Its key as it came in: upcalls carry it, and recirculation keeps its tunnel.</param>
    /// <param name="actions">The program.</param>
    /// <param name="owner">Where the packet goes.</param>
    public void Run(DpPacket packet, in FlowKey key, DpActions actions, IDpActionOwner owner)
    {
        _savedCount = 0;
        _parsed = false;
        _state = default;
        _state.Truncate = int.MaxValue;
        bool handled = false;
        int ended = 0; // clones to leave: the innermost was dropped
        foreach (DpActionView action in actions)
        {
            if (ended > 0)
            {
                ended += action.Type == DpActionType.Save ? 1 : action.Type == DpActionType.Restore ? -1 : 0;
                if (ended > 0)
                {
                    continue;
                }
            }

            if (action.Payload.Length < PayloadSize(action.Type))
            {
                owner.Drop(DropReason.BadProgram);
                return;
            }

            handled |= action.Type is DpActionType.Output or DpActionType.Userspace or DpActionType.Sample;
            switch (action.Type)
            {
                case DpActionType.Output:
                    int length = Math.Min(packet.Length, _state.Truncate);
                    _state.Truncate = int.MaxValue;
                    owner.Output(packet, new DpOutput(action.Arg, length, _state.Priority, _state.HasTunnel, _state.Tunnel));
                    break;
                case DpActionType.Userspace:
                    ToUserspace(packet, key, (UpcallReason)action.Arg, action.Read<DpUserspace>(), owner);
                    break;
                case DpActionType.Sample:
                    if (owner.Sample(action.Arg))
                    {
                        ToUserspace(packet, key, UpcallReason.Sample, action.Read<DpUserspace>(), owner);
                    }

                    break;
                case DpActionType.Meter:
                    MeterVerdict verdict = owner.Meter(action.Arg, packet.TotalLength);
                    if (!verdict.Passes)
                    {
                        owner.Drop(DropReason.Meter);
                        if (_savedCount == 0)
                        {
                            return;
                        }

                        handled = true;
                        ended = 1;
                        break;
                    }

                    if (verdict.Remark != 0)
                    {
                        Parse(packet);
                        _parsed = false;
                        PacketRewriter.RaiseDropPrecedence(packet, _layout, verdict.Remark);
                    }

                    break;
                case DpActionType.Hash:
                    Parse(packet);
                    _state.Hash = owner.Hash(action.Arg, _key);
                    break;
                case DpActionType.SetTunnel:
                    _state.HasTunnel = true;
                    _state.Tunnel = action.Read<DpSetTunnel>();
                    break;
                case DpActionType.SetPriority:
                    _state.Priority = action.Arg;
                    break;
                case DpActionType.Trunc:
                    _state.Truncate = (int)Math.Min(action.Arg, int.MaxValue);
                    break;
                case DpActionType.Recirc:
                    owner.Recirculate(packet, RecirculationContext(key, action.Arg));
                    return;
                case DpActionType.Drop:
                    owner.Drop(action.Arg is 0 or >= DropReasons.Count ? DropReason.Explicit : (DropReason)action.Arg);
                    return;
                case DpActionType.DecTtl or DpActionType.DecMplsTtl:
                    if (!DecrementTtl(packet, key, action, owner))
                    {
                        return;
                    }

                    break;
                default:
                    DropReason failure = Rewrite(packet, action);
                    if (failure != DropReason.Unspec)
                    {
                        owner.Drop(failure);
                        return;
                    }

                    break;
            }
        }

        if (!handled)
        {
            owner.Drop(DropReason.Action);
        }
    }

    /// <summary>Hands a copy to user space, if it passes the meter for that; the packet itself goes on in any case.</summary>
    private static void ToUserspace(DpPacket packet, in FlowKey key, UpcallReason reason, in DpUserspace request, IDpActionOwner owner)
    {
        if (request.Meter != 0 && !owner.Meter(request.Meter - 1, packet.TotalLength).Passes)
        {
            owner.Drop(DropReason.Meter);
        }
        else
        {
            owner.Userspace(packet, key, reason, request);
        }
    }

    /// <summary>Payload bytes that an action has at least.</summary>
    private static int PayloadSize(DpActionType type) => type switch
    {
        DpActionType.Userspace or DpActionType.Sample => Unsafe.SizeOf<DpUserspace>(),
        DpActionType.SetEth => 2 * Unsafe.SizeOf<DpSetEth>(),
        DpActionType.SetIpv4 => 2 * Unsafe.SizeOf<DpSetIpv4>(),
        DpActionType.SetIpv6 => 2 * Unsafe.SizeOf<DpSetIpv6>(),
        DpActionType.SetArp => 2 * Unsafe.SizeOf<DpSetArp>(),
        DpActionType.SetTp => 2 * Unsafe.SizeOf<DpSetTp>(),
        DpActionType.SetNd => 2 * Unsafe.SizeOf<DpSetNd>(),
        DpActionType.SetMpls or DpActionType.SetPbb => Unsafe.SizeOf<DpSetMpls>(),
        DpActionType.PushMpls or DpActionType.PushMplsFront => Unsafe.SizeOf<DpPushMpls>(),
        DpActionType.PushPbb => Unsafe.SizeOf<DpPushPbb>(),
        DpActionType.SetTunnel => Unsafe.SizeOf<DpSetTunnel>(),
        _ => 0,
    };

    /// <summary>Runs an action that changes bytes only; <see cref="DropReason.Unspec"/> when it went well.</summary>
    private DropReason Rewrite(DpPacket packet, DpActionView action)
    {
        Parse(packet);
        _parsed = false;
        uint arg = action.Arg;
        bool done;
        switch (action.Type)
        {
            case DpActionType.PushVlan:
                PacketRewriter.PushVlan(packet, (ushort)(arg >> 16), (ushort)arg);
                done = true;
                break;
            case DpActionType.PopVlan:
                done = PacketRewriter.PopVlan(packet, _layout);
                break;
            case DpActionType.SetVlan:
                done = PacketRewriter.SetVlan(packet, _layout, (ushort)arg, (ushort)(arg >> 16));
                break;
            case DpActionType.SetEth:
                done = PacketRewriter.SetEth(packet, _layout, action.Read<DpSetEth>(), action.Read<DpSetEth>(1));
                break;
            case DpActionType.SetIpv4:
                done = PacketRewriter.SetIpv4(packet, _layout, action.Read<DpSetIpv4>(), action.Read<DpSetIpv4>(1));
                break;
            case DpActionType.SetIpv6:
                done = PacketRewriter.SetIpv6(packet, _layout, action.Read<DpSetIpv6>(), action.Read<DpSetIpv6>(1));
                break;
            case DpActionType.SetArp:
                done = PacketRewriter.SetArp(packet, _layout, action.Read<DpSetArp>(), action.Read<DpSetArp>(1));
                break;
            case DpActionType.SetTp:
                done = PacketRewriter.SetTp(packet, _layout, action.Read<DpSetTp>(), action.Read<DpSetTp>(1));
                break;
            case DpActionType.SetNd:
                done = PacketRewriter.SetNd(packet, _layout, action.Read<DpSetNd>(), action.Read<DpSetNd>(1));
                break;
            case DpActionType.SetMpls:
                done = PacketRewriter.SetTag(packet, _layout, NetworkHeader.Mpls, action.Read<DpSetMpls>());
                break;
            case DpActionType.SetPbb:
                done = PacketRewriter.SetTag(packet, _layout, NetworkHeader.Pbb, action.Read<DpSetMpls>());
                break;
            case DpActionType.PushMpls:
                done = PacketRewriter.PushMpls(packet, _layout, (ushort)arg, action.Read<DpPushMpls>().Lse);
                break;
            case DpActionType.PushMplsFront:
                done = PacketRewriter.PushMplsFront(packet, _layout, (ushort)arg, action.Read<DpPushMpls>().Lse);
                break;
            case DpActionType.PopMpls:
                done = PacketRewriter.PopMpls(packet, _layout, (ushort)arg);
                break;
            case DpActionType.PushPbb:
                PacketRewriter.PushPbb(packet, (ushort)arg, action.Read<DpPushPbb>().Itag);
                done = true;
                break;
            case DpActionType.PopPbb:
                done = PacketRewriter.PopPbb(packet, _layout);
                break;
            case DpActionType.CopyTtlOut:
                done = PacketRewriter.CopyTtlOut(packet, _layout);
                break;
            case DpActionType.CopyTtlIn:
                done = PacketRewriter.CopyTtlIn(packet, _layout);
                break;
            case DpActionType.Save when _savedCount < MaxSaved:
                Save(packet);
                done = true;
                break;
            case DpActionType.Restore when _savedCount > 0:
                Restore(packet);
                done = true;
                break;
            default:
                return DropReason.BadProgram;
        }

        return done ? DropReason.Unspec : DropReason.ActionError;
    }

    /// <summary>False: the packet is gone.</summary>
    private bool DecrementTtl(DpPacket packet, in FlowKey key, DpActionView action, IDpActionOwner owner)
    {
        Parse(packet);
        bool mpls = action.Type == DpActionType.DecMplsTtl;
        byte? ttl = mpls ? PacketRewriter.MplsTtl(packet, _layout) : PacketRewriter.Ttl(packet, _layout);
        if (ttl is null)
        {
            owner.Drop(DropReason.ActionError);
            return false;
        }

        if (ttl <= 1)
        {
            if (action.Payload.Length >= Unsafe.SizeOf<DpUserspace>())
            {
                ToUserspace(packet, key, UpcallReason.InvalidTtl, action.Read<DpUserspace>(), owner);
            }
            else
            {
                owner.Drop(DropReason.Ttl);
            }

            return false;
        }

        _parsed = false;
        if (mpls)
        {
            PacketRewriter.SetMplsTtl(packet, _layout, (byte)(ttl - 1));
        }
        else
        {
            PacketRewriter.SetTtl(packet, _layout, (byte)(ttl - 1));
        }

        return true;
    }

    private void Parse(DpPacket packet)
    {
        if (!_parsed)
        {
            _parsed = PacketParser.TryParse(packet, out _key, out _layout);
        }
    }

    private FlowKey RecirculationContext(in FlowKey key, uint recircId)
    {
        FlowKey context = default;
        context.InPort = key.InPort;
        context.RecircId = recircId;
        context.DpHash = _state.Hash;
        if (_state.HasTunnel)
        {
            context.TunId = _state.Tunnel.Id;
            context.TunSrc = _state.Tunnel.Src;
            context.TunDst = _state.Tunnel.Dst;
            context.TunIpv6Src = _state.Tunnel.Ipv6Src;
            context.TunIpv6Dst = _state.Tunnel.Ipv6Dst;
            context.TunFlags = _state.Tunnel.Flags;
            context.TunTos = _state.Tunnel.Tos;
            context.TunTtl = _state.Tunnel.Ttl;
        }
        else
        {
            context.TunId = key.TunId;
            context.TunSrc = key.TunSrc;
            context.TunDst = key.TunDst;
            context.TunIpv6Src = key.TunIpv6Src;
            context.TunIpv6Dst = key.TunIpv6Dst;
            context.TunFlags = key.TunFlags;
            context.TunTos = key.TunTos;
            context.TunTtl = key.TunTtl;
        }

        return context;
    }

    private void Save(DpPacket packet)
    {
        if (_savedCount == _saved.Count)
        {
            _saved.Add(new SavedPacket());
        }

        _saved[_savedCount++].Keep(packet, _state);
    }

    private void Restore(DpPacket packet) => _saved[--_savedCount].PutBack(packet, out _state);

    /// <summary>What a program knows about its packet besides the bytes.</summary>
    private struct State
    {
        public int Truncate;
        public uint Priority;
        public uint Hash;
        public bool HasTunnel;
        public DpSetTunnel Tunnel;
    }

    private sealed class SavedPacket
    {
        private byte[] _bytes = [];
        private int _length;
        private int _totalLength;
        private State _state;

        public void Keep(DpPacket packet, in State state)
        {
            if (_bytes.Length < packet.Length)
            {
                _bytes = new byte[packet.Length];
            }

            packet.Data.CopyTo(_bytes);
            _length = packet.Length;
            _totalLength = packet.TotalLength;
            _state = state;
        }

        public void PutBack(DpPacket packet, out State state)
        {
            packet.Load(_bytes.AsSpan(0, _length), packet.InPort, packet.GsoSize);
            packet.TotalLength = _totalLength;
            state = _state;
        }
    }
}
