using System.Net.Sockets;
using System.Runtime.CompilerServices;
using OvsBridge.Datapath.Interop;
using OvsBridge.Datapath.Links;

namespace OvsBridge.Datapath.Ebpf;

/// <summary>
/// Puts the datapath's program on the tc ingress hook of interfaces (clsact), and takes it off again.
/// </summary>
/// <remarks>
/// <para>
/// A tc filter outlives its process. So that a filter that is there can be told from one in use, the process that owns an
/// interface holds it by <see cref="Ownership"/>: a second daemon is refused, a dead one's filter is replaced.
/// </para>
/// <para>The interface's qdisc is removed again when this class, or a dead daemon before it, made it and nobody else put a filter there.</para>
/// <para>Not thread safe; the datapath's lock serialises calls.</para>
/// </remarks>
internal sealed class PortAttacher : IDisposable
{
    private const uint Handle = 0x6f767362; // "ovsb"
    private const uint Priority = 1;

    private readonly Dictionary<int, Attachment> _attachments = [];
    private readonly Dictionary<int, Socket> _held = [];

    /// <summary>Takes the ownership of an interface that is to be attached to later.</summary>
    /// <returns>Number of the program that a dead daemon left there; null: none.</returns>
    /// <exception cref="DatapathException">Another process owns the interface.</exception>
    public uint? Hold(string name, int ifIndex)
    {
        _held.Add(ifIndex, Own(name, ifIndex));
        return Find(ifIndex);
    }

    /// <summary>Number of the program of ours, or of a daemon before us, that is on an interface; null: none.</summary>
    public static uint? Find(int ifIndex)
    {
        LibBpf.TcOptions found = Options();
        return LibBpf.TcQuery(Hook(ifIndex, LibBpf.TcIngress), ref found) == 0 ? found.ProgramId : null;
    }

    /// <summary>Attaches a program to an interface.</summary>
    /// <param name="name">For messages.</param>
    /// <param name="ifIndex">Which interface.</param>
    /// <param name="programFd">A loaded program of type sched_cls.</param>
    /// <exception cref="DatapathException">Another process owns the interface, or the kernel refuses.</exception>
    public void Attach(string name, int ifIndex, int programFd)
    {
        Socket owner = _held.Remove(ifIndex, out Socket? held) ? held : Own(name, ifIndex);
        try
        {
            LibBpf.TcHook hook = Hook(ifIndex, LibBpf.TcIngress);
            LibBpf.TcOptions leftover = Options();
            bool inherited = LibBpf.TcQuery(hook, ref leftover) == 0;
            int result = LibBpf.TcHookCreate(ref hook);
            if (result != 0 && result != -Errno.EEXIST)
            {
                throw Errno.Failed($"adding a clsact qdisc to {name}", -result);
            }

            bool made = result == 0 || inherited;
            LibBpf.TcOptions options = Options();
            options.ProgramFd = programFd;
            options.Flags = LibBpf.TcReplace;
            result = LibBpf.TcAttach(hook, ref options); // one that is there is replaced: packets meet the old program or the new one
            if (result != 0)
            {
                RemoveQdisc(ifIndex, made);
                throw Errno.Failed($"attaching the datapath program to {name}", -result);
            }

            _attachments.Add(ifIndex, new Attachment(owner, made));
        }
        catch
        {
            owner.Dispose();
            throw;
        }
    }

    /// <summary>Detaches from an interface; one that has vanished took the filter with it.</summary>
    /// <returns>False when nothing was attached there by this object.</returns>
    public bool Detach(int ifIndex)
    {
        if (!_attachments.Remove(ifIndex, out Attachment? attachment))
        {
            return false;
        }

        _ = LibBpf.TcDetach(Hook(ifIndex, LibBpf.TcIngress), Options());
        RemoveQdisc(ifIndex, attachment.MadeQdisc);
        attachment.Owner.Dispose();
        return true;
    }

    /// <summary>Gives up everything and leaves the program where it is, for the next process.</summary>
    public void Leave()
    {
        foreach (Attachment attachment in _attachments.Values)
        {
            attachment.Owner.Dispose();
        }

        _attachments.Clear();
    }

    /// <summary>Detaches from all.</summary>
    public void Dispose()
    {
        foreach (Socket held in _held.Values)
        {
            held.Dispose();
        }

        _held.Clear();
        foreach (int ifIndex in _attachments.Keys.ToArray())
        {
            Detach(ifIndex);
        }
    }

    /// <summary>Takes off an interface what a dead daemon left there.</summary>
    /// <returns>False when there is nothing of ours, or its owner lives.</returns>
    public static bool RemoveLeftover(string name, int ifIndex)
    {
        LibBpf.TcHook hook = Hook(ifIndex, LibBpf.TcIngress);
        LibBpf.TcOptions found = Options();
        if (LibBpf.TcQuery(hook, ref found) != 0)
        {
            return false;
        }

        try
        {
            using Socket owner = Own(name, ifIndex);
            _ = LibBpf.TcDetach(hook, Options());
            RemoveQdisc(ifIndex, made: true);
            return true;
        }
        catch (DatapathException)
        {
            return false; // in use
        }
    }

    private static Socket Own(string name, int ifIndex) => Ownership.Take($"ifindex/{ifIndex}", name);

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

    private sealed record Attachment(Socket Owner, bool MadeQdisc);
}
