using System.Globalization;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Messages.Multipart;
using OvsBridge.Testing;
using OvsBridge.Translator.Switch;
using OvsBridge.Translator.Tables;

namespace OvsBridge.Translator.Tests.Switch;

/// <summary>Idle and hard time-outs.</summary>
[TestFixture]
public sealed class ExpiryTests : SwitchFixture
{
    private static readonly TimeSpan _tenth = TimeSpan.FromMilliseconds(100);

    private static TimeSpan Seconds(double seconds) => TimeSpan.FromSeconds(seconds);

    private void Hit(string flow, ulong packets = 1) => Forwarding.Hit(TheRule(flow).Stats, packets, 100 * packets, NowNs);

    private List<FlowRemoved> Removed()
    {
        Controller.Send(new BarrierRequest());
        return [.. Controller.TakeAll().OfType<FlowRemoved>()];
    }

    [Test]
    public void Hard_timeout_removes_the_flow_to_the_tenth_of_a_second_though_it_is_used()
    {
        Controller.Succeeds("add-flow hard_timeout=3,send_flow_rem,cookie=7,in_port=1,actions=output:2");
        Pass(Seconds(2.9));
        Hit("in_port=1,actions=drop", 4);
        Pass(TimeSpan.FromMilliseconds(90));
        Assert.That(FlowCount, Is.EqualTo(1), "never early");

        Pass(_tenth);

        Assert.That(FlowCount, Is.Zero);
        FlowRemoved removed = Removed().Single();
        Assert.That((removed.Reason, removed.Cookie, removed.HardTimeoutSeconds), Is.EqualTo((FlowRemovedReason.HardTimeout, 7ul, (ushort)3)));
        Assert.That((removed.PacketCount, removed.ByteCount), Is.EqualTo((4ul, 400ul)));
        Assert.That(removed.DurationNs, Is.InRange(3_000_000_000ul, 3_100_000_000ul));
    }

    [Test]
    public void Idle_timeout_removes_a_flow_that_was_never_used()
    {
        Controller.Succeeds("add-flow idle_timeout=2,send_flow_rem,in_port=1,actions=output:2");
        Pass(TimeSpan.FromMilliseconds(1990));
        Assert.That(FlowCount, Is.EqualTo(1));

        Pass(_tenth);

        Assert.That(FlowCount, Is.Zero);
        Assert.That(Removed().Single().Reason, Is.EqualTo(FlowRemovedReason.IdleTimeout));
    }

    [Test]
    public void Idle_timeout_counts_from_the_last_packet_that_the_datapath_saw()
    {
        Controller.Succeeds("add-flow idle_timeout=2,send_flow_rem,in_port=1,actions=output:2");
        for (int i = 0; i < 5; i++)
        {
            Pass(Seconds(1.5));
            Hit("in_port=1,actions=drop"); // known to the datapath only, until counters are pushed
        }

        Pass(Seconds(1.9));
        Assert.That(FlowCount, Is.EqualTo(1));
        Pass(Seconds(0.2));

        Assert.That(FlowCount, Is.Zero);
        FlowRemoved removed = Removed().Single();
        Assert.That((removed.Reason, removed.PacketCount), Is.EqualTo((FlowRemovedReason.IdleTimeout, 5ul)));
    }

    [Test]
    public void The_earlier_of_both_timeouts_counts()
    {
        Controller.Succeeds(
            "add-flow idle_timeout=1,hard_timeout=5,send_flow_rem,cookie=1,in_port=1,actions=drop",
            "add-flow idle_timeout=5,hard_timeout=1,send_flow_rem,cookie=2,in_port=2,actions=drop");

        Pass(Seconds(1.1));

        Assert.That(
            Removed().Select(flow => (flow.Cookie, flow.Reason)),
            Is.EquivalentTo(new[] { (1ul, FlowRemovedReason.IdleTimeout), (2ul, FlowRemovedReason.HardTimeout) }));
    }

    [Test]
    public void Flow_without_timeouts_stays()
    {
        Controller.Succeeds("add-flow in_port=1,actions=drop");

        Time.Advance(TimeSpan.FromDays(400));

        Assert.That(FlowCount, Is.EqualTo(1));
    }

    [Test]
    public void Longest_timeout_works()
    {
        Controller.Succeeds("add-flow hard_timeout=65535,in_port=1,actions=drop");
        Time.Advance(Seconds(65534.9));
        Assert.That(FlowCount, Is.EqualTo(1));

        Pass(Seconds(0.2));

        Assert.That(FlowCount, Is.Zero);
    }

    [Test]
    public void Replaced_flow_starts_its_timeouts_anew()
    {
        Controller.Succeeds("add-flow hard_timeout=2,in_port=1,actions=drop", "add-flow idle_timeout=2,in_port=2,actions=drop");
        Pass(Seconds(1.5));
        Controller.Succeeds("add-flow hard_timeout=2,in_port=1,actions=drop", "add-flow idle_timeout=2,in_port=2,actions=drop");

        Pass(Seconds(1.5));
        Assert.That(FlowCount, Is.EqualTo(2));
        Pass(Seconds(0.6));

        Assert.That(FlowCount, Is.Zero);
    }

