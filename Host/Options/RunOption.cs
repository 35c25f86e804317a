namespace OvsBridge.Host.Options;

/// <summary>One option of <c>ovsbridge run</c>; the command line and the configuration file share the list.</summary>
/// <param name="Key">Name, without dashes.</param>
/// <param name="Value">What stands for the value in the help.</param>
/// <param name="Help">One line.</param>
/// <param name="Repeatable">Whether further ones add to the first instead of replacing it.</param>
internal sealed record RunOption(string Key, string Value, string Help, bool Repeatable = false)
{
    /// <summary>All options, in the order of the help.</summary>
    public static IReadOnlyList<RunOption> All { get; } =
    [
        new("bridge", "NAME", "name of the bridge (default br0)"),
        new("dpid", "HEX", "datapath id (default: MAC of the lowest port; without ports, made from the name)"),
        new("port", "IFACE[=OFPORT][,OPTION...]", "an interface to forward on; OFPORT: 1 to 65279, or LOCAL; OPTION: upcall-rate=COUNT, upcall-burst=COUNT, fast-peer; a tunnel: NAME[=OFPORT],type=vxlan|gre|geneve,remote_ip=ADDRESS|flow,... (docs/tunnels.md)", Repeatable: true),
        new("tunnel-underlay", "IFACE", "an interface that tunnels come in by (default: all that have an IP address)", Repeatable: true),
        new("local-port", "auto|none", "auto (default): a network device named as the bridge is its LOCAL port, unless a --port is or the datapath is memory"),
        new("controller", "TARGET", "connect to a controller: tcp:HOST[:PORT] ssl:HOST[:PORT] unix:FILE", Repeatable: true),
        new("listen", "TARGET", "listen for OpenFlow: ptcp:[PORT][:HOST] pssl:[PORT][:HOST] punix:FILE", Repeatable: true),
        new("protocols", "LIST", "versions to speak: OpenFlow10,OpenFlow13 (default: both), or one of them"),
        new("fail-mode", "MODE", "standalone (default): learn MACs while no controller is there; secure: only flows forward"),
        new("rundir", "DIR", "sockets and pid file (default $OVS_RUNDIR, else /var/run/openvswitch)"),
        new("datapath", "KIND", "tc (default), or memory (no kernel: control plane only); xdp is not there yet and refused"),
        new("attach", "HOOK", "where the program is attached to interfaces: auto (default; tcx if the kernel has it, else clsact), tcx, clsact"),
        new("desc", "KEY=TEXT,...", "what DESC answers: mfr, hw, sw, serial, dp; or 'ovs': as Open vSwitch, for ONOS", Repeatable: true),
        new("inactivity-probe", "SECONDS", "silence before a peer is asked for an echo (default 5; 0: never); after three, standalone takes over"),
        new("max-backoff", "SECONDS", "longest wait between attempts to connect (default 8)"),
        new("auxiliary", "COUNT", "auxiliary connections to each controller, for packet_ins (default 0, at most 16)"),
        new("packet-in-rate", "COUNT", "most packet_ins a second to a controller, misses and others apart (default 0: any)"),
        new("packet-in-burst", "COUNT", "most packet_ins at once after a pause (default: a quarter of the rate)"),
        new("flow-limit", "COUNT", "most megaflows in the datapath (default 200000)"),
        new("slow-path-rate", "COUNT", "most packets a second that user space executes, of flows that the kernel can't run (default 50000; 0: any)"),
        new("upcall-rate", "COUNT", "most packets a second that each port may send to user space (default 20000; 0: any)"),
        new("upcall-burst", "COUNT", "most of these at once after a pause (default: a quarter of the rate)"),
        new("restart-grace", "SECONDS", "how long megaflows of a killed predecessor forward, unless a controller adds flows before (default 10)"),
        new("private-key", "FILE", "our key, PEM (for ssl: and pssl:)"),
        new("certificate", "FILE", "our certificate, PEM"),
        new("ca-cert", "FILE", "certificates of who may sign the peer's, PEM"),
        new("log-level", "LEVEL", "off, err, warn, info (default) or dbg"),
        new("config", "FILE", "the same keys from a file: lines of 'key = value', '#' begins a comment"),
    ];

    /// <summary>The option of a name, or null.</summary>
    public static RunOption? Find(string key) => All.FirstOrDefault(option => option.Key == key);
}
