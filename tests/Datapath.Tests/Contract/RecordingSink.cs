using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.Datapath.Tests.Contract;

/// <summary>A copy of an upcall.</summary>
internal sealed record RecordedUpcall(UpcallReason Reason, FlowKey Key, byte[] Packet, int Length, int GsoSize, ulong Cookie);

/// <summary>Keeps what comes up; thread safe.</summary>
internal sealed class RecordingSink : IUpcallSink
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(10);

    private readonly object _gate = new();
    private readonly List<RecordedUpcall> _upcalls = [];
    private readonly List<int> _batches = [];
    private int _open;

    /// <summary>Called with each upcall, on the delivering thread.</summary>
    public Action<RecordedUpcall>? Then { get; set; }

    /// <summary>Called at the end of each batch.</summary>
    public Action? AtBatchEnd { get; set; }

    /// <summary>Sizes of the batches that ended.</summary>
    public IReadOnlyList<int> Batches
    {
        get
        {
            lock (_gate)
            {
                return [.. _batches];
            }
        }
    }

    public void OnUpcall(in Upcall upcall)
    {
        RecordedUpcall copy = new(upcall.Reason, upcall.Key, upcall.Packet.ToArray(), upcall.Length, upcall.GsoSize, upcall.Cookie);
        Then?.Invoke(copy);
        lock (_gate)
        {
            _upcalls.Add(copy);
            _open++;
            Monitor.PulseAll(_gate);
        }
    }

    public void OnBatchEnd()
    {
        AtBatchEnd?.Invoke();
        lock (_gate)
        {
            _batches.Add(_open);
            _open = 0;
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Waits for <paramref name="count"/> upcalls in all and the end of their batch; returns all, and forgets them.</summary>
    public IReadOnlyList<RecordedUpcall> Take(int count)
    {
        lock (_gate)
        {
            long start = TimeProvider.System.GetTimestamp();
            while (_upcalls.Count < count || _open > 0)
            {
                TimeSpan left = _patience - TimeProvider.System.GetElapsedTime(start);
                if (left <= TimeSpan.Zero || !Monitor.Wait(_gate, left))
                {
                    Assert.Fail($"{_upcalls.Count} upcalls ({_open} of them in an open batch) after {_patience.TotalSeconds} s; {count} were to come");
                }
            }

            List<RecordedUpcall> result = [.. _upcalls];
            _upcalls.Clear();
            return result;
        }
    }

    /// <summary>What came up so far.</summary>
    public IReadOnlyList<RecordedUpcall> Take() => Take(0);
}
