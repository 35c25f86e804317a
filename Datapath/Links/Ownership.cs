using System.Net.Sockets;
using System.Runtime.InteropServices;
using OvsBridge.Datapath.Interop;

namespace OvsBridge.Datapath.Links;

/// <summary>
/// Says which process owns a thing of this network namespace that outlives processes: who holds the abstract unix socket
/// <c>\0ovsbridge/KEY</c>. Abstract names, like interface numbers, belong to the network namespace, and vanish with the process.
/// </summary>
internal static class Ownership
{
    /// <summary>Takes it; the socket's end gives it up.</summary>
    /// <param name="key">What, for the socket's name.</param>
    /// <param name="name">The interface, for messages.</param>
    /// <exception cref="DatapathException">Another process owns it (EBUSY).</exception>
    public static Socket Take(string key, string name)
    {
        UnixDomainSocketEndPoint address = new($"\0ovsbridge/{key}");
        Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Bind(address);
            socket.Listen(1);
            return socket;
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            socket.Dispose();
            throw new DatapathException($"interface {name} is in use by another ovsbridge{OwnerOf(address)}", Errno.EBUSY);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static string OwnerOf(UnixDomainSocketEndPoint address)
    {
        const int SoPeerCredentials = 17; // struct ucred: pid, uid, gid
        try
        {
            using Socket probe = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { Blocking = false };
            probe.Connect(address);
            Span<int> credentials = stackalloc int[3];
            probe.GetRawSocketOption(LibC.SolSocket, SoPeerCredentials, MemoryMarshal.AsBytes(credentials));
            return $" (pid {credentials[0]})";
        }
        catch (SocketException)
        {
            return ""; // it is just ending, or its queue is full
        }
    }
}
