using System.Text.Json;
using OvsBridge.Testing;

namespace OvsBridge.SystemTests;

/// <summary>appctl --format json, and that text stays what the real ovs-appctl shows.</summary>
[TestFixture]
[Category("Peer")]
public sealed class JsonTests
{
    private const string Flow = "in_port=1,tcp,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:02,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_ttl=64,tp_src=1000,tp_dst=80";

    private SwitchProcess _daemon = null!;

    [OneTimeSetUp]
    public void Start()
    {
        _daemon = SwitchProcess.Start(null, "--datapath", "memory", "--port", "p1", "--port", "p2", "--fail-mode", "secure");
        _daemon.Ofctl("add-flow", "priority=100,cookie=0x5,in_port=1,tcp,tp_dst=80,actions=set_field:10.0.0.9->ip_dst,goto_table:1");
        _daemon.Ofctl("add-flow", "table=1,ip,actions=dec_ttl,output:2");
    }

    [OneTimeTearDown]
    public void Stop() => _daemon.Dispose();

    [Test]
    public void Trace_is_a_tree_that_says_who_looked_at_and_changed_what()
    {
        JsonElement trace = Ask("ofproto/trace", "br0", Flow);

        Assert.That(trace.GetProperty("bridge").GetString(), Is.EqualTo("br0"));
        JsonElement round = trace.GetProperty("rounds").EnumerateArray().Single();
        JsonElement first = round.GetProperty("steps")[0], second = first.GetProperty("steps")[2];
        Assert.Multiple(() =>
        {
            Assert.That(round.GetProperty("looks_at").GetRawText(), Is.EqualTo("""{"recirc_id":"0","in_port":"1"}"""));
            Assert.That(first.GetProperty("table").GetInt32(), Is.Zero);
            Assert.That(first.GetProperty("priority").GetInt32(), Is.EqualTo(100));
            Assert.That(first.GetProperty("cookie").GetInt32(), Is.EqualTo(5));
            Assert.That(first.GetProperty("match").GetString(), Is.EqualTo("tcp,in_port=1,tp_dst=80"));
            Assert.That(first.GetProperty("looks_at").GetRawText(), Is.EqualTo("""{"dl_type":"0x0800","nw_proto":"6","tp_dst":"80"}"""));
            Assert.That(first.GetProperty("steps")[0].GetProperty("changes").GetRawText(), Is.EqualTo("""{"nw_dst":"10.0.0.9"}"""));
            Assert.That(second.GetProperty("table").GetInt32(), Is.EqualTo(1));
            Assert.That(second.GetProperty("steps")[0].GetProperty("looks_at").GetRawText(), Is.EqualTo("""{"nw_ttl":"0x40/0xc0"}"""));
            Assert.That(round.GetProperty("changes").GetRawText(), Is.EqualTo("""{"nw_dst":"10.0.0.9","nw_ttl":"63"}"""));
            Assert.That(round.GetProperty("datapath_actions").GetString(), Is.EqualTo("dec_ttl,set(ipv4(dst=10.0.0.9)),2"));
            Assert.That(round.GetProperty("slow_path").GetArrayLength(), Is.Zero);
            Assert.That(round.GetProperty("error").ValueKind, Is.EqualTo(JsonValueKind.Null));
        });
    }

    [Test]
    public void Each_command_with_structure_answers_with_it()
    {
        Assert.Multiple(() =>
        {
            Assert.That(Ask("ofproto/list").GetRawText(), Is.EqualTo("""["br0"]"""));
            Assert.That(Ask("version").GetProperty("program").GetString(), Is.EqualTo("ovs-vswitchd"));
            Assert.That(Ask("list-commands").GetProperty("fdb/show").GetString(), Is.EqualTo("bridge"));
            Assert.That(Ask("dpctl/show")[0].GetProperty("ports")[1].GetRawText(), Is.EqualTo("""{"number":2,"name":"p2","type":"system"}"""));
            Assert.That(Ask("dpctl/show", "-s")[0].GetProperty("packets").GetProperty("rx").GetInt32(), Is.Zero);
            Assert.That(Ask("upcall/show")[0].GetProperty("ports")[0].GetRawText(), Is.EqualTo("""{"number":1,"name":"p1","limit":20000,"upcalls":0,"dropped":0}"""));
            Assert.That(Ask("dpctl/show", "-s")[0].GetProperty("ports")[0].GetProperty("statistics").GetProperty("rx_packets").GetInt32(), Is.Zero);
            Assert.That(Ask("dpif/show")[0].GetProperty("bridges")[0].GetProperty("ports")[0].GetProperty("ofport").GetInt32(), Is.EqualTo(1));
            Assert.That(Ask("fdb/show", "br0").GetArrayLength(), Is.Zero);
            Assert.That(Ask("dpctl/dump-flows").GetArrayLength(), Is.Zero);
            Assert.That(Ask("dpif/dump-flows", "br0").GetArrayLength(), Is.Zero);
            Assert.That(Ask("upcall/show")[0].GetProperty("flows").GetProperty("current").GetInt32(), Is.Zero);
            Assert.That(Ask("coverage/show").GetProperty("datapath_rx").GetProperty("total").GetInt32(), Is.Zero);
            Assert.That(Ask("memory/show").GetProperty("rules").GetInt32(), Is.EqualTo(2));
            Assert.That(Ask("drops/show").GetProperty("no_out_port").GetInt32(), Is.Zero);
        });
    }

