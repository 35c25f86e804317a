using System.Globalization;
using OvsBridge.Datapath;
using OvsBridge.Datapath.Interop;
using OvsBridge.Datapath.Text;
using OvsBridge.OpenFlow;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Text;
using OvsBridge.Testing;
using OvsBridge.Translator.Tables;
using OvsBridge.Translator.Tests.Xlate;
using OvsBridge.Translator.Xlate;

namespace OvsBridge.Translator.Tests.OpenVSwitch;

/// <summary>
/// Random pipelines and packets through Open vSwitch itself and through our translation. From one text, by ovs-ofctl there
/// and by our parser here, come the flows; what is compared is what leaves by which port, byte by byte.
/// </summary>
/// <remarks>
/// OVSBRIDGE_OVS_SEEDS=FIRST-LAST tries other seeds than the usual ones.
/// </remarks>
[TestFixture]
[Category("Peer")]
public sealed class DifferentialTests
{
    private const int Ports = 6;
    private const int PipelinesOfSeed = 20;
    private const int PacketsOfPipeline = 25;

    private static readonly (ushort Vlan, ulong Mac, uint Port)[] _known =
    [
        (0, OvsPipelines.KnownMacs[0], 1), (0, OvsPipelines.KnownMacs[1], 2), (1, OvsPipelines.KnownMacs[0], 3), (2, OvsPipelines.KnownMacs[1], 4),
    ];

    private OvsSwitch? _ovs;

    private static IEnumerable<int> Seeds()
    {
        string[] wanted = (Environment.GetEnvironmentVariable("OVSBRIDGE_OVS_SEEDS") ?? "1-5").Split('-');
        int first = int.Parse(wanted[0], CultureInfo.InvariantCulture), last = int.Parse(wanted[^1], CultureInfo.InvariantCulture);
        return Enumerable.Range(first, last - first + 1);
    }

    [OneTimeSetUp]
    public void StartOpenVSwitch()
    {
        if (OvsSwitch.Missing() is { } missing)
        {
            Assert.Ignore(missing);
        }

        _ovs = OvsSwitch.Start(Ports);
        foreach ((ushort vlan, ulong mac, uint port) in _known)
        {
            string address = string.Join(':', Enumerable.Range(0, 6).Select(i => ((byte)(mac >> (40 - (8 * i)))).ToString("x2", CultureInfo.InvariantCulture)));
            _ovs.Ask("fdb/add", "br0", string.Create(CultureInfo.InvariantCulture, $"p{port}"), vlan.ToString(CultureInfo.InvariantCulture), address);
        }
    }

    [OneTimeTearDown]
    public void StopOpenVSwitch() => _ovs?.Dispose();

    [TestCaseSource(nameof(Seeds))]
    public void Packets_leave_as_they_leave_Open_vSwitch(int seed)
    {
        Random random = new(seed);
        OvsPipelines pipelines = new(random);
        MacTable macs = new();
        foreach ((ushort vlan, ulong mac, uint port) in _known)
        {
            macs.Learn(new MacSighting(vlan, mac, port), 1);
        }

        XlateEnvironment environment = new(XlatePropertyTests.AllButMeters, macs);
        int packets = 0, outputs = 0;
        List<string> failures = [];
        for (int i = 0; i < PipelinesOfSeed; i++)
        {
            (string[] groups, string[] flows) = pipelines.Next();
            string? refused = _ovs!.Load(groups, flows);
            if (refused is not null)
            {
                failures.Add($"{refused}\n{string.Join('\n', flows)}\n{string.Join('\n', groups)}");
                continue;
            }

            PipelineSnapshot snapshot = Pipelines.Of([.. groups.Select(g => "add-group " + g), .. flows.Select(f => "add-flow " + f)]);
            try
            {
                for (int j = 0; j < PacketsOfPipeline; j++)
                {
                    (byte[] frame, FlowKey key) = pipelines.Packet();
                    packets++;
                    outputs += Compare(environment, snapshot, frame, key, null, failures, out XlateResult result);
                    if (random.Next(4) == 0 && pipelines.Covered(key, result.Mask) is { } other)
                    {
                        packets++;
                        Compare(environment, snapshot, other.Frame, other.Key, result, failures, out _);
                    }
                }
            }
            catch (OvsEndedException ended) when (ended.Message.Contains("assertion", StringComparison.Ordinal))
            {
                // Some packets behind popped labels are too much for it. Not ours to judge; the next pipeline has a new one.
                TestContext.Out.WriteLine($"seed {seed}: Open vSwitch aborted: {ended.Message.Split('\n').Last(l => l.Contains("assertion", StringComparison.Ordinal))}");
                _ovs.Dispose();
                StartOpenVSwitch();
            }
        }

        TestContext.Out.WriteLine($"seed {seed}: {packets} packets, {outputs} outputs");
        Assert.That(failures, Is.Empty, () => $"{failures.Count} of {packets}; the first:\n{string.Join("\n----\n", failures.Take(3))}");
        Assert.That(outputs, Is.GreaterThan(packets / 2), "the pipelines hardly let anything through");
    }

