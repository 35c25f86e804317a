using OvsBridge.OpenFlow;
using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Messages.Multipart;

namespace OvsBridge.Translator.Switch;

/// <summary>
/// Puts multipart requests that come in several messages (OFPMPF_REQ_MORE) together, for one connection. In OpenFlow 1.3 only a
/// table-features request has a body that can be continued.
/// </summary>
/// <remarks>Used by the connection's thread only. Bounded: see <see cref="OfSwitchOptions.MaxMultipartBytes"/>.</remarks>
internal sealed class MultipartAssembler(int maxBytes)
{
    /// <summary>Requests that may be unfinished at a time.</summary>
    private const int MaxRequests = 64;

    private readonly Dictionary<uint, Parts> _open = [];
    private long _bytes;

    /// <summary>Takes a part.</summary>
    /// <param name="request">The part.</param>
    /// <param name="size">Its bytes on the wire.</param>
    /// <returns>The whole query with the last part, else null.</returns>
    /// <exception cref="OfErrorException">BAD_REQUEST: too much is unfinished, or the parts don't belong together. The request is dropped.</exception>
    public MultipartQuery? Add(MultipartRequest request, int size)
    {
        if (!_open.TryGetValue(request.Xid, out Parts? parts))
        {
            if (!request.More)
                return request.Query;
            if (_open.Count >= MaxRequests)
                throw new OfErrorException(OfError.BadRequestMultipartBufferOverflow, $"{_open.Count} requests are unfinished");
            parts = new Parts();
            _open.Add(request.Xid, parts);
        }

        if (!request.More)
            _open.Remove(request.Xid);
        _bytes -= parts.Bytes;
        try
        {
            parts.Add(request.Query, size, maxBytes - _bytes);
        }
        finally
        {
            if (request.More)
                _bytes += parts.Bytes;
        }

        return request.More ? null : parts.Whole();
    }

    /// <summary>The parts of one request so far; once one was refused, those behind it are refused too, so that no rest is taken for a whole.</summary>
    private sealed class Parts
    {
        private readonly List<MultipartQuery> _queries = [];
        private OfErrorException? _refused;

        public long Bytes { get; private set; }

        public void Add(MultipartQuery query, int size, long room)
        {
            if (_refused is not null)
                throw new OfErrorException(_refused.Error, "an earlier part was refused");
            try
            {
                if (_queries.Count > 0 && (query is not TableFeaturesQuery || _queries[0] is not TableFeaturesQuery))
                    throw new OfErrorException(OfError.BadRequestBadMultipart, $"a {query.Kind} request can't continue a {_queries[0].Kind} request");
                if (Bytes + size > room)
                    throw new OfErrorException(OfError.BadRequestMultipartBufferOverflow, $"more than {room} bytes of unfinished requests");
            }
            catch (OfErrorException e)
            {
                _refused = e;
                _queries.Clear();
                Bytes = 0;
                throw;
            }

            _queries.Add(query);
            Bytes += size;
        }

        public MultipartQuery Whole() => _queries is [var only]
            ? only
            : new TableFeaturesQuery(_queries.Cast<TableFeaturesQuery>().SelectMany(part => part.Tables).ToValueList());
    }
}
