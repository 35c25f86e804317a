using System.Buffers;
using System.Net;
using System.Net.Sockets;
using System.Text;
using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Messages.Multipart;
using OvsBridge.OpenFlow.Wire;
using OvsBridge.Testing;

namespace OvsBridge.OpenFlow.Tests.Text;

/// <summary>A switch on loopback that answers what ovs-ofctl asks first, and keeps the rest of what it sends.</summary>
internal sealed class RecordingSwitch : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly List<OfMessage> _messages = [];
    private readonly Task _serving;

    public RecordingSwitch()
    {
        _listener.Start();
        _serving = ServeAsync();
    }

    /// <summary>Target for ovs-ofctl.</summary>
    public string Target => $"tcp:127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}";

    /// <summary>Takes what came since the last call: flow, group and meter mods and multipart requests, decoded.</summary>
    public List<OfMessage> Take()
    {
        lock (_messages)
        {
            List<OfMessage> taken = [.. _messages];
            _messages.Clear();
            return taken;
        }
    }

    public void Dispose()
    {
        _listener.Stop();
        Assert.That(_serving.Wait(TimeSpan.FromSeconds(5)), Is.True, "the recording switch did not stop");
    }

    // One connection after the other, as ovs-ofctl makes them.
    private async Task ServeAsync()
    {
        while (true)
        {
            TcpClient client;
            try
            {
                client = await _listener.AcceptTcpClientAsync();
            }
            catch (Exception stopped) when (stopped is SocketException or InvalidOperationException)
            {
                return;
            }

            using (client)
            {
                await ServeAsync(client.GetStream());
            }
        }
    }

    private async Task ServeAsync(NetworkStream stream)
    {
        await SendAsync(stream, new Hello(OfCodec.Version, 1u << OfCodec.Version));
        ReceivedBytes received = new();
        byte[] buffer = new byte[64 * 1024];
        while (true)
        {
            int count;
            try
            {
                count = await stream.ReadAsync(buffer);
            }
            catch (IOException)
            {
                return;
            }

            if (count == 0)
            {
                return;
            }

            received.Add(buffer.AsSpan(0, count));
            while (received.Take() is { } bytes)
            {
                OfMessage message = Decode(bytes);
                OfMessage? answer = Answer(message);
                if (answer is not null)
                {
                    await SendAsync(stream, answer with { Xid = message.Xid });
                }
                else if (message is not Hello)
                {
                    lock (_messages)
                    {
                        _messages.Add(message with { Xid = 0 });
                    }
                }
            }
        }
    }

    // What cannot be decoded is kept as the error that a switch would answer.
    private static OfMessage Decode(ReadOnlySpan<byte> bytes)
    {
        try
        {
            return OfCodec.Decode(bytes);
        }
        catch (OfErrorException refused)
        {
            return new ErrorMessage(refused.Error.Type, refused.Error.Code, Encoding.UTF8.GetBytes(refused.Message));
        }
    }

    private static OfMessage? Answer(OfMessage message) => message switch
    {
        EchoRequest echo => new EchoReply(echo.Data),
        BarrierRequest => new BarrierReply(),
        FeaturesRequest => new FeaturesReply(1, 0, 254, 0, default),
        MultipartRequest { Query: PortDescQuery } => new MultipartReply(new PortDescAnswer([new PortDescription { PortNo = 7, Name = "p7", HwAddr = 7 }])),
        MultipartRequest { Query: TableFeaturesQuery } => new MultipartReply(new TableFeaturesAnswer([Table()])),
        _ => null,
    };

    private static TableFeaturesEntry Table() => new(0, "t", ulong.MaxValue, ulong.MaxValue, 0, 1000,
    [
        .. ((TableFeatureKind[])[
            TableFeatureKind.Instructions, TableFeatureKind.NextTables, TableFeatureKind.WriteActions, TableFeatureKind.ApplyActions,
            TableFeatureKind.Match, TableFeatureKind.Wildcards, TableFeatureKind.WriteSetField, TableFeatureKind.ApplySetField])
        .Select(kind => new TableFeatureProperty(kind, [])),
    ]);

    private static async Task SendAsync(NetworkStream stream, OfMessage message)
    {
        ArrayBufferWriter<byte> bytes = new();
        OfCodec.Encode(message, bytes);
        try
        {
            await stream.WriteAsync(bytes.WrittenMemory);
        }
        catch (IOException)
        {
            // gone: the next read says so
        }
    }
}