    /// <param name="environment">What our translations of the pipeline share.</param>
    /// <param name="snapshot">The pipeline.</param>
    /// <param name="frame">A packet.</param>
    /// <param name="key">Its key.</param>
    /// <param name="megaflow">Null: the packet is translated; else it is one that this translation of another packet also covers.</param>
    /// <param name="failures">Receives what differs.</param>
    /// <param name="result">The translation.</param>
    private int Compare(XlateEnvironment environment, PipelineSnapshot snapshot, byte[] frame, FlowKey key, XlateResult? megaflow, List<string> failures, out XlateResult result)
    {
        uint port = key.InPort == OfPorts.DatapathLocal ? OfPorts.Local : key.InPort;
        OvsTrace trace = OvsTrace.Of(_ovs!, port, frame);
        bool learns = trace.Text.Contains("NORMAL", StringComparison.Ordinal);
        if (learns)
        {
            _ovs!.ForgetPackets(); // a trace learns too
        }

        string[] theirOutputs = [.. _ovs!.Receive(port, frame).Select(s => ProgramRun.OutputEvent(s.Port == OfPorts.Local ? OfPorts.DatapathLocal : s.Port, 0, s.Frame))];
        if (learns || trace.Recirculates)
        {
            _ovs.ForgetPackets();
        }

        ProgramRun ours = Ours(environment, snapshot, frame, key, megaflow, out result);
        List<ProgramRun> tried = [ours];
        string[] ourOutputs = [.. ours.Events.Where(e => !e.StartsWith("controller", StringComparison.Ordinal)).Select(WithoutQueue)];

        // Open vSwitch's datapath writes into a later fragment's payload: type and code of ICMP, and UDP's checksum; and a first one's SCTP checksum.
        bool spoilt =
            (key.IpFrag != 0 && trace.ActionText.Contains("set(sctp", StringComparison.Ordinal))
            || ((key.IpFrag & FlowKey.FragLater) != 0 && trace.ActionText.Contains("set(i", StringComparison.Ordinal));
        string problem = spoilt ? "" : Difference("sent", theirOutputs, ourOutputs, trace, ours);
        if (trace.Recirculates && problem.Length > 0)
        {
            // Each switch has its own choice of a bucket: it has to be one of them.
            string[] differences = [.. snapshot.Groups[OvsPipelines.SelectGroup].Buckets.Select(bucket =>
            {
                PipelineSnapshot chosen = snapshot.With(new Group(OvsPipelines.SelectGroup, GroupType.Indirect, [bucket], new RuleStats(0), [new RuleStats(0)]));
                ProgramRun other = Ours(environment, chosen, frame, key, null, out _);
                tried.Add(other);
                return Difference("sent", theirOutputs, [.. other.Events.Where(e => !e.StartsWith("controller", StringComparison.Ordinal)).Select(WithoutQueue)], trace, ours);
            })];
            problem = differences.Contains("") ? "" : string.Concat(differences);
        }
        else if (!trace.Recirculates && !(spoilt && trace.ActionText.Contains("set(icmp", StringComparison.Ordinal)))
        {
            // A packet_in by an action set or a bucket has the cookie of one of the flows that it went through, not of the same one.
            bool set = trace.ActionText.Contains("reason=3", StringComparison.Ordinal) || trace.ActionText.Contains("reason=4", StringComparison.Ordinal);
            string Comparable(string one) => one.StartsWith("controller InvalidTtl", StringComparison.Ordinal) ? "controller InvalidTtl" : set ? WithoutCookie(one) : one;
            problem += Difference("by its trace", [.. trace.Run(frame, key.InPort).Events.Select(Comparable)], [.. ours.Events.Select(Comparable)], trace, ours);
        }

        if (ours.Failed)
        {
            problem += "an action of our program does not fit the packet\n";
        }

        if (problem.Length > 0 && !PushesOtherwise(key, tried.SelectMany(t => t.Programs)) && !LabelsTags(key, trace))
        {
            failures.Add($"""
                {(megaflow is null ? "" : "by the megaflow of another packet\n")}{problem}packet {Convert.ToHexString(frame)}
                our actions {DpActionsText.Print(result.Actions)}
                {trace.Text}
                {string.Join('\n', snapshot.Rules().Select(r => FlowSyntax.Print(new FlowMod { TableId = r.TableId, Priority = r.Priority, Match = r.Match, Cookie = r.Cookie, Instructions = r.Instructions })))}
                {string.Join('\n', snapshot.Groups.Values.Select(g => FlowSyntax.PrintGroup(g.GroupId, g.GroupType, g.Buckets)))}
                """);
        }

        return ourOutputs.Length;
    }

