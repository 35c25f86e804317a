using OvsBridge.OpenFlow.Messages;
using OvsBridge.Translator.Upcalls;

namespace OvsBridge.Translator.Tests.Upcalls;

/// <summary>What a change costs: the megaflows that it concerns are translated again, and no others.</summary>
[TestFixture]
public sealed class CorrectionTests
{
    private const int Many = 400;
    private Bench _bench = null!;

    [SetUp]
    public void Fill()
    {
        _bench = new Bench();
        _bench.Do(
            "add-flow table=0,priority=10,ip,actions=goto_table:1",
            "add-flow table=0,priority=0,actions=normal",
            "add-flow table=1,priority=0,actions=output:4");
        for (int i = 0; i < Many; i++)
        {
            _bench.Do($"add-flow table=1,priority=10,ip,nw_dst=10.0.{i / 200}.{i % 200 + 1},actions=output:{2 + i % 2}");
        }

        for (int i = 0; i < Many; i++)
        {
            _bench.Inject(1, Packet(i));
        }

        Assert.That(_bench.Forwarding.MegaflowCount, Is.EqualTo(Many));
    }

    [TearDown]
    public void End() => _bench.Dispose();

    [Test]
    public void Flow_that_no_megaflow_meets()
    {
        Assert.That(Cost("add-flow table=1,priority=20,ip,nw_dst=10.9.0.1,actions=output:3"), Is.Zero);
        Assert.That(Cost("add-flow table=0,priority=20,arp,actions=output:3"), Is.Zero);
        Assert.That(Cost("add-flow table=7,priority=20,ip,nw_dst=10.0.0.1,actions=output:3"), Is.Zero, "a table that none has visited");
        Assert.That(_bench.Forwarding.MegaflowCount, Is.EqualTo(Many));
    }

    [Test]
    public void Flow_for_one_of_them()
    {
        Assert.That(Cost("add-flow table=1,priority=20,ip,nw_dst=10.0.0.5,actions=output:3"), Is.EqualTo(1));
        Assert.That(_bench.Inject(1, Packet(4)).Out, Is.EqualTo(new[] { 3u }));
    }

    [Test]
    public void Flow_modified_and_deleted()
    {
        Assert.That(Cost("add-flow table=1,priority=10,ip,nw_dst=10.0.0.5,actions=output:4"), Is.EqualTo(1));
        Assert.That(_bench.Inject(1, Packet(4)).Out, Is.EqualTo(new[] { 4u }));
        Assert.That(Cost("del-flows table=1,ip,nw_dst=10.0.0.6"), Is.EqualTo(1));
        Assert.That(_bench.Inject(1, Packet(5)).Out, Is.EqualTo(new[] { 4u }), "the lower one");
    }

    /// <summary>The flow that matches all is changed, but nobody hit it: no megaflow depends on it.</summary>
    [Test]
    public void Flow_that_others_hide() => Assert.That(Cost("add-flow table=1,priority=0,actions=output:3"), Is.Zero);

    [Test]
    public void Flow_by_a_field_that_megaflows_leave_open()
    {
        Assert.That(Cost("add-flow table=1,priority=20,tcp,nw_dst=10.0.0.5,tp_dst=80,actions=output:3"), Is.EqualTo(1), "it covers port 80");
        Assert.That(_bench.Inject(1, Packet(4) + ",tp_dst=80").Out, Is.EqualTo(new[] { 3u }));
        Assert.That(_bench.Inject(1, Packet(4) + ",tp_dst=81").Out, Is.EqualTo(new[] { 2u }));
    }

    [Test]
    public void Port_that_goes_down_and_no_flow_uses()
    {
        long before = _bench.Forwarding.Translations;
        _bench.Controller.Send(new PortMod(4, 0x020000000004, PortConfig.NoFwd, PortConfig.NoFwd, 0));
        _bench.Barrier();
        Assert.That(_bench.Forwarding.Translations - before, Is.Zero);
    }

    [Test]
    public void Port_that_half_of_them_use()
    {
        long before = _bench.Forwarding.Translations;
        _bench.Controller.Send(new PortMod(3, 0x020000000003, PortConfig.NoFwd, PortConfig.NoFwd, 0));
        _bench.Barrier();
        Assert.That(_bench.Forwarding.Translations - before, Is.EqualTo(Many / 2));
        Assert.That(_bench.Inject(1, Packet(1)).Out, Is.Empty);
    }

    /// <summary>A learned address concerns the megaflows to it, however many there are.</summary>
    [Test]
    public void Address_that_is_learned()
    {
        for (int i = 0; i < 100; i++)
        {
            _bench.Inject(1, $"arp,dl_src=02:00:00:00:01:00,dl_dst=02:00:00:00:02:{i:x2}"); // unknown: flooded
        }

        _bench.Forwarding.RevalidateNow();
        long before = _bench.Forwarding.Translations;
        _bench.Inject(2, "arp,dl_src=02:00:00:00:02:07,dl_dst=02:00:00:00:01:00");
        _bench.Forwarding.RevalidateNow();
        Assert.That(_bench.Forwarding.Translations - before, Is.InRange(1, 2), "the flooded one, and perhaps that of the answer");
        Assert.That(_bench.Inject(1, "arp,dl_src=02:00:00:00:01:00,dl_dst=02:00:00:00:02:07").Out, Is.EqualTo(new[] { 2u }));
    }

    /// <summary>A controller that writes flows without a pause does not keep the megaflows of others out.</summary>
    [Test]
    public void Flows_of_others_do_not_keep_a_megaflow_out()
    {
        _bench.BeforeBatchEnd = () => _bench.Controller.Send("add-flow table=1,priority=30,ip,nw_dst=10.8.0.1,actions=output:3");
        _bench.Inject(1, "ip,nw_src=1.1.1.1,nw_dst=10.7.0.1");
        Assert.That(_bench.Forwarding.MegaflowCount, Is.EqualTo(Many + 1));

        _bench.BeforeBatchEnd = () => _bench.Controller.Send("add-flow table=1,priority=30,ip,nw_dst=10.6.0.0/16,actions=output:3");
        _bench.Inject(1, "ip,nw_src=1.1.1.1,nw_dst=10.6.0.1");
        Assert.That(_bench.Forwarding.MegaflowCount, Is.EqualTo(Many + 1), "this one is outdated");
    }

    private static string Packet(int i) => $"tcp,nw_src=1.1.1.1,nw_dst=10.0.{i / 200}.{i % 200 + 1},tp_src=1000";

    private long Cost(string command)
    {
        long before = _bench.Forwarding.Translations;
        _bench.Do(command);
        return _bench.Forwarding.Translations - before;
    }
}
