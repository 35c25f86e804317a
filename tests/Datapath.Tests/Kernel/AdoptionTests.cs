using OvsBridge.Datapath.Ebpf;
using OvsBridge.Datapath.Interop;
using OvsBridge.Datapath.Tests.Contract;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.Testing;

namespace OvsBridge.Datapath.Tests.Kernel;

/// <summary>Tables that outlive their process, and what happens to those that are not right (docs/datapath-abi.md).</summary>
[TestFixture]
[Category("Kernel")]
public sealed class AdoptionTests
{
    private const ulong Owner = 0x1234;

    private readonly byte[] _frame = Testing.Packets.Frame("udp,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:02,nw_src=10.0.0.1,nw_dst=10.0.0.2,tp_src=1,tp_dst=2");
    private PrivateNetwork _network = null!;
#pragma warning disable NUnit1032 // Leave disposes of it
    private PrivateNetwork.Stay _stay = null!;
#pragma warning restore NUnit1032

    [SetUp]
    public void Enter()
    {
        KernelFixture.NeedsRoot();
        _network = new PrivateNetwork();
        _stay = _network.Enter();
    }

    [TearDown]
    public void Leave()
    {
        _stay?.Dispose();
        _network?.Dispose();
    }

    [Test]
    public void Flows_masks_programs_statistics_and_counters_go_on()
    {
        Random random = new(7);
        List<(FlowKey Key, FlowKey Mask, DpActions Actions)> put = [];
        using (EbpfDatapath first = Open())
        {
            Assert.That(first.Adopted, Is.Null);
            List<MegaflowHandle> handles = [];
            for (int i = 0; i < 2000; i++)
            {
                FlowKey key = new() { InPort = 9, EthDst = (ulong)i, EthType = 0x0800, Ipv4Src = (uint)random.Next() }, mask = new() { InPort = uint.MaxValue, EthDst = 0xffff_ffff_ffff };
                mask.Ipv4Src = (i % 5) switch { 0 => 0u, 1 => 0xffu, 2 => uint.MaxValue, _ => 0xffffffu };
                key = key.Masked(mask);
                DpActions actions = Programs.Of(w => Enumerable.Range(0, i % 40).ToList().ForEach(n => w.Add(DpActionType.Output, (uint)(n % 7))));
                handles.Add(first.PutFlow(key, mask, actions)!);
                put.Add((key, mask, actions));
            }

            MegaflowHandle[] removed = [.. handles.Where((_, i) => i % 3 == 0)];
            first.RemoveFlows(removed, new MegaflowStats[removed.Length]);
            put = [.. put.Where((_, i) => i % 3 != 0)];
            FlowKey port = new() { InPort = 1 }, all = new() { InPort = uint.MaxValue };
            DpActions output = Programs.Output(2);
            Assert.That(first.PutFlow(port, all, output), Is.Not.Null);
            put.Add((port, all, output));
            Assert.That(first.SetMeter(5, new DpMeter(true, [new DpMeterBand(DpBandType.Drop, 10)])), Is.True);
            Send(first, 3);
            first.LeaveBehind = true;
        }

        _network.Wire(1).Host.Send(_frame); // no process is there
        Receive(1);
        using EbpfDatapath second = Open();
        Assert.That(second.Adopted, Is.EqualTo(new AdoptionReport(null, put.Count, second.Flows.MaskCount)));
        IReadOnlyList<AdoptedFlow> flows = second.TakeAdoptedFlows();
        Assert.That(second.TakeAdoptedFlows(), Is.Empty, "once");
        Assert.That(flows.Select(flow => (flow.Key, flow.Mask, flow.Actions)), Is.EquivalentTo(put));
        MegaflowHandle forwards = flows.Single(flow => flow.Key.InPort == 1).Handle;
        Assert.That(second.ReadStats(forwards).Packets, Is.EqualTo(4));
        Assert.That(second.ReadDatapathStats().Hit, Is.EqualTo(4));
        Assert.That(second.AdoptedMeterSlots, Is.EqualTo(6));
        Assert.That(second.ReadMeter(5), Is.Not.Null);
        second.RemoveAdoptedMeters();
        Assert.That(second.ReadMeter(5), Is.Null);

        Send(second, 1);
        Assert.That(second.ReadStats(forwards).Packets, Is.EqualTo(5));
        foreach ((FlowKey key, FlowKey mask, DpActions actions) in put)
        {
            Assert.That(() => second.PutFlow(key, mask, actions), Throws.ArgumentException, "it is there");
        }

        MegaflowHandle[] every = [.. flows.Select(flow => flow.Handle)];
        second.RemoveFlows(every, new MegaflowStats[every.Length]);
        Assert.That((second.FlowCount, second.Flows.MaskCount), Is.EqualTo((0, 0)));
        foreach ((FlowKey key, FlowKey mask, DpActions actions) in put)
        {
            Assert.That(second.PutFlow(key, mask, actions), Is.Not.Null, "every number is free again");
        }
    }

