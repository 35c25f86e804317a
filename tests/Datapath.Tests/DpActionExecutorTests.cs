using OvsBridge.Datapath.Interop;
using OvsBridge.Datapath.Tests.Contract;
using OvsBridge.Datapath.Tests.Packets;
using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.Datapath.Tests;

/// <summary>Programs besides rewriting: where packets go, what ends a program, and which bytes change by hand-made expectation.</summary>
[TestFixture]
public sealed class DpActionExecutorTests
{
    private static readonly DpUserspace _request = new() { Cookie = 9, MaxLen = 100 };

    [Test]
    public void Empty_program_drops() => Expect(FrameSamples.Tcp4, DpActions.Drop, "drop Action");

    [Test]
    public void Program_that_hands_the_packet_to_nobody_drops() => Expect(
        FrameSamples.Tcp4,
        Programs.Of(w => w.SetEthDst(5).Then(DpActionType.SetPriority, 3).Then(DpActionType.Save).Then(DpActionType.Restore)),
        "drop Action");

    [Test]
    public void Sampled_packet_that_is_not_taken_is_not_dropped() =>
        Expect(FrameSamples.Tcp4, Programs.Of(w => w.Then(DpActionType.Sample, 5, _request)));

    [Test]
    public void Sctp_checksum_of_zero_is_the_devices_to_fill_in()
    {
        byte[] frame = [.. FrameSamples.Sctp4];
        frame.AsSpan(42, 4).Clear();
        byte[] expected = [.. frame];
        (expected[34], expected[35]) = (0, 7);

        Assert.That(
            RewriteCases.Rewritten(frame, Programs.Of(w => w.Then(DpActionType.SetTp, new DpSetTp { Src = 7 }, new DpSetTp { Src = 0xffff }))),
            Is.EqualTo(expected));
    }

    [Test]
    public void Frame_without_an_Ethernet_header_is_too_short()
    {
        RecordingOwner owner = new();
        DpPacket packet = new();
        packet.Load(FrameSamples.Tcp4.AsSpan(0, 13), 1);

        Assert.That(new DpActionExecutor().Run(packet, Programs.Output(1), owner), Is.False);
        Assert.That(owner.Events, Is.EqualTo(new[] { "drop TooShort" }));
    }

    [Test]
    public void Outputs_are_in_order_with_priority_and_truncation() => Expect(
        FrameSamples.UnknownType,
        Programs.Of(w => w.Then(DpActionType.SetPriority, 5).Then(DpActionType.Output, 1).Then(DpActionType.SetPriority).Then(DpActionType.Trunc, 20)
            .Then(DpActionType.Output, 2).Then(DpActionType.Output, 3).Then(DpActionType.Trunc, 5000).Then(DpActionType.Output, 4)),
        "output 1 length 64 priority 5", "output 2 length 20", "output 3 length 64", "output 4 length 64");

    [Test]
    public void Tunnel_holds_for_the_outputs_behind_it() => Expect(
        FrameSamples.UnknownType,
        Programs.Of(w => w.Then(DpActionType.Output, 1).Then(DpActionType.SetTunnel, 0, new DpSetTunnel { Id = 77 }).Then(DpActionType.Output, 2)),
        "output 1 length 64", "output 2 length 64 tunnel 77");

    [Test]
    public void Restore_takes_back_bytes_tunnel_priority_and_truncation() => Expect(
        FrameSamples.UnknownType,
        Programs.Of(w => w.Then(DpActionType.SetPriority, 1).Then(DpActionType.Save)
            .Then(DpActionType.SetPriority, 2).Then(DpActionType.SetTunnel, 0, new DpSetTunnel { Id = 77 }).Then(DpActionType.PushVlan, 0x81000001)
            .Then(DpActionType.Save).Then(DpActionType.PushVlan, 0x81000002).Then(DpActionType.Output, 1).Then(DpActionType.Restore)
            .Then(DpActionType.Output, 2).Then(DpActionType.Trunc, 20).Then(DpActionType.Restore)
            .Then(DpActionType.Output, 3)),
        "output 1 length 72 priority 2 tunnel 77", "output 2 length 68 priority 2 tunnel 77", "output 3 length 64 priority 1");

