using OvsBridge.Datapath;
using OvsBridge.Translator.Tables;

namespace OvsBridge.Translator.Upcalls;

/// <summary>
/// What the datapath's upcall thread calls: translates and executes each packet, in order, and installs megaflows behind
/// each batch: a packet that is still waiting here would otherwise be overtaken by its successors in the kernel.
/// </summary>
/// <remarks>A packet whose handling fails by a fault of ours is counted, kept for the log, and dropped; the next goes on.</remarks>
internal sealed class UpcallHandler : IUpcallSink
{
    private readonly ForwardingContext _context;
    private readonly Ukeys _ukeys;
    private readonly PacketRunner _runner;
    private readonly MegaflowBatch _batch = new();
    private readonly Func<PipelineSnapshot> _newest;
    private readonly Action<Exception> _fault;
    private readonly Action _macsChanged;
    private long _macVersion;

    /// <summary>Makes a handler.</summary>
    /// <param name="context">What the parts share.</param>
    /// <param name="ukeys">Where megaflows go.</param>
    /// <param name="macsChanged">Called behind a batch that taught an address, or that one has moved.</param>
    internal UpcallHandler(ForwardingContext context, Ukeys ukeys, Action macsChanged)
    {
        _macsChanged = macsChanged;
        _context = context;
        _ukeys = ukeys;
        _runner = new PacketRunner(context) { Batch = _batch };
        _newest = () => _context.Snapshot;
        _fault = Fault;
    }

    /// <inheritdoc/>
    public void OnUpcall(in Upcall upcall)
    {
        try
        {
            _runner.OnUpcall(upcall);
        }
        catch (Exception e)
        {
            Fault(e);
        }
    }

    /// <inheritdoc/>
    public void OnBatchEnd()
    {
        _context.Datapath.SendWaiting();
        _ukeys.Install(_batch, _newest, _fault);
        long macVersion = _context.Environment.Macs.Version;
        if (macVersion != _macVersion)
        {
            _macVersion = macVersion;
            _macsChanged();
        }
    }

    private void Fault(Exception e)
    {
        _context.Counters.Count(ForwardingCounter.Fault);
        _context.Counters.LastFault = e;
    }
}
