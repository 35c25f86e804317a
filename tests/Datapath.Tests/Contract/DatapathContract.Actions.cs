using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.Datapath.Tests.Contract;

public abstract partial class DatapathContract
{
    [Test]
    public void Several_outputs_each_get_the_packet()
    {
        PutPortFlow(1, Programs.Output(2, 3, 4));
        byte[] frame = Udp();

        Assert.That(Through(1, frame), Is.EqualTo(new[] { At(2, frame), At(3, frame), At(4, frame) }));
    }

    [Test]
    public void Output_sends_the_packet_as_it_is_at_that_point()
    {
        PutPortFlow(1, Programs.Of(w => w
            .Then(DpActionType.Output, 2).SetEthDst(0x0a0000000001)
            .Then(DpActionType.Output, 3).SetEthDst(0x0a0000000002)
            .Then(DpActionType.Output, 4)));
        byte[] frame = Udp();

        Assert.That(Through(1, frame), Is.EqualTo(new[]
        {
            At(2, frame),
            At(3, [0x0a, 0, 0, 0, 0, 1, .. frame.AsSpan(6)]),
            At(4, [0x0a, 0, 0, 0, 0, 2, .. frame.AsSpan(6)]),
        }));
    }

    [Test]
    public void Output_may_go_back_where_it_came_from()
    {
        PutPortFlow(1, Programs.Output(1));
        byte[] frame = Udp();

        Assert.That(Through(1, frame), Is.EqualTo(new[] { At(1, frame) }));
    }

    [Test]
    public void Output_to_a_port_that_is_not_there_is_counted_and_the_program_goes_on()
    {
        PutPortFlow(1, Programs.Output(2, 999, 3, 70000, 0));
        byte[] frame = Udp();
        ulong before = Dropped(Datapath.ReadDatapathStats(), DropReason.NoOutPort);

        Assert.That(Through(1, frame), Is.EqualTo(new[] { At(2, frame), At(3, frame) }));
        Assert.That(Dropped(Datapath.ReadDatapathStats(), DropReason.NoOutPort) - before, Is.EqualTo(3));
    }

    [Test]
    public void Empty_program_drops()
    {
        MegaflowHandle flow = PutPortFlow(1, DpActions.Drop);
        ulong before = Dropped(Datapath.ReadDatapathStats(), DropReason.Action);

        Assert.That(Through(1, Udp()), Is.Empty);
        Assert.That(_sink.Take(), Is.Empty);
        Assert.That(Datapath.ReadStats(flow).Packets, Is.EqualTo(1));
        Assert.That(Dropped(Datapath.ReadDatapathStats(), DropReason.Action) - before, Is.EqualTo(1));
    }

    [TestCase(0u, DropReason.Explicit)]
    [TestCase((uint)DropReason.Ttl, DropReason.Ttl)]
    public void Drop_ends_the_program_and_counts_its_reason(uint arg, DropReason reason)
    {
        Needs(DpActionType.Drop);
        PutPortFlow(1, Programs.Of(w => w.Then(DpActionType.Output, 2).Then(DpActionType.Drop, arg).Then(DpActionType.Output, 3)));
        byte[] frame = Udp();
        ulong before = Dropped(Datapath.ReadDatapathStats(), reason);

        Assert.That(Through(1, frame), Is.EqualTo(new[] { At(2, frame) }));
        Assert.That(Dropped(Datapath.ReadDatapathStats(), reason) - before, Is.EqualTo(1));
    }

    [Test]
    public void Truncation_holds_for_the_next_output_only()
    {
        Needs(DpActionType.Trunc);
        PutPortFlow(1, Programs.Of(w => w.Then(DpActionType.Trunc, 40).Then(DpActionType.Output, 2).Then(DpActionType.Output, 3)));
        byte[] frame = Udp();

        Assert.That(Through(1, frame), Is.EqualTo(new[] { At(2, frame[..40]), At(3, frame) }));
    }

    [Test]
    public void Restored_packet_is_as_it_was_saved()
    {
        Needs(DpActionType.Save, DpActionType.Restore, DpActionType.PushVlan);
        PutPortFlow(1, Programs.Of(w => w
            .Then(DpActionType.Save).SetEthDst(0x0a0000000001).Then(DpActionType.PushVlan, 0x81000005).Then(DpActionType.Output, 2).Then(DpActionType.Restore)
            .Then(DpActionType.Output, 3)));
        byte[] frame = Udp();

        Assert.That(Through(1, frame), Is.EqualTo(new[]
        {
            At(2, [0x0a, 0, 0, 0, 0, 1, .. frame.AsSpan(6, 6), 0x81, 0, 0, 5, .. frame.AsSpan(12)]),
            At(3, frame),
        }));
    }

