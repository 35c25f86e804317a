using System.Globalization;

namespace OvsBridge.Testing;

/// <summary>
/// An Open vSwitch of our own with a userspace datapath, in the switch's namespace of a topology: a peer for comparison. Its bridge
/// br0 has every host's port, numbered from 1. Dispose ends its processes and removes its files.
/// </summary>
internal sealed class OpenVSwitch : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("ovsbridge-ovs-").FullName;
    private readonly List<string> _pidFiles = [];
    private readonly Netns _net;

    /// <summary>Whether there is one (Debian: openvswitch-switch).</summary>
    public static bool IsInstalled => File.Exists("/usr/sbin/ovs-vswitchd");

    /// <summary>Starts it.</summary>
    /// <param name="net">The topology.</param>
    /// <param name="controller">Its controller; null: none.</param>
    public OpenVSwitch(Netns net, string? controller = null)
    {
        _net = net;
        try
        {
            Run("ovsdb-tool", "create", In("conf.db"), "/usr/share/openvswitch/vswitch.ovsschema");
            _pidFiles.Add(In("ovsdb.pid"));
            Run("ovsdb-server", "--remote=punix:" + In("db.sock"), "--pidfile=" + In("ovsdb.pid"), "--detach", "--no-chdir", "--log-file=" + In("ovsdb.log"), In("conf.db"));
            Run("ovs-vsctl", "--db=unix:" + In("db.sock"), "--no-wait", "init");
            _pidFiles.Add(In("ovs-vswitchd.pid"));
            Run("ovs-vswitchd", "unix:" + In("db.sock"), "--pidfile=" + In("ovs-vswitchd.pid"), "--detach", "--no-chdir", "--log-file=" + In("vswitchd.log"), "--disable-system");

            List<string> make =
            [
                "--timeout=20", "--db=unix:" + In("db.sock"), "add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev",
                "fail_mode=secure", "protocols=OpenFlow13", "other_config:disable-in-band=true",
            ];
            foreach ((string host, int i) in net.Hosts.Select((host, i) => (host, i)))
                make.AddRange(["--", "add-port", "br0", host, "--", "set", "interface", host, "ofport_request=" + (i + 1).ToString(CultureInfo.InvariantCulture)]);
            if (controller is not null)
                make.AddRange(["--", "set-controller", "br0", controller]);
            Run("ovs-vsctl", [.. make]);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Runs the real <c>ovs-ofctl -O OpenFlow13</c> on it; it must succeed.</summary>
    public string Ofctl(string command, params IEnumerable<string> arguments) => Run("ovs-ofctl", ["-O", "OpenFlow13", command, "br0", .. arguments]);

    /// <summary>Its OpenFlow socket.</summary>
    public string Management => In("br0.mgmt");

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (string file in Enumerable.Reverse(_pidFiles).Where(File.Exists))
        {
            string pid = File.ReadAllText(file).Trim();
            Command.Try("kill", "-TERM", pid);
            if (!SpinWait.SpinUntil(() => !Directory.Exists("/proc/" + pid), TimeSpan.FromSeconds(10)))
                Command.Try("kill", "-KILL", pid);
        }

        Directory.Delete(_directory, recursive: true);
    }

    private string In(string name) => Path.Combine(_directory, name);

    private string Run(string program, params IEnumerable<string> arguments) => _net.InSwitch(
        "env", ["OVS_RUNDIR=" + _directory, "OVS_DBDIR=" + _directory, "OVS_LOGDIR=" + _directory, "OVS_SYSCONFDIR=" + _directory, program, .. arguments]);
}
