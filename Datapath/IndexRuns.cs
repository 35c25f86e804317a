namespace OvsBridge.Datapath;

/// <summary>Gives out runs of consecutive indexes. Not thread safe.</summary>
/// <remarks>Next fit: the search goes on behind the last run, so that it rarely takes more than a few steps.</remarks>
internal sealed class IndexRuns(int count)
{
    private readonly bool[] _taken = new bool[count];
    private int _next;

    /// <summary>The first of <paramref name="length"/> free indexes, now taken; null when there are not so many in a row.</summary>
    public int? Take(int length) => Search(_next, count, length) ?? Search(0, Math.Min(count, _next + length), length);

    /// <summary>Takes a certain run; false when some of it is taken.</summary>
    public bool TakeAt(int first, int length)
    {
        if (first < 0 || length < 0 || first > count - length || _taken.AsSpan(first, length).Contains(true))
        {
            return false;
        }

        _taken.AsSpan(first, length).Fill(true);
        return true;
    }

    /// <summary>Gives a run back.</summary>
    public void Free(int first, int length) => _taken.AsSpan(first, length).Clear();

    private int? Search(int from, int to, int length)
    {
        int free = 0;
        for (int i = from; i <= to; i++)
        {
            if (free == length)
            {
                _next = i;
                _taken.AsSpan(i - length, length).Fill(true);
                return i - length;
            }

            free = i < to && !_taken[i] ? free + 1 : 0;
        }

        return null;
    }
}
