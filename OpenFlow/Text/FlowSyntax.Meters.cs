using System.Globalization;
using System.Text;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Messages.Multipart;

namespace OvsBridge.OpenFlow.Text;

public static partial class FlowSyntax
{
    /// <summary>Reads a meter: <c>meter=1,kbps,burst,stats,bands=type=drop,rate=1000,burst_size=100</c>.</summary>
    /// <param name="line">The meter; to delete, meter= alone, or nothing for all meters.</param>
    /// <param name="command">What the meter_mod is to do.</param>
    /// <exception cref="FlowSyntaxException">The text is wrong.</exception>
    public static MeterMod ParseMeter(string line, MeterModCommand command = MeterModCommand.Add)
    {
        bool delete = command == MeterModCommand.Delete;
        uint? id = null;
        MeterFlags flags = MeterFlags.None;
        List<MeterBand> bands = [];
        int head = FindBands(line);
        WordReader words = new(line[..head]);
        while (words.Read(out Word word))
        {
            if (word.Key == "meter")
            {
                id = MeterId(word, delete);
                continue;
            }

            MeterFlags flag = word.Key switch
            {
                "kbps" => MeterFlags.Kbps,
                "pktps" => MeterFlags.PacketsPerSecond,
                "burst" => MeterFlags.Burst,
                "stats" => MeterFlags.Stats,
                _ => throw word.Error($"unknown keyword {word.Key}"),
            };
            word.NeedNoValue();
            if (delete)
            {
                throw word.Error("a deletion has only meter=");
            }

            flags |= flag;
        }

        if (head < line.Length)
        {
            if (delete)
            {
                throw new FlowSyntaxException(line[head..], head, "a deletion has no bands");
            }

            ParseBands(line, head, flags, bands);
        }

        if (delete)
        {
            return new MeterMod(command, MeterFlags.None, id ?? MeterMod.AllMeters, []);
        }

        if ((flags & (MeterFlags.Kbps | MeterFlags.PacketsPerSecond)) is MeterFlags.None or (MeterFlags.Kbps | MeterFlags.PacketsPerSecond))
        {
            throw Whole(line, "needs one of kbps and pktps");
        }

        return bands.Count > 0
            ? new MeterMod(command, flags, id ?? throw Whole(line, "needs meter="), bands.ToValueList())
            : throw Whole(line, "needs bands=");
    }

    /// <summary>The meter as <c>ovs-ofctl dump-meters</c> prints it: a line, and one a band.</summary>
    public static string Print(MeterConfigEntry meter)
    {
        StringBuilder text = new();
        text.Append("meter=").Append(MeterName(meter.MeterId)).Append(Flags(meter.Flags)).Append(" bands=");
        foreach (MeterBand band in meter.Bands)
        {
            text.Append('\n').Append(Print(band, meter.Flags));
        }

        return text.ToString();
    }

    /// <summary>A meter on one line, as <see cref="ParseMeter"/> reads it.</summary>
    public static string PrintMeter(uint meterId, MeterFlags flags, ValueList<MeterBand> bands)
    {
        StringBuilder text = new();
        text.Append("meter=").Append(MeterName(meterId)).Append(Flags(flags).Replace(' ', ',')).Append(",bands=");
        bool first = true;
        foreach (MeterBand band in bands)
        {
            text.Append(first ? "" : ",").Append(Print(band, flags).Replace(' ', ','));
            first = false;
        }

        return text.ToString();
    }

    /// <summary>A meter's number, or controller, slowpath, all.</summary>
    internal static string MeterName(uint id) => id switch
    {
        MeterMod.AllMeters => "all",
        MeterMod.ControllerMeter => "controller",
        MeterMod.SlowPathMeter => "slowpath",
        _ => id.ToString(CultureInfo.InvariantCulture),
    };

