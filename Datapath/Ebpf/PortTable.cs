using System.Diagnostics;
using OvsBridge.Datapath.Interop;
using OvsBridge.OpenFlow.Actions;

namespace OvsBridge.Datapath.Ebpf;

/// <summary>
/// The ports, here and in the maps <c>in_ports</c> and <c>out_ports</c>. The datapath's lock serialises changes; <see
/// cref="Find"/>, <see cref="All"/> and <see cref="ReadStats"/> may be called by anyone.
/// </summary>
/// <remarks>Budget and counters of a port are in its slot. One that is free again is given away after a grace period.</remarks>
internal sealed class PortTable(PortMaps maps)
{
    private readonly MappedArray<InPort> _incoming = maps.Incoming;
    private readonly MappedArray<OutPort> _outgoing = maps.Outgoing;
    private readonly bool[] _taken = new bool[Abi.PortSlots];
    private volatile SortedDictionary<uint, DpPort> _ports = [];

    /// <summary>The ports in order of number, as they are now.</summary>
    public IReadOnlyList<DpPort> All => [.. _ports.Values];

    /// <summary>A port, or null.</summary>
    public DpPort? Find(uint number) => _ports.GetValueOrDefault(number);

    /// <summary>Looks at the ports that a former process has left in the maps. Those that are still wanted go on until they are added.</summary>
    /// <returns>Interfaces that are ports no more.</returns>
    /// <exception cref="InvalidDataException">One has another number now, so that megaflows mean another port.</exception>
    public List<int> Adopt(IReadOnlyList<DpPort> wanted)
    {
        List<int> gone = [];
        for (int slot = 0; slot < Abi.InPortSlots; slot++)
        {
            InPort there = _incoming[slot];
            if (there.IfIndex == 0)
            {
                continue;
            }

            if (wanted.FirstOrDefault(port => port.IfIndex == there.IfIndex) is not { } port)
            {
                gone.Add(there.IfIndex);
            }
            else if (port.Number != there.Port)
            {
                throw new InvalidDataException($"{port.Name} was port {there.Port} and is port {port.Number} now");
            }
            else
            {
                Take(there.Slot, port);
            }
        }

        foreach (DpPort tunnel in wanted.Where(port => port.Tunnel is not null && IsTunnel((int)port.Number)))
        {
            Take(_outgoing[(int)tunnel.Number].Slot, tunnel);
        }

        return gone;
    }

    private void Take(uint slot, DpPort port)
    {
        if (slot is 0 or >= Abi.PortSlots || _taken[slot])
        {
            throw new InvalidDataException($"{port.Name} has slot {slot}, which is not there or another port's");
        }

        _taken[slot] = true;
    }

    /// <summary>Takes ports of a former process out of the maps; their places are reused after a grace period.</summary>
    public void Forget(IReadOnlyList<int> interfaces, IReadOnlyList<DpPort> wanted)
    {
        foreach (int ifIndex in interfaces)
        {
            if (Place(ifIndex) is >= 0 and var place)
            {
                Volatile.Write(ref _incoming[place].IfIndex, 0);
            }
        }

        HashSet<int> stay = [.. wanted.Where(port => port.Tunnel is null).Select(port => port.IfIndex)];
        for (int number = 0; number < _outgoing.Length; number++)
        {
            bool stays = IsTunnel(number) ? IsWantedTunnel(number, wanted) : stay.Contains(_outgoing[number].IfIndex);
            if (_outgoing[number].Flags != 0 && !stays)
            {
                Volatile.Write(ref _outgoing[number].Flags, 0);
            }
        }
    }

    /// <summary>Throws if the port can't be added.</summary>
    public void Check(DpPort port)
    {
        if (port.Number is (0 or > OfPorts.HighestOrdinary) and not OfPorts.DatapathLocal)
        {
            throw new ArgumentException(
                $"port number {port.Number} is not in 1 to {OfPorts.HighestOrdinary}, nor {OfPorts.DatapathLocal} (LOCAL)", nameof(port));
        }

        if (port.IfIndex <= 0 && port.Tunnel is null)
        {
            throw new ArgumentException($"{port.Name} has interface index {port.IfIndex}", nameof(port));
        }

        if (_ports.Values.FirstOrDefault(p => p.Number == port.Number || p.Name == port.Name || (p.IfIndex == port.IfIndex && port.Tunnel is null)) is { } other)
        {
            throw new ArgumentException(
                $"port {port.Number} ({port.Name}, interface {port.IfIndex}) collides with port {other.Number} ({other.Name}, interface {other.IfIndex})",
                nameof(port));
        }

        if ((port.Tunnel is null && FreePlace(port.IfIndex) < 0) || SlotFor(port) < 0)
        {
            throw new DatapathException($"no room for {port.Name} in the port table: too many ports");
        }
    }

