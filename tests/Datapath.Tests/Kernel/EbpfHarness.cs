using System.Diagnostics;
using OvsBridge.Datapath.Ebpf;
using OvsBridge.Datapath.Tests.Contract;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.Testing;

namespace OvsBridge.Datapath.Tests.Kernel;

/// <summary>A datapath with ports on wires in a network of its own. Make it, use it and dispose of it on one thread.</summary>
internal sealed class EbpfHarness : IDisposable
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(10);

    private readonly PrivateNetwork _network = new();
    private readonly PrivateNetwork.Stay _stay;
    private ulong _injected;

    public EbpfHarness(EbpfDatapathOptions? options = null, int ports = 2)
    {
        try
        {
            _stay = _network.Enter();
            Datapath = new EbpfDatapath(options ?? KernelFixture.Small);
            for (uint port = 1; port <= ports; port++)
            {
                Wire wire = _network.Wire(port);
                Datapath.AddPort(new DpPort(port, wire.Name, wire.IfIndex));
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public EbpfDatapath Datapath { get; } = null!;

    public PrivateNetwork Network => _network;

    public Wire Wire(uint port) => _network.Wire(port);

    /// <summary>Sends a frame in at a port.</summary>
    public void Inject(uint port, ReadOnlySpan<byte> frame)
    {
        _network.Wire(port).Host.Send(frame);
        _injected++;
    }

    /// <summary>Waits until the program has seen all that was injected.</summary>
    public void Settle() => WaitFor(() => Datapath.ReadDatapathStats().Rx == _injected, () => $"{_injected} frames in");

    /// <summary>The next <paramref name="count"/> frames that come out of a port.</summary>
    public List<byte[]> Receive(uint port, int count)
    {
        List<byte[]> frames = [];
        WaitFor(
            () =>
            {
                while (_network.Wire(port).Host.TryReceive(out byte[] frame))
                {
                    frames.Add(frame);
                }

                return frames.Count >= count;
            },
            () => $"{count} frames out of port {port}, {frames.Count} came");
        return frames;
    }

    /// <summary>A flow for all that comes in at a port.</summary>
    public MegaflowHandle Put(uint port, DpActions actions)
    {
        FlowKey key = new() { InPort = port }, mask = new() { InPort = uint.MaxValue };
        MegaflowHandle? flow = Datapath.PutFlow(key, mask, actions);
        Assert.That(flow, Is.Not.Null);
        return flow!;
    }

    public ulong Drops(DropReason reason) => Datapath.ReadDatapathStats().Drops[(int)reason];

    public static void WaitFor(Func<bool> condition, Func<string> what)
    {
        long start = Stopwatch.GetTimestamp();
        while (!condition())
        {
            if (Stopwatch.GetElapsedTime(start) > _patience)
            {
                Assert.Fail($"waited {_patience.TotalSeconds} s for {what()}");
            }

            Thread.Yield();
        }
    }

    public void Dispose()
    {
        Datapath?.Dispose();
        _stay?.Dispose();
        _network.Dispose();
    }
}
