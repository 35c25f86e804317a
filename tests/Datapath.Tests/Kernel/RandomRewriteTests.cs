using OvsBridge.Datapath.Interop;
using OvsBridge.Datapath.Tests.Contract;
using OvsBridge.Datapath.Tests.Packets;
using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.Datapath.Tests.Kernel;

/// <summary>
/// Random programs on random frames, over veths: the kernel's interpreter and <see cref="DpActionExecutor"/> send the same
/// bytes, or drop for the same reason.
/// </summary>
[TestFixture]
[Category("Kernel")]
public sealed class RandomRewriteTests
{
    private const int Programs = 3000;

    [Test]
    public void Kernel_and_executor_do_the_same([Values(11, 12)] int seed)
    {
        KernelFixture.NeedsRoot();
        using EbpfHarness harness = new();
        Random random = new(seed);
        RandomFrames frames = new(seed);
        int changed = 0;
        MegaflowHandle flow = harness.Put(1, Contract.Programs.Output(2));
        for (int i = 0; i < Programs; i++)
        {
            byte[] frame = i % 4 == 0 ? Padded(frames.NextOdd()) : frames.Next();
            DpActions program = Program(random, frame);
            RecordingOwner owner = new();
            DpPacket packet = new();
            packet.Load(frame, 1);
            ChecksumFixer.Complete(packet);
            bool wasPartial = !packet.Data.SequenceEqual(frame);
            if (wasPartial)
            {
                continue; // by chance: user space would complete it
            }

            new DpActionExecutor().Run(packet, program, owner);
            DatapathStats before = harness.Datapath.ReadDatapathStats();
            Assert.That(harness.Datapath.ReplaceActions(flow, program), Is.True);

            harness.Inject(1, frame);
            harness.Settle();
            DatapathStats after = harness.Datapath.ReadDatapathStats();
            List<string> happened = [.. Drops(before.Drops, after.Drops)];
            happened.AddRange(harness.Receive(2, (int)(after.Tx - before.Tx)).Select(Output));

            changed += owner.Frames.Count(f => !f.AsSpan().SequenceEqual(frame));
            List<string> expected = [.. owner.Events.Where(e => e.StartsWith("drop", StringComparison.Ordinal)), .. owner.Frames.Select(Output)];
            if (!happened.SequenceEqual(expected))
            {
                Assert.Fail($"round {i}, frame {Convert.ToHexStringLower(frame)}\n{Text(program)}\nexecutor: {string.Join("\n          ", expected)}"
                    + $"\nkernel:   {string.Join("\n          ", happened)}");
            }
        }

        Assert.That(changed, Is.GreaterThan(Programs / 4), "frames that came out otherwise than they went in");
    }

    private static string Output(byte[] frame) => $"output {Convert.ToHexStringLower(frame)}";

    private static IEnumerable<string> Drops(IReadOnlyList<ulong> before, IReadOnlyList<ulong> after)
    {
        for (int reason = 0; reason < after.Count; reason++)
        {
            for (ulong n = before[reason]; n < after[reason]; n++)
            {
                yield return $"drop {(DropReason)reason}";
            }
        }
    }

    private static byte[] Padded(byte[] frame) => frame.Length >= 60 ? frame : [.. frame, .. new byte[60 - frame.Length]];

    private static string Text(DpActions program)
    {
        List<string> actions = [];
        foreach (DpActionView action in program)
        {
            actions.Add($"{action.Type}({action.Arg:x}) {Convert.ToHexStringLower(action.Payload)}");
        }

        return string.Join("\n", actions);
    }

    /// <summary>
    /// One to six actions that mostly fit the frame as it comes in, with an output at the end and maybe some between.
    /// </summary>
    private static DpActions Program(Random random, byte[] frame) => Contract.Programs.Of(w =>
    {
        Assert.That(PacketParser.TryParse(frame, frame.Length, false, 1, out FlowKey key, out PacketLayout layout), Is.True);
        for (int n = random.Next(1, 7); n > 0;)
        {
            int kind = random.Next(23);
            bool fits = kind switch
            {
                1 or 2 or 3 => layout.VlanTags > 0,
                5 or 6 => layout.Network == NetworkHeader.Ipv4,
                7 or 8 => layout.Network == NetworkHeader.Ipv6,
                9 or 10 => layout.TransportAt != 0,
                11 => layout.Network == NetworkHeader.Arp,
                12 => layout.NdTargetAt != 0,
                13 or 15 or 17 => layout.Network == NetworkHeader.Mpls,
                19 => layout.Network == NetworkHeader.Pbb,
                16 => layout.Network is NetworkHeader.Ipv4 or NetworkHeader.Ipv6 or NetworkHeader.Mpls,
                _ => true,
            };
            if (fits || random.Next(30) == 0)
            {
                Add(w, random, kind, layout.Network == NetworkHeader.Mpls);
                n--;
            }
        }

        w.Add(DpActionType.Output, 2);
    });

