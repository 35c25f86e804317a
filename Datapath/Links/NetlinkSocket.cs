using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using OvsBridge.Datapath.Interop;

namespace OvsBridge.Datapath.Links;

/// <summary>Opens rtnetlink sockets, in the network namespace of the calling thread.</summary>
internal static class NetlinkSocket
{
    /// <summary>Takes any message of the kernel: a dump fills at most 32 kB, a notification one page or two.</summary>
    public const int BufferSize = 64 * 1024;

    private const int ReceiveQueueBytes = 1 << 20;

    /// <summary>Opens a socket that belongs to <paramref name="groups"/>.</summary>
    /// <exception cref="DatapathException">The kernel refuses.</exception>
    public static SafeSocketFd Open(uint groups)
    {
        int fd = LibC.Socket(LibC.AfNetlink, LibC.SockRaw | LibC.SockCloexec, LibC.NetlinkRoute);
        if (fd < 0)
            throw Errno.Failed("opening an rtnetlink socket", Marshal.GetLastPInvokeError());
        SafeSocketFd socket = new(fd);
        // A larger queue makes an overrun rare; LinkMonitor deals with it when the kernel does not grant one.
        _ = LibC.SetSocketOption(fd, LibC.SolSocket, Rtnetlink.SoReceiveBufferForce, ReceiveQueueBytes, sizeof(int));
        Rtnetlink.SocketAddress address = new() { Family = LibC.AfNetlink, Groups = groups };
        if (Rtnetlink.Bind(fd, address, (uint)Unsafe.SizeOf<Rtnetlink.SocketAddress>()) != 0)
        {
            int errno = Marshal.GetLastPInvokeError();
            socket.Dispose();
            throw Errno.Failed("binding an rtnetlink socket", errno);
        }

        return socket;
    }
}
