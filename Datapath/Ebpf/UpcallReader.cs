using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using OvsBridge.Datapath.Interop;
using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.Datapath.Ebpf;

/// <summary>
/// The thread that takes upcalls from the CPUs' perf rings to the sink, in order for each CPU, in batches of at most 64.
/// </summary>
/// <remarks>
/// <para>
/// The program wakes this thread only while it sleeps (bpf/upcall.bpf.h): it says so in map <c>upcall_reader</c>, looks at the
/// rings once more, and then waits. Each ring has two perf events: one that wakes, made by libbpf, and one that doesn't, which
/// shares the first one's memory.
/// </para>
/// <para>A ring that is full loses upcalls; the program counts them (<c>dp_stats.lost</c>), and so does the ring.</para>
/// </remarks>
internal sealed unsafe class UpcallReader : IDisposable
{
    private const int BatchSize = 64;

    private readonly MappedArray<UpcallReaderState> _state;
    private readonly int[] _cpus;
    private readonly List<SafeSocketFd> _silentEvents = [];
    private readonly SafeSocketFd _stopEvent;
    private readonly Thread _thread;
    private readonly GCHandle _self;
    private readonly PerfBufferHandle _buffer;
    private readonly nint _perf;
    private IUpcallSink? _sink;
    private byte[] _frame = new byte[2048];
    private int _inBatch; // records of any kind
    private bool _delivered; // one of them to the sink
    private long _read;
    private long _lost;
    private long _failed;
    private volatile bool _stopping;

