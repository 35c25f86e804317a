using OvsBridge.Datapath;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Messages.Multipart;
using OvsBridge.Testing;
using OvsBridge.Translator.Switch;
using OvsBridge.Translator.Tables;

namespace OvsBridge.Translator.Tests.Switch;

/// <summary>Port events of the host, OFPT_PORT_STATUS, OFPT_PORT_MOD.</summary>
[TestFixture]
public sealed class PortTests : SwitchFixture
{
    private const ulong Mac1 = 0x020000000001;

    private static PortMod Mod(PortConfig config, PortConfig mask) => new(1, Mac1, config, mask, 0);

    private PortDescription Description(uint port) =>
        Controller.QueryOne<PortDescAnswer>(new PortDescQuery()).Ports.Single(each => each.PortNo == port);

    private void Report(uint number, PortConfig config, PortState state)
    {
        SwitchPort port = Switch.Snapshot.Ports[number];
        Switch.PortChanged(port with { Description = port.Description with { Config = config, State = state } });
    }

    [Test]
    public void New_port_is_announced_and_in_the_snapshot()
    {
        Switch.PortAdded(Port(4));

        PortStatus status = Controller.Expect<PortStatus>();
        Assert.That((status.Reason, status.Port.PortNo, status.Port.State), Is.EqualTo((PortReason.Add, 4u, PortState.Live)));
        Assert.That(Switch.Snapshot.Ports[4].Description, Is.EqualTo(status.Port));
    }

    [Test]
    public void Number_in_use_is_the_hosts_mistake() => Assert.That(() => Switch.PortAdded(Port(1)), Throws.ArgumentException);

    [Test]
    public void Removed_port_is_announced_with_its_last_description()
    {
        PortDescription last = Description(2);

        Switch.PortRemoved(2);

        Assert.That(Controller.Expect<PortStatus>(), Is.EqualTo(new PortStatus(PortReason.Delete, last)));
        Assert.That(Switch.Snapshot.Ports.Keys, Is.EqualTo(new[] { 1, 3 }));
        Assert.That(() => Switch.PortRemoved(2), Throws.ArgumentException);
    }

    [Test]
    public void Link_going_down_is_announced_and_not_live()
    {
        Report(1, PortConfig.None, PortState.LinkDown);
        Assert.That(Controller.Expect<PortStatus>().Port.State, Is.EqualTo(PortState.LinkDown));

        Report(1, PortConfig.None, PortState.None);
        Assert.That(Controller.Expect<PortStatus>().Port.State, Is.EqualTo(PortState.Live));
    }

    [Test]
    public void Report_that_changes_nothing_is_not_announced()
    {
        long version = Switch.Snapshot.Version;

        Report(1, PortConfig.None, PortState.None);

        Controller.ExpectNothing();
        Assert.That(Switch.Snapshot.Version, Is.EqualTo(version));
    }

    [Test]
    public void Interface_set_down_by_the_administrator_shows_as_PORT_DOWN()
    {
        Report(1, PortConfig.PortDown, PortState.LinkDown);

        PortDescription port = Controller.Expect<PortStatus>().Port;
        Assert.That((port.Config, port.State), Is.EqualTo((PortConfig.PortDown, PortState.LinkDown)));
    }

    [TestCase(PortConfig.NoRecv, DpPortFlags.NoRecv)]
    [TestCase(PortConfig.NoFwd, DpPortFlags.NoFwd)]
    [TestCase(PortConfig.NoRecv | PortConfig.NoFwd, DpPortFlags.NoRecv | DpPortFlags.NoFwd)]
    public void Port_mod_takes_effect_in_the_datapath(PortConfig config, DpPortFlags flags)
    {
        Controller.Succeeds(Mod(config, config));

        Assert.That(Ports.Flags[1], Is.EqualTo(flags));
        Assert.That(Description(1).Config, Is.EqualTo(config));
        Controller.Succeeds(Mod(PortConfig.None, config));
        Assert.That(Ports.Flags[1], Is.EqualTo(DpPortFlags.None));
    }

    [Test]
    public void Port_mod_down_sets_the_interface_down_and_blocks_the_port()
    {
        Controller.Succeeds(Mod(PortConfig.PortDown, PortConfig.PortDown));

        Assert.That(Ports.Up[1], Is.False);
        Assert.That(Ports.Flags[1], Is.EqualTo(DpPortFlags.NoRecv | DpPortFlags.NoFwd));
        Assert.That((Description(1).Config, Description(1).State), Is.EqualTo((PortConfig.PortDown, PortState.None)));

        Controller.Succeeds(Mod(PortConfig.None, PortConfig.PortDown));
        Assert.That((Ports.Up[1], Ports.Flags[1]), Is.EqualTo((true, DpPortFlags.None)));
    }

    [Test]
    public void Port_mod_of_LOCAL_uses_its_datapath_number()
    {
        Switch.PortAdded(Port(OfPorts.Local));
        Controller.TakeAll();

        Controller.Succeeds(new PortMod(OfPorts.Local, Port(OfPorts.Local).Description.HwAddr, PortConfig.NoFwd, PortConfig.NoFwd, 0));

        Assert.That(Ports.Flags[OfPorts.DatapathLocal], Is.EqualTo(DpPortFlags.NoFwd));
    }

