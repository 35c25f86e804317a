using OvsBridge.Datapath.Ebpf;
using OvsBridge.Datapath.Interop;
using OvsBridge.Datapath.Tests.Contract;
using OvsBridge.Datapath.Tests.Packets;
using OvsBridge.Datapath.Tunnels;
using OvsBridge.Testing;

namespace OvsBridge.Datapath.Tests.Kernel;

/// <summary>Programs on interfaces by tcx and by clsact, and the change from one to the other.</summary>
[TestFixture]
[Category("Kernel")]
public sealed class AttachHookTests
{
    private const ulong Owner = 0x77;

    private readonly byte[] _frame = FrameBuilder.Ethernet(0x0800).Ipv4(17).Udp(1, 2).Counting(22).ToArray();

    [SetUp]
    public void Check()
    {
        KernelFixture.NeedsRoot();
        if (!TcxHook.IsSupported)
        {
            Assert.Ignore("this kernel has no tcx");
        }
    }

    [Test]
    public void Auto_is_tcx_where_the_kernel_has_it()
    {
        using EbpfDatapath datapath = new(KernelFixture.Small);
        Assert.That(datapath.AttachedTo, Is.EqualTo(AttachPoint.Tcx));
    }

    [Test]
    public void Program_of_tcx_is_there_while_the_port_is_and_there_is_no_qdisc()
    {
        using EbpfHarness harness = new(KernelFixture.Small with { AttachTo = AttachPoint.Tcx });
        int first = harness.Wire(1).IfIndex, second = harness.Wire(2).IfIndex;
        Assert.That(TcxHook.List(first), Has.Length.EqualTo(1));
        Assert.That(Command.Run("tc", "qdisc", "show"), Does.Not.Contain("clsact"));
        harness.Put(1, Programs.Output(2));
        harness.Inject(1, _frame);
        Assert.That(harness.Receive(2, 1).Single(), Is.EqualTo(_frame));

        Assert.That(harness.Datapath.RemovePort(1), Is.True);
        Assert.That(TcxHook.List(first), Is.Empty);
        Assert.That(TcxHook.List(second), Has.Length.EqualTo(1), "the other port's stays");
        harness.Datapath.Dispose();
        Assert.That(TcxHook.List(second), Is.Empty);
    }

    /// <summary>The machine's own interfaces have the other program, which is found by its name too, whichever hook it is at.</summary>
    [TestCase(AttachPoint.Tcx)]
    [TestCase(AttachPoint.Clsact)]
    public void Tunnels_come_in_by_either_hook(AttachPoint point)
    {
        using TunnelHarness net = new(KernelFixture.Small with { AttachTo = point });
        Wire underlay = net.Underlay;
        net.Add(TunnelHarness.Config(TunnelType.Vxlan));
        net.Ports.Put(TunnelHarness.Tunnel, Programs.Output(1));
        Assert.That(TcxHook.List(underlay.IfIndex), Has.Length.EqualTo(point == AttachPoint.Tcx ? 1 : 0));
        Assert.That(PortAttacher.Find(underlay.Name, underlay.IfIndex), Is.Not.Null);

        net.Arrive(TunnelFrames.Outer(TunnelType.Vxlan, TunnelFrames.Peers(false), TunnelFrames.Ours(false), _frame, 42, outward: false));
        Assert.That(net.Ports.Receive(1, 1).Single(), Is.EqualTo(_frame));

        net.Datapath.LeaveBehind = true;
        net.Datapath.Dispose();
        Assert.That(PortAttacher.RemoveLeftover(underlay.Name, underlay.IfIndex), Is.True, "what a former process left");
        Assert.That(PortAttacher.Find(underlay.Name, underlay.IfIndex), Is.Null);
    }

    [Test]
    public void Second_owner_is_refused_and_the_first_goes_on()
    {
        using EbpfHarness harness = new(KernelFixture.Small with { AttachTo = AttachPoint.Tcx });
        using EbpfDatapath second = new(KernelFixture.Small with { AttachTo = AttachPoint.Clsact });

        Assert.That(() => second.AddPort(harness.Datapath.Ports[0]), Throws.TypeOf<DatapathException>().With.Message.Contains("in use"));

        Assert.That(TcxHook.List(harness.Wire(1).IfIndex), Has.Length.EqualTo(1));
    }

