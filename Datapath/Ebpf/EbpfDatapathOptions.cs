namespace OvsBridge.Datapath.Ebpf;

/// <summary>Sizes of an <see cref="EbpfDatapath"/>; memory is taken when it is made.</summary>
public sealed record EbpfDatapathOptions
{
    /// <summary>Most megaflows: about 400 bytes each, and 32 more for each CPU.</summary>
    public int MaxFlows { get; init; } = 65_536;

    /// <summary>Bytes of the upcall ring of each CPU; rounded up to a power of two of pages. A full ring loses upcalls.</summary>
    public int UpcallRingBytes { get; init; } = 1 << 20;

    /// <summary>Whether programs remember which flow a packet had last, in front of the search by masks.</summary>
    public bool FlowCache { get; init; } = true;

    /// <summary>How often the masks are sorted by hits; zero: never.</summary>
    public TimeSpan MaskSortInterval { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>The clock of that.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Where to attach the programs to interfaces.</summary>
    public AttachPoint AttachTo { get; init; }

    /// <summary>Names of the interfaces that tunnels come in by; null: all that have an IP address and are not ports.</summary>
    public IReadOnlyList<string>? Underlay { get; init; }

    /// <summary>Whose tables to take over, if they are there; null: new ones, that nobody takes over.</summary>
    public AdoptionRequest? Adopt { get; init; }
}
