using OvsBridge.Translator.Switch;

namespace OvsBridge.Host;

/// <summary>What gives the switch its ports. Disposing twice does no harm.</summary>
internal interface IPorts : IPortControl, IPortStatsSource, IDisposable
{
    /// <summary>Whether disposing leaves the ports in the datapath, for the next process.</summary>
    bool LeaveBehind { get; set; }

    /// <summary>Adds the ports that are there, and follows changes.</summary>
    void Start(OfSwitch @switch);
}
