using System.Globalization;
using OvsBridge.OpenFlow.Actions;

namespace OvsBridge.OpenFlow.Text;

/// <summary>Looks up ports, and maybe tables, by number and by name, so that text may use names.</summary>
/// <param name="NameOf">Name of a port (OpenFlow number), or null.</param>
/// <param name="NumberOf">OpenFlow number of a named port, or null.</param>
public sealed record PortNames(Func<uint, string?> NameOf, Func<string, uint?> NumberOf)
{
    private static readonly (string Name, uint Port)[] _reserved =
    [
        ("IN_PORT", OfPorts.InPort),
        ("TABLE", OfPorts.Table),
        ("NORMAL", OfPorts.Normal),
        ("FLOOD", OfPorts.Flood),
        ("ALL", OfPorts.All),
        ("CONTROLLER", OfPorts.Controller),
        ("LOCAL", OfPorts.Local),
        ("ANY", OfPorts.Any),
    ];

    /// <summary>Name of a table, or null; null: tables have no names.</summary>
    public Func<byte, string?>? TableNameOf { get; init; }

    /// <summary>Number of a named table, or null; null: tables have no names.</summary>
    public Func<string, byte?>? TableNumberOf { get; init; }

    /// <summary>A table as Open vSwitch prints it: its name if known, else the number.</summary>
    internal static string PrintTable(byte table, PortNames? names) =>
        names?.TableNameOf?.Invoke(table) is { Length: > 0 } name ? Quoted(name) : table.ToString(CultureInfo.InvariantCulture);

    /// <summary>Reads a table: number, or a name.</summary>
    internal static byte ParseTable(in Word word, PortNames? names, ulong max)
    {
        string text = word.Need("a table");
        string plain = text is ['"', .. var inner, '"'] ? inner : text;
        if (!char.IsAsciiDigit(text[0]) && names?.TableNumberOf?.Invoke(plain) is { } known)
            return known;
        return (byte)Numbers.Parse(word, "a table", max);
    }

    /// <summary>A port as Open vSwitch prints it: reserved name, interface name if known, else the number.</summary>
    public static string Print(uint port, PortNames? names)
    {
        port = port == OfPorts.DatapathLocal ? OfPorts.Local : port;
        return ReservedName(port) ?? (names?.NameOf(port) is { } name ? Quoted(name) : port.ToString(CultureInfo.InvariantCulture));
    }

    /// <summary>The name of a reserved port in capitals, or null.</summary>
    internal static string? ReservedName(uint port)
    {
        foreach ((string name, uint number) in _reserved)
        {
            if (number == port)
            {
                return name;
            }
        }

        return null;
    }

    /// <summary>
    /// Reads a port: number, reserved name in any case, or interface name (which may be quoted). 65534 is OFPP_LOCAL, as
    /// in OpenFlow 1.0.
    /// </summary>
    public static bool TryParse(string text, PortNames? names, out uint port)
    {
        if (Numbers.TryParse(text, out UInt128 number))
        {
            port = number == OfPorts.DatapathLocal ? OfPorts.Local : (uint)UInt128.Min(number, OfPorts.Any);
            return (number > 0 && number <= OfPorts.HighestOrdinary) || (number <= OfPorts.Any && ReservedName(port) is not null);
        }

        foreach ((string name, uint reserved) in _reserved)
        {
            if (name.Equals(text, StringComparison.OrdinalIgnoreCase) || (reserved == OfPorts.Any && text.Equals("none", StringComparison.OrdinalIgnoreCase)))
            {
                port = reserved;
                return true;
            }
        }

        string plain = text is ['"', .. var inner, '"'] ? inner : text;
        uint? known = names?.NumberOf(plain);
        port = known ?? 0;
        return known is not null;
    }

    // As Open vSwitch: anything but a plain identifier is quoted, so that it cannot be taken for syntax.
    private static string Quoted(string name) =>
        name.Length > 0 && char.IsAsciiLetter(name[0]) && name.All(c => char.IsAsciiLetterOrDigit(c) || c == '_') ? name : $"\"{name}\"";
}
