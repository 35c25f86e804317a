using System.ComponentModel;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using OvsBridge.Datapath.Interop;
using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.Benchmarks.Suites;

/// <summary>
/// Sends frames as fast as one thread can: a ring that it shares with the kernel (packet(7), PACKET_TX_RING), and around the queueing
/// discipline. Made in the interface's namespace, used in any. One thread.
/// </summary>
internal sealed unsafe partial class PacketRing : IDisposable
{
    private const int PacketTxRing = 13, PacketQdiscBypass = 20, PacketLoss = 14;
    private const int FrameSize = 2048, Frames = 512, HeaderSize = 32; // struct tpacket_hdr, aligned to 16
    private const uint SendRequest = 1, Available = 0;

    private readonly SafeSocketFd _socket;
    private readonly byte* _ring;
    private int _next;

    internal PacketRing(int ifIndex)
    {
        _socket = new SafeSocketFd(LibC.Socket(LibC.AfPacket, LibC.SockRaw | LibC.SockCloexec, 0));
        Check(LibC.SetSocketOption(_socket.Fd, LibC.SolPacket, PacketQdiscBypass, 1, 4));
        Check(LibC.SetSocketOption(_socket.Fd, LibC.SolPacket, PacketLoss, 1, 4)); // what the interface refuses is not to block the ring
        ReadOnlySpan<uint> request = [FrameSize * Frames / 4, 4, FrameSize, Frames]; // struct tpacket_req: block size, blocks, frame size, frames
        fixed (uint* pointer = request)
        {
            Check(SetSocketOption(_socket.Fd, LibC.SolPacket, PacketTxRing, pointer, 16));
        }

        LibC.LinkAddress address = new() { Family = LibC.AfPacket, Protocol = ((Be16)(ushort)0x0800).Raw, IfIndex = ifIndex };
        Check(Bind(_socket.Fd, &address, (uint)Unsafe.SizeOf<LibC.LinkAddress>()));
        nint map = MapMemory(0, FrameSize * Frames, 3, 1, _socket.Fd, 0);
        _ring = map != -1 ? (byte*)map : throw new Win32Exception(Marshal.GetLastPInvokeError());
    }

    /// <summary>Puts a frame into the ring, to be changed in place; null while the ring is full.</summary>
    internal byte* Next(ReadOnlySpan<byte> frame)
    {
        byte* slot = _ring + (nint)_next * FrameSize;
        if (Volatile.Read(ref *(nuint*)slot) != Available)
        {
            return null;
        }

        frame.CopyTo(new Span<byte>(slot + HeaderSize, FrameSize - HeaderSize));
        *(uint*)(slot + 8) = (uint)frame.Length; // tp_len
        _next = (_next + 1) % Frames;
        Volatile.Write(ref *(nuint*)slot, SendRequest);
        return slot + HeaderSize;
    }

    /// <summary>Sends what is in the ring.</summary>
    internal void Flush() => _ = LibC.Send(_socket.Fd, [], 0, 0);

    /// <summary>Sends one frame over and over for a time; returns how many.</summary>
    internal long SendFor(ReadOnlySpan<byte> frame, TimeSpan time)
    {
        long start = System.Diagnostics.Stopwatch.GetTimestamp(), sent = 0;
        while (System.Diagnostics.Stopwatch.GetElapsedTime(start) < time)
        {
            for (int i = 0; i < 64 && Next(frame) != null; i++)
            {
                sent++;
            }

            Flush();
        }

        return sent;
    }

    public void Dispose()
    {
        Check(UnmapMemory((nint)_ring, FrameSize * Frames));
        _socket.Dispose();
    }

    private static void Check(int result)
    {
        if (result != 0)
        {
            throw new Win32Exception(Marshal.GetLastPInvokeError());
        }
    }

    [LibraryImport("libc", EntryPoint = "setsockopt", SetLastError = true)]
    private static partial int SetSocketOption(int fd, int level, int name, void* value, uint length);

    [LibraryImport("libc", EntryPoint = "bind", SetLastError = true)]
    private static partial int Bind(int fd, LibC.LinkAddress* address, uint length);

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial nint MapMemory(nint address, nuint length, int protection, int flags, int fd, nint offset);

    [LibraryImport("libc", EntryPoint = "munmap", SetLastError = true)]
    private static partial int UnmapMemory(nint address, nuint length);
}
