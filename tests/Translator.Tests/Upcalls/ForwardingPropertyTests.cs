using NUnit.Framework.Internal;
using OvsBridge.Datapath;
using OvsBridge.Datapath.Ebpf;
using OvsBridge.Datapath.Interop;
using OvsBridge.Datapath.Memory;
using OvsBridge.Datapath.Text;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Text;
using OvsBridge.Testing;
using OvsBridge.Translator.Switch;
using OvsBridge.Translator.Tables;
using OvsBridge.Translator.Tests.Properties;
using OvsBridge.Translator.Tests.Xlate;
using OvsBridge.Translator.Upcalls;
using OvsBridge.Translator.Xlate;

namespace OvsBridge.Translator.Tests.Upcalls;

/// <summary>
/// A forwarding side over the in-memory datapath, with random changes and packets in random order: whatever the cache
/// holds, packets are treated as the newest pipeline says, and none is counted twice or not at all.
/// </summary>
[TestFixture]
internal sealed class ForwardingPropertyTests
{
    [Property(20)]
    public void Cache_equals_the_pipeline_at_every_moment(HistoryCase drawn)
    {
        using TestExecutionContext.IsolatedContext attempt = new(); // failures while shrinking are none of the result
        using World world = new(drawn, normal: true);
        foreach (Step step in drawn.Steps)
        {
            switch (step.Kind % 10)
            {
                case 0:
                    world.Change(step);
                    world.Forwarding.CatchUp();
                    world.CheckMegaflows(step);
                    break;
                case 1:
                    world.PassTime(step);
                    break;
                default:
                    world.Forwarding.RevalidateNow(); // for what NORMAL has learned: corrected soon, not at once
                    world.InjectAndCompare(step);
                    break;
            }
        }
    }

    [Property(20)]
    public void Every_packet_counts_once(HistoryCase drawn)
    {
        using TestExecutionContext.IsolatedContext attempt = new(); // failures while shrinking are none of the result
        using World world = new(drawn, normal: false);
        TableStats first = world.Snapshot.Tables[0].Stats;
        HashSet<RuleStats> rules = [.. world.Snapshot.Tables[0].Rules.Select(r => r.Stats)]; // an entry that is replaced hands them on
        ulong injected = 0;
        int sinceLast = 0;
        foreach (Step step in drawn.Steps.Append(default))
        {
            switch (step.Kind % 12)
            {
                case 0:
                    world.Change(step); // without a barrier: packets that pass meanwhile count for one flow or the other
                    rules.UnionWith(world.Snapshot.Tables[0].Rules.Select(r => r.Stats));
                    break;
                case 1:
                    world.Forwarding.CatchUp();
                    break;
                case 2:
                    world.PassTime(step);
                    world.Forwarding.RevalidateNow();
                    break;
                case 3:
                    world.Forwarding.PurgeMegaflows();
                    break;
                default:
                    injected += world.Inject(step);
                    break;
            }

            if (++sinceLast == 10 || step == default)
            {
                sinceLast = 0;
                world.Forwarding.PushStats();
                Assert.That(first.Lookups, Is.EqualTo(injected), $"step {step}");
                Assert.That(rules.Aggregate(0ul, (sum, stats) => sum + stats.Packets), Is.EqualTo(first.Matches), $"step {step}");
            }
        }
    }

    private sealed class World : IDisposable, IPacketInSink
    {
        private readonly InMemoryDatapath _datapath;
        private readonly MeterTable _meters; // of the reference; the datapath's have the same tokens
        private readonly List<string> _events = [];

        internal World(HistoryCase drawn, bool normal)
        {
            Time.Advance(TimeSpan.FromHours(1));
            _datapath = new InMemoryDatapath(new InMemoryDatapathOptions { Delivery = UpcallDelivery.Manual, Time = Time });
            _meters = new MeterTable(new MappedArray<MeterEntry>(16), new MappedArray<MeterBandEntry>(64), () => (ulong)Time.NowNs(), static () => { });
            _datapath.Transmitted += (port, frame) => _events.Add($"{port} {Convert.ToHexString(frame.Span)}");
            Forwarding = new Forwarding(_datapath, new MacTable(), Time) { PacketIns = this };
            for (uint port = 1; port <= 6; port++)
            {
                _datapath.AddPort(new DpPort(port, $"p{port}", (int)(100 + port)));
            }

            _datapath.AddPort(new DpPort(OfPorts.DatapathLocal, "br0", 99));
            Snapshot = drawn.Pipeline.Build() with { Fragments = FragmentHandling.Normal, Standalone = normal ? StandaloneMode.OnMiss : StandaloneMode.Off };
            if (!normal)
            {
                for (uint port = 1; port <= 6; port++)
                {
                    Snapshot = Snapshot.WithPort(port); // every packet gets into the pipeline
                }
            }

            SetMeters();
            Forwarding.SnapshotPublished(Snapshot);
            _datapath.StartUpcalls(Forwarding.Handler());
        }

        internal ManualTime Time { get; } = new();

        internal Forwarding Forwarding { get; }

        internal PipelineSnapshot Snapshot { get; private set; }

