using System.Globalization;

namespace OvsBridge.OpenFlow.Text;

/// <summary>Unsigned numbers in C's notation, as ovs-ofctl reads them: decimal, 0x hexadecimal, 0 octal.</summary>
internal static class Numbers
{
    public static bool TryParse(ReadOnlySpan<char> text, out UInt128 value)
    {
        if (text.StartsWith("0x", StringComparison.OrdinalIgnoreCase))
        {
            return UInt128.TryParse(text[2..], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value);
        }

        if (text.Length < 2 || text[0] != '0')
        {
            return UInt128.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value);
        }

        value = 0;
        foreach (char digit in text)
        {
            if (digit is < '0' or > '7' || value >> 125 != 0)
            {
                return false;
            }

            value = (value << 3) | (uint)(digit - '0');
        }

        return true;
    }

    /// <summary>The word's value as a number of at most <paramref name="max"/>.</summary>
    public static ulong Parse(in Word word, string what, ulong max) => Parse(word, word.Need(what), what, max);

    /// <summary>A part of the word's value as a number of at most <paramref name="max"/>.</summary>
    public static ulong Parse(in Word word, string text, string what, ulong max, ulong min = 0)
    {
        if (!TryParse(text, out UInt128 value))
        {
            throw word.Error($"{text} is not a number ({what})");
        }

        if (value > max || value < min)
        {
            throw word.Error($"{text} is out of range: {what} is {min} to {max}");
        }

        return (ulong)value;
    }
}
