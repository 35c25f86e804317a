using System.Diagnostics;
using OvsBridge.Datapath.Ebpf;
using OvsBridge.Datapath.Tests.Contract;
using OvsBridge.Testing;

namespace OvsBridge.Datapath.Tests.Kernel;

/// <summary>The contract, for the kernel: ports are veths, hosts are packet sockets on their other ends.</summary>
[TestFixture]
[Category("Kernel")]
public sealed class EbpfDatapathContractTests : DatapathContract
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(5);

    private readonly Dictionary<uint, List<byte[]>> _received = [];
    private PrivateNetwork _network = null!;
#pragma warning disable NUnit1032 // CleanUp disposes of it
    private PrivateNetwork.Stay _stay = null!;
#pragma warning restore NUnit1032
    private ulong _injected;
    private int _taken;

    private EbpfDatapath Kernel => (EbpfDatapath)Datapath;

    [OneTimeSetUp]
    public void MakeNetwork()
    {
        KernelFixture.NeedsRoot();
        _network = new PrivateNetwork();
    }

    [OneTimeTearDown]
    public void RemoveNetwork() => _network?.Dispose();

    protected override IDatapath CreateDatapath()
    {
        _stay = _network.Enter();
        _injected = 0;
        _taken = 0;
        _received.Clear();
        return new EbpfDatapath(KernelFixture.Small);
    }

    protected override DpPort CreateInterface(uint number)
    {
        Wire wire = _network.Wire(number);
        return new DpPort(number, wire.Name, wire.IfIndex);
    }

    protected override void Inject(uint port, ReadOnlySpan<byte> frame)
    {
        _network.Wire(port).Host.Send(frame);
        if (Datapath.Ports.Any(p => p.Number == port))
        {
            _injected++;
        }
    }

    /// <summary>A frame usually is through when its send returns; only when the softirq thread is at work it isn't.</summary>
    protected override void Settle()
    {
        long start = Stopwatch.GetTimestamp();
        do
        {
            foreach (uint port in StandardPorts)
            {
                while (_network.Wire(port).Host.TryReceive(out byte[] frame))
                {
                    if (!_received.TryGetValue(port, out List<byte[]>? frames))
                    {
                        _received.Add(port, frames = []);
                    }

                    frames.Add(frame);
                    _taken++;
                }
            }

            DatapathStats stats = Datapath.ReadDatapathStats();
            if (stats.Rx == _injected && stats.Tx + (ulong)Kernel.Sender.Sent == (ulong)_taken)
            {
                return;
            }
        }
        while (Stopwatch.GetElapsedTime(start) < _patience && Thread.Yield() | true);

        Assert.Fail($"{_injected} frames injected, {Datapath.ReadDatapathStats().Rx} received; "
            + $"{Datapath.ReadDatapathStats().Tx} and {Kernel.Sender.Sent} sent, {_taken} came out");
    }

    protected override IReadOnlyList<byte[]> TakeSent(uint port) => _received.Remove(port, out List<byte[]>? frames) ? frames : [];

    protected override void CleanUp()
    {
        foreach (uint port in StandardPorts)
        {
            while (_network.Wire(port).Host.TryReceive(out _))
            {
                // of the test that ended
            }
        }

        _stay.Dispose();
    }
}