    [Test]
    public void What_a_death_leaves_half_done_is_mended()
    {
        using (EbpfDatapath first = OpenWithFlow())
        {
            // A bucket counts a flow elsewhere that was not linked yet, and a flow's reference is gone while its mask is still listed.
            first.Bpf.Map("buckets").MapValues<FlowBucket>()[0].Overflow = 3;
            MegaflowHandle doomed = first.PutFlow(new FlowKey { EthType = 5 }, new FlowKey { EthType = 0xffff }, DpActions.Drop)!;
            EbpfMegaflow flow = (EbpfMegaflow)doomed;
            first.Bpf.Map("buckets").MapValues<FlowBucket>()[(int)flow.Bucket].Slot[flow.Slot] = default;
            first.LeaveBehind = true;
        }

        using EbpfDatapath second = Open();
        Assert.That(second.Adopted, Is.EqualTo(new AdoptionReport(null, 1, 1)));
        Assert.That(second.Bpf.Map("buckets").MapValues<FlowBucket>()[0].Overflow, Is.Zero);
        Send(second, 2);
    }

    [TestCase("abi", "they have ABI version 77, this program")]
    [TestCase("incomplete", "they are not complete, or of a version that left none to take over")]
    [TestCase("owner", "they belong to a bridge of another name or run directory")]
    [TestCase("list", "list 9 of masks is in force")]
    [TestCase("mask", "mask 0 contradicts itself, or is there twice")]
    [TestCase("flow number", "names flow 123456789, which is not there or elsewhere too")]
    [TestCase("flow mask", "has mask 200, which is not in force")]
    [TestCase("flow key", "is not where its key belongs")]
    [TestCase("program loop", "does not end, or leaves the map")]
    [TestCase("program far", "does not end, or leaves the map")]
    [TestCase("program length", "has 113 bytes")]
    [TestCase("program action", "has an action 999")]
    [TestCase("program cut", "datapath action of length 0 with")]
    [TestCase("meter", "which are not there or another's")]
    [TestCase("head", "the sizes in table_head are not those of the maps")]
    public void Tables_that_are_not_right_are_refused_with_a_reason_and_replaced(string what, string reason)
    {
        using (EbpfDatapath first = OpenWithFlow())
        {
            Tamper(first.Bpf, what);
            first.LeaveBehind = true;
        }

        using EbpfDatapath second = Open();

        Assert.That(second.Adopted?.Refusal, Does.Contain(reason));
        Assert.That((second.FlowCount, second.TakeAdoptedFlows().Count), Is.EqualTo((0, 0)));
        Assert.That(second.PutFlow(new FlowKey { InPort = 1 }, new FlowKey { InPort = uint.MaxValue }, Programs.Output(2)), Is.Not.Null);
        Send(second, 3);
    }

    [Test]
    public void Other_sizes_other_port_numbers_and_foreign_programs_are_refused()
    {
        void Leave(EbpfDatapath datapath)
        {
            datapath.LeaveBehind = true;
            datapath.Dispose();
        }

        Leave(OpenWithFlow());
        EbpfDatapath larger = Open(KernelFixture.Small with { MaxFlows = 10_000 });
        Assert.That(larger.Adopted?.Refusal, Does.Match("map buckets has .* 2048 entries.*wanted are .* 4096"));
        Leave(larger);

        DpPort[] swapped = [new(2, "p1", _network.Wire(1).IfIndex), new(1, "p2", _network.Wire(2).IfIndex)];
        EbpfDatapath other = new(KernelFixture.Small with { MaxFlows = 10_000, Adopt = new AdoptionRequest(Owner, swapped) });
        Assert.That(other.Adopted?.Refusal, Does.Contain("was port 1 and is port 2 now").Or.Contain("was port 2 and is port 1 now"));
        other.Dispose(); // without having attached anything: what is there stays

        // Somebody else's program under our handle and priority.
        using TestPrograms foreign = new();
        foreach (uint ports in (ReadOnlySpan<uint>)[1, 2])
        {
            using PortAttacher attacher = new(AttachPoint.Clsact);
            attacher.Attach($"p{ports}", _network.Wire(ports).IfIndex, foreign.Redirect);
            attacher.Leave();
            EbpfDatapath next = Open(KernelFixture.Small with { MaxFlows = 10_000 });
            Assert.That(next.Adopted?.Refusal, Does.Contain("the programs on the interfaces have different tables"));
            Leave(next);
        }
    }

