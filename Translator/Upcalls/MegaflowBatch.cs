namespace OvsBridge.Translator.Upcalls;

/// <summary>
/// The megaflows that a batch of upcalls is to leave behind, and records that are free for those of the next. One thread; it exchanges records with <see cref="Ukeys"/>,
/// which gets the free ones back from megaflows that went.
/// </summary>
internal sealed class MegaflowBatch
{
    private readonly Stack<Ukey> _free = new();

    /// <summary>What is to be installed, in the order of the packets.</summary>
    internal List<Ukey> Made { get; } = [];

    /// <summary>A free record, whose <see cref="Ukey.Result"/> a translation may fill.</summary>
    internal Ukey Take() => _free.TryPop(out Ukey? ukey) ? ukey : new Ukey();

    /// <summary>Takes a free record.</summary>
    internal void Free(Ukey ukey) => _free.Push(ukey);
}