    private static string Print(MeterBand band, MeterFlags flags)
    {
        StringBuilder text = new();
        text.Append(band.Type switch
        {
            MeterBandType.Drop => "type=drop",
            MeterBandType.DscpRemark => "type=dscp_remark",
            _ => string.Create(CultureInfo.InvariantCulture, $"type={(ushort)band.Type}"),
        });
        text.Append(CultureInfo.InvariantCulture, $" rate={band.Rate}");
        if ((flags & MeterFlags.Burst) != 0)
        {
            text.Append(CultureInfo.InvariantCulture, $" burst_size={band.Burst}");
        }

        if (band.Type == MeterBandType.DscpRemark)
        {
            text.Append(CultureInfo.InvariantCulture, $" prec_level={band.PrecedenceLevel}");
        }

        return text.ToString();
    }

    // " kbps burst"
    private static string Flags(MeterFlags flags)
    {
        StringBuilder text = new();
        foreach ((MeterFlags flag, string word) in (ReadOnlySpan<(MeterFlags, string)>)
            [(MeterFlags.Kbps, " kbps"), (MeterFlags.PacketsPerSecond, " pktps"), (MeterFlags.Burst, " burst"), (MeterFlags.Stats, " stats")])
        {
            text.Append((flags & flag) != 0 ? word : "");
        }

        return text.ToString();
    }

    private static uint MeterId(in Word word, bool delete) => word.Need("meter=ID") switch
    {
        "all" when delete => MeterMod.AllMeters,
        "all" => throw word.Error("meter=all is for deletions and dumps"),
        "controller" => MeterMod.ControllerMeter,
        "slowpath" => MeterMod.SlowPathMeter,
        _ => (uint)Numbers.Parse(word, word.Value, "a meter id", MeterMod.MaxMeter, 1),
    };

    private static int FindBands(string line)
    {
        WordReader words = new(line);
        while (words.Read(out Word word))
        {
            if (word.Key is "bands" or "band" && word.Delimiter is '=' or ':')
            {
                return word.Position;
            }
        }

        return line.Length;
    }

    private static void ParseBands(string line, int head, MeterFlags flags, List<MeterBand> bands)
    {
        WordReader first = new(line[head..], head);
        first.Read(out Word start);
        MeterBandType? type = null;
        uint? rate = null, burst = null;
        byte? level = null;
        Word last = start;
        WordReader words = new(line[start.ValuePosition..], start.ValuePosition);
        while (words.Read(out Word word))
        {
            if (word.Key is "bands" or "band")
            {
                // every band may be introduced: band=type=drop,rate=1,band=type=...
                words = new WordReader(line[word.ValuePosition..], word.ValuePosition);
                continue;
            }

            switch (word.Key)
            {
                case "type":
                    EndBand(word);
                    type = word.Value switch
                    {
                        "drop" => MeterBandType.Drop,
                        "dscp_remark" => MeterBandType.DscpRemark,
                        _ => throw word.Error("the type is drop or dscp_remark"),
                    };
                    break;
                case "rate":
                    rate = (uint)Numbers.Parse(word, "a rate", uint.MaxValue);
                    break;
                case "burst_size":
                    burst = (uint)Numbers.Parse(word, "a burst", uint.MaxValue);
                    break;
                case "prec_level":
                    level = (byte)Numbers.Parse(word, "prec_level", byte.MaxValue);
                    break;
                default:
                    throw word.Error($"unknown keyword {word.Key} of a band");
            }

            last = word;
        }

        EndBand(last);

        void EndBand(in Word word)
        {
            if (type is null && rate is null && burst is null && level is null)
            {
                return;
            }

            if (type is null || rate is null or 0)
            {
                throw word.Error("a band needs type= and a rate= above 0");
            }

            if (burst is not null && (flags & MeterFlags.Burst) == 0)
            {
                throw word.Error("burst_size needs the flag burst");
            }

            if (burst is null or 0 && (flags & MeterFlags.Burst) != 0)
            {
                throw word.Error("the flag burst needs a burst_size above 0");
            }

            if (level is not null && type != MeterBandType.DscpRemark)
            {
                throw word.Error("prec_level is for dscp_remark");
            }

            bands.Add(new MeterBand(type.Value, rate.Value, burst ?? 0, level ?? 0));
            (type, rate, burst, level) = (null, null, null, null);
        }
    }
}
