using OvsBridge.Datapath.Ebpf;

namespace OvsBridge.Testing;

/// <summary>Datapath programs on the interfaces of a topology's switch, whoever runs or ran there.</summary>
internal static class IngressPrograms
{
    /// <summary>"INTERFACE HOOK" of each, in order.</summary>
    public static IReadOnlyList<string> In(Netns net)
    {
        LibBpfMessages.Silence(); // it tells each interface that has no filter

        // "2: h1@if3: <BROADCAST,..."
        string[] names = [.. net.InSwitch("ip", "-o", "link").Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(':')[1].Trim().Split('@')[0])];
        List<string> found = [];
        net.Inside(() =>
        {
            foreach (string name in names.Order(StringComparer.Ordinal))
            {
                int ifIndex = PrivateNetwork.IfIndex(name);
                if (TcxHook.IsSupported && TcxHook.List(ifIndex).Length > 0)
                {
                    found.Add(name + " tcx");
                }

                if (ClsactHook.Find(ifIndex) is not null)
                {
                    found.Add(name + " clsact");
                }
            }
        });
        return found;
    }
}
