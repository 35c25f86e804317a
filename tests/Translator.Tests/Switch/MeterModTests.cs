using OvsBridge.OpenFlow;
using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Messages.Multipart;
using OvsBridge.Translator.Switch;
using OvsBridge.Translator.Tables;

namespace OvsBridge.Translator.Tests.Switch;

/// <summary>OFPT_METER_MOD.</summary>
[TestFixture]
public sealed class MeterModTests : SwitchFixture
{
    private static readonly MeterBand _drop = new(MeterBandType.Drop, 1000, 0);

    private static MeterMod Add(uint id, MeterFlags flags = MeterFlags.Kbps, params MeterBand[] bands) =>
        new(MeterModCommand.Add, flags, id, (bands.Length == 0 ? [_drop] : bands).ToValueList());

    private static MeterMod Modify(uint id, MeterFlags flags = MeterFlags.Kbps, params MeterBand[] bands) =>
        Add(id, flags, bands) with { Command = MeterModCommand.Modify };

    private static MeterMod Delete(uint id) => new(MeterModCommand.Delete, MeterFlags.None, id, []);

    [Test]
    public void Added_meter_gets_a_slot_in_the_datapath_and_reads_back_as_sent()
    {
        MeterBand[] bands = [new(MeterBandType.DscpRemark, 500, 0, PrecedenceLevel: 1), new(MeterBandType.Drop, 1000, 0)];
        Controller.Succeeds(Add(1, MeterFlags.Kbps, bands));
        Controller.Succeeds(Add(MeterMod.MaxMeter, MeterFlags.PacketsPerSecond | MeterFlags.Burst | MeterFlags.Stats, new MeterBand(MeterBandType.Drop, 7, 3)));

        MeterConfigAnswer answer = Controller.QueryOne<MeterConfigAnswer>(new MeterConfigQuery(MeterMod.AllMeters));

        Assert.That(answer.Meters, Is.EqualTo(new[]
        {
            new MeterConfigEntry(MeterFlags.Kbps, 1, bands.ToValueList()),
            new MeterConfigEntry(
                MeterFlags.PacketsPerSecond | MeterFlags.Burst | MeterFlags.Stats, MeterMod.MaxMeter, [new MeterBand(MeterBandType.Drop, 7, 3)]),
        }));
        Assert.That(Meters.Slots.Values, Is.EquivalentTo(Switch.Snapshot.Meters.Values));
    }

    [TestCase(MeterMod.ControllerMeter)]
    [TestCase(MeterMod.SlowPathMeter)]
    public void Virtual_meters_are_meters(uint id)
    {
        Controller.Succeeds(Add(id));
        Controller.Succeeds(Modify(id, MeterFlags.PacketsPerSecond));
        Assert.That(Switch.Snapshot.Meters[id].Flags, Is.EqualTo(MeterFlags.PacketsPerSecond));
        Controller.Succeeds(Delete(id));
        Assert.That(Switch.Snapshot.Meters, Is.Empty);
    }

    [Test]
    public void Adding_a_meter_twice_is_METER_EXISTS()
    {
        Controller.Succeeds(Add(1));
        Controller.Fails(Add(1), OfError.MeterModFailedMeterExists);
    }

    [TestCase(0u)]
    [TestCase(MeterMod.MaxMeter + 1)]
    [TestCase(MeterMod.AllMeters)]
    public void Meter_number_that_cannot_exist_is_INVALID_METER(uint id)
    {
        Controller.Fails(Add(id), OfError.MeterModFailedInvalidMeter);
        Controller.Fails(Modify(id), OfError.MeterModFailedInvalidMeter);
    }

    [Test]
    public void Modifying_a_meter_that_does_not_exist_is_UNKNOWN_METER() => Controller.Fails(Modify(1), OfError.MeterModFailedUnknownMeter);

    [Test]
    public void Unknown_command_is_BAD_COMMAND() =>
        Controller.Fails(new MeterMod((MeterModCommand)3, MeterFlags.Kbps, 1, []), OfError.MeterModFailedBadCommand);

