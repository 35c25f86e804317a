using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace OvsBridge.Host.Unixctl;

/// <summary>
/// <c>ovs-vswitchd.pid</c> in the run directory, held under an fcntl lock as long as the daemon runs: that is how ovs-appctl tells a
/// living daemon from a dead one's file, and how a second daemon for the same directory is refused.
/// </summary>
internal sealed partial class PidFile : IDisposable
{
    /// <summary>Name of the daemon in the run directory.</summary>
    public const string DaemonName = "ovs-vswitchd";

    private readonly FileStream _held;

    private PidFile(string path, FileStream held)
    {
        Path = path;
        _held = held;
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>Where the pid file of a daemon is.</summary>
    public static string PathIn(string runDirectory, string daemon = DaemonName) => System.IO.Path.Combine(runDirectory, daemon + ".pid");

    /// <summary>Writes and locks the file.</summary>
    /// <exception cref="IOException">Another daemon has the directory, or it can't be written.</exception>
    public static PidFile Create(string runDirectory)
    {
        string path = PathIn(runDirectory);
        string temporary = $"{path}.{Environment.ProcessId}";
        FileStream? held = null;
        try
        {
            if (Holder(path) is { } other and not 0)
                throw new IOException($"another daemon (pid {other}) uses {runDirectory}");
            // Locked before anyone can see it. Our own process must not open it again: closing any descriptor of the file
            // would drop the lock (fcntl locks belong to process and file).
            held = new FileStream(temporary, FileMode.Create, FileAccess.ReadWrite, FileShare.ReadWrite, bufferSize: 0);
            held.Write(System.Text.Encoding.ASCII.GetBytes(Environment.ProcessId.ToString(CultureInfo.InvariantCulture) + "\n"));
            held.Lock(0, long.MaxValue);
            File.Delete(path); // a dead daemon's
            File.Move(temporary, path, overwrite: false); // fails for the slower of two that start at once
            return new PidFile(path, held);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            held?.Dispose();
            TryDelete(temporary);
            throw exception is IOException ? exception : new IOException(exception.Message, exception);
        }
    }

    /// <summary>The process that holds a pid file's lock; 0: the file is there, but nobody holds it; null: there is no file.</summary>
    /// <exception cref="IOException">It can't be read.</exception>
    public static int? Holder(string path)
    {
        SafeFileHandle handle;
        try
        {
            handle = File.OpenHandle(path, share: FileShare.ReadWrite | FileShare.Delete);
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }

        using (handle)
        {
            FileLock request = new() { Type = WriteLock };
            if (FileControl(handle, GetLock, ref request) != 0)
                throw new IOException($"{path}: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");
            return request.Type == NoLock ? 0 : request.ProcessId;
        }
    }

    /// <summary>Removes the file and lets the lock go.</summary>
    public void Dispose()
    {
        TryDelete(Path);
        _held.Dispose();
    }

    private static void TryDelete(string path)
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

    private const int GetLock = 5; // F_GETLK
    private const short WriteLock = 1, NoLock = 2; // F_WRLCK, F_UNLCK

    /// <summary>struct flock of 64-bit Linux; the whole file: start and length 0.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct FileLock
    {
        public short Type;
        public short Whence;
        public long Start;
        public long Length;
        public int ProcessId;
    }

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    private static partial int FileControl(SafeFileHandle fd, int command, ref FileLock argument);
}
