using System.Buffers;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Text;
using OvsBridge.OpenFlow.Wire;
using OvsBridge.Testing;

namespace OvsBridge.OpenFlow.Tests.Text;

/// <summary>Our text against the real ovs-ofctl's: what it accepts, prints and sends.</summary>
[TestFixture]
[Category("Peer")]
public sealed class OvsOfctlTests
{
    private const string Ofctl = "ovs-ofctl";

    private static readonly string _flows = Path.Combine(TestContext.CurrentContext.TestDirectory, "Text", "flows.txt");

    private static readonly string[] _refusedBySwitches = ["actions=table"];

    [OneTimeSetUp]
    public void NeedsOvsOfctl()
    {
        try
        {
            Command.Run(Ofctl, "--version");
        }
        catch (InvalidOperationException missing)
        {
            Assert.Ignore($"{Ofctl} (Debian package openvswitch-common) is missing: {missing.Message}");
        }
    }

    [Test]
    public void Lines_are_accepted_and_printed_alike()
    {
        List<string> wrong = [];
        int count = 0;
        foreach (string row in File.ReadLines(_flows).Where(r => r.Length > 2 && r[0] != '#'))
        {
            count++;
            string[] parts = row[2..].Split(" => ");
            string line = parts[0];
            string? theirs = Theirs(line);
            string? ours = Ours(line);
            string mark = (theirs, ours) switch
            {
                (null, null) => "-",
                (null, _) => "+",
                (_, null) => "!",
                _ => theirs == ours ? "=" : "~",
            };
            if (mark != row[..1] || (mark == "~" && ours != parts[1]))
            {
                wrong.Add($"{row}\n    is {mark}\n    theirs: {theirs}\n    ours:   {ours}");
            }
        }

        Assert.That(count, Is.GreaterThan(600));
        Assert.That(wrong, Is.Empty, () => string.Join('\n', wrong));
    }

    [Test]
    public void Accepted_lines_send_the_same_flow_mods()
    {
        string[] lines = [.. File.ReadLines(_flows).Where(r => r.StartsWith("= ", StringComparison.Ordinal)).Select(r => r[2..])];
        List<OfMessage> sent = Send("add-flows", lines);

        List<string> wrong = [], refused = [];
        Assert.That(sent, Has.Count.EqualTo(lines.Length));
        foreach ((string line, OfMessage theirs) in lines.Zip(sent))
        {
            FlowMod ours = FlowSyntax.ParseFlow(line, FlowModCommand.Add, null, []);
            if (theirs is ErrorMessage)
            {
                refused.Add(line);
            }
            else if (!Same(ours, theirs))
            {
                wrong.Add($"{line}\n    theirs: {MessageText.Of(theirs)}\n    ours:   {MessageText.Of(ours)}");
            }
        }

        Assert.That(wrong, Is.Empty, () => string.Join('\n', wrong));

        // OFPP_TABLE is for packet_out only. (For an otherwise empty match that was not written empty ovs-ofctl sends packet_type, a
        // field of OpenFlow 1.5; that of Ethernet is fine.)
        Assert.That(refused, Is.EquivalentTo(_refusedBySwitches));
    }

    [Test]
    public void Ovs_ofctl_reads_what_we_print([Values(1, 2, 3)] int seed)
    {
        Random random = new(seed);
        FlowMod[] flows = [.. Enumerable.Range(0, 1000).Select(_ => RandomFlows.Next(random, asOvs: true))];
        string[] lines = [.. flows.Select(f => FlowSyntax.Print(f))];
        List<OfMessage> sent = Send("add-flows", lines);

        Assert.That(sent, Has.Count.EqualTo(flows.Length));
        for (int i = 0; i < flows.Length; i++)
        {
            Assert.That(Same(flows[i], sent[i]), Is.True, () => $"{lines[i]}\n    theirs: {MessageText.Of(sent[i])}\n    ours:   {MessageText.Of(flows[i])}");
        }
    }

    [Test]
    public void It_prints_our_messages_as_we_do([Values(11, 12)] int seed)
    {
        Random random = new(seed);
        for (int i = 0; i < 100; i++)
        {
            FlowMod flow = RandomFlows.Next(random, asOvs: true);
            ArrayBufferWriter<byte> bytes = new();
            OfCodec.Encode(flow, bytes);
            string printed = Command.Run(Ofctl, "ofp-print", Convert.ToHexString(bytes.WrittenSpan));
            Assert.That(printed.Trim().Split('\n')[0], Is.EqualTo($"OFPT_FLOW_MOD (OF1.3) (xid=0x0): {FlowSyntax.PrintMessage(flow)}"), printed);
        }
    }