    [TestCase(MeterFlags.Kbps | MeterFlags.PacketsPerSecond)]
    [TestCase((MeterFlags)0x10)]
    public void Flags_that_contradict_or_are_unknown_are_BAD_FLAGS(MeterFlags flags) =>
        Controller.Fails(Add(1, flags), OfError.MeterModFailedBadFlags);

    [Test]
    public void Flags_may_leave_the_unit_open_which_is_kbps() => Controller.Succeeds(Add(1, MeterFlags.None));

    [Test]
    public void Rate_0_is_BAD_RATE() => Controller.Fails(Add(1, MeterFlags.Kbps, _drop with { Rate = 0 }), OfError.MeterModFailedBadRate);

    [Test]
    public void Burst_0_is_BAD_BURST_when_the_burst_is_said_to_count()
    {
        Controller.Fails(Add(1, MeterFlags.Kbps | MeterFlags.Burst), OfError.MeterModFailedBadBurst);
        Controller.Succeeds(Add(1, MeterFlags.Kbps));
    }

    [Test]
    public void Experimenter_band_is_BAD_BAND() =>
        Controller.Fails(Add(1, MeterFlags.Kbps, new MeterBand(MeterBandType.Experimenter, 10, 0, Experimenter: 5)), OfError.MeterModFailedBadBand);

    [TestCase(0)]
    [TestCase(3)]
    public void Precedence_that_an_AF_class_does_not_have_is_BAD_BAND_VALUE(byte level) =>
        Controller.Fails(Add(1, MeterFlags.Kbps, new MeterBand(MeterBandType.DscpRemark, 10, 0, level)), OfError.MeterModFailedBadBandValue);

    [Test]
    public void Too_many_meters_is_OUT_OF_METERS()
    {
        for (uint id = 1; id <= 8; id++)
            Controller.Succeeds(Add(id));

        Controller.Fails(Add(9), OfError.MeterModFailedOutOfMeters);

        Controller.Succeeds(Delete(3));
        Controller.Succeeds(Add(9));
        Assert.That(Switch.Snapshot.Meters.Values.Select(meter => meter.Slot), Is.Unique);
    }

    [Test]
    public void Too_many_bands_is_OUT_OF_BANDS()
    {
        Controller.Fails(Add(1, MeterFlags.Kbps, _drop, _drop, _drop, _drop, _drop), OfError.MeterModFailedOutOfBands);
        Controller.Succeeds(Add(1, MeterFlags.Kbps, _drop, _drop, _drop, _drop));
        Controller.Fails(Modify(1, MeterFlags.Kbps, _drop, _drop, _drop, _drop, _drop), OfError.MeterModFailedOutOfBands);
    }

    [Test]
    public void What_the_datapath_refuses_is_UNKNOWN_and_changes_nothing()
    {
        Meters.Refuses = true;

        Controller.Fails(Add(1), OfError.MeterModFailedUnknown);

        Assert.That(Switch.Snapshot.Meters, Is.Empty);
        Meters.Refuses = false;
        Controller.Succeeds(Add(1));
    }

    [Test]
    public void No_room_for_the_bands_is_OUT_OF_BANDS_and_changes_nothing()
    {
        Meters.Full = true;
        Controller.Fails(Add(1), OfError.MeterModFailedOutOfBands);
        Assert.That(Switch.Snapshot.Meters, Is.Empty);
    }

    [TestCase(MeterMod.ControllerMeter)]
    [TestCase(MeterMod.SlowPathMeter)]
    public void Virtual_meter_that_remarks_is_BAD_BAND(uint id) =>
        Controller.Fails(Add(id, MeterFlags.Kbps, new MeterBand(MeterBandType.DscpRemark, 10, 0, 1)), OfError.MeterModFailedBadBand);

    [Test]
    public void Freed_slot_rests_as_long_as_others_are_free()
    {
        Controller.Succeeds(Add(1));
        uint first = Switch.Snapshot.Meters[1].Slot;
        Controller.Succeeds(Delete(1));

        Controller.Succeeds(Add(2));

        Assert.That(Switch.Snapshot.Meters[2].Slot, Is.Not.EqualTo(first), "megaflows may still send packets through the old slot");
    }

