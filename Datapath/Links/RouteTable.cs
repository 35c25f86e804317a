using System.Buffers.Binary;
using System.Runtime.InteropServices;
using OvsBridge.Datapath.Interop;
using OvsBridge.Datapath.Tunnels;

namespace OvsBridge.Datapath.Links;

/// <summary>Where packets to an address leave the machine.</summary>
/// <param name="IfIndex">Interface; 0: they don't, there is no route.</param>
/// <param name="NextHop">Whose MAC address they get: a router's, or the address itself.</param>
/// <param name="Local">Source address that the kernel would take.</param>
/// <param name="Mtu">Largest packet that the route says; 0: what the interface says.</param>
public readonly record struct Route(int IfIndex, UInt128 NextHop, UInt128 Local, uint Mtu);

/// <summary>An address of the machine.</summary>
/// <param name="IfIndex">On which interface.</param>
/// <param name="Address">The address.</param>
public readonly record struct LocalAddress(int IfIndex, UInt128 Address);

/// <summary>What the kernel knows of a neighbour.</summary>
/// <param name="Mac">Its address; 0: none known.</param>
/// <param name="IsConfirmed">Whether it was heard of lately, or need not be; else packets should go by the kernel, which asks.</param>
public readonly record struct Neighbour(ulong Mac, bool IsConfirmed);

/// <summary>
/// Asks the kernel for addresses, routes and neighbours, by rtnetlink. Speaks of the network namespace of the thread that made it. Thread-safe; calls
/// take turns. Addresses are 128 bits, IPv4 as ::ffff:a.b.c.d.
/// </summary>
public sealed class RouteTable : IDisposable
{
    private const int RouteSize = 12, AddressSize = 8, NeighbourSize = 12; // struct rtmsg, ifaddrmsg, ndmsg

    private readonly Lock _lock = new();
    private readonly SafeSocketFd _socket = NetlinkSocket.Open(groups: 0);
    private readonly byte[] _buffer = new byte[NetlinkSocket.BufferSize];
    private uint _sequence;

    /// <summary>The route to an address, by the machine's rules.</summary>
    /// <param name="to">The address.</param>
    /// <param name="from">Source address that is wanted; 0: any.</param>
    /// <returns>A route of interface 0 when there is none, or when the address is one of the machine's own.</returns>
    public Route Find(UInt128 to, UInt128 from = default)
    {
        int size = MappedAddress.SizeOf(to);
        Span<byte> bytes = stackalloc byte[16];
        MappedAddress.Write(bytes, to);
        byte[] head = new byte[RouteSize];
        head[0] = Family(to);
        head[1] = (byte)(size * 8);
        byte[] attributes = LinkMessages.Attribute(Rtnetlink.RouteDestination, bytes[(16 - size)..]);
        if (from != 0)
        {
            head[2] = (byte)(size * 8);
            MappedAddress.Write(bytes, from);
            attributes = [.. attributes, .. LinkMessages.Attribute(Rtnetlink.RouteSource, bytes[(16 - size)..])];
        }

        Route route = default;
        // Whatever the kernel has against it: there is no way.
        _ = Ask(Rtnetlink.GetRoute, 0, [.. head, .. attributes], body => route = ReadRoute(body, to));
        return route;
    }

    /// <summary>The machine's addresses, those of IPv6 that are tentative or only for a link too.</summary>
    public IReadOnlyList<LocalAddress> ListAddresses()
    {
        List<LocalAddress> addresses = [];
        Ask(Rtnetlink.GetAddress, Rtnetlink.FlagDump, new byte[AddressSize], body =>
        {
            LocalAddress address = ReadAddress(body);
            if (address.Address != 0)
                addresses.Add(address);
        });
        return addresses;
    }

    /// <summary>What the kernel knows of its neighbours.</summary>
    public IReadOnlyDictionary<(int IfIndex, UInt128 Address), Neighbour> ListNeighbours()
    {
        Dictionary<(int, UInt128), Neighbour> neighbours = [];
        Ask(Rtnetlink.GetNeighbour, Rtnetlink.FlagDump, new byte[NeighbourSize], body =>
        {
            if (ReadNeighbour(body) is { } found)
                neighbours[(found.IfIndex, found.Address)] = found.Neighbour;
        });
        return neighbours;
    }

    /// <inheritdoc/>
    public void Dispose() => _socket.Dispose();

