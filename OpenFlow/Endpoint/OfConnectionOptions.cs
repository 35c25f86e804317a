using OvsBridge.OpenFlow.Wire;

namespace OvsBridge.OpenFlow.Endpoint;

/// <summary>Limits and times of a connection. Sizes are bytes.</summary>
public sealed record OfConnectionOptions
{
    /// <summary>Protocol versions to offer in HELLO: bit n is wire version n.</summary>
    public uint Versions { get; init; } = 1u << OfCodec.Version;

    /// <summary>
    /// Silence after which an echo request asks the peer whether it is still there; as much silence again closes the
    /// connection. Zero: never ask.
    /// </summary>
    public TimeSpan InactivityProbe { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long the peer may take until its HELLO is here.</summary>
    public TimeSpan HandshakeTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long closing waits for the peer to take what was queued before.</summary>
    public TimeSpan Linger { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Most bytes of messages that wait to be handled; then the socket is not read, and the peer's TCP waits. Large, so that
    /// an echo request behind many flow_mods is still found at once.
    /// </summary>
    public int MaxInboxBytes { get; init; } = 16 << 20;

    /// <summary>Queued bytes beyond which asynchronous messages are dropped.</summary>
    public int MaxAsynchronousBytes { get; init; } = 1 << 20;

    /// <summary>Queued bytes beyond which no further request of the peer is handled until it has read.</summary>
    public int PauseBytes { get; init; } = 4 << 20;

    /// <summary>Most bytes that replies may occupy (those to one request, mostly); beyond, the connection is closed.</summary>
    public int MaxQueuedBytes { get; init; } = 256 << 20;

    /// <summary>Source of time.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;
}