    [Test]
    public void Flow_replaced_by_one_without_timeouts_stays()
    {
        Controller.Succeeds("add-flow hard_timeout=2,in_port=1,actions=drop");
        Controller.Succeeds("add-flow in_port=1,actions=drop");

        Pass(Seconds(3));

        Assert.That(FlowCount, Is.EqualTo(1));
    }

    [Test]
    public void Modified_flow_keeps_its_timeouts_running()
    {
        Controller.Succeeds("add-flow hard_timeout=2,send_flow_rem,in_port=1,actions=drop", "add-flow idle_timeout=2,in_port=2,actions=drop");
        Pass(Seconds(1.5));
        Controller.Succeeds("mod-flows actions=output:3");

        Pass(Seconds(0.6));

        Assert.That(FlowCount, Is.Zero);
        Assert.That(Removed().Single().DurationNs, Is.InRange(2_000_000_000ul, 2_100_000_000ul));
    }

    [Test]
    public void Counters_reset_by_a_modification_do_not_shorten_the_idle_time()
    {
        Controller.Succeeds("add-flow idle_timeout=2,in_port=1,actions=drop");
        Pass(Seconds(1.5));
        Hit("in_port=1,actions=drop");
        Controller.Succeeds("mod-flows reset_counts,actions=output:3");

        Pass(Seconds(1.9));
        Assert.That(FlowCount, Is.EqualTo(1));
        Pass(Seconds(0.2));
        Assert.That(FlowCount, Is.Zero);
    }

    [Test]
    public void Deleted_flow_is_not_removed_again()
    {
        Controller.Succeeds("add-flow hard_timeout=1,send_flow_rem,in_port=1,actions=drop");
        Controller.Send("del-flows");
        Assert.That(Removed(), Has.Count.EqualTo(1));

        Pass(Seconds(2));

        Assert.That(Removed(), Is.Empty);
    }

    [Test]
    public void Flow_added_later_with_a_shorter_timeout_goes_first()
    {
        Controller.Succeeds("add-flow hard_timeout=100,in_port=1,actions=drop");
        Pass(Seconds(1));
        Controller.Succeeds("add-flow hard_timeout=1,in_port=2,actions=drop");

        Pass(Seconds(1.1));

        Assert.That(FindRule(Switch.Snapshot, "in_port=2,actions=drop"), Is.Null);
        Assert.That(FlowCount, Is.EqualTo(1));
    }

    [Test]
    public void Flows_that_run_out_together_share_one_snapshot_and_one_reading_of_counters()
    {
        for (int i = 0; i < 1000; i++)
            Controller.Send(string.Create(CultureInfo.InvariantCulture, $"add-flow idle_timeout=1,metadata={i},actions=drop"));
        Controller.Barrier();
        Forwarding.Calls.Clear();

        Pass(Seconds(1.2));

        Assert.That(FlowCount, Is.Zero);
        Assert.That(Forwarding.Calls, Is.EqualTo(new[] { "push", "published" }));
    }

    [Test]
    public void Used_flows_cost_no_reading_of_counters_when_the_revalidator_has_read_them()
    {
        Controller.Succeeds("add-flow idle_timeout=1,in_port=1,actions=drop");
        Pass(Seconds(0.9));
        TheRule("in_port=1,actions=drop").Stats.Add(1, 100, NowNs);
        Forwarding.Calls.Clear();

        Pass(Seconds(0.5));

        Assert.That(FlowCount, Is.EqualTo(1));
        Assert.That(Forwarding.Calls, Is.Empty);
    }

    [Test]
    public void Churn_leaves_no_heap_of_dead_flows()
    {
        using Expiry expiry = new(Time, () => { });
        FlowTable table = FlowTable.Empty(0);
        FlowMod mod = Flows.Rule("in_port=1,actions=drop");
        for (int i = 0; i < 100_000; i++)
        {
            Rule rule = new()
            {
                TableId = 0,
                Priority = 1,
                Match = mod.Match,
                Instructions = mod.Instructions,
                HardTimeoutSeconds = 60_000,
                CreatedNs = NowNs,
                Stats = new RuleStats(NowNs),
            };
            table = table.With(rule);
            expiry.Watch(rule);
            expiry.CompactIfNeeded(Switch.Snapshot with { Tables = Switch.Snapshot.Tables.SetItem(0, table) });
        }

        Assert.That(expiry.Count, Is.LessThan(2000));
    }

    [Test]
    public void Expiry_goes_on_when_flows_come_and_go_meanwhile()
    {
        Random random = new(20261124);
        for (int step = 0; step < 300; step++)
        {
            int flow = random.Next(40);
            Controller.Send(random.Next(3) switch
            {
                0 => $"del-flows metadata={flow}",
                _ => $"add-flow idle_timeout={random.Next(3)},hard_timeout={random.Next(4)},metadata={flow},actions=drop",
            });
            Pass(TimeSpan.FromMilliseconds(10 * random.Next(30)));

            foreach (Rule rule in Switch.Snapshot.Tables[0].Rules)
            {
                double age = (NowNs - rule.CreatedNs) / 1e9;
                Assert.That(rule.HardTimeoutSeconds == 0 || age < rule.HardTimeoutSeconds + 0.11, $"hard {rule.HardTimeoutSeconds}, age {age}");
                Assert.That(rule.IdleTimeoutSeconds == 0 || age < rule.IdleTimeoutSeconds + 0.11, $"idle {rule.IdleTimeoutSeconds}, age {age}");
            }
        }
    }
}
