namespace OvsBridge.Translator.Xlate;

/// <summary>
/// Numbers for values that datapath actions name by a number; equal values have the same number, so that equal
/// translations give equal actions.
/// </summary>
/// <remarks>
/// A value lives as long as some installed megaflow names it, and a few sweeps longer: packets that were handed to user
/// space before the megaflow went still name it. Any thread.
/// </remarks>
internal sealed class InternTable<T>
    where T : class
{
    private const int Kept = 8;

    private readonly Lock _lock = new();
    private readonly Dictionary<T, Entry> _byValue = [];
    private readonly Dictionary<uint, Entry> _byId = [];
    private int _sweeps;
    private uint _last;

    /// <summary>Values now.</summary>
    internal int Count
    {
        get
        {
            lock (_lock)
            {
                return _byId.Count;
            }
        }
    }

    /// <summary>The number of <paramref name="value"/>, and the instance that stands for all equal ones.</summary>
    internal uint Intern(T value, out T instance)
    {
        lock (_lock)
        {
            if (!_byValue.TryGetValue(value, out Entry? entry))
            {
                do
                {
                    _last++;
                }
                while (_last == 0 || _byId.ContainsKey(_last)); // 0 is no number

                entry = new Entry(_last, value);
                _byValue[value] = entry;
                _byId[_last] = entry;
            }

            entry.Swept = _sweeps;
            instance = entry.Value;
            return entry.Id;
        }
    }

    /// <summary>Of a new table: numbers up to this one stand for values that are not known here, and are given to no other.</summary>
    internal void StartAbove(uint last)
    {
        lock (_lock)
        {
            _last = Math.Max(_last, last);
        }
    }

    /// <summary>The value with this number, or null when it is forgotten.</summary>
    internal T? Find(uint id)
    {
        lock (_lock)
        {
            return _byId.GetValueOrDefault(id)?.Value;
        }
    }

    /// <summary>Forgets what nobody has named for some sweeps; <paramref name="live"/> are values that are in use.</summary>
    internal void Sweep(IEnumerable<T> live)
    {
        lock (_lock)
        {
            _sweeps++;
            foreach (T value in live)
            {
                if (_byValue.TryGetValue(value, out Entry? entry))
                {
                    entry.Swept = _sweeps;
                }
            }

            foreach (Entry entry in _byId.Values.Where(e => _sweeps - e.Swept > Kept).ToList())
            {
                _byId.Remove(entry.Id);
                _byValue.Remove(entry.Value);
            }
        }
    }

    private sealed class Entry(uint id, T value)
    {
        internal readonly uint Id = id;
        internal readonly T Value = value;
        internal int Swept;
    }
}
