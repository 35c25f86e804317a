using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Text;

namespace OvsBridge.Datapath.Text;

/// <summary>The value of <c>frag=</c>.</summary>
internal static class OdpFrag
{
    private const int Both = FlowKey.FragAny | FlowKey.FragLater;

    private static readonly (string Word, int Value, int Mask)[] _words =
    [
        ("no", 0, Both),
        ("first", FlowKey.FragAny, Both),
        ("later", Both, Both),
        ("not_any", 0, FlowKey.FragAny), // as "no", but the other bit is not looked at
        ("yes", FlowKey.FragAny, FlowKey.FragAny),
        ("not_later", 0, FlowKey.FragLater),
        ("offset", FlowKey.FragLater, FlowKey.FragLater),
    ];

    public static string Print(int value, int mask)
    {
        foreach ((string word, int v, int m) in _words)
        {
            if (m == mask && v == (value & mask))
            {
                return word;
            }
        }

        return mask == 0 ? $"{value}/0" : $"{value}/0x{mask:x}";
    }

    public static (UInt128 Value, UInt128 Mask) Parse(in Word word)
    {
        foreach ((string name, int value, int mask) in _words)
        {
            if (name == word.Value)
            {
                return ((UInt128)value, (UInt128)mask);
            }
        }

        return OdpValue.Parse(word, word.Need("frag=no, first or later"), OdpFormat.Decimal, Both);
    }
}
