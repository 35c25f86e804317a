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

/// <summary>What a translation found out. Immutable.</summary>
internal sealed class XlateResult
{
    /// <summary>The pipeline that was translated by.</summary>
    internal required PipelineSnapshot Snapshot { get; init; }

    /// <summary>Bits of the packet's key that the rest depends on, in the datapath's terms.</summary>
    internal ref readonly FlowKey Mask => ref MaskObject.Bits;

    /// <summary>The object that <see cref="Mask"/> is in; other results may share it.</summary>
    internal required KeyMask MaskObject { get; init; }

    /// <summary>What is to happen to the packet.</summary>
    internal required DpActions Actions { get; init; }

    /// <summary>
    /// What the datapath gets: <see cref="Actions"/>, or a program that hands each packet to user space, where Actions are run.
    /// </summary>
    internal required DpActions Installed { get; init; }

    /// <summary>Why packets come to user space.</summary>
    internal required SlowPathReasons SlowPath { get; init; }

    /// <summary>What counts the packets.</summary>
    internal required XlateCredits Credits { get; init; }

    /// <summary>What of <see cref="Snapshot"/> the result depends on.</summary>
    internal required XlateDependencies Dependencies { get; init; }

    /// <summary>See <see cref="TrackedFlow.SearchedChanged"/>.</summary>
    internal required FlowKey[]? SearchedChanged { get; init; }

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
    internal required object[] References { get; init; }

    /// <summary>Whether the packet comes round again, to be parsed anew.</summary>
    internal bool Continues => Array.Exists(References, reference => reference is Continuation);

    /// <summary>Why the translation was given up (the packet is dropped), or null.</summary>
    internal string? Error { get; init; }
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

/// <summary>The counters that each packet of a megaflow counts in, and what it teaches. Immutable; any thread may apply.</summary>
internal sealed class XlateCredits(RuleStats[] stats, TableCredit[] tables, MacSighting[] sightings)
{
    /// <summary>Flow entries, groups and buckets.</summary>
    internal ReadOnlySpan<RuleStats> Stats => stats;

    /// <summary>Tables.</summary>
    internal ReadOnlySpan<TableCredit> Tables => tables;

    /// <summary>MAC addresses.</summary>
    internal ReadOnlySpan<MacSighting> Sightings => sightings;

    /// <summary>Counts packets, the last at <paramref name="usedNs"/> (CLOCK_MONOTONIC).</summary>
    internal void Add(ulong packets, ulong bytes, long usedNs, MacTable macs)
    {
        if (packets == 0)
        {
            return;
        }

        foreach (RuleStats one in stats)
        {
            one.Add(packets, bytes, usedNs);
        }

        foreach (TableCredit table in tables)
        {
            table.Stats.Add(packets, table.Matched);
        }

        foreach (MacSighting sighting in sightings)
        {
            macs.Learn(sighting, usedNs);
        }
    }
}

/// <summary>The parts of the switch's state that a translation looked at.</summary>
/// <param name="Tables">Bitmap of tables.</param>
/// <param name="Parts">Ports, groups, meters.</param>
/// <param name="Macs">The MAC table, at <paramref name="MacVersion"/>.</param>
/// <param name="MacVersion">See <see cref="MacTable.Version"/>.</param>
internal readonly record struct XlateDependencies(TableSet Tables, StatePart[] Parts, bool Macs, long MacVersion);

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
