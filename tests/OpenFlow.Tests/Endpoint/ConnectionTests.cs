using OvsBridge.OpenFlow.Endpoint;
using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Wire;
using OvsBridge.Testing;

namespace OvsBridge.OpenFlow.Tests.Endpoint;

[TestFixture]
public sealed class ConnectionTests
{
    private static readonly TimeSpan _probe = TimeSpan.FromSeconds(5);

    [Test]
    public void Messages_arrive_in_order_however_the_stream_is_cut([Values(1, 2, 3, 7, 8, 9, 64, 100_000)] int chunk)
    {
        var handler = new RecordingHandler();
        using var pair = new ConnectionPair(handler, wrap: stream => new ChunkedStream(stream, chunk));
        OfMessage[] messages =
        [
            new FeaturesRequest { Xid = 1 },
            new PacketOut(uint.MaxValue, 0xfffffffd, [], new byte[60]) { Xid = 2 },
            new BarrierRequest { Xid = 3 },
        ];

        byte[] stream = [.. OfCodec.Encode(new Hello(4, null)), .. messages.SelectMany(OfCodec.Encode)];
        pair.Peer.SendRaw(stream);

        handler.WaitForConnection();
        Assert.Multiple(() =>
        {
            foreach (OfMessage expected in messages)
                Assert.That(((OfMessage)handler.Next()).ToString(), Is.EqualTo(OfCodec.Decode(OfCodec.Encode(expected)).ToString()));
        });
    }

    [Test]
    public void Receiving_allocates_nothing()
    {
        const int Messages = 20_000;
        using var pair = new ConnectionPair(new RecordingHandler());
        pair.Peer.Handshake();
        byte[] reply = OfCodec.Encode(new EchoReply(new byte[100])); // ends in the read loop
        for (int i = 0; i < 1000; i++)
            pair.Peer.SendRaw(reply);
        WaitUntil(() => pair.Connection.MessagesReceived == 1000);

        long before = GC.GetTotalAllocatedBytes(precise: true);
        for (int i = 0; i < Messages; i++)
            pair.Peer.SendRaw(reply);
        WaitUntil(() => pair.Connection.MessagesReceived == 1000 + Messages);
        long allocated = GC.GetTotalAllocatedBytes(precise: true) - before;

        TestContext.Out.WriteLine($"{allocated} bytes for {Messages} messages");
        Assert.That(allocated, Is.LessThan(4 * Messages), "an object has 24 bytes: not one a message, whatever the rest of the process makes meanwhile");
    }

    [Test]
    public void Longest_message_arrives_in_pieces_and_whole()
    {
        var handler = new RecordingHandler();
        using var pair = new ConnectionPair(handler);
        pair.Peer.Handshake();
        handler.WaitForConnection();
        byte[] data = [.. Enumerable.Range(0, ushort.MaxValue - 16).Select(i => (byte)(i * 7))];
        byte[] message = OfCodec.Encode(new ExperimenterMessage(1, 2, data) { Xid = 3 });

        foreach (byte[] piece in message.Chunk(1000))
            pair.Peer.SendRaw(piece);

        Assert.That(((ExperimenterMessage)handler.Next()).Body.ToArray(), Is.EqualTo(data));
    }

    [Test]
    public void Echo_is_answered_while_the_handler_is_busy()
    {
        using var release = new ManualResetEventSlim();
        var handler = new RecordingHandler { Act = (_, _) => release.Wait() };
        using var pair = new ConnectionPair(handler);
        pair.Peer.Handshake();

        pair.Peer.Send(new BarrierRequest());
        handler.WaitForConnection();
        handler.Next(); // it is in the handler now
        EchoReply reply = pair.Peer.Ask<EchoReply>(new EchoRequest("abc"u8.ToArray()) { Xid = 7 });

        Assert.That((reply.Xid, reply.Data.ToArray()), Is.EqualTo((7u, "abc"u8.ToArray())));
        release.Set();
    }

