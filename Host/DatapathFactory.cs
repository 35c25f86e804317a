using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
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
    /// <param name="options">What to open.</param>
    /// <param name="ports">The ports that will be added at the start.</param>
    public static IDatapath Open(SwitchOptions options, IReadOnlyList<DpPort> ports) => options.Datapath switch
    {
        DatapathKind.Memory => new InMemoryDatapath(new InMemoryDatapathOptions { MaxFlows = options.FlowLimit }),
        _ => new EbpfDatapath(new EbpfDatapathOptions
        {
            MaxFlows = options.FlowLimit,
            AttachTo = options.AttachTo,
            Underlay = options.Underlay,
            Adopt = new AdoptionRequest(Owner(options), ports),
        }),
    };

    /// <summary>Says whose tables are whose: processes with the same run directory and bridge follow one another.</summary>
    private static ulong Owner(SwitchOptions options) =>
        BinaryPrimitives.ReadUInt64LittleEndian(SHA256.HashData(Encoding.UTF8.GetBytes($"{options.RunDirectory}\0{options.Bridge}")));
}
