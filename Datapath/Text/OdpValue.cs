using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Text;

namespace OvsBridge.Datapath.Text;

/// <summary>How a value is written in datapath notation (odp), which differs a little from ovs-ofctl's.</summary>
internal enum OdpFormat
{
    /// <summary>Decimal; its mask hexadecimal.</summary>
    Decimal,

    /// <summary>Hexadecimal.</summary>
    Hex,

    /// <summary>Hexadecimal with four digits.</summary>
    EtherType,

    /// <summary>aa:bb:cc:dd:ee:ff.</summary>
    Mac,

    /// <summary>Dotted quad; its mask too.</summary>
    Ipv4,

    /// <summary>IPv6 address; its mask too.</summary>
    Ipv6,
}

/// <summary>Prints and reads single values in datapath notation.</summary>
internal static class OdpValue
{
    public static string Print(OdpFormat format, UInt128 value, UInt128 mask, UInt128 allOnes)
    {
        string text = Plain(format, value);
        return mask == allOnes ? text : $"{text}/{(format == OdpFormat.Decimal ? Plain(OdpFormat.Hex, mask) : Plain(format, mask))}";
    }

    public static string Plain(OdpFormat format, UInt128 value) => format switch
    {
        OdpFormat.Decimal => FieldValueText.Decimal(value),
        OdpFormat.EtherType => $"0x{(ushort)value:x4}",
        OdpFormat.Mac => FieldValueText.Mac(value),
        OdpFormat.Ipv4 => FieldValueText.Ipv4(value),
        OdpFormat.Ipv6 => FieldValueText.Ipv6(value),
        _ => FieldValueText.Hex(value),
    };

    /// <summary>Reads <c>VALUE</c> or <c>VALUE/MASK</c>.</summary>
    public static (UInt128 Value, UInt128 Mask) Parse(in Word word, string text, OdpFormat format, UInt128 allOnes)
    {
        int slash = text.IndexOf('/', StringComparison.Ordinal);
        UInt128 value = ParsePlain(word, slash < 0 ? text : text[..slash], format, allOnes);
        UInt128 mask = slash < 0 ? allOnes : ParsePlain(word, text[(slash + 1)..], format, allOnes);
        return (value, mask);
    }

    /// <summary>A datapath port: its interface's name if known, else its number.</summary>
    public static string Port(uint port, PortNames? names) =>
        names?.NameOf(port == OfPorts.DatapathLocal ? OfPorts.Local : port) ?? FieldValueText.Decimal(port);

    /// <summary>Reads a datapath port.</summary>
    public static uint ParsePort(in Word word, string text, PortNames? names)
    {
        if (Numbers.TryParse(text, out UInt128 number))
        {
            return number <= OfPorts.DatapathLocal ? (uint)number : throw word.Error($"{text} is not a datapath port");
        }

        uint port = names?.NumberOf(text) ?? throw word.Error($"{text} is not a port");
        return port == OfPorts.Local ? OfPorts.DatapathLocal : port;
    }

    private static UInt128 ParsePlain(in Word word, string text, OdpFormat format, UInt128 allOnes)
    {
        FieldText like = format switch
        {
            OdpFormat.Mac => FieldText.Mac,
            OdpFormat.Ipv4 => FieldText.Ipv4,
            OdpFormat.Ipv6 => FieldText.Ipv6,
            _ => FieldText.Decimal,
        };
        if (like != FieldText.Decimal)
        {
            return FieldValueText.ParseAddress(like, text) ?? throw word.Error($"{text} is not {(like == FieldText.Mac ? "a MAC address" : like == FieldText.Ipv4 ? "an IPv4 address" : "an IPv6 address")}");
        }

        if (!Numbers.TryParse(text, out UInt128 value))
        {
            throw word.Error($"{text} is not a number");
        }

        return value <= allOnes ? value : throw word.Error($"{text} is too large: the highest value is {allOnes}");
    }
}
