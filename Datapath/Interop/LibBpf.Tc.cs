using System.Runtime.InteropServices;

namespace OvsBridge.Datapath.Interop;

/// <summary>libbpf's functions for tc (bpf/libbpf.h, "bpf_tc_"). All return 0 or a negative errno.</summary>
internal static partial class LibBpf
{
    internal const uint TcIngress = 1, TcEgress = 2;
    internal const uint TcReplace = 1; // BPF_TC_F_REPLACE

    /// <summary>struct bpf_tc_hook.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct TcHook
    {
        public nuint Size;
        public int IfIndex;
        public uint AttachPoint;
        public uint Parent;
        private readonly uint _pad;
    }

    /// <summary>struct bpf_tc_opts.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct TcOptions
    {
        public nuint Size;
        public int ProgramFd;
        public uint Flags;
        public uint ProgramId;
        public uint Handle;
        public uint Priority;
        private readonly uint _pad;
    }

    [LibraryImport(Library, EntryPoint = "bpf_tc_hook_create")]
    internal static partial int TcHookCreate(ref TcHook hook);

    [LibraryImport(Library, EntryPoint = "bpf_tc_hook_destroy")]
    internal static partial int TcHookDestroy(ref TcHook hook);

    [LibraryImport(Library, EntryPoint = "bpf_tc_attach")]
    internal static partial int TcAttach(in TcHook hook, ref TcOptions options);

    [LibraryImport(Library, EntryPoint = "bpf_tc_detach")]
    internal static partial int TcDetach(in TcHook hook, in TcOptions options);

    [LibraryImport(Library, EntryPoint = "bpf_tc_query")]
    internal static partial int TcQuery(in TcHook hook, ref TcOptions options);
}
