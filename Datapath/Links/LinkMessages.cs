using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using OvsBridge.Datapath.Interop;

namespace OvsBridge.Datapath.Links;

/// <summary>Reads RTM_NEWLINK and RTM_DELLINK; writes requests. Fields are in host order, messages and attributes padded to 4 bytes.</summary>
internal static class LinkMessages
{
    private const int HeaderSize = 16, InfoSize = 16, AttributeSize = 4;

    /// <summary>A request about one interface (0: all, with a dump flag).</summary>
    public static byte[] Request(
        ushort type, ushort flags, uint sequence, int ifIndex, uint linkFlags = 0, uint change = 0, ReadOnlySpan<byte> attributes = default)
    {
        byte[] body = new byte[InfoSize + attributes.Length];
        MemoryMarshal.Write(body, new Rtnetlink.InterfaceInfo { Index = ifIndex, Flags = linkFlags, Change = change });
        attributes.CopyTo(body.AsSpan(InfoSize));
        return Message(type, flags, sequence, body);
    }

    /// <summary>A request of any family.</summary>
    /// <param name="type">RTM_*.</param>
    /// <param name="flags">NLM_F_* besides the one that says "request".</param>
    /// <param name="sequence">Number that the answer has.</param>
    /// <param name="body">The family's struct and attributes.</param>
    public static byte[] Message(ushort type, ushort flags, uint sequence, ReadOnlySpan<byte> body)
    {
        byte[] message = new byte[HeaderSize + body.Length];
        MemoryMarshal.Write(message, new Rtnetlink.MessageHeader
        {
            Length = (uint)message.Length,
            Type = type,
            Flags = (ushort)(flags | Rtnetlink.FlagRequest),
            Sequence = sequence,
        });
        body.CopyTo(message.AsSpan(HeaderSize));
        return message;
    }

    /// <summary>An attribute.</summary>
    public static byte[] Attribute(ushort type, ReadOnlySpan<byte> value)
    {
        byte[] attribute = new byte[Align((uint)(AttributeSize + value.Length))];
        MemoryMarshal.Write(attribute, new Rtnetlink.Attribute { Length = (ushort)(AttributeSize + value.Length), Type = type });
        value.CopyTo(attribute.AsSpan(AttributeSize));
        return attribute;
    }

    /// <summary>An attribute of text.</summary>
    public static byte[] Attribute(ushort type, string text) => Attribute(type, [.. Encoding.UTF8.GetBytes(text), 0]);

    /// <summary>An attribute of a number.</summary>
    public static byte[] Attribute(ushort type, uint value) => Attribute(type, MemoryMarshal.AsBytes(new ReadOnlySpan<uint>(in value)));

