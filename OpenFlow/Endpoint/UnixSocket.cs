using System.Net.Sockets;

namespace OvsBridge.OpenFlow.Endpoint;

/// <summary>Unix sockets in the file system.</summary>
public static class UnixSocket
{
    /// <summary>
    /// Listens on <paramref name="path"/>. A file that a dead process left there is replaced; one that answers is not. The
    /// socket has its rights before it can be seen under its name.
    /// </summary>
    /// <exception cref="IOException">It can't be listened on: says why.</exception>
    public static Socket Listen(string path, UnixFileMode mode)
    {
        string temporary = path + "~";
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            if (File.Exists(path))
            {
                if (!IsSocket(path))
                    throw new IOException("the file exists and is not a socket");
                if (Answers(path))
                    throw new IOException("another process listens there");
            }

            File.Delete(temporary);
            socket.Bind(new UnixDomainSocketEndPoint(temporary));
            File.SetUnixFileMode(temporary, mode);
            socket.Listen();
            File.Move(temporary, path, overwrite: true);
            return socket;
        }
        catch (Exception exception) when (exception is IOException or SocketException or UnauthorizedAccessException or ArgumentException)
        {
            socket.Dispose();
            Remove(temporary);
            throw new IOException($"can't listen on {path}: {exception.Message}", exception);
        }
    }

    /// <summary>Whether <paramref name="path"/> is a socket that nobody listens on.</summary>
    public static bool IsDead(string path) => File.Exists(path) && IsSocket(path) && !Answers(path);

    /// <summary>Removes a socket's file, if it is there.</summary>
    public static void Remove(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Its directory has gone: so has the file.
        }
    }

    /// <summary>The runtime does not tell sockets from files; but open(2) refuses a socket (ENXIO), whatever our rights.</summary>
    private static bool IsSocket(string path)
    {
        try
        {
            File.OpenHandle(path).Dispose();
            return false;
        }
        catch (UnauthorizedAccessException)
        {
            return false; // a file that we may not read: not ours to replace
        }
        catch (IOException)
        {
            return true;
        }
    }

    private static bool Answers(string path)
    {
        using var probe = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            probe.Connect(new UnixDomainSocketEndPoint(path));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
