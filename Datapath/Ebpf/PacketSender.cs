using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using OvsBridge.Datapath.Interop;

namespace OvsBridge.Datapath.Ebpf;

/// <summary>
/// Sends frames that user space holds out of an interface, by a raw packet socket (packet(7)): first packets of a flow,
/// packet_out, the slow path. Frames up to 64 kB; a GSO packet is cut into segments by the kernel (PACKET_VNET_HDR).
/// </summary>
/// <remarks>
/// The usual way through the interface's queue, not around it (PACKET_QDISC_BYPASS): so frames don't overtake those that the
/// program sent, and a capture on the interface shows them, like all others.
/// Any thread. A frame that the interface refuses (down, too long, no buffer) is lost and counted, as on a wire. The frame
/// must have complete checksums unless it is a GSO packet; see <see cref="ChecksumFixer"/>.
/// A frame's priority, which names its queue, is a setting of the socket (SO_PRIORITY; as ancillary data only since Linux 6.14). Frames with one
/// take turns on a socket of their own, the others don't wait for them.
/// Frames that may wait (<see cref="SendLater"/>) share a system call; those of one caller leave in its order.
/// </remarks>
internal sealed unsafe class PacketSender : IDisposable
{
    private readonly SafeSocketFd _socket;
    private readonly SafeSocketFd _queued;
    private readonly Lock _queuedLock = new();
    private readonly SendQueue _waiting;
    private uint _priority;
    private long _sent;
    private long _failed;

    /// <summary>Opens the socket. It receives nothing.</summary>
    /// <exception cref="DatapathException">No CAP_NET_RAW.</exception>
    public PacketSender()
    {
        _socket = Open();
        try
        {
            _queued = Open();
            _waiting = new SendQueue(_socket);
        }
        catch
        {
            _socket.Dispose();
            throw;
        }
    }

    /// <summary>Frames that the kernel took.</summary>
    public long Sent => Interlocked.Read(ref _sent);

    /// <summary>Frames that it refused.</summary>
    public long Failed => Interlocked.Read(ref _failed);

    /// <summary>Sends one frame.</summary>
    /// <param name="ifIndex">Out of which interface.</param>
    /// <param name="packet">The frame.</param>
    /// <param name="priority">Its priority as the kernel has it (skb->priority): a class of the interface's queueing discipline; 0: none.</param>
    /// <returns>0, or the positive errno of the refusal.</returns>
    public int Send(int ifIndex, DpPacket packet, uint priority = 0)
    {
        if (priority == 0)
            return Send(_socket, ifIndex, packet);
        lock (_queuedLock)
        {
            if (_priority != priority)
            {
                if (LibC.SetSocketOption(_queued.Fd, LibC.SolSocket, LibC.SoPriority, (int)priority, sizeof(int)) < 0)
                {
                    Interlocked.Increment(ref _failed);
                    return Marshal.GetLastPInvokeError();
                }

                _priority = priority;
            }

            return Send(_queued, ifIndex, packet);
        }
    }

    /// <summary>
    /// Sends one frame, now or with the next call of <see cref="SendWaiting"/>, or of this method, by the same caller.
    /// </summary>
    /// <returns>How many frames, of those that were sent by the call, the kernel refused.</returns>
    public int SendLater(int ifIndex, DpPacket packet, uint priority = 0)
    {
        if (priority == 0 && packet.Length <= SendQueue.MaxFrame)
        {
            VnetHeader header = HeaderFor(packet);
            return Count(_waiting.Add(ifIndex, packet.Data, header));
        }

        int refused = SendWaiting();
        return Send(ifIndex, packet, priority) == 0 ? refused : refused + 1;
    }

    /// <summary>Sends the frames that wait.</summary>
    /// <returns>How many of them the kernel refused.</returns>
    public int SendWaiting() => Count(_waiting.Send());

    private int Count(SendOutcome outcome)
    {
        if (outcome.Sent != 0)
        {
            Interlocked.Add(ref _sent, outcome.Sent);
        }

        if (outcome.Refused != 0)
        {
            Interlocked.Add(ref _failed, outcome.Refused);
        }

        return outcome.Refused;
    }

    /// <summary>What the kernel is to know of a frame, whose checksum it may change.</summary>
    private static VnetHeader HeaderFor(DpPacket packet)
    {
        VnetHeader header = VnetHeader.Plain;
        if (packet.GsoSize != 0 && !VnetHeader.TryForGso(packet.Data, packet.GsoSize, out header))
        {
            // What no such header describes goes out whole, if the interface takes it.
            ChecksumFixer.Complete(packet.Data);
            header = VnetHeader.Plain;
        }

        return header;
    }

    private int Send(SafeSocketFd socket, int ifIndex, DpPacket packet)
    {
        VnetHeader header = HeaderFor(packet);
        Span<byte> frame = packet.Data;
        LibC.LinkAddress address = new() { Family = LibC.AfPacket, IfIndex = ifIndex };
        fixed (byte* data = frame)
        {
            LibC.IoVector* vectors = stackalloc LibC.IoVector[2];
            vectors[0] = new LibC.IoVector { Base = &header, Length = VnetHeader.Size };
            vectors[1] = new LibC.IoVector { Base = data, Length = (nuint)frame.Length };
            LibC.MessageHeader message = new()
            {
                Name = &address,
                NameLength = (uint)Unsafe.SizeOf<LibC.LinkAddress>(),
                Vectors = vectors,
                VectorCount = 2,
            };
            bool held = false;
            socket.DangerousAddRef(ref held);
            try
            {
                while (LibC.SendMessage(socket.Fd, message, LibC.MsgDontWait) < 0)
                {
                    int errno = Marshal.GetLastPInvokeError();
                    if (errno != Errno.EINTR)
                    {
                        Interlocked.Increment(ref _failed);
                        return errno;
                    }
                }
            }
            finally
            {
                socket.DangerousRelease();
            }
        }

        Interlocked.Increment(ref _sent);
        return 0;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _waiting.Dispose();
        _socket.Dispose();
        _queued.Dispose();
    }

    private static SafeSocketFd Open()
    {
        int fd = LibC.Socket(LibC.AfPacket, LibC.SockRaw | LibC.SockCloexec, 0);
        if (fd < 0)
        {
            int errno = Marshal.GetLastPInvokeError();
            throw new DatapathException($"opening a packet socket: {Errno.Describe(errno)}{(errno == Errno.EPERM ? ": needs CAP_NET_RAW" : "")}", errno);
        }

        SafeSocketFd socket = new(fd);
        if (LibC.SetSocketOption(fd, LibC.SolPacket, LibC.PacketVnetHeader, 1, sizeof(int)) < 0)
        {
            int errno = Marshal.GetLastPInvokeError();
            socket.Dispose();
            throw new DatapathException($"packet socket option PACKET_VNET_HDR: {Errno.Describe(errno)}", errno);
        }

        return socket;
    }
}
