using System.Globalization;
using NUnit.Framework.Internal;
using OvsBridge.Datapath;
using OvsBridge.Datapath.Memory;
using OvsBridge.OpenFlow;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Text;
using OvsBridge.Testing;
using OvsBridge.Translator.Switch;
using OvsBridge.Translator.Tables;
using OvsBridge.Translator.Tests.OpenVSwitch;
using OvsBridge.Translator.Tests.Properties;
using OvsBridge.Translator.Tests.Switch;
using OvsBridge.Translator.Tests.Xlate;
using OvsBridge.Translator.Upcalls;
using OvsBridge.Translator.Xlate;

namespace OvsBridge.Translator.Tests.Upcalls;

/// <summary>
/// A whole switch over the in-memory datapath: flow_mods with time-outs, packets, and time, in random order. Against a model that counts each
/// packet at the flows that the reference pipeline meets: flows go when their time has come and not before, FLOW_REMOVED tells why and with the
/// right counts, and the megaflows are at every moment what a translation of the flows that are left gives.
/// </summary>
[TestFixture]
internal sealed class FlowLifetimeTests
{
    [Property(12)]
    public void Flows_end_when_they_should_and_megaflows_follow(TableCase drawn)
    {
        using TestExecutionContext.IsolatedContext attempt = new(); // failures while shrinking are none of the result
        using World world = new();
        foreach (Step step in drawn.Steps)
        {
            switch (step.Kind % 8)
            {
                case 0:
                    world.Change(step);
                    break;
                case 1:
                    world.PassTime(step);
                    break;
                default:
                    world.Inject(step);
                    continue;
            }

            world.Forwarding.RevalidateNow();
            FreshTranslations.Check(world.Forwarding, world.Snapshot, step.Pipelines());
        }

        Assert.That(drawn.Steps.Length < 500 || world.Ended > 0, "no flow ever timed out: the test shows nothing");
    }

    /// <summary>What the model knows of a flow.</summary>
    private sealed class Lifetime(FlowMod mod, long nowNs)
    {
        internal FlowMod Mod { get; set; } = mod;

        internal long CreatedNs { get; } = nowNs;

        internal long UsedNs { get; set; } = nowNs;

        internal ulong Packets { get; set; }

        internal long? HardNs => Mod.HardTimeoutSeconds == 0 ? null : CreatedNs + (Mod.HardTimeoutSeconds * 1_000_000_000L);

        internal long? IdleNs => Mod.IdleTimeoutSeconds == 0 ? null : UsedNs + (Mod.IdleTimeoutSeconds * 1_000_000_000L);

        internal long DueNs => Math.Min(HardNs ?? long.MaxValue, IdleNs ?? long.MaxValue);

        /// <summary>Whether it may end for this reason in a round between its due time and <paramref name="nowNs"/>.</summary>
        internal bool MayEnd(FlowRemovedReason reason, long nowNs) => reason switch
        {
            FlowRemovedReason.HardTimeout => HardNs <= nowNs,
            FlowRemovedReason.IdleTimeout => IdleNs <= nowNs,
            _ => false,
        };
    }

    private sealed class World : IDisposable
    {
        private const long LateNs = 110_000_000; // a tenth of a second, and a timer's millisecond

        private readonly InMemoryDatapath _datapath;
        private readonly OfSwitch _switch;
        private readonly FakeController _controller;
        private readonly Dictionary<(byte Table, ushort Priority, Match Match), Lifetime> _model = [];
        private readonly ManualTime _time = new();

