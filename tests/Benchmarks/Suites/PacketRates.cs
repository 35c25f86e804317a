using System.Globalization;
using OvsBridge.Testing;

namespace OvsBridge.Benchmarks.Suites;

/// <summary>
/// Packets of 60 bytes of one flow from one host to another, as fast as one core sends them and runs the switch: as a share of what a tc program does
/// that knows nothing but its output interface, in the same round.
/// </summary>
internal static class PacketRates
{
    private static readonly int _rounds = Suite.Rounds(7);
    private static readonly TimeSpan _time = TimeSpan.FromSeconds(0.5);

    private static readonly (string Name, string[] Flows)[] _cases =
    [
        ("output", ["in_port=1,actions=output:2"]),
        ("set eth_dst", ["in_port=1,actions=set_field:02:00:00:00:00:99->eth_dst,output:2"]),
        ("set eth_dst, ipv4_dst", ["in_port=1,ip,actions=set_field:02:00:00:00:00:99->eth_dst,set_field:10.0.0.99->ip_dst,output:2"]),
        ("push_vlan", ["in_port=1,actions=push_vlan:0x8100,set_field:4113->vlan_vid,output:2"]),
        ("dec_ttl", ["in_port=1,ip,actions=dec_ttl,output:2"]),
        ("meter that passes all", ["in_port=1,actions=meter:1,output:2"]),
        ("select group", ["in_port=1,actions=group:1"]),
        ("two outputs", ["in_port=1,actions=output:2,output:3"]),
    ];

    /// <summary>Into a tunnel; the outer packets leave by a wire of the machine's own, to a neighbour that is nobody, as above.</summary>
    private static readonly (string Name, string Remote, string Options)[] _tunnels =
    [
        ("GRE", "192.0.2.2", "type=gre,key=42"),
        ("VXLAN", "192.0.2.2", "type=vxlan,key=42"),
        ("Geneve", "192.0.2.2", "type=geneve,key=42"),
        ("VXLAN over IPv6", "fd99::2", "type=vxlan,key=42,dst_port=4790"),
    ];

    internal static Table Measure()
    {
        // To an address that is nobody's: what the second host's own stack would do with it is not what is measured.
        byte[] frame = Packets.Frame("udp,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:77,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_ttl=64,tp_src=1000,tp_dst=2000", new byte[18]);
        // To the second host itself, and nothing of which its stack knows what to do with it.
        byte[] direct = Packets.Frame("dl_type=0x88b5,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:02", new byte[46]);
        Dictionary<string, List<double>> ratios = [];
        Dictionary<string, List<double>> rates = [];
        for (int round = 0; round < _rounds; round++)
        {
            using Netns net = new("h1", "h2", "h3");
            PacketRing? made = null;
            Netns.Inside(net.NamespaceOf("h1"), () => made = new PacketRing(PrivateNetwork.IfIndex("eth0")));
            using PacketRing ring = made!;
            double bare, bareDirect;
            using (new BareRedirect(net))
            {
                bare = Rate(net, ring, frame);
                bareDirect = Rate(net, ring, direct);
            }

            Note("bare tc redirect", bare);
            using (new LinuxBridge(net))
            {
                net.InSwitch("bridge", "fdb", "add", "02:00:00:00:00:77", "dev", "h2", "master", "static");
                Note("Linux bridge", Rate(net, ring, frame));
            }

            Underlay(net);
            string[] tunnelPorts = [.. _tunnels.SelectMany((tunnel, i) => new[] { "--port", $"tun{i}={10 + i},{tunnel.Options},remote_ip={tunnel.Remote}" })];
            using (OvsBridgePeer own = new(net, tunnelPorts))
            {
                own.Ofctl("add-meter", "meter=1,pktps,bands=type=drop,rate=100000000");
                own.Ofctl("add-group", "group_id=1,type=select,bucket=output:2,bucket=output:2");
                foreach ((string name, string[] flows) in _cases)
                {
                    own.Ofctl("del-flows");
                    foreach (string flow in flows)
                    {
                        own.Ofctl("add-flow", flow);
                    }

                    Note("OvsBridge: " + name, Rate(net, ring, frame));
                }

                for (int i = 0; i < _tunnels.Length; i++)
                {
                    own.Ofctl("del-flows");
                    own.Ofctl("add-flow", $"in_port=1,actions=output:{10 + i}");
                    Note("OvsBridge: into " + _tunnels[i].Name, Rate(net, ring, frame, "eth1"));
                }
            }

            foreach (string hook in new[] { "tcx", "clsact" })
            {
                using OvsBridgePeer own = new(net, "--attach", hook);
                own.Ofctl("add-flow", "in_port=1,actions=output:2");
                Note($"OvsBridge: output, by {hook}", Rate(net, ring, frame));
            }

            using (OvsBridgePeer own = new(net, ",fast-peer", []))
            {
                own.Ofctl("add-flow", "in_port=1,actions=output:2");
                Note("OvsBridge: output, fast-peer", Rate(net, ring, direct), bareDirect);
            }

            using (OpenVSwitchPeer other = new(net))
            {
                other.AddFlow("in_port=1,actions=output:2");
                Note("Open vSwitch, userspace datapath: output", Rate(net, ring, frame));
            }

            void Note(string name, double rate, double bar = 0)
            {
                (ratios.TryGetValue(name, out List<double>? list) ? list : ratios[name] = []).Add(rate / (bar == 0 ? bare : bar));
                (rates.TryGetValue(name, out List<double>? all) ? all : rates[name] = []).Add(rate);
            }
        }

        Table table = new("what", "of bare redirect", "lowest", "highest", "packets/s")
        {
            Note = $"Medians of {_rounds} interleaved rounds of {_time.TotalSeconds} s; the rates are what the second host's interface received. For fast-peer, frames are to that host, as those of its bare redirect.",
        };
        foreach ((string name, List<double> values) in ratios)
        {
            table.Add(name, Ratio(Readings.Median(values)), Ratio(values.Min()), Ratio(values.Max()), Readings.Median(rates[name]).ToString("N0", CultureInfo.InvariantCulture));
        }

        return table;
    }

