using System.Runtime.InteropServices;

namespace OvsBridge.Datapath.Interop;

/// <summary>
/// libbpf's functions for objects, maps, programs, perf buffers and BTF (bpf/libbpf.h, bpf/bpf.h, bpf/btf.h). Those that
/// return an int return a negative errno; those that return a pointer return null and set errno.
/// </summary>
internal static unsafe partial class LibBpf
{
    private const string Library = "libbpf.so.1";

    /// <summary>struct bpf_object_open_opts, to <c>object_name</c>; libbpf takes a shorter one.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct OpenOptions
    {
        public nuint Size;
        public byte* ObjectName;
    }

    /// <summary>struct bpf_test_run_opts.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct TestRunOptions
    {
        public nuint Size;
        public void* DataIn;
        public void* DataOut;
        public uint DataSizeIn;
        public uint DataSizeOut;
        public void* ContextIn;
        public void* ContextOut;
        public uint ContextSizeIn;
        public uint ContextSizeOut;
        public uint ReturnValue;
        public int Repeat;
        public uint DurationNs;
        public uint Flags;
        public uint Cpu;
        public uint BatchSize;
    }

    /// <summary>struct perf_event_attr, its first published size (PERF_ATTR_SIZE_VER0).</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct PerfEventAttributes
    {
        public uint Type;
        public uint Size;
        public ulong Config;
        public ulong SamplePeriod;
        public ulong SampleType;
        public ulong ReadFormat;
        public ulong Flags;
        public uint WakeupEvents;
        public uint BreakpointType;
        public ulong BreakpointAddress;
    }

    /// <summary>struct perf_buffer_raw_opts.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct PerfBufferOptions
    {
        public nuint Size;
        public int CpuCount;
        public int* Cpus;
        public int* MapKeys;
    }

    /// <summary>struct bpf_prog_info, to <c>name</c>; the kernel takes a shorter one.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct ProgramInfo
    {
        public uint Type;
        public uint Id;
        public ulong Tag;
        public uint JitedLength;
        public uint TranslatedLength;
        public ulong Jited;
        public ulong Translated;
        public ulong LoadTime;
        public uint CreatedByUid;
        public uint MapCount;
        public uint* MapIds;
        public fixed byte Name[16];
    }

    /// <summary>struct bpf_map_info, to <c>name</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct MapInfo
    {
        public uint Type;
        public uint Id;
        public uint KeySize;
        public uint ValueSize;
        public uint MaxEntries;
        public uint Flags;
        public fixed byte Name[16];
    }

    internal const uint ProgramTypeSchedCls = 3; // BPF_PROG_TYPE_SCHED_CLS

    internal const uint PerfTypeSoftware = 1; // PERF_TYPE_SOFTWARE
    internal const ulong PerfBpfOutput = 10; // PERF_COUNT_SW_BPF_OUTPUT
    internal const ulong PerfSampleRaw = 1 << 10; // PERF_SAMPLE_RAW
    internal const uint PerfRecordLost = 2, PerfRecordSample = 9;
    internal const int PerfEventDone = 0, PerfEventContinue = -2; // enum bpf_perf_event_ret

    /// <summary>Called for each message; returns the length printed. Null: silence.</summary>
    [LibraryImport(Library, EntryPoint = "libbpf_set_print")]
    internal static partial nint SetPrint(delegate* unmanaged<int, byte*, nint, int> print);

    [LibraryImport(Library, EntryPoint = "libbpf_num_possible_cpus")]
    internal static partial int PossibleCpus();

    [LibraryImport(Library, EntryPoint = "bpf_object__open_mem", SetLastError = true)]
    internal static partial nint ObjectOpen(ReadOnlySpan<byte> elf, nuint size, in OpenOptions options);

    [LibraryImport(Library, EntryPoint = "bpf_object__load")]
    internal static partial int ObjectLoad(BpfObjectHandle handle);

    [LibraryImport(Library, EntryPoint = "bpf_object__close")]
    internal static partial void ObjectClose(nint handle);

    [LibraryImport(Library, EntryPoint = "bpf_object__btf")]
    internal static partial nint ObjectBtf(BpfObjectHandle handle);

    [LibraryImport(Library, EntryPoint = "bpf_object__find_map_by_name", StringMarshalling = StringMarshalling.Utf8)]
    internal static partial nint FindMap(BpfObjectHandle handle, string name);

