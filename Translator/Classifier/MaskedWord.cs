using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.Translator.Classifier;

/// <summary>A word of the key and bits of it.</summary>
internal readonly record struct MaskedWord(int Word, ulong Mask)
{
    /// <summary>The bits of <paramref name="mask"/>, by words.</summary>
    internal static MaskedWord[] Of(in FlowKey mask) => Of(mask.AsWords());

    /// <summary>The bits of the first words of a mask.</summary>
    internal static MaskedWord[] Of(ReadOnlySpan<ulong> words)
    {
        List<MaskedWord> result = [];
        for (int i = 0; i < words.Length; i++)
        {
            if (words[i] != 0)
            {
                result.Add(new MaskedWord(i, words[i]));
            }
        }

        return [.. result];
    }
}
