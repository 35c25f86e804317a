namespace OvsBridge.Translator.Xlate;

/// <summary>
/// Finds an object that was made before from the same words: of masks, programs and dependencies few are different, and a megaflow each keeps
/// one. Forgets what it has no room for. One thread.
/// </summary>
/// <param name="words">The words that an object was made from.</param>
/// <param name="make">Makes one.</param>
internal sealed class Recent<T>(Recent<T>.Words words, Recent<T>.Make make)
    where T : class
{
    private const int Bits = 9;
    private readonly T?[] _seen = new T?[1 << Bits];

    internal delegate ReadOnlySpan<ulong> Words(T item);

    internal delegate T Make(ReadOnlySpan<ulong> words);

    /// <summary>The object of these words.</summary>
    internal T Of(ReadOnlySpan<ulong> from)
    {
        ulong place = 0;
        foreach (ulong word in from)
        {
            place = (place ^ word) * 0x9e3779b97f4a7c15;
        }

        ref T? seen = ref _seen[place >> (64 - Bits)];
        if (seen is null || !words(seen).SequenceEqual(from))
        {
            seen = make(from);
        }

        return seen;
    }
}
