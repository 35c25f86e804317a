namespace OvsBridge.Host.Ofctl;

/// <summary>Which OpenFlow versions and flow formats may be asked for; 1.3 is what there is.</summary>
internal static class Protocols
{
    private const string Ours = "OpenFlow13";

    // Names of versions as -O takes them, in any case; the number alone is taken too.
    private static readonly string[] _versions = ["OpenFlow10", "OpenFlow11", "OpenFlow12", Ours, "OpenFlow14", "OpenFlow15"];

    /// <summary>Checks a value of -O: versions, separated by commas or blanks; <c>OpenFlow10,OpenFlow13</c> is negotiated to 1.3.</summary>
    /// <exception cref="OfctlException">A version does not exist, or 1.3 is not among them.</exception>
    public static void Check(string value)
    {
        bool ours = false;
        string[] named = value.Split([',', ' '], StringSplitOptions.RemoveEmptyEntries);
        foreach (string name in named)
        {
            string? version = Array.Find(_versions, v => v.Equals(name, StringComparison.OrdinalIgnoreCase));
            if (version is null)
                throw new OfctlException($"Unknown OpenFlow version: \"{name}\"");
            ours |= version == Ours;
        }

        if (!ours)
            throw new OfctlException($"-O {value}: only {Ours} is spoken here: add it, or leave -O out");
    }

    /// <summary>Checks a value of -F: a name of a flow format, or of a set of them, that has OpenFlow 1.3's in it.</summary>
    /// <exception cref="OfctlException">It has not, or does not exist.</exception>
    public static void CheckFlowFormat(string value)
    {
        bool ours = false;
        foreach (string name in value.Split(','))
        {
            switch (name.ToLowerInvariant())
            {
                case "any" or "oxm" or "oxm-openflow13":
                    ours = true;
                    break;
                case "openflow10" or "openflow10-table_id" or "openflow10+table_id" or "nxm" or "nxm-table_id" or "nxm+table_id" or "openflow11"
                    or "oxm-openflow12" or "oxm-openflow14" or "oxm-openflow15":
                    break;
                default:
                    throw new OfctlException($"{value}: unknown flow protocol or set of protocols");
            }
        }

        if (!ours)
            throw new OfctlException($"-F {value}: only OXM-{Ours} is spoken here");
    }
}
