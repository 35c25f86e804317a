using BenchmarkDotNet.Attributes;
using OvsBridge.Datapath;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.Translator.Tables;
using OvsBridge.Translator.Xlate;

namespace OvsBridge.Benchmarks;

/// <summary>
/// One table of 100,000 flows with 50 masks: address prefixes, ports, and both. Hot: the flow of highest priority matches. Worst: none but the
/// last subtable can tell.
/// </summary>
[MemoryDiagnoser]
public class ClassifierBenchmarks
{
    private const int Flows = 100_000;
    private const int Masks = 50;

    private readonly TrackedFlow _flow = new(new DatapathCapabilities(Enum.GetValues<DpActionType>().ToHashSet(), 200_000, 256, 64));
    private FlowTable _table = FlowTable.Empty(0);
    private FlowKey _hot, _worst;
    private Rule _one = null!;

    /// <summary>Fills the table.</summary>
    [GlobalSetup]
    public void Fill()
    {
        Random random = new(1);
        List<Rule> rules = [];
        for (int i = 0; i < Flows; i++)
        {
            rules.Add(Rule(i % Masks, random));
        }

        _table = FlowTable.Empty(0).With(rules);
        _one = Rule(Masks / 2, new Random(2));
        Rule first = _table.Rules.MaxBy(r => r.Priority)!;
        _hot = first.Match.Value;
        _worst = new FlowKey { InPort = 1, EthType = 0x0800, IpProto = 6, Ipv4Src = 0xdeadbeef, Ipv4Dst = 0xfeedface, TpSrc = 1, TpDst = 2 };
    }

    /// <summary>Lookup that the first subtable answers.</summary>
    [Benchmark]
    public object? LookupHot() => Lookup(_hot);

    /// <summary>Lookup that every subtable has to be asked for.</summary>
    [Benchmark]
    public object? LookupWorst() => Lookup(_worst);

    /// <summary>One flow added.</summary>
    [Benchmark]
    public object Insert() => _table.With(_one);

    /// <summary>One flow added and deleted.</summary>
    [Benchmark]
    public object InsertAndDelete() => _table.With(_one).Without([_one]);

    private Rule? Lookup(in FlowKey key)
    {
        _flow.Load(key);
        return _table.Classifier.Lookup(_flow);
    }

    private static Rule Rule(int kind, Random random)
    {
        FlowKey value = default, mask = default;
        mask.EthType = 0xffff;
        value.EthType = 0x0800;

        // 25 lengths of destination prefixes, each with and without TCP and a port.
        int length = 8 + (kind / 2);
        uint prefix = uint.MaxValue << (32 - length);
        mask.Ipv4Dst = prefix;
        value.Ipv4Dst = (uint)random.NextInt64(1L << 32) & prefix;
        if (kind % 2 == 1)
        {
            mask.IpProto = 0xff;
            value.IpProto = 6;
            mask.TpDst = 0xffff;
            value.TpDst = (ushort)random.Next(1, 0x10000);
        }

        return new Rule
        {
            TableId = 0,
            Priority = (ushort)(1000 + (kind * 10)),
            Match = new Match(value, mask),
            Instructions = [],
            Stats = new RuleStats(0),
        };
    }
}
