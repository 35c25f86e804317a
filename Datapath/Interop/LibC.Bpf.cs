using System.Runtime.InteropServices;

namespace OvsBridge.Datapath.Interop;

/// <summary>The system call bpf(2), for what libbpf 1.1 has no function for (linux/bpf.h, union bpf_attr).</summary>
internal static unsafe partial class LibC
{
    internal const int BpfMapCreate = 0, BpfProgAttach = 8, BpfProgDetach = 9, BpfProgQuery = 16; // enum bpf_cmd
    internal const uint BpfTcxIngress = 46; // enum bpf_attach_type
    internal const uint BpfReplace = 1 << 2; // BPF_F_REPLACE

    /// <summary>Of BPF_PROG_ATTACH and BPF_PROG_DETACH.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct BpfAttachment
    {
        public int IfIndex; // target_ifindex
        public int ProgramFd; // attach_bpf_fd
        public uint Type;
        public uint Flags;
        public int ReplacedFd; // replace_bpf_fd
        public uint Relative; // relative_fd or relative_id
        public ulong Revision; // expected_revision; 0: any
    }

    /// <summary>Of BPF_PROG_QUERY.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct BpfQuery
    {
        public int IfIndex;
        public uint Type;
        public uint QueryFlags;
        public uint AttachFlags;
        public uint* ProgramIds;
        public uint Count; // in: room, out: how many there are
        private readonly uint _pad;
        public ulong ProgramFlags;
        public ulong LinkIds;
        public ulong LinkFlags;
        public ulong Revision;
    }

    /// <summary>bpf(2).</summary>
    /// <param name="command">BPF_*.</param>
    /// <param name="attributes">The part of union bpf_attr that the command has.</param>
    /// <param name="size">Its bytes.</param>
    /// <returns>A descriptor or 0, or a negative errno.</returns>
    internal static int Bpf(int command, void* attributes, int size)
    {
        long number = RuntimeInformation.ProcessArchitecture switch
        {
            Architecture.X64 => 321,
            Architecture.X86 => 357,
            Architecture.Arm => 386,
            Architecture.S390x => 351,
            Architecture.Ppc64le => 361,
            _ => 280, // the common table: arm64, RISC-V, LoongArch
        };
        long result = BpfCall(number, command, attributes, size);
        return result < 0 ? -Marshal.GetLastPInvokeError() : (int)result;
    }

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial long BpfCall(long number, long command, void* attributes, long size);
}
