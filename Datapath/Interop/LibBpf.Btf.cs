using System.Runtime.InteropServices;

namespace OvsBridge.Datapath.Interop;

/// <summary>BTF, the type information of a BPF object (bpf/btf.h, linux/btf.h).</summary>
internal static unsafe partial class LibBpf
{
    internal const uint BtfStruct = 4, BtfUnion = 5, BtfEnum = 6, BtfDatasec = 15; // BTF_KIND_*

    /// <summary>
    /// struct btf_type. The low 16 bits of <see cref="Info"/>: number of members that follow; bits 24 to 28: kind.
    /// </summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct BtfType
    {
        public uint Name;
        public uint Info;
        public uint SizeOrType;

        public readonly int Members => (int)(Info & 0xffff);

        public readonly uint Kind => (Info >> 24) & 0x1f;
    }

    /// <summary>struct btf_member; also struct btf_var_secinfo: type, offset and size in bytes.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct BtfMember
    {
        public uint Name;
        public uint Type;
        public uint BitOffset;
    }

    /// <summary>struct btf_enum.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct BtfEnumValue
    {
        public uint Name;
        public int Value;
    }

    [LibraryImport(Library, EntryPoint = "btf__find_by_name_kind", StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int BtfFind(nint btf, string name, uint kind);

    [LibraryImport(Library, EntryPoint = "btf__type_by_id")]
    internal static partial BtfType* BtfTypeById(nint btf, uint id);

    [LibraryImport(Library, EntryPoint = "btf__type_cnt")]
    internal static partial uint BtfTypeCount(nint btf);

    [LibraryImport(Library, EntryPoint = "btf__name_by_offset")]
    internal static partial byte* BtfName(nint btf, uint offset);

    [LibraryImport(Library, EntryPoint = "btf__resolve_size")]
    internal static partial long BtfSize(nint btf, uint type);
}
