using System.Globalization;
using System.Text;
using System.Text.Json;
using OvsBridge.Datapath;
using OvsBridge.OpenFlow;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Text;
using OvsBridge.Translator.Switch;
using OvsBridge.Translator.Tables;
using OvsBridge.Translator.Xlate;

namespace OvsBridge.Translator.Upcalls;

/// <summary>A megaflow for people to look at.</summary>
/// <param name="Key">Masked key.</param>
/// <param name="Mask">Its mask.</param>
/// <param name="Actions">What the datapath runs.</param>
/// <param name="SlowPath">Why packets come to user space; empty when they don't.</param>
/// <param name="Stats">Statistics.</param>
public sealed record MegaflowInfo(FlowKey Key, FlowKey Mask, DpActions Actions, ValueList<SlowPathReason> SlowPath, MegaflowStats Stats);

/// <summary>
/// The forwarding side of a switch: upcalls, megaflows, revalidation, packet_out, over one datapath.
/// </summary>
/// <remarks>
/// Any thread. Order of start: make it, make <c>OfSwitch</c> with it (which publishes the first snapshot), set
/// <see cref="PacketIns"/>, then <see cref="Start"/>. Dispose it before the datapath.
/// </remarks>
public sealed class Forwarding : IForwarding, IDisposable
{
    private const int MostRounds = 8; // of a packet through the datapath

    private readonly ForwardingContext _context;
    private readonly Ukeys _ukeys;
    private readonly Revalidator _revalidator;
    private readonly Lock _packetOutGate = new();
    private readonly PacketRunner _packetOuts;
    private ITimer? _restart;

    /// <summary>Makes it; nothing runs yet.</summary>
    /// <param name="datapath">What forwards.</param>
    /// <param name="macs">What NORMAL learns.</param>
    /// <param name="time">Clock; its timestamps must be those of the datapath.</param>
    /// <param name="maxFlows">Most megaflows.</param>
    /// <param name="slowPathRate">Most packets a second that user space executes for megaflows, while no slowpath meter is set; 0: any.</param>
    public Forwarding(IDatapath datapath, MacTable macs, TimeProvider time, int maxFlows = 200_000, uint slowPathRate = 0)
    {
        SlowPathRate = datapath.Capabilities.MaxMeters == 0 ? 0 : slowPathRate;
        Macs = macs;
        _context = new ForwardingContext
        {
            Datapath = datapath,
            Environment = new XlateEnvironment(datapath.Capabilities, macs),
            Time = time,
        };
        if (SlowPathRate != 0)
        {
            uint slot = datapath.Capabilities.MaxMeters - 1;
            datapath.SetMeter(slot, new DpMeter(CountsPackets: true, [new DpMeterBand(DpBandType.Drop, SlowPathRate)]));
            _context.Environment.SlowPathMeter = slot + 1;
        }

        _ukeys = new Ukeys(datapath, _context.Environment, time);
        _revalidator = new Revalidator(_context, _ukeys, maxFlows);
        _packetOuts = new PacketRunner(_context);
    }

    /// <summary>What NORMAL has learned.</summary>
    public MacTable Macs { get; }

    /// <summary>Counters.</summary>
    public ForwardingCounters Counters => _context.Counters;

    /// <summary>Where packets for controllers go.</summary>
    public IPacketInSink PacketIns
    {
        get => _context.PacketIns;
        set => _context.PacketIns = value;
    }

    /// <summary>Megaflows now.</summary>
    public int MegaflowCount => _ukeys.Count;

    /// <summary>Most megaflows at present.</summary>
    public int MegaflowLimit => _ukeys.Limit;

    /// <summary>Megaflows that found no room.</summary>
    public long MegaflowsRefused => _ukeys.Refused;

    /// <summary>Megaflows that were translated again since what they depend on had changed.</summary>
    public long Translations => _ukeys.Translations;

    /// <summary>How long the revalidator's last round took.</summary>
    public TimeSpan LastRound => _revalidator.LastRound;

    /// <summary>See the constructor.</summary>
    public uint SlowPathRate { get; }

    /// <summary>Packets that were dropped for being beyond <see cref="SlowPathRate"/>.</summary>
    public ulong SlowPathDropped =>
        SlowPathRate != 0 && _context.Datapath.ReadMeter(_context.Environment.SlowPathMeter - 1) is { } stats ? stats.Bands[0].Packets : 0;

    /// <summary>
    /// Whether <see cref="Dispose"/> leaves the megaflows in the datapath, which another process takes over.
    /// </summary>
    public bool LeaveBehind { get; set; }

    /// <summary>Told, on any thread, what became of a former process's megaflows.</summary>
    public Action<SweepResult>? Swept
    {
        get => _context.Swept;
        set => _context.Swept = value;
    }

    /// <summary>
    /// Before <see cref="Start"/>: takes over what the datapath has of a former process. These megaflows forward as they are until <see cref="EndRestart"/>.
    /// </summary>
    /// <param name="grace">When that comes by itself.</param>
    /// <returns>How many.</returns>
    public int Adopt(TimeSpan grace)
    {
        int count = _ukeys.Adopt(_context.Snapshot);
        if (count > 0 || _context.Datapath.AdoptedMeterSlots > 0)
        {
            _restart = _context.Time.CreateTimer(_ => EndRestart(), null, grace, Timeout.InfiniteTimeSpan);
        }

        return count;
    }