    [LibraryImport(Library, EntryPoint = "bpf_object__find_program_by_name", StringMarshalling = StringMarshalling.Utf8)]
    internal static partial nint FindProgram(BpfObjectHandle handle, string name);

    [LibraryImport(Library, EntryPoint = "bpf_map__fd")]
    internal static partial int MapFd(nint map);

    [LibraryImport(Library, EntryPoint = "bpf_map__key_size")]
    internal static partial uint MapKeySize(nint map);

    [LibraryImport(Library, EntryPoint = "bpf_map__value_size")]
    internal static partial uint MapValueSize(nint map);

    [LibraryImport(Library, EntryPoint = "bpf_map__max_entries")]
    internal static partial uint MapMaxEntries(nint map);

    [LibraryImport(Library, EntryPoint = "bpf_map__type")]
    internal static partial uint MapType(nint map);

    [LibraryImport(Library, EntryPoint = "bpf_map__map_flags")]
    internal static partial uint MapFlags(nint map);

    /// <summary>Has the object use a map that is there, of which it takes a descriptor of its own.</summary>
    [LibraryImport(Library, EntryPoint = "bpf_map__reuse_fd")]
    internal static partial int MapReuse(nint map, int fd);

    /// <summary>A descriptor of the program with this number; needs CAP_SYS_ADMIN.</summary>
    [LibraryImport(Library, EntryPoint = "bpf_prog_get_fd_by_id")]
    internal static partial int ProgramById(uint id);

    /// <summary>As <see cref="ProgramById"/>, a map's.</summary>
    [LibraryImport(Library, EntryPoint = "bpf_map_get_fd_by_id")]
    internal static partial int MapById(uint id);

    /// <summary>Fills <see cref="ProgramInfo"/> or <see cref="MapInfo"/>, by what the descriptor is of.</summary>
    [LibraryImport(Library, EntryPoint = "bpf_obj_get_info_by_fd")]
    internal static partial int InfoByFd(int fd, void* info, uint* size);

    [LibraryImport(Library, EntryPoint = "bpf_map__set_max_entries")]
    internal static partial int MapSetMaxEntries(nint map, uint count);

    /// <summary>The initial contents of a data section's map, which may be changed before load.</summary>
    [LibraryImport(Library, EntryPoint = "bpf_map__initial_value")]
    internal static partial byte* MapInitialValue(nint map, out nuint size);

    [LibraryImport(Library, EntryPoint = "bpf_program__fd")]
    internal static partial int ProgramFd(nint program);

    [LibraryImport(Library, EntryPoint = "bpf_program__set_autoload")]
    internal static partial int ProgramSetAutoload(nint program, [MarshalAs(UnmanagedType.U1)] bool load);

    [LibraryImport(Library, EntryPoint = "bpf_program__set_log_buf")]
    internal static partial int ProgramSetLogBuffer(nint program, byte* buffer, nuint size);

    [LibraryImport(Library, EntryPoint = "bpf_map_update_elem", SetLastError = true)]
    internal static partial int MapUpdate(int fd, void* key, void* value, ulong flags);

    [LibraryImport(Library, EntryPoint = "bpf_prog_test_run_opts")]
    internal static partial int TestRun(int programFd, ref TestRunOptions options);

    [LibraryImport(Library, EntryPoint = "perf_buffer__new_raw", SetLastError = true)]
    internal static partial nint PerfBufferNew(
        int mapFd, nuint pages, in PerfEventAttributes attributes, delegate* unmanaged<nint, int, byte*, int> callback, nint context, in PerfBufferOptions options);

    [LibraryImport(Library, EntryPoint = "perf_buffer__free")]
    internal static partial void PerfBufferFree(nint buffer);

    [LibraryImport(Library, EntryPoint = "perf_buffer__epoll_fd")]
    internal static partial int PerfBufferEpollFd(nint buffer);

    [LibraryImport(Library, EntryPoint = "perf_buffer__buffer_fd")]
    internal static partial int PerfBufferFd(nint buffer, nuint index);

    [LibraryImport(Library, EntryPoint = "perf_buffer__consume_buffer")]
    internal static partial int PerfBufferConsume(nint buffer, nuint index);
}
