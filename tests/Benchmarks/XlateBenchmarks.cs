using BenchmarkDotNet.Attributes;
using OvsBridge.Datapath;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.Testing;
using OvsBridge.Translator.Tables;
using OvsBridge.Translator.Xlate;

namespace OvsBridge.Benchmarks;

/// <summary>Translations of single packets, without what is in front (parse) and behind (install, send).</summary>
[MemoryDiagnoser]
public class XlateBenchmarks
{
    private readonly Xlator _xlator = new(new XlateEnvironment(new DatapathCapabilities(Enum.GetValues<DpActionType>().ToHashSet(), 200_000, 256, 64), new MacTable()));
    private PipelineSnapshot _output = null!, _tables = null!, _normal = null!;
    private FlowKey _key;

    /// <summary>Makes the pipelines.</summary>
    [GlobalSetup]
    public void Make()
    {
        _output = Pipelines.Of("priority=10,in_port=1,tcp,tp_dst=80,actions=output:2");
        _tables = Pipelines.Of(
            "priority=10,in_port=1,ip,actions=write_metadata:0x1,goto_table:1",
            "table=1,priority=10,metadata=1,tcp,nw_dst=10.0.0.0/8,actions=mod_dl_dst:02:00:00:00:00:09,dec_ttl,goto_table:2",
            "table=2,priority=10,tcp,tp_dst=80,actions=mod_nw_dst:10.9.9.9,output:2");
        _normal = Pipelines.Empty(8).With("actions=normal");
        _key = Packets.Key("in_port=1,tcp,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:02,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_ttl=64,tp_src=1000,tp_dst=80");
    }

    /// <summary>One table, one output.</summary>
    [Benchmark(Baseline = true)]
    public object Output() => _xlator.Translate(_output, _key);

    /// <summary>Three tables, three rewrites.</summary>
    [Benchmark]
    public object ThreeTables() => _xlator.Translate(_tables, _key);

    /// <summary>Flood of an unknown address to eight ports.</summary>
    [Benchmark]
    public object NormalFlood() => _xlator.Translate(_normal, _key);
}
