using System.Runtime.CompilerServices;
using OvsBridge.Translator.Classifier;
using OvsBridge.Translator.Tables;

namespace OvsBridge.Translator.Xlate;

/// <summary>Which bucket of a select group has which place; see <see cref="GroupSelect.Places"/>. Immutable.</summary>
/// <remarks>
/// <para>
/// Places are few, so that a megaflow serves all flows of one place, however many connections there are; and enough that the shares come close
/// to the weights: eight for the smallest weight, 64 to 1,024 in all. Each bucket has exactly its share, rounded by largest remainders.
/// </para>
/// <para>
/// Who gets which place is rendezvous hashing: for each place every bucket draws a number from its own position, the place and the group, and the
/// highest of ln(u)/weight is first choice. Pairs are taken in order of how much they are wanted, until a bucket has its share. So a bucket that dies or
/// comes mostly moves the flows that it had or gets.
/// </para>
/// </remarks>
internal sealed class SelectPlaces
{
    private const int Least = 64;
    private const int Most = 1024;
    private const int ForSmallestWeight = 8;

    private static readonly ConditionalWeakTable<Group, SelectPlaces> _last = [];

    private readonly ulong[] _live;
    private readonly ushort[] _buckets;

    private SelectPlaces(ulong[] live, ushort[] buckets)
    {
        _live = live;
        _buckets = buckets;
    }

    /// <summary>The bits of a flow's hash that are its place.</summary>
    internal uint Mask => (uint)_buckets.Length - 1;

    /// <summary>The bucket of a flow.</summary>
    internal int Bucket(uint hash) => _buckets[hash & Mask];

    /// <summary>The places of a group with these live buckets (a bit each; at least one); the last answer is kept.</summary>
    internal static SelectPlaces Of(Group group, ulong[] live)
    {
        if (!_last.TryGetValue(group, out SelectPlaces? places) || !places._live.AsSpan().SequenceEqual(live))
        {
            places = Make(group, live);
            _last.AddOrUpdate(group, places);
        }

        return places;
    }

    private static SelectPlaces Make(Group group, ulong[] live)
    {
        int[] buckets = [.. Enumerable.Range(0, group.Buckets.Count).Where(i => (live[i / 64] >> (i % 64) & 1) != 0)];
        long sum = buckets.Sum(i => (long)group.Buckets[i].Weight);
        long smallest = buckets.Min(i => group.Buckets[i].Weight);
        int count = (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Math.Clamp(ForSmallestWeight * sum / smallest, Math.Max(Least, buckets.Length), Most));
        int[] share = Shares(group, buckets, sum, count);

        List<(double Score, int Place, int Bucket)> wishes = new(count * buckets.Length);
        for (int place = 0; place < count; place++)
        {
            for (int i = 0; i < buckets.Length; i++)
            {
                ulong drawn = KeyHash.Finish(KeyHash.Add(KeyHash.Add(KeyHash.Add(0, (ulong)buckets[i] + 1), (ulong)place), group.GroupId));
                wishes.Add((Math.Log(((drawn >> 11) + 0.5) * (1.0 / (1ul << 53))) / group.Buckets[buckets[i]].Weight, place, i));
            }
        }

        wishes.Sort((a, b) => b.Score.CompareTo(a.Score));
        ushort[] result = new ushort[count];
        bool[] taken = new bool[count];
        foreach ((double _, int place, int bucket) in wishes)
        {
            if (!taken[place] && share[bucket] > 0)
            {
                taken[place] = true;
                share[bucket]--;
                result[place] = (ushort)buckets[bucket];
            }
        }

        return new SelectPlaces(live, result);
    }

    /// <summary>How many places each bucket gets: its exact share rounded down, and the rest by largest remainder.</summary>
    private static int[] Shares(Group group, int[] buckets, long sum, int count)
    {
        int[] share = [.. buckets.Select(i => (int)((long)group.Buckets[i].Weight * count / sum))];
        int[] byRemainder = [.. Enumerable.Range(0, buckets.Length).OrderByDescending(n => (long)group.Buckets[buckets[n]].Weight * count % sum).ThenBy(n => n)];
        int left = count - share.Sum();
        for (int n = 0; n < left; n++)
        {
            share[byRemainder[n]]++;
        }

        return share;
    }
}
