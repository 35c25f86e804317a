using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.Datapath.Tests.Contract;

public abstract partial class DatapathContract
{
    [Test]
    public void Flow_forwards_without_an_upcall()
    {
        byte[] frame = Udp();
        Put(KeyOf(1, frame), ExactMask, Programs.Output(3));

        Assert.That(Through(1, frame), Is.EqualTo(new[] { At(3, frame) }));
        Assert.That(_sink.Take(), Is.Empty);
        Assert.That(Datapath.FlowCount, Is.EqualTo(1));
    }

    [Test]
    public void Bits_in_the_mask_decide_and_the_others_do_not()
    {
        FlowKey mask = PortMask;
        mask.TpDst = 0xff00;
        Put(KeyOf(1, Udp(1, 0x1234)), mask, Programs.Output(2));

        Assert.That(Through(1, Udp(999, 0x12ff)), Has.Count.EqualTo(1), "differs outside the mask");
        Assert.That(Through(1, Udp(1, 0x1334)), Is.Empty, "differs inside the mask");
        Assert.That(_sink.Take(1)[0].Key.TpDst.Value, Is.EqualTo(0x1334));
    }

    /// <summary>Every word of the key that a frame can fill is looked at when the mask has it.</summary>
    [Test]
    public void Each_word_of_the_key_tells_packets_apart([Range(0, FlowKey.PacketWords - 1)] int word)
    {
        foreach (byte[] frame in Packets.FrameSamples.OneOfEachKind)
        {
            FlowKey key = KeyOf(1, frame), mask = default;
            mask.AsMutableWords()[word] = ulong.MaxValue;
            FlowKey other = key;
            other.AsMutableWords()[word] ^= 1UL << (word * 7 % 64);

            MegaflowHandle wrong = Put(other, mask, Programs.Output(3));
            MegaflowHandle right = Put(key, mask, Programs.Output(2));
            Assert.That(Through(1, frame), Is.EqualTo(new[] { At(2, frame) }), Packets.KeyText.Of(key));
            Datapath.RemoveFlows([wrong, right], new MegaflowStats[2]);
        }
    }

    [Test]
    public void Flow_with_an_empty_mask_matches_everything()
    {
        Put(default, default, Programs.Output(4));

        Assert.That(Through(1, Udp(1)), Has.Count.EqualTo(1));
        Assert.That(Through(2, Udp(2)), Has.Count.EqualTo(1));
    }

    [Test]
    public void Same_mask_and_masked_key_twice_is_a_mistake_and_the_first_stays()
    {
        byte[] frame = Udp();
        PutPortFlow(1, Programs.Output(2));

        Assert.That(() => Datapath.PutFlow(KeyOf(1, frame), PortMask, Programs.Output(3)), Throws.ArgumentException);
        Assert.That(Through(1, frame), Is.EqualTo(new[] { At(2, frame) }));
        Assert.That(Datapath.FlowCount, Is.EqualTo(1));
    }

    [Test]
    public void Removed_flow_no_longer_matches()
    {
        MegaflowHandle flow = PutPortFlow(1, Programs.Output(2));
        Remove(flow);

        Assert.That(Through(1, Udp()), Is.Empty);
        Assert.That(_sink.Take(1), Has.Count.EqualTo(1));
        Assert.That(Datapath.FlowCount, Is.Zero);
        Assert.That(Datapath.ReadDatapathStats().Masks, Is.Zero);
    }

    [Test]
    public void Removed_flow_can_be_put_again_with_fresh_statistics()
    {
        MegaflowHandle flow = PutPortFlow(1, Programs.Output(2));
        Through(1, Udp());
        Remove(flow);

        flow = PutPortFlow(1, Programs.Output(3));

        Assert.That(Datapath.ReadStats(flow), Is.EqualTo(default(MegaflowStats)));
        Assert.That(Through(1, Udp()).Single().Port, Is.EqualTo(3));
    }

    [Test]
    public void Spent_handle_may_be_the_next_flow_and_brings_nothing_along()
    {
        MegaflowHandle spent = PutPortFlow(1, Programs.Output(2));
        Through(1, Udp());
        Remove(spent);

        Assert.That(Datapath.PutFlow(new FlowKey { InPort = 1 }, PortMask, Programs.Output(3), spent, out MegaflowHandle? put), Is.EqualTo(PutOutcome.Installed));

        MegaflowHandle flow = put!;
        Assert.That(Datapath.ReadStats(flow), Is.EqualTo(default(MegaflowStats)));
        Assert.That(Through(1, Udp()).Single().Port, Is.EqualTo(3));
        Assert.That(Remove(flow).Packets, Is.EqualTo(1));
        Assert.That(() => Datapath.ReadStats(flow), Throws.ArgumentException);
    }

    [Test]
    public void Handle_that_is_not_spent_stays_its_flows()
    {
        MegaflowHandle first = PutPortFlow(1, Programs.Output(2));

        Datapath.PutFlow(new FlowKey { InPort = 2 }, PortMask, Programs.Output(1), first, out MegaflowHandle? second);
        Through(1, Udp());

        Assert.That(second, Is.Not.SameAs(first));
        Assert.That((Datapath.ReadStats(first).Packets, Datapath.ReadStats(second!).Packets), Is.EqualTo((1, 0)));
    }

