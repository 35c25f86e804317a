namespace OvsBridge.Testing;

/// <summary>os-ken's <c>osken-manager</c>.</summary>
public static class OsKen
{
    /// <summary>The repository's learning switch.</summary>
    public static string LearningSwitch => Path.Combine(RepositoryRoot.Path, "samples", "osken", "learning_switch.py");

    /// <summary>Starts it, with Debian's interpreter, which has os-ken.</summary>
    /// <param name="netns">Network namespace; null: ours.</param>
    /// <param name="arguments">Options, then the application.</param>
    public static BackgroundProcess Start(string? netns, params IEnumerable<string> arguments) =>
        BackgroundProcess.Start(netns, "/usr/bin/python3", ["/usr/bin/osken-manager", .. arguments]);
}
