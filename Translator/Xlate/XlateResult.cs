using System.Runtime.InteropServices;
using OvsBridge.Datapath;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.Translator.Tables;

namespace OvsBridge.Translator.Xlate;

/// <summary>Why packets of a megaflow are handled in user space, one by one.</summary>
[Flags]
internal enum SlowPathReasons
{
    /// <summary>They aren't.</summary>
    None = 0,

    /// <summary>An action that the datapath does not have.</summary>
    Action = 1,

    /// <summary>More actions than a program may have.</summary>
    TooManyActions = 2,

    /// <summary>A header behind one that was taken off has to be parsed before the pipeline can go on.</summary>
    Reparse = 4,

    /// <summary>A packet for a controller.</summary>
    Controller = 8,
}

/// <summary>
/// What a translation found out. Only <see cref="Xlator"/> writes it; whoever gave it to a translation may give it to another when nobody reads it any more:
/// there is one for each megaflow, and new ones for new megaflows would keep the garbage collector busy.
/// </summary>
internal sealed class XlateResult
{
    /// <summary>The pipeline that was translated by.</summary>
    internal PipelineSnapshot Snapshot { get; set; } = null!;

    /// <summary>Bits of the packet's key that the rest depends on, in the datapath's terms.</summary>
    internal ref readonly FlowKey Mask => ref MaskObject.Bits;

    /// <summary>The object that <see cref="Mask"/> is in; other results may share it.</summary>
    internal KeyMask MaskObject { get; set; } = null!;

    /// <summary>What is to happen to the packet.</summary>
    internal DpActions Actions { get; set; } = DpActions.Drop;

    /// <summary>
    /// What the datapath gets: <see cref="Actions"/>, or a program that hands each packet to user space, where Actions are run.
    /// </summary>
    internal DpActions Installed { get; set; } = DpActions.Drop;

    /// <summary>Why packets come to user space.</summary>
    internal SlowPathReasons SlowPath { get; set; }

    /// <summary>What counts the packets.</summary>
    internal XlateCredits Credits { get; } = new();

    /// <summary>What of <see cref="Snapshot"/> the result depends on.</summary>
    internal XlateDependencies Dependencies { get; set; } = XlateDependencies.None;

    /// <summary>See <see cref="TrackedFlow.SearchedChanged"/>.</summary>
    internal FlowKey[]? SearchedChanged { get; set; }

    /// <summary>
    /// The bits of <paramref name="mask"/>, a megaflow's, that every table saw as they are in the megaflow's packets: a
    /// flow entry that wants another value of one of them matches none of these packets.
    /// </summary>
    internal FlowKey Pinned(in FlowKey mask)
    {
        FlowKey pinned = default;
        Span<ulong> to = pinned.AsMutableWords();
        ReadOnlySpan<ulong> from = mask.PacketPart();
        for (int i = 0; i < from.Length; i++)
        {
            to[i] = SearchedChanged is null ? from[i] : from[i] & ~SearchedChanged[0].AsWords()[i];
        }

        return pinned;
    }

    /// <summary>Whether the same changes concern both, as far as an index of megaflows knows.</summary>
    internal bool IsFoundLike(XlateResult other) =>
        Dependencies.Parts.AsSpan().SequenceEqual(other.Dependencies.Parts)
        && (SearchedChanged is null ? other.SearchedChanged is null : other.SearchedChanged is not null && SearchedChanged[0] == other.SearchedChanged[0]);

    /// <summary>Packet_in records and continuations that the actions name.</summary>
    internal object[] References { get; set; } = [];

    /// <summary>Whether the packet comes round again, to be parsed anew.</summary>
    internal bool Continues => Array.Exists(References, reference => reference is Continuation);

    /// <summary>Why the translation was given up (the packet is dropped), or null.</summary>
    internal string? Error { get; set; }

    /// <summary>Lets go of all that it refers to, until another translation fills it.</summary>
    internal void Clear()
    {
        Snapshot = null!;
        MaskObject = null!;
        Actions = Installed = DpActions.Drop;
        Credits.Clear();
        Dependencies = XlateDependencies.None;
        SearchedChanged = null;
        References = [];
        Error = null;
    }
}

/// <summary>A MAC address seen behind a port.</summary>
/// <param name="Vlan">VLAN id, 0 without tag.</param>
/// <param name="Mac">Address, first byte most significant of 48 bits.</param>
/// <param name="Port">OpenFlow port.</param>
internal readonly record struct MacSighting(ushort Vlan, ulong Mac, uint Port);

/// <summary>A table that was searched.</summary>
/// <param name="Stats">Its counters.</param>
/// <param name="Matched">Whether a flow was hit.</param>
internal readonly record struct TableCredit(TableStats Stats, bool Matched);

/// <summary>
/// The counters that each packet of a megaflow counts in, and what it teaches. Written with the <see cref="XlateResult"/> that it is of; any thread may apply.
/// </summary>
internal sealed class XlateCredits
{
    private Few<RuleStats> _stats;
    private Few<TableCredit> _tables;
    private Few<MacSighting> _sightings;

