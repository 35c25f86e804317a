using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Text;

namespace OvsBridge.Datapath.Text;

/// <summary>A label stack entry: <c>label=5,tc=3,ttl=64,bos=1</c>. With a mask all four parts have one, as Open vSwitch prints them.</summary>
internal static class OdpLabels
{
    /// <summary>(word, lowest bit, bits, whether a mask is written with 0x also when it is 0)</summary>
    private static readonly (string Name, int Shift, int Bits, bool Prefix)[] _parts =
    [
        ("label", 12, 20, true), ("tc", 9, 3, false), ("ttl", 0, 8, true), ("bos", 8, 1, false),
    ];

    /// <summary>The top entry as one field of the key.</summary>
    public static readonly Field Top = new(-1, "mpls_lse", 0, 32, MaskRule.Any, Prerequisite.Mpls, 88, 4, 0, FieldText.Hex, Rewrite.Mpls);

    public static string Print(uint entry, uint mask) => string.Join(',', _parts.Select(p =>
    {
        uint ones = (1u << p.Bits) - 1;
        uint value = entry >> p.Shift & ones, bits = mask >> p.Shift & ones;
        return mask == uint.MaxValue ? $"{p.Name}={value}" : $"{p.Name}={value}/{(p.Prefix ? "0x" : "")}{bits:x}";
    }));

    /// <summary>Adds one word to an entry; false when it is none of its.</summary>
    public static bool TryAdd(in Word word, ref uint entry, ref uint mask)
    {
        foreach ((string name, int shift, int bits, bool _) in _parts)
        {
            if (name != word.Key)
            {
                continue;
            }

            uint ones = (1u << bits) - 1;
            string text = word.Need($"{name}=VALUE");
            int slash = text.IndexOf('/', StringComparison.Ordinal);
            // masks of tc and bos are hexadecimal without 0x
            string maskText = slash < 0 ? "" : text[(slash + 1)..];
            uint value = (uint)Numbers.Parse(word, slash < 0 ? text : text[..slash], name, ones);
            uint part = slash < 0 ? ones : (uint)Numbers.Parse(word, maskText.StartsWith("0x", StringComparison.Ordinal) ? maskText : "0x" + maskText, "a mask", ones);
            entry |= (value & part) << shift;
            mask |= part << shift;
            return true;
        }

        return false;
    }
}
