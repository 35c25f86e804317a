using System.Diagnostics;
using System.Text.Json;
using OvsBridge.Testing;

namespace OvsBridge.SystemTests;

/// <summary>monitor/packets shows real packets with what becomes of them; and megaflows as JSON.</summary>
[TestFixture]
[Category("Topology")]
public sealed class MonitorTests
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(20);

    private Netns _net = null!;
    private SwitchProcess _daemon = null!;

    [OneTimeSetUp]
    public void Start()
    {
        _net = new Netns("h1", "h2");
        _daemon = SwitchProcess.Start(_net.Switch, "--port", "h1", "--port", "h2", "--fail-mode", "secure");
        _daemon.Ofctl("add-flow", "priority=10,arp,actions=FLOOD");
        _daemon.Ofctl("add-flow", "priority=20,icmp,in_port=1,actions=output:2");
        _daemon.Ofctl("add-flow", "priority=20,icmp,in_port=2,actions=output:1");
        _daemon.Ofctl("add-flow", "priority=20,udp,tp_dst=9,actions=drop");
        _daemon.Ofctl("add-flow", "priority=20,udp,tp_dst=10,actions=controller");
    }

    [OneTimeTearDown]
    public void Stop()
    {
        _daemon?.Dispose();
        _net?.Dispose();
    }

    [TestCase("icmp,in_port=1", @"^\d\d:\d\d:\d\d\.\d{6} h1 98 bytes: icmp,in_port=1,.*nw_dst=.*; megaflow ufid:[-0-9a-f]{36}, actions:2$")]
    [TestCase("udp,tp_dst=9", @" h1 \d+ bytes: udp,in_port=1,.*,tp_dst=9; megaflow ufid:[-0-9a-f]{36}, actions:drop; dropped \(action\)$")]
    [TestCase("udp,tp_dst=10", @" h1 \d+ bytes: udp,in_port=1,.*,tp_dst=10; megaflow ufid:[-0-9a-f]{36}, actions:userspace\(pid=0,controller\(reason=1,.*\)\); upcall \(controller\)$")]
    public void Real_tool_sees_packets_forwarded_dropped_and_sent_to_controllers(string filter, string line)
    {
        Send(filter); // makes the megaflow
        EventuallyShown(() => _daemon.Appctl("dpctl/dump-flows", "filter=" + filter).Length > 0, "a megaflow");
        Task<string> watched = Task.Run(() => _daemon.Appctl("monitor/packets", "br0", "--count", "2", "--timeout", "20", filter));
        while (!watched.IsCompleted)
            Send(filter);

        string[] lines = watched.Result.TrimEnd().Split('\n');
        Assert.That(lines, Has.Length.EqualTo(2));
        Assert.That(lines, Has.All.Match(line));
        string ufid = System.Text.RegularExpressions.Regex.Match(lines[0], "ufid:([-0-9a-f]+)").Groups[1].Value;
        Assert.That(_daemon.Appctl("dpctl/dump-flows", "-m"), Does.Contain(ufid));
        EventuallyShown(() => _daemon.Appctl("monitor/show") == "watchers: 0\n", "that nobody watches");
    }

    [Test]
    public void Packets_without_a_megaflow_are_misses()
    {
        Task<JsonElement> watched = Task.Run(() => Ask("monitor/packets", "--count=1", "--timeout=20", "icmp,in_port=1"));
        while (!watched.IsCompleted)
        {
            _daemon.Appctl("dpctl/del-flows");
            Send("icmp");
        }

        JsonElement sample = watched.Result.GetProperty("samples")[0];
        Assert.Multiple(() =>
        {
            Assert.That(sample.GetProperty("hit").GetBoolean(), Is.False);
            Assert.That(sample.GetProperty("upcall").GetString(), Is.EqualTo("miss"));
            Assert.That(sample.GetProperty("dropped").ValueKind, Is.EqualTo(JsonValueKind.Null));
            Assert.That(sample.GetProperty("name").GetString(), Is.EqualTo("h1"));
        });
    }

    [Test]
    public void Several_watch_and_when_the_last_is_killed_sampling_ends()
    {
        using Process one = Watch("icmp"), two = Watch("--sample", "1/2");
        try
        {
            EventuallyShown(() => _daemon.Appctl("monitor/show") == "watchers: 2\n", "two who watch");
            Task<string?> line = one.StandardOutput.ReadLineAsync(), other = two.StandardOutput.ReadLineAsync();
            EventuallyShown(
                () =>
                {
                    Send("icmp");
                    return line.IsCompleted && other.IsCompleted;
                },
                "packets at both");
            Assert.That(line.Result, Does.Contain(": icmp,"));
        }
        finally
        {
            one.Kill();
            two.Kill();
        }

        EventuallyShown(() => _daemon.Appctl("monitor/show") == "watchers: 0\n", "that nobody watches");
        Assert.That(_daemon.Warnings, Is.Empty);
    }

    [Test]
    public void Killed_while_it_waits_for_a_packet_that_never_comes()
    {
        using Process one = Watch("--count", "5", "--timeout", "3600", "sctp");
        EventuallyShown(() => _daemon.Appctl("monitor/show") == "watchers: 1\n", "one who watches");

        one.Kill();

        EventuallyShown(() => _daemon.Appctl("monitor/show") == "watchers: 0\n", "that nobody watches");
    }

    [TestCase("--count 0", "--count: a number is wanted, from 1 to 1000")]
    [TestCase("--sample 5", "--sample: 1/N is wanted, from 1 to ")]
    [TestCase("--count", "option requires an argument -- --count")]
    [TestCase("--nosuch 1", "--nosuch: option not supported")]
    [TestCase("br1 tcp", "no such bridge")]
    [TestCase("tp_dst=1", "Failed to parse filter (")]
    public void Mistakes_are_named(string arguments, string message)
    {
        CommandResult result = _daemon.TryAppctl(["monitor/packets", .. arguments.Split(' ')]);

        Assert.That(result.ExitCode, Is.EqualTo(2));
        Assert.That(result.Error, Does.StartWith(message));
    }

    [Test]
    public void Megaflows_as_json()
    {
        EventuallyShown(
            () =>
            {
                Send("icmp");
                return Ask("dpctl/dump-flows", "filter=icmp,in_port=1").EnumerateArray().Any(flow => flow.GetProperty("packets").GetInt64() > 0);
            },
            "a megaflow that was used");

        JsonElement flow = Ask("dpif/dump-flows", "br0").EnumerateArray().First(flow => flow.GetProperty("actions").GetString() == "2");
        Assert.Multiple(() =>
        {
            Assert.That(flow.GetProperty("match").GetString(), Does.StartWith("recirc_id(0),in_port(1),"));
            Assert.That(flow.GetProperty("fields").GetProperty("in_port").GetString(), Is.EqualTo("1"));
            Assert.That(flow.GetProperty("slow_path").GetArrayLength(), Is.Zero);
            Assert.That(_daemon.Appctl("dpctl/dump-flows", "-m"), Does.Contain("ufid:" + flow.GetProperty("ufid").GetString()));
        });
    }

    private void Send(string kind)
    {
        if (kind.StartsWith("icmp", StringComparison.Ordinal))
            _net.Ping("h1", _net.Ipv4("h2"), count: 1);
        else
            _net.InHost("h1", "bash", "-c", $"echo x > /dev/udp/{_net.Ipv4("h2")}/{kind[(kind.LastIndexOf('=') + 1)..]}");
    }

    private JsonElement Ask(params string[] command) =>
        JsonDocument.Parse(Command.Run(SwitchProcess.Program, ["appctl", "--rundir", _daemon.RunDirectory, "-f", "json", .. command])).RootElement;

    private Process Watch(params string[] arguments)
    {
        Process process = Process.Start(Command.StartInfo(SwitchProcess.Program, ["appctl", "--rundir", _daemon.RunDirectory, "monitor/packets", .. arguments]))!;
        process.StandardInput.Close();
        return process;
    }

    private static void EventuallyShown(Func<bool> condition, string what)
    {
        long start = TimeProvider.System.GetTimestamp();
        while (!condition())
            Assert.That(TimeProvider.System.GetElapsedTime(start), Is.LessThan(_patience), $"waited for {what}");
    }
}
