using OvsBridge.Datapath;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Text;
using OvsBridge.Testing;
using OvsBridge.Translator.Tables;
using OvsBridge.Translator.Xlate;

namespace OvsBridge.Translator.Tests.Xlate;

/// <summary>Flows in, translation out: <c>Given.Flows("in_port=1,actions=output:2").Packet("in_port=1,tcp").Yields("2", "in_port=1")</c>.</summary>
internal sealed class Given
{
    private readonly PipelineSnapshot _pipeline;
    private readonly MacTable _macs = new();
    private DatapathCapabilities _capabilities = XlatePropertyTests.AllButMeters;

    private Given(PipelineSnapshot pipeline) => _pipeline = pipeline;

    internal static Given Flows(params string[] commands) => new(Pipelines.Of(commands));

    internal static Given Pipeline(PipelineSnapshot pipeline) => new(pipeline);

    internal Given Knows(string mac, uint port, ushort vlan = 0)
    {
        _macs.Learn(new MacSighting(vlan, (ulong)FieldTable.EthSrc.Get(Packets.Key($"dl_src={mac}")), port), 1);
        return this;
    }

    internal Given Without(params DpActionType[] actions)
    {
        _capabilities = _capabilities with { Actions = _capabilities.Actions.Except(actions).ToHashSet() };
        return this;
    }

    internal Yield Packet(string packet)
    {
        FlowKey key = Packets.Key(packet);
        XlateEnvironment environment = new(_capabilities, _macs);
        return new Yield(key, new Xlator(environment).Translate(_pipeline, key), environment);
    }

    internal Yield PacketOut(string packet, string actions)
    {
        FlowKey key = Packets.Key(packet);
        XlateEnvironment environment = new(_capabilities, _macs);
        return new Yield(key, new Xlator(environment).TranslatePacketOut(_pipeline, key, Testing.Flows.Actions(actions)), environment);
    }

    internal sealed class Yield(FlowKey key, XlateResult result, XlateEnvironment environment)
    {
        internal XlateResult Result => result;

        internal XlateEnvironment Environment => environment;

        /// <summary>Datapath actions and, if given, the megaflow without what all have (recirc_id=0,eth).</summary>
        internal Yield Yields(string actions, string? megaflow = null)
        {
            Assert.That(result.Error, Is.Null);
            Assert.That(DpActionsText.Print(result.Actions, userspace: Userspace), Is.EqualTo(actions));
            if (megaflow is not null)
            {
                Assert.That(FlowKeyText.PrintMegaflow(key, result.Mask), Is.EqualTo("recirc_id=0,eth," + megaflow));
            }

            return this;
        }

        private string Userspace(UpcallReason reason, Datapath.Interop.DpUserspace request) =>
            reason == UpcallReason.SlowPath
                ? "reparse"
                : environment.PacketIns.Find((uint)request.Cookie) is { } record ? $"{record.Reason}" : "?";
    }
}
