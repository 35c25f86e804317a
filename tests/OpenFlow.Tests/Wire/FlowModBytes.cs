using System.Buffers.Binary;

namespace OvsBridge.OpenFlow.Tests.Wire;

/// <summary>Hand-made flow_mods around a match or instructions in hex, for what goes wrong in these.</summary>
internal static class FlowModBytes
{
    /// <summary>eth_type = 0x0800.</summary>
    public const string Ipv4 = "80000a02 0800 ";

    /// <summary>eth_type = 0x86dd.</summary>
    public const string Ipv6 = "80000a02 86dd ";

    /// <summary>eth_type = 0x0806.</summary>
    public const string Arp = "80000a02 0806 ";

    /// <summary>eth_type = 0x8847.</summary>
    public const string Mpls = "80000a02 8847 ";

    /// <summary>ip_proto = 6.</summary>
    public const string Tcp = "80001401 06 ";

    /// <summary>ip_proto = 17.</summary>
    public const string Udp = "80001401 11 ";

    /// <summary>ip_proto = 132.</summary>
    public const string Sctp = "80001401 84 ";

    /// <summary>ip_proto = 1.</summary>
    public const string Icmp = "80001401 01 ";

    /// <summary>ip_proto = 58.</summary>
    public const string Icmpv6 = "80001401 3a ";

    /// <summary>vlan_vid = 5, tag present.</summary>
    public const string Vlan = "80000c02 1005 ";

    /// <summary>An add to table 1 with these OXM fields and instructions.</summary>
    public static byte[] Make(string oxm, string instructions = "", byte command = 0, byte table = 1, ushort flags = 0)
    {
        byte[] fields = Hex(oxm);
        List<byte> bytes = [4, 14, 0, 0, 0, 0, 0, 42];
        bytes.AddRange(new byte[16]); // cookie, cookie_mask
        bytes.AddRange([table, command]);
        bytes.AddRange(new byte[6]); // timeouts, priority
        bytes.AddRange(Hex("ffffffff ffffffff ffffffff")); // buffer_id, out_port, out_group
        bytes.AddRange([(byte)(flags >> 8), (byte)flags, 0, 0]);
        bytes.AddRange([0, 1, (byte)((fields.Length + 4) >> 8), (byte)(fields.Length + 4)]);
        bytes.AddRange(fields);
        bytes.AddRange(new byte[-(fields.Length + 4) & 7]);
        bytes.AddRange(Hex(instructions));
        return Finish(bytes);
    }

    /// <summary>An add with these OXM fields and one apply_actions of these actions.</summary>
    public static byte[] Apply(string oxm, string actions) => Make(oxm, Instruction(4, actions));

    /// <summary>An instruction with actions, in hex.</summary>
    public static string Instruction(ushort type, string actions) =>
        $"{type:x4} {Hex(actions).Length + 8:x4} 00000000 {actions}";

    public static byte[] Hex(string text) => Convert.FromHexString(text.Replace(" ", "", StringComparison.Ordinal));

    private static byte[] Finish(List<byte> bytes)
    {
        byte[] message = [.. bytes];
        BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(2), (ushort)message.Length);
        return message;
    }
}