    [Test]
    public void A_busy_handler_does_not_hold_up_another_connection()
    {
        using var release = new ManualResetEventSlim();
        var busy = new RecordingHandler { Act = (_, _) => release.Wait() };
        var quick = new RecordingHandler { Act = (connection, message) => connection.Send(new BarrierReply { Xid = message.Xid }) };
        using var first = new ConnectionPair(busy);
        using var second = new ConnectionPair(quick);
        first.Peer.Handshake().Send(new BarrierRequest());
        busy.WaitForConnection();
        busy.Next();

        Assert.That(second.Peer.Handshake().Ask<BarrierReply>(new BarrierRequest { Xid = 3 }).Xid, Is.EqualTo(3));
        release.Set();
    }

    [Test]
    public void Refused_message_comes_back_whole_with_its_xid([Values(72, 1500, 65535)] int size)
    {
        var handler = new RecordingHandler { Act = (_, _) => throw new OfErrorException(OfError.BadRequestBadExperimenter, "test") };
        using var pair = new ConnectionPair(handler);
        pair.Peer.Handshake();
        byte[] request = OfCodec.Encode(new ExperimenterMessage(1, 2, new byte[size - 16]) { Xid = 0x1234 });

        pair.Peer.SendRaw(request);
        var error = pair.Peer.Expect<ErrorMessage>();

        Assert.Multiple(() =>
        {
            Assert.That((error.ErrorType, error.Code, error.Xid), Is.EqualTo((1, 3, 0x1234u)));
            Assert.That(error.Data.ToArray(), Is.EqualTo(request[..Math.Min(size, 65535 - 12)]));
        });
    }

    [Test]
    public void Malformed_message_is_answered_in_its_turn_and_the_connection_goes_on()
    {
        var handler = new RecordingHandler { Act = (connection, message) => connection.Send(new BarrierReply { Xid = message.Xid }) };
        using var pair = new ConnectionPair(handler);
        pair.Peer.Handshake();

        pair.Peer.SendRaw(
        [
            .. OfCodec.Encode(new BarrierRequest { Xid = 1 }),
            4, 99, 0, 8, 0, 0, 0, 2, // no such type
            5, 20, 0, 8, 0, 0, 0, 3, // another version
            4, 14, 0, 9, 0, 0, 0, 4, 0, // flow_mod of one byte
            .. OfCodec.Encode(new BarrierRequest { Xid = 5 }),
        ]);

        Assert.That(
            Enumerable.Range(0, 5).Select(_ => pair.Peer.Receive() switch
            {
                ErrorMessage error => $"{error.Xid}: {OfError.Find(error.ErrorType, error.Code)}",
                OfMessage other => $"{other.Xid}: {other.Type}",
                null => "end",
            }),
            Is.EqualTo(new[] { "1: BarrierReply", "2: BRC_BAD_TYPE", "3: BRC_BAD_VERSION", "4: BRC_BAD_LEN", "5: BarrierReply" }));
    }

    [Test]
    public void Errors_about_errors_are_not_sent()
    {
        var handler = new RecordingHandler();
        handler.Act = (connection, message) =>
        {
            if (message is ErrorMessage)
                throw new OfErrorException(OfError.BadRequestBadType, "test");
            connection.Send(new BarrierReply { Xid = message.Xid });
        };
        using var pair = new ConnectionPair(handler);
        pair.Peer.Handshake().Send(new ErrorMessage(1, 1, new byte[64]) { Xid = 1 });

        Assert.That(pair.Peer.Ask<BarrierReply>(new BarrierRequest { Xid = 2 }).Xid, Is.EqualTo(2));
    }

