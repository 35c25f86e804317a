using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.Datapath.Memory;

/// <summary>
/// Upcalls on their way to the sink: a bounded queue, delivered in order, in batches, by one thread at a time.
/// </summary>
internal sealed class UpcallQueue(int capacity) : IDisposable
{
    private const int BatchSize = 64;

    private readonly Lock _delivery = new();
    private readonly object _gate = new();
    private readonly Queue<Record> _records = new();
    private Thread? _thread;
    private IUpcallSink? _sink;
    private bool _busy;
    private bool _closed;

    /// <summary>From now on upcalls are taken; on a thread of their own if <paramref name="ownThread"/>.</summary>
    public void Start(IUpcallSink sink, bool ownThread)
    {
        lock (_gate)
        {
            if (_sink is not null)
            {
                throw new InvalidOperationException("upcalls were started before");
            }

            _sink = sink;
            if (ownThread)
            {
                _thread = new Thread(Loop) { Name = "upcalls", IsBackground = true };
                _thread.Start();
            }
        }
    }

    /// <summary>Appends an upcall; false when nobody listens or the queue is full.</summary>
    public bool TryAdd(in Upcall upcall)
    {
        Record record = new(upcall);
        lock (_gate)
        {
            if (_sink is null || _closed || _records.Count >= capacity)
            {
                return false;
            }

            _records.Enqueue(record);
            Monitor.PulseAll(_gate);
            return true;
        }
    }

    /// <summary>Delivers what waits, on this thread. Returns at once when called from a sink or another thread is at it.</summary>
    public void Deliver()
    {
        while (Pending() && !_delivery.IsHeldByCurrentThread && _delivery.TryEnter())
        {
            try
            {
                while (DeliverBatch())
                {
                }
            }
            finally
            {
                _delivery.Exit();
            }
        }
    }

    /// <summary>Waits until all upcalls were delivered by the own thread.</summary>
    public void WaitUntilIdle()
    {
        lock (_gate)
        {
            while ((_records.Count > 0 || _busy) && !_closed)
            {
                Monitor.Wait(_gate);
            }
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _closed = true;
            Monitor.PulseAll(_gate);
        }

        if (_thread != Thread.CurrentThread)
        {
            _thread?.Join();
        }
    }

    private bool Pending()
    {
        lock (_gate)
        {
            return _records.Count > 0 && !_closed;
        }
    }

    private void Loop()
    {
        while (true)
        {
            lock (_gate)
            {
                while (_records.Count == 0 && !_closed)
                {
                    Monitor.Wait(_gate);
                }

                if (_closed)
                {
                    return;
                }
            }

            DeliverBatch();
        }
    }

    private bool DeliverBatch()
    {
        List<Record> batch = [];
        IUpcallSink sink;
        lock (_gate)
        {
            while (batch.Count < BatchSize && !_closed && _records.TryDequeue(out Record? record))
            {
                batch.Add(record);
            }

            if (batch.Count == 0)
            {
                return false;
            }

            _busy = true;
            sink = _sink!;
        }

        try
        {
            foreach (Record record in batch)
            {
                record.DeliverTo(sink);
            }

            sink.OnBatchEnd();
        }
        finally
        {
            lock (_gate)
            {
                _busy = false;
                Monitor.PulseAll(_gate);
            }
        }

        return true;
    }

    private sealed class Record(in Upcall upcall)
    {
        private readonly UpcallReason _reason = upcall.Reason;
        private readonly FlowKey _key = upcall.Key;
        private readonly byte[] _packet = upcall.Packet.ToArray();
        private readonly int _length = upcall.Length;
        private readonly int _gsoSize = upcall.GsoSize;
        private readonly ulong _cookie = upcall.Cookie;

        public void DeliverTo(IUpcallSink sink) => sink.OnUpcall(new Upcall(_reason, in _key, _packet)
        {
            Length = _length,
            GsoSize = _gsoSize,
            Cookie = _cookie,
        });
    }
}
