using System.Runtime.CompilerServices;
using OvsBridge.Datapath.Interop;

namespace OvsBridge.Datapath.Ebpf;

/// <summary>
/// A filter at the ingress of an interface's clsact qdisc, on every kernel. It has a handle of ours, by which it is found.
/// </summary>
internal static class ClsactHook
{
    private const uint Handle = 0x6f767362; // "ovsb"
    private const uint Priority = 1;

    /// <summary>Number of the program of our filter there; null: there is none.</summary>
    public static uint? Find(int ifIndex)
    {
        LibBpf.TcOptions found = Options();
        return LibBpf.TcQuery(Hook(ifIndex, LibBpf.TcIngress), ref found) == 0 ? found.ProgramId : null;
    }

    /// <summary>Attaches a program, in place of one of ours if there is one: packets meet the old program or the new one.</summary>
    /// <returns>Whether the qdisc is ours to remove: made now, or by who left the filter.</returns>
    /// <exception cref="DatapathException">The kernel refuses.</exception>
    public static bool Attach(string name, int ifIndex, int programFd)
    {
        LibBpf.TcHook hook = Hook(ifIndex, LibBpf.TcIngress);
        bool inherited = Find(ifIndex) is not null;
        int result = LibBpf.TcHookCreate(ref hook);
        if (result != 0 && result != -Errno.EEXIST)
        {
            throw Errno.Failed($"adding a clsact qdisc to {name}", -result);
        }

        bool made = result == 0 || inherited;
        LibBpf.TcOptions options = Options();
        options.ProgramFd = programFd;
        options.Flags = LibBpf.TcReplace;
        result = LibBpf.TcAttach(hook, ref options);
        if (result != 0)
        {
            RemoveQdisc(ifIndex, made);
            throw Errno.Failed($"attaching the datapath program to {name}", -result);
        }

        return made;
    }

    /// <summary>Removes our filter, and the qdisc if it is ours and nobody else has a filter there.</summary>
    /// <returns>False when there is no filter of ours.</returns>
    public static bool Detach(int ifIndex, bool madeQdisc)
    {
        bool detached = LibBpf.TcDetach(Hook(ifIndex, LibBpf.TcIngress), Options()) == 0;
        RemoveQdisc(ifIndex, madeQdisc);
        return detached;
    }

    private static LibBpf.TcHook Hook(int ifIndex, uint point) =>
        new() { Size = (nuint)Unsafe.SizeOf<LibBpf.TcHook>(), IfIndex = ifIndex, AttachPoint = point };

    private static LibBpf.TcOptions Options() =>
        new() { Size = (nuint)Unsafe.SizeOf<LibBpf.TcOptions>(), Handle = Handle, Priority = Priority };

    private static void RemoveQdisc(int ifIndex, bool made)
    {
        if (!made || TcFilters.Exist(ifIndex))
        {
            return;
        }

        // Naming both directions removes the qdisc itself.
        LibBpf.TcHook both = Hook(ifIndex, LibBpf.TcIngress | LibBpf.TcEgress);
        _ = LibBpf.TcHookDestroy(ref both);
    }
}
