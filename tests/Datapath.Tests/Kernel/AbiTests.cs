using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using OvsBridge.Datapath.Ebpf;
using OvsBridge.Datapath.Interop;
using OvsBridge.OpenFlow.Fields;

namespace OvsBridge.Datapath.Tests.Kernel;

/// <summary>
/// The mirrors in C# against the type information of the built BPF object. Needs no root: the object is only opened.
/// </summary>
[TestFixture]
public sealed unsafe class AbiTests
{
    /// <summary>Structs of the program's own, which user space never sees.</summary>
    private static readonly HashSet<string> _private =
    [
        "scratch", "layout", "exthdr_walk", "cursor", "abi_types", "__sk_buff", "to_userspace",
        "set_eth", "set_ipv4", "set_ipv6", "set_arp", "set_tp", "set_nd", "set_tag", "push_mpls", "push_pbb", "set_tunnel", "tunnel_way", "bpf_redir_neigh",
    ];

    private BpfObject _bpf = null!;

    private static IEnumerable<TestCaseData> Mirrors => typeof(BpfStructAttribute).Assembly.GetTypes()
        .Select(type => (type, type.GetCustomAttribute<BpfStructAttribute>()))
        .Where(pair => pair.Item2 is not null)
        .Select(pair => new TestCaseData(pair.Item2!.Name, pair.type).SetArgDisplayNames(pair.Item2.Name))
        .Append(new TestCaseData("flow_key", typeof(FlowKey)).SetArgDisplayNames("flow_key"));

    [OneTimeSetUp]
    public void Open()
    {
        LibBpfMessages.Silence();
        _bpf = BpfObject.OpenResource("dp_tc.bpf.o");
    }

    [OneTimeTearDown]
    public void Close() => _bpf.Dispose();

    [TestCaseSource(nameof(Mirrors))]
    public void Mirror_has_the_layout_of_the_struct(string name, Type mirror)
    {
        (long size, Dictionary<string, (long Offset, long Size)> members) = Struct(name);
        Dictionary<string, (long Offset, long Size)> fields = Fields(mirror);
        bool key = mirror == typeof(FlowKey);
        if (key)
        {
            // The tail of FlowKey is user space's; in the kernel these are arrays.
            fields = fields.Where(f => f.Value.Offset < size).ToDictionary();
            foreach ((string array, string[] parts) in new[] { ("mplslse", new[] { "mplslse0", "mplslse1", "mplslse2" }) })
            {
                fields[array] = (fields[parts[0]].Offset, parts.Sum(p => fields[p].Size));
                parts.ToList().ForEach(p => fields.Remove(p));
            }
        }

        Assert.Multiple(() =>
        {
            Assert.That(SizeOf(mirror), key ? Is.EqualTo(FlowKey.Words * 8) : Is.EqualTo(size), "size");
            Assert.That(fields.Where(NotPadding).OrderBy(f => f.Value.Offset), Is.EqualTo(members.Where(NotPadding).OrderBy(m => m.Value.Offset)));
        });
    }

    [TestCase("dp_action_type", "DP_ACT_", typeof(DpActionType))]
    [TestCase("upcall_reason", "UPCALL_", typeof(UpcallReason))]
    [TestCase("drop_reason", "DROP_", typeof(DropReason))]
    [TestCase("tunnel_type", "TUNNEL_", typeof(Tunnels.TunnelType))]
    public void Enum_has_the_numbers_of_the_enum(string name, string prefix, Type mirror)
    {
        IEnumerable<string> ours = Enum.GetValues(mirror).Cast<Enum>()
            .Select(value => $"{value.ToString().ToUpperInvariant()} {Convert.ToInt64(value, null)}");
        IEnumerable<string> theirs = EnumValues(name)
            .Where(v => !v.Name.StartsWith("__", StringComparison.Ordinal))
            .Select(v => $"{v.Name[prefix.Length..].Replace("_", "", StringComparison.Ordinal)} {v.Value}");

        Assert.That(ours, Is.EqualTo(theirs));
    }

    [Test]
    public void Counters_by_reason_have_the_length_of_the_enum() =>
        Assert.That(EnumValues("drop_reason").Single(v => v.Name == "__DROP_MAX").Value, Is.EqualTo(DropReasons.Count));

    [Test]
    public void No_shared_struct_is_unchecked()
    {
        HashSet<string> mirrored = [.. Mirrors.Select(m => (string)m.Arguments[0]!)];
        List<string> unchecked_ = [];
        uint count = LibBpf.BtfTypeCount(_bpf.Btf);
        for (uint id = 1; id < count; id++)
        {
            LibBpf.BtfType* type = LibBpf.BtfTypeById(_bpf.Btf, id);
            string name = Name(type->Name);
            if (type->Kind is LibBpf.BtfStruct or LibBpf.BtfUnion && name.Length > 0 && !mirrored.Contains(name) && !_private.Contains(name))
            {
                unchecked_.Add(name);
            }
        }

        Assert.That(unchecked_, Is.Empty);
    }

