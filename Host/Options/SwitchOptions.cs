using System.Globalization;
using System.Text;
using OvsBridge.Datapath.Ebpf;
using OvsBridge.Host.Logging;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Endpoint;
using OvsBridge.OpenFlow.Messages.Multipart;
using OvsBridge.OpenFlow.Wire;
using OvsBridge.Translator.Switch;

namespace OvsBridge.Host.Options;

/// <summary>Which datapath forwards.</summary>
internal enum DatapathKind
{
    /// <summary>eBPF at tc ingress.</summary>
    Tc,

    /// <summary>None: the control plane alone, without a kernel's help.</summary>
    Memory,
}

/// <summary>The options of <c>ovsbridge run</c>, checked as far as they can be by themselves.</summary>
internal sealed record SwitchOptions
{
    /// <summary>Name of the bridge.</summary>
    public required string Bridge { get; init; }

    /// <summary>Datapath id; null: from the lowest port's MAC.</summary>
    public ulong? DatapathId { get; init; }

    /// <summary>Ports, in order of number.</summary>
    public required IReadOnlyList<PortOption> Ports { get; init; }

    /// <summary>Interfaces that tunnels come in by; null: all that have an IP address.</summary>
    public IReadOnlyList<string>? Underlay { get; init; }

    /// <summary>Whether the bridge has a network device of its own as its LOCAL port, where the datapath can have one.</summary>
    public bool LocalPort { get; init; }

    /// <summary>Controllers to connect to.</summary>
    public required IReadOnlyList<Target> Controllers { get; init; }

    /// <summary>Where to listen.</summary>
    public required IReadOnlyList<Target> Listens { get; init; }

    /// <summary>Wire versions to offer: bit n is version n.</summary>
    public uint Protocols { get; init; }

    /// <summary>What to do while no controller is there.</summary>
    public FailMode FailMode { get; init; }

    /// <summary>Directory of sockets and pid file.</summary>
    public required string RunDirectory { get; init; }

    /// <summary>Which datapath forwards.</summary>
    public DatapathKind Datapath { get; init; }

    /// <summary>Where the program is attached to interfaces.</summary>
    public AttachPoint AttachTo { get; init; }

    /// <summary>The answer to OFPMP_DESC.</summary>
    public required DescAnswer Description { get; init; }

    /// <summary>Silence before a peer is asked; zero: never.</summary>
    public TimeSpan InactivityProbe { get; init; }

    /// <summary>Longest wait between attempts to connect.</summary>
    public TimeSpan MaxBackoff { get; init; }

    /// <summary>Auxiliary connections to each controller.</summary>
    public byte AuxiliaryCount { get; init; }

    /// <summary>Most packet_ins of a kind to a controller in a second; 0: any number.</summary>
    public uint PacketInRate { get; init; }

    /// <summary>Most packets a second that user space executes for megaflows; 0: any.</summary>
    public uint SlowPathRate { get; init; }

    /// <summary>Most packet_ins of a kind at once; 0: a quarter of the rate.</summary>
    public uint PacketInBurst { get; init; }

    /// <summary>Most megaflows.</summary>
    public int FlowLimit { get; init; }

    /// <summary>Most packets a second that each port may send to user space; 0: any.</summary>
    public uint UpcallRate { get; init; }

    /// <summary>Most of these at once; 0: a quarter of the rate.</summary>
    public uint UpcallBurst { get; init; }

    /// <summary>How long the megaflows of a former process forward, unless a controller adds flows before.</summary>
    public TimeSpan RestartGrace { get; init; }

    /// <summary>Keys and certificates; null: no TLS.</summary>
    public TlsFiles? Tls { get; init; }

    /// <summary>What is logged.</summary>
    public VlogLevel LogLevel { get; init; }

