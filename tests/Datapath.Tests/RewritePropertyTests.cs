using OvsBridge.Datapath.Interop;
using OvsBridge.Datapath.Tests.Contract;
using OvsBridge.Datapath.Tests.Packets;
using OvsBridge.OpenFlow.Fields;
using PropertyAttribute = FsCheck.NUnit.PropertyAttribute;

namespace OvsBridge.Datapath.Tests;

/// <summary>
/// Rewriting and parsing agree: after a program, the frame's key is the old key with the fields set, and all checksums that
/// verified still do. The verifier is code of its own.
/// </summary>
[TestFixture]
public sealed class RewritePropertyTests
{
    [Property(MaxTest = 3000, StartSize = 1, EndSize = 1_000_000)]
    public void Set_gives_the_key_with_the_field_set_and_checksums_verify(int seed)
    {
        Random random = new(seed);
        byte[] frame = new RandomFrames(seed).Next();
        Assert.That(FrameVerifier.WrongChecksums(frame), Is.Empty, "the generator's own fault");
        Assert.That(PacketParser.TryParse(frame, 1, out FlowKey key, out PacketLayout layout), Is.True);
        FlowKey value = default, mask = default;
        random.NextBytes(value.AsMutableBytes());
        random.NextBytes(mask.AsMutableBytes());
        if (random.Next(2) == 0)
        {
            mask.AsMutableWords().Fill(ulong.MaxValue);
        }

        (DpActions? program, FlowKey expected) = SetOf(random.Next(7), key, layout, value, mask);
        if (program is null)
        {
            return;
        }

        byte[] rewritten = RewriteCases.Rewritten(frame, program);

        Assert.That(PacketParser.TryParse(rewritten, 1, out FlowKey after), Is.True);
        Assert.That(KeyText.Of(after), Is.EqualTo(KeyText.Of(expected)));
        Assert.That(FrameVerifier.WrongChecksums(rewritten), Is.Empty);
        Assert.That(rewritten, Has.Length.EqualTo(frame.Length));
    }

    [Property(MaxTest = 1000, StartSize = 1, EndSize = 1_000_000)]
    public void Push_and_pop_give_the_frame_back(int seed)
    {
        byte[] frame = new RandomFrames(seed).Next();
        Assert.That(PacketParser.TryParse(frame, 1, out FlowKey key, out PacketLayout layout), Is.True);
        uint bits = (uint)new Random(seed).Next();

        Assert.Multiple(() =>
        {
            Assert.That(Run(w => w.Then(DpActionType.PushVlan, 0x88a80000 | (bits & 0xffff)).Then(DpActionType.PopVlan)), Is.EqualTo(frame));
            Assert.That(Run(w => w.Then(DpActionType.PushPbb, 0x88e7, new DpPushPbb { Itag = bits }).Then(DpActionType.PopPbb)), Is.EqualTo(frame));
            if (layout.EthernetII)
            {
                Assert.That(Run(w => w.Then(DpActionType.PushMpls, 0x8848, new DpPushMpls { Lse = bits }).Then(DpActionType.PopMpls, key.EthType.Value)), Is.EqualTo(frame));
            }

            if (layout.EthernetII || layout.VlanTags > 0)
            {
                uint type = layout.VlanTags > 0 ? key.VlanTpid.Value : key.EthType.Value;
                Assert.That(Run(w => w.Then(DpActionType.PushMplsFront, 0x8848, new DpPushMpls { Lse = bits }).Then(DpActionType.PopMpls, type)), Is.EqualTo(frame));
            }

            Assert.That(Run(w => w.Then(DpActionType.Save).Then(DpActionType.PushVlan, 0x81000001).SetEthDst(bits).Then(DpActionType.Restore)), Is.EqualTo(frame));
        });

        byte[] Run(Action<DpActionWriter> program) => RewriteCases.Rewritten(frame, Programs.Of(program));
    }