    /// <summary>Numbers that are macros in C are in no BTF: compared with the text.</summary>
    [TestCase("OVSB_ABI_VERSION", Abi.Version)]
    [TestCase("OVSB_KEY_WORDS", Abi.KeyWords)]
    [TestCase("OVSB_KEY_WORDS", FlowKey.PacketWords)]
    [TestCase("OVSB_MAX_MASKS", Abi.MaxMasks)]
    [TestCase("OVSB_MASK_LISTS", Abi.MaskLists)]
    [TestCase("OVSB_MAX_PORTS", Abi.MaxPorts)]
    [TestCase("OVSB_IN_PORT_SLOTS", Abi.InPortSlots)]
    [TestCase("OVSB_IN_PORT_PROBES", Abi.InPortProbes)]
    [TestCase("OVSB_PORT_SLOTS", Abi.PortSlots)]
    [TestCase("OVSB_BUCKET_SLOTS", Abi.BucketSlots)]
    [TestCase("OVSB_ACTION_DATA", Abi.ActionData)]
    [TestCase("OVSB_MAX_ACTIONS", Abi.MaxActions)]
    [TestCase("OVSB_MAX_RECIRC", Abi.MaxRecirculations)]
    [TestCase("OVSB_MAX_RECIRC", Memory.InMemoryDatapath.MaxRecirculations)]
    [TestCase("OVSB_MAX_METERS", Abi.MaxMeters)]
    [TestCase("OVSB_METER_BANDS", Abi.MeterBands)]
    [TestCase("OVSB_MAX_BANDS", Abi.MaxBands)]
    [TestCase("OVSB_METER_ACTIVE", Abi.MeterActive)]
    [TestCase("OVSB_METER_PACKETS", Abi.MeterPackets)]
    [TestCase("OVSB_METER_TIME_SHIFT", Abi.MeterTimeShift)]
    [TestCase("OVSB_METER_COST_SHIFT", Abi.MeterCostShift)]
    [TestCase("OVSB_BAND_DROP", DpBandType.Drop)]
    [TestCase("OVSB_BAND_DSCP_REMARK", DpBandType.DscpRemark)]
    [TestCase("OVSB_PORT_LOCAL", OpenFlow.Actions.OfPorts.DatapathLocal)]
    [TestCase("OVSB_FRAG_ANY", FlowKey.FragAny)]
    [TestCase("OVSB_FRAG_LATER", FlowKey.FragLater)]
    [TestCase("OVSB_VLAN_PRESENT", FlowKey.VlanPresent)]
    [TestCase("OVSB_ETH_TYPE_NONE", FlowKey.EthTypeNone)]
    [TestCase("OVSB_PORT_UP", Abi.PortUp)]
    [TestCase("OVSB_PORT_PEER", Abi.PortPeer)]
    [TestCase("OVSB_PORT_NO_RECV", (uint)DpPortFlags.NoRecv)]
    [TestCase("OVSB_PORT_NO_FWD", (uint)DpPortFlags.NoFwd)]
    [TestCase("OVSB_PORT_TUNNEL", Abi.PortTunnel)]
    [TestCase("OVSB_MAX_TUNNELS", Abi.MaxTunnels)]
    [TestCase("OVSB_TUNNEL_SLOTS", Abi.TunnelSlots)]
    [TestCase("OVSB_TUNNEL_PROBES", Abi.TunnelProbes)]
    [TestCase("OVSB_MAX_ROUTES", Abi.MaxRoutes)]
    [TestCase("OVSB_MAX_UDP_PORTS", Abi.MaxUdpPorts)]
    [TestCase("OVSB_PATTERNS", Abi.Patterns)]
    [TestCase("OVSB_PATTERN_REMOTE", Abi.PatternRemote)]
    [TestCase("OVSB_PATTERN_KEY", Abi.PatternKey)]
    [TestCase("OVSB_ROUTE_NEIGHBOUR", Abi.RouteNeighbour)]
    [TestCase("OVSB_ROUTE_UNREACHABLE", Abi.RouteUnreachable)]
    [TestCase("OVSB_TUNNEL_OUT_KEY", TunnelFlags.OutKey)]
    [TestCase("OVSB_TUNNEL_OUT_KEY_FLOW", TunnelFlags.OutKeyFlow)]
    [TestCase("OVSB_TUNNEL_REMOTE_FLOW", TunnelFlags.RemoteFlow)]
    [TestCase("OVSB_TUNNEL_LOCAL_FLOW", TunnelFlags.LocalFlow)]
    [TestCase("OVSB_TUNNEL_TOS_INHERIT", TunnelFlags.TosInherit)]
    [TestCase("OVSB_TUNNEL_TTL_INHERIT", TunnelFlags.TtlInherit)]
    [TestCase("OVSB_TUNNEL_DF", TunnelFlags.DontFragment)]
    [TestCase("OVSB_TUNNEL_CSUM", TunnelFlags.Checksum)]
    [TestCase("OVSB_OTHER_MULT", Abi.OtherMultiplier)]
    [TestCase("OVSB_UPCALL_VLAN", Abi.UpcallVlan)]
    public void Constant_has_the_value_of_the_macro(string macro, object value)
    {
        string line = File.ReadLines(Testing.RepositoryRoot.File("bpf/abi.h"))
            .Select(l => l.Split((char[])[' ', '\t'], StringSplitOptions.RemoveEmptyEntries))
            .Single(words => words is ["#define", var name, ..] && name == macro)[2];
        string digits = line.TrimEnd('u');
        long expected = digits.StartsWith("0x", StringComparison.Ordinal) ? Convert.ToInt64(digits, 16) : Convert.ToInt64(digits, null);

        Assert.That(Convert.ToInt64(value, null), Is.EqualTo(expected));
    }

