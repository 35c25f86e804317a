using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using OvsBridge.Datapath.Interop;

namespace OvsBridge.Datapath.Ebpf;

/// <summary>
/// A BPF object file: opened, its maps sized and its constants set, then loaded. Not thread safe; maps and programs are valid
/// until dispose.
/// </summary>
internal sealed unsafe class BpfObject : IDisposable
{
    private const int LogSize = 1 << 20;
    private const int LogTailLines = 12;

    private readonly BpfObjectHandle _handle;
    private readonly string _name;

    private BpfObject(BpfObjectHandle handle, string name)
    {
        _handle = handle;
        _name = name;
    }

    /// <summary>The object's BTF, a <c>struct btf</c>.</summary>
    internal nint Btf => LibBpf.ObjectBtf(_handle);

    /// <summary>Opens the object that the assembly carries.</summary>
    /// <param name="name">Resource, for example "dp_tc.bpf.o".</param>
    /// <exception cref="DatapathException">It is of another ABI version, or libbpf can't read it.</exception>
    public static BpfObject OpenResource(string name)
    {
        using Stream stream = typeof(BpfObject).Assembly.GetManifestResourceStream(name)
            ?? throw new DatapathException($"the BPF object {name} is not in this program");
        byte[] elf = new byte[stream.Length];
        stream.ReadExactly(elf);
        return Open(elf, name);
    }

    /// <summary>Opens an object file's bytes.</summary>
    /// <param name="elf">The file.</param>
    /// <param name="name">Its name, for messages.</param>
    /// <exception cref="DatapathException">It is of another ABI version, or libbpf can't read it.</exception>
    public static BpfObject Open(byte[] elf, string name)
    {
        nint handle;
        int errno = 0;
        string messages;
        fixed (byte* objectName = Encoding.UTF8.GetBytes(name.Split('.')[0] + "\0"))
        {
            LibBpf.OpenOptions options = new() { Size = (nuint)sizeof(LibBpf.OpenOptions), ObjectName = objectName };
            handle = LibBpfMessages.Capture(
                () =>
                {
                    nint opened = LibBpf.ObjectOpen(elf, (nuint)elf.Length, options);
                    errno = opened == 0 ? Marshal.GetLastPInvokeError() : 0;
                    return opened;
                },
                out messages);
        }

        if (handle == 0)
        {
            throw new DatapathException($"opening the BPF object {name}: {Errno.Describe(errno)}{Indent(messages)}", errno);
        }

        BpfObject result = new(new BpfObjectHandle(handle), name);
        try
        {
            uint version = result.Constant<uint>("abi_version");
            if (version != Abi.Version)
            {
                throw new DatapathException($"the BPF object {name} has ABI version {version}, this program needs {Abi.Version}");
            }

            return result;
        }
        catch
        {
            result.Dispose();
            throw;
        }
    }

    /// <summary>A map.</summary>
    public BpfMap Map(string name)
    {
        nint map = LibBpf.FindMap(_handle, name);
        return map != 0 ? new BpfMap(name, map) : throw new DatapathException($"the BPF object {_name} has no map {name}");
    }

    /// <summary>A <c>const volatile</c> variable, to read or, before load, to set.</summary>
    public ref T Constant<T>(string variable)
        where T : unmanaged
    {
        nint map = LibBpf.FindMap(_handle, ".rodata");
        byte* data = map == 0 ? null : LibBpf.MapInitialValue(map, out _);
        int section = LibBpf.BtfFind(Btf, ".rodata", LibBpf.BtfDatasec);
        if (data == null || section < 0)
        {
            throw new DatapathException($"the BPF object {_name} has no constants");
        }

        LibBpf.BtfType* type = LibBpf.BtfTypeById(Btf, (uint)section);
        var variables = new ReadOnlySpan<LibBpf.BtfMember>(type + 1, type->Members);
        foreach (ref readonly LibBpf.BtfMember info in variables)
        {
            // struct btf_var_secinfo: type, offset, size
            if (Name(LibBpf.BtfTypeById(Btf, info.Name)->Name) == variable && info.BitOffset == sizeof(T))
            {
                return ref Unsafe.AsRef<T>(data + info.Type);
            }
        }

        throw new DatapathException($"the BPF object {_name} has no constant {variable} of {sizeof(T)} bytes");
    }

    /// <summary>Leaves a program out when the object is loaded.</summary>
    public void Omit(string program) => _ = LibBpf.ProgramSetAutoload(FindProgram(program), false);

    /// <summary>Creates the maps and has the kernel verify the programs.</summary>
    /// <exception cref="DatapathException">The kernel refuses; the end of the verifier's log is in the message.</exception>
    public void Load(params IEnumerable<string> programs)
    {
        RaiseMemoryLock();
        byte* log = (byte*)NativeMemory.AllocZeroed(LogSize);
        try
        {
            foreach (string program in programs)
            {
                _ = LibBpf.ProgramSetLogBuffer(FindProgram(program), log, LogSize);
            }

            int result = LibBpfMessages.Capture(() => LibBpf.ObjectLoad(_handle), out string messages);
            if (result < 0)
            {
                string text = Encoding.UTF8.GetString(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(log));
                DatapathException failure = Errno.Failed($"loading the BPF object {_name}", -result);
                throw new DatapathException(failure.Message + Indent(messages) + Indent(text), -result);
            }
        }
        finally
        {
            // libbpf keeps the pointer but uses it during load only
            NativeMemory.Free(log);
        }
    }

    /// <summary>File descriptor of a loaded program.</summary>
    public int ProgramFd(string name) => LibBpf.ProgramFd(FindProgram(name));

    /// <inheritdoc/>
    public void Dispose() => _handle.Dispose();

    private nint FindProgram(string name)
    {
        nint program = LibBpf.FindProgram(_handle, name);
        return program != 0 ? program : throw new DatapathException($"the BPF object {_name} has no program {name}");
    }

    private string? Name(uint offset) => Marshal.PtrToStringUTF8((nint)LibBpf.BtfName(Btf, offset));

    private static string Indent(string text)
    {
        string[] lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return string.Concat(lines.TakeLast(LogTailLines).Select(line => "\n  " + line));
    }

    /// <summary>
    /// Kernels before 5.11 charge maps to RLIMIT_MEMLOCK. Later ones charge them to the control group, so a failure here (no
    /// CAP_SYS_RESOURCE) means nothing.
    /// </summary>
    private static void RaiseMemoryLock()
    {
        if (LibC.GetResourceLimit(LibC.RlimitMemlock, out LibC.ResourceLimit limit) == 0 && limit.Soft != nuint.MaxValue)
        {
            LibC.ResourceLimit unlimited = new() { Soft = nuint.MaxValue, Hard = nuint.MaxValue };
            _ = LibC.SetResourceLimit(LibC.RlimitMemlock, unlimited);
        }
    }
}
