using System.Buffers.Binary;
using System.Text;
using OvsBridge.OpenFlow.Endpoint;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Wire;

namespace OvsBridge.OpenFlow.Tests.Endpoint;

[TestFixture]
public sealed class HandshakeTests
{
    private const uint Only13 = 1u << 4;
    private const uint Both = 1u << 4 | 1u << 1;

    [TestCase(Only13, 4, Only13, ExpectedResult = 4)]
    [TestCase(Only13, 4, null, ExpectedResult = 4)]
    [TestCase(Only13, 5, null, ExpectedResult = 4, Description = "the smaller of both numbers")]
    [TestCase(Only13, 6, Both, ExpectedResult = 4, Description = "bitmaps decide, not the number")]
    [TestCase(Only13, 1, null, ExpectedResult = 0)]
    [TestCase(Only13, 3, null, ExpectedResult = 0)]
    [TestCase(Only13, 5, 1u << 5, ExpectedResult = 0, Description = "no common bit")]
    [TestCase(Only13, 5, 0u, ExpectedResult = 0)]
    [TestCase(Both, 1, null, ExpectedResult = 1)]
    [TestCase(Both, 3, null, ExpectedResult = 0, Description = "we don't speak 1.2")]
    [TestCase(Both, 5, 1u << 5 | 1u << 1, ExpectedResult = 1)]
    [TestCase(Both, 6, uint.MaxValue, ExpectedResult = 4)]
    public byte Version_is_the_highest_common_one(uint versions, int version, uint? bitmap) =>
        OfConnection.Negotiate(versions, new Hello((byte)version, bitmap));

    [Test]
    public void Hello_goes_out_unasked_with_version_and_bitmap()
    {
        using var pair = new ConnectionPair(new RecordingHandler());

        var hello = pair.Peer.Expect<Hello>();

        Assert.That((hello.Version, hello.Bitmap), Is.EqualTo(((byte)4, (uint?)Only13)));
    }

    [Test]
    public void Handler_is_told_when_the_peer_has_said_hello_and_when_it_leaves()
    {
        var handler = new RecordingHandler();
        using var pair = new ConnectionPair(handler);

        pair.Peer.Handshake();
        handler.WaitForConnection();
        pair.Peer.Dispose();

        Assert.That(handler.Next(), Is.EqualTo(RecordingHandler.Disconnected));
        Assert.That(pair.WaitForEnd(), Does.Contain("closed"));
    }

    [TestCase(1)]
    [TestCase(3)]
    public void Peer_with_older_versions_only_gets_hello_failed_in_its_version_and_is_closed(int version)
    {
        using var pair = new ConnectionPair(new RecordingHandler());
        pair.Peer.Expect<Hello>();

        pair.Peer.SendRaw([(byte)version, 0, 0, 8, 0, 0, 0, 0x77]);
        var error = pair.Peer.Expect<ErrorMessage>();

        Assert.Multiple(() =>
        {
            Assert.That((error.ErrorType, error.Code, error.Xid), Is.EqualTo((0, 0, 0x77u)), "HELLO_FAILED/INCOMPATIBLE");
            Assert.That(Encoding.ASCII.GetString(error.Data.Span), Does.Contain("we support version 0x04").And.Contain($"0x{version:x2}"));
            Assert.That(pair.Peer.LastRaw[0], Is.EqualTo(version));
        });
        pair.Peer.ExpectClosed();
    }

    [Test]
    public void Anything_before_hello_ends_the_connection()
    {
        var handler = new RecordingHandler();
        using var pair = new ConnectionPair(handler);
        pair.Peer.Expect<Hello>();

        pair.Peer.Send(new FeaturesRequest { Xid = 9 });
        var error = pair.Peer.Expect<ErrorMessage>();

        Assert.That((error.ErrorType, error.Code, error.Xid), Is.EqualTo((0, 0, 9u)));
        pair.Peer.ExpectClosed();
        Assert.That(pair.WaitForEnd(), Does.Contain("HELLO"));
    }

    [Test]
    public void Something_else_than_OpenFlow_is_closed()
    {
        using var pair = new ConnectionPair(new RecordingHandler());
        pair.Peer.Expect<Hello>();

        pair.Peer.SendRaw("GET / HTTP/1.1\r\n\r\n"u8);

        pair.Peer.ExpectClosed();
        Assert.That(pair.WaitForEnd(), Does.Contain("not OpenFlow"));
    }

    [Test]
    public void Refusal_by_the_peer_is_the_reason_of_the_end()
    {
        using var pair = new ConnectionPair(new RecordingHandler());

        pair.Peer.Send(new ErrorMessage(0, 0, "go away"u8.ToArray()));

        Assert.That(pair.WaitForEnd(), Does.Contain("HFC_INCOMPATIBLE").And.Contain("go away"));
    }

    [Test]
    public void Unknown_hello_elements_are_skipped()
    {
        var handler = new RecordingHandler();
        using var pair = new ConnectionPair(handler);

        // element 9 of 6 bytes and padding, then a bitmap with 1.3
        byte[] hello = [6, 0, 0, 24, 0, 0, 0, 1, 0, 9, 0, 6, 0xaa, 0xbb, 0, 0, 0, 1, 0, 8, 0, 0, 0, 0x10];
        Assert.That(BinaryPrimitives.ReadUInt16BigEndian(hello.AsSpan(2)), Is.EqualTo(hello.Length));
        pair.Peer.SendRaw(hello);

        handler.WaitForConnection();
        Assert.That(pair.Connection.Version, Is.EqualTo(OfCodec.Version));
    }

    [Test]
    public void Two_of_our_own_connections_understand_each_other()
    {
        var controller = new RecordingHandler();
        var handler = new RecordingHandler();
        string path = Path.Combine(Path.GetTempPath(), $"ovsbridge-test-{Environment.ProcessId}-{TestContext.CurrentContext.Test.ID}");
        var options = new OfConnectionOptions();
        Microsoft.Extensions.Logging.ILogger log = Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance;
        var listener = new OfListener(Target.Parse("punix:" + path), controller, options, log);
        var connector = new OfConnector(Target.Parse("unix:" + path), handler, options, log);
        try
        {
            listener.Start();
            connector.Start();
            IOfConnection toController = handler.WaitForConnection();
            IOfConnection toSwitch = controller.WaitForConnection();

            toSwitch.Send(new FeaturesRequest { Xid = 5 });

            Assert.Multiple(() =>
            {
                Assert.That(handler.Next(), Is.EqualTo(new FeaturesRequest { Xid = 5 }));
                Assert.That(connector.IsConnected, Is.True);
                Assert.That((toController.Kind, toSwitch.Kind), Is.EqualTo((OfConnectionKind.Primary, OfConnectionKind.Service)));
            });
        }
        finally
        {
            Assert.That(Task.WhenAll(connector.DisposeAsync().AsTask(), listener.DisposeAsync().AsTask()).Wait(TimeSpan.FromSeconds(10)), Is.True);
        }
    }
}
