using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Numerics;
using System.Text;
using OvsBridge.OpenFlow.Text;

namespace OvsBridge.OpenFlow.Fields;

/// <summary>Prints and reads one field's value by its <see cref="FieldText"/>, in ovs-ofctl's notation.</summary>
public static class FieldValueText
{
    private static readonly string[] _tcpFlags = ["fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr", "ns", "[200]", "[400]", "[800]"];

    /// <summary>The value, with <c>/mask</c> (or a prefix length) unless all bits of the field are in <paramref name="mask"/>.</summary>
    /// <param name="field">Whose value.</param>
    /// <param name="value">Value, host order.</param>
    /// <param name="mask">Bits that matter.</param>
    /// <param name="ports">Names for ports, or null.</param>
    public static string Print(Field field, UInt128 value, UInt128 mask, PortNames? ports = null)
    {
        bool exact = mask == field.AllOnes;
        return field.Text switch
        {
            FieldText.Mac => exact ? Mac(value) : $"{Mac(value)}/{Mac(mask)}",
            FieldText.Ipv4 => exact ? Ipv4(value) : $"{Ipv4(value)}/{(PrefixLength(mask, 32) is { } p ? Decimal((UInt128)p) : Ipv4(mask))}",
            FieldText.Ipv6 => exact ? Ipv6(value) : $"{Ipv6(value)}/{(PrefixLength(mask, 128) is { } p ? Decimal((UInt128)p) : Ipv6(mask))}",
            FieldText.Port => PortNames.Print((uint)value, ports),
            FieldText.TcpFlags => TcpFlags((int)value, (int)mask, exact),
            FieldText.Hex => exact ? Hex(value) : $"{Hex(value)}/{Hex(mask)}",
            _ => exact ? Decimal(value) : $"{Hex(value)}/{Hex(mask)}",
        };
    }

    /// <summary>Reads a value with an optional mask: <c>/bits</c> for addresses, else <c>/mask</c>. <c>*</c> is a mask of 0.</summary>
    /// <param name="field">Whose value; bits beyond the field are an error.</param>
    /// <param name="text">The text.</param>
    /// <param name="ports">Looks up names of ports, or null.</param>
    /// <exception cref="FormatException">The text is not a value of this field.</exception>
    public static (UInt128 Value, UInt128 Mask) Parse(Field field, string text, PortNames? ports = null)
    {
        if (text == "*")
        {
            return (0, 0);
        }

        if (field.Text == FieldText.TcpFlags && text is ['+' or '-', ..])
        {
            return ParseSignedFlags(text);
        }

        int slash = field.Text == FieldText.Port ? -1 : text.IndexOf('/', StringComparison.Ordinal);
        UInt128 value = ParsePlain(field, slash < 0 ? text : text[..slash], ports);
        UInt128 mask = slash < 0 ? field.AllOnes : ParseMask(field, text[(slash + 1)..]);
        return (value & mask, mask);
    }

    /// <summary>A MAC address, lower case.</summary>
    internal static string Mac(UInt128 value) => new MacBytes((ulong)value).ToString();

    /// <summary>A dotted quad.</summary>
    internal static string Ipv4(UInt128 value)
    {
        uint v = (uint)value;
        return string.Create(CultureInfo.InvariantCulture, $"{v >> 24}.{(byte)(v >> 16)}.{(byte)(v >> 8)}.{(byte)v}");
    }

    /// <summary>An IPv6 address as RFC 5952 wants it (IPv4-mapped and -compatible ones with a dotted quad, as inet_ntop).</summary>
    internal static string Ipv6(UInt128 value)
    {
        UInt128 high = value >> 32;
        if (value > 0xffff && (high == 0 || high == 0xffff))
        {
            return $"::{(high == 0 ? "" : "ffff:")}{Ipv4(value)}";
        }

        Span<ushort> groups = stackalloc ushort[8];
        for (int i = 0; i < 8; i++)
        {
            groups[i] = (ushort)(value >> (112 - (16 * i)));
        }

        (int start, int length) = LongestZeroRun(groups);
        StringBuilder text = new();
        for (int i = 0; i < 8; i++)
        {
            if (i == start)
            {
                text.Append("::");
                i += length - 1;
                continue;
            }

            if (text.Length > 0 && text[^1] != ':')
            {
                text.Append(':');
            }

            text.Append(CultureInfo.InvariantCulture, $"{groups[i]:x}");
        }

        return text.ToString();
    }

    /// <summary>0x and the digits, without leading zeros; 0 without 0x, as C's %#x.</summary>
    internal static string Hex(UInt128 value) => (value == 0 ? "" : "0x") + value.ToString("x", CultureInfo.InvariantCulture);

    /// <summary>Decimal digits.</summary>
    internal static string Decimal(UInt128 value) => value.ToString(CultureInfo.InvariantCulture);

    /// <summary>How many leading ones a mask of <paramref name="bits"/> bits has if nothing else is set, else null.</summary>
    internal static int? PrefixLength(UInt128 mask, int bits)
    {
        UInt128 top = mask << (128 - bits);
        int ones = (int)UInt128.LeadingZeroCount(~top);
        return (top << ones) == 0 || ones == 128 ? ones : null;
    }