    private static void Underlay(Netns net)
    {
        net.InSwitch("ip", "link", "add", "under", "type", "veth", "peer", "name", "eth1", "netns", net.NamespaceOf("h2"));
        net.InSwitch("sysctl", "-qw", "net.ipv6.conf.under.disable_ipv6=0");
        net.InSwitch("ip", "address", "add", "192.0.2.1/24", "dev", "under");
        net.InSwitch("ip", "address", "add", "fd99::1/64", "dev", "under", "nodad");
        net.InSwitch("ip", "link", "set", "under", "up");
        net.InHost("h2", "ip", "link", "set", "eth1", "up");
        net.InSwitch("ip", "neigh", "add", "192.0.2.2", "lladdr", "02:00:00:00:00:77", "dev", "under", "nud", "permanent");
        net.InSwitch("ip", "neigh", "add", "fd99::2", "lladdr", "02:00:00:00:00:77", "dev", "under", "nud", "permanent");
    }

    private static double Rate(Netns net, PacketRing ring, byte[] frame, string device = "eth0")
    {
        ring.SendFor(frame, TimeSpan.FromMilliseconds(100)); // flows in place, code compiled
        long before = Readings.Received(net, "h2", device);
        long start = System.Diagnostics.Stopwatch.GetTimestamp();
        ring.SendFor(frame, _time);
        double seconds = System.Diagnostics.Stopwatch.GetElapsedTime(start).TotalSeconds;
        return (Readings.Received(net, "h2", device) - before) / seconds;
    }

    private static string Ratio(double value) => value.ToString("0.00", CultureInfo.InvariantCulture);
}

/// <summary>The bar: a program at tc ingress of the first host's port that redirects to the second's.</summary>
internal sealed class BareRedirect : IDisposable
{
    private readonly Netns _net;

    internal BareRedirect(Netns net)
    {
        _net = net;
        int target = 0;
        net.Inside(() => target = PrivateNetwork.IfIndex("h2"));
        string directory = Directory.CreateTempSubdirectory("ovsbridge-bench-").FullName;
        try
        {
            File.WriteAllText(Path.Combine(directory, "bare.c"), $$"""
                #include <linux/bpf.h>
                #include <bpf/bpf_helpers.h>
                SEC("tc") int bare(struct __sk_buff *skb) { return bpf_redirect({{target}}, 0); }
                char LICENSE[] SEC("license") = "GPL";
                """);
            Command.Run("clang", "-O2", "-g", "-target", "bpf", "-I/usr/include/x86_64-linux-gnu", "-c", Path.Combine(directory, "bare.c"), "-o", Path.Combine(directory, "bare.o"));
            net.InSwitch("tc", "qdisc", "add", "dev", "h1", "clsact");
            net.InSwitch("tc", "filter", "add", "dev", "h1", "ingress", "bpf", "da", "obj", Path.Combine(directory, "bare.o"), "sec", "tc");
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    public void Dispose() => _net.InSwitch("tc", "qdisc", "del", "dev", "h1", "clsact");
}

/// <summary>The kernel's own bridge.</summary>
internal sealed class LinuxBridge : IDisposable
{
    private readonly Netns _net;

    internal LinuxBridge(Netns net)
    {
        _net = net;
        net.InSwitch("ip", "link", "add", "lxbr", "type", "bridge", "stp_state", "0", "forward_delay", "0");
        net.InSwitch("ip", "link", "set", "lxbr", "up");
        foreach (string host in net.Hosts)
        {
            net.InSwitch("ip", "link", "set", host, "master", "lxbr");
        }
    }

    public void Dispose() => _net.InSwitch("ip", "link", "del", "lxbr");
}
