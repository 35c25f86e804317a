using System.Buffers;
using BenchmarkDotNet.Attributes;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Wire;

namespace OvsBridge.Benchmarks;

/// <summary>What every flow_mod and every packet_in costs on the wire: time, and memory per message.</summary>
[MemoryDiagnoser]
public class WireBenchmarks
{
    private readonly ArrayBufferWriter<byte> _output = new(65536);
    private byte[] _flowMod = [];
    private PacketIn _packetIn = null!;

    /// <summary>An L3 forwarding flow: in_port, eth_type and ipv4_dst/24; two set_fields, dec_nw_ttl, output.</summary>
    [GlobalSetup]
    public void SetUp()
    {
        FlowKey value = default, mask = default;
        FieldTable.InPort.Set(ref value, 1);
        FieldTable.InPort.Set(ref mask, FieldTable.InPort.AllOnes);
        Match inPort = new(value, mask);
        FieldTable.EthType.Set(ref value, 0x0800);
        FieldTable.EthType.Set(ref mask, FieldTable.EthType.AllOnes);
        FieldTable.Ipv4Dst.Set(ref value, 0x0a000100);
        FieldTable.Ipv4Dst.Set(ref mask, 0xffffff00);
        _flowMod = OfCodec.Encode(new FlowMod
        {
            Priority = 100,
            Match = new Match(value, mask),
            Instructions =
            [
                new ApplyActionsInstruction(
                [
                    new SetFieldAction(FieldTable.EthSrc, 0x020000000001),
                    new SetFieldAction(FieldTable.EthDst, 0x020000000002),
                    new DecNwTtlAction(),
                    new OutputAction(2),
                ]),
            ],
        });
        _packetIn = new PacketIn(FlowMod.NoBuffer, 128, PacketInReason.Action, 0, 1, inPort, new byte[128]);
    }

    [Benchmark]
    public OfMessage DecodeFlowMod() => OfCodec.Decode(_flowMod);

    [Benchmark]
    public int EncodePacketIn()
    {
        _output.ResetWrittenCount();
        return OfCodec.Encode(_packetIn, _output);
    }
}
