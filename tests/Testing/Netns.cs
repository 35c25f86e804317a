using System.ComponentModel;
using System.Globalization;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace OvsBridge.Testing;

/// <summary>
/// A small topology in network namespaces: one namespace for the switch and one for each host. Host number n (in the order
/// given, from 1) has <c>eth0</c> with MAC 02:00:00:00:00:0n, 10.0.0.n/24 and fd00::n/64, wired by a veth to the interface in the
/// switch's namespace that is named after the host. Nothing connects the hosts until a switch does. Needs root.
/// </summary>
/// <remarks>
/// Names carry the process id, so that parallel runs don't collide; dispose removes everything, and the first use in a
/// process removes what a killed run left behind. Not thread safe.
/// </remarks>
public sealed partial class Netns : IDisposable
{
    private const string Prefix = "obt";
    private static readonly Lazy<bool> _swept = new(Sweep);
    private static int _count;

    private readonly string _id;
    private readonly List<string> _hosts = [];

    /// <summary>Makes the topology.</summary>
    /// <param name="hosts">Names of the hosts; at most 15 bytes each. None: only the switch's namespace.</param>
    public Netns(params IEnumerable<string> hosts)
    {
        _ = _swept.Value;
        _id = string.Create(CultureInfo.InvariantCulture, $"{Prefix}{Environment.ProcessId}-{Interlocked.Increment(ref _count)}");
        try
        {
            Add(Switch);
            // The switch's own kernel must not talk on the ports.
            InSwitch("sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1");
            foreach (string host in hosts)
            {
                AddHost(host);
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Name of the switch's namespace, for <c>ip netns exec</c>.</summary>
    public string Switch => _id + "-sw";

    /// <summary>The hosts, in order.</summary>
    public IReadOnlyList<string> Hosts => _hosts;

    /// <summary>Name of a host's namespace.</summary>
    public string NamespaceOf(string host) => $"{_id}-{host}";

    /// <summary>A host's IPv4 address.</summary>
    public string Ipv4(string host) => "10.0.0." + Command.Text(Number(host));

    /// <summary>A host's IPv6 address.</summary>
    public string Ipv6(string host) => "fd00::" + Number(host).ToString("x", CultureInfo.InvariantCulture);

    /// <summary>A host's MAC address.</summary>
    public string Mac(string host) => "02:00:00:00:00:" + Number(host).ToString("x2", CultureInfo.InvariantCulture);

    /// <summary>Adds a host and its wire; both ends are up.</summary>
    public void AddHost(string host)
    {
        string ns = NamespaceOf(host);
        if (!_hosts.Contains(host))
        {
            _hosts.Add(host);
            Add(ns);
            // Quiet hosts: no duplicate address detection, no router solicitations.
            Command.Run("ip", "netns", "exec", ns, "sysctl", "-qw", "net.ipv6.conf.default.accept_dad=0",
                "net.ipv6.conf.default.router_solicitations=0", "net.ipv6.conf.default.mldv2_unsolicited_report_interval=0");
        }

        Command.Run("ip", "link", "add", host, "netns", Switch, "type", "veth", "peer", "name", "eth0", "netns", ns);
        Command.Run("ip", "-n", ns, "link", "set", "eth0", "address", Mac(host));
        Command.Run("ip", "-n", ns, "address", "add", Ipv4(host) + "/24", "dev", "eth0");
        Command.Run("ip", "-n", ns, "address", "add", Ipv6(host) + "/64", "dev", "eth0", "nodad");
        Command.Run("ip", "-n", ns, "link", "set", "eth0", "up");
        Command.Run("ip", "-n", Switch, "link", "set", host, "up");
    }

    /// <summary>Removes a host's wire (both ends vanish); <see cref="AddHost"/> puts a new one.</summary>
    public void RemoveWire(string host) => Command.Run("ip", "-n", Switch, "link", "delete", host);

    /// <summary>Runs a program in the switch's namespace; it must succeed.</summary>
    /// <returns>Its standard output.</returns>
    public string InSwitch(string file, params IEnumerable<string> arguments) => Command.Run("ip", InNamespace(Switch, file, arguments));

    /// <summary>Runs a program in the switch's namespace; any exit status is returned.</summary>
    public CommandResult TryInSwitch(string file, params IEnumerable<string> arguments) =>
        Command.Try("ip", InNamespace(Switch, file, arguments));

    /// <summary>Runs a program in a host's namespace; it must succeed.</summary>
    /// <returns>Its standard output.</returns>
    public string InHost(string host, string file, params IEnumerable<string> arguments) =>
        Command.Run("ip", InNamespace(NamespaceOf(host), file, arguments));

    /// <summary>Runs a program in a host's namespace; any exit status is returned.</summary>
    public CommandResult TryInHost(string host, string file, params IEnumerable<string> arguments) =>
        Command.Try("ip", InNamespace(NamespaceOf(host), file, arguments));

    /// <summary>Whether <paramref name="from"/> gets answers from <paramref name="address"/>: at least one of <paramref name="count"/>.</summary>
    public bool Ping(string from, string address, int count = 3) => TryInHost(
        from, "ping", "-n", "-q", "-c", Command.Text(count), "-i", "0.05", "-W", "1", address).ExitCode == 0;

    /// <summary>The arguments of <c>ip</c> that run a program in a namespace.</summary>
    public static IEnumerable<string> InNamespace(string ns, string file, IEnumerable<string> arguments) =>
        ["netns", "exec", ns, file, .. arguments];

    /// <summary>Runs <paramref name="action"/> on a thread of its own inside the switch's namespace: its sockets belong there.</summary>
    public void Inside(Action action) => Inside(Switch, action);

    /// <summary>Runs <paramref name="action"/> on a thread of its own inside a namespace.</summary>
    public static void Inside(string ns, Action action)
    {
        ExceptionDispatchInfo? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                // A thread of our own that ends: no pool thread is left behind in the namespace.
                using SafeFileHandle handle = File.OpenHandle("/run/netns/" + ns);
                if (SetNs(handle, CloneNewNet) != 0)
                {
                    throw new Win32Exception(Marshal.GetLastPInvokeError(), $"setns({ns})");
                }

                action();
            }
            catch (Exception exception)
            {
                failure = ExceptionDispatchInfo.Capture(exception);
            }
        })
        { Name = "in " + ns };
        thread.Start();
        thread.Join();
        failure?.Throw();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (string name in List().Where(name => name.StartsWith(_id + "-", StringComparison.Ordinal)))
        {
            Remove(name);
        }
    }

