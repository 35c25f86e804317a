using System.Diagnostics;

namespace OvsBridge.Datapath.Tests.Contract;

public abstract partial class DatapathContract
{
    [Test]
    public void Port_sends_up_no_more_than_its_burst_and_rate_and_others_are_not_touched()
    {
        const int Burst = 5, Frames = 20;
        Datapath.RemovePort(1);
        Datapath.AddPort(CreateInterface(1) with { UpcallRate = 1, UpcallBurst = Burst });
        PutPortFlow(2, Programs.Of(w => w.Userspace(UpcallReason.Controller, 7).Then(DpActionType.Output, 3)));
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < Frames; i++)
        {
            Inject(1, Udp(i));
            Inject(2, Udp(i));
        }

        Settle();
        ulong most = Burst + 1 + (ulong)Stopwatch.GetElapsedTime(start).TotalSeconds;
        DpPortStats limited = Datapath.ReadPortStats(1)!, free = Datapath.ReadPortStats(2)!;
        Assert.That(_sink.Take((int)limited.Upcalls + Frames), Has.Count.EqualTo((int)limited.Upcalls + Frames));
        Assert.Multiple(() =>
        {
            Assert.That(limited.Upcalls, Is.InRange((ulong)Burst, most));
            Assert.That(limited.Drops[(int)DropReason.UpcallLimit], Is.EqualTo(Frames - limited.Upcalls));
            Assert.That(Dropped(Datapath.ReadDatapathStats(), DropReason.UpcallLimit), Is.EqualTo(Frames - limited.Upcalls));
            Assert.That(free.Upcalls, Is.EqualTo(Frames));
            Assert.That(free.Drops, Is.All.Zero);
        });
    }

    /// <summary>What goes up is a copy: the packet itself is not the budget's.</summary>
    [Test]
    public void Packet_whose_copy_is_beyond_the_budget_goes_on()
    {
        Datapath.RemovePort(1);
        Datapath.AddPort(CreateInterface(1) with { UpcallRate = 1, UpcallBurst = 1 });
        PutPortFlow(1, Programs.Of(w => w.Userspace(UpcallReason.Controller, 7).Then(DpActionType.Output, 2)));
        for (int i = 0; i < 10; i++)
        {
            Inject(1, Udp(i));
        }

        Assert.That(Sent(), Has.Count.EqualTo(10));
        Assert.That(Datapath.ReadPortStats(1)!.Drops[(int)DropReason.UpcallLimit], Is.GreaterThan(5));
    }

    [Test]
    public void Counters_of_a_port_begin_anew_with_it()
    {
        PutPortFlow(1, DpActions.Drop);
        Inject(1, Udp());
        Settle();
        Assert.That(Datapath.ReadPortStats(1)!.Drops[(int)DropReason.Action], Is.EqualTo(1));
        DpPort port = Datapath.Ports[0];

        Datapath.RemovePort(1);
        Assert.That(Datapath.ReadPortStats(1), Is.Null);
        Datapath.AddPort(port);

        Assert.That(Datapath.ReadPortStats(1)!.Drops, Is.All.Zero);
        Assert.That(Dropped(Datapath.ReadDatapathStats(), DropReason.Action), Is.EqualTo(1), "the sum of all goes on");
    }
}