    [Test]
    public void Restore_without_save_and_too_many_saves_are_bad_programs()
    {
        Expect(FrameSamples.Tcp4, Programs.Of(w => w.Then(DpActionType.Restore).Then(DpActionType.Output, 1)), "drop BadProgram");
        Expect(
            FrameSamples.Tcp4,
            Programs.Of(w =>
            {
                for (int i = 0; i <= DpActionExecutor.MaxSaved; i++)
                {
                    w.Add(DpActionType.Save);
                }
            }),
            "drop BadProgram");
    }

    [Test]
    public void Saved_packets_of_an_earlier_run_are_forgotten()
    {
        DpActionExecutor executor = new();
        DpPacket packet = new();
        packet.Load(FrameSamples.Tcp4, 1);
        executor.Run(packet, Programs.Of(w => w.Then(DpActionType.Save)), new RecordingOwner());
        RecordingOwner owner = new();

        executor.Run(packet, Programs.Of(w => w.Then(DpActionType.Restore)), owner);

        Assert.That(owner.Events, Is.EqualTo(new[] { "drop BadProgram" }));
    }

    [Test]
    public void Meter_that_refuses_ends_the_program()
    {
        DpActions program = Programs.Of(w => w.Then(DpActionType.Meter, 3).Then(DpActionType.Output, 1));
        Expect(FrameSamples.UnknownType, program, "meter 3", "output 1 length 64");

        RecordingOwner owner = new() { MeterSays = new(false) };
        Run(FrameSamples.UnknownType, program, owner);
        Assert.That(owner.Events, Is.EqualTo(new[] { "meter 3", "drop Meter" }));
    }

    [Test]
    public void Meter_that_refuses_inside_a_clone_ends_the_clone_only()
    {
        DpActions program = Programs.Of(w => w
            .Then(DpActionType.Save).Then(DpActionType.PushVlan, 0x81000005).Then(DpActionType.Meter, 3)
            .Then(DpActionType.Save).Then(DpActionType.Output, 1).Then(DpActionType.Restore).Then(DpActionType.Output, 2).Then(DpActionType.Restore)
            .Then(DpActionType.Output, 4));
        RecordingOwner owner = new() { MeterSays = new(false) };

        Run(FrameSamples.UnknownType, program, owner);

        Assert.That(owner.Events, Is.EqualTo(new[] { "meter 3", "drop Meter", "output 4 length 64" }));
        Assert.That(owner.Frames.Single(), Is.EqualTo(FrameSamples.UnknownType));
    }

    [Test]
    public void Meter_of_a_copy_for_user_space_refuses_that_only()
    {
        DpActions program = Programs.Of(w => w
            .Then(DpActionType.Userspace, (uint)UpcallReason.Controller, new DpUserspace { Cookie = 1, MaxLen = 9, Meter = 6 }).Then(DpActionType.Output, 1));
        Expect(FrameSamples.UnknownType, program, "meter 5", "userspace Controller cookie 1 max 9", "output 1 length 64");

        RecordingOwner owner = new() { MeterSays = new(false) };
        Run(FrameSamples.UnknownType, program, owner);
        Assert.That(owner.Events, Is.EqualTo(new[] { "meter 5", "drop Meter", "output 1 length 64" }));
    }

    [Test]
    public void Sample_asks_for_its_probability() => Expect(
        FrameSamples.UnknownType,
        Programs.Of(w => w.Then(DpActionType.Sample, 0xf0000000, _request).Then(DpActionType.Sample, 5, _request)),
        "userspace Sample cookie 9 max 100");

