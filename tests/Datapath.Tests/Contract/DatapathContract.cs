using OvsBridge.Datapath.Tests.Packets;
using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.Datapath.Tests.Contract;

/// <summary>
/// What <see cref="IDatapath"/> promises, as tests that each implementation must pass. A subclass makes the datapath, its ports, and the
/// hosts behind the ports; nothing but the tests' frames may come in at these.
/// </summary>
public abstract partial class DatapathContract
{
    private RecordingSink _sink = null!;

    /// <summary>The datapath of the running test.</summary>
    protected IDatapath Datapath { get; private set; } = null!;

    /// <summary>Ports that every test finds: 1 to 4.</summary>
    protected static IReadOnlyList<uint> StandardPorts { get; } = [1, 2, 3, 4];

    /// <summary>A datapath without ports, not yet receiving upcalls.</summary>
    protected abstract IDatapath CreateDatapath();

    /// <summary>An interface for port <paramref name="number"/>, with a host behind it; not added yet. Undone by <see cref="CleanUp"/>.</summary>
    protected abstract DpPort CreateInterface(uint number);

    /// <summary>The host behind port <paramref name="port"/> sends <paramref name="frame"/> (at least 60 bytes).</summary>
    protected abstract void Inject(uint port, ReadOnlySpan<byte> frame);

    /// <summary>Returns once the datapath's programs have handled all frames injected so far, and what they sent can be had from <see cref="TakeSent"/>.</summary>
    protected abstract void Settle();

    /// <summary>The frames, with all VLAN tags, that the host behind <paramref name="port"/> got since the last call.</summary>
    protected abstract IReadOnlyList<byte[]> TakeSent(uint port);

    /// <summary>Undoes what the subclass made; the datapath is disposed of already.</summary>
    protected virtual void CleanUp()
    {
    }

    [SetUp]
    public void MakeDatapath()
    {
        Datapath = CreateDatapath();
        _sink = new RecordingSink();
        _samples.Clear();
        foreach (uint port in StandardPorts)
        {
            Datapath.AddPort(CreateInterface(port));
        }

        Datapath.StartUpcalls(_sink);
    }

    [TearDown]
    public void DisposeDatapath()
    {
        if (Datapath is not null)
        {
            Accounts.Balance(Datapath);
        }

        Datapath?.Dispose();
        CleanUp();
    }

    /// <summary>The datapath's key of a frame that comes in at a port.</summary>
    protected static FlowKey KeyOf(uint port, ReadOnlySpan<byte> frame)
    {
        Assert.That(PacketParser.TryParse(frame, port, out FlowKey key), Is.True);
        return key;
    }

    /// <summary>A mask with all bits of the packet part.</summary>
    protected static FlowKey ExactMask
    {
        get
        {
            FlowKey mask = default;
            mask.AsMutableWords()[..FlowKey.PacketWords].Fill(ulong.MaxValue);
            return mask;
        }
    }

    /// <summary>A mask over in_port and recirc_id only.</summary>
    protected static FlowKey PortMask
    {
        get
        {
            FlowKey mask = default;
            mask.InPort = uint.MaxValue;
            mask.RecircId = uint.MaxValue;
            return mask;
        }
    }

    /// <summary>A UDP frame of 64 bytes, told apart by its ports.</summary>
    protected static byte[] Udp(int source = 1000, int destination = 2000) =>
        FrameBuilder.Ethernet(0x0800).Ipv4(17).Udp(source, destination).Counting(22).ToArray();

    /// <summary>A megaflow for all that comes in at a port.</summary>
    protected MegaflowHandle PutPortFlow(uint port, DpActions actions, uint recircId = 0)
    {
        FlowKey key = new() { InPort = port, RecircId = recircId };
        return Put(key, PortMask, actions);
    }

    /// <summary>Puts a flow that must fit.</summary>
    protected MegaflowHandle Put(FlowKey key, FlowKey mask, DpActions actions)
    {
        MegaflowHandle? flow = Datapath.PutFlow(key, mask, actions);
        Assert.That(flow, Is.Not.Null);
        return flow!;
    }

    /// <summary>Removes one flow.</summary>
    protected MegaflowStats Remove(MegaflowHandle flow)
    {
        MegaflowStats[] final = new MegaflowStats[1];
        Datapath.RemoveFlows([flow], final);
        return final[0];
    }

    /// <summary>Sends a frame in and returns what came out of each port, as (port, frame).</summary>
    protected IReadOnlyList<(uint Port, string Frame)> Through(uint port, byte[] frame)
    {
        Inject(port, frame);
        return Sent();
    }

    /// <summary>What came out of the standard ports since the last call.</summary>
    protected IReadOnlyList<(uint Port, string Frame)> Sent()
    {
        Settle();
        return [.. StandardPorts.SelectMany(p => TakeSent(p).Select(f => (p, Convert.ToHexStringLower(f))))];
    }

    /// <summary>A frame at a port, to compare with <see cref="Through"/>.</summary>
    protected static (uint Port, string Frame) At(uint port, byte[] frame) => (port, Convert.ToHexStringLower(frame));

    /// <summary>Skips the test when the datapath does without an action; translation then goes the slow path.</summary>
    protected void Needs(params DpActionType[] actions)
    {
        DpActionType[] missing = [.. actions.Where(a => !Datapath.Capabilities.Actions.Contains(a))];
        if (missing.Length > 0)
        {
            Assert.Ignore($"the {Datapath.Kind} datapath has no {string.Join(", ", missing)}");
        }
    }

    private static ulong Dropped(DatapathStats stats, DropReason reason) => stats.Drops[(int)reason];
}