    /// <summary>An attribute of a MAC address.</summary>
    public static byte[] Mac(ushort type, ulong address)
    {
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, address);
        return Attribute(type, bytes[2..]);
    }

    /// <summary>What RTM_NEWLINK says of a new veth pair.</summary>
    public static byte[] VethPair(string name, string peer, uint peerMtu)
    {
        byte[] other = [.. new byte[InfoSize], .. Attribute(Rtnetlink.IfName, peer), .. Attribute(Rtnetlink.Mtu, peerMtu)];
        byte[] data = Attribute(Rtnetlink.InfoData | Rtnetlink.Nested, Attribute(Rtnetlink.VethPeer | Rtnetlink.Nested, other));
        return
        [
            .. Attribute(Rtnetlink.IfName, name),
            .. Attribute(Rtnetlink.LinkInfo | Rtnetlink.Nested, [.. Attribute(Rtnetlink.InfoKind, "veth"), .. data]),
        ];
    }

    /// <summary>Cuts the next message off <paramref name="rest"/>.</summary>
    /// <returns>False at the end, or when what is left is not a message.</returns>
    public static bool TryTake(ref ReadOnlySpan<byte> rest, out Rtnetlink.MessageHeader header, out ReadOnlySpan<byte> body)
    {
        header = default;
        body = default;
        if (rest.Length < HeaderSize)
            return false;
        header = MemoryMarshal.Read<Rtnetlink.MessageHeader>(rest);
        if (header.Length < HeaderSize || header.Length > rest.Length)
            return false;
        body = rest[HeaderSize..(int)header.Length];
        rest = rest[Math.Min(rest.Length, (int)Align(header.Length))..];
        return true;
    }

    /// <summary>
    /// Reads the body of RTM_NEWLINK or RTM_DELLINK. Null for a message that is not about the interface itself: the bridge
    /// module sends the same types, of another family, about its ports.
    /// </summary>
    public static (Link Link, LinkCounters Counters)? Read(ReadOnlySpan<byte> body)
    {
        if (body.Length < InfoSize)
            return null;
        Rtnetlink.InterfaceInfo info = MemoryMarshal.Read<Rtnetlink.InterfaceInfo>(body);
        if (info.Family != 0)
            return null;
        string name = "", kind = "", alias = "";
        ulong mac = 0;
        int peer = 0;
        int? elsewhere = null;
        byte operState = 0;
        uint mtu = 0;
        LinkCounters counters = default;
        ReadOnlySpan<byte> rest = body[InfoSize..];
        while (TryTakeAttribute(ref rest, out ushort type, out ReadOnlySpan<byte> value))
        {
            switch (type)
            {
                case Rtnetlink.IfName:
                    name = Text(value);
                    break;
                case Rtnetlink.Address when value.Length == 6:
                    mac = (ulong)BinaryPrimitives.ReadUInt16BigEndian(value) << 32 | BinaryPrimitives.ReadUInt32BigEndian(value[2..]);
                    break;
                case Rtnetlink.OperState when value.Length >= 1:
                    operState = value[0];
                    break;
                case Rtnetlink.Mtu when value.Length >= 4:
                    mtu = MemoryMarshal.Read<uint>(value);
                    break;
                case Rtnetlink.IfAlias:
                    alias = Text(value);
                    break;
                case Rtnetlink.PeerLink when value.Length >= 4:
                    peer = MemoryMarshal.Read<int>(value);
                    break;
                case Rtnetlink.PeerNamespace when value.Length >= 4:
                    elsewhere = MemoryMarshal.Read<int>(value); // the index is one of that namespace
                    break;
                case Rtnetlink.Stats64 when value.Length >= Unsafe.SizeOf<Rtnetlink.LinkStats64>():
                    counters = Counters(MemoryMarshal.Read<Rtnetlink.LinkStats64>(value));
                    break;
                case Rtnetlink.LinkInfo:
                    while (TryTakeAttribute(ref value, out ushort inner, out ReadOnlySpan<byte> text))
                    {
                        if (inner == Rtnetlink.InfoKind)
                            kind = Text(text);
                    }

                    break;
            }
        }

        Link link = new()
        {
            IfIndex = info.Index,
            Name = name,
            Mac = mac,
            Flags = info.Flags,
            OperState = operState,
            Mtu = mtu,
            Kind = kind,
            Alias = alias,
            PeerIfIndex = elsewhere is null ? peer : 0,
            PeerNamespace = elsewhere,
            PeerIfIndexThere = elsewhere is null ? 0 : peer,
            HardwareType = info.HardwareType,
        };
        return (link, counters);
    }

    /// <summary>Cuts the next attribute off <paramref name="rest"/>.</summary>
    /// <returns>False at the end, or when what is left is not an attribute.</returns>
    public static bool TryTakeAttribute(ref ReadOnlySpan<byte> rest, out ushort type, out ReadOnlySpan<byte> value)
    {
        type = 0;
        value = default;
        if (rest.Length < AttributeSize)
            return false;
        Rtnetlink.Attribute attribute = MemoryMarshal.Read<Rtnetlink.Attribute>(rest);
        if (attribute.Length < AttributeSize || attribute.Length > rest.Length)
            return false;
        type = (ushort)(attribute.Type & Rtnetlink.TypeMask);
        value = rest[AttributeSize..attribute.Length];
        rest = rest[Math.Min(rest.Length, (int)Align(attribute.Length))..];
        return true;
    }

    private static uint Align(uint length) => (length + 3) & ~3u;

    /// <summary>An attribute's text.</summary>
    public static string Text(ReadOnlySpan<byte> value) => Encoding.UTF8.GetString(value.TrimEnd((byte)0));

    private static LinkCounters Counters(in Rtnetlink.LinkStats64 raw) => new()
    {
        RxPackets = raw.RxPackets,
        TxPackets = raw.TxPackets,
        RxBytes = raw.RxBytes,
        TxBytes = raw.TxBytes,
        RxErrors = raw.RxErrors,
        TxErrors = raw.TxErrors,
        RxDropped = raw.RxDropped,
        TxDropped = raw.TxDropped,
        RxFrameErrors = raw.RxFrameErrors,
        RxOverErrors = raw.RxOverErrors,
        RxCrcErrors = raw.RxCrcErrors,
        Collisions = raw.Collisions,
    };
}