        internal World()
        {
            _datapath = new InMemoryDatapath(new InMemoryDatapathOptions { Delivery = UpcallDelivery.Manual, Time = _time });
            Forwarding = new Forwarding(_datapath, new MacTable(), _time);
            FakePorts ports = new();
            _switch = new OfSwitch(
                new OfSwitchOptions { DatapathId = 1, ControllersConfigured = true, FailMode = FailMode.Secure }, Forwarding, ports, ports, new FakeMeters(), _time);
            Forwarding.PacketIns = _switch;
            foreach (uint number in (uint[])[1, 2, 3, 4, 5, 6, OfPorts.Local])
            {
                uint dpPort = number == OfPorts.Local ? OfPorts.DatapathLocal : number;
                _datapath.AddPort(new DpPort(dpPort, $"p{dpPort}", (int)(100 + (number & 0xffff))));
                _switch.PortAdded(new SwitchPort(
                    new PortDescription { PortNo = number, Name = $"p{dpPort}", HwAddr = 0x020000000000ul + dpPort }, dpPort, (int)(100 + (number & 0xffff)), _time.NowNs()));
            }

            _controller = new FakeController(_switch);
            _datapath.StartUpcalls(Forwarding.Handler());
            OvsPipelines pipelines = new(new Random(1));
            _controller.Send([.. pipelines.Next().Groups.Select(group => $"add-group {group}")]);
            _controller.Barrier();
        }

        internal Forwarding Forwarding { get; }

        internal PipelineSnapshot Snapshot => _switch.Snapshot;

        /// <summary>Flows that timed out so far.</summary>
        internal int Ended { get; private set; }

        /// <summary>A flow comes, is modified or is deleted, often one that is there.</summary>
        internal void Change(Step step)
        {
            Random random = new(step.Seed);
            string[] flows = new OvsPipelines(random).Next().Flows;
            FlowMod mod = Flows.Rule(flows[random.Next(flows.Length)]) with
            {
                IdleTimeoutSeconds = (ushort)random.Next(4),
                HardTimeoutSeconds = (ushort)(random.Next(2) * random.Next(8)),
                Flags = FlowModFlags.SendFlowRemoved | (random.Next(4) == 0 ? FlowModFlags.ResetCounts : FlowModFlags.None),
            };
            if (_model.Count > 0 && random.Next(2) == 0)
            {
                FlowMod known = _model.Values.ElementAt(random.Next(_model.Count)).Mod;
                mod = known with
                {
                    Command = (FlowModCommand)random.Next(5),
                    Instructions = known.TableId == mod.TableId && known.Match.Equals(mod.Match) ? mod.Instructions : known.Instructions,
                    Flags = mod.Flags,
                    IdleTimeoutSeconds = mod.IdleTimeoutSeconds,
                    HardTimeoutSeconds = mod.HardTimeoutSeconds,
                };
            }

            _controller.Send(mod);
            Apply(mod);
            Settle();
        }

        internal void PassTime(Step step)
        {
            Random random = new(step.Seed);
            long end = _time.NowNs() + (random.NextInt64(1, 40) * 50_000_000);
            while (_time.NowNs() < end)
            {
                _time.Advance(TimeSpan.FromMilliseconds(10));
            }

            Settle();
        }

        /// <summary>A packet comes in; what it meets is used.</summary>
        internal void Inject(Step step)
        {
            (byte[] frame, FlowKey key) = new OvsPipelines(new Random(step.Seed)).Packet();
            Outcome expected = ReferencePipeline.Run(Snapshot, Forwarding.Macs, frame, key.InPort, static (_, _) => new MeterVerdict(Passes: true));
            if (expected.Failed)
            {
                return; // how far it came is not the question here
            }

            foreach (Rule rule in Snapshot.Rules())
            {
                int times = expected.Counted.Count(stats => stats == rule.Stats);
                if (times > 0)
                {
                    Lifetime flow = _model[(rule.TableId, rule.Priority, rule.Match)];
                    flow.UsedNs = _time.NowNs();
                    flow.Packets += (ulong)times;
                }
            }

            _datapath.Receive(key.InPort, frame);
            _datapath.DeliverUpcalls();
        }

        public void Dispose()
        {
            Assert.That(Forwarding.Counters[ForwardingCounter.Fault], Is.Zero, () => Forwarding.Counters.LastFault!.ToString());
            _controller.Dispose();
            _switch.Dispose();
            Forwarding.Dispose();
            _datapath.Dispose();
        }