    [Test]
    public void Only_bits_in_the_mask_change()
    {
        Controller.Succeeds(Mod(PortConfig.NoFwd | PortConfig.NoRecv, PortConfig.NoFwd));

        Assert.That(Description(1).Config, Is.EqualTo(PortConfig.NoFwd));
    }

    [Test]
    public void Interface_that_the_administrator_sets_up_again_lets_packets_through_again()
    {
        Controller.Succeeds(Mod(PortConfig.PortDown, PortConfig.PortDown));

        Report(1, PortConfig.None, PortState.None); // ip link set up

        Assert.That(Ports.Flags[1], Is.EqualTo(DpPortFlags.None));
        Assert.That(Controller.Expect<PortStatus>().Port.Config, Is.EqualTo(PortConfig.None));
    }

    [Test]
    public void What_OpenFlow_configured_survives_link_changes()
    {
        Controller.Succeeds(Mod(PortConfig.NoRecv | PortConfig.NoPacketIn, PortConfig.NoRecv | PortConfig.NoPacketIn));

        Report(1, PortConfig.None, PortState.LinkDown);

        Assert.That(Controller.Expect<PortStatus>().Port.Config, Is.EqualTo(PortConfig.NoRecv | PortConfig.NoPacketIn));
    }

    [Test]
    public void Port_that_comes_back_starts_anew()
    {
        Controller.Succeeds(Mod(PortConfig.NoRecv, PortConfig.NoRecv));
        Switch.PortRemoved(1);
        Switch.PortAdded(Port(1));

        Assert.That(Switch.Snapshot.Ports[1].Description.Config, Is.EqualTo(PortConfig.None));
    }

    [Test]
    public void Port_mod_is_announced_to_the_others()
    {
        using FakeController other = Another();

        Controller.Succeeds(Mod(PortConfig.NoFwd, PortConfig.NoFwd));

        Assert.That(other.Expect<PortStatus>().Port.Config, Is.EqualTo(PortConfig.NoFwd));
        Controller.ExpectNothing();
        Controller.Succeeds(Mod(PortConfig.NoFwd, PortConfig.NoFwd));
        other.ExpectNothing();
    }

    [Test]
    public void NO_PACKET_IN_silences_misses_of_the_port_but_not_its_flows()
    {
        Controller.Succeeds(Mod(PortConfig.NoPacketIn, PortConfig.NoPacketIn));
        PacketInEvent packet = new()
        {
            Reason = PacketInReason.NoMatch,
            TableId = 0,
            Cookie = 0,
            PipelineFields = default,
            InPort = 1,
            Frame = new byte[60],
            TotalLength = 60,
        };

        Switch.OnPacketIn(packet);
        Controller.ExpectNothing();

        Switch.OnPacketIn(packet with { Reason = PacketInReason.Action });
        Controller.Expect<PacketIn>();
        Switch.OnPacketIn(packet with { InPort = 2 });
        Controller.Expect<PacketIn>();
    }

    [TestCase(9u)]
    [TestCase(OfPorts.All)]
    [TestCase(OfPorts.Local)]
    public void Port_that_does_not_exist_is_BAD_PORT(uint port) =>
        Controller.Fails(Mod(PortConfig.NoFwd, PortConfig.NoFwd) with { PortNo = port }, OfError.PortModFailedBadPort);

    [Test]
    public void Wrong_address_is_BAD_HW_ADDR() =>
        Controller.Fails(Mod(PortConfig.NoFwd, PortConfig.NoFwd) with { HwAddr = Mac1 + 1 }, OfError.PortModFailedBadHwAddr);

    [Test]
    public void Unknown_bits_are_BAD_CONFIG()
    {
        Controller.Fails(Mod((PortConfig)2, PortConfig.NoFwd), OfError.PortModFailedBadConfig);
        Controller.Fails(Mod(PortConfig.None, (PortConfig)0x80), OfError.PortModFailedBadConfig);
    }

    [Test]
    public void Features_to_advertise_are_BAD_ADVERTISE_unless_they_are_those_in_force()
    {
        SwitchPort port = Switch.Snapshot.Ports[1];
        Switch.PortChanged(port with { Description = port.Description with { Advertised = PortFeatures.Copper } });
        Controller.TakeAll();

        Controller.Fails(Mod(0, 0) with { Advertise = PortFeatures.OneGbFull }, OfError.PortModFailedBadAdvertise);

        Controller.Succeeds(Mod(0, 0) with { Advertise = PortFeatures.Copper });
    }

    [Test]
    public void What_the_kernel_refuses_is_EPERM_and_changes_nothing()
    {
        Ports.Refuses = true;

        Controller.Fails(Mod(PortConfig.PortDown, PortConfig.PortDown), OfError.PortModFailedEperm);

        Assert.That(Description(1).Config, Is.EqualTo(PortConfig.None));
        Assert.That(Ports.Flags.GetValueOrDefault(1u), Is.EqualTo(DpPortFlags.None));
    }
}