    private static void Add(string ns)
    {
        Command.Run("ip", "netns", "add", ns);
        Command.Run("ip", "-n", ns, "link", "set", "lo", "up");
    }

    /// <summary>Ends what still runs in the namespace, then removes it; veth pairs go with it.</summary>
    private static void Remove(string ns)
    {
        foreach (string pid in Command.Try("ip", "netns", "pids", ns).Output.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            Command.Try("kill", "-KILL", pid);
        }

        Command.Try("ip", "netns", "delete", ns);
    }

    private static IEnumerable<string> List() =>
        Directory.Exists("/run/netns") ? Directory.GetFiles("/run/netns").Select(file => Path.GetFileName(file)) : [];

    /// <summary>Removes the namespaces of test processes that are dead.</summary>
    private static bool Sweep()
    {
        foreach (string name in List().Where(name => name.StartsWith(Prefix, StringComparison.Ordinal)))
        {
            string pid = name[Prefix.Length..].Split('-')[0];
            if (int.TryParse(pid, NumberStyles.None, CultureInfo.InvariantCulture, out int owner) && !Directory.Exists($"/proc/{owner}"))
            {
                Remove(name);
            }
        }

        return true;
    }

    private int Number(string host)
    {
        int index = _hosts.IndexOf(host);
        return index >= 0 ? index + 1 : throw new ArgumentException($"no host '{host}'", nameof(host));
    }

    private const int CloneNewNet = 0x40000000;

    [LibraryImport("libc", EntryPoint = "setns", SetLastError = true)]
    private static partial int SetNs(SafeFileHandle fd, int type);
}
