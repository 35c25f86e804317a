using System.Runtime.InteropServices;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.Translator.Classifier;
using OvsBridge.Translator.Xlate;

namespace OvsBridge.Translator.Upcalls;

/// <summary>
/// Finds the megaflows that a change may concern, without looking at the others: those with a packet that a flow entry
/// matches, and those that read a port, a group or a meter.
/// </summary>
/// <remarks>
/// <para>
/// A flow entry can match some packet of a megaflow only if the two agree in every bit that both fix. A megaflow fixes the
/// bits that its translation looked at and left as they were (<see cref="XlateResult.Pinned"/>). Megaflows that fix the
/// same bits are one group; in it, a table by the bits that a group and a kind of flow entry have in common answers the
/// question with one lookup. Such tables are made when they are first asked for, and few: controllers write few kinds of entries.
/// </para>
/// <para>Not thread-safe: under the lock of <see cref="Ukeys"/>.</para>
/// </remarks>
internal sealed class MegaflowIndex
{
    private readonly Dictionary<FlowKey, Group> _groups = [];
    private readonly Dictionary<StatePart, PartUsers> _parts = [];
    private long _questions;
    private (KeyMask Mask, Group Group)? _last; // of megaflows in a row, many have the same mask

    /// <summary>Number of groups.</summary>
    internal int GroupCount => _groups.Count;

    /// <summary>The packet part of a match, with its in_port as the datapath's number.</summary>
    internal static FlowKey InDatapathPorts(in FlowKey value)
    {
        FlowKey key = value;
        key.InPort = PortNumbers.ToDatapath(key.InPort);
        return key;
    }

    /// <summary>Enters a megaflow by its translation in force.</summary>
    internal void Add(Ukey ukey)
    {
        GroupOf(ukey).Add(ukey);
        foreach (StatePart part in ukey.Result.Dependencies.Parts)
        {
            ref PartUsers? users = ref CollectionsMarshal.GetValueRefOrAddDefault(_parts, part, out _);
            (users ??= new PartUsers()).Add(ukey);
        }
    }

    /// <summary>Takes a megaflow out. Its <see cref="Ukey.Result"/> is still the one that it was entered by.</summary>
    internal void Remove(Ukey ukey)
    {
        Group group = ukey.Group!;
        group.Remove(ukey);
        if (group.Count == 0)
        {
            _last = null;
            _groups.Remove(group.Pinned);
        }

        foreach (StatePart part in ukey.Result.Dependencies.Parts)
        {
            PartUsers users = _parts[part];
            if (users.Forget(part, ukey))
            {
                _parts.Remove(part);
            }
        }
    }

    /// <summary>Adds the megaflows with packets for which these bits have this value to <paramref name="found"/>, and some more.</summary>
    /// <remarks>in_port is a datapath port.</remarks>
    internal void FindOverlapping(in FlowKey value, in FlowKey mask, List<Ukey> found)
    {
        _questions++;
        foreach (Group group in _groups.Values)
        {
            group.FindOverlapping(value, mask, _questions, found);
        }
    }

    /// <summary>Adds the megaflows whose translation read a part to <paramref name="found"/>.</summary>
    internal void FindReaders(StatePart part, List<Ukey> found)
    {
        if (_parts.TryGetValue(part, out PartUsers? users))
        {
            users.AddTo(part, found);
        }
    }

    private Group GroupOf(Ukey ukey)
    {
        bool maskOnly = ukey.Result.SearchedChanged is null;
        if (maskOnly && _last is { } last && last.Mask == ukey.MaskObject)
        {
            return last.Group;
        }

        FlowKey pinned = ukey.Result.Pinned(ukey.Mask);
        ref Group? group = ref CollectionsMarshal.GetValueRefOrAddDefault(_groups, pinned, out _);
        group ??= new Group(pinned);
        if (maskOnly)
        {
            _last = (ukey.MaskObject, group);
        }

        return group;
    }

    /// <summary>Megaflows that fix the same bits.</summary>
    internal sealed class Group
    {
        private const int Few = 32; // are looked through without a table
        private const int MostTables = 6;
        private const long Unused = 1000; // questions after which a table may make room for another

        private readonly FlowKey _pinned;
        private readonly List<Ukey> _members = [];
        private readonly List<CommonBits> _tables = [];

        internal Group(in FlowKey pinned) => _pinned = pinned;

        internal ref readonly FlowKey Pinned => ref _pinned;

        internal int Count => _members.Count;

        internal void Add(Ukey ukey)
        {
            ukey.Group = this;
            ukey.GroupPlace = _members.Count;
            _members.Add(ukey);
            foreach (CommonBits table in _tables)
            {
                table.Add(ukey);
            }
        }

        internal void Remove(Ukey ukey)
        {
            Ukey last = _members[^1];
            _members[ukey.GroupPlace] = last;
            last.GroupPlace = ukey.GroupPlace;
            _members.RemoveAt(_members.Count - 1);
            ukey.Group = null;
            foreach (CommonBits table in _tables)
            {
                table.Remove(ukey);
            }
        }

