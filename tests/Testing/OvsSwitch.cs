using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.Net.Sockets;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace OvsBridge.Testing;

/// <summary>ovs-vswitchd has ended by itself.</summary>
public sealed class OvsEndedException(string log) : Exception(log);

/// <summary>
/// Open vSwitch itself: ovsdb-server and ovs-vswitchd with the complete user-space datapath, whose ports (1 to <c>ports</c> and LOCAL) are of
/// the "dummy" kind: packets come in by a command and leave into a capture file. It touches no interface of the machine.
/// Everything is in a directory of its own; Dispose ends both programs and removes it.
/// </summary>
/// <remarks>One thread at a time. All commands go over one connection, so that thousands take seconds.</remarks>
public sealed class OvsSwitch : IDisposable
{
    /// <summary>Number of LOCAL in its datapath.</summary>
    public const uint DatapathLocal = 100;

    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(30);
    private static readonly JsonWriterOptions _writing = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static readonly Lazy<string?> _missing = new(FindMissing);

    private readonly string _directory = Directory.CreateTempSubdirectory("ovsbridge-ovs-").FullName;
    private readonly List<(uint Port, string File, long Read)> _captures = [];
    private Socket? _unixctl;
    private byte[] _buffer = new byte[64 * 1024];
    private long _handled;

    private OvsSwitch()
    {
    }

    /// <summary>Why it cannot be started here, or null.</summary>
    public static string? Missing() => _missing.Value;

    private static string? FindMissing()
    {
        foreach (string program in (string[])["ovs-vswitchd", "ovsdb-server", "ovsdb-tool", "ovs-vsctl", "ovs-ofctl"])
        {
            try
            {
                Command.Run(program, "--version");
            }
            catch (InvalidOperationException missing)
            {
                return $"{program} (Debian package openvswitch-switch): {missing.Message}";
            }
        }

        return null;
    }

    /// <summary>Starts it with a bridge br0 that has no flows and no controller.</summary>
    /// <param name="ports">How many ports, beside LOCAL.</param>
    public static OvsSwitch Start(int ports)
    {
        OvsSwitch started = new();
        try
        {
            started.Run(ports);
            return started;
        }
        catch
        {
            started.Dispose();
            throw;
        }
    }

    /// <summary>Where its bridge can be managed, as a target of ovs-ofctl.</summary>
    public string Management => "unix:" + PathOf("br0.mgmt");

    /// <summary>Asks ovs-vswitchd; the answer must not be an error.</summary>
    /// <param name="command">Command, as behind ovs-appctl.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <exception cref="OvsEndedException">It has ended: an assertion of its own failed.</exception>
    public string Ask(string command, params IReadOnlyList<string> arguments)
    {
        ArrayBufferWriter<byte> request = new();
        using (Utf8JsonWriter writer = new(request, _writing))
        {
            writer.WriteStartObject();
            writer.WriteNumber("id", 0);
            writer.WriteString("method", command);
            writer.WriteStartArray("params");
            foreach (string argument in arguments)
            {
                writer.WriteStringValue(argument);
            }

            writer.WriteEndArray();
            writer.WriteEndObject();
        }

        try
        {
            return Transact(request.WrittenSpan, command, arguments);
        }
        catch (SocketException broken)
        {
            throw new OvsEndedException($"{broken.Message}\n{Log}");
        }
    }

    private string Transact(ReadOnlySpan<byte> request, string command, IReadOnlyList<string> arguments)
    {
        _unixctl!.Send(request);
        int filled = 0;
        while (true)
        {
            if (filled == _buffer.Length)
            {
                Array.Resize(ref _buffer, filled * 2);
            }

            int count = _unixctl.Receive(_buffer.AsSpan(filled));
            if (count == 0)
            {
                throw new OvsEndedException($"{command} {string.Join(' ', arguments)}\n{Log}");
            }

            filled += count;
            if (_buffer[filled - 1] != '}')
            {
                continue;
            }

            Utf8JsonReader reader = new(_buffer.AsSpan(0, filled), isFinalBlock: false, state: default);
            if (!JsonDocument.TryParseValue(ref reader, out JsonDocument? document))
            {
                continue;
            }

            using (document)
            {
                return document.RootElement.TryGetProperty("error", out JsonElement error) && error.ValueKind != JsonValueKind.Null
                    ? throw new InvalidOperationException($"{command} {string.Join(' ', arguments)}: {error}")
                    : document.RootElement.GetProperty("result").GetString()!;
            }
        }
    }

