using System.Diagnostics.CodeAnalysis;
using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Messages;

namespace OvsBridge.Translator.Switch;

/// <summary>A bundle that is being filled (ONF EXT-230).</summary>
/// <param name="id">Its number in the connection.</param>
/// <param name="flags">What every message about it must repeat.</param>
/// <param name="opener">The message that opened it, which a time-out quotes.</param>
internal sealed class Bundle(uint id, BundleFlags flags, byte[] opener)
{
    private readonly List<ReadOnlyMemory<byte>> _messages = [];

    public uint Id => id;

    public BundleFlags Flags => flags;

    public ReadOnlySpan<byte> Opener => opener;

    /// <summary>Closed: it can be committed or discarded only.</summary>
    public bool IsClosed { get; set; }

    /// <summary>When a message about it came last.</summary>
    public long UsedNs { get; set; }

    /// <summary>
    /// The messages in the order they came, as bytes: a tenth of what they take decoded, and those of a flow are needed once
    /// more only.
    /// </summary>
    public IReadOnlyList<ReadOnlyMemory<byte>> Messages => _messages;

    /// <summary>Bytes that it occupies, about.</summary>
    public long Size { get; private set; }

    /// <summary>What <paramref name="message"/> would add to <see cref="Size"/>.</summary>
    public static int SizeOf(ReadOnlyMemory<byte> message) => message.Length + Overhead;

    public void Add(ReadOnlyMemory<byte> message)
    {
        _messages.Add(message);
        Size += SizeOf(message);
    }

    private const int Overhead = 48; // an array and its place in the list
}

/// <summary>
/// The bundles of one connection: numbers, states, limits, and the time-out of those that nobody goes on with. What a commit does
/// is the switch's.
/// </summary>
/// <remarks>
/// As EXT-230 and Open vSwitch: a mistake about a bundle (closed already, other flags) discards it. Called by the connection's
/// thread and by a timer's, under a lock of its own.
/// </remarks>
internal sealed class Bundles(OfSwitchOptions options, TimeProvider time, Action<ErrorMessage> send) : IDisposable
{
    private const BundleFlags AllFlags = BundleFlags.Atomic | BundleFlags.Ordered;

    private readonly Lock _lock = new();
    private readonly Dictionary<uint, Bundle> _open = [];
    private ITimer? _timer;
    private long _size;
    private bool _isGone;

