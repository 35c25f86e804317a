using OvsBridge.Datapath;
using OvsBridge.Datapath.Ebpf;
using OvsBridge.Datapath.Memory;
using OvsBridge.Host.Options;

namespace OvsBridge.Host;

/// <summary>Opens the datapath that was asked for.</summary>
internal static class DatapathFactory
{
    /// <summary>Opens it.</summary>
    /// <exception cref="DatapathException">The kernel refuses.</exception>
    public static IDatapath Open(SwitchOptions options) => options.Datapath switch
    {
        DatapathKind.Memory => new InMemoryDatapath(new InMemoryDatapathOptions { MaxFlows = options.FlowLimit }),
        _ => new EbpfDatapath(new EbpfDatapathOptions { MaxFlows = options.FlowLimit }),
    };
}