    [Test]
    public void Modify_keeps_slot_and_age()
    {
        Controller.Succeeds(Add(1));
        Meter before = Switch.Snapshot.Meters[1];
        Time.Advance(TimeSpan.FromSeconds(5));

        Controller.Succeeds(Modify(1, MeterFlags.PacketsPerSecond, _drop with { Rate = 9 }));

        Assert.That(Switch.Snapshot.Meters[1], Is.EqualTo(before with { Flags = MeterFlags.PacketsPerSecond, Bands = [_drop with { Rate = 9 }] }));
        Assert.That(Meters.Slots[before.Slot].Bands[0].Rate, Is.EqualTo(9));
    }

    [Test]
    public void Delete_takes_the_flows_that_use_the_meter()
    {
        Controller.Succeeds(Add(1));
        Controller.Succeeds(
            "add-flow send_flow_rem,cookie=1,in_port=1,actions=meter:1,output:2", "add-flow table=3,in_port=2,actions=meter:1,output:2", "add-flow in_port=3,actions=output:2");

        Controller.Send(Delete(1));
        Controller.Send(new BarrierRequest());

        Assert.That(Controller.Expect<FlowRemoved>().Reason, Is.EqualTo(FlowRemovedReason.Delete), "1.3 has no reason for it");
        Controller.Expect<BarrierReply>();
        Assert.That(FlowCount, Is.EqualTo(1));
        Assert.That(Meters.Slots, Is.Empty);
    }

    [Test]
    public void Deletes_succeed_on_nothing()
    {
        Controller.Succeeds(Delete(5));
        Controller.Succeeds(Delete(MeterMod.AllMeters));
    }

    [Test]
    public void Deleting_all_meters_takes_virtual_ones_too()
    {
        Controller.Succeeds(Add(1));
        Controller.Succeeds(Add(2));
        Controller.Succeeds(Add(MeterMod.ControllerMeter));
        Controller.Succeeds("add-flow in_port=1,actions=meter:2,output:2");

        Controller.Succeeds(Delete(MeterMod.AllMeters));

        Assert.That((Switch.Snapshot.Meters.Count, Meters.Slots.Count, FlowCount), Is.EqualTo((0, 0, 0)));
    }

    [Test]
    public void Statistics_come_from_the_datapath()
    {
        Controller.Succeeds(Add(3, MeterFlags.Kbps, _drop));
        Controller.Succeeds("add-flow in_port=1,actions=meter:3,output:2", "add-flow in_port=2,actions=meter:3,output:2");
        Time.Advance(TimeSpan.FromMilliseconds(1500));

        MeterAnswer answer = Controller.QueryOne<MeterAnswer>(new MeterQuery(3));

        Assert.That(answer.Meters, Is.EqualTo(new[] { new MeterStatsEntry(3, 2, 30, 3000, 1_500_000_000, [new BucketCounter(1000, 2000)]) }));
    }

    [Test]
    public void Statistics_and_configuration_of_a_meter_that_does_not_exist_are_UNKNOWN_METER()
    {
        Controller.Fails(new MultipartRequest(new MeterQuery(3)), OfError.MeterModFailedUnknownMeter);
        Controller.Fails(new MultipartRequest(new MeterConfigQuery(3)), OfError.MeterModFailedUnknownMeter);
        Assert.That(Controller.QueryOne<MeterAnswer>(new MeterQuery(MeterMod.AllMeters)).Meters, Is.Empty);
    }

    [Test]
    public void Features_say_what_the_datapath_has() =>
        Assert.That(Controller.QueryOne<MeterFeaturesAnswer>(new MeterFeaturesQuery()), Is.EqualTo(new MeterFeaturesAnswer(8, 0b110, 0b1111, 4, 0)));

    [Test]
    public void Without_metering_in_the_datapath_there_is_room_for_no_meter()
    {
        StopSwitch();
        Start(new OfSwitchOptions { DatapathId = 1 }, meters: false);

        Controller.Fails(Add(1), OfError.MeterModFailedOutOfMeters);

        Assert.That(Controller.QueryOne<MeterFeaturesAnswer>(new MeterFeaturesQuery()), Is.EqualTo(new MeterFeaturesAnswer(0, 0, 0, 0, 0)));
        Assert.That(Controller.QueryOne<MeterAnswer>(new MeterQuery(MeterMod.AllMeters)).Meters, Is.Empty);
    }
}