    [Test]
    public void A_failure_of_the_handler_is_told_and_the_connection_goes_on()
    {
        var handler = new RecordingHandler();
        handler.Act = (connection, message) =>
        {
            if (message is FeaturesRequest)
                throw new InvalidDataException("a bug");
            connection.Send(new BarrierReply { Xid = message.Xid });
        };
        using var pair = new ConnectionPair(handler);

        var error = pair.Peer.Handshake().Ask<ErrorMessage>(new FeaturesRequest { Xid = 1 });

        Assert.Multiple(() =>
        {
            Assert.That(OfError.Find(error.ErrorType, error.Code), Is.EqualTo(OfError.BadRequestEperm));
            Assert.That(pair.Peer.Ask<BarrierReply>(new BarrierRequest { Xid = 2 }).Xid, Is.EqualTo(2));
        });
    }

    [Test]
    public void Broken_framing_closes_after_what_came_before_was_handled()
    {
        var handler = new RecordingHandler { Act = (connection, message) => connection.Send(new BarrierReply { Xid = message.Xid }) };
        using var pair = new ConnectionPair(handler);

        pair.Peer.Handshake().SendRaw([.. OfCodec.Encode(new BarrierRequest { Xid = 1 }), 4, 20, 0, 7, 0, 0, 0, 2]);

        Assert.That(pair.Peer.Expect<BarrierReply>().Xid, Is.EqualTo(1));
        pair.Peer.ExpectClosed();
        Assert.That(pair.WaitForEnd(), Does.Contain("length of 7"));
    }

    [Test]
    public void Requests_before_the_end_of_the_stream_are_answered()
    {
        var handler = new RecordingHandler { Act = (connection, message) => connection.Send(new BarrierReply { Xid = message.Xid }) };
        using var pair = new ConnectionPair(handler);

        pair.Peer.Handshake();
        pair.Peer.SendRaw([.. Enumerable.Range(1, 100).SelectMany(xid => OfCodec.Encode(new BarrierRequest { Xid = (uint)xid }))]);
        pair.Peer.Socket.Shutdown(System.Net.Sockets.SocketShutdown.Send);

        Assert.That(Enumerable.Range(1, 100).Select(_ => pair.Peer.Expect<BarrierReply>().Xid), Is.EqualTo(Enumerable.Range(1, 100)));
        pair.Peer.ExpectClosed();
    }

    [Test]
    public void Peer_that_does_not_read_loses_asynchronous_messages_and_gets_the_replies_later()
    {
        var handler = new RecordingHandler { Act = (connection, message) => connection.Send(new BarrierReply { Xid = message.Xid }) };
        var options = new OfConnectionOptions { MaxAsynchronousBytes = 100_000 };
        using var pair = new ConnectionPair(handler, options);
        pair.Peer.Handshake();
        IOfConnection connection = handler.WaitForConnection();
        var packet = new PacketIn(uint.MaxValue, 1000, PacketInReason.NoMatch, 0, 0, Fields.Match.Any, new byte[1000]);

        int sent = 0;
        while (connection.TrySendAsynchronous(packet))
            sent++;

        Assert.Multiple(() =>
        {
            Assert.That(pair.Connection.AsynchronousDropped, Is.EqualTo(1));
            Assert.That(pair.Connection.QueuedBytes, Is.LessThan(102_000));
        });

        pair.Peer.Send(new BarrierRequest { Xid = 5 });
        handler.Next();
        for (int i = 0; i < sent; i++)
            pair.Peer.Expect<PacketIn>();
        Assert.Multiple(() =>
        {
            Assert.That(pair.Peer.Expect<BarrierReply>().Xid, Is.EqualTo(5));
            Assert.That(connection.TrySendAsynchronous(packet), Is.True, "there is room again");
        });
    }

    [Test]
    public void Replies_beyond_the_limit_close_the_connection()
    {
        var handler = new RecordingHandler();
        bool sent = true;
        handler.Act = (connection, _) =>
        {
            for (int i = 0; i < 1000 && sent; i++)
                sent = connection.Send(new EchoReply(new byte[10_000]));
        };
        using var pair = new ConnectionPair(handler, new OfConnectionOptions { MaxQueuedBytes = 1_000_000 });

        pair.Peer.Handshake().Send(new FeaturesRequest());

        Assert.That(pair.WaitForEnd(), Does.Contain("does not read").And.Contain("1000000"));
        Assert.That(sent, Is.False);
    }

