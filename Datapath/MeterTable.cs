using System.Runtime.CompilerServices;
using OvsBridge.Datapath.Ebpf;
using OvsBridge.Datapath.Interop;

namespace OvsBridge.Datapath;

/// <summary>What a meter says of a packet.</summary>
/// <param name="Passes">Whether it may go on.</param>
/// <param name="Remark">By how many drop precedences its DSCP is to be remarked first.</param>
internal readonly record struct MeterVerdict(bool Passes, byte Remark = 0);

/// <summary>
/// The meters of a datapath in the arrays of bpf/abi.h. Over a kernel's maps, packets in user space and packets in the kernel take
/// their tokens from the same buckets; over ordinary memory it is all there is.
/// </summary>
/// <remarks>
/// Any thread. A meter is published by one 64-bit store after its bands are complete. Bands are reused when all who may have read
/// the old word are through: programs in the kernel by <paramref name="grace"/>, threads in user space by the lock.
/// </remarks>
/// <param name="meters">Map <c>meters</c>.</param>
/// <param name="bands">Map <c>meter_bands</c>.</param>
/// <param name="nowNs">CLOCK_MONOTONIC in nanoseconds.</param>
/// <param name="grace">Waits until kernel programs that started before are over.</param>
internal sealed class MeterTable(MappedArray<MeterEntry> meters, MappedArray<MeterBandEntry> bands, Func<ulong> nowNs, Action grace)
{
    private readonly Lock _gate = new();
    private readonly IndexRuns _runs = new(bands.Length);
    private readonly Dictionary<uint, Run> _set = [];
    private readonly HashSet<uint> _adopted = [];

    /// <summary>Most meters.</summary>
    public uint MaxMeters => (uint)meters.Length;

    /// <summary>One above the highest slot that was taken over and not set anew. The last slot, which is the slow path's in every process, does not count.</summary>
    public uint Adopted
    {
        get
        {
            lock (_gate)
            {
                return _adopted.Where(slot => slot + 1 < MaxMeters).Select(slot => slot + 1).DefaultIfEmpty().Max();
            }
        }
    }

    /// <summary>Takes over the meters that a former process has left in the maps.</summary>
    /// <exception cref="InvalidDataException">They contradict themselves.</exception>
    public void Adopt()
    {
        lock (_gate)
        {
            for (int slot = 0; slot < meters.Length; slot++)
            {
                MeterEntry meter = meters[slot];
                if ((meter.Flags & Abi.MeterActive) == 0)
                {
                    continue;
                }

                if (meter.NBands > Abi.MaxBands || !_runs.TakeAt((int)Math.Min(meter.Bands, int.MaxValue), meter.NBands))
                {
                    throw new InvalidDataException($"meter {slot} has {meter.NBands} bands from {meter.Bands} on, which are not there or another's");
                }

                _set.Add((uint)slot, new Run((int)meter.Bands, [.. Enumerable.Range(0, meter.NBands)]));
                _adopted.Add((uint)slot);
            }
        }
    }

    /// <summary>Removes what was taken over and not set anew: no program names it any more.</summary>
    public void RemoveAdopted()
    {
        uint[] slots;
        lock (_gate)
        {
            slots = [.. _adopted];
            foreach (uint slot in slots)
            {
                Publish(slot, default);
            }

            if (slots.Length > 0)
            {
                grace();
            }

            foreach (uint slot in slots)
            {
                _set.Remove(slot, out Run old);
                _runs.Free(old.First, old.Order.Length);
            }

            _adopted.Clear();
        }
    }

    /// <inheritdoc cref="IDatapath.SetMeter"/>
    public bool Set(uint slot, DpMeter meter)
    {
        Check(slot);
        Check(meter);
        int[] order = [.. Enumerable.Range(0, meter.Bands.Count).OrderByDescending(i => meter.Bands[i].Rate)];
        lock (_gate)
        {
            if (_runs.Take(order.Length) is not { } first)
            {
                return false;
            }

            ulong now = nowNs() << Abi.MeterTimeShift;
            for (int i = 0; i < order.Length; i++)
            {
                DpMeterBand band = meter.Bands[order[i]];
                bands[first + i] = new MeterBandEntry
                {
                    FullAt = now,
                    Cost = TokenBucket.UnitCost(band.Rate, meter.CountsPackets),
                    Burst = TokenBucket.BurstTime(band.Rate, band.Burst),
                    Type = (uint)band.Type,
                    PrecLevel = band.PrecedenceLevels,
                };
            }

            bool replaces = _set.Remove(slot, out Run old);
            if (_adopted.Remove(slot) || !replaces)
            {
                // No program can be adding to them: the slot's last meter was removed with a grace period (or is another's, of a former process).
                meters[(int)slot].Packets = 0;
                meters[(int)slot].Bytes = 0;
            }

            ushort flags = (ushort)(Abi.MeterActive | (meter.CountsPackets ? Abi.MeterPackets : 0));
            Publish(slot, new MeterEntry { Bands = (uint)first, NBands = (ushort)order.Length, Flags = flags });
            _set.Add(slot, new Run(first, order));
            if (replaces)
            {
                grace();
                _runs.Free(old.First, old.Order.Length);
            }

            return true;
        }
    }