    /// <summary>Runs <c>ovs-ofctl -O OpenFlow13</c> on its bridge.</summary>
    /// <param name="command">Command.</param>
    /// <param name="arguments">What follows the name of the bridge.</param>
    public CommandResult TryOfctl(string command, params IEnumerable<string> arguments) =>
        Command.Try("ovs-ofctl", ["-O", "OpenFlow13", command, "unix:" + Path.Combine(_directory, "br0.mgmt"), .. arguments]);

    /// <summary>How fragments are looked up: "normal", "drop" or "nx-match".</summary>
    public void SetFragments(string handling)
    {
        if (TryOfctl("set-frags", handling) is { ExitCode: not 0 } refused)
        {
            throw new InvalidOperationException($"ovs-ofctl set-frags: {refused}");
        }
    }

    /// <summary>Replaces all groups and flows, by the real ovs-ofctl, each list from a file.</summary>
    /// <param name="groups">Groups as for add-groups.</param>
    /// <param name="flows">Flows as for add-flows.</param>
    /// <returns>What ovs-ofctl said when something was refused; null: all is there.</returns>
    public string? Load(IEnumerable<string> groups, IEnumerable<string> flows)
    {
        string file = Path.Combine(_directory, "lines");
        string? refused = Try("del-flows") ?? Try("del-groups");
        if (refused is null && groups.Any())
        {
            File.WriteAllLines(file, groups);
            refused = Try("add-groups", file);
        }

        if (refused is null)
        {
            File.WriteAllLines(file, flows);
            refused = Try("add-flows", file);
        }

        ForgetPackets();
        return refused;

        string? Try(string command, params IEnumerable<string> arguments)
        {
            CommandResult result = TryOfctl(command, arguments);
            return result.ExitCode == 0 ? null : $"ovs-ofctl {command}: {result.Error}{result.Output}";
        }
    }

    /// <summary>Drops what NORMAL has learned (not what fdb/add said) and every megaflow.</summary>
    public void ForgetPackets()
    {
        Ask("fdb/flush", "br0");
        Ask("revalidator/purge");
    }

    /// <summary>Lets a packet come in at a port, and waits until the switch is done with it.</summary>
    /// <param name="port">OpenFlow port; LOCAL is 0xfffffffe.</param>
    /// <param name="frame">The frame.</param>
    /// <returns>What left, by which OpenFlow port; in order for each port, port after port.</returns>
    public IReadOnlyList<(uint Port, byte[] Frame)> Receive(uint port, byte[] frame)
    {
        Ask("netdev-dummy/receive", Name(port), Convert.ToHexStringLower(frame));

        // Its one thread counts a packet behind its last action, and answers us in between only.
        long start = TimeProvider.System.GetTimestamp();
        long handled;
        while ((handled = Handled()) == _handled)
        {
            if (TimeProvider.System.GetElapsedTime(start) > _patience)
            {
                throw new TimeoutException($"ovs-vswitchd did not count a packet\n{Log}");
            }
        }

        _handled = handled;
        List<(uint Port, byte[] Frame)> sent = [];
        for (int i = 0; i < _captures.Count; i++)
        {
            _captures[i] = (_captures[i].Port, _captures[i].File, ReadCapture(_captures[i].Port, _captures[i].File, _captures[i].Read, sent));
        }

        return sent;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _unixctl?.Dispose();
        End("ovs-vswitchd.pid");
        End("ovsdb-server.pid");
        Directory.Delete(_directory, recursive: true);
    }

    private static string Name(uint port) => port == 0xfffffffe ? "br0" : string.Create(CultureInfo.InvariantCulture, $"p{port}");

    private string Log => File.Exists(PathOf("log")) ? string.Join('\n', File.ReadLines(PathOf("log")).TakeLast(20)) : "";

    private string PathOf(string name) => Path.Combine(_directory, name);

