using OvsBridge.Datapath.Interop;

namespace OvsBridge.Datapath.Tests.Contract;

/// <summary>Writes action programs.</summary>
internal static class Programs
{
    /// <summary>Outputs to ports, in order.</summary>
    public static DpActions Output(params uint[] ports) => Of(w =>
    {
        foreach (uint port in ports)
        {
            w.Add(DpActionType.Output, port);
        }
    });

    /// <summary>A program by its writer.</summary>
    public static DpActions Of(Action<DpActionWriter> write)
    {
        DpActionWriter writer = new();
        write(writer);
        return writer.ToActions();
    }

    public static DpActionWriter Then(this DpActionWriter writer, DpActionType type, uint arg = 0)
    {
        writer.Add(type, arg);
        return writer;
    }

    public static DpActionWriter Then<T>(this DpActionWriter writer, DpActionType type, uint arg, T payload)
        where T : unmanaged
    {
        writer.Add(type, arg, payload);
        return writer;
    }

    public static DpActionWriter Then<T>(this DpActionWriter writer, DpActionType type, T value, T mask)
        where T : unmanaged
    {
        writer.Add(type, 0, value, mask);
        return writer;
    }

    public static DpActionWriter Userspace(this DpActionWriter writer, UpcallReason reason, ulong cookie, uint maxLength = DpUserspace.WholePacket) =>
        writer.Then(DpActionType.Userspace, (uint)reason, new DpUserspace { Cookie = cookie, MaxLen = maxLength });

    public static DpActionWriter SetEthDst(this DpActionWriter writer, ulong address) =>
        writer.Then(DpActionType.SetEth, new DpSetEth { Dst = address }, new DpSetEth { Dst = 0xffffffffffff });
}
