using System.Net;
using System.Net.Sockets;
using OvsBridge.OpenFlow.Endpoint;

namespace OvsBridge.Host.Ofctl;

/// <summary>What a user calls a switch: a bridge of this machine, the file of a socket, or an active target (tcp:, ssl:, unix:).</summary>
internal static class SwitchAddress
{
    /// <summary>Finds where it is.</summary>
    /// <exception cref="OfctlException">There is no such switch.</exception>
    public static Target Find(string name, string runDirectory, string suffix = ".mgmt")
    {
        if (name.Contains(':', StringComparison.Ordinal))
        {
            if (!Target.TryParse(name, out Target? target, out string? problem))
                throw new OfctlException(problem);
            return target.IsPassive ? throw new OfctlException($"{name}: is to listen on, not to connect to") : target;
        }

        // "system@br0": a datapath type in front means nothing here.
        string bridge = name[(name.IndexOf('@', StringComparison.Ordinal) + 1)..];
        string socket = Path.Combine(runDirectory, bridge + suffix);
        string? found = File.Exists(socket) ? socket : suffix == ".mgmt" && File.Exists(name) ? name : null;
        if (found is null)
            throw new OfctlException($"{name} is not a bridge or a socket");
        return Target.TryParse("unix:" + Path.GetFullPath(found), out Target? local, out string? bad) ? local : throw new OfctlException(bad);
    }

    /// <summary>Connects a stream socket.</summary>
    /// <exception cref="SocketException">It can't be reached.</exception>
    public static Socket Connect(Target target)
    {
        if (target.Transport == TargetTransport.Unix)
        {
            var local = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            return Connect(local, new UnixDomainSocketEndPoint(target.Path!));
        }

        IPAddress[] addresses = IPAddress.TryParse(target.Host, out IPAddress? address) ? [address] : Dns.GetHostAddresses(target.Host!);
        SocketException? last = null;
        foreach (IPAddress candidate in addresses)
        {
            try
            {
                var remote = new Socket(candidate.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                return Connect(remote, new IPEndPoint(candidate, target.Port));
            }
            catch (SocketException problem)
            {
                last = problem;
            }
        }

        throw last ?? new SocketException((int)SocketError.HostNotFound);
    }

    private static Socket Connect(Socket socket, EndPoint to)
    {
        try
        {
            socket.Connect(to);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