    [Property(MaxTest = 1000, StartSize = 1, EndSize = 1_000_000)]
    public void Pushed_headers_are_in_the_key(int seed)
    {
        byte[] frame = new RandomFrames(seed).Next();
        Assert.That(PacketParser.TryParse(frame, 1, out FlowKey key, out PacketLayout layout), Is.True);
        ushort tci = (ushort)new Random(seed).Next();
        uint entry = (uint)new Random(seed).Next() | 0x100;

        FlowKey tagged = Parse(w => w.Then(DpActionType.PushVlan, 0x81000000 | tci));
        Assert.That(tagged.VlanTpid.Value, Is.EqualTo(0x8100));
        Assert.That(tagged.VlanTci.Value, Is.EqualTo(tci | 0x1000));
        if (layout.VlanTags < 2)
        {
            FlowKey expected = key with { VlanTpid = 0x8100, VlanTci = (ushort)(tci | 0x1000), InnerTpid = key.VlanTpid, InnerTci = key.VlanTci };
            Assert.That(KeyText.Of(tagged), Is.EqualTo(KeyText.Of(expected)));
        }

        if (layout.EthernetII)
        {
            FlowKey labelled = Parse(w => w.Then(DpActionType.PushMpls, 0x8847, new DpPushMpls { Lse = entry }));
            FlowKey expected = new()
            {
                InPort = 1,
                EthDst = key.EthDst,
                EthSrc = key.EthSrc,
                EthType = 0x8847,
                VlanTpid = key.VlanTpid,
                VlanTci = key.VlanTci,
                InnerTpid = key.InnerTpid,
                InnerTci = key.InnerTci,
                MplsLse0 = entry,
            };
            Assert.That(KeyText.Of(labelled), Is.EqualTo(KeyText.Of(expected)));
        }

        if (layout.EthernetII || layout.VlanTags > 0)
        {
            FlowKey front = Parse(w => w.Then(DpActionType.PushMplsFront, 0x8847, new DpPushMpls { Lse = entry }));
            Assert.That(front, Is.EqualTo(new FlowKey { InPort = 1, EthDst = key.EthDst, EthSrc = key.EthSrc, EthType = 0x8847, MplsLse0 = entry }));
        }

        FlowKey backbone = Parse(w => w.Then(DpActionType.PushPbb, 0x88e7, new DpPushPbb { Itag = entry }));
        Assert.That(backbone, Is.EqualTo(new FlowKey { InPort = 1, EthDst = key.EthDst, EthSrc = key.EthSrc, EthType = 0x88e7, PbbItag = entry }));

        FlowKey Parse(Action<DpActionWriter> program)
        {
            Assert.That(PacketParser.TryParse(RewriteCases.Rewritten(frame, Programs.Of(program)), 1, out FlowKey result), Is.True);
            return result;
        }
    }

    /// <summary>A wrong checksum is carried along by the same difference, not mended.</summary>
    [Property(MaxTest = 1000, StartSize = 1, EndSize = 1_000_000)]
    public void Wrong_checksum_stays_wrong(int seed)
    {
        Random random = new(seed);
        byte[] frame = new RandomFrames(seed).Next();
        Assert.That(PacketParser.TryParse(frame, 1, out FlowKey key, out PacketLayout layout), Is.True);
        int field = layout.Protocol switch
        {
            6 => 16,
            17 => 6,
            132 => 8,
            _ => 0,
        };
        if (layout.TransportAt == 0 || field == 0 || layout.Fragment || (layout.Protocol == 17 && frame[layout.TransportAt + 6] + frame[layout.TransportAt + 7] == 0))
        {
            return;
        }

        frame[layout.TransportAt + field + random.Next(2)] ^= (byte)(1 << random.Next(8));
        if (FrameVerifier.WrongChecksums(frame).Length == 0)
        {
            return; // 0 and 0xffff are the same
        }

        byte[] rewritten = RewriteCases.Rewritten(frame, Programs.Of(w => w.Then(
            DpActionType.SetTp,
            new DpSetTp { Src = (ushort)random.Next(65536), Dst = (ushort)random.Next(65536) },
            new DpSetTp { Src = 0xffff, Dst = 0xffff })));

        Assert.That(FrameVerifier.WrongChecksums(rewritten), Is.Not.Empty);
    }

