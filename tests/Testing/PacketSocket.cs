using System.ComponentModel;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using OvsBridge.Datapath;
using OvsBridge.Datapath.Interop;
using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.Testing;

/// <summary>
/// Sends frames out of an interface and receives those that come in, with the VLAN tag that the kernel takes out.
/// </summary>
internal sealed unsafe partial class PacketSocket : IDisposable
{
    private const int EthPAll = 0x0003, PacketAuxdata = 8, PacketIgnoreOutgoing = 23, SoReceiveBufferForce = 33;
    private const uint VlanValid = 0x10; // TP_STATUS_VLAN_VALID

    private readonly SafeSocketFd _socket;
    private readonly byte[] _buffer = new byte[70000];
    private readonly int _ifIndex;

    public PacketSocket(int ifIndex)
    {
        _ifIndex = ifIndex;
        Be16 protocol = EthPAll;
        _socket = new SafeSocketFd(LibC.Socket(LibC.AfPacket, LibC.SockRaw | LibC.SockCloexec | LibC.SockNonblock, protocol.Raw));
        Check(LibC.SetSocketOption(_socket.Fd, LibC.SolPacket, PacketAuxdata, 1, 4), "PACKET_AUXDATA");
        Check(LibC.SetSocketOption(_socket.Fd, LibC.SolPacket, PacketIgnoreOutgoing, 1, 4), "PACKET_IGNORE_OUTGOING");
        Check(LibC.SetSocketOption(_socket.Fd, LibC.SolSocket, SoReceiveBufferForce, 16 << 20, 4), "SO_RCVBUFFORCE");
        LibC.LinkAddress address = new() { Family = LibC.AfPacket, Protocol = protocol.Raw, IfIndex = ifIndex };
        Check(Bind(_socket.Fd, &address, (uint)Unsafe.SizeOf<LibC.LinkAddress>()), "bind");
        TryReceive(out _); // what came from other interfaces before it was bound
    }

    public void Send(ReadOnlySpan<byte> frame) =>
        Check(LibC.Send(_socket.Fd, frame, (nuint)frame.Length, 0) == frame.Length ? 0 : -1, $"sending {frame.Length} bytes");

    /// <summary>
    /// Sends a frame (of more than 4 kB) of which the kernel gets only the first bytes in the packet's linear part.
    /// </summary>
    public void SendSplit(ReadOnlySpan<byte> frame, int linear)
    {
        using SafeSocketFd socket = new(LibC.Socket(LibC.AfPacket, LibC.SockRaw | LibC.SockCloexec, 0));
        Check(LibC.SetSocketOption(socket.Fd, LibC.SolPacket, LibC.PacketVnetHeader, 1, 4), "PACKET_VNET_HDR");
        LibC.LinkAddress address = new() { Family = LibC.AfPacket, IfIndex = _ifIndex };
        Check(Bind(socket.Fd, &address, (uint)Unsafe.SizeOf<LibC.LinkAddress>()), "bind");
        VnetHeader header = new(0, 0, (ushort)linear, 0, 0, 0);
        byte[] message = [.. MemoryMarshal.AsBytes(new ReadOnlySpan<VnetHeader>(in header)), .. frame];
        Check(LibC.Send(socket.Fd, message, (nuint)message.Length, 0) == message.Length ? 0 : -1, $"sending {frame.Length} bytes");
    }

    /// <summary>The next frame that is there already.</summary>
    public bool TryReceive(out byte[] frame)
    {
        frame = [];
        Span<byte> control = stackalloc byte[64];
        fixed (byte* data = _buffer, controls = control)
        {
            LibC.IoVector vector = new() { Base = data, Length = (nuint)_buffer.Length };
            LibC.MessageHeader message = new() { Vectors = &vector, VectorCount = 1, Control = controls, ControlLength = (nuint)control.Length };
            nint length = ReceiveMessage(_socket.Fd, &message, 0);
            if (length < 0)
            {
                return false;
            }

            frame = _buffer[..(int)length];

            // struct cmsghdr (16 bytes), struct tpacket_auxdata: status, len, snaplen, mac, net, vlan_tci, vlan_tpid
            ReadOnlySpan<byte> auxdata = control[16..];
            if (message.ControlLength >= 36 && (MemoryMarshal.Read<uint>(auxdata) & VlanValid) != 0)
            {
                Be16 tci = MemoryMarshal.Read<ushort>(auxdata[16..]), tpid = MemoryMarshal.Read<ushort>(auxdata[18..]);
                Span<byte> tag = stackalloc byte[4];
                MemoryMarshal.Write(tag, tpid);
                MemoryMarshal.Write(tag[2..], tci);
                frame = [.. frame.AsSpan(0, 12), .. tag, .. frame.AsSpan(12)];
            }

            return true;
        }
    }

    public void Dispose() => _socket.Dispose();

    private static void Check(int result, string operation)
    {
        if (result != 0)
        {
            throw new Win32Exception(Marshal.GetLastPInvokeError(), operation);
        }
    }

    [LibraryImport("libc", EntryPoint = "bind", SetLastError = true)]
    private static partial int Bind(int fd, LibC.LinkAddress* address, uint length);

    [LibraryImport("libc", EntryPoint = "recvmsg", SetLastError = true)]
    private static partial nint ReceiveMessage(int fd, LibC.MessageHeader* message, int flags);
}
