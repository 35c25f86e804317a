using Microsoft.Win32.SafeHandles;

namespace OvsBridge.Datapath.Interop;

/// <summary>A <c>struct bpf_object</c>; closing it closes its maps and programs.</summary>
internal sealed class BpfObjectHandle : SafeHandleZeroOrMinusOneIsInvalid
{
    public BpfObjectHandle(nint handle)
        : base(true) => SetHandle(handle);

    /// <inheritdoc/>
    protected override bool ReleaseHandle()
    {
        LibBpf.ObjectClose(handle);
        return true;
    }
}

/// <summary>A <c>struct perf_buffer</c>.</summary>
internal sealed class PerfBufferHandle : SafeHandleZeroOrMinusOneIsInvalid
{
    public PerfBufferHandle(nint handle)
        : base(true) => SetHandle(handle);

    /// <inheritdoc/>
    protected override bool ReleaseHandle()
    {
        LibBpf.PerfBufferFree(handle);
        return true;
    }
}

/// <summary>A map's values in this process's memory (mmap).</summary>
internal sealed class MappedMemoryHandle : SafeHandleMinusOneIsInvalid
{
    private readonly nuint _length;

    public MappedMemoryHandle(nint address, nuint length)
        : base(true)
    {
        SetHandle(address);
        _length = length;
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle() => LibC.MemoryUnmap(handle, _length) == 0;
}
