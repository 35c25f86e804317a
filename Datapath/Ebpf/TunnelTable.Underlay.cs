using System.Runtime.InteropServices;
using OvsBridge.Datapath.Interop;
using OvsBridge.Datapath.Links;
using OvsBridge.Datapath.Tunnels;

namespace OvsBridge.Datapath.Ebpf;

/// <content>
/// Keeps what the program knows of the machine in step with it: which interfaces tunnels come in by, which local addresses are whose, and the way
/// to each remote end. All of it is worked out anew with each change that rtnetlink tells, and what differs is written.
/// </content>
internal sealed partial class TunnelTable
{
    private const uint Groups = Rtnetlink.GroupLink | Rtnetlink.GroupNeighbour | Rtnetlink.GroupIpv4Address | Rtnetlink.GroupIpv4Route
        | Rtnetlink.GroupIpv6Address | Rtnetlink.GroupIpv6Route;

    private readonly PortAttacher _attacher;
    private readonly HashSet<int> _attached = [];
    private readonly HashSet<int> _refused = [];
    private readonly Dictionary<TunnelInEntry, int> _slots = [];
    private readonly HashSet<string> _told = [];
    private readonly Stack<int> _freeRoutes = new(Enumerable.Range(1, Abi.MaxRoutes - 1).Reverse());
    private RouteTable? _routes;
    private LinkTable? _links;
    private TunnelSender? _sender;
    private SafeSocketFd? _changes;
    private SafeSocketFd? _stop;
    private Thread? _follower;
    private volatile Dictionary<int, Link> _linkByIndex = [];
    private bool _leaving;

    /// <summary>An interface is about to become a port: it is no way for tunnels any more.</summary>
    public void Release(int ifIndex)
    {
        if (_attached.Remove(ifIndex))
            _attacher.Detach(ifIndex);
    }

    /// <summary>Takes the programs that use these tables off interfaces that are neither ports nor ways for tunnels.</summary>
    public void RemoveLeftovers(uint tables)
    {
        using LinkTable links = new();
        HashSet<int> ours = [.. _attached, .. _ports.All.Select(port => port.IfIndex)];
        foreach (Link link in links.List().Where(link => !ours.Contains(link.IfIndex)))
        {
            try
            {
                if (PortAttacher.Find(link.Name, link.IfIndex) is { } program && Adoption.Uses(program, tables))
                    _ = PortAttacher.RemoveLeftover(link.Name, link.IfIndex);
            }
            catch (DatapathException exception)
            {
                Tell($"a former process may still take tunnel packets that come in by {link.Name}: {exception.Message}");
            }
        }
    }

    /// <summary>Gives up interfaces, and leaves the program there for the next process.</summary>
    public void Leave()
    {
        _leaving = true;
        _attacher.Leave();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_follower is not null)
        {
            _ = LibC.Write(_stop!.Fd, 1, sizeof(ulong));
            _follower.Join();
        }