    /// <summary>Events of one side that the other lacks; empty when there is none, or a deviation allows it.</summary>
    private static string Difference(string how, string[] theirs, string[] ours, OvsTrace trace, ProgramRun run)
    {
        List<string> onlyTheirs = [.. theirs], onlyOurs = [];
        foreach (string one in ours)
        {
            if (!onlyTheirs.Remove(one))
            {
                onlyOurs.Add(one);
            }
        }

        bool allowed = (onlyTheirs.Count == 0 && onlyOurs.Count == 0)
            || (trace.Text.Contains("(Too many MPLS labels)", StringComparison.Ordinal) && theirs.Length == 0)
            || (run.Missed && onlyOurs.Count == 0)
            || (run.Events.Exists(e => e.StartsWith("controller InvalidTtl", StringComparison.Ordinal)) && onlyOurs.Count == 0);
        return allowed ? "" : $"Open vSwitch {how}\n  {string.Join("\n  ", onlyTheirs)}\nwe\n  {string.Join("\n  ", onlyOurs)}\n";
    }

    private static ProgramRun Ours(XlateEnvironment environment, PipelineSnapshot snapshot, byte[] frame, FlowKey key, XlateResult? megaflow, out XlateResult result)
    {
        Xlator xlator = new(environment);
        ProgramRun run = new()
        {
            PacketIn = id =>
            {
                PacketInRecord record = environment.PacketIns.Find(id)!;
                return OvsTrace.PacketInText(record.Reason, record.Cookie, (record.MaxLength ?? 0xffff).ToString(CultureInfo.InvariantCulture));
            },
        };
        result = megaflow ?? xlator.Translate(snapshot, key);
        run.Missed = Missed(result);
        run.Run(result.Actions, frame, key.InPort);
        for (int i = 0; i < run.Rounds.Count; i++)
        {
            Assert.That(i, Is.LessThan(50), "a packet goes round for ever");
            (uint id, byte[] bytes, uint hash) = run.Rounds[i];
            Assert.That(PacketParser.TryParse(bytes, key.InPort, out FlowKey again));
            again.DpHash = hash;
            XlateResult resumed = xlator.Resume(snapshot, again, environment.Continuations.Find(id)!);
            run.Missed |= Missed(resumed);
            run.Run(resumed.Actions, bytes, key.InPort);
        }

        return run;
    }

    // It pushes a label behind tags, where we push it in front; what comes of the packet then may be nothing with us.
    private static bool LabelsTags(in FlowKey key, OvsTrace trace) =>
        trace.ActionText.Contains("push_mpls(", StringComparison.Ordinal)
            && ((key.VlanTci & FlowKey.VlanPresent) != 0 || trace.ActionText.Contains("push_vlan(", StringComparison.Ordinal));

    // Open vSwitch pushes labels behind tags, and keeps two tags and three labels of a packet: what is pushed on more of them, or done behind a third tag, is not what we do.
    private static bool PushesOtherwise(in FlowKey key, IEnumerable<DpActions> programs)
    {
        int tags = ((key.VlanTci & FlowKey.VlanPresent) != 0 ? 1 : 0) + ((key.InnerTci & FlowKey.VlanPresent) != 0 ? 1 : 0);
        int labels = key.EthType.Value is not (EtherTypes.MplsUnicast or EtherTypes.MplsMulticast) ? 0 : (key.MplsLse0 & 0x100) != 0 ? 1 : (key.MplsLse1 & 0x100) != 0 ? 2 : (key.MplsLse2 & 0x100) != 0 ? 3 : 4;
        bool third = key.EthType.Value is EtherTypes.Vlan or EtherTypes.ServiceVlan, popped = false;
        bool front = false; // of tags: a label
        bool ttl0 = false; // of an IP header: Open vSwitch makes 64 of it
        foreach (DpActions actions in programs)
        {
            foreach (DpActionView action in actions)
            {
                tags += action.Type == DpActionType.PushVlan ? 1 : 0;
                popped |= action.Type == DpActionType.PopVlan;
                labels += action.Type == DpActionType.PushMpls ? 1 : 0;
                front |= action.Type == DpActionType.PushMplsFront;
                ttl0 |= action.Type == DpActionType.PushMpls && (action.Read<DpPushMpls>().Lse & 0xff) == 0;
            }
        }

        return front || ttl0 || (third && popped) || tags > 2 || labels > 3;
    }

    private static bool Missed(XlateResult result) => Array.Exists(result.Credits.Tables.ToArray(), t => !t.Matched);

    private static string WithoutQueue(string output) => output[..output.IndexOf(' ', StringComparison.Ordinal)] + " queue=0" + output[output.LastIndexOf(' ')..];

    private static string WithoutCookie(string packetIn) =>
        string.Join(' ', packetIn.Split(' ').Where(word => !word.StartsWith("cookie=", StringComparison.Ordinal)));
}
