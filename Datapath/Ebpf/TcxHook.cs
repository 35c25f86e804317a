using System.Runtime.InteropServices;
using System.Text;
using OvsBridge.Datapath.Interop;

namespace OvsBridge.Datapath.Ebpf;

/// <summary>
/// A program in the chain at an interface's tcx ingress (Linux 6.6): without a queueing discipline and its filters before it, so it costs less.
/// </summary>
/// <remarks>
/// <para>
/// Attached by BPF_PROG_ATTACH, not as a BPF link: a link ends with its process unless it is pinned in some bpffs, this stays with the
/// interface, as a filter does. There is no handle: it is found by asking which programs are there, and by the program's name, which needs
/// CAP_SYS_ADMIN.
/// </para>
/// <para>It is put at the end of the chain: programs of others that are there see packets first. What is behind the program of ports, tc filters included, sees none; what is behind that of tunnels sees what is not in one of ours.</para>
/// </remarks>
internal static unsafe class TcxHook
{
    private const int MaxPrograms = 64; // BPF_MPROG_MAX
    private const int MaxName = 15; // BPF_OBJ_NAME_LEN, with a zero byte

    /// <summary>Whether the kernel has it.</summary>
    public static bool IsSupported { get; } = Query(int.MaxValue, []) == -Errno.ENODEV; // of no interface; without tcx, EINVAL

    /// <summary>Whether this process may look at programs.</summary>
    public static bool CanFind { get; } = LibBpf.ProgramById(0) != -Errno.EPERM; // there is none of this number

    /// <summary>Our program there; null: there is none.</summary>
    /// <param name="name">The interface, for messages.</param>
    /// <param name="ifIndex">Its index.</param>
    /// <returns>Its number, and a descriptor.</returns>
    /// <exception cref="DatapathException">There are programs that can't be looked at: one may be ours, and would keep all packets.</exception>
    public static (uint Id, SafeSocketFd Fd)? Find(string name, int ifIndex)
    {
        foreach (uint id in List(ifIndex))
        {
            int result = LibBpf.ProgramById(id);
            if (result == -Errno.ENOENT)
            {
                continue; // gone meanwhile
            }

            if (result < 0)
            {
                throw Errno.Failed($"looking at the tcx program {id} on {name}, which may be a killed daemon's (needs CAP_SYS_ADMIN)", -result);
            }

            SafeSocketFd fd = new(result);
            if (IsOurs(fd))
            {
                return (id, fd);
            }

            fd.Dispose();
        }

        return null;
    }

    /// <summary>Numbers of the programs at an interface, in the order in which packets meet them; none when it is not there.</summary>
    public static uint[] List(int ifIndex)
    {
        Span<uint> ids = stackalloc uint[MaxPrograms];
        return ids[..Math.Max(0, Query(ifIndex, ids))].ToArray();
    }

    /// <summary>Attaches a program, in place of one of ours if there is one: packets meet the old program or the new one.</summary>
    /// <exception cref="DatapathException">The kernel refuses.</exception>
    public static void Attach(string name, int ifIndex, int programFd)
    {
        (uint Id, SafeSocketFd Fd)? there = Find(name, ifIndex);
        using SafeSocketFd? old = there?.Fd;
        LibC.BpfAttachment attachment = new() { IfIndex = ifIndex, ProgramFd = programFd, Type = LibC.BpfTcxIngress };
        if (old is not null)
        {
            attachment.Flags = LibC.BpfReplace;
            attachment.ReplacedFd = old.Fd;
        }

        int result = LibC.Bpf(LibC.BpfProgAttach, &attachment, sizeof(LibC.BpfAttachment));
        if (result < 0)
        {
            throw Errno.Failed($"attaching the datapath program to {name} by tcx", -result);
        }
    }

    /// <summary>Removes a program.</summary>
    /// <returns>False when it is not there.</returns>
    public static bool Detach(int ifIndex, int programFd)
    {
        LibC.BpfAttachment attachment = new() { IfIndex = ifIndex, ProgramFd = programFd, Type = LibC.BpfTcxIngress };
        return LibC.Bpf(LibC.BpfProgDetach, &attachment, sizeof(LibC.BpfAttachment)) == 0;
    }

    /// <returns>How many there are, or a negative errno.</returns>
    private static int Query(int ifIndex, Span<uint> ids)
    {
        fixed (uint* pointer = ids)
        {
            LibC.BpfQuery query = new() { IfIndex = ifIndex, Type = LibC.BpfTcxIngress, ProgramIds = pointer, Count = (uint)ids.Length };
            int result = LibC.Bpf(LibC.BpfProgQuery, &query, sizeof(LibC.BpfQuery));
            return result < 0 ? result : (int)Math.Min(query.Count, (uint)ids.Length);
        }
    }

    /// <summary>Whether it has the name of one of our programs: an interface may have been a port, and be one that tunnels come in by now.</summary>
    private static bool IsOurs(SafeSocketFd fd)
    {
        LibBpf.ProgramInfo info = default;
        uint size = (uint)sizeof(LibBpf.ProgramInfo);
        if (LibBpf.InfoByFd(fd.Fd, &info, &size) != 0)
        {
            return false;
        }

        string name = Encoding.UTF8.GetString(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(info.Name));
        return name == KernelName(EbpfDatapath.Program) || name == KernelName(EbpfDatapath.TunnelProgram);
    }

    /// <summary>As much of a name as the kernel keeps.</summary>
    private static string KernelName(string program) => program[..Math.Min(program.Length, MaxName)];
}