        /// <summary>Something changes: a flow comes, goes or gets other actions, a group, a port.</summary>
        internal void Change(Step step)
        {
            RandomPipelines pipelines = step.Pipelines();
            Random random = new(step.Seed + 1);
            byte table = (byte)random.Next(RandomPipelines.Tables);
            Rule[] rules = [.. Snapshot.Tables[table].Rules];
            switch (random.Next(9))
            {
                case < 3:
                    ushort priority = (ushort)random.Next(1000);
                    if (!rules.Any(r => r.Priority == priority))
                    {
                        Snapshot = Snapshot.With(pipelines.Rule(table, priority));
                    }

                    break;
                case < 5 when rules.Length > 0:
                    Snapshot = Snapshot.Without(rules[random.Next(rules.Length)]);
                    break;
                case 5 when rules.Length > 0:
                    Rule old = rules[random.Next(rules.Length)];
                    Snapshot = Snapshot.With(new Rule
                    {
                        TableId = table,
                        Priority = old.Priority,
                        Match = old.Match,
                        Instructions = pipelines.Rule(table, 0).Instructions,
                        Cookie = old.Cookie,
                        Stats = old.Stats,
                    });
                    break;
                case 6:
                    Snapshot = Snapshot.With(pipelines.Group((uint)random.Next(1, 5)));
                    break;
                case 7:
                    Snapshot = Snapshot.With(pipelines.Meter((uint)random.Next(1, RandomPipelines.Meters + 1)));
                    SetMeters();
                    break;
                default:
                    Snapshot = Snapshot.WithPort((uint)random.Next(1, 7), state: random.Next(2) == 0 ? PortState.Live : PortState.LinkDown);
                    break;
            }

            Forwarding.SnapshotPublished(Snapshot);
        }

        internal void PassTime(Step step) => Time.Advance(TimeSpan.FromSeconds(1 + step.Seed % 7));

        /// <summary>Some packets of some flow come in, and are treated.</summary>
        internal ulong Inject(Step step)
        {
            RandomPipelines pipelines = step.Pipelines();
            FlowKey key = pipelines.Key();
            Random random = new(step.Seed + 1);
            int count = random.Next(1, 5);
            for (int i = 0; i < count; i++)
            {
                _datapath.Receive(key.InPort, pipelines.Frame(key));
                if (random.Next(2) == 0)
                {
                    _datapath.DeliverUpcalls();
                }
            }

            _datapath.DeliverUpcalls();
            return (ulong)count;
        }

        internal void InjectAndCompare(Step step)
        {
            RandomPipelines pipelines = step.Pipelines();
            FlowKey key = pipelines.Key();
            byte[] frame = pipelines.Frame(key);
            Outcome expected = ReferencePipeline.Run(Snapshot, Forwarding.Macs, frame, key.InPort, _meters.Apply);
            _events.Clear();

            _datapath.Receive(key.InPort, frame);
            _datapath.DeliverUpcalls();

            string[] wanted = [.. expected.Events.Select(Shortened).Order()];
            if (expected.Failed)
            {
                SetMeters(); // they may not have seen the same
            }
            else if (!wanted.SequenceEqual(_events.Order()))
            {
                _ = PacketParser.TryParse(frame, key.InPort, out FlowKey own);
                Assert.Fail($"""
                    {FlowKeyText.Print(own)}
                    expected {string.Join("\n         ", wanted)}
                    got      {string.Join("\n         ", _events.Order())}
                    fault    {Forwarding.Counters.LastFault}
                    {Dump()}
                    """);
            }
        }

        internal void CheckMegaflows(Step step) => FreshTranslations.Check(Forwarding, Snapshot, step.Pipelines());

        public void OnPacketIn(PacketInEvent packet) =>
            _events.Add($"controller {packet.Reason} {packet.TableId} {packet.Cookie} {packet.PipelineFields.Metadata} {Convert.ToHexString(packet.Frame.Span)}");

        public void Dispose()
        {
            Assert.That(Forwarding.Counters[ForwardingCounter.Fault], Is.Zero, () => Forwarding.Counters.LastFault!.ToString());
            Forwarding.Dispose();
            _datapath.Dispose();
        }

        /// <summary>Gives both sides the pipeline's meters, full.</summary>
        private void SetMeters()
        {
            foreach (Meter meter in Snapshot.Meters.Values)
            {
                DpMeter set = new(true, [.. meter.Bands.Select(b => new DpMeterBand((DpBandType)b.Type, b.Rate, b.Burst, b.PrecedenceLevel))]);
                Assert.That(_datapath.SetMeter(meter.Slot, set) && _meters.Set(meter.Slot, set));
            }
        }

        private string Dump() => string.Join('\n', Forwarding.Megaflows().Select(m => $"{FlowKeyText.PrintMegaflow(m.Key, m.Mask)} {DpActionsText.Print(m.Actions)}"));

        private static string Shortened(string text)
        {
            string[] words = text.Split(' ');
            return words[0] == "controller"
                ? $"controller {words[1]} {words[2].Split('=')[1]} {words[3].Split('=')[1]} {words[4].Split('=')[1]} {words[5]}"
                : $"{words[0]} {words[2]}";
        }
    }
}