    [Test]
    public void Command_that_only_has_text_answers_with_it_in_an_object()
    {
        JsonElement levels = Ask("vlog/list");

        Assert.That(levels.GetProperty("reply-format").GetString(), Is.EqualTo("plain"));
        Assert.That(levels.GetProperty("reply").GetString(), Is.EqualTo(_daemon.Appctl("vlog/list")));
    }

    [TestCase("-f", "json", "--pretty", "ofproto/list")]
    [TestCase("--format=json", "--pretty", "ofproto/list")]
    public void Pretty_is_indented(params string[] arguments) =>
        Assert.That(Command.Run(SwitchProcess.Program, ["appctl", "--rundir", _daemon.RunDirectory, .. arguments]), Is.EqualTo("[\n  \"br0\"\n]\n"));

    [Test]
    public void Text_can_be_asked_for_and_is_what_the_real_tool_shows() => Assert.That(
        Command.Run(SwitchProcess.Program, ["appctl", "--rundir", _daemon.RunDirectory, "-f", "text", "ofproto/trace", "br0", Flow]),
        Is.EqualTo(_daemon.Appctl("ofproto/trace", "br0", Flow)));

    [Test]
    public void Mistakes_are_told_in_text()
    {
        Assert.Multiple(() =>
        {
            Assert.That(Ours("-f", "json", "nosuch").ExitCode, Is.EqualTo(2));
            Assert.That(Ours("-f", "json", "nosuch").Error, Does.StartWith("\"nosuch\" is not a valid command"));
            Assert.That(Ours("-f", "xml", "version").Error, Does.Contain("value xml on -f or --format is invalid"));
            Assert.That(_daemon.TryAppctl(["set-options", "--format", "xml"]).Error, Does.StartWith("option --format has invalid value xml"));
            Assert.That(_daemon.TryAppctl(["set-options", "--colour"]).Error, Does.StartWith("unknown option --colour"));
            Assert.That(_daemon.TryAppctl(["set-options", "--format"]).Error, Does.StartWith("option requires an argument -- --format"));
        });
    }

    [Test]
    public void Trace_tells_what_each_step_looks_at_when_asked_to()
    {
        string plain = _daemon.Appctl("ofproto/trace", "br0", Flow), more = _daemon.Appctl("ofproto/trace", "br0", Flow, "--wildcards");

        Assert.That(more, Does.Contain("-------------\n -> always looks at: recirc_id=0,in_port=1\n 0. tcp,in_port=1,tp_dst=80, priority 100, cookie 0x5\n     -> looks at: dl_type=0x0800,nw_proto=6,tp_dst=80\n"));
        Assert.That(more, Does.Contain("    dec_ttl\n     -> looks at: nw_ttl=0x40/0xc0\n    output:2\n"));
        Assert.That(string.Join('\n', more.Split('\n').Where(line => !line.Contains("looks at: ", StringComparison.Ordinal))), Is.EqualTo(plain), "nothing else differs");
    }

    [TestCase("type=ovs")]
    [TestCase("type=all")]
    [TestCase("type=offloaded,tc")]
    [TestCase("filter=in_port=LOCAL")]
    [TestCase("filter=tcp,tp_dst=80")]
    public void Dump_flows_takes_types_and_filters(string argument) => Assert.That(_daemon.Appctl("dpctl/dump-flows", argument), Is.Empty);

    [TestCase("type=nosuch", "Failed to parse type (nosuch)")]
    [TestCase("filter=tp_dst=80", "Failed to parse filter (")]
    public void Dump_flows_refuses_what_it_does_not_know(string argument, string message) =>
        Assert.That(_daemon.TryAppctl(["dpctl/dump-flows", argument]).Error, Does.StartWith(message));

    private CommandResult Ours(params string[] arguments) => Command.Try(SwitchProcess.Program, ["appctl", "--rundir", _daemon.RunDirectory, .. arguments]);

    private JsonElement Ask(params string[] command)
    {
        CommandResult result = Ours(["-f", "json", .. command]);
        Assert.That(result.ExitCode, Is.Zero, $"{result}");
        return JsonDocument.Parse(result.Output).RootElement;
    }
}