    /// <summary>Makes the rings; from then on the program's upcalls collect there.</summary>
    /// <param name="upcalls">The perf event array, loaded.</param>
    /// <param name="state">Map <c>upcall_reader</c>.</param>
    /// <param name="possibleCpus">Possible CPUs; the second events' keys are behind those.</param>
    /// <param name="ringPages">Pages of each CPU's ring, a power of two.</param>
    public UpcallReader(BpfMap upcalls, MappedArray<UpcallReaderState> state, int possibleCpus, int ringPages)
    {
        _state = state;
        _cpus = [.. Cpus.Online()];
        _self = GCHandle.Alloc(this, GCHandleType.Weak);
        LibBpf.PerfEventAttributes attributes = Attributes(wakeupEvents: 1);
        fixed (int* cpus = _cpus)
        {
            LibBpf.PerfBufferOptions options = new()
            {
                Size = (nuint)sizeof(LibBpf.PerfBufferOptions),
                CpuCount = _cpus.Length,
                Cpus = cpus,
                MapKeys = cpus,
            };
            _perf = LibBpf.PerfBufferNew(upcalls.Fd, (nuint)ringPages, attributes, &OnEvent, GCHandle.ToIntPtr(_self), options);
        }

        if (_perf == 0)
        {
            int errno = Marshal.GetLastPInvokeError();
            _self.Free();
            throw Errno.Failed($"making upcall rings of {ringPages} pages", errno);
        }

        _buffer = new PerfBufferHandle(_perf);
        _stopEvent = new SafeSocketFd(LibC.EventFd(0, LibC.EventFdCloexec | LibC.EventFdNonblock));
        _thread = new Thread(Run) { Name = "upcalls", IsBackground = true };
        try
        {
            for (int i = 0; i < _cpus.Length; i++)
            {
                AddSilentEvent(upcalls, i, possibleCpus);
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Upcalls that reached the sink.</summary>
    public long Read => Interlocked.Read(ref _read);

    /// <summary>Upcalls that the rings say they lost.</summary>
    public long Lost => Interlocked.Read(ref _lost);

    /// <summary>Upcalls at which the sink threw: its bug, one packet lost each.</summary>
    public long Failed => Interlocked.Read(ref _failed);

    /// <summary>Receives samples of packets; null: they are thrown away.</summary>
    public Action<PacketSampleRecord>? Samples { get; set; }

    /// <summary>What the sink threw last.</summary>
    public Exception? LastFailure { get; private set; }

    /// <summary>Starts the thread.</summary>
    public void Start(IUpcallSink sink)
    {
        if (Interlocked.CompareExchange(ref _sink, sink, null) is not null)
        {
            throw new InvalidOperationException("upcalls were started already");
        }

        _thread.Start();
    }

    /// <summary>Ends the thread and frees the rings.</summary>
    public void Dispose()
    {
        _stopping = true;
        if (_sink is not null && _thread != Thread.CurrentThread)
        {
            _ = LibC.Write(_stopEvent.Fd, 1, sizeof(ulong));
            _thread.Join();
        }

        foreach (SafeSocketFd silent in _silentEvents)
        {
            silent.Dispose();
        }

        _buffer.Dispose();
        _stopEvent.Dispose();
        if (_self.IsAllocated)
        {
            _self.Free();
        }
    }

    private static LibBpf.PerfEventAttributes Attributes(uint wakeupEvents) => new()
    {
        Type = LibBpf.PerfTypeSoftware,
        Size = (uint)sizeof(LibBpf.PerfEventAttributes),
        Config = LibBpf.PerfBpfOutput,
        SamplePeriod = 1,
        SampleType = LibBpf.PerfSampleRaw,
        WakeupEvents = wakeupEvents,
    };

    /// <summary>
    /// Opens the event that does not wake, has it write to the ring of the one that does, and puts it in the map.
    /// </summary>
    private void AddSilentEvent(BpfMap upcalls, int index, int possibleCpus)
    {
        LibBpf.PerfEventAttributes attributes = Attributes(wakeupEvents: 0);
        int number = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? LibC.PerfEventOpenArm64 : LibC.PerfEventOpen;
        int fd = (int)LibC.SystemCall(number, &attributes, -1, _cpus[index], -1, (nint)LibC.PerfFdCloexec);
        if (fd < 0)
        {
            throw Errno.Failed("opening a perf event for upcalls", Marshal.GetLastPInvokeError());
        }

        _silentEvents.Add(new SafeSocketFd(fd));
        if (LibC.IoControl(fd, LibC.PerfIocSetOutput, LibBpf.PerfBufferFd(_perf, (nuint)index)) < 0
            || LibC.IoControl(fd, LibC.PerfIocEnable, 0) < 0)
        {
            throw Errno.Failed("sharing an upcall ring", Marshal.GetLastPInvokeError());
        }

        int key = possibleCpus + _cpus[index];
        if (LibBpf.MapUpdate(upcalls.Fd, &key, &fd, 0) < 0)
        {
            throw Errno.Failed("putting a perf event in map upcalls", Marshal.GetLastPInvokeError());
        }
    }

    private void Run()
    {
        Span<LibC.PollFd> wait =
        [
            new() { Fd = LibBpf.PerfBufferEpollFd(_perf), Events = LibC.PollIn },
            new() { Fd = _stopEvent.Fd, Events = LibC.PollIn },
        ];
        while (!_stopping)
        {
            if (Drain())
            {
                continue;
            }

            ref uint asleep = ref _state[0].Asleep;
            Volatile.Write(ref asleep, 1);
            Interlocked.MemoryBarrier();
            if (!Drain() && !_stopping)
            {
                _ = LibC.Poll(wait, (nuint)wait.Length, -1);
            }

            Volatile.Write(ref asleep, 0);
        }
    }

    /// <summary>Takes up to a batch from each ring; false when all were empty.</summary>
    private bool Drain()
    {
        bool any = false;
        for (int i = 0; i < _cpus.Length && !_stopping; i++)
        {
            // OnEvent ends it after a batch, so that the ring has room again while the sink works on it.
            _ = LibBpf.PerfBufferConsume(_perf, (nuint)i);
            any |= _inBatch > 0;
            EndBatch();
        }

        return any;
    }

    private void EndBatch()
    {
        _inBatch = 0;
        if (!_delivered)
        {
            return; // calls to wake up, samples: nothing that the sink waits with
        }

        _delivered = false;
        try
        {
            _sink!.OnBatchEnd();
        }
#pragma warning disable CA1031 // one bad packet must not stop the switch
        catch (Exception exception)
#pragma warning restore CA1031
        {
            Interlocked.Increment(ref _failed);
            LastFailure = exception;
        }
    }

    [UnmanagedCallersOnly]
    private static int OnEvent(nint context, int cpu, byte* record)
    {
        // struct perf_event_header: type, misc, size; sample: then its size and the data; lost: then id and count
        if (GCHandle.FromIntPtr(context).Target is not UpcallReader reader)
        {
            return LibBpf.PerfEventContinue;
        }

        switch (*(uint*)record)
        {
            case LibBpf.PerfRecordSample:
                reader.Deliver(record + 12, *(uint*)(record + 8));
                break;
            case LibBpf.PerfRecordLost:
                Interlocked.Add(ref reader._lost, (long)*(ulong*)(record + 16));
                break;
        }

        return ++reader._inBatch < BatchSize ? LibBpf.PerfEventContinue : LibBpf.PerfEventDone;
    }

    private void Deliver(byte* sample, uint size)
    {
        try
        {
            if (size < (uint)sizeof(UpcallRecord))
            {
                return; // a call to wake up
            }

            UpcallRecord record = Unsafe.ReadUnaligned<UpcallRecord>(sample);
            if ((record.Flags & Abi.UpcallRun) != 0)
            {
                Samples?.Invoke(Unsafe.ReadUnaligned<PacketSampleRecord>(sample));
                return;
            }

            FlowKey key = default;
            ((ReadOnlySpan<ulong>)record.Key).CopyTo(key.AsMutableWords());
            var bytes = new ReadOnlySpan<byte>(sample + sizeof(UpcallRecord), (int)Math.Min(record.CapLen, size - (uint)sizeof(UpcallRecord)));
            int length = (int)record.Len;
            if ((record.Flags & Abi.UpcallVlan) != 0 && bytes.Length >= 12)
            {
                bytes = WithTag(bytes, record.VlanTpid, record.VlanTci);
                length += 4;
            }

            Interlocked.Increment(ref _read);
            _delivered = true;
            _sink!.OnUpcall(new Upcall((UpcallReason)record.Reason, ref key, bytes)
            {
                Length = length,
                GsoSize = (int)record.GsoSize,
                Cookie = record.Cookie,
            });
        }
#pragma warning disable CA1031 // no exception may leave to native code, and one bad packet must not stop the switch
        catch (Exception exception)
#pragma warning restore CA1031
        {
            Interlocked.Increment(ref _failed);
            LastFailure = exception;
        }
    }

    private ReadOnlySpan<byte> WithTag(ReadOnlySpan<byte> bytes, Be16 tpid, Be16 tci)
    {
        int length = bytes.Length + 4;
        if (_frame.Length < length)
        {
            _frame = new byte[length];
        }

        bytes[..12].CopyTo(_frame);
        MemoryMarshal.Write(_frame.AsSpan(12), tpid);
        MemoryMarshal.Write(_frame.AsSpan(14), tci);
        bytes[12..].CopyTo(_frame.AsSpan(16));
        return _frame.AsSpan(0, length);
    }
}