    [Test]
    public void Recirculation_ends_the_program_and_keeps_hash_and_tunnel()
    {
        FlowKey key = new() { InPort = 6, TunId = 5, TunSrc = 0x01020304, TunTtl = 9 };
        RecordingOwner owner = new();
        DpPacket packet = new();
        packet.Load(FrameSamples.Tcp4, 6);
        PacketParser.TryParse(FrameSamples.Tcp4, 6, out FlowKey parsed);

        new DpActionExecutor().Run(packet, key, Programs.Of(w => w.Then(DpActionType.Hash, 42).Then(DpActionType.Recirc, 8).Then(DpActionType.Output, 1)), owner);

        Assert.That(owner.Events, Is.EqualTo(new[] { "recirculate 8" }));
        FlowKey expected = key with { RecircId = 8, DpHash = FlowHash.Compute(42, parsed) };
        Assert.That(KeyText.Of(owner.Context), Is.EqualTo(KeyText.Of(expected)));
    }

    [Test]
    public void Recirculation_takes_the_tunnel_that_was_set()
    {
        RecordingOwner owner = new();
        DpPacket packet = new();
        packet.Load(FrameSamples.Tcp4, 6);
        DpSetTunnel tunnel = new() { Id = 1, Src = 2, Dst = 3, Ipv6Src = (UInt128)4, Ipv6Dst = (UInt128)5, Flags = 6, Tos = 7, Ttl = 8 };

        new DpActionExecutor().Run(packet, new FlowKey { InPort = 6, TunId = 99 }, Programs.Of(w => w.Then(DpActionType.SetTunnel, 0, tunnel).Then(DpActionType.Recirc, 8)), owner);

        FlowKey expected = new() { InPort = 6, RecircId = 8, TunId = 1, TunSrc = 2, TunDst = 3, TunIpv6Src = (UInt128)4, TunIpv6Dst = (UInt128)5, TunFlags = 6, TunTos = 7, TunTtl = 8 };
        Assert.That(KeyText.Of(owner.Context), Is.EqualTo(KeyText.Of(expected)));
    }

    [Test]
    public void Userspace_gets_the_packet_as_it_is_and_the_key_as_it_was()
    {
        RecordingOwner owner = new();
        Run(FrameSamples.UnknownType, Programs.Of(w => w.Then(DpActionType.PushVlan, 0x81000007).Userspace(UpcallReason.Controller, 3)), owner);
        PacketParser.TryParse(FrameSamples.UnknownType, 1, out FlowKey key);

        Assert.That(owner.Frames[0], Has.Length.EqualTo(68));
        Assert.That(owner.UpcallKey, Is.EqualTo(key));
    }

    [TestCase(0u, "drop Explicit")]
    [TestCase(14u, "drop Ttl")]
    [TestCase(31u, "drop 31")]
    [TestCase(32u, "drop Explicit")]
    [TestCase(uint.MaxValue, "drop Explicit")]
    public void Drop_tells_its_reason(uint arg, string expected) =>
        Expect(FrameSamples.Tcp4, Programs.Of(w => w.Then(DpActionType.Drop, arg).Then(DpActionType.Output, 1)), expected);

    [TestCase(0)]
    [TestCase(1)]
    public void Ttl_that_runs_out_ends_the_program(int ttl)
    {
        byte[] four = FrameBuilder.Ethernet(0x0800).Ipv4(17, ttl: ttl).Udp(1, 2).ToArray();
        byte[] six = FrameBuilder.Ethernet(0x86dd).Ipv6(17, hopLimit: ttl).Udp(1, 2).ToArray();
        byte[] label = FrameBuilder.Ethernet(0x8847).Mpls(5, 0, true, ttl).ToArray();
        (byte[] Frame, DpActionType Action)[] cases = [(four, DpActionType.DecTtl), (six, DpActionType.DecTtl), (label, DpActionType.DecMplsTtl)];
        foreach ((byte[] frame, DpActionType action) in cases)
        {
            Expect(frame, Programs.Of(w => w.Then(action, 0, _request).Then(DpActionType.Output, 1)), "userspace InvalidTtl cookie 9 max 100");
            Expect(frame, Programs.Of(w => w.Then(action).Then(DpActionType.Output, 1)), "drop Ttl");
        }
    }

