using System.Buffers.Binary;
using OvsBridge.Datapath.Tests.Contract;
using OvsBridge.Datapath.Tests.Packets;
using OvsBridge.Testing;

namespace OvsBridge.Datapath.Tests.Kernel;

/// <summary>Frames that user space sends many at a time.</summary>
[TestFixture]
[Category("Kernel")]
public sealed class SendQueueTests
{
    [SetUp]
    public void NeedRoot() => KernelFixture.NeedsRoot();

    [Test]
    public void Frames_wait_and_leave_in_their_order()
    {
        using EbpfHarness harness = new();
        const int Number = 150; // more than wait at a time
        for (int i = 0; i < Number; i++)
        {
            Execute(harness, i, Programs.Output(2));
        }

        Assert.That(harness.Datapath.Sender.Sent, Is.EqualTo(128), "two full queues");
        harness.Datapath.SendWaiting();

        Assert.That(harness.Receive(2, Number).Select(NumberOf), Is.EqualTo(Enumerable.Range(0, Number)));
        Assert.That(harness.Datapath.Sender.Sent, Is.EqualTo(Number));
        harness.Datapath.SendWaiting();
        Assert.That(harness.Wire(2).Host.TryReceive(out _), Is.False, "sent once");
    }

    [Test]
    public void Frame_that_cannot_wait_does_not_overtake()
    {
        using EbpfHarness harness = new();
        Command.Run("ip", "link", "set", "p2", "mtu", "4000");
        Command.Run("ip", "link", "set", "p2h", "mtu", "4000");
        Execute(harness, 0, Programs.Output(2));
        Execute(harness, 1, Programs.Of(w => w.Then(DpActionType.SetPriority, 0x10001).Then(DpActionType.Output, 2)));
        Execute(harness, 2, Programs.Output(2));
        Execute(harness, 3, Programs.Output(2), padding: 3000);
        Execute(harness, 4, Programs.Output(2));
        harness.Datapath.SendWaiting();

        Assert.That(harness.Receive(2, 5).Select(NumberOf), Is.EqualTo(Enumerable.Range(0, 5)));
    }

    [Test]
    public void Frame_that_the_kernel_refuses_is_counted_and_the_others_leave()
    {
        using EbpfHarness harness = new(ports: 3);
        Command.Run("ip", "link", "set", "p3", "down");
        for (int i = 0; i < 6; i++)
        {
            Execute(harness, i, Programs.Output(i is 0 or 2 or 5 ? 3u : 2u));
        }

        harness.Datapath.SendWaiting();

        Assert.That(harness.Receive(2, 3).Select(NumberOf), Is.EqualTo([1, 3, 4]));
        Assert.That((harness.Datapath.Sender.Sent, harness.Datapath.Sender.Failed), Is.EqualTo((3L, 3L)));
        Assert.That(harness.Drops(DropReason.ActionError), Is.EqualTo(3));
    }

    private static void Execute(EbpfHarness harness, int number, DpActions actions, int padding = 22)
    {
        DpPacket packet = new();
        packet.Load(FrameBuilder.Ethernet(0x0800).Ipv4(17).Udp((ushort)number, 2).Counting(padding).ToArray(), 1);
        harness.Datapath.Execute(packet, actions, null, mayWait: true);
    }

    private static int NumberOf(byte[] frame) => BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(34));
}
