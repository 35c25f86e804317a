using System.Runtime.InteropServices;
using OvsBridge.Datapath.Interop;
using OvsBridge.Datapath.Tunnels;

namespace OvsBridge.Datapath.Ebpf;

/// <summary>
/// Sends outer packets that are made in user space, by raw sockets with our own IP header (raw(7)): the machine's stack finds route and neighbour, and
/// waits for the neighbour's answer.
/// </summary>
/// <remarks>Any thread. What the stack refuses is an errno.</remarks>
internal sealed unsafe class TunnelSender : IDisposable
{
    private readonly SafeSocketFd _ipv4 = Open(Rtnetlink.FamilyInet);
    private readonly SafeSocketFd? _ipv6 = TryOpen(Rtnetlink.FamilyInet6);

    /// <summary>Sends one packet from IP on.</summary>
    /// <returns>0, or the positive errno of the refusal.</returns>
    public int Send(UInt128 to, ReadOnlySpan<byte> packet)
    {
        // struct sockaddr_in: family, port, address; struct sockaddr_in6: family, port, flow label, address, scope
        Span<byte> address = stackalloc byte[28];
        address.Clear();
        bool v4 = MappedAddress.IsIpv4(to);
        Span<byte> bytes = stackalloc byte[16];
        MappedAddress.Write(bytes, to);
        address[0] = v4 ? Rtnetlink.FamilyInet : Rtnetlink.FamilyInet6; // sa_family_t in host order
        if (v4)
            bytes[12..].CopyTo(address[4..]);
        else
            bytes.CopyTo(address[8..]);
        if ((v4 ? _ipv4 : _ipv6) is not { } socket)
            return Errno.EHOSTUNREACH;
        bool held = false;
        socket.DangerousAddRef(ref held);
        try
        {
            while (LibC.SendTo(socket.Fd, packet, (nuint)packet.Length, LibC.MsgDontWait, address, v4 ? 16u : 28u) < 0)
            {
                int errno = Marshal.GetLastPInvokeError();
                if (errno != Errno.EINTR)
                    return errno;
            }

            return 0;
        }
        finally
        {
            socket.DangerousRelease();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _ipv4.Dispose();
        _ipv6?.Dispose();
    }

    private static SafeSocketFd Open(int family) =>
        TryOpen(family) ?? throw Errno.Failed("opening a raw IP socket", Marshal.GetLastPInvokeError());

    private static SafeSocketFd? TryOpen(int family)
    {
        const int IpProtoRaw = 255; // with it the IP header is ours
        int fd = LibC.Socket(family, LibC.SockRaw | LibC.SockCloexec, IpProtoRaw);
        return fd < 0 ? null : new SafeSocketFd(fd);
    }
}