    [Test]
    public void Packet_that_goes_round_is_looked_up_by_its_recirc_id()
    {
        Needs(DpActionType.Recirc);
        MegaflowHandle first = PutPortFlow(1, Programs.Of(w => w.SetEthDst(0x0a0000000001).Then(DpActionType.Recirc, 5)));
        FlowKey key = new() { InPort = 1, RecircId = 5, EthDst = 0x0a0000000001 };
        FlowKey mask = PortMask;
        mask.EthDst = 0xffffffffffff;
        MegaflowHandle second = Put(key, mask, Programs.Output(2));
        PutPortFlow(1, Programs.Output(4), 6);
        byte[] frame = Udp();
        ulong before = Datapath.ReadDatapathStats().Recirculated;

        Assert.That(Through(1, frame), Is.EqualTo(new[] { At(2, [0x0a, 0, 0, 0, 0, 1, .. frame.AsSpan(6)]) }));
        Assert.That(Datapath.ReadStats(first).Packets, Is.EqualTo(1));
        Assert.That(Datapath.ReadStats(second).Packets, Is.EqualTo(1));
        Assert.That(Datapath.ReadDatapathStats().Recirculated - before, Is.EqualTo(1));
    }

    [TestCase(8u, 1)]
    [TestCase(9u, 0)]
    public void Packet_may_go_round_eight_times(uint rounds, int sent)
    {
        Needs(DpActionType.Recirc);
        for (uint id = 0; id < rounds; id++)
        {
            PutPortFlow(1, Programs.Of(w => w.Then(DpActionType.Recirc, id + 1)), id);
        }

        PutPortFlow(1, Programs.Output(2), rounds);
        ulong before = Dropped(Datapath.ReadDatapathStats(), DropReason.RecircLimit);

        Assert.That(Through(1, Udp()), Has.Count.EqualTo(sent));
        Assert.That(Dropped(Datapath.ReadDatapathStats(), DropReason.RecircLimit) - before, Is.EqualTo(1 - sent));
    }

    [Test]
    public void Packet_that_goes_round_and_round_is_dropped()
    {
        Needs(DpActionType.Recirc);
        PutPortFlow(1, Programs.Of(w => w.Then(DpActionType.Recirc, 5)));
        PutPortFlow(1, Programs.Of(w => w.Then(DpActionType.Recirc, 5)), 5);
        ulong before = Dropped(Datapath.ReadDatapathStats(), DropReason.RecircLimit);

        Assert.That(Through(1, Udp()), Is.Empty);
        Assert.That(Dropped(Datapath.ReadDatapathStats(), DropReason.RecircLimit) - before, Is.EqualTo(1));
    }

    [Test]
    public void Hash_is_the_one_that_user_space_computes()
    {
        Needs(DpActionType.Hash, DpActionType.Recirc);
        PutPortFlow(1, Programs.Of(w => w.Then(DpActionType.Hash, 42).Then(DpActionType.Recirc, 5)));
        foreach (byte[] frame in Packets.FrameSamples.OneOfEachKind)
        {
            Inject(1, frame);
            RecordedUpcall upcall = _sink.Take(1).Single();

            Assert.That(upcall.Key.DpHash, Is.EqualTo(FlowHash.Compute(42, KeyOf(1, frame))), Packets.KeyText.Of(upcall.Key));
        }
    }

    [Test]
    public void Action_that_does_not_fit_the_packet_drops_it()
    {
        Needs(DpActionType.PopVlan);
        PutPortFlow(1, Programs.Of(w => w.Then(DpActionType.Output, 2).Then(DpActionType.PopVlan).Then(DpActionType.Output, 3)));
        byte[] frame = Udp();
        ulong before = Dropped(Datapath.ReadDatapathStats(), DropReason.ActionError);

        Assert.That(Through(1, frame), Is.EqualTo(new[] { At(2, frame) }));
        Assert.That(Dropped(Datapath.ReadDatapathStats(), DropReason.ActionError) - before, Is.EqualTo(1));
    }

    /// <summary>Every rewrite, alone and together, does to the packet what the executor does to its bytes.</summary>
    [TestCaseSource(typeof(Packets.RewriteCases), nameof(Packets.RewriteCases.All))]
    public void Rewrite_has_the_effect_that_the_executor_gives(string name, byte[] frame, DpActions rewrite)
    {
        List<DpActionType> used = [];
        foreach (DpActionView action in rewrite)
        {
            used.Add(action.Type);
        }

        Needs([.. used]);
        PutPortFlow(1, Programs.Of(w =>
        {
            w.Add(rewrite);
            w.Add(DpActionType.Output, 2);
        }));

        Assert.That(Through(1, frame), Is.EqualTo(new[] { At(2, Packets.RewriteCases.Rewritten(frame, rewrite)) }), name);
    }
}
