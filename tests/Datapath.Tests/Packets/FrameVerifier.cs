using System.Buffers.Binary;

namespace OvsBridge.Datapath.Tests.Packets;

/// <summary>Finds the wrong checksums of a frame, with a walk through the headers of its own.</summary>
internal static class FrameVerifier
{
    /// <summary>What is wrong, empty when all checksums verify; headers that have none, or of fragments, are passed over.</summary>
    public static string WrongChecksums(byte[] frame)
    {
        int at = 12;
        int type = U16(frame, at);
        while (type is 0x8100 or 0x88a8 or 0x88e7)
        {
            at += type == 0x88e7 ? 18 : 4;
            type = U16(frame, at);
        }

        if (type < 0x600)
        {
            at += 8;
            type = U16(frame, at);
        }

        at += 2;
        if (type is 0x8847 or 0x8848)
        {
            while ((frame[at + 2] & 1) == 0)
            {
                at += 4;
            }

            at += 4;
            type = frame[at] >> 4 == 4 ? 0x0800 : 0x86dd;
        }

        return type switch
        {
            0x0800 => Ipv4(frame, at),
            0x86dd => Ipv6(frame, at),
            _ => "",
        };
    }

    private static string Ipv4(byte[] frame, int at)
    {
        int header = (frame[at] & 15) * 4;
        if (Checksums.Internet(frame.AsSpan(at, header)) != 0)
        {
            return "IPv4 header";
        }

        return (U16(frame, at + 6) & 0x3fff) != 0 ? "" : Transport(frame, at, at + header, at + U16(frame, at + 2), frame[at + 9]);
    }

    private static string Ipv6(byte[] frame, int ip)
    {
        int at = ip + 40, next = frame[ip + 6];
        int end = at + U16(frame, ip + 4);
        while (next is 0 or 43 or 60 or 44 or 51)
        {
            if (next == 44 && (U16(frame, at + 2) & 0xfff9) != 0)
            {
                return "";
            }

            int size = next switch
            {
                44 => 8,
                51 => (frame[at + 1] + 2) * 4,
                _ => (frame[at + 1] + 1) * 8,
            };
            next = frame[at];
            at += size;
        }

        return Transport(frame, ip, at, end, next);
    }

    private static string Transport(byte[] frame, int ip, int at, int end, int protocol)
    {
        int field = protocol switch
        {
            6 => 16,
            17 => 6,
            132 => 8,
            1 or 58 => 2,
            _ => -1,
        };
        if (field < 0 || (protocol == 17 && U16(frame, at + 6) == 0))
        {
            return "";
        }

        byte[] expected = Checksums.Expected(frame, ip, at, end, (byte)protocol, field);
        return frame.AsSpan(at + field, expected.Length).SequenceEqual(expected)
            ? ""
            : $"protocol {protocol}: {Convert.ToHexStringLower(frame.AsSpan(at + field, expected.Length))}, not {Convert.ToHexStringLower(expected)}";
    }

    private static int U16(byte[] frame, int at) => BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(at));
}
