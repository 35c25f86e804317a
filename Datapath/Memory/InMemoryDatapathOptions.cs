namespace OvsBridge.Datapath.Memory;

/// <summary>When an <see cref="InMemoryDatapath"/> delivers upcalls.</summary>
public enum UpcallDelivery
{
    /// <summary>On a thread of its own, as the kernel's datapath does.</summary>
    OwnThread,

    /// <summary>Before <see cref="InMemoryDatapath.Receive"/> returns, on the caller's thread: deterministic.</summary>
    Inline,

    /// <summary>When <see cref="InMemoryDatapath.DeliverUpcalls"/> is called: a test can look at what happens before.</summary>
    Manual,
}

/// <summary>Settings of an <see cref="InMemoryDatapath"/>.</summary>
public sealed record InMemoryDatapathOptions
{
    /// <summary>When upcalls are delivered.</summary>
    public UpcallDelivery Delivery { get; init; } = UpcallDelivery.OwnThread;

    /// <summary>Most megaflows.</summary>
    public int MaxFlows { get; init; } = 200_000;

    /// <summary>Most distinct masks (OVSB_MAX_MASKS).</summary>
    public int MaxMasks { get; init; } = 256;

    /// <summary>Most upcalls that wait; more are lost and counted.</summary>
    public int UpcallQueue { get; init; } = 8192;

    /// <summary>Source of <see cref="MegaflowStats.UsedNs"/>.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Decides <see cref="DpActionType.Sample"/>.</summary>
    public Random Random { get; init; } = Random.Shared;
}