        private void Apply(FlowMod mod)
        {
            (byte, ushort, Match) name = (mod.TableId, mod.Priority, mod.Match);
            switch (mod.Command)
            {
                case FlowModCommand.Add:
                    ulong kept = _model.TryGetValue(name, out Lifetime? old) && !mod.Flags.HasFlag(FlowModFlags.ResetCounts) ? old.Packets : 0;
                    _model[name] = new Lifetime(mod, _time.NowNs()) { Packets = kept };
                    break;
                case FlowModCommand.Modify or FlowModCommand.ModifyStrict:
                    foreach (Lifetime flow in Described(mod))
                    {
                        flow.Mod = flow.Mod with { Instructions = mod.Instructions };
                        flow.Packets = mod.Flags.HasFlag(FlowModFlags.ResetCounts) ? 0 : flow.Packets;
                    }

                    break;
                default:
                    List<FlowRemoved> told = Removed();
                    Lifetime[] deleted = [.. Described(mod)];
                    Assert.That(told.Select(r => Text(r)), Is.EquivalentTo(deleted.Select(flow => Text(flow, FlowRemovedReason.Delete))));
                    foreach (Lifetime flow in deleted)
                    {
                        _model.Remove((flow.Mod.TableId, flow.Mod.Priority, flow.Mod.Match));
                    }

                    break;
            }
        }

        private List<Lifetime> Described(FlowMod mod) =>
        [
            .. _model.Values.Where(flow => flow.Mod.TableId == mod.TableId
                && (mod.Command is FlowModCommand.ModifyStrict or FlowModCommand.DeleteStrict
                    ? flow.Mod.Priority == mod.Priority && flow.Mod.Match.Equals(mod.Match)
                    : mod.Match.Covers(flow.Mod.Match))),
        ];

        /// <summary>Takes what timed out from the model, and compares.</summary>
        private void Settle()
        {
            long nowNs = _time.NowNs();
            foreach (FlowRemoved removed in Removed())
            {
                Lifetime flow = _model[(removed.TableId, removed.Priority, removed.Match)];
                Assert.That(flow.MayEnd(removed.Reason, nowNs), $"{Text(removed)} at {nowNs}: created {flow.CreatedNs}, used {flow.UsedNs}");
                Assert.That(Text(removed), Is.EqualTo(Text(flow, removed.Reason)));
                Assert.That(flow.CreatedNs + (long)removed.DurationNs, Is.InRange(flow.DueNs, flow.DueNs + LateNs), Text(removed));
                _model.Remove((removed.TableId, removed.Priority, removed.Match));
                Ended++;
            }

            Assert.That(
                Snapshot.Rules().Select(rule => $"{rule.TableId} {rule.Priority} {MatchText.Print(rule.Match)}"),
                Is.EquivalentTo(_model.Keys.Select(name => $"{name.Table} {name.Priority} {MatchText.Print(name.Match)}")));
            foreach (Lifetime flow in _model.Values)
            {
                Assert.That(nowNs, Is.LessThan(flow.DueNs == long.MaxValue ? long.MaxValue : flow.DueNs + LateNs), FlowSyntax.Print(flow.Mod));
            }
        }

        private List<FlowRemoved> Removed()
        {
            _controller.Send(new BarrierRequest());
            IReadOnlyList<OfMessage> messages = _controller.TakeAll();
            Assert.That(messages.OfType<ErrorMessage>(), Is.Empty);
            return [.. messages.OfType<FlowRemoved>()];
        }

        private static string Text(FlowRemoved removed) =>
            Text(removed.TableId, removed.Priority, removed.Match, removed.Reason, removed.PacketCount);

        private static string Text(Lifetime flow, FlowRemovedReason reason) =>
            Text(flow.Mod.TableId, flow.Mod.Priority, flow.Mod.Match, reason, flow.Packets);

        private static string Text(byte table, ushort priority, Match match, FlowRemovedReason reason, ulong packets) =>
            string.Create(CultureInfo.InvariantCulture, $"table={table} priority={priority} {MatchText.Print(match)} {reason} packets={packets}");
    }
}
