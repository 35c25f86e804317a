using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace OvsBridge.OpenFlow.Fields;

/// <summary>16 bits stored in network byte order; converts to and from the host's value.</summary>
/// <param name="Raw">The value as the two bytes in memory, read in host order.</param>
public readonly record struct Be16(ushort Raw)
{
    /// <summary>The value in host order.</summary>
    public ushort Value => NetworkOrder.Swap(Raw);

    /// <summary>The host-order value of <paramref name="stored"/>.</summary>
    public static implicit operator ushort(Be16 stored) => stored.Value;

    /// <summary>Stores the host-order <paramref name="value"/>.</summary>
    public static implicit operator Be16(ushort value) => new(NetworkOrder.Swap(value));

    /// <inheritdoc/>
    public override string ToString() => $"0x{Value:x4}";
}

/// <summary>32 bits stored in network byte order; converts to and from the host's value.</summary>
/// <param name="Raw">The value as the four bytes in memory, read in host order.</param>
public readonly record struct Be32(uint Raw)
{
    /// <summary>The value in host order.</summary>
    public uint Value => NetworkOrder.Swap(Raw);

    /// <summary>The host-order value of <paramref name="stored"/>.</summary>
    public static implicit operator uint(Be32 stored) => stored.Value;

    /// <summary>Stores the host-order <paramref name="value"/>.</summary>
    public static implicit operator Be32(uint value) => new(NetworkOrder.Swap(value));

    /// <inheritdoc/>
    public override string ToString() => $"0x{Value:x8}";
}

/// <summary>64 bits stored in network byte order; converts to and from the host's value.</summary>
/// <param name="Raw">The value as the eight bytes in memory, read in host order.</param>
public readonly record struct Be64(ulong Raw)
{
    /// <summary>The value in host order.</summary>
    public ulong Value => NetworkOrder.Swap(Raw);

    /// <summary>The host-order value of <paramref name="stored"/>.</summary>
    public static implicit operator ulong(Be64 stored) => stored.Value;

    /// <summary>Stores the host-order <paramref name="value"/>.</summary>
    public static implicit operator Be64(ulong value) => new(NetworkOrder.Swap(value));

    /// <inheritdoc/>
    public override string ToString() => $"0x{Value:x16}";
}

/// <summary>128 bits (an IPv6 address) stored in network byte order.</summary>
/// <param name="First">The first eight bytes.</param>
/// <param name="Second">The last eight bytes.</param>
[StructLayout(LayoutKind.Sequential, Pack = 8)]
public readonly record struct Be128(Be64 First, Be64 Second)
{
    /// <summary>The value in host order.</summary>
    public UInt128 Value => new(First.Value, Second.Value);

    /// <summary>The host-order value of <paramref name="stored"/>.</summary>
    public static implicit operator UInt128(Be128 stored) => stored.Value;

    /// <summary>Stores the host-order <paramref name="value"/>.</summary>
    public static implicit operator Be128(UInt128 value) => new((ulong)(value >> 64), (ulong)value);

    /// <inheritdoc/>
    public override string ToString() => $"0x{Value:x32}";
}

/// <summary>The six bytes of a MAC address as they stand in the packet.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 2, Size = 6)]
public readonly record struct MacBytes
{
    private readonly Be16 _first, _second, _third;

    /// <summary>Stores the low 48 bits of <paramref name="value"/>, most significant byte first.</summary>
    public MacBytes(ulong value)
    {
        _first = (ushort)(value >> 32);
        _second = (ushort)(value >> 16);
        _third = (ushort)value;
    }

    /// <summary>The address as a number, first byte most significant.</summary>
    public ulong Value => ((ulong)_first.Value << 32) | ((ulong)_second.Value << 16) | _third.Value;

    /// <summary>The number of <paramref name="stored"/>.</summary>
    public static implicit operator ulong(MacBytes stored) => stored.Value;

    /// <summary>Stores <paramref name="value"/>.</summary>
    public static implicit operator MacBytes(ulong value) => new(value);

    /// <inheritdoc/>
    public override string ToString()
    {
        ulong v = Value;
        return $"{(byte)(v >> 40):x2}:{(byte)(v >> 32):x2}:{(byte)(v >> 24):x2}:{(byte)(v >> 16):x2}:{(byte)(v >> 8):x2}:{(byte)v:x2}";
    }
}

/// <summary>Host to network order and back.</summary>
internal static class NetworkOrder
{
#pragma warning disable RS0030 // IsLittleEndian is a constant of the JIT; the ban is for the conversions
    private static bool Little => BitConverter.IsLittleEndian;
#pragma warning restore RS0030

    public static ushort Swap(ushort value) => Little ? BinaryPrimitives.ReverseEndianness(value) : value;

    public static uint Swap(uint value) => Little ? BinaryPrimitives.ReverseEndianness(value) : value;

    public static ulong Swap(ulong value) => Little ? BinaryPrimitives.ReverseEndianness(value) : value;
}
