using System.Net.Sockets;
using OvsBridge.Datapath.Interop;

namespace OvsBridge.Datapath.Links;

/// <summary>What happened to an interface.</summary>
/// <param name="Before">As it was; null: it is new.</param>
/// <param name="After">As it is; null: it has gone.</param>
public sealed record LinkChange(Link? Before, Link? After);

/// <summary>
/// Follows the interfaces of the network namespace of the thread that made it, by RTNLGRP_LINK. Tells each change once, in
/// order, one at a time, on some pool thread. When the kernel had to drop notifications (ENOBUFS), everything is read again
/// and the differences are told: at the end the listener knows what is there.
/// </summary>
public sealed class LinkMonitor : IDisposable
{
    private readonly LinkTable _table;
    private readonly Action<LinkChange> _changed;
    private readonly Action<Exception> _failed;
    private readonly Socket _socket;
    private readonly CancellationTokenSource _stop = new();
    private readonly Dictionary<int, Link> _links = [];
    private Task _loop = Task.CompletedTask;
    private int _overruns;

    /// <summary>Subscribes; <see cref="Start"/> begins to tell.</summary>
    /// <param name="table">To read all interfaces from.</param>
    /// <param name="changed">Is told each change.</param>
    /// <param name="failed">Is told what <paramref name="changed"/> threw; the monitor goes on.</param>
    /// <exception cref="DatapathException">The kernel refuses.</exception>
    public LinkMonitor(LinkTable table, Action<LinkChange> changed, Action<Exception> failed)
    {
        _table = table;
        _changed = changed;
        _failed = failed;
        // From here on the kernel queues changes: none between reading all and following can be missed.
        SafeSocketFd fd = NetlinkSocket.Open(Rtnetlink.GroupLink);
        _socket = new Socket(new SafeSocketHandle(fd.Fd, ownsHandle: true));
        fd.SetHandleAsInvalid();
    }

    /// <summary>How often notifications were lost and everything was read again.</summary>
    public int Overruns => Volatile.Read(ref _overruns);

    /// <summary>Tells of every interface that there is, as new, before it returns; then of changes.</summary>
    /// <exception cref="DatapathException">The kernel refuses.</exception>
    public void Start()
    {
        Synchronize();
        _loop = Task.Run(LoopAsync);
    }

    /// <summary>Stops to tell; returns when the last call has returned.</summary>
    public void Dispose()
    {
        _stop.Cancel();
        _loop.Wait();
        _socket.Dispose();
        _stop.Dispose();
    }

    private async Task LoopAsync()
    {
        byte[] buffer = new byte[NetlinkSocket.BufferSize];
        while (true)
        {
            try
            {
                int count = await _socket.ReceiveAsync(buffer, _stop.Token).ConfigureAwait(false);
                Take(buffer.AsSpan(0, count));
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (SocketException exception) when (exception.SocketErrorCode == SocketError.NoBufferSpaceAvailable)
            {
                Interlocked.Increment(ref _overruns);
                try
                {
                    Synchronize();
                }
                catch (DatapathException failure)
                {
                    _failed(failure);
                }
            }
        }
    }

    private void Take(ReadOnlySpan<byte> rest)
    {
        while (LinkMessages.TryTake(ref rest, out Rtnetlink.MessageHeader header, out ReadOnlySpan<byte> body))
        {
            if (header.Type is not (Rtnetlink.NewLink or Rtnetlink.DelLink) || LinkMessages.Read(body) is not { } message)
                continue;
            Apply(message.Link.IfIndex, header.Type == Rtnetlink.NewLink ? message.Link : null);
        }
    }

    private void Synchronize()
    {
        IReadOnlyList<Link> all = _table.List();
        foreach (int gone in _links.Keys.Except(all.Select(link => link.IfIndex)).ToArray())
            Apply(gone, null);
        foreach (Link link in all)
            Apply(link.IfIndex, link);
    }

    private void Apply(int ifIndex, Link? after)
    {
        _links.TryGetValue(ifIndex, out Link? before);
        if (before == after)
            return;
        if (after is null)
            _links.Remove(ifIndex);
        else
            _links[ifIndex] = after;
        try
        {
            _changed(new LinkChange(before, after));
        }
        catch (Exception exception)
        {
            _failed(exception);
        }
    }
}