    /// <summary>Adds a checked port: from now on programs take packets from its interface, and send to it.</summary>
    public void Add(DpPort port)
    {
        int slot = SlotFor(port);
        if (FormerSlot(port) is null)
        {
            for (int cpu = 0; cpu < maps.StatsCpus; cpu++)
            {
                maps.Stats[(cpu * Abi.PortSlots) + slot] = default;
            }

            maps.Budgets[slot] = new UpcallBudgetEntry { FullAt = (ulong)Stopwatch.GetTimestamp() << Abi.MeterTimeShift }; // full now
        }

        _taken[slot] = true;
        (maps.Budgets[slot].Cost, maps.Budgets[slot].Burst) = TokenBucket.OfUpcalls(port);
        Change(ports => ports.Add(port.Number, port with { PeerMac = null }));
        ref OutPort entry = ref _outgoing[(int)port.Number];
        if (entry.IfIndex != port.IfIndex)
        {
            Volatile.Write(ref entry.Flags, 0);
            entry.IfIndex = port.IfIndex;
        }

        entry.Slot = (uint)slot;
        Volatile.Write(ref entry.Flags, Flags(port, port.Flags)); // by one store: packets go on to a former process's port
        if (port.Tunnel is not null)
        {
            return;
        }

        int place = FreePlace(port.IfIndex);
        _incoming[place].Port = port.Number;
        _incoming[place].Flags = Flags(port, port.Flags);
        _incoming[place].Slot = (uint)slot;
        Volatile.Write(ref _incoming[place].IfIndex, port.IfIndex); // last: this makes the place valid
    }

    /// <summary>Removes a port; its places are reused after a grace period, which the caller waits for.</summary>
    public void Remove(DpPort port)
    {
        _taken[_outgoing[(int)port.Number].Slot] = false;
        if (port.Tunnel is null)
        {
            Volatile.Write(ref _incoming[Place(port.IfIndex)].IfIndex, 0);
        }

        Volatile.Write(ref _outgoing[(int)port.Number].Flags, 0);
        Change(ports => ports.Remove(port.Number));
    }

    /// <summary>Changes what a port lets through.</summary>
    public void SetFlags(DpPort port, DpPortFlags flags)
    {
        if (port.Tunnel is null)
        {
            Volatile.Write(ref _incoming[Place(port.IfIndex)].Flags, Flags(port, flags));
        }

        port = port with { Flags = flags };
        Volatile.Write(ref _outgoing[(int)port.Number].Flags, OutFlags(port));
        Change(ports => ports[port.Number] = port);
    }

    /// <summary>Sets the address of the other end, or none. An address can only be set where there is none, and a grace period behind that.</summary>
    public unsafe void SetPeer(DpPort port, ulong? mac)
    {
        port = port with { PeerMac = mac };
        ref OutPort entry = ref _outgoing[(int)port.Number];
        if (mac is { } address)
        {
            for (int i = 0; i < 6; i++)
            {
                entry.PeerMac[i] = (byte)(address >> (40 - (8 * i)));
            }
        }

        Volatile.Write(ref entry.Flags, OutFlags(port));
        Change(ports => ports[port.Number] = port);
    }