    /// <summary>Each action that needs a header, on a frame that lacks it.</summary>
    [TestCase(DpActionType.PopVlan)]
    [TestCase(DpActionType.SetVlan)]
    [TestCase(DpActionType.SetIpv4)]
    [TestCase(DpActionType.SetIpv6)]
    [TestCase(DpActionType.SetArp)]
    [TestCase(DpActionType.SetTp)]
    [TestCase(DpActionType.SetNd)]
    [TestCase(DpActionType.SetMpls)]
    [TestCase(DpActionType.SetPbb)]
    [TestCase(DpActionType.PopMpls)]
    [TestCase(DpActionType.PopPbb)]
    [TestCase(DpActionType.DecTtl)]
    [TestCase(DpActionType.DecMplsTtl)]
    [TestCase(DpActionType.CopyTtlIn)]
    [TestCase(DpActionType.CopyTtlOut)]
    public void Action_on_a_header_that_is_not_there_drops_and_changes_nothing(DpActionType type)
    {
        DpActions program = Programs.Of(w => w.Then(DpActionType.Output, 1).Then(type, 0x0fff0fff, new Payload()).Then(DpActionType.Output, 2));
        RecordingOwner owner = new();
        byte[] after = Run(FrameSamples.UnknownType, program, owner);

        Assert.That(owner.Events, Is.EqualTo(new[] { "output 1 length 64", "drop ActionError" }));
        Assert.That(after, Is.EqualTo(FrameSamples.UnknownType));
    }

    [Test]
    public void Copy_ttl_needs_a_label_or_ip_below()
    {
        byte[] arp = FrameBuilder.Ethernet(0x8847).Mpls(5, 0, true, 9).Arp(1, FrameSamples.Sll, "1.2.3.4", FrameSamples.Tll, "5.6.7.8").ToArray();
        byte[] cut = FrameBuilder.Ethernet(0x8847).Mpls(5, 0, true, 9).Raw(0x45, 0, 0, 20).ToArray();
        byte[] alone = FrameBuilder.Ethernet(0x8847).Mpls(5, 0, false, 9).ToArray();
        foreach (byte[] frame in new[] { arp, cut, alone })
        {
            Expect(frame, Programs.Of(w => w.Then(DpActionType.CopyTtlIn)), "drop ActionError");
            Expect(frame, Programs.Of(w => w.Then(DpActionType.CopyTtlOut)), "drop ActionError");
        }
    }

    [Test]
    public void Label_on_an_802_3_frame_is_an_error()
    {
        DpActions push = Programs.Of(w => w.Then(DpActionType.PushMpls, 0x8847, new DpPushMpls { Lse = 0x100 }));

        Expect(FrameSamples.Llc, push, "drop ActionError");
        Expect(FrameSamples.Snap, push, "drop ActionError");
        DpActions front = Programs.Of(w => w.Then(DpActionType.PushMplsFront, 0x8847, new DpPushMpls { Lse = 0x100 }));
        Expect(FrameSamples.Llc, front, "drop ActionError");
        Expect(FrameSamples.Snap, front, "drop ActionError");
    }

