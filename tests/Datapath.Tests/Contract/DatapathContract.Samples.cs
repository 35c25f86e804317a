using System.Collections.Concurrent;
using OvsBridge.Datapath.Tests.Packets;
using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.Datapath.Tests.Contract;

public abstract partial class DatapathContract
{
    private readonly ConcurrentQueue<PacketSample> _samples = new();

    [Test]
    public void Samples_tell_what_became_of_packets()
    {
        Datapath.SamplePackets(1, _samples.Enqueue);
        PutPortFlow(1, Programs.Output(2));
        PutPortFlow(2, DpActions.Drop);
        PutPortFlow(3, Programs.Of(w => w.Userspace(UpcallReason.Controller, 7)));
        byte[] frame = Udp();

        foreach (uint port in StandardPorts)
        {
            Inject(port, frame);
        }

        List<PacketSample> samples = TakeSamples(4);
        Assert.Multiple(() =>
        {
            Assert.That(samples.Select(s => (s.Hit, s.Upcall, s.Drop)), Is.EqualTo(new[]
            {
                (true, UpcallReason.Unspec, DropReason.Unspec),
                (true, UpcallReason.Unspec, DropReason.Action),
                (true, UpcallReason.Controller, DropReason.Unspec),
                (false, UpcallReason.Miss, DropReason.Unspec),
            }));
            Assert.That(samples.Select(s => s.Length), Is.All.EqualTo(frame.Length));
            Assert.That(samples.Select(s => KeyText.Of(s.Key)), Is.EqualTo(StandardPorts.Select(port => KeyText.Of(KeyOf(port, frame)))));
            Assert.That(samples[0].Mask, Is.EqualTo(PortMask));
            Assert.That(DpActionsText.Print(samples[0].Actions!), Is.EqualTo("2"));
            Assert.That(samples[3].Mask, Is.Null);
            Assert.That(samples[3].Actions, Is.Null);
        });
        Assert.That(_sink.Take(2).Select(u => u.Reason), Is.EqualTo(new[] { UpcallReason.Controller, UpcallReason.Miss }), "samples are no upcalls");
    }

    [Test]
    public void Samples_tell_of_packets_that_come_to_no_lookup_or_lose_an_output()
    {
        PutPortFlow(2, Programs.Output(77));
        Datapath.SamplePackets(1, _samples.Enqueue);
        Datapath.SetPortFlags(1, DpPortFlags.NoRecv);

        Inject(1, Udp());
        Inject(2, Udp());

        List<PacketSample> samples = TakeSamples(2);
        Assert.That(samples.Select(s => (s.Key.InPort, s.Hit, s.Drop)), Is.EqualTo(new[] { (1u, false, DropReason.PortNoRecv), (2u, true, DropReason.NoOutPort) }));
        Assert.That(samples[0].Key, Is.EqualTo(new FlowKey { InPort = 1 }));
    }

    [Test]
    public void Packet_that_goes_round_has_a_sample_for_each_round()
    {
        Needs(DpActionType.Recirc);
        PutPortFlow(1, Programs.Of(w => w.Then(DpActionType.Recirc, 9)));
        PutPortFlow(1, Programs.Output(2), recircId: 9);
        Datapath.SamplePackets(1, _samples.Enqueue);

        Inject(1, Udp());

        Assert.That(TakeSamples(2).Select(s => (s.Key.RecircId, DpActionsText.Print(s.Actions!))), Is.EqualTo(new[] { (0u, "recirc(0x9)"), (9u, "2") }));
    }

    [Test]
    public void One_in_many_packets_is_sampled_and_none_when_it_is_over()
    {
        PutPortFlow(1, Programs.Output(2));
        Datapath.SamplePackets(1_000_000_000, _samples.Enqueue);
        Inject(1, Udp());
        Settle();
        Datapath.SamplePackets(1, _samples.Enqueue);
        Inject(1, Udp(5));
        Assert.That(TakeSamples(1).Single().Key.TpSrc.Value, Is.EqualTo(5), "by a billion to one");

        Datapath.SamplePackets(1, null);
        Inject(1, Udp(6));
        Inject(3, Udp(7));
        _sink.Take(1); // what came up behind it is through
        Assert.That(_samples, Is.Empty);
    }

    /// <summary>Waits for samples, and forgets them.</summary>
    private List<PacketSample> TakeSamples(int count)
    {
        long start = TimeProvider.System.GetTimestamp();
        while (_samples.Count < count)
        {
            Assert.That(TimeProvider.System.GetElapsedTime(start).TotalSeconds, Is.LessThan(10), $"{_samples.Count} samples; {count} were to come");
            Thread.Yield();
        }

        List<PacketSample> result = [.. _samples];
        _samples.Clear();
        return result;
    }
}
