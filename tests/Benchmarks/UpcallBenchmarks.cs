using BenchmarkDotNet.Attributes;
using OvsBridge.Datapath;
using OvsBridge.Datapath.Memory;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.Testing;
using OvsBridge.Translator.Tables;
using OvsBridge.Translator.Upcalls;
using OvsBridge.Translator.Xlate;

namespace OvsBridge.Benchmarks;

/// <summary>
/// User space's part of a flow set-up, each packet a connection of its own that needs its own megaflow: parse, translate, execute, encode,
/// install; without the kernel (memory datapath, whose own cost is in it).
/// </summary>
[MemoryDiagnoser]
public class UpcallBenchmarks : IDisposable
{
    private const int Batch = 64;
    private const int Flows = 16_384;

    private Forwarding _forwarding = null!;
    private InMemoryDatapath _datapath = null!;
    private IUpcallSink _handler = null!;
    private byte[][] _frames = [];
    private int _next;

    /// <summary>A pipeline that looks at both ports of each connection.</summary>
    [GlobalSetup]
    public void Make()
    {
        _datapath = new InMemoryDatapath(new InMemoryDatapathOptions { Delivery = UpcallDelivery.Manual, MaxFlows = 200_000 });
        _forwarding = new Forwarding(_datapath, new MacTable(), TimeProvider.System);
        PipelineSnapshot pipeline = Pipelines.Empty(2).With("priority=1,actions=output:2");
        for (int i = 0; i < 128; i++)
        {
            pipeline = pipeline
                .With($"priority=10,tcp,tp_src={1 + i},actions=goto_table:1")
                .With($"table=1,priority=10,tcp,tp_dst={1 + i},actions=output:2");
        }

        foreach (SwitchPort port in pipeline.Ports.Values)
        {
            _datapath.AddPort(new DpPort(port.DatapathPort, port.Description.Name, port.IfIndex));
        }

        _forwarding.SnapshotPublished(pipeline);
        _handler = _forwarding.Handler();
        _datapath.StartUpcalls(_handler);
        _frames = [.. Enumerable.Range(0, Flows).Select(i => Packets.Frame($"tcp,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:02,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_ttl=64,tp_src={1 + i % 128},tp_dst={1 + i / 128}"))];
    }

    /// <summary>Set-ups, counted one by one.</summary>
    [Benchmark(OperationsPerInvoke = Batch)]
    public void SetUps()
    {
        for (int i = 0; i < Batch; i++)
        {
            byte[] frame = _frames[_next++];
            _ = PacketParser.TryParse(frame, 1, out FlowKey key);
            _handler.OnUpcall(new Upcall(UpcallReason.Miss, in key, frame));
        }

        _handler.OnBatchEnd();
        if (_next == Flows)
        {
            _next = 0;
            _forwarding.PurgeMegaflows();
        }
    }

    /// <inheritdoc/>
    [GlobalCleanup]
    public void Dispose()
    {
        _forwarding.Dispose();
        _datapath.Dispose();
        GC.SuppressFinalize(this);
    }
}
