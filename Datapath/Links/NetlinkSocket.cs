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

    /// <summary>Sends a request and takes the bodies of what comes back. Without an <paramref name="operation"/> to name, errors are returned.</summary>
    /// <param name="socket">Of nobody else during the call.</param>
    /// <param name="buffer">Room for an answer, <see cref="BufferSize"/> bytes.</param>
    /// <param name="request">The message, with a sequence number that no earlier request on the socket had.</param>
    /// <param name="operation">What is being done, for messages.</param>
    /// <param name="take">Called with the body of each message of the answer.</param>
    /// <returns>The errno of the answer.</returns>
    /// <exception cref="DatapathException">The kernel refuses.</exception>
    public static int Ask(SafeSocketFd socket, byte[] buffer, byte[] request, string? operation, Action<ReadOnlySpan<byte>> take)
    {
        Rtnetlink.MessageHeader asked = MemoryMarshal.Read<Rtnetlink.MessageHeader>(request);
        if (LibC.Send(socket.Fd, request, (nuint)request.Length, 0) < 0)
            throw Errno.Failed(operation ?? "asking rtnetlink", Marshal.GetLastPInvokeError());

        // The end of the answer: the end of a dump, an error or acknowledgement, or the one message that was asked for.
        while (true)
        {
            nint count = LibC.Receive(socket.Fd, buffer, (nuint)buffer.Length, 0);
            if (count < 0)
            {
                int errno = Marshal.GetLastPInvokeError();
                if (errno == Errno.EINTR)
                    continue;
                throw Errno.Failed(operation ?? "asking rtnetlink", errno);
            }

            ReadOnlySpan<byte> rest = buffer.AsSpan(0, (int)count);
            while (LinkMessages.TryTake(ref rest, out Rtnetlink.MessageHeader header, out ReadOnlySpan<byte> body))
            {
                if (header.Sequence != asked.Sequence)
                    continue; // of a request that failed half-way
                switch (header.Type)
                {
                    case Rtnetlink.NlmDone:
                        return 0;
                    case Rtnetlink.NlmError:
                        int errno = -MemoryMarshal.Read<int>(body);
                        return errno == 0 || operation is null ? errno : throw Errno.Failed(operation, errno);
                    case var answer when answer == (asked.Type & ~3): // RTM_NEW* of RTM_GET*
                        take(body);
                        if ((asked.Flags & (Rtnetlink.FlagDump | Rtnetlink.FlagAck)) == 0)
                            return 0;
                        break;
                }
            }
        }
    }
}