    /// <summary>A set action of one kind, if the packet has what it sets, and the key that it should give.</summary>
    private static (DpActions? Program, FlowKey Expected) SetOf(int kind, FlowKey key, PacketLayout layout, FlowKey value, FlowKey mask)
    {
        FlowKey expected = key;
        switch (kind)
        {
            case 0:
                Blend(ref expected, value, mask, FieldTable.EthDst, FieldTable.EthSrc);
                return (Programs.Of(w => w.Then(DpActionType.SetEth, new DpSetEth { Dst = value.EthDst, Src = value.EthSrc }, new DpSetEth { Dst = mask.EthDst, Src = mask.EthSrc })), expected);
            case 1 when layout.VlanTags > 0:
                ushort tciMask = (ushort)(mask.VlanTci.Value & 0xefff);
                expected.VlanTci = (ushort)((key.VlanTci.Value & ~tciMask) | (value.VlanTci.Value & tciMask));
                return (Programs.Of(w => w.Then(DpActionType.SetVlan, ((uint)mask.VlanTci.Value << 16) | value.VlanTci.Value)), expected);
            case 2 when layout.Network == NetworkHeader.Ipv4:
                Blend(ref expected, value, mask, FieldTable.Ipv4Src, FieldTable.Ipv4Dst, FieldTable.IpDscp, FieldTable.IpEcn);
                expected.IpTtl = (byte)((key.IpTtl & ~mask.IpTtl) | (value.IpTtl & mask.IpTtl));
                return (Programs.Of(w => w.Then(
                    DpActionType.SetIpv4,
                    new DpSetIpv4 { Src = value.Ipv4Src, Dst = value.Ipv4Dst, Tos = value.IpTos, Ttl = value.IpTtl },
                    new DpSetIpv4 { Src = mask.Ipv4Src, Dst = mask.Ipv4Dst, Tos = mask.IpTos, Ttl = mask.IpTtl })), expected);
            case 3 when layout.Network == NetworkHeader.Ipv6:
                Blend(ref expected, value, mask, FieldTable.Ipv6Src, FieldTable.Ipv6Dst, FieldTable.Ipv6Flabel, FieldTable.IpDscp, FieldTable.IpEcn);
                expected.IpTtl = (byte)((key.IpTtl & ~mask.IpTtl) | (value.IpTtl & mask.IpTtl));
                return (Programs.Of(w => w.Then(
                    DpActionType.SetIpv6,
                    new DpSetIpv6 { Src = value.Ipv6Src, Dst = value.Ipv6Dst, Label = value.Ipv6Label, Tos = value.IpTos, Hlimit = value.IpTtl },
                    new DpSetIpv6 { Src = mask.Ipv6Src, Dst = mask.Ipv6Dst, Label = mask.Ipv6Label, Tos = mask.IpTos, Hlimit = mask.IpTtl })), expected);
            case 4 when layout.Network == NetworkHeader.Arp:
                Blend(ref expected, value, mask, FieldTable.ArpOp, FieldTable.ArpSpa, FieldTable.ArpTpa, FieldTable.ArpSha, FieldTable.ArpTha);
                return (Programs.Of(w => w.Then(
                    DpActionType.SetArp,
                    new DpSetArp { Op = value.ArpOp, Spa = value.Ipv4Src, Tpa = value.Ipv4Dst, Sha = value.ArpSha, Tha = value.ArpTha },
                    new DpSetArp { Op = mask.ArpOp, Spa = mask.Ipv4Src, Tpa = mask.Ipv4Dst, Sha = mask.ArpSha, Tha = mask.ArpTha })), expected);
            case 5 when layout.NdTargetAt != 0:
                Blend(ref expected, value, mask, FieldTable.NdTarget);
                Blend(ref expected, value, mask, [.. layout.NdSourceAt == 0 ? Array.Empty<Field>() : [FieldTable.NdSll], .. layout.NdDestinationAt == 0 ? Array.Empty<Field>() : [FieldTable.NdTll]]);
                return (Programs.Of(w => w.Then(
                    DpActionType.SetNd,
                    new DpSetNd { Target = value.NdTarget, Sll = value.ArpSha, Tll = value.ArpTha },
                    new DpSetNd { Target = mask.NdTarget, Sll = mask.ArpSha, Tll = mask.ArpTha })), expected);
            case 5 when layout.Network == NetworkHeader.Mpls:
                // The bottom of the stack decides how many entries follow: left as it is.
                uint entryMask = mask.MplsLse0 & ~0x100u;
                expected.MplsLse0 = (key.MplsLse0 & ~entryMask) | (value.MplsLse0 & entryMask);
                return (Programs.Of(w => w.Then(DpActionType.SetMpls, 0, new DpSetMpls { Lse = value.MplsLse0, Mask = entryMask })), expected);
            case 5 when layout.Network == NetworkHeader.Pbb:
                expected.PbbItag = (key.PbbItag & ~mask.PbbItag) | (value.PbbItag & mask.PbbItag);
                return (Programs.Of(w => w.Then(DpActionType.SetPbb, 0, new DpSetMpls { Lse = value.PbbItag, Mask = mask.PbbItag })), expected);
            case 6 when layout.TransportAt != 0 && layout.NdTargetAt == 0:
                bool icmp = layout.Protocol is 1 or 58;
                ushort limit = icmp ? (ushort)0xff : (ushort)0xffff;
                value.TpSrc = icmp ? (ushort)129 : value.TpSrc; // no type that brings other headers
                mask.TpSrc = icmp ? (ushort)0xff : mask.TpSrc;
                expected.TpSrc = (ushort)((key.TpSrc & ~mask.TpSrc) | (value.TpSrc & mask.TpSrc & limit));
                expected.TpDst = (ushort)((key.TpDst & ~(mask.TpDst & limit)) | (value.TpDst & mask.TpDst & limit));
                return (Programs.Of(w => w.Then(DpActionType.SetTp, new DpSetTp { Src = value.TpSrc, Dst = value.TpDst }, new DpSetTp { Src = mask.TpSrc, Dst = mask.TpDst })), expected);
            default:
                return (null, default);
        }
    }

    private static void Blend(ref FlowKey key, FlowKey value, FlowKey mask, params ReadOnlySpan<Field> fields)
    {
        foreach (Field field in fields)
        {
            field.SetMasked(ref key, field.Get(value), field.Get(mask));
        }
    }
}
