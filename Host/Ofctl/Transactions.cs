using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Messages.Multipart;
using OvsBridge.OpenFlow.Text;
using OvsBridge.OpenFlow.Wire;

namespace OvsBridge.Host.Ofctl;

/// <summary>What commands do with a connection: ask and print, or change and be told of errors.</summary>
internal static class Transactions
{
    /// <summary>Reads a message that came from the switch.</summary>
    /// <exception cref="OfctlException">It is malformed.</exception>
    public static OfMessage Decode(ReadOnlySpan<byte> message)
    {
        try
        {
            return OfCodec.Decode(message);
        }
        catch (OfErrorException problem)
        {
            throw new OfctlException($"bad message from the switch: {problem.Message}");
        }
    }

    /// <summary>Sends a request and prints the answer, part by part as it comes; also when it is an error.</summary>
    public static void Print(OfctlSession session, SwitchConnection connection, MessagePrinter printer, OfMessage request)
    {
        request = request with { Xid = session.NextXid() };
        ReadOnlySpan<byte> reply = connection.Transact(request);
        while (true)
        {
            if (SwitchConnection.XidOf(reply) == request.Xid)
            {
                session.Out.Write(printer.Print(reply));
                if (!HasMore(reply))
                    return;
            }

            reply = connection.Receive();
        }
    }

    /// <summary>Sends a request on a connection of its own and prints the answer.</summary>
    public static void Print(OfctlSession session, string name, OfMessage request)
    {
        using SwitchConnection connection = session.Connect(name);
        Print(session, connection, session.Printer(name), request);
    }

    /// <summary>Sends a request that is answered only when it fails.</summary>
    /// <returns>False when it failed; the error was printed.</returns>
    public static bool Change(OfctlSession session, SwitchConnection connection, OfMessage request, string name)
    {
        request = request with { Xid = session.NextXid() };
        connection.Send(request);
        BarrierRequest barrier = new() { Xid = session.NextXid() };
        connection.Send(barrier);
        bool good = true;
        while (true)
        {
            ReadOnlySpan<byte> reply = connection.Receive();
            uint xid = SwitchConnection.XidOf(reply);
            if (xid == barrier.Xid)
                return good;
            if (xid == request.Xid)
            {
                session.Error.Write(session.Printer(name).Print(reply));
                good = false;
            }
        }
    }

    /// <summary>Sends a change on a connection of its own; the exit status is 1 when it is refused.</summary>
    public static void Change(OfctlSession session, string name, OfMessage request)
    {
        using SwitchConnection connection = session.Connect(name);
        if (!Change(session, connection, request, name))
            session.Status = 1;
    }

    /// <summary>Asks for something whose answer is one message.</summary>
    /// <exception cref="OfctlException">The answer is something else: an error.</exception>
    public static T Ask<T>(OfctlSession session, SwitchConnection connection, OfMessage request)
        where T : OfMessage
    {
        ReadOnlySpan<byte> reply = connection.Transact(request with { Xid = session.NextXid() });
        return Decode(reply) as T ?? throw new OfctlException($"unexpected answer: {session.Printer(null).Print(reply).TrimEnd()}");
    }

    /// <summary>Whether a message is a part of a multipart reply with others to come.</summary>
    public static bool HasMore(ReadOnlySpan<byte> message) =>
        message.Length >= 16 && message[1] == (byte)OfType.MultipartReply && (message[11] & 1) != 0;
}