    // ovs-ofctl's command line, and ours.
    [TestCase("add-flow SWITCH in_port=p7,actions=output:p7")]
    [TestCase("add-flow SWITCH in_port=\"p7\",actions=\"p7\"")]
    [TestCase("mod-flows SWITCH in_port=1,actions=2")]
    [TestCase("mod-flows SWITCH table=3,cookie=5/-1,in_port=1,actions=2")]
    [TestCase("--strict mod-flows SWITCH priority=7,ip,actions=dec_ttl,2")]
    [TestCase("mod-flows SWITCH send_flow_rem,reset_counts,idle_timeout=3,actions=drop")]
    [TestCase("del-flows SWITCH")]
    [TestCase("del-flows SWITCH table=3,ip")]
    [TestCase("del-flows SWITCH cookie=0x5/0xf,tcp,tp_dst=80")]
    [TestCase("del-flows SWITCH out_port=2")]
    [TestCase("del-flows SWITCH out_port=p7,out_group=3,table=4")]
    [TestCase("del-flows SWITCH out_group=any,out_port=any")]
    [TestCase("--strict del-flows SWITCH priority=7,ip")]
    [TestCase("add-group SWITCH group_id=1,type=select,bucket=weight:10,actions=output:1,bucket=weight:5,actions=output:2")]
    [TestCase("add-group SWITCH group_id=1,type=select,bucket=output:1,bucket=weight:0,output:2")]
    [TestCase("add-group SWITCH group_id=1,type=all,bucket=output:1,bucket=set_field:1.2.3.4->ip_dst,output:p7")]
    [TestCase("add-group SWITCH group_id=1,type=all,bucket=mod_vlan_vid:5,output:1,bucket=strip_vlan,output:2")]
    [TestCase("add-group SWITCH group_id=1 type=ff bucket=watch_port:1,actions=output:1 bucket=watch_port:2,watch_group:5,output:2,controller")]
    [TestCase("add-group SWITCH group_id=1,type=fast_failover,bucket=watch_group:3,actions=group:3")]
    [TestCase("add-group SWITCH group_id=1,type=indirect,bucket=drop")]
    [TestCase("add-group SWITCH group_id=4294967040,type=all")]
    [TestCase("mod-group SWITCH group_id=5,type=indirect,bucket=actions=output:1,dec_ttl")]
    [TestCase("del-groups SWITCH")]
    [TestCase("del-groups SWITCH group_id=7")]
    [TestCase("del-groups SWITCH group_id=all")]
    [TestCase("add-meter SWITCH meter=1,kbps,burst,stats,bands=type=drop,rate=100,burst_size=10")]
    [TestCase("add-meter SWITCH meter=3 pktps band=type=dscp_remark rate=100 prec_level=1 type=drop rate=200")]
    [TestCase("add-meter SWITCH meter=controller,kbps,bands=type=drop,rate=1")]
    [TestCase("mod-meter SWITCH meter=4294901760,kbps,bands=type=drop,rate=1")]
    [TestCase("del-meter SWITCH meter=1")]
    [TestCase("del-meters SWITCH")]
    public void Commands_send_the_same_messages(string commandLine)
    {
        using RecordingSwitch target = new();
        string[] arguments = commandLine.Split(' ').Select(a => a == "SWITCH" ? target.Target : a).ToArray();
        // ovs-ofctl takes the rest of the line as one argument
        int at = Array.IndexOf(arguments, target.Target);
        string rest = string.Join(' ', arguments[(at + 1)..]);
        string output = Command.Run(Ofctl, ["-O", "OpenFlow13", .. arguments[..(at + 1)], .. rest.Length > 0 ? [rest] : Array.Empty<string>()]);

        string verb = arguments[at - 1], strict = at > 1 ? "--strict " : "";
        OfMessage ours = FlowSyntax.ParseCommand($"{verb} {strict}{rest}", new PortNames(_ => null, name => name == "p7" ? 7 : null));
        List<OfMessage> sent = target.Take();
        Assert.That(sent, Has.Count.EqualTo(1), output);
        Assert.That(Same(ours, sent[0]), Is.True, () => $"theirs: {MessageText.Of(sent[0])}\nours:   {MessageText.Of(ours)}");
    }

