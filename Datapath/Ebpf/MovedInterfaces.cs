using Microsoft.Win32.SafeHandles;
using OvsBridge.Datapath.Interop;
using OvsBridge.Datapath.Links;

namespace OvsBridge.Datapath.Ebpf;

/// <summary>
/// Takes a tcx program off interfaces that went to another network namespace. A qdisc with its filters does not go along there; a tcx program does,
/// and would keep the packets of whoever has the interface now.
/// </summary>
/// <remarks>
/// The kernel detaches in the caller's namespace only. So a thread of its own visits the namespaces that can be found, by /proc and /run/netns, and looks at
/// the interfaces there. In another namespace than ours a program of ours is always one that went astray.
/// </remarks>
internal static class MovedInterfaces
{
    private const int CloneNewNet = 0x40000000;
    private const string Own = "/proc/thread-self/ns/net";
    private const string NamedNamespaces = "/run/netns";

    /// <summary>Detaches the program wherever it is outside of this thread's namespace.</summary>
    public static void Detach(int programFd)
    {
        string home = Identity(Own) ?? "";
        HashSet<string> seen = [home];
        List<string> elsewhere = [.. Directory.EnumerateDirectories("/proc").Where(path => char.IsAsciiDigit(Path.GetFileName(path)[0])).Select(path => path + "/ns/net")
            .Where(path => Identity(path) is { } identity && seen.Add(identity))];
        if (Directory.Exists(NamedNamespaces))
        {
            elsewhere.AddRange(Directory.EnumerateFiles(NamedNamespaces)); // mounted: what they are is not told before one opens them
        }

        Thread thread = new(() => Visit(elsewhere, home, programFd)) { Name = "moved interfaces" };
        thread.Start();
        thread.Join();
    }

    private static void Visit(List<string> namespaces, string home, int programFd)
    {
        foreach (string path in namespaces)
        {
            try
            {
                using SafeFileHandle there = File.OpenHandle(path);
                if (LibC.SetNamespace((int)there.DangerousGetHandle(), CloneNewNet) != 0 || Identity(Own) == home)
                {
                    continue;
                }

                using LinkTable links = new();
                foreach (Link link in links.List())
                {
                    TcxHook.Detach(link.IfIndex, programFd);
                }
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or DatapathException)
            {
                // it has just gone, or is nobody's to look at
            }
        }
    }

    /// <summary>What the kernel calls the namespace, "net:[4026531840]"; null: it has gone.</summary>
    private static string? Identity(string path)
    {
        try
        {
            return new FileInfo(path).LinkTarget;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
