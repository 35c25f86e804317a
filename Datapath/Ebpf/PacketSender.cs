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
/// </remarks>
internal sealed unsafe class PacketSender : IDisposable
{
    private readonly SafeSocketFd _socket;
    private long _sent;
    private long _failed;

    /// <summary>Opens the socket. It receives nothing.</summary>
    /// <exception cref="DatapathException">No CAP_NET_RAW.</exception>
    public PacketSender()
    {
        int fd = LibC.Socket(LibC.AfPacket, LibC.SockRaw | LibC.SockCloexec, 0);
        if (fd < 0)
        {
            int errno = Marshal.GetLastPInvokeError();
            throw new DatapathException($"opening a packet socket: {Errno.Describe(errno)}{(errno == Errno.EPERM ? ": needs CAP_NET_RAW" : "")}", errno);
        }

        _socket = new SafeSocketFd(fd);
        Set(LibC.PacketVnetHeader, "PACKET_VNET_HDR");
    }

    /// <summary>Frames that the kernel took.</summary>
    public long Sent => Interlocked.Read(ref _sent);

    /// <summary>Frames that it refused.</summary>
    public long Failed => Interlocked.Read(ref _failed);

    /// <summary>Sends one frame.</summary>
    /// <returns>0, or the positive errno of the refusal.</returns>
    public int Send(int ifIndex, DpPacket packet)
    {
        VnetHeader header = VnetHeader.Plain;
        Span<byte> frame = packet.Data;
        if (packet.GsoSize != 0 && !VnetHeader.TryForGso(frame, packet.GsoSize, out header))
        {
            // What no such header describes goes out whole, if the interface takes it.
            ChecksumFixer.Complete(frame);
            header = VnetHeader.Plain;
        }

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
            _socket.DangerousAddRef(ref held);
            try
            {
                while (LibC.SendMessage(_socket.Fd, message, LibC.MsgDontWait) < 0)
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
                _socket.DangerousRelease();
            }
        }

        Interlocked.Increment(ref _sent);
        return 0;
    }

    /// <inheritdoc/>
    public void Dispose() => _socket.Dispose();

    private void Set(int option, string name)
    {
        int on = 1;
        if (LibC.SetSocketOption(_socket.Fd, LibC.SolPacket, option, on, sizeof(int)) < 0)
        {
            int errno = Marshal.GetLastPInvokeError();
            _socket.Dispose();
            throw new DatapathException($"packet socket option {name}: {Errno.Describe(errno)}", errno);
        }
    }
}
