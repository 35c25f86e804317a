using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.OpenFlow.Text;

/// <summary>The words that stand for an ethertype and IP protocol; used to read and, first fitting row, to print.</summary>
internal static class ProtocolWords
{
    /// <summary>A row; <see cref="IpProto"/> null: only the ethertype.</summary>
    public readonly record struct Row(string Name, ushort EthType, byte? IpProto);

    // Read, but printed as dl_type=0x88e7, which Open vSwitch's tools read too.
    private const ushort Pbb = 0x88e7;

    private static readonly Row[] _rows =
    [
        new("tcp", 0x0800, 6),
        new("udp", 0x0800, 17),
        new("icmp", 0x0800, 1),
        new("sctp", 0x0800, 132),
        new("tcp6", 0x86dd, 6),
        new("udp6", 0x86dd, 17),
        new("icmp6", 0x86dd, 58),
        new("sctp6", 0x86dd, 132),
        new("ip", 0x0800, null),
        new("ipv6", 0x86dd, null),
        new("arp", 0x0806, null),
        new("rarp", 0x8035, null),
        new("mpls", 0x8847, null),
        new("mplsm", 0x8848, null),
        new("pbb", Pbb, null),
        new("ip4", 0x0800, null),
        new("ip6", 0x86dd, null),
    ];

    public static Row? ByName(string name)
    {
        int index = Array.FindIndex(_rows, r => r.Name == name);
        return index < 0 ? null : _rows[index];
    }

    /// <summary>The shortest description of what is matched exactly, or null.</summary>
    public static Row? Describing(in FlowKey value, in FlowKey mask)
    {
        if (mask.EthType.Value != 0xffff || value.EthType.Value == Pbb)
        {
            return null;
        }

        foreach (Row row in _rows)
        {
            if (row.EthType == value.EthType.Value && (row.IpProto is null || (mask.IpProto == 0xff && row.IpProto == value.IpProto)))
            {
                return row;
            }
        }

        return null;
    }
}
