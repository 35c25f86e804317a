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

/// <summary>From a published change of the pipeline until all megaflows obey, with many megaflows installed (in memory).</summary>
public class CorrectionBenchmarks : IDisposable
{
    private Forwarding _forwarding = null!;
    private InMemoryDatapath _datapath = null!;
    private PipelineSnapshot _with = null!, _without = null!, _source = null!, _portDown = null!;
    private bool _turn;

    /// <summary>Megaflows.</summary>
    [Params(1_000, 200_000)]
    public int Megaflows { get; set; }

    /// <summary>A table of addresses, and packets to as many as there are to be megaflows.</summary>
    [GlobalSetup]
    public void Fill()
    {
        _datapath = new InMemoryDatapath(new InMemoryDatapathOptions { Delivery = UpcallDelivery.Manual, MaxFlows = 200_000 });
        _forwarding = new Forwarding(_datapath, new MacTable(), TimeProvider.System);
        PipelineSnapshot pipeline = Pipelines.Empty(9);
        foreach (SwitchPort port in pipeline.Ports.Values)
        {
            _datapath.AddPort(new DpPort(port.DatapathPort, port.Description.Name, port.IfIndex));
        }

        const int Sources = 500;
        for (int i = 0; i < Sources; i++)
        {
            pipeline = pipeline.With($"priority=20,ip,nw_src={Source(i)},actions=goto_table:1");
        }

        int destinations = Megaflows / Sources;
        for (int i = 0; i < destinations; i++)
        {
            pipeline = pipeline.With($"table=1,priority=20,ip,nw_dst={Destination(i)},actions=output:{3 + i % 4}");
        }

        _without = pipeline;
        _with = pipeline.With($"table=1,priority=30,tcp,nw_src={Source(7)},nw_dst={Destination(1)},tp_dst=7,actions=output:7");
        _source = pipeline.With($"table=0,priority=30,ip,nw_src={Source(7)},actions=output:7");
        _portDown = pipeline.WithPort(8, state: PortState.LinkDown);
        _forwarding.SnapshotPublished(pipeline);
        IUpcallSink handler = _forwarding.Handler();
        _datapath.StartUpcalls(handler);
        for (int i = 0; i < Megaflows; i++)
        {
            string packet = $"tcp,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:02,nw_src={Source(i % Sources)},nw_dst={Destination(i / Sources)},nw_ttl=64";
            _datapath.Receive(1, Packets.Frame(packet));
            _datapath.DeliverUpcalls();
        }

        if (_forwarding.MegaflowCount != Megaflows)
        {
            throw new InvalidOperationException($"{_forwarding.MegaflowCount} megaflows");
        }

        _forwarding.CatchUp();
    }

    /// <summary>A flow entry for one connection comes or goes.</summary>
    [Benchmark(Baseline = true)]
    public void OneFlow()
    {
        _turn = !_turn;
        _forwarding.SnapshotPublished(_turn ? _with : _without);
        _forwarding.CatchUp();
    }

    /// <summary>A port that no megaflow uses loses or finds its link.</summary>
    [Benchmark]
    public void UnusedPort()
    {
        _turn = !_turn;
        _forwarding.SnapshotPublished(_turn ? _portDown : _without);
        _forwarding.CatchUp();
    }

    /// <summary>A flow entry for one source, which has a five-hundredth of the megaflows, comes or goes.</summary>
    [Benchmark]
    public void FlowOfOneSource()
    {
        _turn = !_turn;
        _forwarding.SnapshotPublished(_turn ? _source : _without);
        _forwarding.CatchUp();
    }

    /// <summary>Everything changes: what each correction would cost without knowing what concerns whom.</summary>
    [Benchmark]
    public void All()
    {
        _turn = !_turn;
        _forwarding.SnapshotPublished(_without with { Standalone = _turn ? StandaloneMode.OnMiss : StandaloneMode.Off });
        _forwarding.CatchUp();
    }

    /// <inheritdoc/>
    [GlobalCleanup]
    public void Dispose()
    {
        _forwarding.Dispose();
        _datapath.Dispose();
        GC.SuppressFinalize(this);
    }

    private static string Source(int i) => $"10.1.{i / 250}.{1 + i % 250}";

    private static string Destination(int i) => $"10.0.{i / 250}.{1 + i % 250}";
}
