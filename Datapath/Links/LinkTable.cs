using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using OvsBridge.Datapath.Interop;

namespace OvsBridge.Datapath.Links;

/// <summary>
/// Asks the kernel about interfaces and sets them up and down, by rtnetlink and ethtool. Reads their queues. Speaks of the network namespace of
/// the thread that made it. Thread-safe; calls take turns.
/// </summary>
public sealed class LinkTable : IDisposable
{
    private readonly Lock _lock = new();
    private readonly SafeSocketFd _socket = NetlinkSocket.Open(groups: 0);
    private readonly byte[] _buffer = new byte[NetlinkSocket.BufferSize];
    private uint _sequence;

    /// <summary>All interfaces, in order of index.</summary>
    /// <exception cref="DatapathException">The kernel refuses.</exception>
    public IReadOnlyList<Link> List()
    {
        List<Link> links = [];
        Ask(Rtnetlink.GetLink, Rtnetlink.FlagDump, 0, 0, 0, "listing interfaces", body =>
        {
            if (LinkMessages.Read(body) is { } answer)
                links.Add(answer.Link);
        });
        links.Sort((a, b) => a.IfIndex.CompareTo(b.IfIndex));
        return links;
    }

    /// <summary>An interface and its counters now; null when there is none of this index.</summary>
    /// <exception cref="DatapathException">The kernel refuses.</exception>
    public (Link Link, LinkCounters Counters)? Find(int ifIndex)
    {
        (Link, LinkCounters)? found = null;
        int errno = Ask(Rtnetlink.GetLink, 0, ifIndex, 0, 0, null, body => found = LinkMessages.Read(body));
        return errno is 0 or Errno.ENODEV ? found : throw Errno.Failed($"reading interface {ifIndex}", errno);
    }

    /// <summary>The interface that a veth is tied to in another network namespace; null when it can't be found there.</summary>
    public Link? FindPeer(Link link)
    {
        if (link.PeerNamespace is not { } there)
            return null;
        Link? found = null;
        _ = Ask(
            Rtnetlink.GetLink, 0, link.PeerIfIndexThere, 0, 0, null, body => found = LinkMessages.Read(body)?.Link,
            LinkMessages.Attribute(Rtnetlink.TargetNamespace, (uint)there));
        return found;
    }

    /// <summary>The interface of a name; null when there is none.</summary>
    /// <exception cref="DatapathException">The kernel refuses.</exception>
    public Link? Find(string name) => List().FirstOrDefault(link => link.Name == name);

    /// <summary>Sets an interface up or down.</summary>
    /// <exception cref="DatapathException">The kernel refuses, or there is no such interface.</exception>
    public void SetUp(int ifIndex, bool up) => Ask(
        Rtnetlink.SetLink, Rtnetlink.FlagAck, ifIndex, up ? Rtnetlink.IffUp : 0, Rtnetlink.IffUp,
        $"setting interface {ifIndex} {(up ? "up" : "down")}", _ => { });

    /// <summary>Makes a veth pair; both ends are down.</summary>
    /// <exception cref="DatapathException">The kernel refuses, or one of the names is taken (EEXIST).</exception>
    public void AddVeth(string name, string peer, uint peerMtu) => Ask(
        Rtnetlink.NewLink, Rtnetlink.FlagAck | Rtnetlink.FlagCreate | Rtnetlink.FlagExclusive, 0, 0, 0,
        $"making the interfaces {name} and {peer}", _ => { }, LinkMessages.VethPair(name, peer, peerMtu));

    /// <summary>Removes a virtual interface; a veth's other end goes with it.</summary>
    /// <returns>False when it is not there.</returns>
    /// <exception cref="DatapathException">The kernel refuses.</exception>
    public bool Remove(int ifIndex)
    {
        int errno = Ask(Rtnetlink.DelLink, Rtnetlink.FlagAck, ifIndex, 0, 0, null, _ => { });
        return errno is 0 or Errno.ENODEV ? errno == 0 : throw Errno.Failed($"removing interface {ifIndex}", errno);
    }

    /// <summary>Writes something on an interface.</summary>
    /// <exception cref="DatapathException">The kernel refuses, or there is no such interface.</exception>
    public void SetAlias(int ifIndex, string alias) => Set(ifIndex, "alias", LinkMessages.Attribute(Rtnetlink.IfAlias, alias));

    /// <summary>Sets the MAC address (low 48 bits, first byte most significant).</summary>
    /// <exception cref="DatapathException">The kernel refuses, or there is no such interface.</exception>
    public void SetMac(int ifIndex, ulong address) => Set(ifIndex, "address", LinkMessages.Mac(Rtnetlink.Address, address));

