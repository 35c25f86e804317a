using System.Collections.Immutable;

namespace OvsBridge.Translator.Tests.Properties;

/// <summary>Smaller lists to try in place of one that failed.</summary>
internal static class Shrinking
{
    /// <summary>The list without one of its halves, quarters, and so on down to single elements.</summary>
    internal static IEnumerable<ImmutableArray<T>> Shorter<T>(this ImmutableArray<T> list)
    {
        for (int length = (list.Length + 1) / 2; length > 0; length = length == 1 ? 0 : (length + 1) / 2)
        {
            for (int start = 0; start < list.Length; start += length)
            {
                yield return list.RemoveRange(start, Math.Min(length, list.Length - start));
            }
        }
    }
}