    private void Run(int ports)
    {
        string[] environment = [$"OVS_RUNDIR={_directory}", $"OVS_LOGDIR={_directory}", $"OVS_DBDIR={_directory}", "OVS_SYSCONFDIR=" + _directory];

        // Dummy ports need no privilege; with it, a network namespace without anything in it makes sure.
        string[] before = Environment.IsPrivilegedProcess ? [.. environment, "unshare", "--net"] : environment;
        string database = PathOf("conf.db"), socket = "unix:" + PathOf("db.sock");
        Command.Run("ovsdb-tool", "create", database, "/usr/share/openvswitch/vswitch.ovsschema");
        Command.Run("env",
        [
            .. before, "ovsdb-server", database, "--remote=p" + socket, "--pidfile=" + PathOf("ovsdb-server.pid"), "--unixctl=" + PathOf("db.ctl"),
            "--detach", "--no-chdir", "--log-file=" + PathOf("db.log"), "-vconsole:off", "-vsyslog:off",
        ]);
        Command.Run("env",
        [
            .. before, "ovs-vswitchd", socket, "--enable-dummy", "--disable-system", "--pidfile=" + PathOf("ovs-vswitchd.pid"),
            "--unixctl=" + PathOf("ctl"), "--detach", "--no-chdir", "--log-file=" + PathOf("log"), "-vconsole:off", "-vsyslog:off",
        ]);

        List<string> configure =
        [
            "--db=" + socket, "--timeout=30", "set", "Open_vSwitch", ".", "other_config:vlan-limit=2", "--", "add-br", "br0", "--",
            "set", "bridge", "br0", "datapath_type=dummy", "fail_mode=secure", "protocols=OpenFlow13", "other_config:datapath-id=0000000000000001",
            "--", "set", "interface", "br0", "options:tx_pcap=" + PathOf("LOCAL.pcap"),
        ];
        _captures.Add((0xfffffffe, PathOf("LOCAL.pcap"), 24));
        for (uint port = 1; port <= ports; port++)
        {
            string name = Name(port), number = port.ToString(CultureInfo.InvariantCulture), file = PathOf(name + ".pcap");
            configure.AddRange(["--", "add-port", "br0", name, "--", "set", "interface", name, "type=dummy", "ofport_request=" + number, "options:tx_pcap=" + file]);
            _captures.Add((port, file, 24));
        }

        Command.Run("ovs-vsctl", configure);
        _unixctl = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { ReceiveTimeout = (int)_patience.TotalMilliseconds };
        _unixctl.Connect(new UnixDomainSocketEndPoint(PathOf("ctl")));

        // "normal", its default, takes the ports of every fragment for 0; with "nx-match" a first fragment has those that are in it.
        SetFragments("nx-match");

        // A megaflow of one packet is not to answer for another one: that would test its cache, not its pipeline.
        Ask("upcall/disable-megaflows");
    }

    private long Handled()
    {
        // "dummy@ovs-dummy: hit:14 missed:19"
        string line = Ask("dpif/show").Split('\n')[0];
        return line.Split(' ').Where(w => w.StartsWith("hit:", StringComparison.Ordinal) || w.StartsWith("missed:", StringComparison.Ordinal))
            .Sum(w => long.Parse(w.AsSpan(w.IndexOf(':', StringComparison.Ordinal) + 1), CultureInfo.InvariantCulture));
    }

    // pcap: a header of 24 bytes; then for each packet 16 bytes, of which the second word but one is the length in the file.
    private static long ReadCapture(uint port, string file, long from, List<(uint Port, byte[] Frame)> sent)
    {
        using FileStream stream = new(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        Span<byte> header = stackalloc byte[16];
        for (stream.Position = from; stream.Position < stream.Length; from = stream.Position)
        {
            stream.ReadExactly(header);
            byte[] frame = new byte[BinaryPrimitives.ReadUInt32LittleEndian(header[8..])];
            stream.ReadExactly(frame);
            sent.Add((port, frame));
        }

        return from;
    }

    private void End(string pidFile)
    {
        if (!File.Exists(PathOf(pidFile)))
        {
            return;
        }

        string pid = File.ReadAllText(PathOf(pidFile)).Trim();
        Command.Try("kill", "-TERM", pid);
        long start = TimeProvider.System.GetTimestamp();
        SpinWait wait = default;
        while (Directory.Exists("/proc/" + pid))
        {
            if (TimeProvider.System.GetElapsedTime(start) > TimeSpan.FromSeconds(10))
            {
                Command.Try("kill", "-KILL", pid);
                return;
            }

            wait.SpinOnce();
        }
    }
}
