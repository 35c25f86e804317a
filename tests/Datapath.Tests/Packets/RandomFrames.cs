namespace OvsBridge.Datapath.Tests.Packets;

/// <summary>Frames made up from headers at random, right ones and odd ones; the same seed gives the same frames.</summary>
internal sealed class RandomFrames(int seed)
{
    private readonly Random _random = new(seed);
    private byte[][]? _pool;

    /// <summary>A well-formed frame of a kind that a plain dissector understands: all checksums right, at least 60 bytes.</summary>
    public byte[] Next()
    {
        FrameBuilder frame = new FrameBuilder().Raw(MacAddress()).Raw(MacAddress());
        for (int tags = _random.Next(6) - 3; tags > 0; tags--)
        {
            frame.U16(_random.Next(3) == 0 ? 0x88a8 : 0x8100).U16(_random.Next(0x10000));
        }

        switch (_random.Next(10))
        {
            case < 4:
                Ipv4(frame.U16(0x0800));
                break;
            case < 7:
                Ipv6(frame.U16(0x86dd));
                break;
            case 7:
                Arp(frame);
                break;
            case 8:
                Mpls(frame);
                break;
            default:
                Other(frame);
                break;
        }

        return Padded(frame.ToArray());
    }

    /// <summary>One of some thousand well-formed frames, with some bytes changed or the end cut off: anything may be wrong with it.</summary>
    public byte[] NextOdd()
    {
        _pool ??= [.. Enumerable.Range(0, 4000).Select(_ => Next())];
        byte[] frame = [.. _pool[_random.Next(_pool.Length)]];
        for (int i = _random.Next(4); i > 0; i--)
        {
            // Mostly in the headers, mostly small changes.
            int at = _random.Next(Math.Min(frame.Length, _random.Next(4) == 0 ? frame.Length : 80));
            frame[at] = _random.Next(3) switch
            {
                0 => (byte)_random.Next(256),
                1 => (byte)(frame[at] ^ (1 << _random.Next(8))),
                _ => (byte)(frame[at] + _random.Next(-2, 3)),
            };
        }

        return _random.Next(4) == 0 ? frame[..Math.Max(14, _random.Next(frame.Length + 1))] : frame;
    }

    private static byte[] Padded(byte[] frame) => frame.Length >= 60 ? frame : [.. frame, .. new byte[60 - frame.Length]];

    private byte[] MacAddress() => [(byte)(_random.Next(256) & 0xfe), .. Bytes(5)];

    private byte[] Bytes(int count)
    {
        byte[] bytes = new byte[count];
        _random.NextBytes(bytes);
        return bytes;
    }

    private string Address4() => $"10.{_random.Next(256)}.{_random.Next(256)}.{_random.Next(1, 255)}";

    private string Address6() => $"fd00:{_random.Next(0x10000):x}:{_random.Next(0x10000):x}::{_random.Next(1, 0x10000):x}";

    private void Ipv4(FrameBuilder frame)
    {
        int protocol = Pick(6, 17, 132, 1, 2, 253);
        int fragment = _random.Next(8) switch
        {
            0 => 0x2000,
            1 => 0x2000 | _random.Next(1, 0x1000),
            2 => 0x4000,
            _ => 0,
        };
        byte[] options = new byte[_random.Next(5) == 0 ? 4 * _random.Next(1, 11) : 0];
        Array.Fill(options, (byte)1);
        frame.Ipv4(protocol, Address4(), Address4(), _random.Next(256), _random.Next(2, 256), fragment, options);
        Transport(frame, protocol, (fragment & 0x1fff) != 0);
    }