    private static void Add(DpActionWriter w, Random random, int kind, bool mpls)
    {
        switch (kind)
        {
            case 0:
                w.Add(DpActionType.PushVlan, (random.Next(2) == 0 ? 0x81000000 : 0x88a80000) | (uint)random.Next(0x10000));
                break;
            case 1 or 2:
                w.Add(DpActionType.PopVlan);
                break;
            case 3:
                w.Add(DpActionType.SetVlan, (uint)random.NextInt64(1L << 32));
                break;
            case 4:
                w.Add(DpActionType.SetEth, 0, Random<DpSetEth>(random) with { Type = 0x88b5 }, Random<DpSetEth>(random) with { Type = random.Next(4) == 0 ? (ushort)0xffff : (ushort)0 });
                break;
            case 5 or 6:
                w.Add(DpActionType.SetIpv4, 0, Random<DpSetIpv4>(random), Mask<DpSetIpv4>(random) with { Proto = random.Next(8) == 0 ? (byte)0xff : (byte)0 });
                break;
            case 7 or 8:
                w.Add(DpActionType.SetIpv6, 0, Random<DpSetIpv6>(random), Mask<DpSetIpv6>(random) with { Proto = random.Next(8) == 0 ? (byte)0xff : (byte)0 });
                break;
            case 9 or 10:
                w.Add(DpActionType.SetTp, 0, Random<DpSetTp>(random), Mask<DpSetTp>(random));
                break;
            case 11:
                w.Add(DpActionType.SetArp, 0, Random<DpSetArp>(random), Mask<DpSetArp>(random));
                break;
            case 12:
                w.Add(DpActionType.SetNd, 0, Random<DpSetNd>(random), Mask<DpSetNd>(random));
                break;
            case 13:
                w.Add(DpActionType.SetMpls, 0, Random<DpSetMpls>(random));
                break;
            case 14:
                w.Add(DpActionType.PushMpls, random.Next(2) == 0 ? 0x8847u : 0x8848u, new DpPushMpls { Lse = (uint)random.NextInt64(1L << 32) });
                break;
            case 15:
                w.Add(DpActionType.PopMpls, random.Next(5) switch { 0 => 0x8847u, 1 => 0x0800u, 2 => 0x86ddu, 3 => 0x88a8u, _ => 0x8100u });
                break;
            case 16:
                w.Add(mpls ? DpActionType.DecMplsTtl : DpActionType.DecTtl);
                break;
            case 17:
                w.Add(random.Next(2) == 0 ? DpActionType.CopyTtlIn : DpActionType.CopyTtlOut);
                break;
            case 18:
                w.Add(DpActionType.PushPbb, 0x88e7, new DpPushPbb { Itag = (uint)random.NextInt64(1L << 32) });
                break;
            case 19:
                w.Add(DpActionType.PopPbb);
                break;
            case 20 or 21:
                w.Add(DpActionType.PushMplsFront, 0x8847, new DpPushMpls { Lse = (uint)random.NextInt64(1L << 32) | 0x100u });
                if (random.Next(3) is var next and < 2)
                {
                    w.Add(next == 0 ? DpActionType.CopyTtlIn : DpActionType.CopyTtlOut);
                }

                break;
            default:
                w.Add(DpActionType.Output, 2);
                break;
        }
    }

    private static T Random<T>(Random random)
        where T : unmanaged
    {
        T value = default;
        random.NextBytes(System.Runtime.InteropServices.MemoryMarshal.AsBytes(new Span<T>(ref value)));
        return value;
    }

    /// <summary>All ones, or whatever.</summary>
    private static T Mask<T>(Random random)
        where T : unmanaged
    {
        T value = Random<T>(random);
        if (random.Next(2) == 0)
        {
            System.Runtime.InteropServices.MemoryMarshal.AsBytes(new Span<T>(ref value)).Fill(0xff);
        }

        return value;
    }
}
