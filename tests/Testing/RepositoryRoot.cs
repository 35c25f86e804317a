namespace OvsBridge.Testing;

/// <summary>The checkout that the tests were built from, for tests of what lies there: scripts, samples, the compose file.</summary>
public static class RepositoryRoot
{
    /// <summary>Full path of the folder with OvsBridge.sln.</summary>
    public static string Path { get; } = Find();

    /// <summary>Full path of a file or folder, given from the root on.</summary>
    public static string File(string relative) => System.IO.Path.GetFullPath(relative, Path);

    private static string Find()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (System.IO.File.Exists(System.IO.Path.Combine(folder.FullName, "OvsBridge.sln")))
            {
                return folder.FullName;
            }
        }

        throw new DirectoryNotFoundException($"no folder above {AppContext.BaseDirectory} has OvsBridge.sln");
    }
}
