using System.Buffers.Binary;
using System.Net;

namespace OvsBridge.Datapath.Tests.Packets;

/// <summary>
/// Writes frames byte by byte, header after header, independently of the code under test. Lengths and checksums that stand before what
/// they cover are filled in by <see cref="ToArray"/>.
/// </summary>
internal sealed class FrameBuilder
{
    private readonly List<byte> _bytes = [];
    private readonly List<Action<byte[]>> _fixes = [];
    private int _ip;

    public static FrameBuilder Ethernet(ushort type, string destination = "02:00:00:00:00:02", string source = "02:00:00:00:00:01") =>
        new FrameBuilder().Mac(destination).Mac(source).U16(type);

    public int Length => _bytes.Count;

    public FrameBuilder Raw(params byte[] bytes)
    {
        _bytes.AddRange(bytes);
        return this;
    }

    public FrameBuilder Zeros(int count) => Raw(new byte[count]);

    public FrameBuilder Counting(int count) => Raw([.. Enumerable.Range(1, count).Select(i => (byte)i)]);

    public FrameBuilder U8(int value) => Raw((byte)value);

    public FrameBuilder U16(int value) => Raw((byte)(value >> 8), (byte)value);

    public FrameBuilder U32(uint value) => U16((int)(value >> 16)).U16((int)(value & 0xffff));

    public FrameBuilder Mac(string mac) => Raw([.. mac.Split(':').Select(part => Convert.ToByte(part, 16))]);

    public FrameBuilder Ip(string address) => Raw(IPAddress.Parse(address).GetAddressBytes());

    public FrameBuilder Vlan(int tci, ushort nextType) => U16(tci).U16(nextType);

    public FrameBuilder Mpls(int label, int tc, bool bottom, int ttl) =>
        U32(((uint)label << 12) | ((uint)tc << 9) | (bottom ? 0x100u : 0) | (uint)ttl);

    public FrameBuilder Ipv4(int protocol, string source = "10.0.0.1", string destination = "10.0.0.2", int tos = 0, int ttl = 64, int fragment = 0, byte[]? options = null)
    {
        options ??= [];
        int at = _ip = Length;
        U8(0x45 + (options.Length / 4)).U8(tos).U16(0).U16(0x1234).U16(fragment).U8(ttl).U8(protocol).U16(0).Ip(source).Ip(destination).Raw(options);
        _fixes.Add(bytes =>
        {
            BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(at + 2), (ushort)(bytes.Length - at));
            BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(at + 10), Checksums.Internet(bytes.AsSpan(at, 20 + options.Length)));
        });
        return this;
    }

    public FrameBuilder Ipv6(int next, string source = "fd00::1", string destination = "fd00::2", int tos = 0, int label = 0, int hopLimit = 64)
    {
        int at = _ip = Length;
        U32(0x6000_0000u | ((uint)tos << 20) | (uint)label).U16(0).U8(next).U8(hopLimit).Ip(source).Ip(destination);
        _fixes.Add(bytes => BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(at + 4), (ushort)(bytes.Length - at - 40)));
        return this;
    }

    /// <summary>Hop-by-hop, routing or destination options: padding of <paramref name="words"/> + 1 times eight bytes.</summary>
    public FrameBuilder Extension(int next, int words = 0) => U8(next).U8(words).U8(1).U8(4).Zeros(4 + (words * 8));

    public FrameBuilder FragmentHeader(int next, int offset, bool more) => U8(next).U8(0).U16((offset << 3) | (more ? 1 : 0)).U32(0xabcdef01);

    public FrameBuilder Authentication(int next, int icvWords = 1) => U8(next).U8(icvWords + 1).U16(0).U32(0x11223344).U32(1).Zeros(icvWords * 4);

    public FrameBuilder Arp(int operation, string sha, string spa, string tha, string tpa) =>
        U16(1).U16(0x0800).U8(6).U8(4).U16(operation).Mac(sha).Ip(spa).Mac(tha).Ip(tpa);

    public FrameBuilder Tcp(int source, int destination, int flags = 0x10) => Transport(6, 16, b => b
        .U16(source).U16(destination).U32(1).U32(2).U16(0x5000 | flags).U16(0xffff).U16(0).U16(0));

    public FrameBuilder Udp(int source, int destination, bool checksum = true)
    {
        int at = Length;
        _fixes.Add(bytes => BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(at + 4), (ushort)(bytes.Length - at)));
        return Transport(17, checksum ? 6 : -1, b => b.U16(source).U16(destination).U16(0).U16(0));
    }

    public FrameBuilder Sctp(int source, int destination) => Transport(132, 8, b => b.U16(source).U16(destination).U32(0xdeadbeef).U32(0));

    public FrameBuilder Icmp(int type, int code) => Transport(1, 2, b => b.U8(type).U8(code).U16(0).U32(0x00010002));

    public FrameBuilder Icmpv6(int type, int code) => Transport(58, 2, b => b.U8(type).U8(code).U16(0).U32(0x60000000));

    public byte[] ToArray()
    {
        byte[] bytes = [.. _bytes];
        foreach (Action<byte[]> fix in _fixes)
        {
            fix(bytes);
        }

        return bytes;
    }

    private FrameBuilder Transport(int protocol, int checksumAt, Action<FrameBuilder> header)
    {
        int ip = _ip, at = Length;
        header(this);
        if (checksumAt >= 0)
        {
            _fixes.Add(bytes => Checksums.Fill(bytes, ip, at, bytes.Length, (byte)protocol, checksumAt));
        }

        return this;
    }
}