    /// <summary>Checks settings.</summary>
    /// <exception cref="UsageException">Says what is wrong, and where it was given.</exception>
    public static SwitchOptions From(RunSettings settings)
    {
        TlsFiles? tls = LoadTls(settings);
        string bridge = BridgeName(settings);
        IReadOnlyList<PortOption> ports = PortOptions.Parse(settings.Many("port"));
        if (settings.Single("datapath") is ("memory", _) && ports.FirstOrDefault(port => port.Tunnel is not null) is { } tunnel)
            throw new UsageException($"--port: {tunnel.Interface}: there are no tunnels with --datapath memory");
        int packetInRate = Number(settings, "packet-in-rate", 0, lowest: 0, highest: 1_000_000);
        if (packetInRate == 0 && settings.Single("packet-in-burst") is { } burst)
            throw new UsageException($"{burst.Origin}: means nothing without a packet-in-rate");
        int upcallRate = Number(settings, "upcall-rate", 20_000, lowest: 0, highest: PortOptions.MaxUpcallRate);
        if (upcallRate == 0 && settings.Single("upcall-burst") is { } atOnce)
            throw new UsageException($"{atOnce.Origin}: means nothing without an upcall-rate");
        return new SwitchOptions
        {
            Bridge = bridge,
            DatapathId = Dpid(settings),
            Ports = ports,
            Underlay = UnderlayNames(settings, ports),
            LocalPort = LocalPortWanted(settings, bridge, ports),
            Controllers = Targets(settings.Many("controller"), passive: false, tls),
            Listens = Targets(settings.Many("listen"), passive: true, tls),
            Protocols = ProtocolList(settings),
            FailMode = Choice(settings, "fail-mode", FailMode.Standalone, ("standalone", FailMode.Standalone), ("secure", FailMode.Secure)),
            RunDirectory = RunDirectoryFrom(settings.Single("rundir")?.Value),
            Datapath = Kind(settings),
            AttachTo = Choice(settings, "attach", AttachPoint.Auto, ("auto", AttachPoint.Auto), ("tcx", AttachPoint.Tcx), ("clsact", AttachPoint.Clsact)),
            Description = Describe(settings.Many("desc")),
            InactivityProbe = Seconds(settings, "inactivity-probe", 5, lowest: 0),
            MaxBackoff = Seconds(settings, "max-backoff", 8, lowest: 1),
            AuxiliaryCount = (byte)Number(settings, "auxiliary", 0, lowest: 0, highest: 16),
            PacketInRate = (uint)packetInRate,
            PacketInBurst = (uint)Number(settings, "packet-in-burst", 0, lowest: 1, highest: 1_000_000),
            FlowLimit = Number(settings, "flow-limit", 200_000, lowest: 1, highest: 200_000),
            SlowPathRate = (uint)Number(settings, "slow-path-rate", 50_000, lowest: 0, highest: 10_000_000),
            UpcallRate = (uint)upcallRate,
            UpcallBurst = (uint)Number(settings, "upcall-burst", 0, lowest: 1, highest: PortOptions.MaxUpcallRate),
            RestartGrace = Seconds(settings, "restart-grace", 10, lowest: 0),
            Tls = tls,
            LogLevel = Choice(settings, "log-level", VlogLevel.Info, [.. Enum.GetValues<VlogLevel>().Select(level => (level.Name(), level))]),
        };
    }

    /// <summary>The run directory: as given, else from the environment, else Open vSwitch's.</summary>
    public static string RunDirectoryFrom(string? given)
    {
        string? environment = Environment.GetEnvironmentVariable("OVS_RUNDIR");
        return Path.GetFullPath(given ?? (string.IsNullOrEmpty(environment) ? "/var/run/openvswitch" : environment));
    }

    private static string BridgeName(RunSettings settings)
    {
        if (settings.Single("bridge") is not { } given)
            return "br0";
        return PortOptions.InterfaceNameProblem(given.Value) is { } problem ? throw new UsageException($"{given.Origin}: bad name '{given.Value}': {problem}") : given.Value;
    }