    private void Ipv6(FrameBuilder frame)
    {
        List<int> chain = [];
        if (_random.Next(3) == 0)
        {
            if (_random.Next(2) == 0)
            {
                chain.Add(0);
            }

            for (int i = _random.Next(4); i > 0; i--)
            {
                chain.Add(Pick(60, 43, 44, 51));
            }
        }

        int protocol = Pick(6, 17, 132, 58, 59, 253);
        frame.Ipv6(chain.Count > 0 ? chain[0] : protocol, Address6(), Address6(), _random.Next(256), _random.Next(0x100000), _random.Next(2, 256));
        bool later = false;
        for (int i = 0; i < chain.Count && !later; i++)
        {
            int next = i + 1 < chain.Count ? chain[i + 1] : protocol;
            switch (chain[i])
            {
                case 44:
                    later = _random.Next(3) == 0;
                    frame.FragmentHeader(next, later ? _random.Next(1, 8192) : 0, _random.Next(2) == 0);
                    break;
                case 51:
                    frame.Authentication(next, _random.Next(1, 5));
                    break;
                case 43:
                    // No segments left; type 253 is for experiments, so that nobody looks inside.
                    frame.U8(next).U8(_random.Next(3) is var words ? words : 0).U8(253).U8(0).Zeros(4 + (words * 8));
                    break;
                default:
                    frame.Extension(next, _random.Next(3));
                    break;
            }
        }

        Transport(frame, protocol, later);
    }

    private void Transport(FrameBuilder frame, int protocol, bool later)
    {
        byte[] payload = Bytes(_random.Next(40, 200));
        if (later)
        {
            frame.Raw(payload);
            return;
        }

        int source = _random.Next(49152, 65536), destination = _random.Next(49152, 65536);
        switch (protocol)
        {
            case 6:
                frame.Tcp(source, destination, _random.Next(0x1000)).Raw(payload);
                break;
            case 17:
                frame.Udp(source, destination, _random.Next(4) != 0).Raw(payload);
                break;
            case 132:
                frame.Sctp(source, destination).Raw(payload[..^(payload.Length % 4)]);
                break;
            case 1:
                frame.Icmp(Pick(0, 8, 13, 17), _random.Next(16)).Raw(payload);
                break;
            case 58:
                Icmpv6(frame, payload);
                break;
            case 59:
                break;
            default:
                frame.Raw(payload);
                break;
        }
    }

    private void Icmpv6(FrameBuilder frame, byte[] payload)
    {
        int type = Pick(128, 129, 135, 136);
        if (type < 133)
        {
            frame.Icmpv6(type, _random.Next(16)).Raw(payload);
            return;
        }

        frame.Icmpv6(type, 0).Ip(Address6());
        for (int i = _random.Next(4); i > 0; i--)
        {
            int option = Pick(1, 2, 14);
            frame.U8(option).U8(1).Raw(MacAddress());
        }
    }

    private void Arp(FrameBuilder frame)
    {
        string[] macs = [.. Enumerable.Range(0, 2).Select(_ => string.Join(':', MacAddress().Select(b => b.ToString("x2", null))))];
        frame.U16(Pick(0x0806, 0x8035)).Arp(_random.Next(1, 5), macs[0], Address4(), macs[1], Address4());
    }

    private void Mpls(FrameBuilder frame)
    {
        frame.U16(Pick(0x8847, 0x8848));
        int entries = _random.Next(1, 6);
        for (int i = 1; i <= entries; i++)
        {
            frame.Mpls(_random.Next(16, 0x100000), _random.Next(8), i == entries, _random.Next(2, 256));
        }

        if (_random.Next(2) == 0)
        {
            Ipv4(frame);
        }
        else
        {
            Ipv6(frame);
        }
    }

    private void Other(FrameBuilder frame)
    {
        switch (_random.Next(3))
        {
            case 0:
                frame.U16(0x88e7).U8(_random.Next(256) & 0xf0).Raw(Bytes(3)).Raw(MacAddress()).Raw(MacAddress());
                Ipv4(frame.U16(0x0800));
                break;
            case 1:
                frame.U16(0x0064).Raw(0xaa, 0xaa, 3, 0, 0, 0);
                Ipv4(frame.U16(0x0800));
                break;
            default:
                frame.U16(0x88b5).Raw(Bytes(_random.Next(46, 100)));
                break;
        }
    }

    private int Pick(params int[] choices) => choices[_random.Next(choices.Length)];
}