    [Test]
    public void Handle_of_a_removed_flow_is_a_mistake()
    {
        MegaflowHandle flow = PutPortFlow(1, Programs.Output(2));
        Remove(flow);

        Assert.Multiple(() =>
        {
            Assert.That(() => Datapath.ReadStats(flow), Throws.ArgumentException);
            Assert.That(() => Datapath.ReplaceActions(flow, DpActions.Drop), Throws.ArgumentException);
            Assert.That(() => Remove(flow), Throws.ArgumentException);
        });
    }

    [Test]
    public void Replaced_actions_hold_from_the_next_packet_on_and_statistics_go_on()
    {
        MegaflowHandle flow = PutPortFlow(1, Programs.Output(2));
        byte[] frame = Udp();
        Through(1, frame);

        Assert.That(Datapath.ReplaceActions(flow, Programs.Output(3)), Is.True);

        Assert.That(Through(1, frame), Is.EqualTo(new[] { At(3, frame) }));
        Assert.That(Datapath.ReadStats(flow).Packets, Is.EqualTo(2));
        Assert.That(Remove(flow).Packets, Is.EqualTo(2));
    }

    [Test]
    public void Long_programs_run_to_their_end()
    {
        int count = Datapath.Capabilities.MaxActions;
        PutPortFlow(1, Programs.Of(w =>
        {
            for (int i = 0; i < count - 1; i++)
            {
                w.SetEthDst((ulong)i + 0x020000000000);
            }

            w.Add(DpActionType.Output, 2);
        }));
        byte[] frame = Udp();
        byte[] expected = [0x02, 0, 0, 0, 0, (byte)(count - 2), .. frame.AsSpan(6)];

        Assert.That(Through(1, frame), Is.EqualTo(new[] { At(2, expected) }));
    }

    [Test]
    public void Many_flows_and_masks_are_each_found()
    {
        const int Masks = 16, PerMask = 250;
        for (int m = 0; m < Masks; m++)
        {
            FlowKey mask = PortMask;
            mask.TpDst = (ushort)(0xffff << m);
            mask.TpSrc = ushort.MaxValue;
            for (int i = 0; i < PerMask; i++)
            {
                Put(KeyOf(1, Udp((m * PerMask) + i + 1, 0x8000)), mask, Programs.Output((uint)(2 + (i % 3))));
            }
        }

        Assert.That(Datapath.FlowCount, Is.EqualTo(Masks * PerMask));
        Assert.That(Datapath.ReadDatapathStats().Masks, Is.EqualTo(Masks));
        for (int i = 0; i < Masks * PerMask; i += 37)
        {
            byte[] frame = Udp(i + 1, 0x8000);
            Assert.That(Through(1, frame), Is.EqualTo(new[] { At((uint)(2 + (i % PerMask % 3)), frame) }));
        }
    }

    /// <summary>While actions are replaced again and again, each packet runs the old program or the new one: never neither, never both.</summary>
    [Test]
    public async Task Packet_runs_the_old_program_or_the_new_one()
    {
        const int Packets = 2000;
        MegaflowHandle flow = PutPortFlow(1, Programs.Output(2));
        DpActions[] programs = [Programs.Output(3), Programs.Output(2)];
        bool done = false;
        Task<int> replacing = Task.Run(() =>
        {
            int replaced = 0;
            do
            {
                Assert.That(Datapath.ReplaceActions(flow, programs[replaced++ % 2]), Is.True);
            }
            while (!Volatile.Read(ref done));

            return replaced;
        });
        int sent = 0;
        for (int i = 0; i < Packets; i++)
        {
            Inject(1, Udp(i + 1));
            if (i % 50 == 49)
            {
                sent += Sent().Count;
            }
        }

        Volatile.Write(ref done, true);
        Assert.That(await replacing, Is.GreaterThan(1));
        Assert.That(sent + Sent().Count, Is.EqualTo(Packets));
        Assert.That(_sink.Take(), Is.Empty);
        Assert.That(Datapath.ReadStats(flow).Packets, Is.EqualTo(Packets));
    }

    /// <summary>A flow next to others that come and go, in the same mask and in others, is always found.</summary>
    [Test]
    public async Task Flow_is_found_while_others_come_and_go()
    {
        const int Packets = 2000;
        byte[] frame = Udp(7, 7);
        MegaflowHandle flow = Put(KeyOf(1, frame), ExactMask, Programs.Output(2));
        bool done = false;
        Task churning = Task.Run(() =>
        {
            FlowKey narrow = PortMask;
            narrow.TpSrc = ushort.MaxValue;
            MegaflowStats[] final = new MegaflowStats[64];
            for (int round = 0; round == 0 || !Volatile.Read(ref done); round++)
            {
                MegaflowHandle[] others = [.. Enumerable.Range(0, 64).Select(i =>
                    Put(KeyOf(2, Udp(100 + i, round & 0xff)), i % 2 == 0 ? ExactMask : narrow, Programs.Output(3)))];
                Datapath.RemoveFlows(others, final);
            }
        });
        int sent = 0;
        for (int i = 0; i < Packets; i++)
        {
            Inject(1, frame);
            if (i % 50 == 49)
            {
                sent += Sent().Count;
            }
        }

        Volatile.Write(ref done, true);
        await churning;
        Assert.That(sent + Sent().Count, Is.EqualTo(Packets));
        Assert.That(_sink.Take(), Is.Empty);
        Assert.That(Datapath.FlowCount, Is.EqualTo(1));
        Assert.That(Remove(flow).Packets, Is.EqualTo(Packets));
    }
}
