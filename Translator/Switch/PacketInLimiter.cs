using OvsBridge.OpenFlow.Messages;

namespace OvsBridge.Translator.Switch;

/// <summary>
/// Limits the packet_ins of one controller: token buckets, one for packets that miss and one for packets that a flow sends, so that
/// a storm of the former does not starve the latter (LLDP, say). As Open vSwitch's controller_rate_limit, but what is beyond is
/// dropped at once, not queued.
/// </summary>
/// <remarks>Any thread.</remarks>
internal sealed class PacketInLimiter
{
    private const long Packet = 1_000_000_000; // one packet's credit, in nanoseconds times packets a second

    private readonly TimeProvider _time;
    private readonly long _rate, _most;
    private readonly Lock _lock = new();
    private readonly long[] _credits = new long[2];
    private readonly long[] _filledNs = new long[2];
    private long _refused;

    /// <summary>Makes it, with full buckets.</summary>
    /// <param name="rate">Packets a second of each kind; 0: no limit.</param>
    /// <param name="burst">Packets that may come at once after a pause; 0: a quarter of the rate.</param>
    /// <param name="time">Clock.</param>
    public PacketInLimiter(uint rate, uint burst, TimeProvider time)
    {
        _time = time;
        _rate = rate;
        _most = Math.Max(1, burst != 0 ? burst : rate / 4) * Packet;
        Array.Fill(_credits, _most);
        Array.Fill(_filledNs, time.NowNs());
    }

    /// <summary>Packets refused.</summary>
    public long Refused => Interlocked.Read(ref _refused);

    /// <summary>Whether a packet may go to the controller; counts it when not.</summary>
    public bool Admit(PacketInReason reason)
    {
        if (_rate == 0)
            return true;
        int kind = reason == PacketInReason.NoMatch ? 0 : 1;
        long nowNs = _time.NowNs();
        lock (_lock)
        {
            // What fills the bucket in any case needs no product that could overflow.
            long elapsedNs = Math.Clamp(nowNs - _filledNs[kind], 0, (_most / _rate) + 1);
            _credits[kind] = Math.Min(_most, _credits[kind] + (elapsedNs * _rate));
            _filledNs[kind] = nowNs;
            if (_credits[kind] >= Packet)
            {
                _credits[kind] -= Packet;
                return true;
            }
        }

        Interlocked.Increment(ref _refused);
        return false;
    }
}
