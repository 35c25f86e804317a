using OvsBridge.Datapath;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.Translator.Xlate;

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
    private readonly List<(FlowKey Key, XlateResult Result)> _translated = [];
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
        _runner = new PacketRunner(context) { Translated = (key, result) => _translated.Add((key, result)) };
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
        foreach ((FlowKey key, XlateResult result) in _translated)
        {
            try
            {
                _ukeys.Install(key, result, () => _context.Snapshot);
            }
            catch (Exception e)
            {
                Fault(e);
            }
        }

        _translated.Clear();
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
