using System.Threading.Channels;
using OvsBridge.Datapath;
using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.Host.Unixctl;

/// <summary>
/// Shares the datapath's samples among those who watch: the datapath samples as often as the most curious wants, and not at all when the last
/// has gone.
/// </summary>
/// <remarks>Any thread. Samples come on the datapath's thread, which only copies them into the watchers' bounded queues.</remarks>
internal sealed class PacketMonitor(IDatapath datapath, TimeProvider time)
{
    private readonly Lock _gate = new();
    private Watcher[] _watchers = []; // replaced, not changed: the datapath's thread reads it without the lock
    private uint _oneIn;

    /// <summary>How many watch.</summary>
    public int Count => Volatile.Read(ref _watchers).Length;

    /// <summary>Begins to watch.</summary>
    /// <param name="oneIn">One packet in so many.</param>
    /// <param name="filter">Of which packets, in the datapath's port numbers.</param>
    /// <param name="request">See <see cref="Watcher.Request"/>.</param>
    /// <returns>The watcher; dispose of it to end.</returns>
    public Watcher Watch(uint oneIn, Match filter, string request)
    {
        Watcher watcher = new(this, oneIn, filter) { Request = request };
        lock (_gate)
        {
            Change([.. _watchers, watcher]);
        }

        return watcher;
    }

    private void Remove(Watcher watcher)
    {
        lock (_gate)
        {
            Change([.. _watchers.Where(other => other != watcher)]);
        }
    }

    private void Change(Watcher[] watchers)
    {
        Volatile.Write(ref _oneIn, watchers.Length == 0 ? 0 : watchers.Min(watcher => watcher.OneIn));
        Volatile.Write(ref _watchers, watchers);
        datapath.SamplePackets(_oneIn, watchers.Length == 0 ? null : Deliver);
    }

    private void Deliver(PacketSample sample)
    {
        DateTimeOffset now = time.GetLocalNow();
        uint oneIn = Math.Max(Volatile.Read(ref _oneIn), 1);
        foreach (Watcher watcher in Volatile.Read(ref _watchers))
            watcher.Offer(now, sample, oneIn);
    }

    /// <summary>One who watches.</summary>
    internal sealed class Watcher(PacketMonitor monitor, uint oneIn, Match filter) : IDisposable
    {
        private readonly Channel<(DateTimeOffset, PacketSample)> _samples = Channel.CreateBounded<(DateTimeOffset, PacketSample)>(4096);
        private long _missed;
        private int _disposed;

        /// <summary>One packet in so many.</summary>
        public uint OneIn => oneIn;

        /// <summary>What this one watches, in the words that it was asked in.</summary>
        public string Request { get; init; } = "";

        /// <summary>Samples that were left out since the last call, since there were too many.</summary>
        public long TakeMissed() => Interlocked.Exchange(ref _missed, 0);

        /// <summary>A sample was taken, of one packet in <paramref name="taken"/>.</summary>
        public void Offer(DateTimeOffset when, PacketSample sample, uint taken)
        {
            Interlocked.Add(ref _missed, sample.Missed);
            if (!filter.Matches(sample.Key) || (oneIn > taken && Random.Shared.NextInt64(oneIn) >= taken))
                return;
            if (!_samples.Writer.TryWrite((when, sample)))
                Interlocked.Increment(ref _missed);
        }

        /// <summary>Takes samples until there are enough or the time is over.</summary>
        /// <param name="least">So many are enough.</param>
        /// <param name="most">What is there is taken up to this.</param>
        /// <param name="patience">How long to wait.</param>
        /// <param name="gone">Nobody wants them any more.</param>
        /// <exception cref="OperationCanceledException">That is so.</exception>
        public async Task<List<(DateTimeOffset When, PacketSample Sample)>> TakeAsync(int least, int most, TimeSpan patience, CancellationToken gone)
        {
            List<(DateTimeOffset, PacketSample)> taken = [];
            using var over = new CancellationTokenSource(patience, monitor.Time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(over.Token, gone);
            try
            {
                while (taken.Count < least)
                    taken.Add(await _samples.Reader.ReadAsync(either.Token));
            }
            catch (OperationCanceledException) when (!gone.IsCancellationRequested)
            {
                // the time is over
            }

            while (taken.Count < most && _samples.Reader.TryRead(out (DateTimeOffset, PacketSample) more))
                taken.Add(more);
            return taken;
        }

        /// <inheritdoc/>
        public void Dispose()
        {
            if (Interlocked.Exchange(ref _disposed, 1) == 0)
                monitor.Remove(this);
        }
    }

    private TimeProvider Time => time;
}
