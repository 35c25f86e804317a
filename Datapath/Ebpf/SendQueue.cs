using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using OvsBridge.Datapath.Interop;

namespace OvsBridge.Datapath.Ebpf;

/// <summary>
/// Frames that wait to be sent by a packet socket, many with one system call (sendmmsg(2)), in their order.
/// </summary>
/// <remarks>Any thread. The socket has PACKET_VNET_HDR.</remarks>
internal sealed unsafe class SendQueue : IDisposable
{
    /// <summary>The longest frame that may wait; those on Ethernet are shorter.</summary>
    public const int MaxFrame = SlotSize - VnetHeader.Size;

    private const int SlotSize = 2048;
    private const int Slots = 64;

    private readonly Lock _lock = new();
    private readonly SafeSocketFd _socket;
    private readonly LibC.MessageHeaderAndLength* _messages;
    private readonly LibC.IoVector* _vectors;
    private readonly LibC.LinkAddress* _addresses;
    private readonly byte* _frames;
    private int _count;
    private bool _disposed;

    /// <summary>Makes an empty queue.</summary>
    /// <param name="socket">The socket, which stays its owner's.</param>
    public SendQueue(SafeSocketFd socket)
    {
        _socket = socket;
        _messages = (LibC.MessageHeaderAndLength*)NativeMemory.AllocZeroed(Slots, (nuint)sizeof(LibC.MessageHeaderAndLength));
        _vectors = (LibC.IoVector*)NativeMemory.AllocZeroed(Slots, (nuint)sizeof(LibC.IoVector));
        _addresses = (LibC.LinkAddress*)NativeMemory.AllocZeroed(Slots, (nuint)sizeof(LibC.LinkAddress));
        _frames = (byte*)NativeMemory.Alloc(Slots, SlotSize);
        for (int i = 0; i < Slots; i++)
        {
            _addresses[i].Family = LibC.AfPacket;
            _vectors[i].Base = _frames + (i * SlotSize);
            ref LibC.MessageHeader header = ref _messages[i].Header;
            header.Name = _addresses + i;
            header.NameLength = (uint)sizeof(LibC.LinkAddress);
            header.Vectors = _vectors + i;
            header.VectorCount = 1;
        }
    }

    /// <summary>Appends a frame of at most <see cref="MaxFrame"/> bytes; what was there is sent first if there is no room.</summary>
    /// <returns>What became of frames that were sent by the call.</returns>
    public SendOutcome Add(int ifIndex, ReadOnlySpan<byte> frame, in VnetHeader header)
    {
        lock (_lock)
        {
            SendOutcome outcome = _count == Slots ? Flush() : default;
            ObjectDisposedException.ThrowIf(_disposed, this);
            byte* slot = _frames + (_count * SlotSize);
            Unsafe.WriteUnaligned(slot, header);
            frame.CopyTo(new Span<byte>(slot + VnetHeader.Size, MaxFrame));
            _vectors[_count].Length = (nuint)(VnetHeader.Size + frame.Length);
            _addresses[_count].IfIndex = ifIndex;
            _count++;
            return outcome;
        }
    }

    /// <summary>Sends all that waits.</summary>
    public SendOutcome Send()
    {
        lock (_lock)
        {
            return Flush();
        }
    }

    /// <summary>Frees the memory; what waits is not sent.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            if (!_disposed)
            {
                _disposed = true;
                _count = 0;
                NativeMemory.Free(_messages);
                NativeMemory.Free(_vectors);
                NativeMemory.Free(_addresses);
                NativeMemory.Free(_frames);
            }
        }
    }

    private SendOutcome Flush()
    {
        if (_count == 0)
        {
            return default;
        }

        int refused = 0, count = _count;
        _count = 0;
        bool held = false;
        _socket.DangerousAddRef(ref held);
        try
        {
            for (int done = 0; done < count;)
            {
                int sent = LibC.SendMessages(_socket.Fd, _messages + done, (uint)(count - done), LibC.MsgDontWait);
                if (sent > 0)
                {
                    done += sent;
                }
                else if (Marshal.GetLastPInvokeError() != Errno.EINTR)
                {
                    // It is the first of these that the kernel refuses.
                    refused++;
                    done++;
                }
            }
        }
        finally
        {
            _socket.DangerousRelease();
        }

        return new SendOutcome(count - refused, refused);
    }
}

/// <summary>What became of frames.</summary>
/// <param name="Sent">The kernel took so many.</param>
/// <param name="Refused">It refused so many.</param>
internal readonly record struct SendOutcome(int Sent, int Refused);
