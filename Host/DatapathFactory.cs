using OvsBridge.Datapath;
using OvsBridge.Datapath.Memory;
using OvsBridge.Host.Options;

namespace OvsBridge.Host;

/// <summary>Opens the datapath that was asked for.</summary>
internal static class DatapathFactory
{
    /// <summary>Opens it.</summary>
    /// <exception cref="UsageException">The kernel or our rights don't do.</exception>
    /// <exception cref="DatapathException">The kernel refuses.</exception>
    public static IDatapath Open(SwitchOptions options)
    {
        switch (options.Datapath)
        {
            case DatapathKind.Memory:
                return new InMemoryDatapath(new InMemoryDatapathOptions { MaxFlows = options.FlowLimit });
            default:
                throw new UsageException("--datapath: tc is not there yet; use memory");
        }
    }
}