        internal void FindOverlapping(in FlowKey value, in FlowKey mask, long question, List<Ukey> found)
        {
            Span<ulong> common = stackalloc ulong[FlowKey.PacketWords];
            ReadOnlySpan<ulong> pinned = _pinned.PacketPart(), asked = mask.PacketPart();
            ulong any = 0;
            for (int i = 0; i < common.Length; i++)
            {
                common[i] = pinned[i] & asked[i];
                any |= common[i];
            }

            if (any == 0)
            {
                found.AddRange(_members);
                return;
            }

            if (_members.Count > Few && Table(common, question) is { } table)
            {
                table.Find(value, found);
                return;
            }

            MaskedWord[] known = MaskedWord.Of(common);
            ReadOnlySpan<ulong> words = value.PacketPart();
            foreach (Ukey ukey in _members)
            {
                if (CommonBits.Equal(known, ukey.PacketWords(), words))
                {
                    found.Add(ukey);
                }
            }
        }

        private CommonBits? Table(ReadOnlySpan<ulong> common, long question)
        {
            foreach (CommonBits table in _tables)
            {
                if (table.Is(common))
                {
                    table.LastAsked = question;
                    return table;
                }
            }

            if (_tables.Count == MostTables)
            {
                int oldest = 0;
                for (int i = 1; i < _tables.Count; i++)
                {
                    oldest = _tables[i].LastAsked < _tables[oldest].LastAsked ? i : oldest;
                }

                if (question - _tables[oldest].LastAsked < Unused)
                {
                    return null; // all are in use: to make one for each question would cost more than to look through
                }

                _tables.RemoveAt(oldest);
            }

            CommonBits made = new(common) { LastAsked = question };
            foreach (Ukey ukey in _members)
            {
                made.Add(ukey);
            }

            _tables.Add(made);
            return made;
        }
    }

    /// <summary>Members of a group by some of the bits that they fix.</summary>
    private sealed class CommonBits
    {
        private readonly ulong[] _bits;
        private readonly MaskedWord[] _words;
        private readonly Dictionary<ulong, object> _byHash = []; // one Ukey, or a list

        internal CommonBits(ReadOnlySpan<ulong> bits)
        {
            _bits = bits.ToArray();
            _words = MaskedWord.Of(bits);
        }

        internal long LastAsked { get; set; }

        internal static bool Equal(MaskedWord[] bits, ReadOnlySpan<ulong> left, ReadOnlySpan<ulong> right)
        {
            foreach (MaskedWord word in bits)
            {
                if (((left[word.Word] ^ right[word.Word]) & word.Mask) != 0)
                {
                    return false;
                }
            }

            return true;
        }

        internal bool Is(ReadOnlySpan<ulong> bits) => bits.SequenceEqual(_bits);

        internal void Add(Ukey ukey)
        {
            ref object? slot = ref CollectionsMarshal.GetValueRefOrAddDefault(_byHash, Hash(ukey.PacketWords()), out _);
            switch (slot)
            {
                case null:
                    slot = ukey;
                    break;
                case HashSet<Ukey> many:
                    many.Add(ukey);
                    break;
                default:
                    slot = new HashSet<Ukey>(ReferenceEqualityComparer.Instance) { (Ukey)slot, ukey };
                    break;
            }
        }

        internal void Remove(Ukey ukey)
        {
            ulong hash = Hash(ukey.PacketWords());
            if (_byHash[hash] is HashSet<Ukey> { Count: > 1 } many)
            {
                many.Remove(ukey);
            }
            else
            {
                _byHash.Remove(hash);
            }
        }

        internal void Find(in FlowKey value, List<Ukey> found)
        {
            ReadOnlySpan<ulong> words = value.PacketPart();
            if (!_byHash.TryGetValue(Hash(words), out object? slot))
            {
                return;
            }

            if (slot is Ukey one)
            {
                Take(one, words, found);
                return;
            }

            foreach (Ukey ukey in (HashSet<Ukey>)slot)
            {
                Take(ukey, words, found);
            }
        }

        private void Take(Ukey ukey, ReadOnlySpan<ulong> words, List<Ukey> found)
        {
            if (Equal(_words, ukey.PacketWords(), words))
            {
                found.Add(ukey);
            }
        }

        private ulong Hash(ReadOnlySpan<ulong> words)
        {
            ulong hash = 0;
            foreach (MaskedWord word in _words)
            {
                hash = KeyHash.Add(hash, words[word.Word] & word.Mask);
            }

            return KeyHash.Finish(hash);
        }
    }

    /// <summary>
    /// The megaflows that read one part. One that goes is only counted, and taken out when half of the list is gone.
    /// </summary>
    private sealed class PartUsers
    {
        private readonly List<Ukey> _users = [];
        private int _gone;

        internal void Add(Ukey ukey) => _users.Add(ukey);

        /// <summary>True when nobody is left.</summary>
        internal bool Forget(StatePart part, Ukey leaving)
        {
            _gone++;
            if (_gone == _users.Count)
            {
                return true;
            }

            if (_gone > 16 && _gone > _users.Count / 2)
            {
                HashSet<Ukey> kept = new(ReferenceEqualityComparer.Instance);
                _users.RemoveAll(ukey => ukey == leaving || !Reads(ukey, part) || !kept.Add(ukey));
                _gone = 0;
            }

            return false;
        }

        internal void AddTo(StatePart part, List<Ukey> found)
        {
            foreach (Ukey ukey in _users)
            {
                if (Reads(ukey, part))
                {
                    found.Add(ukey);
                }
            }
        }

        private static bool Reads(Ukey ukey, StatePart part) =>
            ukey.Group is not null && Array.IndexOf(ukey.Result.Dependencies.Parts, part) >= 0;
    }
}
