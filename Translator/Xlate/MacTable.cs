namespace OvsBridge.Translator.Xlate;

/// <summary>A learned address.</summary>
/// <param name="Port">OpenFlow port.</param>
/// <param name="Vlan">VLAN id, 0 without tag.</param>
/// <param name="Mac">Address, first byte most significant of 48 bits.</param>
/// <param name="AgeSeconds">Since it was seen last.</param>
public readonly record struct MacEntry(uint Port, ushort Vlan, ulong Mac, int AgeSeconds);

/// <summary>
/// The addresses that NORMAL has learned: by VLAN and address, with a time of last sight, bounded.
/// </summary>
/// <remarks>
/// <para>A full table, or a port that has its share, forgets the address that was seen least recently: of the port with the most
/// addresses, so that one noisy port cannot push out the addresses of the others.</para>
/// <para>Any thread; one lock, held briefly. Times are given by the callers, CLOCK_MONOTONIC nanoseconds.</para>
/// </remarks>
public sealed class MacTable
{
    /// <summary>Seconds after which an address that was not seen again is forgotten, by default.</summary>
    public const int DefaultAgingSeconds = 300;

    /// <summary>Most addresses, by default.</summary>
    public const int DefaultCapacity = 8192;

    private const int ChangesKept = 4096;

    private readonly Lock _lock = new();
    private readonly Dictionary<ulong, Entry> _entries = [];
    private readonly Dictionary<uint, PortList> _ports = [];
    private readonly long _agingNs;
    private readonly int _capacity;
    private readonly int _capacityOfPort;
    private readonly ulong[] _changed = new ulong[ChangesKept]; // addresses, by version
    private long _version;

    /// <summary>An empty table.</summary>
    /// <param name="agingSeconds">See <see cref="DefaultAgingSeconds"/>.</param>
    /// <param name="capacity">See <see cref="DefaultCapacity"/>.</param>
    /// <param name="capacityOfPort">Most addresses behind one port.</param>
    public MacTable(int agingSeconds = DefaultAgingSeconds, int capacity = DefaultCapacity, int capacityOfPort = int.MaxValue)
    {
        _agingNs = agingSeconds * 1_000_000_000L;
        _capacity = capacity;
        _capacityOfPort = capacityOfPort;
    }

    /// <summary>Counts up whenever an address appears, moves or goes: translations that used the table may differ then.</summary>
    public long Version => Interlocked.Read(ref _version);

    /// <summary>Adds the addresses (48 bits, whatever the VLAN) that appeared, moved or went after <paramref name="version"/>.</summary>
    /// <returns>The version that they lead to; -1: that was too long ago.</returns>
    internal long ChangesSince(long version, HashSet<ulong> addresses)
    {
        lock (_lock)
        {
            if (_version - version > ChangesKept)
            {
                return -1;
            }

            for (long v = version + 1; v <= _version; v++)
            {
                addresses.Add(_changed[v % ChangesKept]);
            }

            return _version;
        }
    }