    /// <summary>TCP flags by name: <c>syn|ack</c> when all bits matter, else <c>+syn-ack</c>.</summary>
    internal static string TcpFlags(int value, int mask, bool exact)
    {
        if (exact && value == 0)
        {
            return "0";
        }

        StringBuilder text = new();
        for (int i = 0; i < _tcpFlags.Length; i++)
        {
            bool set = (value >> i & 1) != 0;
            if ((mask >> i & 1) == 0 || (exact && !set))
            {
                continue;
            }

            text.Append(exact ? (text.Length > 0 ? "|" : "") : (set ? "+" : "-")).Append(_tcpFlags[i]);
        }

        return text.ToString();
    }

    /// <summary>A MAC, IPv4 or IPv6 address, or null when it is none.</summary>
    internal static UInt128? ParseAddress(FieldText kind, string text) => kind switch
    {
        FieldText.Mac => ParseMac(text),
        FieldText.Ipv4 => ParseIpv4(text),
        _ => ParseIpv6(text),
    };

    private static (int Start, int Length) LongestZeroRun(ReadOnlySpan<ushort> groups)
    {
        int start = -1, length = 1;
        for (int i = 0; i < groups.Length;)
        {
            int end = i;
            while (end < groups.Length && groups[end] == 0)
            {
                end++;
            }

            if (end - i > length)
            {
                (start, length) = (i, end - i);
            }

            i = end + 1;
        }

        return (start, length);
    }

    private static UInt128 ParsePlain(Field field, string text, PortNames? ports)
    {
        switch (field.Text)
        {
            case FieldText.Mac:
                return ParseAddress(field.Text, text) ?? throw new FormatException($"{text} is not a MAC address");
            case FieldText.Ipv4:
                return ParseAddress(field.Text, text) ?? throw new FormatException($"{text} is not an IPv4 address");
            case FieldText.Ipv6:
                return ParseAddress(field.Text, text) ?? throw new FormatException($"{text} is not an IPv6 address");
            case FieldText.Port:
                if (!PortNames.TryParse(text, ports, out uint port))
                {
                    throw new FormatException($"{text} is not a port");
                }

                return port;
            case FieldText.TcpFlags when !char.IsAsciiDigit(text.FirstOrDefault()):
                return ParseFlagList(text);
            default:
                UInt128 number = Numbers.TryParse(text, out UInt128 n) ? n : throw new FormatException($"{text} is not a number");
                return number <= field.AllOnes
                    ? number
                    : throw new FormatException($"{text} is too large: the highest value is {Print(field, field.AllOnes, field.AllOnes)}");
        }
    }

    private static UInt128 ParseMask(Field field, string text)
    {
        bool address = field.Text is FieldText.Ipv4 or FieldText.Ipv6;
        if (address && Numbers.TryParse(text, out UInt128 length))
        {
            return length <= (uint)field.Bits
                ? length == 0 ? 0 : field.AllOnes << (field.Bits - (int)length) & field.AllOnes
                : throw new FormatException($"/{text} is not a prefix length: the longest is {field.Bits}");
        }

        return ParsePlain(field, text, null);
    }

    private static UInt128? ParseMac(string text)
    {
        string[] parts = text.Split(':');
        ulong mac = 0;
        foreach (string part in parts)
        {
            if (part.Length is 0 or > 2 || !byte.TryParse(part, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out byte octet))
            {
                return null;
            }

            mac = (mac << 8) | octet;
        }

        return parts.Length == 6 ? mac : null;
    }

    private static UInt128? ParseIpv4(string text)
    {
        string[] parts = text.Split('.');
        uint address = 0;
        foreach (string part in parts)
        {
            if (part.Length is 0 or > 3 || !byte.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out byte octet))
            {
                return null;
            }

            address = (address << 8) | octet;
        }

        return parts.Length == 4 ? address : null;
    }

    private static UInt128? ParseIpv6(string text)
    {
        // IPAddress also accepts scopes, brackets and prefix lengths; none of these is a value here.
        if (text.AsSpan().ContainsAny("%[]/") || !IPAddress.TryParse(text, out IPAddress? address) || address.AddressFamily != AddressFamily.InterNetworkV6)
        {
            return null;
        }

        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out _);
        return System.Buffers.Binary.BinaryPrimitives.ReadUInt128BigEndian(bytes);
    }

    private static UInt128 ParseFlagList(string text)
    {
        int flags = 0;
        foreach (string name in text.Split('|'))
        {
            flags |= FlagBit(name);
        }

        return (UInt128)flags;
    }

    private static (UInt128 Value, UInt128 Mask) ParseSignedFlags(string text)
    {
        int value = 0, mask = 0;
        for (int at = 0; at < text.Length;)
        {
            int end = text.AsSpan(at + 1).IndexOfAny('+', '-') is var next && next < 0 ? text.Length : at + 1 + next;
            int bit = FlagBit(text[(at + 1)..end]);
            if ((mask & bit) != 0)
            {
                throw new FormatException($"{text[(at + 1)..end]} is given twice");
            }

            mask |= bit;
            value |= text[at] == '+' ? bit : 0;
            at = end;
        }

        return ((UInt128)value, (UInt128)mask);
    }

    private static int FlagBit(string name)
    {
        int index = Array.IndexOf(_tcpFlags, name);
        return index >= 0 ? 1 << index : throw new FormatException($"{name} is not a TCP flag ({string.Join(", ", _tcpFlags[..9])})");
    }
}
