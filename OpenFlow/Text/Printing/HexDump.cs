using System.Globalization;
using System.Text;

namespace OvsBridge.OpenFlow.Text;

/// <summary>Bytes as <c>hexdump -C</c> and ovs-ofctl show them: offset, sixteen bytes a line, and the characters they are.</summary>
public static class HexDump
{
    private const int PerLine = 16;

    /// <summary>Appends the lines; nothing when there are no bytes.</summary>
    /// <param name="text">Where to.</param>
    /// <param name="bytes">What.</param>
    /// <param name="characters">Whether the characters are shown too.</param>
    public static void Append(StringBuilder text, ReadOnlySpan<byte> bytes, bool characters = true)
    {
        for (int start = 0; start < bytes.Length; start += PerLine)
        {
            ReadOnlySpan<byte> line = bytes[start..int.Min(start + PerLine, bytes.Length)];
            text.Append(CultureInfo.InvariantCulture, $"{start:x8}  ");
            for (int i = 0; i < PerLine; i++)
            {
                if (i < line.Length)
                    text.Append(CultureInfo.InvariantCulture, $"{line[i]:x2}").Append(i == (PerLine / 2) - 1 ? '-' : ' ');
                else
                    text.Append("   ");
            }

            if (!characters)
            {
                text.Length = text.ToString(text.Length - (3 * PerLine), 3 * PerLine).TrimEnd().Length + text.Length - (3 * PerLine);
                text.Append('\n');
                continue;
            }

            text.Append('|');
            for (int i = 0; i < PerLine; i++)
                text.Append(i >= line.Length ? ' ' : line[i] is >= 0x20 and < 0x7f ? (char)line[i] : '.');
            text.Append("|\n");
        }
    }
}
