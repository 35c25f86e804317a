using OvsBridge.Datapath;
using OvsBridge.Datapath.Interop;
using OvsBridge.OpenFlow;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.Translator.Tests.Xlate;

namespace OvsBridge.Translator.Tests.OpenVSwitch;

/// <summary>
/// What left the switch: "PORT queue=N BYTES" for each output and "controller REASON cookie=N max_len=N BYTES" for each packet_in.
/// </summary>
internal sealed class ProgramRun : IDpActionOwner
{
    internal List<string> Events { get; } = [];

    /// <summary>Packets that go round, by recirc_id or the cookie of a slow-path action.</summary>
    internal List<(uint Id, byte[] Frame, uint Hash)> Rounds { get; } = [];

    /// <summary>The programs that were run.</summary>
    internal List<DpActions> Programs { get; } = [];

    /// <summary>Of ours: a table had no flow for the packet.</summary>
    internal bool Missed { get; set; }

    /// <summary>An action did not fit the packet, and what is behind it was not done.</summary>
    internal bool Failed { get; private set; }

    /// <summary>"REASON cookie=N max_len=N" for an action's cookie.</summary>
    internal required Func<uint, string> PacketIn { get; init; }

    internal void Run(DpActions actions, byte[] frame, uint dpPort)
    {
        Programs.Add(actions);
        if (actions.IsEmpty)
        {
            return;
        }

        DpPacket packet = new();
        packet.Load(frame, dpPort);
        new DpActionExecutor().Run(packet, actions, this);
    }

    internal static string OutputEvent(uint dpPort, uint queue, ReadOnlySpan<byte> frame) => $"{dpPort} queue={queue} {Convert.ToHexString(frame)}";

    // set_queue:N is class 1:(N+1) with us and with the kernel's Open vSwitch, N itself with its user-space datapath.
    public void Output(DpPacket packet, in DpOutput output) => Events.Add(OutputEvent(
        output.Port == Testing.OvsSwitch.DatapathLocal ? OfPorts.DatapathLocal : output.Port,
        output.Priority > 0x10000 ? output.Priority - 0x10001 : output.Priority,
        packet.Data[..output.Length]));

    public void Userspace(DpPacket packet, in FlowKey key, UpcallReason reason, in DpUserspace request)
    {
        if (reason == UpcallReason.SlowPath)
        {
            Rounds.Add(((uint)request.Cookie, packet.Data.ToArray(), 0));
        }
        else
        {
            Events.Add($"controller {PacketIn((uint)request.Cookie)} {Convert.ToHexString(packet.Data)}");
        }
    }

    public MeterVerdict Meter(uint slot, int length) => new(true);

    public uint Hash(uint seed, in FlowKey key) => FlowHash.Compute(seed, key);

    public void Recirculate(DpPacket packet, in FlowKey context) => Rounds.Add((context.RecircId, packet.Data.ToArray(), context.DpHash));

    public bool Sample(uint probability) => false;

    public void Drop(DropReason reason) => Failed |= reason is DropReason.ActionError or DropReason.BadProgram;
}
