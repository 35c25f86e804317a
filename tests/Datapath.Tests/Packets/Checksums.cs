using System.Buffers.Binary;

namespace OvsBridge.Datapath.Tests.Packets;

/// <summary>Checksums computed the slow, plain way, as a check of the product's code.</summary>
internal static class Checksums
{
    /// <summary>RFC 1071 over big-endian 16-bit words, one after the other.</summary>
    public static ushort Internet(ReadOnlySpan<byte> bytes, uint start = 0)
    {
        uint sum = start;
        for (int i = 0; i < bytes.Length; i++)
        {
            sum += i % 2 == 0 ? (uint)bytes[i] << 8 : bytes[i];
            sum = (sum & 0xffff) + (sum >> 16);
        }

        return (ushort)~sum;
    }

    /// <summary>CRC32c bit by bit, reflected polynomial 0x82f63b78.</summary>
    public static uint Crc32c(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte b in bytes)
        {
            crc ^= b;
            for (int i = 0; i < 8; i++)
            {
                crc = (crc & 1) != 0 ? (crc >> 1) ^ 0x82f63b78 : crc >> 1;
            }
        }

        return ~crc;
    }

    /// <summary>Sum of the pseudo header of the IP header at <paramref name="ip"/>, not complemented.</summary>
    public static uint PseudoHeader(ReadOnlySpan<byte> frame, int ip, int transport, int end, byte protocol)
    {
        Span<byte> pseudo = stackalloc byte[40];
        int size;
        if (frame[ip] >> 4 == 4)
        {
            frame.Slice(ip + 12, 8).CopyTo(pseudo);
            size = 8;
        }
        else
        {
            frame.Slice(ip + 8, 32).CopyTo(pseudo);
            size = 32;
        }

        BinaryPrimitives.WriteUInt32BigEndian(pseudo[size..], (uint)(end - transport));
        BinaryPrimitives.WriteUInt32BigEndian(pseudo[(size + 4)..], protocol);
        return (ushort)~Internet(pseudo[..(size + 8)]);
    }

    /// <summary>What the checksum field of a transport header should hold, as bytes in order.</summary>
    public static byte[] Expected(ReadOnlySpan<byte> frame, int ip, int transport, int end, byte protocol, int field)
    {
        byte[] message = frame[transport..end].ToArray();
        if (protocol == 132)
        {
            message.AsSpan(8, 4).Clear();
            byte[] crc = new byte[4];
            BinaryPrimitives.WriteUInt32LittleEndian(crc, Crc32c(message));
            return crc;
        }

        message.AsSpan(field, 2).Clear();
        uint pseudo = protocol == 1 ? 0 : PseudoHeader(frame, ip, transport, end, protocol);
        ushort checksum = Internet(message, pseudo);
        return checksum == 0 && protocol == 17 ? [0xff, 0xff] : [(byte)(checksum >> 8), (byte)checksum];
    }

    public static void Fill(byte[] frame, int ip, int transport, int end, byte protocol, int field) =>
        Expected(frame, ip, transport, end, protocol, field).CopyTo(frame, transport + field);
}
