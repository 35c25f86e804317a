using System.Net.Sockets;
using OvsBridge.Datapath.Interop;
using OvsBridge.Datapath.Links;

namespace OvsBridge.Datapath.Ebpf;

/// <summary>Where the datapath's program is attached to an interface's ingress.</summary>
public enum AttachPoint
{
    /// <summary>tcx where the kernel has it, and what is there can be looked at (CAP_SYS_ADMIN); else clsact.</summary>
    Auto,

    /// <summary>tcx, from Linux 6.6 on.</summary>
    Tcx,

    /// <summary>A filter of the clsact queueing discipline.</summary>
    Clsact,
}

/// <summary>
/// Puts the datapath's program on the ingress of interfaces, by <see cref="TcxHook"/> or <see cref="ClsactHook"/>, and takes it off again.
/// </summary>
/// <remarks>
/// <para>
/// Either outlives its process. So that a program that is there can be told from one in use, the process that owns an
/// interface holds it by <see cref="Ownership"/>: a second daemon is refused, a dead one's program is replaced.
/// </para>
/// <para>
/// tcx runs before clsact, and the program of ports leaves nothing to what is behind it. (That of tunnels leaves what is not in one of ours to it, and a filter that is
/// the same program finds nothing more there.) So when the dead one used the other hook, the new program is
/// attached first: each packet meets one of them. A tcx program is removed then. A filter stays behind tcx, where no packet comes, until the port is given up: the kernel
/// stops what an interface sends for some 30 ms while a qdisc is removed from it (or added, so that the way from tcx to clsact loses that).
/// </para>
/// <para>The interface's qdisc is removed again when this class, or a dead daemon before it, made it and nobody else put a filter there.</para>
/// <para>Not thread safe; the datapath's lock serialises calls.</para>
/// </remarks>
internal sealed class PortAttacher : IDisposable
{
    private readonly Dictionary<int, Attachment> _attachments = [];
    private readonly Dictionary<int, Socket> _held = [];
    private readonly bool _tcx;

    /// <summary>Chooses.</summary>
    /// <exception cref="DatapathException">The kernel has no tcx, and it was asked for.</exception>
    public PortAttacher(AttachPoint point)
    {
        _tcx = point == AttachPoint.Tcx || (point == AttachPoint.Auto && TcxHook.IsSupported && TcxHook.CanFind);
        if (_tcx && !TcxHook.IsSupported)
        {
            throw new DatapathException("this kernel has no tcx (Linux 6.6 has); clsact works without", Errno.EINVAL);
        }

        if (_tcx && !TcxHook.CanFind)
        {
            throw new DatapathException("tcx needs CAP_SYS_ADMIN, to find what a killed daemon left; clsact works without", Errno.EPERM);
        }
    }

    /// <summary>What was chosen.</summary>
    public AttachPoint Point => _tcx ? AttachPoint.Tcx : AttachPoint.Clsact;

    /// <summary>Takes the ownership of an interface that is to be attached to later.</summary>
    /// <returns>Number of the program that a dead daemon left in force there; null: none.</returns>
    /// <exception cref="DatapathException">Another process owns the interface.</exception>
    public uint? Hold(string name, int ifIndex)
    {
        _held.Add(ifIndex, Own(name, ifIndex));
        return Find(name, ifIndex);
    }

    /// <summary>Number of the program of ours, or of a daemon before us, that is in force on an interface; null: none.</summary>
    /// <exception cref="DatapathException">There are tcx programs that can't be looked at.</exception>
    public static uint? Find(string name, int ifIndex)
    {
        (uint Id, SafeSocketFd Fd)? tcx = FindTcx(name, ifIndex);
        tcx?.Fd.Dispose();
        return tcx?.Id ?? ClsactHook.Find(ifIndex);
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
            bool madeQdisc = false;
            if (_tcx)
            {
                TcxHook.Attach(name, ifIndex, programFd);
                if (ClsactHook.Find(ifIndex) is not null)
                {
                    madeQdisc = ClsactHook.Attach(name, ifIndex, programFd); // so that it keeps no dead tables
                }
            }
            else
            {
                (uint Id, SafeSocketFd Fd)? old = FindTcx(name, ifIndex);
                using SafeSocketFd? fd = old?.Fd;
                madeQdisc = ClsactHook.Attach(name, ifIndex, programFd);
                if (fd is not null)
                {
                    TcxHook.Detach(ifIndex, fd.Fd);
                }
            }

            _attachments.Add(ifIndex, new Attachment(owner, programFd, madeQdisc));
        }
        catch
        {
            owner.Dispose();
            throw;
        }
    }

    /// <summary>Detaches from an interface; one that has vanished took the program with it, one that went to another namespace must not.</summary>
    /// <returns>False when nothing was attached there by this object.</returns>
    public bool Detach(int ifIndex)
    {
        if (!_attachments.Remove(ifIndex, out Attachment? attachment))
        {
            return false;
        }

        if (!_tcx || attachment.MadeQdisc)
        {
            ClsactHook.Detach(ifIndex, attachment.MadeQdisc);
        }

        if (_tcx && !TcxHook.Detach(ifIndex, attachment.ProgramFd))
        {
            MovedInterfaces.Detach(attachment.ProgramFd);
        }

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
    /// <exception cref="DatapathException">There are tcx programs that can't be looked at.</exception>
    public static bool RemoveLeftover(string name, int ifIndex)
    {
        (uint Id, SafeSocketFd Fd)? tcx = FindTcx(name, ifIndex);
        using SafeSocketFd? fd = tcx?.Fd;
        if (fd is null && ClsactHook.Find(ifIndex) is null)
        {
            return false;
        }

        try
        {
            using Socket owner = Own(name, ifIndex);
            bool removed = ClsactHook.Find(ifIndex) is not null && ClsactHook.Detach(ifIndex, madeQdisc: true);
            return (fd is not null && TcxHook.Detach(ifIndex, fd.Fd)) || removed;
        }
        catch (DatapathException)
        {
            return false; // in use
        }
    }

    private static (uint Id, SafeSocketFd Fd)? FindTcx(string name, int ifIndex) => TcxHook.IsSupported ? TcxHook.Find(name, ifIndex) : null;

    private static Socket Own(string name, int ifIndex) => Ownership.Take($"ifindex/{ifIndex}", name);

    private sealed record Attachment(Socket Owner, int ProgramFd, bool MadeQdisc);
}
