using System.ComponentModel;
using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace OvsBridge.Testing;

/// <summary>
/// A network namespace without a name, with wires (veth pairs) of which one end is for the datapath and the other for a test.
/// The kernel removes it with the last file descriptor, however the process ends. Quiet: no IPv6, no addresses.
/// </summary>
internal sealed partial class PrivateNetwork : IDisposable
{
    private const int CloneNewNet = 0x40000000;

    private readonly SafeFileHandle _namespace;
    private readonly Dictionary<uint, Wire> _wires = [];

    public PrivateNetwork()
    {
        using SafeFileHandle home = Current();
        Check(Unshare(CloneNewNet), "unshare");
        try
        {
            _namespace = Current();
            File.WriteAllText("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
        }
        finally
        {
            Check(SetNs(home, CloneNewNet), "setns");
        }
    }

    /// <summary>Moves this thread into the namespace until the result is disposed of, on the same thread.</summary>
    public Stay Enter()
    {
        Stay stay = new(Current());
        Check(SetNs(_namespace, CloneNewNet), "setns");
        return stay;
    }

    /// <summary>The wire to port <paramref name="number"/>, made if it is not there yet. Call it inside.</summary>
    public Wire Wire(uint number)
    {
        if (!_wires.TryGetValue(number, out Wire? wire))
        {
            string name = "p" + number.ToString(CultureInfo.InvariantCulture);
            Command.Run("ip", "link", "add", name, "type", "veth", "peer", "name", name + "h");
            Command.Run("ip", "link", "set", name, "up");
            Command.Run("ip", "link", "set", name + "h", "up");
            wire = new Wire(name, IfIndex(name), new PacketSocket(IfIndex(name + "h")));
            _wires.Add(number, wire);
        }

        return wire;
    }

    /// <summary>Index of an interface in this thread's namespace.</summary>
    public static int IfIndex(string name) =>
        IfNameToIndex(name) is var index and > 0 ? index : throw new Win32Exception(Marshal.GetLastPInvokeError(), name);

    public void Dispose()
    {
        foreach (Wire wire in _wires.Values)
        {
            wire.Host.Dispose();
        }

        _namespace.Dispose();
    }

    private static SafeFileHandle Current() => File.OpenHandle("/proc/thread-self/ns/net");

    private static void Check(int result, string call)
    {
        if (result != 0)
        {
            throw new Win32Exception(Marshal.GetLastPInvokeError(), call);
        }
    }

    [LibraryImport("libc", EntryPoint = "setns", SetLastError = true)]
    private static partial int SetNs(SafeFileHandle handle, int type);

    [LibraryImport("libc", EntryPoint = "unshare", SetLastError = true)]
    private static partial int Unshare(int flags);

    [LibraryImport("libc", EntryPoint = "if_nametoindex", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int IfNameToIndex(string name);

    /// <summary>Brings the thread back where it was.</summary>
    internal sealed class Stay(SafeFileHandle home) : IDisposable
    {
        public void Dispose()
        {
            Check(SetNs(home, CloneNewNet), "setns");
            home.Dispose();
        }
    }
}

/// <summary>A veth pair.</summary>
/// <param name="Name">The datapath's end.</param>
/// <param name="IfIndex">Its index.</param>
/// <param name="Host">A socket on the other end.</param>
internal sealed record Wire(string Name, int IfIndex, PacketSocket Host);
