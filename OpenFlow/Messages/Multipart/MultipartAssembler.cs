using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Wire;

namespace OvsBridge.OpenFlow.Messages.Multipart;

/// <summary>
/// Puts multipart messages that come in several parts (OFPMPF_REQ_MORE, OFPMPF_REPLY_MORE) together, for one connection: for a
/// switch the requests, for a controller the replies. <see cref="MultipartSplitter"/> is its mirror.
/// </summary>
/// <remarks>
/// <para>
/// Parts belong together by their xid. Those of several requests may come mixed. Bodies that are lists can go on (flow, table,
/// port, queue, group, meter statistics and descriptions, table features), and an experimenter's, whose bytes are joined; the others
/// are one part. Of requests, only table features can go on in OpenFlow 1.3.
/// </para>
/// <para>One thread at a time. Holds no more than the limits say; a peer that never sends the last part costs no more than that.</para>
/// </remarks>
/// <param name="maxBytes">Most bytes, as they were on the wire, of all that is unfinished.</param>
/// <param name="maxUnfinished">Most messages that may be unfinished at a time.</param>
public sealed class MultipartAssembler(int maxBytes, int maxUnfinished = 64)
{
    private readonly Dictionary<uint, Parts<MultipartQuery>> _queries = [];
    private readonly Dictionary<uint, Parts<MultipartAnswer>> _answers = [];
    private long _bytes;

    /// <summary>Messages of which the last part is not here yet.</summary>
    public int Unfinished => _queries.Count + _answers.Count;

    /// <summary>Bytes that they occupy.</summary>
    public long UnfinishedBytes => _bytes;

    /// <summary>Takes a part of a request.</summary>
    /// <param name="request">The part.</param>
    /// <param name="size">Its bytes on the wire.</param>
    /// <returns>The whole query with the last part, else null.</returns>
    /// <exception cref="OfErrorException">
    /// BAD_REQUEST with MULTIPART_BUFFER_OVERFLOW: too much is unfinished; with BAD_MULTIPART: the parts don't belong together. The whole is
    /// dropped, and what still comes of it is refused too, so that no rest is taken for a whole.
    /// </exception>
    public MultipartQuery? Add(MultipartRequest request, int size) =>
        Add(_queries, request.Xid, request.Query, request.Query.Kind, request.More, size, Join);

    /// <summary>Takes a part of a reply.</summary>
    /// <param name="reply">The part.</param>
    /// <param name="size">Its bytes on the wire.</param>
    /// <returns>The whole answer with the last part, else null.</returns>
    /// <exception cref="OfErrorException">As <see cref="Add(MultipartRequest, int)"/>.</exception>
    public MultipartAnswer? Add(MultipartReply reply, int size) =>
        Add(_answers, reply.Xid, reply.Answer, reply.Answer.Kind, reply.More, size, Join);

    /// <summary>Gives up what has come of a message, when its request was answered by an error or nobody waits for it any more.</summary>
    public void Forget(uint xid)
    {
        if (_queries.Remove(xid, out Parts<MultipartQuery>? query))
            _bytes -= query.Bytes;
        if (_answers.Remove(xid, out Parts<MultipartAnswer>? answer))
            _bytes -= answer.Bytes;
    }

    private T? Add<T>(Dictionary<uint, Parts<T>> open, uint xid, T body, MultipartType kind, bool more, int size, Func<List<T>, T?> join)
        where T : class
    {
        if (!open.TryGetValue(xid, out Parts<T>? parts))
        {
            if (!more)
                return body;
            if (Unfinished >= maxUnfinished)
                throw new OfErrorException(OfError.BadRequestMultipartBufferOverflow, $"{Unfinished} messages are unfinished");
            parts = new Parts<T>(kind);
            open.Add(xid, parts);
        }

        if (!more)
            open.Remove(xid);
        _bytes -= parts.Bytes;
        try
        {
            parts.Add(body, kind, size, maxBytes - _bytes);
            if (parts.Bodies.Count > 1 && join(parts.Bodies[^2..]) is null)
                throw parts.Refuse(OfError.BadRequestBadMultipart, $"a {kind} message has one part");
        }
        finally
        {
            if (more)
                _bytes += parts.Bytes;
        }

        return more ? null : parts.Bodies is [var only] ? only : join(parts.Bodies);
    }

    private static MultipartQuery? Join(List<MultipartQuery> parts) => parts[0] is TableFeaturesQuery
        ? new TableFeaturesQuery(Lists<TableFeaturesQuery, TableFeaturesEntry>(parts, part => part.Tables))
        : null;

    private static MultipartAnswer? Join(List<MultipartAnswer> parts) => parts[0] switch
    {
        FlowAnswer => new FlowAnswer(Lists<FlowAnswer, FlowStatsEntry>(parts, part => part.Flows)),
        TableAnswer => new TableAnswer(Lists<TableAnswer, TableStatsEntry>(parts, part => part.Tables)),
        PortStatsAnswer => new PortStatsAnswer(Lists<PortStatsAnswer, PortStatsEntry>(parts, part => part.Ports)),
        QueueAnswer => new QueueAnswer(Lists<QueueAnswer, QueueStatsEntry>(parts, part => part.Queues)),
        GroupAnswer => new GroupAnswer(Lists<GroupAnswer, GroupStatsEntry>(parts, part => part.Groups)),
        GroupDescAnswer => new GroupDescAnswer(Lists<GroupDescAnswer, GroupDescEntry>(parts, part => part.Groups)),
        MeterAnswer => new MeterAnswer(Lists<MeterAnswer, MeterStatsEntry>(parts, part => part.Meters)),
        MeterConfigAnswer => new MeterConfigAnswer(Lists<MeterConfigAnswer, MeterConfigEntry>(parts, part => part.Meters)),
        TableFeaturesAnswer => new TableFeaturesAnswer(Lists<TableFeaturesAnswer, TableFeaturesEntry>(parts, part => part.Tables)),
        PortDescAnswer => new PortDescAnswer(Lists<PortDescAnswer, PortDescription>(parts, part => part.Ports)),
        ExperimenterAnswer first when parts.Cast<ExperimenterAnswer>().All(part => (part.Experimenter, part.ExperimenterType) == (first.Experimenter, first.ExperimenterType)) =>
            first with { Body = parts.Cast<ExperimenterAnswer>().SelectMany(part => part.Body.ToArray()).ToArray() },
        _ => null,
    };

    private static ValueList<TEntry> Lists<TPart, TEntry>(IEnumerable<object> parts, Func<TPart, ValueList<TEntry>> list) =>
        parts.Cast<TPart>().SelectMany(part => list(part)).ToValueList();

    /// <summary>The parts of one message so far.</summary>
    private sealed class Parts<T>(MultipartType kind)
    {
        private OfErrorException? _refused;

        public List<T> Bodies { get; } = [];

        public long Bytes { get; private set; }

        public void Add(T body, MultipartType bodyKind, int size, long room)
        {
            if (_refused is not null)
                throw new OfErrorException(_refused.Error, "an earlier part was refused");
            if (bodyKind != kind)
                throw Refuse(OfError.BadRequestBadMultipart, $"a {bodyKind} message can't continue a {kind} message");
            if (Bytes + size > room)
                throw Refuse(OfError.BadRequestMultipartBufferOverflow, $"more than {room} bytes of unfinished messages");
            Bodies.Add(body);
            Bytes += size;
        }

        public OfErrorException Refuse(OfError error, string detail)
        {
            _refused = new OfErrorException(error, detail);
            Bodies.Clear();
            Bytes = 0;
            return _refused;
        }
    }
}