    /// <inheritdoc cref="IDatapath.RemoveMeter"/>
    public bool Remove(uint slot)
    {
        Check(slot);
        lock (_gate)
        {
            if (!_set.Remove(slot, out Run old))
            {
                return false;
            }

            Publish(slot, default);
            grace();
            _runs.Free(old.First, old.Order.Length);
            return true;
        }
    }

    /// <inheritdoc cref="IDatapath.ReadMeter"/>
    public DpMeterStats? Read(uint slot)
    {
        Check(slot);
        lock (_gate)
        {
            if (!_set.TryGetValue(slot, out Run run))
            {
                return null;
            }

            (ulong, ulong)[] counters = new (ulong, ulong)[run.Order.Length];
            for (int i = 0; i < counters.Length; i++)
            {
                ref MeterBandEntry band = ref bands[run.First + i];
                counters[run.Order[i]] = (Volatile.Read(ref band.Packets), Volatile.Read(ref band.Bytes));
            }

            ref MeterEntry meter = ref meters[(int)slot];
            return new DpMeterStats(Volatile.Read(ref meter.Packets), Volatile.Read(ref meter.Bytes), counters);
        }
    }

    /// <summary>What <c>meter()</c> of bpf/meter.bpf.h does, for a packet in user space.</summary>
    /// <param name="slot">The meter; one that is not there lets the packet pass.</param>
    /// <param name="length">Bytes of the frame with VLAN tags.</param>
    public MeterVerdict Apply(uint slot, int length)
    {
        if (slot >= (uint)meters.Length)
        {
            return new MeterVerdict(true);
        }

        lock (_gate)
        {
            ref MeterEntry meter = ref meters[(int)slot];
            if ((meter.Flags & Abi.MeterActive) == 0)
            {
                return new MeterVerdict(true);
            }

            Interlocked.Increment(ref meter.Packets);
            Interlocked.Add(ref meter.Bytes, (ulong)length);
            ulong units = (meter.Flags & Abi.MeterPackets) != 0 ? 1 : (ulong)length;
            ulong now = nowNs() << Abi.MeterTimeShift;
            for (int i = 0; i < meter.NBands; i++)
            {
                ref MeterBandEntry band = ref bands[(int)meter.Bands + i];
                if (TokenBucket.TryTake(ref band.FullAt, now, (units * band.Cost) >> (Abi.MeterCostShift - Abi.MeterTimeShift), band.Burst))
                {
                    continue;
                }

                Interlocked.Increment(ref band.Packets);
                Interlocked.Add(ref band.Bytes, (ulong)length);
                return band.Type == (uint)DpBandType.DscpRemark ? new MeterVerdict(true, (byte)band.PrecLevel) : new MeterVerdict(false);
            }

            return new MeterVerdict(true);
        }
    }

    private void Publish(uint slot, MeterEntry meter) =>
        Volatile.Write(ref Unsafe.As<MeterEntry, ulong>(ref meters[(int)slot]), Unsafe.As<MeterEntry, ulong>(ref meter));

    private void Check(uint slot)
    {
        if (slot >= (uint)meters.Length)
        {
            throw new ArgumentException($"meter slot {slot}, there are {meters.Length}", nameof(slot));
        }
    }

    private static void Check(DpMeter meter)
    {
        if (meter.Bands.Count > Abi.MaxBands)
        {
            throw new ArgumentException($"{meter.Bands.Count} bands, a meter has at most {Abi.MaxBands}", nameof(meter));
        }

        foreach (DpMeterBand band in meter.Bands)
        {
            if (band.Rate == 0 || !Enum.IsDefined(band.Type) || (band.Type == DpBandType.DscpRemark && band.PrecedenceLevels is 0 or > 2))
            {
                throw new ArgumentException($"a band that means nothing: {band}", nameof(meter));
            }
        }
    }

    /// <param name="First">First band.</param>
    /// <param name="Order">For each band of the run, its place in the order in which they were given.</param>
    private readonly record struct Run(int First, int[] Order);
}
