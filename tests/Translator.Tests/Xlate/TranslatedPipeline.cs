using OvsBridge.Datapath;
using OvsBridge.Datapath.Interop;
using OvsBridge.OpenFlow;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.Translator.Tables;
using OvsBridge.Translator.Xlate;

namespace OvsBridge.Translator.Tests.Xlate;

/// <summary>Runs translations on packets, round after round where a packet has to be parsed anew.</summary>
internal sealed class TranslatedPipeline(Xlator xlator, XlateEnvironment environment, PipelineSnapshot snapshot, Func<uint, int, MeterVerdict> meters)
{
    private const int MaxRounds = 50;

    /// <summary>Runs a program, which a translation of this packet or of another one of its megaflow gave, and what follows of it.</summary>
    internal Outcome Run(XlateResult result, byte[] frame, uint dpPort)
    {
        Outcome outcome = new();
        Queue<(XlateResult Result, byte[] Frame)> waiting = new();
        waiting.Enqueue((result, frame));
        for (int round = 0; waiting.TryDequeue(out (XlateResult Result, byte[] Frame) next); round++)
        {
            Assert.That(round, Is.LessThan(MaxRounds), "a packet goes round for ever");
            outcome.Counted.AddRange(next.Result.Credits.Stats);
            outcome.Tables.AddRange(next.Result.Credits.Tables);
            outcome.Sightings.AddRange(next.Result.Credits.Sightings);
            if (next.Result.Actions.IsEmpty)
            {
                continue;
            }

            DpPacket packet = new();
            packet.Load(next.Frame, dpPort);
            Owner owner = new(environment, outcome, meters);
            new DpActionExecutor().Run(packet, next.Result.Actions, owner);
            foreach ((Continuation continuation, byte[] bytes, uint hash) in owner.Rounds)
            {
                Assert.That(PacketParser.TryParse(bytes, dpPort, out FlowKey key));
                key.DpHash = hash;
                waiting.Enqueue((xlator.Resume(snapshot, key, continuation), bytes));
            }
        }

        return outcome;
    }

    private sealed class Owner(XlateEnvironment environment, Outcome outcome, Func<uint, int, MeterVerdict> meters) : IDpActionOwner
    {
        public List<(Continuation Continuation, byte[] Bytes, uint Hash)> Rounds { get; } = [];

        public void Output(DpPacket packet, in DpOutput output) =>
            outcome.Events.Add($"{output.Port} queue=0x{output.Priority:x} {Convert.ToHexString(packet.Data)}");

        public void Userspace(DpPacket packet, in FlowKey key, UpcallReason reason, in DpUserspace request)
        {
            if (reason == UpcallReason.SlowPath)
            {
                Rounds.Add((environment.Continuations.Find((uint)request.Cookie)!, packet.Data.ToArray(), 0));
                return;
            }

            PacketInRecord record = environment.PacketIns.Find((uint)request.Cookie)!;
            outcome.Events.Add(
                $"controller {record.Reason} table={record.TableId} cookie={record.Cookie} metadata={record.Pipeline.Metadata} {Convert.ToHexString(packet.Data)}");
        }

        public MeterVerdict Meter(uint slot, int length) => meters(slot, length);

        public uint Hash(uint seed, in FlowKey key) => FlowHash.Compute(seed, key);

        public void Recirculate(DpPacket packet, in FlowKey context) =>
            Rounds.Add((environment.Continuations.Find(context.RecircId)!, packet.Data.ToArray(), context.DpHash));

        public bool Sample(uint probability) => false;

        public void Drop(DropReason reason) => outcome.Failed |= reason is DropReason.ActionError or DropReason.BadProgram;
    }
}
