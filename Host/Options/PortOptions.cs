using System.Globalization;
using System.Text;
using OvsBridge.Datapath;
using OvsBridge.Datapath.Tunnels;
using OvsBridge.OpenFlow.Actions;

namespace OvsBridge.Host.Options;

/// <summary>A port of the bridge.</summary>
/// <param name="Interface">Name of its interface; of the tunnel.</param>
/// <param name="Number">OpenFlow port number.</param>
internal sealed record PortOption(string Interface, uint Number)
{
    /// <summary>What it does if it is a tunnel, which has no interface; null: it is an interface.</summary>
    public TunnelConfig? Tunnel { get; init; }

    /// <summary><c>upcall-rate</c>; null: the switch's.</summary>
    public uint? UpcallRate { get; init; }

    /// <summary><c>upcall-burst</c>; null: a quarter of its own rate, or with the switch's rate the switch's.</summary>
    public uint? UpcallBurst { get; init; }

    /// <summary><c>fast-peer</c>: frames go straight to the other end of the veth.</summary>
    public bool FastPeer { get; init; }

    /// <summary>As the datapath takes it.</summary>
    /// <param name="number">Number in the datapath.</param>
    /// <param name="ifIndex">The interface's index; 0 for a tunnel.</param>
    /// <param name="options">What holds for ports that say nothing.</param>
    public DpPort ToDatapath(uint number, int ifIndex, SwitchOptions options) => new(number, Interface, ifIndex)
    {
        Tunnel = Tunnel,
        UpcallRate = UpcallRate ?? options.UpcallRate,
        UpcallBurst = UpcallBurst ?? (UpcallRate is null ? options.UpcallBurst : 0),
    };
}

/// <summary>
/// Reads <c>--port IFACE[=OFPORT][,OPTION[=VALUE]]...</c>. What an option means stands in one place, <see cref="Read"/>.
/// </summary>
internal static class PortOptions
{
    /// <summary>Highest rate, and burst, of upcalls that can be asked for.</summary>
    public const int MaxUpcallRate = 10_000_000;

    /// <summary>All ports, in order of number. One without a number gets the lowest that is free, in the order given.</summary>
    /// <exception cref="UsageException">Something is not as it should be.</exception>
    public static IReadOnlyList<PortOption> Parse(IReadOnlyList<(string Value, string Origin)> given)
    {
        Dictionary<string, PortOption> wanted = []; // number 0: any
        SortedDictionary<uint, string> taken = [];
        foreach ((string value, string origin) in given)
        {
            PortOption port = Parse(value, origin);
            if (!wanted.TryAdd(port.Interface, port))
                throw new UsageException($"{origin}: interface {port.Interface} is given twice");
            if (port.Number != 0 && !taken.TryAdd(port.Number, port.Interface))
                throw new UsageException($"{origin}: port number {Text(port.Number)} is given twice, for {taken[port.Number]} and {port.Interface}");
        }

        uint next = 1;
        foreach (string name in wanted.Values.Where(port => port.Number == 0).Select(port => port.Interface))
        {
            while (taken.ContainsKey(next))
                next++;
            taken.Add(next, name);
        }

        return [.. taken.Select(entry => wanted[entry.Value] with { Number = entry.Key })];
    }

    /// <summary>What the kernel would not take as the name of an interface; null: nothing.</summary>
    public static string? InterfaceNameProblem(string name)
    {
        if (Encoding.UTF8.GetByteCount(name) > 15)
            return "it has more than 15 bytes";
        if (name is "." or ".." || name.Any(c => c is '/' or ':' || char.IsWhiteSpace(c) || char.IsControl(c)))
            return "'/', ':' and blanks can't be in it";
        return null;
    }

    private static PortOption Parse(string value, string origin)
    {
        string[] parts = value.Split(',');
        (string name, string? number) = Divide(parts[0]);
        if (name.Length == 0 || InterfaceNameProblem(name) is not null)
            throw new UsageException($"{origin}: bad interface name '{name}'");
        PortOption port = new(name, number is null ? 0 : PortNumber(number, name, origin));
        HashSet<string> seen = [];
        Dictionary<string, string?> tunnel = [];
        foreach (string part in parts.Skip(1))
        {
            (string key, string? text) = Divide(part);
            if (!seen.Add(key))
                throw new UsageException($"{origin}: option '{key}' of {name} is given twice");
            if (TunnelOptions.IsOne(key))
                tunnel.Add(key, text);
            else
                port = Read(port, key, text, $"{origin}: option '{key}' of {name}");
        }

        if (tunnel.Count > 0 && port.FastPeer)
            throw new UsageException($"{origin}: fast-peer can't be had for '{name}': a tunnel has no interface");
        if (tunnel.Count > 0)
            port = port with { Tunnel = TunnelOptions.Read(tunnel, port, origin) };
        return port;
    }

    /// <summary>Reads one option.</summary>
    /// <param name="port">What was read before.</param>
    /// <param name="key">Its name.</param>
    /// <param name="value">What stands behind '='; null: there is none.</param>
    /// <param name="where">Beginning of messages: origin, option and port.</param>
    private static PortOption Read(PortOption port, string key, string? value, string where) => key switch
    {
        "upcall-rate" => port with { UpcallRate = Number(value, 0, MaxUpcallRate, where) },
        "upcall-burst" => port with { UpcallBurst = Number(value, 1, MaxUpcallRate, where) },
        "fast-peer" => value is null ? port with { FastPeer = true } : throw new UsageException($"{where}: it takes no value"),
        _ => throw new UsageException($"{where}: there is no such option"),
    };

    private static uint Number(string? text, uint lowest, uint highest, string where) =>
        uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out uint value) && value >= lowest && value <= highest
            ? value
            : throw new UsageException($"{where}: '{text}' is not a number from {lowest} to {highest}");

    private static (string Key, string? Value) Divide(string text)
    {
        int equals = text.IndexOf('=', StringComparison.Ordinal);
        return equals < 0 ? (text, null) : (text[..equals], text[(equals + 1)..]);
    }

    private static uint PortNumber(string text, string name, string origin)
    {
        if (text is "LOCAL")
            return OfPorts.Local;
        return uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out uint number) && number is >= 1 and <= OfPorts.HighestOrdinary
            ? number
            : throw new UsageException($"{origin}: bad port number '{text}' of {name}: it must be 1 to {OfPorts.HighestOrdinary}, or LOCAL");
    }

    private static string Text(uint number) => number == OfPorts.Local ? "LOCAL" : number.ToString(CultureInfo.InvariantCulture);
}