    /// <summary>Reads the body of RTM_NEWNEIGH or RTM_DELNEIGH; null: not about an IP neighbour.</summary>
    internal static (int IfIndex, UInt128 Address, Neighbour Neighbour)? ReadNeighbour(ReadOnlySpan<byte> body)
    {
        const ushort Reachable = 0x02, NoArp = 0x40, Permanent = 0x80; // NUD_*
        if (body.Length < NeighbourSize || body[0] is not (Rtnetlink.FamilyInet or Rtnetlink.FamilyInet6))
            return null;
        int ifIndex = MemoryMarshal.Read<int>(body[4..]);
        ushort state = MemoryMarshal.Read<ushort>(body[8..]);
        UInt128 address = 0;
        ulong mac = 0;
        ReadOnlySpan<byte> rest = body[NeighbourSize..];
        while (LinkMessages.TryTakeAttribute(ref rest, out ushort type, out ReadOnlySpan<byte> value))
        {
            if (type == Rtnetlink.NeighbourDestination)
                address = Address(value);
            else if (type == Rtnetlink.NeighbourLinkAddress && value.Length == 6)
                mac = (ulong)BinaryPrimitives.ReadUInt16BigEndian(value) << 32 | BinaryPrimitives.ReadUInt32BigEndian(value[2..]);
        }

        return (ifIndex, address, new Neighbour(mac, mac != 0 && (state & (Reachable | NoArp | Permanent)) != 0));
    }

    private static Route ReadRoute(ReadOnlySpan<byte> body, UInt128 to)
    {
        const byte Unicast = 1; // RTN_UNICAST; others: local, broadcast, multicast, unreachable ...
        if (body.Length < RouteSize || body[7] != Unicast)
            return default;
        int ifIndex = 0;
        UInt128 hop = to, local = 0;
        uint mtu = 0;
        ReadOnlySpan<byte> rest = body[RouteSize..];
        while (LinkMessages.TryTakeAttribute(ref rest, out ushort type, out ReadOnlySpan<byte> value))
        {
            switch (type)
            {
                case Rtnetlink.RouteOutput when value.Length >= 4:
                    ifIndex = MemoryMarshal.Read<int>(value);
                    break;
                case Rtnetlink.RouteGateway:
                    hop = Address(value);
                    break;
                case Rtnetlink.RouteVia when value.Length > 2: // struct rtvia: family, address; a gateway of the other family
                    hop = Address(value[2..]);
                    break;
                case Rtnetlink.RoutePreferredSource:
                    local = Address(value);
                    break;
                case Rtnetlink.RouteMetrics:
                    while (LinkMessages.TryTakeAttribute(ref value, out ushort metric, out ReadOnlySpan<byte> number))
                    {
                        if (metric == Rtnetlink.MetricMtu && number.Length >= 4)
                            mtu = MemoryMarshal.Read<uint>(number);
                    }

                    break;
            }
        }

        return new Route(ifIndex, hop, local, mtu);
    }

    private static LocalAddress ReadAddress(ReadOnlySpan<byte> body)
    {
        if (body.Length < AddressSize)
            return default;
        UInt128 address = 0, local = 0;
        ReadOnlySpan<byte> rest = body[AddressSize..];
        while (LinkMessages.TryTakeAttribute(ref rest, out ushort type, out ReadOnlySpan<byte> value))
        {
            if (type == Rtnetlink.AddressPrefix)
                address = Address(value);
            else if (type == Rtnetlink.AddressLocal)
                local = Address(value); // on a point-to-point interface the other one is the peer's
        }

        return new LocalAddress(MemoryMarshal.Read<int>(body[4..]), local != 0 ? local : address);
    }

    private static UInt128 Address(ReadOnlySpan<byte> bytes) => bytes.Length switch
    {
        4 => MappedAddress.FromIpv4(BinaryPrimitives.ReadUInt32BigEndian(bytes)),
        16 => BinaryPrimitives.ReadUInt128BigEndian(bytes),
        _ => 0,
    };

    private static byte Family(UInt128 address) => MappedAddress.IsIpv4(address) ? Rtnetlink.FamilyInet : Rtnetlink.FamilyInet6;

    private int Ask(ushort type, ushort flags, byte[] body, Action<ReadOnlySpan<byte>> take)
    {
        lock (_lock)
            return NetlinkSocket.Ask(_socket, _buffer, LinkMessages.Message(type, flags, ++_sequence, body), null, take);
    }
}
