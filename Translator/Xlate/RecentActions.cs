using System.Runtime.InteropServices;
using OvsBridge.Datapath;

namespace OvsBridge.Translator.Xlate;

/// <summary>Finds the object of a program that was made before: few are different. Forgets what it has no room for. One thread.</summary>
internal sealed class RecentActions
{
    private readonly DpActions?[] _seen = new DpActions?[256];

    /// <summary>The program with these bytes.</summary>
    internal DpActions Of(ReadOnlySpan<byte> bytes)
    {
        ulong place = 0;
        foreach (ulong word in MemoryMarshal.Cast<byte, ulong>(bytes))
        {
            place = (place ^ word) * 0x9e3779b97f4a7c15;
        }

        ref DpActions? seen = ref _seen[place >> 56];
        if (seen is null || !seen.Bytes.SequenceEqual(bytes))
        {
            seen = DpActions.FromBytes(bytes);
        }

        return seen;
    }
}