    /// <summary>OpenFlow 1.3.5, 5.12: immediately after the Ethernet header, and before other tags.</summary>
    [TestCase("0800 45", "8847 0004d140 45", "no tag")]
    [TestCase("8100 b064 0800 45", "8847 0004d140 b064 0800 45", "a tag")]
    [TestCase("88a8 6005 8100 0006 86dd 60", "8847 0004d140 6005 8100 0006 86dd 60", "two tags")]
    [TestCase("88a8 6005 8100 0006 8100 0007 86dd 60", "8847 0004d140 6005 8100 0006 8100 0007 86dd 60", "three tags")]
    [TestCase("8100 0007 0026 4242 03", "8847 0004d140 0007 0026 4242 03", "802.3 behind a tag")]
    [TestCase("8100 0007 8847 00064140 45", "8847 0004d140 0007 8847 00064140 45", "a label behind a tag")]
    public void Label_in_front_of_tags(string before, string after, string why)
    {
        const string Addresses = "020000000002 020000000001 ";
        DpActions push = Programs.Of(w => w.Then(DpActionType.PushMplsFront, 0x8847, new DpPushMpls { Lse = 0x0004d140 }));
        Assert.That(RewriteCases.Rewritten(Bytes(Addresses + before), push), Is.EqualTo(Bytes(Addresses + after)), why);

        DpActions pop = Programs.Of(w => w.Then(DpActionType.PopMpls, Convert.ToUInt32(before[..4], 16)));
        Assert.That(RewriteCases.Rewritten(Bytes(Addresses + after), pop), Is.EqualTo(Bytes(Addresses + before)), why);

        static byte[] Bytes(string hex) => Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal));
    }

    [Test]
    public void Label_with_less_than_a_tag_behind_it_does_not_become_a_tag()
    {
        byte[] three = FrameBuilder.Ethernet(0x8847).Mpls(5, 0, true, 9).Raw(0, 5, 8).ToArray();
        byte[] four = FrameBuilder.Ethernet(0x8847).Mpls(5, 0, true, 9).Raw(0, 5, 8, 0).ToArray();

        Expect(three, Programs.Of(w => w.Then(DpActionType.PopMpls, 0x8100)), "drop ActionError");
        Expect(four, Programs.Of(w => w.Then(DpActionType.PopMpls, 0x8100)), "drop Action");
    }

    /// <summary>
    /// A tag may look like the start of an IP header (its priority is the first three bits), and an IP header like a tag: lengths decide.
    /// </summary>
    [TestCase(0x0005, 4, 33)]
    [TestCase(0x4aaa, 4, 33)] // as IPv4 with a header of 40 bytes
    [TestCase(0x6aaa, 4, 33)] // as IPv6
    [TestCase(0x4aaa, 6, 9)]
    [TestCase(0x6aaa, 6, 9)]
    public void Ttl_is_copied_through_tags(int tci, int version, int ttl)
    {
        FrameBuilder builder = FrameBuilder.Ethernet(0x8847).Mpls(5, 0, true, 77).Vlan(0x0001, 0x8100).Vlan((ushort)tci, version == 4 ? (ushort)0x0800 : (ushort)0x86dd);
        byte[] frame = (version == 4 ? builder.Ipv4(6, ttl: 33).Tcp(1, 2).Counting(2100) : builder.Ipv6(6, hopLimit: 9).Tcp(1, 2).Counting(2100)).ToArray();
        byte[] withoutFirst = [.. frame[..18], .. frame[22..]];
        foreach (byte[] tagged in new[] { frame, withoutFirst })
        {
            int ttlAt = tagged.Length - frame.Length + 26 + (version == 4 ? 8 : 7);
            byte[] copiedOut = RewriteCases.Rewritten(tagged, Programs.Of(w => w.Then(DpActionType.CopyTtlOut)));
            byte[] copiedIn = RewriteCases.Rewritten(tagged, Programs.Of(w => w.Then(DpActionType.CopyTtlIn)));

            Assert.That(copiedOut[17], Is.EqualTo(ttl));
            Assert.That(copiedIn[ttlAt], Is.EqualTo(77));
            byte[] inner = [.. copiedIn[..12], .. copiedIn[(tagged.Length - frame.Length + 24)..]];
            Assert.That(FrameVerifier.WrongChecksums(inner), Is.Empty);
        }
    }

    [Test]
    public void Ip_header_that_looks_like_a_tag_is_none()
    {
        // 2,048 bytes, "0800", with an identification that could start an IPv4 header
        byte[] frame = FrameBuilder.Ethernet(0x8847).Mpls(5, 0, true, 77).Ipv4(17, ttl: 33).Udp(1, 2).Counting(2020).ToArray();
        Assert.That(frame[20..22], Is.EqualTo(new byte[] { 8, 0 }));
        frame[22] = 0x45;

        Assert.That(RewriteCases.Rewritten(frame, Programs.Of(w => w.Then(DpActionType.CopyTtlOut)))[17], Is.EqualTo(33));
    }

    [Test]
    public void Ethertype_of_an_802_3_frame_is_an_error() => Expect(
        FrameSamples.Llc,
        Programs.Of(w => w.Then(DpActionType.SetEth, new DpSetEth { Type = 0x0800 }, new DpSetEth { Type = 0xffff })),
        "drop ActionError");

    [Test]
    public void Backbone_frame_without_an_inner_frame_cannot_be_popped() => Expect(
        FrameBuilder.Ethernet(0x88e7).U32(5).Zeros(13).ToArray(),
        Programs.Of(w => w.Then(DpActionType.PopPbb)),
        "drop ActionError");

    [TestCase((ushort)0)]
    [TestCase((ushort)33)]
    [TestCase((ushort)0xffff)]
    public void Unknown_action_is_a_bad_program(ushort type) =>
        Expect(FrameSamples.Tcp4, Programs.Of(w => w.Then(DpActionType.Output, 1).Then((DpActionType)type).Then(DpActionType.Output, 2)), $"output 1 length {FrameSamples.Tcp4.Length}", "drop BadProgram");

    /// <summary>Every action that carries a payload, without it.</summary>
    [TestCase(DpActionType.Userspace)]
    [TestCase(DpActionType.Sample)]
    [TestCase(DpActionType.SetEth)]
    [TestCase(DpActionType.SetIpv4)]
    [TestCase(DpActionType.SetIpv6)]
    [TestCase(DpActionType.SetArp)]
    [TestCase(DpActionType.SetTp)]
    [TestCase(DpActionType.SetNd)]
    [TestCase(DpActionType.SetMpls)]
    [TestCase(DpActionType.SetPbb)]
    [TestCase(DpActionType.PushMpls)]
    [TestCase(DpActionType.PushMplsFront)]
    [TestCase(DpActionType.PushPbb)]
    [TestCase(DpActionType.SetTunnel)]
    public void Missing_payload_is_a_bad_program(DpActionType type) => Expect(FrameSamples.Tcp4, Programs.Of(w => w.Then(type)), "drop BadProgram");

    [Test]
    public void Every_action_is_implemented()
    {
        foreach (DpActionType type in Enum.GetValues<DpActionType>().Except([DpActionType.Unspec, DpActionType.Restore]))
        {
            RecordingOwner owner = new();
            Run(FrameSamples.Tcp4, Programs.Of(w => w.Then(type, 0, new Payload())), owner);

            Assert.That(owner.Events, Has.None.EqualTo("drop BadProgram"), $"{type}");
        }
    }

    [Test]
    public void Sctp_checksum_of_a_fragment_is_left_alone()
    {
        byte[] frame = FrameBuilder.Ethernet(0x0800).Ipv4(132, fragment: 0x2000).Sctp(1, 2).Counting(24).ToArray();
        byte[] after = RewriteCases.Rewritten(frame, Programs.Of(w => w.Then(DpActionType.SetTp, new DpSetTp { Src = 7 }, new DpSetTp { Src = 0xffff })));
        byte[] expected = [.. frame];
        expected[35] = 7;

        Assert.That(after, Is.EqualTo(expected));
    }

    [Test]
    public void Destination_on_a_route_is_not_in_the_checksum()
    {
        byte[] frame = FrameBuilder.Ethernet(0x86dd).Ipv6(43).U8(6).U8(2).U8(0).U8(1).U32(0).Ip("fd00::10").Tcp(1, 2).Counting(20).ToArray();
        UInt128 address = new(0x2001000000000000, 0x77);
        byte[] after = RewriteCases.Rewritten(frame, Programs.Of(w => w.Then(DpActionType.SetIpv6, new DpSetIpv6 { Dst = address }, new DpSetIpv6 { Dst = UInt128.MaxValue })));
        byte[] expected = [.. frame];
        System.Buffers.Binary.BinaryPrimitives.WriteUInt128BigEndian(expected.AsSpan(38), address);

        Assert.That(after, Is.EqualTo(expected));
    }

    /// <summary>RFC 768: a checksum that comes out as 0 is sent as all ones, since 0 says that there is none.</summary>
    [Test]
    public void Udp_checksum_that_becomes_zero_is_sent_as_all_ones()
    {
        byte[] frame = FrameSamples.Udp4;
        int sum = System.Buffers.Binary.BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(40)) + 1000;
        ushort port = (ushort)((sum & 0xffff) + (sum >> 16)); // adds what the complement lacks
        byte[] after = RewriteCases.Rewritten(frame, Programs.Of(w => w.Then(DpActionType.SetTp, new DpSetTp { Src = port }, new DpSetTp { Src = 0xffff })));

        Assert.That(after[40..42], Is.EqualTo(new byte[] { 0xff, 0xff }));
        Assert.That(FrameVerifier.WrongChecksums(after), Is.Empty);
    }

    [Test]
    public void Sum_of_nothing_is_the_zero_that_is_all_ones() => Assert.That(Checksum.Fold(0), Is.EqualTo(0xffff));

    [Test]
    public void Fragments_of_a_packet_have_one_hash_and_other_ports_another()
    {
        static uint Hash(FrameBuilder frame)
        {
            PacketParser.TryParse(frame.ToArray(), 1, out FlowKey key);
            return FlowHash.Compute(7, key);
        }

        uint first = Hash(FrameBuilder.Ethernet(0x0800).Ipv4(17, fragment: 0x2000).Udp(1, 2).Counting(32));
        uint later = Hash(FrameBuilder.Ethernet(0x0800).Ipv4(17, ttl: 9, fragment: 0x0005).Counting(40));

        Assert.That(later, Is.EqualTo(first));
        Assert.That(Hash(FrameBuilder.Ethernet(0x0800).Ipv4(17).Udp(1, 2)), Is.Not.EqualTo(Hash(FrameBuilder.Ethernet(0x0800).Ipv4(17).Udp(1, 3))));
    }

    /// <summary>Headers beyond the buffer's headroom.</summary>
    [Test]
    public void Many_pushes_need_no_headroom()
    {
        byte[] frame = FrameSamples.Tcp4;
        byte[] after = RewriteCases.Rewritten(frame, Programs.Of(w =>
        {
            for (int i = 0; i < 40; i++)
            {
                w.Add(DpActionType.PushPbb, 0x88e7, new DpPushPbb { Itag = (uint)i });
            }

            for (int i = 0; i < 40; i++)
            {
                w.Add(DpActionType.PopPbb);
            }
        }));

        Assert.That(after, Is.EqualTo(frame));
    }

    private static void Expect(byte[] frame, DpActions program, params string[] events)
    {
        RecordingOwner owner = new();
        Run(frame, program, owner);
        Assert.That(owner.Events, Is.EqualTo(events));
    }

    private static byte[] Run(byte[] frame, DpActions program, RecordingOwner owner)
    {
        DpPacket packet = new();
        packet.Load(frame, 1);
        new DpActionExecutor().Run(packet, program, owner);
        return packet.Data.ToArray();
    }

    /// <summary>Bytes enough for any payload.</summary>
    [System.Runtime.InteropServices.StructLayout(System.Runtime.InteropServices.LayoutKind.Sequential, Size = 80)]
    private struct Payload;
}