    /// <summary>Programs of others that were there first see packets first; ours comes behind them and stays when they go.</summary>
    [Test]
    public unsafe void Programs_of_others_stay_and_come_first()
    {
        using TestPrograms others = new();
        using EbpfHarness harness = new(KernelFixture.Small with { AttachTo = AttachPoint.Tcx }, ports: 0);
        Wire wire = harness.Wire(1);
        LibC.BpfAttachment other = new() { IfIndex = wire.IfIndex, ProgramFd = others.Parse, Type = LibC.BpfTcxIngress };
        Assert.That(LibC.Bpf(LibC.BpfProgAttach, &other, sizeof(LibC.BpfAttachment)), Is.Zero);
        uint theirs = TcxHook.List(wire.IfIndex).Single();

        harness.Datapath.AddPort(new DpPort(1, wire.Name, wire.IfIndex));
        Assert.That(TcxHook.List(wire.IfIndex), Has.Length.EqualTo(2));
        Assert.That(TcxHook.List(wire.IfIndex)[0], Is.EqualTo(theirs));
        harness.Datapath.RemovePort(1);

        Assert.That(TcxHook.List(wire.IfIndex), Is.EqualTo(new[] { theirs }));
    }

    [Test]
    public void Interface_that_moves_to_another_namespace_or_vanishes_takes_no_program_along()
    {
        using EbpfHarness harness = new(KernelFixture.Small with { AttachTo = AttachPoint.Tcx });
        using Netns elsewhere = new();
        int index = harness.Wire(1).IfIndex;
        Command.Run("ip", "link", "set", "p1", "netns", elsewhere.Switch);

        Assert.That(harness.Datapath.RemovePort(1), Is.True);

        Assert.That(TcxHook.List(index), Is.Empty);
        elsewhere.Inside(() => Assert.That(TcxHook.List(PrivateNetwork.IfIndex("p1")), Is.Empty));
    }

    /// <summary>What the next process does with what a killed one left, by the same hook or the other.</summary>
    [TestCase(AttachPoint.Tcx, AttachPoint.Tcx)]
    [TestCase(AttachPoint.Clsact, AttachPoint.Tcx)]
    [TestCase(AttachPoint.Tcx, AttachPoint.Clsact)]
    [TestCase(AttachPoint.Clsact, AttachPoint.Clsact)]
    public void Next_process_takes_over_and_one_program_meets_packets(AttachPoint former, AttachPoint next)
    {
        using EbpfHarness harness = new(ports: 0);
        harness.Datapath.Dispose();
        DpPort[] ports = [new(1, "p1", harness.Wire(1).IfIndex), new(2, "p2", harness.Wire(2).IfIndex)];
        using (EbpfDatapath first = Open(former))
        {
            Assert.That(first.PutFlow(new() { InPort = 1 }, new() { InPort = uint.MaxValue }, Programs.Output(2)), Is.Not.Null);
            first.LeaveBehind = true;
        }

        Send();
        using (EbpfDatapath second = Open(next))
        {
            Assert.That(second.Adopted, Is.EqualTo(new AdoptionReport(null, 1, 1)));
            Send();
            Assert.That(second.ReadDatapathStats().Rx, Is.EqualTo(2), "each packet once");
            Assert.That(TcxHook.List(ports[0].IfIndex), Has.Length.EqualTo(next == AttachPoint.Tcx ? 1 : 0));
            bool filter = former == AttachPoint.Clsact || next == AttachPoint.Clsact; // behind tcx it stays, since to remove it would cost packets
            Assert.That(ClsactHook.Find(ports[0].IfIndex) is not null, Is.EqualTo(filter));
            Assert.That(Command.Run("tc", "qdisc", "show").Contains("clsact", StringComparison.Ordinal), Is.EqualTo(filter));
        }

        Assert.That(TcxHook.List(ports[0].IfIndex), Is.Empty);
        Assert.That(Command.Run("tc", "qdisc", "show"), Does.Not.Contain("clsact"));

        EbpfDatapath Open(AttachPoint point)
        {
            EbpfDatapath datapath = new(KernelFixture.Small with { AttachTo = point, Adopt = new AdoptionRequest(Owner, ports) });
            foreach (DpPort port in ports)
            {
                datapath.AddPort(port);
            }

            return datapath;
        }

        void Send()
        {
            harness.Inject(1, _frame);
            Assert.That(harness.Receive(2, 1).Single(), Is.EqualTo(_frame));
        }
    }

    [TestCase(AttachPoint.Tcx)]
    [TestCase(AttachPoint.Clsact)]
    public void What_a_dead_one_left_is_removed(AttachPoint point)
    {
        using EbpfHarness harness = new(KernelFixture.Small with { AttachTo = point });
        int index = harness.Wire(1).IfIndex;
        Assert.That(PortAttacher.RemoveLeftover("p1", index), Is.False, "its owner lives");
        harness.Datapath.LeaveBehind = true;
        harness.Datapath.Dispose();

        Assert.That(PortAttacher.RemoveLeftover("p1", index), Is.True);

        Assert.That(TcxHook.List(index), Is.Empty);
        Assert.That(ClsactHook.Find(index), Is.Null);
        Assert.That(PortAttacher.RemoveLeftover("p1", index), Is.False);
    }
}