    [Test]
    public void Tables_of_a_living_datapath_are_not_to_be_had()
    {
        using EbpfDatapath first = OpenWithFlow();
        Assert.That(() => Open(), Throws.InstanceOf<DatapathException>().With.Message.Contains("is in use by another ovsbridge"));
        Send(first, 2);
    }

    private static void Tamper(BpfObject bpf, string what)
    {
        ref TableHead head = ref bpf.Map(".data.table_head").MapValues<TableHead>()[0];
        MappedArray<FlowBucket> buckets = bpf.Map("buckets").MapValues<FlowBucket>();
        int bucket = Enumerable.Range(0, buckets.Length).First(i => buckets[i].Slot[0].Tag != 0);
        int number = (int)buckets[bucket].Slot[0].Flow;
        ref FlowEntry flow = ref bpf.Map("flows").MapValues<FlowEntry>()[number];
        ref ActionBlock block = ref bpf.Map("action_blocks").MapValues<ActionBlock>()[(int)flow.Actions];
        unsafe
        {
            switch (what)
            {
                case "abi": head.AbiVersion = 77; break;
                case "incomplete": head.AbiVersion = 0; break;
                case "owner": head.Owner++; break;
                case "head": head.StatsCpus++; break;
                case "list": head.ActiveList = 9; break;
                case "mask": bpf.Map("masks").MapValues<MaskEntry>()[0].Seed++; break;
                case "flow number": buckets[bucket].Slot[0].Flow = 123456789; break;
                case "flow mask": flow.Mask = 200; break;
                case "flow key": flow.Word[0] += 5; break;
                case "program loop": block.Next = flow.Actions; break;
                case "program far": block.Next = uint.MaxValue; break;
                case "program length": block.Len = Abi.ActionData + 1; break;
                case "program action": block.Data[0] = 0xe7; block.Data[1] = 3; break;
                case "program cut": block.Data[2] = 0; break;
                case "meter":
                    bpf.Map("meters").MapValues<MeterEntry>()[3] = new MeterEntry { Flags = Abi.MeterActive, NBands = 1, Bands = uint.MaxValue };
                    break;
                default: throw new ArgumentException(what);
            }
        }
    }

    private EbpfDatapath Open(EbpfDatapathOptions? sizes = null)
    {
        DpPort[] ports = [new(1, "p1", _network.Wire(1).IfIndex), new(2, "p2", _network.Wire(2).IfIndex)];
        EbpfDatapath datapath = new((sizes ?? KernelFixture.Small) with { Adopt = new AdoptionRequest(Owner, ports) });
        foreach (DpPort port in ports)
        {
            datapath.AddPort(port);
        }

        return datapath;
    }

    private EbpfDatapath OpenWithFlow()
    {
        EbpfDatapath datapath = Open();
        Assert.That(datapath.PutFlow(new FlowKey { InPort = 1 }, new FlowKey { InPort = uint.MaxValue }, Programs.Output(2)), Is.Not.Null);
        return datapath;
    }

    /// <summary>Sends frames in at port 1, which must come out of port 2.</summary>
    private void Send(EbpfDatapath datapath, int count)
    {
        ulong before = datapath.ReadDatapathStats().Rx;
        for (int i = 0; i < count; i++)
        {
            _network.Wire(1).Host.Send(_frame);
        }

        Receive(count);
        Assert.That(datapath.ReadDatapathStats().Rx, Is.EqualTo(before + (ulong)count));
    }

    private void Receive(int count)
    {
        int got = 0;
        EbpfHarness.WaitFor(
            () =>
            {
                while (_network.Wire(2).Host.TryReceive(out _))
                {
                    got++;
                }

                return got >= count;
            },
            () => $"{count} frames out, {got} came");
    }
}