    /// <summary>Flow entries, groups and buckets.</summary>
    internal ReadOnlySpan<RuleStats> Stats => _stats.Items;

    /// <summary>Tables.</summary>
    internal ReadOnlySpan<TableCredit> Tables => _tables.Items;

    /// <summary>MAC addresses.</summary>
    internal ReadOnlySpan<MacSighting> Sightings => _sightings.Items;

    /// <summary>Replaces all.</summary>
    internal void Set(List<RuleStats> stats, List<TableCredit> tables, List<MacSighting> sightings)
    {
        _stats.Set(CollectionsMarshal.AsSpan(stats));
        _tables.Set(CollectionsMarshal.AsSpan(tables));
        _sightings.Set(CollectionsMarshal.AsSpan(sightings));
    }

    /// <summary>Removes all.</summary>
    internal void Clear()
    {
        _stats.Set([]);
        _tables.Set([]);
        _sightings.Set([]);
    }

    /// <summary>Counts packets, the last at <paramref name="usedNs"/> (CLOCK_MONOTONIC).</summary>
    internal void Add(ulong packets, ulong bytes, long usedNs, MacTable macs)
    {
        if (packets == 0)
        {
            return;
        }

        foreach (RuleStats one in Stats)
        {
            one.Add(packets, bytes, usedNs);
        }

        foreach (TableCredit table in Tables)
        {
            table.Stats.Add(packets, table.Matched);
        }

        foreach (MacSighting sighting in Sightings)
        {
            macs.Learn(sighting, usedNs);
        }
    }

    /// <summary>A list that keeps its array; most are as long as the ones before them.</summary>
    private struct Few<T>
    {
        private T[]? _array;
        private int _count;

        internal readonly ReadOnlySpan<T> Items => new(_array, 0, _count);

        internal void Set(ReadOnlySpan<T> items)
        {
            if (items.Length > (_array?.Length ?? 0))
            {
                _array = items.ToArray();
            }
            else
            {
                items.CopyTo(_array);
                _array.AsSpan(items.Length).Clear(); // keeps nothing alive
            }

            _count = items.Length;
        }
    }
}

/// <summary>The parts of the switch's state that a translation looked at.</summary>
/// <param name="Tables">Bitmap of tables.</param>
/// <param name="Parts">Ports, groups, meters.</param>
/// <param name="Macs">The MAC table, at <paramref name="MacVersion"/>.</param>
/// <param name="MacVersion">See <see cref="MacTable.Version"/>.</param>
internal readonly record struct XlateDependencies(TableSet Tables, StatePart[] Parts, bool Macs, long MacVersion)
{
    /// <summary>It looked at nothing.</summary>
    internal static XlateDependencies None { get; } = new(default, [], false, 0);
}

/// <summary>A set of table numbers.</summary>
internal struct TableSet : IEquatable<TableSet>
{
    private ulong _0, _1, _2, _3;

    /// <summary>Adds a table.</summary>
    internal void Add(byte table)
    {
        ulong bit = 1ul << (table & 63);
        switch (table >> 6)
        {
            case 0:
                _0 |= bit;
                break;
            case 1:
                _1 |= bit;
                break;
            case 2:
                _2 |= bit;
                break;
            default:
                _3 |= bit;
                break;
        }
    }

    /// <summary>Whether a table is in it.</summary>
    internal readonly bool Contains(byte table) =>
        ((table >> 6) switch { 0 => _0, 1 => _1, 2 => _2, _ => _3 } >> (table & 63) & 1) != 0;

    /// <summary>Whether the two have a table in common.</summary>
    internal readonly bool Meets(in TableSet other) => ((_0 & other._0) | (_1 & other._1) | (_2 & other._2) | (_3 & other._3)) != 0;

    /// <summary>Goes through the tables in ascending order.</summary>
    public readonly Enumerator GetEnumerator() => new(this);

    /// <inheritdoc/>
    public readonly bool Equals(TableSet other) => _0 == other._0 && _1 == other._1 && _2 == other._2 && _3 == other._3;

    /// <inheritdoc/>
    public override readonly bool Equals(object? obj) => obj is TableSet other && Equals(other);

    /// <inheritdoc/>
    public override readonly int GetHashCode() => HashCode.Combine(_0, _1, _2, _3);

    internal struct Enumerator(TableSet set)
    {
        private int _word;
        private ulong _rest = set._0;

        public int Current { get; private set; }

        public bool MoveNext()
        {
            while (_rest == 0)
            {
                if (++_word == 4)
                {
                    return false;
                }

                _rest = _word switch { 1 => set._1, 2 => set._2, _ => set._3 };
            }

            Current = (_word << 6) + System.Numerics.BitOperations.TrailingZeroCount(_rest);
            _rest &= _rest - 1;
            return true;
        }
    }
}
