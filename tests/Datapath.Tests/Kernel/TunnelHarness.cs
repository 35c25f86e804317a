using OvsBridge.Datapath.Ebpf;
using OvsBridge.Datapath.Tests.Packets;
using OvsBridge.Datapath.Tunnels;
using OvsBridge.Testing;

namespace OvsBridge.Datapath.Tests.Kernel;

/// <summary>A datapath with ports 1 and 2, and a wire of the machine's own, the underlay, with an IPv4 and an IPv6 address and a neighbour of each.</summary>
internal sealed class TunnelHarness : IDisposable
{
    public const uint Tunnel = 10;
    private const uint Under = 9;

    private readonly EbpfHarness _harness;

    public TunnelHarness(EbpfDatapathOptions? options = null, int mtu = 1500)
    {
        _harness = new EbpfHarness(options);
        try
        {
            string name = _harness.Wire(Under).Name;
            File.WriteAllText($"/proc/sys/net/ipv6/conf/{name}/disable_ipv6", "0");
            Ip("link", "set", name, "address", TunnelFrames.OurMac, "mtu", Command.Text(mtu));
            Ip("link", "set", name + "h", "mtu", Command.Text(Math.Max(mtu, 1500)));
            Ip("address", "add", "192.0.2.1/24", "dev", name);
            Ip("address", "add", "fd99::1/64", "dev", name, "nodad");
            Ip("neigh", "add", "192.0.2.2", "lladdr", TunnelFrames.PeerMac, "dev", name, "nud", "permanent");
            Ip("neigh", "add", "fd99::2", "lladdr", TunnelFrames.PeerMac, "dev", name, "nud", "permanent");
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public EbpfDatapath Datapath => _harness.Datapath;

    public EbpfHarness Ports => _harness;

    public Wire Underlay => _harness.Wire(Under);

    public static TunnelConfig Config(TunnelType type, bool ipv6 = false, ulong? key = 42) => new()
    {
        Type = type,
        Remote = MappedAddress.From(System.Net.IPAddress.Parse(TunnelFrames.Peers(ipv6))),
        InKey = key ?? 0,
        OutKey = key,
        DestinationPort = type switch { TunnelType.Vxlan => 4789, TunnelType.Geneve => 6081, _ => 0 },
    };

    public static void Ip(params string[] arguments) => Command.Run("ip", arguments);

    public void Add(TunnelConfig config, uint number = Tunnel) =>
        Datapath.AddPort(new DpPort(number, "tun" + Command.Text((int)number), 0) { Tunnel = config });

    /// <summary>Lets a frame come in by the underlay.</summary>
    public void Arrive(ReadOnlySpan<byte> frame) => _harness.Wire(Under).Host.Send(frame);

    /// <summary>The next frames that leave by the underlay, but for what the machine says of itself (neighbour discovery, group reports).</summary>
    public List<byte[]> Leaving(int count)
    {
        List<byte[]> frames = [];
        EbpfHarness.WaitFor(
            () => TryLeaving(frames) && frames.Count >= count,
            () => $"{count} frames out of the underlay, {frames.Count} came; drops: {Drops()}");
        return frames;
    }

    /// <summary>Adds the frames that have left since; whether there are any.</summary>
    public bool TryLeaving(List<byte[]> frames)
    {
        while (_harness.Wire(Under).Host.TryReceive(out byte[] frame))
        {
            if (!IsIcmpv6(frame))
                frames.Add(frame);
        }

        return frames.Count > 0;
    }

    /// <summary>The drops so far, as text.</summary>
    public string Drops() => string.Join(
        ", ", Datapath.ReadDatapathStats().Drops.Select((count, reason) => (count, reason)).Where(drop => drop.count > 0).Select(drop => $"{(DropReason)drop.reason} {drop.count}"));

    public void Dispose() => _harness.Dispose();

    private static bool IsIcmpv6(byte[] frame) => frame[12] == 0x86 && frame[13] == 0xdd && frame[20] is 58 or 0;
}
