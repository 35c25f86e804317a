using System.Reflection;

namespace OvsBridge.Host;

/// <summary>What the program calls itself.</summary>
internal static class VersionText
{
    /// <summary>Name.</summary>
    public const string Product = "OvsBridge";

    /// <summary>Number.</summary>
    public static string Version { get; } =
        typeof(VersionText).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];
}