    /// <summary>Sets the largest payload of a frame in bytes.</summary>
    /// <exception cref="DatapathException">The kernel refuses, or there is no such interface.</exception>
    public void SetMtu(int ifIndex, uint mtu) => Set(ifIndex, "MTU", LinkMessages.Attribute(Rtnetlink.Mtu, mtu));

    /// <summary>The queues of an interface, in order of number; none when its root queueing discipline has none, or it has gone.</summary>
    /// <exception cref="DatapathException">The kernel refuses.</exception>
    public IReadOnlyList<LinkQueue> ReadQueues(int ifIndex)
    {
        uint? root = null;
        List<LinkQueue> classes = [];
        HashSet<ushort> inner = [];
        int errno = Ask(
            Rtnetlink.GetTclass, Rtnetlink.FlagDump, ifIndex, 0, 0, null, body =>
            {
                // The kernel begins with the root's classes. (Asked for the root itself it would tell everybody.)
                root ??= QueueMessages.ReadQdisc(body);
                if (QueueMessages.ReadClass(body, root.Value, out uint parent) is not { } found)
                    return;
                classes.Add(found);
                inner.Add((ushort)parent);
            },
            QueueMessages.RestOfRequest);
        if (errno is not (0 or Errno.ENODEV))
            throw Errno.Failed($"reading the queues of interface {ifIndex}", errno);
        // A packet can't be given to a class that has others below it.
        classes.RemoveAll(found => inner.Contains(found.Minor));
        classes.Sort((a, b) => a.Minor.CompareTo(b.Minor));
        return classes;
    }

    /// <summary>Speed and abilities of an interface; null when its driver does not tell, or it has gone.</summary>
    public unsafe EthernetSettings? ReadSettings(string name)
    {
        const int MaskWords = sbyte.MaxValue;
        const byte FullDuplex = 1;
        int headSize = Unsafe.SizeOf<Rtnetlink.EthtoolLinkSettings>();
        Span<byte> answer = stackalloc byte[headSize + (3 * MaskWords * sizeof(uint))];
        answer.Clear();
        ref Rtnetlink.EthtoolLinkSettings head = ref MemoryMarshal.AsRef<Rtnetlink.EthtoolLinkSettings>(answer);
        Rtnetlink.InterfaceRequest request = default;
        if (!Encoding.UTF8.TryGetBytes(name, new Span<byte>(request.Name, 15), out _)) // the last byte stays zero
            return null;
        fixed (byte* data = answer)
        {
            request.Data = data;
            head.Command = Rtnetlink.EthtoolGetLinkSettings;
            // First the kernel says, negative, how many words its masks have.
            if (Rtnetlink.Ioctl(_socket.Fd, Rtnetlink.IoctlEthtool, ref request) != 0 || head.MaskWords >= 0)
                return null;
            head.MaskWords = (sbyte)-head.MaskWords;
            head.Command = Rtnetlink.EthtoolGetLinkSettings;
            if (Rtnetlink.Ioctl(_socket.Fd, Rtnetlink.IoctlEthtool, ref request) != 0)
                return null;
        }

        int words = head.MaskWords;
        return new EthernetSettings(
            head.SpeedMbps == uint.MaxValue ? 0 : head.SpeedMbps, head.Duplex == FullDuplex, head.Port,
            Mask(answer[headSize..], 0, words), Mask(answer[headSize..], 1, words), Mask(answer[headSize..], 2, words));

        static UInt128 Mask(ReadOnlySpan<byte> masks, int index, int words)
        {
            UInt128 mask = 0;
            for (int i = 0; i < Math.Min(words, 4); i++)
                mask |= (UInt128)MemoryMarshal.Read<uint>(masks[(((index * words) + i) * sizeof(uint))..]) << (32 * i);
            return mask;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _socket.Dispose();

    private void Set(int ifIndex, string what, byte[] attribute) => Ask(
        Rtnetlink.SetLink, Rtnetlink.FlagAck, ifIndex, 0, 0, $"setting the {what} of interface {ifIndex}", _ => { }, attribute);

    /// <summary>Sends a request and takes the bodies of what comes back. Without an <paramref name="operation"/> to name, errors are returned.</summary>
    /// <returns>The errno of the answer.</returns>
    private int Ask(
        ushort type, ushort flags, int ifIndex, uint linkFlags, uint change, string? operation, Action<ReadOnlySpan<byte>> take,
        byte[]? attributes = null)
    {
        lock (_lock)
        {
            uint sequence = ++_sequence;
            byte[] request = LinkMessages.Request(type, flags, sequence, ifIndex, linkFlags, change, attributes);
            return NetlinkSocket.Ask(_socket, _buffer, request, operation, take);
        }
    }
}
