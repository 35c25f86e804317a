using System.Runtime.InteropServices;
using OvsBridge.Datapath.Interop;

namespace OvsBridge.Datapath.Ebpf;

/// <summary>Asks the kernel whether an interface's clsact qdisc has filters (rtnetlink(7), RTM_GETTFILTER).</summary>
internal static class TcFilters
{
    private const ushort RtmNewTfilter = 44, RtmGetTfilter = 46, NlmsgError = 2, NlmsgDone = 3;
    private const ushort Request = 0x001, Dump = 0x300;
    private const uint ClsactIngress = 0xfffffff2, ClsactEgress = 0xfffffff3; // TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS / _EGRESS)

    /// <summary>struct nlmsghdr and struct tcmsg.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct FilterRequest
    {
        public uint Length;
        public ushort Type;
        public ushort Flags;
        public uint Sequence;
        public uint Port;
        public uint Family; // one byte and padding
        public int IfIndex;
        public uint Handle;
        public uint Parent;
        public uint Info;
    }

    /// <summary>Whether there is any filter in either direction; true also when the kernel does not say.</summary>
    public static bool Exist(int ifIndex) => Exist(ifIndex, ClsactIngress) || Exist(ifIndex, ClsactEgress);

    private static bool Exist(int ifIndex, uint parent)
    {
        int fd = LibC.Socket(LibC.AfNetlink, LibC.SockRaw | LibC.SockCloexec, LibC.NetlinkRoute);
        if (fd < 0)
        {
            return true;
        }

        using SafeSocketFd socket = new(fd);
        FilterRequest request = new()
        {
            Length = (uint)Marshal.SizeOf<FilterRequest>(),
            Type = RtmGetTfilter,
            Flags = Request | Dump,
            Sequence = 1,
            IfIndex = ifIndex,
            Parent = parent,
        };
        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes(new ReadOnlySpan<FilterRequest>(in request));
        if (LibC.Send(fd, bytes, (nuint)bytes.Length, 0) < 0)
        {
            return true;
        }

        Span<byte> reply = stackalloc byte[32768];
        while (true)
        {
            nint received = LibC.Receive(fd, reply, (nuint)reply.Length, 0);
            if (received < 16)
            {
                return true;
            }

            // The first message of a part tells: a filter, the end, or an error (no such qdisc or interface: no filters).
            switch (MemoryMarshal.Read<ushort>(reply[4..]))
            {
                case RtmNewTfilter:
                    return true;
                case NlmsgDone or NlmsgError:
                    return false;
            }
        }
    }
}
