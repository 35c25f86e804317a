using OvsBridge.Datapath;
using OvsBridge.OpenFlow;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.Translator.Switch;
using OvsBridge.Translator.Xlate;

namespace OvsBridge.Translator.Upcalls;

/// <summary>
/// Runs packets that are in user space through the pipeline and the datapath: those that missed, those of the slow path,
/// packet_outs; and hands to the controllers what is for them.
/// </summary>
/// <remarks>
/// One thread at a time. Executing a packet may bring it back here (an action that sends it to a controller, a recirculation
/// that misses), so <see cref="OnUpcall"/> is called again while it runs, each time one level deeper.
/// </remarks>
internal sealed class PacketRunner : IUpcallSink
{
    private const int MaxDepth = 8;
    private const int FirstTunnelWord = 17;

    private readonly ForwardingContext _context;
    private readonly Xlator _xlator;
    private readonly List<DpPacket> _packets = [];
    private byte[] _frame = new byte[2048];
    private int _depth;

    internal PacketRunner(ForwardingContext context)
    {
        _context = context;
        _xlator = new Xlator(context.Environment);
    }

    /// <summary>
    /// Receives a megaflow for each packet that missed, and sends what packets leave behind at its end; null: no megaflows are wanted, and packets leave at once.
    /// </summary>
    internal MegaflowBatch? Batch { get; init; }

    /// <inheritdoc/>
    public void OnUpcall(in Upcall upcall)
    {
        if (_depth == MaxDepth)
        {
            _context.Counters.Count(ForwardingCounter.TooDeep);
            return;
        }

        _depth++;
        try
        {
            switch (upcall.Reason)
            {
                case UpcallReason.Miss:
                    Miss(upcall);
                    break;
                case UpcallReason.SlowPath:
                    SlowPath(upcall);
                    break;
                case UpcallReason.Controller or UpcallReason.InvalidTtl:
                    ToControllers(upcall);
                    break;
                default:
                    _context.Counters.Count(ForwardingCounter.UnknownUpcall);
                    break;
            }
        }
        finally
        {
            _depth--;
        }
    }

    /// <inheritdoc/>
    public void OnBatchEnd()
    {
        // Batches are the upcall handler's; what comes up while a packet is executed belongs to none.
    }

    /// <summary>Runs a packet_out.</summary>
    /// <param name="inPort">Datapath port that it counts as received from, 0: the controller.</param>
    /// <param name="actions">Its actions.</param>
    /// <param name="frame">The frame.</param>
    internal void PacketOut(uint inPort, ValueList<OfAction> actions, ReadOnlySpan<byte> frame)
    {
        if (!PacketParser.TryParse(frame, inPort, out FlowKey key))
        {
            _context.Counters.Count(ForwardingCounter.TooShort);
            return;
        }

        _context.Counters.Count(ForwardingCounter.PacketOut);
        XlateResult result = _xlator.TranslatePacketOut(_context.Snapshot, key, actions);
        Credit(result, frame.Length, _context.Time.NowNs());
        _depth++;
        try
        {
            DpPacket packet = Packet();
            packet.Load(frame, inPort);
            Execute(packet, result);
        }
        finally
        {
            _depth--;
        }
    }

    private void Miss(in Upcall upcall)
    {
        _context.Counters.Count(ForwardingCounter.Miss);
        Ukey ukey = Batch?.Take() ?? new Ukey();
        XlateResult result = ukey.Result;
        _xlator.Translate(_context.Snapshot, upcall.Key, result);
        long nowNs = _context.Time.NowNs();
        Credit(result, upcall.Length, nowNs); // the datapath counts from the megaflow on
        Execute(Load(upcall), result);
        if (result.Error is null || upcall.Key.RecircId == 0)
        {
            ukey.Begin(upcall.Key, nowNs);
            Batch?.Made.Add(ukey);
        }
        else
        {
            Batch?.Free(ukey);
        }
    }

    /// <summary>The megaflow has counted the packet; here it is only translated and executed.</summary>
    private void SlowPath(in Upcall upcall)
    {
        _context.Counters.Count(ForwardingCounter.SlowPath);
        if ((upcall.Cookie & Xlator.ContinuationCookie) == 0)
        {
            Execute(Load(upcall), _xlator.Translate(_context.Snapshot, upcall.Key));
            return;
        }

        if (_context.Environment.Continuations.Find((uint)upcall.Cookie) is not { } continuation)
        {
            _context.Counters.Count(ForwardingCounter.Forgotten);
            return;
        }

        DpPacket packet = Load(upcall);
        if (!PacketParser.TryParse(packet, out FlowKey key, out _))
        {
            _context.Counters.Count(ForwardingCounter.TooShort);
            return;
        }

        // What the bytes don't have stays with the packet: its tunnel.
        upcall.Key.AsWords()[FirstTunnelWord..FlowKey.PacketWords].CopyTo(key.AsMutableWords()[FirstTunnelWord..]);
        XlateResult result = _xlator.Resume(_context.Snapshot, key, continuation);
        Credit(result, upcall.Length, _context.Time.NowNs()); // the rest of the way: nobody has counted that
        Execute(packet, result);
    }

    private void ToControllers(in Upcall upcall)
    {
        if (_context.Environment.PacketIns.Find((uint)upcall.Cookie) is not { } record)
        {
            _context.Counters.Count(ForwardingCounter.Forgotten); // of a megaflow that is gone for long
            return;
        }

        _context.Counters.Count(ForwardingCounter.ToControllers);
        if (_frame.Length < upcall.Packet.Length)
        {
            _frame = new byte[upcall.Packet.Length];
        }

        upcall.Packet.CopyTo(_frame);
        FlowKey fields = record.Pipeline;
        for (int word = FirstTunnelWord; word < FlowKey.PacketWords; word++)
        {
            ulong written = record.TunnelMask.AsWords()[word];
            fields.AsMutableWords()[word] = (upcall.Key.AsWords()[word] & ~written) | (record.Tunnel.AsWords()[word] & written);
        }

        fields.DpHash = 0;
        fields.InPort = PortNumbers.FromDatapath(upcall.Key.InPort);
        _context.PacketIns.OnPacketIn(new PacketInEvent
        {
            Reason = record.Reason,
            TableId = record.TableId,
            Cookie = record.Cookie,
            MaxLength = record.MaxLength,
            ControllerId = record.ControllerId,
            PipelineFields = fields,
            InPort = fields.InPort,
            Frame = _frame.AsMemory(0, upcall.Packet.Length),
            TotalLength = upcall.Length,
        });
    }

    private void Credit(XlateResult result, int length, long nowNs) =>
        result.Credits.Add(1, (ulong)length, nowNs, _context.Environment.Macs);

    private DpPacket Load(in Upcall upcall)
    {
        DpPacket packet = Packet();
        packet.Load(upcall.Packet, upcall.Key.InPort, upcall.GsoSize);
        packet.TotalLength = upcall.Length;
        return packet;
    }

    /// <summary>The buffer of this depth; those above are in use.</summary>
    private DpPacket Packet()
    {
        while (_packets.Count < _depth)
        {
            _packets.Add(new DpPacket());
        }

        return _packets[_depth - 1];
    }

    private void Execute(DpPacket packet, XlateResult result)
    {
        if (result.Error is not null)
        {
            _context.Counters.Count(ForwardingCounter.GivenUp);
            _context.Counters.LastError = result.Error;
        }

        if (!result.Actions.IsEmpty)
        {
            _context.Datapath.Execute(packet, result.Actions, this, mayWait: Batch is not null);
        }
    }
}