    /// <summary>Addresses.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _entries.Count;
            }
        }
    }

    /// <summary>The addresses, the one that was seen least recently first.</summary>
    public IReadOnlyList<MacEntry> Entries(long nowNs)
    {
        lock (_lock)
        {
            return [.. _entries.Values.OrderBy(e => e.SeenNs).Select(e => new MacEntry(e.Port, e.Vlan, e.Mac, (int)(Math.Max(0, nowNs - e.SeenNs) / 1_000_000_000)))];
        }
    }

    /// <summary>Forgets all.</summary>
    public void Flush()
    {
        lock (_lock)
        {
            foreach (Entry entry in _entries.Values)
            {
                Changed(entry);
            }

            _entries.Clear();
            _ports.Clear();
        }
    }

    /// <summary>Forgets what is behind a port.</summary>
    public void FlushPort(uint port)
    {
        lock (_lock)
        {
            if (_ports.TryGetValue(port, out PortList? list))
            {
                while (list.Oldest is { } oldest)
                {
                    Remove(oldest);
                }
            }
        }
    }

    /// <summary>Forgets what was not seen for the aging time.</summary>
    public void Age(long nowNs)
    {
        lock (_lock)
        {
            foreach (PortList list in _ports.Values.ToArray())
            {
                while (list.Oldest is { } oldest && nowNs - oldest.SeenNs >= _agingNs)
                {
                    Remove(oldest);
                }
            }
        }
    }

    /// <summary>The port behind which an address is; 0: unknown.</summary>
    internal uint Find(ushort vlan, ulong mac)
    {
        lock (_lock)
        {
            return _entries.TryGetValue(Key(vlan, mac), out Entry? entry) ? entry.Port : 0;
        }
    }

    /// <summary>An address was seen.</summary>
    internal void Learn(in MacSighting sighting, long nowNs)
    {
        lock (_lock)
        {
            ulong key = Key(sighting.Vlan, sighting.Mac);
            if (_entries.TryGetValue(key, out Entry? entry))
            {
                if (entry.Port == sighting.Port)
                {
                    if (nowNs > entry.SeenNs)
                    {
                        entry.SeenNs = nowNs;
                        entry.List.ToNewest(entry);
                    }

                    return;
                }

                if (nowNs < entry.SeenNs)
                {
                    return; // counted late: it has moved since
                }

                Remove(entry);
            }

            MakeRoom(sighting.Port);
            if (!_ports.TryGetValue(sighting.Port, out PortList? list))
            {
                _ports[sighting.Port] = list = new PortList();
            }

            entry = new Entry(sighting.Vlan, sighting.Mac, sighting.Port, list) { SeenNs = nowNs };
            list.ToNewest(entry);
            list.Count++;
            _entries[key] = entry;
            Changed(entry);
        }
    }

    private void MakeRoom(uint port)
    {
        if (_ports.TryGetValue(port, out PortList? own) && own.Count >= _capacityOfPort)
        {
            Remove(own.Oldest!);
        }

        if (_entries.Count >= _capacity)
        {
            Remove(_ports.Values.MaxBy(l => l.Count)!.Oldest!);
        }
    }

    private void Remove(Entry entry)
    {
        _entries.Remove(Key(entry.Vlan, entry.Mac));
        entry.List.Unlink(entry);
        if (--entry.List.Count == 0)
        {
            _ports.Remove(entry.Port);
        }

        Changed(entry);
    }

    private void Changed(Entry entry)
    {
        _changed[(_version + 1) % ChangesKept] = entry.Mac;
        Interlocked.Increment(ref _version);
    }

    private static ulong Key(ushort vlan, ulong mac) => ((ulong)vlan << 48) | mac;

    private sealed class Entry(ushort vlan, ulong mac, uint port, PortList list)
    {
        internal readonly ushort Vlan = vlan;
        internal readonly ulong Mac = mac;
        internal readonly uint Port = port;
        internal readonly PortList List = list;
        internal long SeenNs;
        internal Entry? Older;
        internal Entry? Newer;
    }

    /// <summary>The addresses of a port in order of their last sight.</summary>
    private sealed class PortList
    {
        private Entry? _newest;

        internal Entry? Oldest { get; private set; }

        internal int Count { get; set; }

        internal void ToNewest(Entry entry)
        {
            if (_newest == entry)
            {
                return;
            }

            Unlink(entry);
            entry.Older = _newest;
            if (_newest is not null)
            {
                _newest.Newer = entry;
            }

            _newest = entry;
            Oldest ??= entry;
        }

        internal void Unlink(Entry entry)
        {
            if (entry.Older is not null)
            {
                entry.Older.Newer = entry.Newer;
            }
            else if (Oldest == entry)
            {
                Oldest = entry.Newer;
            }

            if (entry.Newer is not null)
            {
                entry.Newer.Older = entry.Older;
            }
            else if (_newest == entry)
            {
                _newest = entry.Older;
            }

            entry.Older = null;
            entry.Newer = null;
        }
    }
}
