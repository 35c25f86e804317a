namespace OvsBridge.Datapath.Links;

/// <summary>
/// A queue of an interface: a leaf class of its root queueing discipline, htb or hfsc (tc-htb(8), tc-hfsc(7)). Rates are bytes a
/// second, 0: the class does not say.
/// </summary>
/// <param name="Minor">Lower 16 bits of its number: 0x10 for class 1:10.</param>
/// <param name="MinBytesPerSecond">What it is promised.</param>
/// <param name="MaxBytesPerSecond">What it gets at most.</param>
/// <param name="TxBytes">Bytes sent.</param>
/// <param name="TxPackets">Packets sent; one of segmentation offload is as many as its segments.</param>
/// <param name="Drops">Packets that found it full.</param>
public sealed record LinkQueue(ushort Minor, ulong MinBytesPerSecond, ulong MaxBytesPerSecond, ulong TxBytes, ulong TxPackets, ulong Drops);