    [Test]
    public void Further_requests_wait_until_the_peer_has_read_the_replies()
    {
        const int Requests = 200;
        int handled = 0;
        var handler = new RecordingHandler();
        handler.Act = (connection, message) =>
        {
            Interlocked.Increment(ref handled);
            connection.Send(new EchoReply(new byte[50_000]) { Xid = message.Xid });
        };
        using var pair = new ConnectionPair(handler, new OfConnectionOptions { PauseBytes = 200_000, MaxQueuedBytes = 1_000_000 });
        pair.Peer.Handshake();

        pair.Peer.SendRaw([.. Enumerable.Range(0, Requests).SelectMany(xid => OfCodec.Encode(new BarrierRequest { Xid = (uint)xid }))]);

        // 10 MB of replies against a limit of 1 MB: only a peer that is waited for gets all of them.
        Assert.That(Enumerable.Range(0, Requests).Select(_ => pair.Peer.Expect<EchoReply>().Xid), Is.EqualTo(Enumerable.Range(0, Requests)));
    }

    [Test]
    public void Full_inbox_stops_reading_and_loses_nothing()
    {
        const int Requests = 2000;
        using var release = new ManualResetEventSlim();
        int handled = 0;
        var handler = new RecordingHandler();
        handler.Act = (connection, message) =>
        {
            release.Wait();
            if (++handled == Requests)
                connection.Send(new BarrierReply { Xid = message.Xid });
        };
        using var pair = new ConnectionPair(handler, new OfConnectionOptions { MaxInboxBytes = 1000 });
        pair.Peer.Handshake();

        pair.Peer.SendRaw([.. Enumerable.Range(1, Requests).SelectMany(xid => OfCodec.Encode(new BarrierRequest { Xid = (uint)xid }))]);
        release.Set();

        Assert.That(pair.Peer.Expect<BarrierReply>().Xid, Is.EqualTo(Requests));
    }

    [Test]
    public void Silent_peer_is_asked_and_then_closed()
    {
        var time = new ManualTime();
        using var pair = new ConnectionPair(new RecordingHandler(), new OfConnectionOptions { Time = time, InactivityProbe = _probe });
        pair.Peer.Handshake();

        time.WaitForTimer(_probe);
        time.Advance(_probe);
        var request = pair.Peer.Expect<EchoRequest>();
        pair.Peer.Send(new EchoReply(request.Data) { Xid = request.Xid });
        WaitUntil(() => pair.Connection.MessagesReceived == 1);

        // The answer counts: asked again, not closed.
        time.Advance(_probe);
        pair.Peer.Expect<EchoRequest>();
        Assert.That(pair.Ended.IsCompleted, Is.False);

        time.Advance(_probe);
        Assert.That(pair.WaitForEnd(), Does.Contain("no answer to an echo request"));
    }

    [Test]
    public void Silence_counts_from_the_last_bytes_and_not_from_the_end_of_the_stream()
    {
        var time = new ManualTime();
        var handler = new RecordingHandler();
        using var pair = new ConnectionPair(handler, new OfConnectionOptions { Time = time, InactivityProbe = _probe });
        pair.Peer.Handshake();
        handler.WaitForConnection();
        time.Advance(TimeSpan.FromSeconds(1));
        pair.Peer.Ask<EchoReply>(new EchoRequest(default));
        time.Advance(TimeSpan.FromSeconds(3));

        pair.Peer.Dispose();

        Assert.That(handler.Next(), Is.EqualTo(RecordingHandler.Disconnected));
        Assert.That(handler.SilenceAtEnd, Is.EqualTo(TimeSpan.FromSeconds(3)));
    }

