using System.Globalization;
using OvsBridge.Datapath.Ebpf;
using OvsBridge.Datapath.Interop;
using OvsBridge.Datapath.Tests.Contract;
using OvsBridge.Datapath.Tests.Packets;
using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.Datapath.Tests.Kernel;

/// <summary>
/// What the program costs a packet, in nanoseconds by BPF_PROG_TEST_RUN, beside a program that only redirects. Prints a table, asserts nothing:
/// for a quiet machine, by name.
/// </summary>
[TestFixture]
[Category("Kernel")]
[Explicit("a measurement")]
public sealed class ProgramCosts
{
    // Short runs, of which the best counts: most are not interrupted.
    private const int Repeat = 5_000, Runs = 300;

    [Test]
    public void Print()
    {
        KernelFixture.NeedsRoot();
        using TestPrograms programs = new();
        using EbpfHarness harness = new();
        byte[] tcp = FrameBuilder.Ethernet(0x0800).Ipv4(6).Tcp(1234, 80).Counting(10).ToArray();
        byte[] tcp6 = FrameBuilder.Ethernet(0x86dd).Ipv6(6).Tcp(1234, 80).Counting(10).ToArray();

        Report("parse only", programs.Parse, tcp, 1);
        Flow("1 mask, output", tcp, 1, w => w);
        Flow("1 mask, output, IPv6", tcp6, 1, w => w);
        Flow("2 masks", tcp, 2, w => w);
        Flow("3 masks: cached", tcp, 3, w => w);
        Flow("3 masks: cached, set eth_dst", tcp, 3, w => w.SetEthDst(0x020000000009));
        Flow("8 masks", tcp, 8, w => w);
        Flow("32 masks", tcp, 32, w => w);
        Flow("set eth_dst", tcp, 1, w => w.SetEthDst(0x020000000009));
        // The same packet comes again and again: what is changed is changed back, or there is nothing to do but the first time.
        Flow("set ipv4_src twice", tcp, 1, w => SetSource(SetSource(w, 0x0a000009), 0x0a000001));
        Flow("set tp_src twice", tcp, 1, w => SetPort(SetPort(w, 99), 1234));
        Flow("push_vlan, pop_vlan", tcp, 1, w => w.Then(DpActionType.PushVlan, 0x81000005).Then(DpActionType.PopVlan));

        // The bare redirect is measured in turns with it: what disturbs one disturbs the other.
        void Report(string name, int program, byte[] frame, int ifIndex)
        {
            uint bare = uint.MaxValue, whole = uint.MaxValue;
            for (int i = 0; i < Runs; i++)
            {
                bare = Math.Min(bare, TestPrograms.Run(programs.Redirect, frame, Repeat, 2).DurationNs);
                whole = Math.Min(whole, TestPrograms.Run(program, frame, Repeat, 2, ifIndex).DurationNs);
            }

            TestContext.Progress.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"{name,-24} {whole,5} ns, {(double)whole / bare,5:F2} times the bare redirect ({bare} ns)"));
        }

        static DpActionWriter SetSource(DpActionWriter w, uint address) =>
            w.Then(DpActionType.SetIpv4, new DpSetIpv4 { Src = address }, new DpSetIpv4 { Src = uint.MaxValue });

        static DpActionWriter SetPort(DpActionWriter w, ushort port) =>
            w.Then(DpActionType.SetTp, new DpSetTp { Src = port }, new DpSetTp { Src = 0xffff });

        void Flow(string name, byte[] frame, int masks, Func<DpActionWriter, DpActionWriter> actions)
        {
            Assert.That(PacketParser.TryParse(frame, 1, out FlowKey key), Is.True);
            List<MegaflowHandle> flows = [];
            for (int i = masks - 1; i >= 0; i--)
            {
                // The one that matches comes last in the order.
                FlowKey mask = new() { InPort = uint.MaxValue, EthType = 0xffff, IpProto = 0xff, TpDst = 0xffff, TpSrc = (ushort)i };
                FlowKey other = key;
                other.TpDst = i == 0 ? key.TpDst : (ushort)(i + 1000);
                flows.Add(harness.Datapath.PutFlow(other, mask, Programs.Of(w => actions(w).Then(DpActionType.Output, 2)))!);
            }

            Assert.That(TestPrograms.Run(harness.Datapath.ProgramFd, frame, ifIndex: harness.Wire(1).IfIndex).ReturnValue, Is.EqualTo(7), "TC_ACT_REDIRECT");
            Report(name, harness.Datapath.ProgramFd, frame, harness.Wire(1).IfIndex);
            harness.Datapath.RemoveFlows([.. flows], new MegaflowStats[flows.Count]);
        }
    }
}
