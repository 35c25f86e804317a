using OvsBridge.Datapath.Interop;
using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.Datapath.Tests.Packets;

/// <summary>Writes down, one line each, what a program asks of its owner.</summary>
internal sealed class RecordingOwner : IDpActionOwner
{
    public List<string> Events { get; } = [];

    public List<byte[]> Frames { get; } = [];

    public FlowKey Context { get; private set; }

    public FlowKey UpcallKey { get; private set; }

    public MeterVerdict MeterSays { get; set; } = new(true);

    public void Output(DpPacket packet, in DpOutput output)
    {
        Events.Add($"output {output.Port} length {output.Length}"
            + (output.Priority == 0 ? "" : $" priority {output.Priority}")
            + (output.Tunnel ? $" tunnel {output.TunnelTo.Id.Value}" : ""));
        Frames.Add(packet.Data[..output.Length].ToArray());
    }

    public void Userspace(DpPacket packet, in FlowKey key, UpcallReason reason, in DpUserspace request)
    {
        Events.Add($"userspace {reason} cookie {request.Cookie} max {request.MaxLen}");
        Frames.Add(packet.Data.ToArray());
        UpcallKey = key;
    }

    public MeterVerdict Meter(uint slot, int length)
    {
        Events.Add($"meter {slot}");
        return MeterSays;
    }

    public uint Hash(uint seed, in FlowKey key) => FlowHash.Compute(seed, key);

    public void Recirculate(DpPacket packet, in FlowKey context)
    {
        Events.Add($"recirculate {context.RecircId}");
        Context = context;
    }

    public bool Sample(uint probability) => probability > int.MaxValue;

    public void Drop(DropReason reason) => Events.Add($"drop {reason}");
}
