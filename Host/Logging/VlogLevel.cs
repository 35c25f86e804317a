using NLog;

namespace OvsBridge.Host.Logging;

/// <summary>Levels in Open vSwitch's words.</summary>
internal enum VlogLevel
{
    /// <summary>Nothing.</summary>
    Off,

    /// <summary>The daemon can't go on.</summary>
    Emer,

    /// <summary>Something failed.</summary>
    Err,

    /// <summary>Someone should look.</summary>
    Warn,

    /// <summary>What happens, rare.</summary>
    Info,

    /// <summary>Everything.</summary>
    Dbg,
}

/// <summary>Names of levels, and NLog's for them.</summary>
internal static class VlogLevels
{
    /// <summary>The name as on a command line.</summary>
    public static string Name(this VlogLevel level) => level.ToString().ToLowerInvariant();

    /// <summary>The level of a name in any case; null when there is none.</summary>
    public static VlogLevel? Parse(string name) =>
        Enum.TryParse(name, ignoreCase: true, out VlogLevel level) && !char.IsAsciiDigit(name[0]) ? level : null;

    /// <summary>The lowest of NLog's levels that is logged.</summary>
    public static LogLevel ToNLog(this VlogLevel level) => level switch
    {
        VlogLevel.Off => LogLevel.Off,
        VlogLevel.Emer => LogLevel.Fatal,
        VlogLevel.Err => LogLevel.Error,
        VlogLevel.Warn => LogLevel.Warn,
        VlogLevel.Info => LogLevel.Info,
        _ => LogLevel.Trace,
    };
}