    /// <inheritdoc/>
    public void EndRestart()
    {
        if (Volatile.Read(ref _restart) is not null)
        {
            _ukeys.RequestSweep(); // first: who finds the timer gone may rely on it
            Interlocked.Exchange(ref _restart, null)?.Dispose();
            _revalidator.Wake();
        }
    }

    /// <summary>Starts to take upcalls and to revalidate.</summary>
    public void Start()
    {
        _context.Datapath.StartUpcalls(Handler());
        _revalidator.Start();
    }

    /// <inheritdoc/>
    public void SnapshotPublished(PipelineSnapshot snapshot)
    {
        _context.Snapshot = snapshot;
        _revalidator.Wake();
    }

    /// <inheritdoc/>
    public void CatchUp() => _revalidator.CatchUp();

    /// <inheritdoc/>
    public void PushStats() => _ukeys.PushStats();

    /// <inheritdoc/>
    public void PacketOut(uint inPort, ValueList<OfAction> actions, ReadOnlyMemory<byte> frame)
    {
        lock (_packetOutGate)
        {
            _packetOuts.PacketOut(PortNumbers.ToDatapath(inPort), actions, frame.Span);
        }
    }

    /// <summary>The installed megaflows with fresh statistics.</summary>
    public IReadOnlyList<MegaflowInfo> Megaflows() => _ukeys.Describe();

    /// <summary>What would happen to a packet, in the words of ofproto/trace. Nothing is sent, counted or learned.</summary>
    /// <param name="bridge">Name of the bridge.</param>
    /// <param name="key">The packet's key; in_port is a datapath port.</param>
    /// <param name="ports">Names for ports, or null.</param>
    /// <param name="wildcards">With the bits of the packet that each step looked at.</param>
    public string Trace(string bridge, in FlowKey key, PortNames? ports = null, bool wildcards = false)
    {
        StringBuilder text = new();
        Trace(key, (now, trace, result) =>
        {
            if (text.Length > 0)
            {
                text.Append('\n').Append('=', 79).Append('\n');
                text.Append(CultureInfo.InvariantCulture, $"recirc(0x{now.RecircId:x}) - resume with dp_hash=0x{now.DpHash:x}\n");
                text.Append('=', 79).Append("\n\n");
            }

            text.Append(TraceText.Print(bridge, now, trace, result, _context.Environment, ports, wildcards));
        });
        return text.ToString();
    }

    /// <summary>The same as JSON: an object with the bridge, and a round for each time that the packet comes in.</summary>
    /// <param name="json">Where to.</param>
    /// <param name="bridge">Name of the bridge.</param>
    /// <param name="key">See <see cref="Trace(string, in FlowKey, PortNames?, bool)"/>.</param>
    /// <param name="ports">Names for ports, or null.</param>
    public void Trace(Utf8JsonWriter json, string bridge, in FlowKey key, PortNames? ports = null)
    {
        json.WriteStartObject();
        json.WriteString("bridge", bridge);
        json.WriteStartArray("rounds");
        Trace(key, (now, trace, result) => TraceJson.Write(json, now, trace, result, _context.Environment, ports));
        json.WriteEndArray();
        json.WriteEndObject();
    }

    /// <summary>A megaflow's fields, by the names of ofproto/trace, as an object of strings.</summary>
    public static void WriteFields(Utf8JsonWriter json, string name, in FlowKey key, in FlowKey mask, PortNames? ports = null) =>
        TraceJson.Fields(json, name, FlowKeyText.PrintFields(key, mask, ports));

    /// <summary>What becomes of a packet that a program sends up with this cookie, in the words of a trace; null: not known.</summary>
    public string? DescribeUserspace(ulong cookie) => TraceText.Describe(cookie, _context.Environment);

    private void Trace(in FlowKey key, Action<FlowKey, XlateTrace, XlateResult> round)
    {
        Xlator xlator = new(_context.Environment);
        PipelineSnapshot snapshot = _context.Snapshot;
        FlowKey? next = key;
        for (int i = 0; next is { } now && i <= MostRounds; i++)
        {
            XlateTrace trace = new();
            round(now, trace, xlator.Translate(snapshot, now, trace));
            next = trace.Next;
        }
    }

    /// <summary>Forgets learned addresses and corrects the megaflows that used them.</summary>
    public void FlushMacs()
    {
        Macs.Flush();
        _revalidator.Round();
    }

    /// <summary>Removes all megaflows: the next packets are translated anew.</summary>
    public void PurgeMegaflows() => _ukeys.Clear();

    /// <summary>One periodic round of the revalidator, now, on the calling thread.</summary>
    public void RevalidateNow() => _revalidator.Round();

    /// <summary>Ends the revalidator and removes the megaflows.</summary>
    public void Dispose()
    {
        Interlocked.Exchange(ref _restart, null)?.Dispose();
        _revalidator.Dispose();
        if (!LeaveBehind)
        {
            _ukeys.Clear();
        }
    }

    /// <summary>What the translations share.</summary>
    internal XlateEnvironment Environment => _context.Environment;

    /// <summary>The records of the installed megaflows.</summary>
    internal IReadOnlyList<Ukey> Ukeys => _ukeys.All();

    /// <summary>What upcalls go to; without <see cref="Start"/>, a test's thread may deliver them.</summary>
    internal IUpcallSink Handler() => new UpcallHandler(_context, _ukeys, _revalidator.Wake);
}
