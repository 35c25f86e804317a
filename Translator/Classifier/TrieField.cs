using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.Translator.Classifier;

/// <summary>A part of the key whose leading bits a <see cref="PrefixTrie"/> decides by.</summary>
internal sealed class TrieField
{
    private readonly MaskedWord[][] _leading;
    private readonly Field[] _fields;

    private TrieField(params Field[] fields)
    {
        _fields = fields;
        Bits = fields.Sum(f => f.Bits);
        _leading = [.. Enumerable.Range(0, Bits + 1).Select(n => MaskedWord.Of(PrefixMask(n)))];
    }

    /// <summary>The address fields that a classifier has a trie for. ARP's addresses share bits, and so the tries, with IPv4's.</summary>
    internal static TrieField[] Addresses { get; } =
        [new(FieldTable.Ipv4Dst), new(FieldTable.Ipv4Src), new(FieldTable.Ipv6Dst), new(FieldTable.Ipv6Src)];

    /// <summary>Source and destination port as one number of 32 bits.</summary>
    internal static TrieField Ports { get; } = new(FieldTable.TcpSrc, FieldTable.TcpDst);

    /// <summary>The key's word with the ports.</summary>
    internal const int PortsWord = 4;

    /// <summary>Length in bits.</summary>
    internal int Bits { get; }

    /// <summary>The field in <paramref name="key"/>, left-aligned in 128 bits.</summary>
    internal UInt128 Value(in FlowKey key)
    {
        UInt128 value = 0;
        foreach (Field field in _fields)
        {
            value = field.Bits == 128 ? field.Get(key) : (value << field.Bits) | field.Get(key);
        }

        return Bits == 128 ? value : value << (128 - Bits);
    }

    /// <summary>Where the first <paramref name="count"/> bits are in a key.</summary>
    internal MaskedWord[] Leading(int count) => _leading[count];

    /// <summary>The length of the prefix that <paramref name="mask"/> has in this field; 0 when it has none or is no prefix.</summary>
    internal int PrefixLength(in FlowKey mask)
    {
        UInt128 bits = Value(mask);
        int length = (int)UInt128.LeadingZeroCount(~bits);
        return length == 128 || (length > 0 && bits << length == 0) ? length : 0;
    }

    private FlowKey PrefixMask(int length)
    {
        FlowKey mask = default;
        foreach (Field field in _fields)
        {
            int here = Math.Min(length, field.Bits);
            field.Set(ref mask, here == 0 ? 0 : field.AllOnes >> (field.Bits - here) << (field.Bits - here));
            length -= here;
        }

        return mask;
    }
}
