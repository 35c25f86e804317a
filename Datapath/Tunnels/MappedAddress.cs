using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace OvsBridge.Datapath.Tunnels;

/// <summary>IP addresses as 128 bits, IPv4 as ::ffff:a.b.c.d.</summary>
public static class MappedAddress
{
    private static UInt128 Ipv4Prefix => (UInt128)0xffff << 32;

    /// <summary>The 128 bits of an address.</summary>
    public static UInt128 From(IPAddress address)
    {
        UInt128 value = 0;
        foreach (byte b in address.GetAddressBytes())
            value = (value << 8) | b;
        return address.AddressFamily == AddressFamily.InterNetwork ? FromIpv4((uint)value) : value;
    }

    /// <summary>An IPv4 address, host order; 0 stays 0: none.</summary>
    public static UInt128 FromIpv4(uint address) => address == 0 ? 0 : Ipv4Prefix | address;

    /// <summary>Whether it is an IPv4 address.</summary>
    public static bool IsIpv4(UInt128 address) => address >> 32 == 0xffff;

    /// <summary>As text.</summary>
    public static string Text(UInt128 address) => ToAddress(address).ToString();

    /// <summary>As a .NET address.</summary>
    public static IPAddress ToAddress(UInt128 address)
    {
        Span<byte> bytes = stackalloc byte[16];
        Write(bytes, address);
        return new IPAddress(bytes[(16 - SizeOf(address))..]);
    }

    /// <summary>Bytes of the address in a packet.</summary>
    public static int SizeOf(UInt128 address) => IsIpv4(address) ? 4 : 16;

    /// <summary>Writes the 16 bytes.</summary>
    public static void Write(Span<byte> bytes, UInt128 address) => BinaryPrimitives.WriteUInt128BigEndian(bytes, address);
}
