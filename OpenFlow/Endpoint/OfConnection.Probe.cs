using OvsBridge.OpenFlow.Messages;

namespace OvsBridge.OpenFlow.Endpoint;

/// <summary>Inactivity probe, and the time limit of the handshake.</summary>
public sealed partial class OfConnection
{
    private readonly Lock _probeLock = new();
    private ITimer? _probeTimer;
    private long _lastReceived;
    private bool _probing;

    private void StartProbe()
    {
        _lastReceived = _options.Time.GetTimestamp();
        lock (_probeLock)
        {
            _probeTimer = _options.Time.CreateTimer(_ => Probe(), null, _options.HandshakeTimeout, Timeout.InfiniteTimeSpan);
        }
    }

    private void StopProbe()
    {
        lock (_probeLock)
        {
            _probeTimer?.Dispose();
            _probeTimer = null;
        }
    }

    private void NoteReceived()
    {
        Volatile.Write(ref _lastReceived, _options.Time.GetTimestamp());
        Volatile.Write(ref _probing, false);
    }

    private void ArmProbe(TimeSpan due)
    {
        lock (_probeLock)
        {
            _probeTimer?.Change(due, Timeout.InfiniteTimeSpan);
        }
    }

    private void Probe()
    {
        TimeSpan interval = _options.InactivityProbe;
        TimeSpan silence = _options.Time.GetElapsedTime(Volatile.Read(ref _lastReceived));
        if (Version == 0)
        {
            Close($"no HELLO within {_options.HandshakeTimeout.TotalSeconds:0.###} s", keepInbox: false, flush: false);
        }
        else if (interval <= TimeSpan.Zero)
        {
            // never ask
        }
        else if (IsInboxFull)
        {
            // We are the one who does not read. That is fair while requests are being handled, but not while they wait for a
            // peer that does not take our replies.
            TimeSpan stalled = _options.Time.GetElapsedTime(Interlocked.Read(ref _lastWrote));
            if (QueuedBytes > _options.PauseBytes && stalled >= 2 * interval)
                Close($"the peer does not read: it has taken nothing for {stalled.TotalSeconds:0.###} s", keepInbox: false, flush: false);
            else
                ArmProbe(interval);
        }
        else if (silence < interval)
        {
            ArmProbe(interval - silence);
        }
        else if (!Volatile.Read(ref _probing))
        {
            LogProbe(Name, silence.TotalSeconds);
            Volatile.Write(ref _probing, true);
            Send(new EchoRequest(ReadOnlyMemory<byte>.Empty) { Xid = NextXid() });
            ArmProbe(interval);
        }
        else
        {
            Close($"no answer to an echo request: silent for {silence.TotalSeconds:0.###} s", keepInbox: false, flush: false);
        }
    }
}
