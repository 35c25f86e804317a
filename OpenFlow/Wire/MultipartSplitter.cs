using System.Buffers;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Messages.Multipart;
using OvsBridge.OpenFlow.V10;

namespace OvsBridge.OpenFlow.Wire;

/// <summary>Cuts multipart bodies that are longer than a message may be into parts, all but the last marked MORE.</summary>
/// <remarks>
/// A body that fits is one part: some controllers read only the first. Entries are never cut. Every part has the same xid.
/// Pure; any thread.
/// </remarks>
public static class MultipartSplitter
{
    private const int HeaderSize = 16; // struct ofp_multipart_reply
    private const int Room = OfCodec.MaxMessageSize - HeaderSize;
    private const int Room10 = OfCodec.MaxMessageSize - 24; // OpenFlow 1.0's Nicira statistics have the longest header

    /// <summary>The messages that carry <paramref name="answer"/>.</summary>
    /// <exception cref="ArgumentException">One entry alone is too long for a message.</exception>
    public static IReadOnlyList<MultipartReply> Split(uint xid, MultipartAnswer answer) => answer switch
    {
        FlowAnswer a => Parts(xid, a.Flows, static (ref WireWriter w, FlowStatsEntry e) => e.Write(ref w), static list => new FlowAnswer(list)),
        FlowUpdateAnswer a => Parts(xid, a.Updates, static (ref WireWriter w, FlowUpdate e) => e.Write(ref w), static list => new FlowUpdateAnswer(list), Room - 8),
        TableAnswer a => Parts(xid, a.Tables, static (ref WireWriter w, TableStatsEntry e) => e.Write(ref w), static list => new TableAnswer(list)),
        PortStatsAnswer a => Parts(xid, a.Ports, static (ref WireWriter w, PortStatsEntry e) => e.Write(ref w), static list => new PortStatsAnswer(list)),
        QueueAnswer a => Parts(xid, a.Queues, static (ref WireWriter w, QueueStatsEntry e) => e.Write(ref w), static list => new QueueAnswer(list)),
        GroupAnswer a => Parts(xid, a.Groups, static (ref WireWriter w, GroupStatsEntry e) => e.Write(ref w), static list => new GroupAnswer(list)),
        GroupDescAnswer a => Parts(xid, a.Groups, static (ref WireWriter w, GroupDescEntry e) => e.Write(ref w), static list => new GroupDescAnswer(list)),
        MeterAnswer a => Parts(xid, a.Meters, static (ref WireWriter w, MeterStatsEntry e) => e.Write(ref w), static list => new MeterAnswer(list)),
        MeterConfigAnswer a => Parts(xid, a.Meters, static (ref WireWriter w, MeterConfigEntry e) => e.Write(ref w), static list => new MeterConfigAnswer(list)),
        TableFeaturesAnswer a => Parts(xid, a.Tables, static (ref WireWriter w, TableFeaturesEntry e) => e.Write(ref w), static list => new TableFeaturesAnswer(list)),
        PortDescAnswer a => Parts(xid, a.Ports, static (ref WireWriter w, PortDescription e) => e.Write(ref w), static list => new PortDescAnswer(list)),
        _ => [new MultipartReply(answer) { Xid = xid }],
    };

    /// <summary>The messages that carry <paramref name="answer"/> in OpenFlow 1.0.</summary>
    /// <param name="xid">The request's.</param>
    /// <param name="answer">The whole answer.</param>
    /// <param name="nicira">Whether it was asked for in Nicira's form.</param>
    /// <exception cref="ArgumentException">One entry alone is too long for a message.</exception>
    public static IReadOnlyList<MultipartReply> Split10(uint xid, MultipartAnswer answer, bool nicira)
    {
        IReadOnlyList<MultipartReply> parts = answer switch
        {
            FlowAnswer a => Parts(xid, a.Flows, StatsCodec.FlowWriter(nicira), static list => new FlowAnswer(list), Room10),
            FlowUpdateAnswer a => Parts(xid, a.Updates, FlowMonitorCodec.Write, static list => new FlowUpdateAnswer(list), Room10),
            TableAnswer a => Parts(xid, a.Tables, StatsCodec.Write, static list => new TableAnswer(list), Room10),
            PortStatsAnswer a => Parts(xid, a.Ports, StatsCodec.Write, static list => new PortStatsAnswer(list), Room10),
            QueueAnswer a => Parts(xid, a.Queues, StatsCodec.Write, static list => new QueueAnswer(list), Room10),
            GroupAnswer a => Parts(xid, a.Groups, static (ref WireWriter w, GroupStatsEntry e) => e.Write(ref w), static list => new GroupAnswer(list), Room10),
            GroupDescAnswer a => Parts(xid, a.Groups, GroupCodec.Write, static list => new GroupDescAnswer(list), Room10),
            PortDescAnswer a => Parts(xid, a.Ports, PortCodec.Write, static list => new PortDescAnswer(list), Room10),
            _ => [new MultipartReply(answer) { Xid = xid }],
        };
        return nicira ? [.. parts.Select(part => part with { IsNicira = true })] : parts;
    }

    /// <summary>The messages that carry <paramref name="query"/>; only a table features request can need several.</summary>
    /// <exception cref="ArgumentException">One entry alone is too long for a message.</exception>
    public static IReadOnlyList<MultipartRequest> Split(uint xid, MultipartQuery query)
    {
        if (query is not TableFeaturesQuery { Tables.Count: > 0 } features)
            return [new MultipartRequest(query) { Xid = xid }];
        List<ValueList<TableFeaturesEntry>> parts = Cut(features.Tables, static (ref WireWriter w, TableFeaturesEntry e) => e.Write(ref w));
        return [.. parts.Select((part, i) => new MultipartRequest(new TableFeaturesQuery(part), i + 1 < parts.Count) { Xid = xid })];
    }

    private static MultipartReply[] Parts<T>(uint xid, ValueList<T> entries, EntryWriter<T> write, Func<ValueList<T>, MultipartAnswer> body, int room = Room)
    {
        List<ValueList<T>> parts = Cut(entries, write, room);
        return [.. parts.Select((part, i) => new MultipartReply(body(part), i + 1 < parts.Count) { Xid = xid })];
    }

    private static List<ValueList<T>> Cut<T>(ValueList<T> entries, EntryWriter<T> write, int room = Room)
    {
        var parts = new List<ValueList<T>>(1);
        var scratch = new ArrayBufferWriter<byte>(1024);
        ReadOnlySpan<T> all = entries.AsSpan();
        int first = 0, size = 0;
        for (int i = 0; i < all.Length; i++)
        {
            int entry = Measure(scratch, write, all[i]);
            if (entry > room)
                throw new ArgumentException($"an entry of {entry} bytes does not fit a multipart message");
            if (size + entry > room)
            {
                parts.Add(ValueList.Create(all[first..i]));
                (first, size) = (i, 0);
            }

            size += entry;
        }

        parts.Add(first == 0 ? entries : ValueList.Create(all[first..]));
        return parts;
    }

    private static int Measure<T>(ArrayBufferWriter<byte> scratch, EntryWriter<T> write, T entry)
    {
        scratch.ResetWrittenCount();
        var writer = new WireWriter(scratch, 256);
        try
        {
            write(ref writer, entry);
            return writer.Position;
        }
        finally
        {
            writer.Dispose();
        }
    }
}

/// <summary>Writes one entry of a list.</summary>
internal delegate void EntryWriter<T>(ref WireWriter writer, T entry);