    private static ulong? Dpid(RunSettings settings)
    {
        if (settings.Single("dpid") is not { } given)
            return null;
        string digits = given.Value.StartsWith("0x", StringComparison.OrdinalIgnoreCase) ? given.Value[2..] : given.Value;
        if (digits.Length > 16 || !ulong.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong value))
            throw new UsageException($"{given.Origin}: bad datapath id '{given.Value}': it must be 1 to 16 hexadecimal digits");
        return value != 0 ? value : throw new UsageException($"{given.Origin}: bad datapath id '{given.Value}': it can't be 0");
    }

    private static List<string>? UnderlayNames(RunSettings settings, IReadOnlyList<PortOption> ports)
    {
        List<string> names = [];
        foreach ((string name, string origin) in settings.Many("tunnel-underlay"))
        {
            if (PortOptions.InterfaceNameProblem(name) is not null)
                throw new UsageException($"{origin}: bad interface name '{name}'");
            if (ports.Any(port => port.Interface == name))
                throw new UsageException($"{origin}: {name} is a port of the bridge: what comes in there is the bridge's");
            if (ports.All(port => port.Tunnel is null))
                throw new UsageException($"{origin}: means nothing without a tunnel port");
            names.Add(name);
        }

        return names.Count == 0 ? null : names;
    }

    private static bool LocalPortWanted(RunSettings settings, string bridge, IReadOnlyList<PortOption> ports)
    {
        bool wanted = Choice(settings, "local-port", true, ("auto", true), ("none", false)) && !ports.Any(port => port.Number == OfPorts.Local);
        if (wanted && ports.Any(port => port.Interface == bridge))
            throw new UsageException($"--port: {bridge} is the name of the bridge's own device: say {bridge}=LOCAL, name the bridge otherwise, or use --local-port none");
        return wanted;
    }

    private static List<Target> Targets(IReadOnlyList<(string Value, string Origin)> given, bool passive, TlsFiles? tls)
    {
        List<Target> targets = [];
        foreach ((string value, string origin) in given)
        {
            if (!Target.TryParse(value, out Target? target, out string? error))
                throw new UsageException($"{origin}: {error}");
            if (target.IsPassive != passive)
            {
                throw new UsageException($"{origin}: bad target '{value}': " + (passive
                    ? "it is to connect to; listening is ptcp:, pssl: or punix:"
                    : "it is to listen on; connecting is tcp:, ssl: or unix: (or give it with --listen)"));
            }

            if (target.Transport == TargetTransport.Ssl && tls is null)
                throw new UsageException($"{origin}: target '{value}' needs --private-key, --certificate and --ca-cert");
            if (targets.Contains(target))
                throw new UsageException($"{origin}: target '{value}' is given twice");
            targets.Add(target);
        }

        return targets;
    }

    private static uint ProtocolList(RunSettings settings)
    {
        const uint Both = (1u << OfCodec.Version10) | (1u << OfCodec.Version);
        if (settings.Single("protocols") is not { } given)
            return Both;
        uint versions = 0;
        foreach (string name in given.Value.Split(',', StringSplitOptions.TrimEntries))
        {
            versions |= name switch
            {
                "OpenFlow10" => 1u << OfCodec.Version10,
                "OpenFlow13" => 1u << OfCodec.Version,
                _ => throw new UsageException($"{given.Origin}: '{name}' is not one of OpenFlow10, OpenFlow13"),
            };
        }

        return versions;
    }

    private static TlsFiles? LoadTls(RunSettings settings)
    {
        string[] keys = ["private-key", "certificate", "ca-cert"];
        string[] missing = [.. keys.Where(key => settings.Single(key) is null)];
        if (missing.Length == keys.Length)
            return null;
        if (missing.Length > 0)
            throw new UsageException($"TLS needs --private-key, --certificate and --ca-cert: --{missing[0]} is missing");
        try
        {
            return TlsFiles.Load(settings.Single(keys[0])!.Value.Value, settings.Single(keys[1])!.Value.Value, settings.Single(keys[2])!.Value.Value);
        }
        catch (FormatException exception)
        {
            throw new UsageException(exception.Message);
        }
    }

    private static DatapathKind Kind(RunSettings settings)
    {
        if (settings.Single("datapath") is ("xdp", var origin))
            throw new UsageException($"{origin}: xdp is not there yet; use tc");
        return Choice(settings, "datapath", DatapathKind.Tc, ("tc", DatapathKind.Tc), ("memory", DatapathKind.Memory));
    }

    private static DescAnswer Describe(IReadOnlyList<(string Value, string Origin)> given)
    {
        DescAnswer answer = new OfSwitchOptions { DatapathId = 0 }.Description;
        foreach ((string value, string origin) in given)
        {
            if (value == "ovs")
            {
                answer = OfSwitchOptions.OpenVSwitchDescription;
                continue;
            }

            foreach (string part in value.Split(','))
            {
                int equals = part.IndexOf('=', StringComparison.Ordinal);
                string key = equals < 0 ? part : part[..equals];
                string text = equals < 0 ? "" : part[(equals + 1)..];
                int limit = key == "serial" ? 31 : 255; // SERIAL_NUM_LEN and DESC_STR_LEN less the final zero
                if (equals >= 0 && Encoding.UTF8.GetByteCount(text) > limit)
                    throw new UsageException($"{origin}: {key} has more than {limit} bytes");
                answer = (equals < 0 ? "" : key) switch
                {
                    "mfr" => answer with { Manufacturer = text },
                    "hw" => answer with { Hardware = text },
                    "sw" => answer with { Software = text },
                    "serial" => answer with { SerialNumber = text },
                    "dp" => answer with { Datapath = text },
                    _ => throw new UsageException($"{origin}: '{part}' is not 'ovs' and not KEY=TEXT with a KEY of mfr, hw, sw, serial, dp"),
                };
            }
        }

        return answer;
    }

    private static T Choice<T>(RunSettings settings, string key, T standard, params (string Name, T Value)[] choices)
    {
        if (settings.Single(key) is not { } given)
            return standard;
        foreach ((string name, T value) in choices)
        {
            if (name == given.Value)
                return value;
        }

        throw new UsageException($"{given.Origin}: '{given.Value}' is not one of {string.Join(", ", choices.Select(choice => choice.Name))}");
    }

    private static TimeSpan Seconds(RunSettings settings, string key, int standard, int lowest) =>
        TimeSpan.FromSeconds(Number(settings, key, standard, lowest, 86_400));

    private static int Number(RunSettings settings, string key, int standard, int lowest, int highest)
    {
        if (settings.Single(key) is not { } given)
            return standard;
        return int.TryParse(given.Value, NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value >= lowest && value <= highest
            ? value
            : throw new UsageException($"{given.Origin}: '{given.Value}' is not a number from {lowest} to {highest}");
    }
}