    /// <summary>The counters of a port since it was added, or null.</summary>
    public unsafe DpPortStats? ReadStats(uint number)
    {
        if (Find(number) is null)
        {
            return null;
        }

        int slot = (int)_outgoing[(int)number].Slot;
        ulong upcalls = 0, peerTx = 0, peerTxBytes = 0;
        ulong[] drops = new ulong[DropReasons.Count];
        for (int cpu = 0; cpu < maps.StatsCpus; cpu++)
        {
            ref PortStatsRecord stats = ref maps.Stats[(cpu * Abi.PortSlots) + slot];
            upcalls += Volatile.Read(ref stats.Upcalls);
            peerTx += Volatile.Read(ref stats.PeerTx);
            peerTxBytes += Volatile.Read(ref stats.PeerTxBytes);
            for (int reason = 0; reason < drops.Length; reason++)
            {
                drops[reason] += Volatile.Read(ref stats.Drops[reason]);
            }
        }

        return new DpPortStats(upcalls, drops, peerTx, peerTxBytes);
    }

    private static uint OutFlags(DpPort port) => Flags(port, port.Flags) | (port.PeerMac is null ? 0 : Abi.PortPeer);

    private static uint Flags(DpPort port, DpPortFlags flags) => Abi.PortUp | (uint)flags | (port.Tunnel is null ? 0 : Abi.PortTunnel);

    private static bool IsWantedTunnel(int number, IReadOnlyList<DpPort> wanted) => wanted.Any(port => port.Number == number && port.Tunnel is not null);

    private bool IsTunnel(int number) => (_outgoing[number].Flags & Abi.PortTunnel) != 0;

    private void Change(Action<SortedDictionary<uint, DpPort>> change)
    {
        SortedDictionary<uint, DpPort> next = new(_ports);
        change(next);
        _ports = next;
    }

    /// <summary>The slot of budget and counters for a port: the former process's, else the first that is free; -1: none.</summary>
    private int SlotFor(DpPort port) => FormerSlot(port) ?? Array.IndexOf(_taken, false, 1);

    /// <summary>The slot that a former process has given to a port; null: the port is new.</summary>
    private int? FormerSlot(DpPort port)
    {
        if (port.Tunnel is not null)
        {
            return IsTunnel((int)port.Number) ? (int)_outgoing[(int)port.Number].Slot : null;
        }

        return Place(port.IfIndex) is >= 0 and var place ? (int)_incoming[place].Slot : null;
    }

    /// <summary>The place in in_ports that has the interface already (a former process's port), else one that is free; -1: neither.</summary>
    private int FreePlace(int ifIndex) => Place(ifIndex) is >= 0 and var there ? there : Place(ifIndex, 0);

    private int Place(int ifIndex) => Place(ifIndex, ifIndex);

    private int Place(int ifIndex, int holds)
    {
        for (int i = 0; i < Abi.InPortProbes; i++)
        {
            int place = (ifIndex + i) & (Abi.InPortSlots - 1);
            if (_incoming[place].IfIndex == holds)
            {
                return place;
            }
        }

        return -1;
    }
}

/// <summary>The maps about ports.</summary>
/// <param name="Incoming">Map <c>in_ports</c>.</param>
/// <param name="Outgoing">Map <c>out_ports</c>.</param>
/// <param name="Budgets">Map <c>upcall_budgets</c>.</param>
/// <param name="Stats">Map <c>port_stats</c>.</param>
internal sealed record PortMaps(
    MappedArray<InPort> Incoming, MappedArray<OutPort> Outgoing, MappedArray<UpcallBudgetEntry> Budgets, MappedArray<PortStatsRecord> Stats)
{
    /// <summary>CPUs that counters have slots for.</summary>
    public int StatsCpus => Stats.Length / Abi.PortSlots;

    /// <summary>Maps them.</summary>
    public static PortMaps Of(BpfObject bpf) => new(
        bpf.Map("in_ports").MapValues<InPort>(), bpf.Map("out_ports").MapValues<OutPort>(),
        bpf.Map("upcall_budgets").MapValues<UpcallBudgetEntry>(), bpf.Map("port_stats").MapValues<PortStatsRecord>());

    /// <summary>Sets their sizes, before load.</summary>
    public static void Resize(BpfObject bpf, int statsCpus)
    {
        bpf.Map("in_ports").Resize(Abi.InPortSlots);
        bpf.Map("out_ports").Resize(Abi.MaxPorts);
        bpf.Map("upcall_budgets").Resize(Abi.PortSlots);
        bpf.Map("port_stats").Resize(statsCpus * Abi.PortSlots);
    }
}