    [TestCase("add-group SWITCH group_id=1,type=all,bucket=weight:3,output:1")]
    [TestCase("add-group SWITCH group_id=1,type=indirect,bucket=output:1,bucket=output:2")]
    [TestCase("add-group SWITCH group_id=1,type=ff,bucket=output:1")]
    [TestCase("add-group SWITCH group_id=1,type=all,bucket=")]
    [TestCase("add-group SWITCH group_id=1,type=all,bucket=goto_table:1")]
    [TestCase("add-group SWITCH group_id=1,bucket=output:1,type=all")]
    [TestCase("add-group SWITCH group_id=1,type=all,bucket(output:1)")]
    [TestCase("add-group SWITCH group_id=4294967041,type=all,bucket=output:1")]
    [TestCase("add-group SWITCH group_id=1,type=foo,bucket=output:1")]
    [TestCase("add-group SWITCH type=all,bucket=output:1")]
    [TestCase("add-group SWITCH group_id=1,type=all,bogus=3,bucket=output:1")]
    [TestCase("add-group SWITCH group_id=1,type=select,bucket=weight:70000,output:2")]
    [TestCase("add-meter SWITCH meter=2,bands=type=drop,rate=100")]
    [TestCase("add-meter SWITCH meter=4,kbps,bands=type=drop,rate=100,burst_size=10")]
    [TestCase("add-meter SWITCH meter=4,kbps,burst,bands=type=drop,rate=100")]
    [TestCase("add-meter SWITCH meter=5,kbps")]
    [TestCase("add-meter SWITCH meter=6,kbps,bands=")]
    [TestCase("add-meter SWITCH meter=7,kbps,bands=type=drop")]
    [TestCase("add-meter SWITCH meter=8,kbps,bands=rate=100,type=drop")]
    [TestCase("add-meter SWITCH meter=9,kbps,bands=type=foo,rate=100")]
    [TestCase("add-meter SWITCH meter=9,kbps,bogus,bands=type=drop,rate=100")]
    [TestCase("add-meter SWITCH meter=0,kbps,bands=type=drop,rate=100")]
    [TestCase("add-meter SWITCH kbps,bands=type=drop,rate=100")]
    [TestCase("del-flows SWITCH cookie=5,in_port=1")]
    [TestCase("del-flows SWITCH priority=7,ip")]
    [TestCase("del-flows SWITCH ip,actions=drop")]
    [TestCase("del-flows SWITCH idle_timeout=5")]
    [TestCase("del-flows SWITCH send_flow_rem")]
    [TestCase("mod-flows SWITCH out_port=3,actions=2")]
    [TestCase("mod-flows SWITCH ip")]
    public void Commands_are_refused_alike(string commandLine)
    {
        using RecordingSwitch target = new();
        string[] arguments = commandLine.Split(' ');
        CommandResult theirs = Command.Try(Ofctl, "-O", "OpenFlow13", arguments[0], target.Target, arguments[2]);

        Assert.That(theirs.ExitCode, Is.Not.Zero, theirs.ToString());
        Assert.That(target.Take(), Is.Empty);
        Assert.Throws<FlowSyntaxException>(() => FlowSyntax.ParseCommand($"{arguments[0]} {arguments[2]}"));
    }

    private static string? Theirs(string line)
    {
        CommandResult result = Command.Try(Ofctl, "-O", "OpenFlow13", "parse-flow", line);
        string? message = result.Lines.FirstOrDefault(l => l.StartsWith("OFPT_FLOW_MOD", StringComparison.Ordinal));
        return result.ExitCode != 0 || message is null || message.Contains("***", StringComparison.Ordinal)
            ? null
            : message[(message.IndexOf("): ", StringComparison.Ordinal) + 3)..];
    }

    private static string? Ours(string line)
    {
        try
        {
            return FlowSyntax.PrintMessage(FlowSyntax.ParseFlow(line, FlowModCommand.Add, null, []));
        }
        catch (FlowSyntaxException)
        {
            return null;
        }
    }

    private static List<OfMessage> Send(string command, string[] lines)
    {
        using RecordingSwitch target = new();
        string file = Path.GetTempFileName();
        try
        {
            File.WriteAllLines(file, lines);
            Command.Run(Ofctl, "-O", "OpenFlow13", command, target.Target, file);
        }
        finally
        {
            File.Delete(file);
        }

        return target.Take();
    }

    // Equal records; of a match only what it matches, since the OXM bytes may stand in another order.
    private static bool Same(OfMessage ours, OfMessage theirs) => (ours, theirs) switch
    {
        (FlowMod a, FlowMod b) => a.Match.Equals(b.Match) && a with { Match = b.Match } == b,
        _ => ours == theirs,
    };
}
