using OvsBridge.Datapath.Interop;
using OvsBridge.OpenFlow.Actions;

namespace OvsBridge.Datapath.Ebpf;

/// <summary>
/// The ports, here and in the maps <c>in_ports</c> and <c>out_ports</c>. The datapath's lock serialises changes; <see
/// cref="Find"/> and <see cref="All"/> may be called by anyone.
/// </summary>
internal sealed class PortTable(MappedArray<InPort> incoming, MappedArray<OutPort> outgoing)
{
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
            InPort there = incoming[slot];
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
        }

        return gone;
    }

    /// <summary>Takes ports of a former process out of the maps; the slots are reused after a grace period.</summary>
    public void Forget(IReadOnlyList<int> interfaces, IReadOnlyList<DpPort> wanted)
    {
        foreach (int ifIndex in interfaces)
        {
            if (Slot(ifIndex) is >= 0 and var slot)
            {
                Volatile.Write(ref incoming[slot].IfIndex, 0);
            }
        }

        HashSet<int> stay = [.. wanted.Where(port => port.Tunnel is null).Select(port => port.IfIndex)];
        for (int number = 0; number < outgoing.Length; number++)
        {
            bool tunnel = (outgoing[number].Flags & Abi.PortTunnel) != 0;
            bool stays = tunnel ? wanted.Any(port => port.Number == number && port.Tunnel is not null) : stay.Contains(outgoing[number].IfIndex);
            if (outgoing[number].Flags != 0 && !stays)
            {
                Volatile.Write(ref outgoing[number].Flags, 0);
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

        if (port.Tunnel is null && FreeSlot(port.IfIndex) < 0)
        {
            throw new DatapathException($"no room for interface {port.Name} in the port table: too many ports");
        }
    }

    /// <summary>Adds a checked port: from now on programs take packets from its interface, and send to it.</summary>
    public void Add(DpPort port)
    {
        Change(ports => ports.Add(port.Number, port));
        outgoing[(int)port.Number] = new OutPort { IfIndex = port.IfIndex, Flags = Flags(port, port.Flags) };
        if (port.Tunnel is not null)
        {
            return;
        }

        int slot = FreeSlot(port.IfIndex);
        incoming[slot].Port = port.Number;
        incoming[slot].Flags = Flags(port, port.Flags);
        Volatile.Write(ref incoming[slot].IfIndex, port.IfIndex); // last: this makes the slot valid
    }

    /// <summary>Removes a port; the slots are reused after a grace period, which the caller waits for.</summary>
    public void Remove(DpPort port)
    {
        if (port.Tunnel is null)
        {
            Volatile.Write(ref incoming[Slot(port.IfIndex)].IfIndex, 0);
        }

        Volatile.Write(ref outgoing[(int)port.Number].Flags, 0);
        Change(ports => ports.Remove(port.Number));
    }

    /// <summary>Changes what a port lets through.</summary>
    public void SetFlags(DpPort port, DpPortFlags flags)
    {
        if (port.Tunnel is null)
        {
            Volatile.Write(ref incoming[Slot(port.IfIndex)].Flags, Flags(port, flags));
        }

        Volatile.Write(ref outgoing[(int)port.Number].Flags, Flags(port, flags));
        Change(ports => ports[port.Number] = port with { Flags = flags });
    }

    private static uint Flags(DpPort port, DpPortFlags flags) => Abi.PortUp | (uint)flags | (port.Tunnel is null ? 0 : Abi.PortTunnel);

    private void Change(Action<SortedDictionary<uint, DpPort>> change)
    {
        SortedDictionary<uint, DpPort> next = new(_ports);
        change(next);
        _ports = next;
    }

    /// <summary>The slot that has the interface already (a former process's port), else one that is free; -1: neither.</summary>
    private int FreeSlot(int ifIndex) => Slot(ifIndex) is >= 0 and var there ? there : Slot(ifIndex, 0);

    private int Slot(int ifIndex) => Slot(ifIndex, ifIndex);

    private int Slot(int ifIndex, int holds)
    {
        for (int i = 0; i < Abi.InPortProbes; i++)
        {
            int slot = (ifIndex + i) & (Abi.InPortSlots - 1);
            if (incoming[slot].IfIndex == holds)
            {
                return slot;
            }
        }

        return -1;
    }
}
