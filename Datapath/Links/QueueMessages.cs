using System.Runtime.InteropServices;
using OvsBridge.Datapath.Interop;

namespace OvsBridge.Datapath.Links;

/// <summary>Reads RTM_NEWTCLASS (rtnetlink(7), linux/pkt_sched.h, linux/gen_stats.h). Fields are in host order.</summary>
internal static class QueueMessages
{
    private const int TcSize = 20; // struct tcmsg: family, pad[3], ifindex, handle, parent, info

    /// <summary>What a request has behind the first 16 bytes of struct tcmsg, which are laid out as struct ifinfomsg: info.</summary>
    public static byte[] RestOfRequest { get; } = new byte[4];

    /// <summary>Number of the queueing discipline that a class belongs to; 0: not one with classes that are queues.</summary>
    public static uint ReadQdisc(ReadOnlySpan<byte> body) =>
        body.Length >= TcSize && Kind(body[TcSize..]) is "htb" or "hfsc" ? Handle(body) & 0xffff0000 : 0;

    /// <summary>Reads a class of the discipline number <paramref name="qdisc"/>; null: of another one.</summary>
    /// <param name="body">The message's body.</param>
    /// <param name="qdisc">Number of the discipline.</param>
    /// <param name="parent">Number of the class above it.</param>
    public static LinkQueue? ReadClass(ReadOnlySpan<byte> body, uint qdisc, out uint parent)
    {
        parent = 0;
        if (body.Length < TcSize || (Handle(body) & 0xffff0000) != qdisc)
            return null;
        parent = MemoryMarshal.Read<uint>(body[12..]);
        string kind = Kind(body[TcSize..]);
        ulong min = 0, max = 0, bytes = 0, packets = 0, drops = 0;
        ReadOnlySpan<byte> rest = body[TcSize..];
        while (LinkMessages.TryTakeAttribute(ref rest, out ushort type, out ReadOnlySpan<byte> value))
        {
            if (type == Rtnetlink.TcOptions && kind == "htb")
                ReadHtb(value, out min, out max);
            else if (type == Rtnetlink.TcOptions && kind == "hfsc")
                ReadHfsc(value, out min, out max);
            else if (type == Rtnetlink.TcStats2)
                ReadStats(value, out bytes, out packets, out drops);
        }

        return new LinkQueue((ushort)Handle(body), min, max, bytes, packets, drops);
    }

    private static uint Handle(ReadOnlySpan<byte> body) => MemoryMarshal.Read<uint>(body[8..]);

    private static string Kind(ReadOnlySpan<byte> rest)
    {
        while (LinkMessages.TryTakeAttribute(ref rest, out ushort type, out ReadOnlySpan<byte> value))
        {
            if (type == Rtnetlink.TcKind)
                return LinkMessages.Text(value);
        }

        return "";
    }

    private static void ReadHtb(ReadOnlySpan<byte> rest, out ulong rate, out ulong ceil)
    {
        const int RateAt = 8, CeilAt = 20, Size = 44; // in struct tc_htb_opt: two struct tc_ratespec of 12 bytes, each with the rate last
        ulong wideRate = 0, wideCeil = 0;
        rate = ceil = 0;
        while (LinkMessages.TryTakeAttribute(ref rest, out ushort type, out ReadOnlySpan<byte> value))
        {
            switch (type)
            {
                case Rtnetlink.HtbParameters when value.Length >= Size:
                    rate = MemoryMarshal.Read<uint>(value[RateAt..]);
                    ceil = MemoryMarshal.Read<uint>(value[CeilAt..]);
                    break;
                case Rtnetlink.HtbRate64 when value.Length >= 8: // there when 32 bits are not enough
                    wideRate = MemoryMarshal.Read<ulong>(value);
                    break;
                case Rtnetlink.HtbCeil64 when value.Length >= 8:
                    wideCeil = MemoryMarshal.Read<ulong>(value);
                    break;
            }
        }

        rate = wideRate != 0 ? wideRate : rate;
        ceil = wideCeil != 0 ? wideCeil : ceil;
    }

    private static void ReadHfsc(ReadOnlySpan<byte> rest, out ulong min, out ulong max)
    {
        const int SlopeAt = 8, Size = 12; // struct tc_service_curve: m1, d, m2; m2 is the slope in the long run
        ulong realTime = 0, fair = 0;
        max = 0;
        while (LinkMessages.TryTakeAttribute(ref rest, out ushort type, out ReadOnlySpan<byte> value))
        {
            if (value.Length < Size)
                continue;
            uint slope = MemoryMarshal.Read<uint>(value[SlopeAt..]);
            switch (type)
            {
                case Rtnetlink.HfscRealTime:
                    realTime = slope;
                    break;
                case Rtnetlink.HfscFair:
                    fair = slope;
                    break;
                case Rtnetlink.HfscUpperLimit:
                    max = slope;
                    break;
            }
        }

        min = realTime != 0 ? realTime : fair;
    }

    private static void ReadStats(ReadOnlySpan<byte> rest, out ulong bytes, out ulong packets, out ulong drops)
    {
        const int PacketsAt = 8, BasicSize = 12; // struct gnet_stats_basic: bytes (64 bits), packets
        const int DropsAt = 8, QueueSize = 20; // struct gnet_stats_queue: qlen, backlog, drops, requeues, overlimits
        ulong widePackets = 0;
        bytes = packets = drops = 0;
        while (LinkMessages.TryTakeAttribute(ref rest, out ushort type, out ReadOnlySpan<byte> value))
        {
            switch (type)
            {
                case Rtnetlink.StatsBasic when value.Length >= BasicSize:
                    bytes = MemoryMarshal.Read<ulong>(value);
                    packets = MemoryMarshal.Read<uint>(value[PacketsAt..]);
                    break;
                case Rtnetlink.StatsQueue when value.Length >= QueueSize:
                    drops = MemoryMarshal.Read<uint>(value[DropsAt..]);
                    break;
                case Rtnetlink.StatsPackets64 when value.Length >= 8: // there when 32 bits are not enough
                    widePackets = MemoryMarshal.Read<ulong>(value);
                    break;
            }
        }

        packets = widePackets != 0 ? widePackets : packets;
    }
}
