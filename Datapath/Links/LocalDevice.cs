using System.Globalization;
using System.Net.Sockets;
using System.Text;
using OvsBridge.Datapath.Interop;

namespace OvsBridge.Datapath.Links;

/// <summary>
/// The bridge's own network device: a veth pair. One end has the bridge's name and belongs to the machine, which gives it addresses
/// and routes; the other is the datapath's port, always up.
/// </summary>
/// <remarks>
/// <para>
/// Both ends carry <see cref="Mark"/> and the bridge's name as their alias, so that a pair can be told from interfaces of others. A living
/// process holds the bridge's name (<see cref="Ownership"/>); a pair that nobody holds was left by a killed one, and is
/// taken over with all that was configured on it.
/// </para>
/// <para>
/// As with Open vSwitch the device has the lowest MAC address and the lowest MTU of the bridge's ports, and follows them, until
/// somebody sets another: then that stays.
/// </para>
/// <para>The device may be moved to another network namespace: the port stays, and tells by its carrier whether the device is up.</para>
/// <para>Not thread safe, but for its properties.</para>
/// </remarks>
public sealed class LocalDevice : IDisposable
{
    private const string Mark = "ovsbridge local port of ";
    private const int NameBytes = 15; // IFNAMSIZ less the final zero
    private const uint PortMtu = 65535; // takes whatever the device sends

    private readonly LinkTable _links;
    private readonly Socket _owner;
    private ulong _mac;
    private uint _mtu;

    private LocalDevice(string name, LinkTable links, Socket owner)
    {
        Name = name;
        _links = links;
        _owner = owner;
    }

    /// <summary>Name of the device when it was made: the bridge's.</summary>
    public string Name { get; }

    /// <summary>Interface index of the device; 0: it has been moved to another namespace before we came.</summary>
    public int IfIndex { get; private set; }

    /// <summary>Interface index of the datapath's end.</summary>
    public int PortIfIndex { get; private set; }

    /// <summary>Name of the datapath's end for a bridge: short enough, and another for each bridge.</summary>
    public static string PortName(string bridge)
    {
        string name = bridge + "-dp";
        if (Encoding.UTF8.GetByteCount(name) <= NameBytes)
            return name;
        uint hash = 2166136261; // FNV-1a
        foreach (byte b in Encoding.UTF8.GetBytes(bridge))
            hash = (hash ^ b) * 16777619;
        return "ovsb-" + hash.ToString("x8", CultureInfo.InvariantCulture);
    }

    /// <summary>Makes the device of a bridge, or takes over that of a killed process.</summary>
    /// <param name="bridge">Name of the bridge: a valid interface name.</param>
    /// <param name="ports">The bridge's other ports, for <see cref="Follow(IEnumerable{Link})"/>.</param>
    /// <param name="links">To do it with; used until the end.</param>
    /// <exception cref="DatapathException">A name is taken, another process runs a bridge of this name here, or the kernel refuses.</exception>
    public static LocalDevice Open(string bridge, IEnumerable<Link> ports, LinkTable links)
    {
        LocalDevice device = new(bridge, links, Ownership.Take(Key(bridge), bridge));
        try
        {
            device.TakeOverOrMake();
            device.Follow(ports, always: true);
            return device;
        }
        catch
        {
            device.Dispose();
            throw;
        }
    }

    /// <summary>Gives the device the lowest MAC address and MTU of <paramref name="ports"/>, unless somebody has set others.</summary>
    /// <exception cref="DatapathException">The kernel refuses.</exception>
    public void Follow(IEnumerable<Link> ports) => Follow(ports, always: false);

    /// <summary>Whether <see cref="Dispose"/> leaves the device to the next process.</summary>
    public bool LeaveBehind { get; set; }

    /// <summary>Removes the device.</summary>
    public void Dispose()
    {
        if (PortIfIndex != 0 && !LeaveBehind)
            _links.Remove(PortIfIndex); // the other end goes with it, wherever it is
        PortIfIndex = 0;
        _owner.Dispose();
    }

    /// <summary>Removes the devices of processes that are dead.</summary>
    /// <returns>The bridges' names.</returns>
    /// <exception cref="DatapathException">The kernel refuses.</exception>
    public static IReadOnlyList<string> RemoveLeftovers(LinkTable links)
    {
        List<string> removed = [];
        foreach (Link link in links.List().Where(link => link.Alias.StartsWith(Mark, StringComparison.Ordinal)))
        {
            string bridge = link.Alias[Mark.Length..];
            try
            {
                using Socket owner = Ownership.Take(Key(bridge), bridge);
                if (links.Remove(link.IfIndex))
                    removed.Add(bridge);
            }
            catch (DatapathException e) when (e.Errno == Errno.EBUSY)
            {
                // its bridge runs
            }
        }

        return removed;
    }

    private static string Key(string bridge) => "bridge/" + bridge;

    private void TakeOverOrMake()
    {
        string portName = PortName(Name), mark = Mark + Name;
        IReadOnlyList<Link> all = _links.List();
        Link? port = all.FirstOrDefault(link => link.Name == portName), device = all.FirstOrDefault(link => link.Name == Name);
        if (port is not null && port.Alias != mark)
            throw new DatapathException($"interface {portName}, which the bridge's own device {Name} needs, is there and is not ours: remove it, or use --local-port none");
        if (device is not null && device.Alias != mark)
            throw new DatapathException($"interface {Name} is there and is not ours: give the bridge another name, or use --local-port none");
        if (device is not null && device.PeerIfIndex != port?.IfIndex)
        {
            // Ours, but the other end is not where it belongs: nothing to take over.
            _links.Remove(device.IfIndex);
            device = null;
        }

        if (port is null)
        {
            try
            {
                _links.AddVeth(Name, portName, PortMtu);
            }
            catch (DatapathException e) when (e.Errno == Errno.EOPNOTSUPP)
            {
                throw new DatapathException($"this kernel has no veth devices, which the bridge's own device {Name} needs: use --local-port none", e.Errno);
            }

            port = _links.Find(portName)!;
            device = _links.Find(Name)!;
            PortIfIndex = port.IfIndex;
            _links.SetAlias(port.IfIndex, mark);
            _links.SetAlias(device.IfIndex, mark);
        }

        PortIfIndex = port.IfIndex;
        // Renamed, it is still the other end.
        IfIndex = device?.IfIndex ?? port.PeerIfIndex;
        Silence(portName);
        _links.SetUp(PortIfIndex, true);
    }

    /// <summary>The machine must not talk on the datapath's end: no addresses, no neighbour discovery.</summary>
    private static void Silence(string portName)
    {
        try
        {
            File.WriteAllText($"/proc/sys/net/ipv6/conf/{portName}/disable_ipv6", "1");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // A kernel without IPv6, or a container that may not: a few packets more on the device.
        }
    }

    private void Follow(IEnumerable<Link> ports, bool always)
    {
        Link[] all = [.. ports.Where(port => port.Mac != 0 && (port.Mac >> 40 & 1) == 0)];
        if (all.Length == 0 || IfIndex == 0 || _links.Find(IfIndex) is not { } now)
            return;
        ulong mac = all.Min(port => port.Mac);
        uint mtu = all.Min(port => port.Mtu);
        if (mac != now.Link.Mac && (always || now.Link.Mac == _mac))
            _links.SetMac(IfIndex, mac);
        if (mtu != now.Link.Mtu && (always || now.Link.Mtu == _mtu))
            _links.SetMtu(IfIndex, mtu);
        (_mac, _mtu) = (mac, mtu);
    }
}