    /// <summary>Open and closed ones, not yet committed.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
                return _open.Count;
        }
    }

    /// <exception cref="OfErrorException">BUNDLE_FAILED.</exception>
    public void Open(uint id, BundleFlags flags, ReadOnlySpan<byte> raw)
    {
        lock (_lock)
        {
            // 7.3.9.2 of OpenFlow 1.4, which EXT-230 brings to 1.3: neither the old nor the new one goes on.
            if (_open.TryGetValue(id, out Bundle? old))
            {
                Drop(old);
                throw new OfErrorException(OfError.BundleFailedBadId, $"bundle {id} is open already");
            }

            Make(id, flags, raw);
        }
    }

    /// <exception cref="OfErrorException">BUNDLE_FAILED.</exception>
    public void Close(uint id, BundleFlags flags)
    {
        lock (_lock)
        {
            Bundle bundle = Known(id);
            Require(bundle, flags, open: true);
            bundle.IsClosed = true;
            bundle.UsedNs = time.NowNs();
        }
    }

    /// <summary>Takes the bundle out, to be committed.</summary>
    /// <exception cref="OfErrorException">BUNDLE_FAILED.</exception>
    public Bundle Take(uint id, BundleFlags flags)
    {
        lock (_lock)
        {
            Bundle bundle = Known(id);
            Require(bundle, flags, open: false);
            Drop(bundle);
            return bundle;
        }
    }

    /// <exception cref="OfErrorException">BUNDLE_FAILED: there is none.</exception>
    public void Discard(uint id)
    {
        lock (_lock)
            Drop(Known(id));
    }

    /// <summary>Puts a message into a bundle, which is opened when it is not there.</summary>
    /// <param name="add">The message.</param>
    /// <param name="raw">Its bytes.</param>
    /// <exception cref="OfErrorException">BUNDLE_FAILED; when there is no room, the bundle stays as it is.</exception>
    public void Add(BundleAdd add, ReadOnlySpan<byte> raw)
    {
        lock (_lock)
        {
            if (_open.TryGetValue(add.BundleId, out Bundle? bundle))
                Require(bundle, add.Flags, open: true);
            int size = Bundle.SizeOf(add.MessageBytes);
            if (_size + size > options.MaxBundleBytes)
                throw new OfErrorException(OfError.BundleFailedMsgTooMany, $"over {options.MaxBundleBytes} bytes in the bundles of a connection");
            bundle ??= Make(add.BundleId, add.Flags, raw);
            bundle.Add(add.MessageBytes);
            bundle.UsedNs = time.NowNs();
            _size += size;
        }
    }

    /// <summary>The connection is gone, and its bundles with it.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            _isGone = true;
            _open.Clear();
            _timer?.Dispose();
        }
    }

    private Bundle Make(uint id, BundleFlags flags, ReadOnlySpan<byte> raw)
    {
        if ((flags & ~AllFlags) != 0)
            throw new OfErrorException(OfError.BundleFailedBadFlags, $"flags 0x{(ushort)flags:x}");
        if (_open.Count >= options.MaxBundles)
            throw new OfErrorException(OfError.BundleFailedOutOfBundles, $"{_open.Count} bundles are open");
        Bundle bundle = new(id, flags, raw.ToArray()) { UsedNs = time.NowNs() };
        _open.Add(id, bundle);
        if (_open.Count == 1)
            Arm(options.BundleIdleTimeout);
        return bundle;
    }

    private Bundle Known(uint id) => _open.TryGetValue(id, out Bundle? bundle)
        ? bundle
        : throw new OfErrorException(OfError.BundleFailedBadId, $"there is no bundle {id}");

    private void Require(Bundle bundle, BundleFlags flags, bool open)
    {
        if (open && bundle.IsClosed)
        {
            Drop(bundle);
            throw new OfErrorException(OfError.BundleFailedBundleClosed, $"bundle {bundle.Id}");
        }

        if (flags != bundle.Flags)
        {
            Drop(bundle);
            throw new OfErrorException(OfError.BundleFailedBadFlags, $"bundle {bundle.Id} was opened with flags {bundle.Flags}, not {flags}");
        }
    }

    private void Drop(Bundle bundle)
    {
        _open.Remove(bundle.Id);
        _size -= bundle.Size;
    }

    [MemberNotNull(nameof(_timer))]
    private void Arm(TimeSpan wait)
    {
        _timer ??= time.CreateTimer(_ => Expire(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

        // Timers count whole milliseconds and cut the rest: never early means rounding up.
        _timer.Change(TimeSpan.FromMilliseconds(Math.Max(1, Math.Ceiling(wait.TotalMilliseconds))), Timeout.InfiniteTimeSpan);
    }

    /// <summary>Discards what was left alone for too long, and tells the connection.</summary>
    private void Expire()
    {
        List<Bundle> gone = [];
        lock (_lock)
        {
            if (_isGone)
                return;
            long nowNs = time.NowNs();
            TimeSpan next = TimeSpan.MaxValue;
            foreach (Bundle bundle in _open.Values.ToList())
            {
                TimeSpan left = options.BundleIdleTimeout - TimeSpan.FromTicks((nowNs - bundle.UsedNs) / TimeSpan.NanosecondsPerTick);
                if (left <= TimeSpan.Zero)
                {
                    Drop(bundle);
                    gone.Add(bundle);
                }
                else if (left < next)
                {
                    next = left;
                }
            }

            if (_open.Count > 0)
                Arm(next);
        }

        foreach (Bundle bundle in gone)
            send(ErrorMessage.For(OfError.BundleFailedTimeout, bundle.Opener));
    }
}
