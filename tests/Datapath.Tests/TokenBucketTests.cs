using System.Numerics;
using FsCheck;
using OvsBridge.Datapath.Interop;
using PropertyAttribute = FsCheck.NUnit.PropertyAttribute;

namespace OvsBridge.Datapath.Tests;

[TestFixture]
public sealed class TokenBucketTests
{
    private const ulong Second = 1_000_000_000ul << Abi.MeterTimeShift;

    /// <summary>Against a bucket that keeps its tokens, in numbers without bounds.</summary>
    [Property(MaxTest = 2000, StartSize = 1, EndSize = 1_000_000)]
    public void Lets_through_what_a_bucket_of_tokens_lets_through(int seed)
    {
        Random random = new(seed);
        ulong burst = (ulong)random.NextInt64(1, 1L << random.Next(2, 55));
        ulong now = random.Next(3) == 0 ? ulong.MaxValue - (ulong)random.NextInt64(1 << 20) : (ulong)random.NextInt64();
        ulong fullAt = now;
        BigInteger tokens = burst;
        for (int i = 0; i < 200; i++)
        {
            ulong cost = (ulong)random.NextInt64((long)Math.Min(burst * 2, 1ul << 56) + 1);
            ulong gone = random.Next(4) == 0 ? 0 : (ulong)random.NextInt64((long)Math.Min(burst, 1ul << 56) + 1);
            now = unchecked(now + gone);
            tokens = BigInteger.Min(burst, tokens + gone);
            bool expected = tokens >= BigInteger.Min(cost, burst);
            if (expected)
            {
                tokens -= cost;
            }

            Assert.That(TokenBucket.TryTake(ref fullAt, now, cost, burst), Is.EqualTo(expected), $"packet {i} of seed {seed}");
        }
    }

    /// <summary>The words in which rates are kept are as exact as anybody can measure: 0.1 % up to 100 Gb/s and 100 million packets a second.</summary>
    [Property(MaxTest = 2000, StartSize = 1, EndSize = 1_000_000)]
    public void Rate_is_kept_to_a_thousandth(int seed)
    {
        Random random = new(seed);
        uint rate = (uint)Math.Pow(10, random.NextDouble() * 8);
        bool packets = random.Next(2) == 0;
        ulong unit = TokenBucket.UnitCost(rate, packets);
        ulong units = packets ? 1 : (ulong)random.Next(64, 65536);
        double cost = (units * unit) >> (Abi.MeterCostShift - Abi.MeterTimeShift);
        double exact = packets ? Second / (double)rate : units * 8.0 * Second / (rate * 1000.0);

        Assert.That(cost, Is.EqualTo(exact).Within(exact / 200 + 0.5).And.EqualTo(exact).Within(Math.Max(1, exact / 1000)));
    }

    [TestCase(1u, 0u, Second)]
    [TestCase(1000u, 0u, Second)]
    [TestCase(1000u, 500u, Second / 2)]
    [TestCase(1u, uint.MaxValue, 1ul << 61)]
    public void Burst_is_the_time_that_fills_it_and_a_second_unless_said(uint rate, uint burst, ulong time) =>
        Assert.That(TokenBucket.BurstTime(rate, burst), Is.EqualTo(time));

    [Test]
    public void No_cost_overflows() =>
        Assert.That((UInt128)TokenBucket.UnitCost(1, packets: false) * (1 << 19), Is.LessThan((UInt128)ulong.MaxValue), "a kilobit a second, half a megabyte");

    /// <summary>However many threads take at the same time, no token is taken twice and none is lost.</summary>
    [Test]
    public void Threads_share_a_bucket_exactly()
    {
        const ulong Cost = 1000, Burst = 100_000 * Cost;
        ulong fullAt = 0;
        int taken = 0;
        Thread[] threads = [.. Enumerable.Range(0, 4).Select(_ => new Thread(() =>
        {
            for (int i = 0; i < 50_000; i++)
            {
                if (TokenBucket.TryTake(ref fullAt, 0, Cost, Burst))
                {
                    Interlocked.Increment(ref taken);
                }
            }
        }))];
        Array.ForEach(threads, t => t.Start());
        Array.ForEach(threads, t => t.Join());

        Assert.That(taken, Is.EqualTo(100_000));
    }

    /// <summary>RFC 2597, section 6: AF11 is 001010, AF43 100110.</summary>
    [Test]
    public void Only_assured_forwarding_code_points_have_a_drop_precedence_to_raise([Range(0, 63)] int dscp, [Range(1, 2)] int levels)
    {
        Dictionary<int, (int Class, int Precedence)> af = [];
        for (int c = 1; c <= 4; c++)
        {
            for (int p = 1; p <= 3; p++)
            {
                af[(8 * c) + (2 * p)] = (c, p);
            }
        }

        int expected = af.TryGetValue(dscp, out var code) ? (8 * code.Class) + (2 * Math.Min(3, code.Precedence + levels)) : dscp;
        for (int ecn = 0; ecn < 4; ecn++)
        {
            Assert.That(PacketRewriter.RaiseDropPrecedence((byte)((dscp << 2) | ecn), levels), Is.EqualTo((expected << 2) | ecn));
        }
    }

    [Test]
    public void Runs_of_indexes_never_overlap_and_come_back()
    {
        IndexRuns runs = new(100);
        Random random = new(1);
        bool[] taken = new bool[100];
        List<(int First, int Length)> held = [];
        int refused = 0;
        for (int i = 0; i < 5000; i++)
        {
            int length = random.Next(0, 9);
            if (held.Count > 0 && random.Next(2) == 0)
            {
                (int first, length) = held[random.Next(held.Count)];
                held.Remove((first, length));
                runs.Free(first, length);
                taken.AsSpan(first, length).Clear();
            }
            else if (runs.Take(length) is { } first)
            {
                Assert.That(first + length, Is.LessThanOrEqualTo(100));
                Assert.That(taken.AsSpan(first, length).Contains(true), Is.False);
                taken.AsSpan(first, length).Fill(true);
                held.Add((first, length));
            }
            else
            {
                refused++;
                bool room = Enumerable.Range(0, 100 - length + 1).Any(at => !taken.AsSpan(at, length).Contains(true));
                Assert.That(room, Is.False, $"{length} of {string.Concat(taken.Select(t => t ? 'x' : '.'))}");
            }
        }

        Assert.That(refused, Is.Positive);
    }
}
