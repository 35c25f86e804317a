namespace OvsBridge.Datapath.Tests.Contract;

public abstract partial class DatapathContract
{
    [Test]
    public void Ports_are_listed_in_order_of_number()
    {
        Datapath.RemovePort(2);
        Datapath.AddPort(CreateInterface(9));
        Datapath.AddPort(CreateInterface(7));

        Assert.That(Datapath.Ports.Select(p => p.Number), Is.EqualTo(new uint[] { 1, 3, 4, 7, 9 }));
    }

    [Test]
    public void Port_number_that_is_taken_is_refused_and_the_first_port_stays()
    {
        DpPort first = Datapath.Ports[0];

        Assert.That(() => Datapath.AddPort(CreateInterface(20) with { Number = 1 }), Throws.ArgumentException);
        Assert.That(Datapath.Ports[0], Is.EqualTo(first));
    }

    [TestCase(0u)]
    [TestCase(65280u)]
    [TestCase(65533u)]
    [TestCase(65535u)]
    [TestCase(70000u)]
    public void Port_number_out_of_range_is_refused(uint number) =>
        Assert.That(() => Datapath.AddPort(CreateInterface(20) with { Number = number }), Throws.ArgumentException);

    [Test]
    public void Local_port_has_its_number()
    {
        Datapath.AddPort(CreateInterface(20) with { Number = 65534 });

        Assert.That(Datapath.Ports[^1].Number, Is.EqualTo(65534));
    }

    [Test]
    public void Removing_a_port_that_is_not_there_says_so()
    {
        Assert.That(Datapath.RemovePort(2), Is.True);
        Assert.That(Datapath.RemovePort(2), Is.False);
        Assert.That(Datapath.RemovePort(999), Is.False);
    }

    [Test]
    public void Removed_port_receives_and_sends_nothing()
    {
        PutPortFlow(1, Programs.Output(2));
        PutPortFlow(2, Programs.Output(1));

        Datapath.RemovePort(2);

        Assert.That(Through(1, Udp()), Is.Empty);
        Assert.That(Through(2, Udp()), Is.Empty);
        Assert.That(_sink.Take(), Is.Empty);
    }

    [Test]
    public void Port_that_comes_back_works_again()
    {
        PutPortFlow(1, Programs.Output(2));
        DpPort port = Datapath.Ports.Single(p => p.Number == 2);
        Datapath.RemovePort(2);
        Datapath.AddPort(port);
        byte[] frame = Udp();

        Assert.That(Through(1, frame), Is.EqualTo(new[] { At(2, frame) }));
    }

    [Test]
    public void Port_with_no_recv_receives_nothing_but_sends()
    {
        PutPortFlow(1, Programs.Output(2));
        PutPortFlow(2, Programs.Output(1));
        Datapath.SetPortFlags(2, DpPortFlags.NoRecv);
        ulong before = Dropped(Datapath.ReadDatapathStats(), DropReason.PortNoRecv);
        byte[] frame = Udp();

        Assert.That(Through(2, frame), Is.Empty);
        Assert.That(Through(1, frame), Is.EqualTo(new[] { At(2, frame) }));
        Assert.That(Dropped(Datapath.ReadDatapathStats(), DropReason.PortNoRecv) - before, Is.EqualTo(1));
    }

    [Test]
    public void Port_with_no_fwd_sends_nothing_but_receives()
    {
        PutPortFlow(1, Programs.Output(2));
        PutPortFlow(2, Programs.Output(1));
        Datapath.SetPortFlags(2, DpPortFlags.NoFwd);
        ulong before = Dropped(Datapath.ReadDatapathStats(), DropReason.NoOutPort);
        byte[] frame = Udp();

        Assert.That(Through(1, frame), Is.Empty);
        Assert.That(Through(2, frame), Is.EqualTo(new[] { At(1, frame) }));
        Assert.That(Dropped(Datapath.ReadDatapathStats(), DropReason.NoOutPort) - before, Is.EqualTo(1));
    }

    [Test]
    public void Cleared_flags_let_packets_through_again()
    {
        PutPortFlow(1, Programs.Output(2));
        Datapath.SetPortFlags(1, DpPortFlags.NoRecv | DpPortFlags.NoFwd);
        Assert.That(Datapath.Ports[0].Flags, Is.EqualTo(DpPortFlags.NoRecv | DpPortFlags.NoFwd));
        Assert.That(Through(1, Udp()), Is.Empty);

        Datapath.SetPortFlags(1, DpPortFlags.None);

        Assert.That(Through(1, Udp()), Has.Count.EqualTo(1));
    }

    [Test]
    public void Flags_of_a_port_that_is_not_there_are_a_mistake() =>
        Assert.That(() => Datapath.SetPortFlags(999, DpPortFlags.NoFwd), Throws.ArgumentException);
}
