using OvsBridge.Datapath.Ebpf;
using OvsBridge.Datapath.Tests.Contract;
using OvsBridge.Datapath.Tests.Packets;
using OvsBridge.Testing;

namespace OvsBridge.Datapath.Tests.Kernel;

/// <summary>tc filters: put on, taken off, kept from each other, and gone when nobody needs them. <see cref="AttachHookTests"/> has tcx.</summary>
[TestFixture]
[Category("Kernel")]
public sealed class PortAttacherTests
{
    private static readonly EbpfDatapathOptions _clsact = KernelFixture.Small with { AttachTo = AttachPoint.Clsact };

    [SetUp]
    public void Check() => KernelFixture.NeedsRoot();

    [Test]
    public void Filter_and_qdisc_are_there_while_the_port_is_and_gone_after()
    {
        using EbpfHarness harness = new(_clsact);
        Assert.That(Qdiscs("p1"), Does.Contain("clsact"));
        Assert.That(Filters("p1"), Does.Contain("dp_tc_ingress"));

        Assert.That(harness.Datapath.RemovePort(1), Is.True);

        Assert.That(Qdiscs("p1"), Does.Not.Contain("clsact"));
        Assert.That(Filters("p2"), Does.Contain("dp_tc_ingress"), "the other port's stays");
        harness.Datapath.Dispose();
        Assert.That(Qdiscs("p2"), Does.Not.Contain("clsact"));
    }

    [Test]
    public void Qdisc_of_others_stays()
    {
        using EbpfHarness harness = new(_clsact, ports: 0);
        Wire wire = harness.Wire(1);
        Command.Run("tc", "qdisc", "add", "dev", wire.Name, "clsact");
        harness.Datapath.AddPort(new DpPort(1, wire.Name, wire.IfIndex));

        harness.Datapath.RemovePort(1);

        Assert.That(Qdiscs(wire.Name), Does.Contain("clsact"));
        Assert.That(Filters(wire.Name), Is.Empty);
    }

    [Test]
    public void Qdisc_that_got_a_filter_of_others_stays()
    {
        using EbpfHarness harness = new(_clsact);
        Command.Run("tc", "filter", "add", "dev", "p1", "egress", "prio", "7", "bpf", "bytecode", "1,6 0 0 4294967295");

        harness.Datapath.RemovePort(1);

        Assert.That(Qdiscs("p1"), Does.Contain("clsact"));
        Assert.That(Filters("p1"), Is.Empty);
    }

    [Test]
    public void Second_owner_is_refused_and_the_first_goes_on()
    {
        using EbpfHarness harness = new(_clsact);
        harness.Put(1, Programs.Output(2));
        using EbpfDatapath second = new(_clsact);
        DpPort port = harness.Datapath.Ports[0];

        Assert.That(
            () => second.AddPort(port),
            Throws.TypeOf<DatapathException>().With.Message.Contains("p1").And.Message.Contains("in use").And.Message.Contains($"pid {Environment.ProcessId}"));

        Assert.That(second.Ports, Is.Empty);
        byte[] frame = FrameBuilder.Ethernet(0x0800).Ipv4(17).Udp(1, 2).Counting(22).ToArray();
        harness.Inject(1, frame);
        Assert.That(harness.Receive(2, 1).Single(), Is.EqualTo(frame));
    }

    [Test]
    public void Port_is_free_for_another_owner_after_the_first()
    {
        using EbpfHarness harness = new(_clsact);
        DpPort port = harness.Datapath.Ports[0];
        harness.Datapath.Dispose();

        using EbpfDatapath second = new(_clsact);
        second.AddPort(port);

        Assert.That(Filters("p1"), Does.Contain("dp_tc_ingress"));
    }

    [Test]
    public void Interface_that_vanished_can_be_removed()
    {
        using EbpfHarness harness = new(_clsact);
        Command.Run("ip", "link", "delete", "p1");

        Assert.That(harness.Datapath.RemovePort(1), Is.True);
        Assert.That(harness.Datapath.Ports.Select(p => p.Number), Is.EqualTo(new uint[] { 2 }));
    }

    [Test]
    public void Interface_that_is_not_there_is_refused_by_name()
    {
        using EbpfHarness harness = new(_clsact);

        Assert.That(
            () => harness.Datapath.AddPort(new DpPort(9, "nothere", 99999)),
            Throws.TypeOf<DatapathException>().With.Message.Contains("nothere").And.Message.Contains("ENODEV"));
        Assert.That(harness.Datapath.Ports, Has.Count.EqualTo(2));
    }

    [Test]
    public void Output_to_an_interface_that_vanished_is_survived()
    {
        using EbpfHarness harness = new(_clsact);
        harness.Put(1, Programs.Output(2));
        Command.Run("ip", "link", "delete", "p2");
        byte[] frame = FrameBuilder.Ethernet(0x0800).Ipv4(17).Udp(1, 2).Counting(22).ToArray();

        harness.Inject(1, frame);
        harness.Settle();

        DpPacket packet = new();
        packet.Load(frame, 1);
        harness.Datapath.Execute(packet, Programs.Output(2), null);
        Assert.That(harness.Drops(DropReason.ActionError), Is.EqualTo(1), "the packet socket says so");
    }

    private static string Qdiscs(string name) => Command.Run("tc", "qdisc", "show", "dev", name);

    private static string Filters(string name) => Command.Try("tc", "filter", "show", "dev", name, "ingress").Output;
}
