using OvsBridge.OpenFlow;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Messages.Multipart;
using OvsBridge.Testing;
using OvsBridge.Translator.Switch;
using OvsBridge.Translator.Tables;

namespace OvsBridge.Translator.Tests.Switch;

/// <summary>Connections in parallel.</summary>
[TestFixture]
public sealed class ParallelTests : SwitchFixture
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(30);

    [Test]
    public async Task Changes_of_many_controllers_are_all_made_and_readers_see_whole_states()
    {
        const int Writers = 4, Each = 400;
        using CancellationTokenSource stop = new();
        Task reading = Task.Run(() =>
        {
            using FakeController reader = Another();
            while (!stop.IsCancellationRequested)
            {
                // each writer puts a flow into both tables or into none: never one more than the writers can be behind
                var flows = reader.Query<FlowAnswer>(new FlowQuery(FlowFilter.All)).SelectMany(part => part.Flows).ToList();
                int first = flows.Count(flow => flow.TableId == 0), second = flows.Count(flow => flow.TableId == 1);
                Assert.That(first - second, Is.InRange(0, Writers));
            }
        });

        await Task.WhenAll(Enumerable.Range(0, Writers).Select(writer => Task.Run(() =>
        {
            using FakeController controller = Another();
            for (int i = 0; i < Each; i++)
            {
                var match = Flows.Match($"metadata=0x{(writer << 16) + i:x}");
                controller.Send(new FlowMod { TableId = 0, Match = match });
                controller.Send(new FlowMod { TableId = 1, Match = match });
            }

            controller.Barrier();
        }))).WaitAsync(_patience);
        await stop.CancelAsync();
        await reading.WaitAsync(_patience);

        Assert.That(FlowCount, Is.EqualTo(2 * Writers * Each));
    }

    [Test]
    public async Task Waiting_for_the_datapath_delays_nobody_else()
    {
        using BlockingForwarding forwarding = new();
        using OfSwitch agent = new(new OfSwitchOptions { DatapathId = 1 }, forwarding, new FakePorts(), new FakePorts(), null, Time);
        using FakeController slow = new(agent), quick = new(agent);
        forwarding.Block();

        Task barrier = Task.Run(() => slow.Barrier());
        Task dump = Task.Run(() => quick.Query<FlowAnswer>(new FlowQuery(FlowFilter.All)));
        forwarding.WaitUntilWaiting(2);

        using FakeController third = new(agent);
        third.Send(new FlowMod());
        third.QueryOne<DescAnswer>(new DescQuery());
        agent.OnPacketIn(new PacketInEvent
        {
            Reason = PacketInReason.Action,
            TableId = 0,
            Cookie = 0,
            PipelineFields = default,
            InPort = 1,
            Frame = new byte[60],
            TotalLength = 60,
        });
        third.Expect<PacketIn>();
        Assert.That((barrier.IsCompleted, dump.IsCompleted), Is.EqualTo((false, false)));

        slow.TakeAll();
        quick.TakeAll();
        forwarding.Release();
        await Task.WhenAll(barrier, dump).WaitAsync(_patience);
    }

    [Test]
    public async Task Deletes_do_not_wait_for_final_counters_but_a_barrier_does()
    {
        using BlockingForwarding forwarding = new();
        using OfSwitch agent = new(new OfSwitchOptions { DatapathId = 1 }, forwarding, new FakePorts(), new FakePorts(), null, Time);
        using FakeController controller = new(agent);
        controller.Send(new FlowMod { Flags = FlowModFlags.SendFlowRemoved });
        forwarding.Block();

        controller.Send(new FlowMod { Command = FlowModCommand.Delete });
        controller.ExpectNothing();
        Task barrier = Task.Run(() => controller.Send(new BarrierRequest()));
        forwarding.WaitUntilWaiting(1);
        controller.ExpectNothing();

        forwarding.Release();
        await barrier.WaitAsync(_patience);
        controller.Expect<FlowRemoved>();
        controller.Expect<BarrierReply>();
    }

    [Test]
    public void Flow_removed_comes_without_a_barrier_too()
    {
        Controller.Send(new FlowMod { Flags = FlowModFlags.SendFlowRemoved });

        Controller.Send(new FlowMod { Command = FlowModCommand.Delete });

        Controller.WaitForMessage(_patience);
        Controller.Expect<FlowRemoved>();
    }

    /// <summary>A datapath that can be told to take its time.</summary>
    private sealed class BlockingForwarding : IForwarding, IDisposable
    {
        private readonly ManualResetEventSlim _open = new(initialState: true);
        private readonly SemaphoreSlim _waiting = new(0);

        public void Block() => _open.Reset();

        public void Release() => _open.Set();

        public void WaitUntilWaiting(int count)
        {
            for (int i = 0; i < count; i++)
            {
                if (!_waiting.Wait(_patience))
                    throw new TimeoutException($"{i} of {count} wait");
            }
        }

        public void SnapshotPublished(PipelineSnapshot snapshot)
        {
        }

        public void CatchUp() => Wait();

        public void PushStats() => Wait();

        public void PacketOut(uint inPort, ValueList<OfAction> actions, ReadOnlyMemory<byte> frame)
        {
        }

        public void Dispose()
        {
            _open.Dispose();
            _waiting.Dispose();
        }

        private void Wait()
        {
            if (_open.IsSet)
                return;
            _waiting.Release();
            if (!_open.Wait(_patience))
                throw new TimeoutException("never released");
        }
    }
}
