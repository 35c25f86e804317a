using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using OvsBridge.Testing;

namespace OvsBridge.SystemTests;

/// <summary>
/// UDP packets with consecutive numbers, at an even rate, from one host to another, and the book of which arrived. They need nothing
/// of the hosts: no addresses are resolved. One thread sends and receives until <see cref="Stop"/>.
/// </summary>
internal sealed class SequencedStream : IDisposable
{
    private readonly PacketSocket _from, _to;
    private readonly Thread _thread;
    private readonly ManualResetEventSlim _stop = new();
    private readonly byte[] _frame;
    private readonly int _perSecond;
    private readonly HashSet<uint> _arrived = [];
    private uint _sent;
    private Exception? _failure;

    /// <summary>Starts it.</summary>
    public SequencedStream(Netns net, string from, string to, int perSecond, int port = 4000)
    {
        _perSecond = perSecond;
        _frame = Packets.Frame(
            $"udp,dl_src={net.Mac(from)},dl_dst={net.Mac(to)},nw_src={net.Ipv4(from)},nw_dst={net.Ipv4(to)},nw_ttl=64,tp_src={port},tp_dst={port}", "OVSBxxxx"u8);
        _from = Open(net, from);
        _to = Open(net, to);
        _thread = new Thread(Run) { Name = "stream", IsBackground = true };
        _thread.Start();
    }

    /// <summary>Packets sent so far.</summary>
    public uint Sent => Volatile.Read(ref _sent);

    /// <summary>Packets that came twice.</summary>
    public int Duplicates { get; private set; }

    /// <summary>Waits until so many more packets were sent.</summary>
    public void Pass(int packets)
    {
        uint goal = Sent + (uint)packets;
        Assert.That(() => Sent >= goal, Is.True.After(60_000, 5), "packets go out");
    }

    /// <summary>Ends it.</summary>
    /// <returns>Numbers of the packets that did not arrive.</returns>
    public IReadOnlyList<uint> Stop()
    {
        _stop.Set();
        _thread.Join();
        Assert.That(_failure, Is.Null);
        return [.. Enumerable.Range(0, (int)_sent).Select(number => (uint)number).Where(number => !_arrived.Contains(number))];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _stop.Set();
        _thread.Join();
        _from.Dispose();
        _to.Dispose();
        _stop.Dispose();
    }

    private static PacketSocket Open(Netns net, string host)
    {
        int ifIndex = int.Parse(net.InHost(host, "cat", "/sys/class/net/eth0/ifindex"), CultureInfo.InvariantCulture);
        PacketSocket? socket = null;
        Netns.Inside(net.NamespaceOf(host), () => socket = new PacketSocket(ifIndex));
        return socket!;
    }

    private void Run()
    {
        try
        {
            // What a pause of this thread left undone is not made good: a receiver's queue takes a thousand packets at once.
            const uint AtOnce = 50;
            long before = Stopwatch.GetTimestamp();
            double due = 0;
            while (!_stop.Wait(1))
            {
                long now = Stopwatch.GetTimestamp();
                due = Math.Min(due + Stopwatch.GetElapsedTime(before, now).TotalSeconds * _perSecond, _sent + AtOnce);
                before = now;
                while (_sent < (uint)due)
                {
                    BinaryPrimitives.WriteUInt32BigEndian(_frame.AsSpan(_frame.Length - 4), _sent);
                    _from.Send(_frame);
                    Volatile.Write(ref _sent, _sent + 1);
                }

                Receive();
            }

            // What is still on its way, through user space maybe.
            for (long end = Stopwatch.GetTimestamp(); _arrived.Count < _sent && Stopwatch.GetElapsedTime(end) < TimeSpan.FromSeconds(2);)
            {
                Receive();
                Thread.Yield();
            }
        }
        catch (Exception exception)
        {
            _failure = exception;
        }
    }

    private void Receive()
    {
        while (_to.TryReceive(out byte[] frame))
        {
            if (frame.Length >= _frame.Length && frame.AsSpan(_frame.Length - 8, 4).SequenceEqual("OVSB"u8)
                && !_arrived.Add(BinaryPrimitives.ReadUInt32BigEndian(frame.AsSpan(_frame.Length - 4))))
            {
                Duplicates++;
            }
        }
    }
}