    private static bool NotPadding(KeyValuePair<string, (long, long)> field) => !field.Key.StartsWith("pad", StringComparison.Ordinal);

    private static string Plain(string name) => name.Replace("_", "", StringComparison.Ordinal).ToLowerInvariant();

    private static Dictionary<string, (long Offset, long Size)> Fields(Type type)
    {
        // Marshalling knows nothing of InlineArray, so offsets are those of the managed layout.
        Array instance = Array.CreateInstance(type, 1);
        Dictionary<string, (long, long)> fields = [];
        foreach (FieldInfo field in type.GetFields(BindingFlags.Instance | BindingFlags.Public))
        {
            long size = field.GetCustomAttribute<FixedBufferAttribute>() is { } buffer ? buffer.Length * SizeOf(buffer.ElementType) : SizeOf(field.FieldType);
            fields.Add(Plain(field.Name), (OffsetOf(instance, type, field), size));
        }

        return fields;
    }

    private static long OffsetOf(Array instance, Type type, FieldInfo field)
    {
        // Fill the struct with a byte pattern through the field only, and see where it lands.
        if (field.GetCustomAttribute<FieldOffsetAttribute>() is { } offset)
        {
            return offset.Value;
        }

        GCHandle handle = GCHandle.Alloc(instance, GCHandleType.Pinned);
        try
        {
            Span<byte> bytes = new((void*)handle.AddrOfPinnedObject(), SizeOf(type));
            bytes.Clear();
            object boxed = instance.GetValue(0)!;
            object value = field.GetValue(boxed)!;
            GCHandle valueHandle = GCHandle.Alloc(value, GCHandleType.Pinned);
            try
            {
                new Span<byte>((void*)valueHandle.AddrOfPinnedObject(), 1).Fill(0xff);
            }
            finally
            {
                valueHandle.Free();
            }

            field.SetValue(boxed, value);
            instance.SetValue(boxed, 0);
            return bytes.IndexOf((byte)0xff);
        }
        finally
        {
            handle.Free();
        }
    }

    private static int SizeOf(Type type) =>
        (int)typeof(Unsafe).GetMethod(nameof(Unsafe.SizeOf))!.MakeGenericMethod(type.IsEnum ? Enum.GetUnderlyingType(type) : type).Invoke(null, null)!;

    private string Name(uint offset) => Marshal.PtrToStringUTF8((nint)LibBpf.BtfName(_bpf.Btf, offset)) ?? "";

    private (long Size, Dictionary<string, (long Offset, long Size)> Members) Struct(string name)
    {
        int id = LibBpf.BtfFind(_bpf.Btf, name, LibBpf.BtfStruct);
        Assert.That(id, Is.Positive, $"the object's BTF has no struct {name}");
        LibBpf.BtfType* type = LibBpf.BtfTypeById(_bpf.Btf, (uint)id);
        Dictionary<string, (long, long)> members = [];
        foreach (LibBpf.BtfMember member in new ReadOnlySpan<LibBpf.BtfMember>(type + 1, type->Members))
        {
            members.Add(Plain(Name(member.Name)), (member.BitOffset / 8, LibBpf.BtfSize(_bpf.Btf, member.Type)));
        }

        return (type->SizeOrType, members);
    }

    private List<(string Name, long Value)> EnumValues(string name)
    {
        int id = LibBpf.BtfFind(_bpf.Btf, name, LibBpf.BtfEnum);
        Assert.That(id, Is.Positive, $"the object's BTF has no enum {name}");
        LibBpf.BtfType* type = LibBpf.BtfTypeById(_bpf.Btf, (uint)id);
        List<(string, long)> values = [];
        foreach (LibBpf.BtfEnumValue value in new ReadOnlySpan<LibBpf.BtfEnumValue>(type + 1, type->Members))
        {
            values.Add((Name(value.Name), value.Value));
        }

        return values;
    }
}
