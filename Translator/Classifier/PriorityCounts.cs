namespace OvsBridge.Translator.Classifier;

/// <summary>How many rules there are of each priority; persistent, and quick to tell the highest.</summary>
/// <remarks>Two levels of 256, as a subtable may hold rules of each of the 65,536 priorities.</remarks>
internal sealed class PriorityCounts
{
    private readonly int[]?[] _byHighByte;

    private PriorityCounts(int[]?[] byHighByte, int max)
    {
        _byHighByte = byHighByte;
        Max = max;
    }

    /// <summary>No rules.</summary>
    internal static PriorityCounts None { get; } = new(new int[]?[256], -1);

    /// <summary>The highest priority; -1 without rules.</summary>
    internal int Max { get; }

    /// <summary>With one rule more (or less, for -1) of <paramref name="priority"/>.</summary>
    internal PriorityCounts Add(ushort priority, int difference)
    {
        int[]?[] high = (int[]?[])_byHighByte.Clone();
        int[] low = high[priority >> 8] is { } old ? (int[])old.Clone() : new int[257];
        high[priority >> 8] = low;
        low[priority & 0xff] += difference;
        low[256] += difference; // the sum
        if (low[256] == 0)
        {
            high[priority >> 8] = null;
        }

        int max = Math.Max(Max, priority);
        while (max >= 0 && (high[max >> 8] is not { } counts || counts[max & 0xff] == 0))
        {
            max = high[max >> 8] is null ? (max & ~0xff) - 1 : max - 1;
        }

        return new PriorityCounts(high, max);
    }
}