    [Test]
    public void Peer_that_talks_is_not_asked()
    {
        var time = new ManualTime();
        using var pair = new ConnectionPair(new RecordingHandler(), new OfConnectionOptions { Time = time, InactivityProbe = _probe });
        pair.Peer.Handshake();
        time.WaitForTimer(_probe);

        for (int i = 1; i <= 20; i++)
        {
            time.Advance(TimeSpan.FromSeconds(2));
            Assert.That(pair.Peer.Ask<EchoReply>(new EchoRequest(default) { Xid = (uint)i }).Xid, Is.EqualTo(i));
        }
    }

    [Test]
    public void No_probe_when_it_is_off()
    {
        var time = new ManualTime();
        var handler = new RecordingHandler();
        using var pair = new ConnectionPair(handler, new OfConnectionOptions { Time = time, InactivityProbe = TimeSpan.Zero });
        pair.Peer.Handshake();
        handler.WaitForConnection();

        time.Advance(TimeSpan.FromHours(10));

        pair.Peer.Ask<EchoReply>(new EchoRequest(default));
    }

    [Test]
    public void Peer_without_hello_is_closed_even_when_it_dribbles()
    {
        var time = new ManualTime();
        using var pair = new ConnectionPair(
            new RecordingHandler(), new OfConnectionOptions { Time = time, InactivityProbe = _probe, HandshakeTimeout = TimeSpan.FromSeconds(9) });
        pair.Peer.Expect<Hello>();
        pair.Peer.SendRaw([4]);

        time.WaitForTimer(TimeSpan.FromSeconds(9));
        time.Advance(TimeSpan.FromSeconds(9));

        Assert.That(pair.WaitForEnd(), Does.Contain("no HELLO within 9 s"));
    }

    [Test]
    public void Peer_that_neither_reads_nor_stops_asking_is_closed()
    {
        var time = new ManualTime();
        var handler = new RecordingHandler { Act = (connection, _) => connection.Send(new EchoReply(new byte[60_000])) };
        using var pair = new ConnectionPair(
            handler, new OfConnectionOptions { Time = time, InactivityProbe = _probe, MaxInboxBytes = 800, PauseBytes = 100_000 });
        pair.Peer.Handshake();
        pair.Peer.Socket.SendTimeout = 200;
        byte[] request = OfCodec.Encode(new BarrierRequest());
        Assert.That(
            () =>
            {
                while (true)
                    pair.Peer.SendRaw(request);
            },
            Throws.TypeOf<System.Net.Sockets.SocketException>(),
            "until no buffer takes any more");

        time.WaitForTimer(_probe);
        time.Advance(_probe);
        time.Advance(_probe);
        time.Advance(_probe);

        Assert.That(pair.WaitForEnd(), Does.Contain("does not read"));
    }

    [Test]
    public void Close_by_the_handler_ends_it()
    {
        var handler = new RecordingHandler { Act = (connection, _) => connection.Close("enough") };
        using var pair = new ConnectionPair(handler);

        pair.Peer.Handshake().Send(new BarrierRequest());

        pair.Peer.ExpectClosed();
        Assert.That(pair.WaitForEnd(), Is.EqualTo("enough"));
        Assert.Multiple(() =>
        {
            Assert.That(pair.Connection.Send(new BarrierReply()), Is.False);
            Assert.That(pair.Connection.TrySendAsynchronous(new BarrierReply()), Is.False);
        });
    }

    private static void WaitUntil(Func<bool> condition) =>
        Assert.That(SpinWait.SpinUntil(condition, TimeSpan.FromSeconds(10)), Is.True);

    /// <summary>Gives at most some bytes at a time to its reader.</summary>
    private sealed class ChunkedStream(Stream inner, int chunk) : Stream
    {
        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            inner.ReadAsync(buffer[..Math.Min(buffer.Length, chunk)], cancellationToken);

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
            inner.WriteAsync(buffer, cancellationToken);

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override void Flush() => inner.Flush();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            inner.Dispose();
            base.Dispose(disposing);
        }
    }
}
