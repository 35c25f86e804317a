using System.Diagnostics;
using System.Globalization;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Wire;

namespace OvsBridge.Host.Ofctl;

/// <summary>Commands about the connection itself.</summary>
internal static class EchoCommands
{
    private const int MaxPayload = OfCodec.MaxMessageSize - MessageHeader.Size;
    private const int Pings = 10;

    /// <summary>probe TARGET</summary>
    public static void Probe(OfctlSession session, string[] arguments)
    {
        using SwitchConnection connection = session.Connect(arguments[0]);
        ReadOnlySpan<byte> reply = connection.Transact(new EchoRequest(default) { Xid = session.NextXid() });
        if (reply.Length != MessageHeader.Size)
            throw new OfctlException("reply does not match request");
    }

    /// <summary>ping TARGET [N]</summary>
    public static void Ping(OfctlSession session, string[] arguments)
    {
        byte[] payload = Payload(arguments.Length > 1 ? arguments[1] : "64");
        using SwitchConnection connection = session.Connect(arguments[0]);
        for (int i = 0; i < Pings; i++)
        {
            EchoRequest request = new(payload) { Xid = session.NextXid() };
            long start = Stopwatch.GetTimestamp();
            ReadOnlySpan<byte> reply = connection.Transact(request);
            double milliseconds = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            if (reply[1] != (byte)OfType.EchoReply || !reply[MessageHeader.Size..].SequenceEqual(payload))
            {
                session.Out.WriteLine("Reply does not match request.  Request:");
                session.Out.Write(session.Printer(null).Print(request));
                session.Out.WriteLine("Reply:");
                session.Out.Write(session.Printer(null).Print(reply));
            }

            session.Out.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{reply.Length - MessageHeader.Size} bytes from {arguments[0]}: xid={request.Xid:x8} time={milliseconds:0.0} ms"));
            session.Out.Flush();
        }
    }

    /// <summary>benchmark TARGET N COUNT</summary>
    public static void Benchmark(OfctlSession session, string[] arguments)
    {
        byte[] payload = Payload(arguments[1]);
        if (!int.TryParse(arguments[2], NumberStyles.None, CultureInfo.InvariantCulture, out int count))
            throw new OfctlException($"{arguments[2]}: the count is a number");
        int size = payload.Length + MessageHeader.Size;
        session.Out.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"Sending {count} packets * {size} bytes (with header) = {(long)count * size} bytes total"));
        using SwitchConnection connection = session.Connect(arguments[0]);
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < count; i++)
            connection.Transact(new EchoRequest(payload) { Xid = session.NextXid() });
        TimeSpan took = Stopwatch.GetElapsedTime(start);
        double seconds = double.Max(took.TotalSeconds, 1e-9);
        session.Out.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"Finished in {took.TotalMilliseconds:0.0} ms ({count / seconds:0} packets/s) ({(long)count * size / seconds:0} bytes/s)"));
    }

    private static byte[] Payload(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int size) && size <= MaxPayload
            ? new byte[size]
            : throw new OfctlException($"payload must be between 0 and {MaxPayload} bytes");
}