        lock (_portLock)
            _attacher.Dispose();
        _stop?.Dispose();
        _changes?.Dispose();
        _sender?.Dispose();
        _routes?.Dispose();
        _links?.Dispose();
    }

    private void StartUnderlay()
    {
        if (_follower is not null)
            return;
        _routes = new RouteTable();
        _links = new LinkTable();
        _sender = new TunnelSender();
        _changes = NetlinkSocket.Open(Groups);
        int stop = LibC.EventFd(0, LibC.EventFdCloexec);
        if (stop < 0)
            throw Errno.Failed("making an event", Marshal.GetLastPInvokeError());
        _stop = new SafeSocketFd(stop);
        // A thread begins in the network namespace of the one that starts it; a pool thread may be elsewhere.
        _follower = new Thread(Follow) { IsBackground = true, Name = "tunnel underlay" };
        _follower.Start();
    }

    private void Follow()
    {
        byte[] buffer = new byte[NetlinkSocket.BufferSize];
        Span<LibC.PollFd> wait = [new() { Fd = _changes!.Fd, Events = LibC.PollIn }, new() { Fd = _stop!.Fd, Events = LibC.PollIn }];
        while (true)
        {
            _ = LibC.Poll(wait, (nuint)wait.Length, -1);
            if (wait[1].Revents != 0)
                return;
            // Changes come in crowds: what is there already is one. An overrun (ENOBUFS) is a change as well.
            bool matters = false;
            for (nint count = 1; count > 0 || Marshal.GetLastPInvokeError() == Errno.ENOBUFS;)
            {
                count = LibC.Receive(_changes.Fd, buffer, (nuint)buffer.Length, LibC.MsgDontWait);
                matters |= count > 0 ? Matters(buffer.AsSpan(0, (int)count)) : Marshal.GetLastPInvokeError() == Errno.ENOBUFS;
            }

            if (!matters)
                continue;
            lock (_portLock)
            {
                if (!_leaving)
                    Guarded(Refresh);
            }
        }
    }

    private void Guarded(Action action)
    {
        try
        {
            action();
        }
        catch (DatapathException exception)
        {
            Tell(exception.Message);
        }
    }

    /// <summary>A machine has many neighbours; those on our ways matter.</summary>
    private bool Matters(ReadOnlySpan<byte> messages)
    {
        while (LinkMessages.TryTake(ref messages, out Rtnetlink.MessageHeader header, out ReadOnlySpan<byte> body))
        {
            if (header.Type is not (Rtnetlink.NewNeighbour or Rtnetlink.DelNeighbour))
                return true;
            if (RouteTable.ReadNeighbour(body) is { } neighbour
                && _byNumber.Values.Any(port => port.Way.IfIndex == neighbour.IfIndex && port.Way.NextHop == neighbour.Address))
                return true;
        }

        return false;
    }

    /// <summary>Works everything out anew.</summary>
    private void Refresh()
    {
        IReadOnlyList<LocalAddress> addresses = _routes!.ListAddresses();
        _linkByIndex = _links!.List().ToDictionary(link => link.IfIndex);
        RefreshInterfaces(addresses);
        RefreshIncoming(addresses);
        RefreshWays();
    }

    /// <summary>Tunnels come in by every Ethernet interface that has an address and is not a port, or by those that were said.</summary>
    private void RefreshInterfaces(IReadOnlyList<LocalAddress> addresses)
    {
        HashSet<int> ports = [.. _ports.All.Where(port => port.Tunnel is null).Select(port => port.IfIndex)];
        HashSet<int> withAddress = [.. addresses.Select(address => address.IfIndex)];
        HashSet<int> wanted = _byNumber.Count == 0 ? [] : [.. _linkByIndex.Values
            .Where(link => link.IsEthernet && !ports.Contains(link.IfIndex) && (_underlay?.Contains(link.Name) ?? withAddress.Contains(link.IfIndex)))
            .Select(link => link.IfIndex)];
        foreach (int gone in _attached.Except(wanted).ToArray())
            Release(gone);
        _refused.IntersectWith(wanted);
        foreach (int ifIndex in wanted.Except(_attached).Except(_refused).ToArray())
        {
            try
            {
                _attacher.Attach(_linkByIndex[ifIndex].Name, ifIndex, _program);
                _attached.Add(ifIndex);
            }
            catch (DatapathException exception)
            {
                _refused.Add(ifIndex); // until it goes, or changes its addresses
                Tell($"no tunnel packets come in by {_linkByIndex[ifIndex].Name}: {exception.Message}");
            }
        }
    }

    private unsafe void RefreshIncoming(IReadOnlyList<LocalAddress> addresses)
    {
        // What says more about local addresses comes first.
        Dictionary<TunnelInEntry, uint> wanted = [];
        foreach (TunnelPort port in _byNumber.Values.OrderBy(port => port.Config.LocalFlow ? 2 : port.Config.Local is null ? 1 : 0).ThenBy(port => port.Number))
        {
            TunnelConfig config = port.Config;
            IEnumerable<UInt128> locals = config.Local is { } one ? [one] : addresses.Select(address => address.Address).Distinct();
            foreach (UInt128 local in locals)
            {
                if (config.Remote is { } remote && MappedAddress.IsIpv4(remote) != MappedAddress.IsIpv4(local))
                    continue;
                wanted.TryAdd(
                    new TunnelInEntry
                    {
                        Local = local,
                        Remote = config.Remote ?? 0,
                        Key = config.Type == TunnelType.Gre ? (uint)(config.InKey ?? 0) : config.InKey ?? 0,
                        DstPort = config.DestinationPort,
                        Type = (byte)config.Type,
                        Pattern = PatternOf(config),
                    },
                    (uint)port.Index + 1);
            }
        }

        bool removed = false;
        foreach ((TunnelInEntry entry, int slot) in _slots.ToArray())
        {
            if (!wanted.TryGetValue(entry, out uint tunnel))
            {
                Volatile.Write(ref _ins[slot].Tunnel, 0);
                _slots.Remove(entry);
                removed = true;
            }
            else if (_ins[slot].Tunnel != tunnel)
            {
                Volatile.Write(ref _ins[slot].Tunnel, tunnel);
            }
        }

        if (removed)
            _grace.Wait();
        foreach ((TunnelInEntry entry, uint tunnel) in wanted.Where(pair => !_slots.ContainsKey(pair.Key)))
        {
            if (FreeSlot(entry) is not (>= 0 and var slot))
            {
                Tell("there is no room for all pairs of a tunnel and a local address: give tunnels a local_ip");
                continue;
            }

            _ins[slot] = entry;
            Volatile.Write(ref _ins[slot].Tunnel, tunnel);
            _slots.Add(entry, slot);
        }

        WriteHead();
    }

    private static byte PatternOf(TunnelConfig config) =>
        (byte)((config.Remote is null ? 0 : Abi.PatternRemote) | (config.InKey is null ? 0 : Abi.PatternKey));

    /// <summary>What is looked for; order as Open vSwitch's: a key before a remote address.</summary>
    private unsafe void WriteHead()
    {
        TunnelConfig[] configs = [.. _byNumber.Values.Select(port => port.Config)];
        byte[] patterns = [.. configs.Select(PatternOf).Distinct().OrderByDescending(pattern => pattern)];
        (ushort Port, TunnelType Type)[] udp = [.. configs.Where(config => config.Type != TunnelType.Gre).Select(config => (config.DestinationPort, config.Type)).Distinct()];
        ref TunnelHead head = ref _head[0];
        head.Gre = configs.Any(config => config.Type == TunnelType.Gre) ? 1u : 0;
        for (int i = 0; i < Abi.MaxUdpPorts; i++)
            head.Udp[i] = i < udp.Length ? new TunnelListen { Port = udp[i].Port, Type = (byte)udp[i].Type } : default;
        for (int i = 0; i < patterns.Length; i++)
            head.Pattern[i] = patterns[i];
        Volatile.Write(ref head.Patterns, (uint)patterns.Length);
    }

    private int FreeSlot(in TunnelInEntry entry)
    {
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<TunnelInEntry, ulong>(new ReadOnlySpan<TunnelInEntry>(in entry));
        ulong hash = 0;
        for (int i = 0; i < _hashKey.Length; i++)
            hash += words[i] * _hashKey[i]; // the tunnel, in the last word, is 0 here
        hash ^= hash >> 32;
        hash *= Abi.HashMultiplier;
        hash ^= hash >> 32;
        for (uint i = 0; i < Abi.TunnelProbes; i++)
        {
            int slot = (int)((hash + i) & (Abi.TunnelSlots - 1));
            if (_ins[slot].Tunnel == 0)
                return slot;
        }

        return -1;
    }

    private void RefreshWays()
    {
        IReadOnlyDictionary<(int, UInt128), Neighbour> neighbours = _routes!.ListNeighbours();
        List<int> old = [];
        foreach (TunnelPort port in _byNumber.Values)
        {
            if (port.Config.Remote is not { } remote)
                continue;
            Way way = FindWay(remote, port.Config.Local ?? 0, neighbours);
            if (port.RouteEntry != 0 && port.Way == way)
                continue;
            port.Way = way;
            int entry = _freeRoutes.TryPop(out int free) ? free : 0;
            if (entry != 0)
                WriteRoute(entry, way);
            Volatile.Write(ref _tunnels[port.Index].Route, (uint)entry);
            if (port.RouteEntry != 0)
                old.Add(port.RouteEntry);
            port.RouteEntry = entry;
            string? trouble = way.IfIndex == 0 ? $"{port.Name}: there is no route to {MappedAddress.Text(remote)}" : null;
            if (trouble is not null && port.Trouble != trouble)
                Warned?.Invoke(trouble);
            port.Trouble = trouble;
        }

        if (old.Count == 0)
            return;
        _grace.Wait();
        old.ForEach(_freeRoutes.Push);
    }

    private Way FindWay(UInt128 remote, UInt128 local, IReadOnlyDictionary<(int, UInt128), Neighbour> neighbours)
    {
        Route route = _routes!.Find(remote, local);
        if (route.IfIndex == 0 || !_linkByIndex.TryGetValue(route.IfIndex, out Link? link) || (local == 0 && route.Local == 0))
            return Way.None;
        uint mtu = route.Mtu == 0 ? link.Mtu : Math.Min(route.Mtu, link.Mtu);
        // An interface without Ethernet has no neighbours to ask for: the helper that sends takes the addresses off.
        Neighbour neighbour = link.HardwareType == Rtnetlink.HardwareEthernet ? neighbours.GetValueOrDefault((route.IfIndex, route.NextHop)) : new Neighbour(1, true);
        return new Way(route.IfIndex, mtu, link.Mac, neighbour.IsConfirmed ? neighbour.Mac : 0, route.NextHop, local != 0 ? local : route.Local);
    }

    private void WriteRoute(int entry, Way way)
    {
        bool v4 = MappedAddress.IsIpv4(way.NextHop);
        _routeEntries[entry] = new TunnelRouteEntry
        {
            IfIndex = way.IfIndex,
            Flags = way.IfIndex == 0 ? Abi.RouteUnreachable : way.Dmac != 0 ? Abi.RouteNeighbour : (ushort)0,
            Mtu = (ushort)Math.Min(way.Mtu, ushort.MaxValue),
            Dmac = way.Dmac,
            Smac = way.Smac,
            Family = v4 ? Rtnetlink.FamilyInet : (uint)Rtnetlink.FamilyInet6,
            NextHop = v4 ? way.NextHop << 96 : way.NextHop,
            Local = way.Local,
        };
    }

    private void Tell(string trouble)
    {
        if (_told.Count < 100 && _told.Add(trouble))
            Warned?.Invoke(trouble);
    }
}
