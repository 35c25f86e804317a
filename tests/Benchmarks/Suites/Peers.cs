using System.Globalization;
using OvsBridge.Testing;

namespace OvsBridge.Benchmarks.Suites;

/// <summary>A switch between the hosts of a topology; host n is port n.</summary>
internal interface IPeer : IDisposable
{
    /// <summary>What the tables call it.</summary>
    string Name { get; }

    /// <summary>The process that does the slow work; 0: none.</summary>
    int ProcessId { get; }

    /// <summary>Adds flows from a file as ovs-ofctl takes it.</summary>
    void AddFlows(string file);

    /// <summary>Removes all megaflows.</summary>
    void Purge();
}

/// <summary>This switch.</summary>
internal sealed class OvsBridgePeer : IPeer
{
    private readonly SwitchProcess _process;

    internal OvsBridgePeer(Netns net, params string[] options)
        : this(net, "", options)
    {
    }

    /// <summary>With options for each port, beginning with a comma.</summary>
    internal OvsBridgePeer(Netns net, string portOptions, string[] options)
    {
        string[] ports = [.. net.Hosts.SelectMany((host, i) => new[] { "--port", string.Create(CultureInfo.InvariantCulture, $"{host}={i + 1}{portOptions}") })];
        _process = SwitchProcess.Start(net.Switch, [.. ports, "--fail-mode", "secure", .. options]);
    }

    public string Name => "OvsBridge";

    public int ProcessId => _process.ProcessId;

    public void AddFlows(string file) => _process.Ofctl("add-flows", file);

    /// <summary>Runs ovs-ofctl.</summary>
    internal void Ofctl(string command, params string[] arguments) => _process.Ofctl(command, arguments);

    public void Purge() => _process.Appctl("revalidator/purge");

    public void Dispose() => _process.Dispose();
}

/// <summary>Open vSwitch with its user-space datapath on AF_PACKET; database and sockets in a directory of its own.</summary>
internal sealed class OpenVSwitchPeer : IPeer
{
    private readonly string _directory = Directory.CreateTempSubdirectory("ovsbridge-bench-ovs-").FullName;
    private readonly Netns _net;

    internal OpenVSwitchPeer(Netns net)
    {
        _net = net;
        try
        {
            Run("ovsdb-tool", "create", File("db"), "/usr/share/openvswitch/vswitch.ovsschema");
            Run("ovsdb-server", File("db"), $"--remote=punix:{File("db.sock")}", $"--pidfile={File("db.pid")}", $"--unixctl={File("db.ctl")}", "--detach", "--no-chdir", $"--log-file={File("db.log")}", "-vconsole:off", "-vsyslog:off");
            Run("ovs-vswitchd", $"unix:{File("db.sock")}", "--disable-system", $"--pidfile={File("pid")}", $"--unixctl={File("ctl")}", "--detach", "--no-chdir", $"--log-file={File("log")}", "-vconsole:off", "-vsyslog:off");
            List<string> configure = [$"--db=unix:{File("db.sock")}", "--timeout=30", "add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev", "fail_mode=secure", "protocols=OpenFlow13"];
            foreach ((string host, int number) in net.Hosts.Select((host, i) => (host, i + 1)))
            {
                configure.AddRange(["--", "add-port", "br0", host, "--", "set", "interface", host, string.Create(CultureInfo.InvariantCulture, $"ofport_request={number}")]);
            }

            Run("ovs-vsctl", [.. configure]);
            ProcessId = int.Parse(System.IO.File.ReadAllText(File("pid")), CultureInfo.InvariantCulture);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public string Name => "Open vSwitch, userspace datapath";

    public int ProcessId { get; }

    public void AddFlows(string file) => Run("ovs-ofctl", "-O", "OpenFlow13", "add-flows", $"unix:{File("br0.mgmt")}", file);

    /// <summary>Adds a flow.</summary>
    internal void AddFlow(string flow) => Run("ovs-ofctl", "-O", "OpenFlow13", "add-flow", $"unix:{File("br0.mgmt")}", flow);

    public void Purge() => Run("ovs-appctl", "-t", File("ctl"), "revalidator/purge");

    public void Dispose()
    {
        foreach (string pid in new[] { File("pid"), File("db.pid") }.Where(System.IO.File.Exists).Select(System.IO.File.ReadAllText))
        {
            Command.Try("kill", pid.Trim());
            SpinWait.SpinUntil(() => !Directory.Exists("/proc/" + pid.Trim()), TimeSpan.FromSeconds(10));
        }

        Directory.Delete(_directory, recursive: true);
    }

    private string File(string name) => Path.Combine(_directory, name);

    private void Run(string program, params string[] arguments) =>
        _net.InSwitch("env", [$"OVS_RUNDIR={_directory}", $"OVS_LOGDIR={_directory}", $"OVS_DBDIR={_directory}", program, .. arguments]);
}
