using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Wire;

namespace OvsBridge.OpenFlow.Endpoint;

/// <summary>
/// One OpenFlow peer whose handshake (hello, version) is done. Echo, framing, decoding and malformed messages are the
/// connection's own business; everything else goes to the <see cref="IOfMessageHandler"/>.
/// </summary>
/// <remarks>Any thread may send; messages leave in the order of the calls.</remarks>
public interface IOfConnection
{
    /// <summary>Names the peer in logs and tables ("tcp:127.0.0.1:6653").</summary>
    string Name { get; }

    /// <summary>Number of the connection, unique in the process.</summary>
    long Id { get; }

    /// <summary>What the peer is to a switch.</summary>
    OfConnectionKind Kind { get; }

    /// <summary>Wire version agreed on: 4 is OpenFlow 1.3, 1 is 1.0.</summary>
    byte Version => OfCodec.Version;

    /// <summary>0 for a main connection; an auxiliary one has another number (OpenFlow 1.3.5, 6.3.6).</summary>
    byte AuxiliaryId => 0;

    /// <summary>The main connection of an auxiliary one; null for a main connection.</summary>
    IOfConnection? Main => null;

    /// <summary>Time since the peer was last heard of.</summary>
    TimeSpan Silence => TimeSpan.Zero;

    /// <summary>Asynchronous messages dropped because the peer reads too slowly.</summary>
    long AsynchronousDropped => 0;

    /// <summary>
    /// Queues a message. The queue is bounded: a reply always fits or the connection is closed (the peer does not read);
    /// never blocks.
    /// </summary>
    /// <returns>False when the connection is closed or closing.</returns>
    bool Send(OfMessage message);

    /// <summary>
    /// Queues an asynchronous message (packet_in, port_status, flow_removed), dropped and counted when the peer reads too
    /// slowly.
    /// </summary>
    /// <returns>False when it was dropped.</returns>
    bool TrySendAsynchronous(OfMessage message);

    /// <summary>Closes it; <paramref name="reason"/> is for the log.</summary>
    void Close(string reason);
}

/// <summary>What a peer is to a switch (Open vSwitch's terms).</summary>
public enum OfConnectionKind
{
    /// <summary>A configured controller, which we connect to: counts for the fail mode, gets asynchronous messages from the start.</summary>
    Primary,

    /// <summary>
    /// Whoever connects to a listening socket (ovs-ofctl, monitors): does not count for the fail mode and gets no
    /// asynchronous message until it has sent a SET_CONFIG whose miss_send_len is not zero.
    /// </summary>
    Service,
}

/// <summary>What a switch, or a controller, does with the messages of its peers.</summary>
public interface IOfMessageHandler
{
    /// <summary>A connection is ready. Called before any <see cref="OnMessage"/> of it.</summary>
    void OnConnected(IOfConnection connection);

    /// <summary>
    /// A whole, well-formed message, in order; one at a time for a connection, but connections run in parallel.
    /// </summary>
    /// <param name="connection">Where it came from.</param>
    /// <param name="message">The message.</param>
    /// <param name="raw">Its bytes, valid during the call: an error reply quotes them.</param>
    /// <exception cref="Errors.OfErrorException">Becomes an OFPT_ERROR that quotes <paramref name="raw"/>.</exception>
    void OnMessage(IOfConnection connection, OfMessage message, ReadOnlySpan<byte> raw);

    /// <summary>The connection is gone; no call for it follows.</summary>
    void OnDisconnected(IOfConnection connection);
}
