using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using OvsBridge.Datapath.Interop;

namespace OvsBridge.Datapath.Links;

/// <summary>
/// Has network cards accept frames for other stations, as a switch must. By packet-socket membership, which the kernel
/// counts and which ends with the process: nothing to undo after a crash, and others who want it too are not disturbed. Not
/// thread safe.
/// </summary>
public sealed class PromiscuousMode : IDisposable
{
    private readonly SafeSocketFd _socket;

    /// <summary>Opens the socket; it receives nothing.</summary>
    /// <exception cref="DatapathException">The kernel refuses.</exception>
    public PromiscuousMode()
    {
        int fd = LibC.Socket(LibC.AfPacket, LibC.SockRaw | LibC.SockCloexec, protocol: 0);
        if (fd < 0)
            throw Errno.Failed("opening a packet socket", Marshal.GetLastPInvokeError());
        _socket = new SafeSocketFd(fd);
    }

    /// <summary>Turns it on for an interface.</summary>
    /// <exception cref="DatapathException">The kernel refuses, or the interface has gone.</exception>
    public void Add(int ifIndex)
    {
        if (Change(Rtnetlink.PacketAddMembership, ifIndex) != 0)
            throw Errno.Failed($"setting interface {ifIndex} promiscuous", Marshal.GetLastPInvokeError());
    }

    /// <summary>Turns it off; an interface that has gone took it with it.</summary>
    public void Remove(int ifIndex) => _ = Change(Rtnetlink.PacketDropMembership, ifIndex);

    /// <inheritdoc/>
    public void Dispose() => _socket.Dispose();

    private int Change(int option, int ifIndex)
    {
        Rtnetlink.PacketMembership membership = new() { IfIndex = ifIndex, Type = Rtnetlink.PacketPromiscuous };
        return Rtnetlink.SetSocketOption(_socket.Fd, LibC.SolPacket, option, membership, (uint)Unsafe.SizeOf<Rtnetlink.PacketMembership>());
    }
}
